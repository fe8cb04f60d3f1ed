//! What the form means, and that nothing is lost between the two.

use super::*;

fn seoul() -> TimeZone {
    domain::time::zone("Asia/Seoul").unwrap()
}

fn condition(kind: Kind, values: &[&str]) -> Condition {
    Condition {
        kind,
        values: values.iter().map(|value| (*value).to_owned()).collect(),
        ..Condition::default()
    }
}

fn range(kind: Kind, from: &str, to: &str) -> Condition {
    Condition {
        from: from.into(),
        to: to.into(),
        ..condition(kind, &[])
    }
}

fn not(condition: Condition) -> Condition {
    Condition {
        is_not: true,
        ..condition
    }
}

fn group(any: bool, conditions: Vec<Condition>) -> Group {
    Group {
        leaves_out: false,
        any,
        conditions,
    }
}

fn left_out(any: bool, conditions: Vec<Condition>) -> Group {
    Group {
        leaves_out: true,
        ..group(any, conditions)
    }
}

fn some(groups: Vec<Group>) -> AudienceForm {
    AudienceForm {
        who: Who::Some,
        groups,
        ..AudienceForm::default()
    }
}

#[test]
fn forms_mean_expressions_and_come_back() {
    let tag = |tag: &str| condition(Kind::Tag, &[tag]);
    let in_groups = |groups: &[&str]| condition(Kind::AudienceGroup, groups);
    let cases = [
        (AudienceForm::default(), r#"{"expression":{"all":true}}"#),
        (
            some(vec![group(false, vec![tag("vip")])]),
            r#"{"expression":{"tag":"vip"}}"#,
        ),
        (
            some(vec![group(
                false,
                vec![condition(Kind::Tag, &["a", "b"]), not(tag("c"))],
            )]),
            r#"{"expression":{"and":[{"or":[{"tag":"a"},{"tag":"b"}]},{"not":{"tag":"c"}}]}}"#,
        ),
        (
            some(vec![
                group(
                    false,
                    vec![tag("a"), condition(Kind::Region, &["부산", "서울"])],
                ),
                group(true, vec![tag("b"), range(Kind::BirthYear, "1990", "")]),
                left_out(true, vec![tag("c"), condition(Kind::Source, &["ad"])]),
            ]),
            concat!(
                r#"{"expression":{"and":[{"or":["#,
                r#"{"and":[{"tag":"a"},{"attribute":{"name":"region","in":["부산","서울"]}}]},"#,
                r#"{"or":[{"tag":"b"},{"attribute":{"name":"birth_year","from":1990}}]}]},"#,
                r#"{"not":{"or":[{"tag":"c"},{"source":["ad"]}]}}]}}"#
            ),
        ),
        (
            some(vec![group(
                false,
                vec![range(Kind::Since, "2026-01-01", "2026-01-31")],
            )]),
            concat!(
                r#"{"expression":{"friend_since":{"from":"2025-12-31T15:00:00.000Z","#,
                r#""before":"2026-01-31T15:00:00.000Z"}}}"#
            ),
        ),
        (
            some(vec![
                group(false, vec![tag("vip")]),
                left_out(false, vec![in_groups(&["1234567890123"])]),
            ]),
            r#"{"expression":{"and":[{"tag":"vip"},{"not":{"audience_group":1234567890123}}]}}"#,
        ),
        (
            some(vec![
                group(true, vec![tag("vip"), in_groups(&["1234567890125"])]),
                left_out(false, vec![in_groups(&["1234567890123", "1234567890124"])]),
            ]),
            concat!(
                r#"{"expression":{"and":[{"or":[{"tag":"vip"},{"audience_group":1234567890125}]},"#,
                r#"{"not":{"or":[{"audience_group":1234567890123},"#,
                r#"{"audience_group":1234567890124}]}}]}}"#
            ),
        ),
        (
            some(vec![group(
                false,
                vec![tag("a"), tag("b"), not(in_groups(&["1234567890123"]))],
            )]),
            concat!(
                r#"{"expression":{"and":[{"tag":"a"},{"tag":"b"},"#,
                r#"{"not":{"audience_group":1234567890123}}]}}"#
            ),
        ),
        (
            some(vec![left_out(false, vec![in_groups(&["1234567890123"])])]),
            r#"{"expression":{"not":{"audience_group":1234567890123}}}"#,
        ),
        (
            AudienceForm {
                limit: Limit {
                    is_on: true,
                    count: "500".into(),
                    is_random: true,
                    seed: "7".into(),
                },
                ..AudienceForm::default()
            },
            r#"{"expression":{"all":true},"limit":{"count":500,"method":"random","seed":7}}"#,
        ),
    ];
    for (form, json) in cases {
        let read = meaning(&form, &seoul());
        assert_eq!(read.gaps, [], "{json}");
        let audience = read.audience.unwrap();
        assert_eq!(audience.to_json(), json);
        assert_eq!(form_of(&audience, &seoul()), form, "{json}");
    }
}

#[test]
fn only_those_left_out_is_everybody_else() {
    let form = some(vec![left_out(
        true,
        vec![condition(Kind::Tag, &["a", "b"])],
    )]);
    let audience = meaning(&form, &seoul()).audience.unwrap();
    let json = r#"{"expression":{"not":{"or":[{"tag":"a"},{"tag":"b"}]}}}"#;
    assert_eq!(audience.to_json(), json);
}

#[test]
fn every_gap_is_named() {
    let cases = [
        (condition(Kind::Tag, &[]), Unready::Empty),
        (condition(Kind::Tag, &["a\u{7}b"]), Unready::Wrong),
        (condition(Kind::Language, &["Korean!"]), Unready::Wrong),
        (condition(Kind::Country, &["Korea"]), Unready::Wrong),
        (condition(Kind::Gender, &["x"]), Unready::Wrong),
        (condition(Kind::TimeZone, &["Mars/Olympus"]), Unready::Wrong),
        (condition(Kind::List, &["lst_1"]), Unready::Wrong),
        (condition(Kind::AudienceGroup, &["7"]), Unready::Wrong),
        (range(Kind::BirthYear, "", ""), Unready::Empty),
        (range(Kind::BirthYear, "90s", ""), Unready::Wrong),
        (range(Kind::BirthYear, "2000", "1990"), Unready::Wrong),
        (range(Kind::BirthYear, "1066", ""), Unready::Wrong),
        (range(Kind::BirthYear, "99999", ""), Unready::Wrong),
        (range(Kind::Since, "", ""), Unready::Empty),
        (range(Kind::Since, "2026-02-30", ""), Unready::Wrong),
        (
            range(Kind::Since, "2026-02-02", "2026-02-01"),
            Unready::Wrong,
        ),
        (range(Kind::Since, "", "9999-12-31"), Unready::Wrong),
        (range(Kind::Since, "yesterday", ""), Unready::Wrong),
    ];
    for (condition, why) in cases {
        let good = self::condition(Kind::Tag, &["vip"]);
        let form = some(vec![group(false, vec![good, condition.clone()])]);
        let read = meaning(&form, &seoul());
        let kind = Some(condition.kind);
        let field = "g0c1".to_owned();
        assert_eq!(read.gaps, [Gap { field, kind, why }], "{condition:?}");
        assert_eq!(read.audience, None);
        let read: Vec<bool> = read.conditions.iter().map(|(_, e)| e.is_some()).collect();
        assert_eq!(read, [true, false]);
    }
    let empty = meaning(&some(Vec::new()), &seoul());
    assert_eq!(empty.gaps[0].field, "who-some");
}

#[test]
fn limits_are_read_as_people_write_them() {
    let limit = |count: &str, seed: &str| Limit {
        is_on: true,
        count: count.into(),
        is_random: !seed.is_empty(),
        seed: seed.into(),
    };
    for (typed, good) in [
        (limit("1,000", ""), true),
        (limit(" 5 ", "12"), true),
        (limit("", ""), false),
        (limit("0", ""), false),
        (limit("-1", ""), false),
        (limit("1.5", ""), false),
        (limit("4294967296", ""), false),
        (limit("5", "x"), false),
        (limit("5", "9007199254740992"), false),
    ] {
        let form = AudienceForm {
            limit: typed.clone(),
            ..AudienceForm::default()
        };
        let read = meaning(&form, &seoul());
        assert_eq!(read.audience.is_some(), good, "{typed:?}");
        assert_eq!(read.gaps.is_empty(), good, "{typed:?}");
    }
}

#[test]
fn shapes_the_form_lacks_are_kept_as_they_are() {
    for json in [
        r#"{"and":[{"not":{"tag":"a"}},{"or":[{"tag":"b"},{"source":["x"]}]}]}"#,
        r#"{"or":[{"and":[{"tag":"a"},{"or":[{"tag":"b"},{"source":["x"]}]}]}]}"#,
        r#"{"not":{"not":{"tag":"a"}}}"#,
        r#"{"friend_since":{"from":"2026-01-01T00:30:00Z"}}"#,
    ] {
        let audience = Audience::parse(json).unwrap();
        let form = form_of(&audience, &seoul());
        let again = meaning(&form, &seoul()).audience;
        assert_eq!(again.as_ref(), Some(&audience), "{json}");
    }
    let broken = AudienceForm {
        who: Who::Kept,
        kept: "{".into(),
        ..AudienceForm::default()
    };
    assert_eq!(meaning(&broken, &seoul()).gaps[0].field, "who-kept");
}

#[test]
fn too_many_values_are_told() {
    let values: Vec<String> = (0..100).map(|n| format!("t{n}")).collect();
    let tags = Condition {
        values,
        ..condition(Kind::Tag, &[])
    };
    let form = some(vec![group(false, vec![tags])]);
    let read = meaning(&form, &seoul());
    assert_eq!(read.audience, None);
    assert_eq!(read.gaps.len(), 1);
}

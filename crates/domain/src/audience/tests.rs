//! Audiences: what is read, what is refused, whom they match.

use super::*;
use proptest::prelude::*;

const LIST: &str = "lst_00000000000000000000000007";

/// An expression and its canonical JSON.
const GOOD: [(&str, &str); 15] = [
    (r#"{"all":true}"#, r#"{"all":true}"#),
    (
        r#"{"attribute":{"in":["male","female","male"],"name":"gender"}}"#,
        r#"{"attribute":{"name":"gender","in":["female","male"]}}"#,
    ),
    (
        r#"{"attribute":{"name":"language","in":["KO","zh-hant"]}}"#,
        r#"{"attribute":{"name":"language","in":["ko","zh-Hant"]}}"#,
    ),
    (
        r#"{"attribute":{"name":"country","in":["kr"]}}"#,
        r#"{"attribute":{"name":"country","in":["KR"]}}"#,
    ),
    (
        r#"{"attribute":{"name":"region","in":["서울"]}}"#,
        r#"{"attribute":{"name":"region","in":["서울"]}}"#,
    ),
    (
        r#"{"attribute":{"name":"time_zone","in":["Asia/Seoul"]}}"#,
        r#"{"attribute":{"name":"time_zone","in":["Asia/Seoul"]}}"#,
    ),
    (
        r#"{"attribute":{"name":"birth_year","to":2000,"from":1990}}"#,
        r#"{"attribute":{"name":"birth_year","from":1990,"to":2000}}"#,
    ),
    (
        r#"{"attribute":{"name":"birth_year","to":2000}}"#,
        r#"{"attribute":{"name":"birth_year","to":2000}}"#,
    ),
    (r#" { "tag" : "커피" } "#, r#"{"tag":"커피"}"#),
    (
        r#"{"friend_since":{"before":"2026-02-01T00:00:00Z"}}"#,
        r#"{"friend_since":{"before":"2026-02-01T00:00:00.000Z"}}"#,
    ),
    (
        r#"{"friend_since":{"from":"2026-01-01T00:00:00+09:00"}}"#,
        r#"{"friend_since":{"from":"2025-12-31T15:00:00.000Z"}}"#,
    ),
    (
        r#"{"source":["share","qr_store"]}"#,
        r#"{"source":["qr_store","share"]}"#,
    ),
    (
        r#"{"list":"lst_00000000000000000000000007"}"#,
        r#"{"list":"lst_00000000000000000000000007"}"#,
    ),
    (
        r#"{"or":[{"tag":"b"},{"tag":"a"}]}"#,
        r#"{"or":[{"tag":"b"},{"tag":"a"}]}"#,
    ),
    (
        r#"{"and":[{"all":true},{"not":{"tag":"a"}}]}"#,
        r#"{"and":[{"all":true},{"not":{"tag":"a"}}]}"#,
    ),
];

#[test]
fn what_is_read_is_written_in_one_way() {
    for (json, canonical) in GOOD {
        let bare = Audience::parse(json).unwrap_or_else(|errors| panic!("{json}: {errors:?}"));
        let whole = format!(r#"{{"expression":{canonical}}}"#);
        assert_eq!(bare.to_json(), whole);
        assert_eq!(Audience::parse(&whole).unwrap(), bare);
        for (limit, canonical_limit) in [
            (
                r#"{"method":"user_number","count":5}"#,
                r#"{"count":5,"method":"user_number"}"#,
            ),
            (
                r#"{"seed":7,"count":4294967295,"method":"random"}"#,
                r#"{"count":4294967295,"method":"random","seed":7}"#,
            ),
        ] {
            let limited = format!(r#"{{"limit":{limit},"expression":{json}}}"#);
            let audience = Audience::parse(&limited).unwrap();
            assert_eq!(
                audience.to_json(),
                format!(r#"{{"expression":{canonical},"limit":{canonical_limit}}}"#)
            );
            assert_eq!(Audience::parse(&audience.to_json()).unwrap(), audience);
            assert_eq!(audience.is_untargeted(), bare.is_untargeted());
        }
    }
}

/// A wrong audience, the path of its fault and a word of the message.
const BAD: &[(&str, &str, &str)] = &[
    ("", "audience", "not JSON"),
    ("nonsense", "audience", "not JSON"),
    (r#"{"all":true"#, "audience", "not JSON"),
    (r#"{"all":true}}"#, "audience", "not JSON"),
    (r#"{'all':true}"#, "audience", "not JSON"),
    (r#"{"tag":"\ud800"}"#, "audience", "not JSON"),
    ("null", "audience", "an object"),
    ("true", "audience", "an object"),
    ("[]", "audience", "an object"),
    (r#""all""#, "audience", "an object"),
    ("17", "audience", "an object"),
    ("{}", "audience", "exactly one key"),
    (r#"{"all":true,"tag":"a"}"#, "audience", "exactly one key"),
    (r#"{"tag":"a","tag":"b"}"#, "audience", "exactly one key"),
    (
        r#"{"everybody":true}"#,
        "audience",
        "unknown condition 'everybody'",
    ),
    (r#"{"ALL":true}"#, "audience", "unknown condition"),
    (r#"{"":true}"#, "audience", "unknown condition"),
    (r#"{"all":false}"#, "audience.all", "must be true"),
    (r#"{"all":1}"#, "audience.all", "must be true"),
    (r#"{"all":null}"#, "audience.all", "must be true"),
    (r#"{"tag":""}"#, "audience.tag", "1 to 32"),
    (r#"{"tag":"a|b"}"#, "audience.tag", "separates"),
    (r#"{"tag":"a\u0007"}"#, "audience.tag", "U+0007"),
    (r#"{"tag":["a"]}"#, "audience.tag", "a text"),
    (r#"{"tag":5}"#, "audience.tag", "a text"),
    (
        r#"{"tag":"123456789012345678901234567890123"}"#,
        "audience.tag",
        "1 to 32",
    ),
    (r#"{"source":"share"}"#, "audience.source", "a list"),
    (r#"{"source":[]}"#, "audience.source", "1 to 100"),
    (r#"{"source":["QR"]}"#, "audience.source[0]", "not a source"),
    (
        r#"{"source":["ok",""]}"#,
        "audience.source[1]",
        "not a source",
    ),
    (r#"{"source":[null]}"#, "audience.source[0]", "a text"),
    (
        r#"{"list":"cmp_00000000000000000000000007"}"#,
        "audience.list",
        "uploaded list",
    ),
    (r#"{"list":"lst_7"}"#, "audience.list", "uploaded list"),
    (r#"{"list":7}"#, "audience.list", "a text"),
    (r#"{"and":[]}"#, "audience.and", "at least one"),
    (r#"{"or":[]}"#, "audience.or", "at least one"),
    (r#"{"and":{"all":true}}"#, "audience.and", "a list"),
    (r#"{"or":true}"#, "audience.or", "a list"),
    (r#"{"and":[[]]}"#, "audience.and[0]", "an object"),
    (
        r#"{"and":[{"all":true},{"nobody":1}]}"#,
        "audience.and[1]",
        "unknown",
    ),
    (r#"{"not":[{"all":true}]}"#, "audience.not", "an object"),
    (r#"{"not":{}}"#, "audience.not", "exactly one"),
    (
        r#"{"not":{"not":{"tag":1}}}"#,
        "audience.not.not.tag",
        "a text",
    ),
    (
        r#"{"attribute":"gender"}"#,
        "audience.attribute",
        "an object",
    ),
    (
        r#"{"attribute":{}}"#,
        "audience.attribute",
        "needs the key 'name'",
    ),
    (
        r#"{"attribute":{"name":"gender"}}"#,
        "audience.attribute",
        "needs the key 'in'",
    ),
    (
        r#"{"attribute":{"name":3,"in":["a"]}}"#,
        "audience.attribute.name",
        "a text",
    ),
    (
        r#"{"attribute":{"name":"age","in":["a"]}}"#,
        "audience.attribute.name",
        "'age'",
    ),
    (
        r#"{"attribute":{"name":"user_key","in":["a"]}}"#,
        "audience.attribute.name",
        "not an",
    ),
    (
        r#"{"attribute":{"name":"gender","in":["female"],"not":1}}"#,
        "audience.attribute",
        "unknown key 'not'",
    ),
    (
        r#"{"attribute":{"name":"gender","name":"country","in":["female"]}}"#,
        "audience.attribute",
        "twice",
    ),
    (
        r#"{"attribute":{"name":"gender","in":"female"}}"#,
        "audience.attribute.in",
        "a list",
    ),
    (
        r#"{"attribute":{"name":"gender","in":[]}}"#,
        "audience.attribute.in",
        "1 to 100",
    ),
    (
        r#"{"attribute":{"name":"gender","in":["f"]}}"#,
        "audience.attribute.in[0]",
        "gender",
    ),
    (
        r#"{"attribute":{"name":"gender","in":[true]}}"#,
        "audience.attribute.in[0]",
        "a text",
    ),
    (
        r#"{"attribute":{"name":"country","in":["KOR"]}}"#,
        "audience.attribute.in[0]",
        "country",
    ),
    (
        r#"{"attribute":{"name":"language","in":["k"]}}"#,
        "audience.attribute.in[0]",
        "language",
    ),
    (
        r#"{"attribute":{"name":"region","in":[""]}}"#,
        "audience.attribute.in[0]",
        "1 to 64",
    ),
    (
        r#"{"attribute":{"name":"time_zone","in":["KST"]}}"#,
        "audience.attribute.in[0]",
        "zone",
    ),
    (
        r#"{"attribute":{"name":"gender","in":["male"],"from":1}}"#,
        "audience.attribute.from",
        "no order",
    ),
    (
        r#"{"attribute":{"name":"birth_year"}}"#,
        "audience.attribute",
        "needs 'from'",
    ),
    (
        r#"{"attribute":{"name":"birth_year","in":["1990"]}}"#,
        "audience.attribute.in",
        "a range",
    ),
    (
        r#"{"attribute":{"name":"birth_year","from":"1990"}}"#,
        "audience.attribute.from",
        "1900 to 2200",
    ),
    (
        r#"{"attribute":{"name":"birth_year","from":1899}}"#,
        "audience.attribute.from",
        "1900 to 2200",
    ),
    (
        r#"{"attribute":{"name":"birth_year","to":99999999999999999999}}"#,
        "audience.attribute.to",
        "1900 to 2200",
    ),
    (
        r#"{"attribute":{"name":"birth_year","to":1990.5}}"#,
        "audience.attribute.to",
        "whole number",
    ),
    (
        r#"{"attribute":{"name":"birth_year","from":null,"to":1990}}"#,
        "audience.attribute.from",
        "whole number",
    ),
    (
        r#"{"attribute":{"name":"birth_year","from":2000,"to":1990}}"#,
        "audience.attribute",
        "after 'to'",
    ),
    (
        r#"{"friend_since":"2026-01-01"}"#,
        "audience.friend_since",
        "an object",
    ),
    (
        r#"{"friend_since":{}}"#,
        "audience.friend_since",
        "needs 'from'",
    ),
    (
        r#"{"friend_since":{"from":"2026-01-01"}}"#,
        "audience.friend_since.from",
        "RFC 3339",
    ),
    (
        r#"{"friend_since":{"from":"2026-13-01T00:00:00Z"}}"#,
        "audience.friend_since.from",
        "RFC 3339",
    ),
    (
        r#"{"friend_since":{"before":"2026-01-01T00:00:00"}}"#,
        "audience.friend_since.before",
        "RFC 3339",
    ),
    (
        r#"{"friend_since":{"before":"1969-12-31T23:59:59Z"}}"#,
        "audience.friend_since.before",
        "before 1970",
    ),
    (
        r#"{"friend_since":{"before":0}}"#,
        "audience.friend_since.before",
        "a text",
    ),
    (
        r#"{"friend_since":{"from":"2026-01-02T00:00:00Z","before":"2026-01-02T00:00:00Z"}}"#,
        "audience.friend_since",
        "must lie before",
    ),
    (
        r#"{"friend_since":{"from":"2026-01-01T00:00:00Z","to":"2026-01-02T00:00:00Z"}}"#,
        "audience.friend_since",
        "unknown key 'to'",
    ),
    (
        r#"{"limit":{"count":1,"method":"user_number"}}"#,
        "audience",
        "'expression'",
    ),
    (
        r#"{"expression":{"all":true},"all":true}"#,
        "audience",
        "unknown key 'all'",
    ),
    (r#"{"expression":null}"#, "audience.expression", "an object"),
    (
        r#"{"expression":{"tag":1}}"#,
        "audience.expression.tag",
        "a text",
    ),
    (
        r#"{"expression":{"all":true},"limit":5}"#,
        "audience.limit",
        "an object",
    ),
    (
        r#"{"expression":{"all":true},"limit":null}"#,
        "audience.limit",
        "an object",
    ),
    (
        r#"{"expression":{"all":true},"limit":{"method":"user_number"}}"#,
        "audience.limit",
        "'count'",
    ),
    (
        r#"{"expression":{"all":true},"limit":{"count":5}}"#,
        "audience.limit",
        "'method'",
    ),
    (
        r#"{"expression":{"all":true},"limit":{"count":0,"method":"user_number"}}"#,
        "audience.limit.count",
        "1 to 4294967295",
    ),
    (
        r#"{"expression":{"all":true},"limit":{"count":4294967296,"method":"user_number"}}"#,
        "audience.limit.count",
        "1 to 4294967295",
    ),
    (
        r#"{"expression":{"all":true},"limit":{"count":-1,"method":"user_number"}}"#,
        "audience.limit.count",
        "1 to 4294967295",
    ),
    (
        r#"{"expression":{"all":true},"limit":{"count":"5","method":"user_number"}}"#,
        "audience.limit.count",
        "whole number",
    ),
    (
        r#"{"expression":{"all":true},"limit":{"count":1.5,"method":"user_number"}}"#,
        "audience.limit.count",
        "whole number",
    ),
    (
        r#"{"expression":{"all":true},"limit":{"count":5,"method":"newest"}}"#,
        "audience.limit.method",
        "user_number or random",
    ),
    (
        r#"{"expression":{"all":true},"limit":{"count":5,"method":"random"}}"#,
        "audience.limit",
        "needs a 'seed'",
    ),
    (
        r#"{"expression":{"all":true},"limit":{"count":5,"method":"user_number","seed":1}}"#,
        "audience.limit.seed",
        "only the method random",
    ),
    (
        r#"{"expression":{"all":true},"limit":{"count":5,"method":"random","seed":-1}}"#,
        "audience.limit.seed",
        "0 to 9007199254740991",
    ),
    (
        r#"{"expression":{"all":true},"limit":{"seed":9007199254740992,"count":5,"method":"x"}}"#,
        "audience.limit.seed",
        "0 to 9007199254740991",
    ),
    (
        r#"{"expression":{"all":true},"limit":{"count":5,"method":"random","seed":1,"x":1}}"#,
        "audience.limit",
        "unknown key 'x'",
    ),
];

#[test]
fn every_fault_is_told_in_words_at_its_path() {
    for (json, path, words) in BAD {
        let errors = Audience::parse(json).expect_err(json);
        assert_eq!(errors.len(), 1, "{json}: {errors:?}");
        assert_eq!(errors[0].property, *path, "{json}: {errors:?}");
        assert!(errors[0].message.contains(words), "{json}: {errors:?}");
    }
    assert!(BAD.len() >= 90, "{} cases", BAD.len());
}

#[test]
fn all_faults_are_told_at_once() {
    let json = r#"{"expression":{"and":[{"tag":""},{"source":["A","ok","B"]},{"x":1}]},
        "limit":{"count":0,"method":"newest"}}"#;
    let errors = Audience::parse(json).unwrap_err();
    let paths: Vec<&str> = errors.iter().map(|error| error.property.as_str()).collect();
    assert_eq!(
        paths,
        [
            "audience.expression.and[0].tag",
            "audience.expression.and[1].source[0]",
            "audience.expression.and[1].source[2]",
            "audience.expression.and[2]",
            "audience.limit.count",
            "audience.limit.method"
        ]
    );
}

#[test]
fn limits_of_depth_conditions_values_and_bytes_hold() {
    let nested = |levels: usize| {
        let (open, close) = (r#"{"not":"#.repeat(levels), "}".repeat(levels));
        format!(r#"{open}{{"all":true}}{close}"#)
    };
    assert!(Audience::parse(&nested(DEPTH_MAX - 1)).is_ok());
    let fault_of = |json: &str| {
        let errors = Audience::parse(json).expect_err("accepted");
        assert_eq!(errors.len(), 1, "{errors:?}");
        errors[0].message.clone()
    };
    assert!(fault_of(&nested(DEPTH_MAX)).contains("16 levels"));
    assert!(fault_of(&nested(60)).contains("16 levels"));
    assert!(fault_of(&nested(5_000)).contains("levels"));
    let wide = |parts: usize| {
        let parts = vec![r#"{"all":true}"#; parts].join(",");
        format!(r#"{{"and":[{parts}]}}"#)
    };
    assert!(Audience::parse(&wide(NODES_MAX - 1)).is_ok());
    assert!(fault_of(&wide(NODES_MAX)).contains("100 conditions"));
    assert!(fault_of(&wide(3_000)).contains("100 conditions"));
    let sources = |count: usize| format!(r#"{{"source":[{}]}}"#, vec![r#""a""#; count].join(","));
    assert!(Audience::parse(&sources(VALUES_MAX)).is_ok());
    assert!(fault_of(&sources(VALUES_MAX + 1)).contains("1 to 100"));
    let padded = format!(r#"{{"all":true}}{}"#, " ".repeat(AUDIENCE_BYTES_MAX));
    assert!(fault_of(&padded).contains("65536 bytes"));
}

fn friend() -> (Profile, Timestamp, [UserListId; 1]) {
    let profile = Profile {
        language: Some("ko".to_owned()),
        country: Some("KR".to_owned()),
        region: None,
        gender: Gender::Female,
        birth_year: Some(1990),
        time_zone: Some("Asia/Seoul".to_owned()),
        source: Some("qr_store".to_owned()),
        tags: vec!["coffee".to_owned(), "vip".to_owned()],
        ..Profile::default()
    };
    let since = Timestamp::parse_rfc3339("2026-01-01T00:00:00Z").unwrap();
    (profile, since, [LIST.parse().unwrap()])
}

#[test]
fn conditions_mean_what_they_say() {
    let cases = [
        (r#"{"all":true}"#, true),
        (r#"{"attribute":{"name":"gender","in":["female"]}}"#, true),
        (
            r#"{"attribute":{"name":"gender","in":["male","unknown"]}}"#,
            false,
        ),
        (
            r#"{"attribute":{"name":"language","in":["ja","ko"]}}"#,
            true,
        ),
        (r#"{"attribute":{"name":"language","in":["ko-KR"]}}"#, false),
        (r#"{"attribute":{"name":"region","in":["서울"]}}"#, false),
        (
            r#"{"not":{"attribute":{"name":"region","in":["서울"]}}}"#,
            true,
        ),
        (
            r#"{"attribute":{"name":"birth_year","from":1990,"to":1990}}"#,
            true,
        ),
        (r#"{"attribute":{"name":"birth_year","from":1991}}"#, false),
        (r#"{"attribute":{"name":"birth_year","to":1989}}"#, false),
        (
            r#"{"attribute":{"name":"time_zone","in":["Asia/Seoul"]}}"#,
            true,
        ),
        (r#"{"tag":"vip"}"#, true),
        (r#"{"tag":"vi"}"#, false),
        (r#"{"friend_since":{"from":"2026-01-01T00:00:00Z"}}"#, true),
        (
            r#"{"friend_since":{"from":"2026-01-01T00:00:00.001Z"}}"#,
            false,
        ),
        (
            r#"{"friend_since":{"before":"2026-01-01T00:00:00Z"}}"#,
            false,
        ),
        (
            r#"{"friend_since":{"before":"2026-01-01T00:00:00.001Z"}}"#,
            true,
        ),
        (r#"{"source":["ad","qr_store"]}"#, true),
        (r#"{"source":["ad"]}"#, false),
        (r#"{"list":"lst_00000000000000000000000007"}"#, true),
        (r#"{"list":"lst_00000000000000000000000008"}"#, false),
        (r#"{"and":[{"tag":"vip"},{"tag":"coffee"}]}"#, true),
        (r#"{"and":[{"tag":"vip"},{"tag":"tea"}]}"#, false),
        (r#"{"or":[{"tag":"tea"},{"tag":"coffee"}]}"#, true),
        (r#"{"or":[{"tag":"tea"},{"tag":"milk"}]}"#, false),
        (r#"{"not":{"or":[{"tag":"tea"},{"tag":"milk"}]}}"#, true),
    ];
    let (profile, since, lists) = friend();
    let facts = FriendFacts {
        profile: &profile,
        since,
        lists: &lists,
        groups: &[],
        sent: &[],
    };
    for (json, expected) in cases {
        let expression = Audience::parse(json).unwrap().expression;
        assert_eq!(expression.matches(&facts), expected, "{json}");
    }
    let both = format!(r#"{{"and":[{{"list":"{LIST}"}},{{"not":{{"list":"{LIST}"}}}}]}}"#);
    assert_eq!(Audience::parse(&both).unwrap().expression.lists().len(), 2);
}

#[test]
fn any_condition_or_list_makes_an_audience_targeted() {
    let cases = [
        (r#"{"all":true}"#, true),
        (r#"{"and":[{"all":true},{"or":[{"all":true}]}]}"#, true),
        (
            r#"{"expression":{"all":true},"limit":{"count":5,"method":"random","seed":1}}"#,
            true,
        ),
        (r#"{"or":[{"all":true},{"tag":"a"}]}"#, false),
        (r#"{"not":{"not":{"all":true}}}"#, false),
        (r#"{"list":"lst_00000000000000000000000007"}"#, false),
    ];
    for (json, untargeted) in cases {
        let audience = Audience::parse(json).unwrap();
        assert_eq!(audience.is_untargeted(), untargeted, "{json}");
        let tariff = match untargeted {
            true => Tariff::Untargeted,
            false => Tariff::Targeted,
        };
        assert_eq!(audience.tariff(Purpose::Promotion), tariff, "{json}");
        assert_eq!(audience.tariff(Purpose::Information), Tariff::Information);
    }
    assert!(Audience::ALL.is_untargeted());
}

#[test]
fn a_sample_can_be_drawn_again_and_is_spread() {
    let limit = |method| AudienceLimit { count: 100, method };
    let first_of = |limit: AudienceLimit| {
        let mut users: Vec<UserNumber> = (1..=10_000).map(UserNumber).collect();
        users.sort_by_key(|user| limit.rank(*user));
        users.truncate(limit.count as usize);
        users
    };
    let lowest: Vec<UserNumber> = (1..=100).map(UserNumber).collect();
    assert_eq!(first_of(limit(LimitMethod::UserNumber)), lowest);
    let drawn = first_of(limit(LimitMethod::Random { seed: 1 }));
    assert_eq!(drawn, first_of(limit(LimitMethod::Random { seed: 1 })));
    assert_ne!(drawn, first_of(limit(LimitMethod::Random { seed: 2 })));
    let in_lower_half = drawn.iter().filter(|user| user.0 <= 5_000).count();
    assert!((30..=70).contains(&in_lower_half), "{in_lower_half}");
    // Recorded samples must be drawn alike by every later version.
    assert_eq!(
        limit(LimitMethod::Random { seed: 1 }).rank(UserNumber(1)),
        16_860_738_450_190_168_606
    );
}

fn any_expression() -> impl Strategy<Value = Expression> {
    let texts = |pattern: &'static str| {
        prop::collection::btree_set(pattern, 1..4).prop_map(|set| set.into_iter().collect())
    };
    let at = || (0i64..4_000_000_000_000).prop_map(Timestamp::from_millis);
    let leaf = prop_oneof![
        Just(Expression::All),
        "[a-z가-힣]{1,32}".prop_map(Expression::Tag),
        texts("[a-z0-9_-]{1,32}").prop_map(Expression::Source),
        any::<[u8; 16]>().prop_map(|bytes| Expression::List(UserListId::from_bytes(bytes))),
        any::<[u8; 16]>().prop_map(|bytes| Expression::Group(AudienceGroupId::drawn(bytes))),
        at().prop_map(|at| Expression::FriendSince {
            from: Some(at),
            before: None
        }),
        (at(), 1u64..9_000_000).prop_map(|(at, more)| Expression::FriendSince {
            from: Some(at),
            before: Some(at + std::time::Duration::from_millis(more)),
        }),
        texts("[A-Z]{2}").prop_map(|values| Expression::Attribute(Attribute::OneOf {
            attribute: TextAttribute::Country,
            values,
        })),
        (1900u16..2100, 0u16..100).prop_map(|(from, more)| {
            Expression::Attribute(Attribute::BirthYear {
                from: Some(from),
                to: Some(from + more),
            })
        }),
    ];
    leaf.prop_recursive(6, 60, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 1..4).prop_map(Expression::And),
            prop::collection::vec(inner.clone(), 1..4).prop_map(Expression::Or),
            inner.prop_map(|part| Expression::Not(Box::new(part))),
        ]
    })
}

proptest! {
    #[test]
    fn what_is_written_is_read_alike(
        expression in any_expression(),
        count in 1u32..,
        seed in proptest::option::of(0..=SEED_MAX),
    ) {
        let method = match seed {
            None => LimitMethod::UserNumber,
            Some(seed) => LimitMethod::Random { seed },
        };
        let limit = Some(AudienceLimit { count, method });
        let audience = Audience { expression, limit };
        prop_assert_eq!(Audience::parse(&audience.to_json()).unwrap(), audience);
    }

    #[test]
    fn not_and_or_follow_logic(left in any_expression(), right in any_expression()) {
        let (profile, since, lists) = friend();
        let facts = FriendFacts { profile: &profile, since, lists: &lists, groups: &[], sent: &[] };
        let (a, b) = (left.matches(&facts), right.matches(&facts));
        let pair = vec![left.clone(), right];
        prop_assert_eq!(Expression::And(pair.clone()).matches(&facts), a && b);
        prop_assert_eq!(Expression::Or(pair).matches(&facts), a || b);
        prop_assert_eq!(Expression::Not(Box::new(left)).matches(&facts), !a);
    }

    #[test]
    fn arbitrary_text_never_panics(
        text in "\\PC{0,60}",
        keys in prop::collection::vec(prop::sample::select(vec![
            "{\"and\":[", "{\"or\":[", "{\"not\":", "{\"tag\":", "\"a\"", "1e400", "-0",
            "{\"attribute\":{\"name\":\"birth_year\",\"from\":", "{\"friend_since\":{\"from\":",
            "{\"list\":", "null", "true", "]", "}", ",", "{\"all\":", "{\"limit\":{\"count\":",
            "\"\\u0000\"", "{\"expression\":",
        ]), 0..14),
    ) {
        let _ = Audience::parse(&text);
        let _ = Audience::parse(&keys.concat());
    }
}

//! What is read, what is refused and where, and whom it comes to.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use serde_json::{Value, json};

use super::aim::{Facts, Unusable};
use super::*;
use crate::audience::{Audience, Expression, FriendFacts, LimitMethod};
use crate::campaign::Purpose;
use crate::friend::{Gender, Profile};
use crate::id::CampaignId;
use crate::price::Tariff;
use crate::shortage::IfShort;
use crate::time::{Timestamp, zone};

/// 2026-11-18 in Seoul.
const NOW: Timestamp = Timestamp::from_millis(1_795_000_000_000);
const GROUP: i64 = 1_234_567_890_123;
const REQUEST: &str = "123e4567-e89b-12d3-a456-426614174000";
const CAMPAIGN: CampaignId = CampaignId::from_bytes([7; 16]);

fn group() -> AudienceGroupId {
    AudienceGroupId::from_number(GROUP).unwrap()
}

fn request() -> RequestId {
    RequestId::parse_uuid(REQUEST).unwrap()
}

fn read(body: &Value) -> Result<Narrowcast, Vec<(String, String)>> {
    let text = |key: &str| body.get(key).map(Value::to_string);
    let (recipient, filter, limit) = (text("recipient"), text("filter"), text("limit"));
    let parts = Parts {
        recipient: recipient.as_deref(),
        filter: filter.as_deref(),
        limit: limit.as_deref(),
    };
    let told = |errors: Vec<crate::message::ValidationError>| {
        let pairs = errors.into_iter().map(|e| (e.property, e.message));
        pairs.collect::<Vec<_>>()
    };
    Narrowcast::parse(&parts).map_err(told)
}

fn audience(body: &Value) -> Audience {
    aimed(&read(body).unwrap()).unwrap()
}

fn aimed(narrowcast: &Narrowcast) -> Result<Audience, Unusable> {
    narrowcast.audience(&Facts {
        request: request(),
        now: NOW,
        zone: &zone("Asia/Seoul").unwrap(),
        groups: &BTreeSet::from([group()]),
        sent: &BTreeMap::from([(request(), CAMPAIGN)]),
    })
}

fn demographic(filter: Value) -> Value {
    json!({"filter": {"demographic": filter}})
}

fn operator(key: &str, parts: Value) -> Value {
    json!({"type": "operator", key: parts})
}

#[test]
fn conditions_are_read_as_ours() {
    let who = json!({"type": "audience", "audienceGroupId": GROUP});
    let again = json!({"type": "redelivery", "requestId": REQUEST});
    let since = |days: i64| Timestamp::from_millis(NOW.as_millis() - days * 86_400_000 + 1);
    let sent = json!({"sent": CAMPAIGN.to_string()});
    let group = json!({"audience_group": GROUP});
    for (body, expected) in [
        (json!({}), json!({"all": true})),
        (json!({"filter": {}}), json!({"all": true})),
        (json!({"recipient": who}), group.clone()),
        (json!({"recipient": again}), sent.clone()),
        (
            json!({"recipient": operator("and", json!([who, operator("not", again.clone())]))}),
            json!({"and": [group, {"not": sent}]}),
        ),
        (
            // Of neither: the negation stands at the conditions.
            json!({"recipient": operator("not", operator("or", json!([who, again])))}),
            json!({"and": [{"not": group}, {"not": sent}]}),
        ),
        (
            json!({"recipient": operator("and", json!([operator("or", json!([who]))]))}),
            group.clone(),
        ),
        (
            demographic(json!({"type": "gender", "oneOf": ["male", "female"]})),
            json!({"attribute": {"name": "gender", "in": ["female", "male"]}}),
        ),
        (
            // 20 or older this year, and not yet 25.
            demographic(json!({"type": "age", "gte": "age_20", "lt": "age_25"})),
            json!({"attribute": {"name": "birth_year", "from": 2002, "to": 2006}}),
        ),
        (
            demographic(json!({"type": "age", "lt": "age_15"})),
            json!({"attribute": {"name": "birth_year", "from": 2012}}),
        ),
        (
            demographic(json!({"type": "subscriptionPeriod", "gte": "day_7", "lt": "day_30"})),
            json!({"friend_since": {"from": since(30).to_string(),
                "before": since(7).to_string()}}),
        ),
        (
            demographic(json!({"type": "area", "oneOf": ["jp_13", "th_03"]})),
            json!({"attribute": {"name": "region",
                "in": ["JP-13", "Tokyo", "jp_13", "th_03", "東京", "東京都"]}}),
        ),
        (
            demographic(json!({"type": "appType", "oneOf": ["ios"]})),
            json!({"not": {"all": true}}),
        ),
        (
            json!({"recipient": who,
                "filter": {"demographic": {"type": "gender", "oneOf": ["male"]}}}),
            json!({"and": [group, {"attribute": {"name": "gender", "in": ["male"]}}]}),
        ),
    ] {
        let audience = audience(&body);
        let ours = serde_json::to_value(&audience.expression).unwrap();
        assert_eq!(ours, expected, "{body}");
        assert_eq!(Audience::parse(&audience.to_json()), Ok(audience), "{body}");
    }
}

#[test]
fn limits_say_how_many_and_what_if_there_is_not_enough() {
    let limited = |limit: Value| read(&json!({"limit": limit})).unwrap();
    let none = limited(json!({}));
    assert_eq!(aimed(&none).unwrap(), Audience::ALL);
    assert_eq!(none.limit.if_short(), IfShort::DoNotStart);
    let max = limited(json!({"max": 30}));
    let drawn = aimed(&max).unwrap().limit.unwrap();
    assert_eq!(drawn.count, 30);
    assert!(matches!(drawn.method, LimitMethod::Random { .. }));
    assert_eq!(aimed(&max).unwrap().limit, Some(drawn), "drawn again alike");
    let some = limited(json!({"max": 30, "upToRemainingQuota": true}));
    assert_eq!(some.limit.if_short(), IfShort::FewerAtRandom);
    let all = json!({"max": 30, "upToRemainingQuota": true, "forbidPartialDelivery": true});
    let all = limited(all);
    assert_eq!(all.limit.if_short(), IfShort::DoNotStart);
    assert_eq!(
        (aimed(&all).unwrap().limit, all.limit.max),
        (None, Some(30))
    );
}

#[test]
fn whoever_is_unknown_is_not_aimed_at_and_everybody_costs_what_everybody_costs() {
    let other = RequestId::from_bytes([9; 16]);
    let redelivery = Recipient::Redelivery(other);
    let mut narrowcast = Narrowcast {
        recipient: Some(Logic::Not(Box::new(Logic::Leaf(redelivery)))),
        ..Narrowcast::default()
    };
    let refused = aimed(&narrowcast).unwrap_err();
    let words = format!("Invalid request id: {}", other.uuid());
    assert_eq!(refused.to_string(), words);
    let other = AudienceGroupId::from_number(GROUP + 1).unwrap();
    narrowcast.recipient = Some(Logic::Leaf(Recipient::Audience(other)));
    let refused = aimed(&narrowcast).unwrap_err().to_string();
    assert_eq!(refused, "Invalid audience group id: 1234567890124");
    let tariff = |body| audience(&body).tariff(Purpose::Promotion);
    assert_eq!(tariff(json!({"limit": {"max": 5}})), Tariff::Untargeted);
    let men = demographic(json!({"type": "gender", "oneOf": ["male"]}));
    assert_eq!(tariff(men), Tariff::Targeted);
}

#[test]
fn every_fault_is_told_at_its_path() {
    let one = json!({"type": "audience", "audienceGroupId": GROUP});
    let male = json!({"type": "gender", "oneOf": ["male"]});
    let many = |part: &Value, count| Value::from(vec![part.clone(); count]);
    let exactly = "Exactly one of [and, or, not] must be specified";
    let recipients = "Must have at most 10 audience and redelivery objects";
    let filters = "Must have at most 10 demographic filter objects";
    let bounds = "At least one of [gte, lt] must be specified";
    let types = "Must be one of the following values: [operator, audience, redelivery]";
    let places = ["recipient", "filter.demographic", "limit"];
    let table: Vec<(usize, Value, &str, &str)> = vec![
        (0, json!([]), "", "Must be an object"),
        (0, json!({}), ".type", "must be specified"),
        (0, json!({"type": "everybody"}), ".type", types),
        (
            0,
            json!({"type": "audience"}),
            ".audienceGroupId",
            "must be specified",
        ),
        (
            0,
            json!({"type": "audience", "audienceGroupId": "1234567890123"}),
            ".audienceGroupId",
            "Must be an integer",
        ),
        (
            0,
            json!({"type": "audience", "audienceGroupId": 7}),
            ".audienceGroupId",
            "Invalid audience group id: 7",
        ),
        (
            0,
            json!({"type": "redelivery", "requestId": "5b59509c"}),
            ".requestId",
            "Invalid request id: 5b59509c",
        ),
        (
            0,
            json!({"type": "redelivery"}),
            ".requestId",
            "must be specified",
        ),
        (0, json!({"type": "operator"}), "", exactly),
        (
            0,
            json!({"type": "operator", "and": [one], "not": one}),
            "",
            exactly,
        ),
        (0, operator("and", json!([])), ".and", "May not be empty"),
        (0, operator("or", json!(one)), ".or", "Must be an array"),
        (
            0,
            operator("not", json!([one])),
            ".not",
            "Must be an object",
        ),
        (
            0,
            operator("or", json!([one, {"type": "x"}])),
            ".or[1].type",
            types,
        ),
        (0, operator("or", many(&one, 11)), "", recipients),
        (
            0,
            json!({"type": "audience", "audienceGroupId": GROUP, "x": 1}),
            ".x",
            "Unknown property",
        ),
        (
            1,
            json!({"type": "gender", "oneOf": []}),
            ".oneOf",
            "May not be empty",
        ),
        (1, json!({"type": "gender"}), ".oneOf", "must be specified"),
        (
            1,
            json!({"type": "gender", "oneOf": ["male", "unknown"]}),
            ".oneOf[1]",
            "Must be one of the following values: [male, female]",
        ),
        (
            1,
            json!({"type": "appType", "oneOf": ["windows"]}),
            ".oneOf[0]",
            "Must be one of the following values: [ios, android]",
        ),
        (1, json!({"type": "age"}), "", bounds),
        (1, json!({"type": "subscriptionPeriod"}), "", bounds),
        (
            1,
            json!({"type": "age", "gte": "age_30", "lt": "age_30"}),
            "",
            "gte must be less than lt",
        ),
        (1, operator("and", many(&male, 11)), "", filters),
        (
            2,
            json!({"max": 0}),
            ".max",
            "Must be greater than or equal to 1",
        ),
        (2, json!({"max": "5"}), ".max", "Must be an integer"),
        (
            2,
            json!({"upToRemainingQuota": 1}),
            ".upToRemainingQuota",
            "Must be true or false",
        ),
        (
            2,
            json!({"forbidPartialDelivery": true}),
            ".forbidPartialDelivery",
            "The option forbidPartialDelivery must be used with upToRemainingQuota.",
        ),
    ];
    for (place, part, path, words) in table {
        let body = match place {
            0 => json!({ "recipient": part }),
            1 => demographic(part),
            _ => json!({ "limit": part }),
        };
        let expected = (format!("{}{path}", places[place]), words.to_owned());
        assert_eq!(read(&body), Err(vec![expected]), "{body}");
    }
    for (part, words) in [
        (json!({"type": "age", "gte": "age_16"}), "age_15, age_20"),
        (
            json!({"type": "subscriptionPeriod", "lt": "day_8"}),
            "day_7, day_30",
        ),
        (json!({"type": "area", "oneOf": ["jp_48"]}), "jp_01, jp_02"),
    ] {
        let errors = read(&demographic(part)).unwrap_err();
        assert!(errors[0].1.contains(words), "{errors:?}");
    }
}

#[test]
fn whoever_was_sent_a_campaign_is_a_condition_like_any_other() {
    let json = format!(r#"{{"and":[{{"sent":"{CAMPAIGN}"}},{{"not":{{"all":true}}}}]}}"#);
    let read = Audience::parse(&json).unwrap();
    assert_eq!(read.expression.sent(), [CAMPAIGN]);
    assert_eq!(Audience::parse(&read.to_json()), Ok(read));
    for (json, words) in [
        (r#"{"sent":"cmp_7"}"#, "campaign"),
        (r#"{"sent":7}"#, "a text"),
    ] {
        let errors = Audience::parse(json).unwrap_err();
        assert_eq!(errors[0].property, "audience.sent", "{json}");
        assert!(errors[0].message.contains(words), "{json}: {errors:?}");
    }
    let sent = |to: &[CampaignId]| {
        Expression::Sent(CAMPAIGN).matches(&FriendFacts {
            profile: &Profile::default(),
            since: NOW,
            lists: &[],
            groups: &[],
            sent: to,
        })
    };
    let other = CampaignId::from_bytes([8; 16]);
    assert!(sent(&[other, CAMPAIGN]) && !sent(&[other]) && !sent(&[]));
}

#[test]
fn all_faults_are_told_at_once() {
    let body = json!({
        "recipient": {"type": "operator", "and": [
            {"type": "audience", "audienceGroupId": 1}, {"type": "redelivery"}]},
        "filter": {"demographic": {"type": "gender", "oneOf": ["x"]}},
        "limit": {"max": -1},
    });
    let paths: Vec<String> = read(&body).unwrap_err().into_iter().map(|e| e.0).collect();
    let expected = [
        "recipient.and[0].audienceGroupId",
        "recipient.and[1].requestId",
        "filter.demographic.oneOf[0]",
        "limit.max",
    ];
    assert_eq!(paths, expected);
}

#[test]
fn areas_are_told_apart_by_every_text_they_have() {
    let mut seen = BTreeMap::new();
    for area in Area::all() {
        assert_eq!(Area::from_code(area.code()), Some(area));
        for region in area.regions() {
            assert_eq!(seen.insert(region, area), None, "{region}");
            assert_eq!(Area::of_region(region), Some(area));
        }
    }
    assert_eq!(Area::all().count(), 89);
    assert_eq!(Area::of_region("서울"), None);
    let name = |code| Area::from_code(code).unwrap().name();
    assert_eq!(
        (name("jp_36"), name("jp_01"), name("th_03")),
        ("徳島", "北海道", "th_03")
    );
}

fn any_demographic() -> impl Strategy<Value = Demographic> {
    prop_oneof![
        Just(Demographic::Gender(vec![KnownGender::Male])),
        Just(Demographic::AppType(vec![AppType::Ios])),
        Just(Demographic::Age(Bounds {
            from: Some(Age(20)),
            below: Some(Age(40))
        })),
        Just(Demographic::SubscriptionPeriod(Bounds {
            from: Some(Days(30)),
            below: None
        })),
        // Every area there is: the longest list.
        Just(Demographic::Area(Area::all().collect())),
    ]
}

/// Ten conditions in as deep a tree as they can make, and operators that join nothing besides.
fn any_logic() -> impl Strategy<Value = Logic<Demographic>> {
    let step = (any_demographic(), any::<bool>(), 0_usize..4);
    prop::collection::vec(step, 1..=DEMOGRAPHICS_MAX).prop_map(|steps| {
        let mut logic: Option<Logic<Demographic>> = None;
        for (leaf, is_and, around) in steps {
            let mut parts = vec![Logic::Leaf(leaf)];
            parts.extend(logic);
            let mut joined = match is_and {
                true => Logic::And(parts),
                false => Logic::Or(parts),
            };
            for _ in 0..around {
                joined = Logic::Not(Box::new(Logic::And(vec![joined])));
            }
            logic = Some(joined);
        }
        logic.unwrap()
    })
}

fn means(logic: &Logic<Demographic>, single: &impl Fn(&Demographic) -> bool) -> bool {
    match logic {
        Logic::Leaf(leaf) => single(leaf),
        Logic::And(parts) => parts.iter().all(|part| means(part, single)),
        Logic::Or(parts) => parts.iter().any(|part| means(part, single)),
        Logic::Not(part) => !means(part, single),
    }
}

fn matches(expression: &Expression, profile: &Profile, since: Timestamp) -> bool {
    expression.matches(&FriendFacts {
        profile,
        since,
        lists: &[],
        groups: &[],
        sent: &[],
    })
}

proptest! {
    /// However deep it is nested, it is an audience that can be stored, and says the same.
    #[test]
    fn whatever_is_accepted_is_an_audience_of_the_same_meaning(
        logic in any_logic(),
        recipient in any::<bool>(),
        male in any::<bool>(),
        birth_year in prop::option::of(1980_u16..2012),
        days in 0_u64..100,
        region in prop::option::of(prop_oneof![Just("JP-13"), Just("서울")]),
    ) {
        let recipients = vec![Logic::Leaf(Recipient::Audience(group())); RECIPIENTS_MAX];
        let mut narrowcast = Narrowcast {
            recipient: recipient.then_some(Logic::Not(Box::new(Logic::Or(recipients)))),
            demographic: Some(logic.clone()),
            limit: Limit::default(),
        };
        let audience = aimed(&narrowcast).unwrap();
        prop_assert_eq!(Audience::parse(&audience.to_json()), Ok(audience));

        let profile = Profile {
            gender: if male { Gender::Male } else { Gender::Female },
            birth_year,
            region: region.map(ToOwned::to_owned),
            ..Profile::default()
        };
        let since = NOW - std::time::Duration::from_secs(days * 86_400);
        let single = |leaf: &Demographic| match leaf {
            Demographic::Gender(_) => male,
            Demographic::AppType(_) => false,
            Demographic::Age(_) => birth_year.is_some_and(|year| (20..40).contains(&(2026 - year))),
            Demographic::SubscriptionPeriod(_) => days >= 30,
            Demographic::Area(_) => region == Some("JP-13"),
        };
        narrowcast.recipient = None;
        let expression = aimed(&narrowcast).unwrap().expression;
        prop_assert_eq!(matches(&expression, &profile, since), means(&logic, &single));
    }
}

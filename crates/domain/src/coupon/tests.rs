//! Coupons: good ones, bad ones, LINE's examples.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

const NOW: Timestamp = Timestamp::from_millis(1_700_000_000_999);

fn coupon() -> Value {
    json!({"title": "Friends-only coupon", "acquisitionCondition": {"type": "normal"},
        "maxUseCountPerTicket": 1, "startTimestamp": 0, "endTimestamp": 1_924_959_599,
        "timezone": "ASIA_TOKYO", "visibility": "UNLISTED",
        "reward": {"type": "discount", "priceInfo": {"type": "fixed", "fixedAmount": 100}}})
}

fn read(coupon: &Value) -> Result<CouponRequest, Vec<ValidationError>> {
    CouponRequest::parse(&coupon.to_string(), &Rules::default(), NOW)
}

fn with(key: &str, value: Value) -> Value {
    let mut coupon = coupon();
    coupon[key] = value;
    coupon
}

fn assert_errors(coupon: &Value, expected: &[(&str, &str)]) {
    let errors = read(coupon).err().unwrap_or_default();
    let found: Vec<_> = errors
        .iter()
        .map(|error| (error.property.as_str(), error.message.as_str()))
        .collect();
    assert_eq!(found, expected, "{coupon}");
}

#[test]
fn the_examples_of_the_reference_are_accepted_and_kept() {
    let examples: Vec<Value> = serde_json::from_str(include_str!("corpus.json")).unwrap();
    for example in &examples {
        let coupon = read(example).unwrap();
        let json = coupon.to_json();
        assert_eq!(serde_json::from_str::<Value>(&json).unwrap(), *example);
        assert_eq!(
            CouponRequest::parse(&json, &Rules::default(), NOW),
            Ok(coupon)
        );
    }
    assert_eq!(examples.len(), 10);
}

#[test]
fn what_must_be_there_is_asked_for() {
    let required = [
        "title",
        "acquisitionCondition",
        "maxUseCountPerTicket",
        "startTimestamp",
        "endTimestamp",
        "timezone",
        "reward",
        "visibility",
    ];
    let all: Vec<_> = required
        .iter()
        .map(|key| (*key, "must be specified"))
        .collect();
    assert_errors(&json!({}), &all);
    for optional in [
        "description",
        "imageUrl",
        "couponCode",
        "barcodeImageUrl",
        "usageCondition",
    ] {
        assert_errors(&with(optional, json!(null)), &[]);
    }
}

#[test]
fn words_are_those_of_the_reference() {
    assert_errors(
        &with("title", json!("a".repeat(61))),
        &[("title", "Size must be between 1 and 60")],
    );
    assert_errors(
        &with("title", json!("")),
        &[("title", "Size must be between 1 and 60")],
    );
    assert_errors(
        &with("reward", json!({"type": "half"})),
        &[(
            "reward.type",
            "Must be one of the following values: [discount,free,gift,cashBack,others]",
        )],
    );
    assert_errors(
        &with(
            "reward",
            json!({"type": "discount", "priceInfo": {"type": "percentage", "percentage": 25,
                "fixedAmount": 100}}),
        ),
        &[("reward.priceInfo.fixedAmount", "Must not be specified")],
    );
    assert_errors(
        &with("visibility", json!("public")),
        &[(
            "visibility",
            "Must be one of the following values: [PUBLIC,UNLISTED]",
        )],
    );
    assert_errors(
        &with("maxUseCountPerTicket", json!(2)),
        &[(
            "maxUseCountPerTicket",
            "Must be one of the following values: [1,-1]",
        )],
    );
}

#[test]
fn rewards_have_what_their_type_needs() {
    let reward = |reward: Value| with("reward", reward);
    let price = |kind: &str, price: Value| reward(json!({"type": kind, "priceInfo": price}));
    let once = "Must not be specified";
    assert_errors(
        &reward(json!({"type": "cashBack"})),
        &[("reward.priceInfo", "must be specified")],
    );
    assert_errors(
        &price("gift", json!({"type": "fixed", "fixedAmount": 1})),
        &[("reward.priceInfo", once)],
    );
    assert_errors(
        &price(
            "discount",
            json!({"type": "explicit", "originalPrice": 0, "percentage": 1}),
        ),
        &[
            ("reward.priceInfo.percentage", once),
            (
                "reward.priceInfo.originalPrice",
                "Must be greater than or equal to 1",
            ),
            ("reward.priceInfo.priceAfterDiscount", "must be specified"),
        ],
    );
    assert_errors(
        &price("cashBack", json!({"type": "explicit", "originalPrice": 2})),
        &[(
            "reward.priceInfo.type",
            "Must be one of the following values: [fixed,percentage]",
        )],
    );
    assert_errors(
        &price(
            "discount",
            json!({"type": "fixed", "fixedAmount": 1.5, "currency": "JPY"}),
        ),
        &[
            ("reward.priceInfo.fixedAmount", "Must be an integer"),
            ("reward.priceInfo.currency", "Unknown property"),
        ],
    );
}

#[test]
fn lotteries_have_odds() {
    let condition = |condition: Value| with("acquisitionCondition", condition);
    let once = "Must not be specified";
    let (probability, winners) = (
        "acquisitionCondition.lotteryProbability",
        "acquisitionCondition.maxAcquireCount",
    );
    assert_errors(
        &condition(json!({"type": "lottery", "lotteryProbability": 50, "maxAcquireCount": -1})),
        &[],
    );
    assert_errors(
        &condition(json!({"type": "lottery"})),
        &[
            (probability, "must be specified"),
            (winners, "must be specified"),
        ],
    );
    assert_errors(
        &condition(json!({"type": "normal", "lotteryProbability": 50, "maxAcquireCount": 1})),
        &[(probability, once), (winners, once)],
    );
    assert_errors(
        &condition(json!({"type": "lottery", "lotteryProbability": "50", "maxAcquireCount": -2})),
        &[
            (probability, "Must be an integer"),
            (winners, "Must be between 1 and 999999, or -1"),
        ],
    );
    assert_errors(
        &condition(json!({"type": "referral"})),
        &[(
            "acquisitionCondition.type",
            "Must be one of the following values: [normal,lottery]",
        )],
    );
}

#[test]
fn a_coupon_is_not_over_before_it_begins() {
    let mut coupon = coupon();
    coupon["startTimestamp"] = json!(1_900_000_000);
    coupon["endTimestamp"] = json!(1_900_000_000);
    assert_errors(&coupon, &[]);
    coupon["endTimestamp"] = json!(1_899_999_999);
    assert_errors(
        &coupon,
        &[("endTimestamp", "Must not be before startTimestamp")],
    );
    coupon["endTimestamp"] = json!(1_600_000_000);
    assert_errors(
        &coupon,
        &[
            ("endTimestamp", "Must not be before startTimestamp"),
            (
                "endTimestamp",
                "Must not be before the current date and time",
            ),
        ],
    );
    coupon["startTimestamp"] = json!(-1);
    coupon["endTimestamp"] = json!(1_900_000_000);
    assert_errors(
        &coupon,
        &[("startTimestamp", "Must be between 0 and 253402300799")],
    );
}

#[test]
fn pictures_come_over_https() {
    let words = "invalid uri: must be an https URL";
    assert_errors(
        &with("imageUrl", json!("http://example.com/a.png")),
        &[("imageUrl", words)],
    );
    assert_errors(
        &with("barcodeImageUrl", json!("barcode.png")),
        &[("barcodeImageUrl", "invalid uri")],
    );
}

proptest! {
    #[test]
    fn coupons_survive_their_json(
        title in "\\PC{1,20}",
        description in proptest::option::of("\\PC{0,50}"),
        percent in 1..=99_i64,
        winners in prop_oneof![Just(-1_i64), 1..=999_999_i64],
        start in 0..1_700_000_000_i64,
    ) {
        let mut value = coupon();
        value["title"] = json!(title);
        value["startTimestamp"] = json!(start);
        value["acquisitionCondition"] = json!({"type": "lottery", "lotteryProbability": percent,
            "maxAcquireCount": winners});
        if let Some(description) = description {
            value["description"] = json!(description);
        }
        let coupon = read(&value).unwrap();
        let json = coupon.to_json();
        prop_assert_eq!(serde_json::from_str::<Value>(&json).unwrap(), value);
        prop_assert_eq!(CouponRequest::parse(&json, &Rules::default(), NOW), Ok(coupon));
    }

    #[test]
    fn arbitrary_bodies_never_panic(text in "\\PC{0,60}", key in "[a-zA-Z]{1,16}", number: i64) {
        let other = with(&key, json!(number));
        for body in [text, other.to_string(), json!({key: number}).to_string()] {
            let _ = CouponRequest::parse(&body, &Rules::default(), NOW);
        }
    }
}

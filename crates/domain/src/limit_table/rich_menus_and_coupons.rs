//! The limits of rich menus, the requests about them, and coupons.

use serde_json::{Value, json};

use super::{Row, families, letters, url_of};
use crate::coupon::CouponRequest;
use crate::coupon::limits::*;
use crate::message::limits::{
    MEDIA_URL_LENGTH_MAX, POSTBACK_DATA_LENGTH_MAX, RICH_MENU_ALIAS_ID_LENGTH_MAX,
};
use crate::message::{Rules, ValidationError};
use crate::rich_menu::limits::*;
use crate::rich_menu::{BatchRequest, CreateAliasRequest, RichMenu, RichMenuId};
use crate::time::Timestamp;

const UNITS: &str = "UTF-16 units";
const CLUSTERS: &str = "grapheme clusters";
const NOW: Timestamp = Timestamp::from_millis(1_700_000_000_999);

type Errors = Vec<ValidationError>;

pub(super) fn rows() -> Vec<Row> {
    let mut rows = menus();
    rows.extend(requests());
    rows.extend(coupons());
    rows
}

/// A row of what is at the limit and what is over it.
fn row(
    limit: &'static str,
    unit: &'static str,
    (at, over): (Errors, Errors),
    (property, words): (&str, &str),
) -> Row {
    Row {
        limit,
        unit,
        at,
        over,
        property: property.to_owned(),
        words: words.to_owned(),
    }
}

/// Both sides of a largest number.
fn most<T>(max: usize, make: impl Fn(Value) -> T, of: impl Fn(usize) -> Value) -> (T, T) {
    (make(of(max)), make(of(max + 1)))
}

fn menu(key: &str, value: Value) -> Errors {
    let mut menu = json!({"size": {"width": 2500, "height": 1686}, "selected": false,
        "name": "a", "chatBarText": "a", "areas": []});
    menu[key] = value;
    let parsed = RichMenu::parse(&menu.to_string(), &Rules::default());
    parsed.err().unwrap_or_default()
}

fn menus() -> Vec<Row> {
    let size = |width: i64, height: i64| menu("size", json!({"width": width, "height": height}));
    let area = |action: Value, x: i64| {
        let bounds = json!({"x": x, "y": 0, "width": 1, "height": 1});
        json!({"bounds": bounds, "action": action})
    };
    let switch = |alias: Value, data: Value, label: Value| {
        let action = json!({"type": "richmenuswitch", "richMenuAliasId": alias, "data": data,
            "label": label});
        menu("areas", json!([area(action, 0)]))
    };
    let says = json!({"type": "message", "text": "a"});
    let areas = |count: usize| json!(vec![area(says.clone(), 0); count]);
    let begins = |x| menu("areas", json!([area(says.clone(), x)]));
    let wide = "Must be between 800 and 2500";
    let (a, none) = (json!("a"), json!(null));
    vec![
        row(
            "rich menu narrowest",
            "pixels",
            (size(WIDTH_PIXELS_MIN, 250), size(WIDTH_PIXELS_MIN - 1, 250)),
            ("size.width", wide),
        ),
        row(
            "rich menu widest",
            "pixels",
            (size(WIDTH_PIXELS_MAX, 250), size(WIDTH_PIXELS_MAX + 1, 250)),
            ("size.width", wide),
        ),
        row(
            "rich menu lowest",
            "pixels",
            (
                size(2500, HEIGHT_PIXELS_MIN),
                size(2500, HEIGHT_PIXELS_MIN - 1),
            ),
            ("size.height", "Must be greater than or equal to 250"),
        ),
        row(
            "rich menu width per height",
            "pixels of height at 1450",
            (size(1450, 1000), size(1450, 1001)),
            ("size", "The width must be at least 1.45 times the height"),
        ),
        row(
            "rich menu name",
            CLUSTERS,
            most(NAME_GRAPHEMES_MAX, |name| menu("name", name), families),
            ("name", "Length must be between 0 and 300"),
        ),
        row(
            "rich menu chatBarText",
            CLUSTERS,
            most(
                CHAT_BAR_TEXT_GRAPHEMES_MAX,
                |text| menu("chatBarText", text),
                families,
            ),
            ("chatBarText", "Length must be between 0 and 14"),
        ),
        row(
            "rich menu areas",
            "objects",
            most(AREAS_MAX, |list| menu("areas", list), areas),
            ("areas", "Size must be between 0 and 20"),
        ),
        row(
            "rich menu bounds",
            "pixels",
            (begins(2499), begins(2500)),
            (
                "areas[0].bounds",
                "Must begin within the size of the rich menu",
            ),
        ),
        row(
            "richmenuswitch label",
            CLUSTERS,
            most(20, |label| switch(a.clone(), a.clone(), label), families),
            ("areas[0].action.label", "Length must be between 0 and 20"),
        ),
        row(
            "richmenuswitch data",
            UNITS,
            most(
                POSTBACK_DATA_LENGTH_MAX,
                |data| switch(a.clone(), data, none.clone()),
                letters,
            ),
            ("areas[0].action.data", "Length must be between 0 and 300"),
        ),
        row(
            "richmenuswitch richMenuAliasId",
            "characters",
            most(
                RICH_MENU_ALIAS_ID_LENGTH_MAX,
                |alias| switch(alias, a.clone(), none.clone()),
                letters,
            ),
            (
                "areas[0].action.richMenuAliasId",
                "Length must be between 0 and 32",
            ),
        ),
    ]
}

fn requests() -> Vec<Row> {
    let id = |number: usize| {
        let bytes = (number as u128).to_be_bytes();
        RichMenuId::from_bytes(bytes).to_string()
    };
    let unlinks = |count: usize| {
        let unlink = |number| json!({"type": "unlink", "from": id(number)});
        json!((0..count).map(unlink).collect::<Vec<_>>())
    };
    let batch = |operations: Value, key: Value| {
        let body = json!({"operations": operations, "resumeRequestKey": key});
        BatchRequest::parse(&body.to_string())
            .err()
            .unwrap_or_default()
    };
    let alias = |alias: Value| {
        let body = json!({"richMenuAliasId": alias, "richMenuId": id(1)});
        CreateAliasRequest::parse(&body.to_string())
            .err()
            .unwrap_or_default()
    };
    vec![
        row(
            "batch operations",
            "objects",
            most(OPERATIONS_MAX, |list| batch(list, json!(null)), unlinks),
            ("operations", "Size must be between 1 and 1000"),
        ),
        row(
            "batch resumeRequestKey",
            "characters",
            most(
                RESUME_REQUEST_KEY_LENGTH_MAX,
                |key| batch(unlinks(1), key),
                letters,
            ),
            ("resumeRequestKey", "Length must be between 0 and 100"),
        ),
        row(
            "richMenuAliasId",
            "characters",
            most(RICH_MENU_ALIAS_ID_LENGTH_MAX, alias, letters),
            ("richMenuAliasId", "Length must be between 0 and 32"),
        ),
    ]
}

fn coupon(key: &str, value: Value) -> Errors {
    let mut coupon = json!({"title": "a", "acquisitionCondition": {"type": "normal"},
        "maxUseCountPerTicket": 1, "startTimestamp": 0, "endTimestamp": 1_924_959_599,
        "timezone": "ASIA_TOKYO", "visibility": "UNLISTED", "reward": {"type": "free"}});
    coupon[key] = value;
    let parsed = CouponRequest::parse(&coupon.to_string(), &Rules::default(), NOW);
    parsed.err().unwrap_or_default()
}

fn coupons() -> Vec<Row> {
    let text = |key: &'static str, max| most(max, move |value| coupon(key, value), letters);
    let url = |key: &'static str| {
        most(
            MEDIA_URL_LENGTH_MAX,
            move |value| coupon(key, value),
            url_of,
        )
    };
    let lottery = |probability: i64, winners: i64| {
        coupon(
            "acquisitionCondition",
            json!({"type": "lottery", "lotteryProbability": probability,
                "maxAcquireCount": winners}),
        )
    };
    let price = |kind: &str, key: &str, value: i64| {
        let mut price = json!({"type": kind});
        price[key] = json!(value);
        coupon("reward", json!({"type": "discount", "priceInfo": price}))
    };
    let end = |seconds: i64| coupon("endTimestamp", json!(seconds));
    let (percent, percentage) = ("Must be between 1 and 99", "reward.priceInfo.percentage");
    let (probability, winners) = (
        "acquisitionCondition.lotteryProbability",
        "acquisitionCondition.maxAcquireCount",
    );
    let (count, url_words) = (
        "Must be between 1 and 999999, or -1",
        "Size must be between 1 and 2000",
    );
    let amount = "reward.priceInfo.fixedAmount";
    let positive = "Must be greater than or equal to 1";
    let exact = "Must be less than or equal to 9007199254740991";
    vec![
        row(
            "coupon title",
            UNITS,
            text("title", TITLE_LENGTH_MAX),
            ("title", "Size must be between 1 and 60"),
        ),
        row(
            "coupon description",
            UNITS,
            text("description", DESCRIPTION_LENGTH_MAX),
            ("description", "Size must be between 0 and 1000"),
        ),
        row(
            "coupon usageCondition",
            UNITS,
            text("usageCondition", USAGE_CONDITION_LENGTH_MAX),
            ("usageCondition", "Size must be between 0 and 100"),
        ),
        row(
            "couponCode",
            UNITS,
            text("couponCode", COUPON_CODE_LENGTH_MAX),
            ("couponCode", "Size must be between 0 and 16"),
        ),
        row(
            "coupon imageUrl",
            UNITS,
            url("imageUrl"),
            ("imageUrl", url_words),
        ),
        row(
            "coupon barcodeImageUrl",
            UNITS,
            url("barcodeImageUrl"),
            ("barcodeImageUrl", url_words),
        ),
        row(
            "least lotteryProbability",
            "percent",
            (
                lottery(LOTTERY_PERCENT_MIN, 1),
                lottery(LOTTERY_PERCENT_MIN - 1, 1),
            ),
            (probability, percent),
        ),
        row(
            "greatest lotteryProbability",
            "percent",
            (
                lottery(LOTTERY_PERCENT_MAX, -1),
                lottery(LOTTERY_PERCENT_MAX + 1, -1),
            ),
            (probability, percent),
        ),
        row(
            "least maxAcquireCount",
            "winners",
            (lottery(1, 1), lottery(1, 0)),
            (winners, count),
        ),
        row(
            "greatest maxAcquireCount",
            "winners",
            (
                lottery(1, ACQUIRE_COUNT_MAX),
                lottery(1, ACQUIRE_COUNT_MAX + 1),
            ),
            (winners, count),
        ),
        row(
            "least percentage",
            "percent",
            (
                price("percentage", "percentage", REWARD_PERCENT_MIN),
                price("percentage", "percentage", REWARD_PERCENT_MIN - 1),
            ),
            (percentage, percent),
        ),
        row(
            "greatest percentage",
            "percent",
            (
                price("percentage", "percentage", REWARD_PERCENT_MAX),
                price("percentage", "percentage", REWARD_PERCENT_MAX + 1),
            ),
            (percentage, percent),
        ),
        row(
            "least fixedAmount",
            "whole units of currency",
            (
                price("fixed", "fixedAmount", 1),
                price("fixed", "fixedAmount", 0),
            ),
            (amount, positive),
        ),
        row(
            "greatest fixedAmount",
            "whole units of currency",
            (
                price("fixed", "fixedAmount", AMOUNT_MAX),
                price("fixed", "fixedAmount", AMOUNT_MAX + 1),
            ),
            (amount, exact),
        ),
        row(
            "least endTimestamp",
            "seconds",
            (end(NOW.as_seconds()), end(NOW.as_seconds() - 1)),
            (
                "endTimestamp",
                "Must not be before the current date and time",
            ),
        ),
        row(
            "greatest endTimestamp",
            "seconds",
            (end(TIMESTAMP_SECONDS_MAX), end(TIMESTAMP_SECONDS_MAX + 1)),
            ("endTimestamp", "Must be between 0 and 253402300799"),
        ),
    ]
}

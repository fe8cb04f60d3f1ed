//! The form of a coupon, and the coupon that it says.

use domain::coupon::CouponRequest;
use domain::message::Rules;
use domain::time::local_to_instant;
use serde_json::{Value, json};

use crate::desk::Desk;
use crate::form::Faults;
use crate::upload::Upload;

/// The field of the file.
pub const PICTURE: &str = "picture";
/// What a coupon gives, as the form names it.
pub const REWARDS: [&str; 6] = ["gift", "free", "percent", "amount", "cash-back", "others"];

/// A coupon as it was typed; times are the account's own.
#[derive(Debug, Clone, Default)]
pub struct CouponForm {
    pub title: String,
    pub description: String,
    pub usage: String,
    pub code: String,
    pub reward: String,
    pub worth: String,
    pub from: String,
    pub until: String,
    pub is_used_often: bool,
    /// Percent of a lottery; empty where everybody gets it.
    pub percent: String,
    /// Empty where there is no limit.
    pub most: String,
}

impl CouponForm {
    pub fn sent(upload: &Upload) -> Self {
        let field = |name: &str| upload.field(name).trim().to_owned();
        Self {
            title: field("title"),
            description: field("description").replace("\r\n", "\n"),
            usage: field("usage"),
            code: field("code"),
            reward: field("reward"),
            worth: field("worth"),
            from: field("from"),
            until: field("until"),
            is_used_often: field("often") == "1",
            percent: field("percent"),
            most: field("most"),
        }
    }

    /// Whether it gives this.
    pub fn gives(&self, reward: &str) -> bool {
        self.reward == reward
    }

    /// The coupon; `None` where something is wrong, which is in the faults then.
    pub fn coupon(
        &self,
        desk: &Desk,
        rules: &Rules,
        image: Option<String>,
        faults: &mut Faults,
    ) -> Option<CouponRequest> {
        let moment = |text: &str| Some(local_to_instant(text, &desk.zone).ok()?.as_seconds());
        let mut coupon = json!({
            "title": self.title,
            "startTimestamp": moment(&self.from),
            "endTimestamp": moment(&self.until),
            "timezone": zone_word(&desk.account.time_zone),
            "visibility": "UNLISTED",
            "maxUseCountPerTicket": if self.is_used_often { -1 } else { 1 },
            "acquisitionCondition": self.condition(),
            "reward": self.reward(),
        });
        let more = [
            ("description", Some(&self.description)),
            ("usageCondition", Some(&self.usage)),
            ("couponCode", Some(&self.code)),
            ("imageUrl", image.as_ref()),
        ];
        for (name, text) in more {
            if let Some(text) = text.filter(|text| !text.is_empty()) {
                coupon[name] = json!(text);
            }
        }
        let errors = match CouponRequest::parse(&coupon.to_string(), rules, desk.now) {
            Ok(coupon) => return Some(coupon),
            Err(errors) => errors,
        };
        for error in errors {
            let (field, key) = field_of(&error.property);
            // Two things that are wrong with one field are mended together.
            if faults.at(field).is_none() {
                faults.add(field, desk.words.t(key));
            }
        }
        None
    }

    fn condition(&self) -> Value {
        if self.percent.is_empty() {
            return json!({ "type": "normal" });
        }
        let most = match self.most.is_empty() {
            true => json!(-1),
            false => number(&self.most),
        };
        json!({
            "type": "lottery",
            "lotteryProbability": number(&self.percent),
            "maxAcquireCount": most,
        })
    }

    fn reward(&self) -> Value {
        let worth = number(&self.worth);
        let fixed = json!({ "type": "fixed", "fixedAmount": worth });
        let percentage = json!({ "type": "percentage", "percentage": worth });
        match self.reward.as_str() {
            "percent" => json!({ "type": "discount", "priceInfo": percentage }),
            "amount" => json!({ "type": "discount", "priceInfo": fixed }),
            "cash-back" => json!({ "type": "cashBack", "priceInfo": fixed }),
            "free" => json!({ "type": "free" }),
            "gift" => json!({ "type": "gift" }),
            _ => json!({ "type": "others" }),
        }
    }
}

/// What was typed as a whole number, or as it was typed: then it is no number, and refused.
fn number(text: &str) -> Value {
    let plain = text.replace(',', "");
    match plain.parse::<i64>() {
        Ok(number) => json!(number),
        Err(_) => json!(text),
    }
}

/// The field that a property was typed in, and what is said of it.
fn field_of(property: &str) -> (&'static str, &'static str) {
    match property.split('.').next().unwrap_or_default() {
        "description" => ("description", "coupons-fault-description"),
        "usageCondition" => ("usage", "coupons-fault-usage"),
        "couponCode" => ("code", "coupons-fault-code"),
        "startTimestamp" => ("from", "coupons-fault-from"),
        "endTimestamp" => ("until", "coupons-fault-until"),
        "reward" => ("worth", "coupons-fault-worth"),
        "acquisitionCondition" if property.ends_with("maxAcquireCount") => {
            ("most", "coupons-fault-most")
        }
        "acquisitionCondition" => ("percent", "coupons-fault-percent"),
        "imageUrl" => (PICTURE, "coupons-fault-picture"),
        _ => ("title", "coupons-fault-title"),
    }
}

/// Of the zones that LINE names for a coupon the account's own, or one with the hours of Seoul.
fn zone_word(zone: &str) -> &'static str {
    match zone {
        "Asia/Taipei" => "ASIA_TAIPEI",
        "Asia/Bangkok" => "ASIA_BANGKOK",
        "Europe/London" => "EUROPE_LONDON",
        "Europe/Paris" => "EUROPE_PARIS",
        "America/New_York" => "AMERICA_NEW_YORK",
        "America/Los_Angeles" => "AMERICA_LOS_ANGELES",
        _ => "ASIA_TOKYO",
    }
}

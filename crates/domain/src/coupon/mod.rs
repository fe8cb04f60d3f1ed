//! Coupons in LINE's shapes: what the request that creates one may say.
//!
//! It owns what a valid coupon is. It does not own its pictures, its state, who took it or how many
//! coupons there may be. A coupon enters only through [`CouponRequest::parse`], which returns all
//! errors.

mod id; // ids in LINE's form
pub mod limits; // every number, with its unit
mod reward; // what it gives
mod ticket; // who gets it, who may use it
mod timezone; // the zones LINE names

#[cfg(test)]
mod tests;

use serde::{Serialize, Serializer};

pub use id::CouponId;
pub use reward::{
    CashBackPrice, CashBackReward, DiscountPrice, DiscountReward, ExplicitPrice, FixedPrice,
    FreeReward, GiftReward, OthersReward, PercentagePrice, Reward,
};
pub use ticket::{
    CouponFacts, CouponRefusal, CouponState, Ticket, TicketState, acquire, use_ticket,
};
pub use timezone::Timezone;

use crate::message::link::media_url;
use crate::message::node::Node;
use crate::message::reader::{Reader, Wording, read_json};
use crate::message::value::{Unit, any_integer, integer_between, keyword, text};
use crate::message::{Rules, ValidationError};
use crate::time::Timestamp;
use limits::{
    ACQUIRE_COUNT_MAX, COUPON_CODE_LENGTH_MAX, DESCRIPTION_LENGTH_MAX, LOTTERY_PERCENT_MAX,
    LOTTERY_PERCENT_MIN, TIMESTAMP_SECONDS_MAX, TITLE_LENGTH_MAX, USAGE_CONDITION_LENGTH_MAX,
};

shape! {
    /// A coupon that is to be created.
    CouponRequest with now: Timestamp {
        required {
            title "title": String = text(Unit::Utf16, 1, TITLE_LENGTH_MAX);
            acquisition_condition "acquisitionCondition": AcquisitionCondition =
                AcquisitionCondition::read;
            max_use_count_per_ticket "maxUseCountPerTicket": Count = Count::of_uses;
            start_seconds "startTimestamp": i64 = seconds;
            end_seconds "endTimestamp": i64 = end_seconds(start_seconds, now);
            timezone "timezone": Timezone = keyword;
            reward "reward": Reward = Reward::read;
            visibility "visibility": Visibility = keyword;
        }
        optional {
            description "description": String = text(Unit::Utf16, 0, DESCRIPTION_LENGTH_MAX);
            image_url "imageUrl": String = media_url;
            coupon_code "couponCode": String = text(Unit::Utf16, 0, COUPON_CODE_LENGTH_MAX);
            barcode_image_url "barcodeImageUrl": String = media_url;
            usage_condition "usageCondition": String =
                text(Unit::Utf16, 0, USAGE_CONDITION_LENGTH_MAX);
        }
    }
}

/// Who gets the coupon. A third way, by referral, exists in LINE's console only.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum AcquisitionCondition {
    Normal(NormalCondition),
    Lottery(LotteryCondition),
}

shape! {
    /// Everybody.
    NormalCondition ["normal"] {}
}

shape! {
    /// Whoever wins it.
    LotteryCondition ["lottery"] {
        required {
            lottery_probability "lotteryProbability": i64 =
                integer_between(LOTTERY_PERCENT_MIN, LOTTERY_PERCENT_MAX);
            max_acquire_count "maxAcquireCount": Count = Count::of_winners;
        }
    }
}

keywords! {
    /// Whether the messenger's other services show the coupon.
    Visibility {
        Public = "PUBLIC",
        Unlisted = "UNLISTED",
    }
}

/// A number of times, -1 on the wire where there is no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Count {
    AtMost(u32),
    Unlimited,
}

const UNLIMITED: i64 = -1;

impl CouponRequest {
    /// Reads a request body. Returns all errors, not the first one. A coupon that is over at `now`
    /// is refused.
    pub fn parse(json: &str, rules: &Rules, now: Timestamp) -> Result<Self, Vec<ValidationError>> {
        read_json(json, None, Wording::Coupons, rules, |reader, node| {
            reader.plain(node, |reader, object| Self::fields(reader, object, now))
        })
    }

    /// Canonical JSON, as that of messages.
    pub fn to_json(&self) -> String {
        // Keys are strings and no value can refuse: there is no error to hand on.
        serde_json::to_string(self).expect("coupons are plain text and numbers")
    }
}

impl AcquisitionCondition {
    fn read<'a>(reader: &mut Reader<'a>, node: &'a Node) -> Option<Self> {
        reader.typed(node, &["normal", "lottery"], |reader, object, tag| {
            Some(if tag == "normal" {
                reader.forbid(object, &["lotteryProbability", "maxAcquireCount"]);
                Self::Normal(NormalCondition::fields(reader, object)?)
            } else {
                Self::Lottery(LotteryCondition::fields(reader, object)?)
            })
        })
    }
}

impl Count {
    fn of_uses<'a>(reader: &mut Reader<'a>, node: &'a Node) -> Option<Self> {
        match any_integer(reader, node)? {
            1 => Some(Self::AtMost(1)),
            UNLIMITED => Some(Self::Unlimited),
            _ => {
                reader.report_words(&["1", "-1"]);
                None
            }
        }
    }

    fn of_winners<'a>(reader: &mut Reader<'a>, node: &'a Node) -> Option<Self> {
        match any_integer(reader, node)? {
            UNLIMITED => Some(Self::Unlimited),
            count if (1..=ACQUIRE_COUNT_MAX).contains(&count) => {
                u32::try_from(count).ok().map(Self::AtMost)
            }
            _ => {
                reader.report(format!("Must be between 1 and {ACQUIRE_COUNT_MAX}, or -1"));
                None
            }
        }
    }
}

impl Serialize for Count {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_i64(match self {
            Self::AtMost(count) => i64::from(*count),
            Self::Unlimited => UNLIMITED,
        })
    }
}

fn seconds<'a>(reader: &mut Reader<'a>, node: &'a Node) -> Option<i64> {
    integer_between(0, TIMESTAMP_SECONDS_MAX)(reader, node)
}

/// The end. Where the start was refused, any end from now on passes.
fn end_seconds<'a>(
    start_seconds: Option<i64>,
    now: Timestamp,
) -> impl Fn(&mut Reader<'a>, &'a Node) -> Option<i64> {
    move |reader, node| {
        let end = seconds(reader, node)?;
        if start_seconds.is_some_and(|start| end < start) {
            reader.report("Must not be before startTimestamp");
        }
        if end < now.as_seconds() {
            reader.report("Must not be before the current date and time");
        }
        Some(end)
    }
}

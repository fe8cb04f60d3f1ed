//! What a coupon gives.

use serde::Serialize;

use super::limits::{AMOUNT_MAX, REWARD_PERCENT_MAX, REWARD_PERCENT_MIN};
use crate::message::node::Node;
use crate::message::reader::{Object, Reader};
use crate::message::value::{integer_between, integer_from};

/// The kind of a coupon, and what it is worth where it says so.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Reward {
    Discount(DiscountReward),
    Free(FreeReward),
    Gift(GiftReward),
    CashBack(CashBackReward),
    Others(OthersReward),
}

shape! {
    /// Something off the price.
    DiscountReward ["discount"] {
        required {
            price_info "priceInfo": DiscountPrice = DiscountPrice::read;
        }
    }
}

shape! {
    /// Something for nothing.
    FreeReward ["free"] {}
}

shape! {
    /// A present.
    GiftReward ["gift"] {}
}

shape! {
    /// Something given back.
    CashBackReward ["cashBack"] {
        required {
            price_info "priceInfo": CashBackPrice = CashBackPrice::read;
        }
    }
}

shape! {
    /// What has no other kind.
    OthersReward ["others"] {}
}

/// How a discount is shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum DiscountPrice {
    Fixed(FixedPrice),
    Percentage(PercentagePrice),
    Explicit(ExplicitPrice),
}

/// How cashback is shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum CashBackPrice {
    Fixed(FixedPrice),
    Percentage(PercentagePrice),
}

shape! {
    /// An amount in whole units of the currency of the account's country.
    FixedPrice ["fixed"] {
        required {
            fixed_amount "fixedAmount": i64 = amount;
        }
    }
}

shape! {
    /// A part of the price.
    PercentagePrice ["percentage"] {
        required {
            percentage "percentage": i64 =
                integer_between(REWARD_PERCENT_MIN, REWARD_PERCENT_MAX);
        }
    }
}

shape! {
    /// The price before and after, in whole units of the currency of the account's country.
    ExplicitPrice ["explicit"] {
        required {
            original_price "originalPrice": i64 = amount;
            price_after_discount "priceAfterDiscount": i64 = amount;
        }
    }
}

impl Reward {
    pub(super) fn read<'a>(reader: &mut Reader<'a>, node: &'a Node) -> Option<Self> {
        let tags = ["discount", "free", "gift", "cashBack", "others"];
        reader.typed(node, &tags, |reader, object, tag| {
            if !matches!(tag, "discount" | "cashBack") {
                reader.forbid(object, &["priceInfo"]);
            }
            Some(match tag {
                "discount" => Self::Discount(DiscountReward::fields(reader, object)?),
                "free" => Self::Free(FreeReward::fields(reader, object)?),
                "gift" => Self::Gift(GiftReward::fields(reader, object)?),
                "cashBack" => Self::CashBack(CashBackReward::fields(reader, object)?),
                _ => Self::Others(OthersReward::fields(reader, object)?),
            })
        })
    }
}

impl DiscountPrice {
    fn read<'a>(reader: &mut Reader<'a>, node: &'a Node) -> Option<Self> {
        let tags = ["fixed", "percentage", "explicit"];
        reader.typed(node, &tags, |reader, object, tag| {
            forbid_others(reader, object, tag);
            Some(match tag {
                "fixed" => Self::Fixed(FixedPrice::fields(reader, object)?),
                "percentage" => Self::Percentage(PercentagePrice::fields(reader, object)?),
                _ => Self::Explicit(ExplicitPrice::fields(reader, object)?),
            })
        })
    }
}

impl CashBackPrice {
    fn read<'a>(reader: &mut Reader<'a>, node: &'a Node) -> Option<Self> {
        reader.typed(node, &["fixed", "percentage"], |reader, object, tag| {
            forbid_others(reader, object, tag);
            Some(match tag {
                "fixed" => Self::Fixed(FixedPrice::fields(reader, object)?),
                _ => Self::Percentage(PercentagePrice::fields(reader, object)?),
            })
        })
    }
}

/// The prices of the other types of price.
fn forbid_others<'a>(reader: &mut Reader<'a>, object: &mut Object<'a>, tag: &str) {
    reader.forbid(
        object,
        match tag {
            "fixed" => &["percentage", "originalPrice", "priceAfterDiscount"],
            "percentage" => &["fixedAmount", "originalPrice", "priceAfterDiscount"],
            _ => &["fixedAmount", "percentage"],
        },
    );
}

fn amount<'a>(reader: &mut Reader<'a>, node: &'a Node) -> Option<i64> {
    integer_from(1, AMOUNT_MAX)(reader, node)
}

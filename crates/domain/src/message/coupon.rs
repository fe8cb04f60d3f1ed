//! Coupon messages: a coupon that exists already, by its id.

use super::limits::{COUPON_ID_LENGTH_MAX, DELIVERY_TAG_LENGTH_MAX};
use super::value::word;

shape! {
    /// A coupon, and the name of the way on which it was shown.
    CouponMessage ["coupon"] {
        required {
            coupon_id "couponId": String = word(COUPON_ID_LENGTH_MAX, "-_");
        }
        optional {
            delivery_tag "deliveryTag": String = word(DELIVERY_TAG_LENGTH_MAX, "_");
        }
    }
}

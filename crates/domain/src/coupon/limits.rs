//! Every limit of a coupon, with its unit.
//!
//! Source: LINE's Messaging API reference and OpenAPI specification. Coupons are not on LINE's list
//! of what is counted in grapheme clusters, so their texts count in UTF-16 code units.

/// UTF-16 code units of the title; at least one.
pub const TITLE_LENGTH_MAX: usize = 60;
/// UTF-16 code units of the guidelines.
pub const DESCRIPTION_LENGTH_MAX: usize = 1_000;
/// UTF-16 code units of the conditions of use.
pub const USAGE_CONDITION_LENGTH_MAX: usize = 100;
/// UTF-16 code units of the code that is shown.
pub const COUPON_CODE_LENGTH_MAX: usize = 16;
/// Percent of those who draw that win.
pub const LOTTERY_PERCENT_MIN: i64 = 1;
pub const LOTTERY_PERCENT_MAX: i64 = 99;
/// Coupons that can be won, where that is limited.
pub const ACQUIRE_COUNT_MAX: i64 = 999_999;
/// Percent of the price that are taken off or given back.
pub const REWARD_PERCENT_MIN: i64 = 1;
pub const REWARD_PERCENT_MAX: i64 = 99;
/// Whole units of the account's currency. Ours: beyond it JavaScript's numbers are not exact.
pub const AMOUNT_MAX: i64 = (1 << 53) - 1;
/// Seconds since 1970. Ours: the end of the year 9999.
pub const TIMESTAMP_SECONDS_MAX: i64 = 253_402_300_799;
/// Coupons of one account that are not closed.
pub const COUPONS_MAX: u64 = 5_000;

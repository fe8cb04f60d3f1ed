//! Amounts of money, exact.

use billing::report::decimal;
use domain::money::Money;
use serde::Serialize;
use utoipa::ToSchema;

/// Money, net of VAT.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Amount {
    /// Decimal digits, exact, without thousands: a number would lose some of them.
    #[schema(example = "6.5")]
    pub amount: String,
    #[schema(example = "KRW")]
    pub currency: &'static str,
}

impl From<Money> for Amount {
    fn from(money: Money) -> Self {
        Self {
            amount: decimal(money),
            currency: money.currency().code(),
        }
    }
}

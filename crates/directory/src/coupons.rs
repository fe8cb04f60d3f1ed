//! Coupons: made once, closed for good.

use std::time::Duration;

use domain::coupon::limits::COUPONS_MAX;
use domain::coupon::{
    AcquisitionCondition, Count, CouponFacts, CouponId, CouponRequest, CouponState,
};
use domain::id::{AccountId, BusinessId};
use domain::time::Timestamp;
use store::StoreError;
use store::coupon::StoredCoupon;

use crate::{Directory, Error};

/// Why something about a coupon is not done.
#[derive(Debug, thiserror::Error)]
pub enum CouponError {
    #[error("there is no such coupon")]
    NoCoupon,
    #[error("the coupon is closed")]
    Closed,
    #[error("an account has at most {COUPONS_MAX} coupons that are not closed")]
    Full,
    #[error(transparent)]
    Other(#[from] Error),
}

impl From<StoreError> for CouponError {
    fn from(error: StoreError) -> Self {
        Self::Other(error.into())
    }
}

impl Directory {
    /// Makes a coupon, which can be sent at once.
    pub async fn add_coupon(
        &self,
        business: BusinessId,
        account: AccountId,
        request: &CouponRequest,
    ) -> Result<CouponId, CouponError> {
        let account = self.account(business, account).await?.id;
        let (probability, acquire_max) = match &request.acquisition_condition {
            AcquisitionCondition::Normal(_) => (None, Count::Unlimited),
            AcquisitionCondition::Lottery(lottery) => (
                u8::try_from(lottery.lottery_probability).ok(),
                lottery.max_acquire_count,
            ),
        };
        let coupon = StoredCoupon {
            account,
            facts: CouponFacts {
                id: CouponId::from_bytes(self.ids.next_bytes()),
                state: CouponState::Running,
                starts_at: at_second(request.start_seconds),
                // The whole of its last second.
                ends_at: at_second(request.end_seconds) + Duration::from_millis(999),
                probability,
                acquire_max,
                uses_max: request.max_use_count_per_ticket,
                acquired: 0,
            },
            title: request.title.clone(),
            content: request.to_json(),
            used: 0,
            created_at: self.clock.now(),
            closed_at: None,
        };
        let mut write = self.store.write().await?;
        if write.count_open_coupons(account).await? >= COUPONS_MAX {
            return Err(CouponError::Full);
        }
        write.insert_coupon(&coupon).await?;
        write.commit().await?;
        Ok(coupon.facts.id)
    }

    /// Closes a coupon: nobody gets it, uses it or is sent it any more.
    pub async fn close_coupon(
        &self,
        business: BusinessId,
        account: AccountId,
        id: CouponId,
    ) -> Result<(), CouponError> {
        let account = self.account(business, account).await?.id;
        let mut write = self.store.write().await?;
        let found = write.coupon(account, id).await?;
        let coupon = found.ok_or(CouponError::NoCoupon)?;
        if coupon.facts.state == CouponState::Closed {
            return Err(CouponError::Closed);
        }
        write.close_coupon(id, self.clock.now()).await?;
        Ok(write.commit().await?)
    }
}

fn at_second(seconds: i64) -> Timestamp {
    Timestamp::from_millis(seconds.saturating_mul(1_000))
}

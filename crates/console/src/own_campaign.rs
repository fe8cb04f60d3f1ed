//! A campaign of the account whose desk it is asked at; any other is not there.

use domain::id::CampaignId;
use serde::Deserialize;
use store::StoreError;
use store::campaign::Campaign;

use crate::desk::Desk;
use crate::error::Error;

/// The campaign in a path: `/console/{handle}/campaigns/{campaign}/…`.
#[derive(Debug, Deserialize)]
pub struct CampaignPath {
    campaign: String,
}

/// The broadcast that the path names, or the test of one, if it is this account's.
pub async fn own_campaign(desk: &Desk, path: &CampaignPath) -> Result<Campaign, Error> {
    let id: CampaignId = path.campaign.parse().map_err(|_| Error::NotFound)?;
    let campaign = match desk.store.campaign(id).await {
        Err(StoreError::NotFound(_)) => return Err(Error::NotFound),
        found => found?,
    };
    let is_own = campaign.business == desk.business.id && campaign.account == desk.account.id;
    match is_own && !campaign.kind.is_standing() {
        true => Ok(campaign),
        false => Err(Error::NotFound),
    }
}

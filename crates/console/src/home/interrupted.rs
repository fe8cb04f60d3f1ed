//! What an unclean end of the program interrupted of this account, and whether the books of its
//! business close: told for a day.

use std::time::Duration;

use store::Snapshot;

use crate::campaign_words::called;
use crate::campaigns::moment;
use crate::desk::Desk;
use crate::error::Error;

const TOLD_FOR: Duration = Duration::from_secs(24 * 3_600);
/// Campaigns that are named.
const CAMPAIGNS_MAX: u32 = 20;

/// The latest interruption, in words.
pub(super) struct Interrupted {
    pub(super) at: String,
    /// What each is called, and where its page is.
    pub(super) campaigns: Vec<(String, String)>,
    /// When the books were checked afterwards, and whether they close.
    pub(super) checked: Option<(String, bool)>,
}

pub(super) async fn read(snapshot: &Snapshot, desk: &Desk) -> Result<Option<Interrupted>, Error> {
    let since = desk.now - TOLD_FOR;
    let found = snapshot.interrupted_of_account(desk.account.id, since, CAMPAIGNS_MAX);
    let mut found = found.await?;
    let Some(latest) = found.first().cloned() else {
        return Ok(None);
    };
    found.retain(|campaign| campaign.noticed_at == latest.noticed_at);
    let named = found.iter().filter(|campaign| campaign.is_broadcast);
    Ok(Some(Interrupted {
        at: moment(desk, latest.interrupted_at),
        campaigns: named
            .map(|campaign| {
                let path = desk.at(&format!("/campaigns/{}", campaign.campaign));
                (called(&desk.words, &campaign.name), path)
            })
            .collect(),
        // Of one business, so all were checked together.
        checked: latest
            .checked
            .map(|(at, closes)| (moment(desk, at), closes)),
    }))
}

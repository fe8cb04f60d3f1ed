//! Campaigns as a brand writes them, checked as a whole before anything is stored.

use domain::audience::Audience;
use domain::campaign::{CampaignEvent, Purpose};
use domain::id::{AccountId, BusinessId, CampaignId};
use domain::message::{self, Rules, ValidationError};
use domain::schedule::Schedule;
use domain::shortage::IfShort;
use store::Write;
use store::campaign::{Campaign, CampaignDraft};
use store::directory::Account;

use crate::organisation::{checked_name, checked_rate};
use crate::{Directory, Error};

/// Pushes of one campaign may begin this long after its launch, at most: a week.
pub const LIFETIME_SECONDS_MAX: u32 = 7 * 24 * 60 * 60;

/// A campaign as it is asked for.
#[derive(Debug, Clone)]
pub struct CampaignRequest<'a> {
    pub name: &'a str,
    pub purpose: Purpose,
    /// A JSON array of message objects.
    pub messages: &'a str,
    /// The JSON of an audience; `None` is every friend.
    pub audience: Option<&'a str>,
    pub schedule: &'a Schedule,
    pub rate_per_second: Option<u32>,
    pub lifetime_seconds: u32,
    /// What happens where there is not enough money for everybody.
    pub if_short: IfShort,
}

/// How far a campaign goes when it is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Finish {
    /// Somebody looks at it first.
    Draft,
    /// It needs no second person: approved, or scheduled where it has a time.
    Approved,
}

impl Directory {
    /// Writes a campaign that needs no second person: approved, or scheduled where it has a time.
    pub async fn add_campaign(
        &self,
        business: BusinessId,
        account: AccountId,
        request: &CampaignRequest<'_>,
        rules: &Rules,
    ) -> Result<Campaign, Error> {
        let account = self.account(business, account).await?;
        let draft = self.checked(&account, request, rules).await?;
        let mut write = self.store.write().await?;
        let campaign = Self::insert(&mut write, &draft, Finish::Approved).await?;
        write.commit().await?;
        Ok(campaign)
    }

    pub(crate) async fn insert(
        write: &mut Write,
        draft: &CampaignDraft,
        finish: Finish,
    ) -> Result<Campaign, Error> {
        write.insert_campaign(draft).await?;
        match finish {
            Finish::Draft => Ok(write.campaign(draft.id).await?),
            Finish::Approved => Self::approve(write, draft.id, draft.scheduled_for.is_some()).await,
        }
    }

    /// The request as a row, or what is wrong with it.
    pub(crate) async fn checked(
        &self,
        account: &Account,
        request: &CampaignRequest<'_>,
        rules: &Rules,
    ) -> Result<CampaignDraft, Error> {
        let now = self.clock.now();
        let messages = message::parse(request.messages, rules)
            .map_err(|errors| Error::refused("messages", in_words("messages", &errors)))?;
        let audience = match request.audience {
            None => Audience::ALL,
            Some(json) => Audience::parse(json)
                .map_err(|errors| Error::refused("audience", in_words("audience", &errors)))?,
        };
        self.expect_own_lists(account.id, &audience).await?;
        self.expect_own_groups(account.id, &audience).await?;
        let start = request.schedule.resolve(now);
        let start = start.map_err(|why| Error::refused("schedule", why))?;
        let is_scheduled = *request.schedule != Schedule::Now;
        Ok(CampaignDraft {
            id: self.ids.next(),
            business: account.business,
            account: account.id,
            name: checked_name("name", request.name)?,
            purpose: request.purpose,
            messages: messages.to_json(),
            audience: audience.to_json(),
            schedule: request.schedule.to_json(),
            scheduled_for: is_scheduled.then_some(start),
            rate_per_second: request.rate_per_second.map(checked_rate).transpose()?,
            lifetime_seconds: checked_lifetime(request.lifetime_seconds)?,
            if_short: request.if_short,
            created_at: now,
        })
    }

    /// Another account's list is as unknown here as one that nobody has.
    pub(crate) async fn expect_own_lists(
        &self,
        account: AccountId,
        audience: &Audience,
    ) -> Result<(), Error> {
        let named = audience.expression.lists();
        if named.is_empty() {
            return Ok(());
        }
        let own = self.store.lists_of_account(account).await?;
        match named
            .iter()
            .find(|id| own.iter().all(|list| list.id != **id))
        {
            Some(id) => Err(Error::refused(
                "audience",
                format!("the account has no list {id}"),
            )),
            None => Ok(()),
        }
    }

    /// The same of audience groups. Whether they are ready is asked at the launch.
    async fn expect_own_groups(
        &self,
        account: AccountId,
        audience: &Audience,
    ) -> Result<(), Error> {
        for id in audience.expression.groups() {
            if self.store.audience_group(account, id).await?.is_none() {
                let why = format!("the account has no audience group {id}");
                return Err(Error::refused("audience", why));
            }
        }
        Ok(())
    }

    /// Moves what was just written on: it needs no second person.
    pub(crate) async fn approve(
        write: &mut Write,
        id: CampaignId,
        is_scheduled: bool,
    ) -> Result<Campaign, Error> {
        let campaign = write.campaign_to_move(id).await?;
        write
            .move_campaign(&campaign, CampaignEvent::Approve)
            .await?;
        let campaign = write.campaign_to_move(id).await?;
        if !is_scheduled {
            return Ok(campaign);
        }
        write
            .move_campaign(&campaign, CampaignEvent::Schedule)
            .await?;
        Ok(write.campaign(id).await?)
    }
}

pub(crate) fn checked_lifetime(seconds: u32) -> Result<u32, Error> {
    match seconds {
        1..=LIFETIME_SECONDS_MAX => Ok(seconds),
        _ => {
            let why = format!("is 1 to {LIFETIME_SECONDS_MAX} seconds, not {seconds}");
            Err(Error::refused("lifetime", why))
        }
    }
}

/// Every fault with its place, where it has one beyond the whole.
fn in_words(root: &str, errors: &[ValidationError]) -> String {
    let words = errors.iter().map(|error| match error.property.as_str() {
        "" => error.message.clone(),
        property if property == root => error.message.clone(),
        property => format!("{property}: {}", error.message),
    });
    words.collect::<Vec<_>>().join("; ")
}

#[cfg(test)]
mod tests;

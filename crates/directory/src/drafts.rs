//! Drafts: a campaign from its first word to the moment it is finished.
//!
//! What is written is kept as it is, finished or not, part by part, and checked as a whole only
//! when somebody asks for it to be sent. A save says which version it began from, so that nobody's
//! words vanish under another's.

use domain::audience::Audience;
use domain::campaign::{CampaignEvent, CampaignState, Purpose};
use domain::id::{AccountId, BusinessId, CampaignId, MemberId};
use domain::message::Rules;
use domain::schedule::Schedule;
use domain::shortage::IfShort;
use store::campaign::{Campaign, CampaignDraft};
use store::draft::{DraftPart, Part};
use store::{StoreError, Write};

use crate::organisation::NAME_CHARS_MAX;
use crate::{CampaignRequest, Directory, Error};

/// Bytes of one part: the largest message with everything around it.
pub const PART_BYTES_MAX: usize = 512 * 1024;
/// Bytes of the name a window goes by.
pub const WRITER_BYTES_MAX: usize = 64;
/// How long after its launch pushes of a campaign may begin, unless it says otherwise: a day.
const LIFETIME_SECONDS: u32 = 24 * 60 * 60;

/// One save of one part.
#[derive(Debug, Clone)]
pub struct Save<'a> {
    pub part: Part,
    /// The version it began from; 0 where the part was never saved.
    pub from_version: u32,
    pub content: &'a str,
    /// The window it comes from: what one window saves twice is saved once.
    pub writer: &'a str,
    /// What the campaign is called, where this part says so.
    pub name: Option<&'a str>,
}

/// What became of a save.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Saved {
    /// It stands, as this version.
    Done { version: u32 },
    /// Somebody else saved since: nothing is overwritten, and theirs is here to be shown.
    Conflict(DraftPart),
}

impl Directory {
    /// An empty draft. Its parts begin with `parts`, which may be none.
    pub async fn begin_draft(
        &self,
        business: BusinessId,
        account: AccountId,
        member: MemberId,
        name: &str,
        parts: &[(Part, String)],
    ) -> Result<CampaignId, Error> {
        let account = self.account(business, account).await?;
        let now = self.clock.now();
        let draft = CampaignDraft {
            id: self.ids.next(),
            business,
            account: account.id,
            name: shortened(name),
            purpose: Purpose::Promotion,
            messages: "[]".to_owned(),
            audience: Audience::ALL.to_json(),
            schedule: Schedule::Now.to_json(),
            scheduled_for: None,
            rate_per_second: None,
            lifetime_seconds: LIFETIME_SECONDS,
            if_short: IfShort::default(),
            created_at: now,
        };
        let mut write = self.store.write().await?;
        write.insert_campaign(&draft).await?;
        for (part, content) in parts {
            let part = DraftPart {
                part: *part,
                version: 1,
                content: checked_content(content)?,
                writer: String::new(),
                updated_at: now,
                updated_by: member,
            };
            write.save_draft_part(draft.id, &part).await?;
        }
        write.commit().await?;
        Ok(draft.id)
    }

    /// Saves one part of a draft, unless somebody else saved it since.
    pub async fn save_draft(
        &self,
        business: BusinessId,
        account: AccountId,
        campaign: CampaignId,
        member: MemberId,
        save: &Save<'_>,
    ) -> Result<Saved, Error> {
        let content = checked_content(save.content)?;
        let writer: String = save.writer.chars().take(WRITER_BYTES_MAX).collect();
        let mut write = self.store.write().await?;
        let found = write.campaign(campaign).await?;
        expect_own(&found, business, account)?;
        expect_draft(&found)?;
        let parts = write.draft_parts(campaign).await?;
        let there = parts.into_iter().find(|part| part.part == save.part);
        let version = there.as_ref().map_or(0, |part| part.version);
        if let Some(there) = there {
            // Saved already, and the answer was lost: saved once.
            if there.content == content {
                return Ok(Saved::Done { version });
            }
            let is_own_next = !writer.is_empty() && there.writer == writer;
            if version != save.from_version && !is_own_next {
                return Ok(Saved::Conflict(there));
            }
        }
        let part = DraftPart {
            part: save.part,
            version: version + 1,
            content,
            writer,
            updated_at: self.clock.now(),
            updated_by: member,
        };
        write.save_draft_part(campaign, &part).await?;
        if let Some(name) = save.name {
            write.set_campaign_name(campaign, &shortened(name)).await?;
        }
        write.commit().await?;
        Ok(Saved::Done {
            version: part.version,
        })
    }

    /// Writes the finished campaign over its draft: approved, or scheduled where it has a time. All
    /// of `request` is checked as [`Directory::add_campaign`] does. `versions` are those of the
    /// parts it was made from: where one was saved since, this is a conflict and nothing is
    /// changed.
    pub async fn finish_draft(
        &self,
        business: BusinessId,
        account: AccountId,
        campaign: CampaignId,
        versions: &[(Part, u32)],
        request: &CampaignRequest<'_>,
        rules: &Rules,
    ) -> Result<Campaign, Error> {
        let account = self.account(business, account).await?;
        let draft = CampaignDraft {
            id: campaign,
            ..self.checked(&account, request, rules).await?
        };
        let is_scheduled = draft.scheduled_for.is_some();
        let mut write = self.store.write().await?;
        let found = write.campaign(campaign).await?;
        expect_own(&found, business, account.id)?;
        expect_draft(&found)?;
        for part in write.draft_parts(campaign).await? {
            let expected = versions.iter().find(|(known, _)| *known == part.part);
            if expected.is_none_or(|(_, version)| *version != part.version) {
                return Err(StoreError::Conflict("the draft").into());
            }
        }
        write.rewrite_campaign(&draft).await?;
        let campaign = Self::approve(&mut write, campaign, is_scheduled).await?;
        write.commit().await?;
        Ok(campaign)
    }

    /// Takes a finished campaign back to be written on: it is a draft again and is not sent at its
    /// time. The parts are as they were left.
    pub async fn reopen(
        &self,
        business: BusinessId,
        account: AccountId,
        campaign: CampaignId,
    ) -> Result<(), Error> {
        self.step(business, account, campaign, CampaignEvent::Edit)
            .await
    }

    /// Throws away what was not launched.
    pub async fn discard(
        &self,
        business: BusinessId,
        account: AccountId,
        campaign: CampaignId,
    ) -> Result<(), Error> {
        self.step(business, account, campaign, CampaignEvent::Discard)
            .await
    }

    async fn step(
        &self,
        business: BusinessId,
        account: AccountId,
        campaign: CampaignId,
        event: CampaignEvent,
    ) -> Result<(), Error> {
        let mut write = self.store.write().await?;
        step(&mut write, business, account, campaign, event).await?;
        Ok(write.commit().await?)
    }
}

pub(crate) async fn step(
    write: &mut Write,
    business: BusinessId,
    account: AccountId,
    campaign: CampaignId,
    event: CampaignEvent,
) -> Result<(), Error> {
    let found = write.campaign(campaign).await?;
    expect_own(&found, business, account)?;
    found
        .state
        .after(event)
        .map_err(|why| Error::refused("state", why))?;
    write.move_campaign(&found, event).await?;
    Ok(())
}

pub(crate) fn expect_own(
    campaign: &Campaign,
    business: BusinessId,
    account: AccountId,
) -> Result<(), Error> {
    match campaign.business == business && campaign.account == account {
        true => Ok(()),
        false => Err(Error::NotFound(format!("campaign {}", campaign.id))),
    }
}

pub(crate) fn expect_draft(campaign: &Campaign) -> Result<(), Error> {
    match campaign.state {
        CampaignState::Draft => Ok(()),
        state => Err(Error::refused("state", format!("it is {state}, no draft"))),
    }
}

fn checked_content(content: &str) -> Result<String, Error> {
    match content.len() <= PART_BYTES_MAX {
        true => Ok(content.to_owned()),
        false => {
            let why = format!("is larger than {PART_BYTES_MAX} bytes");
            Err(Error::refused("content", why))
        }
    }
}

/// A name that is being typed: as much of it as a name may have. An empty one is a draft's right.
fn shortened(name: &str) -> String {
    let printable = name.chars().filter(|c| !c.is_control());
    printable.take(NAME_CHARS_MAX).collect()
}

#[cfg(test)]
mod tests;

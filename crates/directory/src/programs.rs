//! Campaigns as brands' programs write them: the same as everybody's, inside writes of their
//! callers, who keep in the same commit what the program was answered.
//!
//! Once somebody writes on a campaign on a page, its parts are what it says, and it is finished
//! there: a program neither approves nor schedules words that it has not seen.

use domain::audience::Audience;
use domain::campaign::{CampaignEvent, CampaignKind, CampaignState};
use domain::id::{AccountId, BusinessId, CampaignId};
use domain::message::{self, Rules, ValidationError};
use domain::schedule::Schedule;
use store::campaign::{Campaign, CampaignDraft};
use store::directory::Account;
use store::{StoreError, Write};

use crate::campaigns::checked_lifetime;
use crate::drafts::{expect_draft, expect_own, step};
use crate::organisation::{checked_name, checked_rate};
use crate::{CampaignRequest, Directory, Error, Finish};

impl Directory {
    /// Everything that is wrong with a request, each with the path of its property; nothing where
    /// it can be written.
    pub async fn faults(
        &self,
        account: &Account,
        request: &CampaignRequest<'_>,
        rules: &Rules,
    ) -> Result<Vec<ValidationError>, Error> {
        let mut faults = Vec::new();
        note(&mut faults, "name", checked_name("name", request.name))?;
        match message::parse(request.messages, rules) {
            Ok(messages) => faults.extend(messages.misplaced(false)),
            Err(errors) => faults.extend(errors),
        }
        match request.audience.map(Audience::parse).transpose() {
            Ok(Some(audience)) => {
                let own = self.expect_own_lists(account.id, &audience).await;
                note(&mut faults, "audience", own)?;
            }
            Ok(None) => {}
            Err(errors) => faults.extend(errors),
        }
        if let Err(why) = request.schedule.resolve(self.clock.now()) {
            faults.push(fault("schedule", why.to_string()));
        }
        let rate = request.rate_per_second.map(checked_rate).transpose();
        note(&mut faults, "rate_per_second", rate)?;
        let lifetime = checked_lifetime(request.lifetime_seconds);
        note(&mut faults, "lifetime_seconds", lifetime)?;
        Ok(faults)
    }

    /// Writes a campaign as far as `finish` says.
    pub async fn write_campaign(
        &self,
        write: &mut Write,
        account: &Account,
        request: &CampaignRequest<'_>,
        rules: &Rules,
        finish: Finish,
    ) -> Result<Campaign, Error> {
        let draft = self.checked(account, request, rules).await?;
        Self::insert(write, &draft, finish).await
    }

    /// Approves a draft as it stands: it is scheduled where it has a time.
    pub async fn approve_campaign(
        &self,
        write: &mut Write,
        business: BusinessId,
        account: AccountId,
        id: CampaignId,
        rules: &Rules,
    ) -> Result<Campaign, Error> {
        let found = written(write, business, account, id).await?;
        expect_draft(&found)?;
        let schedule = schedule_of(&found)?;
        self.finish(write, &found, &schedule, rules).await
    }

    /// Gives a campaign that is not launched another time, whatever it had, and approves it.
    pub async fn schedule_campaign(
        &self,
        write: &mut Write,
        business: BusinessId,
        account: AccountId,
        id: CampaignId,
        schedule: &Schedule,
        rules: &Rules,
    ) -> Result<Campaign, Error> {
        let found = written(write, business, account, id).await?;
        if found.state != CampaignState::Draft {
            step(write, business, account, id, CampaignEvent::Edit).await?;
        }
        self.finish(write, &found, schedule, rules).await
    }

    /// Throws away what was not launched.
    pub async fn discard_campaign(
        &self,
        write: &mut Write,
        business: BusinessId,
        account: AccountId,
        id: CampaignId,
    ) -> Result<Campaign, Error> {
        let found = own(write, business, account, id).await?;
        step(write, business, account, found.id, CampaignEvent::Discard).await?;
        Ok(write.campaign(id).await?)
    }

    /// What a program may go on with: a campaign that nobody writes on a page.
    pub async fn expect_written(
        &self,
        write: &mut Write,
        business: BusinessId,
        account: AccountId,
        id: CampaignId,
    ) -> Result<Campaign, Error> {
        written(write, business, account, id).await
    }

    /// Checked anew, because time has passed and rules may have changed.
    async fn finish(
        &self,
        write: &mut Write,
        found: &Campaign,
        schedule: &Schedule,
        rules: &Rules,
    ) -> Result<Campaign, Error> {
        let account = self.account(found.business, found.account).await?;
        let request = CampaignRequest {
            name: &found.name,
            purpose: found.purpose,
            messages: &found.messages,
            audience: Some(&found.audience),
            schedule,
            rate_per_second: found.rate_per_second,
            lifetime_seconds: found.lifetime_seconds,
            if_short: found.if_short,
        };
        let draft = CampaignDraft {
            id: found.id,
            ..self.checked(&account, &request, rules).await?
        };
        write.rewrite_campaign(&draft).await?;
        Self::approve(write, draft.id, draft.scheduled_for.is_some()).await
    }
}

/// A broadcast of the account, to be moved. Days of API sending and tests are not there.
async fn own(
    write: &mut Write,
    business: BusinessId,
    account: AccountId,
    id: CampaignId,
) -> Result<Campaign, Error> {
    let found = write.campaign_to_move(id).await?;
    expect_own(&found, business, account)?;
    match found.kind {
        CampaignKind::Broadcast => Ok(found),
        CampaignKind::Test | CampaignKind::Standing(_) => {
            Err(Error::NotFound(format!("campaign {id}")))
        }
    }
}

async fn written(
    write: &mut Write,
    business: BusinessId,
    account: AccountId,
    id: CampaignId,
) -> Result<Campaign, Error> {
    let found = own(write, business, account, id).await?;
    match write.draft_parts(id).await?.is_empty() {
        true => Ok(found),
        false => Err(Error::refused(
            "state",
            "it is written on its pages, and finished there",
        )),
    }
}

fn schedule_of(campaign: &Campaign) -> Result<Schedule, StoreError> {
    Schedule::parse(&campaign.schedule).map_err(|errors| StoreError::Corrupt {
        table: "campaign",
        column: "schedule",
        why: format!("{errors:?}"),
    })
}

/// What was refused becomes a fault of a property; any other error stays one.
fn note<T>(
    faults: &mut Vec<ValidationError>,
    property: &str,
    checked: Result<T, Error>,
) -> Result<(), Error> {
    match checked {
        Ok(_) => Ok(()),
        Err(Error::Refused { why, .. }) => {
            faults.push(fault(property, why));
            Ok(())
        }
        Err(error) => Err(error),
    }
}

fn fault(property: &str, message: String) -> ValidationError {
    ValidationError {
        message,
        property: property.to_owned(),
    }
}

#[cfg(test)]
mod tests;

//! Audience groups: audiences kept under a number, their members, and the uploads that fill them.
//!
//! Members stand in words of 64 user numbers, so that a million and a half of them are some tens of
//! thousands of rows, and an audience looks one up by a key. A group that was deleted is found by
//! nobody, but its members stay until no campaign is still being cut from them.

mod job; // uploads: queued, worked at, ended
mod member; // words of user numbers

use domain::audience_group::{
    AudienceGroupId, GroupFailure, GroupKind, GroupRoute, GroupStatus, SHOWN_AFTERWARDS,
};
use domain::campaign::{CampaignState, PauseReason};
use domain::id::{AccountId, BusinessId, CampaignId, RequestId};
use domain::time::Timestamp;
use sea_orm::{ConnectionTrait, Value};

pub use job::{AudienceJob, JobEnd};

use crate::campaign_list::containing;
use crate::contract::coded;
use crate::row::{self, Bind, Row, values};
use crate::standing::{AcceptedRequest, REQUEST, request};
use crate::{Store, StoreError, Write};

/// A group without its members.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AudienceGroup {
    pub id: AudienceGroupId,
    pub account: AccountId,
    /// What it is called.
    pub description: String,
    pub kind: GroupKind,
    pub route: GroupRoute,
    /// As it was stored: see [`AudienceGroup::status_at`].
    pub status: GroupStatus,
    pub failure: Option<GroupFailure>,
    /// Users in it, whether or not they are friends.
    pub members: u64,
    /// What was clicked or seen; `None` of uploaded ids.
    pub source: Option<GroupSource>,
    pub created_at: Timestamp,
    pub expires_at: Timestamp,
}

/// A campaign whose receipts make a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupSource {
    /// As it was asked for: the id of a request, or of the campaign itself.
    pub request: RequestId,
    pub campaign: CampaignId,
    /// Only who clicked this address.
    pub click_url: Option<String>,
}

/// Which groups of an account, the latest first.
#[derive(Debug, Clone, Copy)]
pub struct GroupQuery<'a> {
    pub account: AccountId,
    /// What the description contains, in any case; empty for any.
    pub text: &'a str,
    pub status: Option<GroupStatus>,
    pub route: Option<GroupRoute>,
    pub now: Timestamp,
}

const GROUP: &str = "SELECT id, account, description, kind, route, status, failure, members,
    request, campaign, click_url, created_at, expires_at
    FROM audience_group WHERE deleted_at IS NULL AND";

impl AudienceGroup {
    pub fn status_at(&self, now: Timestamp) -> GroupStatus {
        self.status.at(self.expires_at, now)
    }
}

impl Write {
    /// Keeps a new group; false where its number is taken, so that another is drawn.
    pub async fn insert_audience_group(
        &mut self,
        group: &AudienceGroup,
    ) -> Result<bool, StoreError> {
        let sql = "INSERT INTO audience_group (id, account, description, folded, kind, route,
                     status, members, request, campaign, click_url, created_at, expires_at)
                   VALUES ($1, $2, $3, $4, $5, $6, $7, 0, $8, $9, $10, $11, $12)
                   ON CONFLICT (id) DO NOTHING";
        let source = group.source.as_ref();
        let bound = values![
            group.id.number(),
            group.account,
            group.description.as_str(),
            folded(&group.description),
            group.kind.code(),
            group.route.code(),
            group.status.code(),
            source.map(|source| source.request.as_bytes().to_vec()),
            source.map(|source| source.campaign.as_bytes().to_vec()),
            source.and_then(|source| source.click_url.clone()),
            group.created_at,
            group.expires_at,
        ];
        Ok(row::execute(self.connection(), sql, bound).await? == 1)
    }

    pub async fn audience_group(
        &mut self,
        account: AccountId,
        id: AudienceGroupId,
    ) -> Result<Option<AudienceGroup>, StoreError> {
        find(self.connection(), account, id).await
    }

    /// Groups of an account, those that have expired among them.
    pub async fn count_audience_groups(&mut self, account: AccountId) -> Result<u64, StoreError> {
        let sql = "SELECT COUNT(*) AS groups FROM audience_group
                   WHERE account = $1 AND deleted_at IS NULL";
        let row = row::one(self.connection(), "audience_group", sql, values![account]).await?;
        row.map_or(Ok(0), |row| row.int("groups"))
    }

    /// Whether a group of this kind was made of this request already.
    pub async fn has_group_of_request(
        &mut self,
        account: AccountId,
        kind: GroupKind,
        source: &GroupSource,
    ) -> Result<bool, StoreError> {
        let sql = "SELECT 1 FROM audience_group
                   WHERE account = $1 AND deleted_at IS NULL AND kind = $2 AND request = $3
                     AND COALESCE(click_url, '') = $4";
        let url = source.click_url.as_deref().unwrap_or_default();
        let bound = values![account, kind.code(), source.request, url];
        let row = row::one(self.connection(), "audience_group", sql, bound).await?;
        Ok(row.is_some())
    }

    /// Calls a group something else; false where it is not there.
    pub async fn rename_audience_group(
        &mut self,
        account: AccountId,
        id: AudienceGroupId,
        description: &str,
    ) -> Result<bool, StoreError> {
        let sql = "UPDATE audience_group SET description = $1, folded = $2
                   WHERE account = $3 AND id = $4 AND deleted_at IS NULL";
        let bound = values![description, folded(description), account, id.number()];
        Ok(row::execute(self.connection(), sql, bound).await? == 1)
    }

    /// From now on nobody finds the group; false where nobody does already.
    pub async fn delete_audience_group(
        &mut self,
        account: AccountId,
        id: AudienceGroupId,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let sql = "UPDATE audience_group SET deleted_at = $1
                   WHERE account = $2 AND id = $3 AND deleted_at IS NULL";
        let bound = values![now, account, id.number()];
        Ok(row::execute(self.connection(), sql, bound).await? == 1)
    }

    /// Removes some of what nobody needs any more, of one group; false where nothing is left to
    /// remove. Members of a group go before its row does.
    pub async fn sweep_audience_group(&mut self, now: Timestamp) -> Result<bool, StoreError> {
        let Some((account, id)) = self.dead_group(now).await? else {
            return Ok(false);
        };
        if self.remove_some_members(account, id).await? {
            return Ok(true);
        }
        for sql in [
            "DELETE FROM audience_group_job WHERE account = $1 AND audience_group = $2",
            "DELETE FROM audience_group WHERE account = $1 AND id = $2",
        ] {
            row::execute(self.connection(), sql, values![account, id.number()]).await?;
        }
        Ok(true)
    }

    /// A group that was deleted, or expired a month ago, with no campaign that may still be cut
    /// from it and nothing that is still to be taken into it.
    async fn dead_group(
        &mut self,
        now: Timestamp,
    ) -> Result<Option<(AccountId, AudienceGroupId)>, StoreError> {
        let sql = "SELECT g.id AS id, g.account AS account FROM audience_group g
                   WHERE (g.deleted_at IS NOT NULL OR g.expires_at <= $1)
                     AND NOT EXISTS (SELECT 1 FROM campaign c
                       WHERE c.account = g.account AND c.freeze_ended_at IS NULL
                         AND c.day IS NULL AND c.state IN ($2, $3, $4))
                     AND NOT EXISTS (SELECT 1 FROM audience_group_job j
                       WHERE j.audience_group = g.id AND j.ended_at IS NULL)
                   ORDER BY g.id LIMIT 1";
        let bound = values![
            now - SHOWN_AFTERWARDS,
            CampaignState::Launching.code(),
            CampaignState::Running.code(),
            CampaignState::Paused(PauseReason::Requested).code(),
        ];
        let row = row::one(self.connection(), "audience_group", sql, bound).await?;
        row.map(|row| Ok((row.id("account")?, id_of(&row, "id")?)))
            .transpose()
    }
}

impl Store {
    pub async fn audience_group(
        &self,
        account: AccountId,
        id: AudienceGroupId,
    ) -> Result<Option<AudienceGroup>, StoreError> {
        find(self.reader(), account, id).await
    }

    /// How many groups there are, and some of them behind the first `skipped`.
    pub async fn audience_groups(
        &self,
        query: &GroupQuery<'_>,
        skipped: u64,
        limit: u32,
    ) -> Result<(u64, Vec<AudienceGroup>), StoreError> {
        let (condition, bound) = condition(query);
        let sql = format!(
            "SELECT COUNT(*) AS groups FROM audience_group
             WHERE deleted_at IS NULL AND {condition}"
        );
        let row = row::one(self.reader(), "audience_group", &sql, bound.clone()).await?;
        let count = row.map_or(Ok(0), |row| row.int("groups"))?;
        let places = bound.len();
        let sql = format!(
            "{GROUP} {condition} ORDER BY created_at DESC, id DESC LIMIT ${} OFFSET ${}",
            places + 1,
            places + 2
        );
        let bound = bound.into_iter().chain(values![limit, skipped]);
        let rows = row::all(self.reader(), "audience_group", &sql, bound).await?;
        let groups: Result<Vec<AudienceGroup>, StoreError> = rows.iter().map(group).collect();
        Ok((count, groups?))
    }

    /// A request of a business, whichever of its accounts sent it.
    pub async fn request_of_business(
        &self,
        business: BusinessId,
        id: RequestId,
    ) -> Result<Option<AcceptedRequest>, StoreError> {
        let sql = format!(
            "{REQUEST} id = $1 AND account IN (SELECT id FROM account WHERE business = $2)"
        );
        let row = row::one(self.reader(), "api_request", &sql, values![id, business]).await?;
        row.map(|row| request(&row)).transpose()
    }
}

/// A condition and what it binds, from the first place on.
fn condition(query: &GroupQuery<'_>) -> (String, Vec<Value>) {
    let mut sql = "account = $1 AND folded LIKE $2 ESCAPE '!'".to_owned();
    let text = containing(&folded(query.text));
    let mut bound: Vec<Value> = values![query.account, text].into();
    let mut add = |sql: &mut String, part: &str, value: Value| {
        bound.push(value);
        sql.push_str(&format!(" AND {part} ${}", bound.len()));
    };
    if let Some(route) = query.route {
        add(&mut sql, "route =", route.code().bind());
    }
    match query.status {
        None => {}
        Some(GroupStatus::Expired) => add(&mut sql, "expires_at <=", query.now.bind()),
        Some(status) => {
            add(&mut sql, "status =", status.code().bind());
            add(&mut sql, "expires_at >", query.now.bind());
        }
    }
    (sql, bound)
}

/// A description as it is searched.
fn folded(description: &str) -> String {
    description.to_lowercase()
}

async fn find(
    connection: &impl ConnectionTrait,
    account: AccountId,
    id: AudienceGroupId,
) -> Result<Option<AudienceGroup>, StoreError> {
    let sql = format!("{GROUP} account = $1 AND id = $2");
    let bound = values![account, id.number()];
    let row = row::one(connection, "audience_group", &sql, bound).await?;
    row.map(|row| group(&row)).transpose()
}

fn group(row: &Row) -> Result<AudienceGroup, StoreError> {
    let request: Option<RequestId> = row.optional_id("request")?;
    let campaign: Option<CampaignId> = row.optional_id("campaign")?;
    let click_url: Option<String> = row.get("click_url")?;
    let source = request
        .zip(campaign)
        .map(|(request, campaign)| GroupSource {
            request,
            campaign,
            click_url,
        });
    Ok(AudienceGroup {
        id: id_of(row, "id")?,
        account: row.id("account")?,
        description: row.get("description")?,
        kind: coded(row, "kind", GroupKind::from_code)?,
        route: coded(row, "route", GroupRoute::from_code)?,
        status: coded(row, "status", GroupStatus::from_code)?,
        failure: failure_of(row)?,
        members: row.int("members")?,
        source,
        created_at: row.time("created_at")?,
        expires_at: row.time("expires_at")?,
    })
}

fn id_of(row: &Row, column: &'static str) -> Result<AudienceGroupId, StoreError> {
    let number: i64 = row.get(column)?;
    AudienceGroupId::from_number(number).ok_or_else(|| row.corrupt(column, number))
}

fn failure_of(row: &Row) -> Result<Option<GroupFailure>, StoreError> {
    let code: Option<u8> = row.optional_int("failure")?;
    let read = |code| GroupFailure::from_code(code).ok_or_else(|| row.corrupt("failure", code));
    code.map(read).transpose()
}

#[cfg(test)]
mod tests;

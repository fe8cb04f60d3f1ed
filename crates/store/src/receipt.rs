//! What friends did with what they were sent, read: a campaign's figures, its links, one friend's
//! receipts.
//!
//! Figures are what was added up plus the log entries that were not yet ([`figures`]), so they are
//! right as of the commit they are read at, whenever the last adding was.

pub(crate) mod figures; // the log, added up: in memory for reading, in the tables for good

use std::collections::{BTreeMap, BTreeSet};

use domain::contract::Billable;
use domain::id::{BusinessId, CampaignId, LinkId};
use domain::receipt::{self, HOUR_SECONDS, MINUTE_SECONDS, ReceiptKind, Sum};
use domain::time::Timestamp;
use domain::user::UserNumber;
use roaring::RoaringBitmap;
use sea_orm::ConnectionTrait;

use crate::contract::coded;
use crate::row::{self, Row, values};
use crate::{Snapshot, Store, StoreError};

/// What became of a campaign after it arrived, as of one commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CampaignReceipts {
    /// People it reached: accepted or confirmed, and those of unknown outcome whose receipt proves
    /// that they got it. Never fewer than any of the figures below.
    pub delivered: u64,
    pub opened: Sum,
    pub clicked: Sum,
    /// Friends who blocked the account within 7 days after this was the last that reached them.
    pub blocked_afterwards: u64,
    pub coupon_used: Sum,
    /// In the order of the message.
    pub links: Vec<LinkReceipts>,
    /// People by when they did it first, rising, without the empty stretches; `bucket_seconds`
    /// each.
    pub over_time: Vec<ReceiptBucket>,
    pub bucket_seconds: u32,
}

/// A link of what a campaign sends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CampaignLink {
    pub id: LinkId,
    /// Its place among the campaign's links.
    pub place: u32,
    /// Position of the message it stands in.
    pub message: u32,
    /// JSON pointer in that message.
    pub path: String,
    pub url: String,
    /// What is written on it; empty where nothing is.
    pub label: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkReceipts {
    pub id: LinkId,
    pub message: u32,
    pub label: String,
    pub url: String,
    /// People who clicked it.
    pub unique: u64,
    /// Clicks.
    pub total: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReceiptBucket {
    pub at: Timestamp,
    pub opened: u64,
    pub clicked: u64,
    pub blocked: u64,
}

/// When one person did each kind of thing first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SendReceipts {
    pub opened_at: Option<Timestamp>,
    pub clicked_at: Option<Timestamp>,
    pub blocked_at: Option<Timestamp>,
    pub coupon_used_at: Option<Timestamp>,
}

/// A campaign's launch, as far as receipts hang on it.
struct Launched {
    id: CampaignId,
    month: u16,
    epoch: Timestamp,
    billable: Billable,
}

impl Store {
    /// The figures of a business's campaign; before its launch all are zero.
    pub async fn receipts(
        &self,
        business: BusinessId,
        campaign: CampaignId,
    ) -> Result<CampaignReceipts, StoreError> {
        let snapshot = self.snapshot().await?;
        let receipts = snapshot.receipts(business, campaign).await?;
        snapshot.end().await?;
        Ok(receipts)
    }

    /// The links of a business's campaign, in the order of its message.
    pub async fn links_of_campaign(
        &self,
        business: BusinessId,
        campaign: CampaignId,
    ) -> Result<Vec<CampaignLink>, StoreError> {
        launched(self.reader(), business, campaign).await?;
        links(self.reader(), campaign).await
    }

    /// When these people first opened, clicked, blocked: those who did anything.
    pub async fn receipts_of(
        &self,
        business: BusinessId,
        campaign: CampaignId,
        numbers: &[UserNumber],
    ) -> Result<BTreeMap<UserNumber, SendReceipts>, StoreError> {
        let snapshot = self.snapshot().await?;
        let Some(launched) = launched(snapshot.connection(), business, campaign).await? else {
            return Ok(BTreeMap::new());
        };
        let told = figures::of_people(snapshot.connection(), launched.id, numbers).await?;
        let at = |second: Option<u32>| second.map(|s| receipt::at_second(launched.epoch, s));
        let receipts = told.into_iter().map(|(number, times)| {
            let receipts = SendReceipts {
                opened_at: at(times.first(ReceiptKind::Opened)),
                clicked_at: at(times.first(ReceiptKind::Clicked)),
                blocked_at: at(times.first(ReceiptKind::Blocked)),
                coupon_used_at: at(times.first(ReceiptKind::CouponUsed)),
            };
            (number, receipts)
        });
        let receipts = receipts.collect();
        snapshot.end().await?;
        Ok(receipts)
    }
}

impl Snapshot {
    pub async fn receipts(
        &self,
        business: BusinessId,
        campaign: CampaignId,
    ) -> Result<CampaignReceipts, StoreError> {
        let connection = self.connection();
        let launched = launched(connection, business, campaign).await?;
        let links = links(connection, campaign).await?;
        let Some(launched) = launched else {
            return Ok(CampaignReceipts::nothing());
        };
        let told = figures::of_campaign(connection, campaign).await?;
        let people = |kind| told.sum(kind).people;
        let most = ReceiptKind::ALL.into_iter().map(people).max().unwrap_or(0);
        // Where deliveries are billed, only what the messenger confirms is one.
        let proven = match launched.billable {
            Billable::Accepted => self.proven_by_receipts(&launched).await?,
            Billable::Delivered => 0,
        };
        let recorded = self.recorded_deliveries(&launched).await?;
        let of_link = |link: CampaignLink| {
            let clicks = told.links.get(&link.place).copied().unwrap_or_default();
            LinkReceipts {
                id: link.id,
                message: link.message,
                label: link.label,
                url: link.url,
                unique: clicks.people,
                total: clicks.total,
            }
        };
        let (over_time, bucket_seconds) = course(&told.course, launched.epoch);
        Ok(CampaignReceipts {
            // While it runs, a receipt may be here before the settle of its chunk.
            delivered: (recorded + proven).max(most),
            opened: told.sum(ReceiptKind::Opened),
            clicked: told.sum(ReceiptKind::Clicked),
            blocked_afterwards: people(ReceiptKind::Blocked),
            coupon_used: told.sum(ReceiptKind::CouponUsed),
            links: links.into_iter().map(of_link).collect(),
            over_time,
            bucket_seconds,
        })
    }

    async fn recorded_deliveries(&self, launched: &Launched) -> Result<u64, StoreError> {
        let sql = format!(
            "SELECT (SELECT {} FROM chunk WHERE month = $1 AND campaign = $2)
               + (SELECT COUNT(*) FROM amendment a JOIN chunk c ON c.month = a.month
                    AND c.campaign = a.campaign AND c.number = a.number AND c.round = a.round
                  WHERE a.month = $1 AND a.campaign = $2 AND a.outcome = 2
                    AND c.state >= 10) AS delivered",
            row::sum("accepted")
        );
        let bound = values![launched.month, launched.id];
        let row = row::one(self.connection(), "chunk", &sql, bound).await?;
        row.map_or(Ok(0), |row| row.int("delivered"))
    }

    /// Recipients whose outcome was never known but who have receipts.
    async fn proven_by_receipts(&self, launched: &Launched) -> Result<u64, StoreError> {
        let sql = "SELECT number, round, size, numbers, outcomes FROM chunk
                   WHERE campaign = $1 AND uncertain > 0 AND outcomes IS NOT NULL";
        let rows = row::all(self.connection(), "chunk", sql, values![launched.id]).await?;
        if rows.is_empty() {
            return Ok(0);
        }
        let confirmed = self.confirmed_later(launched).await?;
        let mut unknown = Vec::new();
        for row in &rows {
            let chunk: (u64, u8) = (row.int("number")?, row.int("round")?);
            for (position, number) in figures::undecided_of(row)? {
                if !confirmed.contains(&(chunk.0, chunk.1, position)) {
                    unknown.push(number);
                }
            }
        }
        unknown.sort_unstable();
        unknown.dedup();
        let told = figures::of_people(self.connection(), launched.id, &unknown).await?;
        Ok(told.len() as u64)
    }

    async fn confirmed_later(
        &self,
        launched: &Launched,
    ) -> Result<std::collections::HashSet<(u64, u8, u32)>, StoreError> {
        let sql = "SELECT number, round, position FROM amendment
                   WHERE month = $1 AND campaign = $2 AND outcome = 2";
        let bound = values![launched.month, launched.id];
        let rows = row::all(self.connection(), "amendment", sql, bound).await?;
        let read = |row: &Row| Ok((row.int("number")?, row.int("round")?, row.int("position")?));
        rows.iter().map(read).collect()
    }

    /// Who has receipts of a kind: for audiences and for reconciliation.
    pub async fn people_with_receipts(
        &self,
        campaign: CampaignId,
        kind: ReceiptKind,
    ) -> Result<RoaringBitmap, StoreError> {
        figures::people_with(self.connection(), campaign, kind).await
    }

    /// Who clicked an address of a campaign, wherever it stands in the message.
    pub async fn people_who_clicked(
        &self,
        campaign: CampaignId,
        url: &str,
    ) -> Result<RoaringBitmap, StoreError> {
        let links = links(self.connection(), campaign).await?;
        let wanted = links.iter().filter(|link| link.url == url);
        let wanted: BTreeSet<u32> = wanted.map(|link| link.place).collect();
        figures::clickers_of(self.connection(), campaign, &wanted).await
    }
}

impl CampaignReceipts {
    fn nothing() -> Self {
        Self {
            delivered: 0,
            opened: Sum::default(),
            clicked: Sum::default(),
            blocked_afterwards: 0,
            coupon_used: Sum::default(),
            links: Vec::new(),
            over_time: Vec::new(),
            bucket_seconds: MINUTE_SECONDS,
        }
    }
}

/// A business's campaign; `None` where it was not launched yet.
async fn launched(
    connection: &impl ConnectionTrait,
    business: BusinessId,
    campaign: CampaignId,
) -> Result<Option<Launched>, StoreError> {
    let sql = "SELECT month, launched_at, billable FROM campaign WHERE business = $1 AND id = $2";
    let row = row::one(connection, "campaign", sql, values![business, campaign]).await?;
    let row = row.ok_or_else(|| StoreError::NotFound(format!("campaign {campaign}")))?;
    let Some(launched_at) = row.optional_time("launched_at")? else {
        return Ok(None);
    };
    Ok(Some(Launched {
        id: campaign,
        month: row.int("month")?,
        epoch: receipt::epoch(launched_at),
        billable: coded(&row, "billable", Billable::from_code)?,
    }))
}

pub(crate) async fn links(
    connection: &impl ConnectionTrait,
    campaign: CampaignId,
) -> Result<Vec<CampaignLink>, StoreError> {
    let sql = "SELECT id, place, message, path, url, label FROM link WHERE campaign = $1
               ORDER BY place";
    let rows = row::all(connection, "link", sql, values![campaign]).await?;
    let read = |row: &Row| {
        Ok(CampaignLink {
            id: row.id("id")?,
            place: row.int("place")?,
            message: row.int("message")?,
            path: row.get("path")?,
            url: row.get("url")?,
            label: row.get("label")?,
        })
    };
    rows.iter().map(read).collect()
}

/// By the minute as long as nothing is kept by the hour.
fn course(
    course: &BTreeMap<(ReceiptKind, u32), i64>,
    epoch: Timestamp,
) -> (Vec<ReceiptBucket>, u32) {
    let last = course.keys().map(|(_, second)| *second).max().unwrap_or(0);
    let by_the_minute = u64::from(last) < receipt::BY_THE_MINUTE.as_secs();
    let seconds = match by_the_minute {
        true => MINUTE_SECONDS,
        false => HOUR_SECONDS,
    };
    let mut buckets: BTreeMap<u32, ReceiptBucket> = BTreeMap::new();
    for ((kind, second), people) in course {
        let start = second - second % seconds;
        let bucket = buckets.entry(start).or_insert_with(|| ReceiptBucket {
            at: receipt::at_second(epoch, start),
            opened: 0,
            clicked: 0,
            blocked: 0,
        });
        let people = u64::try_from(*people).unwrap_or(0);
        match kind {
            ReceiptKind::Opened => bucket.opened += people,
            ReceiptKind::Clicked => bucket.clicked += people,
            ReceiptKind::Blocked => bucket.blocked += people,
            ReceiptKind::CouponUsed => {}
        }
    }
    (buckets.into_values().collect(), seconds)
}

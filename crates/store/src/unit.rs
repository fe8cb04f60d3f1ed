//! What friends did with the sends of a unit.
//!
//! Receipts of API sending are counted by campaigns of a day, whose requests name different units
//! or none. So those of a request with a unit are counted once more, under an id that stands for
//! day, unit and number of messages, in the same tables and by the same code.

use std::collections::BTreeMap;

use domain::api_request::{AggregationUnit, receipts_of_unit};
use domain::id::{AccountId, CampaignId, RequestId};
use domain::receipt::{Clickers, ReceiptKind};
use domain::time::LocalDay;
use roaring::RoaringBitmap;
use sea_orm::Value;

use crate::receipt::figures;
use crate::row::{self, Bind, values};
use crate::{Snapshot, StoreError, Write, bulk};

/// What people did with messages that were sent under one unit.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct UnitFigures {
    /// People who opened any of them, and who clicked in any.
    pub opened: u64,
    pub clicked: u64,
    /// In the order of a request's messages; none where nothing was sent.
    pub messages: Vec<Seen>,
    /// By message and address.
    pub links: Vec<UnitLink>,
}

/// How often the messages of one place were seen, and by how many.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Seen {
    pub total: u64,
    pub people: u64,
}

/// One address in the messages of one place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnitLink {
    pub message: u32,
    pub url: String,
    /// Clicks.
    pub total: u64,
    pub people: u64,
    /// Who clicked the address, in whichever message.
    pub people_of_address: u64,
}

/// The same with the people themselves: whoever did it on several days counts once.
#[derive(Default)]
struct People {
    opened: RoaringBitmap,
    clicked: RoaringBitmap,
    messages: Vec<(u64, RoaringBitmap)>,
    links: BTreeMap<(u32, String), Clickers>,
}

/// What the receipts of some of a unit's requests stand under.
struct Counted {
    id: CampaignId,
    campaign: CampaignId,
    messages: usize,
}

impl Write {
    /// Has the receipts of an accepted request counted under its unit as well. The campaign is the
    /// one of the request's day.
    pub async fn count_under_unit(
        &mut self,
        request: RequestId,
        campaign: CampaignId,
        unit: &AggregationUnit,
        messages: u8,
    ) -> Result<(), StoreError> {
        let id = receipts_of_unit(campaign, unit, messages);
        let sql = "INSERT INTO unit_receipts (id, account, campaign, day, unit, messages)
                   SELECT $1, account, id, day, $3, $4 FROM campaign WHERE id = $2
                   ON CONFLICT DO NOTHING";
        let bound = values![id, campaign, unit.as_str(), messages];
        row::execute(self.connection(), sql, bound).await?;
        let sql = "UPDATE api_request SET counted_under = $2 WHERE id = $1";
        row::execute(self.connection(), sql, values![request, id]).await?;
        Ok(())
    }
}

impl Snapshot {
    /// What friends did with what was sent under a unit on these days, both included.
    pub async fn unit_figures(
        &self,
        account: AccountId,
        unit: &AggregationUnit,
        (from, to): (LocalDay, LocalDay),
    ) -> Result<UnitFigures, StoreError> {
        let mut people = People::default();
        for counted in self.counted(account, unit, (from, to)).await? {
            self.add(&mut people, &counted).await?;
        }
        Ok(people.figures())
    }

    async fn counted(
        &self,
        account: AccountId,
        unit: &AggregationUnit,
        (from, to): (LocalDay, LocalDay),
    ) -> Result<Vec<Counted>, StoreError> {
        let sql = "SELECT id, campaign, messages FROM unit_receipts
                   WHERE account = $1 AND unit = $2 AND day BETWEEN $3 AND $4";
        let (from, to) = (i64::from(from.number()), i64::from(to.number()));
        let bound = values![account, unit.as_str(), from, to];
        let rows = row::all(self.connection(), "unit_receipts", sql, bound).await?;
        let read = |row: &row::Row| {
            Ok(Counted {
                id: row.id("id")?,
                campaign: row.id("campaign")?,
                messages: row.int("messages")?,
            })
        };
        rows.iter().map(read).collect()
    }

    async fn add(&self, people: &mut People, counted: &Counted) -> Result<(), StoreError> {
        let connection = self.connection();
        let told = figures::of_campaign(connection, counted.id).await?;
        let opened = figures::people_with(connection, counted.id, ReceiptKind::Opened).await?;
        let clicked = figures::people_with(connection, counted.id, ReceiptKind::Clicked).await?;
        if people.messages.len() < counted.messages {
            let messages = counted.messages;
            people.messages.resize_with(messages, Default::default);
        }
        // Who opens a chat sees every message of the push.
        for (total, seen_by) in people.messages.iter_mut().take(counted.messages) {
            *total += told.sum(ReceiptKind::Opened).total;
            *seen_by |= &opened;
        }
        people.opened |= opened;
        people.clicked |= clicked;
        let links = figures::clickers(connection, counted.id).await?;
        let places: Vec<Value> = links.keys().map(|place| place.bind()).collect();
        let sql = "SELECT place, message, url FROM link WHERE campaign = {} AND place IN";
        let first = values![counted.campaign];
        let rows = bulk::look_up(connection, "link", [sql, ""], &first, &places).await?;
        for row in &rows {
            let Some(clicks) = links.get(&row.int("place")?) else {
                continue;
            };
            let link = (row.int("message")?, row.get("url")?);
            let sum = people.links.entry(link).or_default();
            sum.total += clicks.total;
            sum.numbers |= &clicks.numbers;
        }
        Ok(())
    }
}

impl People {
    fn figures(self) -> UnitFigures {
        let mut of_address: BTreeMap<&str, RoaringBitmap> = BTreeMap::new();
        for ((_, url), clicks) in &self.links {
            *of_address.entry(url).or_default() |= &clicks.numbers;
        }
        let people_of = |url: &str| of_address.get(url).map_or(0, RoaringBitmap::len);
        let links = self.links.iter().map(|((message, url), clicks)| UnitLink {
            message: *message,
            url: url.clone(),
            total: clicks.total,
            people: clicks.numbers.len(),
            people_of_address: people_of(url),
        });
        let messages = self.messages.iter().map(|(total, seen_by)| Seen {
            total: *total,
            people: seen_by.len(),
        });
        UnitFigures {
            opened: self.opened.len(),
            clicked: self.clicked.len(),
            messages: messages.collect(),
            links: links.collect(),
        }
    }
}

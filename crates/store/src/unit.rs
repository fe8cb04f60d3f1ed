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
#[derive(Debug, Clone, PartialEq, Default)]
pub struct UnitFigures {
    pub opened: RoaringBitmap,
    pub clicked: RoaringBitmap,
    /// In the order of a request's messages.
    pub messages: Vec<Seen>,
    /// By the place of the message and the address.
    pub links: BTreeMap<(u32, String), Clickers>,
}

/// How often one message was seen, and by whom.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Seen {
    pub total: u64,
    pub people: RoaringBitmap,
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
        let mut whole = UnitFigures::default();
        for counted in self.counted(account, unit, (from, to)).await? {
            self.add(&mut whole, &counted).await?;
        }
        Ok(whole)
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

    async fn add(&self, whole: &mut UnitFigures, counted: &Counted) -> Result<(), StoreError> {
        let connection = self.connection();
        let told = figures::of_campaign(connection, counted.id).await?;
        let opened = figures::people_with(connection, counted.id, ReceiptKind::Opened).await?;
        let clicked = figures::people_with(connection, counted.id, ReceiptKind::Clicked).await?;
        if whole.messages.len() < counted.messages {
            let messages = counted.messages;
            whole.messages.resize_with(messages, Seen::default);
        }
        // Who opens a chat sees every message of the push.
        for seen in whole.messages.iter_mut().take(counted.messages) {
            seen.total += told.sum(ReceiptKind::Opened).total;
            seen.people |= &opened;
        }
        whole.opened |= opened;
        whole.clicked |= clicked;
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
            let sum = whole.links.entry(link).or_default();
            sum.total += clicks.total;
            sum.numbers |= &clicks.numbers;
        }
        Ok(())
    }
}

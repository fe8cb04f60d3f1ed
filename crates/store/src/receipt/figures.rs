//! The log of receipts, added up.
//!
//! Writing a person's row or page for every receipt would write each page of a large table anew for
//! every request. So a request is one log entry, and some dozens of entries are added up at once:
//! every block is then written once for all of them. Readers add the entries that are left in
//! memory, by the same rules.

use std::collections::{BTreeMap, BTreeSet};

use domain::codec;
use domain::id::CampaignId;
use domain::receipt::{self, Figures, People, Receipt, ReceiptKind, Sum, Times};
use domain::time::Timestamp;
use domain::user::UserNumber;
use roaring::RoaringBitmap;
use sea_orm::{ConnectionTrait, Value};

use crate::row::{self, Bind, Row, values};
use crate::{StoreError, Write, bulk};

/// Log entries of a campaign that are left before they are added up.
const ENTRIES_MAX: u64 = 64;
/// Receipts that are added up at once although there are few entries: their blocks are so few.
const FEW_RECEIPTS: usize = 32;
/// Blocks held in memory while adding up: 8 MB of people.
const BLOCKS_AT_ONCE: usize = 400;

/// A campaign's figures without its people.
#[derive(Debug, Default)]
pub(crate) struct Told {
    pub sums: BTreeMap<ReceiptKind, Sum>,
    pub links: BTreeMap<u32, Sum>,
    /// People by kind and by the second their bucket begins.
    pub course: BTreeMap<(ReceiptKind, u32), i64>,
}

impl Told {
    pub fn sum(&self, kind: ReceiptKind) -> Sum {
        self.sums.get(&kind).copied().unwrap_or_default()
    }
}

/// The figures with everything that was taken.
pub(crate) async fn of_campaign(
    connection: &impl ConnectionTrait,
    campaign: CampaignId,
) -> Result<Told, StoreError> {
    let mut told = added_up(connection, campaign).await?;
    let log = log(connection, campaign).await?;
    if log.is_empty() {
        return Ok(told);
    }
    let mut figures = Figures {
        sums: std::mem::take(&mut told.sums),
        links: load_links(connection, campaign, &log).await?,
        ..Figures::default()
    };
    for group in by_blocks(&log) {
        figures.people = load_people(connection, campaign, &blocks_of(group)).await?;
        for receipt in group {
            figures.add(*receipt);
        }
    }
    told.sums = figures.sums;
    for (link, clickers) in figures.links {
        let people = clickers.numbers.len();
        let total = clickers.total;
        told.links.insert(link, Sum { people, total });
    }
    for (bucket, people) in figures.buckets {
        *told.course.entry(bucket).or_default() += people;
    }
    told.course.retain(|_, people| *people != 0);
    Ok(told)
}

/// What these people did, those who did anything.
pub(super) async fn of_people(
    connection: &impl ConnectionTrait,
    campaign: CampaignId,
    numbers: &[UserNumber],
) -> Result<BTreeMap<UserNumber, Times>, StoreError> {
    if numbers.is_empty() {
        return Ok(BTreeMap::new());
    }
    let wanted: BTreeSet<UserNumber> = numbers.iter().copied().collect();
    let mut log = log(connection, campaign).await?;
    log.retain(|receipt| wanted.contains(&receipt.number));
    let blocks: BTreeSet<u32> = wanted.iter().map(|n| receipt::block_of(*n)).collect();
    let blocks: Vec<u32> = blocks.into_iter().collect();
    let mut found = BTreeMap::new();
    for group in blocks.chunks(BLOCKS_AT_ONCE) {
        let mut figures = Figures {
            people: load_people(connection, campaign, group).await?,
            ..Figures::default()
        };
        let (first, last) = (group[0], group[group.len() - 1]);
        for receipt in &log {
            if (first..=last).contains(&receipt::block_of(receipt.number)) {
                figures.add(*receipt);
            }
        }
        let people = figures.people.values().flat_map(People::iter);
        found.extend(
            people
                .filter(|(number, _)| wanted.contains(number))
                .copied(),
        );
    }
    Ok(found)
}

pub(crate) async fn people_with(
    connection: &impl ConnectionTrait,
    campaign: CampaignId,
    kind: ReceiptKind,
) -> Result<RoaringBitmap, StoreError> {
    let log = log(connection, campaign).await?;
    let logged = log.iter().filter(|receipt| receipt.kind == kind);
    let mut numbers: RoaringBitmap = logged.map(|receipt| receipt.number.0).collect();
    let mut after = -1i64;
    loop {
        let sql = "SELECT block, people FROM receipt_people WHERE campaign = $1 AND block > $2
                   ORDER BY block LIMIT $3";
        let bound = values![campaign, after, BLOCKS_AT_ONCE as u64];
        let rows = row::all(connection, "receipt_people", sql, bound).await?;
        let Some(last) = rows.last() else {
            return Ok(numbers);
        };
        after = last.get("block")?;
        for row in &rows {
            let people = people_of(row)?;
            let did = people
                .iter()
                .filter(|(_, times)| times.first(kind).is_some());
            numbers.extend(did.map(|(number, _)| number.0));
        }
    }
}

/// Who clicked which link, by the place of the link.
pub(crate) async fn clickers(
    connection: &impl ConnectionTrait,
    campaign: CampaignId,
) -> Result<BTreeMap<u32, receipt::Clickers>, StoreError> {
    let sql = "SELECT link, total, numbers FROM receipt_link WHERE campaign = $1";
    let mut links = BTreeMap::new();
    for row in row::all(connection, "receipt_link", sql, values![campaign]).await? {
        links.insert(row.int("link")?, link_clickers(&row)?);
    }
    for receipt in log(connection, campaign).await? {
        if let Some(link) = receipt.link {
            let clickers: &mut receipt::Clickers = links.entry(link).or_default();
            clickers.total += 1;
            clickers.numbers.insert(receipt.number.0);
        }
    }
    Ok(links)
}

/// Who clicked any of these links of a campaign.
pub(super) async fn clickers_of(
    connection: &impl ConnectionTrait,
    campaign: CampaignId,
    links: &BTreeSet<u32>,
) -> Result<RoaringBitmap, StoreError> {
    let log = log(connection, campaign).await?;
    let clicks = log
        .iter()
        .filter(|receipt| receipt.link.is_some_and(|link| links.contains(&link)));
    let mut numbers: RoaringBitmap = clicks.map(|receipt| receipt.number.0).collect();
    let items: Vec<Value> = links.iter().map(|link| link.bind()).collect();
    let sql = "SELECT numbers FROM receipt_link WHERE campaign = {} AND link IN";
    let first = values![campaign];
    for row in bulk::look_up(connection, "receipt_link", [sql, ""], &first, &items).await? {
        let blob: Vec<u8> = row.get("numbers")?;
        let clicked = RoaringBitmap::deserialize_from(&blob[..]);
        numbers |= clicked.map_err(|error| row.corrupt("numbers", error))?;
    }
    Ok(numbers)
}

/// The positions of a chunk's recipients whose outcome it leaves open, with their numbers.
pub(super) fn undecided_of(row: &Row) -> Result<Vec<(u32, UserNumber)>, StoreError> {
    let numbers = row.packed_numbers("numbers")?;
    let outcomes = row.packed_outcomes("outcomes")?;
    let numbers = codec::unpack_numbers(&numbers).map_err(|e| row.corrupt("numbers", e))?;
    let outcomes = codec::unpack_outcomes(&outcomes, row.int("size")?)
        .map_err(|error| row.corrupt("outcomes", error))?;
    let each = (0u32..).zip(numbers.into_iter().zip(outcomes));
    let undecided = each.filter(|(_, (_, outcome))| outcome.is_undecided());
    Ok(undecided
        .map(|(position, (number, _))| (position, number))
        .collect())
}

impl Write {
    /// Takes receipts of one campaign, sorted. Everybody has to be a recipient of it, every link
    /// one of its links.
    pub async fn take_receipts(
        &mut self,
        campaign: CampaignId,
        receipts: &[Receipt],
    ) -> Result<(), StoreError> {
        if receipts.is_empty() {
            return Ok(());
        }
        let sequence = self.sequence().await?;
        let sql = "INSERT INTO receipt_log (campaign, sequence, receipts) VALUES ($1, $2, $3)";
        let bound = values![campaign, sequence, receipt::pack_receipts(receipts)];
        row::execute(self.connection(), sql, bound).await?;
        let sql = "SELECT COUNT(*) AS entries FROM receipt_log WHERE campaign = $1";
        let row = row::one(self.connection(), "receipt_log", sql, values![campaign]).await?;
        let entries: u64 = row.map_or(Ok(0), |row| row.int("entries"))?;
        let is_alone = entries == 1 && receipts.len() <= FEW_RECEIPTS;
        if is_alone || entries > ENTRIES_MAX {
            self.add_up(campaign).await?;
        }
        Ok(())
    }

    /// Notes which coupon somebody used, the first time.
    pub async fn note_coupons(
        &mut self,
        used: &[(CampaignId, UserNumber, String, Timestamp)],
    ) -> Result<(), StoreError> {
        let rows = used.iter().map(|(campaign, number, coupon, at)| {
            values![*campaign, number.0, coupon.as_str(), *at]
        });
        let rows: Vec<_> = rows.collect();
        let head = "INSERT INTO coupon_use (campaign, number, coupon, at)";
        bulk::insert(self.connection(), head, "ON CONFLICT DO NOTHING", rows).await?;
        Ok(())
    }

    /// Adds the log of a campaign to its figures.
    async fn add_up(&mut self, campaign: CampaignId) -> Result<(), StoreError> {
        let connection = self.connection();
        let log = log(connection, campaign).await?;
        let told = added_up(connection, campaign).await?;
        let mut figures = Figures {
            sums: told.sums,
            links: load_links(connection, campaign, &log).await?,
            ..Figures::default()
        };
        for group in by_blocks(&log) {
            figures.people = load_people(connection, campaign, &blocks_of(group)).await?;
            for receipt in group {
                figures.add(*receipt);
            }
            save_people(connection, campaign, &figures.people).await?;
        }
        save(connection, campaign, &figures).await?;
        let sql = "DELETE FROM receipt_log WHERE campaign = $1";
        row::execute(connection, sql, values![campaign]).await?;
        Ok(())
    }
}

/// The log's receipts in the order of numbers.
async fn log(
    connection: &impl ConnectionTrait,
    campaign: CampaignId,
) -> Result<Vec<Receipt>, StoreError> {
    let sql = "SELECT receipts FROM receipt_log WHERE campaign = $1 ORDER BY sequence";
    let rows = row::all(connection, "receipt_log", sql, values![campaign]).await?;
    let mut log = Vec::new();
    for row in &rows {
        let blob: Vec<u8> = row.get("receipts")?;
        let entry = receipt::unpack_receipts(&blob);
        log.extend(entry.map_err(|error| row.corrupt("receipts", error))?);
    }
    log.sort_unstable();
    Ok(log)
}

/// What the tables hold, without people and without who clicked.
async fn added_up(
    connection: &impl ConnectionTrait,
    campaign: CampaignId,
) -> Result<Told, StoreError> {
    let mut told = Told::default();
    let sql = "SELECT kind, people, total FROM receipt_sum WHERE campaign = $1";
    for row in row::all(connection, "receipt_sum", sql, values![campaign]).await? {
        told.sums.insert(kind_of(&row)?, sum_of(&row)?);
    }
    let sql = "SELECT link, people, total FROM receipt_link WHERE campaign = $1";
    for row in row::all(connection, "receipt_link", sql, values![campaign]).await? {
        told.links.insert(row.int("link")?, sum_of(&row)?);
    }
    let sql = "SELECT kind, second, people FROM receipt_course WHERE campaign = $1";
    for row in row::all(connection, "receipt_course", sql, values![campaign]).await? {
        let bucket = (kind_of(&row)?, row.int("second")?);
        told.course.insert(bucket, row.get("people")?);
    }
    Ok(told)
}

async fn load_links(
    connection: &impl ConnectionTrait,
    campaign: CampaignId,
    log: &[Receipt],
) -> Result<BTreeMap<u32, receipt::Clickers>, StoreError> {
    let wanted: BTreeSet<u32> = log.iter().filter_map(|receipt| receipt.link).collect();
    let items: Vec<Value> = wanted.into_iter().map(Bind::bind).collect();
    let sql = "SELECT link, total, numbers FROM receipt_link WHERE campaign = {} AND link IN";
    let first = values![campaign];
    let rows = bulk::look_up(connection, "receipt_link", [sql, ""], &first, &items).await?;
    let mut links = BTreeMap::new();
    for row in &rows {
        links.insert(row.int("link")?, link_clickers(row)?);
    }
    Ok(links)
}

fn link_clickers(row: &Row) -> Result<receipt::Clickers, StoreError> {
    let blob: Vec<u8> = row.get("numbers")?;
    let numbers = RoaringBitmap::deserialize_from(&blob[..]);
    Ok(receipt::Clickers {
        total: row.int("total")?,
        numbers: numbers.map_err(|error| row.corrupt("numbers", error))?,
    })
}

async fn load_people(
    connection: &impl ConnectionTrait,
    campaign: CampaignId,
    blocks: &[u32],
) -> Result<BTreeMap<u32, People>, StoreError> {
    let items: Vec<Value> = blocks.iter().map(|block| block.bind()).collect();
    let sql = "SELECT block, people FROM receipt_people WHERE campaign = {} AND block IN";
    let first = values![campaign];
    let rows = bulk::look_up(connection, "receipt_people", [sql, ""], &first, &items).await?;
    let read = |row: &Row| Ok((row.int("block")?, people_of(row)?));
    rows.iter().map(read).collect()
}

async fn save_people(
    connection: &impl ConnectionTrait,
    campaign: CampaignId,
    people: &BTreeMap<u32, People>,
) -> Result<(), StoreError> {
    let rows = people
        .iter()
        .map(|(block, people)| values![campaign, *block, receipt::pack_people(people)]);
    let head = "INSERT INTO receipt_people (campaign, block, people)";
    let tail = "ON CONFLICT (campaign, block) DO UPDATE SET people = excluded.people";
    bulk::insert(connection, head, tail, rows.collect()).await?;
    Ok(())
}

async fn save(
    connection: &impl ConnectionTrait,
    campaign: CampaignId,
    figures: &Figures,
) -> Result<(), StoreError> {
    let sums = figures
        .sums
        .iter()
        .map(|(kind, sum)| values![campaign, kind.code(), sum.people, sum.total]);
    let head = "INSERT INTO receipt_sum (campaign, kind, people, total)";
    let tail = "ON CONFLICT (campaign, kind) DO UPDATE
                SET people = excluded.people, total = excluded.total";
    bulk::insert(connection, head, tail, sums.collect()).await?;
    let mut links = Vec::with_capacity(figures.links.len());
    for (link, clickers) in &figures.links {
        let people = clickers.numbers.len();
        let blob = bitmap_blob(&clickers.numbers)?;
        links.push(values![campaign, *link, people, clickers.total, blob]);
    }
    let head = "INSERT INTO receipt_link (campaign, link, people, total, numbers)";
    let tail = "ON CONFLICT (campaign, link) DO UPDATE SET people = excluded.people,
                  total = excluded.total, numbers = excluded.numbers";
    bulk::insert(connection, head, tail, links).await?;
    let moved = figures.buckets.iter().filter(|(_, people)| **people != 0);
    let course =
        moved.map(|((kind, second), people)| values![campaign, kind.code(), *second, *people]);
    let head = "INSERT INTO receipt_course (campaign, kind, second, people)";
    let tail = "ON CONFLICT (campaign, kind, second) DO UPDATE
                SET people = receipt_course.people + excluded.people";
    bulk::insert(connection, head, tail, course.collect()).await?;
    Ok(())
}

/// Stretches of sorted receipts that touch at most [`BLOCKS_AT_ONCE`] blocks.
fn by_blocks(sorted: &[Receipt]) -> impl Iterator<Item = &[Receipt]> {
    let mut rest = sorted;
    std::iter::from_fn(move || {
        let (mut blocks, mut last, mut end) = (0, None, 0);
        for receipt in rest {
            let block = receipt::block_of(receipt.number);
            if last != Some(block) {
                blocks += 1;
                last = Some(block);
            }
            if blocks > BLOCKS_AT_ONCE {
                break;
            }
            end += 1;
        }
        let (group, behind) = rest.split_at(end);
        rest = behind;
        (!group.is_empty()).then_some(group)
    })
}

fn blocks_of(sorted: &[Receipt]) -> Vec<u32> {
    let mut blocks: Vec<u32> = sorted.iter().map(|r| receipt::block_of(r.number)).collect();
    blocks.dedup();
    blocks
}

fn people_of(row: &Row) -> Result<People, StoreError> {
    let blob: Vec<u8> = row.get("people")?;
    receipt::unpack_people(&blob).map_err(|error| row.corrupt("people", error))
}

fn bitmap_blob(numbers: &RoaringBitmap) -> Result<Vec<u8>, StoreError> {
    let mut blob = Vec::with_capacity(numbers.serialized_size());
    let written = numbers.serialize_into(&mut blob);
    written.map_err(|error| StoreError::Invariant(error.to_string()))?;
    Ok(blob)
}

fn kind_of(row: &Row) -> Result<ReceiptKind, StoreError> {
    let code: u8 = row.int("kind")?;
    ReceiptKind::from_code(code).ok_or_else(|| row.corrupt("kind", code))
}

fn sum_of(row: &Row) -> Result<Sum, StoreError> {
    Ok(Sum {
        people: row.int("people")?,
        total: row.int("total")?,
    })
}

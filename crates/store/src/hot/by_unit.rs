//! Captures of campaigns whose sends are priced one after the other: those of a plan, the first of
//! which its quota includes, and those of a price book with bands.
//!
//! In the order they settled, each settle and amendment becomes as many capture rows as it has
//! prices: part 0 and, past an edge, parts from [`EDGE_PARTS`] on. Where the month's bands stand is
//! a counter that only this roll-up moves, inside its transaction.

use std::collections::{BTreeMap, HashMap};

use domain::band::{Bands, Slice};
use domain::id::{BusinessId, CampaignId};
use domain::money::{Currency, Money};
use domain::price::{PriceBook, Tariff};
use domain::time::LaunchMonth;

use super::roll_up::Span;
use crate::ledger::{currency_of, invariant};
use crate::report::EDGE_PARTS;
use crate::row::{self, Row, values};
use crate::{StoreError, Write, bulk, price};

/// A settle or an amendment without its captures.
struct Due {
    month: i64,
    campaign: CampaignId,
    number: i64,
    round: i64,
    part: u32,
    units: u64,
    tariff: Tariff,
    quota: u64,
    price_version: u32,
}

/// What a business's captures are priced by.
struct Pricing {
    currency: Currency,
    /// Whose bands are filled.
    month: LaunchMonth,
    books: Vec<PriceBook>,
    /// Per tariff: units captured at a price before this roll-up, and by now.
    used: HashMap<Tariff, (u64, u64)>,
    /// Per campaign: units of its quota captured so far.
    included: HashMap<CampaignId, u64>,
}

/// Captures what is priced by the unit, and adds what each campaign earned.
pub(super) async fn capture(
    write: &Write,
    span: &Span,
    earned: &mut BTreeMap<CampaignId, i64>,
) -> Result<(), StoreError> {
    let due = due(write, span).await?;
    if due.is_empty() {
        return Ok(());
    }
    let (business, bill_month) = (span.business, span.window.bill_month);
    let mut pricing = Pricing::of(write, business, bill_month).await?;
    let mut rows = Vec::with_capacity(due.len());
    for one in &due {
        for (index, slice) in pricing
            .slices(write, business, one)
            .await?
            .iter()
            .enumerate()
        {
            let part = match index {
                0 => one.part,
                _ => EDGE_PARTS + index as u32,
            };
            let amount = slice.unit_price.times(slice.units).map_err(invariant)?;
            let booked = (!amount.is_zero()).then(|| span.transaction.as_bytes().to_vec());
            rows.push(values![
                one.month,
                one.campaign,
                one.number,
                one.round,
                part,
                booked,
                slice.units,
                slice.unit_price.micro(),
                amount.micro(),
                bill_month.number(),
            ]);
            *earned.entry(one.campaign).or_default() += amount.micro();
        }
    }
    let head = "INSERT INTO capture (month, campaign, number, round, part, ledger_transaction,
                  units, unit_price, amount, bill_month)";
    bulk::insert(write.connection(), head, "", rows).await?;
    pricing.note(write, business).await
}

async fn due(write: &Write, span: &Span) -> Result<Vec<Due>, StoreError> {
    // Outcome 2 is `confirmed`; a recipient's part is its position + 1.
    let sql = "SELECT c.month AS month, c.campaign AS campaign, c.number AS number,
          c.round AS round, 0 AS part, c.accepted AS units, c.settled_at AS at,
          c.tariff AS tariff, t.quota AS quota, k.price_version AS price_version
        FROM chunk c
        JOIN campaign k ON k.id = c.campaign
        JOIN campaign_tariff t ON t.campaign = c.campaign AND t.tariff = c.tariff
        WHERE c.sequence >= $1 AND c.state = 10 AND k.business = $2 AND t.by_unit = 1
          AND c.settled_at >= $3 AND c.settled_at < $4
          AND NOT EXISTS (SELECT 1 FROM capture p WHERE p.month = c.month
              AND p.campaign = c.campaign AND p.number = c.number AND p.round = c.round
              AND p.part = 0)
        UNION ALL
        SELECT c.month, c.campaign, c.number, c.round, a.position + 1, 1, a.at,
          c.tariff, t.quota, k.price_version
        FROM amendment a
        JOIN chunk c ON c.month = a.month AND c.campaign = a.campaign AND c.number = a.number
          AND c.round = a.round
        JOIN campaign k ON k.id = c.campaign
        JOIN campaign_tariff t ON t.campaign = c.campaign AND t.tariff = c.tariff
        WHERE a.sequence >= $1 AND a.outcome = 2 AND c.state IN (10, 12) AND k.business = $2
          AND t.by_unit = 1 AND a.at >= $3 AND a.at < $4
          AND NOT EXISTS (SELECT 1 FROM capture p WHERE p.month = c.month
              AND p.campaign = c.campaign AND p.number = c.number AND p.round = c.round
              AND p.part = a.position + 1)
        ORDER BY 7, 2, 3, 4, 5";
    let window = span.window;
    let bound = values![span.mark, span.business, window.from, window.until];
    let rows = row::all(write.connection(), "chunk", sql, bound).await?;
    let read = |row: &Row| {
        let code: u8 = row.int("tariff")?;
        Ok(Due {
            month: row.get("month")?,
            campaign: row.id("campaign")?,
            number: row.get("number")?,
            round: row.get("round")?,
            part: row.int("part")?,
            units: row.int("units")?,
            tariff: Tariff::from_code(code).ok_or_else(|| row.corrupt("tariff", code))?,
            quota: row.int("quota")?,
            price_version: row.int("price_version")?,
        })
    };
    rows.iter().map(read).collect()
}

impl Pricing {
    async fn of(
        write: &Write,
        business: BusinessId,
        month: LaunchMonth,
    ) -> Result<Self, StoreError> {
        let connection = write.connection();
        let currency = currency_of(connection, business).await?;
        Ok(Self {
            currency,
            month,
            books: price::read(connection, currency).await?,
            used: HashMap::new(),
            included: HashMap::new(),
        })
    }

    /// The prices of what is due, in order; its first slice is there even where it has no units.
    async fn slices(
        &mut self,
        write: &Write,
        business: BusinessId,
        due: &Due,
    ) -> Result<Vec<Slice>, StoreError> {
        let used = self.used(write, business, due.tariff).await?;
        let included = self.included(write, due).await?;
        let of_quota = due.units.min(due.quota.saturating_sub(included));
        let bands = self.bands(due)?;
        let mut slices = bands.slices(used, due.units - of_quota);
        if of_quota > 0 || slices.is_empty() {
            let unit_price = match of_quota {
                0 => bands.price_after(used),
                _ => Money::zero(self.currency),
            };
            let units = of_quota;
            slices.insert(0, Slice { units, unit_price });
        }
        self.included.insert(due.campaign, included + of_quota);
        let counter = self.used.entry(due.tariff).or_default();
        counter.1 += due.units - of_quota;
        Ok(slices)
    }

    fn bands(&self, due: &Due) -> Result<&Bands, StoreError> {
        let book = self
            .books
            .iter()
            .find(|book| book.version() == due.price_version);
        let book = book.ok_or_else(|| {
            let (campaign, version) = (due.campaign, due.price_version);
            invariant(format!(
                "{campaign} is priced by version {version}, which is not there"
            ))
        })?;
        Ok(book.bands(due.tariff))
    }

    async fn used(
        &mut self,
        write: &Write,
        business: BusinessId,
        tariff: Tariff,
    ) -> Result<u64, StoreError> {
        if let Some((_, now)) = self.used.get(&tariff) {
            return Ok(*now);
        }
        let sql = "SELECT units FROM band_use WHERE business = $1 AND month = $2 AND tariff = $3";
        let bound = values![business, self.month.number(), tariff.code()];
        let row = row::one(write.connection(), "band_use", sql, bound).await?;
        let units = row.map_or(Ok(0), |row| row.int("units"))?;
        self.used.insert(tariff, (units, units));
        Ok(units)
    }

    /// Of the campaign's quota, what was captured before.
    async fn included(&mut self, write: &Write, due: &Due) -> Result<u64, StoreError> {
        if let Some(units) = self.included.get(&due.campaign) {
            return Ok(*units);
        }
        if due.quota == 0 {
            return Ok(0);
        }
        let sql = format!(
            "SELECT {} AS units FROM capture WHERE campaign = $1 AND unit_price = 0",
            row::sum("units")
        );
        let row = row::one(write.connection(), "capture", &sql, values![due.campaign]).await?;
        row.map_or(Ok(0), |row| row.int("units"))
    }

    async fn note(self, write: &Write, business: BusinessId) -> Result<(), StoreError> {
        let sql = "INSERT INTO band_use (business, month, tariff, units) VALUES ($1, $2, $3, $4)
                   ON CONFLICT (business, month, tariff) DO UPDATE
                     SET units = band_use.units + excluded.units";
        for (tariff, (before, now)) in self.used {
            if now > before {
                let month = self.month.number();
                let bound = values![business, month, tariff.code(), now - before];
                row::execute(write.connection(), sql, bound).await?;
            }
        }
        Ok(())
    }
}

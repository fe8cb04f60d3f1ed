//! What friends did with menus: how often, and how many people, by day and area.
//!
//! Who did it is a bitmap of user numbers per block of 65,536 of them, so that a day of many people
//! is no row per person, and what one request tells rewrites few kilobytes.

use std::collections::BTreeMap;

use domain::id::AccountId;
use domain::receipt::Sum;
use domain::rich_menu::RichMenuId;
use domain::time::LocalDay;
use domain::user::UserNumber;
use roaring::RoaringBitmap;

use crate::row::{self, Row, values};
use crate::{Store, StoreError, Write, bulk};

/// What was done with a menu.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum MenuDeed {
    Shown,
    /// The place of the area that was tapped.
    Tapped(u8),
}

/// One thing one friend did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct MenuReceipt {
    pub account: AccountId,
    pub menu: RichMenuId,
    pub day: LocalDay,
    pub deed: MenuDeed,
    pub number: UserNumber,
}

/// A menu's figures over a stretch of days.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MenuFigures {
    /// Over all days: whoever came on several counts once.
    pub whole: BTreeMap<MenuDeed, Sum>,
    pub by_day: BTreeMap<(MenuDeed, LocalDay), Sum>,
}

const SHOWN: i64 = -1;
/// Bits of a number within its block.
const BLOCK_BITS: u32 = 16;

/// What one row counts.
type Place = (AccountId, RichMenuId, LocalDay, MenuDeed, u32);

impl MenuDeed {
    const fn code(self) -> i64 {
        match self {
            Self::Shown => SHOWN,
            Self::Tapped(area) => area as i64,
        }
    }

    fn from_code(code: i64) -> Option<Self> {
        match code {
            SHOWN => Some(Self::Shown),
            area => u8::try_from(area).ok().map(Self::Tapped),
        }
    }
}

impl Write {
    /// Adds what friends did. The same again counts again.
    pub async fn count_menu_receipts(
        &mut self,
        receipts: &[MenuReceipt],
    ) -> Result<(), StoreError> {
        let mut places: BTreeMap<Place, Vec<u32>> = BTreeMap::new();
        for one in receipts {
            let block = one.number.0 >> BLOCK_BITS;
            let place = (one.account, one.menu, one.day, one.deed, block);
            places.entry(place).or_default().push(one.number.0);
        }
        let mut rows = Vec::with_capacity(places.len());
        for ((account, menu, day, deed, block), numbers) in places {
            let key = values![
                *menu.as_bytes(),
                i64::from(day.number()),
                deed.code(),
                block
            ];
            let sql = "SELECT total, numbers FROM rich_menu_day
                       WHERE menu = $1 AND day = $2 AND area = $3 AND block = $4";
            let row = row::one(self.connection(), "rich_menu_day", sql, key).await?;
            let (mut total, mut people) = match &row {
                Some(row) => (row.int::<u64>("total")?, bitmap(row)?),
                None => (0, RoaringBitmap::new()),
            };
            total += numbers.len() as u64;
            people.extend(numbers);
            let mut blob = Vec::with_capacity(people.serialized_size());
            let written = people.serialize_into(&mut blob);
            written.map_err(|error| StoreError::Invariant(error.to_string()))?;
            let (menu, day) = (*menu.as_bytes(), i64::from(day.number()));
            rows.push(values![account, menu, day, deed.code(), block, total, blob]);
        }
        let head = "INSERT INTO rich_menu_day (account, menu, day, area, block, total, numbers)";
        let tail = "ON CONFLICT (menu, day, area, block) DO UPDATE
                    SET total = excluded.total, numbers = excluded.numbers";
        bulk::insert(self.connection(), head, tail, rows).await?;
        Ok(())
    }
}

impl Store {
    /// The figures of a menu from one day to another, both included.
    pub async fn menu_figures(
        &self,
        account: AccountId,
        menu: RichMenuId,
        from: LocalDay,
        to: LocalDay,
    ) -> Result<MenuFigures, StoreError> {
        let sql = "SELECT day, area, total, numbers FROM rich_menu_day
                   WHERE account = $1 AND menu = $2 AND day BETWEEN $3 AND $4";
        let (from, to) = (i64::from(from.number()), i64::from(to.number()));
        let bound = values![account, *menu.as_bytes(), from, to];
        let rows = row::all(self.reader(), "rich_menu_day", sql, bound).await?;
        let mut figures = MenuFigures::default();
        let mut people: BTreeMap<MenuDeed, RoaringBitmap> = BTreeMap::new();
        for row in &rows {
            let code: i64 = row.get("area")?;
            let deed = MenuDeed::from_code(code).ok_or_else(|| row.corrupt("area", code))?;
            let day: i32 = row.int("day")?;
            let (total, numbers) = (row.int::<u64>("total")?, bitmap(row)?);
            let of_day = figures
                .by_day
                .entry((deed, LocalDay::from_number(day)))
                .or_default();
            of_day.total += total;
            of_day.people += numbers.len();
            figures.whole.entry(deed).or_default().total += total;
            *people.entry(deed).or_default() |= numbers;
        }
        for (deed, numbers) in people {
            figures.whole.entry(deed).or_default().people = numbers.len();
        }
        Ok(figures)
    }
}

fn bitmap(row: &Row) -> Result<RoaringBitmap, StoreError> {
    let blob: Vec<u8> = row.get("numbers")?;
    let numbers = RoaringBitmap::deserialize_from(&blob[..]);
    numbers.map_err(|error| row.corrupt("numbers", error))
}

//! `GET /v2/bot/insight/demographic`: friends by their attributes, in per cent.
//!
//! LINE guesses them from what people do and hides them below twenty; here they are what is known
//! of each friend, however few they are. What phones run nobody tells.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use domain::friend::Gender;
use domain::id::AccountId;
use domain::narrowcast::area::Area;
use domain::time::{Clock, LocalDay};
use serde_json::{Value, json};
use store::demographic::Demographics;

use super::quota::{account_of, zone_of};
use super::{Channel, LineError, LineState};

/// Counting reads every friend, so what was counted is believed for so long.
const BELIEVED_FOR: Duration = Duration::from_secs(600);
/// Accounts remembered; beyond that they are counted anew.
const ACCOUNTS_MAX: usize = 1_000;
const DAY: Duration = Duration::from_secs(24 * 3_600);
/// Friends for less than so many days, and what that is called.
const PERIODS: [(u32, &str); 5] = [
    (7, "within7days"),
    (30, "within30days"),
    (90, "within90days"),
    (180, "within180days"),
    (365, "within365days"),
];

pub async fn friends(
    channel: Channel,
    State(state): State<Arc<LineState>>,
) -> Result<Json<Value>, LineError> {
    if let Some(tiles) = state.tiles.get(channel.account) {
        return Ok(Json(tiles));
    }
    let zone = zone_of(&account_of(&channel).await?)?;
    let now = state.clock.now();
    let since = PERIODS.map(|(days, _)| now - DAY * days);
    let snapshot = channel.store.snapshot().await?;
    let counted = snapshot.demographics(channel.account, &since).await?;
    snapshot.end().await?;
    let tiles = tiles(&counted, LocalDay::of(now, &zone).year());
    state.tiles.keep(channel.account, tiles.clone());
    Ok(Json(tiles))
}

fn tiles(counted: &Demographics, this_year: u16) -> Value {
    if counted.friends == 0 {
        return json!({"available": false});
    }
    let tile = |kind: &str, name: &str, friends: u64| {
        // To one decimal.
        let per_mille = (friends as f64 * 1_000.0 / counted.friends as f64).round();
        json!({ kind: name, "percentage": per_mille / 10.0 })
    };
    let genders = counted.genders.iter();
    let genders = genders.map(|(gender, friends)| tile("gender", Gender::name(*gender), *friends));
    let mut ages: BTreeMap<&str, u64> = BTreeMap::new();
    for (born, friends) in &counted.birth_years {
        let age = born.map(|year| this_year.saturating_sub(year));
        *ages.entry(age_group(age)).or_default() += friends;
    }
    let mut areas: BTreeMap<&str, u64> = BTreeMap::new();
    for (region, friends) in &counted.regions {
        let name = region.as_deref().map_or("unknown", |region| {
            Area::of_region(region).map_or(region, |area| area.name())
        });
        *areas.entry(name).or_default() += friends;
    }
    let mut periods = Vec::new();
    let mut before = 0;
    for ((_, name), friends) in PERIODS.iter().zip(&counted.since) {
        periods.push(tile(
            "subscriptionPeriod",
            name,
            friends.saturating_sub(before),
        ));
        before = *friends;
    }
    let longer = counted.friends.saturating_sub(before);
    periods.push(tile("subscriptionPeriod", "over365days", longer));
    let all = |kind: &str, of: BTreeMap<&str, u64>| -> Vec<Value> {
        let each = of.into_iter();
        each.map(|(name, friends)| tile(kind, name, friends))
            .collect()
    };
    json!({
        "available": true,
        "genders": genders.collect::<Vec<Value>>(),
        "ages": all("age", ages),
        "areas": all("area", areas),
        "appTypes": [],
        "subscriptionPeriods": periods,
    })
}

const fn age_group(age: Option<u16>) -> &'static str {
    match age {
        None => "unknown",
        Some(0..=14) => "from0to14",
        Some(15..=19) => "from15to19",
        Some(20..=24) => "from20to24",
        Some(25..=29) => "from25to29",
        Some(30..=34) => "from30to34",
        Some(35..=39) => "from35to39",
        Some(40..=44) => "from40to44",
        Some(45..=49) => "from45to49",
        Some(50..=54) => "from50to54",
        Some(55..=59) => "from55to59",
        Some(60..=64) => "from60to64",
        Some(65..=69) => "from65to69",
        Some(70..) => "from70",
    }
}

/// What was counted of accounts a while ago.
pub(super) struct Tiles {
    clock: Arc<dyn Clock>,
    tiles: Mutex<HashMap<AccountId, (Value, Duration)>>,
}

impl Tiles {
    pub fn of(clock: Arc<dyn Clock>) -> Self {
        Self {
            clock,
            tiles: Mutex::default(),
        }
    }

    fn get(&self, account: AccountId) -> Option<Value> {
        let tiles = self.tiles.lock().unwrap_or_else(PoisonError::into_inner);
        let (found, at) = tiles.get(&account)?;
        let is_fresh = self.clock.monotonic().saturating_sub(*at) < BELIEVED_FOR;
        is_fresh.then(|| found.clone())
    }

    fn keep(&self, account: AccountId, found: Value) {
        let mut tiles = self.tiles.lock().unwrap_or_else(PoisonError::into_inner);
        if tiles.len() >= ACCOUNTS_MAX {
            tiles.clear();
        }
        tiles.insert(account, (found, self.clock.monotonic()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentages_are_of_all_friends() {
        let text = |region: &str| Some(region.to_owned());
        let counted = Demographics {
            friends: 8,
            genders: vec![(Gender::Female, 5), (Gender::Unknown, 3)],
            birth_years: vec![(None, 2), (Some(1991), 3), (Some(1995), 3)],
            regions: vec![
                (text("서울"), 4),
                (text("徳島県"), 2),
                (text("JP-36"), 1),
                (None, 1),
            ],
            since: vec![1, 1, 3, 3, 4],
        };
        let shown = tiles(&counted, 2026);
        assert_eq!(
            shown["genders"],
            json!([{"gender": "female", "percentage": 62.5},
                {"gender": "unknown", "percentage": 37.5}])
        );
        assert_eq!(
            shown["ages"],
            json!([{"age": "from30to34", "percentage": 37.5},
                {"age": "from35to39", "percentage": 37.5},
                {"age": "unknown", "percentage": 25.0}])
        );
        assert_eq!(
            shown["areas"],
            json!([{"area": "unknown", "percentage": 12.5},
                {"area": "徳島", "percentage": 37.5}, {"area": "서울", "percentage": 50.0}])
        );
        let periods = shown["subscriptionPeriods"].as_array().unwrap();
        let of = |place: usize| periods[place]["percentage"].as_f64().unwrap();
        assert_eq!(
            [0, 1, 2, 3, 4, 5].map(of),
            [12.5, 0.0, 25.0, 0.0, 12.5, 50.0]
        );
        assert_eq!(
            tiles(&Demographics::default(), 2026),
            json!({"available": false})
        );
    }
}

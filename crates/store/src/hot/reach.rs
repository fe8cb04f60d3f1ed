//! Whom a campaign's audience is read from, as both dialects say it, and how many they are.

use domain::audience::Expression;
use domain::friend::ReachFlags;
use sea_orm::Value;

use super::{ReachCount, ReachQuery};
use crate::row::{self, values};
use crate::{StoreError, Write};

pub(super) fn needed_flags(query: &ReachQuery) -> i64 {
    let consent = if query.needs_consent {
        ReachFlags::PROMOTION
    } else {
        0
    };
    i64::from(ReachFlags::ACTIVE | consent)
}

/// `FROM … WHERE …` of the active friends of an account who satisfy the expression and were known
/// before the cut, with its values; placeholders begin at `first`.
pub(super) fn reach_source(query: &ReachQuery, first: usize) -> (String, Vec<Value>) {
    let mut bound: Vec<Value> = values![query.account].into();
    let known = match query.cut_sequence {
        Some(cut) => {
            bound.push(cut.into());
            format!("r.known_at_sequence < ${} AND ", first + 1)
        }
        None => String::new(),
    };
    let places_used = first - 1 + bound.len();
    let condition = crate::audience::condition(&query.expression, places_used);
    let sql = format!(
        "{} WHERE r.account = ${first} AND {known}r.flags & {} != 0 AND {}",
        condition.tables(),
        ReachFlags::ACTIVE,
        condition.sql,
    );
    bound.extend(condition.values);
    (sql, bound)
}

/// Counts the friends who satisfy the campaign's audience. Everybody is counted in the small index
/// of flags, which holds no numbers: the highest one is that of any friend then.
pub(super) async fn count(write: &Write, query: &ReachQuery) -> Result<ReachCount, StoreError> {
    let (source, bound) = reach_source(query, 2);
    let needed = needed_flags(query);
    let highest = match (&query.expression, query.cut_sequence) {
        (Expression::All, None) => "(SELECT MAX(number) FROM reach WHERE account = $2)",
        _ => "MAX(r.number)",
    };
    let sql = format!(
        "SELECT COUNT(*) AS audience, COUNT(*) FILTER (WHERE r.flags & $1 = $1) AS reachable,
                COALESCE({highest}, 0) AS highest
         {source}"
    );
    let bound = std::iter::once(Value::from(needed)).chain(bound);
    let row = row::one(write.connection(), "reach", &sql, bound).await?;
    let row = row.ok_or_else(|| StoreError::NotFound("count of friends".into()))?;
    Ok(ReachCount {
        audience: row.int("audience")?,
        reachable: row.int("reachable")?,
        highest_number: row.int("highest")?,
    })
}

//! What the pushes of a claimed batch need, one statement for all of them.

use std::collections::BTreeMap;

use domain::chunk::ChunkId;
use domain::gate::RecipientFacts;
use domain::user::UserNumber;

use super::super::GateSpan;
use super::{Chunks, Statement, by_month, few, statement};
use crate::chunk::{Recipients, gate_fact, recipients_of};
use crate::row::Row;
use crate::{Store, StoreError};

/// In the order of `chunks`; one without recipients is an error.
pub(super) async fn recipients(
    store: &Store,
    chunks: &[ChunkId],
) -> Result<Vec<Recipients>, StoreError> {
    // Who is named twice is read once and given twice.
    let mut asked = BTreeMap::new();
    for (place, id) in chunks.iter().enumerate() {
        asked.entry(*id).or_insert(place);
    }
    let mut found: BTreeMap<ChunkId, Recipients> = BTreeMap::new();
    for (month, asked) in by_month(&asked) {
        let mut arrays = Chunks::default();
        for (place, id) in &asked {
            arrays.push(*place, *id);
        }
        let named = few(
            "$1::bigint[], $2::bytea[], $3::bigint[], $4::bigint[]",
            5,
            "asked (place, campaign, number, round)",
        );
        let read = statement(format!(
            "SELECT asked.place, r.keys, r.variables
             FROM {named}
             JOIN chunk_recipients r ON r.month = {} AND r.campaign = asked.campaign
               AND r.number = asked.number AND r.round = asked.round",
            month.number()
        ));
        let read = read
            .bind(arrays.places)
            .bind(arrays.campaigns)
            .bind(arrays.numbers)
            .bind(arrays.rounds)
            .bind(asked.len() as i64);
        for row in fetch(store, "chunk_recipients", read).await? {
            let place: usize = row.int("place")?;
            let id = chunks
                .get(place)
                .ok_or_else(|| row.corrupt("place", place))?;
            found.insert(*id, recipients_of(&row)?);
        }
    }
    let one = |id: &ChunkId| {
        let recipients = found.get(id).cloned();
        recipients.ok_or_else(|| StoreError::NotFound(format!("recipients of {id}")))
    };
    chunks.iter().map(one).collect()
}

pub(super) async fn gate_facts(
    store: &Store,
    spans: &[GateSpan],
) -> Result<Vec<Vec<(UserNumber, RecipientFacts)>>, StoreError> {
    let named = few(
        "$1::bigint[], $2::bytea[], $3::bigint[], $4::bigint[], $5::bigint[]",
        6,
        "asked (place, account, first, last, mark)",
    );
    let column = |value: fn(&GateSpan) -> i64| -> Vec<i64> { spans.iter().map(value).collect() };
    let accounts: Vec<[u8; 16]> = spans.iter().map(|span| *span.account.as_bytes()).collect();
    let read = statement(format!(
        "SELECT DISTINCT asked.place, h.number, COALESCE(r.flags, 0) AS flags,
                COALESCE(f.state, 3) AS state
         FROM {named}
         JOIN reach_change h ON h.account = asked.account
           AND h.number BETWEEN asked.first AND asked.last AND h.sequence >= asked.mark
         LEFT JOIN reach r ON r.account = h.account AND r.number = h.number
         LEFT JOIN friend f ON f.account = h.account AND f.number = h.number"
    ));
    let read = read
        .bind((0..spans.len() as i64).collect::<Vec<i64>>())
        .bind(accounts)
        .bind(column(|span| i64::from(span.first.0)))
        .bind(column(|span| i64::from(span.last.0)))
        .bind(column(|span| span.mark))
        .bind(spans.len() as i64);
    let mut facts = vec![Vec::new(); spans.len()];
    for row in fetch(store, "reach_change", read).await? {
        let place: usize = row.int("place")?;
        let of_span = facts.get_mut(place);
        let of_span = of_span.ok_or_else(|| row.corrupt("place", place))?;
        of_span.push(gate_fact(&row)?);
    }
    Ok(facts)
}

async fn fetch(
    store: &Store,
    table: &'static str,
    statement: Statement,
) -> Result<Vec<Row>, StoreError> {
    let pool = store.beside().get_postgres_connection_pool();
    let rows = statement.fetch_all(pool).await?;
    let row = |row| Row::of_postgres(row, table);
    Ok(rows.into_iter().map(row).collect())
}

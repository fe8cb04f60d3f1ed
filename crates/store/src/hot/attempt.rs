//! What the attempts of a chunk left behind, and the way back to recipients whose outcome is open.

use domain::chunk::ChunkId;
use domain::codec;
use domain::rule::RuleId;

use crate::row::{self, values};
use crate::{StoreError, Write, bulk};

/// What any attempt with this chunk's key excluded: a replayed result may go by an early one.
pub(crate) async fn exclusions_so_far(
    connection: &impl sea_orm::ConnectionTrait,
    id: ChunkId,
) -> Result<Vec<(u32, RuleId)>, StoreError> {
    let sql = "SELECT exclusions FROM attempt
               WHERE month = $1 AND campaign = $2 AND number = $3 AND round = $4
                 AND exclusions IS NOT NULL ORDER BY epoch";
    let bound = values![id.month.number(), id.campaign, id.number, id.round];
    let mut all = Vec::new();
    for row in row::all(connection, "attempt", sql, bound).await? {
        let blob: Vec<u8> = row.get("exclusions")?;
        let one = codec::unpack_exclusions(&blob).map_err(|e| row.corrupt("exclusions", e))?;
        all.extend(one);
    }
    Ok(all)
}

/// Notes by which keys an event may later name an undecided recipient of a chunk that settles; what
/// came before the settle is decided with it. As many keys as a chunk has requests: all of them in
/// a statement each.
pub(super) async fn note_undecided(
    write: &mut Write,
    id: ChunkId,
    keys: &[([u8; 16], u32)],
) -> Result<(), StoreError> {
    if keys.is_empty() {
        return Ok(());
    }
    let month = id.month.number();
    let row = |(key, first_position): &([u8; 16], u32)| {
        values![
            *key,
            month,
            id.campaign,
            id.number,
            id.round,
            *first_position
        ]
    };
    let rows: Vec<_> = keys.iter().map(row).collect();
    let head = "INSERT INTO push_key (push_key, month, campaign, number, round, first_position)";
    bulk::insert(write.connection(), head, "ON CONFLICT DO NOTHING", rows).await?;
    let keys: Vec<[u8; 16]> = keys.iter().map(|(key, _)| *key).collect();
    crate::event::settle_waiting(write, &keys).await
}

//! What a freeze commit writes beside its chunks: the range itself, who it left out, and the count
//! against what was granted.

use super::FreezeCommit;
use crate::row::{self, values};
use crate::{StoreError, Write};

/// Opens the range; a conflict where the campaign may not freeze any more, the range is done
/// already, or more would be frozen than was granted. Whoever cancels waits for the commit.
pub(super) async fn open(write: &mut Write, commit: &FreezeCommit) -> Result<(), StoreError> {
    let lock = row::for_share(write.connection());
    let sql = format!("SELECT id FROM campaign WHERE id = $1{lock}");
    row::one(
        write.connection(),
        "campaign",
        &sql,
        values![commit.campaign],
    )
    .await?;
    let campaign = write.campaign(commit.campaign).await?;
    if !campaign.may_freeze() {
        return Err(StoreError::Conflict("the campaign"));
    }
    let sql = "INSERT INTO freeze_range (campaign, range, first_number, last_number, frozen,
                 excluded, chunks, done_at)
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING";
    let excluded: u32 = commit.exclusions.iter().map(|(_, count, _)| count).sum();
    let bound = values![
        commit.campaign,
        commit.range.index,
        commit.range.first.0,
        commit.range.last.0,
        commit.frozen,
        excluded,
        commit.chunks.len() as u64,
        commit.now,
    ];
    if row::execute(write.connection(), sql, bound).await? != 1 {
        return Err(StoreError::Conflict("the range"));
    }
    let sql = "UPDATE campaign_tariff SET frozen = frozen + $3
               WHERE campaign = $1 AND tariff = $2 AND frozen + $3 <= granted";
    let bound = values![commit.campaign, commit.launch.tariff, commit.frozen];
    if row::execute(write.connection(), sql, bound).await? != 1 {
        return Err(StoreError::Conflict("what was granted"));
    }
    for (rule, count, bitmap) in &commit.exclusions {
        let sql = "INSERT INTO exclusion (campaign, range, rule, rule_version, count, bitmap)
                   VALUES ($1, $2, $3, 1, $4, $5)";
        let bound = values![
            commit.campaign,
            commit.range.index,
            rule.code(),
            *count,
            bitmap.clone(),
        ];
        row::execute(write.connection(), sql, bound).await?;
    }
    Ok(())
}

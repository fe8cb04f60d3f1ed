//! Rich menus of many friends changed at once, beside the request that asked for it.
//!
//! A batch is done a thousand friends at a time, each time in one commit with how far it has come:
//! who is killed leaves it where another goes on, and several processes never do the same friends.

use std::sync::Arc;
use std::time::Duration;

use domain::rich_menu::{BatchRequest, Operation, RichMenuId};
use domain::time::Clock;
use store::rich_menu::link::MenuBatch;
use store::{Store, StoreError, Write};
use tokio_util::sync::CancellationToken;

use crate::Error;

/// Friends of one commit: others write in between.
const FRIENDS_AT_ONCE: u32 = 1_000;
/// How often somebody looks whether there is a batch.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// After something that may pass.
const REST: Duration = Duration::from_secs(5);

/// Does what batches ask for.
pub struct MenuBatches {
    pub store: Store,
    pub clock: Arc<dyn Clock>,
}

impl MenuBatches {
    /// Does batches until it is stopped.
    pub async fn run(self: Arc<Self>, stop: CancellationToken) {
        loop {
            let rest = tokio::select! {
                () = stop.cancelled() => return,
                step = self.step() => match step {
                    Ok(true) => continue,
                    Ok(false) => LOOK_EVERY,
                    Err(error) => {
                        tracing::error!(%error, "batches of rich menus rest");
                        REST
                    }
                },
            };
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(rest) => {}
            }
        }
    }

    /// Does the next friends of the oldest batch; whether there was one. Safe to repeat, to
    /// interrupt and to run twice.
    pub async fn step(&self) -> Result<bool, Error> {
        if !self.store.has_menu_batches().await? {
            return Ok(false);
        }
        let mut write = self.store.write().await?;
        let Some(batch) = write.next_menu_batch().await? else {
            return Ok(false);
        };
        let operations = operations(&batch)?;
        let (wanted, there) = menus(&mut write, &batch, &operations).await?;
        let last = write
            .step_menu_batch(&batch, &operations, &there, FRIENDS_AT_ONCE)
            .await?;
        match last {
            Some(last) => write.advance_menu_batch(batch.request, last).await?,
            None => {
                // Whoever should have got what is gone has what they had.
                let failed = there.len() < wanted;
                let now = self.clock.now();
                write.end_menu_batch(batch.request, failed, now).await?;
            }
        }
        write.commit().await?;
        Ok(true)
    }
}

fn operations(batch: &MenuBatch) -> Result<Vec<Operation>, StoreError> {
    let read = BatchRequest::parse(&batch.operations);
    let read = read.map_err(|errors| StoreError::Corrupt {
        table: "rich_menu_batch",
        column: "operations",
        why: format!("{errors:?}"),
    })?;
    Ok(read.operations)
}

/// How many menus a batch links, and those of them that are still there.
async fn menus(
    write: &mut Write,
    batch: &MenuBatch,
    operations: &[Operation],
) -> Result<(usize, Vec<RichMenuId>), StoreError> {
    let linked = operations.iter().filter_map(|operation| match operation {
        Operation::Link(link) => Some(link.to),
        Operation::Unlink(_) | Operation::UnlinkAll(_) => None,
    });
    let mut wanted: Vec<RichMenuId> = linked.collect();
    wanted.sort_unstable();
    wanted.dedup();
    let mut there = Vec::with_capacity(wanted.len());
    for id in &wanted {
        if write.menu(batch.account, *id).await?.is_some() {
            there.push(*id);
        }
    }
    Ok((wanted.len(), there))
}

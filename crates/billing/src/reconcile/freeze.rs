//! A campaign's freeze: what each commit says it did is what stands there, and whom it left out is
//! in no chunk.

use std::collections::BTreeMap;

use domain::campaign::CampaignState;
use domain::freeze::{CHUNKS_PER_RANGE, FreezePlan};
use domain::user::UserNumber;
use roaring::RoaringBitmap;
use store::Snapshot;
use store::reconcile::{RecordedRange, TariffGrant};
use store::report::RecordedCampaign;

use super::Invariant;
use super::campaign::Fold;
use crate::BillingError;

impl Fold<'_> {
    pub(super) async fn exclusions(&mut self, snapshot: &Snapshot) -> Result<(), BillingError> {
        let id = self.campaign.id;
        let ranges = snapshot.freeze_ranges(id).await?;
        let mut excluded: BTreeMap<u32, u64> = BTreeMap::new();
        let mut after = None;
        loop {
            let records = snapshot.exclusion_page(id, after).await?;
            let Some(first) = records.first() else { break };
            let range = first.range;
            after = Some(range);
            let bounds = ranges.iter().find(|known| known.range == range);
            for record in records {
                *excluded.entry(range).or_default() += record.count;
                let numbers = record.numbers();
                let rule = record.rule;
                let bitmap = match numbers {
                    Ok(bitmap) => bitmap,
                    Err(error) => {
                        let words = || format!("{id} range {range}: {error}");
                        self.tally.expect(Invariant::RangesAddUp, false, words);
                        continue;
                    }
                };
                let inside = bitmap.len() == record.count
                    && bounds.is_none_or(|bounds| holds(bounds, &bitmap));
                self.tally.expect(Invariant::RangesAddUp, inside, || {
                    let (count, len) = (record.count, bitmap.len());
                    format!(
                        "{id} range {range}, rule {rule}: {count} excluded, {len} in the bitmap, \
                         or outside the range"
                    )
                });
                let audience = self.audience.entry(None).or_default();
                let twice = audience.intersection_len(&bitmap);
                *audience |= &bitmap;
                let many = bitmap.len();
                self.tally
                    .expect_of_many(Invariant::AudiencePartitioned, many, twice == 0, || {
                        format!("{id} range {range}, rule {rule}: {twice} excluded stand elsewhere")
                    });
            }
        }
        self.ranges(&ranges, &excluded);
        Ok(())
    }

    /// What a freeze commit says it did is what stands there.
    fn ranges(&mut self, ranges: &[RecordedRange], excluded: &BTreeMap<u32, u64>) {
        let id = self.campaign.id;
        for range in ranges {
            let name = range.range;
            let (chunks, frozen) = self.ranges.remove(&name).unwrap_or_default();
            let left_out = excluded.get(&name).copied().unwrap_or_default();
            let same = (chunks, frozen, left_out) == (range.chunks, range.frozen, range.excluded);
            self.tally.expect(Invariant::RangesAddUp, same, || {
                let RecordedRange {
                    chunks: c,
                    frozen: f,
                    excluded: e,
                    ..
                } = range;
                format!(
                    "{id} range {name} says {c} chunks, {f} frozen, {e} excluded; there are \
                     {chunks}, {frozen}, {left_out}"
                )
            });
        }
        self.plan(ranges);
        if !self.is_standing() {
            let strays: Vec<u32> = self.ranges.keys().copied().collect();
            self.tally
                .expect(Invariant::RangesAddUp, strays.is_empty(), || {
                    format!("{id}: chunks stand in ranges {strays:?}, which were never frozen")
                });
        }
    }

    /// Ranges are done in order, each as the launch's plan cuts it; all of them where a campaign
    /// that nobody cancelled says that its freeze has ended.
    fn plan(&mut self, ranges: &[RecordedRange]) {
        let RecordedCampaign {
            id,
            highest_number,
            chunk_size,
            ..
        } = *self.campaign;
        let (Some(highest), Some(chunk_size)) = (highest_number, chunk_size) else {
            return;
        };
        let plan = FreezePlan::of(UserNumber(highest), chunk_size);
        let mut planned = plan.ranges().fuse();
        for range in ranges {
            let RecordedRange {
                range,
                first_number,
                last_number,
                ..
            } = *range;
            let as_planned = planned.next().is_some_and(|cut| {
                (cut.index, cut.first.0, cut.last.0) == (range, first_number, last_number)
            });
            self.tally.expect(Invariant::RangesAddUp, as_planned, || {
                format!("{id} range {range} covers {first_number} to {last_number}, not as planned")
            });
        }
        let is_sending = matches!(
            self.state,
            Some(CampaignState::Running | CampaignState::Paused(_))
        );
        let has_to_be_done = is_sending && self.campaign.freeze_ended_at.is_some();
        let missing = planned.count();
        self.tally.expect(
            Invariant::RangesAddUp,
            missing == 0 || !has_to_be_done,
            || format!("{id} is frozen to the end, {missing} ranges of its plan are not there"),
        );
    }

    pub(super) fn grants(&mut self) {
        let id = self.campaign.id;
        let standing = self.is_standing();
        for grant in self.grants {
            let TariffGrant {
                tariff,
                granted,
                frozen,
                ..
            } = *grant;
            let in_chunks = self.frozen.remove(&tariff).unwrap_or_default();
            let right = frozen <= granted && (standing || frozen == in_chunks);
            self.tally
                .expect(Invariant::FrozenWithinGranted, right, || {
                    format!(
                        "{id}, tariff {tariff}: {granted} granted, {frozen} counted as frozen, \
                     {in_chunks} in chunks"
                    )
                });
            let not_frozen = granted.saturating_sub(frozen) as i64;
            if !standing && !self.is_at_rest() {
                self.still_due += not_frozen.saturating_mul(grant.unit_price.micro());
            }
        }
        let unknown: Vec<u8> = self.frozen.keys().copied().collect();
        self.tally
            .expect(Invariant::FrozenWithinGranted, unknown.is_empty(), || {
                format!("{id} has chunks of tariffs {unknown:?}, for which nothing was granted")
            });
    }
}

/// Which freeze range a chunk number belongs to.
pub(super) fn range_of(number: u64) -> u32 {
    u32::try_from(number / CHUNKS_PER_RANGE).unwrap_or(u32::MAX)
}

fn holds(range: &RecordedRange, numbers: &RoaringBitmap) -> bool {
    numbers
        .min()
        .is_none_or(|first| first >= range.first_number)
        && numbers.max().is_none_or(|last| last <= range.last_number)
}

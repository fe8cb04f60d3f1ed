//! Bulkheads: how many chunks of one account may be on their way at once.
//!
//! A chunk that is pushed takes a place of a worker until it is answered. An account whose pushes
//! are answered late would take them all, one after the other, and everybody else would wait for
//! its answers. So places are shared: nobody has more than everybody else could have as well
//! (max-min fairness), and whoever is alone leaves some to whoever comes next. An account that is
//! answered quickly is not held by this: what it has on its way is gone within a moment.

/// Of so many places one stays free for an account that has nothing on its way yet.
const SPARE_SHARE: usize = 8;
/// An account among others may have a tenth of a second of its own speed on its way, alone a whole
/// second.
const MOMENTS_PER_SECOND: usize = 10;

/// The highest level up to which every account may fill its share, so that together they have
/// `places` at most. Demands are chunks on their way and those that could go now; whoever wants
/// less than the level leaves the rest to the others. At least one chunk each, however many they
/// are.
pub fn level(places: usize, demands: impl IntoIterator<Item = usize>) -> usize {
    let mut left = places.saturating_sub(places / SPARE_SHARE);
    let mut demands: Vec<usize> = demands.into_iter().filter(|wanted| *wanted > 0).collect();
    demands.sort_unstable();
    let mut largest = 0;
    for (index, wanted) in demands.iter().enumerate() {
        let share = left / (demands.len() - index);
        if *wanted > share {
            return share.max(1);
        }
        left -= wanted;
        largest = *wanted;
    }
    (largest + left).max(1)
}

/// What an account may have on its way, whose chunks left at `chunks_per_second` lately.
pub fn limit(level: usize, chunks_per_second: usize, is_alone: bool) -> usize {
    let quick = match is_alone {
        true => chunks_per_second,
        false => chunks_per_second / MOMENTS_PER_SECOND,
    };
    level.max(quick)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn shares_fit_and_nobody_could_have_more(
            places in 1usize..500,
            demands in prop::collection::vec(0usize..400, 1..60),
        ) {
            let level = level(places, demands.clone());
            let taken: usize = demands.iter().map(|wanted| level.min(*wanted)).sum();
            let wanted = demands.iter().filter(|wanted| **wanted > 0).count();
            let offered = places - places / SPARE_SHARE;
            // One each, even where there are more accounts than places.
            prop_assert!(taken <= offered.max(wanted), "{taken} of {places}");
            let higher: usize = demands.iter().map(|wanted| (level + 1).min(*wanted)).sum();
            prop_assert!(higher > offered || higher == taken, "{level} could be higher");
        }
    }

    #[test]
    fn a_slow_account_leaves_places_to_the_others() {
        // It has taken all it may; two others want a little.
        assert_eq!(level(16, [64, 2, 1]), 11);
        // Everybody wants everything.
        assert_eq!(level(16, [64, 64]), 7);
        assert_eq!(level(16, [256; 100]), 1);
    }

    #[test]
    fn whoever_is_alone_leaves_an_eighth() {
        assert_eq!(level(32, [1_000]), 28);
        assert_eq!(level(1, [1_000]), 1);
        assert_eq!(level(32, []), 28);
    }

    #[test]
    fn who_is_answered_quickly_is_not_held() {
        assert_eq!(limit(28, 1_000, true), 1_000);
        assert_eq!(limit(7, 1_000, false), 100);
        // Sixteen on their way, answered after half a second each.
        assert_eq!(limit(7, 32, false), 7);
    }
}

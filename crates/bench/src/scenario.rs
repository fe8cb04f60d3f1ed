//! How a run may differ from one account's plain broadcast: what delivery has to do besides.

use std::ops::Range;

use anyhow::ensure;
use domain::capability::Capability;
use serde::Serialize;

pub const ACCOUNTS_MAX: u32 = 100;

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Scenario {
    /// They share the friends, and each sends a campaign of its own at the same moment.
    pub accounts: u32,
    /// Friends of a hundred who block their account after the freeze and before the first push.
    pub changed_percent: u32,
    /// How the messenger behaves, each as `chingu sandbox --fault` takes it.
    pub faults: Vec<String>,
    /// Recipients of one request, at most.
    pub batch_max: u32,
    /// Whether the message holds each friend's name.
    pub personal: bool,
}

impl Default for Scenario {
    fn default() -> Self {
        Self {
            accounts: 1,
            changed_percent: 0,
            faults: Vec::new(),
            batch_max: Capability::gateway().batch_max,
            personal: false,
        }
    }
}

impl Scenario {
    pub fn check(&self, friends: u32) -> anyhow::Result<()> {
        let batch_max = Capability::gateway().batch_max;
        ensure!(friends > 0, "a broadcast needs friends");
        ensure!(
            (1..=ACCOUNTS_MAX.min(friends)).contains(&self.accounts),
            "{} accounts cannot share {friends} friends: 1 to {ACCOUNTS_MAX} can, each with one",
            self.accounts
        );
        ensure!(
            self.changed_percent < 100,
            "{} % of the friends leave nobody to send to",
            self.changed_percent
        );
        ensure!(
            (1..=batch_max).contains(&self.batch_max),
            "a request has 1 to {batch_max} recipients, not {}",
            self.batch_max
        );
        Ok(())
    }

    /// The friends of each account, by their indexes.
    pub fn shares(&self, friends: u32) -> impl Iterator<Item = Range<u32>> {
        let accounts = u64::from(self.accounts);
        let bound = move |account: u64| (u64::from(friends) * account / accounts) as u32;
        (0..accounts).map(move |account| bound(account)..bound(account + 1))
    }

    /// Whether a friend blocks the account: spread evenly over all.
    pub fn has_changed(&self, index: u32) -> bool {
        let percent = u64::from(self.changed_percent);
        let before = u64::from(index) * percent / 100;
        (u64::from(index) + 1) * percent / 100 > before
    }

    /// What the messenger is told on its command line: it refuses larger requests than it is sent.
    pub fn faults(&self) -> Vec<String> {
        let mut faults = self.faults.clone();
        if self.batch_max < Capability::gateway().batch_max {
            faults.push(format!("batch={}", self.batch_max));
        }
        faults
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_friend_has_one_account() {
        for (accounts, friends) in [(1, 1), (5, 1_000_003), (100, 100), (7, 50)] {
            let scenario = Scenario {
                accounts,
                ..Scenario::default()
            };
            scenario.check(friends).unwrap();
            let shares: Vec<Range<u32>> = scenario.shares(friends).collect();
            assert_eq!(shares.len(), accounts as usize);
            assert_eq!((shares[0].start, shares.last().unwrap().end), (0, friends));
            assert!(shares.windows(2).all(|two| two[0].end == two[1].start));
            assert!(shares.iter().all(|share| !share.is_empty()), "{shares:?}");
        }
    }

    #[test]
    fn so_many_of_a_hundred_change() {
        for percent in [0, 1, 10, 33, 99] {
            let scenario = Scenario {
                changed_percent: percent,
                ..Scenario::default()
            };
            for hundred in [0, 700] {
                let changed = (hundred..hundred + 100).filter(|index| scenario.has_changed(*index));
                assert_eq!(changed.count() as u32, percent);
            }
        }
    }

    #[test]
    fn what_cannot_be_sent_is_refused_in_words() {
        let plain = Scenario::default;
        for (scenario, friends, words) in [
            (plain(), 0, "needs friends"),
            (
                Scenario {
                    accounts: 0,
                    ..plain()
                },
                9,
                "0 accounts",
            ),
            (
                Scenario {
                    accounts: 10,
                    ..plain()
                },
                9,
                "10 accounts cannot share 9 friends",
            ),
            (
                Scenario {
                    changed_percent: 100,
                    ..plain()
                },
                9,
                "100 % of the friends",
            ),
            (
                Scenario {
                    batch_max: 0,
                    ..plain()
                },
                9,
                "1 to 1000 recipients",
            ),
        ] {
            let refused = scenario.check(friends).unwrap_err().to_string();
            assert!(refused.contains(words), "{refused}");
        }
    }
}

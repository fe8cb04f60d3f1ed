//! Fairness: deficit round robin over accounts, and within an account over its campaigns.
//!
//! Whoever has work gets a turn of [`QUANTUM`] recipients per round, whatever the size of its
//! backlog: a campaign of 1,000 beside one of 10 million goes in the next round. The structure
//! is pure: it knows who has work and what they are owed; what a chunk's size is, and whether the
//! meters let it go now, the caller answers when it is asked.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::chunk::CHUNK_SIZE_MAX;
use crate::id::{AccountId, CampaignId};

/// Recipients per turn. No chunk is larger, so that every turn serves somebody.
pub const QUANTUM: u32 = CHUNK_SIZE_MAX;

/// What stands at the head of a campaign's backlog.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Head {
    /// A chunk of this many recipients may go now.
    Ready(u32),
    /// There is a chunk, but its meters hold it: it is passed over and loses nothing to others
    /// that are held as well.
    Held,
    /// No more work: the campaign leaves the round until it enters again.
    Empty,
}

/// Whose chunk goes next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pick {
    pub account: AccountId,
    pub campaign: CampaignId,
    pub size: u32,
}

/// The rounds: accounts in turn, each with its campaigns in turn.
#[derive(Debug, Clone, Default)]
pub struct FairQueue {
    accounts: Ring<AccountId>,
    campaigns: BTreeMap<AccountId, Ring<CampaignId>>,
}

impl FairQueue {
    /// A campaign has work; one that is already in the round keeps its place.
    pub fn enter(&mut self, account: AccountId, campaign: CampaignId) {
        self.campaigns.entry(account).or_default().enter(campaign);
        self.accounts.enter(account);
    }

    pub fn is_empty(&self) -> bool {
        self.accounts.members.is_empty()
    }

    /// The next chunk, which is thereby counted as served; `None` where nobody may go now. `head`
    /// is asked about as few campaigns as it takes: one, where the first may go.
    pub fn pick(&mut self, mut head: impl FnMut(CampaignId) -> Head) -> Option<Pick> {
        let campaigns = &mut self.campaigns;
        let found = self.accounts.find(|account| {
            let Some(ring) = campaigns.get_mut(account) else {
                return Turn::Empty;
            };
            let found = ring.find(|campaign| match head(*campaign) {
                Head::Ready(size) => Turn::Ready(size, ()),
                Head::Held => Turn::Held,
                Head::Empty => Turn::Empty,
            });
            match found {
                Some(found) => Turn::Ready(found.size, found),
                None if ring.members.is_empty() => {
                    campaigns.remove(account);
                    Turn::Empty
                }
                None => Turn::Held,
            }
        })?;
        let account = self.accounts.serve(&found);
        let campaign = self.campaigns.get_mut(&account)?.serve(&found.within);
        Some(Pick {
            account,
            campaign,
            size: found.size,
        })
    }
}

/// What a member of a ring answers; a member that may go says what was found within it.
enum Turn<W> {
    Ready(u32, W),
    Held,
    Empty,
}

/// The member that goes next: its place and the size of what it sends.
struct Found<W> {
    index: usize,
    size: u32,
    /// It has used up its turn, but nobody else may go.
    begins_another_turn: bool,
    within: W,
}

/// One level of the round. The member at the front is in its turn or about to begin it.
#[derive(Debug, Clone)]
struct Ring<K> {
    members: VecDeque<Member<K>>,
    present: BTreeSet<K>,
}

#[derive(Debug, Clone)]
struct Member<K> {
    key: K,
    /// Recipients it may still send in this turn, or keeps for its next one: less than a chunk.
    deficit: u32,
    in_turn: bool,
    held: bool,
}

impl<K> Default for Ring<K> {
    fn default() -> Self {
        Self {
            members: VecDeque::new(),
            present: BTreeSet::new(),
        }
    }
}

impl<K: Copy + Ord> Ring<K> {
    fn enter(&mut self, key: K) {
        if self.present.insert(key) {
            self.members.push_back(Member {
                key,
                deficit: 0,
                in_turn: false,
                held: false,
            });
        }
    }

    /// Looks for who goes next without giving anybody's turn away: while everybody is held, the
    /// order stays as it is. Members without work leave.
    fn find<W>(&mut self, mut ask: impl FnMut(&K) -> Turn<W>) -> Option<Found<W>> {
        let mut only_candidate = None;
        let mut index = 0;
        while let Some(member) = self.members.get_mut(index) {
            match ask(&member.key) {
                Turn::Empty => {
                    self.present.remove(&member.key);
                    self.members.remove(index);
                    continue;
                }
                Turn::Held => member.held = true,
                Turn::Ready(size, within) => {
                    member.held = false;
                    // Whoever is not in its turn is owed a quantum, which no chunk exceeds.
                    let begins_another_turn = member.in_turn && member.deficit < cost(size);
                    let found = Found {
                        index,
                        size,
                        begins_another_turn,
                        within,
                    };
                    if !begins_another_turn {
                        return Some(found);
                    }
                    only_candidate = Some(found);
                }
            }
            index += 1;
        }
        only_candidate
    }

    /// Gives the found member what it sends. Whoever stood before it loses the rest of its turn:
    /// one that was held loses all of it, or it would send in a burst later.
    fn serve<W>(&mut self, found: &Found<W>) -> K {
        for member in self.members.iter_mut().take(found.index) {
            member.in_turn = false;
            if member.held {
                member.deficit = 0;
            }
        }
        self.members.rotate_left(found.index);
        let member = &mut self.members[0];
        if !member.in_turn || found.begins_another_turn {
            member.in_turn = true;
            member.deficit += QUANTUM;
        }
        member.deficit -= cost(found.size);
        member.key
    }
}

/// What a chunk takes from a turn; a larger one than allowed still goes, for one whole turn.
fn cost(size: u32) -> u32 {
    size.min(QUANTUM)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn account(number: u8) -> AccountId {
        AccountId::from_bytes([number; 16])
    }

    fn campaign(number: u8) -> CampaignId {
        CampaignId::from_bytes([number; 16])
    }

    /// Backlogs by campaign: the sizes of their chunks.
    type Backlogs = BTreeMap<CampaignId, VecDeque<u32>>;

    fn head_of(backlogs: &Backlogs, campaign: CampaignId) -> Head {
        match backlogs[&campaign].front() {
            Some(size) => Head::Ready(*size),
            None => Head::Empty,
        }
    }

    fn pick_from(queue: &mut FairQueue, backlogs: &mut Backlogs) -> Option<Pick> {
        let pick = queue.pick(|campaign| head_of(backlogs, campaign))?;
        let size = backlogs.get_mut(&pick.campaign)?.pop_front();
        assert_eq!(size, Some(pick.size));
        Some(pick)
    }

    fn sizes() -> impl Strategy<Value = VecDeque<u32>> {
        prop::collection::vec(1u32..=1_000, 400).prop_map(VecDeque::from)
    }

    proptest! {
        #[test]
        fn two_backlogged_accounts_are_served_alike(
            backlogs in prop::array::uniform4(sizes()),
            owners in prop::array::uniform4(0u8..2),
            connector_held in prop::collection::vec(any::<bool>(), 400),
        ) {
            let mut queue = FairQueue::default();
            let mut waiting = Backlogs::new();
            // At least one campaign each; the others fall to either.
            for (number, backlog) in (0u8..).zip(backlogs) {
                let owner = if number < 2 { number } else { owners[number as usize] };
                waiting.insert(campaign(number), backlog);
                queue.enter(account(owner), campaign(number));
            }
            let mut served = [0i64; 2];
            for held in connector_held {
                if held {
                    // A limit that holds everybody gives nobody an advantage.
                    prop_assert_eq!(queue.pick(|_| Head::Held), None);
                }
                let pick = pick_from(&mut queue, &mut waiting).unwrap();
                served[usize::from(pick.account == account(1))] += i64::from(pick.size);
                prop_assert!((served[0] - served[1]).abs() <= i64::from(QUANTUM) + 1_000);
            }
        }

        #[test]
        fn every_chunk_goes_once_and_the_round_ends(
            campaigns in prop::collection::vec(
                (0u8..5, prop::collection::vec(1u32..=1_000, 0..30)), 1..20),
            holds in prop::collection::vec(any::<u8>(), 40),
        ) {
            let mut queue = FairQueue::default();
            let mut waiting = Backlogs::new();
            for (number, (owner, backlog)) in (0u8..).zip(&campaigns) {
                waiting.insert(campaign(number), backlog.iter().copied().collect());
                queue.enter(account(*owner), campaign(number));
                queue.enter(account(*owner), campaign(number));
            }
            let mut sent = 0u64;
            // Some campaigns are held for a while; the others go on.
            for held in holds {
                let held = campaign(held % 20);
                let pick = queue.pick(|campaign| match campaign == held {
                    true => Head::Held,
                    false => head_of(&waiting, campaign),
                });
                if let Some(pick) = pick {
                    prop_assert!(pick.campaign != held);
                    waiting.get_mut(&pick.campaign).unwrap().pop_front();
                    sent += u64::from(pick.size);
                }
            }
            while let Some(pick) = pick_from(&mut queue, &mut waiting) {
                sent += u64::from(pick.size);
            }
            let all: u64 = campaigns.iter().flat_map(|(_, b)| b).map(|s| u64::from(*s)).sum();
            prop_assert_eq!(sent, all);
            prop_assert!(queue.is_empty());
        }
    }

    #[test]
    fn a_small_campaign_goes_beside_a_huge_one() {
        let (huge, small) = (campaign(1), campaign(2));
        let mut queue = FairQueue::default();
        queue.enter(account(1), huge);
        let endless = |campaign| match campaign == huge {
            true => Head::Ready(1_000),
            false => Head::Ready(100),
        };
        for _ in 0..5_000 {
            queue.pick(endless).unwrap();
        }
        queue.enter(account(2), small);
        // Ten chunks of 100 are one turn: nothing of the huge one comes between them.
        let picks: Vec<Pick> = (0..12).filter_map(|_| queue.pick(endless)).collect();
        let places: Vec<bool> = picks.iter().map(|pick| pick.campaign == small).collect();
        let first = places.iter().position(|is_small| *is_small).unwrap();
        assert!(first <= 1, "{places:?}");
        assert!(
            places[first..first + 10].iter().all(|is_small| *is_small),
            "{places:?}"
        );
        // The same holds for two campaigns of one account.
        let sibling = campaign(3);
        queue.enter(account(1), sibling);
        let next: Vec<CampaignId> = (0..40)
            .filter_map(|_| queue.pick(endless))
            .map(|pick| pick.campaign)
            .collect();
        assert!(next.iter().filter(|campaign| **campaign == sibling).count() >= 10);
    }

    #[test]
    fn a_held_campaign_saves_nothing_up() {
        let (held, free) = (campaign(1), campaign(2));
        let mut queue = FairQueue::default();
        queue.enter(account(1), held);
        queue.enter(account(2), free);
        for _ in 0..100 {
            let pick = queue.pick(|campaign| match campaign == held {
                true => Head::Held,
                false => Head::Ready(250),
            });
            assert_eq!(pick.map(|pick| pick.campaign), Some(free));
        }
        let after: Vec<CampaignId> = (0..16)
            .filter_map(|_| queue.pick(|_| Head::Ready(250)))
            .map(|pick| pick.campaign)
            .collect();
        let of_held = after.iter().filter(|campaign| **campaign == held).count();
        assert_eq!(of_held, 8, "{after:?}");
    }

    #[test]
    fn only_the_front_is_asked_where_it_may_go() {
        let mut queue = FairQueue::default();
        for number in 0..200 {
            queue.enter(account(number), campaign(number));
        }
        let mut asked = 0;
        for _ in 0..1_000 {
            queue.pick(|_| {
                asked += 1;
                Head::Ready(1_000)
            });
        }
        // The one whose turn ended is asked before the next.
        assert!(asked <= 2_000, "{asked}");
    }
}

//! Messages in line, a line per lane; whoever takes some is served from all lanes in turn.

use std::collections::VecDeque;

use crate::port::Lane;

/// One line per lane.
#[derive(Debug)]
pub struct Lanes<T> {
    lines: [VecDeque<T>; Lane::ALL.len()],
    /// Whose turn it is, as an index of [`Lane::ALL`].
    turn: usize,
}

impl<T> Lanes<T> {
    pub fn push(&mut self, lane: Lane, item: T) {
        self.lines[lane as usize].push_back(item);
    }

    /// Up to `limit`, one of each lane in turn; an empty lane leaves its turn to the other.
    pub fn take(&mut self, limit: usize) -> Vec<(Lane, T)> {
        let mut taken = Vec::with_capacity(limit.min(self.len()));
        while taken.len() < limit && !self.is_empty() {
            let lane = Lane::ALL[self.turn];
            self.turn = (self.turn + 1) % Lane::ALL.len();
            taken.extend(
                self.lines[lane as usize]
                    .pop_front()
                    .map(|item| (lane, item)),
            );
        }
        taken
    }

    pub fn len(&self) -> usize {
        self.lines.iter().map(VecDeque::len).sum()
    }

    pub fn is_empty(&self) -> bool {
        self.lines.iter().all(VecDeque::is_empty)
    }

    pub fn clear(&mut self) {
        for line in &mut self.lines {
            line.clear();
        }
    }
}

impl<T> Default for Lanes<T> {
    fn default() -> Self {
        Self {
            lines: Default::default(),
            turn: 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lanes_take_turns_and_keep_their_order() {
        let mut lanes = Lanes::default();
        for number in 0..5 {
            lanes.push(Lane::Bulk, number);
        }
        lanes.push(Lane::Single, 100);
        lanes.push(Lane::Single, 101);
        let taken: Vec<u32> = lanes.take(5).into_iter().map(|(_, item)| item).collect();
        assert_eq!(taken, [100, 0, 101, 1, 2]);
        assert_eq!(lanes.len(), 2);
    }

    #[test]
    fn one_at_a_time_no_lane_starves() {
        let mut lanes = Lanes::default();
        for number in 0..3 {
            lanes.push(Lane::Single, number);
            lanes.push(Lane::Bulk, 10 + number);
        }
        let one_by_one = (0..6).flat_map(|_| lanes.take(1));
        let taken: Vec<u32> = one_by_one.map(|(_, item)| item).collect();
        assert_eq!(taken, [0, 10, 1, 11, 2, 12]);
        assert!(lanes.take(1).is_empty());
    }
}

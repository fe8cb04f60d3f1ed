//! A Merkle tree over records in their order: one hash that stands for all of them, and short
//! proofs that one of them is under it.
//!
//! The tree is that of RFC 6962: a leaf and an inner node are hashed with prefixes of their own, so
//! that neither passes for the other, and who has no neighbour is promoted as it is. It is built
//! from the left with one hash per level in memory, however many leaves there are.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use sha2::{Digest, Sha256};

const LEAF: u8 = 0;
const NODE: u8 = 1;

/// A hash in a tree: of a leaf, of an inner node, or the root.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TreeHash([u8; 32]);

/// A tree that is being built from its leaves in order.
#[derive(Debug, Clone, Default)]
pub struct Tree {
    /// Full subtrees, the largest first: a level and its hash.
    full: Vec<Subtree>,
    leaves: u64,
    /// The leaf whose way to the root is kept, and what was met on it so far.
    wanted: Option<u64>,
    path: Vec<TreeHash>,
}

#[derive(Debug, Clone, Copy)]
struct Subtree {
    level: u32,
    hash: TreeHash,
    holds_wanted: bool,
}

/// Where a leaf stands in a tree, and the neighbours on its way up: whoever has the leaf finds the
/// root with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Inclusion {
    /// From 0.
    pub index: u64,
    /// How many leaves the tree has.
    pub leaves: u64,
    /// From the leaf's neighbour upwards.
    pub path: Vec<TreeHash>,
}

impl TreeHash {
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The root of a tree without leaves.
    pub fn empty() -> Self {
        Self(Sha256::new().finalize().into())
    }

    /// The leaf of a record.
    pub fn leaf(record: &[u8]) -> Self {
        let hasher = Sha256::new().chain_update([LEAF]).chain_update(record);
        Self(hasher.finalize().into())
    }

    fn node(left: Self, right: Self) -> Self {
        let hasher = Sha256::new().chain_update([NODE]);
        let hasher = hasher.chain_update(left.0).chain_update(right.0);
        Self(hasher.finalize().into())
    }
}

/// 64 hexadecimal digits.
impl fmt::Display for TreeHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for TreeHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Why a text is no hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a hash has 64 hexadecimal digits")]
pub struct InvalidHash;

impl FromStr for TreeHash {
    type Err = InvalidHash;

    fn from_str(text: &str) -> Result<Self, InvalidHash> {
        let mut bytes = [0; 32];
        hex::decode_to_slice(text, &mut bytes).map_err(|_| InvalidHash)?;
        Ok(Self(bytes))
    }
}

impl Serialize for TreeHash {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for TreeHash {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

impl Tree {
    /// A tree that keeps the way of one leaf to the root.
    pub fn proving(index: u64) -> Self {
        Self {
            wanted: Some(index),
            ..Self::default()
        }
    }

    pub fn push(&mut self, leaf: TreeHash) {
        let mut subtree = Subtree {
            level: 0,
            hash: leaf,
            holds_wanted: self.wanted == Some(self.leaves),
        };
        self.leaves += 1;
        while let Some(left) = self.full.pop_if(|left| left.level == subtree.level) {
            subtree = self.join(left, subtree);
        }
        self.full.push(subtree);
    }

    pub const fn leaves(&self) -> u64 {
        self.leaves
    }

    pub fn root(self) -> TreeHash {
        self.finish().0
    }

    /// The root and, where a leaf was asked for that the tree has, its way there.
    pub fn finish(mut self) -> (TreeHash, Option<Inclusion>) {
        let Some(mut right) = self.full.pop() else {
            return (TreeHash::empty(), None);
        };
        while let Some(left) = self.full.pop() {
            right = self.join(left, right);
        }
        let inclusion = self.wanted.filter(|_| right.holds_wanted);
        let inclusion = inclusion.map(|index| Inclusion {
            index,
            leaves: self.leaves,
            path: self.path,
        });
        (right.hash, inclusion)
    }

    fn join(&mut self, left: Subtree, right: Subtree) -> Subtree {
        if left.holds_wanted {
            self.path.push(right.hash);
        } else if right.holds_wanted {
            self.path.push(left.hash);
        }
        Subtree {
            level: left.level + 1,
            hash: TreeHash::node(left.hash, right.hash),
            holds_wanted: left.holds_wanted || right.holds_wanted,
        }
    }
}

impl Inclusion {
    /// The root of the tree in which `leaf` stands here; `None` where no tree of so many leaves has
    /// such a place or such a path.
    pub fn root_over(&self, leaf: TreeHash) -> Option<TreeHash> {
        let (mut index, mut width) = (self.index, self.leaves);
        if index >= width {
            return None;
        }
        let mut hash = leaf;
        let mut path = self.path.iter();
        while width > 1 {
            let is_alone = index.is_multiple_of(2) && index + 1 == width;
            if !is_alone {
                let neighbour = *path.next()?;
                hash = match index.is_multiple_of(2) {
                    true => TreeHash::node(hash, neighbour),
                    false => TreeHash::node(neighbour, hash),
                };
            }
            index /= 2;
            width = width.div_ceil(2);
        }
        path.next().is_none().then_some(hash)
    }
}

#[cfg(test)]
mod tests;

//! The tree is the one of RFC 6962, and a proof holds for its leaf, its place and its root alone.

use proptest::prelude::*;

use super::*;

/// The inputs that implementations of RFC 6962 are compared with, and their roots by how many of
/// them there are.
const INPUTS: [&str; 8] = [
    "",
    "00",
    "10",
    "2021",
    "3031",
    "40414243",
    "5051525354555657",
    "606162636465666768696a6b6c6d6e6f",
];
const ROOTS: [(usize, &str); 5] = [
    (
        0,
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    ),
    (
        1,
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    ),
    (
        2,
        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    ),
    (
        3,
        "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    ),
    (
        8,
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
    ),
];

fn leaves(count: usize) -> Vec<TreeHash> {
    let record = |number: usize| (number as u64).to_be_bytes();
    (0..count).map(|n| TreeHash::leaf(&record(n))).collect()
}

fn root_of(leaves: &[TreeHash]) -> TreeHash {
    let mut tree = Tree::default();
    leaves.iter().for_each(|leaf| tree.push(*leaf));
    tree.root()
}

fn inclusion_of(leaves: &[TreeHash], index: u64) -> (TreeHash, Option<Inclusion>) {
    let mut tree = Tree::proving(index);
    leaves.iter().for_each(|leaf| tree.push(*leaf));
    tree.finish()
}

/// Level by level, as the words say it.
fn level_by_level(leaves: &[TreeHash]) -> TreeHash {
    let mut level = leaves.to_vec();
    while level.len() > 1 {
        let pair = |pair: &[TreeHash]| match pair {
            [left, right] => TreeHash::node(*left, *right),
            alone => alone[0],
        };
        level = level.chunks(2).map(pair).collect();
    }
    level.first().copied().unwrap_or_else(TreeHash::empty)
}

#[test]
fn roots_are_those_that_others_compute() {
    for (count, expected) in ROOTS {
        let mut tree = Tree::default();
        for input in &INPUTS[..count] {
            tree.push(TreeHash::leaf(&hex::decode(input).unwrap()));
        }
        assert_eq!(tree.leaves(), count as u64);
        assert_eq!(tree.root().to_string(), expected, "{count} leaves");
    }
}

#[test]
fn hashes_are_read_as_they_are_written() {
    let hash = TreeHash::leaf(b"a record");
    assert_eq!(hash.to_string().parse(), Ok(hash));
    let short = &hash.to_string()[2..];
    for wrong in ["", short, &format!("{hash}00"), &format!("zz{short}")] {
        assert_eq!(wrong.parse::<TreeHash>(), Err(InvalidHash), "{wrong}");
    }
}

#[test]
fn every_leaf_of_every_small_tree_is_proved() {
    for count in 0..=40usize {
        let leaves = leaves(count);
        let root = level_by_level(&leaves);
        for (index, leaf) in (0u64..).zip(&leaves) {
            let (found, inclusion) = inclusion_of(&leaves, index);
            assert_eq!(found, root);
            assert_eq!(inclusion.unwrap().root_over(*leaf), Some(root));
        }
        assert_eq!(inclusion_of(&leaves, count as u64), (root, None));
    }
}

#[test]
fn an_inner_node_does_not_pass_for_a_leaf() {
    let leaves = leaves(4);
    let nodes: Vec<TreeHash> = leaves
        .chunks(2)
        .map(|pair| TreeHash::node(pair[0], pair[1]))
        .collect();
    assert_eq!(root_of(&leaves), root_of(&nodes));
    let record = [*leaves[0].as_bytes(), *leaves[1].as_bytes()].concat();
    assert_ne!(TreeHash::leaf(&record), nodes[0]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10_000))]

    #[test]
    fn a_proof_holds_for_its_leaf_its_place_and_its_root_alone(
        count in 1usize..400,
        place in any::<prop::sample::Index>(),
        other in any::<prop::sample::Index>(),
        bit in 0usize..256,
    ) {
        let leaves = leaves(count);
        let index = place.index(count);
        let (root, inclusion) = inclusion_of(&leaves, index as u64);
        prop_assert_eq!(root, level_by_level(&leaves));
        let inclusion = inclusion.unwrap();
        prop_assert_eq!(inclusion.root_over(leaves[index]), Some(root));
        prop_assert!(inclusion.path.len() as u32 <= count.next_power_of_two().ilog2());

        let mut bytes = *leaves[index].as_bytes();
        bytes[bit / 8] ^= 1 << (bit % 8);
        prop_assert_ne!(inclusion.root_over(TreeHash::from_bytes(bytes)), Some(root));
        let elsewhere = other.index(count);
        if elsewhere != index {
            let moved = Inclusion { index: elsewhere as u64, ..inclusion.clone() };
            prop_assert_ne!(moved.root_over(leaves[index]), Some(root));
            prop_assert_ne!(inclusion.root_over(leaves[elsewhere]), Some(root));
        }
        let beyond = Inclusion { index: count as u64, ..inclusion.clone() };
        prop_assert_eq!(beyond.root_over(leaves[index]), None);
        let mut longer = inclusion.clone();
        longer.path.push(root);
        prop_assert_eq!(longer.root_over(leaves[index]), None);
        if !inclusion.path.is_empty() {
            let step = other.index(inclusion.path.len());
            let mut bent = inclusion.clone();
            let mut bytes = *bent.path[step].as_bytes();
            bytes[bit / 8] ^= 1 << (bit % 8);
            bent.path[step] = TreeHash::from_bytes(bytes);
            prop_assert_ne!(bent.root_over(leaves[index]), Some(root));
            let mut shorter = inclusion;
            shorter.path.pop();
            prop_assert_eq!(shorter.root_over(leaves[index]), None);
        }
    }

    #[test]
    fn a_leaf_that_is_changed_lost_doubled_or_moved_changes_the_root(
        count in 1usize..200,
        place in any::<prop::sample::Index>(),
        other in any::<prop::sample::Index>(),
    ) {
        let leaves = leaves(count);
        let (index, elsewhere) = (place.index(count), other.index(count));
        let root = root_of(&leaves);
        let mut changed = leaves.clone();
        changed[index] = TreeHash::leaf(b"something else");
        prop_assert_ne!(root_of(&changed), root);
        let mut lost = leaves.clone();
        lost.remove(index);
        prop_assert_ne!(root_of(&lost), root);
        let mut doubled = leaves.clone();
        doubled.insert(index, leaves[index]);
        prop_assert_ne!(root_of(&doubled), root);
        if index != elsewhere {
            let mut moved = leaves.clone();
            moved.swap(index, elsewhere);
            prop_assert_ne!(root_of(&moved), root);
        }
    }
}

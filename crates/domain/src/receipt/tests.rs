//! Receipts: packing round-trips, and figures are the same in whatever order receipts come.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;

fn any_receipt() -> impl Strategy<Value = Receipt> {
    let kind = proptest::sample::select(ReceiptKind::ALL.to_vec());
    (0u32..3_000, kind, 0u32..3, 0u32..50_000).prop_map(|(number, kind, link, second)| Receipt {
        number: UserNumber(number),
        kind,
        link: (kind == ReceiptKind::Clicked).then_some(link),
        second,
    })
}

fn figures_of(receipts: &[Receipt]) -> Figures {
    let mut figures = Figures::default();
    for receipt in receipts {
        figures.add(*receipt);
    }
    figures.buckets.retain(|_, people| *people != 0);
    figures
}

proptest! {
    #[test]
    fn receipts_round_trip(mut receipts in proptest::collection::vec(any_receipt(), 0..500)) {
        receipts.sort_unstable();
        prop_assert_eq!(unpack_receipts(&pack_receipts(&receipts)).unwrap(), receipts);
    }

    #[test]
    fn people_round_trip(receipts in proptest::collection::vec(any_receipt(), 0..500)) {
        for people in figures_of(&receipts).people.values() {
            prop_assert_eq!(&unpack_people(&pack_people(people)).unwrap(), people);
        }
    }

    #[test]
    fn corrupt_blobs_are_errors_not_panics(blob: Vec<u8>) {
        let _ = unpack_receipts(&blob);
        let _ = unpack_people(&blob);
    }

    #[test]
    fn the_order_does_not_matter(receipts in proptest::collection::vec(any_receipt(), 0..300)) {
        let mut sorted = receipts.clone();
        sorted.sort_unstable();
        prop_assert_eq!(figures_of(&receipts), figures_of(&sorted));
    }

    #[test]
    fn figures_are_what_naive_counting_says(
        receipts in proptest::collection::vec(any_receipt(), 0..300)
    ) {
        let figures = figures_of(&receipts);
        for kind in ReceiptKind::ALL {
            let of_kind: Vec<&Receipt> = receipts.iter().filter(|r| r.kind == kind).collect();
            let mut firsts: BTreeMap<UserNumber, u32> = BTreeMap::new();
            for receipt in &of_kind {
                let first = firsts.entry(receipt.number).or_insert(receipt.second);
                *first = receipt.second.min(*first);
            }
            let sum = Sum { people: firsts.len() as u64, total: of_kind.len() as u64 };
            prop_assert_eq!(figures.sum(kind), sum);
            let mut buckets: BTreeMap<u32, i64> = BTreeMap::new();
            for (number, second) in &firsts {
                *buckets.entry(bucket_of(*second)).or_default() += 1;
                let people = &figures.people[&block_of(*number)];
                prop_assert_eq!(people.of(*number).unwrap().first(kind), Some(*second));
            }
            let told = figures.buckets.iter().filter(|((of, _), _)| *of == kind);
            let told: BTreeMap<u32, i64> = told.map(|((_, start), n)| (*start, *n)).collect();
            prop_assert_eq!(told, buckets);
        }
        for (link, clickers) in &figures.links {
            let clicks: Vec<u32> = receipts
                .iter()
                .filter(|receipt| receipt.link == Some(*link))
                .map(|receipt| receipt.number.0)
                .collect();
            prop_assert_eq!(clickers.total, clicks.len() as u64);
            let people: BTreeSet<u32> = clicks.into_iter().collect();
            prop_assert!(clickers.numbers.iter().eq(people));
        }
    }
}

#[test]
fn version_one_keeps_its_bytes() {
    let receipts = [
        Receipt {
            number: UserNumber(300),
            kind: ReceiptKind::Opened,
            link: None,
            second: 5,
        },
        Receipt {
            number: UserNumber(300),
            kind: ReceiptKind::Clicked,
            link: Some(2),
            second: 200,
        },
    ];
    assert_eq!(
        pack_receipts(&receipts),
        [1, 0xac, 2, 1, 5, 0, 0x82, 2, 0xc8, 1]
    );
    let figures = figures_of(&receipts);
    assert_eq!(
        pack_people(&figures.people[&0]),
        [1, 0xac, 2, 0b110, 5, 0xc8, 1]
    );
}

#[test]
fn seconds_count_from_the_minute_of_the_launch() {
    let launched_at = Timestamp::from_millis(1_793_000_045_678);
    let epoch = epoch(launched_at);
    assert_eq!(epoch.as_millis() % 60_000, 0);
    assert_eq!(second_of(epoch, epoch + Duration::from_secs(61)), 61);
    assert_eq!(second_of(epoch, epoch - Duration::from_secs(5)), 0);
    assert_eq!(at_second(epoch, 61), epoch + Duration::from_secs(61));
    assert_eq!(bucket_of(119), 60);
    assert_eq!(bucket_of(21_599), 21_540);
    assert_eq!(bucket_of(21_600 + 3_599), 21_600);
}

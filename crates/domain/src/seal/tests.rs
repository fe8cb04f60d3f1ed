//! Canonical bytes stay what they are, every chunk is under one seal, and seals are a chain.

use proptest::prelude::*;

use super::*;
use crate::id::CampaignId;
use crate::money::Currency;
use crate::time::LaunchMonth;

const NOON: Timestamp = Timestamp::from_millis(1_795_000_000_000);

fn chunk() -> SealedChunk {
    let price = Money::from_micro(15_000_000, Currency::Krw);
    let capture = |part, units, transaction: Option<u8>| SealedCapture {
        part,
        ledger_transaction: transaction.map(|id| LedgerTransactionId::from_bytes([id; 16])),
        units,
        unit_price: price,
        amount: price.times(units.into()).unwrap(),
    };
    SealedChunk {
        id: ChunkId {
            month: LaunchMonth::of(NOON),
            campaign: CampaignId::from_bytes([7; 16]),
            number: 65_536,
            round: 1,
        },
        state: 10,
        tariff: 2,
        size: 3,
        message: [0xaa; 32],
        content: [0xbb; 32],
        settled_at: NOON,
        recipients: TreeHash::leaf(b"recipients"),
        captures: vec![capture(0, 2, Some(9)), capture(2_000, 0, None)],
    }
}

fn seal() -> Seal {
    Seal {
        day: SealDay::of(NOON),
        mark: 77,
        chunks: 1,
        sends: 3,
        root: chunk().leaf(),
        heads: 1,
        heads_root: LedgerHead {
            business: BusinessId::from_bytes([1; 16]),
            sequence: 5,
            hash: ChainHash::from_bytes([2; 32]),
        }
        .leaf(),
        sealed_at: SealDay::of(NOON).end() + SEAL_DELAY,
        previous: Seal::GENESIS,
    }
}

#[test]
fn days_are_utc_and_sealed_after_their_end() {
    let day = SealDay::of(NOON);
    assert_eq!(day.to_string(), "2026-11-18");
    assert_eq!("2026-11-18".parse(), Ok(day));
    assert_eq!(SealDay::from_number(day.number()), day);
    assert_eq!(SealDay::of(day.begin()), day);
    assert_eq!(SealDay::of(day.end()), day.next());
    assert_eq!(day.next().begin(), day.end());
    let last = Timestamp::from_millis(day.end().as_millis() - 1);
    assert_eq!(SealDay::of(last), day);
    assert!(!day.may_be_sealed(day.end()));
    assert!(day.may_be_sealed(day.end() + SEAL_DELAY));
    assert_eq!(
        SealDay::of(Timestamp::from_millis(-1)).to_string(),
        "1969-12-31"
    );
    for wrong in [
        "",
        "2026-11",
        "2026-13-01",
        "2026-11-18T00:00:00Z",
        "yesterday",
    ] {
        assert!(wrong.parse::<SealDay>().is_err(), "{wrong}");
    }
}

/// Held for years: a seal that was published has to be computed again.
#[test]
fn canonical_bytes_are_version_1() {
    let bytes = chunk().to_bytes();
    assert_eq!(bytes.len(), CHUNK_BYTES + 2 * CAPTURE_BYTES);
    assert_eq!(
        chunk().leaf().to_string(),
        "36df37111b36687a2e14ad6af744f74329a3613ad26e8bad20f5c40536b97cff"
    );
    assert_eq!(
        seal().heads_root.to_string(),
        "1ad2a3411d16b97e4f63fe1ca1afcbc4478c24839185871a11afcd8341486178"
    );
    assert_eq!(
        seal().hash().to_string(),
        "2a4bcd2c4c4a611331ed3c83363d21f52a70d7d72e335f2fc38b2c051015440d"
    );
    assert_eq!(
        recipient_leaf(17, UserNumber(70_512), Outcome::Accepted).to_string(),
        "3ae4fb5ffaaa154038e8490c243c3decba7b774f0a3c724fad3e7d234b260cef"
    );
}

#[test]
fn canonical_bytes_are_read_back_and_nothing_else_is() {
    let bytes = chunk().to_bytes();
    assert_eq!(SealedChunk::from_bytes(&bytes), Some(chunk()));
    assert_eq!(SealedChunk::from_bytes(&[]), None);
    assert_eq!(SealedChunk::from_bytes(&bytes[..bytes.len() - 1]), None);
    assert_eq!(SealedChunk::from_bytes(&[&bytes[..], &[0]].concat()), None);
    let mut other_version = bytes;
    other_version[0] = 2;
    assert_eq!(SealedChunk::from_bytes(&other_version), None);
}

#[test]
fn whatever_differs_in_a_seal_differs_in_its_hash() {
    let hash = seal().hash();
    let mut others = [seal(); 9];
    others[0].day = others[0].day.next();
    others[1].mark += 1;
    others[2].chunks += 1;
    others[3].sends += 1;
    others[4].root = TreeHash::empty();
    others[5].heads += 1;
    others[6].heads_root = TreeHash::empty();
    others[7].sealed_at = NOON;
    others[8].previous = hash;
    for other in others {
        assert_ne!(other.hash(), hash, "{other:?}");
    }
}

#[test]
fn one_recipient_is_shown_without_the_others() {
    let numbers: Vec<UserNumber> = (1..=1_000).map(UserNumber).collect();
    let outcomes = vec![Outcome::Accepted; 1_000];
    let root = recipients_tree(&numbers, &outcomes, None).root();
    let (same, inclusion) = recipients_tree(&numbers, &outcomes, Some(17)).finish();
    assert_eq!(same, root);
    let inclusion = inclusion.unwrap();
    let leaf = |outcome| recipient_leaf(17, UserNumber(18), outcome);
    assert_eq!(inclusion.root_over(leaf(Outcome::Accepted)), Some(root));
    assert_ne!(inclusion.root_over(leaf(Outcome::Cancelled)), Some(root));
    let mut bent = outcomes;
    bent[999] = Outcome::Uncertain;
    assert_ne!(recipients_tree(&numbers, &bent, None).root(), root);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10_000))]

    /// Whenever it settled, late and by whatever clock, a chunk is under the first seal that may
    /// have seen it and under no other.
    #[test]
    fn a_chunk_is_under_one_seal(
        first in 0i32..5,
        steps in proptest::collection::vec(0i64..50, 1..8),
        day in 0i32..14,
        within in 0i64..DAY_MS,
        sequence in 0i64..400,
    ) {
        let settled_at = SealDay::from_number(day).begin() + Duration::from_millis(within as u64);
        let mut mark = 0;
        let mut previous = None;
        let mut covering = Vec::new();
        let mut first_to_see = None;
        for (number, step) in (first..).zip(steps) {
            mark += step;
            let day = SealDay::from_number(number);
            let window = SealWindow { day, mark, previous_mark: previous };
            if window.covers(settled_at, sequence) {
                covering.push(number);
            }
            if first_to_see.is_none() && settled_at < day.end() && sequence < mark {
                first_to_see = Some(number);
            }
            previous = Some(mark);
        }
        prop_assert_eq!(covering, first_to_see.into_iter().collect::<Vec<_>>());
    }
}

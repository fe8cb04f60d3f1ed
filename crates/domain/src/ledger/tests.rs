//! Postings balance, and wallets can be built again from them.

use super::*;
use crate::contract::VatBase;
use crate::funds::LotPart;
use crate::id::{BusinessId, LedgerTransactionId};
use crate::invoice::{MonthFigures, credit, invoice};
use crate::price::Rounding;
use crate::time::{LaunchMonth, Timestamp};
use proptest::prelude::*;

fn campaign(number: u8) -> CampaignId {
    CampaignId::from_bytes([number; 16])
}

fn krw(units: i64) -> Money {
    Money::whole(units, Currency::Krw)
}

fn jpy(units: i64) -> Money {
    Money::whole(units, Currency::Jpy)
}

fn cash(units: i64) -> Funds {
    Funds::cash(krw(units))
}

fn lot(number: u8) -> LotId {
    LotId::from_bytes([number; 16])
}

/// A lot of promotional credit with so much in it, the first of which expires first.
fn part(number: u8, units: i64) -> LotPart {
    LotPart {
        lot: lot(number),
        expires_at: Timestamp::from_millis(i64::from(number)),
        amount: krw(units),
    }
}

fn release(campaign: CampaignId, units: i64) -> Result<Posting, LedgerError> {
    Posting::release(campaign, &cash(units), |_| false)
}

fn signed(posting: &Posting) -> Vec<(&'static str, i64)> {
    let whole = |entry: &Entry| (entry.account.name(), entry.amount.micro() / 1_000_000);
    posting.entries().iter().map(whole).collect()
}

#[test]
fn each_kind_has_its_fixed_posting() {
    let top_up = Posting::top_up(krw(100), krw(0), krw(0)).unwrap();
    assert_eq!(signed(&top_up), [("bank_clearing", 100), ("cash", -100)]);
    let paid = Posting::top_up(krw(100), krw(0), krw(30)).unwrap();
    assert_eq!(
        signed(&paid),
        [
            ("bank_clearing", 30),
            ("unbilled", -30),
            ("bank_clearing", 70),
            ("cash", -70)
        ]
    );
    let taxed = Posting::top_up(krw(110), krw(10), krw(30)).unwrap();
    assert_eq!(
        signed(&taxed),
        [
            ("bank_clearing", 30),
            ("unbilled", -30),
            ("bank_clearing", 70),
            ("cash", -70),
            ("bank_clearing", 10),
            ("vat_payable", -10)
        ]
    );
    let hold = Posting::hold(campaign(1), &cash(60)).unwrap();
    assert_eq!(signed(&hold), [("cash", 60), ("held", -60)]);
    let capture = Posting::capture(&[(campaign(1), cash(15)), (campaign(2), cash(20))]).unwrap();
    assert_eq!(
        signed(&capture),
        [
            ("held", 15),
            ("revenue", -15),
            ("held", 20),
            ("revenue", -20)
        ]
    );
    let usage = Posting::postpaid_usage(krw(5)).unwrap();
    assert_eq!(signed(&usage), [("unbilled", 5), ("cash", -5)]);
    let release = release(campaign(1), 45).unwrap();
    assert_eq!(signed(&release), [("held", 45), ("cash", -45)]);
    assert!(
        hold.entries()
            .iter()
            .all(|e| e.campaign == Some(campaign(1)))
    );
    for kind in TransactionKind::ALL {
        assert_eq!(TransactionKind::from_code(kind.code()), Some(kind));
    }
    for account in LedgerAccount::ALL {
        assert_eq!(LedgerAccount::from_code(account.code()), Some(account));
    }
}

#[test]
fn promotional_credit_is_its_own_source() {
    let grant = Posting::promotional_grant(lot(1), krw(40)).unwrap();
    let names = [("promotional_expense", 40), ("promotional_credit", -40)];
    assert_eq!(signed(&grant), names);
    assert!(grant.entries().iter().all(|e| e.lot == Some(lot(1))));
    let funds = Funds::spend(&[part(2, 30), part(1, 40)], krw(100)).unwrap();
    let hold = Posting::hold(campaign(1), &funds).unwrap();
    assert_eq!(
        signed(&hold),
        [
            ("promotional_credit", 40),
            ("held", -40),
            ("promotional_credit", 30),
            ("held", -30),
            ("cash", 30),
            ("held", -30)
        ]
    );
    // The first lot expired meanwhile, the second did not.
    let back = Funds::give_back(&[part(1, 10), part(2, 30)], krw(5), krw(45)).unwrap();
    let release = Posting::release(campaign(1), &back, |id| id == lot(1)).unwrap();
    assert_eq!(
        signed(&release),
        [
            ("held", 10),
            ("promotional_credit", -10),
            ("promotional_credit", 10),
            ("promotional_expense", -10),
            ("held", 30),
            ("promotional_credit", -30),
            ("held", 5),
            ("cash", -5)
        ]
    );
    let expiry = Posting::promotional_expiry(lot(2), krw(30)).unwrap();
    let names = [("promotional_credit", 30), ("promotional_expense", -30)];
    assert_eq!(signed(&expiry), names);
    let mut wallet = WalletBalance::empty(Currency::Krw);
    for posting in [&grant, &hold] {
        wallet = wallet.with_all(posting).unwrap();
    }
    assert_eq!((wallet.available, wallet.held), (krw(-60), krw(100)));
}

#[test]
fn postings_that_move_nothing_or_the_wrong_way_are_refused() {
    for amount in [krw(0), krw(-1), Money::from_micro(i64::MIN, Currency::Krw)] {
        let refused = LedgerError::NotPositive(amount);
        assert_eq!(
            Posting::top_up(amount, krw(0), krw(0)),
            Err(refused.clone())
        );
        assert_eq!(
            Posting::hold(campaign(1), &Funds::cash(amount)),
            Err(refused.clone())
        );
        let funds = Funds::cash(amount);
        let back = Posting::release(campaign(1), &funds, |_| true);
        assert_eq!(back, Err(refused.clone()));
        for posting in [
            Posting::promotional_grant(lot(1), amount),
            Posting::promotional_expiry(lot(1), amount),
        ] {
            assert_eq!(posting, Err(refused.clone()));
        }
        assert_eq!(Posting::capture(&[(campaign(1), funds)]), Err(refused));
    }
    assert_eq!(Posting::capture(&[]), Err(LedgerError::NothingCaptured));
    let twice = [
        (campaign(1), cash(1)),
        (campaign(2), cash(1)),
        (campaign(1), cash(1)),
    ];
    assert_eq!(
        Posting::capture(&twice),
        Err(LedgerError::CampaignTwice(campaign(1)))
    );
    let mixed = [
        (campaign(1), cash(1)),
        (campaign(2), Funds::cash(Money::whole(1, Currency::Usd))),
    ];
    assert!(matches!(
        Posting::capture(&mixed),
        Err(LedgerError::Money(_))
    ));
}

#[test]
fn a_wallet_is_never_overdrawn() {
    let wallet = WalletBalance::empty(Currency::Krw);
    let wallet = wallet
        .after(&Posting::top_up(krw(100), krw(0), krw(0)).unwrap())
        .unwrap();
    let too_dear = Posting::hold(campaign(1), &cash(101)).unwrap();
    assert!(matches!(
        wallet.after(&too_dear),
        Err(LedgerError::Overdrawn { .. })
    ));
    let wallet = wallet
        .after(&Posting::hold(campaign(1), &cash(100)).unwrap())
        .unwrap();
    assert_eq!((wallet.available, wallet.held), (krw(0), krw(100)));
    let too_much = Posting::capture(&[(campaign(1), cash(101))]).unwrap();
    assert!(matches!(
        wallet.after(&too_much),
        Err(LedgerError::Overdrawn { .. })
    ));
    let other_currency = Posting::top_up(jpy(1), jpy(0), jpy(0)).unwrap();
    assert!(matches!(
        wallet.after(&other_currency),
        Err(LedgerError::Money(_))
    ));
}

#[test]
fn a_month_that_closes_moves_what_is_left() {
    let month = MonthFigures {
        earned: krw(1_000),
        promotional: krw(300),
        unbilled: krw(200),
        fee: krw(50),
    };
    let amounts = invoice(&month, VatBase::Consumed, Rounding::Floor).unwrap();
    let invoiced = Invoiced {
        unbilled: month.unbilled,
        fee: month.fee,
        amounts,
    };
    let posting = Posting::invoice(&invoiced).unwrap().unwrap();
    assert_eq!(
        signed(&posting),
        [
            ("receivable", 325),
            ("unbilled", -200),
            ("revenue", -50),
            ("vat_payable", -75)
        ]
    );
    let payment = Posting::invoice_payment(krw(325)).unwrap();
    assert_eq!(
        signed(&payment),
        [("bank_clearing", 325), ("receivable", -325)]
    );
    // 100 are still asked for: of 110 that go back, 10 are paid out.
    let credited = Credited {
        amounts: credit(krw(100), VatBase::Consumed, Rounding::Floor).unwrap(),
        of_receivable: krw(100),
    };
    assert_eq!(
        signed(&Posting::credit_note(&credited).unwrap()),
        [
            ("revenue", 100),
            ("vat_payable", 10),
            ("receivable", -100),
            ("refund_payable", -10)
        ]
    );
    let refund = Posting::refund(krw(100), krw(10)).unwrap();
    assert_eq!(
        signed(&refund),
        [
            ("cash", 100),
            ("refund_payable", -100),
            ("vat_payable", 10),
            ("refund_payable", -10)
        ]
    );
    let paid = Posting::refund_paid(krw(110)).unwrap();
    assert_eq!(
        signed(&paid),
        [("refund_payable", 110), ("bank_clearing", -110)]
    );
}

#[test]
fn a_re_rated_month_gives_back_to_where_it_came_from() {
    let back = Funds::give_back(&[part(1, 10), part(2, 30)], krw(5), krw(45)).unwrap();
    let campaigns = [(campaign(1), back), (campaign(2), cash(20))];
    let posting = Posting::re_rating(&campaigns, |id| id == lot(1), krw(12)).unwrap();
    assert_eq!(
        signed(&posting),
        [
            ("revenue", 10),
            ("promotional_credit", -10),
            ("promotional_credit", 10),
            ("promotional_expense", -10),
            ("revenue", 30),
            ("promotional_credit", -30),
            ("revenue", 5),
            ("cash", -5),
            ("revenue", 20),
            ("cash", -20),
            ("cash", 12),
            ("unbilled", -12)
        ]
    );
    let wallet = WalletBalance::rebuild(posting.entries(), Currency::Krw).unwrap();
    assert_eq!((wallet.available, wallet.owed), (krw(43), krw(-12)));
}

#[test]
fn keys_name_what_they_book() {
    let business = BusinessId::from_bytes([9; 16]);
    let month: LaunchMonth = "2026-11".parse().unwrap();
    assert_eq!(
        IdempotencyKey::top_up("bank-7").unwrap().as_str(),
        "topup:bank-7"
    );
    assert_eq!(
        IdempotencyKey::hold(campaign(1)).as_str(),
        format!("hold:{}", campaign(1))
    );
    assert_eq!(
        IdempotencyKey::capture(business, 12, month).as_str(),
        format!("capture:{business}:12:2026-11")
    );
    assert_eq!(
        IdempotencyKey::release(campaign(1), 2).as_str(),
        format!("release:{}:2", campaign(1))
    );
    for bad in ["", " ", "a b", "입금", "a\n", &"x".repeat(65)] {
        assert!(IdempotencyKey::top_up(bad).is_err(), "{bad:?}");
    }
}

#[test]
fn the_chain_notices_every_change() {
    let posting = Posting::hold(campaign(1), &cash(60)).unwrap();
    let key = IdempotencyKey::hold(campaign(1));
    let booked = BookedTransaction {
        id: LedgerTransactionId::from_bytes([3; 16]),
        business: BusinessId::from_bytes([9; 16]),
        sequence: 1,
        kind: posting.kind(),
        key: &key,
        booked_at: Timestamp::from_millis(1_795_000_000_000),
        entries: posting.entries(),
    };
    let hash = ChainHash::GENESIS.follow(&booked);
    // Golden: stored chains must verify with every later version of the program.
    assert_eq!(
        format!("{hash:?}"),
        "91bc3d08a4c9ae9d09bb368b6c56e92f48c7678d4a01f4d1928c41022be4c99b"
    );
    let other_key = IdempotencyKey::hold(campaign(2));
    let mut dearer = posting.entries().to_vec();
    dearer[0].amount = krw(61);
    let mut moved = posting.entries().to_vec();
    moved[1].campaign = None;
    let mut lotted = posting.entries().to_vec();
    lotted[1].lot = Some(lot(1));
    // A lot with the campaign's bytes in the campaign's place is another thing.
    let mut in_its_place = posting.entries().to_vec();
    in_its_place[1] = Entry {
        campaign: None,
        lot: Some(LotId::from_bytes(*campaign(1).as_bytes())),
        ..in_its_place[1]
    };
    let changes = [
        BookedTransaction {
            id: LedgerTransactionId::from_bytes([4; 16]),
            ..booked
        },
        BookedTransaction {
            business: BusinessId::from_bytes([8; 16]),
            ..booked
        },
        BookedTransaction {
            sequence: 2,
            ..booked
        },
        BookedTransaction {
            kind: TransactionKind::Release,
            ..booked
        },
        BookedTransaction {
            key: &other_key,
            ..booked
        },
        BookedTransaction {
            booked_at: Timestamp::from_millis(0),
            ..booked
        },
        BookedTransaction {
            entries: &dearer,
            ..booked
        },
        BookedTransaction {
            entries: &moved,
            ..booked
        },
        BookedTransaction {
            entries: &lotted,
            ..booked
        },
        BookedTransaction {
            entries: &in_its_place,
            ..booked
        },
        BookedTransaction {
            entries: &posting.entries()[..1],
            ..booked
        },
    ];
    for change in changes {
        assert_ne!(ChainHash::GENESIS.follow(&change), hash, "{change:?}");
    }
    assert_ne!(hash.follow(&booked), hash);
    assert_eq!(ChainHash::from_bytes(*hash.as_bytes()), hash);
}

fn any_posting() -> impl Strategy<Value = Posting> {
    let amount = || (1i64..1_000_000_000_000).prop_map(|m| Money::from_micro(m, Currency::Krw));
    let capture = prop::collection::btree_map(0u8..6, amount(), 1..6).prop_map(|map| {
        let captured: Vec<_> = map
            .into_iter()
            .map(|(n, m)| (campaign(n), Funds::cash(m)))
            .collect();
        Posting::capture(&captured).unwrap()
    });
    prop_oneof![
        amount().prop_map(|m| Posting::top_up(m, krw(0), krw(0)).unwrap()),
        (0u8..6, amount()).prop_map(|(n, m)| Posting::hold(campaign(n), &Funds::cash(m)).unwrap()),
        (0u8..6, amount()).prop_map(|(n, m)| {
            Posting::release(campaign(n), &Funds::cash(m), |_| false).unwrap()
        }),
        capture,
    ]
}

proptest! {
    #[test]
    fn every_sequence_sums_to_zero_and_rebuilds_the_wallet(
        postings in prop::collection::vec(any_posting(), 0..60),
    ) {
        let mut running = WalletBalance::empty(Currency::Krw);
        let mut book: Vec<Entry> = Vec::new();
        for posting in &postings {
            prop_assert!(sum(posting.entries(), Currency::Krw).unwrap().is_zero());
            // What would overdraw is refused and books nothing.
            if let Ok(after) = running.after(posting) {
                running = after;
                book.extend_from_slice(posting.entries());
            }
            prop_assert!(!running.available.is_negative() && !running.held.is_negative());
        }
        prop_assert!(sum(&book, Currency::Krw).unwrap().is_zero());
        prop_assert_eq!(WalletBalance::rebuild(&book, Currency::Krw).unwrap(), running);
        let balance_of = |account| {
            let entries: Vec<_> = book.iter().filter(|e| e.account == account).copied().collect();
            sum(&entries, Currency::Krw).unwrap().micro()
        };
        // What was paid in is free, held or earned.
        prop_assert_eq!(
            balance_of(LedgerAccount::BankClearing),
            running.available.micro() + running.held.micro()
                - balance_of(LedgerAccount::Revenue)
        );
    }
}

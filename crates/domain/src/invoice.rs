//! A month's invoice: net, VAT, one rounding, what was paid already and what is due; and what a
//! credit note takes back of it.
//!
//! Pure. Lines stay exact; rounding happens once, on the total. Invariants: net + VAT + rounding is
//! the total, and paid + due is the total.

use crate::contract::VatBase;
use crate::money::{InvalidMoney, Money};
use crate::price::{Rounding, vat};

/// What a month came to, exact.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MonthFigures {
    /// What sends earned, after re-rating.
    pub earned: Money,
    /// Of that, what promotional credit paid: the operator gave it, nobody is asked for it.
    pub promotional: Money,
    /// Of the rest, what was spent on credit and is owed.
    pub unbilled: Money,
    pub fee: Money,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InvoiceAmounts {
    pub net: Money,
    pub vat: Money,
    /// The total less net and VAT.
    pub rounding: Money,
    pub total: Money,
    /// Out of the wallet, when it was sent.
    pub paid: Money,
    pub due: Money,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CreditAmounts {
    pub net: Money,
    pub vat: Money,
    pub rounding: Money,
    pub total: Money,
}

/// The amounts of a month's invoice. What left the wallet is paid: where nothing is to pay on top
/// of it, nothing is rounded either.
pub fn invoice(
    month: &MonthFigures,
    vat_base: VatBase,
    rounding: Rounding,
) -> Result<InvoiceAmounts, InvalidMoney> {
    let sent = month.earned.checked_sub(month.promotional)?;
    let paid = sent.checked_sub(month.unbilled)?;
    let net = sent.checked_add(month.fee)?;
    let vat = match vat_base {
        VatBase::Consumed => vat(net)?,
        // That of what left the wallet was taken when it was topped up.
        VatBase::ToppedUp => vat(month.fee)?,
    };
    let exact = net.checked_add(vat)?;
    let rounded = rounding.apply(exact)?;
    let total = match exact == paid || rounded.micro() < paid.micro() {
        true => exact,
        false => rounded,
    };
    Ok(InvoiceAmounts {
        net,
        vat,
        rounding: total.checked_sub(exact)?,
        total,
        paid,
        due: total.checked_sub(paid)?,
    })
}

/// What taking back a net amount comes to; VAT goes back where the invoice asked for it.
pub fn credit(
    net: Money,
    vat_base: VatBase,
    rounding: Rounding,
) -> Result<CreditAmounts, InvalidMoney> {
    let vat = match vat_base {
        VatBase::Consumed => vat(net)?,
        VatBase::ToppedUp => Money::zero(net.currency()),
    };
    let exact = net.checked_add(vat)?;
    let total = rounding.apply(exact)?;
    Ok(CreditAmounts {
        net,
        vat,
        rounding: total.checked_sub(exact)?,
        total,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::ledger::{Credited, Invoiced, LedgerAccount, Posting};
    use crate::money::Currency;

    fn won(text: &str) -> Money {
        Money::parse(text, Currency::Krw).unwrap()
    }

    fn month(earned: &str, promotional: &str, unbilled: &str, fee: &str) -> MonthFigures {
        MonthFigures {
            earned: won(earned),
            promotional: won(promotional),
            unbilled: won(unbilled),
            fee: won(fee),
        }
    }

    #[test]
    fn the_worked_examples_hold() {
        let sends = won("15").times(1_234_567).unwrap();
        let prepaid = MonthFigures {
            earned: sends,
            ..month("0", "0", "0", "0")
        };
        let asked = |rounding| invoice(&prepaid, VatBase::Consumed, rounding).unwrap();
        let down = asked(Rounding::Floor);
        assert_eq!((down.net, down.vat), (won("18518505"), won("1851850.5")));
        assert_eq!((down.total, down.due), (won("20370355"), won("1851850")));
        assert_eq!(down.rounding.micro(), -500_000);
        let up = asked(Rounding::HalfUp);
        assert_eq!((up.total, up.rounding), (won("20370356"), won("0.5")));
        // 3 × 6.5 stays 19.5; only the total is rounded.
        let fine = month("19.5", "0", "0", "0");
        let fine = invoice(&fine, VatBase::Consumed, Rounding::Floor).unwrap();
        assert_eq!(
            (fine.net, fine.vat, fine.total),
            (won("19.5"), won("1.95"), won("21"))
        );
    }

    #[test]
    fn a_month_asks_for_what_was_not_paid() {
        // Of 1,000 sent 300 were given and 200 are owed; the fee comes on top.
        let all = month("1000", "300", "200", "50");
        let asked = invoice(&all, VatBase::Consumed, Rounding::Floor).unwrap();
        assert_eq!((asked.net, asked.vat), (won("750"), won("75")));
        assert_eq!((asked.paid, asked.due), (won("500"), won("325")));
        // With VAT in every top-up only the fee's is left, and nothing is rounded of what is paid.
        let topped_up = month("19.5", "0", "0", "0");
        let asked = invoice(&topped_up, VatBase::ToppedUp, Rounding::Floor).unwrap();
        assert_eq!(
            (asked.total, asked.due, asked.vat),
            (won("19.5"), won("0"), won("0"))
        );
        let with_fee = month("19.5", "0", "0", "50");
        let asked = invoice(&with_fee, VatBase::ToppedUp, Rounding::Floor).unwrap();
        assert_eq!((asked.total, asked.due), (won("74"), won("54.5")));
        let nothing = month("300", "300", "0", "0");
        let asked = invoice(&nothing, VatBase::Consumed, Rounding::HalfUp).unwrap();
        assert!(asked.total.is_zero() && asked.due.is_zero());
    }

    #[test]
    fn a_credit_note_takes_vat_back_where_it_was_asked_for() {
        let back = credit(won("19.5"), VatBase::Consumed, Rounding::HalfUp).unwrap();
        assert_eq!((back.vat, back.total), (won("1.95"), won("21")));
        let back = credit(won("20"), VatBase::ToppedUp, Rounding::Floor).unwrap();
        assert_eq!((back.vat, back.total), (won("0"), won("20")));
    }

    fn any_month() -> impl Strategy<Value = MonthFigures> {
        // Prices are multiples of 100 micro-units.
        let part = 0i64..10_000_000_000;
        (part.clone(), part.clone(), part, 0i64..100_000).prop_map(|(given, owed, paid, fee)| {
            let money = |hundreds: i64| Money::from_micro(hundreds * 100, Currency::Krw);
            MonthFigures {
                earned: money(given + owed + paid),
                promotional: money(given),
                unbilled: money(owed),
                fee: Money::whole(fee, Currency::Krw),
            }
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(100_000))]

        #[test]
        fn every_invoice_adds_up_and_is_posted_in_balance(
            month in any_month(),
            topped_up in any::<bool>(),
            half_up in any::<bool>(),
            share in 0u64..=100,
        ) {
            let vat_base = if topped_up { VatBase::ToppedUp } else { VatBase::Consumed };
            let rounding = if half_up { Rounding::HalfUp } else { Rounding::Floor };
            let amounts = invoice(&month, vat_base, rounding).unwrap();
            let InvoiceAmounts { net, vat, rounding: rest, total, paid, due } = amounts;
            let sum = net.checked_add(vat).unwrap().checked_add(rest).unwrap();
            prop_assert_eq!(sum, total);
            prop_assert_eq!(paid.checked_add(due).unwrap(), total);
            prop_assert!(!due.is_negative() && !paid.is_negative());
            prop_assert!(rest.micro().abs() < 1_000_000);
            // What is asked for on top of the wallet makes a payable total.
            prop_assert!(due.is_zero() || rounding.apply(total).unwrap() == total);
            let posting = Posting::invoice(&Invoiced {
                unbilled: month.unbilled,
                fee: month.fee,
                amounts,
            });
            if let Some(posting) = posting.unwrap() {
                let receivable: i64 = posting
                    .entries()
                    .iter()
                    .filter(|entry| entry.account == LedgerAccount::Receivable)
                    .map(|entry| entry.amount.micro())
                    .sum();
                prop_assert_eq!(receivable, due.micro());
            }
            let part = Money::from_micro(net.micro() / 10_000 * share as i64 * 100, Currency::Krw);
            if part.micro() > 0 {
                let back = credit(part, vat_base, rounding).unwrap();
                let least = back.total.micro().min(due.micro());
                let credited = Credited {
                    amounts: back,
                    of_receivable: Money::from_micro(least, Currency::Krw),
                };
                prop_assert!(Posting::credit_note(&credited).is_ok());
            }
        }
    }
}

//! The pages of who runs the installation: money of everybody, businesses, what is held, whether
//! the books close. They read before the wall, over all businesses, and belong to operators alone:
//! a member's session opens none of them.

pub mod desk; // an operator who is signed in: who may see a page
pub mod frame; // what surrounds every page
pub mod routes; // every route of these pages
pub mod sign_in; // the operators' way in
mod days; // days and months as they are counted, and a chart of them
mod overview; // everything at a glance
mod businesses; // who pays, and one of them
mod agreed; // what a business agreed to, in words
mod start; // from when something holds
mod contract; // another version of a contract
mod top_up; // a bank transfer confirmed
mod credit; // promotional credit given
mod months; // months closed, and their bills
mod settle; // payments, credit notes, refunds
mod prices; // price books, and another version of one
mod revenue; // what was earned, by account, tariff and day
mod holds; // what is held, and for how long
mod reconciliation; // whether the books close
mod me; // an operator's own password

use domain::money::{Currency, Money};
use words::Words;

fn money(words: &Words, micro: i64, currency: Currency) -> String {
    words.money(Money::from_micro(micro, currency))
}

/// A tariff's name; what is of no campaign has none.
fn tariff_words(words: &Words, tariff: u8) -> String {
    let key = format!("wallet-tariff-{tariff}");
    match words.has(&key) {
        true => words.t(key).to_string(),
        false => words.t("operator-tariff-none").to_string(),
    }
}

/// Which part of a list an address asks for: the first where it cannot be read.
fn page_of(text: &str) -> u32 {
    const PAGE_MAX: u32 = 100_000;
    text.parse().unwrap_or(1).clamp(1, PAGE_MAX)
}

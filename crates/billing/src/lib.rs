//! Money: every send metered, no overshoot, closed books.
//!
//! Owns: quote, hold, capture, release, the wallet a brand sees, the per-send report, and the proof
//! that the books close. Does not own: prices and postings (`domain`), rows (`store`), and the
//! moments at which money moves (`scheduler`). Invariant: nothing here corrects money by itself.

pub mod error; // what went wrong, by what the caller does about it
pub mod quote; // what a launch would cost
pub mod funds; // top-up, hold, capture, release
pub mod wallet; // balance, held, movements
pub mod send; // one send: its last word and what it was captured as
pub mod bill; // a campaign's bill
pub mod figures; // everything a campaign's report counts
pub mod sends; // sends looked for, a page at a time
pub mod report; // one line per send
pub mod reconcile; // the proof that the books close
pub mod checks; // that proof made again and again, and kept
pub mod revenue; // what was earned, by account, tariff and day
pub mod counter; // what operators do with money

pub use bill::{Bill, BillLine, BillOutcomes, bill, left_out};
pub use checks::check_books;
pub use counter::Counter;
pub use error::BillingError;
pub use figures::{CampaignFigures, campaign_figures};
pub use funds::{ReleaseReason, capture, hold, hold_block, release, release_rest, top_up};
pub use quote::{price_book, price_book_at_launch, quote};
pub use reconcile::{Check, Invariant, Reconciliation, reconcile};
pub use wallet::{Movement, Wallet, movements, wallet};

//! Money: every send metered, no overshoot, closed books.
//!
//! Owns: terms, hold, capture, release, promotional credit, the wallet a brand sees, the per-send
//! report, and the proof
//! that the books close. Does not own: prices and postings (`domain`), rows (`store`), and the
//! moments at which money moves (`scheduler`). Invariant: nothing here corrects money by itself.

pub mod error; // what went wrong, by what the caller does about it
pub mod contract; // contracts and price books, version after version
pub mod terms; // what sends cost now: contract, book, what the month has already
pub mod allowance; // how many more sends there is enough for
pub mod budget; // the most a brand wants to spend, asked by every hold
pub mod funds; // top-up, hold, capture, release
pub mod promotional; // promotional credit, granted and expired
pub mod wallet; // balance, held, movements
pub mod send; // one send: its last word and what it was captured as
pub mod bill; // a campaign's bill
pub mod figures; // everything a campaign's report counts
pub mod sends; // sends looked for, a page at a time
pub mod report; // one line per send
mod chain; // a ledger walked link by link
pub mod reconcile; // the proof that the books close
pub mod seal; // a day under one hash
pub mod proof; // that one send is under its day's seal
pub mod evidence; // what proves one send
pub mod verify; // whether anybody laid a hand on the books
pub mod checks; // that proof made again and again, and kept
pub mod revenue; // what was earned, by account, tariff and day
pub mod month; // a month closed: checklist, re-rating, invoice
pub mod invoice; // what follows an invoice: payments, credit notes, refunds
pub mod counter; // what operators do with money

pub use allowance::allowance;
pub use bill::{Bill, BillLine, BillOutcomes, bill, left_out};
pub use checks::check_books;
pub use counter::Counter;
pub use error::BillingError;
pub use evidence::{Evidence, evidence, prove};
pub use figures::{CampaignFigures, campaign_figures};
pub use funds::{ReleaseReason, capture, hold, hold_block, release, release_rest, top_up};
pub use reconcile::{Check, Invariant, Reconciliation, reconcile};
pub use terms::{take_plan, terms, terms_at_launch};
pub use verify::{Verification, verify};
pub use wallet::{Movement, Wallet, movements, wallet};

//! The only crate that knows SQL.
//!
//! It owns tables, transactions and the way from rows to domain values. It does not own rules: what
//! may happen is decided in `domain`, when it happens in the crates above. SQLite in a file is the
//! embedded engine, PostgreSQL the production engine; tests run on both. Cold paths are written
//! once, in SQL that both dialects speak, through sea-orm; the hot ones stand behind [`hot::Hot`],
//! a file per dialect.
//!
//! Invariants: a finder of anything that belongs to a business or account takes its id; a bad row
//! names its table and column; one cold write at a time, across processes; a store behind the wall
//! ([`Wall`]) sees one business.

pub mod error; // what went wrong, by what the caller does about it
pub mod database; // opening, pools, migrations, noticing other processes
pub mod write; // the one kind of write transaction, and the writer's sequence
mod transaction; // the transaction under a write, on either engine
pub mod snapshot; // reading as of one moment
pub mod row; // from rows to domain values
pub(crate) mod bulk; // many rows in one statement
pub mod directory; // operators, businesses, accounts, members, wordings
pub mod session; // passwords, sessions, and wrong guesses
pub mod operator; // operators: their passwords and sessions
pub mod channel; // channels of accounts: secrets, keys, hashes of tokens
pub mod user; // user numbers
pub mod friend; // friends as they stand, and the one way they change
pub mod friend_list; // friends looked through, page by page
pub mod follower; // friends as LINE's paths name them
pub mod growth; // how many friends there are, and how many came and went
pub mod event; // the messenger's events: taken once, deliveries decided or waiting
pub mod import; // imports: checkpoints and what they refused
pub mod import_upload; // files brought to the page: mapped, waiting, taken in
pub mod user_list; // uploaded lists of users
pub mod audience_group; // audience groups: members, and the uploads that fill them
pub mod audience; // audiences as SQL: counted, chosen, compared with the domain's meaning
pub mod explore; // what a page shows of an audience that is being chosen
pub mod price; // the price books
pub mod contract; // contracts, and what campaigns took of a plan
pub mod budget; // what a brand wants to spend at most, and what is used of it
pub mod shortage; // campaigns that wait for money, or were sent to fewer for want of it
pub mod forecast; // whether there is enough for what is scheduled
pub mod ledger; // the books: one chain of transactions per business
pub mod wallet; // paid in, held, captured, released
pub mod promotional; // promotional credit, lot by lot
pub mod month; // bills of months: closed, invoiced, paid, taken back
pub mod movement; // the books as a wallet shows them: lines, sums, balances
pub mod push; // pushes by their keys: what receipts are read by
pub mod friend_message; // what friends write back
pub mod receipt; // what friends did with what they were sent
pub mod report; // the record read back: chunks, captures, amendments, exclusions
pub mod sends; // single sends found again, and what figures need beside the sums
pub mod reconcile; // what reconciliation reads beside the record
pub mod seal; // sealed days: roots, leaves, heads of ledgers
pub mod balance; // what the check of every few minutes reads: sums, not chunks
pub mod reconciliation; // the checks of the books that were made, and what they found
pub mod revenue; // what was earned, by account, tariff and day
pub mod oversight; // all businesses together, for operators
pub mod campaign; // campaign rows and their states
pub mod action; // what was done to a campaign under way, by whom and why
pub mod campaign_list; // campaigns as a list shows them: many at once, with sums
pub mod draft; // what is written before a campaign is sent, part by part
pub mod tester; // testers of an account, and the tests of its drafts
pub mod media; // pictures by their hash, and whose they are
pub mod rich_menu; // rich menus: what they say, whose they are, what was done with them
pub mod coupon; // coupons, and who has them
mod amendment; // what became known later of recipients who settled undecided
pub mod chunk; // chunk rows beside the hot paths: dispatch, rescue, cancel, read
pub mod stage; // everything under way, counted for whoever watches the installation
pub mod unknown; // chunks whose outcome nobody knows
pub mod progress; // a campaign under way, counted for whoever watches it
pub mod standing; // days of API sending: their campaign, blocks of units, requests
pub mod api_request; // requests read back: units, what was sent by operation
pub mod narrowcast; // how far narrowcasts are, and whom they were sent to
pub mod unit; // what friends did with the sends of a unit
pub mod demographic; // friends by their attributes, counted
pub mod webhook; // what programs of brands are told: where, what waits, what came of it
pub mod reply_token; // what answers an event, once and soon
pub mod idempotency; // requests by the keys of who made them, and what they were answered
pub mod restore; // books that came out of a copy
pub mod leader; // who leads, with an epoch
pub mod interruption; // leads that were cut off, and what was under way
mod partition; // the record's monthly partitions on PostgreSQL
pub mod hot; // freeze, claim, settle, roll up: a file per dialect
pub mod pause; // places where a test build can be stopped and killed
pub mod sandbox; // the sandbox messenger's own file
#[cfg(test)]
mod fixture; // databases of unit tests, of either engine

pub use database::{Durability, PostgresConfig, Store, StoreConfig, Wall};
pub use error::StoreError;
pub use snapshot::Snapshot;
pub use user::Numbered;
pub use write::Write;

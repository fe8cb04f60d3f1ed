//! Billing through its own door: funds, the report and the bill, and every check of reconciliation
//! against a violation that was planted.

mod budget; // what a brand wants to spend at most
mod checks;
mod credit; // promotional lots, and what is owed
mod month; // a month that is closed, and what follows its invoice
mod funds;
mod proof;
mod reconcile;
mod report;
mod seal;
mod world;

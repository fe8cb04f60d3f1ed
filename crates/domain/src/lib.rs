//! The words and rules of the product; pure.
//!
//! It owns what things are called, which states exist, what is allowed, what it costs and who gets
//! it. It does not own storage, wires, clocks or randomness: every function here is
//! `(facts, now) -> decision`. Read in this order.

pub mod id; // typed, time-ordered identifiers with a prefix in text
pub mod money; // integer micro-units with a currency
pub mod time; // instants, months, zones and the clock port
pub mod user; // user numbers and the messenger's user keys
pub mod friend; // friends, consents and what makes a friend reachable
#[macro_use]
pub mod message; // message objects in LINE's shapes and their one validator
pub mod rich_menu; // rich menus in LINE's shapes
pub mod coupon; // coupons in LINE's shapes
pub mod variable; // what differs per friend in a message
mod document; // reads our own small JSON documents, every fault at its path
pub mod audience_group; // audiences that are kept under a number
pub mod audience; // who gets a campaign: the expression
pub mod narrowcast; // whom a brand's program aims at, in LINE's words
pub mod band; // volume bands
pub mod price; // price book, tariffs, quote
pub mod contract; // who pays when, what a month includes
pub mod terms; // book, contract and month together: what a campaign costs
pub mod budget; // the most that may be spent, and what is used of it
pub mod shortage; // what happens where that does not suffice for everybody
pub mod funds; // promotional credit and cash, in spending order
pub mod ledger; // double-entry postings
pub mod invoice; // a month's net, VAT, rounding, and what is due
pub mod merkle; // one hash over many records, and proofs that one is under it
pub mod seal; // what a day's seal covers
pub mod campaign; // the campaign's states
pub mod test_send; // what a draft says, sent to testers before anybody else gets it
pub mod freeze; // ranges, chunk numbers, cutting an audience into chunks
pub mod chunk; // the chunk's states
pub mod outcome; // what became of one recipient
pub mod answer; // what a messenger answered to a push
pub mod codec; // packed user numbers, outcomes and keys
pub mod receipt; // opened, clicked, blocked: packed and added up
pub mod push; // push keys, frozen bodies, content hash
pub mod trace; // ids of a chunk's way, computed from its push key
pub mod capability; // what a connector can do and what follows
pub mod restore; // what came out of a copy of the books, and what may have happened since
pub mod rule; // the rules that exclude or hold, by number and name
pub mod gate; // allow, hold, exclude: the last moment before a push
pub mod pace; // the meter: recipients per second
pub mod fair; // deficit round robin
pub mod bulkhead; // how much of one account may be on its way at once
pub mod schedule; // at a time in a named zone
pub mod handle; // @handles of accounts
pub mod channel; // what a brand's programs are to the API, and how long their tokens last
pub mod api_request; // what a brand's programs ask to be sent
pub mod webhook; // what a brand's program is told: events, signed
pub mod assertion; // what a signed assertion of a brand has to claim

#[cfg(test)]
mod limit_table; // every limit of messages, rich menus and coupons on both sides

//! Background jobs: work that is neither a request nor a delivery.
//!
//! It owns how files come in, of friends and of ids of audience groups, how rich menus of many
//! friends are changed at once, and how programs of brands are told what happened. What a valid
//! friend is belongs to `domain`, what becomes of one to `directory`, how far a file is taken in
//! and which events wait to `store`.
//!
//! Invariants: a row is taken whole or not at all; a killed import goes on at its last commit; no
//! file, however wrong, makes it stop without a word or take memory without a bound; an event is
//! sent until it is taken or given up with a reason, and to no address that is not public unless
//! the configuration says so.

pub mod error; // what went wrong, by what the caller does about it
pub mod records; // bytes to CSV records, with recovery after a broken one
pub mod columns; // the header of a file of friends
pub mod mapping; // which column of somebody's file is which of ours
pub mod encoding; // UTF-8, or what spreadsheets of Korea and Japan write
pub mod row; // one record to one friend, or everything that is wrong with it
pub mod import_friends; // the import: batches, checkpoints, doubles
pub mod rejections; // every refused row as a CSV report
pub mod arriving; // a file while it comes, gone again unless it is kept
pub mod audiences; // audience groups: made of files or of campaigns, and the role that fills them
pub mod webhooks; // what programs of brands are told, and the role that tells it
pub mod menu_batches; // rich menus of many friends changed at once
pub mod uploads; // files that come through the page, and the role that takes them in

pub use audiences::Audiences;
pub use columns::Column;
pub use error::Error;
pub use import_friends::{ImportReport, Progress, import_friends};
pub use mapping::{Mapping, MappingFault};
pub use menu_batches::MenuBatches;
pub use rejections::write_rejections;
pub use uploads::Uploads;
pub use webhooks::Webhooks;

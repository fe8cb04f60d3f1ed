//! Measures the product as a person would run it: real processes of the program's own executable,
//! a real database, HTTP, and the messenger's own log as the judge.
//!
//! It owns the runs, the raw loops beside them and the report. It wires nothing: every process it
//! measures was started by a command of the documentation.

pub mod scenario; // how a run differs from a plain broadcast
pub mod friends; // files of friends, as many as asked for
pub mod engine; // which engine, and how its processes share the work
pub mod process; // processes of the executable, their time and memory
pub mod neighbour; // servers that were there before, and the time they take
pub mod counters; // what the processes count of themselves
pub mod books; // a connection of the bench's own to the database
pub mod wal; // bytes that went through the write-ahead log
pub mod record; // what the database and the messenger say of a run
pub mod changes; // friends who block an account between freeze and push
pub mod roofline; // the hot functions alone, one after the other
pub mod place; // the run's folder, its brand, its processes
pub mod broadcast; // the run: import, launch, until the last capture
pub mod lookups; // one send and one friend's history among very many sends
pub mod report; // the figures, as a table and as JSON

pub use broadcast::{BroadcastRun, broadcast};
pub use engine::{Engine, Servers};
pub use lookups::{LookupsReport, LookupsRun, lookups};
pub use report::BroadcastReport;
pub use scenario::{ACCOUNTS_MAX, Scenario};

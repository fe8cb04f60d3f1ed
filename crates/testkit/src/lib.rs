//! What tests of every floor share: clocks, ids, worlds, fakes, conformance suites.
//!
//! A development dependency only: nothing that is shipped may use it.

pub mod clock; // a clock that stands still until it is moved
pub mod friends_csv; // files of friends, good rows and broken ones
pub mod ids; // ids that follow from a seed
pub mod conformance; // what every dialect of the hot paths has to do
pub mod messenger; // a messenger in memory that misbehaves and remembers the truth
pub mod books; // the books as plain rows, read beside the code that is tested

pub use clock::ManualClock;
pub use friends_csv::friends_csv;
pub use ids::SeededIds;

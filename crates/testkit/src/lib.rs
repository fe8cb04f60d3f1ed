//! What tests of every floor share. A development dependency only.

pub mod clock; // a clock that stands still until it is moved
pub mod ids; // ids that follow from a seed

pub use clock::ManualClock;
pub use ids::SeededIds;

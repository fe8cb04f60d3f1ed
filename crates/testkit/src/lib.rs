//! What tests of every floor share: clocks, ids, worlds, fakes, conformance suites.
//!
//! A development dependency only: nothing that is shipped may use it.

pub mod clock; // a clock that stands still until it is moved
pub mod friends_csv; // files of friends, good rows and broken ones
pub mod png; // a picture written by hand
pub mod assertion; // keys of brands, and what they sign
pub mod ids; // ids that follow from a seed
pub mod conformance; // what every dialect of the hot paths has to do
pub mod broker_conformance; // what every broker has to do
pub mod rabbitmq; // a RabbitMQ of its own
pub mod wait; // facts with a deadline
pub mod messenger; // a messenger in memory that misbehaves and remembers the truth
pub mod webhook_taker; // a brand's program that takes webhooks
pub mod chaos_proxy; // a network that misbehaves
pub mod books; // the books as plain rows, read beside the code that is tested
pub mod certificates; // an authority of one's own, and TLS in front of a server
pub mod postgres; // a PostgreSQL server of one's own
pub mod database; // databases of tests, of either engine

pub use clock::ManualClock;
pub use friends_csv::friends_csv;
pub use ids::SeededIds;
pub use rabbitmq::RabbitMqServer;
pub use webhook_taker::{Mood, WebhookTaker};

//! Both brokers under one conformance suite, and what only RabbitMQ can suffer. RabbitMQ is started
//! from the installed package; where that is missing, the suite fails.

mod conformance; // the same cases for both
mod queues; // purged, deleted, short of memory, garbage
mod server; // killed, wiped, frozen
mod tls; // encrypted, and whom it trusts
mod world; // a server, and processes that use it

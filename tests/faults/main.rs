//! Faults the product must survive, with real processes: what is killed, what misbehaves, who asks
//! fifty times at once. Every case ends with the messenger's own log, the record and the books.
//!
//! The suite takes a fixed, short part. `just kills`, `just misbehaviour` and `just faults` run the
//! whole tables and write them below `docs`.

mod control; // pause, resume, cancel at full speed
mod frozen; // standing still past its leases
mod kills; // kill -9 at random moments and at pause points
mod launches; // fifty launches of one campaign at once
mod production; // the fault table on PostgreSQL and RabbitMQ
mod pace; // recipients per second, and small campaigns beside large ones
mod rolling; // every process restarted once during a broadcast
mod soak; // steady sending, and what grows meanwhile
mod misbehaviour; // a messenger that misbehaves, one way and every way

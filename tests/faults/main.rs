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
mod results; // rows of that table, kept as they come
mod site; // the processes, servers and networks of that table
mod misbehaviour; // a messenger that misbehaves, one way and every way

//! The connector against a messenger that misbehaves in every way a socket can.

mod fake; // a raw TCP server with a script
mod transport; // what a failed or strange exchange proves
mod breaker; // when nothing is sent any more
mod parts; // one chunk as several requests
mod tls; // encrypted, and whom it trusts

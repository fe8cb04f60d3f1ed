//! Tests of the scheduler's stages against a database in a file and a messenger in memory.

mod delivered; // contracts that bill what was confirmed delivered
mod lost_messages;
mod neighbours; // one campaign in trouble
mod restore;
mod shortage; // not enough for everybody
mod send_queue; // requests that come together
mod standing;
mod testers;
mod world;

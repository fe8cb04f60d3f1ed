//! Tests of the scheduler's stages against a database in a file and a messenger in memory.

mod lost_messages;
mod restore;
mod shortage; // not enough for everybody
mod standing;
mod testers;
mod world;

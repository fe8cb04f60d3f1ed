//! What a backup consists of and how it is taken apart: one file that both commands share.

pub mod archive; // the file itself
pub mod imports; // files of friends that wait in the data folder
pub mod postgres_tools; // pg_dump and pg_restore
pub mod scratch; // a folder that goes with the command

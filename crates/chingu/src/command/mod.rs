//! One file per command.

pub mod serve; // roles, signals, shutdown in order
pub mod migrate; // migrations, and nothing else
pub mod sandbox; // the messenger alone, and its accept log
pub mod import; // friends out of a file
pub mod reconcile; // the proof that the books close
pub mod ledger; // whether anybody laid a hand on the books
pub mod seals; // the seals of days that are over
pub mod prove; // what proves one send
pub mod backup; // everything as one file, while the program runs
pub mod restore; // a backup becomes an installation
pub mod bench; // a real broadcast, measured

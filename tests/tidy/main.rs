//! What the compiler does not hold together: floors between crates, who may use which library, and
//! the habits of the tree.
//!
//! Every rule is a function from text to complaints, and has beside it a planted counter-example
//! that it must find: a rule that never complains proves nothing.

mod arrows; // the floors: which crate may depend on which
mod libraries; // which crate may use which library
mod metrics; // dashboards ask for what is counted
mod sources; // rules over the lines of every source file
mod tree; // rules over files and folders
mod workspace; // the workspace as cargo and the file system show it

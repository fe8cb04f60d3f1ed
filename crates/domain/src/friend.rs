//! friend

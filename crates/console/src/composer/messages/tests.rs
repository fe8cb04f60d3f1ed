//! Cases of the composer's messages.

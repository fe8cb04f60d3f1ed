//! Cases of the composer's fields.

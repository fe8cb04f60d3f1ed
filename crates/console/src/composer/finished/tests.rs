//! Cases of the composer's finished.

//! What went wrong, by what the caller does about it.

use store::StoreError;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// What was asked for is not valid: tell the person which field and why.
    #[error("{field}: {why}")]
    Refused { field: &'static str, why: String },
    /// Another already has this name.
    #[error("{0}")]
    Taken(String),
    /// Nothing by that name or id, or not of this business.
    #[error("there is no {0}")]
    NotFound(String),
    /// What is sealed cannot be opened, or nothing can be sealed: the operator has to look.
    #[error("{0}")]
    Sealed(String),
    #[error(transparent)]
    Store(StoreError),
}

impl Error {
    pub(crate) fn refused(field: &'static str, why: impl std::fmt::Display) -> Self {
        let why = why.to_string();
        Self::Refused { field, why }
    }
}

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Taken(what) => Self::Taken(what),
            StoreError::NotFound(what) => Self::NotFound(what),
            other => Self::Store(other),
        }
    }
}

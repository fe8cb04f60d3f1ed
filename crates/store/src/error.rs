//! What went wrong, by what the caller does about it.

/// An error of the store.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database cannot be reached, is locked or full: try again later, start nothing new.
    #[error("the database is not available: {0}")]
    Unavailable(#[source] sea_orm::DbErr),
    /// Somebody else changed it first: reload and decide anew.
    #[error("{0} was changed by somebody else meanwhile")]
    Conflict(&'static str),
    /// Nothing by that name or id here, or not for this tenant.
    #[error("there is no {0}")]
    NotFound(String),
    /// Another already has this name or key.
    #[error("{0}")]
    Taken(String),
    /// A row holds what it never should: stop what depends on it and say so loudly.
    #[error("table {table} holds an impossible {column}: {why}")]
    Corrupt {
        table: &'static str,
        column: &'static str,
        why: String,
    },
    /// The database refused a write that would have broken an invariant.
    #[error("refused to break an invariant: {0}")]
    Invariant(String),
    /// The file or folder cannot be opened.
    #[error("cannot open {path}: {why}")]
    CannotOpen { path: String, why: String },
}

impl From<sea_orm::DbErr> for StoreError {
    fn from(error: sea_orm::DbErr) -> Self {
        let text = error.to_string();
        let broken = ["CHECK", "UNIQUE", "FOREIGN KEY", "NOT NULL"];
        if broken
            .iter()
            .any(|kind| text.contains(&format!("{kind} constraint failed")))
        {
            return Self::Invariant(text);
        }
        Self::Unavailable(error)
    }
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        Self::from(sea_orm::DbErr::Conn(sea_orm::RuntimeErr::SqlxError(
            error.into(),
        )))
    }
}

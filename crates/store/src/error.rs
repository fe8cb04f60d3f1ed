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
    /// The file, folder or server cannot be opened.
    #[error("cannot open {path}: {why}")]
    CannotOpen { path: String, why: String },
}

/// SQLSTATEs of PostgreSQL that say that a row would break a constraint.
const INTEGRITY: &str = "23";

impl StoreError {
    /// Something did not come in time.
    pub(crate) fn busy(what: &str) -> Self {
        Self::Unavailable(sea_orm::DbErr::Custom(format!(
            "waited too long for {what}"
        )))
    }
}

/// A lost connection, a full disk, a deadlock, a statement that took too long: all of it is a
/// database that is not available now, and whoever asked decides anew. Only a broken constraint is
/// none of that.
impl From<sea_orm::DbErr> for StoreError {
    fn from(error: sea_orm::DbErr) -> Self {
        let text = error.to_string();
        if sql_state(&error).is_some_and(|state| state.starts_with(INTEGRITY)) {
            return Self::Invariant(text);
        }
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

/// The SQLSTATE of PostgreSQL; SQLite has numbers of its own.
fn sql_state(error: &sea_orm::DbErr) -> Option<String> {
    use sea_orm::{DbErr, RuntimeErr};
    let (DbErr::Conn(RuntimeErr::SqlxError(error))
    | DbErr::Exec(RuntimeErr::SqlxError(error))
    | DbErr::Query(RuntimeErr::SqlxError(error))) = error
    else {
        return None;
    };
    let error = error.as_database_error()?;
    error.try_downcast_ref::<sqlx::postgres::PgDatabaseError>()?;
    error.code().map(std::borrow::Cow::into_owned)
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        Self::from(sea_orm::DbErr::Conn(sea_orm::RuntimeErr::SqlxError(
            error.into(),
        )))
    }
}

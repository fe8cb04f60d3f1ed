//! What went wrong, by what the caller does about it.

use store::StoreError;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file is not what an import takes: the person has to bring another one.
    #[error("{path}: {why}")]
    BadFile { path: String, why: String },
    /// The file cannot be read or the report not written.
    #[error("{path}: {source}")]
    Io {
        path: String,
        source: std::io::Error,
    },
    /// Somebody wrote into the file meanwhile: what was taken in stands, the rest waits for a new
    /// import of the file as it is then.
    #[error("{0}: the file changed while it was taken in")]
    FileChanged(String),
    #[error(transparent)]
    Directory(#[from] directory::Error),
    #[error(transparent)]
    Store(#[from] StoreError),
}

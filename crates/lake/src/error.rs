//! What can go wrong in the lake, each kind with what was attempted and with what.

use std::path::PathBuf;

/// An error of the lake.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The operating system refused.
    #[error("could not {action} {}", path.display())]
    Io {
        /// What was attempted.
        action: &'static str,
        /// On which file or folder.
        path: PathBuf,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// A folder that should be a lake is not, or is of a version this program does not know.
    #[error("{} is not a lake this program can use: {reason}", path.display())]
    NotALake {
        /// The folder.
        path: PathBuf,
        /// Why not.
        reason: String,
    },
    /// What should say where a lake is does not.
    #[error("could not open the lake {text}: {reason}")]
    NotALocation {
        /// What was said.
        text: String,
        /// What is wrong with it, and a hint.
        reason: &'static str,
    },
    /// Nothing says who asks an object store.
    #[error("could not reach {path}: there are no credentials; hint: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY")]
    NoCredentials {
        /// The bucket.
        path: String,
    },
    /// An object store takes conditional puts for others.
    #[error("could not write to {}: the object store does not heed If-None-Match; hint: a lake needs one with conditional puts", path.display())]
    NoConditions {
        /// The bucket.
        path: PathBuf,
    },
    /// An object store refused or cannot be reached.
    #[error("could not {action} {path} in the object store; hint: {hint}")]
    Objects {
        /// What was attempted.
        action: &'static str,
        /// Which object.
        path: String,
        /// What to do about it.
        hint: &'static str,
        /// Why not.
        #[source]
        source: Box<object_store::Error>,
    },
    /// A file in the lake does not hold what it should.
    #[error("{} is damaged: {reason}; hint: `hirundo lake verify` lists every damaged file", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// Another process is writing to the lake.
    #[error("the lake {} is being written by another process; hint: wait for it to end and try again", path.display())]
    Busy {
        /// The lake.
        path: PathBuf,
    },
    /// A batch names a piece twice, whose packets would count twice.
    #[error("a batch holds the piece {piece} twice")]
    Twice {
        /// The piece.
        piece: String,
    },
    /// A Parquet file could not be written or read.
    #[error("could not {action} Parquet data")]
    Parquet {
        /// What was attempted.
        action: &'static str,
        /// Why not.
        #[source]
        source: parquet::errors::ParquetError,
    },
    /// Arrow data did not have the expected shape.
    #[error("could not {action}")]
    Arrow {
        /// What was attempted.
        action: &'static str,
        /// Why not.
        #[source]
        source: arrow::error::ArrowError,
    },
    /// The query engine refused or failed.
    #[error("the query failed: {source}")]
    Query {
        /// Why.
        #[source]
        source: Box<datafusion::error::DataFusionError>,
    },
    /// There is no table of that name.
    #[error("there is no table {name:?}; hint: the tables are {tables}")]
    NoTable {
        /// What was asked for.
        name: String,
        /// What there is.
        tables: String,
    },
    /// A limit that keeps memory or disk bounded was reached.
    #[error("{what} reached the limit of {limit}")]
    Limit {
        /// What was being counted.
        what: &'static str,
        /// The limit.
        limit: u64,
    },
}

/// Result of everything the lake does.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl From<datafusion::error::DataFusionError> for Error {
    fn from(source: datafusion::error::DataFusionError) -> Self {
        Error::Query { source: Box::new(source) }
    }
}

/// Names the action and the path of an I/O error.
pub(crate) fn io(action: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Error {
    let path = path.into();
    move |source| Error::Io { action, path, source }
}

/// Names the action of a Parquet error.
pub(crate) fn parquet(action: &'static str) -> impl FnOnce(parquet::errors::ParquetError) -> Error {
    move |source| Error::Parquet { action, source }
}

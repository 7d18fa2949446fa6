//! The scanner that looks for malware in uploaded files while they arrive.

use async_trait::async_trait;
use bytes::Bytes;

use crate::ports::error::BoxError;

/// Finds malware in files.
#[cfg_attr(test, mockall::automock)]
#[async_trait]
pub trait Scanner: Send + Sync {
    /// Begins the scan of one file.
    ///
    /// # Errors
    /// [`ScannerError`] if the scanner can't be reached.
    async fn begin(&self) -> Result<Box<dyn Scan>, ScannerError>;
}

/// The scan of one file. Dropping it ends the scan.
#[async_trait]
pub trait Scan: Send {
    /// Passes the next bytes on.
    ///
    /// # Errors
    /// [`ScannerError`] if the scanner fails.
    async fn push(&mut self, bytes: Bytes) -> Result<(), ScannerError>;

    /// Ends the file, and waits for the verdict.
    ///
    /// # Errors
    /// [`ScannerError`] if the scanner fails.
    async fn finish(self: Box<Self>) -> Result<Verdict, ScannerError>;
}

/// Result of a scan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing was found.
    Clean,
    /// Malware was found.
    Infected {
        /// Name of the finding, as the scanner reports it.
        signature: String,
    },
}

/// The scanner can't be reached, or gave no verdict.
#[derive(Debug, thiserror::Error)]
#[error("the scanner for malware gave no verdict")]
pub struct ScannerError(#[source] pub BoxError);

//! Uploaded files: receiving and inspecting them, references from what shows them, who may see them, links, previews, and
//! removing what nothing shows any more.

mod access;
#[cfg(feature = "media")]
pub mod audio;
mod backlog;
mod deposit;
mod error;
mod facts;
mod freshness;
mod ingest;
mod inspection;
mod links;
#[cfg(feature = "media")]
mod low_priority;
mod owners;
mod parts;
mod pictures;
#[cfg(feature = "media")]
pub mod preview;
mod processing;
mod references;
mod rendering;
mod rescan;
#[cfg(feature = "media")]
mod scheduling;
pub(crate) mod sweeper;
#[cfg(test)]
mod tests;
mod uploads;

pub(crate) use access::FileAccess;
pub(crate) use deposit::{Arrived, Deposited, Description, NewFile};
pub use error::MediaError;
pub(crate) use freshness::refresh;
pub use ingest::Unscanned;
pub use links::{Link, SignedLink};
pub(crate) use parts::Progress;
pub(crate) use processing::Processing;
pub(crate) use references::References;
pub use rescan::{Rescan, RescanError, RescanOutcome, RescannedFile};
pub(crate) use uploads::{NewUpload, UploadStanding};

use std::sync::Arc;

use crate::domain::media::AllowList;
use crate::domain::rules::Rules;
use crate::engine::media::ingest::Ingest;
use crate::engine::media::owners::OwnerLocks;
use crate::engine::rosters::Rosters;
use crate::ports::{BlobStore, Runtime, Scanner, Stores};

/// The parts that work on files. They exist only where the application has a place for their bytes.
pub(crate) struct Files {
    stores: Stores,
    runtime: Runtime,
    pub(crate) blobs: Arc<dyn BlobStore>,
    ingest: Ingest,
    pub(crate) access: FileAccess,
    pub(crate) references: References,
    owners: OwnerLocks,
    pub(crate) processing: Arc<Processing>,
    pub(crate) limits: FileLimits,
}

/// Limits of the files of one user.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FileLimits {
    /// Maximum size of a file in bytes.
    pub(crate) file_bytes: u64,
    /// Maximum size of all files of a user in bytes.
    pub(crate) owner_bytes: u64,
    /// Maximum number of files of a user.
    pub(crate) owner_files: u64,
    /// Maximum number of unfinished uploads of a user.
    pub(crate) owner_uploads: u64,
}

/// Parts that the application is given for files.
pub(crate) struct FileParts {
    pub(crate) blobs: Arc<dyn BlobStore>,
    pub(crate) scanner: Option<Arc<dyn Scanner>>,
    pub(crate) allowed: AllowList,
    pub(crate) unscanned: Unscanned,
}

impl Files {
    /// Starts the parts on the current tokio runtime.
    pub(crate) fn start(
        stores: &Stores,
        runtime: &Runtime,
        rosters: &Arc<Rosters>,
        parts: FileParts,
        rules: &Rules,
    ) -> Arc<Self> {
        let FileParts {
            blobs,
            scanner,
            allowed,
            unscanned,
        } = parts;
        let processing = Processing::start(stores.clone(), runtime.clone(), Arc::clone(rosters), Arc::clone(&blobs));
        Arc::new(Self {
            stores: stores.clone(),
            runtime: runtime.clone(),
            ingest: Ingest {
                blobs: Arc::clone(&blobs),
                scanner,
                allowed,
                unscanned,
            },
            access: FileAccess::new(stores),
            references: References::new(stores),
            owners: OwnerLocks::default(),
            processing,
            limits: FileLimits {
                file_bytes: rules.media_file_bytes,
                owner_bytes: rules.media_quota,
                owner_files: rules.media_files,
                owner_uploads: rules.media_uploads,
            },
            blobs,
        })
    }

    /// Makes the sweeper of this application.
    pub(crate) fn sweeper(&self) -> Arc<sweeper::Sweeper> {
        Arc::new(sweeper::Sweeper {
            stores: self.stores.clone(),
            blobs: Arc::clone(&self.blobs),
            clock: Arc::clone(&self.runtime.clock),
        })
    }
}

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
mod opened;
mod owners;
mod parts;
mod pictures;
#[cfg(feature = "media")]
pub mod preview;
mod processing;
mod references;
mod rendering;
mod rescan;
mod reservations;
mod room;
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
use crate::engine::media::opened::OpenedFiles;
use crate::engine::media::reservations::Reservations;
use crate::engine::media::room::{FileLimits, Rooms};
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
    rooms: Rooms,
    reservations: Reservations,
    /// Files that were read behind a link of late.
    pub(crate) opened: Arc<OpenedFiles>,
    pub(crate) processing: Arc<Processing>,
    pub(crate) limits: FileLimits,
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
        let limits = FileLimits {
            file_bytes: rules.media_file_bytes,
            owner_bytes: rules.media_quota,
            owner_files: rules.media_files,
            owner_uploads: rules.media_uploads,
        };
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
            rooms: Rooms::new(stores.clone(), Arc::clone(&runtime.clock), limits),
            reservations: Reservations::new(stores.clone(), runtime.clone()),
            opened: Arc::new(OpenedFiles::new(stores.clone(), Arc::clone(&runtime.clock))),
            processing,
            limits,
            blobs,
        })
    }

    /// Makes the sweeper of this application.
    pub(crate) fn sweeper(&self) -> Arc<sweeper::Sweeper> {
        Arc::new(sweeper::Sweeper {
            stores: self.stores.clone(),
            blobs: Arc::clone(&self.blobs),
            clock: Arc::clone(&self.runtime.clock),
            opened: Arc::clone(&self.opened),
        })
    }
}

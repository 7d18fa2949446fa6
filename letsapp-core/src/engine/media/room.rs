//! Room for the files of a user, out of the most that each may have.
//!
//! A store sums up all files of a user, which takes the longer the more there are. So what a user has is remembered for
//! some seconds, and what this server adds is counted on top. That decides only as long as it leaves room in plenty:
//! nobody is refused, and nobody comes near the limit, but by the sums of the store.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::future::try_join;
use tokio::sync::MutexGuard as OwnerGuard;

use crate::domain::cache::Cache;
use crate::domain::id::UserId;
use crate::domain::steady_time::SteadyTime;
use crate::engine::media::error::MediaError;
use crate::engine::media::owners::OwnerLocks;
use crate::ports::{Clock, RepositoryError, Stores};

/// Room for a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Room {
    /// A single file may have this many bytes.
    OfFile(u64),
    /// All files of the owner together may have this many bytes more.
    OfOwner(u64),
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

/// Time for which a sum of the store is used: the longest for which files that another server adds are not seen.
const TTL: Duration = Duration::from_secs(5);

/// Capacity of each generation of what is remembered, in users.
const CAPACITY: usize = 4_096;

/// Files of users, summed up, and the most that they may have.
pub(super) struct Rooms {
    stores: Stores,
    clock: Arc<dyn Clock>,
    limits: FileLimits,
    owners: OwnerLocks,
    known: Mutex<Cache<UserId, Taken>>,
}

/// Files of a user, summed up.
#[derive(Clone, Copy)]
struct Taken {
    files: u64,
    bytes: u64,
    read_at: SteadyTime,
}

/// The lock of a user, which is held until what was decided by the user's files is stored.
pub(super) struct Owner<'a> {
    rooms: &'a Rooms,
    user_id: UserId,
    _guard: OwnerGuard<'a, ()>,
}

impl Room {
    /// Returns the number of bytes that may arrive.
    pub(super) fn bytes(self) -> u64 {
        match self {
            Self::OfFile(bytes) | Self::OfOwner(bytes) => bytes,
        }
    }

    pub(super) fn has(self, bytes: u64) -> bool {
        bytes <= self.bytes()
    }

    /// Makes the error of a file with more bytes.
    pub(super) fn exceeded(self) -> MediaError {
        match self {
            Self::OfFile(bytes) => {
                MediaError::too_large("file", "too_large", format!("a file has at most {bytes} bytes"))
            }
            Self::OfOwner(bytes) => MediaError::too_large(
                "file",
                "quota_exceeded",
                format!("there is room for {bytes} bytes more: delete some of your files or unfinished uploads"),
            ),
        }
    }
}

impl Rooms {
    pub(super) fn new(stores: Stores, clock: Arc<dyn Clock>, limits: FileLimits) -> Self {
        Self {
            stores,
            clock,
            limits,
            owners: OwnerLocks::default(),
            known: Mutex::new(Cache::new(CAPACITY)),
        }
    }

    /// Waits for the lock of a user.
    pub(super) async fn lock(&self, user_id: UserId) -> Owner<'_> {
        Owner {
            rooms: self,
            user_id,
            _guard: self.owners.lock(user_id).await,
        }
    }

    /// Returns the room for one more file of a user, by what is known before it has arrived: whether it still fits is
    /// decided under the user's [lock](Self::lock).
    ///
    /// # Errors
    /// [`MediaError::TooLarge`] if the user has as many files as one may, [`MediaError::Store`] when the store fails.
    pub(super) async fn room(&self, user_id: UserId) -> Result<Room, MediaError> {
        match self.ample(user_id) {
            Some(room) => Ok(room),
            // Not remembered: files that are added while it is read would not be counted.
            None => self.judge(self.read(user_id).await?),
        }
    }

    /// Returns the room if what is remembered leaves room for a file of any size.
    fn ample(&self, user_id: UserId) -> Option<Room> {
        let taken = self.lock_known().lookup(&user_id)?;
        let is_recent = self.clock.steady().since(taken.read_at) < TTL;
        let room = self.judge(taken).ok().filter(|_| is_recent)?;
        matches!(room, Room::OfFile(_)).then_some(room)
    }

    /// Reads what a user has. What has arrived of unfinished uploads takes room too, but not what was announced for
    /// them: it may never come.
    async fn read(&self, user_id: UserId) -> Result<Taken, RepositoryError> {
        let (read_at, media) = (self.clock.steady(), &self.stores.media);
        let (files, uploads) = try_join(media.usage(user_id), media.unfinished(user_id)).await?;
        Ok(Taken {
            files: files.count,
            bytes: files.bytes.saturating_add(uploads.bytes),
            read_at,
        })
    }

    fn judge(&self, taken: Taken) -> Result<Room, MediaError> {
        if taken.files >= self.limits.owner_files {
            let detail = format!("you have {} files, which is the most: delete some", taken.files);
            return Err(MediaError::too_large("file", "too_many_files", detail));
        }
        let left = self.limits.owner_bytes.saturating_sub(taken.bytes);
        Ok(if left < self.limits.file_bytes {
            Room::OfOwner(left)
        } else {
            Room::OfFile(self.limits.file_bytes)
        })
    }

    fn lock_known(&self) -> MutexGuard<'_, Cache<UserId, Taken>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Owner<'_> {
    /// Returns the room for one more file of the user.
    ///
    /// # Errors
    /// As for [`Rooms::room`].
    pub(super) async fn room(&self) -> Result<Room, MediaError> {
        let rooms = self.rooms;
        if let Some(room) = rooms.ample(self.user_id) {
            return Ok(room);
        }
        let taken = rooms.read(self.user_id).await?;
        rooms.lock_known().insert(self.user_id, taken);
        rooms.judge(taken)
    }

    /// Counts a file, or a part of one, that is about to be stored. Whether it was does not matter: it is read from the
    /// store before anybody is refused.
    pub(super) fn adds(&self, bytes: u64) {
        let mut known = self.rooms.lock_known();
        if let Some(taken) = known.lookup(&self.user_id) {
            let taken = Taken {
                files: taken.files + 1,
                bytes: taken.bytes.saturating_add(bytes),
                ..taken
            };
            known.insert(self.user_id, taken);
        }
    }
}

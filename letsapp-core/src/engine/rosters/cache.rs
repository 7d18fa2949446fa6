//! The cache of rosters, in which no slow reading replaces what is newer.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::domain::cache::Cache;
use crate::domain::id::ConversationId;
use crate::engine::rosters::cached_roster::{CachedRoster, Moment};

/// Capacity of each generation of the roster cache, in bytes: 32 MiB, or about 40,000 direct conversations, or 80 of
/// the largest groups. The cache holds at most twice as much.
const ROSTER_CACHE_BYTES: usize = 32 << 20;

/// Rosters by conversation, and the readings of rosters that are under way.
pub(super) struct RosterCache(Mutex<CacheState>);

/// The contents of the cache, behind one lock.
pub(super) struct CacheState {
    pub(super) rosters: Cache<ConversationId, Arc<CachedRoster>>,
    /// Current moment, advanced by each reading and each removal.
    moment: Moment,
    /// The conversations whose rosters are being read.
    pub(super) reading: HashMap<ConversationId, Reading>,
}

/// The readings of one roster that are under way.
#[derive(Default)]
pub(super) struct Reading {
    readers: usize,
    /// Moment of the last removal or replacement. A roster whose reading began before it is not cached: it may be the
    /// outdated one.
    outdated: Moment,
}

/// A reading of rosters. Dropping it ends the reading, also after an error or when the caller goes away.
pub(super) struct ReadingGuard<'a> {
    cache: &'a RosterCache,
    /// Moment at which the reading began.
    pub(super) since: Moment,
    ids: Vec<ConversationId>,
}

impl RosterCache {
    pub(super) fn new() -> Self {
        Self(Mutex::new(CacheState {
            rosters: Cache::weighing(ROSTER_CACHE_BYTES, |roster| roster.size()),
            moment: Moment::default(),
            reading: HashMap::new(),
        }))
    }

    /// Returns the current moment.
    pub(super) fn now(&self) -> Moment {
        self.lock().moment
    }

    /// Returns a roster if it is cached, however old.
    pub(super) fn lookup(&self, id: ConversationId) -> Option<Arc<CachedRoster>> {
        self.lock().rosters.lookup(&id)
    }

    /// Removes a roster.
    pub(super) fn forget(&self, id: ConversationId) {
        let mut state = self.lock();
        state.outdate(id);
        state.rosters.forget(&id);
    }

    /// Removes all rosters.
    pub(super) fn forget_all(&self) {
        let mut state = self.lock();
        let now = state.tick();
        state.reading.values_mut().for_each(|reading| reading.outdated = now);
        state.rosters.retain(|_| false);
    }

    /// Removes some of the rosters, and whatever is being read.
    pub(super) fn forget_where(&self, is_outdated: impl Fn(&CachedRoster) -> bool) {
        let mut state = self.lock();
        let now = state.tick();
        state.reading.values_mut().for_each(|reading| reading.outdated = now);
        state.rosters.retain(|roster| !is_outdated(roster));
    }

    /// Replaces a roster by the one that `make` returns for the present moment, or removes it if that is `None`.
    pub(super) fn replace(
        &self,
        id: ConversationId,
        make: impl FnOnce(Moment) -> Option<CachedRoster>,
    ) -> Option<Arc<CachedRoster>> {
        let mut state = self.lock();
        let now = state.outdate(id);
        let Some(roster) = make(now).map(Arc::new) else {
            state.rosters.forget(&id);
            return None;
        };
        state.rosters.insert(id, Arc::clone(&roster));
        Some(roster)
    }

    /// Begins to read the rosters of these conversations.
    pub(super) fn begin(&self, ids: impl Iterator<Item = ConversationId>) -> ReadingGuard<'_> {
        let mut state = self.lock();
        let since = state.tick();
        let ids: Vec<_> = ids.collect();
        for id in &ids {
            state.reading.entry(*id).or_default().readers += 1;
        }
        ReadingGuard {
            cache: self,
            since,
            ids,
        }
    }

    /// Caches the rosters that were read, except those that were removed from the cache or replaced in the meantime.
    pub(super) fn remember(&self, reading: &ReadingGuard<'_>, read: &[(ConversationId, Arc<CachedRoster>)]) {
        let mut state = self.lock();
        for (id, roster) in read {
            let outdated = state
                .reading
                .get(id)
                .is_some_and(|other| other.outdated > reading.since);
            // A slow reading must not replace the result of one that began later.
            let newer = state
                .rosters
                .lookup(id)
                .is_some_and(|other| other.is_newer(reading.since));
            if !outdated && !newer {
                state.rosters.insert(*id, Arc::clone(roster));
            }
        }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, CacheState> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl CacheState {
    fn tick(&mut self) -> Moment {
        self.moment = self.moment.next();
        self.moment
    }

    /// Keeps the readings of a roster that are under way from being cached, and returns the present moment.
    fn outdate(&mut self, id: ConversationId) -> Moment {
        let now = self.tick();
        if let Some(reading) = self.reading.get_mut(&id) {
            reading.outdated = now;
        }
        now
    }
}

impl Drop for ReadingGuard<'_> {
    fn drop(&mut self) {
        let mut state = self.cache.lock();
        for id in &self.ids {
            if let Entry::Occupied(mut reading) = state.reading.entry(*id) {
                reading.get_mut().readers -= 1;
                if reading.get().readers == 0 {
                    reading.remove();
                }
            }
        }
    }
}

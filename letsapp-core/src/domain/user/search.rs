//! Search for users by the beginnings of their names: the order of the results, and their merging from two indexes.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::domain::user::User;

/// Position of a user in the results of a search by a prefix.
///
/// Users are ordered by the name that was found: the username or the folded display name, and where both begin with the
/// prefix the one that comes first. So a store reads two indexes in their order, from the position of the last result
/// on, and never sorts all users whom a short prefix finds.
///
/// ```
/// # use letsapp_core::domain::user::NamePosition;
/// let names = |name: &str, username: &str| NamePosition { name: name.to_owned(), username: username.to_owned() };
/// assert!(names("ana", "ana") < names("ana schmidt", "a.schmidt"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct NamePosition {
    /// Name that was found.
    pub name: String,
    /// Username, which makes the order total.
    pub username: String,
}

impl NamePosition {
    /// Returns the position of a user; `None` if no name begins with the prefix.
    pub fn of(user: &User, prefix: &str) -> Option<Self> {
        let names = [Self::by_username(user), Self::by_display_name(user)];
        let found = names.into_iter().filter(|position| position.name.starts_with(prefix));
        found.min()
    }

    /// Returns the place of a user in the index of usernames.
    pub fn by_username(user: &User) -> Self {
        let username = user.username.as_str().to_owned();
        let name = username.clone();
        Self { name, username }
    }

    /// Returns the place of a user in the index of folded display names.
    pub fn by_display_name(user: &User) -> Self {
        Self {
            name: user.display_name.folded(),
            username: user.username.as_str().to_owned(),
        }
    }
}

/// A page of a search by a prefix, merged from two indexes, which a store reads a few users at a time.
///
/// ```
/// # use letsapp_core::domain::user::{NameSearch, User};
/// # let (users_by_username, users_by_display_name) = (|_: &_, _| Vec::new(), |_: &_, _| Vec::new());
/// let mut search = NameSearch::new("an", None, 50);
/// while let Some((after, count)) = search.next_read() {
///     let named = users_by_username(after, count);
///     let called = users_by_display_name(after, count);
///     search.add(named, called);
/// }
/// # let users: Vec<User> =
/// search.into_users();
/// ```
#[derive(Clone, Debug)]
pub struct NameSearch {
    prefix: String,
    limit: usize,
    /// Position up to which all users are found; `None` once both indexes are read to the end.
    after: Option<NamePosition>,
    /// Number of users to read next from each index.
    count: usize,
    found: BTreeMap<NamePosition, User>,
}

impl NameSearch {
    /// Minimum number of users to read at once: fewer make small pages no cheaper.
    const MIN_COUNT: usize = 50;
    /// Maximum number of users to read at once.
    const MAX_COUNT: usize = 4_000;

    /// Begins a search for at most `limit` users after a position, or from the beginning.
    pub fn new(prefix: &str, after: Option<&NamePosition>, limit: usize) -> Self {
        let start = || NamePosition {
            name: prefix.to_owned(),
            username: String::new(),
        };
        Self {
            prefix: prefix.to_owned(),
            limit,
            after: Some(after.cloned().unwrap_or_else(start)),
            count: limit.max(Self::MIN_COUNT),
            found: BTreeMap::new(),
        }
    }

    /// Returns the position after which to read both indexes next, and how many users of each; `None` once the page is
    /// complete.
    pub fn next_read(&self) -> Option<(&NamePosition, usize)> {
        let after = self.after.as_ref().filter(|_| self.found.len() < self.limit)?;
        Some((after, self.count))
    }

    /// Adds the users that were read, in the order of the indexes, erased ones left out. Fewer than were asked for mean
    /// that an index ends.
    pub fn add(&mut self, named: Vec<User>, called: Vec<User>) {
        let Some(after) = self.after.take() else { return };
        let last = |users: &[User], place: fn(&User) -> NamePosition| {
            let is_full = users.len() >= self.count;
            users.last().filter(|_| is_full).map(place)
        };
        // Beyond the place where the first of the indexes ends for now, users may be missing.
        let ends = [
            last(&named, NamePosition::by_username),
            last(&called, NamePosition::by_display_name),
        ];
        let end = ends.into_iter().flatten().min();
        for user in named.into_iter().chain(called) {
            let position = NamePosition::of(&user, &self.prefix);
            let is_new = |position: &NamePosition| *position > after && end.as_ref().is_none_or(|end| position <= end);
            // Otherwise listed before, by the other name, or read again later.
            if let Some(position) = position.filter(is_new) {
                self.found.insert(position, user);
            }
        }
        self.after = end;
        // Users whose other name came before are read again and not listed. Larger steps get past many of them.
        self.count = (self.count * 2).min(Self::MAX_COUNT.max(self.limit));
    }

    /// Returns the users of the page in order.
    pub fn into_users(self) -> Vec<User> {
        self.found.into_values().take(self.limit).collect()
    }
}

//! Checking whom a user may add to groups, and how many strangers.

use std::collections::HashSet;
use std::sync::{Arc, OnceLock};

use tokio::runtime::Handle;

use crate::domain::adding;
use crate::domain::adding::{Adding, AddingRelation};
use crate::domain::contact::ContactEdge;
use crate::domain::id::UserId;
use crate::domain::limit::{Class, LimitState, Table, Verdict};
use crate::domain::user::User;
use crate::engine::error::ConversationError;
use crate::engine::limiter::{Limiter, Subject};
use crate::ports::{Clock, ContactRepository, ConversationRepository, RepositoryError, SharedPaces, Stores};
use crate::protocol::FieldError;

/// Checks who may add whom to groups.
pub(crate) struct AddingChecker {
    contacts: Arc<dyn ContactRepository>,
    conversations: Arc<dyn ConversationRepository>,
    clock: Arc<dyn Clock>,
    /// The count of all servers, if they share it, and the runtime for reporting to it.
    shared: OnceLock<(Arc<dyn SharedPaces>, Handle)>,
    /// The counters of the limits; unset while there are none.
    limiter: OnceLock<Arc<Limiter>>,
}

/// A field of a request that lists users.
#[derive(Clone, Copy)]
pub(crate) struct UsersField<'a> {
    /// Name of the field.
    pub(crate) name: &'static str,
    /// The users as they were listed.
    pub(crate) ids: &'a [UserId],
}

impl AddingChecker {
    /// Creates a checker without limits.
    pub(crate) fn new(stores: &Stores, clock: Arc<dyn Clock>) -> Self {
        Self {
            contacts: stores.contacts.clone(),
            conversations: stores.conversations.clone(),
            clock,
            shared: OnceLock::new(),
            limiter: OnceLock::new(),
        }
    }

    /// Has the limits counted together with other servers, on the current tokio runtime. Called before there are any.
    pub(crate) fn share(&self, paces: Arc<dyn SharedPaces>) {
        let _first = self.shared.set((paces, Handle::current()));
    }

    /// Returns the counters of the limits, which are those of `table` unless there are others already.
    pub(crate) fn limiter_or(&self, table: Table) -> Arc<Limiter> {
        let new = || {
            let limiter = Arc::new(Limiter::new(table, Arc::clone(&self.clock)));
            if let Some((paces, runtime)) = self.shared.get() {
                let _entered = runtime.enter();
                limiter.share(Arc::clone(paces));
            }
            limiter
        };
        Arc::clone(self.limiter.get_or_init(new))
    }

    /// Checks that a user may add these users to a group, and counts them against the limits.
    ///
    /// # Errors
    /// - [`ConversationError::NotAddable`] names those whose settings or blocks do not allow it;
    /// - [`ConversationError::RateLimited`] when the user has added too many lately,
    ///   [`ConversationError::Invalid`] when there are more strangers among them than can ever be added at once.
    pub(crate) async fn check(
        &self,
        adder: UserId,
        field: UsersField<'_>,
        users: &[User],
    ) -> Result<(), ConversationError> {
        if users.is_empty() {
            return Ok(());
        }
        // Counted first, so that the lookups below are limited too.
        self.count(Class::Additions, adder, users.len()).await?;
        let maybe_strangers = self.allowed(adder, field, users).await?;
        if maybe_strangers.is_empty() {
            return Ok(());
        }
        let acquainted = self.conversations.acquainted(adder, &maybe_strangers).await?;
        let strangers = maybe_strangers.len().saturating_sub(acquainted.len());
        if strangers == 0 {
            return Ok(());
        }
        let quota = self
            .limiter
            .get()
            .and_then(|limiter| limiter.table().quota(Class::Strangers));
        if let Some(most) = quota.map(|quota| quota.amount())
            && strangers > usize::try_from(most).unwrap_or(usize::MAX)
        {
            let detail = format!("at most {most} of them may be people with whom you share no contact or conversation");
            return Err(ConversationError::invalid(field.name, "too_many_strangers", detail));
        }
        self.count(Class::Strangers, adder, strangers).await
    }

    /// Returns those of the users who count as strangers unless they share a conversation with the one who adds.
    async fn allowed(
        &self,
        adder: UserId,
        field: UsersField<'_>,
        users: &[User],
    ) -> Result<Vec<UserId>, ConversationError> {
        let edges: Vec<_> = users.iter().map(|user| ContactEdge::new(user.id, adder)).collect();
        let both_ways: Vec<_> = edges.iter().flat_map(|edge| [*edge, edge.reversed()]).collect();
        let (blocks, contacts): (HashSet<_>, HashSet<_>) = {
            let found = tokio::try_join!(self.contacts.blocked(&edges), self.contacts.listed(&both_ways));
            let (blocks, contacts) = found.map_err(|error: RepositoryError| ConversationError::Store(error))?;
            (blocks.into_iter().collect(), contacts.into_iter().collect())
        };
        let (mut maybe_strangers, mut refused) = (Vec::new(), Vec::new());
        for (user, edge) in users.iter().zip(edges) {
            let relation = AddingRelation {
                blocks: blocks.contains(&edge),
                lists: contacts.contains(&edge),
                is_listed: contacts.contains(&edge.reversed()),
            };
            match adding::adding(user.settings.groups, relation) {
                Adding::Allowed => {}
                Adding::AllowedIfFew => maybe_strangers.push(user.id),
                Adding::Refused => refused.push(field.not_addable(user)),
            }
        }
        if refused.is_empty() {
            Ok(maybe_strangers)
        } else {
            Err(ConversationError::NotAddable(refused))
        }
    }

    async fn count(&self, class: Class, adder: UserId, users: usize) -> Result<(), ConversationError> {
        let Some(limiter) = self.limiter.get() else {
            return Ok(());
        };
        let cost = u32::try_from(users).unwrap_or(u32::MAX);
        let counted = limiter.check_everywhere(class, Subject::User(adder), cost).await;
        match limiter.table().quota(class).zip(counted) {
            Some((quota, decision)) if decision.verdict == Verdict::Denied => {
                Err(ConversationError::RateLimited(LimitState { class, quota, decision }))
            }
            _ => Ok(()),
        }
    }
}

impl UsersField<'_> {
    /// Makes the error for a user of the field. It is the same for a block as for the setting, so that nobody learns of
    /// a block.
    fn not_addable(self, user: &User) -> FieldError {
        let place = self.ids.iter().position(|id| *id == user.id).unwrap_or_default();
        let detail = format!("@{} can't be added to groups by you", user.username);
        FieldError::new(format!("{}.{place}", self.name), "not_allowed", detail)
    }
}

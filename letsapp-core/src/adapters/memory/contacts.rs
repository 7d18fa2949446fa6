//! Contacts and blocks in memory.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;

use super::gate::{Gate, lock};
use crate::domain::contact::{Block, Contact, ContactEdge};
use crate::domain::id::UserId;
use crate::ports::{ContactRepository, RepositoryError};

pub(super) type Shared = Arc<Mutex<Edges>>;

#[derive(Debug)]
pub(super) struct MemoryContacts {
    pub(super) gate: Gate,
    pub(super) edges: Shared,
}

/// Contacts and blocks, ordered by owner and then by the other user, so that a page is one range.
#[derive(Debug, Default)]
pub(super) struct Edges {
    contacts: BTreeMap<ContactEdge, Contact>,
    blocks: BTreeMap<ContactEdge, Block>,
}

#[async_trait]
impl ContactRepository for MemoryContacts {
    async fn put(&self, contact: Contact) -> Result<Contact, RepositoryError> {
        self.gate.pass()?;
        let mut edges = lock(&self.edges);
        let kept = edges.contacts.entry(contact.edge()).or_insert_with(|| contact.clone());
        kept.alias = contact.alias;
        Ok(kept.clone())
    }

    async fn remove(&self, edge: ContactEdge) -> Result<bool, RepositoryError> {
        self.gate.pass()?;
        Ok(lock(&self.edges).contacts.remove(&edge).is_some())
    }

    async fn contacts(
        &self,
        owner_id: UserId,
        after: Option<UserId>,
        limit: usize,
    ) -> Result<Vec<Contact>, RepositoryError> {
        self.gate.pass()?;
        Ok(page(&lock(&self.edges).contacts, owner_id, after, limit))
    }

    async fn listed(&self, edges: &[ContactEdge]) -> Result<Vec<ContactEdge>, RepositoryError> {
        self.gate.pass()?;
        Ok(among(&lock(&self.edges).contacts, edges))
    }

    async fn block(&self, block: Block) -> Result<Block, RepositoryError> {
        self.gate.pass()?;
        Ok(*lock(&self.edges).blocks.entry(block.edge()).or_insert(block))
    }

    async fn unblock(&self, edge: ContactEdge) -> Result<bool, RepositoryError> {
        self.gate.pass()?;
        Ok(lock(&self.edges).blocks.remove(&edge).is_some())
    }

    async fn blocks(
        &self,
        owner_id: UserId,
        after: Option<UserId>,
        limit: usize,
    ) -> Result<Vec<Block>, RepositoryError> {
        self.gate.pass()?;
        Ok(page(&lock(&self.edges).blocks, owner_id, after, limit))
    }

    async fn blocked(&self, edges: &[ContactEdge]) -> Result<Vec<ContactEdge>, RepositoryError> {
        self.gate.pass()?;
        Ok(among(&lock(&self.edges).blocks, edges))
    }

    async fn forget(&self, owner_id: UserId) -> Result<(), RepositoryError> {
        self.gate.pass()?;
        let mut edges = lock(&self.edges);
        edges.contacts.retain(|edge, _| edge.owner_id != owner_id);
        edges.blocks.retain(|edge, _| edge.owner_id != owner_id);
        Ok(())
    }
}

/// Returns at most `limit` items of one owner, in order of the other user's id, after `after`.
fn page<T: Clone>(all: &BTreeMap<ContactEdge, T>, owner_id: UserId, after: Option<UserId>, limit: usize) -> Vec<T> {
    let start = match after {
        Some(after) => Bound::Excluded(ContactEdge::new(owner_id, after)),
        None => Bound::Included(ContactEdge::new(owner_id, UserId::from_bytes([0; 16]))),
    };
    all.range((start, Bound::Unbounded))
        .take_while(|(edge, _)| edge.owner_id == owner_id)
        .take(limit)
        .map(|(_, item)| item.clone())
        .collect()
}

/// Returns the edges that are in the table, sorted and without duplicates.
fn among<T>(all: &BTreeMap<ContactEdge, T>, edges: &[ContactEdge]) -> Vec<ContactEdge> {
    let mut found: Vec<_> = edges.iter().filter(|edge| all.contains_key(edge)).copied().collect();
    found.sort_unstable();
    found.dedup();
    found
}

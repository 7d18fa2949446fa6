//! Contacts and blocks.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;

use super::gate::{Gate, lock};
use crate::domain::contact::{Block, Contact, Tie};
use crate::domain::id::UserId;
use crate::ports::{ContactRepository, RepositoryError};

pub(super) type Shared = Arc<Mutex<Ties>>;

#[derive(Debug)]
pub(super) struct MemoryContacts {
    pub(super) gate: Gate,
    pub(super) ties: Shared,
}

/// How users stand to one another, by owner.
#[derive(Debug, Default)]
pub(super) struct Ties {
    contacts: BTreeMap<Tie, Contact>,
    blocks: BTreeMap<Tie, Block>,
}

#[async_trait]
impl ContactRepository for MemoryContacts {
    async fn put(&self, contact: Contact) -> Result<Contact, RepositoryError> {
        self.gate.pass()?;
        let mut ties = lock(&self.ties);
        let kept = ties.contacts.entry(contact.tie()).or_insert_with(|| contact.clone());
        kept.alias = contact.alias;
        Ok(kept.clone())
    }

    async fn remove(&self, tie: Tie) -> Result<bool, RepositoryError> {
        self.gate.pass()?;
        Ok(lock(&self.ties).contacts.remove(&tie).is_some())
    }

    async fn contacts(
        &self,
        owner_id: UserId,
        after: Option<UserId>,
        limit: usize,
    ) -> Result<Vec<Contact>, RepositoryError> {
        self.gate.pass()?;
        Ok(page(&lock(&self.ties).contacts, owner_id, after, limit))
    }

    async fn listed(&self, ties: &[Tie]) -> Result<Vec<Tie>, RepositoryError> {
        self.gate.pass()?;
        Ok(among(&lock(&self.ties).contacts, ties))
    }

    async fn block(&self, block: Block) -> Result<Block, RepositoryError> {
        self.gate.pass()?;
        Ok(*lock(&self.ties).blocks.entry(block.tie()).or_insert(block))
    }

    async fn unblock(&self, tie: Tie) -> Result<bool, RepositoryError> {
        self.gate.pass()?;
        Ok(lock(&self.ties).blocks.remove(&tie).is_some())
    }

    async fn blocks(
        &self,
        owner_id: UserId,
        after: Option<UserId>,
        limit: usize,
    ) -> Result<Vec<Block>, RepositoryError> {
        self.gate.pass()?;
        Ok(page(&lock(&self.ties).blocks, owner_id, after, limit))
    }

    async fn blocked(&self, ties: &[Tie]) -> Result<Vec<Tie>, RepositoryError> {
        self.gate.pass()?;
        Ok(among(&lock(&self.ties).blocks, ties))
    }

    async fn forget(&self, owner_id: UserId) -> Result<(), RepositoryError> {
        self.gate.pass()?;
        let mut ties = lock(&self.ties);
        ties.contacts.retain(|tie, _| tie.owner_id != owner_id);
        ties.blocks.retain(|tie, _| tie.owner_id != owner_id);
        Ok(())
    }
}

fn page<T: Clone>(all: &BTreeMap<Tie, T>, owner_id: UserId, after: Option<UserId>, limit: usize) -> Vec<T> {
    let start = match after {
        Some(after) => Bound::Excluded(Tie::new(owner_id, after)),
        None => Bound::Included(Tie::new(owner_id, UserId::from_bytes([0; 16]))),
    };
    all.range((start, Bound::Unbounded))
        .take_while(|(tie, _)| tie.owner_id == owner_id)
        .take(limit)
        .map(|(_, item)| item.clone())
        .collect()
}

fn among<T>(all: &BTreeMap<Tie, T>, ties: &[Tie]) -> Vec<Tie> {
    let mut found: Vec<_> = ties.iter().filter(|tie| all.contains_key(tie)).copied().collect();
    found.sort_unstable();
    found.dedup();
    found
}

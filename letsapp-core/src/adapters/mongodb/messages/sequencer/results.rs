//! Results of the [`Sequencer`](super::Sequencer): outcomes of changes, and knowledge that later commits use.

use std::collections::VecDeque;

use crate::domain::conversation::Head;
use crate::domain::id::ConversationId;
use crate::ports::{Outcome, RepositoryError, Settled};

/// Outcomes and knowledge that the driver has not taken yet.
#[derive(Default)]
pub(super) struct Results {
    pub(super) settled: VecDeque<Settled>,
    pub(super) learned: Vec<Learned>,
    /// Number of changes without an outcome.
    pub(super) open: usize,
}

/// Knowledge about a conversation that holds beyond the commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Learned {
    /// A majority has this head.
    Head(ConversationId, Head),
    /// The head is not known any more.
    HeadLost(ConversationId),
    /// The conversation goes alone from now on.
    Isolated(ConversationId),
    /// The conversation has moved, and shares commands again.
    Rejoined(ConversationId),
}

impl Results {
    /// Stores the outcome of one change. `index` is its position in the batch.
    pub(super) fn settle(&mut self, index: usize, outcome: Result<Outcome, RepositoryError>) {
        self.settled.push_back((index, outcome));
        self.open -= 1;
    }

    pub(super) fn learn(&mut self, learned: Learned) {
        // A command often carries several messages of one conversation; only the last head counts.
        if let (Learned::Head(id, _), Some(Learned::Head(last, _))) = (learned, self.learned.last())
            && id == *last
        {
            self.learned.pop();
        }
        self.learned.push(learned);
    }
}

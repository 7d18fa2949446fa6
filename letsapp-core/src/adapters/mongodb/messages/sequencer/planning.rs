//! Gathering of what the queues need next into as few requests as possible.

use std::sync::Arc;
use std::time::Duration;

use super::conversation_queue::{Activity, KnownHead, Need};
use super::lookup::Wanted;
use super::pending_change::CommandKind;
use super::request::{Isolation, NewMessage, Request, RequestId, Revision};
use super::write_replies::Offer;
use super::{ABANDONED_CHECK_INTERVAL, InFlight, MAX_COMMAND_DOCUMENTS, Sequencer, WriteKind};
use crate::adapters::mongodb::topology::Topology;
use crate::domain::conversation::Head;
use crate::ports::Change;

/// Maximum number of reads under way. What falls due meanwhile is gathered for the next one.
const MAX_READS: usize = 4;
/// Maximum number of commands under way that conversations share.
const MAX_SHARED_COMMANDS: usize = 4;
/// Maximum number of transactions under way. Each takes several round trips and a connection for all of them.
const MAX_TRANSACTIONS: usize = 8;

/// Changes gathered for one command.
struct Draft {
    kind: CommandKind,
    isolation: Isolation,
    offers: Vec<Offer>,
    body: Body,
}

/// Content of a command.
enum Body {
    Messages(Vec<NewMessage>),
    Revisions(Vec<Revision>),
}

impl Sequencer {
    /// Returns the next requests of all queues that are ready, and marks the queues as busy.
    pub(super) fn plan(&mut self, now: Duration) -> Vec<(RequestId, Request)> {
        let mut requests = Vec::new();
        let (mut heads, mut lookups, mut wanted) = (Vec::new(), Vec::new(), Wanted::default());
        let mut shared = [
            Draft::new(CommandKind::Insert, Isolation::None),
            Draft::new(CommandKind::Update, Isolation::None),
        ];
        let mut reads = MAX_READS.saturating_sub(self.reads());
        for index in 0..self.queues.len() {
            let Some(need) = self.queues[index].need(now) else {
                continue;
            };
            // A pause is over, even if the queue has to wait for room.
            self.queues[index].activity = Activity::Idle;
            match need {
                Need::Head if reads > 0 => {
                    self.queues[index].activity = Activity::Busy;
                    heads.push(index);
                    if heads.len() == MAX_COMMAND_DOCUMENTS {
                        reads -= 1;
                        requests.extend(self.read_heads(std::mem::take(&mut heads)));
                    }
                }
                Need::LookUp if reads > 0 => {
                    self.queues[index].activity = Activity::Busy;
                    lookups.push(index);
                    wanted.add(&self.queues[index]);
                    if wanted.len() >= MAX_COMMAND_DOCUMENTS {
                        reads -= 1;
                        requests.extend(self.look_up(std::mem::take(&mut lookups), std::mem::take(&mut wanted)));
                    }
                }
                Need::Head | Need::LookUp => {}
                Need::Command(CommandKind::Transaction) => requests.extend(self.transaction(index, now)),
                Need::Command(kind) => {
                    let isolation = self.queues[index].isolation;
                    if isolation != Isolation::None || self.topology == Topology::Sharded {
                        let mut draft = Draft::new(kind, isolation);
                        if self.has_room_for(isolation) && self.draft(&mut draft, index) {
                            requests.extend(self.send(draft, now));
                        }
                        continue;
                    }
                    let draft = &mut shared[usize::from(kind == CommandKind::Update)];
                    if self.has_room_for(isolation) && !self.draft(draft, index) {
                        // Full: it goes out, and the queue is the first of the next one.
                        let full = std::mem::replace(draft, Draft::new(kind, isolation));
                        requests.extend(self.send(full, now));
                        if self.has_room_for(isolation) {
                            self.draft(draft, index);
                        }
                    }
                }
            }
        }
        requests.extend(self.read_heads(heads));
        requests.extend(self.look_up(lookups, wanted));
        for draft in shared {
            requests.extend(self.send(draft, now));
        }
        requests.extend(self.end_abandoned_transactions(now));
        requests
    }

    /// Adds the next changes of a queue to a command, as many as fit, and returns false if none fits.
    fn draft(&mut self, draft: &mut Draft, index: usize) -> bool {
        let queue = &mut self.queues[index];
        let room = self.command_documents.saturating_sub(draft.offers.len());
        let before = draft.offers.len();
        for (pending, head) in queue.next(draft.kind).take(room) {
            match (&mut draft.body, &pending.change) {
                (Body::Revisions(revisions), Change::Revise { message, terms, .. }) => revisions.push(Revision {
                    message: Arc::clone(message),
                    terms: *terms,
                    head,
                }),
                (Body::Messages(messages), change) => messages.push(NewMessage {
                    message: Arc::clone(change.message()),
                    head,
                }),
                (Body::Revisions(_), _) => break,
            }
            draft.offers.push(Offer { queue: index, head });
        }
        let is_added = draft.offers.len() > before;
        if is_added {
            queue.activity = Activity::Busy;
        }
        is_added
    }

    /// Returns the request for a command, unless it is empty.
    fn send(&mut self, draft: Draft, now: Duration) -> Option<(RequestId, Request)> {
        let Draft {
            isolation,
            offers,
            body,
            ..
        } = draft;
        if offers.is_empty() {
            return None;
        }
        let request = match body {
            Body::Messages(messages) => Request::Insert { messages, isolation },
            Body::Revisions(revisions) => Request::Update { revisions, isolation },
        };
        let write = InFlight::Write {
            kind: WriteKind::Command(isolation),
            offers,
            sent_at: now,
        };
        Some((self.register(write), request))
    }

    /// Returns the request for the transaction that a queue needs next, if there is room for one.
    fn transaction(&mut self, index: usize, now: Duration) -> Option<(RequestId, Request)> {
        if self.writes(WriteKind::Transaction) >= MAX_TRANSACTIONS {
            return None;
        }
        let queue = &mut self.queues[index];
        let pending = queue.changes.front()?;
        let before = match (&pending.change, queue.head) {
            (Change::Create { .. }, _) => Head::default(),
            (_, KnownHead::At(head)) => head,
            (_, KnownHead::Unknown | KnownHead::Missing) => return None,
        };
        let (change, head) = (pending.change.clone(), pending.after(before));
        queue.activity = Activity::Busy;
        let write = InFlight::Write {
            kind: WriteKind::Transaction,
            offers: vec![Offer { queue: index, head }],
            sent_at: now,
        };
        Some((self.register(write), Request::Transaction { change, before }))
    }

    /// Returns the request for the heads of these queues' conversations, unless there are none.
    fn read_heads(&mut self, queues: Vec<usize>) -> Option<(RequestId, Request)> {
        if queues.is_empty() {
            return None;
        }
        let ids = queues.iter().map(|queue| self.queues[*queue].id).collect();
        Some((self.register(InFlight::Heads(queues)), Request::ReadHeads(ids)))
    }

    /// Returns the request for a lookup for these queues, unless there are none.
    fn look_up(&mut self, queues: Vec<usize>, wanted: Wanted) -> Option<(RequestId, Request)> {
        if queues.is_empty() {
            return None;
        }
        let Wanted {
            messages,
            conversations,
        } = wanted;
        let request = Request::LookUp {
            messages,
            conversations,
        };
        Some((self.register(InFlight::LookUp(queues)), request))
    }

    /// Returns the request to end abandoned transactions, if it is time for it.
    fn end_abandoned_transactions(&mut self, now: Duration) -> Option<(RequestId, Request)> {
        if self.abandoned_check()? > now {
            return None;
        }
        self.next_abandoned_check = now + ABANDONED_CHECK_INTERVAL;
        let id = self.register(InFlight::AbandonedTransactions);
        Some((id, Request::EndAbandonedTransactions))
    }

    fn register(&mut self, request: InFlight) -> RequestId {
        let id = RequestId(self.next_request);
        self.next_request += 1;
        self.in_flight.insert(id, request);
        id
    }

    /// Tells whether one more command of conversations with this isolation may be under way.
    fn has_room_for(&self, isolation: Isolation) -> bool {
        let limit = match (isolation, self.topology) {
            (Isolation::None, Topology::ReplicaSet) => MAX_SHARED_COMMANDS,
            _ => isolation.max_commands(),
        };
        self.writes(WriteKind::Command(isolation)) < limit
    }

    fn writes(&self, of: WriteKind) -> usize {
        let is_one = |request: &&InFlight| matches!(request, InFlight::Write { kind, .. } if *kind == of);
        self.in_flight.values().filter(is_one).count()
    }

    fn reads(&self) -> usize {
        let is_one = |request: &&InFlight| matches!(request, InFlight::Heads(_) | InFlight::LookUp(_));
        self.in_flight.values().filter(is_one).count()
    }
}

impl Draft {
    const fn new(kind: CommandKind, isolation: Isolation) -> Self {
        let body = match kind {
            CommandKind::Update => Body::Revisions(Vec::new()),
            CommandKind::Insert | CommandKind::Transaction => Body::Messages(Vec::new()),
        };
        Self {
            kind,
            isolation,
            offers: Vec::new(),
            body,
        }
    }
}

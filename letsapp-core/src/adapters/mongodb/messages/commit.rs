//! Commit of a batch of changes, with unique indexes as the sequencer.
//!
//! Each round carries out the next changes of every conversation: new messages in one ordered `insert`, revisions in
//! one ordered `update`, and each change of a group in a transaction. All of them take the numbers behind the newest
//! known head. If another server has taken these numbers, the index refuses them, and the ordered command stops there.
//! The changes before it are committed; the head is read again, and the rest goes out in the next round, in the same
//! order. So no change overtakes another, and no number is left out.
//!
//! A command without a reply may have been carried out. Its documents are looked up, and offered again as long as they
//! are not found. They keep their `_id`s, so that none is stored twice.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use futures_util::StreamExt;
use futures_util::stream;
use mongodb::bson::{RawDocumentBuf, serialize_to_raw_document_buf};

use super::documents::{MessageDocument, revision};
use super::membership::{Deed, Placed};
use super::sequencing::{CommandKind, Line, Pending, Standing};
use super::standing::Heads;
use super::{head, membership};
use crate::adapters::mongodb::abandoned_transactions::AbandonedTransactions;
use crate::adapters::mongodb::command::Order;
use crate::adapters::mongodb::connection::Connection;
use crate::adapters::mongodb::conversations::transaction::{ConversationWrite, TransactionError};
use crate::adapters::mongodb::error::{Fault, Key};
use crate::adapters::mongodb::retry::{Backoff, Deadline};
use crate::adapters::mongodb::schema::MESSAGES;
use crate::adapters::mongodb::{command, conversations, retry};
use crate::domain::conversation::Head;
use crate::domain::id::ConversationId;
use crate::domain::message::Message;
use crate::ports::{Change, Outcome, RepositoryError};

/// Maximum number of documents per command. A larger command saves little, and delays the outcome of all its changes.
const MAX_COMMAND_DOCUMENTS: usize = 512;
/// Maximum size of the documents of one command, in bytes. Well below the 16 MB of a BSON document, which a raw command
/// is. A single larger document is sent nevertheless, for the server to judge.
const MAX_COMMAND_BYTES: usize = 4 << 20;
/// Maximum number of transactions, or of commands for single conversations, that run at once. Leaves most of the
/// connection pool to others.
const MAX_CONCURRENT_COMMANDS: usize = 8;

/// A batch under way.
pub(super) struct Commit<'a> {
    pub(super) connection: &'a Arc<Connection>,
    pub(super) heads: &'a Heads,
    /// Queues of changes, one per conversation, by ascending id.
    pub(super) lines: Vec<Line>,
    /// Outcome of each change in order of the batch, `None` until it is settled.
    pub(super) outcomes: Vec<Option<Result<Outcome, RepositoryError>>>,
    /// Text of the last error, reported for the changes that are given up.
    pub(super) cause: String,
    /// Number of changes that are not settled.
    pub(super) open: usize,
    /// Whether a head turned out to be newer than known in this round, which counts as progress.
    moved: bool,
    /// Whether each conversation gets commands of its own, because one of them may hold up the others.
    pub(super) apart: bool,
}

/// A change that a command carries.
pub(super) struct Offer {
    /// Index of its conversation in `Commit::lines`.
    pub(super) line: usize,
    /// Head of the conversation after the change.
    pub(super) head: Head,
}

impl<'a> Commit<'a> {
    /// Sorts the changes into one queue per conversation.
    pub(super) fn new(connection: &'a Arc<Connection>, heads: &'a Heads, changes: Vec<Change>) -> Self {
        let open = changes.len();
        let mut lines: Vec<Line> = Vec::new();
        let mut by_id: HashMap<ConversationId, usize> = HashMap::new();
        for (index, change) in changes.into_iter().enumerate() {
            let id = change.message().conversation_id;
            let line = *by_id.entry(id).or_insert_with(|| {
                let standing = heads.recall(id).map_or(Standing::Unknown, Standing::At);
                lines.push(Line::new(id, standing));
                lines.len() - 1
            });
            lines[line].queue.push_back(Pending::new(index, change));
        }
        // All servers go through conversations in the same order. Where the batches of two servers meet, one is ahead
        // in all conversations that follow, and the other is refused at the first instead of at every second one.
        lines.sort_unstable_by_key(|line| line.id);
        Self {
            connection,
            heads,
            lines,
            outcomes: (0..open).map(|_| None).collect(),
            cause: "it took too long".to_owned(),
            open,
            moved: false,
            apart: false,
        }
    }

    /// Carries out the batch, and returns the outcome of each change, in order.
    pub(super) async fn run(mut self) -> Vec<Result<Outcome, RepositoryError>> {
        let mut deadline = Deadline::after(retry::COMMIT_TIMEOUT);
        let mut backoff = Backoff::new();
        let mut abandoned = AbandonedTransactions::begin();
        while self.open > 0 {
            let open = self.open;
            self.moved = false;
            match self.round().await {
                Ok(()) => {}
                Err(RepositoryError::Unavailable(cause)) => self.cause = cause.to_string(),
                Err(RepositoryError::Internal(cause)) => {
                    let cause = cause.to_string();
                    self.give_up(|_| true, || RepositoryError::internal(cause.clone()));
                }
            }
            // Any settled change is progress: the deadline bounds the time without progress, not the batch.
            if self.open < open {
                deadline = Deadline::after(retry::COMMIT_TIMEOUT);
            }
            if deadline.has_passed() {
                let cause = self.cause.clone();
                self.give_up(|_| true, || RepositoryError::unavailable(cause.clone()));
            }
            if self.open < open || self.moved {
                backoff.reset();
                abandoned.progressed();
            } else {
                abandoned.end_if_stalled(self.connection).await;
                backoff.pause().await;
            }
        }
        let settled = |outcome: Option<_>| outcome.expect("none is open any more");
        self.outcomes.into_iter().map(settled).collect()
    }

    /// Reads heads, looks up open changes, and offers the next ones.
    async fn round(&mut self) -> Result<(), RepositoryError> {
        self.read_heads().await?;
        self.look_up().await?;
        let cause = "another server has taken its number or id, but the result is not readable yet";
        self.give_up(Line::has_waited_enough, || RepositoryError::unavailable(cause));
        self.offer_messages().await?;
        self.offer_revisions().await?;
        self.offer_deeds().await;
        Ok(())
    }

    /// Reads the heads that are unknown, or older than the one that the next change was decided on.
    async fn read_heads(&mut self) -> Result<(), RepositoryError> {
        let asks = |line: &Line| {
            let next = line.queue.front().is_some_and(|next| next.fence().is_some());
            next && (line.standing == Standing::Unknown || line.is_behind())
        };
        let ids: Vec<_> = self
            .lines
            .iter()
            .filter(|line| asks(line))
            .map(|line| line.id)
            .collect();
        if ids.is_empty() {
            return Ok(());
        }
        let heads: HashMap<_, _> = head::read(self.connection, &ids).await?.into_iter().collect();
        // No head means no messages: either a new direct conversation, or none at all.
        let empty: Vec<_> = ids.iter().copied().filter(|id| !heads.contains_key(id)).collect();
        let mut present: HashSet<ConversationId> = HashSet::new();
        if !empty.is_empty() {
            let found = conversations::read(self.connection, &empty).await?;
            present.extend(found.into_iter().map(|conversation| conversation.id));
        }
        for line in self.lines.iter_mut().filter(|line| asks(line)) {
            let head = heads.get(&line.id).copied();
            line.standing = match head {
                Some(head) => Standing::At(head),
                None if present.contains(&line.id) => Standing::At(Head::default()),
                None => Standing::Missing,
            };
            if let Some(head) = head {
                self.heads.remember(line.id, head);
            }
            match line.overtaken_at.take() {
                // The index has refused the numbers, yet the head is the same: the message that took them is not
                // visible to majority reads yet.
                Some(before) if line.standing == Standing::At(before) => line.waits(),
                Some(_) => {
                    line.moves();
                    self.moved = true;
                }
                None => {}
            }
        }
        Ok(())
    }

    /// Offers the next new messages of all conversations in one `insert`.
    async fn offer_messages(&mut self) -> Result<(), RepositoryError> {
        let (mut offers, mut documents, mut bytes) = (Vec::new(), Vec::new(), 0);
        'lines: for (index, line) in self.lines.iter().enumerate() {
            for (pending, head) in line.next(CommandKind::Insert) {
                let message = Message::clone(pending.change.message()).at(pending.position(head));
                let document = MessageDocument::new(&message, head);
                let document = serialize_to_raw_document_buf(&document).map_err(RepositoryError::internal)?;
                bytes += document.as_bytes().len();
                if documents.len() == MAX_COMMAND_DOCUMENTS || (bytes > MAX_COMMAND_BYTES && !documents.is_empty()) {
                    break 'lines;
                }
                offers.push(Offer { line: index, head });
                documents.push(document);
            }
        }
        self.offer(offers, documents, |documents| Ok(command::insert(MESSAGES, documents)))
            .await
    }

    /// Offers the next revisions of all conversations in one `update`.
    async fn offer_revisions(&mut self) -> Result<(), RepositoryError> {
        let (mut offers, mut statements) = (Vec::new(), Vec::new());
        'lines: for (index, line) in self.lines.iter().enumerate() {
            for (pending, head) in line.next(CommandKind::Update) {
                let Change::Revise { message, terms, .. } = &pending.change else {
                    break;
                };
                if statements.len() == MAX_COMMAND_DOCUMENTS {
                    break 'lines;
                }
                offers.push(Offer { line: index, head });
                statements.push(revision(message, *terms, head).map_err(RepositoryError::internal)?);
            }
        }
        let update = |statements| command::update(MESSAGES, statements, Order::Kept);
        self.offer(offers, statements, update).await
    }

    /// Sends the offers in one command, or in one command per conversation where one may hold up the others, and
    /// applies the replies.
    async fn offer<D>(
        &mut self,
        offers: Vec<Offer>,
        documents: Vec<D>,
        command: impl Fn(Vec<D>) -> mongodb::bson::error::Result<RawDocumentBuf>,
    ) -> Result<(), RepositoryError> {
        let mut parts: Vec<(Vec<Offer>, Vec<D>)> = Vec::new();
        for (offer, document) in offers.into_iter().zip(documents) {
            match parts.last_mut() {
                Some((offers, documents)) if !self.apart || offers[0].line == offer.line => {
                    offers.push(offer);
                    documents.push(document);
                }
                _ => parts.push((vec![offer], vec![document])),
            }
        }
        let mut commands = Vec::with_capacity(parts.len());
        for (offers, documents) in parts {
            commands.push((offers, command(documents).map_err(RepositoryError::internal)?));
        }
        let connection = self.connection;
        let send = |(offers, command)| async move { (offers, connection.write(command).await) };
        let answers: Vec<_> = stream::iter(commands)
            .map(send)
            .buffered(MAX_CONCURRENT_COMMANDS)
            .collect()
            .await;
        for (offers, answer) in answers {
            self.conclude(&offers, answer);
        }
        Ok(())
    }

    /// Carries out the next change of each conversation in a transaction, where it needs one.
    async fn offer_deeds(&mut self) {
        let deeds = self.lines.iter().enumerate().filter_map(|(index, line)| {
            let pending = line
                .queue
                .front()
                .filter(|next| next.command_kind() == CommandKind::Transaction)?;
            let before = match (&pending.change, line.standing) {
                (Change::Create { .. }, _) => Head::default(),
                (_, Standing::At(head)) => line.next(CommandKind::Transaction).next().map(|_| head)?,
                (_, Standing::Unknown | Standing::Missing) => return None,
            };
            let head = pending.after(before);
            Some((Offer { line: index, head }, deed(pending, before)?))
        });
        let connection = self.connection;
        let deeds: Vec<_> = deeds.map(|(offer, deed)| carry_out(connection, offer, deed)).collect();
        let done: Vec<_> = stream::iter(deeds).buffered(MAX_CONCURRENT_COMMANDS).collect().await;
        for (offer, done) in done {
            match done {
                Ok(()) => self.acknowledge(&offer),
                Err(TransactionError::Taken) => self.refuse(&offer, Fault::Duplicate(Key::Id)),
                // The name of the field does not matter: any index but that of `_id` means taken numbers.
                Err(TransactionError::Overtaken) => self.refuse(&offer, Fault::Duplicate(Key::Field(String::new()))),
                Err(TransactionError::Conflict(cause)) => {
                    self.cause = cause;
                    self.forget(offer.line);
                }
                Err(TransactionError::Doubt(cause)) => self.doubt(&[offer], cause),
                Err(TransactionError::Failed(cause)) => self.refuse(&offer, Fault::Lasting(cause)),
            }
        }
    }
}

/// Carries out one transaction, and returns its offer with the result.
async fn carry_out(
    connection: &Arc<Connection>,
    offer: Offer,
    deed: Deed<'_>,
) -> (Offer, Result<(), TransactionError>) {
    let done = membership::carry_out(connection, &deed).await;
    (offer, done)
}

/// Describes the transaction for a change. `before` is the conversation's head before it. `None` if the change needs no
/// transaction.
fn deed(pending: &Pending, before: Head) -> Option<Deed<'_>> {
    let mut head = before;
    let messages = pending.change.preceding().iter().chain([pending.change.message()]);
    let messages = messages.map(|message| {
        let placed = Placed::behind(head, message);
        head = placed.head;
        placed
    });
    let messages = messages.collect();
    let (conversation, members) = match &pending.change {
        Change::Create {
            conversation, members, ..
        } => (ConversationWrite::Insert(conversation), members),
        Change::UpdateGroup {
            conversation, members, ..
        } => (
            conversation
                .as_deref()
                .map_or(ConversationWrite::Keep, ConversationWrite::Replace),
            members,
        ),
        Change::Append { .. } | Change::Revise { .. } => return None,
    };
    Some(Deed {
        conversation,
        members,
        messages,
    })
}

impl Placed {
    /// Assigns a new message the numbers that follow the head `before`.
    fn behind(before: Head, message: &Message) -> Self {
        let head = before.after(message);
        let message = message.clone().at(head.position());
        Self { message, head }
    }
}

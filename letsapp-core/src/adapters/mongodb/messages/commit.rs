//! Carrying out a batch of changes: the unique indexes as the sequencer.
//!
//! Each round carries out, of every conversation, the changes that come next: new messages in one ordered `insert`,
//! revisions in one ordered `update`, what touches members in a transaction each. All take the numbers behind the head
//! that is remembered, and whoever else took them first is found out by the index. An ordered command stops there:
//! what came before it is acknowledged, the conversation's head is read again, and the rest goes out in the next
//! round, in the same order. So nothing overtakes, and nothing leaves a hole.
//!
//! Of a command without an answer it is not known what it did. Its documents are looked for, and offered again as long
//! as they are not found: the same `_id`s, so that none is ever there twice.

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

/// How many documents go in one command.
const MAX_COMMAND_DOCUMENTS: usize = 512;
/// How many bytes of documents go in one command.
const MAX_COMMAND_BYTES: usize = 4 << 20;
/// How many transactions run at once.
const MAX_CONCURRENT_COMMANDS: usize = 8;

/// A batch on its way.
pub(super) struct Commit<'a> {
    pub(super) connection: &'a Arc<Connection>,
    pub(super) heads: &'a Heads,
    /// One for each conversation, in order of their ids.
    pub(super) lines: Vec<Line>,
    pub(super) outcomes: Vec<Option<Result<Outcome, RepositoryError>>>,
    /// What went wrong last.
    pub(super) cause: String,
    /// How many changes are not settled.
    pub(super) open: usize,
    /// Whether a conversation turned out to stand elsewhere in this round.
    moved: bool,
    /// Whether one conversation may keep a command of many waiting: then each gets its own.
    pub(super) apart: bool,
}

/// A change that a command carries, and where it takes its conversation.
pub(super) struct Offer {
    pub(super) line: usize,
    pub(super) head: Head,
}

impl<'a> Commit<'a> {
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
        // All servers go through conversations in the same order: where two meet, one is ahead in all that follow, and
        // the other is told at the first.
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

    /// Carries the batch out, and returns what came of each change, in order.
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

    async fn round(&mut self) -> Result<(), RepositoryError> {
        self.read_heads().await?;
        self.look_up().await?;
        let cause = "what holds its number or id does not show";
        self.give_up(Line::has_waited_enough, || RepositoryError::unavailable(cause));
        self.offer_messages().await?;
        self.offer_revisions().await?;
        self.offer_deeds().await;
        Ok(())
    }

    /// Reads where the conversations stand of which that is not known.
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

    /// Offers the new messages that come next.
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

    /// Offers the revisions that come next.
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

    /// Sends what is offered in one command; in one for each conversation, at once, where one may be in the others' way.
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

    /// Carries out what touches more than messages, where that comes next.
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

async fn carry_out(
    connection: &Arc<Connection>,
    offer: Offer,
    deed: Deed<'_>,
) -> (Offer, Result<(), TransactionError>) {
    let done = membership::carry_out(connection, &deed).await;
    (offer, done)
}

/// Describes a change that takes a transaction, of a conversation that stands there before it.
fn deed(pending: &Pending, before: Head) -> Option<Deed<'_>> {
    let succession = pending
        .change
        .succession()
        .map(|message| Placed::behind(before, message));
    let before = succession.as_ref().map_or(before, |first| first.head);
    let message = Placed::behind(before, pending.change.message());
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
        succession,
        message,
    })
}

impl Placed {
    /// Places a new message in a conversation that stands there.
    fn behind(before: Head, message: &Message) -> Self {
        let head = before.after(message);
        let message = message.clone().at(head.position());
        Self { message, head }
    }
}

//! Load: users who write, edit, react, delete and read as fast as they can, and repeat every request that got no reply.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures_util::future::join_all;
use letsapp_testkit::until;
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::follower::{Followed, Follower};
use crate::http::Http;
use crate::people::{ConversationId, Person};
use crate::random;
use crate::socket::{Events, Failure, Socket};

/// Maximum number of requests that a writer has in flight.
const MAX_PENDING_REQUESTS: usize = 4;

/// Time limit for all pending requests to be acknowledged after the last outage.
const RECOVERY_TIMEOUT: Duration = Duration::from_secs(60);

/// A running load, until [`Load::finish`].
pub(crate) struct Load {
    writers: JoinSet<Ledger>,
    follower: Follower,
    acknowledged: Arc<AtomicU64>,
    stop: watch::Sender<bool>,
}

/// Everything that the server acknowledged to one writer.
pub(crate) struct Ledger {
    pub(crate) person: Person,
    /// Acknowledged messages, by the id that the writer chose.
    pub(crate) messages: HashMap<String, Acknowledged>,
    /// Number of acknowledged edits, reactions and deletions in each conversation.
    pub(crate) changes: HashMap<ConversationId, u64>,
    /// The `seq` up to which the writer's read receipts were acknowledged.
    pub(crate) read: HashMap<ConversationId, u64>,
    /// Refused requests. There should be none, but they are reported only after the check for lost messages, which is
    /// the more important finding.
    pub(crate) refused: Vec<String>,
}

/// A message that the server has acknowledged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Acknowledged {
    pub(crate) conversation: ConversationId,
    pub(crate) seq: u64,
    /// Text after the last acknowledged change.
    pub(crate) body: String,
}

/// State of one writer.
struct Writer {
    name: String,
    conversations: Vec<ConversationId>,
    ledger: Ledger,
    pending: VecDeque<Request>,
    /// Last acknowledged message. Sent again after a reconnect, as if its reply had been lost.
    last: Option<Request>,
    seen: HashMap<ConversationId, u64>,
    written: u64,
    acknowledged: Arc<AtomicU64>,
    stop: watch::Receiver<bool>,
}

/// A request to the server. All of them are idempotent, so a repetition has no further effect.
#[derive(Clone, Debug)]
enum Request {
    Send {
        conversation: ConversationId,
        id: String,
        body: String,
    },
    Edit {
        id: String,
        body: String,
    },
    React {
        id: String,
    },
    Delete {
        id: String,
    },
    Read {
        conversation: ConversationId,
        seq: u64,
    },
}

impl Load {
    /// Creates users, a group and direct conversations, and starts writers and a listener.
    pub(crate) async fn start(http: &Http) -> Self {
        Self::across(std::slice::from_ref(http)).await
    }

    /// Starts the load with the users spread over these servers: those who write to each other are on different ones.
    pub(crate) async fn across(servers: &[Http]) -> Self {
        let mut people = Vec::new();
        for (name, http) in ["ana", "ben", "cleo", "dan", "eve", "finn"]
            .iter()
            .zip(servers.iter().cycle())
        {
            people.push((*name, Person::sign_up(http, name).await));
        }
        let listener = Person::sign_up(servers.last().expect("there is one"), "listener").await;
        let all: Vec<_> = people.iter().map(|(_, person)| person.clone()).collect();
        let group = listener.gather(&all).await;
        let acknowledged = Arc::<AtomicU64>::default();
        let (stop, stopping) = watch::channel(false);
        let mut writers = JoinSet::new();
        for pair in people.chunks(2) {
            let [(_, first), (_, second)] = pair else {
                unreachable!("they are six")
            };
            let direct = first.talk_to(second).await;
            for (name, person) in pair {
                let conversations = vec![group.clone(), direct.clone()];
                let writer = Writer::new(name, person, conversations, &acknowledged, stopping.clone());
                writers.spawn(writer.work());
            }
        }
        Self {
            writers,
            follower: Follower::start(listener, group),
            acknowledged,
            stop,
        }
    }

    /// Waits until at least `messages` more messages are acknowledged.
    ///
    /// # Panics
    /// If that takes longer than [`RECOVERY_TIMEOUT`].
    pub(crate) async fn progress(&mut self, messages: u64) {
        let goal = self.acknowledged.load(Ordering::Relaxed) + messages;
        let progress = until(RECOVERY_TIMEOUT, async || {
            self.acknowledged.load(Ordering::Relaxed) >= goal
        });
        tokio::select! {
            () = progress => {}
            early = self.writers.join_next() => {
                early.expect("there are writers").expect("a writer makes no mistakes");
                panic!("a writer has stopped by itself");
            }
        }
    }

    /// Ends the load once every pending request is acknowledged, and returns the results.
    ///
    /// # Panics
    /// If that takes longer than [`RECOVERY_TIMEOUT`].
    pub(crate) async fn finish(self) -> (Vec<Ledger>, Followed) {
        self.stop.send_replace(true);
        let ledgers = timeout(RECOVERY_TIMEOUT, self.writers.join_all()).await;
        let ledgers = ledgers.expect("everything is acknowledged in the end");
        (ledgers, self.follower.finish().await)
    }
}

impl Ledger {
    fn new(person: Person) -> Self {
        Self {
            person,
            messages: HashMap::new(),
            changes: HashMap::new(),
            read: HashMap::new(),
            refused: Vec::new(),
        }
    }
}

impl Writer {
    fn new(
        name: &str,
        person: &Person,
        conversations: Vec<ConversationId>,
        acknowledged: &Arc<AtomicU64>,
        stop: watch::Receiver<bool>,
    ) -> Self {
        Self {
            name: name.to_owned(),
            conversations,
            ledger: Ledger::new(person.clone()),
            pending: VecDeque::new(),
            last: None,
            seen: HashMap::new(),
            written: 0,
            acknowledged: Arc::clone(acknowledged),
            stop,
        }
    }

    async fn work(mut self) -> Ledger {
        while !self.is_done() {
            let Ok((socket, mut events)) = Socket::open(&self.ledger.person).await else {
                random::pause().await;
                continue;
            };
            self.pending.extend(self.last.clone());
            while !self.is_done() && self.round(&socket).await {
                self.notice(&mut events);
            }
        }
        self.ledger
    }

    fn is_done(&self) -> bool {
        *self.stop.borrow() && self.pending.is_empty()
    }

    /// Sends all pending requests and a few new ones. Returns false once the socket is lost.
    async fn round(&mut self, socket: &Socket) -> bool {
        while !*self.stop.borrow() && self.pending.len() < MAX_PENDING_REQUESTS {
            let message = self.next_message();
            self.pending.push_back(message);
        }
        let asked: Vec<_> = self.pending.drain(..).collect();
        let answers = join_all(asked.iter().map(|request| self.ask(socket, request))).await;
        let (mut lost, mut refused) = (false, false);
        for (request, answer) in asked.into_iter().zip(answers) {
            match answer {
                Ok(answer) => self.acknowledge(request, &answer),
                Err(Failure::Refused(code)) if code == "unavailable" => {
                    refused = true;
                    self.pending.push_back(request);
                }
                Err(Failure::Lost) => {
                    lost = true;
                    self.pending.push_back(request);
                }
                Err(Failure::Refused(code)) => self.ledger.refused.push(format!("{request:?}: {code}")),
            }
        }
        if refused {
            random::pause().await;
        }
        !lost
    }

    fn next_message(&mut self) -> Request {
        self.written += 1;
        Request::Send {
            conversation: self.conversations[usize::from(random::below(3) == 0)].clone(),
            id: random::fresh_id().to_string(),
            body: format!("{} writes {}", self.name, self.written),
        }
    }

    async fn ask(&self, socket: &Socket, request: &Request) -> Result<Value, Failure> {
        let place = |id: &str| {
            let Acknowledged { conversation, seq, .. } = &self.ledger.messages[id];
            (conversation, seq)
        };
        match request {
            Request::Send { conversation, id, body } => {
                let message = json!({"conversation_id": conversation, "id": id, "body": body});
                socket.ask("message.send", &message).await
            }
            Request::Edit { id, body } => {
                let (conversation, seq) = place(id);
                let edit = json!({"conversation_id": conversation, "seq": seq, "body": body});
                socket.ask("message.edit", &edit).await
            }
            Request::React { id } => {
                let (conversation, seq) = place(id);
                let reaction = json!({"conversation_id": conversation, "seq": seq, "emoji": "🎉"});
                socket.ask("message.react", &reaction).await
            }
            Request::Delete { id } => {
                let (conversation, seq) = place(id);
                let message = json!({"conversation_id": conversation, "seq": seq});
                socket.ask("message.delete", &message).await
            }
            Request::Read { conversation, seq } => {
                let receipt = json!({"conversation_id": conversation, "read": seq});
                socket.ask("receipt", &receipt).await
            }
        }
    }

    fn acknowledge(&mut self, request: Request, answer: &Value) {
        match &request {
            Request::Send { conversation, id, body } => {
                assert_eq!(answer["id"], **id, "the answer is to another message");
                let seq = answer["seq"].as_u64().expect("a message has its place");
                if let Some(first) = self.ledger.messages.get(id) {
                    if first.seq != seq {
                        self.ledger.refused.push(format!("{request:?}: moved to {seq}"));
                    }
                    return;
                }
                let (conversation, body) = (conversation.clone(), body.clone());
                let message = Acknowledged {
                    conversation,
                    seq,
                    body,
                };
                self.ledger.messages.insert(id.clone(), message);
                self.acknowledged.fetch_add(1, Ordering::Relaxed);
                self.follow_up(id);
                self.last = Some(request);
            }
            Request::Edit { id, body } => self.changed(id, body),
            Request::Delete { id } => self.changed(id, ""),
            Request::React { id } => {
                let body = self.ledger.messages[id].body.clone();
                self.changed(id, &body);
            }
            Request::Read { conversation, seq } => {
                let read = self.ledger.read.entry(conversation.clone()).or_default();
                *read = (*read).max(*seq);
            }
        }
    }

    /// Queues a change of an acknowledged message. Each message is changed at most once, so that a lost change can't
    /// be hidden by a later one.
    fn follow_up(&mut self, id: &str) {
        let id = id.to_owned();
        let change = match random::below(8) {
            0 => Request::Edit {
                body: format!("{} changes {id}", self.name),
                id,
            },
            1 => Request::React { id },
            2 => Request::Delete { id },
            _ => return,
        };
        self.pending.push_back(change);
    }

    fn changed(&mut self, id: &str, body: &str) {
        let message = self
            .ledger
            .messages
            .get_mut(id)
            .expect("only what was taken is changed");
        body.clone_into(&mut message.body);
        *self.ledger.changes.entry(message.conversation.clone()).or_default() += 1;
    }

    /// Notes new messages of others, and occasionally marks them as read.
    fn notice(&mut self, events: &mut Events) {
        while let Some(event) = events.waiting() {
            if event["event"] == "message.created" {
                let (conversation, seq) = (&event["data"]["conversation_id"], &event["data"]["seq"]);
                let conversation = conversation.as_str().expect("a message has a conversation").to_owned();
                self.seen
                    .insert(conversation, seq.as_u64().expect("a message has its place"));
            }
        }
        let conversations: HashSet<_> = self.seen.keys().filter(|_| random::below(4) == 0).cloned().collect();
        for conversation in conversations {
            let seq = self.seen.remove(&conversation).expect("it is one of them");
            self.pending.push_back(Request::Read { conversation, seq });
        }
    }
}

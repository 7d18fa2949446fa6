//! A user who only reads: follows live events and syncs after every interruption, so that the local copy ends up
//! complete.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::http::number;
use crate::people::{ConversationId, Person};
use crate::random;
use crate::socket::{Events, Failure, Socket};

/// A running listener.
pub(crate) struct Follower {
    task: JoinHandle<Copy>,
    stop: watch::Sender<bool>,
}

/// Result of a listener.
pub(crate) struct Followed {
    pub(crate) person: Person,
    pub(crate) conversation: ConversationId,
    /// Newest known state of every message, by `seq`.
    pub(crate) messages: BTreeMap<u64, Value>,
    /// Number of live events whose `rev` showed that earlier ones were missed.
    pub(crate) gaps: u64,
    /// Number of messages received as live events and not by a sync.
    pub(crate) live: u64,
    /// Number of times that a server asked for a sync.
    pub(crate) resyncs: u64,
}

/// The listener's copy of a conversation.
struct Copy {
    followed: Followed,
    /// Newest `rev` that the copy includes.
    rev: u64,
}

impl Follower {
    pub(crate) fn start(person: Person, conversation: ConversationId) -> Self {
        let (stop, stopping) = watch::channel(false);
        let copy = Copy {
            followed: Followed {
                person,
                conversation,
                messages: BTreeMap::new(),
                gaps: 0,
                live: 0,
                resyncs: 0,
            },
            rev: 0,
        };
        Self {
            task: tokio::spawn(copy.follow(stopping)),
            stop,
        }
    }

    /// Ends the listener after a final sync, and returns its result.
    pub(crate) async fn finish(self) -> Followed {
        self.stop.send_replace(true);
        let mut copy = self.task.await.expect("a listener makes no mistakes");
        copy.catch_up().await;
        copy.followed
    }
}

impl Copy {
    async fn follow(mut self, mut stop: watch::Receiver<bool>) -> Self {
        while !*stop.borrow() {
            let Ok((socket, mut events)) = Socket::open(&self.followed.person).await else {
                random::pause().await;
                continue;
            };
            tokio::select! {
                _ = stop.wait_for(|stop| *stop) => {}
                _ = self.listen(&socket, &mut events) => {}
            }
        }
        self
    }

    /// Syncs, and then follows live events until the socket is lost. The socket receives events from its opening on,
    /// so none can fall between the sync and the first event.
    async fn listen(&mut self, socket: &Socket, events: &mut Events) -> Result<(), Failure> {
        self.sync(socket).await?;
        while let Some(mut event) = events.next().await {
            if event["event"] == "resync" {
                self.followed.resyncs += 1;
                self.sync(socket).await?;
            }
            let data = event["data"].take();
            if data["conversation_id"] != *self.followed.conversation {
                continue;
            }
            match event["event"].as_str() {
                Some("message.created" | "message.updated") => {
                    let rev = number(&data["rev"]);
                    if rev > self.rev + 1 {
                        self.followed.gaps += 1;
                        self.sync(socket).await?;
                    }
                    if rev == self.rev + 1 {
                        self.followed.live += 1;
                        self.take(data);
                        self.rev = rev;
                    }
                }
                Some("conversation.rev") => self.rev = self.rev.max(number(&data["rev"])),
                _ => {}
            }
        }
        Err(Failure::Lost)
    }

    async fn sync(&mut self, socket: &Socket) -> Result<(), Failure> {
        loop {
            let held = json!({"conversations": {&self.followed.conversation: self.rev}});
            let mut answer = match socket.ask("sync", &held).await {
                Err(Failure::Refused(code)) if code == "unavailable" => {
                    random::pause().await;
                    continue;
                }
                answer => answer?,
            };
            if answer["reset"][0] == *self.followed.conversation {
                // More was missed than the server replays, so the copy starts again.
                for message in self.followed.person.history(&self.followed.conversation).await {
                    self.take(message);
                }
            }
            for message in answer["changes"].as_array_mut().expect("it is a list") {
                self.take(message.take());
            }
            self.rev = self.rev.max(number(&answer["positions"][&self.followed.conversation]));
            if answer["more"] == false {
                return Ok(());
            }
        }
    }

    fn take(&mut self, message: Value) {
        let seq = number(&message["seq"]);
        let held = self.followed.messages.get(&seq).map_or(0, |held| number(&held["rev"]));
        if number(&message["rev"]) > held {
            self.followed.messages.insert(seq, message);
        }
    }

    async fn catch_up(&mut self) {
        let (socket, _events) = Socket::open(&self.followed.person).await.expect("the server is there");
        self.sync(&socket).await.expect("the server is there");
    }
}

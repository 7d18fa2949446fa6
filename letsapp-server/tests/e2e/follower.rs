//! One who only listens, and after each interruption asks what was missed: at the end their copy is the conversation.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::chance;
use crate::http::number;
use crate::people::{Person, Room};
use crate::socket::{Events, Failure, Socket};

/// A listener at work.
pub(crate) struct Follower {
    task: JoinHandle<Copy>,
    stop: watch::Sender<bool>,
}

/// What a listener has when it ends.
pub(crate) struct Followed {
    pub(crate) person: Person,
    pub(crate) room: Room,
    /// Every message as last heard of, by its place.
    pub(crate) messages: BTreeMap<u64, Value>,
    /// How many live events told that others were missed.
    pub(crate) holes: u64,
    /// How many messages came live, as opposed to being asked for.
    pub(crate) live: u64,
}

/// A conversation as its listener knows it.
struct Copy {
    followed: Followed,
    rev: u64,
}

impl Follower {
    pub(crate) fn start(person: Person, room: Room) -> Self {
        let (stop, stopping) = watch::channel(false);
        let copy = Copy {
            followed: Followed {
                person,
                room,
                messages: BTreeMap::new(),
                holes: 0,
                live: 0,
            },
            rev: 0,
        };
        Self {
            task: tokio::spawn(copy.follow(stopping)),
            stop,
        }
    }

    /// Catches up, and ends.
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
                chance::moment().await;
                continue;
            };
            tokio::select! {
                _ = stop.wait_for(|stop| *stop) => {}
                _ = self.listen(&socket, &mut events) => {}
            }
        }
        self
    }

    /// Subscribed first, then what was missed, then what comes.
    async fn listen(&mut self, socket: &Socket, events: &mut Events) -> Result<(), Failure> {
        self.sync(socket).await?;
        while let Some(mut event) = events.next().await {
            let data = event["data"].take();
            if data["conversation_id"] != *self.followed.room {
                continue;
            }
            match event["event"].as_str() {
                Some("message.created" | "message.updated") => {
                    let rev = number(&data["rev"]);
                    if rev > self.rev + 1 {
                        self.followed.holes += 1;
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
            let held = json!({"conversations": {&self.followed.room: self.rev}});
            let mut answer = match socket.ask("sync", &held).await {
                Err(Failure::Refused(code)) if code == "unavailable" => {
                    chance::moment().await;
                    continue;
                }
                answer => answer?,
            };
            if answer["reset"][0] == *self.followed.room {
                // Too much was missed to be told one by one.
                for message in self.followed.person.history(&self.followed.room).await {
                    self.take(message);
                }
            }
            for message in answer["changes"].as_array_mut().expect("it is a list") {
                self.take(message.take());
            }
            self.rev = self.rev.max(number(&answer["positions"][&self.followed.room]));
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

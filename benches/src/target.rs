//! What the load is aimed at: a server in a process of its own, and people signed in to it.

use std::{
    fmt,
    fs::File,
    io::{self, BufRead, BufReader},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::mpsc,
    thread,
    time::Duration,
};

use futures_util::{StreamExt, TryStreamExt, stream};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{
    load::{Http, Pair, Room, Seat},
    process::Process,
    report::target_directory,
    sample::{SplitMix, unix_milliseconds},
};

const START: Duration = Duration::from_secs(60);
/// Sign-ups at a time: they hash passwords, and more than the cores can do would only wait.
const SIGN_UPS: usize = 4;

/// A running server, ended when dropped.
#[derive(Debug)]
pub struct Target {
    child: Child,
    address: SocketAddr,
    kind: Kind,
    _directory: TempDir,
}

/// Where a LetsApp server keeps its messages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Store {
    /// Nowhere.
    Memory,
    /// In a file of its own.
    Sqlite,
    /// In the database that this URI names.
    MongoDb(String),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Relay,
    LetsApp,
}

/// Someone signed in.
#[derive(Debug, Clone)]
struct Account {
    user_id: String,
    token: String,
}

impl Target {
    /// Starts the bare relay, whose program lies at `program`: `env!("CARGO_BIN_EXE_bare-relay")`.
    ///
    /// # Errors
    /// When it does not start.
    pub fn relay(program: &Path) -> io::Result<Self> {
        Self::start(Kind::Relay, Command::new(program), TempDir::new()?)
    }

    /// Builds the real server (in the profile that the bench runs in: release), and starts it on a store.
    ///
    /// `LETSAPP_BENCH_SERVER` names another one to start, which was built before.
    ///
    /// # Errors
    /// When it does not build or start.
    pub fn letsapp(store: &Store) -> io::Result<Self> {
        // Beside the build: a system's directory for temporary files may be in memory, where a sync costs nothing.
        let directory = TempDir::new_in(scratch_directory()?)?;
        let mut command = Command::new(build_server()?);
        let store = match store {
            Store::Memory => "memory:".to_owned(),
            Store::Sqlite => format!("sqlite:{}", directory.path().join("letsapp.sqlite").display()),
            Store::MongoDb(uri) => uri.clone(),
        };
        command.args([
            "--store",
            &store,
            "--listen",
            "127.0.0.1:0",
            "--admin-listen",
            "127.0.0.1:0",
        ]);
        command
            .arg("--data-dir")
            .arg(directory.path())
            .env("LETSAPP_LIMITS", "off")
            .env("LETSAPP_HTTP_MAX_CONNECTIONS", "20000");
        Self::start(Kind::LetsApp, command, directory)
    }

    /// Returns its process, to be watched.
    pub fn process(&self) -> Process {
        Process::new(self.child.id())
    }

    /// Signs up `count` pairs of people, and opens a direct conversation for each.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn pairs(&self, count: usize) -> io::Result<Vec<Pair>> {
        if self.kind == Kind::Relay {
            return Ok(self.rooms(count, 2).into_iter().map(pair_of_room).collect());
        }
        let accounts = self.accounts(2 * count).await?;
        let mut http = Http::connect(self.address).await?;
        let mut pairs = Vec::new();
        for pair in accounts.chunks_exact(2) {
            let [sender, receiver] = pair else {
                unreachable!("chunks of two")
            };
            let direct = json!({"kind": "direct", "user_id": receiver.user_id});
            let conversation = http.post("/v1/conversations", &sender.token, &direct).await?;
            let (sender, receiver) = (self.seat(sender), self.seat(receiver));
            pairs.push(Pair {
                conversation: text(&conversation, "/id")?,
                sender,
                receiver,
            });
        }
        Ok(pairs)
    }

    /// Signs up `members` people and puts them into one group.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn room(&self, members: usize) -> io::Result<Room> {
        if self.kind == Kind::Relay {
            return Ok(self.rooms(1, members).remove(0));
        }
        let accounts = self.accounts(members).await?;
        let others: Vec<_> = accounts[1..].iter().map(|account| &account.user_id).collect();
        let group = json!({"kind": "group", "title": "Everyone", "member_ids": others});
        let conversation = Http::connect(self.address)
            .await?
            .post("/v1/conversations", &accounts[0].token, &group)
            .await?;
        let members = accounts.iter().map(|account| self.seat(account)).collect();
        Ok(Room {
            conversation: text(&conversation, "/id")?,
            members,
        })
    }

    /// Signs up `people`, and returns `sockets` seats spread over them: few sessions, many sockets.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn seats(&self, people: usize, sockets: usize) -> io::Result<Vec<Seat>> {
        if self.kind == Kind::Relay {
            return Ok(self.rooms(1, sockets).remove(0).members);
        }
        let accounts = self.accounts(people).await?;
        Ok(accounts
            .iter()
            .cycle()
            .take(sockets)
            .map(|account| self.seat(account))
            .collect())
    }

    fn rooms(&self, count: usize, members: usize) -> Vec<Room> {
        let mut random = SplitMix::new(unix_milliseconds());
        let room = |_| {
            let conversation = random.uuid_v4().to_string();
            let path = format!("/v1/ws?room={conversation}");
            let seat = Seat {
                address: self.address,
                path,
                token: String::new(),
            };
            Room {
                conversation,
                members: vec![seat; members],
            }
        };
        (0..count).map(room).collect()
    }

    async fn accounts(&self, count: usize) -> io::Result<Vec<Account>> {
        let run = unix_milliseconds() % 1_000_000_000;
        let sign_ups = (0..count).map(|number| self.sign_up(format!("u{run}_{number}")));
        stream::iter(sign_ups).buffered(SIGN_UPS).try_collect().await
    }

    async fn sign_up(&self, username: String) -> io::Result<Account> {
        let credentials = json!({"username": username, "password": "correct horse battery staple"});
        let signed_up = Http::connect(self.address)
            .await?
            .post("/v1/auth/register", "", &credentials)
            .await?;
        Ok(Account {
            user_id: text(&signed_up, "/user/id")?,
            token: text(&signed_up, "/tokens/access_token")?,
        })
    }

    fn seat(&self, account: &Account) -> Seat {
        Seat {
            address: self.address,
            path: "/v1/ws".into(),
            token: account.token.clone(),
        }
    }

    fn start(kind: Kind, mut command: Command, directory: TempDir) -> io::Result<Self> {
        let log = directory.path().join("stderr.log");
        let mut child = command.stdout(Stdio::piped()).stderr(File::create(&log)?).spawn()?;
        let stdout = child.stdout.take().expect("it is piped");
        let (line, first_line) = mpsc::channel();
        thread::spawn(move || {
            let mut lines = BufReader::new(stdout).lines();
            line.send(lines.next()).ok();
            // The pipe is kept open: a server that writes to a closed one would end.
            lines.for_each(drop);
        });
        let announced = first_line.recv_timeout(START).ok().flatten().transpose();
        match announced.ok().flatten().as_deref().and_then(announced_address) {
            Some(address) => Ok(Self {
                child,
                address,
                kind,
                _directory: directory,
            }),
            None => {
                child.kill()?;
                let status = child.wait()?;
                let said = std::fs::read_to_string(&log).unwrap_or_default();
                let reason = said.lines().last().unwrap_or("it said nothing");
                Err(io::Error::other(format!(
                    "the server did not start ({status}): {reason}"
                )))
            }
        }
    }
}

/// Processes end with the bench, whichever way it ends.
impl Drop for Target {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

impl fmt::Display for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Memory => "memory",
            Self::Sqlite => "SQLite",
            Self::MongoDb(_) => "MongoDB",
        })
    }
}

/// Returns a directory on the disk that cargo builds on.
///
/// # Errors
/// When it cannot be made.
pub fn scratch_directory() -> io::Result<PathBuf> {
    let directory = target_directory()?.join("bench-data");
    std::fs::create_dir_all(&directory)?;
    Ok(directory)
}

fn build_server() -> io::Result<PathBuf> {
    if let Some(program) = std::env::var_os("LETSAPP_BENCH_SERVER") {
        return Ok(program.into());
    }
    let cargo = std::env::var_os("CARGO").ok_or_else(|| io::Error::other("run it with `cargo bench`"))?;
    let built = Command::new(cargo)
        .args([
            "build",
            "--quiet",
            "--release",
            "--package",
            "letsapp-server",
            "--bin",
            "letsapp-server",
        ])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .status()?;
    match built.success() {
        true => Ok(target_directory()?.join("release/letsapp-server")),
        false => Err(io::Error::other("letsapp-server does not build")),
    }
}

/// Reads the address out of `… listening on http://ADDRESS, admin on …`.
fn announced_address(line: &str) -> Option<SocketAddr> {
    let address = line.split_once("listening on http://")?.1;
    address.split(',').next()?.trim().parse().ok()
}

fn pair_of_room(room: Room) -> Pair {
    let [sender, receiver] = room.members.try_into().expect("a room of two");
    Pair {
        conversation: room.conversation,
        sender,
        receiver,
    }
}

fn text(answer: &Value, pointer: &str) -> io::Result<String> {
    let found = answer.pointer(pointer).and_then(Value::as_str);
    found
        .map(str::to_owned)
        .ok_or_else(|| io::Error::other(format!("no {pointer} in {answer}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_announced_address_is_the_first_one() {
        let line = "letsapp-server listening on http://127.0.0.1:4711, admin on http://127.0.0.1:4712";
        assert_eq!(announced_address(line), Some(([127, 0, 0, 1], 4711).into()));
        assert_eq!(announced_address("something else"), None);
    }
}

//! Target of a load: a server in a process of its own, and users signed in to it.

use std::{
    env,
    ffi::OsStr,
    fmt,
    fs::File,
    io::{self, BufRead, BufReader},
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::mpsc,
    thread,
    time::Duration,
};

use futures_util::{StreamExt, TryStreamExt, stream};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{
    load::{Endpoint, Group, Http, Pair, loopback},
    process::Process,
    report::target_directory,
    sample::{SplitMix, unix_milliseconds},
};

/// Environment variable that names a server to start, which is otherwise built first.
pub const SERVER_VARIABLE: &str = "LETSAPP_BENCH_SERVER";

/// Users of a limited server who share an address: fewer than may sign up from one at once.
const USERS_OF_ADDRESS: usize = 32;

/// Time that a server has to announce its address. It takes less than a second, but opens its store before.
const START_TIMEOUT: Duration = Duration::from_secs(60);

/// Sign-ups at a time. They hash passwords, so that more than the cores can do would only wait.
const SIGN_UPS: usize = 4;

/// Running server, killed when dropped.
#[derive(Debug)]
pub struct Target {
    child: Child,
    address: SocketAddr,
    kind: Kind,
    _directory: TempDir,
}

/// Store of a LetsApp server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Store {
    /// Memory of the server's process.
    Memory,
    /// SQLite file of its own.
    Sqlite,
    /// MongoDB database with this URI.
    MongoDb(String),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Relay,
    Files,
    LetsApp,
    /// LetsApp with the limits of an installation, so that users have to come from many addresses.
    Limited,
}

/// User who is signed in.
#[derive(Debug, Clone)]
struct Account {
    user_id: String,
    token: String,
    /// Address that the user connects from.
    home: Ipv4Addr,
}

impl Target {
    /// Starts the relay, which is this program with another argument.
    ///
    /// # Errors
    /// Fails if the relay doesn't start.
    pub fn relay() -> io::Result<Self> {
        let mut command = Command::new(env::current_exe()?);
        command.arg("--relay");
        Self::start(Kind::Relay, command, TempDir::new()?)
    }

    /// Starts the bare endpoint for files over the blobs of a store. This program is it, with another argument.
    ///
    /// # Errors
    /// Fails if the endpoint doesn't start.
    pub fn files(store: &Store) -> io::Result<Self> {
        let directory = TempDir::new_in(scratch_directory()?)?;
        let mut command = Command::new(env::current_exe()?);
        command.arg("--files");
        match store {
            Store::MongoDb(uri) => command.arg(uri),
            Store::Memory | Store::Sqlite => command.arg(directory.path().join("media")),
        };
        Self::start(Kind::Files, command, directory)
    }

    /// Starts a LetsApp server without limits, the one that [`build_server`] names.
    ///
    /// # Errors
    /// Fails if the server doesn't build or start.
    pub fn letsapp(store: &Store) -> io::Result<Self> {
        Self::start_letsapp(Kind::LetsApp, store, unlimited)
    }

    /// Starts a LetsApp server without limits as one of several that share a store and a bus.
    ///
    /// # Errors
    /// Fails if the server doesn't build or start.
    pub fn letsapp_on_bus(store: &Store, bus: &str) -> io::Result<Self> {
        Self::start_letsapp(Kind::LetsApp, store, |command| {
            unlimited(command);
            command.args(["--bus", bus]);
        })
    }

    /// Starts a LetsApp server with the limits that it has by default.
    ///
    /// # Errors
    /// Fails if the server doesn't build or start.
    pub fn limited_letsapp(store: &Store) -> io::Result<Self> {
        Self::start_letsapp(Kind::Limited, store, |_| {})
    }

    /// Returns the server's address.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns the server's process.
    pub fn process(&self) -> Process {
        Process::new(self.child.id())
    }

    /// Signs up `count` pairs of users, and opens a direct conversation for each pair.
    ///
    /// # Errors
    /// Fails if the server refuses a request.
    pub async fn pairs(&self, count: usize) -> io::Result<Vec<Pair>> {
        if self.kind == Kind::Relay {
            return Ok(self.relay_groups(count, 2).into_iter().map(pair_of).collect());
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
            let (sender, receiver) = (self.endpoint(sender), self.endpoint(receiver));
            pairs.push(Pair {
                conversation: text(&conversation, "/id")?,
                sender,
                receiver,
            });
        }
        Ok(pairs)
    }

    /// Signs up `members` users, and puts them into one group.
    ///
    /// # Errors
    /// Fails if the server refuses a request.
    pub async fn group(&self, members: usize) -> io::Result<Group> {
        if self.kind == Kind::Relay {
            return Ok(self.relay_groups(1, members).remove(0));
        }
        let accounts = self.accounts(members).await?;
        let others: Vec<_> = accounts[1..].iter().map(|account| &account.user_id).collect();
        let group = json!({"kind": "group", "title": "Everyone", "member_ids": others});
        let conversation = Http::connect(self.address)
            .await?
            .post("/v1/conversations", &accounts[0].token, &group)
            .await?;
        let members = accounts.iter().map(|account| self.endpoint(account)).collect();
        Ok(Group {
            conversation: text(&conversation, "/id")?,
            members,
        })
    }

    /// Signs up `users`, and returns `sockets` endpoints spread over them, as hashing a password takes longer than
    /// connecting a socket.
    ///
    /// # Errors
    /// Fails if the server refuses a request.
    pub async fn endpoints(&self, users: usize, sockets: usize) -> io::Result<Vec<Endpoint>> {
        if self.kind == Kind::Relay {
            return Ok(self.relay_groups(1, sockets).remove(0).members);
        }
        let accounts = self.accounts(users).await?;
        Ok(accounts
            .iter()
            .cycle()
            .take(sockets)
            .map(|account| self.endpoint(account))
            .collect())
    }

    /// Makes up groups: the relay creates a conversation when the first socket connects.
    fn relay_groups(&self, count: usize, members: usize) -> Vec<Group> {
        let mut random = SplitMix::new(unix_milliseconds());
        let group = |_| {
            let conversation = random.uuid_v4().to_string();
            let path = format!("/v1/ws?conversation={conversation}");
            let endpoint = Endpoint {
                address: self.address,
                path,
                token: String::new(),
                from: Ipv4Addr::LOCALHOST,
            };
            Group {
                conversation,
                members: vec![endpoint; members],
            }
        };
        (0..count).map(group).collect()
    }

    async fn accounts(&self, count: usize) -> io::Result<Vec<Account>> {
        let run = unix_milliseconds() % 1_000_000_000;
        let sign_ups = (0..count).map(|number| self.sign_up(format!("u{run}_{number}"), self.home(number)));
        stream::iter(sign_ups).buffered(SIGN_UPS).try_collect().await
    }

    /// Returns the address that a user connects from.
    fn home(&self, number: usize) -> Ipv4Addr {
        match self.kind {
            Kind::Relay | Kind::Files | Kind::LetsApp => Ipv4Addr::LOCALHOST,
            Kind::Limited => loopback(1, number / USERS_OF_ADDRESS),
        }
    }

    async fn sign_up(&self, username: String, home: Ipv4Addr) -> io::Result<Account> {
        let credentials = json!({"username": username, "password": "correct horse battery staple"});
        let signed_up = Http::connect_from(home, self.address)
            .await?
            .post("/v1/auth/register", "", &credentials)
            .await?;
        Ok(Account {
            user_id: text(&signed_up, "/user/id")?,
            token: text(&signed_up, "/tokens/access_token")?,
            home,
        })
    }

    fn endpoint(&self, account: &Account) -> Endpoint {
        Endpoint {
            address: self.address,
            path: "/v1/ws".into(),
            token: account.token.clone(),
            from: account.home,
        }
    }

    fn start_letsapp(kind: Kind, store: &Store, set: impl FnOnce(&mut Command)) -> io::Result<Self> {
        // Not in the system's directory for temporary files, which may be in memory, where a sync costs nothing.
        let directory = TempDir::new_in(scratch_directory()?)?;
        let mut command = Command::new(build_server()?);
        let store = match store {
            Store::Memory => "memory:".to_owned(),
            Store::Sqlite => format!("sqlite:{}", directory.path().join("letsapp.sqlite").display()),
            Store::MongoDb(uri) => uri.clone(),
        };
        let anywhere = "127.0.0.1:0";
        command.args(["--store", &store, "--listen", anywhere, "--admin-listen", anywhere]);
        command.arg("--data-dir").arg(directory.path());
        set(&mut command);
        Self::start(kind, command, directory)
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
        let announced = first_line.recv_timeout(START_TIMEOUT).ok().flatten().transpose();
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
                let errors = std::fs::read_to_string(&log).unwrap_or_default();
                let reason = errors.lines().last().unwrap_or("it wrote no error");
                Err(io::Error::other(format!(
                    "the server did not start ({status}): {reason}"
                )))
            }
        }
    }
}

/// No server outlives its bench.
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

/// Takes the limits off: a load is meant to exceed what one user, or one address, may do.
fn unlimited(command: &mut Command) {
    command
        .env("LETSAPP_LIMITS", "off")
        .env("LETSAPP_HTTP_MAX_CONNECTIONS", "20000")
        .env("LETSAPP_HTTP_MAX_CONNECTIONS_PER_ADDRESS", "20000")
        .env("LETSAPP_MAX_SOCKETS_PER_USER", "20000")
        .env("LETSAPP_MEDIA_QUOTA", "1000000000000");
}

/// Returns a directory for stores, on the disk that cargo builds on.
///
/// # Errors
/// Fails if the directory can't be created.
pub fn scratch_directory() -> io::Result<PathBuf> {
    let directory = target_directory()?.join("bench-data");
    std::fs::create_dir_all(&directory)?;
    Ok(directory)
}

/// Builds the LetsApp server in the profile of this program, and returns its path.
///
/// Cargo builds it apart from the benches, so that it has the features and optimisations that users get.
/// [`SERVER_VARIABLE`] names another one, which was built before.
///
/// # Errors
/// Fails if the server doesn't build.
pub fn build_server() -> io::Result<PathBuf> {
    if let Some(program) = env::var_os(SERVER_VARIABLE) {
        return Ok(program.into());
    }
    let cargo = env::var_os("CARGO").ok_or_else(|| io::Error::other("run it with `cargo bench`"))?;
    let target = target_directory()?;
    let program = env::current_exe()?;
    let directory = program.strip_prefix(&target).ok().and_then(|path| path.iter().next());
    // The dev profile is the one whose directory has another name.
    let profile = match directory.and_then(OsStr::to_str) {
        Some("debug") => "dev",
        Some(profile) => profile,
        None => return Err(io::Error::other("the program isn't in cargo's target directory")),
    };
    let built = Command::new(cargo)
        .args(["build", "--quiet", "--profile", profile])
        .args(["--package", "letsapp-server", "--bin", "letsapp-server"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .status()?;
    match built.success() {
        true => Ok(program
            .ancestors()
            .nth(2)
            .expect("it is in the directory")
            .join("letsapp-server")),
        false => Err(io::Error::other("letsapp-server doesn't build")),
    }
}

/// Reads the address from `… listening on http://ADDRESS, admin on …`.
fn announced_address(line: &str) -> Option<SocketAddr> {
    let address = line.split_once("listening on http://")?.1;
    address.split(',').next()?.trim().parse().ok()
}

fn pair_of(group: Group) -> Pair {
    let [sender, receiver] = group.members.try_into().expect("a group of two");
    Pair {
        conversation: group.conversation,
        sender,
        receiver,
    }
}

/// Reads a string from a response.
fn text(response: &Value, pointer: &str) -> io::Result<String> {
    let found = response.pointer(pointer).and_then(Value::as_str);
    found
        .map(str::to_owned)
        .ok_or_else(|| io::Error::other(format!("no {pointer} in {response}")))
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

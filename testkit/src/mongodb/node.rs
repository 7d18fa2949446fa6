//! A single `mongod` process.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use mongodb::Client;
use mongodb::bson::oid::ObjectId;
use mongodb::bson::{Document, doc};
use mongodb::options::{ClientOptions, ServerAddress};
use rustix::process::Signal;
use tokio::time::timeout;

use crate::process::{Process, free_port};
use crate::runtime::pause;

/// Shell script that raises the limit of open files and runs its arguments. Some systems allow a process few unless it
/// asks for more, and a test run creates hundreds of databases with dozens of files each.
const RAISE_FILE_LIMIT: &str = r#"ulimit -n "$(ulimit -Hn)" 2>/dev/null; exec "$@""#;

/// Node at one address for its whole life, running or not.
pub(super) struct Mongod {
    address: Address,
    directory: PathBuf,
    part: Part,
    process: Option<Process>,
}

/// Role that a node is started for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// Member of a replica set.
    Member,
    /// Server of its own, without an oplog.
    Standalone,
}

impl Mongod {
    /// Starts a node on a free port, with its files in a directory of its own under `files`.
    pub(super) fn start(program: &Path, files: &Path, part: Part) -> Self {
        let address = Address(free_port());
        let directory = files.join(address.0.to_string());
        std::fs::create_dir_all(&directory).expect("the test's own directory is writable");
        let mut node = Self {
            address,
            directory,
            part,
            process: None,
        };
        node.restart(program);
        node
    }

    /// Waits until the node listens.
    ///
    /// # Errors
    ///
    /// Returns the end of the node's log if it ended instead, as it does if another process took the port meanwhile.
    pub(super) async fn listens(&mut self) -> Result<(), String> {
        loop {
            if !self.runs() {
                return Err(self.log());
            }
            let status = self.address.command(doc! {"serverStatus": 1}).await;
            let listener = status.and_then(|status| status.get_i64("pid").ok());
            if listener.is_some() && listener == self.process.as_ref().map(|process| i64::from(process.id())) {
                return Ok(());
            }
            pause(Duration::from_millis(10)).await;
        }
    }

    /// Starts the program, with the same port and files as before.
    pub(super) fn restart(&mut self, program: &Path) {
        self.kill();
        let process = Process::spawn(
            Command::new("/bin/sh")
                .args(["-c", RAISE_FILE_LIMIT, "mongod"])
                .arg(program)
                .args([
                    "--bind_ip",
                    "127.0.0.1",
                    "--nounixsocket",
                    "--port",
                    &self.address.0.to_string(),
                ])
                .args(match self.part {
                    Part::Member => &["--replSet", "letsapp", "--oplogSize", "512"][..],
                    Part::Standalone => &[],
                })
                .args(["--wiredTigerCacheSizeGB", "0.5"])
                // By default, three journal files of 100 MB each are allocated before anything is written.
                .args(["--wiredTigerEngineConfigString", "log=(file_max=32MB)"])
                .args(["--setParameter", "diagnosticDataCollectionEnabled=false"])
                .args(["--quiet", "--logappend", "--logpath"])
                .arg(self.directory.join("mongod.log"))
                .arg("--dbpath")
                .arg(&self.directory)
                .stdout(Stdio::null())
                .stderr(Stdio::null()),
        );
        self.process = Some(process.expect("every Unix has /bin/sh"));
    }

    pub(super) fn address(&self) -> Address {
        self.address
    }

    /// Returns whether the node's process exists, paused or not.
    pub(super) fn runs(&mut self) -> bool {
        self.process.as_mut().is_some_and(|process| process.status().is_none())
    }

    /// Returns the end of the node's log, for the message of a failed test.
    fn log(&self) -> String {
        let log = std::fs::read_to_string(self.directory.join("mongod.log")).unwrap_or_default();
        let lines: Vec<_> = log.lines().collect();
        lines[lines.len().saturating_sub(20)..].join("\n")
    }

    pub(super) fn signal(&mut self, signal: Signal) {
        if let Some(process) = &mut self.process {
            process.signal(signal);
        }
    }

    pub(super) fn kill(&mut self) {
        self.process = None;
    }
}

/// Port of a node, on loopback.
#[derive(Clone, Copy)]
pub(super) struct Address(u16);

impl Address {
    /// Runs a command on this node, not on the primary. Returns `None` if the node doesn't answer within a second.
    pub(super) async fn command(self, command: Document) -> Option<Document> {
        let options = ClientOptions::builder()
            .hosts(vec![ServerAddress::Tcp {
                host: "127.0.0.1".into(),
                port: Some(self.0),
            }])
            .direct_connection(true)
            .build();
        let answer = async {
            // Tried first, as the driver would wait half a second after a refused connection.
            tokio::net::TcpStream::connect(("127.0.0.1", self.0)).await.ok()?;
            let client = Client::with_options(options).expect("the options agree with each other");
            client.database("admin").run_command(command).await.ok()
        };
        timeout(Duration::from_secs(1), answer).await.ok().flatten()
    }

    /// Asks the node for its role in the replica set.
    pub(super) async fn role(self) -> Role {
        let Some(hello) = self.command(doc! {"hello": 1}).await else {
            return Role::Neither;
        };
        let says = |what| hello.get_bool(what).unwrap_or(false);
        match hello.get_object_id("electionId") {
            Ok(election) if says("isWritablePrimary") => Role::Primary(election),
            _ if says("secondary") => Role::Secondary,
            _ => Role::Neither,
        }
    }
}

impl std::fmt::Display for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "127.0.0.1:{}", self.0)
    }
}

/// Role of a node in its replica set, as reported by the node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// Accepts writes, since the election with this id. Later elections have greater ids.
    Primary(ObjectId),
    /// Follows a primary.
    Secondary,
    /// Is starting, or doesn't answer.
    Neither,
}

impl Role {
    /// Returns whether the node is a working member of its set.
    pub(super) fn takes_part(self) -> bool {
        self != Self::Neither
    }
}

//! Replica sets whose nodes a test can kill, pause and restart.

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use mongodb::bson::{Document, doc};
use rustix::process::Signal;
use tokio::task::JoinSet;

use super::node::{Address, Mongod, Part, Role};
use super::{Uri, program};
use crate::process::Scratch;
use crate::runtime::run;
use crate::{block_on, until, until_some};

/// Time for a start or an election, which take a few seconds, but not on a machine that is busy with a build.
const DEADLINE: Duration = Duration::from_secs(60);

/// Replica set for one test that kills, pauses or restarts its nodes. Ends when dropped, or with the process.
///
/// # Examples
///
/// ```no_run
/// # async fn test() {
/// use letsapp_testkit::mongodb::ReplicaSet;
///
/// let Some(mongodb) = ReplicaSet::of(3) else { return };
/// let uri = mongodb.uri().unique_database_uri();
/// let killed = mongodb.kill_primary().await;
/// mongodb.await_primary().await;
/// mongodb.restart(killed).await;
/// # }
/// ```
#[derive(Clone)]
pub struct ReplicaSet(Arc<Inner>);

struct Inner {
    program: &'static Path,
    uri: Uri,
    nodes: Mutex<Vec<Mongod>>,
    /// Dropped last, after the nodes that write to it have ended.
    _files: Scratch,
}

/// Node of a replica set, by its index.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Node(usize);

impl ReplicaSet {
    /// Starts a replica set, and blocks until it has a primary and all its nodes are in sync.
    ///
    /// The set replaces a primary that doesn't answer after about a second. Without MongoDB on this machine, a message is
    /// written to standard error and the result is `None`.
    ///
    /// # Panics
    ///
    /// Panics if MongoDB is available but doesn't start, or isn't available and `CI` is set.
    pub fn of(nodes: usize) -> Option<Self> {
        let program = program()?;
        let files = Scratch::new("mongodb");
        let directory = files.path().to_owned();
        let nodes = block_on(async move { start_all(program, &directory, nodes, Part::Member).await });
        let hosts: Vec<_> = nodes.iter().map(|node| node.address().to_string()).collect();
        let uri = Uri::new(&format!("mongodb://{}/?replicaSet=letsapp", hosts.join(",")));
        let set = Self(Arc::new(Inner {
            program,
            uri,
            nodes: Mutex::new(nodes),
            _files: files,
        }));
        let starting = set.clone();
        block_on(async move { starting.initiate().await });
        Some(set)
    }

    /// Returns the address of the set, with all its nodes.
    pub fn uri(&self) -> &Uri {
        &self.0.uri
    }

    /// Returns all nodes of the set.
    pub fn nodes(&self) -> Vec<Node> {
        (0..self.lock().len()).map(Node).collect()
    }

    /// Waits until a node accepts writes, and returns it.
    ///
    /// # Panics
    ///
    /// Panics if there is none within a minute.
    pub async fn await_primary(&self) -> Node {
        let set = self.clone();
        run(async move { until_some(DEADLINE, || set.primary()).await }).await
    }

    /// Kills the primary, as a power cut would, and returns it.
    pub async fn kill_primary(&self) -> Node {
        let primary = self.await_primary().await;
        self.kill(primary);
        primary
    }

    /// Kills a node, as a power cut would. Its files stay.
    pub fn kill(&self, node: Node) {
        self.lock()[node.0].kill();
    }

    /// Starts a node again, and waits until it is a working member of the set.
    ///
    /// # Panics
    ///
    /// Panics if it isn't within a minute.
    pub async fn restart(&self, node: Node) {
        let address = {
            let mut nodes = self.lock();
            nodes[node.0].restart(self.0.program);
            nodes[node.0].address()
        };
        run(until(
            DEADLINE,
            move || async move { address.role().await.takes_part() },
        ))
        .await;
    }

    /// Stops a node with SIGSTOP: its connections stay open, but no request is answered.
    pub fn pause(&self, node: Node) {
        self.lock()[node.0].signal(Signal::STOP);
    }

    /// Continues a paused node.
    pub fn resume(&self, node: Node) {
        self.lock()[node.0].signal(Signal::CONT);
    }

    /// Configures the set, and waits until every node is a working member and one is the primary.
    async fn initiate(&self) {
        let addresses: Vec<_> = self.lock().iter().map(Mongod::address).collect();
        let answer = addresses[0]
            .command(doc! {"replSetInitiate": configuration(&addresses)})
            .await;
        answer.expect("a new node takes a configuration that names it");
        for address in addresses {
            until(DEADLINE, || async { address.role().await.takes_part() }).await;
        }
        self.await_primary().await;
    }

    /// Returns the primary. Of several nodes that claim the role, the one elected last is right.
    async fn primary(&self) -> Option<Node> {
        let mut roles = JoinSet::new();
        for (index, node) in self.lock().iter_mut().enumerate() {
            if node.runs() {
                let address = node.address();
                roles.spawn(async move { (address.role().await, Node(index)) });
            }
        }
        let primaries = roles
            .join_all()
            .await
            .into_iter()
            .filter_map(|(role, node)| match role {
                Role::Primary(election) => Some((election, node)),
                Role::Secondary | Role::Neither => None,
            });
        primaries.max_by_key(|(election, _)| *election).map(|(_, node)| node)
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Mongod>> {
        self.0.nodes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Starts the nodes. Tries again if another process took a port in the meantime.
pub(super) async fn start_all(program: &Path, files: &Path, count: usize, part: Part) -> Vec<Mongod> {
    let mut reason = String::new();
    'attempt: for _ in 0..3 {
        let mut nodes: Vec<_> = (0..count).map(|_| Mongod::start(program, files, part)).collect();
        for node in &mut nodes {
            if let Err(log) = node.listens().await {
                reason = log;
                continue 'attempt;
            }
        }
        return nodes;
    }
    panic!("mongod doesn't start; the end of its log:\n{reason}")
}

/// Returns the configuration of the set. Its elections are ten times as fast as by default, so that a failover takes a
/// second or two.
fn configuration(addresses: &[Address]) -> Document {
    let members = addresses
        .iter()
        .zip(0_i32..)
        .map(|(address, id)| doc! {"_id": id, "host": address.to_string()});
    doc! {
        "_id": "letsapp",
        "members": members.collect::<Vec<_>>(),
        "settings": {"electionTimeoutMillis": 1000, "heartbeatIntervalMillis": 200, "heartbeatTimeoutSecs": 1},
    }
}

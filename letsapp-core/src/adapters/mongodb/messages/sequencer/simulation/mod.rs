//! Simulation of servers that commit to the same conversations, on a database in memory and in virtual time. Everything
//! random comes from a seed, which a failure prints.

mod audit;
mod database;
mod network;
mod random;
mod tests;
mod workload;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::time::Duration;

use self::audit::{check_in_the_end, check_numbers, check_outcome};
use self::database::Database;
use self::network::{Faults, Running, Waiter};
use self::random::Random;
use self::workload::{Decided, Workload};
use super::fixtures::{conversation_id, group};
use super::{Learned, MAX_COMMAND_DOCUMENTS, Recalled, Reply, RequestId, Sequencer};
use crate::adapters::mongodb::topology::Topology;
use crate::domain::conversation::Head;
use crate::domain::id::ConversationId;
use crate::ports::{Outcome, RepositoryError};

/// Servers, their database, and everything that is going to happen.
struct Simulation {
    seed: u64,
    random: Random,
    faults: Faults,
    topology: Topology,
    now: Duration,
    /// Events by time, and then by number.
    events: BTreeMap<(Duration, u64), Event>,
    next_event: u64,
    database: Database,
    /// Conversations locked by a transaction that somebody left open, until this time.
    locks: HashMap<ConversationId, Duration>,
    /// Commands that wait for a majority.
    waiters: Vec<Waiter>,
    /// Time before which no server is the primary.
    elected_at: Duration,
    conversations: u64,
    workload: Workload,
    nodes: Vec<Node>,
    commits: Vec<Commit>,
    /// Largest number of write commands that were under way at once, and of all.
    most_writes: usize,
    writes: usize,
    /// Largest number of documents of a command.
    largest: usize,
    under_way: BTreeSet<(usize, RequestId)>,
}

/// A server.
struct Node {
    heads: HashMap<ConversationId, Head>,
    isolated: HashSet<ConversationId>,
    command_documents: usize,
    /// Number of random commits still to begin.
    left: usize,
}

/// A commit of a node.
struct Commit {
    node: usize,
    sequencer: Sequencer,
    began: Duration,
    changes: Vec<Decided>,
    /// Outcomes, with the time since the beginning.
    outcomes: Vec<Option<(Result<Outcome, RepositoryError>, Duration)>>,
    /// Time of the only poll that counts.
    wake: Option<Duration>,
    requests: usize,
}

/// Something that happens at a time.
enum Event {
    /// A node begins a random commit.
    Begin(usize),
    /// A commit polls its sequencer.
    Poll(usize),
    /// A request arrives at the database.
    Arrive(Box<Running>),
    /// A reply arrives at the sequencer.
    Reply(usize, RequestId, Reply),
    /// A majority has the log up to a position.
    Confirm { term: u64, position: usize },
    /// A waiter reaches its time limit.
    Expire(usize, RequestId),
    /// The primary dies.
    FailOver,
}

impl Simulation {
    fn new(seed: u64, nodes: usize, conversations: u64, faults: Faults) -> Self {
        let node = || Node {
            heads: HashMap::new(),
            isolated: HashSet::new(),
            command_documents: MAX_COMMAND_DOCUMENTS,
            left: 0,
        };
        let mut simulation = Self {
            seed,
            random: Random::new(seed),
            faults,
            topology: Topology::ReplicaSet,
            now: Duration::ZERO,
            events: BTreeMap::new(),
            next_event: 0,
            database: Database::default(),
            locks: HashMap::new(),
            waiters: Vec::new(),
            elected_at: Duration::ZERO,
            conversations,
            workload: Workload::default(),
            nodes: (0..nodes).map(|_| node()).collect(),
            commits: Vec::new(),
            most_writes: 0,
            writes: 0,
            largest: 0,
            under_way: BTreeSet::new(),
        };
        // Some do not exist at first: a random commit creates them.
        for n in (0..conversations).filter(|n| n % 5 != 4 || nodes == 1) {
            simulation.database.found(group(conversation_id(n), 0));
        }
        simulation
    }

    fn schedule(&mut self, after: Duration, event: Event) {
        self.next_event += 1;
        self.events.insert((self.now + after, self.next_event), event);
    }

    /// Lets each node make this many random commits, two at a time.
    fn begin_random_commits(&mut self, of_each: usize) {
        for node in 0..self.nodes.len() {
            self.nodes[node].left = of_each;
            for _ in 0..2 {
                let after = self.random.micros(0, 5_000);
                self.schedule(after, Event::Begin(node));
            }
        }
    }

    /// Runs until nothing is left to happen, and checks everything.
    fn run(&mut self) {
        while self.step() {}
        for commit in &self.commits {
            for (decided, outcome) in commit.changes.iter().zip(&commit.outcomes) {
                let (outcome, _) = outcome.as_ref().expect("every change has an outcome");
                check_in_the_end(decided, outcome, &self.database);
            }
        }
        check_numbers(self.conversations, &self.database.confirmed);
    }

    /// Lets the next event happen, if there is one.
    fn step(&mut self) -> bool {
        let Some(((now, _), event)) = self.events.pop_first() else {
            return false;
        };
        self.now = now;
        match event {
            Event::Begin(node) => self.begin_random(node),
            Event::Poll(commit) => {
                if self.commits[commit].wake == Some(now) {
                    self.poll(commit);
                }
            }
            Event::Arrive(running) => self.arrive(*running),
            Event::Reply(commit, id, reply) => {
                self.under_way.remove(&(commit, id));
                let began = self.commits[commit].began;
                self.commits[commit].sequencer.handle(id, reply, now - began);
                self.poll(commit);
            }
            Event::Confirm { term, position } => self.confirm(term, position),
            Event::Expire(commit, id) => self.expire(commit, id),
            Event::FailOver => self.fail_over(),
        }
        true
    }

    /// Begins a random commit of a node, of conversations that none of its commits has at present.
    fn begin_random(&mut self, node: usize) {
        if self.nodes[node].left == 0 {
            return;
        }
        self.nodes[node].left -= 1;
        let of_node = |commit: &&Commit| commit.node == node && !commit.sequencer.is_done();
        let busy: HashSet<_> = self
            .commits
            .iter()
            .filter(of_node)
            .flat_map(|commit| {
                commit
                    .changes
                    .iter()
                    .map(|decided| decided.change.message().conversation_id)
            })
            .collect();
        let random = &mut self.random;
        let ids: Vec<_> = (0..self.conversations)
            .map(conversation_id)
            .filter(|id| !busy.contains(id) && random.chance(50))
            .collect();
        let changes = self.workload.batch(&ids, &self.database.confirmed, &mut self.random);
        self.begin(node, changes);
    }

    /// Begins a commit, and returns its index.
    fn begin(&mut self, node: usize, changes: Vec<Decided>) -> usize {
        let Node {
            heads,
            isolated,
            command_documents,
            ..
        } = &self.nodes[node];
        let recall = |id| Recalled {
            head: heads.get(&id).copied(),
            is_isolated: isolated.contains(&id),
        };
        let given = changes.iter().map(|decided| decided.change.clone()).collect();
        let sequencer = Sequencer::new(given, self.topology, *command_documents, recall, Duration::ZERO);
        self.commits.push(Commit {
            node,
            sequencer,
            began: self.now,
            outcomes: changes.iter().map(|_| None).collect(),
            changes,
            wake: None,
            requests: 0,
        });
        let commit = self.commits.len() - 1;
        self.poll(commit);
        commit
    }

    /// Does what the driver does after each reply.
    fn poll(&mut self, index: usize) {
        let now = self.now;
        let commit = &mut self.commits[index];
        let requests = commit.sequencer.poll(now - commit.began);
        commit.requests += requests.len();
        assert!(commit.requests < 20_000, "it turns in a circle");
        let node = &mut self.nodes[commit.node];
        for learned in commit.sequencer.take_learned() {
            match learned {
                Learned::Head(id, head) => _ = node.heads.insert(id, head),
                Learned::HeadLost(id) => _ = node.heads.remove(&id),
                Learned::Isolated(id) => _ = node.isolated.insert(id),
                Learned::Rejoined(id) => _ = node.isolated.remove(&id),
            }
        }
        node.command_documents = commit.sequencer.command_documents();
        self.take_outcomes(index);
        for (id, request) in requests {
            self.send(index, id, request);
        }
        let commit = &mut self.commits[index];
        commit.wake = commit.sequencer.deadline().map(|deadline| commit.began + deadline);
        if let Some(wake) = commit.wake {
            assert!(wake > now, "a deadline lies in the future");
            self.schedule(wake - now, Event::Poll(index));
        }
    }

    /// Takes and checks the outcomes of a commit, and lets its node go on after the last one.
    fn take_outcomes(&mut self, index: usize) {
        let commit = &mut self.commits[index];
        let was_open = commit.outcomes.iter().any(Option::is_none);
        while let Some((change, outcome)) = commit.sequencer.next_settled() {
            let decided = &commit.changes[change];
            check_outcome(decided, &outcome, &self.database.confirmed);
            let id = decided.change.message().conversation_id;
            let earlier = commit.changes[..change].iter().zip(&commit.outcomes);
            let mut same = earlier.filter(|(decided, _)| decided.change.message().conversation_id == id);
            assert!(same.all(|(_, outcome)| outcome.is_some()), "out of order");
            let before = commit.outcomes[change].replace((outcome, self.now - commit.began));
            assert!(before.is_none(), "one outcome for one change");
        }
        if was_open && commit.outcomes.iter().all(Option::is_some) {
            assert!(commit.sequencer.is_done());
            let node = commit.node;
            let after = self.random.micros(0, 3_000);
            self.schedule(after, Event::Begin(node));
        }
    }

    /// Returns the time at which the outcome of each change came, since the beginning of the commit.
    fn durations(&self, commit: usize) -> Vec<(ConversationId, Duration)> {
        let Commit { changes, outcomes, .. } = &self.commits[commit];
        let pair = |(decided, outcome): (&Decided, &Option<_>)| {
            let (_, duration) = outcome.as_ref().expect("every change has an outcome");
            (decided.change.message().conversation_id, *duration)
        };
        changes.iter().zip(outcomes).map(pair).collect()
    }

    /// Returns how many changes were committed.
    fn committed(&self) -> usize {
        let outcomes = self.commits.iter().flat_map(|commit| &commit.outcomes).flatten();
        outcomes
            .filter(|(outcome, _)| matches!(outcome, Ok(Outcome::Committed(_))))
            .count()
    }
}

impl Drop for Simulation {
    #[expect(clippy::print_stderr, reason = "a failure can be repeated with its seed alone")]
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("failed with seed {} at {:?}", self.seed, self.now);
        }
    }
}

//! Invariants of every schedule, and the cost of a stuck conversation for the others.

use std::time::Duration;

use super::super::fixtures::conversation_id;
use super::network::Faults;
use super::{Event, Simulation};
use crate::adapters::mongodb::topology::Topology;
use crate::ports::{Outcome, RepositoryError};

/// Number of seeds of the random schedules. More are tried with `SEQUENCER_SEEDS=10000`.
fn seeds() -> std::ops::Range<u64> {
    let more = std::env::var("SEQUENCER_SEEDS").ok();
    0..more.and_then(|more| more.parse().ok()).unwrap_or(250)
}

const fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// A database that answers within milliseconds.
const HEALTHY: Faults = Faults {
    lost_requests: 0,
    lost_replies: 0,
    late_requests: 0,
    failed_reads: 0,
    large_commands: 0,
    lag: 3_000,
    stalled_until: Duration::ZERO,
};

/// Everything that goes wrong now and then.
const FAULTY: Faults = Faults {
    lost_requests: 4,
    lost_replies: 4,
    late_requests: 4,
    failed_reads: 4,
    large_commands: 20,
    lag: 8_000,
    stalled_until: Duration::ZERO,
};

#[test]
fn servers_that_compete_store_every_change_once_and_without_gaps() {
    for seed in seeds() {
        let mut simulation = Simulation::new(seed, 3, 8, HEALTHY);
        simulation.begin_random_commits(8);
        simulation.run();
        assert!(simulation.committed() > 50, "{}", simulation.committed());
    }
}

#[test]
fn every_change_is_stored_once_whatever_is_lost_late_or_locked() {
    for seed in seeds() {
        let mut simulation = Simulation::new(seed, 3, 8, FAULTY);
        for _ in 0..seed % 4 {
            let id = conversation_id(simulation.random.below(8));
            let until = simulation.random.micros(0, 3_000_000);
            simulation.locks.insert(id, until);
        }
        simulation.begin_random_commits(8);
        simulation.run();
        assert!(simulation.committed() > 30, "{}", simulation.committed());
    }
}

#[test]
fn failovers_lose_nothing_that_was_acknowledged() {
    for seed in seeds() {
        let faults = if seed % 2 == 0 { FAULTY } else { HEALTHY };
        let lag = if seed % 3 == 0 { 150_000 } else { 10_000 };
        let mut simulation = Simulation::new(seed, 2, 6, Faults { lag, ..faults });
        for _ in 0..=seed % 3 {
            let at = simulation.random.micros(1_000, 400_000);
            simulation.schedule(at, Event::FailOver);
        }
        simulation.begin_random_commits(8);
        simulation.run();
        assert!(simulation.committed() > 20, "{}", simulation.committed());
    }
}

#[test]
fn behind_a_router_every_command_is_of_one_conversation() {
    for seed in seeds() {
        let mut simulation = Simulation::new(seed, 2, 8, FAULTY);
        simulation.topology = Topology::Sharded;
        simulation.begin_random_commits(6);
        simulation.run();
    }
}

#[test]
fn conversations_that_share_a_command_with_a_stuck_one_wait_once_and_no_longer_than_250_ms() {
    for seed in seeds() {
        let mut simulation = Simulation::new(seed, 1, 60, HEALTHY);
        let stuck: Vec<_> = (0..=seed % 3).map(|_| simulation.random.below(60)).collect();
        let released = millis(3_900);
        for n in &stuck {
            simulation.locks.insert(conversation_id(*n), released);
        }
        let is_stuck = |id| stuck.iter().any(|n| conversation_id(*n) == id);
        let changes = simulation.workload.one_each(&simulation.database.local, 0..60);
        simulation.begin(0, changes);
        // From then on, commits with and without the stuck one are not delayed at all.
        let others: Vec<u64> = (0..60).filter(|n| !stuck.contains(n)).collect();
        while simulation.now < millis(300) {
            simulation.step();
        }
        let changes = simulation.workload.one_each(&simulation.database.local, others);
        simulation.begin(0, changes);
        simulation.run();
        for (id, duration) in simulation.durations(0) {
            if is_stuck(id) {
                assert!((released..released + millis(300)).contains(&duration), "{duration:?}");
            } else {
                assert!(duration <= millis(250), "{duration:?}");
            }
        }
        for (_, duration) in simulation.durations(1) {
            assert!(duration <= millis(30), "{duration:?}");
        }
    }
}

#[test]
fn a_conversation_stays_alone_in_later_commits_until_it_moves() {
    for seed in 0..20 {
        let mut simulation = Simulation::new(seed, 1, 30, HEALTHY);
        simulation.locks.insert(conversation_id(7), Duration::from_secs(25));
        let changes = simulation.workload.one_each(&simulation.database.local, 0..30);
        simulation.begin(0, changes);
        while !simulation.commits[0].sequencer.is_done() {
            simulation.step();
        }
        let (given_up, at) = simulation.commits[0].outcomes[7].as_ref().expect("it is settled");
        assert!(matches!(given_up, Err(RepositoryError::Unavailable(_))), "{given_up:?}");
        assert!(
            (Duration::from_secs(15)..Duration::from_secs(20)).contains(at),
            "{at:?}"
        );

        let changes = simulation.workload.one_each(&simulation.database.local, 0..30);
        simulation.begin(0, changes);
        while !simulation.commits[1].sequencer.is_done() {
            simulation.step();
        }
        for (id, duration) in simulation.durations(1) {
            assert!(duration <= millis(30) || id == conversation_id(7), "{duration:?}");
        }
        assert!(matches!(
            simulation.commits[1].outcomes[7],
            Some((Ok(Outcome::Committed(_) | Outcome::Duplicate(_)), _))
        ));
        assert!(simulation.nodes[0].isolated.is_empty(), "it has moved");

        let writes = simulation.writes;
        let changes = simulation.workload.one_each(&simulation.database.local, 0..30);
        simulation.begin(0, changes);
        simulation.run();
        assert_eq!(simulation.writes - writes, 1, "all share one command again");
    }
}

#[test]
fn a_database_that_is_slow_as_a_whole_is_not_flooded_with_single_commands() {
    for seed in 0..20 {
        let stalled_until = Duration::from_secs(3);
        let stalled = Faults {
            stalled_until,
            ..HEALTHY
        };
        let mut simulation = Simulation::new(seed, 1, 512, stalled);
        let changes = simulation.workload.one_each(&simulation.database.local, 0..512);
        simulation.begin(0, changes);
        simulation.run();
        assert_eq!(simulation.committed(), 512);
        assert!(simulation.most_writes <= 40, "{} at once", simulation.most_writes);
        assert!(simulation.writes <= 400, "{} commands", simulation.writes);
        let last = simulation.durations(0).into_iter().map(|(_, duration)| duration).max();
        assert!(last <= Some(stalled_until + millis(500)), "{last:?}");
        // Recovers with the database.
        for _ in 0..8 {
            let changes = simulation.workload.one_each(&simulation.database.local, 0..512);
            simulation.begin(0, changes);
            simulation.run();
        }
        let writes = simulation.writes;
        let changes = simulation.workload.one_each(&simulation.database.local, 0..512);
        simulation.begin(0, changes);
        simulation.run();
        assert_eq!(simulation.writes - writes, 1);
    }
}

#[test]
fn a_command_has_at_most_512_documents() {
    let mut simulation = Simulation::new(1, 1, 700, HEALTHY);
    let changes = simulation.workload.one_each(&simulation.database.local, 0..700);
    simulation.begin(0, changes);
    simulation.run();
    assert_eq!(simulation.committed(), 700);
    assert_eq!((simulation.largest, simulation.writes), (512, 2));
}

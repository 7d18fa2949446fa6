//! Division of the background jobs between servers, by the leases that they have on the bus.

use std::sync::Arc;

use sha2::{Digest as _, Sha256};

use crate::domain::id::ServerId;
use crate::engine::cluster::peers::Peers;

/// A job that one server does for all.
///
/// Every step can be repeated, and several servers may do the same at once: the division only saves work. So while the bus
/// does not say who lives, every server does every job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Job {
    /// Erasing accounts, purging groups, and removing sessions that have expired.
    Cleanup,
    /// Removing files that nothing shows.
    Sweep,
}

/// Knowledge of a server about the jobs that are its own.
#[derive(Clone, Debug)]
pub(crate) struct Duties(Option<Division>);

#[derive(Clone, Debug)]
struct Division {
    server_id: ServerId,
    peers: Arc<Peers>,
}

impl Duties {
    /// Has every job: for a server without a bus.
    pub(crate) const fn all() -> Self {
        Self(None)
    }

    pub(super) const fn divided(server_id: ServerId, peers: Arc<Peers>) -> Self {
        Self(Some(Division { server_id, peers }))
    }

    /// Reports whether a job is this server's. If a server dies, its jobs are another's once its lease has expired.
    ///
    /// Of the servers that live, the one with the greatest hash of job and server has the job (Thaler and Ravishankar,
    /// "Using name-based mappings to increase hit rates", 1998): all agree without talking, and a server that comes or
    /// goes moves no job of the others.
    pub(crate) fn has(&self, job: Job) -> bool {
        let Some(Division { server_id, peers }) = &self.0 else {
            return true;
        };
        let Some(others) = peers.current() else { return true };
        let mine = rank(job, *server_id);
        others.into_iter().all(|other| rank(job, other) < mine)
    }
}

fn rank(job: Job, server_id: ServerId) -> [u8; 32] {
    let name: &[u8] = match job {
        Job::Cleanup => b"cleanup",
        Job::Sweep => b"sweep",
    };
    Sha256::new()
        .chain_update(server_id.as_bytes())
        .chain_update(name)
        .finalize()
        .into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ports::Peer;

    const JOBS: [Job; 2] = [Job::Cleanup, Job::Sweep];

    fn server(n: u8) -> ServerId {
        ServerId::from_bytes([n; 16])
    }

    /// Returns those of the servers that have a job, if all know of all.
    fn holders(job: Job, servers: &[u8]) -> Vec<u8> {
        let living = |n: &u8| Peer {
            id: server(*n),
            is_alive: true,
        };
        let known: Vec<_> = servers.iter().map(living).collect();
        let has = |n: &u8| {
            let peers = Arc::new(Peers::default());
            peers.replace(server(*n), &known);
            Duties::divided(server(*n), peers).has(job)
        };
        servers.iter().copied().filter(has).collect()
    }

    #[test]
    fn each_job_is_one_servers() {
        for job in JOBS {
            for count in 1..20 {
                let servers: Vec<u8> = (1..=count).collect();
                assert_eq!(holders(job, &servers).len(), 1, "{job:?} of {count}");
            }
        }
    }

    #[test]
    fn a_server_that_goes_moves_its_own_jobs_alone() {
        let all: Vec<u8> = (1..=9).collect();
        for job in JOBS {
            let before = holders(job, &all);
            for gone in &all {
                let left: Vec<u8> = all.iter().copied().filter(|n| n != gone).collect();
                let after = holders(job, &left);
                assert_eq!(after.len(), 1);
                assert_eq!(after == before, before != [*gone]);
            }
        }
    }

    #[test]
    fn without_word_from_the_bus_every_job_is_done() {
        let peers = Arc::new(Peers::default());
        let one = Duties::divided(server(1), Arc::clone(&peers));
        assert!(JOBS.iter().all(|job| one.has(*job)), "nothing is known yet");
        let many: Vec<_> = (2..=40)
            .map(|n| Peer {
                id: server(n),
                is_alive: true,
            })
            .collect();
        peers.replace(server(1), &many);
        assert!(!JOBS.iter().any(|job| one.has(*job)));
        peers.unknown();
        assert!(JOBS.iter().all(|job| one.has(*job)));
        assert!(Duties::all().has(Job::Sweep));
    }
}

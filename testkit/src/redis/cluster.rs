//! Redis as a cluster: three servers, each with a third of the slots and without replicas.

use std::sync::OnceLock;

use super::{DEADLINE, Redis, command};
use crate::process::free_port;
use crate::{block_on, until};

/// Number of slots of a cluster.
const SLOTS: usize = 16_384;

/// Number of servers.
const NODES: usize = 3;

/// A cluster of three servers. Ends when dropped, or with the process.
#[derive(Debug)]
pub struct RedisCluster {
    nodes: Vec<Redis>,
    url: String,
}

impl RedisCluster {
    /// Returns a cluster that all tests of this process share, started by the first call.
    ///
    /// Tests have to use unique names. Without Redis on this machine, the result is `None`, as for
    /// [`shared`](super::shared).
    pub fn shared() -> Option<&'static Self> {
        static SHARED: OnceLock<Option<RedisCluster>> = OnceLock::new();
        SHARED.get_or_init(Self::start).as_ref()
    }

    /// Starts a cluster, and blocks for about a second until it works.
    ///
    /// # Panics
    ///
    /// Panics if Redis is installed but doesn't start, or isn't installed and `CI` is set.
    pub fn start() -> Option<Self> {
        let nodes = (0..NODES).map(|_| {
            // By default the port between the servers is 10,000 above the other, and may be taken.
            let port = free_port();
            let options = ["--cluster-enabled", "yes", "--cluster-port"].map(str::to_owned);
            Redis::start_with([&options[..], &[port.to_string()]].concat()).map(|node| (node, port))
        });
        let nodes: Vec<_> = nodes.collect::<Option<_>>()?;
        for (n, (node, bus_port)) in nodes.iter().enumerate() {
            let (from, to) = (SLOTS * n / NODES, SLOTS * (n + 1) / NODES - 1);
            // Numbers that differ spare the servers a conflict when they meet.
            node.must(&format!("CLUSTER SET-CONFIG-EPOCH {}", n + 1));
            node.must(&format!("CLUSTER ADDSLOTSRANGE {from} {to}"));
            if n > 0 {
                nodes[0]
                    .0
                    .must(&format!("CLUSTER MEET 127.0.0.1 {} {bus_port}", node.port));
            }
        }
        let nodes: Vec<_> = nodes.into_iter().map(|(node, _)| node).collect();
        let ports: Vec<_> = nodes.iter().map(|node| node.port).collect();
        block_on(async move {
            until(DEADLINE, || std::future::ready(ports.iter().all(|port| works(*port)))).await;
        });
        let hosts: Vec<_> = nodes.iter().map(|node| format!("127.0.0.1:{}", node.port)).collect();
        let url = format!("redis://{}", hosts.join(","));
        Some(Self { nodes, url })
    }

    /// Returns the address of the cluster, with all its servers.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Returns the servers.
    pub fn nodes(&self) -> &[Redis] {
        &self.nodes
    }
}

impl Redis {
    /// Runs a command that succeeds.
    fn must(&self, text: &str) {
        let answer = command(self.port, text).expect("the server answers");
        assert!(answer.starts_with("+OK"), "{text}: {answer}");
    }
}

/// Returns whether a server knows all the others, and who has which slots.
fn works(port: u16) -> bool {
    let says = |line: &str| command(port, "CLUSTER INFO").is_ok_and(|info| info.lines().any(|found| found == line));
    says("cluster_state:ok") && says("cluster_known_nodes:3") && says("cluster_size:3")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_server_of_a_cluster_works_and_points_to_the_others() {
        let Some(cluster) = RedisCluster::shared() else { return };
        let answers: Vec<_> = cluster
            .nodes()
            .iter()
            .map(|node| command(node.port, "SET key value").unwrap())
            .collect();
        let count = |start: &str| answers.iter().filter(|answer| answer.starts_with(start)).count();
        assert_eq!((count("+OK"), count("-MOVED")), (1, 2), "{answers:?}");
    }
}

//! The directory: which server holds which users' connections.

use std::collections::BTreeSet;
use std::time::Duration;

use super::BusTrial;
use super::fixtures::{server, user, users};
use crate::domain::id::UserId;

/// A lease that outlives the case.
const LONG: Duration = Duration::from_secs(600);

impl BusTrial {
    async fn take_leases(&self, servers: impl IntoIterator<Item = u8>) {
        for n in servers {
            self.bus.renew(server(n), LONG).await.unwrap();
        }
    }
}

pub async fn users_are_found_on_all_their_servers(trial: BusTrial) {
    trial.take_leases(1..=3).await;
    // Server 1 holds all users, server 2 every second and server 3 every third.
    let all = users(0..1_500);
    for n in 1..=3 {
        let held: Vec<_> = all.iter().step_by(usize::from(n)).copied().collect();
        trial.bus.enter(server(n), &held).await.unwrap();
    }
    let found = trial.bus.locate(&all).await.unwrap();
    assert_eq!(found.len(), all.len());
    for (at, servers) in found.into_iter().enumerate() {
        let expected = (1..=3).filter(|n| at % usize::from(*n) == 0).map(server);
        assert_eq!(BTreeSet::from_iter(servers.iter().copied()), expected.collect());
        assert_eq!(
            servers.len(),
            BTreeSet::from_iter(&servers).len(),
            "a server is named once"
        );
    }
}

pub async fn a_lookup_that_begins_after_an_entry_finds_it(trial: BusTrial) {
    trial.take_leases([1]).await;
    let another = trial.another().await;
    for n in 0..100 {
        trial.bus.enter(server(1), &[user(n)]).await.unwrap();
        assert_eq!(another.locate(&[user(n)]).await.unwrap(), [[server(1)]], "after {n}");
        if n % 2 == 0 {
            another.leave(server(1), &[user(n)]).await.unwrap();
            assert!(trial.servers_of(user(n)).await.is_empty(), "after {n}");
        }
    }
}

pub async fn unknown_users_are_nowhere(trial: BusTrial) {
    trial.take_leases([1]).await;
    assert!(trial.bus.locate(&[]).await.unwrap().is_empty());
    trial.bus.enter(server(1), &[]).await.unwrap();
    trial.bus.leave(server(1), &[]).await.unwrap();
    trial.bus.enter(server(1), &[user(2)]).await.unwrap();
    // In the order asked for, also if somebody is asked for twice.
    let asked = users([3, 2, 1, 2]);
    let nowhere = Vec::new();
    let found = trial.bus.locate(&asked).await.unwrap();
    assert_eq!(found, [nowhere.clone(), vec![server(1)], nowhere, vec![server(1)]]);
}

pub async fn entering_and_leaving_may_be_repeated(trial: BusTrial) {
    trial.take_leases([1, 2]).await;
    for _ in 0..3 {
        trial.bus.enter(server(1), &users([1, 2, 1])).await.unwrap();
    }
    assert_eq!(trial.servers_of(user(1)).await, [server(1)]);
    assert_eq!(trial.bus.users_of(server(1), None, 10).await.unwrap().len(), 2);
    for _ in 0..3 {
        trial.bus.leave(server(1), &users([1, 3, 1])).await.unwrap();
        // Who is not there is ignored, and nobody else is removed.
        trial.bus.leave(server(2), &users([1, 2, 3])).await.unwrap();
    }
    assert!(trial.servers_of(user(1)).await.is_empty());
    assert_eq!(trial.servers_of(user(2)).await, [server(1)]);
    assert_eq!(trial.bus.users_of(server(1), None, 10).await.unwrap(), [user(2)]);
}

pub async fn a_user_who_leaves_one_server_stays_on_the_others(trial: BusTrial) {
    trial.take_leases(1..=3).await;
    for n in 1..=3 {
        trial.bus.enter(server(n), &users([1, 2])).await.unwrap();
    }
    trial.bus.leave(server(2), &[user(1)]).await.unwrap();
    let mut expected = [server(1), server(3)];
    expected.sort_unstable();
    assert_eq!(trial.servers_of(user(1)).await, expected);
    assert_eq!(trial.servers_of(user(2)).await.len(), 3);
    assert_eq!(trial.bus.users_of(server(2), None, 10).await.unwrap(), [user(2)]);
    assert_eq!(trial.bus.users_of(server(3), None, 10).await.unwrap().len(), 2);
}

pub async fn users_come_in_pages_in_the_order_of_their_ids(trial: BusTrial) {
    trial.take_leases([1, 2]).await;
    let mut expected = users(0..1_234);
    trial.bus.enter(server(1), &expected).await.unwrap();
    trial.bus.enter(server(2), &users(1_000..2_000)).await.unwrap();
    expected.sort_unstable();
    for limit in [1, 100, 1_233, 1_234, 5_000] {
        let (mut found, mut after) = (Vec::<UserId>::new(), None);
        // One by one only a little way.
        while found.len() < if limit == 1 { 20 } else { usize::MAX } {
            let page = trial.bus.users_of(server(1), after, limit).await.unwrap();
            assert!(page.len() <= limit);
            let Some(last) = page.last() else { break };
            after = Some(*last);
            found.extend(page);
        }
        assert_eq!(found, expected[..found.len()]);
        assert_eq!(found.len(), if limit == 1 { 20 } else { 1_234 });
    }
    // From anywhere, the user itself excluded, whether it is there or not.
    let middle = trial.bus.users_of(server(1), Some(expected[600]), 3).await.unwrap();
    assert_eq!(middle, expected[601..604]);
    trial.bus.leave(server(1), &[expected[600]]).await.unwrap();
    let middle = trial.bus.users_of(server(1), Some(expected[600]), 3).await.unwrap();
    assert_eq!(middle, expected[601..604]);
    let last = UserId::from_bytes([0xff; 16]);
    trial.bus.enter(server(1), &[last]).await.unwrap();
    let end = trial
        .bus
        .users_of(server(1), expected.last().copied(), 3)
        .await
        .unwrap();
    assert_eq!(end, [last]);
    assert!(trial.bus.users_of(server(1), Some(last), 3).await.unwrap().is_empty());
    assert!(trial.bus.users_of(server(3), None, 3).await.unwrap().is_empty());
}

pub async fn servers_that_enter_the_same_users_at_once_do_not_disturb_each_other(trial: BusTrial) {
    trial.take_leases(1..=4).await;
    let all = users(0..200);
    let tasks: Vec<_> = (1..=4)
        .map(|n| {
            let (trial, all) = (trial.clone(), all.clone());
            tokio::spawn(async move {
                let bus = trial.another().await;
                for round in 0..5 {
                    bus.enter(server(n), &all).await.unwrap();
                    // In the end the servers with an even number have left.
                    if round < 4 || n % 2 == 0 {
                        bus.leave(server(n), &all).await.unwrap();
                    }
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    let mut expected = [server(1), server(3)];
    expected.sort_unstable();
    for mut servers in trial.bus.locate(&all).await.unwrap() {
        servers.sort_unstable();
        assert_eq!(servers, expected);
    }
    for (n, count) in [(1, 200), (2, 0), (3, 200), (4, 0)] {
        assert_eq!(trial.bus.users_of(server(n), None, 500).await.unwrap().len(), count);
    }
}

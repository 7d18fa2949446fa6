//! Leases: how long a server counts as alive, and what becomes of its entries.

use std::time::Duration;

use futures_util::future;

use super::BusTrial;
use super::fixtures::{server, user, users};
use crate::ports::Lease;

/// A lease that outlives the case.
const LONG: Duration = Duration::from_secs(600);

/// A lease that the case waits for.
const SHORT: Duration = Duration::from_millis(300);

pub async fn a_lease_is_new_once_and_then_renewed(trial: BusTrial) {
    assert!(trial.bus.servers().await.unwrap().is_empty());
    let another = trial.another().await;
    assert_eq!(trial.bus.renew(server(1), LONG).await.unwrap(), Lease::New);
    for _ in 0..3 {
        assert_eq!(trial.bus.renew(server(1), LONG).await.unwrap(), Lease::Renewed);
        assert_eq!(another.renew(server(1), LONG).await.unwrap(), Lease::Renewed);
    }
    assert_eq!(another.renew(server(2), LONG).await.unwrap(), Lease::New);
    assert_eq!(trial.life(server(1)).await, Some(true));
    assert_eq!(trial.life(server(2)).await, Some(true));
    assert_eq!(trial.life(server(3)).await, None);
}

pub async fn a_lease_that_has_expired_is_new_again(trial: BusTrial) {
    for _ in 0..3 {
        assert_eq!(trial.bus.renew(server(1), SHORT).await.unwrap(), Lease::New);
        trial.until_expired(server(1), SHORT).await;
    }
    assert_eq!(trial.bus.renew(server(1), LONG).await.unwrap(), Lease::New);
    assert_eq!(trial.bus.renew(server(1), LONG).await.unwrap(), Lease::Renewed);
    assert_eq!(trial.life(server(1)).await, Some(true));
}

pub async fn a_server_is_alive_as_long_as_its_lease(trial: BusTrial) {
    trial.bus.renew(server(1), SHORT).await.unwrap();
    trial.bus.renew(server(2), LONG).await.unwrap();
    trial.until_expired(server(1), SHORT).await;
    assert_eq!(trial.life(server(2)).await, Some(true));
    // A renewal counts from when it is made, also if it shortens the lease.
    trial.bus.renew(server(2), SHORT).await.unwrap();
    trial.until_expired(server(2), SHORT).await;
    assert_eq!(trial.bus.servers().await.unwrap().len(), 2);
}

pub async fn a_new_lease_begins_without_entries(trial: BusTrial) {
    trial.bus.renew(server(1), SHORT).await.unwrap();
    trial.bus.renew(server(2), LONG).await.unwrap();
    let all = users(0..1_200);
    trial.bus.enter(server(1), &all).await.unwrap();
    trial.bus.enter(server(2), &users([1, 2])).await.unwrap();
    trial.until_expired(server(1), SHORT).await;
    assert_eq!(trial.bus.renew(server(1), LONG).await.unwrap(), Lease::New);
    assert!(trial.bus.users_of(server(1), None, 10).await.unwrap().is_empty());
    for (n, servers) in (0..).zip(trial.bus.locate(&all).await.unwrap()) {
        let others = if n == 1 || n == 2 { vec![server(2)] } else { Vec::new() };
        assert_eq!(servers, others, "{n}");
    }
    trial.bus.enter(server(1), &[user(1)]).await.unwrap();
    assert_eq!(trial.servers_of(user(1)).await.len(), 2);
}

pub async fn a_renewed_lease_keeps_the_entries(trial: BusTrial) {
    trial.bus.renew(server(1), LONG).await.unwrap();
    trial.bus.enter(server(1), &users(0..300)).await.unwrap();
    trial.bus.renew(server(1), LONG).await.unwrap();
    trial.bus.renew(server(2), LONG).await.unwrap();
    assert_eq!(trial.bus.users_of(server(1), None, 500).await.unwrap().len(), 300);
    assert_eq!(trial.servers_of(user(7)).await, [server(1)]);
}

pub async fn a_retired_server_is_gone_with_its_entries(trial: BusTrial) {
    trial.bus.renew(server(1), SHORT).await.unwrap();
    trial.bus.renew(server(2), LONG).await.unwrap();
    let all = users(0..1_200);
    trial.bus.enter(server(1), &all).await.unwrap();
    trial.bus.enter(server(2), &users([5])).await.unwrap();
    trial.until_expired(server(1), SHORT).await;
    // Its users are known until then, so that they can be told apart from those who were never connected.
    assert_eq!(trial.bus.users_of(server(1), None, 5_000).await.unwrap().len(), 1_200);
    let another = trial.another().await;
    another.retire(server(1)).await.unwrap();
    assert_eq!(trial.life(server(1)).await, None);
    assert!(trial.bus.users_of(server(1), None, 10).await.unwrap().is_empty());
    for (n, servers) in trial.bus.locate(&all).await.unwrap().into_iter().enumerate() {
        assert_eq!(servers, if n == 5 { vec![server(2)] } else { Vec::new() });
    }
    assert_eq!(trial.life(server(2)).await, Some(true));
}

pub async fn retiring_may_be_repeated_at_any_time(trial: BusTrial) {
    trial.bus.retire(server(1)).await.unwrap();
    trial.bus.renew(server(1), LONG).await.unwrap();
    trial.bus.enter(server(1), &users(0..1_200)).await.unwrap();
    let another = trial.another().await;
    let retirements = (0..6).map(|n| if n % 2 == 0 { &trial.bus } else { &another });
    let retirements = retirements.map(|bus| bus.retire(server(1)));
    for outcome in future::join_all(retirements).await {
        outcome.unwrap();
    }
    another.retire(server(1)).await.unwrap();
    assert_eq!(trial.life(server(1)).await, None);
    assert!(trial.servers_of(user(7)).await.is_empty());
    assert!(trial.bus.users_of(server(1), None, 10).await.unwrap().is_empty());
}

pub async fn a_server_that_was_retired_may_come_back(trial: BusTrial) {
    trial.bus.renew(server(1), LONG).await.unwrap();
    trial.bus.enter(server(1), &users([1, 2])).await.unwrap();
    trial.bus.retire(server(1)).await.unwrap();
    assert_eq!(trial.bus.renew(server(1), LONG).await.unwrap(), Lease::New);
    assert!(trial.servers_of(user(1)).await.is_empty());
    trial.bus.enter(server(1), &users([2, 3])).await.unwrap();
    assert_eq!(trial.servers_of(user(2)).await, [server(1)]);
    assert_eq!(trial.bus.users_of(server(1), None, 10).await.unwrap().len(), 2);
    assert_eq!(trial.life(server(1)).await, Some(true));
}

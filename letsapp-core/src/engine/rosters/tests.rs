use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::domain::contact::ContactEdge;
use crate::domain::conversation::Roster;
use crate::domain::steady_time::SteadyTime;
use crate::engine::fixtures;
use crate::engine::fixtures::{ANA, BEN, CHAT, NOW, direct, group};
use crate::engine::rosters::direct_policy::DirectPolicy;
use crate::engine::rosters::*;
use crate::ports::{ManualClock, MockContactRepository, MockConversationRepository};

/// A cache over a store whose `n`th reading, counted from 1, returns `read(n)`.
fn rosters(read: impl Fn(u64) -> Roster + Send + Sync + 'static) -> (Arc<Rosters>, Arc<ManualClock>) {
    let clock = Arc::new(ManualClock::at(NOW));
    let mut store = MockConversationRepository::new();
    let readings = AtomicU64::new(0);
    store
        .expect_rosters()
        .returning(move |_| Ok(vec![read(readings.fetch_add(1, Ordering::SeqCst) + 1)]));
    let stores = Stores {
        conversations: Arc::new(store),
        ..fixtures::stores()
    };
    (Arc::new(Rosters::new(&stores, clock.clone())), clock)
}

async fn loaded(rosters: &Rosters) -> Arc<CachedRoster> {
    rosters.load([CHAT].into_iter()).await.unwrap().remove(&CHAT).unwrap()
}

#[tokio::test]
async fn a_roster_is_read_once_until_it_is_removed() {
    let (rosters, _) = rosters(|n| group(&[ANA, BEN], n));
    assert_eq!(loaded(&rosters).await.roster.fence, Seq(1));
    let moment = rosters.now();
    let known = loaded(&rosters).await;
    assert_eq!(known.roster.fence, Seq(1));
    assert!(!known.is_newer(moment));
    rosters.forget(CHAT);
    let known = loaded(&rosters).await;
    assert_eq!(known.roster.fence, Seq(2));
    assert!(known.is_newer(moment));
}

#[tokio::test]
async fn a_roster_removed_while_it_is_read_is_not_cached() {
    let during = Arc::new(OnceLock::<Arc<Rosters>>::new());
    let (rosters, _) = rosters({
        let during = during.clone();
        move |n| {
            if n == 1 {
                during.get().unwrap().forget(CHAT);
            }
            group(&[ANA], n)
        }
    });
    assert!(during.set(rosters.clone()).is_ok());
    assert_eq!(
        loaded(&rosters).await.roster.fence,
        Seq(1),
        "who asked gets what was read"
    );
    assert_eq!(loaded(&rosters).await.roster.fence, Seq(2), "who asks next does not");
    assert_eq!(loaded(&rosters).await.roster.fence, Seq(2));
}

#[tokio::test]
async fn an_older_reading_does_not_replace_a_later_one() {
    let (rosters, _) = rosters(|n| group(&[ANA], n));
    let slow = rosters.cache.begin([CHAT].into_iter());
    let quick = rosters.cache.begin([CHAT].into_iter());
    let at = |fence, moment| {
        Arc::new(CachedRoster::new(
            group(&[ANA], fence),
            DirectPolicy::default(),
            SteadyTime::default(),
            moment,
        ))
    };
    rosters.cache.remember(&quick, &[(CHAT, at(20, quick.since))]);
    rosters.cache.remember(&slow, &[(CHAT, at(10, slow.since))]);
    assert_eq!(loaded(&rosters).await.roster.fence, Seq(20));
}

#[tokio::test]
async fn removing_one_roster_leaves_the_reading_of_others_alone() {
    let (rosters, _) = rosters(|n| group(&[ANA], n));
    let reading = rosters.cache.begin([CHAT].into_iter());
    rosters.forget(ConversationId::from_bytes([9; 16]));
    let read = CachedRoster::new(
        group(&[ANA], 20),
        DirectPolicy::default(),
        SteadyTime::default(),
        reading.since,
    );
    rosters.cache.remember(&reading, &[(CHAT, Arc::new(read))]);
    drop(reading);
    assert_eq!(loaded(&rosters).await.roster.fence, Seq(20));
    assert!(
        rosters.cache.lock().reading.is_empty(),
        "nothing is kept of readings that have ended"
    );
}

#[tokio::test]
async fn a_change_replaces_the_roster_even_if_it_is_being_read() {
    let (rosters, _) = rosters(|n| group(&[ANA, BEN], n));
    let before = loaded(&rosters).await;
    let reading = rosters.cache.begin([CHAT].into_iter());
    let update = GroupUpdate {
        conversation: None,
        members: vec![crate::domain::member::MemberChange::Left(BEN)],
    };
    rosters.update(&before, &update, Seq(8), NOW).unwrap();
    rosters.cache.remember(&reading, &[(CHAT, before)]);
    let after = loaded(&rosters).await;
    assert_eq!((after.roster.fence, &after.member_ids[..]), (Seq(8), &[ANA][..]));
    assert!(after.has_reached(Seq(8)));
}

#[tokio::test]
async fn a_roster_that_follows_from_a_change_grows_old_too() {
    let (rosters, clock) = rosters(|n| group(&[ANA, BEN], n));
    let before = loaded(&rosters).await;
    let update = GroupUpdate {
        conversation: None,
        members: vec![crate::domain::member::MemberChange::Left(BEN)],
    };
    rosters.update(&before, &update, Seq(8), NOW).unwrap();
    let members = async || rosters.recent(CHAT).await.unwrap().unwrap().member_ids.len();
    clock.advance(ROSTER_TTL - Duration::from_millis(1));
    assert_eq!(members().await, 1);
    clock.advance(Duration::from_millis(1));
    assert_eq!(members().await, 2, "read again: another server may have added Ben");
}

#[tokio::test]
async fn a_recent_roster_is_at_most_five_seconds_old() {
    let (rosters, clock) = rosters(|n| group(&[ANA], n));
    let fence = async || rosters.recent(CHAT).await.unwrap().unwrap().roster.fence;
    assert_eq!(fence().await, Seq(1));
    clock.advance(ROSTER_TTL - Duration::from_millis(1));
    assert_eq!(fence().await, Seq(1));
    clock.advance(Duration::from_millis(1));
    let known = loaded(&rosters).await;
    let renewal = Renewal::of(&known).unwrap();
    assert_eq!(
        fence().await,
        Seq(1),
        "while another task renews it, the old roster is used"
    );
    drop(renewal);
    assert_eq!(fence().await, Seq(2), "without a renewal under way it is read again");
}

#[test]
fn a_roster_knows_its_members_and_how_far_the_conversation_has_come() {
    let known = CachedRoster::new(
        group(&[ANA, BEN], 7),
        DirectPolicy::default(),
        SteadyTime::default(),
        Moment::default(),
    );
    assert_eq!(known.member(BEN).unwrap().user_id, BEN);
    assert!(known.member(UserId::from_bytes([9; 16])).is_none());
    assert_eq!(&known.member_ids[..], [ANA, BEN]);
    assert!(known.has_reached(Seq(7)) && !known.has_reached(Seq(8)));
    known.reach(Seq(9));
    known.reach(Seq(8));
    assert!(known.has_reached(Seq(9)) && !known.has_reached(Seq(10)));
}

/// A cache over a store with one direct conversation, in which Ben blocks Ana from the `n`th reading of blocks on, with
/// the numbers of readings of rosters and of blocks.
fn guarded(shared: bool, from: u64) -> (Arc<Rosters>, Arc<ManualClock>, Arc<[AtomicU64; 2]>) {
    let clock = Arc::new(ManualClock::at(NOW));
    let readings = Arc::new([AtomicU64::new(0), AtomicU64::new(0)]);
    let mut store = MockConversationRepository::new();
    store.expect_rosters().returning({
        let readings = readings.clone();
        move |_| {
            readings[0].fetch_add(1, Ordering::SeqCst);
            Ok(vec![direct()])
        }
    });
    let mut contacts = MockContactRepository::new();
    contacts.expect_blocked().returning({
        let readings = readings.clone();
        move |_| {
            let n = readings[1].fetch_add(1, Ordering::SeqCst) + 1;
            Ok(if n < from {
                vec![]
            } else {
                vec![ContactEdge::new(BEN, ANA)]
            })
        }
    });
    let stores = Stores {
        conversations: Arc::new(store),
        contacts: Arc::new(contacts),
        shared,
        ..fixtures::stores()
    };
    let rosters = Rosters::new(&stores, clock.clone());
    (Arc::new(rosters), clock, readings)
}

fn counts(readings: &[AtomicU64; 2]) -> [u64; 2] {
    [0, 1].map(|n| readings[n].load(Ordering::SeqCst))
}

#[tokio::test]
async fn a_block_on_another_server_is_noticed_within_five_seconds() {
    let (rosters, clock, readings) = guarded(true, 2);
    assert!(loaded(&rosters).await.direct_policy.check(ANA).is_ok());
    clock.advance(ROSTER_TTL - Duration::from_millis(1));
    assert!(loaded(&rosters).await.direct_policy.check(ANA).is_ok());
    assert_eq!(counts(&readings), [1, 1]);
    clock.advance(Duration::from_millis(1));
    let known = loaded(&rosters).await;
    assert!(known.direct_policy.check(ANA).is_err());
    assert_eq!(counts(&readings), [1, 2], "only the direct policy is read again");
    assert!(loaded(&rosters).await.direct_policy.check(ANA).is_err());
    assert_eq!(counts(&readings), [1, 2], "the new policy is cached");
    assert!(
        !known.is_newer(rosters.now()),
        "a refusal still needs a new reading of the whole roster"
    );
}

#[tokio::test]
async fn a_single_server_reads_a_direct_policy_once_until_it_is_removed() {
    let (rosters, clock, readings) = guarded(false, 2);
    assert!(loaded(&rosters).await.direct_policy.check(ANA).is_ok());
    clock.advance(Duration::from_secs(3_600));
    assert!(loaded(&rosters).await.direct_policy.check(ANA).is_ok());
    assert_eq!(counts(&readings), [1, 1]);
    rosters.forget(CHAT);
    assert!(loaded(&rosters).await.direct_policy.check(ANA).is_err());
    assert_eq!(counts(&readings), [2, 2]);
}

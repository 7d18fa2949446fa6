use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;

use super::*;
use crate::domain::id::UserId;
use crate::domain::limit::{Pace, Table, Verdict};
use crate::domain::timestamp::Timestamp;
use crate::engine::limiter::Limiter;
use crate::ports::{Clock, TokioClock};

const ANA: Subject = Subject::User(UserId::from_bytes([1; 16]));

/// A count of all servers in memory, by tokio's time.
struct Everywhere {
    clock: TokioClock,
    paces: Mutex<HashMap<String, Pace>>,
    is_down: AtomicBool,
    hangs: AtomicBool,
}

#[async_trait]
impl SharedPaces for Everywhere {
    async fn step(&self, steps: &[PaceStep]) -> Result<Vec<Decision>, BusError> {
        if self.hangs.load(Ordering::SeqCst) {
            std::future::pending::<()>().await;
        }
        if self.is_down.load(Ordering::SeqCst) {
            return Err(BusError::new("it is down"));
        }
        let now = self.clock.steady();
        let mut paces = self.paces.lock().unwrap();
        let decide = |step: &PaceStep| {
            let pace = paces.entry(step.key.clone()).or_default();
            let cost = match step.excess {
                Excess::Denied => step.cost,
                Excess::Charged => step.cost.min(pace.step(step.quota, 0, now).1.remaining),
            };
            let (next, decision) = pace.step(step.quota, cost, now);
            *pace = next;
            decision
        };
        Ok(steps.iter().map(decide).collect())
    }
}

/// Two servers with a quota of four writes in a minute, and their common count.
fn servers() -> (Arc<Everywhere>, Arc<Limiter>, Arc<Limiter>) {
    let clock = TokioClock::at(Timestamp::from_millis(1_795_338_000_000));
    let everywhere = Arc::new(Everywhere {
        clock,
        paces: Mutex::default(),
        is_down: AtomicBool::default(),
        hangs: AtomicBool::default(),
    });
    let mut table = Table::default();
    table.set(Class::Writes, Quota::new(4, Duration::from_secs(60)));
    let server = || {
        let limiter = Arc::new(Limiter::new(table, Arc::new(clock)));
        limiter.share(everywhere.clone());
        limiter
    };
    (everywhere.clone(), server(), server())
}

async fn allowed(limiter: &Limiter) -> bool {
    let decision = limiter.check_everywhere(Class::Writes, ANA, 1).await;
    decision.expect("it is limited").verdict == Verdict::Allowed
}

#[tokio::test(start_paused = true)]
async fn requests_to_two_servers_share_a_quota() {
    let (_everywhere, east, west) = servers();
    let mut answers = Vec::new();
    for _ in 0..3 {
        answers.push(allowed(&east).await);
        answers.push(allowed(&west).await);
    }
    assert_eq!(answers, [true, true, true, true, false, false]);
    tokio::time::advance(Duration::from_secs(15)).await;
    assert!(allowed(&west).await && !allowed(&east).await, "one came back");
}

#[tokio::test(start_paused = true)]
async fn uses_on_sockets_count_elsewhere_a_moment_later() {
    let (everywhere, east, west) = servers();
    for _ in 0..4 {
        let decision = east.check(Class::Writes, ANA).expect("it is limited");
        assert_eq!(decision.verdict, Verdict::Allowed);
    }
    while everywhere.paces.lock().unwrap().is_empty() {
        tokio::task::yield_now().await;
    }
    assert!(!allowed(&west).await);
    // The refusal was adopted, so that the next one needs no question.
    everywhere.is_down.store(true, Ordering::SeqCst);
    assert!(!allowed(&west).await);
}

#[tokio::test(start_paused = true)]
async fn without_an_answer_each_server_counts_alone_and_asks_again_after_a_second() {
    for hangs in [false, true] {
        let (everywhere, east, west) = servers();
        everywhere.hangs.store(hangs, Ordering::SeqCst);
        everywhere.is_down.store(true, Ordering::SeqCst);
        let clock = everywhere.clock;
        let began = clock.steady();
        for limiter in [&east, &west] {
            let answers = [
                allowed(limiter).await,
                allowed(limiter).await,
                allowed(limiter).await,
                allowed(limiter).await,
                allowed(limiter).await,
            ];
            assert_eq!(answers, [true, true, true, true, false]);
        }
        let waited = clock.steady().since(began);
        assert!(waited <= 2 * ANSWER_TIMEOUT, "only the first waited: {waited:?}");
        everywhere.hangs.store(false, Ordering::SeqCst);
        everywhere.is_down.store(false, Ordering::SeqCst);
        tokio::time::advance(Duration::from_secs(60)).await;
        let answers = [allowed(&east).await, allowed(&west).await, allowed(&east).await];
        assert_eq!(answers, [true, true, true]);
        assert!(allowed(&west).await && !allowed(&east).await, "counted together again");
    }
}

use crate::domain::limit::{Quota, Verdict};
use crate::domain::timestamp::Timestamp;
use crate::engine::limiter::*;
use crate::ports::ManualClock;

fn client(last: u8) -> Client {
    Client::at([192, 0, 2, last].into())
}

fn limiter(table: Table) -> (Limiter, Arc<ManualClock>) {
    let clock = Arc::new(ManualClock::at(Timestamp::from_millis(1_795_338_000_000)));
    (Limiter::new(table, clock.clone()), clock)
}

/// Fails to log in to an account until it is locked out, and returns the number of failures.
fn fail(limiter: &Limiter, account: Account, client: Client) -> u32 {
    let attempt = |_: &u32| limiter.attempt(account, Some(client)).is_ok();
    (0..1_000).take_while(attempt).count() as u32
}

fn wait(limiter: &Limiter, account: Account, client: Client) -> u64 {
    let outcome = limiter.attempt(account, Some(client));
    outcome.err().map_or(0, |Wait(wait)| wait.as_secs())
}

#[test]
fn requests_are_counted_per_class_and_subject() {
    let mut table = Table::default();
    table.set(Class::Writes, Quota::new(1, Duration::from_secs(10)));
    let (limiter, clock) = limiter(table);
    let (ana, ben) = (UserId::from_bytes([1; 16]), UserId::from_bytes([2; 16]));
    let verdict = |class, user| limiter.check(class, Subject::User(user)).expect("a limit").verdict;
    assert_eq!(verdict(Class::Writes, ana), Verdict::Allowed);
    assert_eq!(verdict(Class::Writes, ana), Verdict::Denied);
    assert_eq!(verdict(Class::Writes, ben), Verdict::Allowed);
    assert_eq!(verdict(Class::Reads, ana), Verdict::Allowed);
    clock.advance(Duration::from_secs(10));
    assert_eq!(verdict(Class::Writes, ana), Verdict::Allowed);
}

#[test]
fn an_unlimited_class_is_not_counted() {
    let (limiter, _) = limiter(Table::UNLIMITED);
    for class in Class::ALL {
        assert_eq!(limiter.check(*class, Subject::Client(client(1))), None);
        assert_eq!(limiter.check_own(*class, &mut Pace::default(), 1), None);
    }
    assert_eq!(fail(&limiter, limiter.account("ana"), client(1)), 1_000);
}

#[test]
fn every_spelling_of_a_login_name_is_one_account() {
    let (limiter, _) = limiter(Table::default());
    assert_eq!(limiter.account("ana"), limiter.account("ANA"));
    assert_eq!(limiter.account("Ana@Example.org"), limiter.account("ana@example.org"));
    assert_ne!(limiter.account("ana"), limiter.account("anna"));
    assert_ne!(limiter.account("no name at all!"), limiter.account("nor this!"));
}

#[test]
fn one_address_has_five_password_guesses_and_is_then_locked_out_longer_and_longer() {
    let (limiter, clock) = limiter(Table::default());
    let ana = limiter.account("ana");
    assert_eq!(fail(&limiter, ana, client(1)), 5);
    for seconds in [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900] {
        assert_eq!(wait(&limiter, ana, client(1)), seconds);
        clock.advance(Duration::from_secs(seconds));
        assert_eq!(fail(&limiter, ana, client(1)), 1);
    }
    assert_eq!(wait(&limiter, limiter.account("ben"), client(1)), 0, "another account");
    assert_eq!(wait(&limiter, ana, client(2)), 0, "another address");
}

#[test]
fn guesses_from_many_addresses_count_together() {
    let (limiter, clock) = limiter(Table::default());
    let ana = limiter.account("ana");
    let guesses: u32 = (1..=50).map(|last| fail(&limiter, ana, client(last))).sum();
    assert_eq!(guesses, 20);
    assert_eq!(wait(&limiter, ana, client(60)), 1);
    assert_eq!(wait(&limiter, limiter.account("ben"), client(60)), 0);
    for last in 61..=100 {
        clock.advance(Duration::from_secs(60));
        assert_eq!(fail(&limiter, ana, client(last)), 1, "one a minute, from wherever");
    }
    assert_eq!(wait(&limiter, ana, client(101)), 60);
}

#[test]
fn strangers_lock_nobody_out_at_a_familiar_address() {
    let (limiter, clock) = limiter(Table::default());
    let (ana, home) = (limiter.account("ana"), client(200));
    let attempt = limiter.attempt(ana, Some(home)).expect("nothing stands in the way");
    limiter.settle(attempt, Proof::Right);
    for last in 1..=50 {
        fail(&limiter, ana, client(last));
    }
    assert!(
        wait(&limiter, ana, client(201)) > 0,
        "from elsewhere it is tried already"
    );
    for _ in 0..10 {
        let attempt = limiter.attempt(ana, Some(home)).expect("they are at home");
        limiter.settle(attempt, Proof::Right);
    }
    assert!(
        wait(&limiter, ana, client(201)) > 0,
        "that it was they makes up for no stranger"
    );
    assert_eq!(fail(&limiter, ana, home), 5, "at home, too, guesses are counted");
    clock.advance(FAMILIAR_TTL);
    for last in 1..=50 {
        fail(&limiter, ana, client(last));
    }
    assert!(wait(&limiter, ana, home) > 0, "after a month they are forgotten");
}

#[test]
fn a_successful_login_clears_the_failures_before_it() {
    let (limiter, _) = limiter(Table::default());
    let ana = limiter.account("ana");
    for _ in 0..30 {
        for _ in 0..3 {
            let failed = limiter.attempt(ana, Some(client(1))).expect("four are free");
            limiter.settle(failed, Proof::Wrong);
        }
        let attempt = limiter.attempt(ana, Some(client(1))).expect("four are free");
        limiter.settle(attempt, Proof::Right);
    }
}

#[test]
fn a_password_that_was_not_checked_is_no_failure() {
    let (limiter, _) = limiter(Table::default());
    for account in [limiter.account("ana"), Account::of(UserId::from_bytes([1; 16]))] {
        for _ in 0..100 {
            let attempt = limiter.attempt(account, Some(client(1))).expect("nothing was tried");
            limiter.settle(attempt, Proof::Missing);
        }
    }
}

#[test]
fn a_stolen_token_has_five_password_guesses_from_any_address() {
    let (limiter, _) = limiter(Table::default());
    let own = Account::of(UserId::from_bytes([1; 16]));
    assert_eq!(fail(&limiter, own, client(1)), 5);
    assert_eq!(wait(&limiter, own, client(2)), 1);
}

#[test]
fn an_attempt_refused_because_of_strangers_is_no_failure() {
    let (limiter, clock) = limiter(Table::default());
    let ana = limiter.account("ana");
    for last in 1..=50 {
        fail(&limiter, ana, client(last));
    }
    for _ in 0..100 {
        assert_eq!(wait(&limiter, ana, client(200)), 1);
    }
    clock.advance(Duration::from_secs(1));
    let attempt = limiter.attempt(ana, Some(client(200))).expect("a second has passed");
    limiter.settle(attempt, Proof::Right);
    assert_eq!(fail(&limiter, ana, client(200)), 5);
}

//! Races between the cached state of a session and its state in the store, which changes at the worst moment.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::domain::credential::Credential;
use crate::domain::id::{SessionId, UserId};
use crate::domain::key::Kid;
use crate::domain::session::{Generation, TokenHash};
use crate::domain::timestamp::Timestamp;
use crate::domain::user::{User, Username};
use crate::engine::fixtures;
use crate::ports::{
    Claim, Clock, Envelope, EventSink, IdSource, ManualClock, MockSessionRepository, MockUserRepository,
    RepositoryError, Stores, SystemIds,
};
use crate::protocol::Tokens;
use crate::protocol::requests::{ChangePassword, Login, Password, Register};
use crate::services::auth::*;

/// A sink that drops all events.
struct Silence;

impl EventSink for Silence {
    fn publish(&self, _: Envelope) {}
}

fn service(users: MockUserRepository, sessions: MockSessionRepository, clock: Arc<ManualClock>) -> AuthService {
    let stores = Stores {
        users: Arc::new(users),
        sessions: Arc::new(sessions),
        ..fixtures::stores()
    };
    AuthService::new(Arc::new(fixtures::engine(stores, Arc::new(Silence), clock)))
}

fn password(text: &str) -> Password {
    Password::parse(text).unwrap()
}

fn register() -> Register {
    Register::new(Username::parse("ana").unwrap(), password("a long password"))
}

/// The only session in the store; `None` once it is revoked.
type Row = Arc<Mutex<Option<Session>>>;

/// An action of another client, run once in the middle of the next call of a store method.
type Meanwhile = Arc<Mutex<Option<Box<dyn FnOnce() + Send>>>>;

/// A service over a store with one session, with hooks into its methods.
struct Bench {
    auth: AuthService,
    clock: Arc<ManualClock>,
    row: Row,
    finds: Arc<AtomicUsize>,
    while_used: Meanwhile,
    behind_find: Meanwhile,
    used: Arc<AtomicUsize>,
}

fn bench() -> Bench {
    let row = Row::default();
    let (while_used, behind_find) = (Meanwhile::default(), Meanwhile::default());
    let (finds, used) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let mut users = MockUserRepository::new();
    users.expect_create().returning(|_, _| Ok(Claim::Done));
    let mut sessions = MockSessionRepository::new();
    sessions.expect_create().returning({
        let row = row.clone();
        move |session| {
            *row.lock().unwrap() = Some(session);
            Ok(())
        }
    });
    sessions.expect_find().returning({
        let (row, finds, behind_find) = (row.clone(), finds.clone(), behind_find.clone());
        move |_| {
            finds.fetch_add(1, Ordering::SeqCst);
            let found = row.lock().unwrap().clone();
            run(&behind_find);
            Ok(found.into_iter().collect())
        }
    });
    sessions.expect_used().returning({
        let (row, while_used, used) = (row.clone(), while_used.clone(), used.clone());
        move |_, number, at| {
            used.fetch_add(1, Ordering::SeqCst);
            if let Some(session) = row.lock().unwrap().as_mut() {
                session.last_used_at = at;
                if session.refresh.number == number {
                    session.refresh.used_at.get_or_insert(at);
                }
            }
            run(&while_used);
            Ok(())
        }
    });
    sessions.expect_rotate().returning({
        let row = row.clone();
        move |_, from, to, expires_at| {
            let mut row = row.lock().unwrap();
            let session = row.as_mut().filter(|session| session.refresh.hash == from);
            Ok(session.is_some_and(|session| {
                session.previous = Some(from);
                session.refresh = to;
                session.expires_at = expires_at;
                true
            }))
        }
    });
    sessions.expect_revoke().returning({
        let row = row.clone();
        move |_, _| {
            Ok(row
                .lock()
                .unwrap()
                .take()
                .map(|session| session.id)
                .into_iter()
                .collect())
        }
    });
    let clock = Arc::new(ManualClock::at(Timestamp::from_millis(1_795_338_000_000)));
    Bench {
        auth: service(users, sessions, clock.clone()),
        clock,
        row,
        finds,
        while_used,
        behind_find,
        used,
    }
}

fn run(meanwhile: &Meanwhile) {
    let change = meanwhile.lock().unwrap().take();
    if let Some(change) = change {
        change();
    }
}

impl Bench {
    async fn sign_in(&self) -> (Principal, Tokens) {
        let tokens = self.auth.register(register()).await.unwrap().tokens;
        (self.auth.authenticate(&tokens.access_token).await.unwrap(), tokens)
    }

    /// Ends the session of `principal` in the middle of the next call of the store method to which `meanwhile` belongs.
    fn log_out_during(&self, meanwhile: &Meanwhile, principal: Principal) {
        let auth = self.auth.clone();
        *meanwhile.lock().unwrap() = Some(Box::new(move || {
            // On a runtime of its own, because this closure blocks the present one.
            let logout = std::thread::spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
                runtime.block_on(auth.logout(&principal))
            });
            logout.join().unwrap().unwrap();
        }));
    }

    async fn is_in(&self, tokens: &Tokens) -> bool {
        self.auth.authenticate(&tokens.access_token).await.is_ok()
    }
}

#[tokio::test]
async fn a_session_that_ends_while_its_use_is_stored_stays_ended() {
    let bench = bench();
    let (principal, tokens) = bench.sign_in().await;
    bench.clock.advance(Duration::from_secs(61));
    bench.log_out_during(&bench.while_used, principal);
    let _ = bench.is_in(&tokens).await;
    assert!(bench.row.lock().unwrap().is_none(), "it was ended in the middle");
    assert!(!bench.is_in(&tokens).await);
}

#[tokio::test]
async fn a_session_that_ends_after_it_was_read_stays_ended() {
    let bench = bench();
    let (principal, tokens) = bench.sign_in().await;
    bench.clock.advance(Duration::from_secs(5));
    bench.log_out_during(&bench.behind_find, principal);
    let _ = bench.is_in(&tokens).await;
    assert!(bench.row.lock().unwrap().is_none(), "it was ended in the middle");
    assert!(!bench.is_in(&tokens).await);
}

#[tokio::test]
async fn a_session_that_another_server_ends_is_accepted_for_five_seconds_at_most_however_often_it_is_used() {
    let bench = bench();
    let (_, tokens) = bench.sign_in().await;
    bench.clock.advance(Duration::from_secs(57));
    assert!(
        bench.is_in(&tokens).await,
        "the session is read now, and cached from here on"
    );
    *bench.row.lock().unwrap() = None;
    bench.clock.advance(Duration::from_millis(4_999));
    let used = bench.used.load(Ordering::SeqCst);
    assert!(bench.is_in(&tokens).await);
    assert_eq!(bench.used.load(Ordering::SeqCst), used + 1, "a use that was noted");
    bench.clock.advance(Duration::from_millis(1));
    assert!(!bench.is_in(&tokens).await);
}

#[tokio::test]
async fn a_session_is_read_every_five_seconds_and_its_use_stored_every_minute() {
    let bench = bench();
    let (_, tokens) = bench.sign_in().await;
    let (finds, used) = (bench.finds.load(Ordering::SeqCst), bench.used.load(Ordering::SeqCst));
    for _ in 0..120 {
        bench.clock.advance(Duration::from_secs(1));
        assert!(bench.is_in(&tokens).await);
    }
    assert_eq!(bench.finds.load(Ordering::SeqCst) - finds, 24);
    assert_eq!(bench.used.load(Ordering::SeqCst) - used, 2);
}

#[tokio::test]
async fn the_first_use_of_a_token_rotated_elsewhere_is_stored_although_the_cache_has_its_predecessor() {
    let bench = bench();
    let (_, first) = bench.sign_in().await;
    let before = bench.row.lock().unwrap().clone();
    let elsewhere = bench.auth.refresh(&first.refresh_token).await.unwrap();
    let rotated = bench.row.lock().unwrap().clone();
    // As if another server had rotated the token, while this one still has the state before in its cache.
    *bench.row.lock().unwrap() = before;
    assert!(bench.is_in(&first).await);
    *bench.row.lock().unwrap() = rotated;
    assert!(bench.is_in(&elsewhere).await);
    let used_at = bench.row.lock().unwrap().as_ref().unwrap().refresh.used_at;
    assert_eq!(
        used_at,
        Some(bench.clock.now()),
        "from here on the predecessor has ten seconds"
    );
}

#[tokio::test]
async fn a_login_that_checked_the_old_password_does_not_outlive_its_change() {
    let changed = Arc::new(AtomicBool::new(false));
    let (old, new) = {
        let hasher = crate::engine::passwords::Hasher::new();
        (
            hasher.hash(password("the old password"), [1; 16]).await,
            hasher.hash(password("the new password"), [2; 16]).await,
        )
    };
    let user_id = UserId::from_bytes([1; 16]);
    let mut users = MockUserRepository::new();
    users.expect_credential().returning({
        let changed = changed.clone();
        move |_| {
            let password = if changed.load(Ordering::SeqCst) { &new } else { &old };
            Ok(Some(Credential {
                user_id,
                password: password.clone(),
            }))
        }
    });
    users
        .expect_find()
        .returning(move |_| Ok(vec![crate::engine::fixtures::user(user_id, true)]));
    let (started, ended) = (Arc::new(Mutex::new(Vec::new())), Arc::new(Mutex::new(Vec::new())));
    let mut sessions = MockSessionRepository::new();
    sessions.expect_create().returning({
        let (started, changed) = (started.clone(), changed.clone());
        move |session: Session| {
            // The change of the password has already ended the sessions that it found. This one is created after that.
            changed.store(true, Ordering::SeqCst);
            started.lock().unwrap().push(session.id);
            Ok(())
        }
    });
    sessions.expect_revoke().returning({
        let ended = ended.clone();
        move |_, which| {
            let Revoke::One(id) = which else { panic!("{which:?}") };
            ended.lock().unwrap().push(id);
            Ok(vec![id])
        }
    });
    let auth = service(users, sessions, Arc::new(ManualClock::default()));
    let refused = auth
        .login(Login {
            username: "ana".to_owned(),
            password: password("the old password"),
            device_name: None,
        })
        .await;
    assert!(matches!(refused, Err(AuthError::WrongCredentials)));
    assert_eq!(started.lock().unwrap().len(), 1);
    assert_eq!(*started.lock().unwrap(), *ended.lock().unwrap());
}

#[tokio::test]
async fn an_unavailable_store_does_not_make_a_token_invalid() {
    let mut sessions = MockSessionRepository::new();
    sessions.expect_create().returning(|_| Ok(()));
    sessions
        .expect_find()
        .returning(|_| Err(RepositoryError::unavailable("out for lunch")));
    let mut users = MockUserRepository::new();
    users.expect_create().returning(|_: User, _| Ok(Claim::Done));
    users
        .expect_credential()
        .returning(|_| Err(RepositoryError::unavailable("out for lunch")));
    let auth = service(users, sessions, Arc::new(ManualClock::default()));
    let tokens = auth.register(register()).await.unwrap().tokens;
    let principal = Principal {
        user_id: UserId::from_bytes([1; 16]),
        session_id: SessionId::from_uuid((&SystemIds as &dyn IdSource).random()),
    };
    let change = ChangePassword {
        current_password: password("the old password"),
        new_password: password("the new password"),
    };
    let refusals = [
        auth.authenticate(&tokens.access_token).await.map(drop),
        auth.refresh(&tokens.refresh_token).await.map(drop),
        auth.change_password(&principal, change).await,
    ];
    for refusal in refusals {
        assert!(
            matches!(refusal, Err(AuthError::Store(RepositoryError::Unavailable(_)))),
            "{refusal:?}"
        );
    }
}

#[tokio::test]
async fn a_list_of_very_many_sessions_goes_on_to_the_last_page() {
    const MANY: u32 = 30_000;
    let clock = Arc::new(ManualClock::at(Timestamp::from_millis(1_000)));
    let mut sessions = MockSessionRepository::new();
    sessions.expect_of_user().returning(|user_id| {
        let session = |n: u32| {
            let mut id = [0; 16];
            id[..4].copy_from_slice(&n.to_be_bytes());
            Session {
                id: SessionId::from_bytes(id),
                user_id,
                device_name: Some("a device with a long name".repeat(4)),
                // Every two began at the same time.
                created_at: Timestamp::from_millis(i64::from(n / 2)),
                last_used_at: Timestamp::from_millis(0),
                expires_at: Timestamp::from_millis(2_000),
                refresh: Generation {
                    number: 1,
                    hash: TokenHash([0; 32]),
                    kid: Kid("k".to_owned()),
                    issued_at: Timestamp::from_millis(0),
                    used_at: None,
                },
                previous: None,
            }
        };
        Ok((0..MANY).rev().map(session).collect())
    });
    let service = service(MockUserRepository::new(), sessions, clock);
    let principal = Principal {
        user_id: UserId::from_bytes([1; 16]),
        session_id: SessionId::from_bytes([0; 16]),
    };
    let (mut after, mut listed, mut pages) = (None, Vec::new(), 0);
    loop {
        let page = service.sessions(&principal, after).await.unwrap();
        assert!(crate::domain::page::json_bytes(&page.items) <= crate::domain::page::MAX_ANSWER_BYTES);
        listed.extend(page.items.into_iter().map(|session| session.id));
        pages += 1;
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    let number = |id: &SessionId| u32::from_be_bytes(id.as_bytes()[..4].try_into().unwrap());
    assert!(listed.iter().map(number).eq((0..MANY).rev()));
    assert!(pages > 1);
}

#[tokio::test]
async fn a_refresh_token_newer_than_the_store_is_accepted_and_one_older_still_ends_the_session() {
    let bench = bench();
    let (_, first) = bench.sign_in().await;
    let before = bench.row.lock().unwrap().clone();
    let second = bench.auth.refresh(&first.refresh_token).await.unwrap();
    let third = bench.auth.refresh(&second.refresh_token).await.unwrap();
    // As after a restart on an older copy of the store.
    *bench.row.lock().unwrap() = before;
    let fourth = bench.auth.refresh(&third.refresh_token).await.unwrap();
    assert!(bench.is_in(&fourth).await);
    let again = bench.auth.refresh(&third.refresh_token).await.unwrap();
    assert_eq!(
        again.refresh_token, fourth.refresh_token,
        "a client that lost the reply"
    );
    assert!(bench.auth.refresh(&first.refresh_token).await.is_err());
    assert!(bench.row.lock().unwrap().is_none(), "the session is ended");
}

#[tokio::test]
async fn a_session_that_another_server_ends_is_accepted_for_five_seconds_although_the_clock_is_set_back() {
    let bench = bench();
    let (_, tokens) = bench.sign_in().await;
    assert!(bench.is_in(&tokens).await, "read now, and believed from here on");
    *bench.row.lock().unwrap() = None;
    bench.clock.set(bench.clock.now().minus(Duration::from_secs(300)));
    bench.clock.advance(Duration::from_secs(5));
    assert!(!bench.is_in(&tokens).await);
}

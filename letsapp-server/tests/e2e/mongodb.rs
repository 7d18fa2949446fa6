//! Server on MongoDB: failures of the database, and two servers on one database.

use std::collections::HashSet;
use std::time::Duration;

use http::Method;
use letsapp_testkit::mongodb::{self, ReplicaSet};
use letsapp_testkit::server::{Binary, Running};
use letsapp_testkit::{until, until_some};
use serde_json::{Value, json};
use tokio::time::{Instant, timeout};

use crate::http::Http;
use crate::load::Load;
use crate::people::{ConversationId, Person};
use crate::socket::{End, Failure, Socket};
use crate::{random, server, verdict};

/// Time limit within which a session that was ended on one server must end on the others.
const REVOCATION_TIMEOUT: Duration = Duration::from_secs(5);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_set_that_loses_its_primary_loses_nothing() {
    let Some(mongodb) = ReplicaSet::of(3) else { return };
    let directory = tempfile::tempdir().unwrap();
    let binary = server::in_directory(directory.path()).args(["--store", &mongodb.uri().unique_database_uri()]);
    let mut server = binary.start().await;
    let mut load = Load::start(&Http::new(server.url())).await;
    for _ in 0..2 {
        load.progress(100 + random::below(100)).await;
        random::pause().await;
        let killed = mongodb.kill_primary().await;
        load.progress(100).await;
        mongodb.restart(killed).await;
    }
    load.progress(50).await;
    let (ledgers, followed) = load.finish().await;
    let acknowledged = verdict::settle("MongoDB primary killed", &ledgers, &followed).await;
    assert!(acknowledged > 450, "there was a load");

    a_database_that_is_away_is_waited_for(&mongodb, &server, &ledgers[0].person, &followed.conversation).await;
    assert!(server.terminate().await.success());
}

async fn a_database_that_is_away_is_waited_for(
    mongodb: &ReplicaSet,
    server: &Running,
    person: &Person,
    conversation: &ConversationId,
) {
    let ready = async || {
        let answer = person.http.ask(Method::GET, "/readyz", None, None).await;
        answer.expect("the server is there").status
    };
    assert_eq!(ready().await, 200);
    let (_socket, mut events) = Socket::open(person).await.unwrap();
    for node in mongodb.nodes() {
        mongodb.pause(node);
    }
    let (message, history) = (
        json!({"id": random::fresh_id(), "body": "Is anybody there?"}),
        messages(conversation),
    );
    let send = async || {
        person
            .ask(Method::POST, &history, Some(&message))
            .await
            .expect("the server is there")
    };
    let (sent, read) = tokio::join!(send(), person.ask(Method::GET, &history, None));
    for refused in [sent, read.expect("the server is there")] {
        assert_eq!((refused.status, refused.code()), (503, "unavailable"));
    }
    assert_eq!(ready().await, 503);
    let alive = Http::new(server.admin_url())
        .ask(Method::GET, "/healthz", None, None)
        .await;
    assert_eq!(alive.expect("the server is there").status, 200);

    for node in mongodb.nodes() {
        mongodb.resume(node);
    }
    until(Duration::from_secs(30), async || ready().await == 200).await;
    // The same request again, with the same id: there must be one message, whether or not the first attempt succeeded.
    let sent = until_some(Duration::from_secs(30), async || {
        let answer = send().await;
        (answer.status != 503).then_some(answer)
    });
    let sent = sent.await.good();
    let history = person.history(conversation).await;
    let there: Vec<_> = history.iter().filter(|found| found["id"] == message["id"]).collect();
    assert_eq!((there.len(), &there[0]["seq"]), (1, &sent["seq"]));

    // Connected members hear of it once, whichever attempt it was that the database carried out.
    let marker = json!({"id": random::fresh_id(), "body": "The end"});
    person
        .ask(Method::POST, &messages(conversation), Some(&marker))
        .await
        .unwrap()
        .good();
    let mut heard = Vec::new();
    while heard.last() != Some(&marker["id"]) {
        let event = timeout(Duration::from_secs(30), events.next()).await;
        let event = event
            .expect("an event follows each message")
            .expect("the socket is open");
        match event["event"].as_str() {
            Some("message.created") => heard.push(event["data"]["id"].clone()),
            Some("resync") => panic!("a single message is published, not left to a sync"),
            _ => {}
        }
    }
    assert_eq!(heard, [message["id"].clone(), marker["id"].clone()]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_servers_on_one_database_are_one_messenger() {
    let Some((_directories, binaries)) = two_binaries() else {
        return;
    };
    let (one, other) = (binaries[0].start().await, binaries[1].start().await);
    let http = Http::new(one.url());
    let (ana, ben) = (Person::sign_up(&http, "ana").await, Person::sign_up(&http, "ben").await);
    // Both servers accept each other's tokens, because the keys are in the database.
    let ben = ben.through(&other);
    let conversation = ana.talk_to(&ben).await;
    let mut sent = Vec::new();
    for turn in 0..6 {
        let writer = if turn % 2 == 0 { &ana } else { &ben };
        sent.push(
            writer
                .post(&messages(&conversation), json!({"body": format!("turn {turn}")}))
                .await,
        );
        assert_eq!(bodies(&ana.history(&conversation).await), bodies(&sent));
        assert_eq!(bodies(&ben.history(&conversation).await), bodies(&sent));
    }
    assert_eq!(
        ben.talk_to(&ana).await,
        conversation,
        "there is one conversation of the two"
    );

    // A receipt sent to one server updates clients of the other.
    ana.post(
        &format!("/v1/conversations/{conversation}/receipts"),
        json!({"read": 6}),
    )
    .await;
    let seen = ben.get(&format!("/v1/conversations/{conversation}")).await;
    assert_eq!(seen["peer_receipt"], json!({"delivered_seq": 6, "read_seq": 6}));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_member_removed_through_another_server_writes_nothing_after_the_removal() {
    let Some((_directories, binaries)) = two_binaries() else {
        return;
    };
    let (one, other) = (binaries[0].start().await, binaries[1].start().await);
    let http = Http::new(one.url());
    let owner = Person::sign_up(&http, "owner").await;
    for round in 0..3 {
        let member = Person::sign_up(&http, &format!("member{round}")).await.through(&other);
        let conversation = owner.gather(std::slice::from_ref(&member)).await;
        let (socket, _events) = Socket::open(&member).await.unwrap();
        let writing = tokio::spawn(write_until_refused(socket, conversation.clone()));
        let written = format!("/v1/conversations/{conversation}");
        until(Duration::from_secs(20), async || {
            owner.get(&written).await["head"]["seq"].as_u64() > Some(20)
        })
        .await;
        random::pause().await;
        let removal = format!("/v1/conversations/{conversation}/members/{}", member.id);
        assert_eq!(owner.ask(Method::DELETE, &removal, None).await.unwrap().status, 204);

        let (acknowledged, code) = writing.await.unwrap();
        assert_eq!(code, "forbidden");
        let history = owner.history(&conversation).await;
        let last = history.last().unwrap();
        assert_eq!(last["system"]["type"], "member_removed", "nothing follows: {last}");
        let found: HashSet<_> = history
            .iter()
            .filter(|it| it["kind"] == "user")
            .map(|it| &it["id"])
            .collect();
        assert_eq!(
            found,
            acknowledged.iter().collect(),
            "what came before the removal is there"
        );
        let theirs = member.history(&conversation).await;
        assert_eq!(
            theirs.last().unwrap()["id"],
            last["id"],
            "who was removed sees that they were"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_ended_on_one_server_ends_on_the_other() {
    let Some((_directories, binaries)) = two_binaries() else {
        return;
    };
    let (one, other) = (binaries[0].start().await, binaries[1].start().await);
    let http = Http::new(one.url());
    let desk = Person::sign_up(&http, "ana").await;
    let phone = Person::sign_in(&http, "ana").await.through(&other);
    let (mut socket, _events) = Socket::open(&phone).await.unwrap();
    assert_eq!(phone.get("/v1/me").await["username"], "ana");

    let sessions = desk.get("/v1/auth/sessions").await;
    let foreign = sessions["items"]
        .as_array()
        .unwrap()
        .iter()
        .find(|it| it["current"] == false);
    let foreign = foreign.unwrap()["id"].as_str().unwrap();
    let ended = desk
        .ask(Method::DELETE, &format!("/v1/auth/sessions/{foreign}"), None)
        .await;
    assert_eq!(ended.unwrap().status, 204);

    let since = Instant::now();
    // Longer than promised, because tests share few processors.
    let patience = REVOCATION_TIMEOUT + Duration::from_secs(2);
    let refused = until_some(patience, async || {
        let answer = phone.ask(Method::GET, "/v1/me", None).await.unwrap();
        (answer.status != 200).then_some(answer)
    });
    let refused = refused.await;
    assert_eq!((refused.status, refused.code()), (401, "unauthenticated"));
    assert_eq!(
        socket.ended(patience.saturating_sub(since.elapsed())).await,
        End::Closed(4001)
    );
    assert_eq!(desk.get("/v1/me").await["username"], "ana", "the other device stays");
}

/// Returns two servers with separate directories and one database; `None` if MongoDB is not available.
fn two_binaries() -> Option<([tempfile::TempDir; 2], [Binary; 2])> {
    let uri = mongodb::shared()?.unique_database_uri();
    let directories = [(); 2].map(|()| tempfile::tempdir().unwrap());
    let binaries = std::array::from_fn(|at| server::in_directory(directories[at].path()).args(["--store", &uri]));
    Some((directories, binaries))
}

/// Sends messages until one is refused. Returns the ids of the acknowledged ones, and the error code.
async fn write_until_refused(socket: Socket, conversation: ConversationId) -> (Vec<Value>, String) {
    let mut acknowledged = Vec::new();
    loop {
        let message = json!({"conversation_id": conversation, "id": random::fresh_id(), "body": "Still here"});
        match socket.ask("message.send", &message).await {
            Ok(message) => acknowledged.push(message["id"].clone()),
            Err(Failure::Refused(code)) => return (acknowledged, code),
            Err(Failure::Lost) => panic!("the server is there"),
        }
    }
}

fn messages(conversation: &str) -> String {
    format!("/v1/conversations/{conversation}/messages")
}

fn bodies(messages: &[Value]) -> Vec<&str> {
    messages
        .iter()
        .map(|message| message["body"].as_str().expect("it is text"))
        .collect()
}

//! Those who talk.

use http::Method;
use letsapp_testkit::server::Running;
use serde_json::{Value, json};

use crate::http::{Answer, Http, Lost};

/// Somebody signed in on one device.
#[derive(Clone, Debug)]
pub(crate) struct Person {
    pub(crate) id: String,
    pub(crate) token: String,
    pub(crate) http: Http,
}

/// A conversation's id.
pub(crate) type Room = String;

impl Person {
    /// Creates an account, with the password that the name comes with.
    ///
    /// # Panics
    /// When that is refused.
    pub(crate) async fn sign_up(http: &Http, username: &str) -> Self {
        let account = json!({"username": username, "password": password(username)});
        Self::enter(http, "/v1/auth/register", &account).await
    }

    /// Signs in on another device, or through another server.
    ///
    /// # Panics
    /// When that is refused.
    pub(crate) async fn sign_in(http: &Http, username: &str) -> Self {
        let account = json!({"username": username, "password": password(username)});
        Self::enter(http, "/v1/auth/login", &account).await
    }

    async fn enter(http: &Http, path: &str, account: &Value) -> Self {
        let answer = http.ask(Method::POST, path, None, Some(account)).await;
        let body = answer.expect("the server is there").good();
        let word = |value: &Value| value.as_str().expect("it is text").to_owned();
        Self {
            id: word(&body["user"]["id"]),
            token: word(&body["tokens"]["access_token"]),
            http: http.clone(),
        }
    }

    /// The same session, through another server.
    pub(crate) fn through(&self, server: &Running) -> Self {
        Self {
            http: Http::new(server.url()),
            ..self.clone()
        }
    }

    /// Sends a request that may fail.
    pub(crate) async fn ask(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Answer, Lost> {
        self.http.ask(method, path, Some(&self.token), body).await
    }

    /// Fetches what is there.
    ///
    /// # Panics
    /// When it is not.
    pub(crate) async fn get(&self, path: &str) -> Value {
        let answer = self.ask(Method::GET, path, None).await;
        answer.expect("the server is there").good()
    }

    /// Posts what is taken.
    ///
    /// # Panics
    /// When it is not.
    pub(crate) async fn post(&self, path: &str, body: Value) -> Value {
        let answer = self.ask(Method::POST, path, Some(&body)).await;
        answer.expect("the server is there").good()
    }

    /// Opens the conversation with somebody.
    pub(crate) async fn talk_to(&self, other: &Self) -> Room {
        let direct = json!({"kind": "direct", "user_id": other.id});
        room(&self.post("/v1/conversations", direct).await)
    }

    /// Makes a group.
    pub(crate) async fn gather(&self, others: &[Self]) -> Room {
        let members: Vec<_> = others.iter().map(|other| &other.id).collect();
        let group = json!({"kind": "group", "title": "All of us", "member_ids": members});
        room(&self.post("/v1/conversations", group).await)
    }

    /// All that this person may read in a conversation, oldest first.
    pub(crate) async fn history(&self, room: &str) -> Vec<Value> {
        let path = format!("/v1/conversations/{room}/messages?limit=200");
        let mut messages = self.pages(&path).await;
        messages.reverse();
        messages
    }

    /// Every message of a conversation in its present state, by change number.
    pub(crate) async fn changes(&self, room: &str) -> Vec<Value> {
        self.pages(&format!("/v1/conversations/{room}/changes?after=0&limit=200"))
            .await
    }

    async fn pages(&self, path: &str) -> Vec<Value> {
        let mut items = Vec::new();
        let mut page = self.get(path).await;
        loop {
            items.extend(page["items"].as_array().expect("a page has items").iter().cloned());
            let Some(cursor) = page["next_cursor"].as_str() else {
                return items;
            };
            page = self.get(&format!("{path}&cursor={cursor}")).await;
        }
    }
}

/// The password of everyone of that name.
pub(crate) fn password(username: &str) -> String {
    format!("the password of {username}")
}

fn room(conversation: &Value) -> Room {
    conversation["id"]
        .as_str()
        .expect("a conversation has an id")
        .to_owned()
}

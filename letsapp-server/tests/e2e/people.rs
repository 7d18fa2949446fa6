//! Users of the server under test, and their requests.

use bytes::Bytes;
use http::{Method, Response};
use letsapp_testkit::server::Running;
use serde_json::{Value, json};

use crate::http::{Answer, Http, Lost};

/// A user who is signed in on one device.
#[derive(Clone, Debug)]
pub(crate) struct Person {
    pub(crate) id: String,
    pub(crate) token: String,
    pub(crate) http: Http,
}

/// Id of a conversation.
pub(crate) type ConversationId = String;

impl Person {
    /// Creates an account, with the password from [`password`].
    ///
    /// # Panics
    /// If the server refuses.
    pub(crate) async fn sign_up(http: &Http, username: &str) -> Self {
        let account = json!({"username": username, "password": password(username)});
        Self::enter(http, "/v1/auth/register", &account).await
    }

    /// Signs in on another device, or through another server.
    ///
    /// # Panics
    /// If the server refuses.
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

    /// Returns the same session on another server.
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

    /// Sends a request with these headers and bytes, which may fail.
    pub(crate) async fn exchange(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Bytes>,
    ) -> Result<Response<Bytes>, Lost> {
        let (token, body) = (Some(&*self.token), body.into());
        self.http.exchange(method, path, token, headers, body).await
    }

    /// Uploads a file and returns its id.
    ///
    /// # Panics
    /// If the server refuses.
    pub(crate) async fn upload(&self, name: &str, bytes: impl Into<Bytes>) -> String {
        let disposition = format!("attachment; filename={name}");
        let headers = [("content-disposition", &*disposition)];
        let answer = self.exchange(Method::POST, "/v1/media", &headers, bytes).await;
        let answer = answer.expect("the server is there");
        let media: Value = serde_json::from_slice(answer.body()).unwrap_or_default();
        media["id"].as_str().unwrap_or_else(|| panic!("{media}")).to_owned()
    }

    /// Reads a file.
    ///
    /// # Panics
    /// If the server refuses.
    pub(crate) async fn download(&self, id: &str) -> Bytes {
        let link = self.post(&format!("/v1/media/{id}/url"), json!({})).await;
        let url = link["url"].as_str().expect("a link has an address");
        let read = self.http.exchange(Method::GET, url, None, &[], Bytes::new()).await;
        let read = read.expect("the server is there");
        assert_eq!(read.status(), 200, "{id}");
        read.into_body()
    }

    /// Sends a GET request and returns the body.
    ///
    /// # Panics
    /// If the request fails.
    pub(crate) async fn get(&self, path: &str) -> Value {
        let answer = self.ask(Method::GET, path, None).await;
        answer.expect("the server is there").good()
    }

    /// Sends a POST request and returns the body.
    ///
    /// # Panics
    /// If the request fails.
    pub(crate) async fn post(&self, path: &str, body: Value) -> Value {
        let answer = self.ask(Method::POST, path, Some(&body)).await;
        answer.expect("the server is there").good()
    }

    /// Opens the direct conversation with another user.
    pub(crate) async fn talk_to(&self, other: &Self) -> ConversationId {
        let direct = json!({"kind": "direct", "user_id": other.id});
        id_of(&self.post("/v1/conversations", direct).await)
    }

    /// Creates a group.
    pub(crate) async fn gather(&self, others: &[Self]) -> ConversationId {
        let members: Vec<_> = others.iter().map(|other| &other.id).collect();
        let group = json!({"kind": "group", "title": "All of us", "member_ids": members});
        id_of(&self.post("/v1/conversations", group).await)
    }

    /// Returns all messages that this user may read in a conversation, oldest first.
    pub(crate) async fn history(&self, conversation: &str) -> Vec<Value> {
        let path = format!("/v1/conversations/{conversation}/messages?limit=200");
        let mut messages = self.pages(&path).await;
        messages.reverse();
        messages
    }

    /// Returns the current state of every message in a conversation, in order of `rev`.
    pub(crate) async fn changes(&self, conversation: &str) -> Vec<Value> {
        self.pages(&format!("/v1/conversations/{conversation}/changes?after=0&limit=200"))
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

/// Returns the password of the user with this name.
pub(crate) fn password(username: &str) -> String {
    format!("the password of {username}")
}

fn id_of(conversation: &Value) -> ConversationId {
    conversation["id"]
        .as_str()
        .expect("a conversation has an id")
        .to_owned()
}

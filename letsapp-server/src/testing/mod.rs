//! A server without a network for tests of routes. Every response is checked against the OpenAPI document.

mod schema;

use std::sync::Arc;

use http::{HeaderMap, Method, StatusCode};
use letsapp_core::LetsApp;
use letsapp_core::{domain::timestamp::Timestamp, ports::ManualClock};
use serde_json::{Value, json};
use warp::test::RequestBuilder;

use crate::api::{self, Route};
use crate::server_context::ServerContext;
pub(crate) use schema::Document;

/// An application on the memory store with its routes; its clock moves only when a test moves it.
pub(crate) struct World {
    pub(crate) app: LetsApp,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) document: Document,
    route: Route,
}

/// A registered user with tokens.
pub(crate) struct Person {
    pub(crate) id: String,
    pub(crate) access_token: String,
    pub(crate) refresh_token: String,
}

/// A request that is being built.
pub(crate) struct Ask<'a> {
    world: &'a World,
    method: Method,
    path: String,
    request: RequestBuilder,
}

/// A response.
#[derive(Debug)]
pub(crate) struct Got {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Value,
}

impl World {
    pub(crate) async fn new() -> Self {
        let clock = Arc::new(ManualClock::at(Timestamp::from_millis(1_795_338_000_000)));
        let app = LetsApp::builder().clock(clock.clone()).build().await.unwrap();
        let server = Arc::new(ServerContext::new(app.clone()));
        let document = Document::of(&api::endpoints(&server));
        let (route, _) = api::routes(&server);
        Self {
            app,
            clock,
            document,
            route,
        }
    }

    pub(crate) fn ask(&self, method: Method, path: impl Into<String>) -> Ask<'_> {
        let path = path.into();
        let request = warp::test::request().method(method.as_str()).path(&path);
        Ask {
            world: self,
            method,
            path,
            request,
        }
    }

    pub(crate) fn get(&self, path: impl Into<String>) -> Ask<'_> {
        self.ask(Method::GET, path)
    }

    pub(crate) fn post(&self, path: impl Into<String>) -> Ask<'_> {
        self.ask(Method::POST, path)
    }

    pub(crate) fn patch(&self, path: impl Into<String>) -> Ask<'_> {
        self.ask(Method::PATCH, path)
    }

    pub(crate) fn put(&self, path: impl Into<String>) -> Ask<'_> {
        self.ask(Method::PUT, path)
    }

    pub(crate) fn delete(&self, path: impl Into<String>) -> Ask<'_> {
        self.ask(Method::DELETE, path)
    }

    /// Registers a user.
    pub(crate) async fn person(&self, username: &str) -> Person {
        let account = json!({"username": username, "password": "a long password"});
        let got = self.post("/v1/auth/register").json(&account).await.expect(201);
        Person::of(&got.body)
    }

    /// Registers users in this order.
    pub(crate) async fn people<const N: usize>(&self, names: [&str; N]) -> [Person; N] {
        let mut people = Vec::new();
        for name in names {
            people.push(self.person(name).await);
        }
        people.try_into().unwrap_or_else(|_| unreachable!("one for each name"))
    }

    /// Creates a direct conversation and returns its id.
    pub(crate) async fn chat(&self, one: &Person, other: &Person) -> String {
        let request = json!({"kind": "direct", "user_id": other.id});
        self.post("/v1/conversations")
            .by(one)
            .json(&request)
            .await
            .expect(201)
            .text("id")
    }

    /// Creates a group and returns its id.
    pub(crate) async fn group(&self, owner: &Person, members: &[&Person]) -> String {
        let ids: Vec<_> = members.iter().map(|member| &member.id).collect();
        let request = json!({"kind": "group", "title": "Tea", "member_ids": ids});
        self.post("/v1/conversations")
            .by(owner)
            .json(&request)
            .await
            .expect(201)
            .text("id")
    }

    /// Sends a message and returns it.
    pub(crate) async fn say(&self, who: &Person, conversation: &str, body: &str) -> Value {
        let path = format!("/v1/conversations/{conversation}/messages");
        self.post(path)
            .by(who)
            .json(&json!({"body": body}))
            .await
            .expect(201)
            .body
    }
}

impl Person {
    pub(crate) fn of(signed_in: &Value) -> Self {
        let text = |value: &Value| value.as_str().expect("text").to_owned();
        Self {
            id: text(&signed_in["user"]["id"]),
            access_token: text(&signed_in["tokens"]["access_token"]),
            refresh_token: text(&signed_in["tokens"]["refresh_token"]),
        }
    }
}

impl Ask<'_> {
    pub(crate) fn by(self, person: &Person) -> Self {
        self.header("authorization", &format!("Bearer {}", person.access_token))
    }

    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.request = self.request.header(name, value);
        self
    }

    pub(crate) async fn json(self, body: &Value) -> Got {
        self.bytes("application/json", body.to_string()).await
    }

    pub(crate) async fn bytes(mut self, content_type: &str, body: impl AsRef<[u8]>) -> Got {
        self.request = self.request.header("content-type", content_type).body(body);
        self.send().await
    }

    pub(crate) async fn send(self) -> Got {
        let response = self.request.reply(&self.world.route).await;
        let (parts, bytes) = response.into_parts();
        let got = Got {
            status: parts.status,
            headers: parts.headers,
            body: serde_json::from_slice(&bytes).unwrap_or(Value::Null),
        };
        let path = self.path.split('?').next().unwrap_or_default();
        self.world.document.hold(&self.method, path, got.status, &got.body);
        got
    }
}

impl Got {
    /// Asserts the status.
    #[track_caller]
    pub(crate) fn expect(self, status: u16) -> Self {
        assert_eq!(self.status.as_u16(), status, "{}", self.body);
        self
    }

    /// Asserts an error with this code.
    #[track_caller]
    pub(crate) fn refused(self, code: &str) -> Self {
        assert_eq!(self.body["code"], code, "{} {}", self.status, self.body);
        assert_eq!(self.body["status"], self.status.as_u16());
        assert_eq!(self.headers["content-type"], "application/problem+json");
        self
    }

    /// Asserts a validation error for exactly these fields.
    #[track_caller]
    pub(crate) fn at_fault(self, fields: &[&str]) -> Self {
        let got = self.refused("validation_failed");
        let errors = got.body["errors"].as_array().expect("a list");
        let named: Vec<_> = errors
            .iter()
            .map(|error| error["field"].as_str().unwrap_or_default())
            .collect();
        assert_eq!(named, fields, "{}", got.body);
        got
    }

    /// Returns a field as text.
    pub(crate) fn text(&self, field: &str) -> String {
        self.body[field]
            .as_str()
            .unwrap_or_else(|| panic!("no {field} in {}", self.body))
            .to_owned()
    }

    /// Returns a field of each item of a list.
    pub(crate) fn each(&self, field: &str) -> Vec<Value> {
        let items = self.body["items"]
            .as_array()
            .unwrap_or_else(|| panic!("no list: {}", self.body));
        items.iter().map(|item| item[field].clone()).collect()
    }
}

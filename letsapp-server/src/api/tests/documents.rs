//! Tests that the served documents match the routes.

use http::Method;
use serde_json::Value;

use crate::testing::World;

pub(super) const METHODS: [Method; 5] = [Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE];

/// Replaces each parameter of a template by a valid value.
pub(super) fn filled(template: &str) -> String {
    let segment = |segment: &str| match segment {
        "{seq}" => "1".to_owned(),
        "{emoji}" => "%F0%9F%91%8D".to_owned(),
        segment if segment.starts_with('{') => "8c5f1b1e-0b1d-4d6e-9a51-6b4c1f1f0a10".to_owned(),
        segment => segment.to_owned(),
    };
    template.split('/').map(segment).collect::<Vec<_>>().join("/")
}

#[tokio::test]
async fn exactly_the_documented_routes_are_served() {
    let world = World::new().await;
    let paths = world.document.0["paths"].as_object().unwrap();
    assert!(paths.len() > 20, "only {} paths are described", paths.len());
    for (template, item) in paths {
        for method in METHODS {
            let described = item.get(method.as_str().to_lowercase()).is_some();
            let got = world.ask(method.clone(), filled(template)).send().await;
            let known = !matches!(got.status.as_u16(), 404 | 405);
            assert_eq!(known, described, "{method} {template} answers {}", got.status);
            if !described {
                got.expect(405).refused("method_not_allowed");
            }
        }
    }
}

#[tokio::test]
async fn operations_that_need_a_token_are_documented_as_such() {
    let world = World::new().await;
    for (template, item) in world.document.0["paths"].as_object().unwrap() {
        for method in METHODS {
            let Some(operation) = item.get(method.as_str().to_lowercase()) else {
                continue;
            };
            let got = world.ask(method.clone(), filled(template)).send().await;
            let secured = operation.get("security").is_some();
            assert_eq!(got.status == 401, secured, "{method} {template} answers {}", got.status);
        }
    }
}

#[tokio::test]
async fn operation_ids_are_unique_and_references_resolve() {
    let world = World::new().await;
    let document = world.get("/openapi.json").send().await.expect(200).body;
    let mut names: Vec<_> = values(&document, "operationId")
        .into_iter()
        .map(Value::to_string)
        .collect();
    let count = names.len();
    names.sort();
    names.dedup();
    assert_eq!(names.len(), count);
    let asyncapi = world.get("/asyncapi.json").send().await.expect(200).body;
    for document in [document, asyncapi] {
        for reference in values(&document, "$ref") {
            let target = reference.as_str().unwrap().trim_start_matches('#').to_owned();
            assert!(document.pointer(&target).is_some(), "nothing is at {reference}");
        }
    }
}

#[tokio::test]
async fn codes_are_described_as_they_are_sent() {
    let world = World::new().await;
    let described = world.document.0["components"]["schemas"]["Code"]["enum"]
        .as_array()
        .unwrap()
        .clone();
    let sent: Vec<_> = letsapp_core::protocol::Code::ALL
        .iter()
        .map(|code| Value::from(code.as_str()))
        .collect();
    assert_eq!(described, sent);
}

#[tokio::test]
async fn documents_and_web_client_are_served() {
    let world = World::new().await;
    for path in [
        "/",
        "/main.js",
        "/docs",
        "/docs/",
        "/docs/swagger-ui.css",
        "/docs/swagger-initializer.js",
    ] {
        world.get(path).send().await.expect(200);
    }
    let page = world.get("/").send().await;
    assert_eq!(page.headers["content-type"], "text/html; charset=utf-8");
    assert!(
        page.headers["content-security-policy"]
            .to_str()
            .unwrap()
            .contains("script-src 'self'")
    );
    let etag = page.headers["etag"].to_str().unwrap();
    world
        .get("/")
        .header("if-none-match", &format!("\"other\", W/{etag}"))
        .send()
        .await
        .expect(304);
    world
        .get("/")
        .header("if-none-match", "\"other\"")
        .send()
        .await
        .expect(200);
}

/// Collects the texts under a key at any depth.
fn values<'a>(value: &'a Value, key: &str) -> Vec<&'a Value> {
    match value {
        Value::Object(object) => object
            .iter()
            .flat_map(|(name, value)| {
                if name == key && value.is_string() {
                    vec![value]
                } else {
                    values(value, key)
                }
            })
            .collect(),
        Value::Array(items) => items.iter().flat_map(|item| values(item, key)).collect(),
        _ => Vec::new(),
    }
}

#[tokio::test]
async fn every_field_that_a_client_sends_states_its_limits() {
    let world = World::new().await;
    let document = &world.document.0;
    let mut open = Vec::new();
    for (template, item) in document["paths"].as_object().unwrap() {
        for method in METHODS {
            let Some(operation) = item.get(method.as_str().to_lowercase()) else {
                continue;
            };
            for parameter in operation["parameters"].as_array().into_iter().flatten() {
                let at = format!("{method} {template} {}", parameter["name"]);
                unlimited(document, &parameter["schema"], &at, &mut open);
            }
            let body = &operation["requestBody"]["content"]["application/json"]["schema"];
            unlimited(document, body, &format!("{method} {template}"), &mut open);
        }
    }
    assert!(open.is_empty(), "{open:#?}");
}

/// Collects texts without a length, a pattern, a format or words, lists without a length, and numbers without bounds.
fn unlimited(document: &Value, schema: &Value, at: &str, open: &mut Vec<String>) {
    if let Some(reference) = schema["$ref"].as_str() {
        let target = document.pointer(reference.trim_start_matches('#')).unwrap();
        return unlimited(document, target, at, open);
    }
    for key in ["oneOf", "anyOf", "allOf"] {
        for part in schema[key].as_array().into_iter().flatten() {
            unlimited(document, part, at, open);
        }
    }
    for (name, schema) in schema["properties"].as_object().into_iter().flatten() {
        unlimited(document, schema, &format!("{at} {name}"), open);
    }
    if schema["items"].is_object() {
        unlimited(document, &schema["items"], &format!("{at} []"), open);
    }
    let has = |keys: &[&str]| keys.iter().any(|key| schema.get(key).is_some());
    let is =
        |name: &str| schema["type"] == name || schema["type"].as_array().is_some_and(|all| all.contains(&name.into()));
    let is_limited = match () {
        () if is("string") => has(&["maxLength", "pattern", "format", "enum", "const"]),
        () if is("array") => has(&["maxItems"]),
        () if is("integer") || is("number") => has(&["maximum"]),
        () => true,
    };
    if !is_limited {
        open.push(at.to_owned());
    }
}

#[tokio::test]
async fn a_body_that_may_be_missing_may_not_be_null() {
    let world = World::new().await;
    let (ana, ben) = (world.person("ana").await, world.person("ben").await);
    let path = format!("/v1/contacts/{}", ben.id);
    let body = &world.document.0["paths"]["/v1/contacts/{user_id}"]["put"]["requestBody"];
    assert_ne!(body["required"], true);
    assert!(
        !world
            .document
            .allows(&body["content"]["application/json"]["schema"], &Value::Null)
    );
    world
        .ask(Method::PUT, &path)
        .by(&ana)
        .json(&Value::Null)
        .await
        .expect(422);
    world.ask(Method::PUT, &path).by(&ana).send().await.expect(200);
}

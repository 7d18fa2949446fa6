//! Tests that one response names every invalid field of a request. The requests are derived from the OpenAPI document,
//! so that no route is forgotten.

use std::collections::BTreeSet;

use http::Method;
use serde_json::Value;

use super::documents::{METHODS, filled};
use crate::testing::{Got, World};

/// Returns every operation of the document.
fn operations(world: &World) -> Vec<(Method, &str, &Value)> {
    let paths = world.document.0["paths"].as_object().unwrap();
    let mut operations = Vec::new();
    for (template, item) in paths {
        for method in METHODS {
            if let Some(operation) = item.get(method.as_str().to_lowercase()) {
                operations.push((method, template.as_str(), operation));
            }
        }
    }
    operations
}

/// Returns the parameters of an operation in its `path` or its `query`.
fn parameters<'a>(operation: &'a Value, place: &str) -> Vec<&'a Value> {
    let parameters = operation["parameters"].as_array().into_iter().flatten();
    parameters.filter(|parameter| parameter["in"] == place).collect()
}

/// Returns the outermost names of the invalid fields.
fn named(got: &Got) -> BTreeSet<String> {
    let errors = got.body["errors"].as_array().unwrap();
    let outermost = |error: &Value| error["field"].as_str().unwrap().split('.').next().unwrap().to_owned();
    for error in errors {
        let (code, detail) = (error["code"].as_str().unwrap(), error["detail"].as_str().unwrap());
        assert!(
            !code.is_empty() && !code.contains(' ') && detail.contains(' '),
            "{error}"
        );
    }
    errors.iter().map(outermost).collect()
}

#[tokio::test]
async fn every_invalid_field_of_a_body_is_named() {
    let world = World::new().await;
    let ana = world.person("ana").await;
    let mut tried = 0;
    for (method, template, operation) in operations(&world) {
        let Some(schema) = operation.pointer("/requestBody/content/application~1json/schema") else {
            continue;
        };
        let wrong = world.document.all_wrong(schema);
        let fields: BTreeSet<_> = wrong.keys().cloned().collect();
        assert!(!fields.is_empty(), "{method} {template} takes nothing");
        let ask = world.ask(method.clone(), filled(template)).by(&ana);
        let got = ask.json(&wrong.into()).await.expect(422).refused("validation_failed");
        assert_eq!(named(&got), fields, "{method} {template}");
        tried += 1;
    }
    assert!(tried >= 12, "only {tried} operations take a body");
}

#[tokio::test]
async fn every_invalid_parameter_of_a_query_is_named() {
    let world = World::new().await;
    let ana = world.person("ana").await;
    let mut tried = 0;
    for (method, template, operation) in operations(&world) {
        let (mut query, mut fields) = (Vec::new(), BTreeSet::new());
        for parameter in parameters(operation, "query") {
            let name = parameter["name"].as_str().unwrap();
            let (required, is_text) = (
                parameter["required"] == true,
                world.document.allows(&parameter["schema"], &"x".into()),
            );
            if name == "cursor" || !is_text {
                query.push(format!("{name}=x"));
            }
            if name == "cursor" || !is_text || required {
                fields.insert(name.to_owned());
            }
        }
        // A cursor alone is not wrong of its form, but made up.
        if fields.iter().all(|field| field == "cursor") {
            continue;
        }
        let path = format!("{}?{}", filled(template), query.join("&"));
        let got = world.ask(method.clone(), &path).by(&ana).send().await;
        assert_eq!(
            named(&got.expect(422).refused("validation_failed")),
            fields,
            "{method} {path}"
        );
        if fields.contains("limit") {
            for limit in ["0", "201", "-1", "1.5", ""] {
                let path = format!("{}?query=x&q=x&limit={limit}", filled(template));
                world.get(&path).by(&ana).send().await.at_fault(&["limit"]);
            }
        }
        tried += 1;
    }
    assert!(tried >= 7, "only {tried} operations take a query");
}

#[tokio::test]
async fn invalid_ids_in_paths_are_not_found() {
    let world = World::new().await;
    let ana = world.person("ana").await;
    let mut tried = 0;
    for (method, template, operation) in operations(&world) {
        for parameter in parameters(operation, "path") {
            if world.document.allows(&parameter["schema"], &"x".into()) {
                continue;
            }
            let name = format!("{{{}}}", parameter["name"].as_str().unwrap());
            for wrong in ["x", "-1", "%00", "8c5f1b1e-0b1d-4d6e-9a51-6b4c1f1f0a1"] {
                let path = filled(&template.replace(&name, wrong));
                let got = world.ask(method.clone(), &path).by(&ana).send().await;
                got.expect(404).refused("not_found");
                tried += 1;
            }
        }
    }
    assert!(tried >= 80, "only {tried} names were tried");
}

#[tokio::test]
async fn an_error_repeats_little_of_a_long_request() {
    let world = World::new().await;
    let ana = world.person("ana").await;
    // Half a megabyte of names that are no ids.
    let wrong: serde_json::Map<_, _> = (0..5_000).map(|n| (format!("{n:0>100}"), "x".into())).collect();
    let request = serde_json::json!({"conversations": wrong});
    assert!(request.to_string().len() > 500_000);
    let ask = world.ask(Method::POST, "/v1/sync").by(&ana);
    let got = ask.json(&request).await.expect(422).refused("validation_failed");
    let errors = got.body["errors"].as_array().unwrap();
    assert_eq!(errors.len(), 50);
    for error in errors {
        let field = error["field"].as_str().unwrap();
        assert!(
            field.starts_with("conversations.0") && field.chars().count() <= 65,
            "{field}"
        );
    }
    assert!(got.body.to_string().len() < 10_000, "{}", got.body.to_string().len());
    let ask = world.ask(Method::POST, "/v1/conversations").by(&ana);
    let request = serde_json::json!({"kind": "group", "title": "T", "member_ids": vec!["x"; 1_000]});
    let got = ask.json(&request).await.expect(422).refused("validation_failed");
    assert_eq!(got.body["errors"].as_array().unwrap().len(), 50);
}

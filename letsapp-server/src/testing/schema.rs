//! Checks responses against the OpenAPI document. A property that the document does not describe is an error, too.
//!
//! Written by hand: JSON Schema itself allows undescribed properties, and a validator crate would add a minute of
//! compilation to the tests.

use http::{Method, StatusCode};
use serde_json::{Map, Value, json};

use crate::api::Endpoint;
use crate::openapi;

/// An OpenAPI or AsyncAPI document.
pub(crate) struct Document(pub(crate) Value);

impl Document {
    pub(crate) fn of(endpoints: &[Endpoint]) -> Self {
        Self(serde_json::to_value(openapi::document(endpoints)).unwrap())
    }

    /// Asserts that a response is one of those that the document describes.
    pub(crate) fn hold(&self, method: &Method, path: &str, status: StatusCode, body: &Value) {
        let Some(operation) = self.operation(method, path) else {
            return;
        };
        let responses = &operation["responses"];
        let response = responses.get(status.as_str()).unwrap_or(&responses["default"]);
        let content = response["content"].as_object();
        let schema = content
            .and_then(|content| content.values().next())
            .map(|content| &content["schema"]);
        match schema {
            Some(schema) => {
                let fault = self.check(schema, body, "$").err();
                assert_eq!(fault, None, "{method} {path} answers {status} {body}");
            }
            None => assert_eq!(*body, Value::Null, "{method} {path} answers {status} with a body"),
        }
    }

    /// Asserts that a value matches a schema.
    pub(crate) fn insist(&self, schema: &Value, value: &Value) {
        assert_eq!(self.check(schema, value, "$").err(), None, "{value}");
    }

    /// Returns `true` if a value matches a schema.
    pub(crate) fn allows(&self, schema: &Value, value: &Value) -> bool {
        self.check(schema, value, "$").is_ok()
    }

    /// Returns an object with all properties of a schema and of its variants, each with a value that is not valid.
    /// Properties for which every value is valid are left out.
    pub(crate) fn all_wrong(&self, schema: &Value) -> Map<String, Value> {
        let mut described = Map::new();
        self.collect_properties(schema, &mut described, &mut Vec::new());
        let wrong = |schema: &Value| {
            let values = [json!({}), json!(7), json!("?")];
            values.into_iter().find(|value| !self.allows(schema, value))
        };
        let wrong = described
            .iter()
            .filter_map(|(name, schema)| Some((name.clone(), wrong(schema)?)));
        let mut wrong: Map<_, _> = wrong.collect();
        let target = schema["$ref"]
            .as_str()
            .and_then(|to| self.0.pointer(to.trim_start_matches('#')));
        let variants = target.unwrap_or(schema)["oneOf"].as_array().into_iter().flatten();
        wrong.extend(variants.flat_map(|variant| self.all_wrong(variant)));
        wrong
    }

    fn operation(&self, method: &Method, path: &str) -> Option<&Value> {
        let matches = |template: &str| {
            template.split('/').count() == path.split('/').count()
                && template
                    .split('/')
                    .zip(path.split('/'))
                    .all(|(a, b)| a == b || a.starts_with('{'))
        };
        let paths = self.0["paths"].as_object()?;
        let exact = paths.iter().find(|(template, _)| *template == path);
        let (_, item) = exact.or_else(|| paths.iter().find(|(template, _)| matches(template)))?;
        item.get(method.as_str().to_lowercase())
    }

    fn check(&self, schema: &Value, value: &Value, at: &str) -> Result<(), String> {
        if let Some(reference) = schema["$ref"].as_str() {
            let target = self.0.pointer(reference.trim_start_matches('#'));
            return self.check(target.ok_or(format!("{at}: {reference} does not exist"))?, value, at);
        }
        if let Some(choices) = schema["oneOf"].as_array() {
            let faults: Vec<_> = choices
                .iter()
                .map(|choice| self.check(choice, value, at).err())
                .collect();
            let fitting = faults.iter().filter(|fault| fault.is_none()).count();
            return if fitting == 1 {
                Ok(())
            } else {
                Err(format!("{at}: {fitting} variants match: {faults:?}"))
            };
        }
        if let Some(choices) = schema["anyOf"].as_array() {
            let fits = choices.iter().any(|choice| self.check(choice, value, at).is_ok());
            return if fits {
                Ok(())
            } else {
                Err(format!("{at}: no variant matches {value}"))
            };
        }
        if let Some(constant) = schema.get("const") {
            return if constant == value {
                Ok(())
            } else {
                Err(format!("{at}: {value} is not {constant}"))
            };
        }
        if let Some(values) = schema["enum"].as_array() {
            return if values.contains(value) {
                Ok(())
            } else {
                Err(format!("{at}: {value} is none of {values:?}"))
            };
        }
        if !has_type(&schema["type"], value) && schema.get("type").is_some() {
            return Err(format!("{at}: {value} is not of type {}", schema["type"]));
        }
        match value {
            Value::Object(object) => self.check_object(schema, object, at),
            Value::Array(items) => {
                let mut each = items.iter().enumerate();
                each.try_for_each(|(i, item)| self.check(&schema["items"], item, &format!("{at}[{i}]")))
            }
            Value::String(text) => check_format(&schema["format"], text, at),
            _ => Ok(()),
        }
    }

    fn check_object(&self, schema: &Value, object: &Map<String, Value>, at: &str) -> Result<(), String> {
        let mut described = Map::new();
        let mut required = Vec::new();
        self.collect_properties(schema, &mut described, &mut required);
        if let Some(missing) = required.iter().find(|name| !object.contains_key(*name)) {
            return Err(format!("{at}: {missing} is missing"));
        }
        for (name, value) in object {
            let at = format!("{at}.{name}");
            match (described.get(name), schema.get("additionalProperties")) {
                (Some(schema), _) | (None, Some(schema)) => self.check(schema, value, &at)?,
                (None, None) => return Err(format!("{at} is not described")),
            }
        }
        Ok(())
    }

    /// Collects the properties of a schema and of the schemas that it refers to or combines.
    fn collect_properties(&self, schema: &Value, described: &mut Map<String, Value>, required: &mut Vec<String>) {
        if let Some(target) = schema["$ref"]
            .as_str()
            .and_then(|to| self.0.pointer(to.trim_start_matches('#')))
        {
            self.collect_properties(target, described, required);
        }
        for part in schema["allOf"].as_array().into_iter().flatten() {
            self.collect_properties(part, described, required);
        }
        let properties = schema["properties"].as_object().into_iter().flatten();
        described.extend(properties.map(|(name, schema)| (name.clone(), schema.clone())));
        let names = schema["required"].as_array().into_iter().flatten();
        required.extend(names.filter_map(|name| name.as_str().map(str::to_owned)));
    }
}

fn has_type(types: &Value, value: &Value) -> bool {
    let is = |name: &Value| match name.as_str() {
        Some("object") => value.is_object(),
        Some("array") => value.is_array(),
        Some("string") => value.is_string(),
        Some("integer") => value.is_u64() || value.is_i64(),
        Some("number") => value.is_number(),
        Some("boolean") => value.is_boolean(),
        Some("null") => value.is_null(),
        _ => false,
    };
    types.as_array().map_or_else(|| is(types), |types| types.iter().any(is))
}

fn check_format(format: &Value, text: &str, at: &str) -> Result<(), String> {
    let fits = match format.as_str() {
        Some("uuid") => text.parse::<uuid::Uuid>().is_ok(),
        Some("date-time") => text.len() == 24 && text.parse::<letsapp_core::domain::timestamp::Timestamp>().is_ok(),
        _ => true,
    };
    if fits {
        Ok(())
    } else {
        Err(format!("{at}: {text} does not have the format {format}"))
    }
}

#[test]
fn values_that_differ_from_the_schema_and_undescribed_properties_are_rejected() {
    let document =
        Document(serde_json::json!({"components": {"schemas": {"Id": {"type": "string", "format": "uuid"}}}}));
    let schema = serde_json::json!({
        "type": "object", "required": ["id"],
        "properties": {"id": {"$ref": "#/components/schemas/Id"}, "n": {"type": ["integer", "null"]}},
    });
    let is_rejected = |value: Value| document.check(&schema, &value, "$").is_err();
    let id = "8c5f1b1e-0b1d-4d6e-9a51-6b4c1f1f0a10";
    assert!(!is_rejected(serde_json::json!({"id": id, "n": null})));
    for wrong in [
        serde_json::json!({}),
        serde_json::json!({"id": "x"}),
        serde_json::json!({"id": id, "n": "1"}),
        serde_json::json!({"id": id, "x": 1}),
        serde_json::json!([]),
    ] {
        assert!(is_rejected(wrong.clone()), "{wrong}");
    }
}

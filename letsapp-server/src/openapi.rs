//! The OpenAPI document, generated from the endpoints that are served.

use letsapp_core::protocol::Problem;
use utoipa::openapi::path::{Operation, Parameter, ParameterIn};
use utoipa::openapi::request_body::RequestBody;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{
    ComponentsBuilder, ContentBuilder, Header, InfoBuilder, License, Object, OpenApi, OpenApiBuilder, PathItem,
    PathsBuilder, Ref, RefOr, ResponseBuilder, Schema, Type,
};
use utoipa::{PartialSchema, ToSchema};

use crate::api::endpoint::Endpoint;
use crate::request_check::MAX_TARGET_BYTES;
use crate::serve::MAX_HEAD_BYTES;

/// Returns the OpenAPI document of endpoints.
pub(crate) fn document(endpoints: &[Endpoint]) -> OpenApi {
    let mut components = ComponentsBuilder::new()
        .security_scheme(
            "bearer",
            SecurityScheme::Http(HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build()),
        )
        .schema(Problem::name(), Problem::schema());
    let mut referenced = Vec::new();
    Problem::schemas(&mut referenced);
    let mut paths = PathsBuilder::new();
    for endpoint in endpoints {
        referenced.extend(endpoint.schemas.iter().cloned());
        let methods = vec![openapi_method(&endpoint.method)];
        let mut operation = named(with_problems(endpoint.operation.clone()));
        if let Some(RefOr::T(body)) = &mut operation.request_body {
            without_null(body);
        }
        if endpoint.template.starts_with("/v1/") {
            operation = with_long_address(limited(operation));
        }
        paths = paths.path(endpoint.template, PathItem::from_http_methods(methods, operation));
    }
    for (name, schema) in referenced {
        components = components.schema(name, schema);
    }
    let mut license = License::new("MIT OR Apache-2.0");
    license.identifier = Some("MIT OR Apache-2.0".to_owned());
    OpenApiBuilder::new()
        .info(
            InfoBuilder::new()
                .title("LetsApp")
                .version(env!("CARGO_PKG_VERSION"))
                .description(Some(
                    "Messages that are never lost. The socket is described by `/asyncapi.json`.",
                ))
                .license(Some(license)),
        )
        .components(Some(components.build()))
        .paths(paths.build())
        .build()
}

/// Prefixes an operation's id with its feature, since ids must be unique and several features have a `list`.
fn named(mut operation: Operation) -> Operation {
    let feature = operation.tags.as_ref().and_then(|tags| tags.first());
    if let (Some(feature), Some(verb)) = (feature, &operation.operation_id) {
        operation.operation_id = Some(format!("{feature}_{verb}"));
    }
    operation
}

/// States that a body may be missing instead of null: for an optional body, `utoipa` describes both.
fn without_null(body: &mut RequestBody) {
    for content in body.content.values_mut() {
        let RefOr::T(content) = content else { continue };
        let Some(RefOr::T(Schema::OneOf(choices))) = &mut content.schema else {
            continue;
        };
        choices.items.retain(|choice| !is_null(choice));
        if let [only] = choices.items.as_slice() {
            content.schema = Some(only.clone());
        }
    }
}

fn is_null(schema: &RefOr<Schema>) -> bool {
    matches!(schema, RefOr::T(Schema::Object(object)) if object.schema_type == Type::Null.into())
}

/// Adds the error responses, which every operation may return.
fn with_problems(mut operation: Operation) -> Operation {
    let problem = || {
        let content = ContentBuilder::new()
            .schema(Some(Ref::from_schema_name(Problem::name())))
            .build();
        ("application/problem+json", content)
    };
    for (status, response) in &mut operation.responses.responses {
        if let utoipa::openapi::RefOr::T(response) = response {
            if response.description.is_empty() {
                response.description = describe(status).to_owned();
            }
            if status.starts_with(['4', '5']) {
                let (name, content) = problem();
                response.content.insert(name.to_owned(), content.into());
            }
        }
    }
    let (name, content) = problem();
    let fallback = ResponseBuilder::new()
        .description("The request failed; `code` has the reason.")
        .content(name, content);
    operation
        .responses
        .responses
        .insert("default".to_owned(), fallback.build().into());
    operation
}

/// Adds the response 429 and its headers, which every operation of the API may return.
fn limited(mut operation: Operation) -> Operation {
    let content = ContentBuilder::new()
        .schema(Some(Ref::from_schema_name(Problem::name())))
        .build();
    let mut wait = Header::new(Object::with_type(Type::Integer));
    wait.description = Some("Seconds to wait.".to_owned());
    let mut policy = Header::default();
    policy.description = Some("Quota (`q`) and window in seconds (`w`) of each limit that applies.".to_owned());
    policy.example = Some("\"writes\";q=1200;w=60".into());
    let mut left = Header::default();
    left.description =
        Some("Remaining requests (`r`) and seconds until there are more (`t`) of each limit.".to_owned());
    left.example = Some("\"writes\";r=0;t=5".into());
    let response = ResponseBuilder::new()
        .description("A rate limit is exhausted: retry after `Retry-After` seconds")
        .content("application/problem+json", content)
        .header("Retry-After", wait)
        .header("RateLimit-Policy", policy)
        .header("RateLimit", left);
    let responses = &mut operation.responses.responses;
    responses.insert("429".to_owned(), response.build().into());
    operation
}

/// Adds the responses 414 and 431 to an operation that has a query, which can make address and head too long.
fn with_long_address(mut operation: Operation) -> Operation {
    let is_query = |parameter: &RefOr<Parameter>| matches!(parameter, RefOr::T(parameter) if parameter.parameter_in == ParameterIn::Query);
    if operation.parameters.iter().flatten().any(is_query) {
        for (status, part, max) in [("414", "address", MAX_TARGET_BYTES), ("431", "head", MAX_HEAD_BYTES)] {
            let description = format!("The {part} of the request is longer than {max} bytes");
            let response = ResponseBuilder::new().description(description).build();
            operation.responses.responses.insert(status.to_owned(), response.into());
        }
    }
    operation
}

fn describe(status: &str) -> &'static str {
    match status {
        "200" => "Success",
        "201" => "Created",
        "204" => "Done, or there was nothing to do",
        "403" => "Not allowed",
        "404" => "Not found, or not visible to the current user",
        _ => "",
    }
}

fn openapi_method(method: &http::Method) -> utoipa::openapi::HttpMethod {
    use utoipa::openapi::HttpMethod;
    match method.as_str() {
        "GET" => HttpMethod::Get,
        "POST" => HttpMethod::Post,
        "PUT" => HttpMethod::Put,
        "PATCH" => HttpMethod::Patch,
        "DELETE" => HttpMethod::Delete,
        "HEAD" => HttpMethod::Head,
        "OPTIONS" => HttpMethod::Options,
        other => unreachable!("no route uses {other}"),
    }
}

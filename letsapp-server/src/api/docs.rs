//! `/openapi.json`, `/asyncapi.json` and `/docs`: the documentation of the API, with Swagger UI.

use std::borrow::Cow;
use std::sync::{Arc, LazyLock};

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY};
use http::{HeaderValue, StatusCode};
use letsapp_core::protocol::Code;
use utoipa_swagger_ui::{Config, serve};
use warp::Filter;
use warp::path::Tail;
use warp::reply::Response;

use super::endpoint::{Endpoint, Route, answering};
use super::reply::Answer;
use crate::error::ApiError;
use crate::{asyncapi, openapi, response};

/// Content security policy of Swagger UI, which sets inline styles and has its logo in a `data:` URL.
const SWAGGER_CONTENT_SECURITY_POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; frame-ancestors 'none'; \
     base-uri 'none'; form-action 'none'",
);

/// Returns the routes that serve the documentation of `endpoints`. The documents are built once.
pub(super) fn routes(endpoints: &[Endpoint]) -> Vec<Route> {
    let openapi = written(&openapi::document(endpoints));
    let asyncapi = written(&asyncapi::document());
    vec![
        document("/openapi.json", warp::path!("openapi.json").boxed(), openapi),
        document("/asyncapi.json", warp::path!("asyncapi.json").boxed(), asyncapi),
        answering(
            "/docs",
            warp::path!("docs").and(warp::get()).map(|| swagger("index.html")),
        ),
        answering(
            "/docs/*",
            warp::path("docs")
                .and(warp::path::tail())
                .and(warp::get())
                .map(|tail: Tail| swagger(tail.as_str())),
        ),
    ]
}

fn written(document: &impl serde::Serialize) -> Bytes {
    serde_json::to_vec(document).expect("documents are plain data").into()
}

fn document(template: &'static str, path: warp::filters::BoxedFilter<()>, text: Bytes) -> Route {
    let answer = move || -> Answer { Ok(response::bytes(StatusCode::OK, "application/json", text.clone())) };
    answering(template, path.and(warp::get()).map(answer))
}

fn swagger(name: &str) -> Answer {
    static CONFIG: LazyLock<Arc<Config<'static>>> = LazyLock::new(|| Arc::new(Config::from("/openapi.json")));
    let name = if name.is_empty() { "index.html" } else { name };
    let file = serve(name, Arc::clone(&CONFIG))
        .ok()
        .flatten()
        .ok_or_else(|| ApiError::new(Code::NotFound))?;
    let body = match file.bytes {
        page if name == "index.html" => rebased(&page),
        // Most files are part of the program, and are shared by all who read them: the largest has 1.4 MB.
        Cow::Borrowed(bytes) => Bytes::from_static(bytes),
        Cow::Owned(bytes) => Bytes::from(bytes),
    };
    let mut response = Response::new(body.into());
    let headers = response.headers_mut();
    let content_type = HeaderValue::from_str(&file.content_type).expect("a content type is a header's value");
    headers.insert(http::header::CONTENT_TYPE, content_type);
    headers.insert(CONTENT_SECURITY_POLICY, SWAGGER_CONTENT_SECURITY_POLICY);
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    if file.gzpipped {
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    Ok(response)
}

/// Makes the page's relative links absolute, so that they work from `/docs` as well as from `/docs/`.
fn rebased(page: &[u8]) -> Bytes {
    let page = String::from_utf8_lossy(page);
    page.replace("=\"./", "=\"/docs/")
        .replace("href=\"index.css\"", "href=\"/docs/index.css\"")
        .into()
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;

    use super::*;

    #[tokio::test]
    async fn all_who_read_a_file_share_its_bytes() {
        let mut places = Vec::new();
        for _ in 0..2 {
            let response = swagger("swagger-ui-bundle.js").unwrap_or_else(|_| panic!("it is there"));
            let body = response.into_body().collect().await.unwrap().to_bytes();
            assert!(body.len() > 100_000);
            places.push(body.as_ptr());
        }
        assert_eq!(places[0], places[1]);
    }
}

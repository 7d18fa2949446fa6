//! `/`: serves the files of the web client.

use std::sync::Arc;

use http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, IF_NONE_MATCH};
use http::{HeaderMap, HeaderValue, StatusCode};
use warp::Filter;
use warp::path::FullPath;
use warp::reply::Response;

use super::endpoint::{Route, answering};
use super::reply::Answer;
use crate::server_context::ServerContext;
use crate::web::{self, Asset};

/// Returns the route for all files of the web client.
pub(super) fn route(server: &Arc<ServerContext>) -> Route {
    let asset = warp::path::full()
        .and_then(|path: FullPath| async move { web::asset(path.as_str()).ok_or_else(warp::reject::not_found) });
    let headers = warp::header::headers_cloned();
    let server = Arc::clone(server);
    let filter = asset
        .and(warp::get())
        .and(headers)
        .then(move |asset: Asset, headers: HeaderMap| {
            let server = Arc::clone(&server);
            async move { serve(asset, &headers, server.web_policy().await) }
        });
    answering("/*", filter)
}

fn serve(asset: Asset, headers: &HeaderMap, policy: HeaderValue) -> Answer {
    let known = headers
        .get_all(IF_NONE_MATCH)
        .iter()
        .any(|tags| holds(tags, asset.etag));
    let mut response = if known {
        Response::default()
    } else {
        Response::new(asset.body.into())
    };
    if known {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
    }
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(asset.content_type));
    headers.insert(ETAG, HeaderValue::from_static(asset.etag));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static(asset.cache_control));
    headers.insert(CONTENT_SECURITY_POLICY, policy);
    Ok(response)
}

/// Returns whether a list of entity tags contains one, weak or strong (RFC 9110, section 13.1.2).
fn holds(tags: &HeaderValue, etag: &str) -> bool {
    let tags = tags.to_str().unwrap_or_default().split(',').map(str::trim);
    tags.into_iter()
        .any(|tag| tag == "*" || tag.trim_start_matches("W/") == etag)
}

#[cfg(test)]
mod tests {
    use letsapp_core::LetsApp;

    use super::*;

    async fn policy_of(app: LetsApp) -> String {
        let server = Arc::new(ServerContext::new(app));
        let page = warp::test::request().path("/").reply(&route(&server)).await;
        assert_eq!(page.status(), StatusCode::OK);
        page.headers()[CONTENT_SECURITY_POLICY].to_str().unwrap().to_owned()
    }

    #[tokio::test]
    async fn the_page_shows_files_of_this_server_alone() {
        let policy = policy_of(LetsApp::in_memory().await.unwrap()).await;
        assert_eq!(policy, web::content_security_policy(None));
    }

    #[cfg(feature = "s3")]
    #[tokio::test]
    async fn the_page_may_show_the_files_of_a_bucket() {
        use letsapp_core::adapters::blobs::S3Blobs;

        let keys = [
            ("AWS_ACCESS_KEY_ID", "key"),
            ("AWS_SECRET_ACCESS_KEY", "secret"),
            ("AWS_REGION", "eu-central-1"),
        ];
        let at_aws = S3Blobs::open("s3://pictures/of/us", keys).unwrap();
        let own_server = keys.into_iter().chain([("AWS_ENDPOINT_URL", "http://127.0.0.1:9000")]);
        let elsewhere = S3Blobs::open("s3://pictures", own_server).unwrap();
        for (bucket, origin) in [
            (at_aws, "https://s3.eu-central-1.amazonaws.com"),
            (elsewhere, "http://127.0.0.1:9000"),
        ] {
            let app = LetsApp::builder().blobs(Arc::new(bucket)).build().await.unwrap();
            assert_eq!(policy_of(app).await, web::content_security_policy(Some(origin)));
        }
    }
}

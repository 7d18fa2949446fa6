//! `/`: serves the files of the web client.

use http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, IF_NONE_MATCH};
use http::{HeaderMap, HeaderValue, StatusCode};
use warp::Filter;
use warp::path::FullPath;
use warp::reply::Response;

use super::endpoint::{Route, answering};
use super::reply::Answer;
use crate::web::{self, Asset};

/// Returns the route for all files of the web client.
pub(super) fn route() -> Route {
    let asset = warp::path::full()
        .and_then(|path: FullPath| async move { web::asset(path.as_str()).ok_or_else(warp::reject::not_found) });
    let headers = warp::header::headers_cloned();
    let filter = asset
        .and(warp::get())
        .and(headers)
        .map(|asset: Asset, headers: HeaderMap| serve(asset, &headers));
    answering("/*", filter)
}

fn serve(asset: Asset, headers: &HeaderMap) -> Answer {
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
    headers.insert(
        CONTENT_SECURITY_POLICY,
        HeaderValue::from_static(web::CONTENT_SECURITY_POLICY),
    );
    Ok(response)
}

/// Returns whether a list of entity tags contains one, weak or strong (RFC 9110, section 13.1.2).
fn holds(tags: &HeaderValue, etag: &str) -> bool {
    let tags = tags.to_str().unwrap_or_default().split(',').map(str::trim);
    tags.into_iter()
        .any(|tag| tag == "*" || tag.trim_start_matches("W/") == etag)
}

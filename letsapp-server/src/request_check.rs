//! Faults of a request that HTTP itself defines, checked before it is routed. Hyper has checked the syntax by then.

use http::header::{HOST, TRANSFER_ENCODING};
use http::uri::Authority;
use http::{HeaderMap, Method, Request, StatusCode, Version};
use letsapp_core::protocol::Code;
use warp::reply::Response;

use crate::error::ApiError;

/// Maximum length of a request's path and query in bytes. The longest that a client has a use for asks for the presence
/// of 200 users by ids of 36 characters, which takes 8 KiB; this is twice as much.
pub(crate) const MAX_TARGET_BYTES: usize = 16 * 1024;

/// The refusal of a request before it is routed.
pub(crate) enum Refusal {
    /// An error with a code.
    Error(ApiError),
    /// A fault that has no code: the status says it all.
    Status(StatusCode),
}

impl Refusal {
    /// Returns the response.
    pub(crate) fn into_response(self) -> Response {
        match self {
            Self::Error(error) => error.into_response(),
            Self::Status(status) => {
                let mut response = Response::default();
                *response.status_mut() = status;
                response
            }
        }
    }
}

/// Checks the parts of a request that every route relies on.
///
/// # Errors
/// Returns the refusal with the status that HTTP defines for the fault (RFC 9110 and RFC 9112).
pub(crate) fn check<B>(request: &Request<B>) -> Result<(), Refusal> {
    if request.method() == Method::CONNECT {
        return Err(error(Code::MethodNotAllowed, "this server is not a proxy"));
    }
    // "*" addresses the server as a whole, which has options only.
    let path = request.uri().path();
    let is_of_server = path == "*" && request.method() == Method::OPTIONS;
    if !path.starts_with('/') && !is_of_server {
        return Err(error(Code::InvalidRequest, "the address must begin with a slash"));
    }
    let target = request.uri().path_and_query();
    if target.is_some_and(|target| target.as_str().len() > MAX_TARGET_BYTES) {
        return Err(Refusal::Status(StatusCode::URI_TOO_LONG));
    }
    check_host(request.version(), request.headers())?;
    check_transfer_encoding(request.headers())
}

/// Requires exactly one valid `Host` (RFC 9112, section 3.2). HTTP/1.0 has no such header, and may do without.
fn check_host(version: Version, headers: &HeaderMap) -> Result<(), Refusal> {
    let mut hosts = headers.get_all(HOST).into_iter();
    let is_valid = match (hosts.next(), hosts.next()) {
        (None, _) => version < Version::HTTP_11,
        // An empty one says that the address has no host.
        (Some(host), None) => host.is_empty() || is_authority(host.as_bytes()),
        (Some(_), Some(_)) => false,
    };
    if is_valid {
        Ok(())
    } else {
        Err(error(Code::InvalidRequest, "one valid header Host is required"))
    }
}

/// Returns whether a value of `Host` is a host with an optional port, without the name of a user.
fn is_authority(host: &[u8]) -> bool {
    !host.contains(&b'@') && Authority::try_from(host).is_ok()
}

/// Refuses transfer codings other than `chunked`. Hyper requires `chunked` to be the last one; those before it would be
/// left in the body.
fn check_transfer_encoding(headers: &HeaderMap) -> Result<(), Refusal> {
    let codings = headers.get_all(TRANSFER_ENCODING).into_iter();
    let codings: Vec<_> = codings
        .flat_map(|value| value.as_bytes().split(|byte| *byte == b','))
        .collect();
    let is_chunked = |coding: &&[u8]| coding.trim_ascii().eq_ignore_ascii_case(b"chunked");
    match codings.iter().filter(|coding| is_chunked(coding)).count() {
        chunked if chunked < codings.len() => Err(Refusal::Status(StatusCode::NOT_IMPLEMENTED)),
        0 | 1 => Ok(()),
        _ => Err(error(Code::InvalidRequest, "a body can be chunked once only")),
    }
}

fn error(code: Code, detail: &str) -> Refusal {
    Refusal::Error(ApiError::with_detail(code, detail))
}

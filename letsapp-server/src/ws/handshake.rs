//! The opening handshake of a WebSocket (RFC 6455, section 4.2).

use http::header::{
    CONNECTION, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_PROTOCOL, SEC_WEBSOCKET_VERSION, UPGRADE,
};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use letsapp_core::protocol::Code;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use warp::reply::Response;

use crate::error::ApiError;

/// The subprotocol of LetsApp sockets.
pub(crate) const SUBPROTOCOL: &str = "letsapp.v1";

/// Prefix of the subprotocol that carries the access token.
const BEARER: &str = "bearer.";

/// A valid opening handshake.
#[derive(Debug)]
pub(super) struct Handshake {
    accept: String,
    subprotocol: bool,
}

impl Handshake {
    /// Checks a request's headers.
    ///
    /// # Errors
    /// `invalid_request` if they don't open a WebSocket of version 13, or offer other subprotocols only.
    pub(super) fn read(headers: &HeaderMap) -> Result<Self, ApiError> {
        let opens = has_token(headers, &CONNECTION, "upgrade")
            && has_token(headers, &UPGRADE, "websocket")
            && has_token(headers, &SEC_WEBSOCKET_VERSION, "13");
        let mut keys = headers.get_all(SEC_WEBSOCKET_KEY).into_iter();
        let key = match (keys.next(), keys.next()) {
            (Some(key), None) if opens && is_key(key.as_bytes()) => key,
            _ => return Err(not_a_handshake()),
        };
        let subprotocol = tokens(headers, &SEC_WEBSOCKET_PROTOCOL).any(|offered| offered == SUBPROTOCOL);
        let others = tokens(headers, &SEC_WEBSOCKET_PROTOCOL).any(|offered| !offered.starts_with(BEARER));
        if others && !subprotocol {
            let detail = format!("the only supported subprotocol is {SUBPROTOCOL}");
            return Err(ApiError::with_detail(Code::InvalidRequest, detail));
        }
        Ok(Self {
            accept: derive_accept_key(key.as_bytes()),
            subprotocol,
        })
    }

    /// Returns the response 101, after which the connection is a socket.
    pub(super) fn accept(self) -> Response {
        let mut response = Response::default();
        *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
        let headers = response.headers_mut();
        headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
        headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
        let accept = HeaderValue::from_str(&self.accept).expect("base64 is visible ASCII");
        headers.insert(SEC_WEBSOCKET_ACCEPT, accept);
        if self.subprotocol {
            headers.insert(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(SUBPROTOCOL));
        }
        response
    }
}

/// Returns the access token from the subprotocols: browsers can't set `Authorization` on a WebSocket.
pub(super) fn subprotocol_token(headers: &HeaderMap) -> Option<&str> {
    tokens(headers, &SEC_WEBSOCKET_PROTOCOL).find_map(|offered| offered.strip_prefix(BEARER))
}

/// Returns the response to a handshake that failed. It names the supported version, as RFC 6455 demands (section 4.4).
pub(super) fn refusal(error: ApiError) -> Response {
    let mut response = error.into_response();
    response
        .headers_mut()
        .insert(SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
    response
}

/// Returns the error for a request that is not a handshake.
pub(super) fn not_a_handshake() -> ApiError {
    ApiError::with_detail(
        Code::InvalidRequest,
        "this route is a WebSocket: send an upgrade to version 13",
    )
}

/// Returns whether a key is 16 bytes in base64: 22 characters and the padding, where the last character has four bits
/// that no byte uses.
fn is_key(key: &[u8]) -> bool {
    let is_base64 = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/');
    match key.strip_suffix(b"==") {
        Some(text @ [.., b'A' | b'Q' | b'g' | b'w']) => text.len() == 22 && text.iter().all(is_base64),
        _ => false,
    }
}

fn has_token(headers: &HeaderMap, name: &HeaderName, token: &str) -> bool {
    tokens(headers, name).any(|found| found.eq_ignore_ascii_case(token))
}

fn tokens<'a>(headers: &'a HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'a str> + use<'a> {
    let values = headers
        .get_all(name)
        .into_iter()
        .filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).map(str::trim)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(HeaderName, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(name, HeaderValue::from_static(value));
        }
        headers
    }

    fn opening(protocol: &'static str) -> HeaderMap {
        headers(&[
            (CONNECTION, "keep-alive, Upgrade"),
            (UPGRADE, "WebSocket"),
            (SEC_WEBSOCKET_VERSION, "13"),
            (SEC_WEBSOCKET_KEY, "dGhlIHNhbXBsZSBub25jZQ=="),
            (SEC_WEBSOCKET_PROTOCOL, protocol),
        ])
    }

    #[test]
    fn the_sample_of_the_rfc_is_accepted() {
        let response = Handshake::read(&opening("letsapp.v1, bearer.abc")).unwrap().accept();
        assert_eq!(response.status(), StatusCode::SWITCHING_PROTOCOLS);
        assert_eq!(response.headers()[SEC_WEBSOCKET_ACCEPT], "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
        assert_eq!(response.headers()[SEC_WEBSOCKET_PROTOCOL], SUBPROTOCOL);
    }

    #[test]
    fn a_token_comes_as_a_subprotocol() {
        assert_eq!(subprotocol_token(&opening("letsapp.v1, bearer.a.b.c")), Some("a.b.c"));
        assert_eq!(subprotocol_token(&opening("letsapp.v1")), None);
    }

    #[test]
    fn an_incomplete_handshake_is_refused() {
        for missing in [CONNECTION, UPGRADE, SEC_WEBSOCKET_VERSION, SEC_WEBSOCKET_KEY] {
            let mut headers = opening(SUBPROTOCOL);
            headers.remove(&missing);
            assert!(Handshake::read(&headers).is_err(), "without {missing}");
        }
        assert!(Handshake::read(&opening("mqtt")).is_err());
    }

    #[test]
    fn a_key_is_sixteen_bytes_in_base64() {
        for key in [
            "x",
            "",
            "dGhlIHNhbXBsZSBub25jZQ",
            "dGhlIHNhbXBsZSBub25jZR==",
            "dGhlIHNhbXBsZSBub25jZQ===",
            "AAAA",
        ] {
            let mut headers = opening(SUBPROTOCOL);
            headers.insert(SEC_WEBSOCKET_KEY, HeaderValue::from_static(key));
            assert!(Handshake::read(&headers).is_err(), "{key}");
        }
        let mut headers = opening(SUBPROTOCOL);
        headers.append(SEC_WEBSOCKET_KEY, HeaderValue::from_static("AAAAAAAAAAAAAAAAAAAAAA=="));
        assert!(Handshake::read(&headers).is_err(), "two keys");
    }
}

//! Limits at the edge: which class a request is of, who it is counted for, and what clients are told of it.
//!
//! What is counted by address is counted before anything of a request is read; what is counted by user, before its body
//! is. The rules and the numbers are [`letsapp_core::engine::limiter`]'s.

mod headers;
mod proxies;
mod request_limits;

use http::Method;
use letsapp_core::domain::limit::Class;
use letsapp_core::protocol::Op;

pub(crate) use headers::seconds;
pub use proxies::{ForwardedHeader, TrustedProxies};
pub(crate) use request_limits::{RequestInspector, RequestLimits};

/// Tells which class a request is of. What is not named here is a read or a write by its method.
pub(crate) fn class_of(method: &Method, path: &str) -> Class {
    // The routes take a path with a slash at its end, too.
    let path = path.strip_suffix('/').unwrap_or(path);
    match (method.as_str(), path) {
        ("POST", "/v1/auth/register" | "/v1/auth/login" | "/v1/auth/password") | ("DELETE", "/v1/me") => {
            Class::Credentials
        }
        ("POST", "/v1/auth/refresh") => Class::Refreshes,
        ("GET", "/v1/ws") => Class::Connections,
        ("GET", "/v1/search" | "/v1/users") => Class::Searches,
        ("POST", "/v1/sync") => Class::Syncs,
        ("POST", path) if path.starts_with("/v1/conversations/") && path.ends_with("/receipts") => Class::Signals,
        ("GET" | "HEAD", _) => Class::Reads,
        _ => Class::Writes,
    }
}

/// Tells which class an operation of the socket is of: the same as its route.
pub(crate) fn class_of_op(op: Op) -> Class {
    match op {
        Op::MessageSend | Op::MessageEdit | Op::MessageDelete | Op::MessageReact => Class::Writes,
        Op::Sync => Class::Syncs,
        Op::PresenceWatch => Class::Reads,
        Op::Receipt | Op::Typing | Op::Ping => Class::Signals,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_special_is_so_with_a_slash_at_its_end() {
        for (method, path, class) in [
            (Method::POST, "/v1/auth/login", Class::Credentials),
            (Method::POST, "/v1/auth/login/", Class::Credentials),
            (Method::GET, "/v1/auth/login", Class::Reads),
            (Method::GET, "/v1/auth/sessions", Class::Reads),
            (Method::POST, "/v1/auth/refresh/", Class::Refreshes),
            (Method::DELETE, "/v1/me", Class::Credentials),
            (Method::PATCH, "/v1/me", Class::Writes),
            (Method::GET, "/v1/users", Class::Searches),
            (
                Method::GET,
                "/v1/users/8c5f1b1e-0b1d-4d6e-9a51-6b4c1f1f0a10",
                Class::Reads,
            ),
            (Method::POST, "/v1/conversations/x/receipts", Class::Signals),
            (Method::GET, "/v1/conversations/x/receipts", Class::Reads),
            (Method::POST, "/v1/conversations/x/messages", Class::Writes),
        ] {
            assert_eq!(class_of(&method, path), class, "{method} {path}");
        }
    }

    #[test]
    fn an_operation_of_the_socket_counts_as_its_route_does() {
        for (op, class) in [
            (Op::MessageSend, Class::Writes),
            (Op::MessageEdit, Class::Writes),
            (Op::MessageDelete, Class::Writes),
            (Op::MessageReact, Class::Writes),
            (Op::Receipt, Class::Signals),
            (Op::Typing, Class::Signals),
            (Op::PresenceWatch, class_of(&Method::GET, "/v1/presence")),
            (Op::Sync, class_of(&Method::POST, "/v1/sync")),
            (Op::Ping, Class::Signals),
        ] {
            assert_eq!(class_of_op(op), class, "{op:?}");
        }
    }
}

//! Rate limits for requests: assigns each route and socket operation to a class, and writes the `RateLimit` headers.
//!
//! Logging in, registering, changing the password and deleting the account are in [`Class::Credentials`]: the login
//! limit is here. Failed login attempts are counted per account as well, in `api/request_context.rs`.
//!
//! Limits by address are checked before authentication, limits by user before the body is read. Quotas and counting are
//! in [`letsapp_core::domain::limit`] and [`letsapp_core::engine::limiter`]; `config/rate_limits.rs` reads quotas from
//! the configuration.

mod headers;
mod proxies;
mod request_limits;

use http::Method;
use letsapp_core::domain::id::UserId;
use letsapp_core::domain::limit::Class;
use letsapp_core::engine::limiter::{Limiter, Subject};
use letsapp_core::protocol::Op;

pub(crate) use headers::seconds;
pub use proxies::{ForwardedHeader, TrustedProxies};
pub(crate) use request_limits::{RequestInspector, RequestLimits};

/// Returns the class of a request. `login` and the other routes that check a password are [`Class::Credentials`]; a
/// route without an entry here is a read or a write by its method.
pub(crate) fn class_of(method: &Method, path: &str) -> Class {
    // Routes accept a trailing slash, so it must not lead around a limit.
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

/// Returns the class of a socket operation: that of the HTTP route for the same thing.
pub(crate) fn class_of_op(op: Op) -> Class {
    match op {
        Op::MessageSend | Op::MessageEdit | Op::MessageDelete | Op::MessageReact => Class::Writes,
        Op::Sync => Class::Syncs,
        Op::PresenceWatch => Class::Reads,
        Op::Receipt | Op::Typing | Op::Ping => Class::Signals,
    }
}

/// Size of an answer in bytes that is part of its request's cost; each further one costs as much as a request. Of the
/// largest answers, of 4 MiB, the default limit of syncs allows seven at once and one every eight seconds.
const ANSWER_UNIT_BYTES: usize = 256 * 1024;

/// Charges an answer of this size to its user, in addition to the request that was counted before. Uses up what is left
/// if that is less: the answer is made already, and only the next request can wait for it.
pub(crate) fn charge_answer(limiter: &Limiter, class: Class, user_id: UserId, bytes: usize) {
    let cost = u32::try_from(bytes / ANSWER_UNIT_BYTES).unwrap_or(u32::MAX);
    if cost > 0 {
        limiter.charge(class, Subject::User(user_id), cost);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trailing_slash_does_not_change_the_class() {
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

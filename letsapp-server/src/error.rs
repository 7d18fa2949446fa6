//! Converts errors of the services into API errors: the only place that assigns error codes to them.

use std::time::Duration;

use http::header::{RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, StatusCode};
use letsapp_core::domain::limit::{LimitState, Wait};
use letsapp_core::domain::page::InvalidCursor;
use letsapp_core::ports::{BoxError, RepositoryError};
use letsapp_core::protocol::fields::Unreadable;
use letsapp_core::protocol::{Code, FieldError, MAX_ERRORS, Problem};
use letsapp_core::services::contacts::ContactError;
use letsapp_core::services::presence::PresenceError;
use letsapp_core::services::users::UserError;
use letsapp_core::services::{AuthError, ConversationError, MediaError};
use warp::reply::Response;

use crate::rate_limits::seconds;
use crate::response;

/// An error response: the problem for the client, and the cause for the log only.
#[derive(Debug)]
pub(crate) struct ApiError {
    // Boxed to keep `Result<Response, ApiError>` small: every handler returns one.
    problem: Box<Problem>,
    cause: Option<BoxError>,
    /// The limit of a service that is exhausted, for the headers of the response.
    limit: Option<Box<LimitState>>,
}

impl ApiError {
    /// Creates an error with the title of its code as detail.
    pub(crate) fn new(code: Code) -> Self {
        Self {
            problem: Box::new(Problem::new(code)),
            cause: None,
            limit: None,
        }
    }

    /// Creates an error with a detail that the client may show.
    pub(crate) fn with_detail(code: Code, detail: impl Into<String>) -> Self {
        Self {
            problem: Box::new(Problem::new(code).with_detail(detail)),
            cause: None,
            limit: None,
        }
    }

    /// Creates a `validation_failed` error from the invalid fields.
    pub(crate) fn invalid(mut errors: Vec<FieldError>) -> Self {
        errors.truncate(MAX_ERRORS);
        Self {
            problem: Box::new(Problem {
                errors,
                ..Problem::new(Code::ValidationFailed)
            }),
            cause: None,
            limit: None,
        }
    }

    /// Creates a `forbidden` error that names the fields for which it is forbidden.
    fn forbidden(detail: impl Into<String>, mut errors: Vec<FieldError>) -> Self {
        errors.truncate(MAX_ERRORS);
        Self {
            problem: Box::new(Problem {
                errors,
                ..Problem::new(Code::Forbidden).with_detail(detail)
            }),
            cause: None,
            limit: None,
        }
    }

    /// Creates a `validation_failed` error for one field.
    pub(crate) fn field(name: &str, code: &str, detail: impl Into<String>) -> Self {
        Self::invalid(vec![FieldError::new(name, code, detail)])
    }

    /// Creates a `rate_limited` error that asks the client to wait. The wait is rounded up to whole seconds,
    /// and at least 1.
    pub(crate) fn limited(wait: Duration) -> Self {
        let seconds = seconds(wait).max(1);
        let unit = if seconds == 1 { "second" } else { "seconds" };
        let mut error = Self::with_detail(
            Code::RateLimited,
            format!("too many requests: try again in {seconds} {unit}"),
        );
        error.problem.retry_after = Some(seconds);
        error
    }

    /// Answers with another status than the code has: one of the protocol for resumable uploads.
    pub(crate) fn with_status(mut self, status: StatusCode) -> Self {
        self.problem.status = status.as_u16();
        self
    }

    /// Creates an error whose cause is logged and hidden from the client.
    fn with_cause(code: Code, cause: impl Into<BoxError>) -> Self {
        Self {
            problem: Box::new(Problem::new(code)),
            cause: Some(cause.into()),
            limit: None,
        }
    }

    /// Returns the problem for the client and logs the cause. No other code logs it.
    pub(crate) fn into_problem(self) -> Problem {
        if let Some(cause) = self.cause {
            let cause = chain(&*cause);
            if self.problem.code == Code::Internal {
                tracing::error!(cause, "a request failed with an internal error");
            } else {
                tracing::warn!(cause, "a request failed because the store is unavailable");
            }
        }
        *self.problem
    }

    /// Converts the error into an HTTP response.
    pub(crate) fn into_response(mut self) -> Response {
        let limit = self.limit.take();
        let mut problem = self.into_problem();
        // Moves the wait from the body to the header `Retry-After`; only replies on the socket have it in the body.
        let retry_after = problem.retry_after.take();
        let status = StatusCode::from_u16(problem.status).expect("every code has an HTTP status");
        let mut response = response::json(status, "application/problem+json", &problem);
        if let Some(limit) = limit {
            response.extensions_mut().insert(*limit);
        }
        let headers = response.headers_mut();
        match problem.code {
            Code::Unauthenticated => {
                headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            }
            Code::TokenExpired => {
                headers.insert(
                    WWW_AUTHENTICATE,
                    HeaderValue::from_static("Bearer error=\"invalid_token\""),
                );
            }
            Code::Unavailable => {
                // A store that fails over is back in seconds; clients add their own backoff.
                headers.insert(RETRY_AFTER, HeaderValue::from_static("1"));
            }
            Code::InvalidRequest
            | Code::Forbidden
            | Code::NotFound
            | Code::MethodNotAllowed
            | Code::Conflict
            | Code::PayloadTooLarge
            | Code::UnsupportedMediaType
            | Code::RangeNotSatisfiable
            | Code::ValidationFailed
            | Code::Infected
            | Code::UploadConflict
            | Code::ChecksumMismatch
            | Code::RateLimited
            | Code::Internal => {}
        }
        if let Some(seconds) = retry_after {
            headers.insert(RETRY_AFTER, seconds.into());
        }
        response
    }
}

impl From<AuthError> for ApiError {
    fn from(error: AuthError) -> Self {
        let detail = error.to_string();
        match error {
            AuthError::WrongCredentials | AuthError::Unauthenticated => {
                Self::with_detail(Code::Unauthenticated, detail)
            }
            AuthError::TokenExpired => Self::with_detail(Code::TokenExpired, detail),
            AuthError::WrongPassword => Self::with_detail(Code::Forbidden, detail),
            AuthError::UsernameTaken | AuthError::EmailTaken => Self::with_detail(Code::Conflict, detail),
            AuthError::NotFound => Self::with_detail(Code::NotFound, detail),
            AuthError::Store(error) => error.into(),
        }
    }
}

impl From<Wait> for ApiError {
    fn from(Wait(wait): Wait) -> Self {
        Self::limited(wait)
    }
}

impl From<UserError> for ApiError {
    fn from(error: UserError) -> Self {
        let detail = error.to_string();
        match error {
            UserError::NotFound => Self::with_detail(Code::NotFound, detail),
            UserError::EmailTaken => Self::with_detail(Code::Conflict, detail),
            UserError::UnknownPicture => Self::field("avatar_media_id", "not_found", detail),
            UserError::Store(error) => error.into(),
        }
    }
}

impl From<ContactError> for ApiError {
    fn from(error: ContactError) -> Self {
        let detail = error.to_string();
        match error {
            ContactError::NotFound => Self::with_detail(Code::NotFound, detail),
            ContactError::Oneself => Self::field("user_id", "is_self", detail),
            ContactError::Store(error) => error.into(),
        }
    }
}

impl From<ConversationError> for ApiError {
    fn from(error: ConversationError) -> Self {
        let detail = error.to_string();
        match error {
            ConversationError::NotFound => Self::with_detail(Code::NotFound, detail),
            ConversationError::Forbidden(_) => Self::with_detail(Code::Forbidden, detail),
            ConversationError::NotAddable(errors) => Self::forbidden(detail, errors),
            ConversationError::RateLimited(limit) => Self {
                limit: Some(Box::new(limit)),
                ..Self::limited(limit.decision.retry_after)
            },
            ConversationError::Conflict => Self::with_detail(Code::Conflict, detail),
            ConversationError::Invalid(errors) => Self::invalid(errors),
            ConversationError::Store(error) => error.into(),
        }
    }
}

impl From<MediaError> for ApiError {
    fn from(error: MediaError) -> Self {
        let detail = error.to_string();
        match error {
            MediaError::NotFound => Self::with_detail(Code::NotFound, detail),
            MediaError::Ended => Self::with_detail(Code::NotFound, detail).with_status(StatusCode::GONE),
            MediaError::NotTheOwner | MediaError::BadLink => Self::with_detail(Code::Forbidden, detail),
            MediaError::Conflict | MediaError::InUse => Self::with_detail(Code::Conflict, detail),
            MediaError::TooLarge(error) => Self {
                problem: Box::new(Problem {
                    errors: vec![error],
                    ..Problem::new(Code::PayloadTooLarge).with_detail(detail)
                }),
                cause: None,
                limit: None,
            },
            MediaError::WrongType(refusal) => Self {
                problem: Box::new(Problem {
                    errors: vec![FieldError::new("file", refusal.code(), refusal.to_string())],
                    ..Problem::new(Code::UnsupportedMediaType).with_detail(detail)
                }),
                cause: None,
                limit: None,
            },
            MediaError::BadPicture(refusal) => Self::field("file", refusal.code(), refusal.to_string()),
            MediaError::Infected(_) => Self::with_detail(Code::Infected, detail),
            MediaError::Invalid(errors) => Self::invalid(errors),
            MediaError::Broken(_) => Self::with_detail(Code::InvalidRequest, detail),
            MediaError::Checksum => Self::with_detail(Code::ChecksumMismatch, detail),
            MediaError::WrongOffset(_) => Self::with_detail(Code::UploadConflict, detail),
            MediaError::Store(error) => error.into(),
        }
    }
}

impl From<PresenceError> for ApiError {
    fn from(error: PresenceError) -> Self {
        let detail = error.to_string();
        match error {
            PresenceError::TooMany => Self::field("user_ids", "too_many", detail),
            PresenceError::Store(error) => error.into(),
        }
    }
}

impl From<RepositoryError> for ApiError {
    fn from(error: RepositoryError) -> Self {
        match error {
            RepositoryError::Unavailable(_) => Self::with_cause(Code::Unavailable, error),
            RepositoryError::Internal(_) => Self::with_cause(Code::Internal, error),
        }
    }
}

impl From<Unreadable> for ApiError {
    fn from(error: Unreadable) -> Self {
        match error {
            Unreadable::Syntax(error) => Self::with_detail(Code::InvalidRequest, format!("not JSON: {error}")),
            Unreadable::Invalid(errors) => Self::invalid(errors),
        }
    }
}

impl From<InvalidCursor> for ApiError {
    fn from(error: InvalidCursor) -> Self {
        Self::with_detail(Code::InvalidRequest, error.to_string())
    }
}

/// Returns an error and its causes in one line.
pub(crate) fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cause_of_a_store_error_is_not_sent_to_clients() {
        for (error, status) in [
            (RepositoryError::internal("row 7 is broken"), 500),
            (RepositoryError::unavailable("10.0.0.7 is down"), 503),
        ] {
            let problem = ApiError::from(ConversationError::Store(error)).into_problem();
            assert_eq!(problem.status, status);
            assert_eq!(problem.detail, Some(problem.title));
        }
    }

    #[test]
    fn wrong_credentials_are_unauthenticated() {
        let problem = ApiError::from(AuthError::WrongCredentials).into_problem();
        assert_eq!((problem.code, problem.status), (Code::Unauthenticated, 401));
        assert!(
            ApiError::from(AuthError::WrongCredentials)
                .into_response()
                .headers()
                .contains_key(WWW_AUTHENTICATE)
        );
    }

    #[test]
    fn a_wait_is_sent_in_whole_seconds_rounded_up() {
        for (millis, seconds) in [(0, "1"), (1, "1"), (1_000, "1"), (4_001, "5")] {
            let response = ApiError::limited(Duration::from_millis(millis)).into_response();
            assert_eq!(
                (response.status().as_u16(), &response.headers()[RETRY_AFTER]),
                (429, &HeaderValue::from_static(seconds))
            );
        }
        let problem = ApiError::from(Wait(Duration::from_secs(5))).into_problem();
        assert_eq!((problem.code, problem.retry_after), (Code::RateLimited, Some(5)));
        assert_eq!(
            problem.detail.as_deref(),
            Some("too many requests: try again in 5 seconds")
        );
    }

    #[test]
    fn an_error_is_written_with_its_causes() {
        assert_eq!(
            chain(&RepositoryError::internal("the disk is full")),
            "the store failed: the disk is full"
        );
    }
}

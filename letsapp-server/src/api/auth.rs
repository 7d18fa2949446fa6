//! `/v1/auth`: registration, login, token refresh, logout, passwords and sessions.
//!
//! Login attempts are limited by `RequestContext::check_password`, and by address in `rate_limits/`.

use std::sync::Arc;

use http::StatusCode;
use letsapp_core::domain::id::SessionId;
use letsapp_core::protocol::requests::{ChangePassword, Login, Refresh, Register};
use letsapp_core::protocol::{List, SessionInfo, SignedIn, Tokens};
use letsapp_core::services::AuthError;
use serde::Serialize;
use warp::Filter;

use super::body::{Json, json};
use super::endpoint::Endpoint;
use super::reply::{self, Answer};
use super::request_context::{RequestContext, request_context};
use crate::security_log::{Account, Outcome, SecurityEvent, record};
use crate::server_context::ServerContext;

/// The response of `refresh`.
#[derive(Serialize, utoipa::ToSchema)]
struct Refreshed {
    /// The new access token and refresh token.
    tokens: Tokens,
}

/// Returns the endpoints of this module.
pub(super) fn routes(server: &Arc<ServerContext>) -> Vec<Endpoint> {
    let auth = || warp::path("v1").and(warp::path("auth"));
    let at = |name: &'static str| auth().and(warp::path(name)).and(warp::path::end());
    let session = auth()
        .and(warp::path("sessions"))
        .and(warp::path::param::<SessionId>())
        .and(warp::path::end());
    let (context, json) = (request_context(server), json());
    vec![
        Endpoint::new::<__path_register>(
            at("register")
                .and(warp::post())
                .and(context.clone())
                .and(json.clone())
                .then(register),
        ),
        Endpoint::new::<__path_login>(
            at("login")
                .and(warp::post())
                .and(context.clone())
                .and(json.clone())
                .then(login),
        ),
        Endpoint::new::<__path_refresh>(
            at("refresh")
                .and(warp::post())
                .and(context.clone())
                .and(json.clone())
                .then(refresh),
        ),
        Endpoint::new::<__path_logout>(at("logout").and(warp::post()).and(context.clone()).then(logout)),
        Endpoint::new::<__path_password>(
            at("password")
                .and(warp::post())
                .and(context.clone())
                .and(json)
                .then(password),
        ),
        Endpoint::new::<__path_sessions>(at("sessions").and(warp::get()).and(context.clone()).then(sessions)),
        Endpoint::new::<__path_revoke>(session.and(warp::delete()).and(context).then(revoke)),
    ]
}

/// Creates an account and signs in to it.
#[utoipa::path(post, path = "/v1/auth/register", tag = "auth", request_body = Register,
    responses((status = 201, body = SignedIn), (status = 409, description = "The username or the email is taken")))]
async fn register(context: RequestContext, body: Json) -> Answer {
    let request = body.read::<Register>().await?;
    let signed_in = context.app().auth().register(request).await?;
    let account = Account::Id(signed_in.user.id);
    record(SecurityEvent::Registration, &account, Outcome::Done);
    Ok(reply::json(StatusCode::CREATED, &signed_in))
}

/// Signs in with a username or email, and a password.
#[utoipa::path(post, path = "/v1/auth/login", tag = "auth", request_body = Login,
    responses((status = 200, body = SignedIn), (status = 401, description = "The username or the password is wrong")))]
async fn login(context: RequestContext, body: Json) -> Answer {
    let request = body.read::<Login>().await?;
    let name = request.username.clone();
    let signed_in = context.app().auth().login(request);
    let checked = context.check_password(SecurityEvent::Login, Account::Named(&name), signed_in);
    reply::ok(&checked.await?)
}

/// Exchanges a refresh token for new tokens; it can be used once.
#[utoipa::path(post, path = "/v1/auth/refresh", tag = "auth", request_body = Refresh,
    responses((status = 200, body = Refreshed),
        (status = 401, description = "The token was used before, or its session has ended")))]
async fn refresh(context: RequestContext, body: Json) -> Answer {
    let request = body.read::<Refresh>().await?;
    match context.app().auth().refresh(request.refresh_token.expose()).await {
        Ok(tokens) => reply::ok(&Refreshed { tokens }),
        Err(error) => {
            // A refresh that succeeds is no event: each client does it every quarter of an hour.
            let outcome = match &error {
                AuthError::Store(_) => Outcome::Failed,
                _ => Outcome::Refused,
            };
            record(SecurityEvent::Refresh, &Account::Unknown, outcome);
            Err(error.into())
        }
    }
}

/// Ends the current session and closes its sockets.
#[utoipa::path(post, path = "/v1/auth/logout", tag = "auth", responses((status = 204)), security(("bearer" = [])))]
async fn logout(context: RequestContext) -> Answer {
    let principal = context.principal().await?;
    context.app().auth().logout(&principal).await?;
    record(SecurityEvent::Logout, &Account::Id(principal.user_id), Outcome::Done);
    reply::done()
}

/// Changes the password and ends every other session.
#[utoipa::path(post, path = "/v1/auth/password", tag = "auth", request_body = ChangePassword,
    responses((status = 204), (status = 403, description = "The current password is wrong")),
    security(("bearer" = [])))]
async fn password(context: RequestContext, body: Json) -> Answer {
    let principal = context.principal().await?;
    let request = body.read::<ChangePassword>().await?;
    let changed = context.app().auth().change_password(&principal, request);
    let account = Account::Id(principal.user_id);
    context
        .check_password(SecurityEvent::PasswordChange, account, changed)
        .await?;
    reply::done()
}

/// Lists the sessions of the current user, one per signed-in device: all of them, unless these are more than an answer
/// can hold.
#[utoipa::path(get, path = "/v1/auth/sessions", tag = "auth",
    params(("cursor" = Option<String>, Query, max_length = 1024)),
    responses((status = 200, body = List<SessionInfo>)), security(("bearer" = [])))]
async fn sessions(context: RequestContext) -> Answer {
    const LIST: &str = "sessions";
    let principal = context.principal().await?;
    let after = context.query().cursor(context.app().cursor_key(), LIST)?;
    let page = context.app().auth().sessions(&principal, after).await?;
    reply::page(&context, LIST, page)
}

/// Ends a session, which signs its device out.
#[utoipa::path(delete, path = "/v1/auth/sessions/{id}", tag = "auth", params(("id" = SessionId, Path)),
    responses((status = 204), (status = 404)), security(("bearer" = [])))]
async fn revoke(id: SessionId, context: RequestContext) -> Answer {
    let principal = context.principal().await?;
    context.app().auth().revoke_session(&principal, id).await?;
    record(
        SecurityEvent::Revocation,
        &Account::Id(principal.user_id),
        Outcome::Done,
    );
    reply::done()
}

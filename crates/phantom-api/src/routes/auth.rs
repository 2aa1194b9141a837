//! Logging in and out.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::atomic::Ordering;
use std::time::Instant;

use axum::Extension;
use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use phantom_core::Timestamp;
use phantom_store::{AuditRow, NewToken, Role, User};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::access::{Identity, MAX_PASSWORD, new_token, verify_password};
use crate::extract::Body;
use crate::guard::{COOKIE, check_csrf, shorten};
use crate::problem::Problem;
use crate::state::{Counts, Peer, blocking};
use crate::{ApiState, shape};

/// A name and a password.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct LoginForm {
    username: String,
    password: String,
}

/// Who is logged in.
#[derive(Serialize, ToSchema)]
pub(crate) struct Me {
    name: String,
    #[schema(value_type = shape::Role)]
    role: Role,
    /// Whether a cookie rather than a bearer token says so.
    browser: bool,
}

/// Logs a browser in
///
/// Sets the session cookie (HttpOnly, SameSite=Strict). Unsafe requests with the cookie must carry the header
/// `x-phantomnet-csrf` with any value. After five failures an address may try once in ten seconds.
#[utoipa::path(post, path = "/api/v1/auth/login", tag = "access", security(()),
    request_body = LoginForm, responses((status = OK, body = Me)))]
pub(crate) async fn login(
    State(state): State<ApiState>,
    peer: Option<Extension<Peer>>,
    headers: HeaderMap,
    Body(given): Body<LoginForm>,
) -> Result<Response, Problem> {
    check_csrf(&headers)?;
    let from = peer.map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |peer| peer.0.0);
    if let Err(wait) = state.throttle(|throttle| throttle.take(from, Instant::now())) {
        Counts::add(&state.counts().throttled, 1);
        return Err(Problem::throttled(wait.as_secs() + 1, "too many failed logins from this address"));
    }
    let user = check(&state, &given).await?;
    let row = |action: &str, name: &str| AuditRow {
        time: Timestamp::now(),
        actor: shorten(name),
        action: action.to_owned(),
        target: String::new(),
        detail: format!("from {from}"),
    };
    let Some(user) = user else {
        state.counts().logins_failed.fetch_add(1, Ordering::Relaxed);
        let row = row("login_failed", &given.username);
        state.store(move |store| store.add_audit(&row)).await?;
        return Err(Problem::unauthorised("the name or the password is wrong"));
    };
    state.throttle(|throttle| throttle.succeeded(from));
    let (secret, hash) = new_token().map_err(|error| {
        tracing::error!(%error, "no session can be made");
        Problem::internal()
    })?;
    let created = Timestamp::now();
    let token = NewToken {
        hash,
        name: String::new(),
        user: Some(user.name.clone()),
        role: user.role,
        created,
        expires: created.checked_add(state.settings().session).ok(),
        browser: true,
    };
    let row = row("login", &user.name);
    state.store(move |store| store.add_token(&token).and_then(|_| store.add_audit(&row))).await?;
    let me = Me { name: user.name, role: user.role, browser: true };
    let age = state.settings().session.as_secs();
    Ok(with_cookie(Json(me).into_response(), &state, &secret, age))
}

/// The user, if name and password are right.
async fn check(state: &ApiState, given: &LoginForm) -> Result<Option<User>, Problem> {
    if given.password.len() > MAX_PASSWORD || given.username.len() > 256 {
        return Ok(None);
    }
    let name = given.username.clone();
    let user = state.store(move |store| store.user(&name)).await?;
    let right =
        password_is(state, user.as_ref().map(|user| user.hash.clone()), given.password.clone()).await?;
    Ok(user.filter(|_| right))
}

/// Whether the password is that of the hash; waits for its turn.
pub(crate) async fn password_is(
    state: &ApiState,
    hash: Option<String>,
    password: String,
) -> Result<bool, Problem> {
    let _turn = state.hashing().acquire().await.map_err(|_| Problem::internal())?;
    blocking(move || verify_password(&password, hash.as_deref())).await
}

/// Logs out
///
/// Ends the session, or revokes the bearer token used.
#[utoipa::path(post, path = "/api/v1/auth/logout", tag = "access", responses((status = NO_CONTENT)))]
pub(crate) async fn logout(State(state): State<ApiState>, identity: Identity) -> Result<Response, Problem> {
    state.store(move |store| store.revoke_token(identity.token)).await?;
    Ok(with_cookie(StatusCode::NO_CONTENT.into_response(), &state, "", 0))
}

/// Who is logged in
#[utoipa::path(get, path = "/api/v1/auth/me", tag = "access", responses((status = OK, body = Me)))]
pub(crate) async fn me(identity: Identity) -> Json<Me> {
    Json(Me { name: identity.name, role: identity.role, browser: identity.browser })
}

fn with_cookie(mut response: Response, state: &ApiState, secret: &str, age: u64) -> Response {
    let secure = if state.settings().tls { "; Secure" } else { "" };
    let cookie = format!("{COOKIE}={secret}; HttpOnly; SameSite=Strict; Path=/; Max-Age={age}{secure}");
    if let Ok(cookie) = HeaderValue::from_str(&cookie) {
        response.headers_mut().insert(header::SET_COOKIE, cookie);
    }
    response
}

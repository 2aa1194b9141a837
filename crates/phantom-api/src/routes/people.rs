//! Users, tokens and the audit trail.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use phantom_core::{Timestamp, duration};
use phantom_store::{AuditRow, NewToken, Page, Role, Token, User};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::access::{Identity, PasswordError, hash_password, new_token};
use crate::extract::{Body, Limit, Path, Query, When, paging};
use crate::guard::Admin;
use crate::problem::Problem;
use crate::routes::auth::password_is;
use crate::state::blocking;
use crate::{ApiState, shape};

/// Somebody to be added.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewUser {
    /// 1 to 64 of the letters a to z, digits, `.`, `_` and `-`.
    name: String,
    /// 12 to 1024 bytes.
    password: String,
    #[schema(value_type = shape::Role)]
    role: Role,
}

/// A new password.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewPassword {
    /// 12 to 1024 bytes.
    password: String,
    /// The password until now; needed for one's own.
    current: Option<String>,
}

/// A token to be made.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct TokenOrder {
    /// What a person calls it, 1 to 64 characters.
    name: String,
    /// At most one's own.
    #[schema(value_type = shape::Role)]
    role: Role,
    /// For how long, such as `90d`; without end when absent.
    lasts: Option<String>,
}

/// A new token. The secret is told this once.
#[derive(Serialize, ToSchema)]
pub(crate) struct MadeToken {
    id: i64,
    /// For `Authorization: Bearer`.
    token: String,
}

/// Which part of the audit trail.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct AuditParams {
    /// RFC 3339, or a span before now such as `24h`.
    #[param(value_type = Option<String>)]
    since: Option<When>,
    /// As `since`; exclusive.
    #[param(value_type = Option<String>)]
    until: Option<When>,
    /// 1 to 1000; 100 when absent.
    #[param(value_type = Option<u16>, minimum = 1, maximum = 1000)]
    limit: Option<Limit>,
    /// `next` of the page before.
    cursor: Option<String>,
}

/// Users
///
/// Role: admin.
#[utoipa::path(get, path = "/api/v1/users", tag = "access", responses((status = OK, body = Vec<shape::User>)))]
pub(crate) async fn users(State(state): State<ApiState>, _: Admin) -> Result<Json<Vec<User>>, Problem> {
    Ok(Json(state.store(|store| store.users()).await?))
}

/// Adds a user
///
/// Role: admin.
#[utoipa::path(post, path = "/api/v1/users", tag = "access", request_body = NewUser,
    responses((status = CREATED, body = shape::User)))]
pub(crate) async fn add_user(
    State(state): State<ApiState>,
    _: Admin,
    Body(new): Body<NewUser>,
) -> Result<(StatusCode, Json<User>), Problem> {
    let fits = (1..=64).contains(&new.name.len())
        && new.name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"._-".contains(&b));
    if !fits {
        return Err(Problem::invalid("name: not 1 to 64 of the letters a to z, digits, '.', '_' and '-'"));
    }
    let user = User {
        name: new.name,
        role: new.role,
        hash: hashed(&state, new.password).await?,
        created: Timestamp::now(),
    };
    let stored = user.clone();
    state.store(move |store| store.add_user(&stored)).await?;
    Ok((StatusCode::CREATED, Json(user)))
}

/// Removes a user, their tokens and sessions
///
/// Role: admin. The last administrator cannot be removed.
#[utoipa::path(delete, path = "/api/v1/users/{name}", tag = "access",
    params(("name" = String, Path, description = "The user")), responses((status = NO_CONTENT)))]
pub(crate) async fn remove_user(
    State(state): State<ApiState>,
    _: Admin,
    Path(name): Path<String>,
) -> Result<StatusCode, Problem> {
    let removed = state
        .store(move |store| {
            let mut others = store.users()?.into_iter().filter(|user| user.name != name);
            if !others.any(|user| user.role == Role::Admin) {
                return Ok(None);
            }
            store.remove_user(&name).map(Some)
        })
        .await?;
    match removed {
        None => Err(Problem::conflict("this would leave no administrator")),
        Some(false) => Err(Problem::not_found("there is no such user")),
        Some(true) => Ok(StatusCode::NO_CONTENT),
    }
}

/// Sets a password and ends the user's browser sessions
///
/// One's own with `current`; another's with the role admin.
#[utoipa::path(put, path = "/api/v1/users/{name}/password", tag = "access", request_body = NewPassword,
    params(("name" = String, Path, description = "The user")), responses((status = NO_CONTENT)))]
pub(crate) async fn set_password(
    State(state): State<ApiState>,
    identity: Identity,
    Path(name): Path<String>,
    Body(new): Body<NewPassword>,
) -> Result<StatusCode, Problem> {
    let own = identity.browser && identity.user.as_deref() == Some(&*name);
    if own {
        let wanted = name.clone();
        let hash = state.store(move |store| store.user(&wanted)).await?.map(|user| user.hash);
        let current =
            new.current.ok_or_else(|| Problem::invalid("current: needed to change one's own password"))?;
        if !password_is(&state, hash, current).await? {
            return Err(Problem::forbidden("the current password is wrong"));
        }
    } else if identity.role < Role::Admin {
        return Err(Problem::forbidden("another's password needs the role admin"));
    }
    let hash = hashed(&state, new.password).await?;
    match state.store(move |store| store.set_password(&name, &hash)).await? {
        true => Ok(StatusCode::NO_CONTENT),
        false => Err(Problem::not_found("there is no such user")),
    }
}

async fn hashed(state: &ApiState, password: String) -> Result<String, Problem> {
    let _turn = state.hashing().acquire().await.map_err(|_| Problem::internal())?;
    blocking(move || hash_password(&password)).await?.map_err(|error| match error {
        PasswordError::Length(_) => Problem::invalid(error.to_string()),
        PasswordError::Hash(_) => {
            tracing::error!(%error, "a password cannot be hashed");
            Problem::internal()
        }
    })
}

/// Tokens and browser sessions
///
/// One's own; with the role admin all.
#[utoipa::path(get, path = "/api/v1/tokens", tag = "access", responses((status = OK, body = Vec<shape::Token>)))]
pub(crate) async fn tokens(
    State(state): State<ApiState>,
    identity: Identity,
) -> Result<Json<Vec<Token>>, Problem> {
    let mut all = state.store(|store| store.tokens(Timestamp::now())).await?;
    all.retain(|token| sees(&identity, token));
    Ok(Json(all))
}

fn sees(identity: &Identity, token: &Token) -> bool {
    identity.role == Role::Admin
        || token.id == identity.token
        || (identity.user.is_some() && token.user == identity.user)
}

/// Makes a bearer token
#[utoipa::path(post, path = "/api/v1/tokens", tag = "access", request_body = TokenOrder,
    responses((status = CREATED, body = MadeToken)))]
pub(crate) async fn add_token(
    State(state): State<ApiState>,
    identity: Identity,
    Body(order): Body<TokenOrder>,
) -> Result<(StatusCode, Json<MadeToken>), Problem> {
    if order.role > identity.role {
        return Err(Problem::forbidden("a token can have at most one's own role"));
    }
    if order.name.is_empty() || order.name.chars().count() > 64 || order.name.chars().any(char::is_control) {
        return Err(Problem::invalid("name: not 1 to 64 printable characters"));
    }
    let lasts: Option<Duration> = order
        .lasts
        .map(|text| duration::parse(&text))
        .transpose()
        .map_err(|why| Problem::invalid(format!("lasts: {why}")))?;
    let created = Timestamp::now();
    let expires = lasts
        .map(|lasts| created.checked_add(lasts))
        .transpose()
        .map_err(|_| Problem::invalid("lasts: too long"))?;
    let (secret, hash) = new_token().map_err(|_| Problem::internal())?;
    let token = NewToken {
        hash,
        name: order.name,
        user: identity.user,
        role: order.role,
        created,
        expires,
        browser: false,
    };
    let id = state.store(move |store| store.add_token(&token)).await?;
    Ok((StatusCode::CREATED, Json(MadeToken { id, token: secret })))
}

/// Revokes a token or ends a browser session
///
/// One's own; with the role admin any.
#[utoipa::path(delete, path = "/api/v1/tokens/{id}", tag = "access",
    params(("id" = i64, Path, description = "The token's id")), responses((status = NO_CONTENT)))]
pub(crate) async fn revoke_token(
    State(state): State<ApiState>,
    identity: Identity,
    Path(id): Path<i64>,
) -> Result<StatusCode, Problem> {
    let gone = state
        .store(move |store| {
            let own =
                store.tokens(Timestamp::now())?.iter().any(|token| token.id == id && sees(&identity, token));
            Ok(own && store.revoke_token(id)?)
        })
        .await?;
    if gone { Ok(StatusCode::NO_CONTENT) } else { Err(Problem::not_found("there is no such token")) }
}

/// The audit trail
///
/// Logins and every unsafe request. Role: admin.
#[utoipa::path(get, path = "/api/v1/audit", tag = "access", params(AuditParams),
    responses((status = OK, body = shape::AuditPage)))]
pub(crate) async fn audit(
    State(state): State<ApiState>,
    _: Admin,
    Query(params): Query<AuditParams>,
) -> Result<Json<Page<AuditRow>>, Problem> {
    let page = paging(params.since, params.until, params.limit, params.cursor)?;
    Ok(Json(state.store(move |store| store.audit(&page)).await?))
}

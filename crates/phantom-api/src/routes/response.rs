//! Blocks, actions, policy.

use std::net::IpAddr;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use phantom_core::event::Action;
use phantom_core::{Timestamp, duration};
use phantom_store::{ActionQuery, ActionRow, BlockQuery, BlockRow, Page};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use crate::extract::{Body, Limit, Path, Query, When, paging};
use crate::guard::Analyst;
use crate::problem::Problem;
use crate::{ApiState, BlockOrder, PolicyView, shape};

/// Which blocks.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct BlockParams {
    /// Begun since then: RFC 3339, or a span before now such as `24h`.
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
    /// `true` (also when absent): only blocks that stand now; `false`: past ones too.
    active: Option<bool>,
}

/// Blocks, newest first
#[utoipa::path(get, path = "/api/v1/blocks", tag = "response", params(BlockParams),
    responses((status = OK, body = shape::BlockPage)))]
pub(crate) async fn blocks(
    State(state): State<ApiState>,
    Query(params): Query<BlockParams>,
) -> Result<Json<Page<BlockRow>>, Problem> {
    let query = BlockQuery {
        page: paging(params.since, params.until, params.limit, params.cursor)?,
        active_at: params.active.unwrap_or(true).then(Timestamp::now),
    };
    Ok(Json(state.store(move |store| store.blocks(&query)).await?))
}

/// A block by hand.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewBlock {
    #[schema(value_type = String)]
    ip: IpAddr,
    /// Such as `1h`; as the policy has it for a first block when absent.
    #[serde(rename = "for")]
    lasts: Option<String>,
    /// 1 to 200 characters.
    why: String,
}

/// Blocks an address
///
/// Role: analyst. In a dry run the outcome says so and nothing is blocked.
#[utoipa::path(post, path = "/api/v1/blocks", tag = "response", request_body = NewBlock,
    responses((status = CREATED, body = shape::Done)))]
pub(crate) async fn block(
    State(state): State<ApiState>,
    Analyst(identity): Analyst,
    Body(new): Body<NewBlock>,
) -> Result<(StatusCode, Json<Action>), Problem> {
    let why = new.why.trim();
    if why.is_empty() || why.chars().count() > 200 || why.chars().any(char::is_control) {
        return Err(Problem::invalid("why: not 1 to 200 printable characters"));
    }
    let ttl = new.lasts.map(|text| duration::parse(&text)).transpose();
    let ttl = ttl.map_err(|reason| Problem::invalid(format!("for: {reason}")))?;
    if ttl.is_some_and(|ttl| ttl.as_secs() == 0) {
        return Err(Problem::invalid("for: shorter than a second"));
    }
    let order = BlockOrder { ip: new.ip.to_canonical(), ttl, why: why.to_owned(), by: identity.name };
    let action = state.ask(move |node| node.block(&order)).await??;
    Ok((StatusCode::CREATED, Json(action)))
}

/// Lifts a block
///
/// Role: analyst.
#[utoipa::path(delete, path = "/api/v1/blocks/{ip}", tag = "response",
    params(("ip" = String, Path, description = "The address")), responses((status = OK, body = shape::Done)))]
pub(crate) async fn unblock(
    State(state): State<ApiState>,
    Analyst(identity): Analyst,
    Path(ip): Path<IpAddr>,
) -> Result<Json<Action>, Problem> {
    Ok(Json(state.ask(move |node| node.unblock(ip.to_canonical(), &identity.name)).await??))
}

/// Which actions.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ActionParams {
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
    /// On this address or network.
    target: Option<String>,
}

/// What the response did, newest first
#[utoipa::path(get, path = "/api/v1/actions", tag = "response", params(ActionParams),
    responses((status = OK, body = shape::ActionPage)))]
pub(crate) async fn actions(
    State(state): State<ApiState>,
    Query(params): Query<ActionParams>,
) -> Result<Json<Page<ActionRow>>, Problem> {
    let query = ActionQuery {
        page: paging(params.since, params.until, params.limit, params.cursor)?,
        target: params.target,
    };
    Ok(Json(state.store(move |store| store.actions(&query)).await?))
}

/// The policy in force
#[utoipa::path(get, path = "/api/v1/policy", tag = "response", responses((status = OK, body = PolicyView)))]
pub(crate) async fn policy(State(state): State<ApiState>) -> Result<Json<PolicyView>, Problem> {
    Ok(Json(state.ask(|node| node.policy()).await?))
}

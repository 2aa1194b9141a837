//! What the running node says of itself.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::extract::Query;
use crate::problem::Problem;
use crate::{ApiState, Component, HoneypotStatus, guard, metrics as prometheus};

/// What is asked.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct HealthParams {
    /// `ready` (also when absent): 503 unless every component is well; `live`: 200 as long as the API answers.
    #[param(inline)]
    probe: Option<Probe>,
}

/// What a probe wants to know.
#[derive(Deserialize, ToSchema, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Probe {
    /// Whether the process lives.
    Live,
    /// Whether all of it works.
    Ready,
}

/// How the node is doing.
#[derive(Serialize, ToSchema)]
pub(crate) struct Health {
    /// Whether every component is well.
    ok: bool,
    /// Details are told to those who are logged in.
    components: Vec<Component>,
}

/// Whether the node is well
#[utoipa::path(get, path = "/api/health", tag = "node", params(HealthParams), security(()),
    responses((status = OK, body = Health), (status = SERVICE_UNAVAILABLE, body = Health)))]
pub(crate) async fn health(
    State(state): State<ApiState>,
    headers: HeaderMap,
    Query(params): Query<HealthParams>,
) -> Result<Response, Problem> {
    let mut components = state.ask(|node| node.health()).await?;
    // Whoever has no right to details still learns whether the node is well, also while the store is down.
    if !matches!(guard::identify(&state, &headers).await, Ok(Some(_))) {
        components.iter_mut().for_each(|component| component.detail = None);
    }
    let ok = components.iter().all(|component| component.ok);
    let status = if ok || params.probe == Some(Probe::Live) {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    Ok((status, Json(Health { ok, components })).into_response())
}

/// Counters for Prometheus
#[utoipa::path(get, path = "/metrics", tag = "node",
    responses((status = OK, body = String, content_type = "text/plain; version=0.0.4")))]
pub(crate) async fn metrics(State(state): State<ApiState>) -> Result<Response, Problem> {
    let mut counters = state.ask(|node| node.counters()).await?;
    counters.extend(state.counts().list());
    let mut response = prometheus::render(&counters).into_response();
    let kind = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    Ok(response)
}

/// How the honeypots are doing
#[utoipa::path(get, path = "/api/v1/honeypots", tag = "node", responses((status = OK, body = Vec<HoneypotStatus>)))]
pub(crate) async fn honeypots(State(state): State<ApiState>) -> Result<Json<Vec<HoneypotStatus>>, Problem> {
    Ok(Json(state.ask(|node| node.honeypots()).await?))
}

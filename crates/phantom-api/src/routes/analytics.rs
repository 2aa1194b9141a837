//! Counts and charts.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use phantom_core::{duration, rfc3339};
use phantom_store::{Bucket, Credentials, ProtocolCount, SourceRow};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::{IntoParams, ToSchema};

use crate::extract::{Limit, Query, When, window};
use crate::problem::Problem;
use crate::{ApiState, shape};

/// Which window.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct WindowParams {
    /// RFC 3339, or a span before now; 24 hours before `until` when absent.
    #[param(value_type = Option<String>)]
    since: Option<When>,
    /// As `since`; exclusive; now when absent.
    #[param(value_type = Option<String>)]
    until: Option<When>,
}

/// The first screen.
#[derive(Serialize, ToSchema)]
pub(crate) struct Summary {
    #[schema(format = DateTime)]
    since: String,
    #[schema(format = DateTime)]
    until: String,
    events: u64,
    /// Visits opened.
    sessions: u64,
    alerts: u64,
    /// Packets logged.
    packets: u64,
    /// Sources whose time of activity reaches into the window.
    sources: u64,
    /// Events an hour, on average.
    events_per_hour: f64,
    /// Events by kind.
    kinds: BTreeMap<String, u64>,
    /// Events by service.
    services: BTreeMap<String, u64>,
    /// Sources by level.
    levels: BTreeMap<String, u64>,
    /// Alerts by severity.
    severities: BTreeMap<String, u64>,
    /// Alerts by rule.
    rules: BTreeMap<String, u64>,
    /// The highest scored, at most ten.
    #[schema(value_type = Vec<shape::Source>)]
    top_sources: Vec<SourceRow>,
}

/// Counts of a window
#[utoipa::path(get, path = "/api/v1/summary", tag = "analytics", params(WindowParams),
    responses((status = OK, body = Summary)))]
pub(crate) async fn summary(
    State(state): State<ApiState>,
    Query(params): Query<WindowParams>,
) -> Result<Json<Summary>, Problem> {
    let (since, until) = window(params.since, params.until)?;
    let s = state.store(move |store| store.summary(since, until)).await?;
    let hours = until.duration_since(since).as_secs_f64() / 3600.0;
    Ok(Json(Summary {
        since: rfc3339(since),
        until: rfc3339(until),
        events: s.events,
        sessions: s.sessions,
        alerts: s.alerts,
        packets: s.packets,
        sources: s.sources,
        #[expect(clippy::cast_precision_loss, reason = "an average")]
        events_per_hour: s.events as f64 / hours.max(f64::MIN_POSITIVE),
        kinds: s.kinds,
        services: s.services,
        levels: s.levels,
        severities: s.severities,
        rules: s.rules,
        top_sources: s.top_sources,
    }))
}

/// Which slices.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct TimelineParams {
    /// RFC 3339, or a span before now; 24 hours before `until` when absent.
    #[param(value_type = Option<String>)]
    since: Option<When>,
    /// As `since`; exclusive; now when absent.
    #[param(value_type = Option<String>)]
    until: Option<When>,
    /// A slice's length such as `10m`; about a hundredth of the window when absent. At most 2,000 slices.
    bucket: Option<String>,
}

/// Events, alerts, visits and packets over time
#[utoipa::path(get, path = "/api/v1/analytics/timeline", tag = "analytics", params(TimelineParams),
    responses((status = OK, body = Vec<shape::Bucket>)))]
pub(crate) async fn timeline(
    State(state): State<ApiState>,
    Query(params): Query<TimelineParams>,
) -> Result<Json<Vec<Bucket>>, Problem> {
    let (since, until) = window(params.since, params.until)?;
    let length = until.duration_since(since).unsigned_abs();
    let bucket = match params.bucket {
        Some(text) => duration::parse(&text).map_err(|why| Problem::invalid(format!("bucket: {why}")))?,
        None => Duration::from_secs((length.as_secs() / 100).max(1)),
    };
    if bucket.as_secs() == 0 || length.as_secs() / bucket.as_secs() >= 2000 {
        return Err(Problem::invalid("bucket: shorter than a second, or more than 2,000 in the window"));
    }
    Ok(Json(state.store(move |store| store.timeline(since, until, bucket)).await?))
}

/// Which guesses.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct GuessParams {
    /// RFC 3339, or a span before now; 24 hours before `until` when absent.
    #[param(value_type = Option<String>)]
    since: Option<When>,
    /// As `since`; exclusive; now when absent.
    #[param(value_type = Option<String>)]
    until: Option<When>,
    /// Of each kind, 1 to 1000; 20 when absent.
    #[param(value_type = Option<u16>, minimum = 1, maximum = 1000)]
    limit: Option<Limit>,
    /// Of this service; of all when absent.
    service: Option<String>,
}

/// User names and passwords guessed most
#[utoipa::path(get, path = "/api/v1/analytics/credentials", tag = "analytics", params(GuessParams),
    responses((status = OK, body = shape::Credentials)))]
pub(crate) async fn credentials(
    State(state): State<ApiState>,
    Query(params): Query<GuessParams>,
) -> Result<Json<Credentials>, Problem> {
    let (since, until) = window(params.since, params.until)?;
    let limit = params.limit.map_or(20, |limit| limit.0);
    let guesses = state.store(move |store| store.credentials(since, until, params.service.as_deref(), limit));
    Ok(Json(guesses.await?))
}

/// Packets by protocol
#[utoipa::path(get, path = "/api/v1/analytics/protocols", tag = "analytics", params(WindowParams),
    responses((status = OK, body = Vec<shape::ProtocolCount>)))]
pub(crate) async fn protocols(
    State(state): State<ApiState>,
    Query(params): Query<WindowParams>,
) -> Result<Json<Vec<ProtocolCount>>, Problem> {
    let (since, until) = window(params.since, params.until)?;
    Ok(Json(state.store(move |store| store.protocols(since, until)).await?))
}

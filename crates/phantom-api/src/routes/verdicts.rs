//! Sources and alerts.

use std::collections::BTreeSet;
use std::net::IpAddr;

use axum::Json;
use axum::extract::State;
use phantom_core::event::Severity;
use phantom_core::{Body as Deed, EventId, Timestamp, rfc3339};
use phantom_store::{
    AlertQuery, AlertRow, EventQuery, Page, Paging, SessionQuery, SessionRow, SourceQuery, SourceRow, Triage,
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::extract::{Body, Limit, Path, Query, When, paging};
use crate::guard::Analyst;
use crate::problem::Problem;
use crate::{ApiState, shape};

/// Which sources.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct SourceParams {
    /// Seen since then: RFC 3339, or a span before now such as `24h`.
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
    /// At least this score.
    min_score: Option<f64>,
    /// Exactly this level.
    #[param(value_type = Option<shape::Severity>)]
    level: Option<Severity>,
}

/// Sources, the highest score first
#[utoipa::path(get, path = "/api/v1/sources", tag = "verdicts", params(SourceParams),
    responses((status = OK, body = shape::SourcePage)))]
pub(crate) async fn sources(
    State(state): State<ApiState>,
    Query(params): Query<SourceParams>,
) -> Result<Json<Page<SourceRow>>, Problem> {
    let query = SourceQuery {
        page: paging(params.since, params.until, params.limit, params.cursor)?,
        min_score: params.min_score,
        level: params.level,
        now: Timestamp::now(),
    };
    Ok(Json(state.store(move |store| store.sources(&query)).await?))
}

/// One source and what it did lately.
#[derive(Serialize, ToSchema)]
pub(crate) struct SourceDetail {
    #[schema(value_type = shape::Source)]
    source: SourceRow,
    /// How its score changed, oldest first; the latest 200 changes.
    scores: Vec<ScorePoint>,
    /// Its latest alerts, at most 50.
    #[schema(value_type = Vec<shape::Alert>)]
    alerts: Vec<AlertRow>,
    /// Its latest visits, at most 50.
    #[schema(value_type = Vec<shape::Session>)]
    sessions: Vec<SessionRow>,
    /// MITRE ATT&CK ids of those alerts.
    techniques: BTreeSet<String>,
}

/// A score at an instant.
#[derive(Serialize, ToSchema)]
pub(crate) struct ScorePoint {
    #[schema(format = DateTime)]
    time: String,
    /// 0 to 100.
    value: f64,
    #[schema(value_type = shape::Severity)]
    level: Severity,
}

/// One source: score, why, its changes, visits, alerts, techniques
#[utoipa::path(get, path = "/api/v1/sources/{ip}", tag = "verdicts",
    params(("ip" = String, Path, description = "Its address")), responses((status = OK, body = SourceDetail)))]
pub(crate) async fn source(
    State(state): State<ApiState>,
    Path(ip): Path<IpAddr>,
) -> Result<Json<SourceDetail>, Problem> {
    let ip = ip.to_canonical();
    let detail = state
        .store(move |store| {
            let Some(source) = store.source(ip, Timestamp::now())? else { return Ok(None) };
            let latest = |limit| Paging { limit, ..Paging::default() };
            let scores = store.events(&EventQuery {
                page: latest(200),
                kinds: vec!["score".to_owned()],
                src: Some(ip),
                ..EventQuery::default()
            })?;
            let scores = scores.items.iter().rev().filter_map(|stored| match &stored.event.body {
                Deed::Score(score) => Some(ScorePoint {
                    time: rfc3339(stored.event.at),
                    value: score.value,
                    level: score.level,
                }),
                _ => None,
            });
            let scores = scores.collect();
            let alerts =
                store.alerts(&AlertQuery { page: latest(50), src: Some(ip), ..AlertQuery::default() })?.items;
            let sessions = store
                .sessions(&SessionQuery { page: latest(50), src: Some(ip), ..SessionQuery::default() })?
                .items;
            let techniques = alerts.iter().flat_map(|row| row.alert.technique.iter().cloned()).collect();
            Ok(Some(SourceDetail { source, scores, alerts, sessions, techniques }))
        })
        .await?;
    detail.map(Json).ok_or_else(|| Problem::not_found("this address has not been seen"))
}

/// Which alerts.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct AlertParams {
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
    /// Exactly this severity.
    #[param(value_type = Option<shape::Severity>)]
    severity: Option<Severity>,
    /// Of this rule.
    rule: Option<String>,
    /// Accusing this source.
    #[param(value_type = Option<String>)]
    src: Option<IpAddr>,
    /// In this state of triage.
    #[param(value_type = Option<shape::Triage>)]
    status: Option<Triage>,
}

/// Alerts, newest first
#[utoipa::path(get, path = "/api/v1/alerts", tag = "verdicts", params(AlertParams),
    responses((status = OK, body = shape::AlertPage)))]
pub(crate) async fn alerts(
    State(state): State<ApiState>,
    Query(params): Query<AlertParams>,
) -> Result<Json<Page<AlertRow>>, Problem> {
    let query = AlertQuery {
        page: paging(params.since, params.until, params.limit, params.cursor)?,
        severity: params.severity,
        rule: params.rule,
        src: params.src.map(|ip| ip.to_canonical()),
        status: params.status,
    };
    Ok(Json(state.store(move |store| store.alerts(&query)).await?))
}

/// One alert
#[utoipa::path(get, path = "/api/v1/alerts/{id}", tag = "verdicts",
    params(("id" = String, Path, description = "The alert")), responses((status = OK, body = shape::Alert)))]
pub(crate) async fn alert(
    State(state): State<ApiState>,
    Path(id): Path<EventId>,
) -> Result<Json<AlertRow>, Problem> {
    let row = state.store(move |store| store.alert(id)).await?;
    row.map(Json).ok_or_else(|| Problem::not_found("there is no such alert"))
}

/// What an analyst thinks of an alert.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Verdict {
    #[schema(value_type = shape::Triage)]
    status: Triage,
    /// At most 4000 characters; replaces the note there was.
    #[serde(default)]
    note: String,
}

/// Triages an alert
///
/// Role: analyst.
#[utoipa::path(patch, path = "/api/v1/alerts/{id}", tag = "verdicts", request_body = Verdict,
    params(("id" = String, Path, description = "The alert")), responses((status = OK, body = shape::Alert)))]
pub(crate) async fn triage(
    State(state): State<ApiState>,
    Analyst(identity): Analyst,
    Path(id): Path<EventId>,
    Body(verdict): Body<Verdict>,
) -> Result<Json<AlertRow>, Problem> {
    if verdict.note.chars().count() > 4000 {
        return Err(Problem::invalid("note: longer than 4000 characters"));
    }
    let row = state
        .store(move |store| {
            store.triage(id, verdict.status, &verdict.note, &identity.name, Timestamp::now())?;
            store.alert(id)
        })
        .await?;
    row.map(Json).ok_or_else(|| Problem::not_found("there is no such alert"))
}

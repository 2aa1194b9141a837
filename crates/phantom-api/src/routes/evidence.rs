//! Events, sessions, packets, flows.

use std::net::IpAddr;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderName, header};
use phantom_core::SessionId;
use phantom_core::recording::{Show, asciicast};
use phantom_store::{EventQuery, FlowQuery, FlowRow, PacketLog, PacketQuery, Page, SessionQuery, SessionRow};
use serde::Deserialize;
use serde_json::value::RawValue;
use utoipa::IntoParams;

use crate::extract::{Limit, Path, Query, When, paging};
use crate::problem::Problem;
use crate::{ApiState, NodeError, shape};

/// Which events.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct EventParams {
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
    /// Any of these kinds, separated by commas.
    kinds: Option<String>,
    /// Of this service.
    service: Option<String>,
    /// Of this source.
    #[param(value_type = Option<String>)]
    src: Option<IpAddr>,
    /// Of this visit.
    #[param(value_type = Option<String>)]
    session: Option<SessionId>,
}

/// Events, newest first
#[utoipa::path(get, path = "/api/v1/events", tag = "evidence", params(EventParams),
    responses((status = OK, body = shape::EventPage)))]
pub(crate) async fn events(
    State(state): State<ApiState>,
    Query(params): Query<EventParams>,
) -> Result<Json<Page<Box<RawValue>>>, Problem> {
    let query = EventQuery {
        page: paging(params.since, params.until, params.limit, params.cursor)?,
        kinds: params
            .kinds
            .map(|kinds| kinds.split(',').filter(|kind| !kind.is_empty()).map(str::to_owned).collect())
            .unwrap_or_default(),
        service: params.service,
        src: params.src.map(|ip| ip.to_canonical()),
        session: params.session,
    };
    let page = state.store(move |store| store.events(&query)).await?;
    let items = page.items.into_iter().map(|stored| RawValue::from_string(stored.event.to_json()));
    let items = items.collect::<Result<_, _>>().map_err(|error| {
        tracing::error!(%error, "a stored event is not JSON");
        Problem::internal()
    })?;
    Ok(Json(Page { items, next: page.next }))
}

/// Which visits.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct SessionParams {
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
    /// Of this service.
    service: Option<String>,
    /// Of this source.
    #[param(value_type = Option<String>)]
    src: Option<IpAddr>,
    /// Whether a login was accepted.
    accepted: Option<bool>,
}

/// Visits, newest first
#[utoipa::path(get, path = "/api/v1/sessions", tag = "evidence", params(SessionParams),
    responses((status = OK, body = shape::SessionPage)))]
pub(crate) async fn sessions(
    State(state): State<ApiState>,
    Query(params): Query<SessionParams>,
) -> Result<Json<Page<SessionRow>>, Problem> {
    let query = SessionQuery {
        page: paging(params.since, params.until, params.limit, params.cursor)?,
        service: params.service,
        src: params.src.map(|ip| ip.to_canonical()),
        accepted: params.accepted,
    };
    Ok(Json(state.store(move |store| store.sessions(&query)).await?))
}

/// One visit
///
/// Its events: `/api/v1/events?session=ID`.
#[utoipa::path(get, path = "/api/v1/sessions/{id}", tag = "evidence",
    params(("id" = String, Path, description = "The session")), responses((status = OK, body = shape::Session)))]
pub(crate) async fn session(
    State(state): State<ApiState>,
    Path(id): Path<SessionId>,
) -> Result<Json<SessionRow>, Problem> {
    let row = state.store(move |store| store.session(id)).await?;
    row.map(Json).ok_or_else(|| Problem::not_found("there is no such session"))
}

/// How a recording is given.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct RecordingParams {
    /// Only this of the visit's programs, counted by the client's channel numbers; all of them when absent.
    channel: Option<u32>,
    /// Exactly what was recorded. The terminal that plays it may then be attacked by it; without, only text, colours and
    /// cursor moves are left.
    #[serde(default)]
    raw: bool,
}

/// What a visitor typed and was shown, as asciicast v2
#[utoipa::path(get, path = "/api/v1/sessions/{id}/recording", tag = "evidence",
    params(("id" = String, Path, description = "The session"), RecordingParams),
    responses((status = OK, body = String, content_type = "application/x-asciicast")))]
pub(crate) async fn recording(
    State(state): State<ApiState>,
    Path(id): Path<SessionId>,
    Query(params): Query<RecordingParams>,
) -> Result<([(HeaderName, &'static str); 1], String), Problem> {
    let show = Show { channel: params.channel, raw: params.raw };
    let cast = state
        .ask(move |node| Ok(node.recording(id)?.map(|bytes| asciicast(&bytes, id, show))))
        .await?
        .map_err(|error: NodeError| Problem::from(error))?
        .ok_or_else(|| Problem::not_found("there is no recording of this session"))?;
    Ok(([(header::CONTENT_TYPE, "application/x-asciicast")], cast))
}

/// Which packets.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct PacketParams {
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
    /// From this address.
    #[param(value_type = Option<String>)]
    src: Option<IpAddr>,
    /// To this address.
    #[param(value_type = Option<String>)]
    dst: Option<IpAddr>,
    /// `tcp`, `udp`, `icmp`, or the IANA number.
    protocol: Option<String>,
    /// From or to this port.
    port: Option<u16>,
}

/// Packets of the wire (`packet_logs`), newest first
#[utoipa::path(get, path = "/api/v1/packets", tag = "wire", params(PacketParams),
    responses((status = OK, body = shape::PacketPage)))]
pub(crate) async fn packets(
    State(state): State<ApiState>,
    Query(params): Query<PacketParams>,
) -> Result<Json<Page<PacketLog>>, Problem> {
    let query = PacketQuery {
        page: paging(params.since, params.until, params.limit, params.cursor)?,
        src: params.src.map(|ip| ip.to_canonical()),
        dst: params.dst.map(|ip| ip.to_canonical()),
        protocol: params.protocol,
        port: params.port,
    };
    Ok(Json(state.store(move |store| store.packets(&query)).await?))
}

/// Which flows.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct FlowParams {
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
    /// Started by this source.
    #[param(value_type = Option<String>)]
    src: Option<IpAddr>,
    /// Of this recognised protocol.
    app: Option<String>,
}

/// Flows tied to a honeypot or an alert, newest first
#[utoipa::path(get, path = "/api/v1/flows", tag = "wire", params(FlowParams),
    responses((status = OK, body = shape::FlowPage)))]
pub(crate) async fn flows(
    State(state): State<ApiState>,
    Query(params): Query<FlowParams>,
) -> Result<Json<Page<FlowRow>>, Problem> {
    let query = FlowQuery {
        page: paging(params.since, params.until, params.limit, params.cursor)?,
        src: params.src.map(|ip| ip.to_canonical()),
        app: params.app,
    };
    Ok(Json(state.store(move |store| store.flows(&query)).await?))
}

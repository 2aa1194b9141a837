//! The live feed as Server-Sent Events.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::response::sse::{Event as Message, KeepAlive, Sse};
use axum::response::{IntoResponse as _, Response};
use phantom_core::event::Transport;
use phantom_core::{Body, from_micros, rfc3339};
use phantom_flow::PacketRow;
use serde::{Deserialize, Serialize};
use tokio::sync::broadcast::{Receiver, error::RecvError};
use tokio::sync::{OwnedSemaphorePermit, watch};
use tokio::time::{Instant, MissedTickBehavior};
use utoipa::{IntoParams, ToSchema};

use crate::access::Identity;
use crate::extract::Query;
use crate::problem::Problem;
use crate::state::{Counts, STREAMS};
use crate::{ApiState, Live, guard, shape};

/// Packets are told in batches this far apart ...
const BATCH: Duration = Duration::from_millis(250);
/// ... of at most this many: nobody reads more, and a flood must not drown the browser.
const PACKETS: usize = 100;
/// Whether the reader may still read is looked at this often.
const RECHECK: Duration = Duration::from_secs(15);

/// What to tell.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct StreamParams {
    /// Any of `packet`, `event`, `score`, `alert`, `action`, separated by commas; all when absent.
    kinds: Option<String>,
}

/// A packet of the live feed.
#[derive(Serialize, ToSchema)]
pub(crate) struct LivePacket {
    #[schema(format = DateTime)]
    time: String,
    src_ip: String,
    dst_ip: String,
    src_port: u16,
    dst_port: u16,
    /// `tcp`, `udp`, `icmp`, or the IANA number.
    protocol: String,
    length: u32,
    ttl: u8,
    tcp_flags: u8,
    payload_len: u32,
    flow_id: u64,
}

/// What the reader was not told since the stream opened.
#[derive(Serialize, ToSchema, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Skipped {
    /// Messages lost because the reader was too slow; a batch of packets counts as one.
    messages: u64,
    /// Packets left out because there were more than a screen holds.
    packets: u64,
}

/// One message of the stream, by the name of its `event`.
#[derive(ToSchema)]
#[schema(rename_all = "lowercase")]
#[expect(dead_code, reason = "only its schema is used")]
pub(crate) enum StreamMessage {
    /// `packet`: a batch, in the order of capture.
    Packet(Vec<LivePacket>),
    /// `event`, `score`, `alert`, `action`: an event.
    Event(shape::Event),
    /// `skipped`: sent when it changes.
    Skipped(Skipped),
}

/// The live feed
///
/// Server-Sent Events. `event:` is `packet` (an array of packets), `event`, `score`, `alert`, `action` (an event
/// each) or `skipped` (what this reader was not told). It is lossy: a reader that cannot keep up loses the
/// oldest messages, and at most 400 packets a second are told. The lists hold everything.
#[utoipa::path(get, path = "/api/v1/stream", tag = "live", params(StreamParams),
    responses((status = OK, body = StreamMessage, content_type = "text/event-stream")))]
pub(crate) async fn stream(
    State(state): State<ApiState>,
    identity: Identity,
    Query(params): Query<StreamParams>,
) -> Result<Response, Problem> {
    let kinds = Kinds::parse(params.kinds.as_deref())?;
    let place = Arc::clone(state.streams())
        .try_acquire_owned()
        .map_err(|_| Problem::unavailable(format!("{STREAMS} live streams are open")))?;
    let live = state.node().subscribe();
    let mut tick = tokio::time::interval(BATCH);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let feed = Feed {
        closing: state.closing().subscribe(),
        checked: Instant::now(),
        state,
        identity,
        kinds,
        live,
        tick,
        ready: VecDeque::new(),
        packets: Vec::new(),
        skipped: Skipped::default(),
        told: Skipped::default(),
        _place: place,
    };
    let messages = futures_util::stream::unfold(feed, async |mut feed| {
        let message = feed.next().await?;
        Some((Ok::<_, Infallible>(message), feed))
    });
    let mut response = Sse::new(messages).keep_alive(KeepAlive::new().interval(RECHECK)).into_response();
    // Proxies that buffer would turn the live feed into a slow one.
    response.headers_mut().insert("x-accel-buffering", axum::http::HeaderValue::from_static("no"));
    Ok(response)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Kinds {
    packet: bool,
    event: bool,
    score: bool,
    alert: bool,
    action: bool,
}

impl Kinds {
    fn parse(given: Option<&str>) -> Result<Self, Problem> {
        let mut kinds = Self::default();
        for kind in given.unwrap_or("packet,event,score,alert,action").split(',') {
            match kind {
                "packet" => kinds.packet = true,
                "event" => kinds.event = true,
                "score" => kinds.score = true,
                "alert" => kinds.alert = true,
                "action" => kinds.action = true,
                other => {
                    return Err(Problem::invalid(format!(
                        "kinds: {other:?} is none of packet, event, score, alert, action"
                    )));
                }
            }
        }
        Ok(kinds)
    }

    /// The name a message of this body has, if it is wanted.
    fn name(self, body: &Body) -> Option<&'static str> {
        match body {
            Body::Score(_) => self.score.then_some("score"),
            Body::Alert(_) => self.alert.then_some("alert"),
            Body::Action(_) => self.action.then_some("action"),
            _ => self.event.then_some("event"),
        }
    }
}

struct Feed {
    state: ApiState,
    identity: Identity,
    kinds: Kinds,
    live: Receiver<Live>,
    tick: tokio::time::Interval,
    closing: watch::Receiver<bool>,
    checked: Instant,
    ready: VecDeque<Message>,
    packets: Vec<PacketRow>,
    skipped: Skipped,
    told: Skipped,
    _place: OwnedSemaphorePermit,
}

impl Feed {
    /// The next message; `None` ends the stream.
    async fn next(&mut self) -> Option<Message> {
        loop {
            if let Some(message) = self.ready.pop_front() {
                return Some(message);
            }
            let Self { closing, tick, live, .. } = self;
            let next = tokio::select! {
                () = async { drop(closing.wait_for(|closing| *closing).await) } => return None,
                _ = tick.tick() => None,
                live = live.recv() => Some(live),
            };
            match next {
                None => {
                    if self.checked.elapsed() >= RECHECK {
                        self.checked = Instant::now();
                        if !self.still_allowed().await {
                            return None;
                        }
                    }
                    self.flush();
                }
                Some(Ok(Live::Event(event))) => {
                    if let Some(name) = self.kinds.name(&event.body) {
                        return Some(Message::default().event(name).data(event.to_json()));
                    }
                }
                Some(Ok(Live::Packets(batch))) => self.gather(&batch),
                Some(Err(RecvError::Lagged(n))) => {
                    self.skipped.messages += n;
                    Counts::add(&self.state.counts().skipped, n);
                }
                Some(Err(RecvError::Closed)) => return None,
            }
        }
    }

    fn gather(&mut self, batch: &[PacketRow]) {
        if !self.kinds.packet {
            return;
        }
        let room = PACKETS.saturating_sub(self.packets.len()).min(batch.len());
        self.packets.extend(batch.iter().take(room));
        let over = (batch.len() - room) as u64;
        self.skipped.packets += over;
        Counts::add(&self.state.counts().skipped, over);
    }

    fn flush(&mut self) {
        if !self.packets.is_empty() {
            let rows: Vec<LivePacket> = self.packets.drain(..).map(LivePacket::from).collect();
            self.ready.extend(Message::default().event("packet").json_data(rows));
        }
        if self.told != self.skipped {
            self.told = self.skipped;
            self.ready.extend(Message::default().event("skipped").json_data(self.skipped));
        }
    }

    /// A logged-out session or revoked token must not go on reading; a store that cannot answer is no reason
    /// to end.
    async fn still_allowed(&self) -> bool {
        !matches!(guard::recall(&self.state, self.identity.hash, self.identity.browser).await, Ok(None))
    }
}

impl From<PacketRow> for LivePacket {
    fn from(row: PacketRow) -> Self {
        Self {
            time: rfc3339(from_micros(row.at)),
            src_ip: row.src.to_string(),
            dst_ip: row.dst.to_string(),
            src_port: row.src_port,
            dst_port: row.dst_port,
            protocol: match Transport::from_protocol(row.protocol) {
                Transport::Other => row.protocol.to_string(),
                known => known.as_str().to_owned(),
            },
            length: row.length,
            ttl: row.ttl,
            tcp_flags: row.tcp_flags,
            payload_len: row.payload_len,
            flow_id: row.flow_id,
        }
    }
}

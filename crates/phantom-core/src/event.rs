//! What happened, as one object: the journal's line, the live stream's message, the export's row.

mod body;
mod json;

pub use body::*;
pub use json::EventError;

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{EventId, SessionId, Timestamp};

/// Version of the event layout written as `v`.
pub const EVENT_VERSION: u32 = 1;

/// One thing that happened. The identity (sensor, session, peer, service) is bound by whoever accepted the
/// peer and cannot be set by what the peer sends.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// Names this event for ever.
    pub id: EventId,
    /// When it happened, by the clock of the sensor that saw it.
    pub at: Timestamp,
    /// The sensor's name.
    pub sensor: Arc<str>,
    /// `ssh`, `http`, `ftp`, ...
    pub service: Option<Service>,
    /// The visit it belongs to.
    pub session: Option<SessionId>,
    /// The peer: whoever started the conversation, or the source a verdict is about (port 0 then).
    pub src: Option<Endpoint>,
    /// What the peer addressed.
    pub dst: Option<Endpoint>,
    /// How.
    pub transport: Option<Transport>,
    /// What the peer did.
    pub body: Body,
    /// Fields that this version does not know, kept verbatim.
    pub extra: Map<String, Value>,
    /// Fields within the body's object that this version does not know, kept verbatim.
    pub body_extra: Map<String, Value>,
}

impl Event {
    /// An event with nothing but a name, an instant, a sensor and a body; set the rest by field.
    pub fn new(id: EventId, at: Timestamp, sensor: Arc<str>, body: Body) -> Self {
        Self {
            id,
            at,
            sensor,
            service: None,
            session: None,
            src: None,
            dst: None,
            transport: None,
            body,
            extra: Map::new(),
            body_extra: Map::new(),
        }
    }

    /// The address of the source, if the event has one.
    pub fn source(&self) -> Option<IpAddr> {
        self.src.map(|endpoint| endpoint.ip)
    }
}

/// An address and a port; a plain object in JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Endpoint {
    /// IPv4-mapped IPv6 addresses are stored as IPv4.
    pub ip: IpAddr,
    /// 0 where the protocol has no ports or the endpoint is a whole host.
    #[serde(default)]
    pub port: u16,
}

impl Endpoint {
    /// The endpoint of a socket address, IPv4-mapped addresses made IPv4.
    pub fn new(ip: IpAddr, port: u16) -> Self {
        Self { ip: ip.to_canonical(), port }
    }
}

impl From<SocketAddr> for Endpoint {
    fn from(address: SocketAddr) -> Self {
        Self::new(address.ip(), address.port())
    }
}

/// The name of a honeypot or recognised service, such as `ssh`: lower-case ASCII letters, digits, `-` and `_`, at most
/// [`Service::MAX`] bytes.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct Service(std::borrow::Cow<'static, str>);

impl Service {
    /// Longest name.
    pub const MAX: usize = 32;
    /// Secure shell.
    pub const SSH: Self = Self::known("ssh");
    /// Hypertext transfer.
    pub const HTTP: Self = Self::known("http");
    /// File transfer.
    pub const FTP: Self = Self::known("ftp");

    /// A service named in the source code.
    pub const fn known(name: &'static str) -> Self {
        Self(std::borrow::Cow::Borrowed(name))
    }

    /// A service named elsewhere; `None` when the name is not of the form above.
    pub fn parse(name: &str) -> Option<Self> {
        let fits = !name.is_empty()
            && name.len() <= Self::MAX
            && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'_');
        fits.then(|| Self(name.to_owned().into()))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Display for Service {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Service {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let name = std::borrow::Cow::<'de, str>::deserialize(d)?;
        Self::parse(&name).ok_or_else(|| serde::de::Error::custom("service is not a short lower-case name"))
    }
}

/// The protocol under the conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Transport {
    /// Transmission Control Protocol.
    Tcp,
    /// User Datagram Protocol.
    Udp,
    /// Internet Control Message Protocol, of either version.
    Icmp,
    /// Any other.
    Other,
}

impl Transport {
    /// As in JSON and in `packet_logs.protocol`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
            Self::Icmp => "icmp",
            Self::Other => "other",
        }
    }
}

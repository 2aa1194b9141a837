//! What the supervisor tells its children and what the core may ask of it: frames on the control channels.

use std::path::PathBuf;

use ipnet::IpNet;
use phantom_honeypot::{LoginRules, Persona};
use serde::{Deserialize, Serialize};

use crate::plan::Plan;

/// The first frame on a child's control channel, as JSON.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) enum Orders {
    /// For a honeypot host.
    Honeypot(Box<HoneypotOrders>),
    /// For the capture host.
    Capture(CaptureOrders),
    /// For the core.
    Core(Box<CoreOrders>),
}

/// What a honeypot host needs to know; it can read no file.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct HoneypotOrders {
    pub(crate) service: String,
    pub(crate) sensor: String,
    pub(crate) persona: Persona,
    /// Absent: the persona's own.
    pub(crate) login: Option<LoginRules>,
    pub(crate) limits: crate::settings::Limits,
    /// Bytes of a visit's recording.
    pub(crate) recording: u64,
}

/// What the capture host needs to know.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct CaptureOrders {
    /// Whether packets become rows at all.
    pub(crate) packet_rows: bool,
}

/// What the core needs to know.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct CoreOrders {
    pub(crate) plan: Plan,
    /// Services of the evidence channels, in the order of their descriptors.
    pub(crate) hosts: Vec<String>,
    /// Whether the last evidence channel is the capture's.
    pub(crate) capture: bool,
    /// When the whole node started, in microseconds since the epoch: no visit of before can still be open.
    pub(crate) node_started: i64,
    /// Processes that ended since then, told again to a core that may have died before it could act on them.
    pub(crate) ended: Vec<Ended>,
    /// Why blocks cannot be enforced although the settings ask for it.
    pub(crate) no_firewall: Option<String>,
    /// Addresses that may never be blocked, resolved.
    pub(crate) never_block: Vec<IpNet>,
    /// Our networks, resolved.
    pub(crate) home_net: Vec<IpNet>,
    /// What the node can do here, in words: capture on or off and why, protections that are off.
    pub(crate) remarks: Vec<String>,
}

/// From the core to the supervisor.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) enum Ask {
    /// Keep this network out for so long. Refused when it touches the supervisor's own never-block list.
    Block { target: IpNet, seconds: u64 },
    /// Let it in again.
    Unblock { target: IpNet },
    /// The API listens. The password is that of the first user, made at this start.
    Ready { password: Option<String> },
    /// The core cannot work, and why, in a line.
    Failed { why: String },
}

/// From the supervisor to the core.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) enum Told {
    /// What came of an [`Ask::Block`] or [`Ask::Unblock`]: absent where it was done, else why not.
    Outcome { target: IpNet, failed: Option<String> },
    /// A role's process started.
    Started { role: String, at: i64, missing: Vec<String> },
    /// A role's process ended without being asked to.
    Ended(Ended),
    /// Finish what was begun and end.
    Stop,
}

/// The end of a role's process.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Ended {
    pub(crate) role: String,
    /// Microseconds since the epoch.
    pub(crate) at: i64,
    pub(crate) how: String,
}

/// Where the node keeps what, below its data directory.
#[derive(Debug, Clone)]
pub(crate) struct Places(pub(crate) PathBuf);

impl Places {
    pub(crate) fn journal(&self) -> PathBuf {
        self.0.join("journal")
    }
    pub(crate) fn artifacts(&self) -> PathBuf {
        self.0.join("artifacts")
    }
    pub(crate) fn recordings(&self) -> PathBuf {
        self.0.join("recordings")
    }
    pub(crate) fn persona(&self) -> PathBuf {
        self.0.join("persona.json")
    }
}

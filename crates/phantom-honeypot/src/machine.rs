//! One model of the running machine: processes, sockets, units, storage, packages. Every program that tells of
//! them, and /proc, asks here, so that all tellers agree.

mod live;
mod memory;
mod modules;
mod net;
pub(crate) mod packages;
mod process;
mod processes;
mod procfs;
mod storage;
mod text;

pub(crate) use live::{Arrival, Live, SharedLive, Ticket};
pub(crate) use memory::Memory;
pub(crate) use modules::MODULES;
pub(crate) use net::links::{self, Address, Route};
pub(crate) use net::{SSH_PORT, Socket, Transport, address, counters, gateway_mac, sockets};
pub(crate) use process::{Process, Tty};
pub(crate) use procfs::{Attr as ProcAttr, Tree, is_proc};
pub(crate) use storage::{Mounted, SWAP_KIB, pages};
pub(crate) use text::{cpu_ticks, disk_blocks};

use std::sync::Arc;

use phantom_core::Timestamp;

use crate::Persona;

/// What is the same for all visits: one a process, made from the persona.
#[derive(Debug)]
pub(crate) struct Host {
    pub(crate) persona: Arc<Persona>,
    /// What was started before any visit, by process number.
    pub(crate) processes: Vec<Process>,
    pub(crate) tree: Tree,
}

impl Host {
    pub(crate) fn new(persona: Arc<Persona>) -> Self {
        Self { processes: processes::of(&persona), tree: Tree::new(&persona), persona }
    }
}

/// The machine as one visit sees it at an instant.
#[derive(Clone, Copy)]
pub(crate) struct View<'a> {
    pub(crate) host: &'a Host,
    pub(crate) live: &'a Live,
    pub(crate) now: Timestamp,
}

impl<'a> View<'a> {
    pub(crate) fn persona(&self) -> &'a Persona {
        &self.host.persona
    }

    pub(crate) fn hostname(&self) -> String {
        self.live.hostname.clone().unwrap_or_else(|| self.host.persona.hostname.clone())
    }

    /// The process of this number, if it runs.
    pub(crate) fn process(&self, pid: u32) -> Option<&'a Process> {
        if let Some(own) = self.live.process(pid) {
            return Some(own);
        }
        let at = self.host.processes.binary_search_by_key(&pid, |p| p.pid).ok()?;
        self.host.processes.get(at).filter(|p| !self.live.killed.contains(&p.pid))
    }

    /// All processes by number.
    pub(crate) fn processes(&self) -> Vec<&'a Process> {
        let before = self.host.processes.iter().filter(|p| !self.live.killed.contains(&p.pid));
        let mut all: Vec<&Process> = before.chain(self.live.processes()).collect();
        all.sort_by_key(|p| p.pid);
        all
    }

    /// Seconds since the machine was started.
    pub(crate) fn uptime(&self) -> u64 {
        u64::try_from(self.now.as_second() - self.persona().boot.as_second()).unwrap_or(0)
    }

    pub(crate) fn memory(&self) -> Memory {
        Memory::of(self.persona(), self.now)
    }
}

//! Memory, in KiB: what /proc/meminfo, free, top and vmstat tell.

use phantom_core::Timestamp;

use super::storage::SWAP_KIB;
use crate::Persona;
use crate::shell::facts::drift;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Memory {
    pub(crate) total: u64,
    pub(crate) free: u64,
    pub(crate) available: u64,
    pub(crate) buffers: u64,
    pub(crate) cached: u64,
    pub(crate) reclaimable: u64,
    pub(crate) shared: u64,
    pub(crate) swap: u64,
}

impl Memory {
    pub(super) fn of(p: &Persona, now: Timestamp) -> Self {
        let total = super::pages(p.memory_kib);
        let page = |kib: u64| kib / 4 * 4;
        let buffers = page(total / 60 + drift(p, "buffers", now, 3600, total / 400));
        let cached = page(total / 3 + drift(p, "cached", now, 1800, total / 40));
        let reclaimable = page(total / 40 + drift(p, "slab", now, 3600, total / 900));
        let used = page(160_000 + total / 50 + drift(p, "used", now, 120, total / 300));
        let free = page(total.saturating_sub(buffers + cached + reclaimable + used));
        Self {
            total,
            free,
            available: page(free + (cached + buffers + reclaimable) * 9 / 10),
            buffers,
            cached,
            reclaimable,
            shared: 620 + page(total / 4000),
            swap: SWAP_KIB,
        }
    }

    /// What free(1) of procps 4 calls used.
    pub(crate) fn used(&self) -> u64 {
        self.total.saturating_sub(self.available)
    }

    /// `buff/cache` of free(1).
    pub(crate) fn buff_cache(&self) -> u64 {
        self.buffers + self.cached + self.reclaimable
    }
}

//! Counting in windows of event time, in bounded memory. Instants and spans are microseconds.
//!
//! Observations may come late (a silent flow is only known when it times out), so instants are put where they belong
//! rather than where they arrive.

use std::collections::VecDeque;

/// What a window holds when it is at or over its threshold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Hit {
    /// Observations since the window first filled.
    pub(crate) count: u64,
    /// The first of them.
    pub(crate) first: i64,
    /// The last of them.
    pub(crate) last: i64,
}

/// An exact sliding window: it remembers the last `need` instants, and is hit while they lie within `span`.
#[derive(Debug, Clone)]
pub(crate) struct Sliding {
    span: i64,
    need: usize,
    instants: VecDeque<i64>,
    burst: Option<Hit>,
}

impl Sliding {
    pub(crate) fn new(need: usize, span: i64) -> Self {
        Self { span, need: need.max(1), instants: VecDeque::new(), burst: None }
    }

    /// Counts one observation; the burst it belongs to, if the threshold is reached.
    pub(crate) fn add(&mut self, at: i64) -> Option<Hit> {
        let place = self.instants.partition_point(|other| *other <= at);
        self.instants.insert(place, at);
        if self.instants.len() > self.need {
            self.instants.pop_front();
        }
        let (first, last) = (*self.instants.front()?, *self.instants.back()?);
        let full = self.instants.len() >= self.need && last.saturating_sub(first) <= self.span;
        self.burst = match self.burst {
            _ if !full => None,
            None => Some(Hit { count: self.instants.len() as u64, first, last }),
            Some(burst) => Some(Hit {
                count: burst.count.saturating_add(1),
                first: burst.first.min(at),
                last: burst.last.max(at),
            }),
        };
        self.burst
    }
}

/// How many pieces [`Buckets`] cuts its span into: the count may be short by what the oldest tenth held.
const BUCKETS: usize = 10;

/// A coarse sliding window for floods: counts of any size in constant memory.
#[derive(Debug, Clone)]
pub(crate) struct Buckets {
    width: i64,
    /// Number of the newest bucket: its instants divided by `width`.
    newest: i64,
    counts: [u64; BUCKETS],
    first: i64,
}

impl Buckets {
    pub(crate) fn new(span: i64) -> Self {
        Self { width: (span / BUCKETS as i64).max(1), newest: i64::MIN, counts: [0; BUCKETS], first: 0 }
    }

    /// Counts `n` observations of one instant. True when everything before has left the window.
    pub(crate) fn add(&mut self, at: i64, n: u64) -> bool {
        let bucket = at.div_euclid(self.width);
        let fresh = self.turn_to(bucket);
        if fresh {
            self.first = at;
        }
        if self.newest.saturating_sub(bucket) < BUCKETS as i64
            && let Some(count) = self.counts.get_mut(slot(bucket))
        {
            *count = count.saturating_add(n);
        }
        self.first = self.first.min(at);
        fresh
    }

    /// How many lie within the window that ends at `at`, and the first instant that may be among them.
    pub(crate) fn count(&mut self, at: i64) -> (u64, i64) {
        self.turn_to(at.div_euclid(self.width));
        let opens = self.newest.saturating_sub(BUCKETS as i64 - 1).saturating_mul(self.width);
        (self.counts.iter().fold(0, |sum, n| sum.saturating_add(*n)), self.first.max(opens))
    }

    /// Empties the buckets passed over; true when that is all of them.
    fn turn_to(&mut self, bucket: i64) -> bool {
        let passed = bucket.saturating_sub(self.newest);
        if passed <= 0 {
            return false;
        }
        self.newest = bucket;
        if passed >= BUCKETS as i64 {
            self.counts = [0; BUCKETS];
            return true;
        }
        for back in 0..passed {
            if let Some(count) = self.counts.get_mut(slot(bucket - back)) {
                *count = 0;
            }
        }
        false
    }
}

fn slot(bucket: i64) -> usize {
    usize::try_from(bucket.rem_euclid(BUCKETS as i64)).unwrap_or(0)
}

/// Distinct ports within a window: remembers the `need` most recently seen ones, and all of them by bit once hit.
#[derive(Debug, Clone)]
pub(crate) struct Ports {
    span: i64,
    need: usize,
    /// In order of instant.
    recent: Vec<(i64, u16)>,
    burst: Option<PortBurst>,
}

#[derive(Debug, Clone)]
struct PortBurst {
    bits: Vec<u64>,
    hit: Hit,
}

impl PortBurst {
    fn mark(&mut self, port: u16, at: i64) {
        if let Some(word) = self.bits.get_mut(usize::from(port / 64)) {
            let bit = 1 << (port % 64);
            if *word & bit == 0 {
                *word |= bit;
                self.hit.count += 1;
            }
        }
        self.hit.first = self.hit.first.min(at);
        self.hit.last = self.hit.last.max(at);
    }
}

impl Ports {
    pub(crate) fn new(need: usize, span: i64) -> Self {
        Self { span, need: need.max(1), recent: Vec::new(), burst: None }
    }

    /// Counts one port; the burst it belongs to, if the threshold is reached.
    pub(crate) fn add(&mut self, port: u16, at: i64) -> Option<Hit> {
        let mut at_of_port = at;
        if let Some(known) = self.recent.iter().position(|(_, other)| *other == port) {
            at_of_port = at_of_port.max(self.recent.remove(known).0);
        }
        let place = self.recent.partition_point(|(other, _)| *other <= at_of_port);
        self.recent.insert(place, (at_of_port, port));
        if self.recent.len() > self.need {
            self.recent.remove(0);
        }
        let (first, last) = (self.recent.first()?.0, self.recent.last()?.0);
        if self.recent.len() < self.need || last.saturating_sub(first) > self.span {
            self.burst = None;
            return None;
        }
        let burst = self.burst.get_or_insert_with(|| {
            let mut burst = PortBurst { bits: vec![0; 1024], hit: Hit { count: 0, first, last } };
            self.recent.iter().for_each(|(at, port)| burst.mark(*port, *at));
            burst
        });
        burst.mark(port, at);
        Some(burst.hit)
    }

    /// The ports most recently seen, lowest first.
    pub(crate) fn recent(&self) -> Vec<u16> {
        let mut ports: Vec<u16> = self.recent.iter().map(|(_, port)| *port).collect();
        ports.sort_unstable();
        ports
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_sliding_window_is_exact() {
        let mut window = Sliding::new(3, 10);
        assert_eq!(window.add(0), None);
        assert_eq!(window.add(5), None);
        assert_eq!(window.add(11), None, "0 and 11 are 11 apart");
        assert_eq!(window.add(15), Some(Hit { count: 3, first: 5, last: 15 }));
        assert_eq!(window.add(16), Some(Hit { count: 4, first: 5, last: 16 }));
        assert_eq!(window.add(40), None);
    }

    #[test]
    fn late_instants_go_where_they_belong() {
        let mut window = Sliding::new(3, 10);
        window.add(100);
        window.add(20);
        assert_eq!(window.add(101), None, "20 is not within 10 of 101");
        let mut ports = Ports::new(2, 10);
        ports.add(1, 100);
        assert_eq!(ports.add(2, 20), None);
    }

    #[test]
    fn ports_are_counted_once() {
        let mut ports = Ports::new(3, 10);
        for _ in 0..5 {
            assert_eq!(ports.add(22, 0), None);
        }
        assert_eq!(ports.add(23, 1), None);
        assert_eq!(ports.add(24, 2), Some(Hit { count: 3, first: 0, last: 2 }));
        assert_eq!(ports.add(22, 3).map(|hit| hit.count), Some(3));
        assert_eq!(ports.add(65535, 4).map(|hit| hit.count), Some(4));
        assert_eq!(ports.recent(), [22, 24, 65535]);
        assert_eq!(ports.add(1, 50), None);
    }

    #[test]
    fn buckets_forget() {
        let mut buckets = Buckets::new(100);
        assert!(buckets.add(5, 3));
        assert!(!buckets.add(95, 4));
        assert_eq!(buckets.count(99), (7, 5));
        assert_eq!(buckets.count(101), (4, 10));
        assert!(!buckets.add(3, 9), "too late to count");
        assert_eq!(buckets.count(101).0, 4);
        assert_eq!(buckets.count(1000).0, 0);
        assert!(buckets.add(5000, 1));
    }

    proptest! {
        #[test]
        fn sliding_agrees_with_counting_by_hand(mut instants in prop::collection::vec(0i64..500, 1..60), need in 1usize..6) {
            instants.sort_unstable();
            let mut window = Sliding::new(need, 20);
            for (i, at) in instants.iter().enumerate() {
                let within = instants[..=i].iter().filter(|other| at - **other <= 20).count();
                prop_assert_eq!(window.add(*at).is_some(), within >= need);
            }
        }

        #[test]
        fn no_instants_panic(instants: Vec<(i64, u16)>) {
            let (mut sliding, mut buckets, mut ports) = (Sliding::new(2, 10), Buckets::new(10), Ports::new(2, 10));
            for (at, port) in instants {
                sliding.add(at);
                buckets.add(at, u64::from(port));
                buckets.count(at);
                ports.add(port, at);
            }
        }
    }
}

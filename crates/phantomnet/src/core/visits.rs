//! Visits that are open, so that one whose host died is closed in the evidence too.

use std::sync::Arc;

use phantom_core::event::Closed;
use phantom_core::{Body, BoundedMap, Event, SessionId, Timestamp, derived_id};

use super::recordings::Recordings;

/// More than all hosts together may hold open; past it the oldest is forgotten, not closed.
const OPEN: usize = 65_536;

/// The heads of open visits.
#[derive(Debug)]
pub(crate) struct Visits {
    open: BoundedMap<SessionId, Arc<Event>>,
}

impl Visits {
    pub(crate) fn new() -> Self {
        Self { open: BoundedMap::new(OPEN) }
    }

    /// Follows what was journalled.
    pub(crate) fn see(&mut self, event: &Arc<Event>) {
        let Some(session) = event.session else { return };
        match &event.body {
            Body::Opened(_) => {
                self.open.insert(session, event.clone());
            }
            Body::Closed(_) => {
                self.open.remove(&session);
            }
            _ => {}
        }
    }

    /// The ends of all visits to `service` (to every service when absent) that began before `at`: their host is
    /// gone, and left the recordings they have. The ids derive from the visits, so that telling twice makes no second end.
    pub(crate) fn lost(
        &mut self,
        service: Option<&str>,
        at: Timestamp,
        why: &str,
        recordings: &mut Recordings,
    ) -> Vec<Event> {
        let mut ends = Vec::new();
        self.open.retain(|session, head| {
            let its = service.is_none() || head.service.as_ref().map(|s| s.as_str()) == service;
            if !its || head.at >= at {
                return true;
            }
            let duration = at.as_microsecond().saturating_sub(head.at.as_microsecond()) / 1000;
            let body = Body::Closed(Closed {
                duration_ms: u64::try_from(duration).unwrap_or(0),
                why: Some(why.to_owned()),
                recording: recordings.finish(*session),
                ..Closed::default()
            });
            let mut end = (**head).clone();
            end.id = derived_id(&["closed", &session.to_string()]);
            end.at = at;
            end.body = body;
            ends.push(end);
            false
        });
        ends
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use phantom_core::event::{Opened, Service};
    use phantom_core::{EventId, from_micros};

    fn opened(n: u8, service: Service, at: i64) -> Arc<Event> {
        let at = from_micros(at);
        let mut event = Event::new(EventId::new(at, [n; 10]), at, "s".into(), Body::Opened(Opened {}));
        event.session = Some(SessionId::new(at, [n; 10]));
        event.service = Some(service);
        Arc::new(event)
    }

    fn recordings(dir: &std::path::Path) -> Recordings {
        let limits = crate::settings::Recordings::default();
        Recordings::open(dir.into(), limits, std::time::Duration::from_secs(60)).unwrap()
    }

    #[test]
    fn only_the_dead_hosts_earlier_visits_are_closed_and_only_once() {
        let mut visits = Visits::new();
        let dir = tempfile::tempdir().unwrap();
        let mut recordings = recordings(dir.path());
        visits.see(&opened(1, Service::SSH, 1_000_000));
        visits.see(&opened(2, Service::FTP, 1_000_000));
        visits.see(&opened(3, Service::SSH, 9_000_000));
        recordings.take(opened(1, Service::SSH, 1_000_000).session.unwrap(), 0, b"shown\n").unwrap();
        let ends = visits.lost(Some("ssh"), from_micros(5_000_000), "host_lost", &mut recordings);
        assert_eq!(ends.len(), 1);
        assert_eq!(ends[0].session, opened(1, Service::SSH, 1_000_000).session);
        assert!(
            matches!(&ends[0].body, Body::Closed(c) if c.duration_ms == 4_000 && c.why.as_deref() == Some("host_lost") && c.recording == Some(6))
        );
        assert!(visits.lost(Some("ssh"), from_micros(5_000_000), "host_lost", &mut recordings).is_empty());
        assert_eq!(visits.lost(None, from_micros(99_000_000), "node_stopped", &mut recordings).len(), 2);
    }

    #[test]
    fn a_visit_that_ended_is_not_ended_again() {
        let mut visits = Visits::new();
        let dir = tempfile::tempdir().unwrap();
        let mut recordings = recordings(dir.path());
        let head = opened(1, Service::SSH, 0);
        visits.see(&head);
        let mut end = (*head).clone();
        end.body = Body::Closed(Closed::default());
        visits.see(&Arc::new(end));
        assert!(visits.lost(None, from_micros(1), "x", &mut recordings).is_empty());
    }
}

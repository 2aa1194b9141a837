//! The engine from outside: observations in, verdicts out.

mod engine;
mod honeypot;
mod wire;

use std::net::IpAddr;
use std::sync::Arc;

use phantom_core::event::{Alert, Body, Command, Endpoint, Flow, Login, Opened, Request, Service, Transport};
use phantom_core::{Event, EventId, from_micros};
use phantom_detect::{Engine, Input, Settings};
use phantom_flow::{Ended, FlowKey, FlowNotice, FlowRecord};

const SECOND: i64 = 1_000_000;
const START: i64 = 1_700_000_000 * SECOND;

fn engine() -> Engine {
    Engine::new(Settings::default(), "s1".into())
}

fn deed(service: Service, ip: &str, at: i64, body: Body) -> Input {
    let ip: IpAddr = ip.parse().unwrap();
    let mut random = [0; 10];
    random[..8].copy_from_slice(&at.to_be_bytes());
    random[8..]
        .copy_from_slice(&[body.kind().len() as u8, ip.to_string().as_bytes()[ip.to_string().len() - 1]]);
    let instant = from_micros(START + at);
    let mut event = Event::new(EventId::new(instant, random), instant, "s1".into(), body);
    event.service = Some(service);
    event.src = Some(Endpoint::new(ip, 40_000));
    event.dst = Some(Endpoint::new([192, 0, 2, 1].into(), 22));
    event.transport = Some(Transport::Tcp);
    Input::Event(Arc::new(event))
}

fn opened(ip: &str, at: i64) -> Input {
    deed(Service::SSH, ip, at, Body::Opened(Opened {}))
}

fn login(service: Service, ip: &str, at: i64, name: &str, accepted: bool) -> Input {
    let body = Login { username: name.into(), secret: "x".into(), method: "password".into(), accepted };
    deed(service, ip, at, Body::Login(body))
}

fn command(ip: &str, at: i64) -> Input {
    deed(Service::SSH, ip, at, Body::Command(Command::default()))
}

fn request(ip: &str, at: i64) -> Input {
    deed(Service::HTTP, ip, at, Body::Request(Request::default()))
}

fn key(ip: &str, port: u16, dst_port: u16) -> FlowKey {
    FlowKey {
        transport: Transport::Tcp,
        src: Endpoint::new(ip.parse().unwrap(), port),
        dst: Endpoint::new([192, 0, 2, 1].into(), dst_port),
    }
}

/// A flow of one instant without payload, as an attempt leaves behind.
fn attempt(ip: &str, dst_port: u16, at: i64, state: &str) -> FlowRecord {
    FlowRecord {
        key: key(ip, 40_000, dst_port),
        first: START + at,
        last: START + at,
        flow: Flow { state: state.into(), packets_out: 1, ..Flow::default() },
        http_requests: 0,
        login_failures: 0,
        ended: Ended::Rst,
    }
}

/// A completed conversation.
fn talk(ip: &str, dst_port: u16, at: i64, app: &str, payload: u64) -> FlowRecord {
    let mut record = attempt(ip, dst_port, at, "SF");
    record.flow.app = Some(app.into());
    (record.flow.packets_out, record.flow.packets_in) = (8, 8);
    (record.flow.payload_out, record.flow.payload_in) = (payload, payload);
    record
}

fn closed(record: FlowRecord) -> Input {
    Input::Wire(FlowNotice::Closed(record))
}

fn alerts(events: &[Event]) -> Vec<(&Event, &Alert)> {
    events
        .iter()
        .filter_map(|event| match &event.body {
            Body::Alert(alert) => Some((event, alert)),
            _ => None,
        })
        .collect()
}

/// The rules that fired, the first contact left out.
fn rules(events: &[Event]) -> Vec<String> {
    let fired = alerts(events).into_iter().map(|(_, alert)| alert.rule.clone());
    fired.filter(|rule| rule != "honeypot_touch").collect()
}

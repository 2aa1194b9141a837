use super::*;
use crate::packet::tcp;
use crate::{FlowRecord, WireCounters};
use phantom_testkit::packet::{ACK, FIN, PSH, PacketBuilder, RST, SYN, TcpConversation, ethernet};
use proptest::prelude::*;

const A: &str = "192.0.2.1";
const B: &str = "198.51.100.2";

fn talk() -> TcpConversation {
    TcpConversation::new((A, 40_000), (B, 80), SECOND, 1000)
}

fn run(config: FlowConfig, packets: &[(i64, Vec<u8>)]) -> WireBatch {
    let mut table = FlowTable::new(config);
    let mut out = WireBatch::default();
    for (at, bytes) in packets {
        table.frame(*at, LinkType::RAW, bytes, bytes.len() as u32, &mut out);
    }
    table.finish(&mut out);
    assert!(table.is_empty());
    out
}

fn records(batch: &WireBatch) -> Vec<&FlowRecord> {
    batch
        .notices
        .iter()
        .filter_map(|n| if let FlowNotice::Closed(record) = n { Some(record) } else { None })
        .collect()
}

fn state_of(talk: &TcpConversation) -> String {
    let batch = run(FlowConfig::default(), talk.packets());
    let records = records(&batch);
    assert_eq!(records.len(), 1);
    records[0].flow.state.clone()
}

#[test]
fn states_are_zeeks() {
    assert_eq!(state_of(talk().raw(true, SYN, b"")), "S0");
    assert_eq!(state_of(talk().open()), "S1");
    assert_eq!(state_of(talk().open().client(b"x").close()), "SF");
    assert_eq!(state_of(talk().raw(true, SYN, b"").raw(false, RST | ACK, b"")), "REJ");
    assert_eq!(state_of(talk().open().raw(true, FIN | ACK, b"")), "S2");
    assert_eq!(state_of(talk().open().raw(false, FIN | ACK, b"")), "S3");
    assert_eq!(state_of(talk().open().reset(true)), "RSTO");
    assert_eq!(state_of(talk().open().reset(false)), "RSTR");
    assert_eq!(state_of(talk().raw(true, SYN, b"").raw(true, RST, b"")), "RSTOS0");
    assert_eq!(state_of(talk().raw(true, SYN, b"").raw(true, FIN, b"")), "SH");
    assert_eq!(state_of(talk().raw(false, SYN | ACK, b"").raw(false, RST, b"")), "RSTRH");
    assert_eq!(state_of(talk().raw(false, SYN | ACK, b"").raw(false, FIN, b"")), "SHR");
    assert_eq!(state_of(talk().raw(true, ACK, b"x").raw(false, ACK, b"y")), "OTH");
}

#[test]
fn a_conversation_is_counted_each_way() {
    let batch =
        run(FlowConfig::default(), talk().open().client(b"hello").server(b"good day").close().packets());
    let [record] = records(&batch)[..] else { panic!() };
    assert_eq!((record.key.src.port, record.key.dst.port, record.ended), (40_000, 80, Ended::Fin));
    let flow = &record.flow;
    assert_eq!((flow.packets_out, flow.packets_in, flow.payload_out, flow.payload_in), (6, 4, 5, 8));
    assert_eq!((flow.bytes_out, flow.bytes_in, flow.duration_ms), (245, 168, 9));
    assert_eq!((record.first, record.last), (SECOND, SECOND + 9000));
    let opened = FlowNotice::Opened { at: SECOND, key: record.key, tcp_flags: SYN };
    assert_eq!(batch.notices[0], opened);
    assert!(batch.packets.iter().all(|row| row.flow_id == batch.packets[0].flow_id && row.flow_id != 0));
    assert_eq!((batch.packets[0].length, batch.packets[0].ttl, batch.packets[3].payload_len), (40, 64, 5));
}

#[test]
fn the_initiator_is_who_began_even_if_seen_late() {
    let source =
        |talk: &TcpConversation| records(&run(FlowConfig::default(), talk.packets()))[0].key.src.port;
    assert_eq!(source(talk().raw(false, SYN | ACK, b"")), 40_000);
    assert_eq!(source(talk().raw(false, ACK | PSH, b"HTTP/1.1 200 OK")), 40_000);
    assert_eq!(source(talk().raw(true, ACK, b"")), 40_000);
    // A probe without ACK is the prober's, whatever port it comes from.
    let probe = PacketBuilder::new(A, B).tcp((80, 40_000), FIN, 1, 0, b"");
    let batch = run(FlowConfig::default(), &[(0, probe)]);
    assert_eq!(records(&batch)[0].key.src.port, 80);
}

#[test]
fn a_new_syn_supersedes_what_has_ended_or_was_joined_midway() {
    let mut again = talk();
    again.open().close();
    let mut packets = again.packets().to_vec();
    packets.push((2 * SECOND, PacketBuilder::new(A, B).tcp((40_000, 80), SYN, 9, 0, b"")));
    let batch = run(FlowConfig::default(), &packets);
    let ends: Vec<_> =
        records(&batch).iter().map(|record| (record.flow.state.clone(), record.ended)).collect();
    assert_eq!(ends, [("SF".to_owned(), Ended::Fin), ("S0".to_owned(), Ended::Capture)]);
    let midway = talk().raw(false, ACK, b"x").raw(true, SYN, b"").packets().to_vec();
    assert_eq!(records(&run(FlowConfig::default(), &midway))[0].ended, Ended::Reused);
    // A repeated SYN is the same attempt.
    let packet = PacketBuilder::new(A, B).tcp((1, 2), SYN, 9, 0, b"");
    let batch = run(FlowConfig::default(), &[(0, packet.clone()), (SECOND, packet)]);
    assert_eq!(records(&batch).len(), 1);
}

#[test]
fn what_follows_a_reset_lingers_and_then_it_closes() {
    let mut table = FlowTable::new(FlowConfig::default());
    let mut out = WireBatch::default();
    for (at, bytes) in talk().open().reset(true).raw(false, ACK, b"late").packets() {
        table.frame(*at, LinkType::RAW, bytes, 0, &mut out);
    }
    assert_eq!(out.counters.flows_opened, 1);
    table.advance(2 * SECOND + 2999, &mut out);
    assert!(records(&out).is_empty());
    table.advance(2 * SECOND + 3000, &mut out);
    assert_eq!((records(&out)[0].ended, records(&out)[0].flow.packets_in), (Ended::Rst, 2));
}

#[test]
fn silence_closes_and_length_cuts() {
    let probe = |port| PacketBuilder::new(A, B).udp((port, 53), b"x");
    let packets = [(0, probe(1)), (59 * SECOND, probe(2)), (60 * SECOND, probe(3))];
    let batch = run(FlowConfig::default(), &packets);
    let ends: Vec<_> = records(&batch).iter().map(|r| (r.key.src.port, r.ended)).collect();
    assert_eq!(ends, [(1, Ended::Idle), (2, Ended::Capture), (3, Ended::Capture)]);

    let packets: Vec<_> = (0..6).map(|n| (n * 50 * SECOND, probe(1))).collect();
    let batch = run(FlowConfig::default(), &packets);
    let cut: Vec<_> =
        records(&batch).iter().map(|r| (r.first / SECOND, r.flow.packets_out, r.ended)).collect();
    assert_eq!(cut, [(0, 3, Ended::Active), (150, 3, Ended::Capture)]);
    assert_eq!(batch.counters.flows_opened, 1);
    assert!(batch.packets.iter().all(|row| row.flow_id == batch.packets[0].flow_id));
}

#[test]
fn a_full_table_evicts_the_unanswered_first() {
    let mut packets = talk().open().packets().to_vec();
    for port in 0..10 {
        packets.push((2 * SECOND, PacketBuilder::new(A, B).tcp((port + 1, 81), SYN, 1, 0, b"")));
    }
    let batch = run(FlowConfig { max_flows: 3, ..FlowConfig::default() }, &packets);
    let evicted: Vec<_> =
        records(&batch).iter().filter(|r| r.ended == Ended::Evicted).map(|r| r.key.src.port).collect();
    assert_eq!(evicted, [1, 2, 3, 4, 5, 6, 7, 8]);
    assert_eq!(batch.counters.flows_evicted, 8);
}

#[test]
fn time_may_step_back_and_may_start_again() {
    let syn = |port| PacketBuilder::new(A, B).tcp((port, 80), SYN, 1, 0, b"");
    let hour = 3600 * SECOND;
    let batch =
        run(FlowConfig::default(), &[(9 * hour, syn(1)), (9 * hour - SECOND, syn(2)), (hour, syn(3))]);
    assert_eq!((batch.counters.backwards, batch.counters.clock_resets), (2, 1));
    let ends: Vec<_> = records(&batch).iter().map(|r| (r.key.src.port, r.first)).collect();
    assert_eq!(ends, [(2, 9 * hour - SECOND), (1, 9 * hour), (3, hour)]);
}

#[test]
fn activity_is_told_once_a_second_and_before_the_end() {
    let mut web = talk();
    web.open();
    for n in 0..5 {
        web.client(b"GET / HTTP/1.1\r\nAuthorization: Basic x\r\n\r\n");
        web.server(b"HTTP/1.1 401 No\r\nContent-Length: 2\r\n\r\nno");
        if n == 2 {
            web.wait(5 * SECOND);
        }
    }
    web.close();
    let batch = run(FlowConfig::default(), web.packets());
    let told: Vec<_> = batch
        .notices
        .iter()
        .map(|notice| match notice {
            FlowNotice::Opened { .. } => (0, 0),
            FlowNotice::Activity { http_requests, login_failures, .. } => (*http_requests, *login_failures),
            FlowNotice::Closed(record) => (record.http_requests * 10, record.login_failures * 10),
        })
        .collect();
    assert_eq!(told, [(0, 0), (3, 3), (2, 2), (50, 50)]);
    assert_eq!(records(&batch)[0].flow.app.as_deref(), Some("http"));
}

#[test]
fn what_belongs_to_no_flow_is_counted() {
    let quoted = PacketBuilder::new(A, B).udp((1, 2), b"");
    let packets = [
        (0, PacketBuilder::new(B, A).icmp(3, 3, &quoted)),
        (0, PacketBuilder::new(A, B).fragment(5, true).udp((1, 2), b"later")),
        (0, PacketBuilder::new(A, B).icmp(8, 0, b"ping")),
        (0, PacketBuilder::new(B, A).icmp(0, 0, b"ping")),
        (0, PacketBuilder::new("2001:db8::1", "2001:db8::2").icmp(128, 0, b"ping")),
    ];
    let batch = run(FlowConfig::default(), &packets);
    assert_eq!((batch.counters.icmp_errors, batch.counters.fragments, batch.counters.packets), (1, 1, 5));
    let states: Vec<_> = records(&batch).iter().map(|record| record.flow.state.as_str()).collect();
    assert_eq!(states, ["SF", "S0"]);
    assert_eq!(batch.packets.iter().filter(|row| row.flow_id == 0).count(), 2);
}

#[test]
fn retransmissions_are_read_once_and_holes_are_survived() {
    let request = b"GET / HTTP/1.1\r\n\r\n";
    let mut web = talk();
    web.open().client(request).client(request).client(request);
    let mut packets = web.packets().to_vec();
    packets.insert(4, packets[3].clone());
    packets.remove(6);
    let batch = run(FlowConfig::default(), &packets);
    assert_eq!(records(&batch)[0].http_requests, 2);
}

#[test]
fn the_seed_changes_no_output_and_ids_are_stable() {
    let packets = talk().open().close().packets().to_vec();
    let one = run(FlowConfig::default(), &packets);
    assert_eq!(one, run(FlowConfig { seed: 99, ..FlowConfig::default() }, &packets));
    // Written down once: rows of different runs and versions must meet.
    assert_eq!(one.packets[0].flow_id, 4_245_138_172_804_401_511);
    let rowless = run(FlowConfig { packet_rows: false, ..FlowConfig::default() }, &packets);
    assert!(rowless.packets.is_empty() && rowless.notices == one.notices);
}

#[test]
fn a_flow_costs_what_the_cap_was_chosen_for() {
    // 262,144 flows that all have spoken: at most 144 MiB.
    let each = size_of::<Entry>() + size_of::<crate::content::Content>();
    assert!(each <= 576, "{} + {}", size_of::<Entry>(), size_of::<crate::content::Content>());
}

#[test]
fn frames_that_are_not_ip_are_counted() {
    let mut table = FlowTable::new(FlowConfig::default());
    let mut out = WireBatch::default();
    let mut arp = ethernet(&[0; 28], &[]);
    arp[13] = 6;
    table.frame(0, LinkType::ETHERNET, &arp, 42, &mut out);
    table.frame(0, LinkType(147), &arp, 42, &mut out);
    assert_eq!(out.counters, WireCounters { frames: 2, arp: 1, unknown_link: 1, ..WireCounters::default() });
    assert!(table.is_empty());
}

/// One arbitrary small world: few hosts and ports, so that conversations meet.
fn packets() -> impl Strategy<Value = Vec<(i64, Vec<u8>)>> {
    let payload = prop_oneof![
        Just(b"GET / HTTP/1.1\r\n\r\n".to_vec()),
        Just(b"220 ftp FTP\r\n".to_vec()),
        proptest::collection::vec(any::<u8>(), 0..9),
    ];
    let one = (0..40i64, any::<bool>(), 0..3u16, any::<u8>(), 0..4u32, payload, 0..3u8).prop_map(
        |(gap, back, port, flags, seq, payload, kind)| {
            let (from, to) = if back { (B, A) } else { (A, B) };
            let ports = if back { (80, 1000 + port) } else { (1000 + port, 80) };
            let builder = PacketBuilder::new(from, to);
            let bytes = match kind {
                0 => builder.udp(ports, &payload),
                _ => {
                    builder.tcp(ports, flags & (tcp::FIN | tcp::SYN | tcp::RST | tcp::ACK), seq, 0, &payload)
                }
            };
            (gap * SECOND / 2 - SECOND, bytes)
        },
    );
    proptest::collection::vec(one, 0..80).prop_map(|steps| {
        let mut now = 1000 * SECOND;
        steps
            .into_iter()
            .map(|(gap, bytes)| {
                now += gap;
                (now, bytes)
            })
            .collect()
    })
}

proptest! {
    #[test]
    fn batching_and_advancing_change_nothing(packets in packets(), every in 1..7usize, cap in 1..6usize) {
        let config = FlowConfig { max_flows: cap, ..FlowConfig::default() };
        let whole = run(config.clone(), &packets);
        let mut table = FlowTable::new(config);
        let mut joined = WireBatch::default();
        let mut batch = WireBatch::default();
        let mut newest = i64::MIN;
        for (n, (at, bytes)) in packets.iter().enumerate() {
            table.frame(*at, LinkType::RAW, bytes, bytes.len() as u32, &mut batch);
            newest = newest.max(*at);
            if n % every == 0 {
                // Live, time also passes between packets, up to the next packet's instant.
                let next = packets.get(n + 1).map_or(*at, |(next, _)| *next);
                table.advance(newest.max(next).min(newest.max(next - 1)), &mut batch);
                joined.notices.append(&mut batch.notices);
                joined.packets.append(&mut batch.packets);
                joined.counters.add(&batch.counters);
                batch.clear();
            }
        }
        table.finish(&mut batch);
        joined.notices.append(&mut batch.notices);
        joined.packets.append(&mut batch.packets);
        joined.counters.add(&batch.counters);
        prop_assert_eq!(&joined, &whole);
        let counters = whole.counters;
        prop_assert_eq!(records(&whole).len() as u64, counters.flows_closed);
        prop_assert!(counters.flows_closed >= counters.flows_opened);
    }

    #[test]
    fn no_frames_panic_the_table(frames: Vec<(i64, u16, Vec<u8>)>) {
        let mut table = FlowTable::new(FlowConfig { max_flows: 4, ..FlowConfig::default() });
        let mut out = WireBatch::default();
        for (at, link, bytes) in frames {
            table.frame(at, LinkType(link % 300), &bytes, 0, &mut out);
        }
        table.finish(&mut out);
    }
}

use std::time::Duration;

use phantom_core::event::{Body, Score, Severity};
use phantom_flow::PacketRow;
use phantom_journal::Cursor;
use phantom_store::*;

use crate::{T0, at, both, event, numbered};

fn packet(seconds: i64, host: u8, protocol: u8) -> PacketRow {
    PacketRow {
        at: T0 + seconds * 1_000_000,
        src: [192, 0, 2, host].into(),
        dst: [198, 51, 100, 1].into(),
        src_port: 65_535,
        dst_port: 22,
        protocol,
        length: u32::MAX,
        ttl: 255,
        tcp_flags: 255,
        payload_len: 1,
        flow_id: u64::MAX - 1,
    }
}

#[test]
fn packets_are_kept_by_the_hour() {
    both(|db| {
        let store = db.open();
        let score = Body::Score(Score { value: 7.5, level: Severity::Low, reasons: vec![] });
        store.ingest(&numbered(vec![event(1, 2, None, score)]), &Cursor { seq: 2 }).unwrap();
        let store = db.open();
        let rows: Vec<_> = (0..40)
            .map(|n| packet(n * 600, u8::try_from(n % 3).unwrap(), [6, 17, 47][n as usize % 3]))
            .collect();
        store.insert_packets(&rows).unwrap();
        store
            .insert_packets(&[PacketRow { at: i64::MIN, ..rows[0] }, PacketRow { at: i64::MAX, ..rows[0] }])
            .unwrap();
        let window = Paging { since: Some(at(0)), until: Some(at(40_000)), limit: 7, cursor: None };
        let mut query = PacketQuery { page: window, ..Default::default() };
        let mut got = Vec::new();
        loop {
            let page = store.packets(&query).unwrap();
            got.extend(page.items);
            query.page.cursor = page.next;
            if query.page.cursor.is_none() {
                break;
            }
        }
        let times: Vec<_> = got.iter().map(|p| p.time).collect();
        assert_eq!(times, (0..40).rev().map(|n| at(n * 600)).collect::<Vec<_>>());
        let first = &got[39];
        assert_eq!(
            (first.length, first.flow_id, first.src_port, first.ttl),
            (u32::MAX, u64::MAX - 1, 65_535, 255)
        );
        assert_eq!((first.protocol.as_str(), first.score), ("tcp", None));
        assert_eq!(got[37].score, Some(7.5));
        let gre = PacketQuery { protocol: Some("47".into()), port: Some(22), ..Default::default() };
        assert_eq!(store.packets(&gre).unwrap().items.len(), 13);
        let from = PacketQuery { src: Some([192, 0, 2, 1].into()), port: Some(1), ..Default::default() };
        assert!(store.packets(&from).unwrap().items.is_empty());
        let counts = store.protocols(at(0), at(40_000)).unwrap();
        assert_eq!((counts[0].protocol.as_str(), counts[0].packets), ("tcp", 14));
        assert_eq!(counts[0].bytes, 14 * u64::from(u32::MAX));
        assert_eq!(store.summary(at(0), at(60)).unwrap().packets, 1);
        let done =
            store.retain(at(40 * 600), Duration::from_secs(1 << 30), Duration::from_secs(2 * 3600)).unwrap();
        assert!(done.partitions >= 4, "{done:?}");
        let left = store.packets(&PacketQuery::default()).unwrap().items;
        assert!((14..30).contains(&left.len()), "{}", left.len());
        store.insert_packets(&rows).unwrap();
        store.clear_derived().unwrap();
        assert!(!store.packets(&PacketQuery::default()).unwrap().items.is_empty());
        assert!(store.summary(at(0), at(60)).unwrap().packets > 0);
    });
}

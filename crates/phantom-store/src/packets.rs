//! Packets: one row each, kept by the hour and deleted by the hour.

use std::collections::BTreeMap;

use phantom_core::event::Transport;
use phantom_core::{from_micros, rfc3339};
use phantom_flow::PacketRow;
use postgres::types::Type;

use crate::ingest::ROLLUPS;
use crate::read::{self, Tie};
use crate::sql::{Conflict, Conn, Kind, Row, Sql, Table, Value};
use crate::store::Arm;
use crate::{PacketLog, PacketQuery, Page, ProtocolCount, Result, Store};

/// Microseconds of a partition.
const HOUR: i64 = 3_600_000_000;
/// 9998-12-31, the last hour that both arms can hold; later ones are stored as this.
const LAST_HOUR: i64 = 70_371_383;

const PACKETS: Table = Table {
    name: "packet_logs",
    columns: &[
        ("time", Kind::Time),
        ("src_ip", Kind::Ip),
        ("dst_ip", Kind::Ip),
        ("src_port", Kind::Int),
        ("dst_port", Kind::Int),
        ("protocol", Kind::Text),
        ("length", Kind::Int),
        ("ttl", Kind::Int),
        ("tcp_flags", Kind::Int),
        ("payload_len", Kind::Int),
        ("flow_id", Kind::Int),
        ("score", Kind::Real),
    ],
    conflict: Conflict::Keep { returning: "time" },
};

const TYPES: [Type; 12] = [
    Type::TIMESTAMPTZ,
    Type::INET,
    Type::INET,
    Type::INT4,
    Type::INT4,
    Type::TEXT,
    Type::INT8,
    Type::INT2,
    Type::INT2,
    Type::INT8,
    Type::INT8,
    Type::FLOAT8,
];

/// Where an hour begins, for a partition's bounds.
pub(crate) fn hour_start(hour: i64) -> String {
    rfc3339(from_micros(hour * HOUR))
}

pub(crate) fn hour_of(micros: i64) -> i64 {
    micros.div_euclid(HOUR)
}

fn protocol(number: u8) -> String {
    match Transport::from_protocol(number) {
        Transport::Other => number.to_string(),
        known => known.as_str().to_owned(),
    }
}

impl Store {
    /// Records packets in bulk: on PostgreSQL by `COPY` in one transaction, on SQLite in one transaction an hour touched.
    /// Instants outside 1970 to 9998 are moved to the nearest that are not.
    ///
    /// # Errors
    /// [`crate::StoreError`]; of a batch that failed, SQLite may hold some hours.
    pub fn insert_packets(&self, packets: &[PacketRow]) -> Result<()> {
        let mut hours: BTreeMap<i64, Vec<Vec<Value>>> = BTreeMap::new();
        let mut minutes: BTreeMap<(i64, String), (i64, i64)> = BTreeMap::new();
        for packet in packets {
            let at = packet.at.clamp(0, LAST_HOUR * HOUR);
            let protocol = protocol(packet.protocol);
            let sum = minutes.entry((read::minute(at), protocol.clone())).or_default();
            sum.0 += 1;
            sum.1 += i64::from(packet.length);
            let score = self.score_of(packet.src);
            hours.entry(hour_of(at)).or_default().push(vec![
                Value::Time(at),
                Value::Ip(packet.src),
                Value::Ip(packet.dst),
                Value::Int(packet.src_port.into()),
                Value::Int(packet.dst_port.into()),
                Value::Text(protocol),
                Value::Int(packet.length.into()),
                Value::Int(packet.ttl.into()),
                Value::Int(packet.tcp_flags.into()),
                Value::Int(packet.payload_len.into()),
                Value::Int(packet.flow_id.cast_signed()),
                Value::maybe(score, Value::Real),
            ]);
        }
        let rollups = minutes
            .into_iter()
            .map(|((minute, protocol), (count, bytes))| {
                vec![
                    Value::Time(minute),
                    Value::text(read::PACKET),
                    Value::Text(protocol),
                    Value::Int(count),
                    Value::Int(bytes),
                ]
            })
            .collect();
        let count = |conn: &mut dyn Conn| conn.put(&ROLLUPS, rollups).map(drop);
        match &self.arm {
            Arm::Sqlite(arm) => {
                for (hour, rows) in hours {
                    arm.put_packets(hour, &PACKETS, rows)?;
                }
                arm.write(count)
            }
            Arm::Postgres(arm) => {
                let keys: Vec<_> = hours.keys().copied().collect();
                let rows: Vec<_> = hours.into_values().flatten().collect();
                arm.put_packets(&keys, &PACKETS, &TYPES, &rows, count)
            }
        }
    }

    /// Packets, newest first.
    ///
    /// # Errors
    /// [`crate::StoreError`].
    pub fn packets(&self, query: &PacketQuery) -> Result<Page<PacketLog>> {
        let arm = match &self.arm {
            Arm::Postgres(arm) => return arm.read(|conn| page(conn, query)),
            Arm::Sqlite(arm) => arm,
        };
        let mut query = query.clone();
        let until = match query.page.after()? {
            Some((micros, _)) => Some(hour_of(micros)),
            None => query.page.until.map(|at| hour_of(phantom_core::micros(at))),
        };
        let since = query.page.since.map(|at| hour_of(phantom_core::micros(at)));
        let wanted = query.page.limit();
        let mut found = Page { items: Vec::new(), next: None };
        let hours = arm.packet_hours()?;
        let mut hours = hours
            .into_iter()
            .filter(|hour| {
                until.is_none_or(|until| *hour <= until) && since.is_none_or(|since| *hour >= since)
            })
            .peekable();
        while let Some(hour) = hours.next() {
            query.page.limit = wanted - found.items.len();
            let Some(mut piece) = arm.read_packets(hour, |conn| page(conn, &query))? else { continue };
            found.items.append(&mut piece.items);
            found.next = piece.next;
            if found.items.len() == wanted {
                if let (None, Some(last), Some(_)) = (&found.next, found.items.last(), hours.peek()) {
                    // Whatever the next hour holds lies behind the last row, whichever its id was.
                    found.next = Some(format!("{}_0", phantom_core::micros(last.time)));
                }
                break;
            }
        }
        Ok(found)
    }

    /// Packets and bytes by protocol, the most frequent first, of the whole minutes that the window touches.
    ///
    /// # Errors
    /// [`crate::StoreError`].
    pub fn protocols(
        &self,
        since: phantom_core::Timestamp,
        until: phantom_core::Timestamp,
    ) -> Result<Vec<ProtocolCount>> {
        self.read(|conn| {
            let mut sql = Sql::new(
                "SELECT service, CAST(sum(count) AS bigint), CAST(sum(bytes) AS bigint) FROM rollups WHERE TRUE",
            );
            read::minutes(&mut sql, since, until)
                .and("kind =", Value::text(read::PACKET))
                .push(" GROUP BY service ORDER BY 2 DESC, 1");
            conn.rows(&sql)?
                .into_iter()
                .map(|mut row| {
                    Ok(ProtocolCount { protocol: row.text()?, packets: row.number()?, bytes: row.number()? })
                })
                .collect()
        })
    }
}

fn page(conn: &mut dyn Conn, query: &PacketQuery) -> Result<Page<PacketLog>> {
    let mut sql = Sql::new(
        "SELECT time, id, src_ip, dst_ip, src_port, dst_port, protocol, length, ttl, tcp_flags, payload_len, \
         flow_id, score FROM packet_logs WHERE TRUE",
    );
    if let Some(src) = query.src {
        sql.and("src_ip =", Value::Ip(src));
    }
    if let Some(dst) = query.dst {
        sql.and("dst_ip =", Value::Ip(dst));
    }
    if let Some(protocol) = &query.protocol {
        sql.and("protocol =", Value::text(protocol));
    }
    if let Some(port) = query.port {
        sql.push(" AND (src_port = ").bind(Value::Int(port.into()));
        sql.push(" OR dst_port = ").bind(Value::Int(port.into())).push(")");
    }
    read::newest(conn, sql, &query.page, ("time", "id"), Tie::Number, packet)
}

fn packet(time: phantom_core::Timestamp, row: &mut Row) -> Result<PacketLog> {
    Ok(PacketLog {
        time,
        src_ip: row.ip()?,
        dst_ip: row.ip()?,
        src_port: row.number()?,
        dst_port: row.number()?,
        protocol: row.text()?,
        length: row.number()?,
        ttl: row.number()?,
        tcp_flags: row.number()?,
        payload_len: row.number()?,
        flow_id: row.int()?.cast_unsigned(),
        score: row.maybe_real()?,
    })
}

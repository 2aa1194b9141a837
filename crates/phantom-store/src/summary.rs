//! Counts for charts.

use std::collections::BTreeMap;
use std::time::Duration;

use phantom_core::{Timestamp, Untrusted, from_micros, micros};

use crate::read::{self, PACKET};
use crate::sql::{Conn, Row, Sql, Value};
use crate::{Bucket, Credentials, Guess, Result, Store, StoreError, Summary};

/// Most slices of a timeline.
const MAX_BUCKETS: i64 = 2000;
/// Sources named by a summary.
const TOP: usize = 10;

fn counts(conn: &mut dyn Conn, sql: &Sql) -> Result<BTreeMap<String, u64>> {
    conn.rows(sql)?.into_iter().map(|mut row| Ok((row.text()?, row.number()?))).collect()
}

impl Store {
    /// The first screen of the window from `since` up to but not including `until`. Events, sessions, alerts and packets
    /// are counted in the whole minutes that the window touches.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn summary(&self, since: Timestamp, until: Timestamp) -> Result<Summary> {
        self.read(|conn| {
            let mut out = Summary::default();
            let mut sql =
                Sql::new("SELECT kind, service, CAST(sum(count) AS bigint) FROM rollups WHERE TRUE");
            read::minutes(&mut sql, since, until).push(" GROUP BY kind, service");
            for mut row in conn.rows(&sql)? {
                let (kind, service, count) = (row.text()?, row.text()?, row.number::<u64>()?);
                match kind.as_str() {
                    PACKET => {
                        out.packets += count;
                        continue;
                    }
                    "opened" => out.sessions += count,
                    "alert" => out.alerts += count,
                    _ => {}
                }
                out.events += count;
                *out.kinds.entry(kind).or_default() += count;
                if !service.is_empty() {
                    *out.services.entry(service).or_default() += count;
                }
            }
            for (column, into) in [("severity", &mut out.severities), ("rule", &mut out.rules)] {
                let mut sql = Sql::new(&format!("SELECT {column}, count(*) FROM alerts WHERE TRUE"));
                sql.and("time >=", Value::time(since)).and("time <", Value::time(until));
                sql.push(&format!(" GROUP BY {column}"));
                *into = counts(conn, &sql)?;
            }
            let mut sql = Sql::new("SELECT level, count(*) FROM sources WHERE TRUE");
            read::seen_within(&mut sql, Some(since), Some(until));
            sql.push(" GROUP BY level");
            out.levels = counts(conn, &sql)?;
            out.sources = out.levels.values().sum();
            let dialect = conn.dialect();
            let mut sql = read::select_sources(dialect, until);
            read::seen_within(&mut sql, Some(since), Some(until));
            let ip = dialect.ip_text("ip");
            sql.push(&format!(" ORDER BY score DESC, last DESC, {ip} DESC LIMIT {TOP}"));
            out.top_sources = conn.rows(&sql)?.iter_mut().map(read::source).collect::<Result<_>>()?;
            Ok(out)
        })
    }

    /// The window in slices of `bucket`, also the empty ones. `since` and `bucket` are rounded down to whole minutes,
    /// to one at least.
    ///
    /// # Errors
    /// [`StoreError::Refused`] for more than 2,000 slices.
    pub fn timeline(&self, since: Timestamp, until: Timestamp, bucket: Duration) -> Result<Vec<Bucket>> {
        let origin = read::minute(micros(since));
        let width = i64::try_from(bucket.as_secs() / 60).unwrap_or(i64::MAX / 60_000_000).clamp(1, 1 << 32)
            * 60_000_000;
        let slices = (micros(until).saturating_sub(origin).max(0) + width - 1) / width;
        if slices > MAX_BUCKETS {
            return Err(StoreError::Refused(format!(
                "a timeline of {slices} slices is more than {MAX_BUCKETS}"
            )));
        }
        let mut out: Vec<_> = (0..slices)
            .map(|n| Bucket {
                time: from_micros(origin + n * width),
                events: 0,
                alerts: 0,
                sessions: 0,
                packets: 0,
            })
            .collect();
        self.read(|conn| {
            let slice = conn.dialect().slice("minute", origin, width);
            let mut sql = Sql::new(&format!(
                "SELECT {slice}, kind, CAST(sum(count) AS bigint) FROM rollups WHERE TRUE"
            ));
            read::minutes(&mut sql, since, until).push(" GROUP BY 1, 2");
            for mut row in conn.rows(&sql)? {
                let (at, kind, count) = (row.number::<usize>()?, row.text()?, row.number::<u64>()?);
                let Some(bucket) = out.get_mut(at) else { continue };
                match kind.as_str() {
                    PACKET => {
                        bucket.packets += count;
                        continue;
                    }
                    "opened" => bucket.sessions += count,
                    "alert" => bucket.alerts += count,
                    _ => {}
                }
                bucket.events += count;
            }
            Ok(())
        })?;
        Ok(out)
    }

    /// What was guessed most, of one service or of all; at most `limit` (clamped to 1..=1000) of each.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn credentials(
        &self,
        since: Timestamp,
        until: Timestamp,
        service: Option<&str>,
        limit: usize,
    ) -> Result<Credentials> {
        let top = |conn: &mut dyn Conn, column: &str, only: &str| {
            let mut sql = Sql::new(&format!(
                "SELECT {column}, count(*), sum(CASE WHEN accepted THEN 1 ELSE 0 END) FROM events WHERE TRUE"
            ));
            sql.and("kind =", Value::text("login")).and("time >=", Value::time(since));
            sql.and("time <", Value::time(until));
            if let Some(service) = service {
                sql.and("service =", Value::text(service));
            }
            // Among equals the one tried last comes first.
            sql.push(&format!(
                "{only} GROUP BY {column} ORDER BY 2 DESC, max(seq) DESC LIMIT {}",
                limit.clamp(1, crate::MAX_LIMIT)
            ));
            conn.rows(&sql)?.iter_mut().map(guess).collect::<Result<Vec<_>>>()
        };
        self.read(|conn| {
            Ok(Credentials {
                usernames: top(conn, "username", "")?,
                secrets: top(conn, "secret", " AND secret <> ''")?,
            })
        })
    }
}

fn guess(row: &mut Row) -> Result<Guess> {
    Ok(Guess { value: Untrusted::from_lossless(&row.text()?), count: row.number()?, accepted: row.number()? })
}

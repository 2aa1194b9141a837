//! `phantomnet rebuild`: the database again, from the journal.

use std::io::{IsTerminal, Write};
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use phantom_core::Event;
use phantom_journal::{Cursor, Item, Journal, Options};

use crate::control::Places;
use crate::open_store;
use crate::plan::Plan;

/// Events of one transaction.
const BATCH: usize = 5_000;

/// Clears what the journal derives and reads the whole journal again. Users, tokens, audit, triage and packets stay.
pub(crate) fn run(plan: &Plan) -> Result<()> {
    let dir = Places(plan.data_dir.clone()).journal();
    if !dir.is_dir() {
        bail!("there is no journal in {}", dir.display());
    }
    // Holding the journal makes sure that no node runs.
    let journal = Journal::open(&dir, Options::default())?;
    let store = open_store(plan)?;
    store.clear_derived().context("store")?;
    let total = journal.end().seq.saturating_sub(1).max(1);
    let mut reader = journal.reader(Cursor::START)?;
    let mut batch: Vec<(u64, Arc<Event>)> = Vec::with_capacity(BATCH);
    let (mut events, mut corrupt) = (0_u64, 0_u64);
    let terminal = std::io::stderr().is_terminal();
    loop {
        let item = reader.next_item()?;
        let done = item.is_none();
        match item {
            Some(Item::Event { seq, event, .. }) => batch.push((seq, Arc::from(event))),
            Some(Item::Corrupt { segment, offset, why, .. }) => {
                corrupt += 1;
                tracing::error!(segment = %segment.display(), offset, %why, "the journal is corrupt here");
            }
            Some(Item::Missing { .. }) | None => {}
        }
        if batch.len() == BATCH || done {
            store.ingest(&batch, &reader.cursor()).context("store")?;
            events += batch.len() as u64;
            batch.clear();
            if terminal {
                let share = reader.cursor().seq.saturating_sub(1) * 100 / total;
                let _ = write!(std::io::stderr(), "\r{events} events, {share} %");
            }
        }
        if done {
            break;
        }
    }
    if terminal {
        let _ = writeln!(std::io::stderr());
    }
    let _ = writeln!(std::io::stdout(), "{events} events from the journal");
    if corrupt > 0 {
        bail!("{corrupt} places of the journal were corrupt; they are named above");
    }
    Ok(())
}

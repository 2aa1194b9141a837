//! Tables, chains and rules of the packet filter, as far as a visit makes them: a kernel without rules has none.

use super::rule::Rule;

/// Rules that are kept of a visit, and chains.
const MAX: usize = 256;

/// A rule as it was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Entry {
    Iptables(Rule),
    /// By nft, in its own words.
    Nft(String),
}

#[derive(Debug, Clone)]
pub(super) struct Chain {
    pub(super) name: String,
    /// What becomes of packets at its end; only what the kernel calls has one.
    pub(super) policy: Option<String>,
    /// `type filter hook input priority filter`, of those chains.
    pub(super) hook: String,
    pub(super) rules: Vec<Entry>,
}

#[derive(Debug, Clone)]
pub(super) struct Table {
    /// `ip`, `ip6`, `inet`.
    pub(super) family: String,
    pub(super) name: String,
    pub(super) chains: Vec<Chain>,
}

/// All of it.
#[derive(Debug, Default)]
pub(crate) struct Filter {
    pub(super) tables: Vec<Table>,
}

/// The chains that a table of iptables has of itself, with hook and priority.
pub(super) fn built_in(table: &str) -> Option<&'static [&'static str]> {
    Some(match table {
        "filter" | "security" => &["INPUT", "FORWARD", "OUTPUT"],
        "nat" => &["PREROUTING", "INPUT", "OUTPUT", "POSTROUTING"],
        "mangle" => &["PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING"],
        "raw" => &["PREROUTING", "OUTPUT"],
        _ => return None,
    })
}

fn hook(table: &str, chain: &str) -> String {
    let kind = match (table, chain) {
        ("nat", _) => "nat",
        ("mangle", "OUTPUT") => "route",
        _ => "filter",
    };
    let priority = match (table, chain) {
        ("nat", "PREROUTING") => "dstnat",
        ("nat", "OUTPUT") => "-100",
        ("nat", _) => "srcnat",
        (other, _) => other,
    };
    format!("type {kind} hook {} priority {priority}", chain.to_lowercase())
}

impl Filter {
    pub(super) fn table(&self, family: &str, name: &str) -> Option<&Table> {
        self.tables.iter().find(|table| table.family == family && table.name == name)
    }

    pub(super) fn table_mut(&mut self, family: &str, name: &str) -> Option<&mut Table> {
        self.tables.iter_mut().find(|table| table.family == family && table.name == name)
    }

    pub(super) fn chain(&self, family: &str, table: &str, chain: &str) -> Option<&Chain> {
        self.table(family, table)?.chain(chain)
    }

    pub(super) fn chain_mut(&mut self, family: &str, table: &str, chain: &str) -> Option<&mut Chain> {
        self.table_mut(family, table)?.chains.iter_mut().find(|c| c.name == chain)
    }

    /// The table, made if it is not there; none is made beyond what is kept.
    pub(super) fn make_table(&mut self, family: &str, name: &str) -> Option<&mut Table> {
        if self.table(family, name).is_none() {
            if self.tables.len() >= MAX {
                return None;
            }
            let (family, name) = (family.to_owned(), name.to_owned());
            self.tables.push(Table { family, name, chains: Vec::new() });
        }
        self.table_mut(family, name)
    }

    /// A chain of iptables, made if it is one that the table has of itself or `new`.
    pub(super) fn make_chain(
        &mut self,
        family: &str,
        table: &str,
        chain: &str,
        new: bool,
    ) -> Option<&mut Chain> {
        let own = built_in(table)?.contains(&chain);
        let room = self.count() < MAX;
        let table = self.make_table(family, table)?;
        if table.chain(chain).is_none() {
            if !room || !(own || new) {
                return None;
            }
            table.chains.push(Chain {
                name: chain.to_owned(),
                policy: own.then(|| "ACCEPT".to_owned()),
                hook: if own { hook(&table.name, chain) } else { String::new() },
                rules: Vec::new(),
            });
        }
        table.chains.iter_mut().find(|c| c.name == chain)
    }

    /// Rules and chains that there are.
    pub(super) fn count(&self) -> usize {
        self.tables.iter().flat_map(|table| &table.chains).map(|chain| chain.rules.len() + 1).sum()
    }

    pub(super) fn has_room(&self) -> bool {
        self.count() < MAX
    }
}

impl Table {
    pub(super) fn chain(&self, name: &str) -> Option<&Chain> {
        self.chains.iter().find(|chain| chain.name == name)
    }

    /// How many rules lead to a chain.
    pub(super) fn references(&self, chain: &str) -> usize {
        let rules = self.chains.iter().flat_map(|chain| &chain.rules);
        rules.filter(|entry| matches!(entry, Entry::Iptables(rule) if rule.leads_to(chain))).count()
    }
}

impl Chain {
    /// The rules of iptables.
    pub(super) fn rules(&self) -> impl Iterator<Item = &Rule> {
        self.rules.iter().filter_map(|entry| match entry {
            Entry::Iptables(rule) => Some(rule),
            Entry::Nft(_) => None,
        })
    }
}

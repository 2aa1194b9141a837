//! The firewall table the node owns: `inet phantomnet`.
//!
//! Rules are given to `nft -f -` as one transaction each. Only addresses, prefix lengths and numbers are ever
//! written into it, all of them typed: no text of anyone's gets there.

use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use serde_json::Value;
use thiserror::Error;

/// Why the firewall was not changed or asked.
#[derive(Debug, Error)]
pub enum NftError {
    /// There is no `nft` program.
    #[error("nft: not installed (looked in {PLACES:?})")]
    Missing,
    /// It could not be run.
    #[error("nft: {0}")]
    Run(#[from] io::Error),
    /// It refused; in its words.
    #[error("nft: {0}")]
    Refused(String),
    /// Its answer is not understood.
    #[error("nft: unexpected answer: {0}")]
    Answer(String),
}

const PLACES: [&str; 3] = ["/usr/sbin/nft", "/sbin/nft", "/usr/bin/nft"];

/// A change of the block list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// Drops what comes from there, for so long (in whole seconds, at least one) or until further notice. The
    /// time of a block that stands is set anew.
    Block(IpNet, Option<Duration>),
    /// Drops it no longer; nothing when it was not blocked.
    Unblock(IpNet),
}

/// A block that stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Blocked {
    /// Who.
    pub net: IpNet,
    /// What is left of its time; `None` where it has no end.
    pub left: Option<Duration>,
}

/// The table. Changing it needs `CAP_NET_ADMIN`.
#[derive(Debug, Clone)]
pub struct Nft {
    program: PathBuf,
}

impl Nft {
    /// Finds the `nft` program.
    ///
    /// # Errors
    /// [`NftError::Missing`].
    pub fn find() -> Result<Self, NftError> {
        let program = PLACES.iter().map(Path::new).find(|place| place.exists()).ok_or(NftError::Missing)?;
        Ok(Self { program: program.into() })
    }

    /// Makes the table, or brings its rules up to date and keeps the blocks that stand. Blocked sources still
    /// reach `open_ports` (TCP and UDP): the bait, so that evidence goes on.
    ///
    /// # Errors
    /// [`NftError`]; the table is as before then.
    pub fn install(&self, open_ports: &[u16]) -> Result<(), NftError> {
        self.run(&ruleset(open_ports))
    }

    /// Makes all changes or none.
    ///
    /// # Errors
    /// [`NftError::Refused`] where networks overlap without being equal, or without [`Nft::install`].
    pub fn apply(&self, changes: &[Change]) -> Result<(), NftError> {
        if changes.is_empty() { Ok(()) } else { self.run(&script(changes)) }
    }

    /// All blocks that stand.
    ///
    /// # Errors
    /// [`NftError`], also when there is no table.
    pub fn list(&self) -> Result<Vec<Blocked>, NftError> {
        let text = self.output(&["-j", "list", "table", "inet", "phantomnet"], "")?;
        read_list(&text).ok_or_else(|| NftError::Answer(text.chars().take(200).collect()))
    }

    /// Removes the table and with it all blocks; nothing when there is none.
    ///
    /// # Errors
    /// [`NftError`].
    pub fn remove(&self) -> Result<(), NftError> {
        self.run("add table inet phantomnet\ndelete table inet phantomnet\n")
    }

    fn run(&self, script: &str) -> Result<(), NftError> {
        self.output(&["-f", "-"], script).map(drop)
    }

    fn output(&self, args: &[&str], input: &str) -> Result<String, NftError> {
        let mut child = Command::new(&self.program)
            .args(args)
            .env_clear()
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        if let Some(mut stdin) = child.stdin.take() {
            // It reads all its input before it answers; when it ends early its words say why.
            let _ = stdin.write_all(input.as_bytes());
        }
        let done = child.wait_with_output()?;
        if done.status.success() {
            return Ok(String::from_utf8_lossy(&done.stdout).into_owned());
        }
        let words = String::from_utf8_lossy(&done.stderr);
        let first = words.lines().find(|line| !line.trim().is_empty()).unwrap_or("no reason given");
        Err(NftError::Refused(first.trim().chars().filter(|c| !c.is_control()).take(300).collect()))
    }
}

/// Priority -10 stands right before the `filter` of others, so that no rule of theirs lets a blocked source in
/// first; sets of single hosts are apart from those of networks since only the former may be hashed.
fn ruleset(open_ports: &[u16]) -> String {
    let mut out = String::from(
        "add table inet phantomnet\n\
         add set inet phantomnet blocked4 { type ipv4_addr; flags timeout; }\n\
         add set inet phantomnet blocked6 { type ipv6_addr; flags timeout; }\n\
         add set inet phantomnet nets4 { type ipv4_addr; flags interval, timeout; }\n\
         add set inet phantomnet nets6 { type ipv6_addr; flags interval, timeout; }\n\
         add chain inet phantomnet input { type filter hook input priority -10; policy accept; }\n\
         flush chain inet phantomnet input\n",
    );
    let ports: std::collections::BTreeSet<u16> = open_ports.iter().copied().collect();
    if !ports.is_empty() {
        let ports: Vec<String> = ports.iter().map(u16::to_string).collect();
        let ports = ports.join(", ");
        let _ = writeln!(out, "add rule inet phantomnet input tcp dport {{ {ports} }} accept");
        let _ = writeln!(out, "add rule inet phantomnet input udp dport {{ {ports} }} accept");
    }
    for (family, sets) in [("ip", ["blocked4", "nets4"]), ("ip6", ["blocked6", "nets6"])] {
        for set in sets {
            let _ = writeln!(out, "add rule inet phantomnet input {family} saddr @{set} counter drop");
        }
    }
    out
}

fn script(changes: &[Change]) -> String {
    // Of several changes of one network the last counts: an interval set takes one element only once in a
    // transaction.
    let mut last = std::collections::BTreeMap::new();
    for change in changes {
        match *change {
            Change::Block(net, left) => last.insert(net.trunc(), Some(left)),
            Change::Unblock(net) => last.insert(net.trunc(), None),
        };
    }
    let mut out = String::new();
    for (net, block) in last {
        let set = set_of(net);
        let element = if is_host(net) { net.addr().to_string() } else { net.to_string() };
        // Adding and deleting first makes deleting succeed where there was none, and a second block begin
        // its time anew: adding what is there changes nothing.
        let _ = writeln!(out, "add element inet phantomnet {set} {{ {element} }}");
        let _ = writeln!(out, "delete element inet phantomnet {set} {{ {element} }}");
        if let Some(left) = block {
            let time = left.map(|left| format!(" timeout {}s", left.as_secs().max(1))).unwrap_or_default();
            let _ = writeln!(out, "add element inet phantomnet {set} {{ {element}{time} }}");
        }
    }
    out
}

fn is_host(net: IpNet) -> bool {
    net.prefix_len() == net.max_prefix_len()
}

fn set_of(net: IpNet) -> &'static str {
    match (net, is_host(net)) {
        (IpNet::V4(_), true) => "blocked4",
        (IpNet::V4(_), false) => "nets4",
        (IpNet::V6(_), true) => "blocked6",
        (IpNet::V6(_), false) => "nets6",
    }
}

/// Elements of all sets in the JSON of libnftables (libnftables-json(5)); `None` when it is of another shape.
fn read_list(text: &str) -> Option<Vec<Blocked>> {
    let answer: Value = serde_json::from_str(text).ok()?;
    let mut out = Vec::new();
    for object in answer.get("nftables")?.as_array()? {
        let elements = object.get("set").and_then(|set| set.get("elem")).and_then(Value::as_array);
        for element in elements.into_iter().flatten() {
            out.push(read_element(element)?);
        }
    }
    Some(out)
}

fn read_element(element: &Value) -> Option<Blocked> {
    if let Some(inner) = element.get("elem") {
        let left = inner.get("expires").and_then(Value::as_u64).map(Duration::from_secs);
        return Some(Blocked { net: read_net(inner.get("val")?)?, left });
    }
    Some(Blocked { net: read_net(element)?, left: None })
}

fn read_net(value: &Value) -> Option<IpNet> {
    if let Some(prefix) = value.get("prefix") {
        let address: IpAddr = prefix.get("addr")?.as_str()?.parse().ok()?;
        return IpNet::new(address, prefix.get("len")?.as_u64()?.try_into().ok()?).ok();
    }
    // Half of all addresses and more is shown as a range.
    if let Some([from, to]) = value.get("range").and_then(Value::as_array).map(Vec::as_slice) {
        let (from, to): (IpAddr, IpAddr) = (from.as_str()?.parse().ok()?, to.as_str()?.parse().ok()?);
        return match (from, to) {
            (IpAddr::V4(from), IpAddr::V4(to)) => {
                let prefix = (from.to_bits() ^ to.to_bits()).leading_zeros();
                Ipv4Net::new(from, prefix.try_into().ok()?).ok().map(IpNet::V4)
            }
            (IpAddr::V6(from), IpAddr::V6(to)) => {
                let prefix = (from.to_bits() ^ to.to_bits()).leading_zeros();
                Ipv6Net::new(from, prefix.try_into().ok()?).ok().map(IpNet::V6)
            }
            _ => None,
        };
    }
    Some(IpNet::from(value.as_str()?.parse::<IpAddr>().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn scripts_hold_nothing_but_addresses_and_numbers() {
        let hour = Some(Duration::from_secs(3600));
        let text = script(&[
            Change::Unblock("192.0.2.1/32".parse().unwrap()),
            Change::Block("192.0.2.1/32".parse().unwrap(), hour),
            Change::Block("2001:db8::1/64".parse().unwrap(), None),
            Change::Unblock("10.1.2.3/8".parse().unwrap()),
        ]);
        assert_eq!(
            text,
            "add element inet phantomnet nets4 { 10.0.0.0/8 }\n\
             delete element inet phantomnet nets4 { 10.0.0.0/8 }\n\
             add element inet phantomnet blocked4 { 192.0.2.1 }\n\
             delete element inet phantomnet blocked4 { 192.0.2.1 }\n\
             add element inet phantomnet blocked4 { 192.0.2.1 timeout 3600s }\n\
             add element inet phantomnet nets6 { 2001:db8::/64 }\n\
             delete element inet phantomnet nets6 { 2001:db8::/64 }\n\
             add element inet phantomnet nets6 { 2001:db8::/64 }\n"
        );
        assert!(ruleset(&[22, 80, 22]).contains("tcp dport { 22, 80 } accept\n"));
        assert!(!ruleset(&[]).contains("dport"));
    }

    #[test]
    fn lists_are_read() {
        let text = r#"{"nftables":[{"metainfo":{}},{"set":{"name":"blocked4","elem":[
            {"elem":{"val":"192.0.2.1","timeout":60,"expires":58}},"192.0.2.2"]}},
            {"set":{"name":"nets6","elem":[{"prefix":{"addr":"2001:db8::","len":64}},
            {"range":["0.0.0.0","127.255.255.255"]}]}},{"set":{"name":"nets4"}}]}"#;
        let found: Vec<_> = read_list(text)
            .unwrap()
            .iter()
            .map(|b| (b.net.to_string(), b.left.map(|d| d.as_secs())))
            .collect();
        let expected = [
            ("192.0.2.1/32".into(), Some(58)),
            ("192.0.2.2/32".into(), None),
            ("2001:db8::/64".into(), None),
            ("0.0.0.0/1".into(), None),
        ];
        assert_eq!(found, expected);
        assert!(read_list("{}").is_none() && read_list("no").is_none());
    }

    proptest! {
        #[test]
        fn no_answer_panics(text: String) {
            let _ = read_list(&text);
        }
    }
}

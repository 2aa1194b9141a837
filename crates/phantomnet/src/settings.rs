//! What the operator typed: `phantomnet.toml` and the environment. Unknown keys are refused.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use toml::{Table, Value};

/// Prefix of the environment variables that override keys: `PHANTOMNET__API__LISTEN`.
const ENV_PREFIX: &str = "PHANTOMNET__";

/// The whole file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Settings {
    /// Name of this sensor in every event; `hostname` stands for the machine's own.
    pub(crate) sensor: String,
    /// Everything the node keeps.
    pub(crate) data_dir: PathBuf,
    /// What the honeypots pretend to be.
    pub(crate) persona: String,
    pub(crate) api: Api,
    pub(crate) store: Store,
    pub(crate) honeypot: Honeypots,
    pub(crate) capture: Capture,
    pub(crate) journal: Journal,
    pub(crate) recordings: Recordings,
    pub(crate) detect: phantom_detect::Settings,
    pub(crate) response: Response,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            sensor: "hostname".into(),
            data_dir: "phantomnet-data".into(),
            persona: "debian-12".into(),
            api: Api::default(),
            store: Store::default(),
            honeypot: Honeypots::default(),
            capture: Capture::default(),
            journal: Journal::default(),
            recordings: Recordings::default(),
            detect: phantom_detect::Settings::default(),
            response: Response::default(),
        }
    }
}

/// `[api]`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Api {
    pub(crate) listen: SocketAddr,
    /// Names under which a browser may reach the API besides its address and `localhost`.
    pub(crate) hosts: Vec<String>,
    /// Serve other addresses than loopback without TLS.
    pub(crate) allow_plain: bool,
}

impl Default for Api {
    fn default() -> Self {
        Self { listen: SocketAddr::from(([127, 0, 0, 1], 8000)), hosts: Vec::new(), allow_plain: false }
    }
}

/// `[store]`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Store {
    pub(crate) url: String,
    #[serde(with = "phantom_core::duration")]
    pub(crate) retain: Duration,
    #[serde(with = "phantom_core::duration")]
    pub(crate) retain_packets: Duration,
}

impl Default for Store {
    fn default() -> Self {
        Self {
            url: "sqlite:phantomnet.db".into(),
            retain: Duration::from_secs(90 * 86_400),
            retain_packets: Duration::from_secs(86_400),
        }
    }
}

/// `[honeypot]`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Honeypots {
    pub(crate) ssh: Honeypot,
    pub(crate) http: Honeypot,
    pub(crate) ftp: Honeypot,
    /// Who gets in, on every service that asks for a password; absent: a few weak passwords, other ones on
    /// every installation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) login: Option<phantom_honeypot::LoginRules>,
    pub(crate) limits: Limits,
}

impl Default for Honeypots {
    fn default() -> Self {
        Self {
            ssh: Honeypot::on(2222),
            http: Honeypot::on(8080),
            ftp: Honeypot::on(2121),
            login: None,
            limits: Limits::default(),
        }
    }
}

/// `[honeypot.NAME]`
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Honeypot {
    pub(crate) enabled: Option<bool>,
    pub(crate) listen: Option<Vec<SocketAddr>>,
}

impl Honeypot {
    fn on(port: u16) -> Self {
        Self { enabled: Some(true), listen: Some(vec![SocketAddr::from(([0, 0, 0, 0], port))]) }
    }
}

/// `[honeypot.limits]`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Limits {
    /// Sessions open at once, by service.
    pub(crate) sessions: u32,
    /// Sessions open at once from one address, by service.
    pub(crate) sessions_per_source: u32,
    #[serde(with = "phantom_core::duration")]
    pub(crate) idle: Duration,
    #[serde(with = "phantom_core::duration")]
    pub(crate) session: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            sessions: 1_000,
            sessions_per_source: 250,
            idle: Duration::from_secs(300),
            session: Duration::from_secs(3600),
        }
    }
}

/// `[capture]`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Capture {
    pub(crate) enabled: bool,
    /// An interface's name; `auto` is the one of the default route, else `lo`.
    pub(crate) interface: String,
    /// Networks that are ours; `auto` stands for the interface's own.
    pub(crate) home_net: Vec<String>,
    /// Which packets become rows of `packet_logs`.
    pub(crate) keep_packets: KeepPackets,
}

/// `capture.keep_packets`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum KeepPackets {
    /// Every packet.
    All,
    /// Packets to and from honeypot ports.
    Honeypot,
    /// None.
    None,
}

impl Default for Capture {
    fn default() -> Self {
        Self {
            enabled: true,
            interface: "auto".into(),
            home_net: vec!["auto".into()],
            keep_packets: KeepPackets::Honeypot,
        }
    }
}

/// `[journal]`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Journal {
    /// Oldest segments go once all together are larger, in bytes.
    pub(crate) max_bytes: u64,
    /// Size of one segment, in bytes.
    pub(crate) segment_bytes: u64,
}

impl Default for Journal {
    fn default() -> Self {
        Self { max_bytes: 16 << 30, segment_bytes: 64 << 20 }
    }
}

/// `[recordings]`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Recordings {
    /// Of one visit, in bytes as stored; 0 records none.
    pub(crate) session_bytes: u64,
    /// Oldest recordings go once all together take more of the disk, in bytes.
    pub(crate) max_bytes: u64,
}

impl Default for Recordings {
    fn default() -> Self {
        Self { session_bytes: 1 << 20, max_bytes: 4 << 30 }
    }
}

/// `[response]`: the policy of `phantom_respond`, whose `never_block` may also hold the words `gateway` and `dns`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Response {
    /// `never_block` as typed.
    pub(crate) never_block: Vec<String>,
    /// Everything else; its own `never_block` and `home_net` are resolved when the node starts.
    pub(crate) policy: phantom_respond::Policy,
}

impl Default for Response {
    fn default() -> Self {
        Self {
            never_block: ["127.0.0.0/8", "::1", "gateway", "dns"].map(String::from).to_vec(),
            policy: phantom_respond::Policy::default(),
        }
    }
}

impl Serialize for Response {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        let mut table = Table::try_from(&self.policy).map_err(serde::ser::Error::custom)?;
        table.remove("home_net");
        table.insert("never_block".into(), self.never_block.clone().into());
        table.serialize(s)
    }
}

impl<'de> Deserialize<'de> for Response {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        use serde::de::Error;
        let mut table = Table::deserialize(d)?;
        let never_block = match table.remove("never_block") {
            Some(words) => {
                words.try_into().map_err(|error: toml::de::Error| D::Error::custom(error.message()))?
            }
            None => Self::default().never_block,
        };
        if table.contains_key("home_net") {
            return Err(D::Error::custom("unknown field `home_net` in response: it is capture.home_net"));
        }
        let policy: phantom_respond::Policy = Value::Table(table)
            .try_into()
            .map_err(|error: toml::de::Error| D::Error::custom(error.message()))?;
        policy.check().map_err(D::Error::custom)?;
        Ok(Self { never_block, policy })
    }
}

impl Settings {
    /// Reads the file, if one is named or `phantomnet.toml` stands in the working directory, then the
    /// environment.
    ///
    /// # Errors
    /// One line naming the file and line, or the variable, and what is wrong there.
    pub(crate) fn load(file: Option<&Path>, env: impl Iterator<Item = (String, String)>) -> Result<Self> {
        let default = Path::new("phantomnet.toml");
        let path = match file {
            Some(path) => Some(path),
            None => default.exists().then_some(default),
        };
        let mut tree = Table::new();
        if let Some(path) = path {
            let text = std::fs::read_to_string(path)
                .with_context(|| format!("cannot read settings from {}", path.display()))?;
            // Reading it on its own first keeps the line numbers that a merged tree no longer has.
            toml::from_str::<Self>(&text).map_err(|error| at_line(path, &text, &error))?;
            tree = text.parse().map_err(|error| at_line(path, &text, &error))?;
        }
        for (name, value) in env.filter(|(name, _)| name.starts_with(ENV_PREFIX)) {
            overlay(&mut tree, &name, &value)?;
            // After each, so that the message names the variable at fault.
            Self::deserialize(Value::Table(tree.clone()))
                .map_err(|error| anyhow!("{name}: {}", one_line(error.message())))?;
        }
        Ok(Self::deserialize(Value::Table(tree))?)
    }
}

fn at_line(path: &Path, text: &str, error: &toml::de::Error) -> anyhow::Error {
    let line =
        error.span().map_or(0, |span| text.bytes().take(span.start).filter(|b| *b == b'\n').count() + 1);
    anyhow!("{}:{line}: {}", path.display(), one_line(error.message()))
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Puts one variable into the tree: `PHANTOMNET__API__LISTEN` is `api.listen`. A value that reads as TOML
/// (`true`, `["a"]`, `7`) is that, anything else is a string.
fn overlay(tree: &mut Table, name: &str, value: &str) -> Result<()> {
    let path: Vec<String> =
        name.trim_start_matches(ENV_PREFIX).split("__").map(str::to_ascii_lowercase).collect();
    let (last, parents) = path.split_last().context("a variable without a key")?;
    if path.iter().any(String::is_empty) {
        bail!("{name}: the name of a key is empty");
    }
    let mut table = tree;
    for parent in parents {
        let next = table.entry(parent.clone()).or_insert_with(|| Value::Table(Table::new()));
        table = next.as_table_mut().with_context(|| format!("{name}: {parent} is no section"))?;
    }
    let parsed = format!("value = {value}").parse::<Table>().ok().and_then(|mut t| t.remove("value"));
    table.insert(last.clone(), parsed.unwrap_or_else(|| Value::String(value.to_owned())));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(text: &str, env: &[(&str, &str)]) -> Result<Settings> {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("phantomnet.toml");
        std::fs::write(&file, text).unwrap();
        Settings::load(Some(&file), env.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())))
    }

    #[test]
    fn an_empty_file_is_the_defaults() {
        assert_eq!(load("", &[]).unwrap(), Settings::default());
    }

    #[test]
    fn the_environment_overrides_the_file() {
        let settings = load(
            "sensor = \"a\"\n[api]\nlisten = \"127.0.0.1:1\"\n",
            &[("PHANTOMNET__SENSOR", "b"), ("PHANTOMNET__HONEYPOT__SSH__LISTEN", "[\"127.0.0.1:22\"]")],
        )
        .unwrap();
        assert_eq!(settings.sensor, "b");
        assert_eq!(settings.honeypot.ssh.listen, Some(vec!["127.0.0.1:22".parse().unwrap()]));
        assert_eq!(settings.api.listen.port(), 1);
    }

    #[test]
    fn a_mistake_is_one_line_that_names_the_place() {
        let error = load("sensor = \"a\"\n\n[api]\nlissten = \"x\"\n", &[]).unwrap_err().to_string();
        assert!(error.contains("phantomnet.toml:4: unknown field `lissten`"), "{error}");
        assert!(!error.contains('\n'), "{error}");
        let error = load("[store]\nretain = \"soon\"\n", &[]).unwrap_err().to_string();
        assert!(error.contains(":2: \"soon\" is not a span of time"), "{error}");
        let error = load("", &[("PHANTOMNET__API__LISTEN", "nowhere")]).unwrap_err().to_string();
        assert!(error.starts_with("PHANTOMNET__API__LISTEN: "), "{error}");
    }

    /// The page shows every key with its default, so that it can be copied as a file to start from.
    #[test]
    fn the_page_of_settings_is_true() {
        let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/settings.md");
        let text = std::fs::read_to_string(page).unwrap();
        let block = text.split("```toml\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
        let shown: Settings = toml::from_str(block).unwrap();
        let default = Settings { honeypot: shown.honeypot.clone(), ..Settings::default() };
        assert_eq!(shown, default, "docs/settings.md shows another default");
        let (shown, whole) = (block.parse::<Table>().unwrap(), Table::try_from(Settings::default()).unwrap());
        let mut missing = Vec::new();
        absent("", &whole, &shown, &mut missing);
        assert!(
            missing.is_empty(),
            "docs/settings.md lacks {missing:?}; all of it: {}",
            toml::to_string(&whole).unwrap()
        );
    }

    fn absent(path: &str, whole: &Table, shown: &Table, missing: &mut Vec<String>) {
        for (key, value) in whole {
            let path = format!("{path}{key}");
            match (value, shown.get(key)) {
                (Value::Table(inner), Some(Value::Table(there))) => {
                    absent(&format!("{path}."), inner, there, missing)
                }
                (_, Some(_)) => {}
                (_, None) => missing.push(path),
            }
        }
    }
}

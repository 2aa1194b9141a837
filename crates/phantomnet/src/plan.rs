//! What the settings mean on this machine: names resolved, contradictions refused, nothing bound yet.

use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use crate::settings::{Honeypot, Settings};

/// Settings that were understood.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Plan {
    /// As typed, for everything that means what it says.
    pub(crate) settings: Settings,
    /// The sensor's name.
    pub(crate) sensor: String,
    /// Absolute.
    pub(crate) data_dir: PathBuf,
    /// Enabled services and where they listen.
    pub(crate) honeypots: Vec<(String, Vec<SocketAddr>)>,
    /// Networks that may never be blocked; the words are resolved by the supervisor.
    pub(crate) never_block: Never,
}

/// `response.never_block`, taken apart.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct Never {
    pub(crate) networks: Vec<IpNet>,
    pub(crate) gateway: bool,
    pub(crate) dns: bool,
}

impl Plan {
    /// Validates; binds nothing.
    ///
    /// # Errors
    /// One line naming the key and what is wrong with its value.
    pub(crate) fn new(settings: Settings, hostname: &str) -> Result<Self> {
        let sensor =
            if settings.sensor == "hostname" { hostname } else { settings.sensor.as_str() }.to_owned();
        if sensor.is_empty() || sensor.len() > 255 || sensor.chars().any(char::is_control) {
            bail!("sensor: a name of 1 to 255 printable characters is wanted");
        }
        if settings.persona != "debian-12" {
            bail!("persona: there is no {:?}; there is debian-12", settings.persona);
        }
        if !settings.api.listen.ip().is_loopback() && !settings.api.allow_plain {
            bail!(
                "api.listen: {} is reachable from other machines and would be served without TLS; put a TLS proxy \
                 before a loopback address, or set api.allow_plain = true",
                settings.api.listen
            );
        }
        if !settings.store.url.starts_with("sqlite:") && !settings.store.url.starts_with("postgres") {
            bail!(
                "store.url: {:?} is neither sqlite:FILE nor postgres://USER@HOST/DB",
                scheme(&settings.store.url)
            );
        }
        let data_dir = std::path::absolute(&settings.data_dir)
            .with_context(|| format!("data_dir: {}", settings.data_dir.display()))?;
        settings.detect.check().map_err(|why| anyhow::anyhow!("detect: {why}"))?;
        if settings.capture.interface.is_empty() || settings.capture.interface.len() > 15 {
            bail!("capture.interface: an interface's name has 1 to 15 characters");
        }
        for network in settings.capture.home_net.iter().filter(|word| *word != "auto") {
            parse_network(network).map_err(|why| anyhow::anyhow!("capture.home_net: {why}"))?;
        }
        if let Some(login) = &settings.honeypot.login {
            login.check().map_err(|why| anyhow::anyhow!("honeypot.login.{why}"))?;
        }
        // Larger ones would not reach a browser or a terminal in one piece either.
        if settings.recordings.session_bytes > 64 << 20 {
            bail!("recordings.session_bytes: at most 67108864, since a recording is read as a whole");
        }
        if settings.recordings.max_bytes < settings.recordings.session_bytes {
            bail!("recordings.max_bytes: less than recordings.session_bytes");
        }
        let never_block = never(&settings.response.never_block)?;
        let honeypots = honeypots(&settings)?;
        Ok(Self { sensor, data_dir, honeypots, never_block, settings })
    }

    /// Ports of all honeypots.
    pub(crate) fn honeypot_ports(&self) -> Vec<u16> {
        self.honeypots.iter().flat_map(|(_, addresses)| addresses.iter().map(SocketAddr::port)).collect()
    }
}

fn honeypots(settings: &Settings) -> Result<Vec<(String, Vec<SocketAddr>)>> {
    let typed = &settings.honeypot;
    let defaults = Settings::default().honeypot;
    let mut plan: Vec<(String, Vec<SocketAddr>)> = Vec::new();
    for (name, typed, default) in [
        ("ssh", &typed.ssh, &defaults.ssh),
        ("http", &typed.http, &defaults.http),
        ("ftp", &typed.ftp, &defaults.ftp),
    ] {
        if let Some(listen) = listen_of(typed, default) {
            if listen.is_empty() {
                bail!(
                    "honeypot.{name}.listen: no address; to switch it off set honeypot.{name}.enabled = false"
                );
            }
            for address in &listen {
                let taken = |(other, there): &&(String, Vec<SocketAddr>)| {
                    other.as_str() != name
                        && there.iter().any(|there| there == address && address.port() != 0)
                };
                if let Some((other, _)) = plan.iter().find(taken) {
                    bail!("honeypot.{name}.listen: {address} is taken by honeypot.{other}");
                }
                if *address == settings.api.listen {
                    bail!("honeypot.{name}.listen: {address} is taken by api.listen");
                }
            }
            plan.push((name.to_owned(), listen));
        }
    }
    Ok(plan)
}

/// A key that was left out keeps its default even when the section stands.
fn listen_of(typed: &Honeypot, default: &Honeypot) -> Option<Vec<SocketAddr>> {
    let enabled = typed.enabled.or(default.enabled).unwrap_or(false);
    enabled.then(|| typed.listen.clone().or_else(|| default.listen.clone()).unwrap_or_default())
}

fn never(words: &[String]) -> Result<Never> {
    let mut never = Never::default();
    for word in words {
        match word.as_str() {
            "gateway" => never.gateway = true,
            "dns" => never.dns = true,
            network => {
                let network =
                    parse_network(network).map_err(|why| anyhow::anyhow!("response.never_block: {why}"))?;
                never.networks.push(network);
            }
        }
    }
    Ok(never)
}

/// An address or a network.
pub(crate) fn parse_network(text: &str) -> Result<IpNet, String> {
    text.parse::<IpNet>()
        .or_else(|_| text.parse::<std::net::IpAddr>().map(IpNet::from))
        .map_err(|_| format!("{text:?} is no address, network or known word"))
}

/// What stands before the first colon: the rest of a database address may hold a password.
fn scheme(url: &str) -> &str {
    url.split(':').next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(text: &str) -> Result<Plan> {
        Plan::new(toml::from_str(text).unwrap(), "box")
    }

    #[test]
    fn the_defaults_make_a_plan() {
        let plan = plan("").unwrap();
        assert_eq!(plan.sensor, "box");
        assert_eq!(plan.honeypot_ports(), [2222, 8080, 2121]);
        assert!(plan.never_block.gateway && plan.never_block.dns);
        assert!(plan.data_dir.is_absolute());
    }

    #[test]
    fn a_section_without_listen_keeps_the_default() {
        let plan = plan("[honeypot.ssh]\nenabled = true\n[honeypot.ftp]\nenabled = false\n").unwrap();
        assert_eq!(plan.honeypot_ports(), [2222, 8080]);
    }

    #[test]
    fn contradictions_name_their_key() {
        for (text, expected) in [
            ("persona = \"vax\"", "persona: there is no \"vax\""),
            ("[api]\nlisten = \"0.0.0.0:8000\"", "api.listen: 0.0.0.0:8000 is reachable"),
            ("[store]\nurl = \"mysql://me:secret@h/d\"", "store.url: \"mysql\" is neither"),
            ("[response]\nnever_block = [\"mars\"]", "response.never_block: \"mars\" is no address"),
            ("[honeypot.ssh]\nlisten = []", "honeypot.ssh.listen: no address"),
            (
                "[honeypot.ssh]\nlisten = [\"0.0.0.0:8080\"]",
                "honeypot.http.listen: 0.0.0.0:8080 is taken by honeypot.ssh",
            ),
            ("[capture]\nhome_net = [\"here\"]", "capture.home_net: \"here\" is no address"),
            ("sensor = \"\"", "sensor: a name"),
            ("[recordings]\nsession_bytes = 99999999", "recordings.session_bytes: at most"),
            ("[honeypot.login]\naccept = [\"root\"]", "honeypot.login.accept: \"root\" is no pair"),
            (
                "[detect.honeytoken_used]\npairs = [\"x\"]",
                "detect: detect.honeytoken_used.pairs: \"x\" is no pair",
            ),
            ("[recordings]\nmax_bytes = 9", "recordings.max_bytes: less than"),
        ] {
            let error = plan(text).unwrap_err().to_string();
            assert!(error.starts_with(expected), "{text}: {error}");
            assert!(!error.contains("secret"), "{error}");
        }
    }
}

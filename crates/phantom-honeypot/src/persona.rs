//! What this installation pretends to be.

mod names;
mod seeded;

use std::net::Ipv4Addr;

use phantom_core::Timestamp;
use phantom_ssh::HostKeys;
use serde::{Deserialize, Serialize};

pub(crate) use seeded::Draw;

/// A Debian 12 server: every fact that more than one service tells, so that all services of an installation
/// agree and no two installations do. Made once by [`Persona::generate`], kept as JSON by the node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Persona {
    /// What everything below and every later choice is drawn from, as 64 hexadecimal digits.
    #[serde(with = "seeded::hex32")]
    pub seed: [u8; 32],
    /// Without domain.
    pub hostname: String,
    /// The domain of the full name, `example.lan`-like.
    pub domain: String,
    /// Ordinary users; root is not among them. At least one.
    pub users: Vec<User>,
    /// When the machine was last booted.
    #[serde(with = "seeded::instant")]
    pub boot: Timestamp,
    /// When Debian was installed: the time of most files.
    #[serde(with = "seeded::instant")]
    pub installed: Timestamp,
    /// Of the network interface, lower-case with colons.
    pub mac: String,
    /// Name of the network interface, such as `ens18`.
    pub interface: String,
    /// Private address shown where the true local address would give us away.
    pub ip: Ipv4Addr,
    /// Default route.
    pub gateway: Ipv4Addr,
    /// `6.1.0-37-amd64`.
    pub kernel_release: String,
    /// `#1 SMP PREEMPT_DYNAMIC Debian 6.1.140-1 (2025-05-22)`.
    pub kernel_version: String,
    /// `MemTotal`, in KiB.
    pub memory_kib: u64,
    /// Size of the root file system, in KiB.
    pub disk_kib: u64,
    /// Processors, all of one core.
    pub cpus: u32,
    /// `model name` of /proc/cpuinfo.
    pub cpu_model: String,
    /// Processor clock, in kHz.
    pub cpu_khz: u64,
    /// /etc/machine-id: 32 hexadecimal digits.
    pub machine_id: String,
    /// What the servers call themselves.
    pub versions: Versions,
    /// The OpenSSH host keys as PEM, empty until [`Persona::with_host_keys`].
    #[serde(default)]
    pub host_keys: String,
}

/// An ordinary user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct User {
    /// Login name.
    pub name: String,
    /// The name for people, from the GECOS field.
    pub full_name: String,
    /// User and group number.
    pub uid: u32,
    /// Whether a member of group sudo.
    pub sudo: bool,
}

/// What the servers call themselves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Versions {
    /// After `SSH-2.0-`: `OpenSSH_9.2p1 Debian-2+deb12u6`.
    pub ssh: String,
    /// In the Server header: `nginx/1.22.1`.
    pub http: String,
    /// In the greeting: `vsFTPd 3.0.3`.
    pub ftp: String,
}

impl Persona {
    /// The persona of an installation with this seed, first started at `now`.
    pub fn generate(seed: [u8; 32], now: Timestamp) -> Self {
        let day = 86_400_000_000i64;
        let at = phantom_core::micros(now);
        let mut draw = Draw::new(&seed, "persona");
        let installed = at - draw.range(90, 700) * day - draw.range(0, day);
        let boot = at - draw.range(6, 80) * day - draw.range(0, day);
        let (kernel_release, kernel_version) = draw.pick(names::KERNELS);
        let role = draw.pick(names::ROLES);
        let number = draw.range(1, 30);
        let hostname = match draw.range(0, 3) {
            0 => format!("{role}{number:02}"),
            1 => format!("{role}-{number}"),
            _ => format!("{}-{role}{number:02}", draw.pick(names::SITES)),
        };
        let domain = format!("{}.{}", draw.pick(names::DOMAINS), draw.pick(names::SUFFIXES));
        let mut users: Vec<User> = Vec::new();
        for _ in 0..draw.range(1, 4) {
            let first = draw.pick(names::FIRST);
            let last = draw.pick(names::LAST);
            let name = match draw.range(0, 3) {
                0 => first.to_lowercase(),
                1 => format!("{}{}", initial(first), last.to_lowercase()),
                _ => format!("{}.{}", first.to_lowercase(), last.to_lowercase()),
            };
            if users.iter().all(|user| user.name != name) {
                let uid = 1000 + u32::try_from(users.len()).unwrap_or(0);
                users.push(User { name, full_name: format!("{first} {last}"), uid, sudo: uid == 1000 });
            }
        }
        let service = draw.pick(names::SERVICE_USERS);
        let uid = 1000 + u32::try_from(users.len()).unwrap_or(0);
        users.push(User { name: service.to_owned(), full_name: String::new(), uid, sudo: false });
        let (cpu_model, cpu_khz) = draw.pick(names::CPUS);
        let gib = [2u64, 4, 4, 8, 8, 16];
        let memory_kib = draw.pick(&gib) * 1_048_576 - draw.unsigned(40_000, 130_000);
        let subnet = (draw.byte(), draw.byte());
        let (ip, gateway) = if draw.range(0, 2) == 0 {
            (Ipv4Addr::new(10, subnet.0, subnet.1, draw.host()), Ipv4Addr::new(10, subnet.0, subnet.1, 1))
        } else {
            (Ipv4Addr::new(192, 168, subnet.1, draw.host()), Ipv4Addr::new(192, 168, subnet.1, 1))
        };
        Self {
            hostname,
            domain,
            users,
            boot: phantom_core::from_micros(boot),
            installed: phantom_core::from_micros(installed),
            // bc:24:11 is the prefix Proxmox gives its guests, 52:54:00 QEMU's.
            mac: format!(
                "{}:{:02x}:{:02x}:{:02x}",
                draw.pick(&["bc:24:11", "52:54:00"]),
                draw.byte(),
                draw.byte(),
                draw.byte()
            ),
            interface: draw.pick(&["ens18", "eth0", "enp1s0", "ens3"]).to_owned(),
            ip,
            gateway,
            kernel_release: kernel_release.to_owned(),
            kernel_version: kernel_version.to_owned(),
            memory_kib,
            disk_kib: draw.pick(&[20u64, 30, 40, 60, 80, 100]) * 1_048_576 - draw.unsigned(300_000, 900_000),
            cpus: draw.pick(&[1, 2, 2, 4, 4]),
            cpu_model: cpu_model.to_owned(),
            cpu_khz,
            machine_id: draw.hex(16),
            versions: Versions {
                ssh: "OpenSSH_9.2p1 Debian-2+deb12u10".to_owned(),
                http: "nginx/1.22.1".to_owned(),
                ftp: "vsFTPd 3.0.3".to_owned(),
            },
            host_keys: String::new(),
            seed,
        }
    }

    /// With the SSH host keys of its seed; takes a second or so, for the RSA key.
    ///
    /// # Errors
    /// Those of [`HostKeys::generate`].
    pub fn with_host_keys(mut self) -> Result<Self, phantom_ssh::KeyError> {
        let mut keys = Draw::new(&self.seed, "host keys");
        let mut seed = [0; 32];
        seed.fill_with(|| keys.byte());
        self.host_keys = HostKeys::generate(seed)?.to_pem();
        Ok(self)
    }

    /// `hostname.domain`.
    pub fn fqdn(&self) -> String {
        format!("{}.{}", self.hostname, self.domain)
    }

    /// Whether somebody of this name can log in: root or an ordinary user.
    pub fn has_user(&self, name: &[u8]) -> bool {
        name == b"root" || self.users.iter().any(|user| user.name.as_bytes() == name)
    }
}

fn initial(name: &str) -> String {
    name.chars().take(1).flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at() -> Timestamp {
        phantom_core::from_micros(1_763_900_000_000_000)
    }

    #[test]
    fn one_seed_is_one_machine_and_survives_json() {
        let persona = Persona::generate([7; 32], at());
        assert_eq!(persona, Persona::generate([7; 32], at()));
        let json = serde_json::to_string(&persona).unwrap();
        assert_eq!(serde_json::from_str::<Persona>(&json).unwrap(), persona);
        assert!(serde_json::from_str::<Persona>(&json.replace("07070707", "0707zz07")).is_err());
    }

    #[test]
    fn no_two_installations_agree() {
        let mut seen = std::collections::HashSet::new();
        for n in 0..200u8 {
            let persona = Persona::generate([n; 32], at());
            assert!(seen.insert((persona.fqdn(), persona.mac.clone())), "{persona:?}");
            assert!(persona.boot < at() && persona.installed < at());
            assert!(!persona.users.is_empty() && persona.memory_kib > 1_900_000);
            let mut uids: Vec<_> = persona.users.iter().map(|u| (u.uid, &u.name)).collect();
            uids.dedup_by(|a, b| a.0 == b.0 || a.1 == b.1);
            assert_eq!(uids.len(), persona.users.len());
            assert!(persona.has_user(b"root") && !persona.has_user(b"nobody"));
        }
    }
}

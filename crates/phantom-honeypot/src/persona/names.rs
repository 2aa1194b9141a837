//! The lists that personas are drawn from.

pub(super) const ROLES: &[&str] = &[
    "web", "app", "db", "mail", "files", "backup", "node", "srv", "host", "vps", "dev", "stage", "proxy",
    "media", "git", "build", "docs", "shop", "intra", "monitor",
];
pub(super) const SITES: &[&str] = &[
    "fra", "ams", "lon", "nyc", "par", "muc", "hel", "waw", "prg", "sgp", "east", "west", "north", "hq",
    "lab",
];
pub(super) const DOMAINS: &[&str] = &[
    "norda",
    "kestrel",
    "bluefin",
    "hillside",
    "alder",
    "corvex",
    "tamarind",
    "lakeview",
    "ostrava",
    "meridian",
    "brightwell",
    "falkner",
    "juniper",
    "orchard",
    "quillon",
    "redstone",
    "silvan",
    "tidewater",
    "umbra",
    "veldt",
];
pub(super) const SUFFIXES: &[&str] = &["lan", "local", "internal", "home.arpa", "intra", "corp"];
pub(super) const FIRST: &[&str] = &[
    "Anna", "Ben", "Carla", "David", "Elena", "Felix", "Greta", "Henrik", "Ivan", "Julia", "Karl", "Lena",
    "Marco", "Nina", "Oliver", "Paula", "Quentin", "Rosa", "Stefan", "Tina", "Urs", "Vera", "Walter", "Yara",
    "Adam", "Chris", "Daniel", "Eva", "Frank", "Hannah", "Jan", "Kevin", "Maria", "Peter", "Sara", "Tom",
];
pub(super) const LAST: &[&str] = &[
    "Abel", "Brandt", "Costa", "Dietz", "Ek", "Fischer", "Garcia", "Hansen", "Ivanov", "Jansen", "Keller",
    "Lang", "Moreau", "Novak", "Olsen", "Petrov", "Quist", "Rossi", "Schmid", "Tran", "Ullman", "Vogel",
    "Weber", "Young",
];
/// Accounts made for a job: the kind that gets a weak password.
pub(super) const SERVICE_USERS: &[&str] = &[
    "deploy", "admin", "test", "backup1", "oracle", "git", "ubuntu", "dev", "ftpuser", "jenkins", "hadoop",
    "nagios",
];
/// Kernels that Debian 12 has shipped, as `uname -r` and `uname -v` print them.
pub(super) const KERNELS: &[(&str, &str)] = &[
    ("6.1.0-31-amd64", "#1 SMP PREEMPT_DYNAMIC Debian 6.1.128-1 (2025-02-07)"),
    ("6.1.0-32-amd64", "#1 SMP PREEMPT_DYNAMIC Debian 6.1.129-1 (2025-03-06)"),
    ("6.1.0-33-amd64", "#1 SMP PREEMPT_DYNAMIC Debian 6.1.133-1 (2025-04-10)"),
    ("6.1.0-34-amd64", "#1 SMP PREEMPT_DYNAMIC Debian 6.1.135-1 (2025-04-25)"),
    ("6.1.0-35-amd64", "#1 SMP PREEMPT_DYNAMIC Debian 6.1.137-1 (2025-05-07)"),
    ("6.1.0-37-amd64", "#1 SMP PREEMPT_DYNAMIC Debian 6.1.140-1 (2025-05-22)"),
    ("6.1.0-38-amd64", "#1 SMP PREEMPT_DYNAMIC Debian 6.1.147-1 (2025-08-02)"),
];
/// `model name` with the clock in kHz.
pub(super) const CPUS: &[(&str, u64)] = &[
    ("Intel(R) Xeon(R) CPU E5-2680 v4 @ 2.40GHz", 2_399_996),
    ("Intel(R) Xeon(R) Gold 6230 CPU @ 2.10GHz", 2_095_078),
    ("Intel(R) Xeon(R) CPU E5-2650 v3 @ 2.30GHz", 2_299_996),
    ("AMD EPYC 7543 32-Core Processor", 2_794_748),
    ("AMD EPYC 7302P 16-Core Processor", 2_994_372),
    ("Intel(R) Xeon(R) Silver 4214 CPU @ 2.20GHz", 2_194_842),
];

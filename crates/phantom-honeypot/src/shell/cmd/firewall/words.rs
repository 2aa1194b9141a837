//! The words of rules that stand for flags, states, rates and targets.

use super::parse::{Parser, Refusal};
use super::rule::{FLAGS, LEVELS, Target};

/// Targets beyond those that are understood, with the beginnings of their options' names.
const TARGETS: &[(&str, &[&str])] = &[
    ("CONNMARK", &["set-", "save-mark", "restore-mark"]),
    ("CT", &["notrack", "zone"]),
    ("MARK", &["set-", "and-mark", "or-mark"]),
    ("NETMAP", &["to"]),
    ("NFLOG", &["nflog-"]),
    ("NFQUEUE", &["queue-"]),
    ("NOTRACK", &[]),
    ("TCPMSS", &["set-mss", "clamp-mss-to-pmtu"]),
    ("TOS", &["set-tos"]),
    ("TTL", &["ttl-"]),
];

impl Parser<'_> {
    pub(super) fn target(
        &self,
        name: &str,
        goto: bool,
        words: &[(String, Vec<String>)],
    ) -> Result<Target, Refusal> {
        let value = |option: &str| {
            words
                .iter()
                .find(|(name, _)| name.starts_with(option))
                .and_then(|(_, given)| given.last())
                .cloned()
        };
        let known: &[&str] = match name {
            "REJECT" => &["reject-with"],
            "LOG" => &["log-prefix", "log-level"],
            "REDIRECT" | "DNAT" | "SNAT" => &["to", "random", "persistent"],
            "MASQUERADE" => &["to-ports", "random"],
            other => TARGETS.iter().find(|(target, _)| *target == other).map_or(&[], |(_, options)| *options),
        };
        if let Some((_, given)) =
            words.iter().find(|(name, _)| !known.iter().any(|option| name.starts_with(option)))
        {
            let word = given.iter().find(|word| *word != "!").cloned().unwrap_or_default();
            return Err(format!("unknown option \"{word}\""));
        }
        if goto {
            return Ok(Target::Goto(name.to_owned()));
        }
        Ok(match name {
            "REJECT" => {
                let usual = if self.six { "icmp6-port-unreachable" } else { "icmp-port-unreachable" };
                let with = value("reject-with").unwrap_or_else(|| usual.to_owned());
                let fits = with == "tcp-reset" || with.starts_with(if self.six { "icmp6-" } else { "icmp-" });
                if !fits {
                    return Err(format!("unknown reject type \"{with}\""));
                }
                Target::Reject(with)
            }
            "LOG" => {
                let level = value("log-level").unwrap_or_else(|| "4".to_owned());
                let named =
                    LEVELS.iter().position(|name| name.starts_with(&level) || level.starts_with(name));
                let number = level.parse().ok().or_else(|| named.and_then(|n| u8::try_from(n).ok()));
                Target::Log(value("log-prefix").unwrap_or_default(), number.filter(|n| *n < 8).unwrap_or(4))
            }
            "REDIRECT" => Target::Redirect(value("to").unwrap_or_default()),
            "DNAT" | "SNAT" => {
                let (name, option) =
                    if name == "DNAT" { ("DNAT", "destination") } else { ("SNAT", "source") };
                let missing = || format!("{name}: option \"--to-{option}\" must be specified\n");
                Target::Nat(name, value("to").ok_or_else(missing)?)
            }
            "MASQUERADE" => Target::Masquerade,
            other => match TARGETS.iter().find(|(target, _)| *target == other) {
                Some((target, _)) => {
                    Target::Other(target, words.iter().flat_map(|(_, given)| given.clone()).collect())
                }
                None => Target::Jump(name.to_owned()),
            },
        })
    }
}

pub(super) fn flags(list: &str) -> Result<u8, Refusal> {
    list.split(',').try_fold(0, |sum, word| match word.to_uppercase().as_str() {
        "NONE" => Ok(sum),
        "ALL" => Ok(0b11_1111),
        word => match FLAGS.iter().position(|flag| *flag == word) {
            Some(bit) => Ok(sum | 1 << bit),
            None => Err(format!("Unknown TCP flag `{word}'")),
        },
    })
}

/// States in the order in which they are shown.
pub(super) fn states(list: &str) -> Result<Vec<&'static str>, Refusal> {
    let names = ["INVALID", "NEW", "RELATED", "ESTABLISHED", "UNTRACKED", "SNAT", "DNAT"];
    let given: Vec<String> = list.split(',').map(str::to_uppercase).collect();
    match given.iter().find(|word| !names.contains(&word.as_str())) {
        Some(bad) => Err(format!("Bad state \"{bad}\"")),
        None => Ok(names.into_iter().filter(|name| given.iter().any(|word| word == name)).collect()),
    }
}

/// `3/minute` as `3/min`.
pub(super) fn shown_rate(text: &str) -> Option<String> {
    let (number, unit) = text.split_once('/').unwrap_or((text, "second"));
    let unit = ["sec", "min", "hour", "day"]
        .into_iter()
        .find(|full| full.starts_with(unit) || unit.starts_with(full))?;
    Some(format!("{}/{unit}", number.parse::<u32>().ok().filter(|n| *n > 0)?))
}

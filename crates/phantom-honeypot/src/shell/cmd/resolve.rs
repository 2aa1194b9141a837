//! ping and the programs that ask the resolver, on a host whose packets go no further than its own network.

use std::net::IpAddr;

use phantom_core::{from_micros, micros};

use super::accounts::system_file;
use super::registry::{Row, Waits, waits};
use super::show;
use crate::shell::Shell;
use crate::shell::io::Stop;

pub(super) const PROGRAMS: &[Row] = &[
    waits("dig", "bind9-dnsutils", 146_200, (|sh, name, args| Box::pin(dig(sh, name, args))) as Waits),
    waits("host", "bind9-host", 117_456, (|sh, name, args| Box::pin(host(sh, name, args))) as Waits),
    waits(
        "nslookup",
        "bind9-dnsutils",
        117_496,
        (|sh, name, args| Box::pin(nslookup(sh, name, args))) as Waits,
    ),
    waits("ping", "iputils-ping", 90_568, (|sh, name, args| Box::pin(ping(sh, name, args))) as Waits),
    waits("ping4", "iputils-ping", 0, (|sh, name, args| Box::pin(ping(sh, name, args))) as Waits)
        .linked("ping"),
    waits("ping6", "iputils-ping", 0, (|sh, name, args| Box::pin(ping(sh, name, args))) as Waits)
        .linked("ping"),
];

/// Waits as the program would, unless it runs in the background.
async fn pause(sh: &Shell, millis: i64) -> Result<(), Stop> {
    if sh.get(b"!skip-sleep").is_some() {
        return Ok(());
    }
    let until = from_micros(micros(sh.io.now()).saturating_add(millis * 1000));
    sh.io.sleep_until(until).await
}

/// The address of a name in /etc/hosts, or the address itself.
fn known(sh: &Shell, name: &str) -> Option<IpAddr> {
    if let Ok(ip) = name.parse() {
        return Some(ip);
    }
    system_file(sh, "/etc/hosts").lines().filter(|line| !line.starts_with('#')).find_map(|line| {
        let mut words = line.split_whitespace();
        let ip = words.next()?;
        words.any(|word| word == name).then(|| ip.parse().ok()).flatten()
    })
}

/// Whether an address is this machine's own.
fn own(sh: &Shell, ip: IpAddr) -> bool {
    ip.is_loopback() || ip.is_unspecified() || ip == IpAddr::V4(sh.machine.persona().ip)
}

async fn ping(sh: &mut Shell, _name: &str, args: Vec<Vec<u8>>) -> Result<i32, Stop> {
    let mut words = args.iter().map(|a| show(a));
    let (mut count, mut wait, mut size, mut quiet, mut interval) = (None, 10i64, 56u32, false, 1000i64);
    let mut target = None;
    while let Some(word) = words.next() {
        let (flag, inline) = match word.strip_prefix('-') {
            Some(rest) if rest.len() > 1 => (rest.get(..1).unwrap_or(""), rest.get(1..).map(str::to_owned)),
            Some(rest) => (rest, None),
            None => {
                target = Some(word);
                continue;
            }
        };
        let mut value = || inline.clone().or_else(|| words.next()).unwrap_or_default();
        match flag {
            "c" => {
                let text = value();
                match text.parse::<u32>() {
                    Ok(n) if n > 0 => count = Some(n),
                    _ => {
                        sh.write(2, format!("ping: invalid argument: '{text}'\n").as_bytes())?;
                        return Ok(1);
                    }
                }
            }
            "W" | "w" => wait = value().parse::<f64>().map_or(10, |n| n.ceil() as i64).clamp(1, 3600),
            "s" => size = value().parse().unwrap_or(56).min(65_507),
            "i" => {
                interval = value().parse::<f64>().map_or(1000, |n| (n * 1000.0) as i64).clamp(2, 3_600_000)
            }
            "I" | "t" | "p" | "Q" | "M" | "m" | "l" | "S" | "T" => {
                value();
            }
            "q" => quiet = true,
            "V" => {
                sh.write(1, b"ping from iputils 20221126\nlibcap: yes, IDN: yes, NLS: no, error.h: yes, getrandom(): yes, __fpending(): yes\n")?;
                return Ok(0);
            }
            _ => {}
        }
    }
    let Some(target) = target else {
        sh.write(2, b"ping: usage error: Destination address required\n")?;
        return Ok(1);
    };
    let Some(ip) = known(sh, &target) else {
        pause(sh, 10_000).await?;
        sh.write(2, format!("ping: {target}: Temporary failure in name resolution\n").as_bytes())?;
        return Ok(2);
    };
    sh.write(1, format!("PING {target} ({ip}) {size}({}) bytes of data.\n", size + 28).as_bytes())?;
    let begun = sh.io.now();
    let reached = own(sh, ip) || ip == IpAddr::V4(sh.machine.persona().gateway);
    let near = u32::try_from(if own(sh, ip) { 3 } else { 31 }).unwrap_or(3);
    let mut sent = 0;
    let mut times = Vec::new();
    // Without -c it goes on until it is interrupted; bounded here all the same.
    let most = count.unwrap_or(3600).min(3600);
    let result = loop {
        sent += 1;
        if reached {
            let time = near * 10 + (sent * 7 + size) % (near * 4);
            times.push(f64::from(time) / 1000.0);
            if !quiet {
                let text =
                    format!("{} bytes from {ip}: icmp_seq={sent} ttl=64 time=0.{time:03} ms\n", size + 8);
                sh.write(1, text.as_bytes())?;
            }
        }
        if sent >= most {
            break Ok(());
        }
        if let Err(stop) = pause(sh, interval).await {
            break Err(stop);
        }
        sh.io.step(20)?;
    };
    if result.is_ok() && !reached {
        pause(sh, wait * 1000).await?;
    }
    let elapsed = (micros(sh.io.now()) - micros(begun)) / 1000 - if reached { 0 } else { wait * 1000 };
    let lost = 100 - u32::try_from(times.len()).unwrap_or(0) * 100 / sent;
    let mut text = format!(
        "\n--- {target} ping statistics ---\n{sent} packets transmitted, {} received, {lost}% packet loss, time {}ms\n",
        times.len(),
        elapsed.max(0)
    );
    if times.is_empty() {
        text.push('\n');
    } else {
        let mean = times.iter().sum::<f64>() / times.len() as f64;
        let low = times.iter().copied().fold(f64::MAX, f64::min);
        let high = times.iter().copied().fold(0.0, f64::max);
        let spread = (times.iter().map(|t| (t - mean) * (t - mean)).sum::<f64>() / times.len() as f64).sqrt();
        text += &format!("rtt min/avg/max/mdev = {low:.3}/{mean:.3}/{high:.3}/{spread:.3} ms\n");
    }
    // A ^C ends ping with its statistics, which still are to be seen.
    if result.is_err() {
        sh.io.lock().interrupted = false;
    }
    sh.write(1, text.as_bytes())?;
    Ok(i32::from(!reached))
}

/// Words that are no options.
fn plain(args: &[Vec<u8>]) -> Vec<String> {
    args.iter().map(|a| show(a)).filter(|a| !a.starts_with('-') && !a.starts_with('+')).collect()
}

async fn host(sh: &mut Shell, _name: &str, args: Vec<Vec<u8>>) -> Result<i32, Stop> {
    let words = plain(&args);
    if words.is_empty() {
        sh.write(1, b"Usage: host [-aCdilrTvVw] [-c class] [-N ndots] [-t type] [-W time]\n            [-R number] [-m flag] [-p port] hostname [server]\n")?;
        return Ok(1);
    }
    pause(sh, 10_000).await?;
    let server = words.get(1).cloned().unwrap_or_else(|| sh.machine.persona().gateway.to_string());
    let error = format!(";; communications error to {server}#53: timed out\n");
    let text = format!("{error}{error};; no servers could be reached\n");
    sh.write(1, text.as_bytes())?;
    Ok(1)
}

async fn nslookup(sh: &mut Shell, _name: &str, args: Vec<Vec<u8>>) -> Result<i32, Stop> {
    let words = plain(&args);
    if words.is_empty() {
        // Without a name it asks for commands: the input's end is its own.
        while let Some(line) = sh.read_line().await? {
            if show(&line).trim() == "exit" {
                return Ok(0);
            }
        }
        return Ok(0);
    }
    let server = words.get(1).cloned().unwrap_or_else(|| sh.machine.persona().gateway.to_string());
    for _ in 0..2 {
        pause(sh, 5_000).await?;
        sh.write(1, format!(";; communications error to {server}#53: timed out\n").as_bytes())?;
    }
    pause(sh, 5_000).await?;
    sh.write(
        1,
        format!(";; communications error to {server}#53: timed out\n;; no servers could be reached\n\n\n")
            .as_bytes(),
    )?;
    Ok(1)
}

async fn dig(sh: &mut Shell, _name: &str, args: Vec<Vec<u8>>) -> Result<i32, Stop> {
    let all: Vec<String> = args.iter().map(|a| show(a)).collect();
    if all.iter().any(|a| a == "-v") {
        sh.write(2, b"DiG 9.18.33-1~deb12u2-Debian\n")?;
        return Ok(0);
    }
    let server = all
        .iter()
        .find_map(|a| a.strip_prefix('@'))
        .map_or_else(|| sh.machine.persona().gateway.to_string(), str::to_owned);
    let short = all.iter().any(|a| a == "+short");
    let mut text = String::new();
    for _ in 0..3 {
        pause(sh, 5_000).await?;
        text += &format!(";; communications error to {server}#53: timed out\n");
    }
    if !short {
        text += &format!(
            "\n; <<>> DiG 9.18.33-1~deb12u2-Debian <<>> {}\n;; global options: +cmd\n",
            all.join(" ")
        );
    }
    text += ";; no servers could be reached\n";
    if !short {
        text.push('\n');
    }
    sh.write(1, text.as_bytes())?;
    Ok(9)
}

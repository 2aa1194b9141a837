//! What the machine's commands say of it: the texts of Debian 12's programs, and one machine behind all of them.

mod accounts;
mod daily;
mod firewall;
mod network;
mod reach;
mod storage;
mod system;

use std::sync::{Arc, LazyLock};

use phantom_core::{Timestamp, from_micros};
use phantom_honeypot::shell::Visitor;
use phantom_honeypot::{Console, Emit, Machine, Persona, Shell};

use crate::text;

fn at() -> Timestamp {
    from_micros(1_763_900_000_000_000)
}

static PERSONA: LazyLock<Arc<Persona>> = LazyLock::new(|| Arc::new(Persona::generate([3; 32], at())));

/// Output, complaints, status.
type Said = (String, String, i32);

/// Runs `bash -c line` as somebody of a machine of this persona, without input.
fn run_on(persona: &Arc<Persona>, user: &str, line: &str) -> Said {
    let machine = Machine::new(Arc::clone(persona));
    let (vfs, account) = machine.login(user.as_bytes(), at());
    let visitor = Visitor {
        peer: "198.51.100.7:40000".parse().unwrap(),
        local: "192.0.2.1:22".parse().unwrap(),
        at: at(),
        seed: [9; 32],
    };
    let mut console = Console::exec(Shell::new(machine, vfs, account, visitor), line.as_bytes(), false);
    let mut out = Vec::new();
    console.start(at(), &mut out);
    console.end_of_input(at(), &mut out);
    let (mut stdout, mut stderr, mut status, mut done) = (Vec::new(), Vec::new(), -1, 0);
    while done < out.len() {
        match out[done].clone() {
            Emit::Stdout(b) => stdout.extend(b),
            Emit::Stderr(b) => stderr.extend(b),
            Emit::Exit(s) => status = s,
            Emit::Wake(Some(when)) => console.wake(when, &mut out),
            _ => {}
        }
        done += 1;
    }
    (text(&stdout), text(&stderr), status)
}

fn run(line: &str) -> Said {
    run_on(&PERSONA, "root", line)
}

/// What root's command prints; it must not complain.
#[track_caller]
fn out(line: &str) -> String {
    let (out, err, _) = run(line);
    assert_eq!(err, "", "{line}");
    out
}

/// As an ordinary user.
fn as_user(line: &str) -> Said {
    run_on(&PERSONA, &PERSONA.users[0].name, line)
}

/// The facts of the persona in place of `<their names>`.
fn filled(text: &str) -> String {
    let p = &*PERSONA;
    let net = |last: u8| {
        let [a, b, c, _] = p.ip.octets();
        format!("{a}.{b}.{c}.{last}")
    };
    let mut text = text.to_owned();
    for (name, value) in [
        ("if", p.interface.clone()),
        ("ip", p.ip.to_string()),
        ("gw", p.gateway.to_string()),
        ("net", net(0)),
        ("all", net(255)),
        ("near", net(9)),
        ("mac", p.mac.clone()),
        ("node", p.hostname.clone()),
        ("domain", p.domain.clone()),
        ("kernel", p.kernel_release.clone()),
        ("version", p.kernel_version.clone()),
        ("cpus", p.cpus.to_string()),
        ("user", p.users[0].name.clone()),
    ] {
        text = text.replace(&format!("<{name}>"), &value);
    }
    text
}

/// Each line and both of its streams, one behind the other, with the facts of the persona; a status other than 0
/// stands on a last line of its own, as `= 2`.
#[track_caller]
fn check(cases: &[(&str, &str)]) {
    let wrong: Vec<String> = cases.iter().filter_map(|(line, wanted)| differs(run, line, wanted)).collect();
    assert!(wrong.is_empty(), "{} of {}\n{}", wrong.len(), cases.len(), wrong.join("\n"));
}

/// The same as an ordinary user.
#[track_caller]
fn check_as_user(cases: &[(&str, &str)]) {
    let wrong: Vec<String> =
        cases.iter().filter_map(|(line, wanted)| differs(as_user, line, wanted)).collect();
    assert!(wrong.is_empty(), "{} of {}\n{}", wrong.len(), cases.len(), wrong.join("\n"));
}

fn differs(run: fn(&str) -> Said, line: &str, wanted: &str) -> Option<String> {
    let (mut said, err, status) = run(&filled(line));
    said += &err;
    if status != 0 {
        said += &format!("= {status}\n");
    }
    let wanted = filled(wanted);
    (said != wanted).then(|| format!("--- {line}\n{said}--- wanted\n{wanted}"))
}

/// What one visit of root types, and what it is told: `$ LINE`, what is printed on both streams, `= STATUS` if it is
/// not 0. A line `- LINE` is typed, and what it says not looked at; `! NAME` begins another visit.
#[track_caller]
fn transcript(text: &str) {
    // A visit's lines, whether what each says is looked at, and what it is to say.
    let mut visits: Vec<Vec<(&str, bool, String)>> = Vec::new();
    for line in text.lines().skip_while(|line| line.starts_with('#')) {
        match (line.get(..2), visits.last_mut()) {
            (Some("! "), _) => visits.push(Vec::new()),
            (Some(mark @ ("$ " | "- ")), Some(steps)) => {
                steps.push((&line[2..], mark == "$ ", String::new()))
            }
            (_, Some(steps)) => steps.last_mut().unwrap().2 += &format!("{line}\n"),
            _ => panic!("{line}"),
        }
    }
    let mut wrong = Vec::new();
    for steps in visits {
        let script: String = steps
            .iter()
            .map(|(line, ..)| {
                let line = line.replace('\'', r"'\''");
                format!("eval '{line}' 2>&1 </dev/null; echo \"= $?@@\"\n")
            })
            .collect();
        let said = out(&script);
        let said: Vec<&str> = said.split_terminator("@@\n").collect();
        assert_eq!(said.len(), steps.len());
        for ((line, looked_at, wanted), said) in steps.iter().zip(said) {
            let said = said.strip_suffix("= 0").unwrap_or(said);
            if *looked_at && said.trim_end_matches('\n') != wanted.trim_end_matches('\n') {
                wrong.push(format!("$ {line}\n{said}\n--- wanted\n{wanted}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}\n{}", wrong.len(), wrong.join("\n"));
}

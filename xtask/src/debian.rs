//! `cargo xtask judge shell`: what intruders type, in a real Debian 12 and in the honeypot, compared.
//!
//! The real one is a root that debootstrap makes once in `target/debian-12`; each run works on an overlay in memory, in
//! namespaces of its own, behind a gateway that answers nothing.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::shell::{cargo, check, command, is_root, output, root};

const SCRIPT: &str = "crates/phantom-honeypot/tests/debian/attacker-commands.sh";

/// What the persona has beyond the packages that debootstrap takes of itself.
const INCLUDE: &str = "openssh-server,openssh-sftp-server,nginx-light,vsftpd,sudo,curl,wget,net-tools,bzip2,xz-utils,\
    file,less,perl,man-db,lsof,bash-completion,ca-certificates,dbus,systemd-sysv,systemd-timesyncd";

/// Runs inside the namespaces: `$1` the root, `$2` the full host name, `$3` lines of `name uid`.
const ENTER: &str = r#"
set -eu
hostname "${2%%.*}"
work=$(mktemp -d)
mount -t tmpfs tmpfs "$work"
mkdir "$work/upper" "$work/work" "$work/root"
mount -t overlay overlay -o "lowerdir=$1,upperdir=$work/upper,workdir=$work/work" "$work/root"
cd "$work/root"
mount -t proc proc proc
mount -t sysfs sysfs sys
mount -t tmpfs tmpfs dev
for node in null:3 zero:5 full:7 random:8 urandom:9; do
    mknod -m 666 "dev/${node%:*}" c 1 "${node#*:}"
done
ln -s /proc/self/fd dev/fd
mkdir dev/pts dev/shm
{
    printf '127.0.0.1\tlocalhost\n127.0.1.1\t%s\t%s\n\n' "$2" "${2%%.*}"
    echo '# The following lines are desirable for IPv6 capable hosts'
    printf '::1     localhost ip6-localhost ip6-loopback\nff02::1 ip6-allnodes\nff02::2 ip6-allrouters\n'
} > etc/hosts
hostname > etc/hostname
printf '%s\n' "$3" | while read -r name uid; do
    chroot . useradd -m -u "$uid" -s /bin/bash "$name" > /dev/null 2>&1
done
ip link set lo up
ip link add eth0 type veth peer name wall
ip link set wall up
ip address add 192.0.2.1/24 dev eth0
ip link set eth0 up
ip neighbour add 192.0.2.254 lladdr 02:00:00:00:00:01 dev eth0
ip route add default via 192.0.2.254
exec chroot . env -i LANG=C.UTF-8 HOME=/root USER=root LOGNAME=root SHELL=/bin/bash SHLVL=0 MAIL=/var/mail/root \
    PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    SSH_CLIENT='198.51.100.7 40000 22' SSH_CONNECTION='198.51.100.7 40000 192.0.2.1 22' \
    timeout 300 bash -c 'cd && exec -a -bash bash'
"#;

/// How a step's two results are compared.
#[derive(Clone, Copy, PartialEq)]
enum How {
    Exact,
    Shape,
    Status,
}

/// A line of the script.
pub(crate) struct Step<'a> {
    text: &'a str,
    how: How,
    /// Why it differs, if it is known to.
    reason: Option<&'a str>,
}

impl<'a> Step<'a> {
    /// One whose output and status count.
    pub(crate) fn exact(text: &'a str) -> Self {
        Self { text, how: How::Exact, reason: None }
    }
}

/// Compares, and fails on a difference that the script does not list and on a listed one that is no more.
pub(crate) fn judge() -> Result<()> {
    if !is_root() {
        bail!("the suite mounts and enters a root of Debian 12: run it as root");
    }
    let script = fs::read_to_string(root().join(SCRIPT))?;
    let steps = parse(&script)?;
    let input = program(&steps);
    let debian = bootstrap()?;
    let facts = facts()?;
    let real = run_real(&debian, &facts, &input)?;
    let ours = run(command(example()?), &input)?;
    report(&steps, &results(&real), &results(&ours))
}

/// The honeypot's shell as a program of its own.
fn example() -> Result<PathBuf> {
    Ok(target()?.join("debug/examples/shell"))
}

/// Full host name and users of the persona.
fn facts() -> Result<String> {
    check(cargo().args(["build", "-q", "-p", "phantom-honeypot", "--example", "shell"]))?;
    output(command(example()?).arg("--facts"))
}

/// What a program says in a copy of the root with the persona's name and users.
pub(crate) fn run_real(debian: &Path, facts: &str, input: &str) -> Result<String> {
    let (fqdn, users) = facts.trim().split_once('\n').context("the persona has no users")?;
    let mut real = Command::new("unshare");
    real.args(["--mount", "--uts", "--net", "--pid", "--ipc", "--fork", "--propagation", "private"])
        .args(["sh", "-c", ENTER, "enter"])
        .arg(debian)
        .args([fqdn, users]);
    run(real, input)
}

fn parse(script: &str) -> Result<Vec<Step<'_>>> {
    let (mut steps, mut how, mut reason) = (Vec::new(), How::Exact, None);
    for line in script.lines() {
        if let Some(text) = line.strip_prefix("#! ") {
            reason = Some(text);
        } else if let Some(text) = line.strip_prefix("#= ") {
            how = match text {
                "shape" => How::Shape,
                "status" => How::Status,
                other => bail!("{SCRIPT}: no such comparison: {other}"),
            };
        } else if !line.is_empty() && !line.starts_with('#') {
            steps.push(Step { text: line, how, reason });
            (how, reason) = (How::Exact, None);
        }
    }
    Ok(steps)
}

/// The script as it is fed: each step without input, both streams in one, and a mark with its status behind it.
pub(crate) fn program(steps: &[Step<'_>]) -> String {
    let mut program = String::new();
    for (number, step) in steps.iter().enumerate() {
        let quoted = step.text.replace('\'', r"'\''");
        let _ = writeln!(program, "eval '{quoted}' 2>&1 </dev/null; echo \"@@ {number} $?\"");
    }
    program
}

/// Makes the root once.
pub(crate) fn bootstrap() -> Result<PathBuf> {
    let place = root().join("target/debian-12");
    if !place.is_dir() {
        println!("making a Debian 12 root with debootstrap (once, some minutes)");
        let half = root().join("target/debian-12.part");
        if half.exists() {
            fs::remove_dir_all(&half)?;
        }
        fs::create_dir_all(&half)?;
        check(
            command("debootstrap")
                .arg(format!("--include={INCLUDE}"))
                .arg("bookworm")
                .arg(&half)
                .stdout(Stdio::null()),
        )?;
        fs::rename(&half, &place)?;
    }
    Ok(place)
}

/// Where cargo puts what it builds.
fn target() -> Result<PathBuf> {
    Ok(std::env::var_os("CARGO_TARGET_DIR")
        .map_or_else(|| root().join("target"), |dir| Path::new(&dir).into()))
}

fn run(mut program: Command, input: &str) -> Result<String> {
    let mut child = program
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .spawn()
        .context("cannot start")?;
    let mut stdin = child.stdin.take().context("no input")?;
    let input = input.to_owned();
    let feeder = std::thread::spawn(move || drop(stdin.write_all(input.as_bytes())));
    let output = child.wait_with_output()?;
    drop(feeder.join());
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Output and status by the number of the step.
pub(crate) fn results(text: &str) -> BTreeMap<usize, (String, String)> {
    let (mut results, mut from) = (BTreeMap::new(), 0);
    while let Some(at) = text[from..].find("@@ ").map(|at| at + from) {
        let line = text[at..].lines().next().unwrap_or_default();
        let mut fields = line.split(' ').skip(1);
        if let (Some(Ok(number)), Some(status)) = (fields.next().map(str::parse), fields.next()) {
            results.insert(number, (text[from..at].to_owned(), status.to_owned()));
        }
        from = (at + line.len() + 1).min(text.len());
    }
    results
}

fn report(
    steps: &[Step<'_>],
    real: &BTreeMap<usize, (String, String)>,
    ours: &BTreeMap<usize, (String, String)>,
) -> Result<()> {
    let nothing = (String::from("(never came)"), String::from("-"));
    let (mut same, mut listed, mut wrong) = (0, 0, 0);
    for (number, step) in steps.iter().enumerate() {
        let (want, got) = (real.get(&number).unwrap_or(&nothing), ours.get(&number).unwrap_or(&nothing));
        let equal = want.1 == got.1
            && want.1 != nothing.1
            && match step.how {
                How::Exact => want.0 == got.0,
                How::Shape => shape(&want.0) == shape(&got.0),
                How::Status => want.0.is_empty() == got.0.is_empty(),
            };
        match (equal, step.reason) {
            (true, None) => same += 1,
            (false, Some(_)) => listed += 1,
            (true, Some(reason)) => {
                wrong += 1;
                println!("--- {}\nno longer differs; remove: {reason}", step.text);
            }
            (false, None) => {
                wrong += 1;
                println!(
                    "--- {}\ndebian [{}]:\n{}honeypot [{}]:\n{}",
                    step.text,
                    want.1,
                    cut(&want.0),
                    got.1,
                    cut(&got.0)
                );
            }
        }
    }
    println!("{} steps: {same} alike, {listed} differ as listed, {wrong} wrong", steps.len());
    if wrong > 0 {
        bail!("{wrong} of {} steps differ", steps.len())
    }
    Ok(())
}

/// The text with numbers, dates and the width of blanks made alike.
fn shape(text: &str) -> String {
    let mut shape = String::new();
    for word in text.split_inclusive('\n').flat_map(|line| line.split_whitespace().chain(["\n"])) {
        let mut digits = false;
        for c in word.chars() {
            if !c.is_ascii_digit() {
                shape.push(c);
            } else if !digits {
                shape.push('9');
            }
            digits = c.is_ascii_digit();
        }
        shape.push(' ');
    }
    shape
}

fn cut(text: &str) -> String {
    let mut cut: String =
        text.lines().take(12).flat_map(|line| [&line[..line.floor_char_boundary(200)], "\n"]).collect();
    if text.lines().count() > 12 {
        cut.push_str("…\n");
    }
    cut
}

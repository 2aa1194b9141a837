//! What runs on a Debian 12 server with sshd, nginx and vsftpd before anybody logs in.

use phantom_core::{Timestamp, from_micros, micros};

use super::process::{Process, Tty};
use crate::Persona;
use crate::persona::Draw;

/// Kernel threads of Linux 6.1 that are there once, in the order and with the distance of their numbers that a
/// virtual machine of one processor shows; those of a processor follow [`PER_CPU`].
const FIRST: &[(u32, &str, i8)] = &[
    (3, "rcu_gp", -20),
    (4, "rcu_par_gp", -20),
    (5, "slub_flushwq", -20),
    (6, "netns", -20),
    (8, "kworker/0:0H-events_highpri", -20),
    (10, "mm_percpu_wq", -20),
    (11, "rcu_tasks_kthread", 0),
    (12, "rcu_tasks_rude_kthread", 0),
    (13, "rcu_tasks_trace_kthread", 0),
    (14, "ksoftirqd/0", 0),
    (15, "rcu_preempt", 0),
    (16, "migration/0", 0),
    (18, "cpuhp/0", 0),
];
/// Added for every further processor, with the step of their numbers.
const PER_CPU: &[(u32, &str, i8)] =
    &[(1, "cpuhp/", 0), (1, "migration/", 0), (1, "ksoftirqd/", 0), (2, "kworker/N:0H-events_highpri", -20)];
/// After the processors: step of the number, name, nice value.
const LATER: &[(u32, &str, i8)] = &[
    (3, "kdevtmpfs", 0),
    (1, "inet_frag_wq", -20),
    (1, "kauditd", 0),
    (1, "khungtaskd", 0),
    (1, "oom_reaper", 0),
    (1, "writeback", -20),
    (1, "kcompactd0", 0),
    (1, "ksmd", 5),
    (1, "khugepaged", 19),
    (1, "kintegrityd", -20),
    (1, "kblockd", -20),
    (1, "blkcg_punt_bio", -20),
    (1, "tpm_dev_wq", -20),
    (1, "edac-poller", -20),
    (1, "devfreq_wq", -20),
    (1, "kworker/0:1H-kblockd", -20),
    (1, "kswapd0", 0),
    (7, "kthrotld", -20),
    (2, "acpi_thermal_pm", -20),
    (2, "mld", -20),
    (1, "ipv6_addrconf", -20),
    (5, "kstrp", -20),
    (5, "zswap-shrink", -20),
    (1, "kworker/u3:0", -20),
    (58, "ata_sff", -20),
    (1, "scsi_eh_0", 0),
    (1, "scsi_tmf_0", -20),
    (1, "scsi_eh_1", 0),
    (1, "scsi_tmf_1", -20),
    (38, "jbd2/sda1-8", 0),
    (1, "ext4-rsv-conver", -20),
];

/// A service: step of its number, user and group, name, command line, program, sizes in KiB, load, unit.
struct Service {
    step: (u32, u32),
    uid: (u32, u32),
    line: &'static str,
    exe: &'static str,
    size: (u64, u64),
    load: u64,
    unit: &'static str,
    threads: u32,
}

const fn service(
    step: (u32, u32),
    uid: (u32, u32),
    line: &'static str,
    exe: &'static str,
    size: (u64, u64),
    load: u64,
    unit: &'static str,
) -> Service {
    Service { step, uid, line, exe, size, load, unit, threads: 1 }
}

const ROOT: (u32, u32) = (0, 0);

const SERVICES: &[Service] = &[
    service(
        (30, 60),
        ROOT,
        "/lib/systemd/systemd-journald",
        "/usr/lib/systemd/systemd-journald",
        (33_012, 14_800),
        18,
        "systemd-journald.service",
    ),
    service(
        (18, 40),
        ROOT,
        "/lib/systemd/systemd-udevd",
        "/usr/bin/udevadm",
        (26_700, 6_940),
        4,
        "systemd-udevd.service",
    ),
    Service {
        threads: 2,
        ..service(
            (90, 190),
            (997, 997),
            "/lib/systemd/systemd-timesyncd",
            "/usr/lib/systemd/systemd-timesyncd",
            (90_084, 6_724),
            3,
            "systemd-timesyncd.service",
        )
    },
    service(
        (20, 60),
        ROOT,
        "dhclient -4 -v -i -pf /run/dhclient.IFACE.pid -lf /var/lib/dhcp/dhclient.IFACE.leases -I -df /var/lib/dhcp/dhclient6.IFACE.leases IFACE",
        "/usr/sbin/dhclient",
        (5_872, 3_548),
        1,
        "ifup@IFACE.service",
    ),
    service((20, 50), ROOT, "/usr/sbin/cron -f", "/usr/sbin/cron", (6_608, 2_720), 3, "cron.service"),
    service(
        (1, 3),
        (100, 107),
        "/usr/bin/dbus-daemon --system --address=systemd: --nofork --nopidfile --systemd-activation --syslog-only",
        "/usr/bin/dbus-daemon",
        (9_148, 4_844),
        4,
        "dbus.service",
    ),
    Service {
        threads: 4,
        ..service(
            (2, 6),
            ROOT,
            "/usr/sbin/rsyslogd -n -iNONE",
            "/usr/sbin/rsyslogd",
            (221_780, 5_860),
            11,
            "rsyslog.service",
        )
    },
    service(
        (1, 6),
        ROOT,
        "/lib/systemd/systemd-logind",
        "/usr/lib/systemd/systemd-logind",
        (49_536, 7_868),
        3,
        "systemd-logind.service",
    ),
    service(
        (40, 110),
        ROOT,
        "/usr/sbin/vsftpd /etc/vsftpd.conf",
        "/usr/sbin/vsftpd",
        (9_204, 3_436),
        0,
        "vsftpd.service",
    ),
    service(
        (1, 5),
        ROOT,
        "/sbin/agetty -o -p -- \\u --noclear - linux",
        "/usr/sbin/agetty",
        (5_872, 1_064),
        0,
        "getty@tty1.service",
    ),
    service(
        (3, 12),
        ROOT,
        "sshd: /usr/sbin/sshd -D [listener] 0 of 10-100 startups",
        "/usr/sbin/sshd",
        (15_436, 9_152),
        7,
        "ssh.service",
    ),
    service(
        (5, 20),
        ROOT,
        "nginx: master process /usr/sbin/nginx -g daemon on; master_process on;",
        "/usr/sbin/nginx",
        (10_376, 1_992),
        0,
        "nginx.service",
    ),
];

/// All processes of the machine, by number.
pub(super) fn of(persona: &Persona) -> Vec<Process> {
    let boot = persona.boot;
    let mut draw = Draw::new(&persona.seed, "processes");
    let mut all = vec![init(boot), kernel(2, 0, "kthreadd", 0, boot)];
    all.extend(FIRST.iter().map(|(pid, name, nice)| kernel(*pid, 2, name, *nice, boot)));
    let mut pid = 18;
    for cpu in 1..persona.cpus {
        for (step, name, nice) in PER_CPU {
            pid += step;
            let name = if name.contains('N') {
                name.replacen('N', &cpu.to_string(), 1)
            } else {
                format!("{name}{cpu}")
            };
            all.push(kernel(pid, 2, &name, *nice, boot));
        }
    }
    for (step, name, nice) in LATER {
        pid += step;
        all.push(kernel(pid, 2, name, *nice, boot));
    }
    let mut age = 2_000_000;
    for row in SERVICES {
        pid += u32::try_from(draw.unsigned(row.step.0.into(), row.step.1.into())).unwrap_or(1).max(1);
        age += draw.range(60_000, 700_000);
        let start = from_micros(micros(boot) + age);
        let line = row.line.replace("IFACE", &persona.interface);
        let mut process = Process {
            uid: row.uid.0,
            gid: row.uid.1,
            vsz_kib: row.size.0,
            rss_kib: row.size.1 + draw.unsigned(0, 60) * 4,
            load_ppm: row.load,
            unit: row.unit.replace("IFACE", &persona.interface),
            threads: row.threads,
            ..user(pid, 1, &line, row.exe, start)
        };
        if row.unit.starts_with("getty") {
            process.tty = Tty::Console(1);
        }
        all.push(process);
    }
    let (master, start) = all.last().map_or((1, boot), |p| (p.pid, p.start));
    for n in 1..=persona.cpus {
        all.push(Process {
            uid: 33,
            gid: 33,
            sid: master,
            vsz_kib: 11_020,
            rss_kib: 4_760 + draw.unsigned(0, 40) * 4,
            load_ppm: 6,
            unit: "nginx.service".to_owned(),
            ..user(master + n, master, "nginx: worker process", "/usr/sbin/nginx", start)
        });
    }
    all
}

fn init(boot: Timestamp) -> Process {
    Process {
        vsz_kib: 101_932,
        rss_kib: 12_304,
        load_ppm: 30,
        unit: "init.scope".to_owned(),
        ..user(1, 0, "/sbin/init", "/usr/lib/systemd/systemd", boot)
    }
}

/// The first word of a line is the program, titles such as `nginx: worker process` are one word.
pub(super) fn user(pid: u32, ppid: u32, line: &str, exe: &str, start: Timestamp) -> Process {
    let titled = line.split(' ').next().is_some_and(|word| word.ends_with(':'));
    let mut cmdline: Vec<u8> = line.bytes().map(|b| if b == b' ' && !titled { 0 } else { b }).collect();
    cmdline.push(0);
    let name = match line {
        "/sbin/init" => "systemd",
        _ => line.split([' ', ':']).next().and_then(|w| w.rsplit('/').next()).unwrap_or(line),
    };
    Process {
        pid,
        ppid,
        sid: pid,
        uid: 0,
        gid: 0,
        comm: name.chars().take(15).collect(),
        cmdline,
        exe: exe.to_owned(),
        cwd: b"/".to_vec(),
        tty: Tty::None,
        start,
        state: 'S',
        nice: 0,
        threads: 1,
        vsz_kib: 0,
        rss_kib: 0,
        load_ppm: 0,
        unit: String::new(),
    }
}

/// A thread of the kernel. Its name is whole here; the kernel's own 15 bytes do not bind workers, whose name is
/// put together when it is read.
pub(super) fn kernel(pid: u32, ppid: u32, name: &str, nice: i8, start: Timestamp) -> Process {
    let idle = nice == -20 || name.starts_with("rcu") || name.starts_with("kworker");
    Process {
        comm: name.to_owned(),
        cmdline: Vec::new(),
        sid: 0,
        state: if idle { 'I' } else { 'S' },
        nice,
        load_ppm: if name == "rcu_preempt" { 25 } else { 0 },
        ..user(pid, ppid, name, "", start)
    }
}

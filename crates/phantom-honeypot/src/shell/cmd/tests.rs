//! That all programs tell of one machine.

use crate::shell::tests::{check, run};

fn out(line: &str) -> String {
    let (out, err, _) = run(line);
    assert_eq!(err, "", "{line}");
    out
}

/// The words of a column, sorted.
fn column(text: &str, n: usize) -> Vec<String> {
    let mut all: Vec<String> =
        text.lines().filter_map(|line| line.split_whitespace().nth(n)).map(str::to_owned).collect();
    all.sort();
    all
}

#[test]
fn ps_lists_what_proc_has() {
    let text = out("ps -eo pid= | grep -v x; ls /proc | grep '^[0-9]'");
    let all: Vec<&str> = text.lines().map(str::trim).collect();
    let second = all.iter().skip(1).position(|pid| *pid == "1").unwrap() + 1;
    let (ps, proc) = all.split_at(second);
    // ps, grep and ls come and go; the shell and all services stay.
    let gone = |list: &[&str], other: &[&str]| {
        list.iter().filter(|pid| !other.contains(pid)).map(|p| (*p).to_owned()).collect::<Vec<_>>()
    };
    assert!(gone(ps, proc).len() <= 1 && gone(proc, ps).len() <= 1, "{ps:?} {proc:?}");
    assert!(ps.len() > 60);
    assert_eq!(out("ps -ef | wc -l"), out("ps aux | wc -l"));
}

#[test]
fn a_single_command_runs_in_the_place_of_its_shell() {
    let text = out("ps -ef");
    let last: Vec<&str> = text.lines().last().unwrap().split_whitespace().collect();
    assert_eq!(last[7..], ["ps", "-ef"], "{text}");
    let parent = text.lines().find(|l| l.split_whitespace().nth(1) == Some(last[2])).unwrap();
    assert!(parent.ends_with("sshd: root@notty"), "{parent}");
    assert!(
        text.lines().any(|l| l.ends_with(" [kthreadd]"))
            && text.starts_with("UID          PID    PPID  C STIME TTY          TIME CMD\n")
    );
}

#[test]
fn what_listens_is_told_alike() {
    let ports = |text: String, n: usize| -> Vec<String> {
        let mut all: Vec<String> =
            column(&text, n).iter().filter_map(|a| a.rsplit(':').next().map(str::to_owned)).collect();
        all.sort();
        all
    };
    let ss = ports(out("ss -tlnH"), 3);
    assert_eq!(ss, ports(out("netstat -tln | grep LISTEN"), 3));
    let hex = out("cat /proc/net/tcp /proc/net/tcp6 | grep ' 0A '");
    let mut proc: Vec<String> = column(&hex, 1)
        .iter()
        .map(|a| u16::from_str_radix(a.rsplit(':').next().unwrap(), 16).unwrap().to_string())
        .collect();
    proc.sort();
    assert_eq!(ss, proc);
    assert_eq!(ss, ["21", "22", "22", "80", "80"]);
    assert!(out("ss -tnp").contains("198.51.100.7:40000"), "{}", out("ss -tnp"));
    assert!(out("lsof -i :22 -P -n").contains("198.51.100.7:40000 (ESTABLISHED)"));
    let inode = out("ss -tlnpe | head -1; ls -l /proc/$(pidof -s vsftpd)/fd | grep -o 'socket:.*'");
    assert!(inode.contains("socket:["), "{inode}");
}

#[test]
fn memory_time_and_disks_agree() {
    check(
        "[ $(free -k | grep Mem | tr -s ' ' | cut -d' ' -f2) = $(grep MemTotal /proc/meminfo | tr -dc 0-9) ] && echo same",
        "same\n",
    );
    check(
        "[ $(free -k | grep Mem | tr -s ' ' | cut -d' ' -f4) = $(grep MemFree /proc/meminfo | tr -dc 0-9) ] && echo same",
        "same\n",
    );
    check(
        "[ $(free -k | grep Swap | tr -s ' ' | cut -d' ' -f2) = $(grep SwapTotal /proc/meminfo | tr -dc 0-9) ] && echo same",
        "same
",
    );
    // Both are cut to whole seconds, of different beginnings.
    check(
        "d=$(($(date +%s) - $(cut -d. -f1 /proc/uptime) - $(grep btime /proc/stat | cut -d' ' -f2))); [ $d -ge 0 ] && [ $d -le 1 ] && echo same",
        "same
",
    );
    check(
        "[ \"$(uptime -s | cut -c1-16)\" = \"$(who -b | tr -s ' ' | cut -d' ' -f4-5)\" ] && echo same",
        "same\n",
    );
    check("[ $(mount | wc -l) = $(wc -l < /proc/mounts) ] && echo same", "same\n");
    check(
        "[ \"$(uname -r)\" = \"$(cut -d' ' -f3 /proc/version)\" ] && [ $(cat /proc/sys/kernel/osrelease) = $(uname -r) ] && echo same",
        "same\n",
    );
    check("[ $(lsmod | wc -l) = $(($(wc -l < /proc/modules) + 1)) ] && echo same", "same\n");
    let mounted = out("df --total | tail -n +2 | wc -l");
    assert_eq!(mounted, "7\n");
}

#[test]
fn a_killed_service_is_gone_everywhere() {
    check(
        "pkill nginx; pgrep nginx; ss -tln | grep -c :80; ls /proc | grep -c \"^$(pidof nginx)$\"; ps aux | grep -c '[n]ginx:'",
        "0\n0\n0\n",
    );
}

#[test]
fn settings_of_the_kernel_are_kept() {
    check(
        "sysctl -w net.ipv4.ip_forward=1; cat /proc/sys/net/ipv4/ip_forward; sysctl -n net.ipv4.ip_forward",
        "net.ipv4.ip_forward = 1\n1\n1\n",
    );
    check("hostname box; cat /proc/sys/kernel/hostname; uname -n", "box\nbox\n");
    check(
        "readlink /proc/self/exe; cat /proc/self/comm; readlink /proc/$$/cwd",
        "/usr/bin/readlink\ncat\n/root\n",
    );
}

#[test]
fn packages_agree_with_the_tree() {
    check(
        "dpkg -S /usr/bin/curl /bin/ls; dpkg -s curl | head -2; dpkg-query -W -f='${Package} ${Status}\\n' sudo",
        "curl: /usr/bin/curl\ncoreutils: /bin/ls\nPackage: curl\nStatus: install ok installed\nsudo install ok installed\n",
    );
    check("[ $(dpkg -l | grep -c ^ii) = $(grep -c ^Package: /var/lib/dpkg/status) ] && echo same", "same\n");
    check(
        "apt-get remove -y -qq curl >/dev/null; which curl; dpkg -l curl 2>/dev/null | grep -c ^ii; grep -c '^Package: curl$' /var/lib/dpkg/status",
        "0\n0\n",
    );
    let (_, err, status) = run("apt-get install -y -qq nosuchthing");
    assert_eq!((err.as_str(), status), ("E: Unable to locate package nosuchthing\n", 100));
    let (_, err, status) = run("apt-get install -y nmap");
    assert!(err.contains("Temporary failure resolving 'deb.debian.org'") && status == 100);
}

/// Wording and refusals of Debian's cron 3.0pl1.
#[test]
fn tables_of_cron_are_kept() {
    check(
        "crontab -l 2>&1; echo '* * * * * id' | crontab -; crontab -l; ls -l /var/spool/cron/crontabs/root | cut -c1-10; crontab -r; crontab -l 2>&1",
        "no crontab for root\n* * * * * id\n-rw-------\nno crontab for root\n",
    );
    check("(crontab -l 2>/dev/null; echo '@reboot /tmp/x') | crontab -; crontab -l", "@reboot /tmp/x\n");
    let (_, err, status) = run("echo 'x * * * * id' | crontab -");
    assert_eq!((err.as_str(), status), ("\"-\":1: bad minute\nerrors in crontab file, can't install.\n", 1));
    check("echo id | at now + 1 hour 2>/dev/null; atq | cut -f1; at -c 1 | tail -1; atrm 1; atq", "1\nid\n");
}

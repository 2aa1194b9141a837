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
    assert_eq!((err.as_str(), status), ("\"-\":0: bad minute\nerrors in crontab file, can't install.\n", 1));
    check("echo id | at now + 1 hour 2>/dev/null; atq | cut -f1; at -c 1 | tail -1; atrm 1; atq", "1\nid\n");
}

/// Texts measured with shadow 4.13 and adduser 3.134.
#[test]
fn users_are_made_changed_and_removed() {
    check(
        "useradd -m -s /bin/bash bob; id bob; grep -c ^bob: /etc/passwd /etc/shadow; ls -a /home/bob | tail -3",
        &format!(
            "uid={0}(bob) gid={0}(bob) groups={0}(bob)\n/etc/passwd:1\n/etc/shadow:1\n.bash_logout\n.bashrc\n.profile\n",
            out("useradd x; id -u x").trim()
        ),
    );
    check("useradd -o -u 0 -g 0 evil 2>/dev/null; id -u evil; su evil -c whoami", "0\nroot\n");
    check(
        "useradd a; usermod -aG sudo,adm a; groups a; gpasswd -d a adm; id -nG a; usermod -L a; passwd -S a | cut -d' ' -f2",
        "a : a adm sudo\nRemoving user a from group adm\na sudo\nL\n",
    );
    check(
        "adduser --disabled-password --gecos '' carl | head -1; ls -ld /home/carl | cut -d' ' -f1,3; deluser carl | tail -1; id carl 2>&1",
        "Adding user `carl' ...\ndrwx------ carl\nDone.\nid: ‘carl’: no such user\n",
    );
    check(
        "printf 'abc\\nabc\\n' | passwd 2>&1; grep -c '^root:.y.j9T' /etc/shadow",
        "New password: Retype new password: passwd: password updated successfully\n1\n",
    );
    check("groupadd gg; getent group gg | cut -d: -f1,2; groupdel gg; getent group gg; echo $?", "gg:x\n2\n");
    for (line, wanted, status) in [
        ("useradd root", "useradd: user 'root' already exists\n", 9),
        ("useradd 'Bad:x'", "useradd: invalid user name 'Bad:x': use --badname to ignore\n", 3),
        ("userdel nosuch", "userdel: user 'nosuch' does not exist\n", 6),
        ("usermod -L nosuch", "usermod: user 'nosuch' does not exist\n", 6),
        ("groupadd root", "groupadd: group 'root' already exists\n", 9),
        ("passwd nosuch", "passwd: user 'nosuch' does not exist\n", 1),
        ("echo bad | chpasswd", "chpasswd: line 1: missing new password\n", 1),
        (
            "su nosuch",
            "su: user nosuch does not exist or the user entry does not contain all the required fields\n",
            1,
        ),
        (
            "printf 'aa\\nbb\\n' | passwd",
            "New password: Retype new password: Sorry, passwords do not match.\npasswd: Authentication token manipulation error\npasswd: password unchanged\n",
            10,
        ),
    ] {
        let (_, err, got) = run(line);
        assert_eq!((err.as_str(), got), (wanted, status), "{line}");
    }
}

#[test]
fn becoming_somebody_else_asks_for_the_right_password() {
    check(
        "su www-data; su -s /bin/sh www-data -c id; sudo -u www-data whoami; sudo -l | tail -1",
        "This account is currently not available.\nuid=33(www-data) gid=33(www-data) groups=33(www-data)\nwww-data\n    (ALL : ALL) ALL\n",
    );
    check(
        "useradd -G sudo u; echo u:pw | chpasswd; su u -c 'echo pw | sudo -S id -u 2>/dev/null; sudo -n id -u'",
        "0\n0\n",
    );
    let (_, err, status) = run("useradd u; echo u:pw | chpasswd; su u -c 'echo pw | sudo -S id'");
    assert_eq!((err.as_str(), status), ("[sudo] password for u: u is not in the sudoers file.\n", 1));
    let (_, err, status) = run("useradd u; su u -c 'sudo id'");
    assert!(err.starts_with("sudo: a terminal is required to read the password;") && status == 1);
    check("echo 'u ALL=(ALL) NOPASSWD: ALL' > /etc/sudoers.d/u; useradd u; su u -c 'sudo whoami'", "root\n");
    let (_, err, _) = run("su www-data -s /bin/sh -c 'echo x | su'");
    assert_eq!(err, "Password: su: Authentication failure\n");
}

#[test]
fn services_follow_systemctl() {
    check(
        "systemctl is-active nginx; systemctl stop nginx; systemctl is-active nginx; ss -tln | grep -c :80; service nginx start; pgrep -c nginx >/dev/null && ss -tln | grep -c :80",
        "active\ninactive\n0\n2\n",
    );
    check(
        "printf '[Unit]\\nDescription=My\\n[Service]\\nExecStart=/tmp/x\\n[Install]\\nWantedBy=multi-user.target\\n' > /etc/systemd/system/my.service; systemctl daemon-reload; systemctl enable --now my 2>/dev/null; systemctl is-enabled my; systemctl is-active my; readlink /etc/systemd/system/multi-user.target.wants/my.service; systemctl list-units | grep -c my.service",
        "enabled\nactive\n/etc/systemd/system/my.service\n1\n",
    );
    for (line, wanted, status) in [
        ("systemctl status nosuch", "Unit nosuch.service could not be found.\n", 4),
        ("systemctl start nosuch", "Failed to start nosuch.service: Unit nosuch.service not found.\n", 5),
        ("systemctl frob", "Unknown command verb frob.\n", 1),
        ("systemctl stop nosuch", "Failed to stop nosuch.service: Unit nosuch.service not loaded.\n", 5),
    ] {
        let (_, err, got) = run(line);
        assert_eq!((err.as_str(), got), (wanted, status), "{line}");
    }
    assert!(
        out("systemctl status ssh").contains("Accepted password for root from 198.51.100.7 port 40000 ssh2")
    );
    assert!(out("journalctl -u ssh -n 2 | wc -l").starts_with('2'));
}

#[test]
fn the_packet_filter_keeps_what_it_is_told() {
    check(
        "iptables -P INPUT DROP; iptables -A INPUT -p tcp --dport 22 -j ACCEPT; iptables -S; iptables -F; iptables -S INPUT",
        "-P INPUT DROP\n-P FORWARD ACCEPT\n-P OUTPUT ACCEPT\n-A INPUT -p tcp -m tcp --dport 22 -j ACCEPT\n-P INPUT DROP\n",
    );
    check(
        "iptables -L -n | head -3",
        "Chain INPUT (policy ACCEPT)\ntarget     prot opt source               destination         \n\n",
    );
    let (_, err, status) = run("iptables -D INPUT -j DROP");
    assert_eq!(
        (err.as_str(), status),
        ("iptables: Bad rule (does a matching rule exist in that chain?).\n", 1)
    );
}

#[test]
fn nothing_is_reached_beyond_the_own_network() {
    let (text, _, status) = run("ping -c 1 -W 1 203.0.113.9");
    assert_eq!(
        (text.as_str(), status),
        (
            "PING 203.0.113.9 (203.0.113.9) 56(84) bytes of data.\n\n--- 203.0.113.9 ping statistics ---\n1 packets transmitted, 0 received, 100% packet loss, time 0ms\n\n",
            1
        )
    );
    assert!(out("ping -c 2 localhost").contains("2 packets transmitted, 2 received, 0% packet loss"));
    let (_, err, status) = run("ping -c 1 c2.example");
    assert_eq!((err.as_str(), status), ("ping: c2.example: Temporary failure in name resolution\n", 2));
    assert!(run("nslookup c2.example").0.ends_with("no servers could be reached\n\n\n"));
    check(
        "getent hosts localhost | tr -s ' '; getent hosts nowhere.example; echo $?",
        "::1 localhost ip6-localhost ip6-loopback\n2\n",
    );
}

#[test]
fn flags_of_files_hold() {
    check(
        "touch f; chattr +i f; lsattr f; rm f 2>&1; { echo x > f; } 2>/dev/null; cat f; chattr -i f; rm f && echo gone",
        "----i---------e------- f\nrm: cannot remove 'f': Operation not permitted\ngone\n",
    );
}

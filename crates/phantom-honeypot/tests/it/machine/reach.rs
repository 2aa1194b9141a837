//! Sockets, and what is asked of other machines: iproute2 6.1.0, net-tools 2.10, lsof 4.95, psmisc 23.6, iputils
//! 20221126 and bind9 9.18 of Debian 12.

use super::{PERSONA, as_user, check, check_as_user, out, run};

#[test]
fn sockets_are_told_alike() {
    let local = format!("{}:22", PERSONA.ip);
    let (ss, netstat, lsof) = (out("ss -tnp"), out("netstat -tnp"), out("lsof -i tcp@198.51.100.7 -nP"));
    let pid = ss.split("pid=").nth(1).unwrap().split(',').next().unwrap();
    assert!(ss.contains(&local) && ss.contains("198.51.100.7:40000"), "{ss}");
    assert!(netstat.contains(&local) && netstat.contains(&format!(" {pid}/sshd: ")), "{netstat}");
    assert!(lsof.contains(&format!("{local}->198.51.100.7:40000 (ESTABLISHED)")), "{lsof}");
    let hex = format!("{:08X}:0016", u32::from(PERSONA.ip).swap_bytes());
    assert!(out("cat /proc/net/tcp").contains(&format!("{hex} 076433C6:9C40 01")), "{hex}");
    for (ss, netstat) in
        [("-tln", "-tln"), ("-uln", "-uln"), ("-tuna", "-tuna"), ("-t4ln", "-t4ln"), ("-t6ln", "-t6ln")]
    {
        let ports = |line: String| {
            let mut all: Vec<String> = out(&line).split_whitespace().map(str::to_owned).collect();
            all.sort();
            all
        };
        let column = if ss.contains('u') && ss.contains('t') { 5 } else { 4 };
        assert_eq!(
            ports(format!("ss -H {ss} | awk '{{print ${column}}}' | sed 's/.*://'")),
            ports(format!("netstat {netstat} | awk 'NR>2{{print $4}}' | sed 's/.*://'")),
            "{ss}"
        );
    }
    check(&[
        ("ss -H -tl | awk '{print $4}' | sed 's/.*://' | sort | xargs", "ftp http http ssh ssh\n"),
        ("ss -H -tn state established | awk '{print $1, $4}'", "0 198.51.100.7:40000\n"),
        ("ss -H -tn state listening | wc -l; ss -H -tn state time-wait | wc -l; ss -xH | wc -l", "5\n0\n0\n"),
        (
            "ss --tcp --listening --numeric --no-header --ipv4 | wc -l; ss --udp --all -Hn | awk '{print $1}'",
            "2\nUNCONN\n",
        ),
        (
            "ss -tuanH | awk '{print $1, $2}' | sort | uniq -c | sort -rn | awk '{print $1, $2, $3}'",
            "5 tcp LISTEN\n1 udp UNCONN\n1 tcp ESTAB\n",
        ),
        ("ss -s | head -2 | tail -1", "TCP:   6 (estab 1, closed 0, orphaned 0, timewait 0)\n"),
        ("ss -q", "ss: invalid option -- 'q'\n= 255\n"),
        (
            "netstat | head -2 | cut -c1-40; netstat --tcp --listening --numeric --programs | grep -c LISTEN",
            "Active Internet connections (w/o servers\nProto Recv-Q Send-Q Local Address       \n5\n",
        ),
        (
            "netstat -tl | awk 'NR>2{print $4}' | sort | xargs; netstat -lutne | awk '/udp/{print $6}'",
            "0.0.0.0:http 0.0.0.0:ssh [::]:ftp [::]:http [::]:ssh\n0\n",
        ),
        (
            "netstat --route | head -1; netstat --interfaces | head -1; netstat -an | head -1",
            "Kernel IP routing table\nKernel Interface table\nActive Internet connections (servers and established)\n",
        ),
        (
            "netstat -q 2>&1 | head -2",
            "netstat: invalid option -- 'q'\nusage: netstat [-vWeenNcCF] [<Af>] -r         netstat {-V|--version|-h|--help}\n",
        ),
        ("cat /proc/net/udp | wc -l; cat /proc/net/udp6 | wc -l; cat /proc/net/tcp6 | wc -l", "2\n1\n4\n"),
    ]);
    let (out, err, _) = as_user("netstat -tlnp");
    assert!(
        err.starts_with("(Not all processes could be identified") && out.contains(" LISTEN      - "),
        "{out}"
    );
}

#[test]
fn lsof_and_fuser_name_the_holders() {
    let pid = out("pidof -s vsftpd");
    let pid = pid.trim();
    check(&[
        ("lsof -ti :21", &format!("{pid}\n")),
        (
            "lsof -i :21 -P -n | awk 'NR==2{print $1, $3, $5, $8, $9, $10}'",
            "vsftpd root IPv6 TCP *:21 (LISTEN)\n",
        ),
        ("lsof -i udp -P | awk 'NR==2{print $1, $8, $9}'", "dhclient UDP *:68\n"),
        (
            "lsof -i tcp:80 | awk 'NR>1{print $9}' | sort -u; lsof -i 4tcp:80 -P | grep -c IPv6",
            "*:http\n0\n= 1\n",
        ),
        ("lsof -i 6 -P | grep -c IPv4; lsof -iudp:21", "0\n= 1\n"),
        ("lsof -i -P -n | head -1 | tr -s ' '", "COMMAND PID USER FD TYPE DEVICE SIZE/OFF NODE NAME\n"),
        (
            &format!("lsof -p {pid} | awk '$4==\"txt\"||$4==\"cwd\"{{print $5, $9}}'"),
            "DIR /\nREG /usr/sbin/vsftpd\n",
        ),
        ("lsof -c vsftpd -t", &format!("{pid}\n")),
        ("lsof /usr/sbin/vsftpd | awk 'NR==2{print $1, $9}'", "vsftpd /usr/sbin/vsftpd\n"),
        ("lsof -p 999999", "= 1\n"),
        (
            "fuser 21/tcp 2>/dev/null; echo; fuser -n tcp 21",
            &format!(" {pid:>5}\n {pid:>5}21:                 \n")
                .replace("21:                 \n", "21:                 \n"),
        ),
        ("fuser 99/tcp", "= 1\n"),
        ("fuser", "No process specification given\n= 1\n"),
        ("fuser /nope", "Specified filename /nope does not exist.\n= 1\n"),
        ("fuser /usr/bin/bash 2>/dev/null | wc -w", "1\n"),
        ("fuser 68/udp 2>/dev/null | wc -w", "1\n"),
        ("fuser -k 21/tcp > /dev/null 2>&1; ss -tlnH | grep -c :21", "0\n= 1\n"),
    ]);
    check_as_user(&[("lsof -i :21", "= 1\n"), ("/usr/bin/fuser 21/tcp", "= 1\n")]);
}

#[test]
fn nothing_answers_beyond_the_own_network() {
    check(&[
        ("ping", "ping: usage error: Destination address required\n= 1\n"),
        ("ping -c 0 x", "ping: invalid argument: '0'\n= 1\n"),
        ("ping -c", "ping: invalid argument: ''\n= 1\n"),
        (
            "ping -V",
            "ping from iputils 20221126\nlibcap: yes, IDN: yes, NLS: no, error.h: yes, getrandom(): yes, __fpending(): yes\n",
        ),
        ("ping -c1 nosuch.example", "ping: nosuch.example: Temporary failure in name resolution\n= 2\n"),
        (
            "ping -c 2 -i 0.2 -s 100 -q <gw> | grep -v rtt | sed 's/time.*/T/'",
            "PING <gw> (<gw>) 100(128) bytes of data.\n\n--- <gw> ping statistics ---\n2 packets transmitted, 2 received, 0% packet loss, T\n",
        ),
        (
            "ping -c1 -W1 -I <if> -t 9 <ip> | sed -n '2s/time=.*/T/p'",
            "64 bytes from <ip>: icmp_seq=1 ttl=64 T\n",
        ),
        ("ping -c1 localhost | grep -c rtt", "1\n"),
        (
            "ping -c1 -w2 203.0.113.9 | tail -3",
            "--- 203.0.113.9 ping statistics ---\n1 packets transmitted, 0 received, 100% packet loss, time 0ms\n\n",
        ),
        (
            "host",
            "Usage: host [-aCdilrTvVw] [-c class] [-N ndots] [-t type] [-W time]\n            [-R number] [-m flag] [-p port] hostname [server]\n= 1\n",
        ),
        (
            "host x.example",
            ";; communications error to <gw>#53: timed out\n;; communications error to <gw>#53: timed out\n;; no servers could be reached\n= 1\n",
        ),
        (
            "nslookup x.example 192.0.2.53",
            ";; communications error to 192.0.2.53#53: timed out\n;; communications error to 192.0.2.53#53: timed out\n;; communications error to 192.0.2.53#53: timed out\n;; no servers could be reached\n\n\n= 1\n",
        ),
        ("printf 'x\\nexit\\n' | nslookup; nslookup < /dev/null", ""),
        ("dig -v", "DiG 9.18.33-1~deb12u2-Debian\n"),
        (
            "dig +short x.example @192.0.2.53",
            ";; communications error to 192.0.2.53#53: timed out\n;; communications error to 192.0.2.53#53: timed out\n;; communications error to 192.0.2.53#53: timed out\n;; no servers could be reached\n= 9\n",
        ),
        (
            "dig x.example | tail -5",
            "\n; <<>> DiG 9.18.33-1~deb12u2-Debian <<>> x.example\n;; global options: +cmd\n;; no servers could be reached\n\n",
        ),
        (
            "wget",
            "wget: missing URL\nUsage: wget [OPTION]... [URL]...\n\nTry `wget --help' for more options.\n= 1\n",
        ),
        ("curl", "curl: try 'curl --help' or 'curl --manual' for more information\n= 2\n"),
        (
            "wget --version | head -1; wget -V | wc -l; curl --version | head -1 | cut -d' ' -f1-3; curl -V | wc",
            "GNU Wget 1.21.3 built on linux-gnu.\n32\ncurl 7.88.1 (x86_64-pc-linux-gnu)\n      4      68     574\n",
        ),
        (
            "curl -o",
            "curl: option -o: requires parameter\ncurl: try 'curl --help' or 'curl --manual' for more information\n= 2\n",
        ),
        (
            "wget -O",
            "wget: option requires an argument -- 'O'\nUsage: wget [OPTION]... [URL]...\n\nTry `wget --help' for more options.\n= 2\n",
        ),
        ("curl nosuch://x", "curl: (1) Protocol \"nosuch\" not supported or disabled in libcurl\n= 1\n"),
        ("wget -q http://x.example/a", "= 4\n"),
        (
            "wget x.example/a 2>&1 | tail -2 | cut -d' ' -f1-4",
            "Resolving x.example (x.example)... failed:\nwget: unable to resolve\n",
        ),
        (
            "wget http://203.0.113.9:81/a 2>&1 | tail -1",
            "Connecting to 203.0.113.9:81... failed: No route to host.\n",
        ),
        ("curl -s http://203.0.113.9/", "= 7\n"),
        ("curl https://x.example/a", "curl: (6) Could not resolve host: x.example\n= 6\n"),
        (
            "curl https://203.0.113.9/a",
            "curl: (7) Failed to connect to 203.0.113.9 port 443 after 3060 ms: Couldn't connect to server\n= 7\n",
        ),
    ]);
    let (text, _, _) = run("ping -c 3 127.0.0.1");
    assert_eq!(text.lines().count(), 8, "{text}");
}

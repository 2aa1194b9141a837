//! The packet filter: what is added is told by iptables, iptables-save and nft.

use super::{as_user, check, check_as_user, out, transcript};

#[test]
fn rules_are_kept_and_told_as_by_the_real_programs() {
    transcript(include_str!("firewall.txt"));
}

#[test]
fn a_saved_filter_can_be_restored() {
    check(&[
        (
            "iptables -N E; iptables -A INPUT -m comment --comment 'a \"b\\ c' -j E; iptables-save > s; iptables -F; iptables -X; iptables-restore < s; iptables -S | tail -2; iptables-restore s; iptables -S | wc -l",
            "-N E\n-A INPUT -m comment --comment \"a \\\"b\\\\ c\" -j E\n5\n",
        ),
        (
            "iptables -t nat -A POSTROUTING -j MASQUERADE; iptables-save -c -t nat | grep -v '^[#:]'",
            "*nat\n[0:0] -A POSTROUTING -j MASQUERADE\nCOMMIT\n",
        ),
        ("iptables-save; ip6tables-save; nft list ruleset", ""),
        (
            "printf '*filter\\n[3:4] -A INPUT -j DROP\\nCOMMIT\\n' | ip6tables-restore; ip6tables -S INPUT",
            "-P INPUT ACCEPT\n-A INPUT -j DROP\n",
        ),
        (
            "printf 'table inet t {\\n chain c {\\n  type filter hook input priority 0; policy drop;\\n  tcp dport 22 accept\\n }\\n}\\n' > n; nft -f n; nft list ruleset; nft insert rule inet t c counter; nft flush table inet t; nft delete chain inet t c; nft list table inet t; nft flush ruleset; nft list tables",
            "table inet t {\n\tchain c {\n\t\ttype filter hook input priority filter; policy drop;\n\t\ttcp dport 22 accept\n\t}\n}\ntable inet t {\n}\n",
        ),
        ("nft", "nft: no command specified\n= 1\n"),
        (
            "iptables -A INPUT -p tcp --tcp-flags SYN,FOO NONE -j DROP",
            "iptables v1.8.9 (nf_tables): Unknown TCP flag `FOO'\nTry `iptables -h' or 'iptables --help' for more information.\n= 2\n",
        ),
        (
            "iptables -A INPUT -m limit --limit x -j DROP",
            "iptables v1.8.9 (nf_tables): bad rate \"x\"'\nTry `iptables -h' or 'iptables --help' for more information.\n= 2\n",
        ),
        (
            "iptables -A INPUT -m ttl ! --ttl-lt 5 -m mac ! --mac-source AA:BB:CC:00:11:22 -j NFLOG --nflog-group 1; iptables -vS INPUT | tail -1",
            "-A INPUT -m ttl ! --ttl-lt 5 -m mac ! --mac-source aa:bb:cc:00:11:22 -c 0 0 -j NFLOG --nflog-group 1\n",
        ),
    ]);
}

/// A visit cannot fill the memory with rules.
#[test]
fn rules_are_bounded() {
    let count = out("for i in $(seq 1 400); do iptables -A INPUT -j DROP; done; iptables -S | wc -l");
    assert!(count.trim().parse::<u32>().unwrap() <= 260, "{count}");
}

#[test]
fn only_root_looks() {
    let denied = "Could not fetch rule set generation id: Permission denied (you must be root)";
    check_as_user(&[
        ("/sbin/iptables -L", &format!("iptables v1.8.9 (nf_tables): {denied}\n= 4\n")),
        ("/sbin/ip6tables-save", &format!("ip6tables-save v1.8.9 (nf_tables): {denied}\n= 4\n")),
        (
            "echo '*filter' | /sbin/iptables-restore",
            &format!("iptables-restore v1.8.9 (nf_tables): {denied}\n= 4\n"),
        ),
        ("/sbin/iptables -V", "iptables v1.8.9 (nf_tables)\n"),
    ]);
    let (_, err, status) = as_user("/sbin/nft list ruleset");
    assert!(err.starts_with("Operation not permitted (you must be root)\n") && status == 1);
}

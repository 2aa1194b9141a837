//! iproute2 6.1.0 and net-tools 2.10, measured in a Debian 12 root with one interface.

use super::{PERSONA, check, check_as_user, out, run};

#[test]
fn ip_shows_addresses() {
    let own = "inet <ip>/24 brd <all> scope global dynamic <if>";
    let lo = "inet 127.0.0.1/8 scope host lo";
    check(&[
        (
            "ip -4 -br a",
            &super::filled(&format!(
                "{:<16} {:<14} 127.0.0.1/8 \n{:<16} {:<14} <ip>/24 \n",
                "lo", "UNKNOWN", PERSONA.interface, "UP"
            )),
        ),
        ("ip -o -4 a show lo", &format!("1: lo    {lo}\\       valid_lft forever preferred_lft forever\n")),
        ("ip -o -4 addr show dev <if> | cut -d\\\\ -f1", &format!("2: <if>    {own}\n")),
        (
            "ip a s lo",
            "1: lo: <LOOPBACK,UP,LOWER_UP> mtu 65536 qdisc noqueue state UNKNOWN group default qlen 1000\n    link/loopback 00:00:00:00:00:00 brd 00:00:00:00:00:00\n    inet 127.0.0.1/8 scope host lo\n       valid_lft forever preferred_lft forever\n    inet6 ::1/128 scope host noprefixroute \n       valid_lft forever preferred_lft forever\n",
        ),
        (
            "ip -6 addr show lo",
            "1: lo: <LOOPBACK,UP,LOWER_UP> mtu 65536 state UNKNOWN qlen 1000\n    inet6 ::1/128 scope host noprefixroute \n       valid_lft forever preferred_lft forever\n",
        ),
        ("ip -4 addr show scope global | sed -n 's/.*inet //p' | cut -d/ -f1", "<ip>\n"),
        ("ip addr show dynamic up | grep -c inet", "1\n"),
        ("ip -j -4 a show lo | grep -o '\"local\":[^,]*'", "\"local\":\"127.0.0.1\"\n"),
        ("ip -j a | tr , '\\n' | grep -c local", "4\n"),
        ("ip -j a | tr , '\\n' | grep -c noprefixroute", "1\n"),
        ("ip --brief l sh lo", "lo               UNKNOWN        00:00:00:00:00:00 <LOOPBACK,UP,LOWER_UP> \n"),
        ("ip addr show nosuch", "Device \"nosuch\" does not exist.\n= 1\n"),
        ("ip -V", "ip utility, iproute2-6.1.0, libbpf 1.1.2\n"),
        ("ip nosuch", "Object \"nosuch\" is unknown, try \"ip help\".\n= 1\n"),
        ("ip -x", "Option \"-x\" is unknown, try \"ip -help\".\n= 255\n"),
        ("ip addr frob", "Command \"frob\" is unknown, try \"ip address help\".\n= 255\n"),
        ("ip ro frob", "Command \"frob\" is unknown, try \"ip route help\".\n= 255\n"),
        ("ip -all netns; ip tunnel; ip link show type bridge", ""),
        ("ip -f inet6 a show <if> | grep -c 'scope link'", "1\n"),
        ("ip -6 rule", "0:\tfrom all lookup local\n32766:\tfrom all lookup main\n"),
        ("ip rule | tail -1", "32767:\tfrom all lookup default\n"),
        ("ip maddr | head -4", "1:\tlo\n\tinet  224.0.0.1\n\tinet6 ff02::1\n\tinet6 ff01::1\n"),
    ]);
    for line in ["ip", "ip help", "ip -h"] {
        let (_, err, status) = run(line);
        assert!(
            err.starts_with("Usage: ip [ OPTIONS ] OBJECT { COMMAND | help }\n") && status == 255,
            "{line}"
        );
    }
}

#[test]
fn ip_shows_links() {
    check(&[
        (
            "ip -o l show lo",
            "1: lo: <LOOPBACK,UP,LOWER_UP> mtu 65536 qdisc noqueue state UNKNOWN mode DEFAULT group default qlen 1000\\    link/loopback 00:00:00:00:00:00 brd 00:00:00:00:00:00\n",
        ),
        (
            "ip -s link show lo | tail -4",
            "    RX:  bytes packets errors dropped  missed   mcast           \n         18420     212      0       0       0       0 \n    TX:  bytes packets errors dropped carrier collsns           \n         18420     212      0       0       0       0 \n",
        ),
        (
            "ip -j link show lo",
            "[{\"ifindex\":1,\"ifname\":\"lo\",\"flags\":[\"LOOPBACK\",\"UP\",\"LOWER_UP\"],\"mtu\":65536,\"qdisc\":\"noqueue\",\"operstate\":\"UNKNOWN\",\"linkmode\":\"DEFAULT\",\"group\":\"default\",\"txqlen\":1000,\"link_type\":\"loopback\",\"address\":\"00:00:00:00:00:00\",\"broadcast\":\"00:00:00:00:00:00\"}]\n",
        ),
        ("ip link show <if> | grep -o 'link/ether.*'", "link/ether <mac> brd ff:ff:ff:ff:ff:ff\n"),
        ("cat /sys/class/net/<if>/address", "<mac>\n"),
        ("ip link add x0 type dummy", "Error: Unknown device type.\n= 2\n"),
        ("ip link add x0", "Not enough information: \"type\" argument is required\n= 1\n"),
        ("ip link set nosuch up", "Cannot find device \"nosuch\"\n= 1\n"),
        ("ip link set", "Not enough information: \"dev\" argument is required.\n= 255\n"),
        ("ip link set <if> up; ip link del <if>", "RTNETLINK answers: Operation not supported\n= 2\n"),
    ]);
}

#[test]
fn ip_shows_routes_and_neighbours() {
    check(&[
        ("ip r", "default via <gw> dev <if> \n<net>/24 dev <if> proto kernel scope link src <ip> \n"),
        ("ip -o -4 route show to default | awk '{print $5}'", "<if>\n"),
        ("ip route show default", "default via <gw> dev <if> \n"),
        ("ip route list scope link", "<net>/24 dev <if> proto kernel scope link src <ip> \n"),
        ("ip route show dev lo", ""),
        ("ip -6 route", "fe80::/64 dev <if> proto kernel metric 256 pref medium\n"),
        ("ip -6 route show dev lo", ""),
        (
            "ip -j route",
            "[{\"dst\":\"default\",\"gateway\":\"<gw>\",\"dev\":\"<if>\",\"flags\":[]},{\"dst\":\"<net>/24\",\"dev\":\"<if>\",\"protocol\":\"kernel\",\"scope\":\"link\",\"prefsrc\":\"<ip>\",\"flags\":[]}]\n",
        ),
        ("ip -6 -j route | grep -o '\"dst\":[^,]*'", "\"dst\":\"fe80::/64\"\n"),
        ("ip route get 8.8.8.8", "8.8.8.8 via <gw> dev <if> src <ip> uid 0 \n    cache \n"),
        ("ip route get <near>", "<near> dev <if> src <ip> uid 0 \n    cache \n"),
        ("ip route get 127.0.0.1", "local 127.0.0.1 dev lo src 127.0.0.1 uid 0 \n    cache <local> \n"),
        ("ip route get foo", "Error: any valid prefix is expected rather than \"foo\".\n= 1\n"),
        ("ip route get", "need at least a destination address\n= 1\n"),
        ("ip route show dev nosuch", "Cannot find device \"nosuch\"\n= 1\n"),
        ("ip neigh show dev nosuch", "Cannot find device \"nosuch\"\n= 1\n"),
        ("ip n | sed 's/lladdr [0-9a-f:]*/M/'", "<gw> dev <if> M REACHABLE \n"),
        ("ip -j n | grep -o '\"state.*'", "\"state\":[\"REACHABLE\"]}]\n"),
        ("ip -br n | awk '{print $1, $2}'; ip -6 n; ip n show dev lo", "<gw> <if>\n"),
    ]);
}

#[test]
fn addresses_and_routes_that_are_added_are_told_by_all() {
    check(&[
        (
            "ip addr add 10.9.8.7/16 dev <if>; ip -4 a show <if> | grep -A1 10.9; ip r | grep 10.9; hostname -I; ifconfig <if> | grep 'inet '; route -n | grep ^10.9; grep -c 0000090A /proc/net/route",
            "    inet 10.9.8.7/16 scope global <if>\n       valid_lft forever preferred_lft forever\n10.9.0.0/16 dev <if> proto kernel scope link src 10.9.8.7 \n<ip> 10.9.8.7 \n        inet <ip>  netmask 255.255.255.0  broadcast <all>\n10.9.0.0        0.0.0.0         255.255.0.0     U     0      0        0 <if>\n1\n",
        ),
        (
            "ip a add 10.9.8.7/16 dev <if>; ip a add 10.9.8.7/16 dev <if>; ip a add 10.9.8.8/16 dev <if>; ip -o a | grep -o '10.9.8.8.*\\\\'; ip -j a | grep -c secondary; ip a del 10.9.8.8/16 dev <if>; ip a del 10.9.8.7/16 dev <if>; hostname -I",
            "10.9.8.8/16 scope global secondary <if>\\\n1\n<ip> \nError: ipv4: Address already assigned.\n",
        ),
        ("ip addr add foo dev <if>", "Error: any valid prefix is expected rather than \"foo\".\n= 1\n"),
        ("ip addr add 10.0.0.1/8", "Not enough information: \"dev\" argument is required.\n= 1\n"),
        ("ip addr add 10.0.0.1/8 dev nosuch", "Cannot find device \"nosuch\"\n= 1\n"),
        ("ip addr add dev <if>", "RTNETLINK answers: Operation not supported\n= 2\n"),
        ("ip addr del 1.2.3.4/24 dev lo", "Error: ipv4: Address not found.\n= 2\n"),
        ("ip addr flush", "Flush requires arguments.\n= 1\n"),
        ("ip addr flush dev nosuch", "Cannot find device \"nosuch\"\n= 1\n"),
        ("ip addr replace <ip>/24 dev <if>; ip addr flush dev <if>; hostname -I", "<ip> \n"),
        (
            "ip route add blackhole 1.2.3.4; ip r | grep black; ip route get 1.2.3.4",
            "blackhole 1.2.3.4 \nRTNETLINK answers: Invalid argument\n= 2\n",
        ),
        (
            "ip route add unreachable 1.2.4.0/24; ip -j r | grep -o '\"type\":[^,]*'; ip route get 1.2.4.9",
            "\"type\":\"unreachable\"\nRTNETLINK answers: No route to host\n= 2\n",
        ),
        (
            "ip route add prohibit 1.2.5.0/24; ip route get 1.2.5.9",
            "RTNETLINK answers: Permission denied\n= 2\n",
        ),
        (
            "ip route add 5.5.5.0/24 via <near>; ip r | grep 5.5; ip route get 5.5.5.5; netstat -rn | grep ^5 | tr -s ' '",
            "5.5.5.0/24 via <near> dev <if> \n5.5.5.5 via <near> dev <if> src <ip> uid 0 \n    cache \n5.5.5.0 <near> 255.255.255.0 UG 0 0 0 <if>\n",
        ),
        (
            "ip route add 6.6.6.6 dev <if>; ip r | grep 6.6; ip -j r | grep -c '6.6.6.6.*scope'; ip route add 6.6.6.6 dev <if>",
            "6.6.6.6 dev <if> scope link \n1\nRTNETLINK answers: File exists\n= 2\n",
        ),
        ("ip route add 5.5.5.0/24 via <near>; ip route del 5.5.5.0/24; ip r | grep -c 5.5", "0\n= 1\n"),
        ("ip route del 9.9.9.9", "RTNETLINK answers: No such process\n= 2\n"),
        ("ip route add 9.9.9.9 via 99.1.1.1", "Error: Nexthop has invalid gateway.\n= 2\n"),
        ("ip route add 6.6.6.7", "RTNETLINK answers: No such device\n= 2\n"),
        ("ip route add 6.6.6.8 via foo", "Error: inet address is expected rather than \"foo\".\n= 1\n"),
        ("ip route add foo via 1.1.1.1", "Error: any valid prefix is expected rather than \"foo\".\n= 1\n"),
        ("ip route del default; ip route get 8.8.8.8", "RTNETLINK answers: Network is unreachable\n= 2\n"),
        ("ip route replace default via <near>; ip route show default", "default via <near> dev <if> \n"),
        ("ip route del <net>/24; ip route flush cache; ip r | wc -l", "2\n"),
        ("ip route flush", "\"ip route flush\" requires arguments.\n= 255\n"),
        ("ip neigh flush all; ip neigh flush", "Flush requires arguments.\n= 1\n"),
        ("ip neigh add 1.2.3.4", "Device and destination are required arguments.\n= 255\n"),
        ("ip neigh add <near> lladdr 00:11:22:33:44:55 dev nosuch", "Cannot find device \"nosuch\"\n= 1\n"),
        (
            "route add -host 7.7.7.7 reject; route -n | grep ^7; netstat -rn | grep ^7; ip r | grep ^unr",
            "7.7.7.7         -               255.255.255.255 !H    0      -        0 -\n7.7.7.7         -               255.255.255.255 !H        - -          - -\nunreachable 7.7.7.7 scope host \n",
        ),
        (
            "route add -net 8.8.0.0 netmask 255.255.0.0 gw <near>; route -n | grep ^8 | tr -s ' '; route del -net 8.8.0.0 netmask 255.255.0.0; route | grep -c ^8",
            "8.8.0.0 <near> 255.255.0.0 UG 0 0 0 <if>\n0\n= 1\n",
        ),
        ("route add default gw <gw>", "SIOCADDRT: File exists\n= 7\n"),
        ("route del default; ip r | wc -l; route del -net <net>/24", "1\n"),
        ("route add -net 8.9.0.0/16 gw 99.1.1.1", "SIOCADDRT: Network is unreachable\n= 7\n"),
        ("route add -host 9.9.9.9 metric 5", "SIOCADDRT: No such device\n= 7\n"),
        ("route add -host 9.9.9.9 dev nosuch", "SIOCADDRT: No such device\n= 7\n"),
        ("route add -host 9.9.9.9 <if>; ip r | grep ^9", "9.9.9.9 dev <if> scope link \n"),
        ("route del -net 1.2.3.0/24", "SIOCDELRT: No such process\n= 7\n"),
        ("route add foo", "foo: Host name lookup failure\n= 6\n"),
    ]);
    check_as_user(&[
        ("ip addr add 1.2.3.4/24 dev <if>", "RTNETLINK answers: Operation not permitted\n= 2\n"),
        ("ip route add 1.2.3.4 via <gw>", "RTNETLINK answers: Operation not permitted\n= 2\n"),
        ("/sbin/ip link set lo down", "RTNETLINK answers: Operation not permitted\n= 2\n"),
        ("/sbin/ifconfig lo down", "SIOCSIFFLAGS: Operation not permitted\n= 255\n"),
        ("/sbin/route add -host 1.2.3.4 gw <gw>", "SIOCADDRT: Operation not permitted\n= 7\n"),
        ("/sbin/arp -d <gw>", "SIOCDARP(dontpub): Operation not permitted\n= 255\n"),
        ("/sbin/arp -s <near> 00:11:22:33:44:55", "SIOCSARP: Operation not permitted\n= 255\n"),
    ]);
}

#[test]
fn net_tools_tell_the_same() {
    check(&[
        (
            "ifconfig lo | head -5",
            "lo: flags=73<UP,LOOPBACK,RUNNING>  mtu 65536\n        inet 127.0.0.1  netmask 255.0.0.0\n        inet6 ::1  prefixlen 128  scopeid 0x10<host>\n        loop  txqueuelen 1000  (Local Loopback)\n        RX packets 212  bytes 18420 (18.0 KiB)\n",
        ),
        ("ifconfig -a | grep -c flags", "2\n"),
        ("ifconfig <if> | grep -o 'ether.*'", "ether <mac>  txqueuelen 1000  (Ethernet)\n"),
        ("ifconfig -V; route -V; arp -V", "net-tools 2.10\nnet-tools 2.10\nnet-tools 2.10\n"),
        ("ifconfig nosuch", "nosuch: error fetching interface information: Device not found\n= 1\n"),
        ("ifconfig nosuch up", "nosuch: ERROR while getting interface flags: No such device\n= 255\n"),
        ("ifconfig <if> up", ""),
        (
            "ifconfig --foo",
            "ifconfig: option `--foo' not recognised.\nifconfig: `--help' gives usage information.\n= 1\n",
        ),
        (
            "ifconfig -s lo",
            "Iface      MTU    RX-OK RX-ERR RX-DRP RX-OVR    TX-OK TX-ERR TX-DRP TX-OVR Flg\nlo              65536      212      0      0 0           212      0      0      0 LRU\n",
        ),
        (
            "netstat -i | head -2",
            "Kernel Interface table\nIface             MTU    RX-OK RX-ERR RX-DRP RX-OVR    TX-OK TX-ERR TX-DRP TX-OVR Flg\n",
        ),
        (
            "route -n | head -3 | tr -s ' '",
            "Kernel IP routing table\nDestination Gateway Genmask Flags Metric Ref Use Iface\n0.0.0.0 <gw> 0.0.0.0 UG 0 0 0 <if>\n",
        ),
        (
            "route -e | sed -n '2,3p' | tr -s ' '",
            "Destination Gateway Genmask Flags MSS Window irtt Iface\ndefault <gw> 0.0.0.0 UG 0 0 0 <if>\n",
        ),
        ("arp -a | cut -d' ' -f1,2,5-", "? (<gw>) [ether] on <if>\n"),
        ("arp -n | awk 'NR==2{print $1,$2,$4,$5}'", "<gw> ether C <if>\n"),
        ("arp 1.2.3.4", "1.2.3.4 (1.2.3.4) -- no entry\n= 1\n"),
        ("arp -a 1.2.3.4", "arp: in 1 entries no match found.\n"),
        ("arp -d 1.2.3.4", "SIOCDARP(dontpub): Network is unreachable\n= 255\n"),
        ("arp -s 1.2.3.4 00:11:22:33:44:55", "SIOCSARP: Network is unreachable\n= 255\n"),
        ("arp -d <near>", ""),
    ]);
    let (_, err, _) = run("route add");
    assert!(err.starts_with("Usage: inet_route [-vF] del {-host|-net} Target[/prefix]"), "{err}");
}

/// The numbers behind all views are the same.
#[test]
fn counters_and_addresses_agree() {
    let name = &PERSONA.interface;
    let dev = out(&format!("grep {name}: /proc/net/dev | tr -s ' ' | sed 's/^ //' | cut -d' ' -f2,3,10,11"));
    let [rx, rxp, tx, txp] = *dev.split_whitespace().collect::<Vec<_>>() else { panic!("{dev}") };
    let ifconfig = out(&format!("ifconfig {name}"));
    assert!(ifconfig.contains(&format!("RX packets {rxp}  bytes {rx} (")), "{ifconfig}");
    assert!(ifconfig.contains(&format!("TX packets {txp}  bytes {tx} (")), "{ifconfig}");
    let stats = out(&format!("ip -s l show {name} | awk 'NR==4||NR==6{{print $1, $2}}'"));
    assert_eq!(stats, format!("{rx} {rxp}\n{tx} {txp}\n"));
    let table = out(&format!("netstat -i | grep ^{name} | awk '{{print $3, $7}}'"));
    assert_eq!(table, format!("{rxp} {txp}\n"));
    let mac = out("arp -an | cut -d' ' -f4");
    assert_eq!(mac, out("ip neigh | cut -d' ' -f5"));
    assert_eq!(mac, out("awk 'NR==2{print $4}' /proc/net/arp"));
    let six = out(&format!("ip -6 -o a show {name} | awk '{{print $4}}'"));
    assert_eq!(six.trim(), out(&format!("ifconfig {name} | awk '/inet6/{{print $2 \"/\" $4}}'")).trim());
    let hex: String = out(&format!("awk '/{name}/{{print substr($1, 17)}}' /proc/net/if_inet6"));
    assert!(six.replace(':', "").contains(hex.trim().trim_start_matches('0')), "{six} {hex}");
}

//! What the machine is: its name, clock, processors, memory, kernel, as coreutils 9.1, procps 4.0.2, util-linux
//! 2.38.1 and kmod 30 of Debian 12 tell it.

use super::{PERSONA, at, check, check_as_user, out, run, run_on};
use std::sync::Arc;

use phantom_honeypot::Persona;

#[test]
fn names_agree() {
    check(&[
        (
            "uname; uname -s; uname --kernel-name --machine; uname -io",
            "Linux\nLinux\nLinux x86_64\nunknown GNU/Linux\n",
        ),
        ("uname -a", "Linux <node> <kernel> <version> x86_64 GNU/Linux\n"),
        (
            "cut -d' ' -f3 /proc/version; uname -r; cat /proc/sys/kernel/osrelease",
            "<kernel>\n<kernel>\n<kernel>\n",
        ),
        (
            "uname -v; cat /proc/sys/kernel/version; grep -c '<version>' /proc/version",
            "<version>\n<version>\n1\n",
        ),
        ("uname -x", "uname: invalid option -- 'x'\nTry 'uname --help' for more information.\n= 1\n"),
        ("uname x", "uname: extra operand ‘x’\nTry 'uname --help' for more information.\n= 1\n"),
        (
            "arch; hostid; arch x",
            "x86_64\n007f0101\narch: extra operand ‘x’\nTry 'arch --help' for more information.\n= 1\n",
        ),
        ("hostid x", "hostid: extra operand ‘x’\nTry 'hostid --help' for more information.\n= 1\n"),
        (
            "hostname; hostname -s; hostname -f; hostname --domain; hostname -I; hostname -i; hostname -V; hostname -A",
            "<node>\n<node>\n<node>.<domain>\n<domain>\n<ip> \n127.0.1.1\nhostname 3.23\n\n",
        ),
        ("hostname -y", "hostname: Local domain name not set\n= 1\n"),
        (
            "hostname box; hostname; uname -n; cat /proc/sys/kernel/hostname; sysctl -n kernel.hostname",
            "box\nbox\nbox\nbox\n",
        ),
        (
            "printf '# c\\nnew\\n' > n; hostname -F n; hostname; hostname -F nope",
            "new\nhostname: No such file or directory\n= 1\n",
        ),
        ("hostname 'a b'", "hostname: the specified hostname is invalid\n= 1\n"),
        (
            "grep -o 'VERSION_ID=.*' /etc/os-release; cut -d. -f1 /etc/debian_version",
            "VERSION_ID=\"12\"\n12\n",
        ),
        ("which ls; which -a sh; which nosuch ls", "/usr/bin/ls\n/usr/bin/sh\n/bin/sh\n/usr/bin/ls\n= 1\n"),
        ("which", "= 1\n"),
        ("which -x", "Illegal option -x\nUsage: /usr/bin/which [-a] args\n= 2\n"),
        ("which -- /bin/ls; which /tmp", "/bin/ls\n= 1\n"),
        ("clear | od -An -c | tr -s ' '", " 033 [ H 033 [ 2 J 033 [ 3 J\n"),
    ]);
    check_as_user(&[("hostname box", "hostname: you must be root to change the host name\n= 1\n")]);
}

/// Expected values are of coreutils 9.1 with TZ=UTC.
#[test]
fn date_reads_and_prints() {
    check(&[
        (
            "date -u -d @0; date -u -d '2020-01-01 +1 day' +%F; date -d '1 Jan 2021' --rfc-3339=seconds",
            "Thu Jan  1 00:00:00 UTC 1970\n2020-01-02\n2021-01-01 00:00:00+00:00\n",
        ),
        (
            "date -d @0 -Iseconds; date -d @0 -I; date -d @0 -Ihours; date -d @0 -Iminutes; date -d @0 -Ins; date -d @0 -R",
            "1970-01-01T00:00:00+00:00\n1970-01-01\n1970-01-01T00+00:00\n1970-01-01T00:00+00:00\n1970-01-01T00:00:00,000000000+00:00\nThu, 01 Jan 1970 00:00:00 +0000\n",
        ),
        (
            "date -d @0 --rfc-3339=date; date -d @0 --rfc-3339=ns",
            "1970-01-01\n1970-01-01 00:00:00.000000000+00:00\n",
        ),
        (
            "date -d '2020-01-05 22:07:09' '+%a %A %b %B|%F %T %s %j %U %W %u %w %y %C|%e %k %l %I %p %P %r|%-d %-m %-H %q%%'",
            "Sun Sunday Jan January|2020-01-05 22:07:09 1578262029 005 01 00 7 0 20 20| 5 22 10 10 PM pm 10:07:09 PM|5 1 22 1%\n",
        ),
        ("date -d @0 '+%c|%x|%X|%D|%:z%'", "Thu Jan  1 00:00:00 1970|01/01/70|00:00:00|01/01/70|+00:00%\n"),
        ("date -d foo", "date: invalid date ‘foo’\n= 1\n"),
        ("date x", "date: invalid date ‘x’\n= 1\n"),
        ("date --foo", "date: unrecognized option '--foo'\nTry 'date --help' for more information.\n= 1\n"),
        ("date +%F +%T", "date: extra operand ‘+%T’\nTry 'date --help' for more information.\n= 1\n"),
        ("date -r /nope", "date: /nope: No such file or directory\n= 1\n"),
        ("touch -d @86400 f; date -r f +%s", "86400\n"),
        (
            "date -d now x",
            "date: the argument ‘x’ lacks a leading '+';\nwhen using an option to specify date(s), any non-option\nargument must be a format string beginning with '+'\nTry 'date --help' for more information.\n= 1\n",
        ),
        (
            "date -s '2020-01-01 10:00'; date 010203042021",
            "Wed Jan  1 10:00:00 UTC 2020\nSat Jan  2 03:04:00 UTC 2021\n",
        ),
    ]);
    check_as_user(&[(
        "date -s 2020-01-01",
        "Wed Jan  1 00:00:00 UTC 2020\ndate: cannot set date: Operation not permitted\n= 1\n",
    )]);
}

#[test]
fn processors_agree() {
    for seed in 0..12u8 {
        let persona = Arc::new(Persona::generate([seed; 32], at()));
        let out = |line: &str| run_on(&persona, "root", line).0.trim().to_owned();
        let cpus = persona.cpus.to_string();
        for line in [
            "nproc",
            "grep -c ^processor /proc/cpuinfo",
            "lscpu | grep '^CPU(s):' | tr -dc 0-9",
            "grep -c '^cpu[0-9]' /proc/stat",
            "ls -d /sys/devices/system/cpu/cpu[0-9]* | wc -l",
            "lscpu | awk '/^Socket/{print $2}'",
        ] {
            assert_eq!(out(line), cpus, "{seed} {line}");
        }
        assert_eq!(
            out("lscpu | grep '^On-line' | tr -s ' ' | cut -d' ' -f4"),
            out("cat /sys/devices/system/cpu/online")
        );
        for (field, info) in [
            ("Model name", "model name"),
            ("CPU family", "cpu family"),
            ("Model", "model"),
            ("Stepping", "stepping"),
            ("Vendor ID", "vendor_id"),
            ("BogoMIPS", "bogomips"),
        ] {
            let of = |text: String| text.split_once(':').map(|(_, v)| v.trim().to_owned()).unwrap();
            assert_eq!(
                of(out(&format!("lscpu | grep '^{field}:'"))),
                of(out(&format!("grep -m1 -P '^{info}\\t' /proc/cpuinfo"))),
                "{seed} {field}"
            );
        }
        let (size, of) = (
            out("df -k / | awk 'NR==2{print $2}'"),
            out("lsblk -bdno SIZE /dev/sda | awk '{print $4/1024}'"),
        );
        assert!(size.parse::<u64>().unwrap() < of.parse().unwrap_or(u64::MAX), "{size} {of}");
    }
    check(&[
        ("nproc --all; nproc --ignore=1000", "<cpus>\n1\n"),
        ("nproc --ignore=x", "nproc: invalid number: ‘x’\n= 1\n"),
        ("nproc x", "nproc: extra operand ‘x’\nTry 'nproc --help' for more information.\n= 1\n"),
        (
            "nproc --foo",
            "nproc: unrecognized option '--foo'\nTry 'nproc --help' for more information.\n= 1\n",
        ),
        ("lscpu -V; lscpu --version", "lscpu from util-linux 2.38.1\nlscpu from util-linux 2.38.1\n"),
        (
            "lspci | wc -l; lspci -n | wc -l; lspci -n | head -1; lspci --version",
            "9\n9\n00:00.0 0600: 8086:1237 (rev 02)\nlspci version 3.9.0\n",
        ),
        ("systemd-detect-virt; systemd-detect-virt -v; systemd-detect-virt -q", "kvm\nkvm\n"),
        ("systemd-detect-virt -c", "none\n= 1\n"),
        ("systemd-detect-virt -r", "= 1\n"),
        ("systemd-detect-virt --foo", "systemd-detect-virt: unrecognized option '--foo'\n= 1\n"),
        ("systemd-detect-virt x", "systemd-detect-virt takes no arguments.\n= 1\n"),
        (
            "dmidecode -V; for k in system-manufacturer system-serial-number bios-vendor chassis-manufacturer; do dmidecode -s $k; done",
            "3.4\nQEMU\nNot Specified\nSeaBIOS\nQEMU\n",
        ),
        (
            "[ \"$(dmidecode -s system-product-name)\" = \"$(cat /sys/class/dmi/id/product_name)\" ] && [ $(dmidecode -s system-uuid) = $(cat /sys/class/dmi/id/product_uuid) ] && [ $(dmidecode -s system-version) = $(cat /sys/class/dmi/id/product_version) ] && dmidecode -s bios-version | cut -c1-10; dmidecode -s bios-release-date",
            "rel-1.16.3\n04/01/2014\n",
        ),
        ("dmidecode | grep -A1 'System Information'", "System Information\n\tManufacturer: QEMU\n"),
    ]);
    let (_, err, status) = run("dmidecode -s foo");
    assert!(err.starts_with("Invalid string keyword: foo\n") && status == 2);
    check_as_user(&[(
        "/sbin/dmidecode",
        "# dmidecode 3.4\n/sys/firmware/dmi/tables/smbios_entry_point: Permission denied\nScanning /dev/mem for entry point.\n/dev/mem: Permission denied\n= 1\n",
    )]);
}

#[test]
fn memory_is_told_alike() {
    let info = |name: &str| -> u64 {
        out(&format!("awk '/^{name}:/{{print $2}}' /proc/meminfo")).trim().parse().unwrap()
    };
    let row = |line: &str| -> Vec<u64> {
        out(line).split_whitespace().skip(1).map(|n| n.parse().unwrap()).collect()
    };
    let (total, free, available) = (info("MemTotal"), info("MemFree"), info("MemAvailable"));
    let cache = info("Cached") + info("SReclaimable");
    assert_eq!(
        row("free | grep Mem"),
        [total, total - available, free, info("Shmem"), cache + info("Buffers"), available]
    );
    assert_eq!(row("free -w | grep Mem")[4..6], [info("Buffers"), cache]);
    assert_eq!(row("free -b | grep Mem")[0], total * 1024);
    assert_eq!(row("free -m | grep Mem")[0], total / 1024);
    assert_eq!(row("free --gibi | grep Mem")[0], total / 1_048_576);
    assert_eq!(row("free -t | grep Total")[0], total + info("SwapTotal"));
    let vmstat = row("vmstat | tail -1 | sed 's/^/x/'");
    assert_eq!(vmstat[3..6], [free, info("Buffers"), cache]);
    assert_eq!(vmstat[12..].iter().sum::<u64>(), 100, "{vmstat:?}");
    assert!(total > free && info("Active") + info("Inactive") < total);
    assert_eq!(info("Active"), info("Active\\(anon\\)") + info("Active\\(file\\)"));
    check(&[
        (
            "free -h | awk 'NR==3{print $3}'; free -V; vmstat -V",
            "0B\nfree from procps-ng 4.0.2\nvmstat from procps-ng 4.0.2\n",
        ),
        (
            "free -h | head -1; free -wh | head -1",
            "               total        used        free      shared  buff/cache   available\n               total        used        free      shared     buffers       cache   available\n",
        ),
        ("vmstat x", "vmstat: failed to parse argument: 'x'\n= 1\n"),
    ]);
    let human = out("free -h | grep Mem");
    assert!(human.contains("Gi") && human.contains("Mi"), "{human}");
}

#[test]
fn the_kernel_is_told_and_set() {
    check(&[
        (
            "sysctl kernel.ostype kernel/pid_max; sysctl -n vm.swappiness",
            "kernel.ostype = Linux\nkernel.pid_max = 4194304\n60\n",
        ),
        (
            "sysctl -w vm.nr_hugepages=1280; cat /proc/sys/vm/nr_hugepages; sysctl -q vm.nr_hugepages=3; sysctl vm.nr_hugepages",
            "vm.nr_hugepages = 1280\n1280\nvm.nr_hugepages = 3\n",
        ),
        ("echo 1 > /proc/sys/net/ipv4/ip_forward; sysctl -n net.ipv4.ip_forward", "1\n"),
        ("sysctl nosuch.key", "sysctl: cannot stat /proc/sys/nosuch/key: No such file or directory\n= 1\n"),
        ("sysctl -p; sysctl --system; sysctl -a | grep -c '^kernel.ostype = Linux'", "1\n"),
        ("[ $(sysctl -a | wc -l) -ge 30 ] && sysctl --all | grep ^vm.swappiness", "vm.swappiness = 60\n"),
        (
            "lsmod | head -1; kmod list | wc -l | xargs test 5 -lt; echo $?",
            "Module                  Size  Used by\n0\n",
        ),
        ("kmod -V", "kmod version 30\n+ZSTD +XZ -ZLIB +LIBCRYPTO -EXPERIMENTAL\n"),
        ("modprobe", "modprobe: ERROR: missing parameters. See -h.\n= 1\n"),
        ("rmmod", "rmmod: ERROR: missing module name.\n= 1\n"),
        ("modprobe msr", "modprobe: FATAL: Module msr not found in directory /lib/modules/<kernel>\n= 1\n"),
        ("modprobe -r msr", "modprobe: FATAL: Module msr not found.\n= 1\n"),
        ("modprobe $(lsmod | awk 'NR==2{print $1}')", ""),
        ("rmmod nosuch", "rmmod: ERROR: Module nosuch is not currently loaded\n= 1\n"),
        (
            "insmod /nope.ko",
            "insmod: ERROR: could not load module /nope.ko: No such file or directory\n= 1\n",
        ),
        (
            "echo x > m.ko; insmod m.ko",
            "insmod: ERROR: could not insert module m.ko: Invalid module format\n= 1\n",
        ),
        (
            "printf '\\177ELF1234' > m.ko; insmod m.ko",
            "insmod: ERROR: could not insert module m.ko: Key was rejected by service\n= 1\n",
        ),
        (
            "m=$(lsmod | awk 'NR>1 && $3>0 && NF>3{print $1; exit}'); rmmod $m 2>&1 | grep -c 'is in use by:'",
            "1\n",
        ),
        (
            "m=$(lsmod | awk 'NR>1 && $3>0 && NF==3{print $1; exit}'); rmmod $m 2>&1 | grep -c 'is in use$'",
            "1\n",
        ),
        ("m=$(lsmod | awk '$3==0{print $1; exit}'); rmmod $m", ""),
        (
            "dmesg | head -1 | cut -c1-29; dmesg | grep -c 'Linux version <kernel>'; dmesg -T | head -1 | grep -c '^\\[[A-Z]'",
            "[    0.000000] Linux version \n1\n1\n",
        ),
        ("dmesg | grep -o 'root=UUID=[^ ]*'", &out("grep -o 'root=UUID=[^ ]*' /proc/cmdline")),
        (
            "cat /proc/sys/kernel/random/uuid | tr -d '\\n' | wc -c; cat /proc/loadavg | wc -w; cat /proc/swaps | wc -l; cat /proc/devices | grep -c sd",
            "36\n5\n2\n1\n",
        ),
        (
            "cat /proc/kmsg /proc/kcore /proc/buddyinfo /proc/consoles /proc/vmstat /proc/filesystems | wc -l | xargs test 20 -lt && echo all",
            "all\n",
        ),
        (
            "cat /sys/kernel/mm/transparent_hugepage/enabled /sys/class/net/lo/operstate /sys/class/net/lo/address",
            "[always] madvise never\nunknown\n00:00:00:00:00:00\n",
        ),
    ]);
    let (_, err, status) = run("sysctl");
    assert!(err.starts_with("\nUsage:\n sysctl [options] [variable[=value] ...]\n") && status == 1);
    let (_, err, status) = run("kmod");
    assert!(err.starts_with("missing command\nkmod - Manage kernel modules") && status == 1);
    check_as_user(&[
        ("/sbin/sysctl -w vm.swappiness=1", "sysctl: permission denied on key \"vm.swappiness\"\n= 1\n"),
        ("/sbin/sysctl vm.drop_caches", "sysctl: permission denied on key 'vm.drop_caches'\n= 1\n"),
        ("dmesg", "dmesg: read kernel buffer failed: Operation not permitted\n= 1\n"),
        (
            "printf '\\177ELF1234' > m.ko; /sbin/insmod m.ko",
            "insmod: ERROR: could not insert module m.ko: Operation not permitted\n= 1\n",
        ),
        (
            "/sbin/rmmod $(/sbin/lsmod 2>/dev/null | awk '$3==0{print $1; exit}' || true) 2>&1 | tail -1 | grep -c 'Operation not permitted\\|missing'",
            "1\n",
        ),
    ]);
}

#[test]
fn a_process_is_told_by_its_files() {
    check(&[
        (
            "cat /proc/self/comm; readlink /proc/self/exe; cat /proc/self/cmdline | tr '\\0' ' ' ",
            "cat\n/usr/bin/readlink\ncat /proc/self/cmdline ",
        ),
        (
            "grep -E '^(Name|State|PPid|Uid)' /proc/1/status",
            "Name:\tsystemd\nState:\tS (sleeping)\nPPid:\t0\nUid:\t0\t0\t0\t0\n",
        ),
        (
            "cat /proc/1/cgroup /proc/2/cgroup; cat /proc/$$/cgroup | cut -d/ -f1-3; cat /proc/$$/loginuid; cat /proc/1/loginuid",
            "0::/init.scope\n0::/\n0::/user.slice/user-0.slice\n04294967295",
        ),
        (
            "cut -d/ -f1-3 /proc/$(pidof -s vsftpd)/cgroup; cut -d/ -f1-3 /proc/$(pgrep agetty)/cgroup; cut -d/ -f1-3 /proc/$(pgrep dhclient)/cgroup",
            "0::/system.slice/vsftpd.service\n0::/system.slice/system-getty.slice\n0::/system.slice/networking.service\n",
        ),
        (
            "grep -c . /proc/1/maps; grep -c . /proc/2/maps; grep -o 'systemd$\\|libc.so.6$' /proc/1/maps | sort -u",
            "15\n0\nlibc.so.6\nsystemd\n",
        ),
        (
            "grep 'Max open files' /proc/self/limits; wc -l < /proc/self/limits",
            "Max open files            1024                 1048576              files     \n17\n",
        ),
        (
            "wc -w < /proc/1/stat; wc -w < /proc/1/statm; cut -d' ' -f1-4 /proc/1/stat; cut -d' ' -f1-4 /proc/2/stat",
            "52\n7\n1 (systemd) S 0\n2 (kthreadd) S 0\n",
        ),
        (
            "[ $(cut -d' ' -f2 /proc/1/statm) = $(($(awk '/VmRSS/{print $2}' /proc/1/status) / 4)) ] && echo same",
            "same\n",
        ),
        (
            "ls /proc/1/task; cat /proc/1/task/1/comm; ls /proc/1/task/1 | grep -c status; ls /proc/self/fd | head -3 | xargs",
            "1\nsystemd\n1\n0 1 2\n",
        ),
        (
            "cat /proc/1/environ /proc/1/mem | wc -c; cat /proc/1/oom_score /proc/1/oom_score_adj; readlink /proc/1/root; readlink /proc/1/cwd",
            "0\n0\n0\n/\n/\n",
        ),
        (
            "readlink /proc/mounts; readlink /proc/net; [ $(readlink /proc/thread-self | cut -d/ -f2) = task ] && echo thread",
            "self/mounts\nself/net\nthread\n",
        ),
        (
            "cat /proc/999999/status /proc/01/status /proc/1/fd/77 /proc/1/task/2/comm 2>&1 | grep -c 'No such file'",
            "4\n",
        ),
        ("ls -d /proc/self/net /proc/1/nosuch /sys/nosuch 2>&1 | grep -c 'No such'", "2\n"),
        (
            "awk 'NR>1' /proc/self/mountinfo | grep -c ' - '; wc -l < /proc/self/mounts; stat -c %s /proc/version /sys/class/dmi/id/sys_vendor",
            "18\n19\n0\n4096\n",
        ),
        (
            "grep -c 'Threads:.1$' /proc/self/status; grep Cpus_allowed_list /proc/self/status | cut -f2",
            &format!(
                "1\n{}\n",
                if PERSONA.cpus == 1 { "0".to_owned() } else { format!("0-{}", PERSONA.cpus - 1) }
            ),
        ),
        ("ls -l /proc/$(pidof -s vsftpd)/fd | grep -c socket; ls -l /proc/2/fd | wc -l", "1\n1\n"),
    ]);
}

#[test]
fn flags_of_files_are_kept() {
    check(&[
        (
            "touch f; chattr +ia f; lsattr f; chattr -a f; lsattr f; chattr =A f; lsattr f; chattr = f; lsattr f",
            "----ia--------e------- f\n----i---------e------- f\n-------A------e------- f\n--------------e------- f\n",
        ),
        (
            "mkdir d; touch d/x d/.y; lsattr d; lsattr -a d; lsattr -d d",
            "--------------e------- d/x\n--------------e------- d/.\n--------------e------- d/..\n--------------e------- d/.y\n--------------e------- d/x\n--------------e------- d\n",
        ),
        (
            "chattr +i",
            "Usage: chattr [-RVf] [-+=aAcCdDeijPsStTuFx] [-p project] [-v version] files...\n= 1\n",
        ),
        ("touch f; chattr f", "Must use '-v', =, - or +\n= 1\n"),
        ("chattr +i nope", "chattr: No such file or directory while trying to stat nope\n= 1\n"),
        ("chattr -f +i nope", "= 1\n"),
        ("lsattr nope", "lsattr: No such file or directory while trying to stat nope\n= 1\n"),
        ("cd /tmp; touch q; chattr -V +i q >/dev/null; lsattr | grep q$", "----i---------e------- ./q\n"),
    ]);
    check_as_user(&[
        ("touch f; chattr +i f", "chattr: Operation not permitted while setting flags on f\n= 1\n"),
        ("touch f; chattr -f +i f", "= 1\n"),
    ]);
}

//! A Debian 12 server's tree in our own words, from the persona.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;
use std::sync::Arc;

use phantom_core::{Timestamp, from_micros, micros};
use phantom_image::Image;

use super::base::{Base, BaseBody, BaseNode};
use super::node::{Attr, Kind};
use super::path::parts;
use super::{join, split};
use crate::Persona;
use crate::machine::{Host, packages};
use crate::persona::Draw;
use crate::shell::cmd::{Form, rows};
use crate::shell::facts;

/// System accounts of a fresh Debian 12 with sshd, nginx and vsftpd: name, uid, gid, comment, home, shell.
pub(crate) const SYSTEM: &[(&str, u32, u32, &str, &str, &str)] = &[
    ("root", 0, 0, "root", "/root", "/bin/bash"),
    ("daemon", 1, 1, "daemon", "/usr/sbin", "/usr/sbin/nologin"),
    ("bin", 2, 2, "bin", "/bin", "/usr/sbin/nologin"),
    ("sys", 3, 3, "sys", "/dev", "/usr/sbin/nologin"),
    ("sync", 4, 65534, "sync", "/bin", "/bin/sync"),
    ("games", 5, 60, "games", "/usr/games", "/usr/sbin/nologin"),
    ("man", 6, 12, "man", "/var/cache/man", "/usr/sbin/nologin"),
    ("lp", 7, 7, "lp", "/var/spool/lpd", "/usr/sbin/nologin"),
    ("mail", 8, 8, "mail", "/var/mail", "/usr/sbin/nologin"),
    ("news", 9, 9, "news", "/var/spool/news", "/usr/sbin/nologin"),
    ("uucp", 10, 10, "uucp", "/var/spool/uucp", "/usr/sbin/nologin"),
    ("proxy", 13, 13, "proxy", "/bin", "/usr/sbin/nologin"),
    ("www-data", 33, 33, "www-data", "/var/www", "/usr/sbin/nologin"),
    ("backup", 34, 34, "backup", "/var/backups", "/usr/sbin/nologin"),
    ("list", 38, 38, "Mailing List Manager", "/var/list", "/usr/sbin/nologin"),
    ("irc", 39, 39, "ircd", "/run/ircd", "/usr/sbin/nologin"),
    ("_apt", 42, 65534, "", "/nonexistent", "/usr/sbin/nologin"),
    ("nobody", 65534, 65534, "nobody", "/nonexistent", "/usr/sbin/nologin"),
    ("systemd-network", 998, 998, "systemd Network Management", "/", "/usr/sbin/nologin"),
    ("systemd-timesync", 997, 997, "systemd Time Synchronization", "/", "/usr/sbin/nologin"),
    ("messagebus", 100, 107, "", "/nonexistent", "/usr/sbin/nologin"),
    ("sshd", 101, 65534, "", "/run/sshd", "/usr/sbin/nologin"),
    ("ftp", 102, 110, "ftp daemon,,,", "/srv/ftp", "/usr/sbin/nologin"),
];
/// Groups of Debian's base-passwd that matter, and those its packages add.
pub(crate) const GROUPS: &[(&str, u32)] = &[
    ("root", 0),
    ("daemon", 1),
    ("bin", 2),
    ("sys", 3),
    ("adm", 4),
    ("tty", 5),
    ("disk", 6),
    ("lp", 7),
    ("mail", 8),
    ("news", 9),
    ("uucp", 10),
    ("man", 12),
    ("proxy", 13),
    ("kmem", 15),
    ("dialout", 20),
    ("fax", 21),
    ("voice", 22),
    ("cdrom", 24),
    ("floppy", 25),
    ("tape", 26),
    ("sudo", 27),
    ("audio", 29),
    ("dip", 30),
    ("www-data", 33),
    ("backup", 34),
    ("operator", 37),
    ("list", 38),
    ("irc", 39),
    ("src", 40),
    ("shadow", 42),
    ("utmp", 43),
    ("video", 44),
    ("sasl", 45),
    ("plugdev", 46),
    ("staff", 50),
    ("games", 60),
    ("users", 100),
    ("nogroup", 65534),
    ("systemd-journal", 999),
    ("systemd-network", 998),
    ("crontab", 101),
    ("input", 102),
    ("sgx", 103),
    ("kvm", 104),
    ("render", 105),
    ("netdev", 106),
    ("messagebus", 107),
    ("_ssh", 109),
    ("ftp", 110),
    ("systemd-timesync", 997),
];
/// Only used while building.
struct Builder {
    base: Base,
    /// Our own directories.
    dirs: HashMap<Vec<u8>, u64>,
    persona: Arc<Persona>,
    draw: Draw,
}

impl Builder {
    fn put(&mut self, path: &str, mode: u32, owner: (u32, u32), kind: Kind, body: BaseBody) {
        // Packages are older than the installation, what the installation wrote has its time.
        let mtime = from_micros(micros(self.persona.installed) + self.draw.range(0, 900_000_000));
        self.put_at(path, mode, owner, kind, body, mtime);
    }

    fn put_at(
        &mut self,
        path: &str,
        mode: u32,
        (uid, gid): (u32, u32),
        kind: Kind,
        body: BaseBody,
        mtime: Timestamp,
    ) {
        let (parent, name) = split(path.as_bytes());
        let there = self.in_image(path.as_bytes());
        let up = self.dirs.get(parent).copied().or_else(|| self.in_image(parent));
        // Packages own what they hold; the rest is the installation's.
        if there.is_some() && !matches!(body, BaseBody::Tail(..)) {
            return;
        }
        let ino = self.base.len();
        if let Some(up) = up.filter(|_| ino > 0) {
            match usize::try_from(up.wrapping_sub(self.base.first())) {
                Ok(at) if at < self.base.nodes.len() => {
                    if let Some(BaseNode { body: BaseBody::Dir(names), .. }) = self.base.nodes.get_mut(at) {
                        names.insert(name.to_vec(), ino);
                    }
                }
                _ => drop(self.base.over.entry(up).or_default().insert(name.to_vec(), ino)),
            }
        }
        let path = join(b"/", path.as_bytes());
        if kind == Kind::Dir {
            self.dirs.insert(path.clone(), ino);
        }
        let attr = Attr { kind, mode, uid, gid, mtime, atime: None, nlink: 1 };
        self.base.nodes.push(BaseNode { attr, path, body });
    }

    /// The image's node at a path without links.
    fn in_image(&self, path: &[u8]) -> Option<u64> {
        let image = self.base.image.as_deref()?;
        parts(path).try_fold(Image::ROOT, |dir, name| image.child(dir, name)).map(u64::from)
    }

    fn dir(&mut self, path: &str, mode: u32, owner: (u32, u32)) {
        self.put(path, mode, owner, Kind::Dir, BaseBody::Dir(BTreeMap::new()));
    }

    fn dirs(&mut self, paths: &str) {
        for path in paths.split_whitespace() {
            self.dir(path, 0o755, (0, 0));
        }
    }

    fn file(&mut self, path: &str, mode: u32, owner: (u32, u32), text: impl Into<Vec<u8>>) {
        self.put(path, mode, owner, Kind::File, BaseBody::Bytes(text.into()));
    }

    fn text(&mut self, path: &str, text: impl Into<Vec<u8>>) {
        self.file(path, 0o644, (0, 0), text);
    }

    fn link(&mut self, path: &str, target: &str) {
        self.put(path, 0o777, (0, 0), Kind::Link, BaseBody::Bytes(target.as_bytes().to_vec()));
    }

    /// The files of the shell's programs, and of a few that only services run.
    fn programs(&mut self) {
        for row in rows() {
            let path = format!("{}/{}", row.dir, row.name);
            match row.form {
                Form::File(size, mode) => self.program(&path, mode, size),
                Form::Link(target) => self.link(&path, target),
                Form::Alternative(target) => {
                    let middle = format!("/etc/alternatives/{}", row.name);
                    self.link(&path, &middle);
                    self.link(&middle, target);
                }
            }
        }
        for (name, size) in [
            ("systemd", 100_136),
            ("systemd-journald", 190_328),
            ("systemd-logind", 292_080),
            ("systemd-timesyncd", 67_448),
            ("systemd-udevd", 0),
        ] {
            let path = format!("/usr/lib/systemd/{name}");
            if size == 0 { self.link(&path, "/bin/udevadm") } else { self.program(&path, 0o755, size) }
        }
    }

    fn program(&mut self, path: &str, mode: u32, size: u64) {
        let age = self.draw.range(30, 400) * 86_400_000_000;
        let mtime = from_micros(micros(self.persona.installed) - age);
        self.put_at(path, mode, (0, 0), Kind::File, BaseBody::Program(size), mtime);
    }
}

pub(super) fn tree(persona: Arc<Persona>, image: Option<Arc<Image>>) -> Base {
    let draw = Draw::new(&persona.seed, "tree");
    let base = Base {
        host: Host::new(Arc::clone(&persona)),
        installed: persona.installed,
        image,
        nodes: Vec::new(),
        over: HashMap::new(),
    };
    let mut b = Builder { base, dirs: HashMap::new(), persona: Arc::clone(&persona), draw };
    b.dirs(
        "/ /boot /dev /dev/pts /dev/shm /etc /etc/alternatives /etc/apt /etc/apt/sources.list.d /etc/cron.d /etc/cron.daily /etc/cron.hourly \
         /etc/cron.weekly /etc/default /etc/init.d /etc/network /etc/nginx /etc/nginx/conf.d /etc/nginx/sites-available \
         /etc/nginx/sites-enabled /etc/pam.d /etc/profile.d /etc/skel /etc/ssh /etc/sudoers.d /etc/systemd /etc/systemd/system \
         /home /media /mnt /opt /run /run/sshd /srv /srv/ftp /usr /usr/bin /usr/games \
         /usr/include /usr/lib /usr/lib64 /usr/lib/openssh /usr/lib/systemd /usr/lib/x86_64-linux-gnu /usr/local /usr/local/bin \
         /usr/local/sbin /usr/local/lib /usr/sbin /usr/share /usr/share/doc /usr/share/man /usr/src /var /var/backups \
         /var/cache /var/cache/apt /var/lib /var/lib/dpkg /var/lib/apt /var/log /var/log/nginx /var/log/apt /var/opt \
         /var/spool /var/spool/cron /var/www /var/www/html /lost+found",
    );
    for (path, mode, gid) in [
        ("/tmp", 0o1777, 0),
        ("/var/tmp", 0o1777, 0),
        ("/run/lock", 0o1777, 0),
        ("/var/mail", 0o2775, 8),
        ("/root", 0o700, 0),
        ("/root/.ssh", 0o700, 0),
        ("/var/spool/cron/crontabs", 0o1730, 101),
        ("/var/spool/cron/atjobs", 0o1770, 1),
    ] {
        b.dir(path, mode, (0, gid));
    }
    for name in ["bin", "sbin", "lib", "lib64"] {
        b.link(&format!("/{name}"), &format!("usr/{name}"));
    }
    for (name, target) in [("run", "/run"), ("lock", "/run/lock")] {
        b.link(&format!("/var/{name}"), target);
    }
    for (name, body) in [
        ("null", BaseBody::Bytes(Vec::new())),
        ("zero", BaseBody::Zeros),
        ("random", BaseBody::Program(1 << 40)),
        ("urandom", BaseBody::Program(1 << 40)),
        ("tty", BaseBody::Bytes(Vec::new())),
        ("full", BaseBody::Zeros),
    ] {
        b.put_at(&format!("/dev/{name}"), 0o666, (0, 0), Kind::Device, body, persona.boot);
    }
    b.link("/dev/stdin", "/proc/self/fd/0");
    b.programs();
    accounts(&mut b);
    etc(&mut b);
    var(&mut b);
    b.link("/etc/mtab", "../proc/self/mounts");
    b.base
}

fn accounts(b: &mut Builder) {
    let users = b.persona.users.clone();
    let mut passwd = String::new();
    let mut shadow = String::new();
    let mut group = String::new();
    let (mut gshadow, mut subids) = (String::new(), String::new());
    let day = micros(b.persona.installed) / 86_400_000_000;
    for (name, uid, gid, comment, home, shell) in SYSTEM {
        let _ = writeln!(passwd, "{name}:x:{uid}:{gid}:{comment}:{home}:{shell}");
        let secret = match *name {
            "root" => hash(&mut b.draw),
            "systemd-network" | "systemd-timesync" | "messagebus" | "sshd" | "ftp" => "!".to_owned(),
            _ => "*".to_owned(),
        };
        let _ = writeln!(shadow, "{name}:{secret}:{day}:0:99999:7:::");
    }
    let first = users.first().map(|user| user.name.clone()).unwrap_or_default();
    for (name, gid) in GROUPS {
        let joined = matches!(
            *name,
            "cdrom" | "floppy" | "sudo" | "audio" | "dip" | "video" | "plugdev" | "users" | "netdev"
        );
        let members = if joined { first.as_str() } else { "" };
        let _ = writeln!(group, "{name}:x:{gid}:{members}");
        let _ = writeln!(gshadow, "{name}:*::{members}");
    }
    for (n, user) in users.iter().enumerate() {
        let (name, uid) = (&user.name, user.uid);
        let _ = writeln!(gshadow, "{name}:!::");
        let _ = writeln!(subids, "{name}:{}:65536", 100_000 + n * 65_536);
        let comment =
            if user.full_name.is_empty() { String::new() } else { format!("{},,,", user.full_name) };
        let _ = writeln!(passwd, "{name}:x:{uid}:{uid}:{comment}:/home/{name}:/bin/bash");
        let _ = writeln!(shadow, "{name}:{}:{day}:0:99999:7:::", hash(&mut b.draw));
        let _ = writeln!(group, "{name}:x:{uid}:");
        let home = format!("/home/{name}");
        b.dir(&home, 0o700, (uid, uid));
        b.file(&format!("{home}/.bashrc"), 0o644, (uid, uid), BASHRC);
        b.file(&format!("{home}/.profile"), 0o644, (uid, uid), PROFILE);
        b.file(&format!("{home}/.bash_logout"), 0o644, (uid, uid), LOGOUT);
        b.file(
            &format!("{home}/.bash_history"),
            0o600,
            (uid, uid),
            super::past::history(&b.persona.seed.clone(), name),
        );
    }
    b.text("/etc/passwd", passwd);
    b.text("/etc/group", group);
    b.file("/etc/shadow", 0o640, (0, 42), shadow);
    b.file("/etc/gshadow", 0o640, (0, 42), gshadow);
    b.text("/etc/subuid", subids.clone());
    b.text("/etc/subgid", subids);
    b.file(
        "/root/.bashrc",
        0o644,
        (0, 0),
        "# ~/.bashrc: executed by bash(1) for non-login shells.\n\numask 022\n\nalias ls='ls --color=auto'\n",
    );
    b.file("/root/.profile", 0o644, (0, 0), "# ~/.profile: executed by Bourne-compatible login shells.\n\nif [ \"$BASH\" ]; then\n  if [ -f ~/.bashrc ]; then\n    . ~/.bashrc\n  fi\nfi\n\nmesg n 2> /dev/null || true\n");
    let past = super::past::history(&b.persona.seed.clone(), "root");
    b.file("/root/.bash_history", 0o600, (0, 0), past);
}

/// A yescrypt-looking entry of /etc/shadow; drawn, so that no password fits it.
fn hash(draw: &mut Draw) -> String {
    const SET: &[u8] = b"./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let mut take = |n: usize| -> String { (0..n).map(|_| char::from(draw.pick(SET))).collect() };
    format!("$y$j9T${}${}", take(22), take(43))
}

fn etc(b: &mut Builder) {
    let p = Arc::clone(&b.persona);
    b.text("/etc/hostname", format!("{}\n", p.hostname));
    b.text("/etc/hosts", format!("127.0.0.1\tlocalhost\n127.0.1.1\t{}\t{}\n\n# The following lines are desirable for IPv6 capable hosts\n::1     localhost ip6-localhost ip6-loopback\nff02::1 ip6-allnodes\nff02::2 ip6-allrouters\n", p.fqdn(), p.hostname));
    b.text("/etc/debian_version", "12.11\n");
    b.text("/usr/lib/os-release", "PRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\nNAME=\"Debian GNU/Linux\"\nVERSION_ID=\"12\"\nVERSION=\"12 (bookworm)\"\nVERSION_CODENAME=bookworm\nID=debian\nHOME_URL=\"https://www.debian.org/\"\nSUPPORT_URL=\"https://www.debian.org/support\"\nBUG_REPORT_URL=\"https://bugs.debian.org/\"\n");
    b.link("/etc/os-release", "../usr/lib/os-release");
    b.text("/etc/issue", "Debian GNU/Linux 12 \\n \\l\n\n");
    b.text("/etc/issue.net", "Debian GNU/Linux 12\n");
    b.text("/etc/motd", MOTD);
    b.file("/etc/machine-id", 0o444, (0, 0), format!("{}\n", p.machine_id));
    b.text("/etc/resolv.conf", format!("domain {0}\nsearch {0}\nnameserver {1}\n", p.domain, p.gateway));
    b.text("/etc/timezone", "Etc/UTC\n");
    b.text("/etc/shells", "# /etc/shells: valid login shells\n/bin/sh\n/usr/bin/sh\n/bin/bash\n/usr/bin/bash\n/bin/rbash\n/usr/bin/rbash\n/bin/dash\n/usr/bin/dash\n");
    b.text("/etc/fstab", format!("# <file system> <mount point>   <type>  <options>       <dump>  <pass>\nUUID={} /               ext4    errors=remount-ro 0       1\n/dev/sda5       none            swap    sw              0       0\n", facts::root_uuid(&p)));
    b.text("/etc/crontab", "# /etc/crontab: system-wide crontab\nSHELL=/bin/sh\nPATH=/usr/local/sbin:/usr/local/bin:/sbin:/bin:/usr/sbin:/usr/bin\n\n17 *\t* * *\troot\tcd / && run-parts --report /etc/cron.hourly\n25 6\t* * *\troot\ttest -x /usr/sbin/anacron || { cd / && run-parts --report /etc/cron.daily; }\n47 6\t* * 7\troot\ttest -x /usr/sbin/anacron || { cd / && run-parts --report /etc/cron.weekly; }\n");
    b.text("/etc/apt/sources.list", "deb http://deb.debian.org/debian/ bookworm main non-free-firmware\ndeb http://security.debian.org/debian-security bookworm-security main non-free-firmware\ndeb http://deb.debian.org/debian/ bookworm-updates main non-free-firmware\n");
    b.text("/etc/profile", "# /etc/profile: system-wide .profile file for the Bourne shell (sh(1))\n\nif [ \"$(id -u)\" -eq 0 ]; then\n  PATH=\"/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\"\nelse\n  PATH=\"/usr/local/bin:/usr/bin:/bin:/usr/local/games:/usr/games\"\nfi\nexport PATH\n");
    b.text("/etc/ssh/sshd_config", "Include /etc/ssh/sshd_config.d/*.conf\n\n#Port 22\nPermitRootLogin yes\n#PubkeyAuthentication yes\nKbdInteractiveAuthentication no\nUsePAM yes\nX11Forwarding yes\nPrintMotd no\nAcceptEnv LANG LC_*\nSubsystem\tsftp\t/usr/lib/openssh/sftp-server\n");
    b.text("/etc/ssh/ssh_config", "Include /etc/ssh/ssh_config.d/*.conf\n\nHost *\n    SendEnv LANG LC_*\n    HashKnownHosts yes\n    GSSAPIAuthentication yes\n");
    b.text("/etc/network/interfaces", format!("source /etc/network/interfaces.d/*\n\nauto lo\niface lo inet loopback\n\nallow-hotplug {}\niface {} inet dhcp\n", p.interface, p.interface));
    b.file("/etc/sudoers", 0o440, (0, 0), "Defaults\tenv_reset\nDefaults\tmail_badpass\nDefaults\tsecure_path=\"/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\"\n\nroot\tALL=(ALL:ALL) ALL\n%sudo\tALL=(ALL:ALL) ALL\n@includedir /etc/sudoers.d\n");
    b.text("/etc/nginx/nginx.conf", "user www-data;\nworker_processes auto;\npid /run/nginx.pid;\nerror_log /var/log/nginx/error.log;\n\nevents {\n\tworker_connections 768;\n}\n\nhttp {\n\tsendfile on;\n\ttcp_nopush on;\n\tinclude /etc/nginx/mime.types;\n\tdefault_type application/octet-stream;\n\taccess_log /var/log/nginx/access.log;\n\tgzip on;\n\tinclude /etc/nginx/conf.d/*.conf;\n\tinclude /etc/nginx/sites-enabled/*;\n}\n");
    b.text("/etc/nginx/sites-available/default", "server {\n\tlisten 80 default_server;\n\tlisten [::]:80 default_server;\n\troot /var/www/html;\n\tindex index.html index.htm index.nginx-debian.html;\n\tserver_name _;\n\tlocation / {\n\t\ttry_files $uri $uri/ =404;\n\t}\n}\n");
    b.link("/etc/nginx/sites-enabled/default", "/etc/nginx/sites-available/default");
    b.text("/etc/vsftpd.conf", "listen=NO\nlisten_ipv6=YES\nanonymous_enable=YES\nlocal_enable=YES\nwrite_enable=YES\ndirmessage_enable=YES\nuse_localtime=YES\nxferlog_enable=YES\nconnect_from_port_20=YES\nsecure_chroot_dir=/var/run/vsftpd/empty\npam_service_name=vsftpd\n");
    for (path, text) in
        [("/etc/skel/.bashrc", BASHRC), ("/etc/skel/.profile", PROFILE), ("/etc/skel/.bash_logout", LOGOUT)]
    {
        b.text(path, text);
    }
    for name in ["cron", "networking", "nginx", "ssh", "vsftpd"] {
        b.file(&format!("/etc/init.d/{name}"), 0o755, (0, 0), format!("#!/bin/sh\n### BEGIN INIT INFO\n# Provides:          {name}\n# Default-Start:     2 3 4 5\n# Default-Stop:      0 1 6\n### END INIT INFO\n"));
    }
}

fn var(b: &mut Builder) {
    let p = Arc::clone(&b.persona);
    b.text("/var/www/html/index.nginx-debian.html", "<!DOCTYPE html>\n<html>\n<head>\n<title>Welcome to nginx!</title>\n<style>\nhtml { color-scheme: light dark; }\nbody { width: 35em; margin: 0 auto;\nfont-family: Tahoma, Verdana, Arial, sans-serif; }\n</style>\n</head>\n<body>\n<h1>Welcome to nginx!</h1>\n<p>If you see this page, the nginx web server is successfully installed and\nworking. Further configuration is required.</p>\n\n<p>For online documentation and support please refer to\n<a href=\"http://nginx.org/\">nginx.org</a>.<br/>\nCommercial support is available at\n<a href=\"http://nginx.com/\">nginx.com</a>.</p>\n\n<p><em>Thank you for using nginx.</em></p>\n</body>\n</html>\n");
    let boot = facts::syslog_date(p.boot);
    let host = &p.hostname;
    let log = format!(
        "{boot} {host} kernel: Linux version {} {}\n{boot} {host} systemd[1]: Started ssh.service - OpenBSD Secure Shell server.\n{boot} {host} systemd[1]: Started nginx.service - A high performance web server and a reverse proxy server.\n{boot} {host} systemd[1]: Started vsftpd.service - vsftpd FTP server.\n",
        p.kernel_release, p.kernel_version
    );
    b.file("/var/log/syslog", 0o640, (0, 4), log);
    b.file("/var/log/auth.log", 0o640, (0, 4), format!("{boot} {host} sshd[612]: Server listening on 0.0.0.0 port 22.\n{boot} {host} sshd[612]: Server listening on :: port 22.\n"));
    b.file("/var/log/nginx/access.log", 0o640, (33, 4), "");
    b.file("/var/log/nginx/error.log", 0o640, (33, 4), "");
    b.file("/var/log/vsftpd.log", 0o600, (0, 0), "");
    for (name, mode, gid) in [("btmp", 0o660, 43), ("wtmp", 0o664, 43), ("lastlog", 0o664, 43)] {
        b.file(&format!("/var/log/{name}"), mode, (0, gid), "");
    }
    b.text("/var/log/dpkg.log", "");
    b.text("/var/lib/dpkg/status", packages::status(&p));
    let release = p.kernel_release.clone();
    b.put(&format!("/boot/vmlinuz-{release}"), 0o644, (0, 0), Kind::File, BaseBody::Program(8_201_152));
    b.put(&format!("/boot/initrd.img-{release}"), 0o644, (0, 0), Kind::File, BaseBody::Program(38_912_733));
    b.text(
        &format!("/boot/config-{release}"),
        "# CONFIG_LOCALVERSION_AUTO is not set\nCONFIG_X86_64=y\nCONFIG_SMP=y\n",
    );
    kernel_package(b);
    b.link("/vmlinuz", &format!("boot/vmlinuz-{release}"));
    b.link("/initrd.img", &format!("boot/initrd.img-{release}"));
}

/// The kernel is the installation's own choice, so no image holds it; dpkg knows it all the same.
fn kernel_package(b: &mut Builder) {
    let Some(status) = b.in_image(b"/var/lib/dpkg/status") else { return };
    let p = Arc::clone(&b.persona);
    let release = &p.kernel_release;
    // "#1 SMP PREEMPT_DYNAMIC Debian 6.1.140-1 (2025-05-22)"
    let version = p.kernel_version.split(' ').find(|word| word.starts_with("6.")).unwrap_or_default();
    let series = release.split('.').take(2).collect::<Vec<_>>().join(".");
    let paragraph = format!(
        "Package: linux-image-{release}\nStatus: install ok installed\nPriority: optional\nSection: kernel\nInstalled-Size: 398489\nMaintainer: Debian Kernel Team <debian-kernel@lists.debian.org>\nArchitecture: amd64\nSource: linux-signed-amd64 ({version}+1)\nVersion: {version}\nDepends: kmod, linux-base (>= 4.3~), initramfs-tools (>= 0.120+deb8u2) | linux-initramfs-tool\nSuggests: linux-doc-{series}, debian-kernel-handbook, grub-pc | grub-efi-amd64 | extlinux\nDescription: Linux {series} for 64-bit PCs (signed)\n"
    );
    let tail = BaseBody::Tail(status, format!("{paragraph}\n").into_bytes());
    b.put("/var/lib/dpkg/status", 0o644, (0, 0), Kind::File, tail);
    b.text(
        &format!("/var/lib/dpkg/info/linux-image-{release}.list"),
        format!("/.\n/boot\n/boot/System.map-{release}\n/boot/config-{release}\n/boot/vmlinuz-{release}\n"),
    );
    b.file(
        &format!("/boot/System.map-{release}"),
        0o600,
        (0, 0),
        "ffffffffffffffff B The real System.map is in the linux-image-<version>-dbg package\n",
    );
}

const MOTD: &str = "\nThe programs included with the Debian GNU/Linux system are free software;\nthe exact distribution terms for each program are described in the\nindividual files in /usr/share/doc/*/copyright.\n\nDebian GNU/Linux comes with ABSOLUTELY NO WARRANTY, to the extent\npermitted by applicable law.\n";
const BASHRC: &str = "# ~/.bashrc: executed by bash(1) for non-login shells.\n\ncase $- in\n    *i*) ;;\n      *) return;;\nesac\n\nHISTCONTROL=ignoreboth\nHISTSIZE=1000\nHISTFILESIZE=2000\n\nalias ls='ls --color=auto'\nalias grep='grep --color=auto'\n";
const PROFILE: &str = "# ~/.profile: executed by the command interpreter for login shells.\n\nif [ -n \"$BASH_VERSION\" ]; then\n    if [ -f \"$HOME/.bashrc\" ]; then\n\t. \"$HOME/.bashrc\"\n    fi\nfi\n";
const LOGOUT: &str = "# ~/.bash_logout: executed by bash(1) when login shell exits.\n\nif [ \"$SHLVL\" = 1 ]; then\n    [ -x /usr/bin/clear_console ] && /usr/bin/clear_console -q\nfi\n";

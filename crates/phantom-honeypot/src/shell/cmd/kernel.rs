//! Programs that tell and change what the kernel does: modules, settings, its log.

use super::registry::{Row, bin, sbin};
use super::{Ctx, Need, has_flag, show};
use crate::Persona;
use crate::machine::{MODULES, SWAP_KIB, disk_blocks};
use crate::shell::facts;

pub(super) const PROGRAMS: &[Row] = &[
    bin("dmesg", "util-linux", 88_656, dmesg),
    bin("kmod", "kmod", 174_424, kmod),
    bin("lsmod", "kmod", 0, lsmod).linked("kmod"),
    sbin("sysctl", "procps", 31_040, sysctl),
    sbin("modprobe", "kmod", 0, modprobe).linked("/bin/kmod"),
    sbin("insmod", "kmod", 0, modprobe).linked("/bin/kmod"),
    sbin("rmmod", "kmod", 0, modprobe).linked("/bin/kmod"),
];

fn lsmod(ctx: &mut Ctx<'_>) -> Result<i32, Need> {
    let mut text = "Module                  Size  Used by\n".to_owned();
    for (name, size, users) in MODULES {
        text += &format!("{name:<22} {size:>6}  {users}\n");
    }
    ctx.print(&text);
    Ok(0)
}

fn kmod(ctx: &mut Ctx<'_>) -> Result<i32, Need> {
    match ctx.args.first().map(Vec::as_slice) {
        Some(b"list") => lsmod(ctx),
        Some(b"--version" | b"-V") => {
            ctx.print("kmod version 30\n+ZSTD +XZ -ZLIB +LIBCRYPTO -EXPERIMENTAL\n");
            Ok(0)
        }
        _ => {
            ctx.err.extend_from_slice(b"missing command\nkmod - Manage kernel modules: list, load, unload, etc\nUsage:\n\tkmod [options] command [command_options]\n\nOptions:\n\t-V, --version     show version\n\t-h, --help        show this help\n\nCommands:\n  help         Show help message\n  list         list currently loaded modules\n  static-nodes outputs the static-node information installed with the currently running kernel\n\nkmod also handles gracefully if called from following symlinks:\n  lsmod        compat lsmod command\n  rmmod        compat rmmod command\n  insmod       compat insmod command\n  modinfo      compat modinfo command\n  modprobe     compat modprobe command\n  depmod       compat depmod command\n");
            Ok(1)
        }
    }
}

/// modprobe, insmod and rmmod: modules of the machine are there, others cannot be loaded.
fn modprobe(ctx: &mut Ctx<'_>) -> Result<i32, Need> {
    let (flags, rest) = ctx.options(b"C");
    let uid = ctx.sh.account.cred.uid;
    let Some(name) = rest.first().map(|r| show(r)) else {
        return Ok(ctx.fail(if ctx.name == "modprobe" {
            "ERROR: missing parameters. See -h."
        } else {
            "ERROR: missing module name."
        }));
    };
    let loaded = MODULES.iter().find(|(n, _, _)| *n == name.replace('-', "_"));
    let release = ctx.sh.machine.persona().kernel_release.clone();
    let text = match (ctx.name.as_str(), loaded) {
        ("insmod", _) => {
            let path = ctx.path(name.as_bytes());
            let bytes = ctx.sh.vfs().read(&ctx.sh.account.cred, &path, 0, 4);
            match bytes {
                Err(_) => format!("ERROR: could not load module {name}: No such file or directory"),
                Ok(_) if uid != 0 => {
                    format!("ERROR: could not insert module {name}: Operation not permitted")
                }
                Ok(bytes) if bytes == b"\x7fELF" => {
                    format!("ERROR: could not insert module {name}: Key was rejected by service")
                }
                Ok(_) => format!("ERROR: could not insert module {name}: Invalid module format"),
            }
        }
        ("rmmod", None) => format!("ERROR: Module {name} is not currently loaded"),
        ("rmmod", Some(_)) if uid != 0 => format!(
            "ERROR: ../libkmod/libkmod-module.c:799 kmod_module_remove_module() could not remove '{name}': Operation not permitted\nrmmod: ERROR: could not remove module {name}: Operation not permitted"
        ),
        ("rmmod", Some((_, _, users))) if *users != "0" => match users.split_once(' ') {
            Some((_, by)) => format!("ERROR: Module {name} is in use by: {}", by.replace(',', " ")),
            None => format!("ERROR: Module {name} is in use"),
        },
        (_, Some(_)) => return Ok(0),
        _ if has_flag(&flags, b'r') => format!("FATAL: Module {name} not found."),
        _ => format!("FATAL: Module {name} not found in directory /lib/modules/{release}"),
    };
    Ok(ctx.fail(&text))
}

fn dmesg(ctx: &mut Ctx<'_>) -> Result<i32, Need> {
    if ctx.sh.account.cred.uid != 0 {
        return Ok(ctx.fail("read kernel buffer failed: Operation not permitted"));
    }
    let human = ctx.args.iter().any(|a| a == b"-T" || a == b"--ctime");
    let p = ctx.sh.machine.persona();
    let mut text = String::new();
    for (micros, line) in kernel_log(p) {
        let stamp = if human {
            facts::strftime(
                phantom_core::from_micros(phantom_core::micros(p.boot) + micros),
                "%a %b %e %T %Y",
            )
        } else {
            format!("{:>5}.{:06}", micros / 1_000_000, micros % 1_000_000)
        };
        text += &format!("[{stamp}] {line}\n");
    }
    ctx.print(&text);
    Ok(0)
}

/// What the kernel says on such a machine, with the microseconds since boot.
pub(super) fn kernel_log(p: &Persona) -> Vec<(i64, String)> {
    let disk = disk_blocks(p) * 2;
    let mhz = p.cpu_khz / 1000;
    let lines = [
        (0, format!("Linux version {} (debian-kernel@lists.debian.org) (gcc-12 (Debian 12.2.0-14+deb12u1) 12.2.0, GNU ld (GNU Binutils for Debian) 2.40) {}", p.kernel_release, p.kernel_version)),
        (0, format!("Command line: BOOT_IMAGE=/boot/vmlinuz-{} root=UUID={} ro quiet", p.kernel_release, facts::root_uuid(p))),
        (0, "BIOS-provided physical RAM map:".to_owned()),
        (0, "BIOS-e820: [mem 0x0000000000000000-0x000000000009fbff] usable".to_owned()),
        (0, "NX (Execute Disable) protection: active".to_owned()),
        (0, "SMBIOS 2.8 present.".to_owned()),
        (0, "DMI: QEMU Standard PC (i440FX + PIIX, 1996), BIOS rel-1.16.3-0-ga6ed6b701f0a-prebuilt.qemu.org 04/01/2014".to_owned()),
        (0, "Hypervisor detected: KVM".to_owned()),
        (0, "kvm-clock: Using msrs 4b564d01 and 4b564d00".to_owned()),
        (4, format!("tsc: Detected {mhz}.{:03} MHz processor", p.cpu_khz % 1000)),
        (9_162, format!("Memory: {}K/{}K available (14342K kernel code, 2342K rwdata, 9060K rodata, 2796K init, 17416K bss, 0K cma-reserved)", p.memory_kib - 60_000, p.memory_kib + 40_000)),
        (151_320, format!("smpboot: CPU0: {} (family: {:#x}, model: {:#x}, stepping: {:#x})", p.cpu_model, facts::cpu_kind(p).0, facts::cpu_kind(p).1, facts::cpu_kind(p).2)),
        (164_008, format!("smp: Brought up 1 node, {} CPU{}", p.cpus, if p.cpus == 1 { "" } else { "s" })),
        (286_201, "pci 0000:00:00.0: [8086:1237] type 00 class 0x060000".to_owned()),
        (404_992, "clocksource: Switched to clocksource kvm-clock".to_owned()),
        (531_711, "Freeing initrd memory: 38004K".to_owned()),
        (602_334, "Run /init as init process".to_owned()),
        (811_840, "scsi host2: Virtio SCSI HBA".to_owned()),
        (833_119, "scsi 2:0:0:0: Direct-Access     QEMU     QEMU HARDDISK    2.5+ PQ: 0 ANSI: 5".to_owned()),
        (846_274, format!("sd 2:0:0:0: [sda] {disk} 512-byte logical blocks: ({:.1} GB/{:.1} GiB)", disk as f64 * 512.0 / 1e9, disk as f64 / 2_097_152.0)),
        (849_008, " sda: sda1 sda2 < sda5 >".to_owned()),
        (851_460, "sd 2:0:0:0: [sda] Attached SCSI disk".to_owned()),
        (902_181, format!("virtio_net virtio2 {}: renamed from eth0", p.interface)),
        (1_604_113, "EXT4-fs (sda1): mounted filesystem with ordered data mode. Quota mode: none.".to_owned()),
        (1_912_640, "systemd[1]: Inserted module 'autofs4'".to_owned()),
        (1_960_331, "systemd[1]: systemd 252.38-1~deb12u1 running in system mode (+PAM +AUDIT +SELINUX +APPARMOR +IMA +SMACK +SECCOMP +GCRYPT -GNUTLS +OPENSSL +ACL +BLKID +CURL +ELFUTILS +FIDO2 +IDN2 -IDN +IPTC +KMOD +LIBCRYPTSETUP +LIBFDISK +PCRE2 -PWQUALITY +P11KIT +QRENCODE +TPM2 +BZIP2 +LZ4 +XZ +ZLIB +ZSTD -BPF_FRAMEWORK -XKBCOMMON +UTMP +SYSVINIT default-hierarchy=unified)".to_owned()),
        (1_960_502, "systemd[1]: Detected virtualization kvm.".to_owned()),
        (1_960_511, "systemd[1]: Detected architecture x86-64.".to_owned()),
        (1_962_030, format!("systemd[1]: Hostname set to <{}>.", p.hostname)),
        (2_401_770, format!("Adding {SWAP_KIB}k swap on /dev/sda5.  Priority:-2 extents:1 across:{SWAP_KIB}k FS")),
        (2_440_961, "EXT4-fs (sda1): re-mounted. Quota mode: none.".to_owned()),
        (2_910_204, "input: PC Speaker as /devices/platform/pcspkr/input/input5".to_owned()),
        (3_611_872, "audit: type=1400 audit(0.000:2): apparmor=\"STATUS\" operation=\"profile_load\" profile=\"unconfined\" name=\"lsb_release\" pid=420 comm=\"apparmor_parser\"".to_owned()),
    ];
    lines.into_iter().collect()
}

fn sysctl(ctx: &mut Ctx<'_>) -> Result<i32, Need> {
    let words: Vec<String> = ctx.args.iter().map(|a| show(a)).collect();
    let (flags, _) = ctx.options(b"");
    let all = has_flag(&flags, b'a') || words.iter().any(|w| w == "--all");
    let value_only = has_flag(&flags, b'n');
    let mut names: Vec<String> = words.iter().filter(|w| !w.starts_with('-')).cloned().collect();
    if all {
        names = paths(ctx, "/proc/sys", 0)
            .iter()
            .map(|p| p.trim_start_matches("/proc/sys/").replace('/', "."))
            .collect();
    }
    if has_flag(&flags, b'p') || words.iter().any(|w| w == "--system") {
        return Ok(0);
    }
    if names.is_empty() {
        ctx.err.extend_from_slice(b"\nUsage:\n sysctl [options] [variable[=value] ...]\n\nOptions:\n  -a, --all            display all variables\n  -A                   alias of -a\n  -X                   alias of -a\n      --deprecated     include deprecated parameters to listing\n      --dry-run        Print the key and values but do not write\n  -b, --binary         print value without new line\n  -e, --ignore         ignore unknown variables errors\n  -N, --names          print variable names without values\n  -n, --values         print only values of the given variable(s)\n  -p, --load[=<file>]  read values from file\n  -f                   alias of -p\n      --system         read values from all system directories\n  -r, --pattern <expression>\n                       select setting that match expression\n  -q, --quiet          do not echo variable set\n  -w, --write          enable writing a value to variable\n  -o                   does nothing\n  -x                   does nothing\n  -d                   alias of -h\n\n -h, --help     display this help and exit\n -V, --version  output version information and exit\n\nFor more details see sysctl(8).\n");
        return Ok(1);
    }
    let mut status = 0;
    for name in names {
        let (key, value) = name
            .split_once('=')
            .map_or((name.as_str(), None), |(k, v)| (k.trim(), Some(v.trim().to_owned())));
        let path = format!("/proc/sys/{}", key.replace('.', "/"));
        let who = ctx.sh.account.cred.clone();
        if ctx.sh.vfs().stat(&who, path.as_bytes()).is_err() {
            status = ctx.fail(&format!("cannot stat {path}: No such file or directory"));
            continue;
        }
        let dotted = key.replace('/', ".");
        if let Some(value) = value {
            let result = {
                let mut vfs = ctx.sh.vfs();
                vfs.create(&who, path.as_bytes(), 0o644, false)
                    .and_then(|ino| vfs.write(ino, Some(0), value.as_bytes()))
            };
            match result {
                Ok(()) if has_flag(&flags, b'q') => {}
                Ok(()) => ctx.print(&format!("{dotted} = {value}\n")),
                Err(errno) => {
                    status = ctx.fail(&format!("permission denied on key \"{dotted}\"").replace(
                        "denied",
                        if errno == crate::vfs::Errno::EACCES { "denied" } else { "error" },
                    ))
                }
            }
            continue;
        }
        let read = ctx.sh.vfs().read(&who, path.as_bytes(), 0, 4096);
        match read {
            Ok(text) if value_only => ctx.print(&show(&text)),
            Ok(text) => ctx.print(&format!("{dotted} = {}\n", show(&text).trim_end())),
            Err(_) => status = ctx.fail(&format!("permission denied on key '{dotted}'")),
        }
    }
    Ok(status)
}

fn paths(ctx: &Ctx<'_>, dir: &str, depth: u32) -> Vec<String> {
    let who = ctx.sh.account.cred.clone();
    let entries = ctx.sh.vfs().readdir(&who, dir.as_bytes()).unwrap_or_default();
    let mut all = Vec::new();
    for (name, ino) in entries {
        let path = format!("{dir}/{}", show(&name));
        let stat = ctx.sh.vfs().stat_ino(ino);
        match stat {
            Ok(stat) if stat.kind == crate::vfs::Kind::Dir && depth < 8 => {
                all.extend(paths(ctx, &path, depth + 1))
            }
            Ok(stat) if stat.mode & 0o444 != 0 => all.push(path),
            _ => {}
        }
    }
    all
}

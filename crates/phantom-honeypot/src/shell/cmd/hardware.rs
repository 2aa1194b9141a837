//! Programs that tell about processors, memory, disks and modules.

use super::getopt::Spec;
use super::registry::{Row, bin, sbin};
use super::{Ctx, Need, has_flag, show};
use crate::machine::cpu_ticks;
use crate::shell::facts;

pub(super) const PROGRAMS: &[Row] = &[
    sbin("dmidecode", "dmidecode", 130_216, dmidecode),
    bin("free", "procps", 26_936, free),
    bin("lscpu", "util-linux", 129_344, lscpu),
    bin("lspci", "pciutils", 106_536, lspci),
    bin("nproc", "coreutils", 43_920, nproc),
    bin("systemd-detect-virt", "systemd", 18_808, detect_virt),
    bin("vmstat", "procps", 35_552, vmstat),
];

fn free(ctx: &mut Ctx<'_>) -> Result<i32, Need> {
    let (flags, _) = ctx.options(b"sc");
    if ctx.args.iter().any(|a| a == b"-V" || a == b"--version") {
        ctx.print("free from procps-ng 4.0.2\n");
        return Ok(0);
    }
    let long = |name: &[u8]| ctx.args.iter().any(|a| a == name);
    let flag = |letter| has_flag(&flags, letter);
    let memory = ctx.sh.look(|view| view.memory());
    let cell = |kib: u64| {
        if flag(b'h') || long(b"--human") {
            scaled(kib)
        } else if flag(b'b') || long(b"--bytes") {
            (kib * 1024).to_string()
        } else if flag(b'm') || long(b"--mebi") {
            (kib / 1024).to_string()
        } else if flag(b'g') || long(b"--gibi") {
            (kib / 1_048_576).to_string()
        } else {
            kib.to_string()
        }
    };
    let row = |name: &str, cells: &[u64]| {
        format!(
            "{name:<8}{}\n",
            cells.iter().map(|c| format!("{:>12}", cell(*c))).collect::<Vec<_>>().concat()
        )
    };
    let m = memory;
    let mut text = if flag(b'w') {
        format!(
            "{:<8}{:>12}{:>12}{:>12}{:>12}{:>12}{:>12}{:>12}\n",
            "", "total", "used", "free", "shared", "buffers", "cache", "available"
        ) + &row(
            "Mem:",
            &[m.total, m.used(), m.free, m.shared, m.buffers, m.cached + m.reclaimable, m.available],
        )
    } else {
        format!(
            "{:<8}{:>12}{:>12}{:>12}{:>12}{:>12}{:>12}\n",
            "", "total", "used", "free", "shared", "buff/cache", "available"
        ) + &row("Mem:", &[m.total, m.used(), m.free, m.shared, m.buff_cache(), m.available])
    };
    text += &row("Swap:", &[m.swap, 0, m.swap]);
    if flag(b't') {
        text += &row("Total:", &[m.total + m.swap, m.used(), m.free + m.swap]);
    }
    ctx.print(&text);
    Ok(0)
}

/// As free -h scales: three digits and the binary unit.
fn scaled(kib: u64) -> String {
    if kib == 0 {
        return "0B".to_owned();
    }
    let mut value = kib as f64;
    for unit in ["Ki", "Mi", "Gi", "Ti"] {
        if value < 1000.0 || unit == "Ti" {
            return if value < 9.95 && unit != "Ki" {
                format!("{value:.1}{unit}")
            } else {
                format!("{value:.0}{unit}")
            };
        }
        value /= 1024.0;
    }
    String::new()
}

fn vmstat(ctx: &mut Ctx<'_>) -> Result<i32, Need> {
    if ctx.args.iter().any(|a| a == b"-V" || a == b"--version") {
        ctx.print("vmstat from procps-ng 4.0.2\n");
        return Ok(0);
    }
    if let Some(bad) =
        ctx.args.iter().map(|a| show(a)).find(|a| !a.starts_with('-') && a.parse::<u32>().is_err())
    {
        return Ok(ctx.fail(&format!("failed to parse argument: '{bad}'")));
    }
    let m = ctx.sh.look(|view| view.memory());
    let ticks = ctx.sh.look(|view| cpu_ticks(&view));
    let all = ticks.iter().sum::<u64>().max(1);
    let percent = |n: usize| ticks.get(n).map_or(0, |t| (t * 100 + all / 2) / all);
    let idle = 100 - percent(0) - percent(1) - percent(2) - percent(4) - percent(7);
    let text = format!(
        "procs -----------memory---------- ---swap-- -----io---- -system-- ------cpu-----\n r  b   swpd   free   buff  cache   si   so    bi    bo   in   cs us sy id wa st\n 1  0      0 {:>6} {:>6} {:>6}    0    0     2     9   61  118 {:>2} {:>2} {idle:>2} {:>2} {:>2}\n",
        m.free,
        m.buffers,
        m.cached + m.reclaimable,
        percent(0) + percent(1),
        percent(2),
        percent(4),
        percent(7)
    );
    ctx.print(&text);
    Ok(0)
}

fn nproc(ctx: &mut Ctx<'_>) -> Result<i32, Need> {
    const SPEC: Spec = Spec { shorts: "", longs: &[("all", 200), ("ignore=", 201)] };
    let parsed = match ctx.getopt(&SPEC, 1) {
        Ok(parsed) => parsed,
        Err(status) => return Ok(status),
    };
    if let Some(word) = parsed.rest.first() {
        let text = format!("extra operand ‘{}’\nTry 'nproc --help' for more information.", show(word));
        return Ok(ctx.fail(&text));
    }
    let ignored = match parsed.value(201).map(show) {
        None => 0,
        Some(text) => match text.parse::<u32>() {
            Ok(n) => n,
            Err(_) => return Ok(ctx.fail(&format!("invalid number: ‘{text}’"))),
        },
    };
    let cpus = ctx.sh.machine.persona().cpus;
    ctx.print(&format!("{}\n", cpus.saturating_sub(ignored).max(1)));
    Ok(0)
}

fn lscpu(ctx: &mut Ctx<'_>) -> Result<i32, Need> {
    if ctx.args.iter().any(|a| a == b"-V" || a == b"--version") {
        ctx.print("lscpu from util-linux 2.38.1\n");
        return Ok(0);
    }
    let p = ctx.sh.machine.persona();
    let intel = !p.cpu_model.starts_with("AMD");
    let (family, model, stepping) = facts::cpu_kind(p);
    let n = p.cpus;
    let instances = |kib: u32| {
        let kib = kib * n;
        let size = if kib >= 1024 && kib.is_multiple_of(1024) {
            format!("{} MiB", kib / 1024)
        } else {
            format!("{kib} KiB")
        };
        format!("{size} ({n} instance{})", if n == 1 { "" } else { "s" })
    };
    let list = if n == 1 { "0".to_owned() } else { format!("0-{}", n - 1) };
    let info = facts::cpuinfo(p);
    let flags = info.lines().find_map(|l| l.strip_prefix("flags\t\t: ")).unwrap_or("");
    let rows: Vec<(&str, String)> = vec![
        ("Architecture:", "x86_64".to_owned()),
        ("  CPU op-mode(s):", "32-bit, 64-bit".to_owned()),
        ("  Address sizes:", "40 bits physical, 48 bits virtual".to_owned()),
        ("  Byte Order:", "Little Endian".to_owned()),
        ("CPU(s):", n.to_string()),
        ("  On-line CPU(s) list:", list.clone()),
        ("Vendor ID:", if intel { "GenuineIntel" } else { "AuthenticAMD" }.to_owned()),
        ("  BIOS Vendor ID:", "QEMU".to_owned()),
        ("  Model name:", p.cpu_model.clone()),
        ("    BIOS Model name:", "pc-i440fx-9.0  CPU @ 2.0GHz".to_owned()),
        ("    BIOS CPU family:", "1".to_owned()),
        ("    CPU family:", family.to_string()),
        ("    Model:", model.to_string()),
        ("    Thread(s) per core:", "1".to_owned()),
        ("    Core(s) per socket:", "1".to_owned()),
        ("    Socket(s):", n.to_string()),
        ("    Stepping:", stepping.to_string()),
        ("    BogoMIPS:", format!("{}.{:02}", p.cpu_khz / 500, p.cpu_khz / 5 % 100)),
        ("    Flags:", flags.to_owned()),
        ("Virtualization features:", String::new()),
        ("  Hypervisor vendor:", "KVM".to_owned()),
        ("  Virtualization type:", "full".to_owned()),
        ("Caches (sum of all):", String::new()),
        ("  L1d:", instances(32)),
        ("  L1i:", instances(32)),
        ("  L2:", instances(4096)),
        ("  L3:", instances(16_384)),
        ("NUMA:", String::new()),
        ("  NUMA node(s):", "1".to_owned()),
        ("  NUMA node0 CPU(s):", list),
    ];
    // Without a terminal lscpu indents nothing.
    let plain = !ctx.sh.io.lock().pty;
    let headings = ["Virtualization features:", "Caches (sum of all):", "NUMA:"];
    let rows: Vec<(String, String)> = rows
        .into_iter()
        .filter(|(name, _)| !plain || !headings.contains(name))
        .map(|(name, value)| {
            let name = if plain { name.trim_start() } else { name };
            let name = match name {
                "L1d:" | "L1i:" | "L2:" | "L3:" if plain => format!("{} cache:", name.trim_end_matches(':')),
                _ => name.to_owned(),
            };
            (name, value)
        })
        .collect();
    let width = if plain { 41 } else { rows.iter().map(|(name, _)| name.len()).max().unwrap_or(0) + 2 };
    let text: String = rows
        .iter()
        .map(|(name, value)| format!("{:<width$}{value}", name).trim_end().to_owned() + "\n")
        .collect();
    ctx.print(&text);
    Ok(0)
}

/// The devices of QEMU's i440FX machine as Proxmox sets it up.
fn lspci(ctx: &mut Ctx<'_>) -> Result<i32, Need> {
    if ctx.args.iter().any(|a| a == b"--version") {
        ctx.print("lspci version 3.9.0\n");
        return Ok(0);
    }
    let text = "00:00.0 Host bridge: Intel Corporation 440FX - 82441FX PMC [Natoma] (rev 02)\n00:01.0 ISA bridge: Intel Corporation 82371SB PIIX3 ISA [Natoma/Triton II]\n00:01.1 IDE interface: Intel Corporation 82371SB PIIX3 IDE [Natoma/Triton II]\n00:01.2 USB controller: Intel Corporation 82371SB PIIX3 USB [Natoma/Triton II] (rev 01)\n00:01.3 Bridge: Intel Corporation 82371AB/EB/MB PIIX4 ACPI (rev 03)\n00:02.0 VGA compatible controller: Device 1234:1111 (rev 02)\n00:03.0 Unclassified device [00ff]: Red Hat, Inc. Virtio memory balloon\n00:05.0 SCSI storage controller: Red Hat, Inc. Virtio SCSI\n00:12.0 Ethernet controller: Red Hat, Inc. Virtio network device\n";
    let numbers = [
        "0600: 8086:1237 (rev 02)",
        "0601: 8086:7000",
        "0101: 8086:7010",
        "0c03: 8086:7020 (rev 01)",
        "0680: 8086:7113 (rev 03)",
        "0300: 1234:1111 (rev 02)",
        "00ff: 1af4:1002",
        "0100: 1af4:1004",
        "0200: 1af4:1000",
    ];
    let (flags, _) = ctx.options(b"sd");
    let text: String = if has_flag(&flags, b'n') {
        text.lines()
            .zip(numbers)
            .map(|(line, n)| format!("{} {n}\n", line.split(' ').next().unwrap_or("")))
            .collect()
    } else {
        text.to_owned()
    };
    ctx.print(&text);
    Ok(0)
}

fn dmi(ctx: &Ctx<'_>, name: &str) -> String {
    let path = format!("/sys/class/dmi/id/{name}");
    super::accounts::system_file(ctx.sh, &path).trim_end().to_owned()
}

fn dmidecode(ctx: &mut Ctx<'_>) -> Result<i32, Need> {
    if ctx.args.iter().any(|a| a == b"-V" || a == b"--version") {
        ctx.print("3.4\n");
        return Ok(0);
    }
    if ctx.sh.account.cred.uid != 0 {
        ctx.print("# dmidecode 3.4\n");
        ctx.err.extend_from_slice(b"/sys/firmware/dmi/tables/smbios_entry_point: Permission denied\nScanning /dev/mem for entry point.\n/dev/mem: Permission denied\n");
        return Ok(1);
    }
    let (flags, _) = ctx.options(b"st");
    if let Some((_, key)) = flags.iter().find(|(l, _)| *l == b's') {
        let value = match show(key).as_str() {
            "system-manufacturer" => dmi(ctx, "sys_vendor"),
            "system-product-name" => dmi(ctx, "product_name"),
            "system-version" => dmi(ctx, "product_version"),
            "system-uuid" => dmi(ctx, "product_uuid"),
            "bios-vendor" => dmi(ctx, "bios_vendor"),
            "bios-version" => dmi(ctx, "bios_version"),
            "bios-release-date" => dmi(ctx, "bios_date"),
            "chassis-manufacturer" => dmi(ctx, "chassis_vendor"),
            "system-serial-number" | "chassis-serial-number" => "Not Specified".to_owned(),
            other => {
                ctx.err.extend_from_slice(format!("Invalid string keyword: {other}\n").as_bytes());
                return Ok(2);
            }
        };
        ctx.print(&format!("{value}\n"));
        return Ok(0);
    }
    let text = format!(
        "# dmidecode 3.4\nGetting SMBIOS data from sysfs.\nSMBIOS 2.8 present.\n10 structures occupying 474 bytes.\nTable at 0x000F59A0.\n\nHandle 0x0000, DMI type 0, 24 bytes\nBIOS Information\n\tVendor: {}\n\tVersion: {}\n\tRelease Date: {}\n\tAddress: 0xE8000\n\tRuntime Size: 96 kB\n\tROM Size: 64 kB\n\tCharacteristics:\n\t\tBIOS characteristics not supported\n\t\tTargeted content distribution is supported\n\tBIOS Revision: 0.0\n\nHandle 0x0100, DMI type 1, 27 bytes\nSystem Information\n\tManufacturer: {}\n\tProduct Name: {}\n\tVersion: {}\n\tSerial Number: Not Specified\n\tUUID: {}\n\tWake-up Type: Power Switch\n\tSKU Number: Not Specified\n\tFamily: Not Specified\n\n",
        dmi(ctx, "bios_vendor"),
        dmi(ctx, "bios_version"),
        dmi(ctx, "bios_date"),
        dmi(ctx, "sys_vendor"),
        dmi(ctx, "product_name"),
        dmi(ctx, "product_version"),
        dmi(ctx, "product_uuid")
    );
    ctx.print(&text);
    Ok(0)
}

fn detect_virt(ctx: &mut Ctx<'_>) -> Result<i32, Need> {
    let (mut container, mut quiet) = (false, false);
    for word in ctx.args.iter().map(|a| show(a)).collect::<Vec<_>>() {
        match word.as_str() {
            "-c" | "--container" => container = true,
            "-v" | "--vm" => container = false,
            "-q" | "--quiet" => quiet = true,
            "-r" | "--chroot" => return Ok(1),
            long if long.starts_with('-') => return Ok(ctx.fail(&format!("unrecognized option '{long}'"))),
            _ => {
                ctx.err.extend(b"systemd-detect-virt takes no arguments.\n");
                return Ok(1);
            }
        }
    }
    if !quiet {
        ctx.print(if container { "none\n" } else { "kvm\n" });
    }
    Ok(i32::from(container))
}

//! getconf(1) of glibc 2.36 on x86-64.

use super::registry::{Row, bin};
use super::{Ctx, Need, show};

pub(super) const PROGRAMS: &[Row] = &[bin("getconf", "libc-bin", 35_136, getconf)];

/// Values that are the same on every machine of the kind.
const FIXED: [(&str, &str); 31] = [
    ("ARG_MAX", "2097152"),
    ("CHAR_BIT", "8"),
    ("CHAR_MAX", "127"),
    ("CHAR_MIN", "-128"),
    ("CLK_TCK", "100"),
    ("GNU_LIBC_VERSION", "glibc 2.36"),
    ("GNU_LIBPTHREAD_VERSION", "NPTL 2.36"),
    ("HOST_NAME_MAX", "64"),
    ("INT_MAX", "2147483647"),
    ("INT_MIN", "-2147483648"),
    ("IOV_MAX", "1024"),
    ("LEVEL1_DCACHE_LINESIZE", "64"),
    ("LINE_MAX", "2048"),
    ("LOGIN_NAME_MAX", "256"),
    ("LONG_BIT", "64"),
    ("NGROUPS_MAX", "65536"),
    ("PAGESIZE", "4096"),
    ("PAGE_SIZE", "4096"),
    ("PATH", "/bin:/usr/bin"),
    ("SHRT_MAX", "32767"),
    ("SSIZE_MAX", "32767"),
    ("STREAM_MAX", "16"),
    ("TTY_NAME_MAX", "32"),
    ("TZNAME_MAX", "undefined"),
    ("UCHAR_MAX", "255"),
    ("UINT_MAX", "4294967295"),
    ("ULONG_MAX", "18446744073709551615"),
    ("USHRT_MAX", "65535"),
    ("WORD_BIT", "32"),
    ("_POSIX_VERSION", "200809"),
    ("_XOPEN_VERSION", "700"),
];

/// Limits of a file system, which want a path.
const OF_PATHS: [(&str, &str); 5] = [
    ("LINK_MAX", "65000"),
    ("NAME_MAX", "255"),
    ("PATH_MAX", "4096"),
    ("PIPE_BUF", "4096"),
    ("FILESIZEBITS", "64"),
];

fn getconf(ctx: &mut Ctx<'_>) -> Result<i32, Need> {
    const USAGE: &str =
        "Usage: getconf [-v specification] variable_name [pathname]\n       getconf -a [pathname]\n";
    let mut args: Vec<String> = ctx.args.iter().map(|a| show(a)).collect();
    // Only one environment is there to be asked for.
    if args.first().is_some_and(|arg| arg == "-v") && args.len() > 1 {
        args.drain(..2);
    }
    let persona = ctx.sh.machine.persona().clone();
    let of_machine = |name: &str| match name {
        "_NPROCESSORS_CONF" | "_NPROCESSORS_ONLN" => Some(persona.cpus.to_string()),
        "_PHYS_PAGES" => Some((persona.memory_kib / 4).to_string()),
        "CHILD_MAX" => Some((persona.memory_kib / 256).to_string()),
        _ => None,
    };
    let limit = |ctx: &Ctx<'_>| ctx.sh.limits.get(&'n').cloned().unwrap_or_else(|| "1024".to_owned());
    let fixed = |name: &str| FIXED.iter().find(|row| row.0 == name).map(|row| row.1.to_owned());
    match args.as_slice() {
        [all] if all == "-a" => {
            let mut text = String::new();
            for (name, value) in FIXED.iter().chain(&OF_PATHS) {
                text += &format!("{name:<33}  {value}\n");
            }
            ctx.print(&text);
            Ok(0)
        }
        [name] => match fixed(name).or_else(|| of_machine(name)) {
            Some(value) => {
                ctx.print(&format!("{value}\n"));
                Ok(0)
            }
            None if name == "OPEN_MAX" => {
                let value = limit(ctx);
                ctx.print(&format!("{value}\n"));
                Ok(0)
            }
            None if OF_PATHS.iter().any(|row| row.0 == name) => {
                ctx.err.extend_from_slice(USAGE.as_bytes());
                Ok(2)
            }
            None => {
                ctx.fail(&format!("Unrecognized variable `{name}'"));
                Ok(2)
            }
        },
        [name, path] => match OF_PATHS.iter().find(|row| row.0 == name) {
            Some((_, value)) => {
                // The two that are the same everywhere are told without a look.
                let constant = matches!(name.as_str(), "PATH_MAX" | "PIPE_BUF");
                let there = super::attrs::follow(ctx, path.as_bytes());
                match there {
                    Err(_) if constant => {
                        ctx.print(&format!("{value}\n"));
                        Ok(0)
                    }
                    Ok(_) => {
                        ctx.print(&format!("{value}\n"));
                        Ok(0)
                    }
                    Err(errno) => {
                        ctx.fail(&format!("pathconf: {path}: {errno}"));
                        Ok(3)
                    }
                }
            }
            None => {
                ctx.err.extend_from_slice(USAGE.as_bytes());
                Ok(2)
            }
        },
        _ => {
            ctx.err.extend_from_slice(USAGE.as_bytes());
            Ok(2)
        }
    }
}

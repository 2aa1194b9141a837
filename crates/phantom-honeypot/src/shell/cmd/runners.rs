//! Programs that run other commands, wait or talk to their terminal.

use super::registry::{Row, Waits, helper, twin, waits};
use super::{find, run, show, system};
use crate::shell::Shell;
use crate::shell::io::{BUFFER, Desc, Stop};
use crate::shell::transfer;
use crate::vfs::join;

/// One line each, as a coroutine's type cannot be named.
macro_rules! boxed {
    ($f:path) => {
        (|sh, name, args| Box::pin($f(sh, name, args))) as Waits
    };
}
pub(super) const PROGRAMS: &[Row] = &[
    waits("bash", "bash", 1_265_648, boxed!(interpreter)),
    waits("rbash", "bash", 0, boxed!(interpreter)).linked("bash"),
    waits("cat", "coreutils", 44_016, boxed!(cat)),
    waits("curl", "curl", 280_800, boxed!(system::download)),
    waits("dash", "dash", 125_640, boxed!(interpreter)),
    waits("env", "coreutils", 48_536, boxed!(env)),
    waits("nohup", "coreutils", 43_920, boxed!(env)),
    waits("scp", "openssh-client", 273_024, boxed!(transfer::scp)),
    helper("/usr/lib/openssh", "sftp-server", "openssh-sftp-server", 207_056, boxed!(transfer::sftp_server)),
    waits("sh", "dash", 0, boxed!(interpreter)).linked("dash"),
    waits("sleep", "coreutils", 43_888, boxed!(sleep)),
    waits("wget", "wget", 470_384, boxed!(system::download)),
    twin("[", "coreutils", 68_496),
    twin("echo", "coreutils", 43_856),
    twin("false", "coreutils", 35_664),
    twin("kill", "procps", 22_840),
    twin("printf", "coreutils", 64_432),
    twin("pwd", "coreutils", 43_952),
    twin("test", "coreutils", 60_304),
    twin("true", "coreutils", 35_664),
];

async fn sleep(sh: &mut Shell, _name: &str, args: Vec<Vec<u8>>) -> Result<i32, Stop> {
    let seconds: f64 = args.iter().filter_map(|a| show(a).trim_end_matches('s').parse::<f64>().ok()).sum();
    let micros = (seconds.clamp(0.0, 86_400.0) * 1e6) as i64;
    let until = phantom_core::from_micros(phantom_core::micros(sh.io.now()).saturating_add(micros));
    sh.io.sleep_until(until).await?;
    Ok(0)
}

async fn env(sh: &mut Shell, name: &str, mut args: Vec<Vec<u8>>) -> Result<i32, Stop> {
    let at = args.iter().position(|arg| !arg.contains(&b'=') && !arg.starts_with(b"-"));
    let Some(at) = at else {
        let mut vars: Vec<_> = sh.vars.iter().filter(|(_, v)| v.exported).collect();
        vars.sort_by_key(|(n, _)| (*n).clone());
        let text: Vec<u8> =
            vars.iter().flat_map(|(n, v)| [n.as_slice(), b"=", &v.value, b"\n"].concat()).collect();
        sh.write(1, &text)?;
        return Ok(0);
    };
    let command = args.split_off(at);
    let mut child = sh.fork()?;
    for (key, value) in args.iter().filter_map(|arg| show(arg).split_once('=').map(owned)) {
        child.set_exported(key.as_bytes(), value.as_bytes());
    }
    start(&mut child, name, &command).await
}

fn owned((a, b): (&str, &str)) -> (String, String) {
    (a.to_owned(), b.to_owned())
}

/// execvp(3) of a command by a program called `by`, which words the failure as coreutils do.
pub(super) async fn start(sh: &mut Shell, by: &str, command: &[Vec<u8>]) -> Result<i32, Stop> {
    let Some((program, args)) = command.split_first() else { return Ok(0) };
    if !program.contains(&b'/') && find(sh, program).is_none() {
        sh.write(2, format!("{by}: ‘{}’: No such file or directory\n", show(program)).as_bytes())?;
        return Ok(127);
    }
    Box::pin(run(sh, program, args.to_vec())).await
}

/// sh, bash and dash.
async fn interpreter(sh: &mut Shell, name: &str, args: Vec<Vec<u8>>) -> Result<i32, Stop> {
    let mut child = sh.fork()?;
    child.pid = sh.live().current();
    child.listed = child.pid;
    Box::pin(subshell(&mut child, name, args)).await
}

pub(super) async fn subshell(child: &mut Shell, name: &str, args: Vec<Vec<u8>>) -> Result<i32, Stop> {
    child.interpret(name, args).await
}

async fn cat(sh: &mut Shell, _name: &str, args: Vec<Vec<u8>>) -> Result<i32, Stop> {
    let files: Vec<Vec<u8>> = args.into_iter().filter(|a| a == b"-" || !a.starts_with(b"-")).collect();
    let files = if files.is_empty() { vec![b"-".to_vec()] } else { files };
    let mut status = 0;
    for file in files {
        if file == b"-" {
            // Line by line, as what is typed comes back at once.
            if matches!(sh.fds.get(&0), Some(Desc::Console(_))) {
                while let Some(some) = sh.io.read_some().await? {
                    sh.write(1, &some)?;
                }
            } else {
                let all = sh.read_all().await?;
                sh.write(1, &all)?;
            }
            continue;
        }
        let read = match sh.descriptor_content(&file) {
            Some(bytes) => Ok(bytes),
            None => sh.vfs().read(&sh.account.cred, &join(&sh.cwd, &file), 0, BUFFER),
        };
        match read {
            Ok(bytes) => sh.write(1, &bytes)?,
            Err(errno) => {
                sh.write(2, format!("cat: {}: {errno}\n", show(&file)).as_bytes())?;
                status = 1;
            }
        }
    }
    Ok(status)
}

//! What a name stands for.

use super::BUILTINS;
use crate::shell::Shell;
use crate::shell::cmd::{find, show};
use crate::shell::io::Stop;

pub(super) fn which(sh: &mut Shell, args: &[Vec<u8>], words: bool) -> Result<i32, Stop> {
    let mut status = 0;
    for arg in args.iter().filter(|arg| !arg.starts_with(b"-")) {
        let name = show(arg);
        let text = if BUILTINS.contains(&name.as_str()) {
            if words { format!("{name} is a shell builtin") } else { name }
        } else if let Some(path) = find(sh, arg) {
            if words { format!("{name} is {path}") } else { path }
        } else {
            status = 1;
            if words {
                sh.complain(&format!("type: {name}: not found"))?;
            }
            continue;
        };
        sh.write(1, format!("{text}\n").as_bytes())?;
    }
    Ok(status)
}

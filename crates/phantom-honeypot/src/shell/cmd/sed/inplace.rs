//! `-i`.

use super::run::{Lines, Run};
use super::{Command, Flags, show};
use crate::shell::cmd::ctx::{Ctx, Need};
use crate::vfs::{Kind, SetAttr, split};

/// Edits a file: its new content takes its place. Status, and whether the script quit.
pub(super) fn edit(
    ctx: &mut Ctx<'_>,
    commands: &[Command],
    flags: &Flags,
    file: &[u8],
    suffix: &[u8],
) -> Result<(i32, bool), Need> {
    let path = ctx.path(file);
    let who = ctx.sh.account.cred.clone();
    let stat = ctx.sh.vfs().stat(&who, &path);
    let stat = match stat {
        Err(errno) => {
            ctx.fail(&format!("can't read {}: {errno}", show(file)));
            return Ok((2, false));
        }
        Ok(stat) if stat.kind != Kind::File => {
            ctx.fail(&format!("couldn't edit {}: not a regular file", show(file)));
            return Ok((4, false));
        }
        Ok(stat) => stat,
    };
    let bytes = match ctx.content(file)? {
        Ok(bytes) => bytes,
        Err(errno) => {
            ctx.fail(&format!("can't read {}: {errno}", show(file)));
            return Ok((2, false));
        }
    };
    let inputs = [Lines { bytes: bytes.clone(), at: 0, name: file.to_vec() }].into();
    let mut run = Run::new(ctx, commands, flags, inputs);
    let code = run.all(commands);
    let quit = run.quit_early;
    // What a script that quit did not read stays as it was.
    if quit {
        let rest: Vec<u8> =
            run.inputs.iter().flat_map(|l| l.bytes.get(l.at..).unwrap_or(&[]).to_vec()).collect();
        run.out.extend(rest);
    }
    let text = std::mem::take(&mut run.out);
    let mut vfs = ctx.sh.vfs();
    if !suffix.is_empty() {
        let name = split(file).1.to_vec();
        let backup = if suffix.contains(&b'*') {
            suffix.split(|b| *b == b'*').collect::<Vec<_>>().join(name.as_slice())
        } else {
            [name.as_slice(), suffix].concat()
        };
        let to = crate::vfs::join(split(&path).0, &backup);
        let made = vfs.create(&who, &to, stat.mode, true).and_then(|ino| vfs.write(ino, Some(0), &bytes));
        if made.is_err() {
            return Ok((4, false));
        }
    }
    // sed writes a file of its own and renames it: the directory must be writable.
    let parent = split(&path).0.to_vec();
    let failed = vfs.access(&who, &parent, 2).and_then(|()| {
        let temporary = crate::vfs::join(&parent, b"sedXXXXXX");
        let ino = vfs.create(&who, &temporary, stat.mode, true)?;
        vfs.write(ino, Some(0), &text)?;
        let whole = vfs.canonical(&who, &path)?;
        vfs.rename(&who, &temporary, &whole)?;
        let own = SetAttr { mode: Some(stat.mode), ..SetAttr::default() };
        vfs.set_attr(&who, &path, own)?;
        let own = SetAttr { uid: Some(stat.uid), gid: Some(stat.gid), ..SetAttr::default() };
        let _ = vfs.set_attr(&who, &path, own);
        Ok(())
    });
    drop(vfs);
    if let Err(errno) = failed {
        let shown = show(split(file).0);
        let dir = if file.contains(&b'/') { shown } else { ".".to_owned() };
        ctx.fail(&format!("couldn't open temporary file {dir}/sedXXXXXX: {errno}"));
        return Ok((4, true));
    }
    Ok((code, quit))
}

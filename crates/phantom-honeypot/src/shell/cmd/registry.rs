//! Every program there is: one row says where it lies, what package it came with, how big it is and what it
//! does. The file tree lists what stands here and nothing else is run, so that what is listed can be run.

use std::sync::LazyLock;

use super::ctx::{Ctx, Need};
use crate::shell::Shell;
use crate::shell::eval::Running;

/// The tables of rows, one line a file.
const TABLES: &[&[Row]] = &[
    super::accounts::PROGRAMS,
    super::adduser::PROGRAMS,
    super::apt::PROGRAMS,
    super::attributes::PROGRAMS,
    super::attrs::PROGRAMS,
    super::awk::PROGRAMS,
    super::become_user::PROGRAMS,
    super::columns::PROGRAMS,
    super::compare::PROGRAMS,
    super::cron::PROGRAMS,
    super::digest::PROGRAMS,
    super::disks::PROGRAMS,
    super::dpkg::PROGRAMS,
    super::dump::PROGRAMS,
    super::copy::PROGRAMS,
    super::files::PROGRAMS,
    super::getconf::PROGRAMS,
    super::ls::PROGRAMS,
    super::find::PROGRAMS,
    super::firewall::PROGRAMS,
    super::grep::PROGRAMS,
    super::hardware::PROGRAMS,
    super::gzip::PROGRAMS,
    super::heads::PROGRAMS,
    super::journal::PROGRAMS,
    super::kernel::PROGRAMS,
    super::lists::PROGRAMS,
    super::logins::PROGRAMS,
    super::more::PROGRAMS,
    super::network::PROGRAMS,
    super::numbers::PROGRAMS,
    super::procs::PROGRAMS,
    super::ps::PROGRAMS,
    super::resolve::PROGRAMS,
    super::runners::PROGRAMS,
    super::scratch::PROGRAMS,
    super::secrets::PROGRAMS,
    super::sed::PROGRAMS,
    super::services::PROGRAMS,
    super::sockets::PROGRAMS,
    super::sort::PROGRAMS,
    super::system::PROGRAMS,
    super::users::PROGRAMS,
    super::tar::PROGRAMS,
    super::wrappers::PROGRAMS,
];

/// A program that needs nothing but its arguments and, perhaps, all of its input.
pub(super) type Plain = fn(&mut Ctx<'_>) -> Result<i32, Need>;

/// A program that runs others, waits, or talks to its terminal: the shell, its own name, its arguments.
pub(super) type Waits = for<'a> fn(&'a mut Shell, &'a str, Vec<Vec<u8>>) -> Running<'a>;

#[derive(Clone, Copy)]
pub(super) enum Run {
    Plain(Plain),
    Waits(Waits),
    /// The shell's own builtin of this name.
    Builtin,
}

/// What stands in the tree under a program's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// A file of so many bytes and these permission bits.
    File(u64, u32),
    /// A symbolic link.
    Link(&'static str),
    /// A link to /etc/alternatives/NAME, which links to this path.
    Alternative(&'static str),
}

/// One program.
pub(crate) struct Row {
    pub(crate) name: &'static str,
    /// `/usr/bin`, `/usr/sbin`, or where a helper lies.
    pub(crate) dir: &'static str,
    /// The Debian package it is a file of.
    pub(crate) package: &'static str,
    pub(crate) form: Form,
    pub(super) run: Run,
}

const fn row(dir: &'static str, name: &'static str, package: &'static str, form: Form, run: Run) -> Row {
    Row { name, dir, package, form, run }
}

/// A file of /usr/bin; its size in Debian 12 (amd64), measured.
pub(super) const fn bin(name: &'static str, package: &'static str, size: u64, run: Plain) -> Row {
    row("/usr/bin", name, package, Form::File(size, 0o755), Run::Plain(run))
}

/// A file of /usr/sbin.
pub(super) const fn sbin(name: &'static str, package: &'static str, size: u64, run: Plain) -> Row {
    row("/usr/sbin", name, package, Form::File(size, 0o755), Run::Plain(run))
}

/// A file of /usr/bin that runs as its owner, root.
pub(super) const fn suid(name: &'static str, package: &'static str, size: u64, run: Plain) -> Row {
    row("/usr/bin", name, package, Form::File(size, 0o4755), Run::Plain(run))
}

/// A name in /usr/bin that update-alternatives(1) keeps.
pub(super) const fn alternative(
    name: &'static str,
    package: &'static str,
    target: &'static str,
    run: Plain,
) -> Row {
    row("/usr/bin", name, package, Form::Alternative(target), Run::Plain(run))
}

/// A file of /usr/bin whose program waits or runs others.
pub(super) const fn waits(name: &'static str, package: &'static str, size: u64, run: Waits) -> Row {
    row("/usr/bin", name, package, Form::File(size, 0o755), Run::Waits(run))
}

/// A file of a directory that is not on $PATH; other programs start it.
pub(super) const fn helper(
    dir: &'static str,
    name: &'static str,
    package: &'static str,
    size: u64,
    run: Waits,
) -> Row {
    row(dir, name, package, Form::File(size, 0o755), Run::Waits(run))
}

/// A file of /usr/bin that is also a builtin, and does the same.
pub(super) const fn twin(name: &'static str, package: &'static str, size: u64) -> Row {
    row("/usr/bin", name, package, Form::File(size, 0o755), Run::Builtin)
}

impl Row {
    /// Name of the file that is run, links followed.
    pub(super) fn file(&self) -> &'static str {
        let (mut row, mut name) = (self, self.name);
        // No chain of links is longer: a name, what update-alternatives(1) keeps, a program of many names.
        for _ in 0..4 {
            let (Form::Link(target) | Form::Alternative(target)) = row.form else { break };
            name = target.rsplit('/').next().unwrap_or(target);
            match program(name.as_bytes()) {
                Some(next) => row = next,
                None => break,
            }
        }
        name
    }

    /// The same with other permission bits.
    pub(super) const fn mode(self, mode: u32) -> Self {
        let form = match self.form {
            Form::File(size, _) => Form::File(size, mode),
            other => other,
        };
        Self { form, ..self }
    }

    /// The same as a symbolic link.
    pub(super) const fn linked(self, target: &'static str) -> Self {
        Self { form: Form::Link(target), ..self }
    }

    /// The same as a name that update-alternatives(1) keeps.
    pub(super) const fn alternative_of(self, target: &'static str) -> Self {
        Self { form: Form::Alternative(target), ..self }
    }

    /// The same in /usr/sbin.
    pub(super) const fn in_sbin(self) -> Self {
        Self { dir: "/usr/sbin", ..self }
    }
}

/// All rows; a name may stand in both directories.
pub(crate) fn rows() -> impl Iterator<Item = &'static Row> {
    TABLES.iter().copied().flatten()
}

/// The program of this name.
pub(super) fn program(name: &[u8]) -> Option<&'static Row> {
    static BY_NAME: LazyLock<Vec<&'static Row>> = LazyLock::new(|| {
        let mut all: Vec<&Row> = rows().collect();
        all.sort_by_key(|row| row.name);
        all
    });
    let at = BY_NAME.partition_point(|row| row.name.as_bytes() < name);
    BY_NAME.get(at).copied().filter(|row| row.name.as_bytes() == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nothing(_: &mut Ctx<'_>) -> Result<i32, Need> {
        Ok(0)
    }

    /// Each maker of rows says where a program lies and with which bits.
    #[test]
    fn rows_say_where_programs_lie() {
        let wait: Waits = |_, _, _| Box::pin(async { Ok(0) });
        for (row, dir, form) in [
            (bin("a", "p", 7, nothing), "/usr/bin", Form::File(7, 0o755)),
            (sbin("a", "p", 7, nothing), "/usr/sbin", Form::File(7, 0o755)),
            (suid("a", "p", 7, nothing), "/usr/bin", Form::File(7, 0o4755)),
            (suid("a", "p", 7, nothing).mode(0o2755), "/usr/bin", Form::File(7, 0o2755)),
            (bin("a", "p", 0, nothing).linked("b").mode(0o700), "/usr/bin", Form::Link("b")),
            (alternative("a", "p", "/usr/bin/b", nothing), "/usr/bin", Form::Alternative("/usr/bin/b")),
            (
                bin("a", "p", 0, nothing).alternative_of("/x/b").in_sbin(),
                "/usr/sbin",
                Form::Alternative("/x/b"),
            ),
            (waits("a", "p", 7, wait), "/usr/bin", Form::File(7, 0o755)),
            (helper("/usr/lib/a", "a", "p", 7, wait), "/usr/lib/a", Form::File(7, 0o755)),
            (twin("a", "p", 7), "/usr/bin", Form::File(7, 0o755)),
        ] {
            assert_eq!((row.dir, row.form, row.name, row.package), (dir, form, "a", "p"));
        }
    }

    #[test]
    fn links_lead_to_the_file_that_is_run() {
        let file = |name: &[u8]| program(name).map(Row::file);
        assert_eq!(file(b"iptables-save"), Some("xtables-nft-multi"));
        assert_eq!(file(b"iptables-nft-save"), Some("xtables-nft-multi"));
        assert_eq!(file(b"lsmod"), Some("kmod"));
        assert_eq!(file(b"ls"), Some("ls"));
        assert_eq!(file(b"nosuch"), None);
        // A link to what is no program keeps that name; one to itself ends.
        assert_eq!(bin("a", "p", 0, nothing).linked("../nosuch").file(), "nosuch");
    }

    /// What is listed can be run, and nothing is listed twice in a directory.
    #[test]
    fn no_name_stands_twice_in_a_directory() {
        let mut all: Vec<(&str, &str)> = rows().map(|row| (row.dir, row.name)).collect();
        let count = all.len();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), count);
        assert!(count > 200, "{count}");
    }
}

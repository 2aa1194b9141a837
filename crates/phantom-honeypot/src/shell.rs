//! A shell over a session's file system, and the consoles that carry it.

mod arith;
mod ast;
mod builtins;
pub(crate) mod cmd;
mod collate;
mod conditions;
mod console;
mod eval;
mod expand;
pub(crate) mod facts;
mod glob;
mod io;
mod options;
mod parse;
mod redirect;
mod session;
mod show;
mod simple;
mod transfer;
mod vars;

pub use console::{Console, Emit};
pub use io::SharedVfs;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use phantom_core::Timestamp;
use phantom_image::Image;

use crate::machine::{Arrival, Live, SSH_PORT, SharedLive, Ticket, View, address};
use crate::vfs::{Base, Cred, Dropped, Limits, Memory, Remember, Vfs};
use crate::{Persona, persona::Draw};
use io::{Desc, IoHandle};
use vars::Var;

/// The persona with its base tree: immutable, one for all sessions of a process.
#[derive(Debug)]
pub struct Machine {
    persona: Arc<Persona>,
    base: Arc<Base>,
    memory: Arc<Memory>,
}

/// Somebody who can log in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// Login name.
    pub name: String,
    /// Home directory.
    pub home: String,
    /// Numbers of user and groups.
    pub cred: Cred,
}

impl Machine {
    /// The machine of a persona, with a small tree of our own.
    pub fn new(persona: Arc<Persona>) -> Arc<Self> {
        Self::with(persona, None, Remember::default())
    }

    /// The machine of a persona over the image of its packages.
    pub fn with(persona: Arc<Persona>, image: Option<Arc<Image>>, remember: Remember) -> Arc<Self> {
        let base = Base::over(Arc::clone(&persona), image);
        Arc::new(Self { base, persona, memory: Memory::new(remember) })
    }

    /// What sources left behind.
    pub fn memory(&self) -> &Memory {
        &self.memory
    }

    /// Who it is.
    pub fn persona(&self) -> &Persona {
        &self.persona
    }

    /// A fresh file system for one session.
    pub fn vfs(&self, now: Timestamp) -> Vfs {
        Vfs::new(Arc::clone(&self.base), Limits::default(), now)
    }

    /// The account of this name, of root, an ordinary user or a system account.
    pub fn account(&self, name: &[u8]) -> Option<Account> {
        let (name, uid, gid, home) =
            if let Some(user) = self.persona.users.iter().find(|user| user.name.as_bytes() == name) {
                (user.name.clone(), user.uid, user.uid, format!("/home/{}", user.name))
            } else {
                let (name, uid, gid, _, home, _) =
                    crate::vfs::SYSTEM.iter().find(|row| row.0.as_bytes() == name)?;
                ((*name).to_owned(), *uid, *gid, (*home).to_owned())
            };
        let first = self.persona.users.first().is_some_and(|user| user.name == name);
        // What the installer gives its first user: cdrom floppy sudo audio dip video plugdev users netdev.
        let groups = if first { vec![24, 25, 27, 29, 30, 44, 46, 100, 106] } else { Vec::new() };
        Some(Account { name, home, cred: Cred { uid, gid, groups } })
    }

    /// The file system and account of a login that was let in, forgotten with it. A name that the persona does
    /// not have (the operator's own pattern accepted it) gets a home and a line in the session's /etc/passwd.
    pub fn login(&self, name: &[u8], now: Timestamp) -> (SharedVfs, Account) {
        self.admit(SharedVfs::alone(self.vfs(now)), name)
    }

    /// As [`Machine::login`], of a source that finds what it left and leaves what it finds at its next visit.
    pub fn visit(&self, source: IpAddr, name: &[u8], now: Timestamp) -> (SharedVfs, Account) {
        self.admit(self.memory.enter(source, now, || self.vfs(now)), name)
    }

    fn admit(&self, shared: SharedVfs, name: &[u8]) -> (SharedVfs, Account) {
        let account = self.account(name);
        let account = account.unwrap_or_else(|| {
            let mut vfs = shared.lock().unwrap_or_else(PoisonError::into_inner);
            let account = self.made_up(name, &mut vfs);
            vfs.settle();
            account
        });
        (shared, account)
    }

    fn made_up(&self, name: &[u8], vfs: &mut Vfs) -> Account {
        let clean = |b: &u8| b.is_ascii_alphanumeric() || b"._-".contains(b);
        let name: String = name.iter().filter(|b| clean(b)).take(32).map(|b| char::from(*b)).collect();
        let name = if name.trim_matches('.').is_empty() { "user".to_owned() } else { name };
        let (root, home) = (Cred::root(), format!("/home/{name}"));
        let first = 1000 + u32::try_from(self.persona.users.len()).unwrap_or(0);
        let there = vfs.stat(&root, home.as_bytes()).ok().map(|stat| stat.uid).filter(|uid| *uid >= first);
        let uid = there.unwrap_or_else(|| {
            // One more than there are, which the homes tell.
            let homes = vfs.readdir(&root, b"/home").map_or(0, |names| names.len());
            1000 + u32::try_from(homes).unwrap_or(0).max(first - 1000)
        });
        if there.is_none() {
            let line = format!("{name}:x:{uid}:{uid}::{home}:/bin/bash\n");
            // A full or odd file system only means that the home is missing, as on a real machine.
            let _ = vfs.mkdir(&root, home.as_bytes(), 0o700);
            let own = crate::vfs::SetAttr { uid: Some(uid), gid: Some(uid), ..Default::default() };
            let _ = vfs.set_attr(&root, home.as_bytes(), own);
            if let Ok(ino) = vfs.create(&root, b"/etc/passwd", 0o644, false) {
                let _ = vfs.write(ino, None, line.as_bytes());
            }
        }
        Account { name, home, cred: Cred { uid, gid: uid, groups: Vec::new() } }
    }
}

/// Who sits before the shell.
#[derive(Debug, Clone)]
pub struct Visitor {
    /// The peer: shown by `who`, `w` and SSH_CLIENT.
    pub peer: SocketAddr,
    /// Our side.
    pub local: SocketAddr,
    /// When they logged in.
    pub at: Timestamp,
    /// Randomness of the session: process numbers, $RANDOM.
    pub seed: [u8; 32],
}

/// Steps (commands, loop turns, expansions) one line may take in one turn before it is killed.
const STEPS: u64 = 100_000;
/// What is written to a pipe, or to a substitution.
type Filled = Arc<Mutex<Vec<u8>>>;

/// Steps after which a line rests, so that other sessions have their turn.
const TURN: u64 = 20_000;
/// Steps of a line in all its turns.
const TOTAL: u64 = 500_000;
/// How long it rests, in microseconds.
const REST: i64 = 20_000;
/// Nesting of functions, substitutions, subshells and sourced files. A level costs some 10 KiB of stack.
const DEPTH: u32 = 16;
/// Commands within commands, however they are nested: keeps the stack of a debug build below 2 MiB.
const NEST: u32 = 48;
/// Bytes all variables together may hold.
const VAR_BYTES: usize = 1 << 20;

/// The state of one shell process. Cheap to clone: a subshell is a clone.
#[derive(Clone)]
pub struct Shell {
    machine: Arc<Machine>,
    vfs: SharedVfs,
    account: Account,
    visitor: Visitor,
    io: IoHandle,
    fds: BTreeMap<u32, Desc>,
    cwd: Vec<u8>,
    vars: HashMap<Vec<u8>, Var>,
    functions: HashMap<Vec<u8>, Arc<ast::Node>>,
    aliases: BTreeMap<Vec<u8>, Vec<u8>>,
    args: Vec<Vec<u8>>,
    name: Vec<u8>,
    status: i32,
    pid: u32,
    last_background: u32,
    depth: u32,
    nest: u32,
    interactive: bool,
    in_condition: bool,
    errexit: bool,
    nounset: bool,
    xtrace: bool,
    verbose: bool,
    noglob: bool,
    noclobber: bool,
    noexec: bool,
    pipefail: bool,
    allexport: bool,
    braceexpand: bool,
    errtrace: bool,
    functrace: bool,
    history_off: bool,
    /// bash, not dash.
    bash: bool,
    /// A login shell.
    login: bool,
    /// Runs the text after `-c`.
    given: bool,
    /// Commands are read from the input, without a terminal.
    from_input: bool,
    /// Runs in the background, and reads nothing from the terminal.
    background: bool,
    /// `$$`, and the process before it.
    main_pid: u32,
    parent: u32,
    /// What $SECONDS counts from.
    born: Timestamp,
    /// Names of the functions that run, and their local variables' old values.
    calls: Vec<Vec<u8>>,
    scopes: Vec<Vec<(Vec<u8>, Option<Var>)>>,
    /// Files that are being sourced.
    files: Vec<Vec<u8>>,
    sourced: u32,
    loops: u32,
    subshells: u32,
    trapping: u32,
    traps: BTreeMap<Vec<u8>, Vec<u8>>,
    shopts: BTreeMap<Vec<u8>, bool>,
    jobs: Vec<builtins::Job>,
    limits: BTreeMap<char, String>,
    dirs: Vec<Vec<u8>>,
    hashed: BTreeMap<Vec<u8>, (String, u32)>,
    /// Builtins that `enable -n` put behind the programs of their name.
    disabled: BTreeSet<String>,
    /// Options of `set` that change nothing but what is told of them; of `h`, that it is off.
    letters: BTreeSet<u8>,
    /// The command that runs, as BASH_COMMAND tells it to traps.
    command: Option<Vec<u8>>,
    /// How deep in command substitutions and `eval` this runs: what `set -x` prints is marked by it.
    indirect: u32,
    /// Functions that programs inherit.
    exported: BTreeSet<Vec<u8>>,
    pipe_status: Vec<i32>,
    /// Place within the argument that getopts is at.
    getopts_at: usize,
    /// `>(...)` that wait for what is written to them.
    after: Vec<(Filled, Arc<ast::Node>)>,
    /// A command was substituted in the words of the command that runs.
    substituted: bool,
    /// The redirections of the command that runs stay: `exec`.
    keep_fds: bool,
    underscore: Vec<u8>,
    /// Lines typed since the history was last written.
    history_new: usize,
    history: Vec<Vec<u8>>,
    umask: u32,
    line: u32,
    draw: Draw,
    /// Keeps the login's processes in the list.
    ticket: Arc<Ticket>,
    live: SharedLive,
    /// The nearest shell that `ps` lists.
    listed: u32,
}

impl Shell {
    /// A login shell of `account` over `vfs`; several shells of one visit may share the file system.
    pub fn new(machine: Arc<Machine>, vfs: SharedVfs, account: Account, visitor: Visitor) -> Self {
        let born = visitor.at;
        let draw = Draw::new(&visitor.seed, "shell");
        let live = vfs.lock().unwrap_or_else(PoisonError::into_inner).live();
        let ssh = machine.base.host().processes.iter().find(|p| p.unit == "ssh.service");
        let ticket = Live::arrive(
            &live,
            &Arrival {
                peer: visitor.peer,
                local: visitor.local.ip(),
                at: visitor.at,
                user: &account.name,
                uid: account.cred.uid,
                gid: account.cred.gid,
                home: account.home.as_bytes(),
                parent: ssh.map_or(1, |p| p.pid),
                newest: facts::pid(&machine.persona, visitor.at),
            },
        );
        let pid = ticket.pid;
        let cwd = account.home.clone().into_bytes();
        let mut shell = Self {
            machine,
            vfs,
            account,
            visitor,
            io: IoHandle::default(),
            fds: BTreeMap::from([(0, Desc::Console(0)), (1, Desc::Console(1)), (2, Desc::Console(2))]),
            cwd,
            vars: HashMap::new(),
            functions: HashMap::new(),
            aliases: BTreeMap::new(),
            args: Vec::new(),
            name: b"bash".to_vec(),
            status: 0,
            pid,
            last_background: 0,
            depth: 0,
            nest: 0,
            interactive: false,
            in_condition: false,
            errexit: false,
            nounset: false,
            xtrace: false,
            verbose: false,
            noglob: false,
            noclobber: false,
            noexec: false,
            pipefail: false,
            allexport: false,
            braceexpand: true,
            errtrace: false,
            functrace: false,
            history_off: false,
            bash: true,
            login: false,
            given: false,
            from_input: false,
            background: false,
            main_pid: pid,
            parent: pid - 1,
            born,
            calls: Vec::new(),
            scopes: Vec::new(),
            files: Vec::new(),
            sourced: 0,
            loops: 0,
            subshells: 0,
            trapping: 0,
            traps: BTreeMap::new(),
            shopts: BTreeMap::new(),
            jobs: Vec::new(),
            limits: BTreeMap::new(),
            dirs: Vec::new(),
            hashed: BTreeMap::new(),
            disabled: BTreeSet::new(),
            letters: BTreeSet::new(),
            exported: BTreeSet::new(),
            command: None,
            indirect: 0,
            pipe_status: Vec::new(),
            getopts_at: 0,
            after: Vec::new(),
            substituted: false,
            keep_fds: false,
            underscore: Vec::new(),
            history_new: 0,
            history: Vec::new(),
            umask: 0o022,
            line: 1,
            draw,
            listed: ticket.pid,
            ticket: Arc::new(ticket),
            live,
        };
        if shell.vfs().stat(&shell.account.cred, &shell.cwd).is_err() {
            shell.cwd = b"/".to_vec();
        }
        shell.environment();
        shell
    }

    fn environment(&mut self) {
        let root = self.account.cred.uid == 0;
        let peer = self.visitor.peer;
        let local = SocketAddr::new(address(&self.machine.persona, self.visitor.local.ip()), SSH_PORT);
        let name = self.account.name.clone();
        let ip = |a: SocketAddr| a.ip().to_canonical().to_string();
        let list = [
            ("SHELL", "/bin/bash".to_owned()),
            ("PWD", String::from_utf8_lossy(&self.cwd).into_owned()),
            ("LOGNAME", name.clone()),
            ("HOME", self.account.home.clone()),
            ("LANG", "en_US.UTF-8".to_owned()),
            ("SSH_CLIENT", format!("{} {} {}", ip(peer), peer.port(), local.port())),
            ("SSH_CONNECTION", format!("{} {} {} {}", ip(peer), peer.port(), ip(local), local.port())),
            ("USER", name.clone()),
            ("SHLVL", "1".to_owned()),
            (
                "PATH",
                (if root {
                    "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
                } else {
                    "/usr/local/bin:/usr/bin:/bin:/usr/games"
                })
                .to_owned(),
            ),
            ("MAIL", format!("/var/mail/{name}")),
        ];
        for (name, value) in list {
            self.vars.insert(name.into(), Var { value: value.into(), exported: true, ..Var::default() });
        }
        self.defaults();
    }

    /// Variables that a shell makes itself.
    fn defaults(&mut self) {
        let list = [
            ("IFS", " \t\n"),
            ("PS4", "+ "),
            ("OPTIND", "1"),
            ("HOSTTYPE", "x86_64"),
            ("MACHTYPE", "x86_64-pc-linux-gnu"),
            ("BASH_VERSION", "5.2.15(1)-release"),
            ("BASH", "/bin/bash"),
            ("OSTYPE", "linux-gnu"),
        ];
        let count = if self.bash { list.len() } else { 3 };
        for (name, value) in list.into_iter().take(count) {
            self.vars.insert(name.into(), Var { value: value.into(), ..Var::default() });
        }
        if self.bash {
            // Debian's DEFAULT_PATH_VALUE, for one who comes without.
            self.vars.entry(b"PATH".to_vec()).or_insert_with(|| Var {
                value: b"/usr/local/bin:/usr/local/sbin:/usr/bin:/usr/sbin:/bin:/sbin:.".to_vec(),
                ..Var::default()
            });
            let host = self.hostname().into_bytes();
            self.vars.insert(b"HOSTNAME".to_vec(), Var { value: host, ..Var::default() });
        }
    }

    fn vfs(&self) -> MutexGuard<'_, Vfs> {
        self.vfs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn live(&self) -> MutexGuard<'_, Live> {
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The running machine as this shell sees it.
    fn look<T>(&self, look: impl FnOnce(View<'_>) -> T) -> T {
        self.vfs().with_machine(look)
    }

    fn hostname(&self) -> String {
        self.live().hostname.clone().unwrap_or_else(|| self.machine.persona.hostname.clone())
    }

    /// Files the session wrote, to be stored as artifacts when it ends.
    pub fn dropped_files(&self) -> Vec<Dropped> {
        self.vfs().dropped_files()
    }
}

#[cfg(test)]
mod tests;

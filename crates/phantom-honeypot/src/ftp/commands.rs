//! What each command does and what vsftpd 3.0.3 replies to it.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use phantom_core::dialogue::{Action, Actions};
use phantom_core::event::{Body, Command, Login, Note};
use phantom_core::{Timestamp, Untrusted};
use sha2::{Digest, Sha256};

use super::dialogue::{Busy, Data, FtpDialogue, Job, Upload};
use super::list::{Form, listing};
use super::session::Session;
use crate::vfs::{Kind, SetAttr, Stat};

/// Failed passwords before the connection ends (`max_login_fails`).
const MAX_FAILURES: u32 = 3;

const FEATURES: &str =
    "211-Features:\r\n EPRT\r\n EPSV\r\n MDTM\r\n PASV\r\n REST STREAM\r\n SIZE\r\n TVFS\r\n211 End\r\n";
const HELP: &str = concat!(
    "214-The following commands are recognized.\r\n",
    " ABOR ACCT ALLO APPE CDUP CWD  DELE EPRT EPSV FEAT HELP LIST MDTM MKD\r\n",
    " MODE NLST NOOP OPTS PASS PASV PORT PWD  QUIT REIN REST RETR RMD  RNFR\r\n",
    " RNTO SITE SIZE SMNT STAT STOR STOU STRU SYST TYPE USER XCUP XCWD XMKD\r\n",
    " XPWD XRMD\r\n214 Help OK.\r\n",
);

/// Every command vsftpd has an answer of its own for.
const KNOWN: [&str; 47] = [
    "ABOR", "ACCT", "ALLO", "APPE", "CDUP", "CWD", "DELE", "EPRT", "EPSV", "FEAT", "HELP", "LIST", "MDTM",
    "MKD", "MODE", "NLST", "NOOP", "OPTS", "PASS", "PASV", "PBSZ", "PORT", "PROT", "PWD", "QUIT", "REIN",
    "REST", "RETR", "RMD", "RNFR", "RNTO", "SITE", "SIZE", "SMNT", "STAT", "STOR", "STOU", "STRU", "SYST",
    "TYPE", "USER", "XCUP", "XCWD", "XMKD", "XPWD", "XRMD", "P@SW",
];

impl FtpDialogue {
    /// One line, without its end.
    pub(super) fn command(&mut self, now: Timestamp, line: &[u8], out: &mut Actions) {
        // Telnet's interrupt and synch in front of a command (RFC 959 section 4.1.3) are dropped.
        let start = line.iter().position(|b| *b < 0xf0).unwrap_or(line.len());
        let line = line.get(start..).unwrap_or_default();
        if line.is_empty() {
            return;
        }
        let space = line.iter().position(|b| *b == b' ').unwrap_or(line.len());
        let (verb, argument) = line.split_at(space);
        let argument = argument.strip_prefix(b" ").unwrap_or(argument);
        let verb = String::from_utf8_lossy(verb).to_ascii_uppercase();
        if verb != "PASS" {
            let line = Untrusted::capped(line, Command::CAP);
            out.record(Body::Command(Command { line, accepted: KNOWN.contains(&verb.as_str()) }));
        }
        match verb.as_str() {
            "USER" => self.user(argument, out),
            "PASS" => self.pass(now, argument, out),
            "QUIT" => {
                out.send("221 Goodbye.\r\n");
                self.close(out);
            }
            "FEAT" => out.send(FEATURES),
            "OPTS" if argument.eq_ignore_ascii_case(b"UTF8 ON") => out.send("200 Always in UTF8 mode.\r\n"),
            "OPTS" => out.send("501 Option not understood.\r\n"),
            _ if self.session.is_none() => out.send("530 Please login with USER and PASS.\r\n"),
            _ => self.logged_in(now, &verb, argument, out),
        }
    }

    fn user(&mut self, name: &[u8], out: &mut Actions) {
        match &self.session {
            Some(session) if session.anonymous => out.send("530 Can't change from guest user.\r\n"),
            Some(session) if session.account.name.as_bytes() == name => {
                out.send("331 Any password will do.\r\n")
            }
            Some(_) => out.send("530 Can't change to another user.\r\n"),
            None => {
                self.user = name.to_vec();
                out.send("331 Please specify the password.\r\n");
            }
        }
    }

    fn pass(&mut self, now: Timestamp, secret: &[u8], out: &mut Actions) {
        let user = std::mem::take(&mut self.user);
        let machine = std::sync::Arc::clone(&self.ftp.machine);
        let mut session = None;
        let mut allowed = self.session.is_some();
        if self.session.is_none() && !user.is_empty() {
            let guest = user.eq_ignore_ascii_case(b"anonymous") || user.eq_ignore_ascii_case(b"ftp");
            // Debian's /etc/ftpusers names root and the system accounts: PAM refuses them whatever they send.
            let barred = machine.account(&user).is_some_and(|account| account.cred.uid < 1000);
            if guest && self.ftp.login.anonymous_ftp() {
                let (vfs, account) = machine.visit(self.visit.peer.ip(), b"ftp", now);
                session = Some(Session::anonymous(vfs, account));
            } else if !guest && self.ftp.login.check(self.visit.peer.ip(), &user, secret) && !barred {
                let (vfs, account) = machine.visit(self.visit.peer.ip(), &user, now);
                session = Some(Session::new(vfs, account));
            }
            allowed = session.is_some();
        }
        out.record(Body::Login(Login {
            username: Untrusted::capped(&user, Login::CAP),
            secret: Untrusted::capped(secret, Login::CAP),
            method: "password".into(),
            accepted: allowed,
        }));
        if self.session.is_some() {
            out.send("230 Already logged in.\r\n");
        } else if user.is_empty() {
            out.send("503 Login with USER first.\r\n");
        } else if session.is_some() {
            self.session = session;
            out.send("230 Login successful.\r\n");
        } else {
            out.push(Action::Pause(self.failure_delay()));
            out.send("530 Login incorrect.\r\n");
            self.failures += 1;
            if self.failures >= MAX_FAILURES {
                self.close(out);
            }
        }
    }

    /// 2.7 to 3.1 s as measured, drawn from the visit.
    fn failure_delay(&self) -> Duration {
        let drawn = u64::from(self.visit.seed.first().copied().unwrap_or(0));
        self.ftp.options.failure_delay.unwrap_or(Duration::from_micros(2_700_000 + drawn * 1_560))
    }

    fn logged_in(&mut self, now: Timestamp, verb: &str, argument: &[u8], out: &mut Actions) {
        let guest = self.session.as_ref().is_some_and(|session| session.anonymous);
        let writes = ["STOR", "APPE", "STOU", "MKD", "XMKD", "RMD", "XRMD", "DELE", "RNFR", "RNTO", "SITE"];
        let unsafe_data = self.epsv_all && matches!(verb, "PASV" | "P@SW" | "PORT" | "EPRT");
        if (guest && writes.contains(&verb)) || unsafe_data {
            return out.send("550 Permission denied.\r\n");
        }
        match verb {
            "NOOP" => out.send("200 NOOP ok.\r\n"),
            "SYST" => out.send("215 UNIX Type: L8\r\n"),
            "HELP" => out.send(HELP),
            "ALLO" => out.send("202 ALLO command ignored.\r\n"),
            "ABOR" => out.send("225 No transfer to ABOR.\r\n"),
            "ACCT" | "REIN" | "SMNT" => out.send(format!("502 {verb} not implemented.\r\n")),
            "PROT" | "PBSZ" => out.send("550 Permission denied.\r\n"),
            "TYPE" => out.send(self.set_type(argument)),
            "MODE" => out.send(flag(argument, b'S', "200 Mode set to S.\r\n", "504 Bad MODE command.\r\n")),
            "STRU" => {
                out.send(flag(argument, b'F', "200 Structure set to F.\r\n", "504 Bad STRU command.\r\n"))
            }
            "REST" => {
                self.restart = leading_number(argument);
                out.send(format!("350 Restart position accepted ({}).\r\n", self.restart));
            }
            "PASV" | "P@SW" => self.listen(false, out),
            "EPSV" => self.epsv(argument, out),
            "PORT" => self.port(argument, out),
            "EPRT" => self.eprt(argument, out),
            "LIST" | "NLST" => {
                if !self.wants_data(out) {
                    return;
                }
                let form = if verb == "LIST" { Form::Long } else { Form::Names };
                let text = match &self.session {
                    Some(session) => listing(session, argument, form, false, now),
                    None => Vec::new(),
                };
                self.begin(now, Job::List(text), out);
            }
            "RETR" => self.retrieve(now, argument, out),
            "STOR" | "APPE" | "STOU" => self.store_command(now, verb, argument, out),
            "STAT" if argument.is_empty() => out.send(self.status()),
            "STAT" => {
                let lines = self.session.as_ref().map(|s| listing(s, argument, Form::Long, true, now));
                out.send("213-Status follows:\r\n");
                out.send(lines.unwrap_or_default());
                out.send("213 End of status\r\n");
            }
            _ => {
                let reply = self.files(now, verb, argument);
                out.send(reply);
            }
        }
    }

    /// Commands that look at or change the file system and answer at once.
    fn files(&mut self, now: Timestamp, verb: &str, argument: &[u8]) -> Vec<u8> {
        let text = |reply: &str| reply.as_bytes().to_vec();
        let Some(session) = &mut self.session else { return Vec::new() };
        let who = session.cred().clone();
        let real = session.real(argument);
        match verb {
            "PWD" | "XPWD" => named("257 ", &session.cwd, " is the current directory\r\n"),
            "CWD" | "XCWD" | "CDUP" | "XCUP" => {
                let target = if verb.ends_with("CWD") { argument } else { b"..".as_slice() };
                text(match session.chdir(target) {
                    Ok(()) => "250 Directory successfully changed.\r\n",
                    Err(_) => "550 Failed to change directory.\r\n",
                })
            }
            "MKD" | "XMKD" => {
                let mode = 0o777 & !session.umask;
                let made = real.and_then(|path| session.vfs(now).mkdir(&who, &path, mode));
                match made {
                    Ok(_) => named("257 ", &session.shown(argument), " created\r\n"),
                    Err(_) => text("550 Create directory operation failed.\r\n"),
                }
            }
            "RMD" | "XRMD" => text(match real.and_then(|path| session.vfs(now).rmdir(&who, &path)) {
                Ok(()) => "250 Remove directory operation successful.\r\n",
                Err(_) => "550 Remove directory operation failed.\r\n",
            }),
            "DELE" => text(match real.and_then(|path| session.vfs(now).unlink(&who, &path)) {
                Ok(()) => "250 Delete operation successful.\r\n",
                Err(_) => "550 Delete operation failed.\r\n",
            }),
            "RNFR" => {
                let found = real.ok().filter(|path| session.vfs(now).lstat(&who, path).is_ok());
                self.rename_from = found;
                text(if self.rename_from.is_some() {
                    "350 Ready for RNTO.\r\n"
                } else {
                    "550 RNFR command failed.\r\n"
                })
            }
            "RNTO" => {
                let Some(from) = self.rename_from.take() else { return text("503 RNFR required first.\r\n") };
                text(match real.and_then(|to| session.vfs(now).rename(&who, &from, &to)) {
                    Ok(()) => "250 Rename successful.\r\n",
                    Err(_) => "550 Rename failed.\r\n",
                })
            }
            "SIZE" => match real.and_then(|path| session.vfs(now).stat(&who, &path)) {
                Ok(Stat { kind: Kind::File, size, .. }) => format!("213 {size}\r\n").into_bytes(),
                _ => text("550 Could not get file size.\r\n"),
            },
            "MDTM" => mdtm(session, now, argument),
            "SITE" => site(session, now, argument),
            _ => text("500 Unknown command.\r\n"),
        }
    }

    fn set_type(&mut self, argument: &[u8]) -> &'static str {
        let upper = argument.to_ascii_uppercase();
        match upper.as_slice() {
            b"I" | b"L8" | b"L 8" => {
                self.binary = true;
                "200 Switching to Binary mode.\r\n"
            }
            b"A" | b"A N" => {
                self.binary = false;
                "200 Switching to ASCII mode.\r\n"
            }
            _ => "500 Unrecognised TYPE command.\r\n",
        }
    }

    fn status(&self) -> String {
        let name = self.session.as_ref().map(|s| s.account.name.as_str()).unwrap_or_default();
        format!(
            "211-FTP server status:\r\n     Connected to {}\r\n     Logged in as {name}\r\n     TYPE: {}\r\n     No session \
             bandwidth limit\r\n     Session timeout in seconds is {}\r\n     Control connection is plain text\r\n     \
             Data connections will be plain text\r\n     At session startup, client count was 1\r\n     vsFTPd 3.0.3 - \
             secure, fast, stable\r\n211 End of status\r\n",
            self.visit.peer.ip().to_canonical(),
            if self.binary { "BINARY" } else { "ASCII" },
            self.ftp.options.idle_timeout.as_secs(),
        )
    }

    fn listen(&mut self, extended: bool, out: &mut Actions) {
        self.drop_data(out);
        self.busy = Busy::Listener(extended);
        out.push(Action::Listen);
    }

    /// `227` or `229` for a listener on this port.
    pub(super) fn passive_reply(&self, port: u16, extended: bool) -> String {
        if extended {
            return format!("229 Entering Extended Passive Mode (|||{port}|)\r\n");
        }
        let [a, b, c, d] = match self.visit.local.ip().to_canonical() {
            IpAddr::V4(address) => address.octets(),
            IpAddr::V6(_) => Ipv4Addr::UNSPECIFIED.octets(),
        };
        format!("227 Entering Passive Mode ({a},{b},{c},{d},{},{}).\r\n", port >> 8, port & 0xff)
    }

    fn epsv(&mut self, argument: &[u8], out: &mut Actions) {
        let own: &[u8] = if self.visit.peer.ip().to_canonical().is_ipv4() { b"1" } else { b"2" };
        if argument.eq_ignore_ascii_case(b"ALL") {
            self.epsv_all = true;
            out.send("200 EPSV ALL ok.\r\n");
        } else if argument.is_empty() || argument == own {
            self.listen(true, out);
        } else {
            out.send("522 Bad network protocol.\r\n");
        }
    }

    fn port(&mut self, argument: &[u8], out: &mut Actions) {
        let numbers: Option<Vec<u8>> = std::str::from_utf8(argument)
            .ok()
            .and_then(|text| text.split(',').map(|number| number.trim().parse().ok()).collect());
        let target = match numbers.as_deref() {
            Some(&[a, b, c, d, high, low]) => {
                Some(SocketAddr::from(([a, b, c, d], u16::from_be_bytes([high, low]))))
            }
            _ => None,
        };
        let fine = "200 PORT command successful. Consider using PASV.\r\n";
        self.active(target, argument, fine, "500 Illegal PORT command.\r\n", out);
    }

    fn eprt(&mut self, argument: &[u8], out: &mut Actions) {
        let text = String::from_utf8_lossy(argument);
        let Some(mark) = text.chars().next() else { return out.send("500 Bad EPRT protocol.\r\n") };
        let fields: Vec<&str> = text.split(mark).collect();
        let (family, address, port) = match fields.as_slice() {
            ["", family, address, port, ..] => (*family, *address, *port),
            _ => return out.send("500 Bad EPRT command.\r\n"),
        };
        let own = if self.visit.peer.ip().to_canonical().is_ipv4() { "1" } else { "2" };
        if family != own {
            return out.send("500 Bad EPRT protocol.\r\n");
        }
        let target = match (address.parse::<IpAddr>(), port.parse::<u16>()) {
            (Ok(ip), Ok(port)) => Some(SocketAddr::new(ip, port)),
            _ => return out.send("500 Bad EPRT command.\r\n"),
        };
        let fine = "200 EPRT command successful. Consider using EPSV.\r\n";
        self.active(target, argument, fine, "500 Illegal EPRT command.\r\n", out);
    }

    /// vsftpd reaches nobody but the peer, and no port below 1024.
    fn active(
        &mut self,
        target: Option<SocketAddr>,
        argument: &[u8],
        fine: &'static str,
        refused: &'static str,
        out: &mut Actions,
    ) {
        self.drop_data(out);
        match target {
            Some(target)
                if target.ip().to_canonical() == self.visit.peer.ip().to_canonical()
                    && target.port() >= 1024 =>
            {
                self.data = Data::Active(target.port());
                out.send(fine);
            }
            Some(_) => {
                let value = Untrusted::capped(argument, Command::CAP);
                out.record(Body::Note(Note { name: "ftp_bounce".into(), value }));
                out.send(refused);
            }
            None => out.send(refused),
        }
    }

    fn wants_data(&self, out: &mut Actions) -> bool {
        let none = matches!(self.data, Data::None);
        if none {
            out.send("425 Use PORT or PASV first.\r\n");
        }
        !none
    }

    fn retrieve(&mut self, now: Timestamp, argument: &[u8], out: &mut Actions) {
        let offset = std::mem::take(&mut self.restart);
        // Measured: without a data connection a missing file is still told first by 425.
        if !self.wants_data(out) {
            return;
        }
        let Some(session) = &self.session else { return };
        let who = session.cred();
        let found = session.real(argument).ok().and_then(|path| {
            let vfs = session.vfs(now);
            let stat = vfs.stat(who, &path).ok()?;
            vfs.access(who, &path, 4).ok()?;
            // Anonymous visitors get what everybody may read, and nothing else.
            let open = !session.anonymous || stat.mode & 0o004 != 0;
            (stat.kind == Kind::File && open).then_some((path, stat.size))
        });
        match found {
            Some((path, size)) => {
                self.begin(now, Job::Retrieve { name: argument.to_vec(), path, offset, size }, out);
            }
            None => out.send("550 Failed to open file.\r\n"),
        }
    }

    fn store_command(&mut self, now: Timestamp, verb: &str, argument: &[u8], out: &mut Actions) {
        let restart = std::mem::take(&mut self.restart);
        if !self.wants_data(out) {
            return;
        }
        let Some(session) = &self.session else { return };
        let who = session.cred().clone();
        let mode = 0o666 & !session.umask;
        let name = if verb == "STOU" { unique_name(session, now, argument) } else { argument.to_vec() };
        let truncate = verb != "APPE" && restart == 0;
        let made = session.real(&name).and_then(|path| session.vfs(now).create(&who, &path, mode, truncate));
        let Ok(ino) = made else { return out.send("553 Could not create file.\r\n") };
        let greeting = match verb {
            "STOU" => format!("150 FILE: {}\r\n", String::from_utf8_lossy(&name)),
            _ => "150 Ok to send data.\r\n".to_owned(),
        };
        let upload = Upload {
            name,
            ino,
            offset: (verb != "APPE").then_some(restart),
            greeting,
            hash: Sha256::new(),
            bytes: 0,
            kept: Vec::new(),
        };
        self.begin(now, Job::Store(upload), out);
    }
}

/// The name as given, or with `.1`, `.2`, ... where it is taken; without one `STOU.1` and so on.
fn unique_name(session: &Session, now: Timestamp, argument: &[u8]) -> Vec<u8> {
    let taken = |name: &[u8]| {
        let real = session.real(name);
        real.is_ok_and(|path| session.vfs(now).lstat(session.cred(), &path).is_ok())
    };
    let base = if argument.is_empty() { b"STOU".as_slice() } else { argument };
    if !argument.is_empty() && !taken(base) {
        return base.to_vec();
    }
    let numbered = |number: u32| [base, format!(".{number}").as_bytes()].concat();
    (1..1000).map(numbered).find(|name| !taken(name)).unwrap_or_else(|| numbered(1000))
}

fn mdtm(session: &Session, now: Timestamp, argument: &[u8]) -> Vec<u8> {
    let who = session.cred();
    let stamp = argument.split_at_checked(15).and_then(|(stamp, name)| Some((parse_stamp(stamp)?, name)));
    if let Some((at, name)) = stamp {
        let set = SetAttr { mtime: Some(at), ..SetAttr::default() };
        return match session.real(name).and_then(|path| session.vfs(now).set_attr(who, &path, set)) {
            Ok(()) => b"213 File modification time set.\r\n".to_vec(),
            Err(_) => b"550 Could not set file modification time.\r\n".to_vec(),
        };
    }
    match session.real(argument).and_then(|path| session.vfs(now).stat(who, &path)) {
        Ok(stat) if stat.kind == Kind::File => {
            format!("213 {}\r\n", stat.mtime.strftime("%Y%m%d%H%M%S")).into_bytes()
        }
        _ => b"550 Could not get file modification time.\r\n".to_vec(),
    }
}

/// `20200101000000 `, as some clients send before the name.
fn parse_stamp(stamp: &[u8]) -> Option<Timestamp> {
    let digits = std::str::from_utf8(stamp).ok()?.strip_suffix(' ')?;
    let all = digits.len() == 14 && digits.bytes().all(|b| b.is_ascii_digit());
    all.then(|| Timestamp::strptime("%Y%m%d%H%M%S %z", format!("{digits} +0000")).ok()).flatten()
}

fn site(session: &mut Session, now: Timestamp, argument: &[u8]) -> Vec<u8> {
    let text = String::from_utf8_lossy(argument).into_owned();
    let (word, rest) = text.split_once(' ').unwrap_or((&text, ""));
    match word.to_ascii_uppercase().as_str() {
        "HELP" => b"214 CHMOD UMASK HELP\r\n".to_vec(),
        "UMASK" if rest.is_empty() => {
            format!("200 Your current UMASK is {:03o}\r\n", session.umask).into_bytes()
        }
        "UMASK" => {
            session.umask = octal(rest) & 0o777;
            // Measured: 022 is echoed as "022" and 0 as "0", printf's "%#o".
            let zero = if session.umask == 0 { "" } else { "0" };
            format!("200 UMASK set to {zero}{:o}\r\n", session.umask).into_bytes()
        }
        "CHMOD" => {
            // The name may hold bytes that are not UTF-8, so it is cut from the argument itself.
            let mut words = argument.splitn(3, |b| *b == b' ').skip(1);
            let (Some(mode), Some(name)) = (words.next(), words.next()) else {
                return b"500 SITE CHMOD needs 2 arguments.\r\n".to_vec();
            };
            let set = SetAttr { mode: Some(octal(&String::from_utf8_lossy(mode))), ..SetAttr::default() };
            match session.real(name).and_then(|path| session.vfs(now).set_attr(session.cred(), &path, set)) {
                Ok(()) => b"200 SITE CHMOD command ok.\r\n".to_vec(),
                Err(_) => b"550 SITE CHMOD command failed.\r\n".to_vec(),
            }
        }
        _ => b"500 Unknown SITE command.\r\n".to_vec(),
    }
}

/// Octal digits up to the first other character.
fn octal(text: &str) -> u32 {
    text.chars()
        .map_while(|c| c.to_digit(8))
        .fold(0u32, |value, digit| value.wrapping_mul(8).wrapping_add(digit))
}

fn flag(argument: &[u8], wanted: u8, fine: &'static str, bad: &'static str) -> &'static str {
    if argument.eq_ignore_ascii_case(&[wanted]) { fine } else { bad }
}

/// The number an argument begins with; 0 where there is none or it does not fit, as vsftpd's parser has it.
fn leading_number(argument: &[u8]) -> u64 {
    let end = argument.iter().position(|b| !b.is_ascii_digit()).unwrap_or(argument.len());
    let digits = argument.get(..end).and_then(|digits| std::str::from_utf8(digits).ok());
    digits.and_then(|digits| digits.parse::<i64>().ok()).and_then(|n| u64::try_from(n).ok()).unwrap_or(0)
}

/// A reply around a quoted path (RFC 959 appendix II: quotes doubled).
fn named(code: &str, path: &[u8], rest: &str) -> Vec<u8> {
    let mut out = code.as_bytes().to_vec();
    out.push(b'"');
    for byte in path {
        if *byte == b'"' {
            out.push(b'"');
        }
        out.push(*byte);
    }
    out.push(b'"');
    out.extend_from_slice(rest.as_bytes());
    out
}

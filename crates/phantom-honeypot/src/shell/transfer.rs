//! The programs that carry files over the connection they run on: scp and sftp-server.

use sha2::{Digest, Sha256};

use super::console::Emit;
use super::io::{Desc, Stop};
use super::{Shell, cmd, facts};
use crate::ssh::calls::Calls;
use crate::ssh::scp::{self, Mode, Options, Scp};
use crate::ssh::sftp::{Disk, Sftp, Step};

/// What reads standard input and writes standard output by itself.
enum Server {
    Sftp(Box<Sftp>),
    Scp(Box<Scp>),
}

impl Shell {
    /// The program of the subsystem.
    pub(super) async fn sftp_server(mut self) -> i32 {
        match sftp_server(&mut self, "", Vec::new()).await {
            Ok(status) | Err(Stop::Exit(status)) => status,
            Err(_) => 255,
        }
    }

    fn calls(&self) -> Calls {
        let order: [u8; 32] = Sha256::new()
            .chain_update(self.machine.persona().seed)
            .chain_update(b"directory order")
            .finalize()
            .into();
        Calls {
            vfs: self.vfs.clone(),
            who: self.account.cred.clone(),
            cwd: self.cwd.clone(),
            umask: self.umask,
            order: order.first_chunk().map_or(0, |bytes| u64::from_be_bytes(*bytes)),
        }
    }

    /// Runs a server until it ends or its input does.
    async fn serve(&mut self, mut server: Server) -> Result<i32, Stop> {
        let console = matches!(self.fds.get(&0), Some(Desc::Console(_)));
        let mut ended = false;
        loop {
            let mut out = Vec::new();
            let now = self.io.now();
            let step = match &mut server {
                Server::Sftp(sftp) => sftp.step(now, &mut out),
                Server::Scp(scp) => scp.step(now, &mut out),
            };
            self.pass(out)?;
            match step {
                Step::Exit(status) => return Ok(status),
                Step::Went => match self.io.room().await {
                    Ok(()) => continue,
                    Err(stop) => {
                        self.finish(&mut server)?;
                        return Err(stop);
                    }
                },
                Step::Idle => {}
            }
            if ended {
                self.finish(&mut server)?;
                return Ok(0);
            }
            let more = if !console {
                ended = true;
                Some(self.read_all().await?)
            } else {
                self.io.read_some().await?
            };
            ended |= more.is_none();
            match &mut server {
                Server::Sftp(sftp) => sftp.input(&more.unwrap_or_default()),
                Server::Scp(scp) => {
                    scp.input(&more.unwrap_or_default());
                    if ended {
                        scp.end_of_input();
                    }
                }
            }
        }
    }

    fn finish(&mut self, server: &mut Server) -> Result<(), Stop> {
        let mut out = Vec::new();
        match server {
            Server::Sftp(sftp) => sftp.end(&mut out),
            Server::Scp(scp) => scp.close(),
        }
        self.pass(out)
    }

    /// Hands on what a server wants done. Files may be longer than what a command may print.
    fn pass(&mut self, out: Vec<Emit>) -> Result<(), Stop> {
        for emit in out {
            let (fd, bytes) = match emit {
                Emit::Stdout(bytes) => (1, bytes),
                Emit::Stderr(bytes) => (2, bytes),
                other => {
                    self.io.lock().out.push(other);
                    continue;
                }
            };
            match self.fds.get(&fd) {
                Some(Desc::Console(n)) => self.io.lock().emit(*n == 2, &bytes),
                _ => self.write(fd, &bytes)?,
            }
        }
        Ok(())
    }
}

/// `/usr/lib/openssh/sftp-server`.
pub(super) async fn sftp_server(sh: &mut Shell, _name: &str, _args: Vec<Vec<u8>>) -> Result<i32, Stop> {
    let persona = sh.machine.persona();
    let (size, used) = facts::disk(persona);
    let disk = Disk { size, used, id: u64::from_be_bytes(*persona.seed.first_chunk().unwrap_or(&[0; 8])) };
    let sftp = Sftp::new(sh.calls(), sh.account.home.clone().into_bytes(), disk);
    sh.serve(Server::Sftp(Box::new(sftp))).await
}

/// `scp`: the far side of a copy, a copy on this machine, or an attempt to reach another one.
pub(super) async fn scp(sh: &mut Shell, _name: &str, args: Vec<Vec<u8>>) -> Result<i32, Stop> {
    let options = match scp::parse(&args) {
        Ok(options) => options,
        Err((text, status)) => {
            sh.write(2, &text)?;
            return Ok(status);
        }
    };
    if options.mode == Mode::Client {
        return client(sh, options, &args).await;
    }
    match Scp::with(sh.calls(), options) {
        Some(server) => sh.serve(Server::Scp(Box::new(server))).await,
        None => Ok(1),
    }
}

/// No other machine is ever reached: the network lets nothing out.
async fn client(sh: &mut Shell, options: Options, args: &[Vec<u8>]) -> Result<i32, Stop> {
    let Options { recursive, times, names, .. } = options;
    let Some(host) = names.iter().rev().find_map(|name| host_of(name)) else {
        let mut arguments: Vec<Vec<u8>> = Vec::new();
        arguments.extend(recursive.then(|| b"-r".to_vec()));
        arguments.extend(times.then(|| b"-p".to_vec()));
        arguments.push(b"--".to_vec());
        arguments.extend(names);
        return Box::pin(cmd::run(sh, b"cp", arguments)).await;
    };
    let port = args.iter().position(|a| a == b"-P").and_then(|at| args.get(at + 1));
    let port = String::from_utf8_lossy(port.map_or(b"22", Vec::as_slice)).into_owned();
    let host = String::from_utf8_lossy(host).into_owned();
    let numeric = host.parse::<std::net::IpAddr>().is_ok();
    // As wget and curl find out here that there is no way out: an address after three seconds, a name after ten.
    let wait = if numeric { 3_060_000 } else { 10_010_000 };
    let until = phantom_core::from_micros(phantom_core::micros(sh.io.now()).saturating_add(wait));
    sh.io.sleep_until(until).await?;
    let why = if numeric {
        format!("ssh: connect to host {host} port {port}: No route to host\r\n")
    } else {
        format!("ssh: Could not resolve hostname {host}: Temporary failure in name resolution\r\n")
    };
    sh.write(2, why.as_bytes())?;
    let old = args.iter().any(|a| a.starts_with(b"-") && !a.starts_with(b"--") && a.contains(&b'O'));
    if old {
        return Ok(1);
    }
    sh.write(2, b"scp: Connection closed\r\n")?;
    Ok(255)
}

/// The host of `user@host:file`; a slash before the colon makes it a file of this machine.
fn host_of(name: &[u8]) -> Option<&[u8]> {
    let colon = name.iter().position(|b| *b == b':').filter(|at| *at > 0)?;
    let head = name.get(..colon)?;
    if head.contains(&b'/') {
        return None;
    }
    head.rsplit(|b| *b == b'@').next()
}

#[cfg(test)]
mod tests {
    use super::host_of;
    use crate::shell::tests::{check, run};

    /// What Debian's scp prints where the same happens to it.
    #[test]
    fn scp_copies_here_and_reaches_nobody() {
        check(
            "echo a > /tmp/a; mkdir /tmp/d; scp /tmp/a /tmp/b; scp -rp /tmp/d /tmp/e; cat /tmp/b; ls /tmp/e",
            "a\n",
        );
        let usage = "usage: scp [-346ABCOpqRrsTv]";
        assert!(matches!(run("scp x"), (out, err, 1) if out.is_empty() && err.starts_with(usage)));
        let way = "ssh: connect to host 192.0.2.9 port 2222: No route to host\r\nscp: Connection closed\r\n";
        let told = run("scp -P 2222 /etc/passwd root@192.0.2.9:/tmp");
        assert_eq!((told.1.as_str(), told.2), (way, 255));
        let name = "ssh: Could not resolve hostname h.example: Temporary failure in name resolution\r\n";
        let told = run("scp -O h.example:x .");
        assert_eq!((told.1.as_str(), told.2), (name, 1));
    }

    #[test]
    fn servers_take_their_input_from_a_pipe_too() {
        check("printf 'C0644 3 n\\nabc\\0' | scp -t /tmp | od -An -c; cat /tmp/n", "  \\0  \\0  \\0\nabc");
        let init = r"printf '\0\0\0\005\001\0\0\0\003'";
        check(&format!("{init} | /usr/lib/openssh/sftp-server | wc -c"), "322\n");
        let told = run("sftp-server");
        assert_eq!((told.1.as_str(), told.2), ("bash: line 1: sftp-server: command not found\n", 127));
    }

    #[test]
    fn a_colon_makes_a_host_unless_a_slash_stands_before_it() {
        assert_eq!(host_of(b"u@h:f"), Some(&b"h"[..]));
        assert_eq!(host_of(b"h:"), Some(&b"h"[..]));
        for local in [&b"./a:b"[..], b":b", b"plain"] {
            assert_eq!(host_of(local), None);
        }
    }
}

//! What a jailed child can still do, tried by one.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::fd::{AsFd, OwnedFd};
use std::process::Command;
use std::time::Duration;

use libtest_mimic::{Failed, Trial};
use phantom_sys::channel::{Channel, pair};
use phantom_sys::jail::{self, Jail, Protections, Role};
use phantom_sys::spawn::{Child, Inherited, Spawn, describe};

pub(crate) fn tests() -> Vec<Trial> {
    vec![
        Trial::test("jail::namespaces_hold_and_the_listener_still_accepts", namespaces),
        Trial::test("jail::a_hardened_honeypot_can_only_talk", || hardened("honeypot")),
        Trial::test("jail::a_capture_child_can_send_on_its_channel_alone", || hardened("capture")),
        Trial::test("jail::without_root_the_same_holds", without_root),
        Trial::test("jail::running_a_program_kills", deadly),
        Trial::test("jail::the_child_dies_with_its_parent", dies_with_parent),
        Trial::test("jail::the_core_keeps_files_and_network", core_role),
        Trial::test("spawn::descriptors_arrive_in_order_and_no_others", descriptors),
        Trial::test("spawn::a_program_that_is_not_there_is_an_error", missing_program),
    ]
}

/// The child's side: the role says what to try, the first descriptor takes the answer.
pub(crate) fn child(mut inherited: Inherited) {
    let channel = Channel::from_fd(inherited.fds.remove(0)).expect("first descriptor is a channel");
    let mut jail =
        Jail::new(if inherited.role.starts_with("capture") { Role::Capture } else { Role::Honeypot });
    match inherited.role.as_str() {
        "namespaces" => {
            jail.harden = false;
            jail::enter(&jail, &mut inherited).expect("enter");
            let listener = TcpListener::from(inherited.fds.remove(0));
            let (_, peer) = listener.accept().expect("accept");
            let refused = |result: io::Result<()>| format!("{:?}", result.unwrap_err().raw_os_error());
            let lines = [
                format!("accepted {peer}"),
                format!("tcp {}", refused(TcpStream::connect(listener.local_addr().unwrap()).map(drop))),
                format!("far {}", refused(TcpStream::connect("192.0.2.1:80").map(drop))),
                format!("files {:?}", std::fs::read_dir("/").map(Iterator::count).ok()),
                format!("etc {:?}", std::fs::read("/etc/passwd").map_err(|e| e.raw_os_error()).unwrap_err()),
                format!("write {}", std::fs::write("/x", "x").is_err()),
                format!("uid {}", rustix::process::geteuid().as_raw() != 0),
                format!("caps {:?}", rustix::thread::capabilities(None).unwrap().permitted.bits()),
                format!("root {}", rustix::thread::set_thread_uid(rustix::thread::Uid::ROOT).is_err()),
            ];
            channel.send(lines.join("\n").as_bytes()).expect("send");
        }
        "honeypot" | "capture" => {
            let parent = rustix::process::getppid().expect("parent");
            jail::enter(&jail, &mut inherited).expect("enter");
            let lines = [
                format!("socket {}", errno(UdpSocket::bind("127.0.0.1:0").map(drop))),
                format!("open {}", errno(std::fs::read("/proc/self/status").map(drop))),
                format!("thread {}", std::thread::Builder::new().spawn(|| ()).is_err()),
                format!("exec-memory {}", exec_memory()),
                format!(
                    "kill {}",
                    errno(
                        rustix::process::kill_process(parent, rustix::process::Signal::TERM)
                            .map_err(Into::into)
                    )
                ),
                format!("connect {}", errno(connect_inherited(&inherited.fds))),
                format!("fastopen {}", errno(fast_open(&inherited.fds))),
                format!("send {}", send_other(&inherited.fds)),
            ];
            channel.send(lines.join("\n").as_bytes()).expect("send");
        }
        "deadly" => {
            jail::enter(&jail, &mut inherited).expect("enter");
            let _ = Command::new("/bin/true").status();
            // Without a shell to run there is still the call itself.
            let _ = rustix::process::chroot(".");
        }
        "parent" => {
            // Starts a grandchild that would live for a minute, says its number and ends at once.
            let grandchild = Spawn::new("sleeper", vec![channel.as_fd()]).start().expect("start");
            channel.send(grandchild.pid().to_string().as_bytes()).expect("send");
            grandchild.protections(Duration::from_secs(10)).expect("report");
        }
        "sleeper" => {
            jail::enter(&jail, &mut inherited).expect("enter");
            std::thread::sleep(Duration::from_secs(60));
        }
        "core" => {
            let done = jail::enter(&Jail::new(Role::Core), &mut inherited).expect("enter");
            let works = TcpListener::bind("127.0.0.1:0").is_ok()
                && std::fs::read("/etc/passwd").is_ok()
                && std::thread::Builder::new().spawn(|| ()).is_ok();
            channel.send(format!("{works} {}", done.holds("no capabilities")).as_bytes()).expect("send");
        }
        "descriptors" => {
            let open = (0..1024).filter(|fd| is_open(*fd)).count();
            let texts = inherited.args.iter().map(|a| a.to_string_lossy()).collect::<Vec<_>>().join(",");
            // An instrumented build's runtime puts a variable of its own into every process.
            let env = std::env::vars().filter(|(k, _)| !k.starts_with("__LLVM_PROFILE"));
            let env = env.map(|(k, v)| format!("{k}={v}")).collect::<Vec<_>>().join(",");
            let kinds = inherited
                .fds
                .iter()
                .map(|fd| if rustix::net::sockopt::socket_type(fd).is_ok() { "socket" } else { "pipe" })
                .collect::<Vec<_>>()
                .join(",");
            channel.send(format!("{open} {texts} {env} {kinds}").as_bytes()).expect("send");
        }
        other => panic!("unknown role {other}"),
    }
}

fn is_open(fd: i32) -> bool {
    // SAFETY: asks about a number, touches nothing.
    unsafe { libc::fcntl(fd, libc::F_GETFD) >= 0 }
}

fn errno(result: io::Result<()>) -> String {
    match result {
        Ok(()) => "done".into(),
        Err(error) => error.raw_os_error().map_or_else(|| error.to_string(), |number| number.to_string()),
    }
}

fn exec_memory() -> bool {
    // SAFETY: a fresh anonymous mapping that nothing refers to.
    let at = unsafe {
        libc::mmap(
            std::ptr::null_mut(),
            4096,
            libc::PROT_READ | libc::PROT_EXEC,
            libc::MAP_PRIVATE | libc::MAP_ANONYMOUS,
            -1,
            0,
        )
    };
    at == libc::MAP_FAILED
}

fn connect_inherited(fds: &[OwnedFd]) -> io::Result<()> {
    let address: SocketAddr = (Ipv4Addr::LOCALHOST, 9).into();
    Ok(rustix::net::connect(&fds[0], &address)?)
}

/// A listener shut down is a closed socket, and sending with MSG_FASTOPEN would connect it.
fn fast_open(fds: &[OwnedFd]) -> io::Result<()> {
    let _ = rustix::net::shutdown(&fds[0], rustix::net::Shutdown::Both);
    let address: SocketAddr = (Ipv4Addr::LOCALHOST, 9).into();
    let flags = rustix::net::SendFlags::from_bits_retain(libc::MSG_FASTOPEN.cast_unsigned());
    rustix::net::sendto(&fds[0], b"x", flags, &address)?;
    Ok(())
}

fn send_other(fds: &[OwnedFd]) -> String {
    errno(rustix::net::send(&fds[1], b"x", rustix::net::SendFlags::NOSIGNAL).map(drop).map_err(Into::into))
        + " "
        + &errno(rustix::io::write(&fds[1], b"x").map(drop).map_err(Into::into))
}

fn listen(child: &str, count: usize) -> Result<(Child, Channel, Protections, SocketAddr), Failed> {
    let (ours, theirs) = pair()?;
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let (far, other) = udp_pair()?;
    // Open until the test's process ends, so that the child's datagrams are not refused.
    std::mem::forget(far);
    let mut fds = vec![theirs.as_fd(), listener.as_fd(), other.as_fd()];
    fds.truncate(count);
    let started = Spawn::new(child, fds).start()?;
    let held = started.protections(Duration::from_secs(10))?;
    Ok((started, ours, held, listener.local_addr()?))
}

/// Two UDP sockets, the second connected to the first.
fn udp_pair() -> io::Result<(UdpSocket, UdpSocket)> {
    let (a, b) = (UdpSocket::bind("127.0.0.1:0")?, UdpSocket::bind("127.0.0.1:0")?);
    b.connect(a.local_addr()?)?;
    Ok((a, b))
}

fn answer(channel: &Channel) -> Result<String, Failed> {
    let mut buffer = vec![0; 4096];
    if !channel.wait_readable(Duration::from_secs(10))? {
        return Err("the child did not answer".into());
    }
    let length = channel.recv(&mut buffer)?;
    Ok(String::from_utf8_lossy(&buffer[..length]).into_owned())
}

fn namespaces() -> Result<(), Failed> {
    let (mut child, channel, held, address) = listen("namespaces", 2)?;
    let stream = TcpStream::connect(address)?;
    let text = answer(&channel)?;
    let expected = [
        format!("accepted {}", stream.local_addr()?),
        format!("tcp Some({})", libc::ENETUNREACH),
        format!("far Some({})", libc::ENETUNREACH),
        "files Some(0)".into(),
        format!("etc Some({})", libc::ENOENT),
        "write true".into(),
        "uid true".into(),
        "caps 0".into(),
        "root true".into(),
    ]
    .join("\n");
    assert_eq!(text, expected, "{held:?}");
    assert_eq!(held.missing().count(), 0, "{held:?}");
    assert!(child.wait()?.success());
    Ok(())
}

fn hardened(role: &str) -> Result<(), Failed> {
    let (mut child, channel, held, _) = listen(role, 3)?;
    let text = answer(&channel)?;
    let forbidden = libc::EPERM;
    let send = if role == "capture" { format!("{forbidden} {forbidden}") } else { "done done".into() };
    let expected = format!(
        "socket {forbidden}\nopen {forbidden}\nthread true\nexec-memory true\nkill {forbidden}\n\
         connect {forbidden}\nfastopen {forbidden}\nsend {send}"
    );
    assert_eq!(text, expected, "{held:?}");
    for name in ["system calls", "landlock", "no new privileges", "resource limits", "empty root"] {
        assert!(held.holds(name), "{name}: {held:?}");
    }
    assert!(child.wait()?.success());
    Ok(())
}

/// Runs the two tests above as `nobody`, in a copy of this binary that `nobody` may execute.
fn without_root() -> Result<(), Failed> {
    if !rustix::process::geteuid().is_root() {
        return Ok(());
    }
    let dir = tempfile::tempdir()?;
    let copy = dir.path().join("it");
    // By another process: a child that another test forks meanwhile would hold our own descriptor to the copy open
    // for writing, and executing it would fail with ETXTBSY.
    assert!(Command::new("cp").arg(std::env::current_exe()?).arg(&copy).status()?.success());
    for path in [dir.path(), &copy] {
        std::fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o755))?;
    }
    use std::os::unix::process::CommandExt;
    for test in ["namespaces_hold", "a_hardened_honeypot", "a_capture_child"] {
        let run = Command::new(&copy).arg(test).uid(65534).gid(65534).current_dir("/").output()?;
        let text = String::from_utf8_lossy(&run.stdout).into_owned() + &String::from_utf8_lossy(&run.stderr);
        assert!(run.status.success() && text.contains("1 passed"), "{test}: {text}");
    }
    Ok(())
}

fn deadly() -> Result<(), Failed> {
    let (mut child, ..) = listen("deadly", 1)?;
    let status = child.wait()?;
    assert_eq!(describe(status), format!("signal {} (forbidden system call)", libc::SIGSYS));
    Ok(())
}

fn dies_with_parent() -> Result<(), Failed> {
    let (ours, theirs) = pair()?;
    let mut parent = Spawn::new("parent", vec![theirs.as_fd()]).start()?;
    drop(theirs);
    let grandchild: i32 = answer(&ours)?.parse()?;
    assert!(parent.wait()?.success());
    // The grandchild held the last other end: its death is the end of the channel.
    assert!(ours.wait_readable(Duration::from_secs(10))?, "grandchild {grandchild} lives on");
    Ok(())
}

fn core_role() -> Result<(), Failed> {
    let (mut child, channel, held, _) = listen("core", 1)?;
    assert_eq!(answer(&channel)?, "true true", "{held:?}");
    assert!(child.wait()?.success());
    Ok(())
}

fn descriptors() -> Result<(), Failed> {
    let (ours, theirs) = pair()?;
    let (reader, _writer) = io::pipe()?;
    // Left open across exec on purpose: the child must not see it.
    rustix::io::fcntl_setfd(&reader, rustix::io::FdFlags::empty())?;
    let mut spawn = Spawn::new("descriptors", vec![theirs.as_fd(), reader.as_fd(), theirs.as_fd()]);
    spawn.args = vec!["one".into(), "two".into()];
    spawn.env = vec![("A".into(), "b".into())];
    let mut child = spawn.start()?;
    // Standard streams, three given, one for the report.
    assert_eq!(answer(&ours)?, "7 one,two A=b pipe,socket");
    assert!(child.protections(Duration::from_secs(5)).is_err(), "it never entered a jail");
    assert!(child.wait()?.success());
    assert!(child.try_wait()?.is_some());
    child.kill()?;
    Ok(())
}

fn missing_program() -> Result<(), Failed> {
    let mut spawn = Spawn::new("none", Vec::new());
    spawn.program = Some("/nonexistent".into());
    let error = spawn.start().expect_err("started").to_string();
    assert!(error.starts_with("spawn none: No such file"), "{error}");
    Ok(())
}

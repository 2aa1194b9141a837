//! The capture child in its jail, on a wire of its own.

use std::net::{SocketAddr, UdpSocket};
use std::os::fd::AsFd;
use std::process::Command;
use std::time::Duration;

use libtest_mimic::{Failed, Trial};
use phantom_flow::wire;
use phantom_sys::channel::pair;
use phantom_sys::spawn::Spawn;

use crate::world::World;

pub(crate) fn tests() -> Vec<Trial> {
    vec![Trial::test(NAME, || {
        if std::env::var_os("PHANTOM_APART").is_some() {
            return capture();
        }
        let run = Command::new("unshare")
            .args(["-Urn", "--"])
            .arg(std::env::current_exe()?)
            .args(["--exact", NAME, "--nocapture"])
            .env("PHANTOM_APART", "1")
            .output()?;
        let text = String::from_utf8_lossy(&run.stdout).into_owned() + &String::from_utf8_lossy(&run.stderr);
        if run.status.success() && text.contains("1 passed") { Ok(()) } else { Err(text.into()) }
    })]
}

const NAME: &str = "capture::packets_reach_the_core_from_the_jail";

fn capture() -> Result<(), Failed> {
    assert!(Command::new("ip").args(["link", "set", "lo", "up"]).status()?.success());
    let (ours, theirs) = pair()?;
    let ring = phantom_sys::ring::open("lo")?;
    let child = Spawn::new("capture", vec![theirs.as_fd(), ring.as_fd()]).start()?;
    let held = child.protections(Duration::from_secs(10))?;
    // Within a user namespace that maps one user there is no other to become.
    assert!(held.missing().all(|off| off.name == "unprivileged user"), "{held:?}");
    let nowhere: SocketAddr = "127.0.0.1:1".parse()?;
    let world = World::with_core(ours, nowhere);
    let (a, b) = (UdpSocket::bind("127.0.0.1:0")?, UdpSocket::bind("127.0.0.1:0")?);
    for _ in 0..100 {
        a.send_to(b"seen", b.local_addr()?)?;
    }
    let rows = |batches: &[Vec<u8>]| -> usize {
        let port = b.local_addr().map_or(0, |address| address.port());
        batches
            .iter()
            .flat_map(|bytes| wire::decode(bytes).expect("batch").packets)
            .filter(|row| row.dst_port == port && row.payload_len == 4)
            .count()
    };
    world.until("a hundred rows", |journal| rows(&journal.wire) == 100);
    world.until("status", |journal| journal.status.packets >= 100);
    let journal = world.journal.lock()?;
    assert_eq!((journal.status.kernel_drops, journal.hellos.len()), (0, 1));
    Ok(())
}

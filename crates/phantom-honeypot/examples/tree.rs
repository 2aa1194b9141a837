//! What a tree costs: `cargo run --release -p phantom-honeypot --example tree [FILE]`. With the file that
//! `cargo xtask persona` makes, that tree; without, the small one.
#![allow(clippy::print_stdout, clippy::unwrap_used)]

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Instant;

use phantom_honeypot::shell::{Machine, Shell, Visitor};
use phantom_honeypot::{Console, Cred, Emit, Image, Persona, Remember};

const VISITS: u32 = 2_000;

fn main() {
    let now = phantom_core::from_micros(1_763_900_000_000_000);
    let start = Instant::now();
    let image = std::env::args().nth(1).map(|file| {
        let bytes = std::fs::read(&file).unwrap();
        println!("file: {} bytes, read in {:?}", bytes.len(), start.elapsed());
        let start = Instant::now();
        let image = Image::open(Arc::new(bytes)).unwrap_or_else(|error| panic!("{file}: {error}"));
        println!("opened in {:?}: {image:?}, {} bytes of contents", start.elapsed(), image.contents());
        Arc::new(image)
    });
    let start = Instant::now();
    let machine = Machine::with(Arc::new(Persona::generate([3; 32], now)), image, Remember::default());
    println!("installation made in {:?}", start.elapsed());

    let (vfs, account) = machine.login(b"root", now);
    let peer = "192.0.2.9:4000".parse().unwrap();
    let local = "192.0.2.1:22".parse().unwrap();
    let visitor = Visitor { peer, local, at: now, seed: [5; 32] };
    for line in ["find /", "ls -laR /etc", "cat /var/lib/dpkg/status", "md5sum /usr/bin/*"] {
        let shell = Shell::new(Arc::clone(&machine), vfs.clone(), account.clone(), visitor.clone());
        let mut emits = Vec::new();
        let start = Instant::now();
        Console::exec(shell, line.as_bytes(), false).start(now, &mut emits);
        let took = start.elapsed();
        let out: Vec<u8> = emits
            .into_iter()
            .flat_map(|emit| if let Emit::Stdout(bytes) = emit { bytes } else { Vec::new() })
            .collect();
        let lines = out.iter().filter(|b| **b == b'\n').count();
        println!("{line}: {took:?}, {lines} lines, {} bytes", out.len());
    }

    let before = resident();
    let visits: Vec<_> = (0..VISITS)
        .map(|n| {
            let (vfs, _) = machine.visit(IpAddr::V4(Ipv4Addr::from(0x0a00_0000 + n)), b"root", now);
            for name in 0..4 {
                let mut vfs = vfs.lock().unwrap();
                let ino =
                    vfs.create(&Cred::root(), format!("/tmp/.x{name}").as_bytes(), 0o755, true).unwrap();
                vfs.write(ino, None, &[b'x'; 1_000]).unwrap();
            }
            vfs
        })
        .collect();
    let each = (resident() - before) / u64::from(VISITS);
    println!("{each} bytes a visit that wrote 4 files of 1,000 bytes, {VISITS} held at once");
    drop(visits);
    println!("remembered afterwards: {:?} sources and bytes", machine.memory().size());
}

fn resident() -> u64 {
    let text = std::fs::read_to_string("/proc/self/statm").unwrap();
    text.split(' ').nth(1).unwrap().parse::<u64>().unwrap() * 4096
}

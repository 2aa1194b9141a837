//! Everything that is bound, opened and made before the first child starts.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::Path;

use anyhow::{Context, Result};
use ipnet::IpNet;
use phantom_honeypot::Persona;
use phantom_sys::jail::Identity;
use phantom_sys::net;

use crate::control::Places;
use crate::core::now;
use crate::plan::{Plan, parse_network};

/// User and group of the core where the node is started by root: below `nobody`'s 65534, which the jailed hosts become,
/// so that no two of them are the same user.
const CORE_ID: u32 = 65_533;

/// Makes the data directory, readable to its owner alone.
pub(super) fn data_dir(dir: &Path) -> Result<()> {
    let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(dir);
    made.with_context(|| format!("data_dir: cannot make {}", dir.display()))
}

/// Who the core is where the node was started by root: the owner of the data directory, or a user of nobody else's who
/// then gets the directory. `None` where the core has to stay who we are.
pub(super) fn core_identity(
    dir: &Path,
    one_process: bool,
    remarks: &mut Vec<String>,
) -> Result<Option<Identity>> {
    if !rustix::process::geteuid().is_root() {
        return Ok(None);
    }
    if one_process {
        give(dir, Identity { uid: 0, gid: 0 })
            .with_context(|| format!("data_dir: cannot take {}", dir.display()))?;
        return Ok(None);
    }
    let meta = fs::metadata(dir).with_context(|| format!("data_dir: cannot read {}", dir.display()))?;
    let owner = Identity { uid: meta.uid(), gid: meta.gid() };
    let identity =
        if owner.uid == 0 || owner.gid == 0 { Identity { uid: CORE_ID, gid: CORE_ID } } else { owner };
    let closed =
        dir.ancestors().skip(1).find(|above| fs::metadata(above).is_ok_and(|meta| meta.mode() & 0o001 == 0));
    if let Some(closed) = closed {
        remarks.push(format!(
            "the core stays root (without capabilities): {} is closed to other users, and data_dir is below it",
            closed.display()
        ));
        give(dir, Identity { uid: 0, gid: 0 })?;
        return Ok(None);
    }
    match give(dir, identity) {
        Ok(()) => Ok(Some(identity)),
        // A user namespace in which there is nobody else.
        Err(error) if error.kind() == std::io::ErrorKind::InvalidInput => Ok(None),
        Err(error) => Err(error)
            .with_context(|| format!("data_dir: cannot give {} to uid {}", dir.display(), identity.uid)),
    }
}

/// Gives a directory and all in it to somebody; links are given themselves and not followed.
fn give(path: &Path, to: Identity) -> std::io::Result<()> {
    let meta = fs::symlink_metadata(path)?;
    if meta.uid() != to.uid || meta.gid() != to.gid {
        std::os::unix::fs::lchown(path, Some(to.uid), Some(to.gid))?;
    }
    if meta.is_dir() {
        for entry in fs::read_dir(path)? {
            give(&entry?.path(), to)?;
        }
    }
    Ok(())
}

/// What this installation pretends to be: made at the first start and kept.
pub(super) fn persona(data_dir: &Path) -> Result<Persona> {
    let path = Places(data_dir.into()).persona();
    match fs::read(&path) {
        Ok(bytes) => {
            serde_json::from_slice(&bytes).with_context(|| format!("{} is no persona", path.display()))
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let mut seed = [0; 32];
            fill_random(&mut seed)?;
            let persona = Persona::generate(seed, now()).with_host_keys().context("cannot make host keys")?;
            write_private(&path, &serde_json::to_vec_pretty(&persona)?)?;
            Ok(persona)
        }
        Err(error) => Err(error).with_context(|| format!("cannot read {}", path.display())),
    }
}

/// Written beside and moved into place, so that a crash leaves a whole file or none.
fn write_private(path: &Path, bytes: &[u8]) -> Result<()> {
    let beside = path.with_extension("new");
    let write = || -> std::io::Result<()> {
        let mut file =
            OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&beside)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&beside, path)
    };
    write().with_context(|| format!("cannot write {}", path.display()))
}

/// Binds every honeypot's addresses.
pub(super) fn listeners(plan: &Plan) -> Result<Vec<(String, Vec<TcpListener>)>> {
    plan.honeypots
        .iter()
        .map(|(service, addresses)| {
            let sockets = addresses.iter().map(|address| {
                TcpListener::bind(address)
                    .with_context(|| format!("honeypot.{service}.listen: cannot bind {address}"))
            });
            Ok((service.clone(), sockets.collect::<Result<_>>()?))
        })
        .collect()
}

/// Addresses resolved on this machine.
pub(super) struct Network {
    pub(super) never_block: Vec<IpNet>,
    pub(super) home_net: Vec<IpNet>,
}

/// Resolves the words of `response.never_block` and `capture.home_net`. The node's own addresses are never blocked.
pub(super) fn network(plan: &Plan, remarks: &mut Vec<String>) -> Network {
    let never = &plan.never_block;
    let mut never_block = never.networks.clone();
    if never.gateway {
        never_block.extend(net::gateways().into_iter().map(IpNet::from));
    }
    if never.dns {
        never_block.extend(net::name_servers().into_iter().map(IpNet::from));
    }
    let local = net::networks().unwrap_or_else(|error| {
        remarks.push(format!("own addresses unknown ({error}): capture.home_net = \"auto\" is empty"));
        Vec::new()
    });
    never_block.extend(local.iter().map(|own| IpNet::from(own.addr())));
    let mut home_net = Vec::new();
    for word in &plan.settings.capture.home_net {
        match parse_network(word) {
            Ok(network) => home_net.push(network),
            Err(_) => home_net.extend(local.iter().map(IpNet::trunc).filter(|own| !own.addr().is_loopback())),
        }
    }
    home_net.sort();
    home_net.dedup();
    Network { never_block: IpNet::aggregate(&never_block), home_net }
}

/// The packet ring and its interface, or a remark saying why there is none.
pub(super) fn ring(plan: &Plan, remarks: &mut Vec<String>) -> Option<(String, OwnedFd)> {
    let capture = &plan.settings.capture;
    if !capture.enabled {
        return None;
    }
    let interface = match capture.interface.as_str() {
        "auto" => net::capture_interface(),
        name => name.to_owned(),
    };
    match phantom_sys::ring::open(&interface) {
        Ok(ring) => Some((interface, ring)),
        Err(error) => {
            remarks.push(format!("no capture: {error}"));
            None
        }
    }
}

fn fill_random(mut bytes: &mut [u8]) -> Result<()> {
    while !bytes.is_empty() {
        let got = rustix::rand::getrandom(&mut *bytes, rustix::rand::GetRandomFlags::empty())
            .context("the system has no random bytes")?;
        bytes = bytes.get_mut(got..).unwrap_or_default();
    }
    Ok(())
}

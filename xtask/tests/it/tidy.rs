use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use toml::Table;

/// Crates without clocks, files, sockets, environment or unseeded randomness.
const PURE: [&str; 7] = [
    "phantom-core",
    "phantom-flow",
    "phantom-image",
    "phantom-honeypot",
    "phantom-ssh",
    "phantom-detect",
    "phantom-respond",
];

/// Who may see whom, from the ground up: an edge that is not here is an arrow that runs up or across.
const SEES: &[(&str, &[&str])] = &[
    ("phantom-core", &[]),
    ("phantom-ssh", &[]),
    ("phantom-flow", &["phantom-core"]),
    ("phantom-image", &[]),
    ("phantom-honeypot", &["phantom-core", "phantom-image", "phantom-ssh"]),
    ("phantom-detect", &["phantom-core", "phantom-flow"]),
    ("phantom-respond", &["phantom-core"]),
    ("phantom-sys", &["phantom-core"]),
    ("phantom-journal", &["phantom-core"]),
    ("phantom-store", &["phantom-core", "phantom-flow", "phantom-journal"]),
    ("phantom-host", &["phantom-core", "phantom-flow", "phantom-honeypot", "phantom-sys"]),
    ("phantom-api", &["phantom-core", "phantom-flow", "phantom-store"]),
    ("phantom-testkit", &["phantom-core"]),
];

/// What a pure crate's code may not name.
const IMPURE: [&str; 9] = [
    "std::fs",
    "std::env",
    "std::process",
    "TcpStream",
    "TcpListener",
    "UdpSocket",
    "SystemTime",
    "Instant::now",
    "thread_rng",
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_path_buf()
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Files that git knows or would add.
fn files() -> Vec<PathBuf> {
    let listed = std::process::Command::new("git")
        .current_dir(root())
        .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
        .output()
        .expect("git lists the files");
    assert!(listed.status.success(), "git ls-files failed");
    String::from_utf8(listed.stdout)
        .unwrap()
        .split_terminator('\0')
        .map(|name| root().join(name))
        .filter(|path| path.is_file())
        .collect()
}

fn sources(krate: &str) -> Vec<PathBuf> {
    let src = root().join("crates").join(krate).join("src");
    files()
        .into_iter()
        .filter(|path| path.starts_with(&src) && path.extension().is_some_and(|e| e == "rs"))
        .collect()
}

fn crates() -> BTreeSet<String> {
    std::fs::read_dir(root().join("crates"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect()
}

fn manifest(krate: &str) -> Table {
    read(&root().join("crates").join(krate).join("Cargo.toml")).parse().unwrap()
}

fn dependencies(krate: &str) -> BTreeSet<String> {
    manifest(krate)
        .get("dependencies")
        .and_then(|table| table.as_table())
        .map(|table| table.keys().cloned().collect())
        .unwrap_or_default()
}

/// The part of a source file before its unit tests.
fn code(path: &Path) -> String {
    let text = read(path);
    let end = text.find("#[cfg(test)]").unwrap_or(text.len());
    text[..end].lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n")
}

fn is_test_file(path: &Path) -> bool {
    path.file_stem().is_some_and(|name| name == "tests")
        || path.components().any(|part| part.as_os_str() == "tests")
}

#[test]
fn a_crates_folder_is_its_name() {
    for krate in crates() {
        assert_eq!(manifest(&krate)["package"]["name"].as_str(), Some(krate.as_str()));
    }
}

#[test]
fn no_arrow_runs_up() {
    for krate in crates().into_iter().filter(|name| name != "phantomnet") {
        let (_, allowed) = SEES
            .iter()
            .find(|(name, _)| *name == krate)
            .unwrap_or_else(|| panic!("{krate} has no line in SEES: say what it may see"));
        for dependency in dependencies(&krate).iter().filter(|name| name.starts_with("phantom")) {
            assert!(allowed.contains(&dependency.as_str()), "{krate} may not see {dependency}");
        }
    }
}

#[test]
fn pure_crates_touch_nothing() {
    for krate in PURE {
        for dependency in dependencies(krate) {
            assert!(
                !["tokio", "rustix", "nix", "libc", "rand", "getrandom", "socket2", "anyhow", "tracing"]
                    .contains(&dependency.as_str()),
                "{krate} is pure and depends on {dependency}"
            );
        }
        let lib = read(&root().join("crates").join(krate).join("src/lib.rs"));
        for lint in
            ["clippy::unwrap_used", "clippy::expect_used", "clippy::indexing_slicing", "clippy::panic"]
        {
            assert!(lib.contains(lint), "{krate}'s lib.rs does not deny {lint}");
        }
        for path in sources(krate).into_iter().filter(|path| !is_test_file(path)) {
            let code = code(&path);
            for name in IMPURE {
                assert!(!code.contains(name), "{} names {name}", path.display());
            }
        }
    }
}

#[test]
fn unsafe_stands_in_one_crate() {
    for krate in crates().into_iter().filter(|name| name != "phantom-sys") {
        for path in sources(&krate) {
            assert!(!read(&path).contains("allow(unsafe_code)"), "{} allows unsafe", path.display());
        }
    }
}

#[test]
fn anyhow_and_the_environment_belong_to_the_binary() {
    for krate in crates().into_iter().filter(|name| name != "phantomnet" && name != "phantom-testkit") {
        assert!(!dependencies(&krate).contains("anyhow"), "{krate} depends on anyhow");
        for path in sources(&krate).into_iter().filter(|path| !is_test_file(path)) {
            let code = code(&path);
            for name in ["env::var", "env::args"] {
                assert!(!code.contains(name), "{} reads {name}", path.display());
            }
        }
    }
}

#[test]
fn the_map_of_the_house_names_every_room() {
    let map = read(&root().join("ARCHITECTURE.md"));
    for krate in crates() {
        assert!(map.contains(&format!("`{krate}`")), "ARCHITECTURE.md does not name {krate}");
    }
}

#[test]
fn every_command_that_a_page_names_exists() {
    let usage = read(&root().join("xtask/src/main.rs"));
    for path in files().into_iter().filter(|path| path.extension().is_some_and(|e| e == "md")) {
        for (_, rest) in
            read(&path).match_indices("cargo xtask ").map(|(at, _)| ((), read(&path)[at + 12..].to_owned()))
        {
            let name: String = rest.chars().take_while(char::is_ascii_lowercase).collect();
            assert!(
                name.is_empty() || usage.contains(&format!("\"{name}\" =>")),
                "{} names cargo xtask {name}, which is no command",
                path.display()
            );
        }
    }
}

#[test]
fn text_files_are_clean() {
    let text = ["rs", "toml", "md", "ts", "tsx", "css", "html", "mjs", "py", "json", "yml"];
    for path in files() {
        let Some(extension) = path.extension().and_then(|e| e.to_str()) else { continue };
        if !text.contains(&extension) || path.starts_with(root().join("fuzz/seeds")) {
            continue;
        }
        let body = read(&path);
        assert!(body.is_empty() || body.ends_with('\n'), "{} does not end with a newline", path.display());
        for (number, line) in body.lines().enumerate() {
            let place = || format!("{}:{}", path.display(), number + 1);
            assert!(!line.ends_with([' ', '\t', '\r']), "{} ends with white space", place());
            if extension == "rs" && !path.ends_with("tidy.rs") {
                for mark in ["TODO", "FIXME", "XXX"] {
                    assert!(
                        !line.contains(&format!("// {mark}")),
                        "{} leaves a {mark}: do it, or write it in docs/",
                        place()
                    );
                }
            }
        }
    }
}

#[test]
fn one_integration_test_binary_a_crate() {
    for krate in crates() {
        let tests = root().join("crates").join(&krate).join("tests");
        let Ok(entries) = std::fs::read_dir(&tests) else { continue };
        let roots: Vec<_> = entries
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.extension().is_some_and(|e| e == "rs") || path.join("main.rs").is_file())
            .collect();
        assert!(roots.len() <= 1, "{krate} links {} test binaries", roots.len());
    }
}

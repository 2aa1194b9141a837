//! The command line, read as scp.c's getopt reads it: options end at the first name.

/// What scp is to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// `-t`: receive.
    To,
    /// `-f`: send.
    From,
    /// Neither: copy between machines.
    Client,
}

/// A command line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Options {
    pub(crate) mode: Mode,
    pub(crate) recursive: bool,
    /// `-p`: times and modes are kept.
    pub(crate) times: bool,
    pub(crate) verbose: bool,
    /// `-d`: the target must be a directory.
    pub(crate) directory: bool,
    pub(crate) names: Vec<Vec<u8>>,
}

const PLAIN: &[u8] = b"12346ABCTdfOpqRrstv";
const WITH_VALUE: &[u8] = b"DFJMPSXcilo";

const USAGE: &str = "usage: scp [-346ABCOpqRrsTv] [-c cipher] [-D sftp_server_path] [-F ssh_config]
           [-i identity_file] [-J destination] [-l limit] [-o ssh_option]
           [-P port] [-S program] [-X sftp_option] source ... target
";

/// Reads the arguments.
///
/// # Errors
/// What is said on standard error, and the status.
pub(crate) fn parse(arguments: &[Vec<u8>]) -> Result<Options, (Vec<u8>, i32)> {
    let mut options = Options {
        mode: Mode::Client,
        recursive: false,
        times: false,
        verbose: false,
        directory: false,
        names: Vec::new(),
    };
    let refuse = |what: &[u8], letter: u8| {
        let text = [b"scp: ", what, b" -- ", &[letter], b"\r\n", USAGE.as_bytes()].concat();
        Err((text, 1))
    };
    let (mut from, mut to) = (false, false);
    let mut arguments = arguments.iter();
    'all: while let Some(argument) = arguments.as_slice().first() {
        let letters = match argument.as_slice() {
            b"--" => {
                arguments.next();
                break;
            }
            [b'-', letters @ ..] if !letters.is_empty() => letters,
            _ => break,
        };
        arguments.next();
        for (at, letter) in letters.iter().enumerate() {
            if WITH_VALUE.contains(letter) {
                if at + 1 == letters.len() && arguments.next().is_none() {
                    return refuse(b"option requires an argument", *letter);
                }
                continue 'all;
            }
            match letter {
                b'1' => return Err((b"scp: SSH protocol v.1 is no longer supported\r\n".to_vec(), 255)),
                b'r' => options.recursive = true,
                b'p' => options.times = true,
                b'v' => options.verbose = true,
                b'd' => options.directory = true,
                b'f' => from = true,
                b't' => to = true,
                letter if PLAIN.contains(letter) => {}
                letter => return refuse(b"unknown option", *letter),
            }
        }
    }
    options.names = arguments.cloned().collect();
    options.mode = match (from, to) {
        (true, _) => Mode::From,
        (false, true) => Mode::To,
        _ if options.names.len() < 2 => return Err((USAGE.into(), 1)),
        _ => Mode::Client,
    };
    Ok(options)
}

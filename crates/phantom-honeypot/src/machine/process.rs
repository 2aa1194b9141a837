//! A process.

use phantom_core::Timestamp;

/// The terminal a process has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tty {
    None,
    Console(u8),
    Pts(u8),
}

impl Tty {
    /// As ps prints it.
    pub(crate) fn name(self) -> String {
        match self {
            Self::None => "?".to_owned(),
            Self::Console(n) => format!("tty{n}"),
            Self::Pts(n) => format!("pts/{n}"),
        }
    }

    /// `tty_nr` of /proc/PID/stat: the major number in bits 8 to 15, the minor below (proc(5)).
    pub(crate) fn number(self) -> u32 {
        match self {
            Self::None => 0,
            Self::Console(n) => 4 << 8 | u32::from(n),
            Self::Pts(n) => 136 << 8 | u32::from(n),
        }
    }
}

#[derive(Debug, Clone)]
pub(crate) struct Process {
    pub(crate) pid: u32,
    pub(crate) ppid: u32,
    pub(crate) sid: u32,
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    /// At most 15 bytes, as the kernel keeps it.
    pub(crate) comm: String,
    /// The command line, its words parted by NUL; empty for threads of the kernel.
    pub(crate) cmdline: Vec<u8>,
    /// The program's file; empty for threads of the kernel.
    pub(crate) exe: String,
    pub(crate) cwd: Vec<u8>,
    pub(crate) tty: Tty,
    pub(crate) start: Timestamp,
    /// S, R, I, as proc(5) has them.
    pub(crate) state: char,
    pub(crate) nice: i8,
    pub(crate) threads: u32,
    pub(crate) vsz_kib: u64,
    pub(crate) rss_kib: u64,
    /// Processor time it uses of every million microseconds.
    pub(crate) load_ppm: u64,
    /// The unit it belongs to; empty for threads of the kernel.
    pub(crate) unit: String,
}

impl Process {
    pub(crate) fn is_kernel(&self) -> bool {
        self.cmdline.is_empty()
    }

    /// Processor time used until `now`, in clock ticks of 10 ms.
    pub(crate) fn ticks(&self, now: Timestamp) -> u64 {
        let age = u64::try_from(now.as_second() - self.start.as_second()).unwrap_or(0);
        age.saturating_mul(self.load_ppm) / 10_000
    }

    /// The command line as ps prints it: words parted by spaces, a kernel thread's name in brackets.
    pub(crate) fn command(&self) -> String {
        if self.is_kernel() {
            return format!("[{}]", self.comm);
        }
        let line = self.cmdline.strip_suffix(b"\0").unwrap_or(&self.cmdline);
        let shown: Vec<u8> = line.iter().map(|b| if *b == 0 { b' ' } else { *b }).collect();
        shown.iter().map(|b| if b.is_ascii_control() { '?' } else { char::from(*b) }).collect::<String>()
    }

    /// The letters of ps's STAT column.
    pub(crate) fn stat(&self) -> String {
        let mut text = self.state.to_string();
        text.push_str(match self.nice {
            ..0 => "<",
            0 => "",
            1.. => "N",
        });
        if self.sid == self.pid {
            text.push('s');
        }
        if self.threads > 1 {
            text.push('l');
        }
        if self.foreground() {
            text.push('+');
        }
        text
    }

    fn foreground(&self) -> bool {
        match self.tty {
            Tty::None => false,
            Tty::Console(_) => true,
            Tty::Pts(_) => self.sid != self.pid,
        }
    }
}

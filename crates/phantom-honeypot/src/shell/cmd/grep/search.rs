//! Looking through one file after the other.

use std::collections::VecDeque;

use super::{Ctx, Job};
use crate::shell::io::BUFFER;

/// Matching steps of one run: what needs more is cut short.
const FUEL: u64 = 100_000_000;

pub(super) struct Search<'a> {
    job: &'a Job,
    pub(super) found: bool,
    fuel: u64,
    /// Something was printed, so that what does not follow it is set apart.
    printed: bool,
}

impl<'a> Search<'a> {
    pub(super) fn new(job: &'a Job) -> Self {
        Self { job, found: false, fuel: FUEL, printed: false }
    }

    pub(super) fn spent(&self) -> bool {
        self.fuel == 0
    }

    fn matches(&mut self, line: &[u8]) -> bool {
        self.job.patterns.iter().any(|regex| regex.is_match(line, &mut self.fuel))
    }

    /// The leftmost, then longest, of all patterns.
    fn next(&mut self, line: &[u8], from: usize) -> Option<(usize, usize)> {
        let all = self.job.patterns.iter().filter_map(|regex| regex.find_at(line, from, &mut self.fuel));
        all.min_by_key(|(start, end)| (*start, usize::MAX - end))
    }

    pub(super) fn file(&mut self, ctx: &mut Ctx<'_>, name: &[u8], bytes: &[u8]) {
        let job = self.job;
        let has_nul = job.end != 0 && bytes.contains(&0);
        if has_nul && job.skip_binary {
            if job.list == Some(false) {
                self.list(ctx, name);
            } else if job.count {
                self.head(ctx, name, None, 0, b':');
                ctx.print("0\n");
            }
            return;
        }
        let quiet = job.quiet || job.count || job.list.is_some();
        let mut binary = has_nul && !job.text;
        let mut count = 0u64;
        let mut held: VecDeque<(usize, usize, &[u8])> = VecDeque::new();
        let (mut follow, mut last) = (0, 0);
        let mut offset = 0;
        let mut rest = bytes;
        let mut number = 0;
        while !rest.is_empty() {
            number += 1;
            let end = rest.iter().position(|b| *b == job.end).unwrap_or(rest.len());
            let line = rest.get(..end).unwrap_or(rest);
            let here = offset;
            offset += end + 1;
            rest = rest.get(end + 1..).unwrap_or(&[]);
            if ctx.out.len() > BUFFER || self.fuel == 0 {
                break;
            }
            let selected = count < job.most && self.matches(line) != job.invert;
            if !selected {
                if count >= job.most && (follow == 0 || quiet) {
                    break;
                }
                if follow > 0 && !quiet {
                    follow -= 1;
                    self.line(ctx, name, number, here, line, b'-');
                    last = number;
                } else if job.before > 0 {
                    held.push_back((number, here, line));
                    if held.len() > job.before {
                        held.pop_front();
                    }
                }
                continue;
            }
            count += 1;
            self.found |= job.list != Some(false);
            if quiet {
                if !job.count {
                    break;
                }
                continue;
            }
            // A line that is no text in this locale makes the file a binary one.
            if !job.text && std::str::from_utf8(line).is_err() {
                binary = true;
            }
            if binary {
                let shown = super::show(name);
                ctx.fail(&format!("{shown}: binary file matches"));
                break;
            }
            let first = held.front().map_or(number, |(n, _, _)| *n);
            if job.context && (job.before > 0 || job.after > 0) && self.printed && first > last + 1 {
                ctx.out.extend_from_slice(if job.color {
                    b"\x1b[36m\x1b[K--\x1b[m\x1b[K\n"
                } else {
                    b"--\n"
                });
            }
            for (number, here, line) in held.drain(..) {
                self.line(ctx, name, number, here, line, b'-');
            }
            self.line(ctx, name, number, here, line, b':');
            last = number;
            self.printed = true;
            follow = job.after;
        }
        match job.list {
            Some(with) if (count > 0) == with => self.list(ctx, name),
            Some(_) => {}
            None if job.count && !job.quiet => {
                self.head(ctx, name, None, 0, b':');
                ctx.print(&format!("{count}\n"));
            }
            None => {}
        }
        // A file boundary ends the context.
        if self.printed {
            self.printed = job.context;
        }
    }

    fn list(&mut self, ctx: &mut Ctx<'_>, name: &[u8]) {
        self.found = true;
        if self.job.quiet {
            return;
        }
        self.paint(ctx, name, "35");
        ctx.out.push(if self.job.null_names { 0 } else { b'\n' });
    }

    fn paint(&self, ctx: &mut Ctx<'_>, text: &[u8], color: &str) {
        if self.job.color {
            ctx.print(&format!("\x1b[{color}m\x1b[K"));
            ctx.out.extend_from_slice(text);
            ctx.print("\x1b[m\x1b[K");
        } else {
            ctx.out.extend_from_slice(text);
        }
    }

    fn head(&self, ctx: &mut Ctx<'_>, name: &[u8], number: Option<usize>, offset: usize, sep: u8) {
        let job = self.job;
        if job.names {
            self.paint(ctx, name, "35");
            if job.null_names {
                ctx.out.push(0);
            } else {
                self.paint(ctx, &[sep], "36");
            }
        }
        let Some(number) = number else { return };
        let wide = |n: usize, width: usize| {
            if job.tab { format!("{n:>width$}") } else { n.to_string() }.into_bytes()
        };
        if job.numbers {
            self.paint(ctx, &wide(number, 4), "32");
            self.paint(ctx, &[sep], "36");
        }
        if job.offsets {
            self.paint(ctx, &wide(offset, 7), "32");
            self.paint(ctx, &[sep], "36");
        }
        if job.tab && (job.names || job.numbers || job.offsets) {
            ctx.out.push(b'\t');
        }
    }

    fn line(&mut self, ctx: &mut Ctx<'_>, name: &[u8], number: usize, offset: usize, line: &[u8], sep: u8) {
        let job = self.job;
        if job.only {
            if sep == b'-' || job.invert {
                return;
            }
            let mut at = 0;
            while let Some((from, to)) = self.next(line, at) {
                if to > from {
                    self.head(ctx, name, Some(number), offset + from, sep);
                    self.paint(ctx, line.get(from..to).unwrap_or(&[]), "01;31");
                    ctx.out.push(job.end);
                }
                at = if to > from { to } else { to + 1 };
                if at > line.len() || ctx.out.len() > BUFFER {
                    break;
                }
            }
            return;
        }
        self.head(ctx, name, Some(number), offset, sep);
        if job.color && (sep == b':') != job.invert {
            let mut at = 0;
            let mut from_line = 0;
            while let Some((from, to)) = self.next(line, at) {
                if to > from {
                    ctx.out.extend_from_slice(line.get(from_line..from).unwrap_or(&[]));
                    self.paint(ctx, line.get(from..to).unwrap_or(&[]), "01;31");
                    from_line = to;
                }
                at = if to > from { to } else { to + 1 };
                if at > line.len() {
                    break;
                }
            }
            ctx.out.extend_from_slice(line.get(from_line..).unwrap_or(&[]));
        } else {
            ctx.out.extend_from_slice(line);
        }
        ctx.out.push(job.end);
    }
}

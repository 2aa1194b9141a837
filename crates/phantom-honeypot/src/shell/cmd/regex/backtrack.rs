//! Matching with back-references and Perl's constructs: all ways one after the other, with fuel. POSIX keeps the
//! longest, Perl the first.

use super::perl::BEHIND;
use super::{Inst, Look, Regex, Spans, in_set};

/// Steps one attempt may take; beyond, the longest match so far stands.
const STEPS: u64 = 200_000;
/// Ways held for later.
const STACK: usize = 20_000;
/// Look-around within look-around.
const DEPTH: u32 = 8;

pub(super) fn find(regex: &Regex, text: &[u8], from: usize, fuel: &mut u64) -> Option<Spans> {
    (from..=text.len()).find_map(|start| {
        if *fuel == 0 || (regex.anchored && start > 0) {
            return None;
        }
        let mut steps = STEPS.min(*fuel);
        let before = steps;
        let run = Run { regex, text, end: None, depth: 0 };
        let found = run.from(0, start, vec![usize::MAX; regex.slots], &mut steps);
        *fuel = fuel.saturating_sub(before - steps + 1);
        let (end, saves) = found?;
        // The first slot is where `\\K` stood.
        let kept = saves.first().copied().filter(|kept| *kept != usize::MAX);
        let mut spans = vec![Some((kept.unwrap_or(start), end))];
        for pair in saves.chunks(2).take(regex.groups + 1).skip(1) {
            spans.push(match pair {
                [from, to] if *from != usize::MAX && *to != usize::MAX && from <= to => Some((*from, *to)),
                _ => None,
            });
        }
        Some(spans)
    })
}

struct Run<'a> {
    regex: &'a Regex,
    text: &'a [u8],
    /// Where the match has to end, for what looks behind.
    end: Option<usize>,
    depth: u32,
}

impl Run<'_> {
    fn from(&self, pc: usize, at: usize, saves: Vec<usize>, steps: &mut u64) -> Option<(usize, Vec<usize>)> {
        let mut best: Option<(usize, Vec<usize>)> = None;
        let mut stack = vec![(pc, at, saves)];
        while let Some((mut pc, mut at, mut saves)) = stack.pop() {
            loop {
                let Some(left) = steps.checked_sub(1) else { return best };
                *steps = left;
                match self.regex.program.get(pc) {
                    Some(Inst::Byte(wanted)) if self.text.get(at) == Some(wanted) => at += 1,
                    Some(Inst::Set(set)) if self.text.get(at).is_some_and(|b| in_set(set, *b)) => at += 1,
                    Some(Inst::Split(a, b)) => {
                        if stack.len() < STACK {
                            stack.push((*b, at, saves.clone()));
                        }
                        pc = *a;
                        continue;
                    }
                    Some(Inst::Jump(to)) => {
                        pc = *to;
                        continue;
                    }
                    Some(Inst::Save(slot) | Inst::Mark(slot)) => {
                        if let Some(place) = saves.get_mut(*slot) {
                            *place = at;
                        }
                    }
                    Some(Inst::Progress(slot)) => {
                        // An empty turn leaves the loop: the jump back follows.
                        if saves.get(*slot) == Some(&at) {
                            let Some(Inst::Jump(start)) = self.regex.program.get(pc + 1) else { break };
                            match self.regex.program.get(*start) {
                                Some(Inst::Split(a, b)) => pc = *a.max(b),
                                _ => break,
                            }
                            continue;
                        }
                    }
                    Some(Inst::Keep) => {
                        if let Some(place) = saves.first_mut() {
                            *place = at;
                        }
                    }
                    Some(Inst::Assert(what)) if self.regex.holds(*what, self.text, at) => {}
                    Some(Inst::Back(group)) => match self.same(&saves, *group, at) {
                        Some(length) => at += length,
                        None => break,
                    },
                    Some(Inst::Look(look, to)) => {
                        match self.look(*look, pc + 1, at, &saves, steps) {
                            Some((end, inner)) => {
                                at = end;
                                saves = inner;
                            }
                            None => break,
                        }
                        pc = *to;
                        continue;
                    }
                    Some(Inst::Match) => {
                        if self.end.is_some_and(|end| end != at) {
                            break;
                        }
                        if self.regex.perl || self.depth > 0 {
                            return Some((at, saves));
                        }
                        if best.as_ref().is_none_or(|(end, _)| at > *end) {
                            best = Some((at, saves));
                        }
                        break;
                    }
                    _ => break,
                }
                pc += 1;
            }
        }
        best
    }

    fn same(&self, saves: &[usize], group: usize, at: usize) -> Option<usize> {
        let (from, to) = (*saves.get(group * 2)?, *saves.get(group * 2 + 1)?);
        let part = self.text.get(from..to)?;
        let here = self.text.get(at..at + part.len())?;
        let same = if self.regex.icase { here.eq_ignore_ascii_case(part) } else { here == part };
        same.then_some(part.len())
    }

    /// Where matching goes on if the look holds.
    fn look(
        &self,
        look: Look,
        pc: usize,
        at: usize,
        saves: &[usize],
        steps: &mut u64,
    ) -> Option<(usize, Vec<usize>)> {
        if self.depth >= DEPTH {
            return None;
        }
        let inner = |end| Run { regex: self.regex, text: self.text, end, depth: self.depth + 1 };
        match look {
            Look::Atomic => inner(None).from(pc, at, saves.to_vec(), steps),
            Look::Ahead => inner(None).from(pc, at, saves.to_vec(), steps).map(|(_, saves)| (at, saves)),
            Look::NotAhead => match inner(None).from(pc, at, saves.to_vec(), steps) {
                None => Some((at, saves.to_vec())),
                Some(_) => None,
            },
            Look::Behind | Look::NotBehind => {
                let found = (at.saturating_sub(BEHIND)..=at)
                    .rev()
                    .find_map(|start| inner(Some(at)).from(pc, start, saves.to_vec(), steps));
                match (look, found) {
                    (Look::Behind, Some((_, saves))) => Some((at, saves)),
                    (Look::NotBehind, None) => Some((at, saves.to_vec())),
                    _ => None,
                }
            }
        }
    }
}

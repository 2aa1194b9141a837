//! Matching by simulating all ways at once: linear time, bounded memory.

use super::{Assertion, Inst, Regex, Spans, in_set};

/// Instruction numbers reached at one place of the text, each once, in order of preference.
struct Threads {
    list: Vec<usize>,
    seen: Vec<u32>,
    mark: u32,
}

impl Threads {
    fn new(size: usize) -> Self {
        Self { list: Vec::new(), seen: vec![0; size], mark: 0 }
    }

    fn clear(&mut self) {
        self.list.clear();
        self.mark += 1;
    }

    fn insert(&mut self, pc: usize) -> bool {
        match self.seen.get_mut(pc) {
            Some(seen) if *seen != self.mark => {
                *seen = self.mark;
                true
            }
            _ => false,
        }
    }
}

/// Follows what consumes nothing.
fn add(regex: &Regex, threads: &mut Threads, stack: &mut Vec<usize>, pc: usize, text: &[u8], at: usize) {
    stack.push(pc);
    while let Some(pc) = stack.pop() {
        if !threads.insert(pc) {
            continue;
        }
        match regex.program.get(pc) {
            Some(Inst::Split(a, b)) => {
                stack.push(*b);
                stack.push(*a);
            }
            Some(Inst::Jump(to)) => stack.push(*to),
            Some(Inst::Save(_) | Inst::Mark(_) | Inst::Progress(_)) => stack.push(pc + 1),
            Some(Inst::Assert(what)) if regex.holds(*what, text, at) => stack.push(pc + 1),
            Some(Inst::Assert(_)) => {}
            Some(_) => threads.list.push(pc),
            None => {}
        }
    }
}

fn takes(inst: Option<&Inst>, byte: u8) -> bool {
    match inst {
        Some(Inst::Byte(wanted)) => *wanted == byte,
        Some(Inst::Set(set)) => in_set(set, byte),
        _ => false,
    }
}

/// The next place at or after `at` where a match can begin.
fn skip(regex: &Regex, text: &[u8], at: usize) -> Option<usize> {
    if regex.anchored {
        return (at == 0).then_some(0);
    }
    match &regex.first {
        None => (at <= text.len()).then_some(at),
        Some(first) => {
            let rest = text.get(at..)?;
            rest.iter().position(|b| first.get(usize::from(*b)).copied().unwrap_or(true)).map(|n| at + n)
        }
    }
}

pub(super) fn find(regex: &Regex, text: &[u8], from: usize, fuel: &mut u64) -> Option<(usize, usize)> {
    let mut now = Threads::new(regex.program.len());
    let mut next = Threads::new(regex.program.len());
    let mut stack = Vec::new();
    let mut start = from;
    // Starts are tried one after the other: with the set of first bytes few are, and a long try that fails
    // is paid by the fuel.
    if !is_match_from(regex, text, from, fuel) {
        return None;
    }
    loop {
        start = skip(regex, text, start)?;
        let mut best = None;
        now.clear();
        add(regex, &mut now, &mut stack, 0, text, start);
        let mut at = start;
        while !now.list.is_empty() {
            *fuel = fuel.checked_sub(now.list.len() as u64 + 1)?;
            if now.list.iter().any(|pc| matches!(regex.program.get(*pc), Some(Inst::Match))) {
                best = Some((start, at));
            }
            let Some(byte) = text.get(at) else { break };
            next.clear();
            for pc in &now.list {
                if takes(regex.program.get(*pc), *byte) {
                    add(regex, &mut next, &mut stack, pc + 1, text, at + 1);
                }
            }
            std::mem::swap(&mut now, &mut next);
            at += 1;
        }
        if best.is_some() {
            return best;
        }
        start += 1;
        // Never begin within a character.
        while text.get(start).is_some_and(|b| b & 0xc0 == 0x80) && valid_before(text, start) {
            start += 1;
        }
    }
}

/// Whether the continuation byte at `at` belongs to a character begun before it.
fn valid_before(text: &[u8], at: usize) -> bool {
    (1..4).any(|back| {
        let lead = at.checked_sub(back).and_then(|n| text.get(n)).copied().unwrap_or(0);
        match back {
            1 => lead >= 0xc2,
            2 => lead >= 0xe0,
            _ => lead >= 0xf0,
        }
    })
}

pub(super) fn is_match(regex: &Regex, text: &[u8], fuel: &mut u64) -> bool {
    is_match_from(regex, text, 0, fuel)
}

/// All starts at once.
fn is_match_from(regex: &Regex, text: &[u8], from: usize, fuel: &mut u64) -> bool {
    let mut now = Threads::new(regex.program.len());
    let mut next = Threads::new(regex.program.len());
    let mut stack = Vec::new();
    let mut at = from;
    now.clear();
    loop {
        if now.list.is_empty() {
            match skip(regex, text, at) {
                Some(to) => at = to,
                None => return false,
            }
            now.clear();
        }
        if !regex.anchored || at == 0 {
            add(regex, &mut now, &mut stack, 0, text, at);
        }
        match fuel.checked_sub(now.list.len() as u64 + 1) {
            Some(left) => *fuel = left,
            None => {
                *fuel = 0;
                return false;
            }
        }
        if now.list.iter().any(|pc| matches!(regex.program.get(*pc), Some(Inst::Match))) {
            return true;
        }
        let Some(byte) = text.get(at) else { return false };
        next.clear();
        for pc in &now.list {
            if takes(regex.program.get(*pc), *byte) {
                add(regex, &mut next, &mut stack, pc + 1, text, at + 1);
            }
        }
        std::mem::swap(&mut now, &mut next);
        at += 1;
    }
}

/// The groups of the match that is known to be `start..end`: the preferred way that ends there.
pub(super) fn groups(regex: &Regex, text: &[u8], start: usize, end: usize, fuel: &mut u64) -> Spans {
    let slots = 2 * (regex.groups + 1);
    type Thread = (usize, Vec<usize>);
    let mut now: Vec<Thread> = Vec::new();
    let mut seen = Threads::new(regex.program.len());
    seen.clear();
    let follow = |list: &mut Vec<Thread>, seen: &mut Threads, thread: Thread, at: usize| {
        let mut stack = vec![thread];
        while let Some((pc, saves)) = stack.pop() {
            if !seen.insert(pc) {
                continue;
            }
            match regex.program.get(pc) {
                Some(Inst::Split(a, b)) => {
                    stack.push((*b, saves.clone()));
                    stack.push((*a, saves));
                }
                Some(Inst::Jump(to)) => stack.push((*to, saves)),
                Some(Inst::Save(slot)) => {
                    let mut saves = saves;
                    if let Some(place) = saves.get_mut(*slot) {
                        *place = at;
                    }
                    stack.push((pc + 1, saves));
                }
                Some(Inst::Mark(_) | Inst::Progress(_)) => stack.push((pc + 1, saves)),
                Some(Inst::Assert(what)) if regex.holds(*what, text, at) => stack.push((pc + 1, saves)),
                Some(Inst::Assert(_)) => {}
                Some(_) => list.push((pc, saves)),
                None => {}
            }
        }
    };
    follow(&mut now, &mut seen, (0, vec![usize::MAX; slots]), start);
    let mut at = start;
    let mut found = vec![usize::MAX; slots];
    loop {
        *fuel = fuel.saturating_sub((now.len() * (slots / 4 + 1)) as u64 + 1);
        if at >= end || *fuel == 0 {
            let matched = now.iter().find(|(pc, _)| matches!(regex.program.get(*pc), Some(Inst::Match)));
            if let Some((_, saves)) = matched {
                found.clone_from(saves);
            }
            break;
        }
        let Some(byte) = text.get(at) else { break };
        let mut next = Vec::new();
        seen.clear();
        for (pc, saves) in now {
            if takes(regex.program.get(pc), *byte) {
                follow(&mut next, &mut seen, (pc + 1, saves), at + 1);
            }
        }
        now = next;
        at += 1;
    }
    let mut spans = vec![Some((start, end))];
    for pair in found.chunks(2).skip(1) {
        spans.push(match pair {
            [from, to] if *from != usize::MAX && *to != usize::MAX => Some((*from, *to)),
            _ => None,
        });
    }
    spans
}

/// The bytes a match can begin with.
pub(super) fn first_bytes(program: &[Inst]) -> Option<[bool; 256]> {
    let mut all = [false; 256];
    let mut seen = vec![false; program.len()];
    let mut stack = vec![0];
    while let Some(pc) = stack.pop() {
        match seen.get_mut(pc) {
            Some(seen) if !*seen => *seen = true,
            _ => continue,
        }
        match program.get(pc)? {
            Inst::Byte(byte) => {
                if let Some(slot) = all.get_mut(usize::from(*byte)) {
                    *slot = true;
                }
            }
            Inst::Set(set) => {
                for (byte, slot) in (0..=255u8).zip(all.iter_mut()) {
                    *slot |= in_set(set, byte);
                }
            }
            Inst::Split(a, b) => stack.extend([*a, *b]),
            Inst::Jump(to) => stack.push(*to),
            // An assertion consumes nothing but what follows it must still begin the match.
            Inst::Save(_) | Inst::Assert(_) | Inst::Mark(_) | Inst::Progress(_) => stack.push(pc + 1),
            Inst::Back(_) | Inst::Match | Inst::Look(..) | Inst::Keep => return None,
        }
    }
    Some(all)
}

/// Whether every match begins at the start of the text.
pub(super) fn anchored(program: &[Inst]) -> bool {
    let mut pc = 0;
    loop {
        match program.get(pc) {
            Some(Inst::Save(_)) => pc += 1,
            Some(Inst::Assert(Assertion::LineStart | Assertion::TextStart)) => return true,
            _ => return false,
        }
    }
}

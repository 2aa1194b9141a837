//! From the tree to instructions.

use super::parse::{BIG, Node, Wrong};
use super::{Assertion, Inst, SIZE, Whole};

/// Instructions so far, and slots handed out.
pub(super) struct Compiler {
    pub(super) out: Vec<Inst>,
    pub(super) slots: usize,
}

impl Compiler {
    /// The whole expression, with what must stand around it.
    pub(super) fn whole(&mut self, node: &Node, whole: Whole) -> Result<(), Wrong> {
        let around = match whole {
            Whole::Any => None,
            Whole::Word => Some((Assertion::NoWordBefore, Assertion::NoWordAfter)),
            Whole::Line => Some((Assertion::LineStart, Assertion::LineEnd)),
        };
        self.out.extend(around.map(|(before, _)| Inst::Assert(before)));
        self.node(node)?;
        self.out.extend(around.map(|(_, after)| Inst::Assert(after)));
        self.out.push(Inst::Match);
        Ok(())
    }

    fn node(&mut self, node: &Node) -> Result<(), Wrong> {
        if self.out.len() > SIZE {
            return Err(BIG);
        }
        match node {
            Node::Empty => {}
            Node::Byte(byte) => self.out.push(Inst::Byte(*byte)),
            Node::Set(set) => self.out.push(Inst::Set(set.clone())),
            Node::Cat(all) => all.iter().try_for_each(|node| self.node(node))?,
            Node::Alt(all) => {
                let mut ends = Vec::new();
                for (index, node) in all.iter().enumerate() {
                    let split = self.out.len();
                    let last = index + 1 == all.len();
                    if !last {
                        self.out.push(Inst::Split(split + 1, 0));
                    }
                    self.node(node)?;
                    if !last {
                        ends.push(self.out.len());
                        self.out.push(Inst::Jump(0));
                        self.land(split);
                    }
                }
                ends.into_iter().for_each(|at| self.land(at));
            }
            Node::Repeat(inner, low, high) => self.repeat(inner, *low, *high, false)?,
            Node::Lazy(inner, low, high) => self.repeat(inner, *low, *high, true)?,
            Node::Group(inner, index) => {
                self.out.push(Inst::Save(index * 2));
                self.node(inner)?;
                self.out.push(Inst::Save(index * 2 + 1));
            }
            Node::Assert(what) => self.out.push(Inst::Assert(*what)),
            Node::Back(group) => self.out.push(Inst::Back(*group)),
            Node::Keep => self.out.push(Inst::Keep),
            Node::Look(look, inner) => {
                let at = self.out.len();
                self.out.push(Inst::Look(*look, 0));
                self.node(inner)?;
                self.out.push(Inst::Match);
                self.land(at);
            }
        }
        if self.out.len() > SIZE { Err(BIG) } else { Ok(()) }
    }

    fn repeat(&mut self, inner: &Node, low: u32, high: Option<u32>, lazy: bool) -> Result<(), Wrong> {
        for _ in 0..low {
            self.node(inner)?;
        }
        let split = |at: usize| if lazy { Inst::Split(0, at + 1) } else { Inst::Split(at + 1, 0) };
        let Some(high) = high else {
            let start = self.out.len();
            self.out.push(split(start));
            let slot = may_be_empty(inner).then(|| {
                self.slots += 1;
                self.slots - 1
            });
            self.out.extend(slot.map(Inst::Mark));
            self.node(inner)?;
            self.out.extend(slot.map(Inst::Progress));
            self.out.push(Inst::Jump(start));
            self.land(start);
            return Ok(());
        };
        let mut splits = Vec::new();
        for _ in low..high {
            splits.push(self.out.len());
            self.out.push(split(self.out.len()));
            self.node(inner)?;
        }
        splits.into_iter().for_each(|at| self.land(at));
        Ok(())
    }

    /// Lets the open way of the instruction at `at` lead to the end of what there is.
    fn land(&mut self, at: usize) {
        let end = self.out.len();
        match self.out.get_mut(at) {
            Some(Inst::Jump(to) | Inst::Look(_, to)) => *to = end,
            Some(Inst::Split(to @ 0, _) | Inst::Split(_, to)) => *to = end,
            _ => {}
        }
    }
}

fn may_be_empty(node: &Node) -> bool {
    match node {
        Node::Byte(_) | Node::Set(_) => false,
        Node::Cat(all) => all.iter().all(may_be_empty),
        Node::Alt(all) => all.iter().any(may_be_empty),
        Node::Repeat(inner, low, _) | Node::Lazy(inner, low, _) => *low == 0 || may_be_empty(inner),
        Node::Group(inner, _) => may_be_empty(inner),
        _ => true,
    }
}

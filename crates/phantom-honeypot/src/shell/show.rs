//! Programs as bash prints them: `type`, `declare -f`, `jobs`.

use super::ast::{Assign, Cond, Node, Redir, RedirOp, Simple, Value, Word};

/// A command on one line, as `jobs` shows it.
pub(super) fn command(node: &Node) -> Vec<u8> {
    let mut p = Printer { out: Vec::new(), indent: 0 };
    p.node(node);
    p.out
}

/// An assignment as it was typed.
pub(super) fn assignment(assign: &Assign) -> Vec<u8> {
    let mut p = Printer { out: Vec::new(), indent: 0 };
    p.assign(assign);
    p.out
}

/// A list of words as they were typed.
pub(super) fn typed(words: &[Word]) -> Vec<u8> {
    let mut p = Printer { out: Vec::new(), indent: 0 };
    p.words(words);
    p.out
}

/// A simple command, as BASH_COMMAND tells it.
pub(super) fn simple_command(simple: &Simple) -> Vec<u8> {
    let mut p = Printer { out: Vec::new(), indent: 0 };
    p.simple(simple);
    p.out
}

/// A function's definition.
pub(super) fn function(name: &[u8], body: &Node) -> Vec<u8> {
    let mut p = Printer { out: Vec::new(), indent: 0 };
    p.put(name);
    p.put(b" () \n");
    match body {
        Node::Redirected(inner, redirs) => {
            p.braces(inner);
            p.redirs(redirs);
        }
        body => p.braces(body),
    }
    p.put(b"\n");
    p.out
}

struct Printer {
    out: Vec<u8>,
    indent: usize,
}

impl Printer {
    fn put(&mut self, text: &[u8]) {
        self.out.extend_from_slice(text);
    }

    fn line(&mut self) {
        self.put(b"\n");
        self.out.extend(std::iter::repeat_n(b' ', self.indent * 4));
    }

    /// A function's body in braces of its own.
    fn braces(&mut self, body: &Node) {
        self.put(b"{ ");
        self.indent += 1;
        self.line();
        match body {
            Node::Group(inner) => self.node_lines(inner),
            other => self.node(other),
        }
        self.indent -= 1;
        self.line();
        self.put(b"}");
    }

    /// A list with a line for each command.
    fn node_lines(&mut self, node: &Node) {
        let Node::List(all) = node else { return self.node(node) };
        for (n, (node, background)) in all.iter().enumerate() {
            self.node(node);
            let last = n + 1 == all.len();
            match (*background, last) {
                (true, true) => self.put(b" &"),
                (true, false) => self.put(b" & "),
                (false, false) => {
                    self.put(b";");
                    self.line();
                }
                (false, true) => {}
            }
        }
    }

    /// A body between keywords.
    fn body(&mut self, node: &Node) {
        self.indent += 1;
        self.line();
        self.node_lines(node);
        if !self.out.ends_with(b"&") {
            self.put(b";");
        }
        self.indent -= 1;
        self.line();
    }

    fn words(&mut self, words: &[Word]) {
        for (n, word) in words.iter().enumerate() {
            if n > 0 {
                self.put(b" ");
            }
            self.put(&word.raw);
        }
    }

    fn assign(&mut self, assign: &Assign) {
        self.put(&assign.name);
        if let Some(index) = &assign.index {
            self.put(&[b"[", index.raw.as_slice(), b"]"].concat());
        }
        self.put(if assign.add { b"+=" } else { b"=" });
        match &assign.value {
            Value::Scalar(word) => self.put(&word.raw),
            Value::Array(list) => {
                self.put(b"(");
                for (n, (key, _, word)) in list.iter().enumerate() {
                    if n > 0 {
                        self.put(b" ");
                    }
                    if let Some(key) = key {
                        self.put(&[b"[", key.raw.as_slice(), b"]="].concat());
                    }
                    self.put(&word.raw);
                }
                self.put(b")");
            }
        }
    }

    fn simple(&mut self, simple: &Simple) {
        let mut first = true;
        for assign in &simple.assigns {
            if !first {
                self.put(b" ");
            }
            first = false;
            self.assign(assign);
        }
        if !first && !simple.words.is_empty() {
            self.put(b" ");
        }
        self.words(&simple.words);
        self.redirs(&simple.redirs);
        if simple.words.is_empty() && simple.assigns.is_empty() && self.out.first() == Some(&b' ') {
            self.out.remove(0);
        }
    }

    fn redirs(&mut self, redirs: &[Redir]) {
        for redir in redirs {
            let (op, usual): (&[u8], u32) = match &redir.op {
                RedirOp::In => (b"<", 0),
                RedirOp::Out => (b">", 1),
                RedirOp::Clobber => (b">|", 1),
                RedirOp::Append => (b">>", 1),
                RedirOp::ReadWrite => (if redir.fd.is_none() { b"0<>" } else { b"<>" }, 9999),
                RedirOp::Both { append: false } => (b"&>", 1),
                RedirOp::Both { append: true } => (b"&>>", 1),
                RedirOp::Line => (b"<<<", 0),
                RedirOp::Dup => (if redir.fd == Some(0) { b"<&" } else { b">&" }, 9999),
                RedirOp::Here { delimiter, .. } => {
                    let text =
                        [b" <<".as_slice(), delimiter, b"\n", &redir.word.raw, delimiter, b"\n"].concat();
                    self.put(&text);
                    continue;
                }
            };
            self.put(b" ");
            if let Some(fd) = redir.fd.filter(|fd| *fd != usual) {
                self.put(fd.to_string().as_bytes());
            }
            self.put(op);
            if redir.op != RedirOp::Dup {
                self.put(b" ");
            }
            self.put(&redir.word.raw);
        }
    }

    fn cond(&mut self, cond: &Cond) {
        match cond {
            Cond::Not(inner) => {
                self.put(b"! ");
                self.cond(inner);
            }
            Cond::Group(inner) => {
                self.put(b"( ");
                self.cond(inner);
                self.put(b" )");
            }
            Cond::And(a, b) | Cond::Or(a, b) => {
                self.cond(a);
                self.put(if matches!(cond, Cond::And(..)) { b" && " } else { b" || " });
                self.cond(b);
            }
            Cond::Unary(op, word) => self.put(&[op.as_slice(), b" ", &word.raw].concat()),
            Cond::Binary(a, op, b) => self.put(&[a.raw.as_slice(), b" ", op, b" ", &b.raw].concat()),
        }
    }

    fn node(&mut self, node: &Node) {
        match node {
            Node::Simple(simple) => self.simple(simple),
            Node::Pipe(all) => {
                for (n, node) in all.iter().enumerate() {
                    if n > 0 {
                        self.put(b" | ");
                    }
                    self.node(node);
                }
            }
            Node::Time(inner, posix) => {
                self.put(if *posix { b"time -p " } else { b"time " });
                if let Some(inner) = inner {
                    self.node(inner);
                }
            }
            Node::Not(inner) => {
                self.put(b"! ");
                self.node(inner);
            }
            Node::And(a, b) | Node::Or(a, b) => {
                self.node(a);
                self.put(if matches!(node, Node::And(..)) { b" && " } else { b" || " });
                self.node(b);
            }
            Node::List(all) => {
                for (n, (node, background)) in all.iter().enumerate() {
                    self.node(node);
                    let last = n + 1 == all.len();
                    match (*background, last) {
                        (true, true) => self.put(b" &"),
                        (true, false) => self.put(b" & "),
                        (false, false) => self.put(b"; "),
                        (false, true) => {}
                    }
                }
            }
            Node::If { arms, otherwise } => {
                for (n, (condition, body)) in arms.iter().enumerate() {
                    if n > 0 {
                        self.put(b"else");
                        self.indent += 1;
                        self.line();
                    }
                    self.put(b"if ");
                    self.node(condition);
                    self.put(b"; then");
                    self.body(body);
                }
                if let Some(body) = otherwise {
                    self.put(b"else");
                    self.body(body);
                }
                self.put(b"fi");
                for _ in 1..arms.len() {
                    self.put(b";");
                    self.indent -= 1;
                    self.line();
                    self.put(b"fi");
                }
            }
            Node::Loop { until, condition, body } => {
                self.put(if *until { b"until " } else { b"while " });
                self.node(condition);
                self.put(b"; do");
                self.body(body);
                self.put(b"done");
            }
            Node::For { name, words, body, select, .. } => {
                self.put(if *select { b"select " } else { b"for " });
                self.put(name);
                self.put(b" in ");
                match words {
                    Some(words) => self.words(words),
                    None => self.put(b"\"$@\""),
                }
                self.put(b";");
                self.line();
                self.put(b"do");
                self.body(body);
                self.put(b"done");
            }
            Node::Count { parts: [a, b, c], body } => {
                let text = [
                    b"for ((",
                    a.raw.trim_ascii(),
                    b"; ",
                    b.raw.trim_ascii(),
                    b"; ",
                    c.raw.trim_ascii(),
                    b"))",
                ];
                self.put(&text.concat());
                self.line();
                self.put(b"do");
                self.body(body);
                self.put(b"done");
            }
            Node::Case { word, arms } => {
                self.put(&[b"case ", word.raw.as_slice(), b" in "].concat());
                self.indent += 1;
                for arm in arms {
                    self.line();
                    let patterns: Vec<&[u8]> = arm.patterns.iter().map(|w| w.raw.as_slice()).collect();
                    self.put(&patterns.join(b" | ".as_slice()));
                    self.put(b")");
                    self.indent += 1;
                    self.line();
                    self.node_lines(&arm.body);
                    self.indent -= 1;
                    self.line();
                    self.put(match arm.end {
                        b'&' => b";&",
                        b't' => b";;&",
                        _ => b";;",
                    });
                }
                self.indent -= 1;
                self.line();
                self.put(b"esac");
            }
            Node::Function { name, body } => {
                self.put(b"function ");
                self.put(name);
                self.put(b" () ");
                self.line();
                self.braces(body);
            }
            Node::Group(inner) => {
                if self.indent == 0 {
                    self.put(b"{ ");
                    self.node(inner);
                    self.put(b"; }");
                } else {
                    self.put(b"{ ");
                    self.indent += 1;
                    self.line();
                    self.node_lines(inner);
                    self.indent -= 1;
                    self.line();
                    self.put(b"}");
                }
            }
            Node::Subshell(inner) => {
                self.put(b"( ");
                if self.indent == 0 {
                    self.node(inner)
                } else {
                    self.node_lines(inner)
                }
                self.put(b" )");
            }
            Node::Arith(word, _) => self.put(&[b"((", word.raw.as_slice(), b"))"].concat()),
            Node::Test(cond, _) => {
                self.put(b"[[ ");
                self.cond(cond);
                self.put(b" ]]");
            }
            Node::Redirected(inner, redirs) => {
                self.node(inner);
                self.redirs(redirs);
            }
        }
    }
}

//! Tokens of an AWK program.

/// A token; regular expressions only come where an operand may stand.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Token {
    Number(f64),
    Text(Vec<u8>),
    Regex(Vec<u8>),
    Name(Vec<u8>),
    /// A name with `(` right behind it.
    FuncName(Vec<u8>),
    Builtin(&'static str),
    Keyword(&'static str),
    Op(&'static str),
    Newline,
    End,
}

const KEYWORDS: &[&str] = &[
    "BEGIN", "END", "function", "func", "if", "else", "while", "for", "do", "break", "continue", "next",
    "nextfile", "exit", "return", "delete", "in", "getline", "print", "printf",
];

const BUILTINS: &[&str] = &[
    "length", "substr", "index", "split", "sub", "gsub", "match", "sprintf", "sin", "cos", "atan2", "exp",
    "log", "sqrt", "int", "rand", "srand", "tolower", "toupper", "system", "close", "fflush", "systime",
    "strftime", "mktime",
];

/// Longest first.
const OPS: &[&str] = &[
    "&&", "||", "++", "--", "+=", "-=", "*=", "/=", "%=", "^=", "==", "<=", ">=", "!=", "!~", ">>", "{", "}",
    "(", ")", "[", "]", ";", ",", "+", "-", "*", "/", "%", "^", "!", ">", "<", "|", "?", ":", "~", "$", "=",
];

/// A token with the line it stands on and its text, for complaints.
#[derive(Debug, Clone)]
pub(super) struct Placed {
    pub(super) token: Token,
    pub(super) line: usize,
    pub(super) text: Vec<u8>,
}

/// All tokens, `End` last.
pub(super) fn tokens(text: &[u8]) -> Result<Vec<Placed>, String> {
    let mut all: Vec<Placed> = Vec::new();
    let (mut at, mut line) = (0, 1);
    loop {
        let start = at;
        let Some(byte) = text.get(at).copied() else { break };
        let token = match byte {
            b' ' | b'\t' | b'\r' => {
                at += 1;
                continue;
            }
            b'\\' if text.get(at + 1) == Some(&b'\n') => {
                line += 1;
                at += 2;
                continue;
            }
            b'#' => {
                while text.get(at).is_some_and(|b| *b != b'\n') {
                    at += 1;
                }
                continue;
            }
            b'\n' => {
                at += 1;
                Token::Newline
            }
            b'"' => {
                let (value, end) = string(text, at + 1)
                    .ok_or_else(|| format!("line {line}: runaway string constant {} ...", head(text, at)))?;
                at = end;
                Token::Text(value)
            }
            b'/' if operand_may_stand(all.last().map(|p| &p.token)) => {
                let (value, end) = regex(text, at + 1).ok_or_else(|| {
                    format!("line {line}: runaway regular expression {} ...", head(text, at))
                })?;
                at = end;
                Token::Regex(value)
            }
            b'0'..=b'9' | b'.' => {
                if byte == b'.' && !text.get(at + 1).is_some_and(u8::is_ascii_digit) {
                    return Err(format!("line {line}: syntax error at or near ."));
                }
                let (value, length) = super::value::decimal(text.get(at..).unwrap_or(&[]));
                at += length.max(1);
                Token::Number(value)
            }
            b'a'..=b'z' | b'A'..=b'Z' | b'_' => {
                while text.get(at).is_some_and(|b| b.is_ascii_alphanumeric() || *b == b'_') {
                    at += 1;
                }
                let name = text.get(start..at).unwrap_or(&[]);
                if let Some(word) = KEYWORDS.iter().find(|k| k.as_bytes() == name) {
                    Token::Keyword(if *word == "func" { "function" } else { word })
                } else if let Some(word) = BUILTINS.iter().find(|k| k.as_bytes() == name) {
                    Token::Builtin(word)
                } else if text.get(at) == Some(&b'(') {
                    Token::FuncName(name.to_vec())
                } else {
                    Token::Name(name.to_vec())
                }
            }
            _ => {
                let rest = text.get(at..).unwrap_or(&[]);
                match OPS.iter().find(|op| rest.starts_with(op.as_bytes())) {
                    Some(op) => {
                        at += op.len();
                        Token::Op(op)
                    }
                    None => {
                        return Err(format!(
                            "line {line}: unexpected character {}",
                            char::from(byte).escape_default()
                        ));
                    }
                }
            }
        };
        let piece = text.get(start..at).unwrap_or(&[]).to_vec();
        let newlines = piece.iter().filter(|b| **b == b'\n').count();
        all.push(Placed { token, line, text: piece });
        line += newlines;
    }
    all.push(Placed { token: Token::End, line: line + 1, text: Vec::new() });
    Ok(all)
}

fn head(text: &[u8], at: usize) -> String {
    String::from_utf8_lossy(text.iter().skip(at).take(10).copied().collect::<Vec<_>>().as_slice())
        .into_owned()
}

/// Whether a `/` behind this token begins an expression instead of dividing.
fn operand_may_stand(before: Option<&Token>) -> bool {
    match before {
        Some(Token::Number(_) | Token::Text(_) | Token::Name(_) | Token::Regex(_) | Token::Builtin(_)) => {
            false
        }
        Some(Token::Op(op)) => !matches!(*op, ")" | "]" | "$" | "++" | "--"),
        Some(Token::Keyword(word)) => *word != "getline",
        _ => true,
    }
}

/// A string's value and where it ends.
fn string(text: &[u8], from: usize) -> Option<(Vec<u8>, usize)> {
    let mut at = from;
    loop {
        match text.get(at)? {
            b'"' => return Some((unescape(text.get(from..at).unwrap_or(&[])), at + 1)),
            b'\n' => return None,
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
}

fn regex(text: &[u8], from: usize) -> Option<(Vec<u8>, usize)> {
    let mut out = Vec::new();
    let mut at = from;
    // Where a bracket expression began: its first byte closes nothing.
    let mut bracket = None;
    loop {
        match text.get(at)? {
            b'/' if bracket.is_none() => return Some((out, at + 1)),
            b'[' if bracket.is_none() => {
                out.push(b'[');
                at += 1;
                if text.get(at) == Some(&b'^') {
                    out.push(b'^');
                    at += 1;
                }
                bracket = Some(at);
            }
            b']' if bracket.is_some_and(|start| at > start) => {
                bracket = None;
                out.push(b']');
                at += 1;
            }
            b'\n' => return None,
            b'\\' if text.get(at + 1) == Some(&b'/') => {
                out.push(b'/');
                at += 2;
            }
            b'\\' => {
                out.push(b'\\');
                out.extend(text.get(at + 1));
                at += 2;
            }
            other => {
                out.push(*other);
                at += 1;
            }
        }
    }
}

/// Escapes of strings and of `-v` values.
pub(super) fn unescape(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut at = 0;
    while let Some(byte) = text.get(at) {
        at += 1;
        let (b'\\', Some(next)) = (byte, text.get(at)) else {
            out.push(*byte);
            continue;
        };
        at += 1;
        match next {
            b'n' => out.push(b'\n'),
            b't' => out.push(b'\t'),
            b'r' => out.push(b'\r'),
            b'\\' => out.push(b'\\'),
            b'"' => out.push(b'"'),
            b'/' => out.push(b'/'),
            b'a' => out.push(7),
            b'b' => out.push(8),
            b'f' => out.push(12),
            b'v' => out.push(11),
            b'\n' => {}
            b'0'..=b'7' => {
                let mut value = u32::from(next - b'0');
                for _ in 0..2 {
                    if let Some(digit) = text.get(at).filter(|b| (b'0'..=b'7').contains(*b)) {
                        value = value * 8 + u32::from(digit - b'0');
                        at += 1;
                    }
                }
                out.push(value as u8);
            }
            other => out.extend_from_slice(&[b'\\', *other]),
        }
    }
    out
}

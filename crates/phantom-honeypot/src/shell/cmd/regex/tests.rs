use proptest::prelude::*;

use super::*;

fn find(pattern: &str, text: &str, dialect: Dialect) -> Option<(usize, usize)> {
    let flags = Flags::of(dialect);
    Regex::new(pattern.as_bytes(), flags).unwrap().find_at(text.as_bytes(), 0, &mut 1_000_000)
}

const ERE: Dialect = Dialect::Extended { strict: false };
const BRE: Dialect = Dialect::Basic { strict: false };

/// Places that `grep -bo` and `sed` of Debian 12 report.
#[test]
fn leftmost_and_longest() {
    for (pattern, text, dialect, wanted) in [
        ("a|ab|abc", "xabcd", ERE, Some((1, 4))),
        ("(a|ab)(c|bcd)(d*)", "abcd", ERE, Some((0, 4))),
        ("x*", "aaa", ERE, Some((0, 0))),
        (r"a\{2,3\}", "baaaa", BRE, Some((1, 4))),
        (r"\(ab\)*\1", "ababab", BRE, Some((0, 6))),
        ("^b", "ab", ERE, None),
        (r"\bfoo\b", "a foo b", ERE, Some((2, 5))),
        (r"\<oo", "foo", ERE, None),
        ("[[:digit:]]+", "ab123c", ERE, Some((2, 5))),
        ("[]a]+", "x]a]", ERE, Some((1, 4))),
        ("[^a-c]", "abcd", ERE, Some((3, 4))),
        ("a.c", "aéc", ERE, Some((0, 4))),
        ("a{,2}", "aaa", ERE, Some((0, 2))),
        ("a{x", "a{x", ERE, Some((0, 3))),
        ("*a", "*a", BRE, Some((0, 2))),
        ("a**", "aab", ERE, Some((0, 2))),
        ("()b", "ab", ERE, Some((1, 2))),
        ("a$b", "a$b", BRE, Some((0, 3))),
        (r"\(^a\)", "ba", BRE, None),
    ] {
        assert_eq!(find(pattern, text, dialect), wanted, "{pattern} on {text}");
    }
}

#[test]
fn groups() {
    let flags = Flags { icase: true, ..Flags::of(ERE) };
    let regex = Regex::new(b"(A+)(b)?(c*)", flags).unwrap();
    let spans = regex.captures_at(b"xaacc", 0, &mut 1_000_000).unwrap();
    assert_eq!(spans, [Some((1, 5)), Some((1, 3)), None, Some((3, 5))]);
}

/// What `grep -oP` of Debian 12 prints.
#[test]
fn perl() {
    for (pattern, text, wanted) in [
        (r"(?<=inet )\d+(\.\d+){3}", "inet 10.0.0.1/8", Some((5, 13))),
        (r"inet \K[\d.]+", "inet 10.0.0.1/8", Some((5, 13))),
        (r"a.*?b", "xaabab", Some((1, 4))),
        (r"foo(?!bar)", "foobar foobaz", Some((7, 10))),
        (r"(?i)FOO", "a foo", Some((2, 5))),
        (r"(?<n>a)\1", "baab", Some((1, 3))),
        (r"a++a", "aaa", None),
        (r"(?:ab|a)c", "abc", Some((0, 3))),
        (r"(a|ab)(c|bcd)?", "abcd", Some((0, 4))),
        (r"[\w.]+@", "x a.b@c", Some((2, 6))),
        (r"\Q.*\E", "a.*", Some((1, 3))),
    ] {
        assert_eq!(find(pattern, text, Dialect::Perl), wanted, "{pattern} on {text}");
    }
}

/// Wording of glibc 2.36, as grep 3.8 and sed 4.9 print it.
#[test]
fn refusals() {
    let strict = Dialect::Extended { strict: true };
    for (pattern, dialect, wanted) in [
        ("a[", BRE, "Unmatched [, [^, [:, [., or [="),
        (r"a\(b", BRE, r"Unmatched ( or \("),
        (r"a\)b", BRE, r"Unmatched ) or \)"),
        ("a)b", strict, r"Unmatched ) or \)"),
        ("a\\", BRE, "Trailing backslash"),
        ("[z-a]", BRE, "Invalid range end"),
        ("[[:foo:]]", BRE, "Invalid character class name"),
        (r"a\{1", BRE, r"Unmatched \{"),
        (r"a\{2,1\}", BRE, r"Invalid content of \{\}"),
        ("a{99999}", ERE, "Regular expression too big"),
        (r"(a)\2", ERE, "Invalid back reference"),
        ("*a", strict, "Invalid preceding regular expression"),
        ("((a{100}){100}){100}", ERE, "Regular expression too big"),
    ] {
        let flags = Flags::of(dialect);
        assert_eq!(Regex::new(pattern.as_bytes(), flags).err(), Some(wanted), "{pattern}");
    }
}

/// What takes a backtracking matcher for ever ends within its fuel.
#[test]
fn no_expression_is_catastrophic() {
    let text = "a".repeat(5000);
    for pattern in ["(a*)*b", "(a|a)*b", "(a+)+$b", r"(a*)*\1b", "(x+x+)+y"] {
        let mut fuel = 5_000_000;
        let flags = Flags::of(ERE);
        let regex = Regex::new(pattern.as_bytes(), flags).unwrap();
        assert_eq!(regex.find_at(text.as_bytes(), 0, &mut fuel), None, "{pattern}");
    }
}

proptest! {
    #[test]
    fn any_pattern_on_any_text(pattern: Vec<u8>, text: Vec<u8>, icase: bool) {
        for dialect in [BRE, ERE, Dialect::Awk, Dialect::Perl, Dialect::Basic { strict: true }] {
            if let Ok(regex) = Regex::new(&pattern, Flags { icase, multiline: icase, ..Flags::of(dialect) }) {
                let mut fuel = 100_000;
                let found = regex.captures_at(&text, 0, &mut fuel);
                if let Some(Some((from, to))) = found.and_then(|s| s.first().copied()) {
                    prop_assert!(from <= to && to <= text.len());
                }
            }
        }
    }

    /// On what both languages share, the whole match begins where another engine's does.
    #[test]
    fn starts_agree_with_another_engine(pattern in "[ab.*|()c+?]{0,8}", text in "[abc]{0,12}") {
        // `a+?` needs an `a` there and is an optional `a+` here.
        if pattern.contains("+?") {
            return Ok(());
        }
        let flags = Flags::of(Dialect::Extended { strict: true });
        let (Ok(ours), Ok(other)) = (Regex::new(pattern.as_bytes(), flags), regex_lite::Regex::new(&pattern)) else {
            return Ok(());
        };
        // `a*?` is lazy there and an optional `a*` here; starts are the same all the same.
        let start = other.find(&text).map(|m| m.start());
        prop_assert_eq!(ours.find_at(text.as_bytes(), 0, &mut 1_000_000).map(|m| m.0), start);
    }
}

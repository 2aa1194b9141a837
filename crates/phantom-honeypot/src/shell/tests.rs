use proptest::prelude::*;

use super::*;
use phantom_core::{Body, from_micros};

fn at() -> Timestamp {
    from_micros(1_763_900_000_000_000)
}

pub(in crate::shell) fn shell(user: &str) -> Shell {
    let machine = Machine::new(Arc::new(Persona::generate([3; 32], at())));
    let (vfs, account) = machine.login(user.as_bytes(), at());
    let visitor = Visitor {
        peer: "198.51.100.7:40000".parse().unwrap(),
        local: "192.0.2.1:22".parse().unwrap(),
        at: at(),
        seed: [9; 32],
    };
    Shell::new(machine, vfs, account, visitor)
}

/// Runs `bash -c line` as root with no input; what it printed and its status.
pub(in crate::shell) fn run(line: &str) -> (String, String, i32) {
    let mut console = Console::exec(shell("root"), line.as_bytes(), false);
    let mut out = Vec::new();
    console.start(at(), &mut out);
    console.end_of_input(at(), &mut out);
    assert!(matches!(out.first(), Some(Emit::Record(Body::Command(_)))), "evidence first: {out:?}");
    let (mut stdout, mut stderr, mut status) = (Vec::new(), Vec::new(), -1);
    let mut done = 0;
    while done < out.len() {
        match out[done].clone() {
            Emit::Stdout(b) => stdout.extend(b),
            Emit::Stderr(b) => stderr.extend(b),
            Emit::Exit(s) => status = s,
            Emit::Wake(Some(when)) => {
                console.wake(when, &mut out);
            }
            _ => {}
        }
        done += 1;
    }
    (String::from_utf8_lossy(&stdout).into(), String::from_utf8_lossy(&stderr).into(), status)
}

#[track_caller]
pub(in crate::shell) fn check(line: &str, stdout: &str) {
    let (out, err, _) = run(line);
    assert_eq!((out.as_str(), err.as_str()), (stdout, ""), "{line}");
}

/// Expected values are what bash 5.2.15 and coreutils 9.1 of Debian 12 print.
#[test]
fn the_language() {
    check("echo a  'b  c' \"d $((1+2*3)) $(echo x)\" \\$y", "a b  c d 7 x $y\n");
    check("a=1; b=${a:-2}${c:-3}${a:+4}; echo $b ${#b}", "134 3\n");
    check(
        "f=/x/y.tar.gz; echo ${f##*/} ${f%.*} ${f%%.*} ${f#/} ${f/y/z} ${f:1:3}",
        "y.tar.gz /x/y.tar /x/y x/y.tar.gz /x/z.tar.gz x/y\n",
    );
    check("for i in 1 2 3; do [ $i = 2 ] && continue; echo $i; done", "1\n3\n");
    check("i=0; while [ $i -lt 3 ]; do i=$((i+1)); echo -n $i; done; echo", "123\n");
    check("for ((i=0;i<3;i++)); do echo -n $i; done", "012");
    check("case abc in x) echo no;; a*|b) echo yes;; esac", "yes\n");
    check("f() { echo $1 $#; return 3; }; f p q; echo $?", "p 2\n3\n");
    check("(cd /tmp; pwd); pwd", "/tmp\n/root\n");
    check("echo a | cat; false || echo or; true && echo and; ! false; echo $?", "a\nor\nand\n0\n");
    check("if false; then echo 1; elif true; then echo 2; else echo 3; fi", "2\n");
    check("cat <<EOF\nx $((2+2))\nEOF\ncat <<'E'\n$y\nE\n", "x 4\n$y\n");
    check("cat <<< hi; echo {a,b}{1..2}", "hi\na1 a2 b1 b2\n");
    check("ls /nonexist 2>&1 | wc -l; { echo e >&2; } 2>/dev/null", "1\n");
}

#[test]
fn words_split_as_in_bash() {
    check("x='a  b'; for w in $x \"$x\"; do echo \"[$w]\"; done", "[a]\n[b]\n[a  b]\n");
    check("set -- 'a b' c; for w in \"$@\"; do echo \"[$w]\"; done; echo $#", "[a b]\n[c]\n2\n");
    check("echo \"\" | wc -c; x=; [ -z \"$x\" ] && echo empty", "1\nempty\n");
    check("cd /etc; echo host* *.nothing", "hostname hosts *.nothing\n");
    check("read a b <<< 'one two three'; echo $b", "two three\n");
    check("printf 'a\\nb\\n' | while read l; do echo \"<$l>\"; done", "<a>\n<b>\n");
}

#[test]
fn failures_are_worded_as_bash_words_them() {
    for (line, wanted, status) in [
        ("foo", "bash: line 1: foo: command not found\n", 127),
        ("cat /nope", "cat: /nope: No such file or directory\n", 1),
        ("cd /nope", "bash: line 1: cd: /nope: No such file or directory\n", 1),
        (
            "echo )",
            "bash: -c: line 1: syntax error near unexpected token `)'\nbash: -c: line 1: `echo )'\n",
            2,
        ),
        ("ls /nope", "ls: cannot access '/nope': No such file or directory\n", 2),
        ("sh -c foo", "sh: 1: foo: not found\n", 127),
        ("echo x > /proc/x", "bash: line 1: /proc/x: No such file or directory\n", 1),
        ("exit 7", "", 7),
    ] {
        let (_, err, got) = run(line);
        assert_eq!((err.as_str(), got), (wanted, status), "{line}");
    }
}

#[test]
fn programs_agree_with_each_other() {
    check("id -u; whoami; echo $HOME", "0\nroot\n/root\n");
    check("id", "uid=0(root) gid=0(root) groups=0(root)\n");
    check(
        "[ \"$(hostname)\" = \"$(cat /etc/hostname)\" ] && [ \"$(uname -n)\" = $HOSTNAME ] && echo same",
        "same\n",
    );
    check(
        "[ $(stat /etc/passwd | grep -c regular) = 1 ] && [ $(wc -c < /etc/passwd) = $(ls -l /etc/passwd | cut -d ' ' -f 5) ] && echo same",
        "same\n",
    );
    check("[ $(nproc) = $(grep -c ^processor /proc/cpuinfo) ] && echo same", "same\n");
    check(
        "mkdir -p /tmp/a/b; echo hi > /tmp/a/b/c; cp -r /tmp/a /tmp/d; find /tmp/d; rm -rf /tmp/a; ls /tmp",
        "/tmp/d\n/tmp/d/b\n/tmp/d/b/c\nd\n",
    );
    check("printf 'b\\na\\nb\\n' | sort | uniq -c | sort -rn", "      2 b\n      1 a\n");
    check(
        "echo hello | base64; echo aGVsbG8K | base64 -d; printf x | sha256sum | cut -c1-8",
        "aGVsbG8K\nhello\n2d711642\n",
    );
    check(
        "touch f; chmod 640 f; ls -l f | cut -c1-10; chmod u+x,o=r f; ls -l f | cut -c1-10",
        "-rw-r-----\n-rwxr--r--\n",
    );
    check(
        "echo -e '\\x41\\0102\\n' > x; cat x; ln -s x y; readlink y; head -n 1 /etc/passwd | grep -o '^ro*t'",
        "AB\n\nx\nroot\n",
    );
}

/// A program that `ls` and `which` find but that cannot be run gives the machine away, and so does one that runs
/// and lies nowhere.
#[test]
fn every_listed_program_is_a_command_we_have_and_every_program_is_listed() {
    let mut listed = Vec::new();
    for dir in ["/usr/bin", "/usr/sbin"] {
        let (out, _, _) = run(&format!("ls -1 {dir}"));
        let missing: Vec<&str> = out.lines().filter(|name| !cmd::has(name.as_bytes())).collect();
        assert!(missing.is_empty() && !out.is_empty(), "{dir}: {missing:?}");
        listed.extend(out.lines().map(|name| format!("{dir}/{name}")));
    }
    let shell = shell("root");
    let helpers = ["/usr/lib/openssh/sftp-server".to_owned()];
    listed.extend(helpers);
    let packages = crate::machine::packages::installed(shell.machine.persona());
    for row in cmd::rows() {
        let path = format!("{}/{}", row.dir, row.name);
        assert!(listed.contains(&path), "{path} is not in the tree");
        let stat = shell.vfs().stat(&shell.account.cred, path.as_bytes());
        let stat = stat.unwrap_or_else(|e| panic!("{path} leads nowhere: {e}"));
        assert!(stat.mode & 0o111 == 0o111 && stat.size > 0, "{path}");
        assert!(packages.iter().any(|p| p.name == row.package), "{}", row.package);
    }
}

#[test]
fn a_program_is_where_it_lies() {
    check("mv /usr/bin/nproc /usr/bin/np; np >/dev/null && echo moved; which nproc", "moved\n");
    check("cp /bin/id /tmp/x; /tmp/x -u; PATH=/tmp; x -un", "0\nroot\n");
    check("printf '#!/bin/sh\\necho mine\\n' > /usr/local/bin/ls; chmod +x /usr/local/bin/ls; ls", "mine\n");
    check("env A=1 printenv A; nohup echo x; /bin/echo y; /usr/bin/[ 1 = 1 ] && echo z", "1\nx\ny\nz\n");
    for (line, wanted, status) in [
        ("PATH=/nope; ls", "bash: line 1: ls: command not found\n", 127),
        ("rm /usr/bin/wget; wget x", "bash: line 1: wget: command not found\n", 127),
        ("env nope", "env: ‘nope’: No such file or directory\n", 127),
        (
            "printf '\\x7fELFxx' > x; chmod +x x; ./x",
            "bash: line 1: ./x: cannot execute binary file: Exec format error\n",
            126,
        ),
    ] {
        let (_, err, got) = run(line);
        assert_eq!((err.as_str(), got), (wanted, status), "{line}");
    }
}

/// Expected values are what coreutils 9.1 prints.
#[test]
fn small_programs() {
    check("basename /a/b.c .c; basename /; basename a//; dirname /a/b /a a //", "b\n/\na\n/a\n/\n.\n/\n");
    check("echo Hello | tr a-z A-Z; echo aabbc | tr -s ab; echo a1b2 | tr -d 0-9", "HELLO\nabc\nab\n");
    check(
        "echo 'x y' | tr ' ' '\\n'; echo abc | tr '[:lower:]' '[:upper:]'; echo a,b | tr -cd a-z",
        "x\ny\nABC\nab",
    );
    check("printenv HOME; printenv NOPE; echo $?", "/root\n1\n");
    check(
        "touch f; chown www-data:adm f; ls -l f | cut -d ' ' -f 3-4; chgrp 0 f; ls -l f | cut -d ' ' -f 3-4",
        "www-data adm\nwww-data root\n",
    );
    for (line, wanted) in [
        ("chown nobodyx f", "chown: invalid user: ‘nobodyx’\n"),
        ("chown root /nope", "chown: cannot access '/nope': No such file or directory\n"),
        ("basename", "basename: missing operand\nTry 'basename --help' for more information.\n"),
    ] {
        assert_eq!(run(line).1, wanted, "{line}");
    }
}

/// Wording measured with bash 5.2.15.
#[test]
fn processes_and_limits() {
    for (line, wanted, status) in [
        ("kill 99999", "bash: line 1: kill: (99999) - No such process\n", 1),
        ("p=$(pidof cron); kill -9 $p; kill $p 2>/dev/null; pidof cron", "", 1),
        ("kill abc", "bash: line 1: kill: abc: arguments must be process or job IDs\n", 1),
        ("kill -XX 1", "bash: line 1: kill: XX: invalid signal specification\n", 1),
        ("kill %1", "bash: line 1: kill: %1: no such job\n", 1),
        ("kill -9 $$", "", 137),
        ("bg", "bash: line 1: bg: no job control\n", 1),
        ("fg", "bash: line 1: fg: no job control\n", 1),
        ("wait 99999", "bash: line 1: wait: pid 99999 is not a child of this shell\n", 127),
        ("true & wait $!; jobs; wait", "", 0),
        (
            "ulimit -z",
            "bash: line 1: ulimit: -z: invalid option\nulimit: usage: ulimit [-SHabcdefiklmnpqrstuvxPRT] [limit]\n",
            2,
        ),
    ] {
        let (_, err, got) = run(line);
        assert_eq!((err.as_str(), got), (wanted, status), "{line}");
    }
    check(
        "kill -l 9; kill -l TERM; kill -l | wc -l; ulimit; ulimit -n; ulimit -a | wc -l",
        "KILL\n15\n13\nunlimited\n1024\n17\n",
    );
}

#[test]
fn downloads_fail_after_their_time_and_tell_the_url() {
    let (_, err, status) = run("curl http://a.example/x");
    assert_eq!((err.as_str(), status), ("curl: (6) Could not resolve host: a.example\n", 6));
    let mut console = Console::exec(shell("root"), b"wget -q http://a.example/x", false);
    let mut out = Vec::new();
    console.start(at(), &mut out);
    assert!(
        matches!(&out[1], Emit::Record(Body::Note(n)) if n.name == "url" && n.value.as_bytes() == b"http://a.example/x")
    );
    assert!(matches!(out[2], Emit::Wake(Some(when)) if when > at()) && !console.is_done());
}

#[test]
fn endless_things_end() {
    for line in [
        "while :; do :; done",
        ":(){ :|:& };:",
        "f(){ f; }; f",
        "for ((;;)); do echo y; done",
        "x=a; while :; do x=$x$x; done",
    ] {
        let (out, _, status) = run(line);
        assert!(status != -1 && out.len() <= io::OUTPUT, "{line}: {status}");
    }
}

fn terminal(user: &str, input: &[u8], chunk: usize) -> (String, Vec<Emit>) {
    let mut console = Console::interactive(shell(user), b"xterm", 80, 24);
    let mut out = Vec::new();
    console.start(at(), &mut out);
    for part in input.chunks(chunk) {
        console.input(at(), part, &mut out);
    }
    let text: Vec<u8> = out
        .iter()
        .filter_map(|e| if let Emit::Stdout(b) = e { Some(b.clone()) } else { None })
        .flatten()
        .collect();
    (String::from_utf8_lossy(&text).into(), out)
}

#[test]
fn a_visit_on_a_terminal() {
    let (text, out) =
        terminal("root", b"echo hi\rfoo\rcat > t\rline\r\x04ls\rpasswd\rsecret\rsecret\rexit\r", 99);
    let host = Persona::generate([3; 32], at()).hostname;
    let text =
        text.split_once(&format!("root@{host}:~# ")).unwrap().1.replace(&format!("root@{host}:~# "), "# ");
    assert_eq!(
        text,
        "echo hi\r\nhi\r\n# foo\r\n-bash: foo: command not found\r\n# cat > t\r\nline\r\n# ls\r\nt\r\n# passwd\r\nNew password: \r\nRetype new password: \r\npasswd: password updated successfully\r\n# exit\r\nlogout\r\n"
    );
    let lines: Vec<(String, bool)> = out
        .iter()
        .filter_map(|e| match e {
            Emit::Record(Body::Command(c)) => Some((c.line.to_string(), c.accepted)),
            _ => None,
        })
        .collect();
    assert_eq!(lines.iter().map(|l| l.1).collect::<Vec<_>>(), [true, false, true, true, true, true]);
    assert_eq!(out.last(), Some(&Emit::Exit(0)));
}

#[test]
fn a_line_is_edited() {
    let (text, out) =
        terminal("root", b"ecko\x7f\x7fho ac\x1b[Db\r\x1b[A\x1b[A\x1b[B x\x15echo /etc/hostn\t\r\x03", 1);
    assert!(text.contains("\r\nabc\r\n"), "{text:?}");
    let last = out
        .iter()
        .rev()
        .find_map(|e| if let Emit::Record(Body::Command(c)) = e { Some(c.line.to_string()) } else { None });
    assert_eq!(last.as_deref(), Some("echo /etc/hostname "));
    assert!(text.contains("^C\r\n"));
}

#[test]
fn what_was_written_is_evidence_even_if_removed() {
    let mut console = Console::exec(shell("root"), b"cat > up; echo -n abc > /tmp/x; rm /tmp/x", false);
    let mut out = Vec::new();
    console.start(at(), &mut out);
    console.input(at(), b"\x00\xffELF", &mut out);
    console.end_of_input(at(), &mut out);
    let files = console.dropped_files();
    assert_eq!(files.len(), 2, "{files:?}");
    assert_eq!(
        (files[0].path.as_slice(), files[0].content.as_slice()),
        (b"/root/up".as_slice(), b"\x00\xffELF".as_slice())
    );
    assert!(files[1].removed);
    assert!(console.is_done());
}

#[test]
fn scripts_on_the_input_and_unknown_accounts() {
    let mut console = Console::script(shell("guest"));
    let mut out = Vec::new();
    console.start(at(), &mut out);
    console.input(at(), b"whoami\nif true\nthen pwd; fi\ngrep -c guest /etc/passwd\n", &mut out);
    console.end_of_input(at(), &mut out);
    let text: Vec<u8> = out
        .iter()
        .filter_map(|e| if let Emit::Stdout(b) = e { Some(b.clone()) } else { None })
        .flatten()
        .collect();
    assert_eq!(String::from_utf8_lossy(&text), "guest\n/home/guest\n1\n");
    assert!(console.dropped_files().is_empty());
}

/// What runs beside the shell goes as far as it can before more is read, however the input comes.
#[test]
fn jobs_beside_do_not_depend_on_the_cutting() {
    let input = b"/bin& echo a\n(echo b; sleep 1; echo c) & (echo d &) &\necho e; wait\nnope & echo f\n";
    let play = |size: usize| {
        let mut console = Console::script(shell("root"));
        let mut out = Vec::new();
        console.start(at(), &mut out);
        input.chunks(size).for_each(|piece| console.input(at(), piece, &mut out));
        console.end_of_input(at(), &mut out);
        console.wake(phantom_core::from_micros(phantom_core::micros(at()) + 2_000_000), &mut out);
        let said = out.iter().filter_map(|emit| match emit {
            Emit::Stdout(bytes) | Emit::Stderr(bytes) => Some(String::from_utf8_lossy(bytes).into_owned()),
            _ => None,
        });
        said.collect::<String>()
    };
    let whole = play(input.len());
    assert_eq!(
        whole,
        "a\n-bash: line 1: /bin: Is a directory\nb\nd\ne\nc\nf\n-bash: line 4: nope: command not found\n"
    );
    for size in [1, 2, 3, 7, 20] {
        assert_eq!(play(size), whole, "in pieces of {size}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn any_line_ends(line in "[a-z$(){}|&;<>\"'`*?\\[\\]/ \n=#~!0-9-]{0,60}") {
        run(&line);
    }

    #[test]
    fn cutting_the_input_changes_nothing(input in "[a-z &/|;\r\x03\x04\x7f\t\x1b\\[A-D]{0,40}", chunk in 1usize..8) {
        let (a, _) = terminal("root", input.as_bytes(), chunk);
        let (b, _) = terminal("root", input.as_bytes(), 999);
        prop_assert_eq!(a, b);
    }

    #[test]
    fn any_bytes_on_a_terminal(input: Vec<u8>) {
        terminal("root", &input, 7);
    }
}

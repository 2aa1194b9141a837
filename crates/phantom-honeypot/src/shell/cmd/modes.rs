//! File modes as chmod(1) takes them, and dates as touch(1) and date(1) do.

use phantom_core::{Timestamp, from_micros, micros};

/// A mode from octal digits or clauses such as `u+x,go-w`, `a=rX`, `g=u`; `None` where it is none.
pub(super) fn parse(spec: &str, old: u32, is_dir: bool, umask: u32) -> Option<u32> {
    if !spec.is_empty() && spec.chars().all(|c| c.is_digit(8)) {
        let mode = u32::from_str_radix(spec, 8).ok().filter(|m| *m <= 0o7777)?;
        // A directory keeps its special bits unless they are named.
        return Some(if is_dir && spec.len() <= 4 { mode | (old & 0o6000) } else { mode });
    }
    let mut mode = old;
    for clause in spec.split(',') {
        let at = clause.find(['+', '-', '='])?;
        let (who, mut rest) = clause.split_at_checked(at)?;
        let mut mask = 0;
        for c in who.chars() {
            mask |= match c {
                'u' => 0o4700,
                'g' => 0o2070,
                'o' => 0o1007,
                'a' => 0o7777,
                _ => return None,
            };
        }
        // Without a letter the umask says which bits stay.
        let (mask, kept) = if who.is_empty() { (0o7777, umask) } else { (mask, 0) };
        while let Some(op) = rest.chars().next() {
            rest = rest.get(1..)?;
            let end = rest.find(['+', '-', '=']).unwrap_or(rest.len());
            let (letters, tail) = rest.split_at_checked(end)?;
            rest = tail;
            let mut bits = 0;
            for c in letters.chars() {
                let copy = |shift: u32| {
                    let three = (mode >> shift) & 7;
                    three << 6 | three << 3 | three
                };
                bits |= match c {
                    'r' => 0o444,
                    'w' => 0o222,
                    'x' => 0o111,
                    'X' if is_dir || mode & 0o111 != 0 => 0o111,
                    'X' => 0,
                    's' => 0o6000,
                    't' => 0o1000,
                    'u' => copy(6),
                    'g' => copy(3),
                    'o' => copy(0),
                    _ => return None,
                };
            }
            let bits = bits & mask & !kept;
            mode = match op {
                '+' => mode | bits,
                '-' => mode & !bits,
                '=' => (mode & !(mask & 0o777 | mask & 0o7000 & if is_dir { 0o1000 } else { 0o7000 })) | bits,
                _ => return None,
            };
        }
    }
    Some(mode)
}

fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * (if month > 2 { month - 3 } else { month + 9 }) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

/// `-t [[CC]YY]MMDDhhmm[.ss]`.
pub(super) fn stamp(text: &str, now: Timestamp) -> Option<Timestamp> {
    let (digits, seconds) = text.split_once('.').map_or((text, "00"), |(d, s)| (d, s));
    if !digits.bytes().all(|b| b.is_ascii_digit()) || seconds.len() != 2 {
        return None;
    }
    let this = crate::shell::facts::strftime(now, "%Y").parse::<i64>().ok()?;
    let (year, rest) = match digits.len() {
        8 => (this, digits),
        10 => {
            let short: i64 = digits.get(..2)?.parse().ok()?;
            (if short < 69 { 2000 + short } else { 1900 + short }, digits.get(2..)?)
        }
        12 => (digits.get(..4)?.parse().ok()?, digits.get(4..)?),
        _ => return None,
    };
    let part = |n: usize| rest.get(n..n + 2).and_then(|t| t.parse::<i64>().ok());
    let (month, day, hour, minute) = (part(0)?, part(2)?, part(4)?, part(6)?);
    moment(year, month, day, hour, minute, seconds.parse().ok()?)
}

fn moment(year: i64, month: i64, day: i64, hour: i64, minute: i64, second: i64) -> Option<Timestamp> {
    let fits = (1..=12).contains(&month)
        && (1..=31).contains(&day)
        && (0..24).contains(&hour)
        && (0..60).contains(&minute)
        && (0..=60).contains(&second)
        && (1900..=9000).contains(&year);
    fits.then(|| {
        let seconds = days(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second;
        from_micros(seconds * 1_000_000)
    })
}

const MONTHS: [&str; 12] =
    ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];

/// What `date -d` and `touch -d` understand of: ISO dates and times, `@seconds`, month names, `now`, `today`,
/// `yesterday`, `tomorrow`, and relative amounts (`2 days ago`, `+1 hour`, `last week`).
pub(super) fn date(text: &str, now: Timestamp) -> Option<Timestamp> {
    let lower = text.trim().to_lowercase();
    if let Some(seconds) = lower.strip_prefix('@') {
        let (whole, part) = seconds.split_once('.').unwrap_or((seconds, ""));
        let micro: i64 = format!("{part:0<6}").get(..6)?.parse().ok()?;
        return Some(from_micros(whole.parse::<i64>().ok()?.checked_mul(1_000_000)? + micro));
    }
    let mut ymd: Option<(i64, i64, i64)> = None;
    let mut hms: Option<(i64, i64, i64, i64)> = None;
    let mut shift = 0i64;
    let mut months = 0i64;
    let mut midnight = false;
    let mut amount: Option<i64> = None;
    let mut offset = 0i64;
    let mut last_shift = (0, 0);
    let this = |f: &str| crate::shell::facts::strftime(now, f).parse::<i64>().ok();
    let spaced = lower.replace(
        't',
        if lower.contains('t')
            && lower.bytes().any(|b| b == b':')
            && lower.bytes().filter(|b| b.is_ascii_alphabetic()).count() <= 2
        {
            " "
        } else {
            "t"
        },
    );
    let spaced =
        spaced.strip_suffix('z').filter(|s| s.ends_with(|c: char| c.is_ascii_digit())).unwrap_or(&spaced);
    for word in spaced.split([' ', '\t', ',']).filter(|w| !w.is_empty()) {
        let parts: Vec<Option<i64>> = word.split(['-', '/']).map(|p| p.parse().ok()).collect();
        if let [Some(a), Some(b), Some(c)] = parts.as_slice()
            && !word.starts_with('-')
        {
            ymd = Some(if word.contains('/') { (*c, *a, *b) } else { (*a, *b, *c) });
            continue;
        }
        if word.contains(':') {
            let (clock, zone) = match word.rfind(['+', '-']).and_then(|at| word.split_at_checked(at)) {
                Some((clock, zone)) => (clock, Some(zone)),
                None => (word, None),
            };
            let mut fields = clock.split(':');
            let hour = fields.next()?.parse().ok()?;
            let minute = fields.next()?.parse().ok()?;
            let seconds = fields.next().unwrap_or("0");
            let (second, part) = seconds.split_once('.').unwrap_or((seconds, ""));
            let micro: i64 = format!("{part:0<6}").get(..6)?.parse().ok()?;
            hms = Some((hour, minute, second.parse().ok()?, micro));
            if let Some(zone) = zone {
                let digits = zone.get(1..)?.replace(':', "");
                let hours: i64 = digits.get(..2)?.parse().ok()?;
                let minutes: i64 =
                    digits.get(2..).filter(|m| !m.is_empty()).map_or(Some(0), |m| m.parse().ok())?;
                offset = (hours * 3600 + minutes * 60) * if zone.starts_with('-') { -1 } else { 1 };
            }
            continue;
        }
        if let Some(zone) = word.strip_prefix('+').filter(|z| z.len() == 4 && hms.is_some()) {
            offset = zone.get(..2)?.parse::<i64>().ok()? * 3600 + zone.get(2..)?.parse::<i64>().ok()? * 60;
            continue;
        }
        if let Ok(n) = word.trim_start_matches('+').parse::<i64>() {
            match ymd {
                // `Jan 5 2020`: the day, then the year.
                Some((_, month, 0)) => ymd = Some((this("%Y")?, month, n)),
                Some((_, month, day)) if n >= 1970 && amount.is_none() => ymd = Some((n, month, day)),
                _ if word.len() == 8 && ymd.is_none() && !word.starts_with('+') => {
                    ymd = Some((n / 10_000, n / 100 % 100, n % 100));
                }
                _ => amount = Some(n),
            }
            continue;
        }
        if let Some(month) = MONTHS.iter().position(|m| word.len() >= 3 && word.starts_with(m)) {
            let day = amount.take().unwrap_or(0);
            ymd = Some((this("%Y")?, month as i64 + 1, day));
            continue;
        }
        let unit = match word.trim_end_matches('s') {
            "second" | "sec" => Some((1, 0)),
            "minute" | "min" => Some((60, 0)),
            "hour" => Some((3600, 0)),
            "day" => Some((86_400, 0)),
            "week" => Some((604_800, 0)),
            "fortnight" => Some((1_209_600, 0)),
            "month" => Some((0, 1)),
            "year" => Some((0, 12)),
            _ => None,
        };
        if let Some((seconds, calendar)) = unit {
            let n = amount.take().unwrap_or(1);
            last_shift = (n.checked_mul(seconds)?, n.checked_mul(calendar)?);
            shift = shift.checked_add(last_shift.0)?;
            months = months.checked_add(last_shift.1)?;
            continue;
        }
        match word {
            "now" | "utc" | "gmt" | "z" | "at" => {}
            "today" => {}
            "midnight" => midnight = true,
            "yesterday" => shift -= 86_400,
            "tomorrow" => shift += 86_400,
            "ago" => {
                shift = shift.checked_sub(last_shift.0.checked_mul(2)?)?;
                months = months.checked_sub(last_shift.1.checked_mul(2)?)?;
            }
            "last" => amount = Some(-1),
            "next" => amount = Some(1),
            "this" => amount = Some(0),
            "am" | "pm" => {}
            w if ["sun", "mon", "tue", "wed", "thu", "fri", "sat"].iter().any(|d| w.starts_with(d)) => {}
            _ => return None,
        }
    }
    if amount.is_some() {
        return None;
    }
    let (mut year, mut month, day) = ymd.unwrap_or((this("%Y")?, this("%m")?, this("%d")?));
    if months != 0 {
        let total = year * 12 + month - 1 + months;
        (year, month) = (total.div_euclid(12), total.rem_euclid(12) + 1);
    }
    let (hour, minute, second, micro) = match hms {
        Some(clock) => clock,
        None if ymd.is_some() || midnight => (0, 0, 0, 0),
        None => (this("%H")?, this("%M")?, this("%S")?, micros(now).rem_euclid(1_000_000)),
    };
    let at = moment(year, month, day.max(1), hour, minute, second)?;
    Some(from_micros(micros(at) + micro + shift.checked_sub(offset)?.checked_mul(1_000_000)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modes() {
        for (spec, old, wanted) in [
            ("755", 0, Some(0o755)),
            ("u+x", 0o644, Some(0o744)),
            ("+x", 0o644, Some(0o755)),
            ("a=r", 0o755, Some(0o444)),
            ("go-w,u=rwx", 0o666, Some(0o744)),
            ("g=u", 0o640, Some(0o660)),
            ("u+s", 0o755, Some(0o4755)),
            ("+t", 0o755, Some(0o1755)),
            ("a+X", 0o644, Some(0o644)),
            ("u+rw-x", 0o100, Some(0o600)),
            ("8", 0, None),
            ("u+q", 0, None),
            ("", 0, None),
        ] {
            assert_eq!(parse(spec, old, false, 0o022), wanted, "{spec}");
        }
    }

    /// What date(1) of Debian 12 prints for them, in UTC.
    #[test]
    fn dates() {
        let now = from_micros(1_763_900_000_000_000);
        for (text, wanted) in [
            ("2020-01-02", 1_577_923_200),
            ("2020-01-02 03:04:05", 1_577_934_245),
            ("2020-01-02T03:04:05Z", 1_577_934_245),
            ("@86400", 86_400),
            ("Jan 5 2020", 1_578_182_400),
            ("5 Jan 2020 10:00", 1_578_218_400),
            ("yesterday", 1_763_813_600),
            ("2 days ago", 1_763_727_200),
            ("+1 hour", 1_763_903_600),
            ("2020-01-02 00:00 +0200", 1_577_916_000),
        ] {
            assert_eq!(date(text, now).map(|t| t.as_second()), Some(wanted), "{text}");
        }
        assert_eq!(date("not a date", now), None);
        assert_eq!(stamp("202001020304.05", now).map(|t| t.as_second()), Some(1_577_934_245));
    }
}

//! Times, money and sizes as people read them.

use jiff::tz::TimeZone;
use jiff::{Timestamp, civil};
use std::time::{Duration, SystemTime};

/// What clock times are shown by: the zone people are in, and the day it is there.
#[derive(Debug, Clone)]
pub(crate) struct Clock {
    zone: TimeZone,
    today: civil::Date,
}

impl Clock {
    /// Builds the clock of a zone.
    pub(crate) fn new(now: SystemTime, zone: TimeZone) -> Self {
        let now = Timestamp::try_from(now).unwrap_or(Timestamp::UNIX_EPOCH);
        Self {
            today: zone.to_datetime(now).date(),
            zone,
        }
    }

    /// Builds the clock of the zone that the system is set to.
    pub(crate) fn local(now: SystemTime) -> Self {
        Self::new(now, TimeZone::system())
    }

    /// Shows an RFC 3339 time: the time of day, with its date where that is not today's.
    pub(crate) fn show(&self, at: &str) -> String {
        let Ok(at) = at.parse::<Timestamp>() else {
            return super::escape::line(at);
        };
        let at = self.zone.to_datetime(at);
        let form = if at.date() == self.today {
            "%H:%M:%S"
        } else {
            "%Y-%m-%d %H:%M:%S"
        };
        at.strftime(form).to_string()
    }
}

/// How far the clock of the zone that the system is set to is ahead of UTC, in seconds.
pub(crate) fn utc_offset(now: SystemTime) -> i32 {
    let now = Timestamp::try_from(now).unwrap_or(Timestamp::UNIX_EPOCH);
    TimeZone::system().to_offset(now).seconds()
}

/// Shows a duration: `0.4s`, `12s`, `3m 05s`, `2h 10m`, `4d 3h`.
pub(crate) fn duration(seconds: f64) -> String {
    let whole = seconds.max(0.0) as u64;
    match whole {
        0..10 => format!("{:.1}s", seconds.max(0.0)),
        10..60 => format!("{whole}s"),
        60..3600 => format!("{}m {:02}s", whole / 60, whole % 60),
        3600..86400 => format!("{}h {:02}m", whole / 3600, whole % 3600 / 60),
        _ => format!("{}d {}h", whole / 86400, whole % 86400 / 3600),
    }
}

/// Shows how long ago an RFC 3339 time was, or how soon it comes.
pub(crate) fn age(at: &str, now: SystemTime) -> String {
    let Some(then) = parse(at) else {
        return super::escape::line(at);
    };
    match now.duration_since(then) {
        Ok(past) if past < Duration::from_secs(1) => "now".to_owned(),
        Ok(past) => format!("{} ago", coarse(past)),
        Err(ahead) => format!("in {}", coarse(ahead.duration())),
    }
}

/// Seconds between an RFC 3339 time and now.
pub(crate) fn since(at: &str, now: SystemTime) -> Option<f64> {
    now.duration_since(parse(at)?)
        .ok()
        .map(|past| past.as_secs_f64())
}

fn parse(at: &str) -> Option<SystemTime> {
    at.parse::<Timestamp>()
        .ok()
        .and_then(|at| SystemTime::try_from(at).ok())
}

fn coarse(time: Duration) -> String {
    let s = time.as_secs();
    match s {
        0..60 => format!("{s}s"),
        60..3600 => format!("{}m", s / 60),
        3600..86400 => format!("{}h", s / 3600),
        _ => format!("{}d", s / 86400),
    }
}

/// Shows US dollars.
pub(crate) fn money(usd: f64) -> String {
    if usd > 0.0 && usd < 0.01 {
        "<$0.01".to_owned()
    } else {
        format!("${usd:.2}")
    }
}

/// Shows a count in thousands or millions.
pub(crate) fn count(n: u64) -> String {
    match n {
        0..10_000 => n.to_string(),
        10_000..1_000_000 => format!("{}k", n / 1000),
        _ => format!("{:.1}M", n as f64 / 1e6),
    }
}

/// Shows a size in bytes.
pub(crate) fn bytes(n: u64) -> String {
    const UNITS: [&str; 4] = ["kB", "MB", "GB", "TB"];
    if n < 1000 {
        return format!("{n} B");
    }
    let mut size = n as f64 / 1000.0;
    let mut unit = 0;
    while size >= 999.95 && unit < UNITS.len() - 1 {
        size /= 1000.0;
        unit += 1;
    }
    format!("{size:.1} {}", UNITS[unit])
}

/// Shows a number with its noun: `1 task`, `3 tasks`.
pub(crate) fn some(n: u64, noun: &str) -> String {
    format!("{n} {noun}{}", if n == 1 { "" } else { "s" })
}

/// Shortens a commit id.
pub(crate) fn commit(id: &str) -> String {
    let hex = id.len() >= 12 && id.chars().all(|c| c.is_ascii_hexdigit());
    if hex {
        id[..9].to_owned()
    } else {
        super::escape::line(id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_like_durations() {
        let shown: Vec<_> = [0.42, 12.9, 185.0, 7800.0, 356_400.0]
            .iter()
            .map(|s| duration(*s))
            .collect();
        assert_eq!(shown, ["0.4s", "12s", "3m 05s", "2h 10m", "4d 3h"]);
    }

    #[test]
    fn ages_look_back_and_ahead() {
        let now = parse("2026-11-23T12:00:00Z").unwrap();
        assert_eq!(age("2026-11-23T11:57:00.5Z", now), "2m ago");
        assert_eq!(age("2026-11-23T14:00:00Z", now), "in 2h");
        assert_eq!(age("soon\x1b", now), "soon^[");
    }

    #[test]
    fn clock_times_are_those_of_where_people_are() {
        let now = parse("2026-11-23T23:30:00Z").unwrap();
        let zone = |hours| TimeZone::fixed(jiff::tz::offset(hours));
        let at = "2026-11-23T22:57:00.5Z";
        assert_eq!(Clock::new(now, TimeZone::UTC).show(at), "22:57:00");
        // Where it is past midnight, that was yesterday.
        assert_eq!(Clock::new(now, zone(1)).show(at), "2026-11-23 23:57:00");
        assert_eq!(Clock::new(now, zone(2)).show(at), "00:57:00");
        assert_eq!(Clock::new(now, zone(0)).show("soon\x1b"), "soon^[");
    }

    #[test]
    fn amounts_are_short() {
        assert_eq!(
            (money(0.0), money(0.002), money(1.5)),
            ("$0.00".into(), "<$0.01".into(), "$1.50".into())
        );
        assert_eq!(
            (bytes(12), bytes(999_999), bytes(1_234_567)),
            ("12 B".into(), "1.0 MB".into(), "1.2 MB".into())
        );
        assert_eq!(
            (count(9_999), count(12_345), count(2_500_000)),
            ("9999".into(), "12k".into(), "2.5M".into())
        );
        assert_eq!(
            (some(1, "task"), some(2, "task")),
            ("1 task".into(), "2 tasks".into())
        );
    }
}

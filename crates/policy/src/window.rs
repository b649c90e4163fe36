//! Change windows and quiet hours.

use homelab_core::clock::Micros;
use homelab_core::policy::Decision;
use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};

use crate::config::{Day, WindowConfig};
use crate::matcher::Matcher;
use crate::problem::Problems;

const DAY_MINUTES: u16 = 24 * 60;

/// A compiled window.
#[derive(Debug)]
pub(crate) struct Window {
    pub(crate) name: std::sync::Arc<str>,
    pub(crate) matcher: Matcher,
    pub(crate) inside: Option<Decision>,
    pub(crate) outside: Option<Decision>,
    pub(crate) reason: Option<String>,
    hours: Hours,
}

impl Window {
    /// Compiles one; notes times that make no sense.
    pub(crate) fn compile(
        config: &WindowConfig,
        matcher: Matcher,
        path: &str,
        default_zone: &TimeZone,
        problems: &mut Problems,
    ) -> Self {
        let mut minute = |key: &str, text: Option<&str>, default: u16| {
            let Some(text) = text else { return default };
            minutes(text).unwrap_or_else(|| {
                problems.add(
                    &format!("{path}.{key}"),
                    format_args!("`{text}` is not a time of day"),
                    Some("write hours and minutes: `22:00`".to_owned()),
                );
                default
            })
        };
        let from = minute("from", config.from.as_deref(), 0);
        let to = minute("to", config.to.as_deref(), DAY_MINUTES);
        let wrong = problems.0.iter().any(|one| one.path.starts_with(path));
        if from == to && !wrong {
            let hint = "leave both away for the whole day";
            problems.add(
                path,
                "begins and ends at the same time",
                Some(hint.to_owned()),
            );
        } else if from == DAY_MINUTES {
            let at = format!("{path}.from");
            problems.add(
                &at,
                "`24:00` is the end of a day",
                Some("write `00:00`".into()),
            );
        }
        if config.inside.is_none() && config.outside.is_none() {
            let hint = "set `inside` for quiet hours, `outside` for a change window";
            problems.add(path, "does nothing", Some(hint.to_owned()));
        }
        let zone = match &config.time_zone {
            Some(name) => zone(name, &format!("{path}.time_zone"), problems),
            None => default_zone.clone(),
        };
        Self {
            name: config.name.as_str().into(),
            matcher: matcher.of_changes(),
            inside: config.inside.map(Into::into),
            outside: config.outside.map(Into::into),
            reason: config.reason.clone(),
            hours: Hours {
                days: config.days.iter().map(|day| *day as i8).collect(),
                from,
                to,
                zone,
            },
        }
    }

    /// Whether the time lies within it.
    pub(crate) fn contains(&self, now: Micros) -> bool {
        self.hours.contains(now)
    }
}

/// The time of a window; days count from Monday, 0.
#[derive(Debug)]
struct Hours {
    days: Vec<i8>,
    from: u16,
    to: u16,
    zone: TimeZone,
}

impl Hours {
    fn contains(&self, now: Micros) -> bool {
        let now = local(now, &self.zone);
        let (day, minute) = (day_of(&now), minute_of(&now));
        let on = |day: i8| self.days.is_empty() || self.days.contains(&day.rem_euclid(7));
        if self.from < self.to {
            return on(day) && (self.from..self.to).contains(&minute);
        }
        // Over midnight: the day is the one on which it began.
        (on(day) && minute >= self.from) || (on(day - 1) && minute < self.to)
    }
}

/// The zone of that name; notes it if there is none.
pub(crate) fn zone(name: &str, path: &str, problems: &mut Problems) -> TimeZone {
    TimeZone::get(name).unwrap_or_else(|_| {
        problems.add(
            path,
            format_args!("there is no time zone `{name}`"),
            Some("use a name such as `Europe/Berlin` or `UTC`".to_owned()),
        );
        TimeZone::UTC
    })
}

/// The time on the wall.
pub(crate) fn local(now: Micros, zone: &TimeZone) -> Zoned {
    Timestamp::from_microsecond(now.0)
        .unwrap_or(Timestamp::UNIX_EPOCH)
        .to_zoned(zone.clone())
}

fn day_of(now: &Zoned) -> i8 {
    now.weekday().to_monday_zero_offset()
}

fn minute_of(now: &Zoned) -> u16 {
    u16::try_from(i16::from(now.hour()) * 60 + i16::from(now.minute())).unwrap_or(0)
}

/// `22:00` as minutes since midnight.
fn minutes(text: &str) -> Option<u16> {
    let (hours, minutes) = text.split_once(':')?;
    let digits = |text: &str| text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(hours) || !digits(minutes) {
        return None;
    }
    let (hours, minutes): (u16, u16) = (hours.parse().ok()?, minutes.parse().ok()?);
    let total = hours * 60 + minutes;
    (minutes < 60 && total <= DAY_MINUTES).then_some(total)
}

/// The day as conditions name it.
pub(crate) fn weekday(now: &Zoned) -> &'static str {
    const NAMES: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
    usize::try_from(day_of(now))
        .ok()
        .and_then(|day| NAMES.get(day).copied())
        .unwrap_or_default()
}

// `Day as i8` above counts from Monday.
const _: () = assert!(Day::Mon as i8 == 0 && Day::Sun as i8 == 6);

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn hours(days: &[Day], from: &str, to: &str, zone: &str) -> Hours {
        Hours {
            days: days.iter().map(|day| *day as i8).collect(),
            from: minutes(from).unwrap(),
            to: minutes(to).unwrap(),
            zone: TimeZone::get(zone).unwrap(),
        }
    }

    // 2026-03-02 is a Monday; Berlin is one hour ahead of UTC then, two from 2026-03-29 on.
    #[rstest]
    #[case(&[], "22:00", "06:00", "UTC", "2026-03-02T21:59:59Z", false)]
    #[case(&[], "22:00", "06:00", "UTC", "2026-03-02T22:00:00Z", true)]
    #[case(&[], "22:00", "06:00", "UTC", "2026-03-03T05:59:59Z", true)]
    #[case(&[], "22:00", "06:00", "UTC", "2026-03-03T06:00:00Z", false)]
    #[case(&[], "22:00", "06:00", "Europe/Berlin", "2026-03-02T21:00:00Z", true)]
    #[case(&[], "22:00", "06:00", "Europe/Berlin", "2026-04-01T20:00:00Z", true)]
    #[case(&[Day::Mon], "22:00", "06:00", "UTC", "2026-03-03T01:00:00Z", true)]
    #[case(&[Day::Mon], "22:00", "06:00", "UTC", "2026-03-02T01:00:00Z", false)]
    #[case(&[Day::Sun], "22:00", "06:00", "UTC", "2026-03-02T01:00:00Z", true)]
    #[case(&[Day::Mon], "00:00", "24:00", "UTC", "2026-03-02T23:59:59Z", true)]
    #[case(&[Day::Mon], "00:00", "24:00", "UTC", "2026-03-03T00:00:00Z", false)]
    #[case(&[Day::Tue, Day::Wed], "10:00", "12:00", "UTC", "2026-03-04T11:00:00Z", true)]
    fn a_window_is_on_the_clock_of_its_zone(
        #[case] days: &[Day],
        #[case] from: &str,
        #[case] to: &str,
        #[case] zone: &str,
        #[case] at: &str,
        #[case] inside: bool,
    ) {
        let now = Micros::from_rfc3339(at).unwrap();

        assert_eq!(hours(days, from, to, zone).contains(now), inside);
    }

    #[rstest]
    #[case("00:00", Some(0))]
    #[case("24:00", Some(1440))]
    #[case("24:01", None)]
    #[case("7:00", None)]
    #[case("07:60", None)]
    #[case("+7:00", None)]
    #[case("0700", None)]
    fn a_time_of_day_has_two_digits_each(#[case] text: &str, #[case] expected: Option<u16>) {
        assert_eq!(minutes(text), expected);
    }
}

//! Which backups a retention keeps, as Proxmox's products decide it.

use std::collections::BTreeSet;

use crate::calendar::{month, week, year};

/// How many of each period are kept.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Keep {
    pub(crate) all: bool,
    pub(crate) last: usize,
    pub(crate) hourly: usize,
    pub(crate) daily: usize,
    pub(crate) weekly: usize,
    pub(crate) monthly: usize,
    pub(crate) yearly: usize,
}

impl Keep {
    /// Whether it names nothing to keep, which keeps everything.
    pub(crate) fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Sets one count by the name of its property; false for another name.
    pub(crate) fn set(&mut self, name: &str, count: usize) -> bool {
        let field = match name {
            "keep-all" => {
                self.all = count > 0;
                return true;
            }
            "keep-last" => &mut self.last,
            "keep-hourly" => &mut self.hourly,
            "keep-daily" => &mut self.daily,
            "keep-weekly" => &mut self.weekly,
            "keep-monthly" => &mut self.monthly,
            "keep-yearly" => &mut self.yearly,
            _ => return false,
        };
        *field = count;
        true
    }

    /// Reads `keep-last=3,keep-daily=7`.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut keep = Self::default();
        for part in text.split(',').filter(|part| !part.is_empty()) {
            let (name, count) = part.split_once('=')?;
            let known = keep.set(name.trim(), count.trim().parse().ok()?);
            known.then_some(())?;
        }
        Some(keep)
    }

    /// Which of one group's backups are kept, by their times, newest first.
    pub(crate) fn decide(&self, newest_first: &[i64]) -> Vec<bool> {
        if self.all || self.is_empty() {
            return vec![true; newest_first.len()];
        }
        let mut kept = vec![false; newest_first.len()];
        let mut period = |count: usize, name: &dyn Fn(i64) -> String| {
            // A period that an earlier rule has covered is not covered again.
            let mut covered: BTreeSet<String> = newest_first
                .iter()
                .zip(&kept)
                .filter(|(_, kept)| **kept)
                .map(|(time, _)| name(*time))
                .collect();
            let mut left = count;
            for (time, kept) in newest_first.iter().zip(&mut kept) {
                if left > 0 && !*kept && covered.insert(name(*time)) {
                    *kept = true;
                    left -= 1;
                }
            }
        };
        period(self.last, &|time| time.to_string());
        period(self.hourly, &|time| time.div_euclid(3600).to_string());
        period(self.daily, &|time| time.div_euclid(86_400).to_string());
        period(self.weekly, &|time| week(time).to_string());
        period(self.monthly, &month);
        period(self.yearly, &year);
        kept
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: i64 = 86_400;

    #[test]
    fn nothing_to_keep_keeps_everything() {
        assert_eq!(Keep::default().decide(&[3, 2, 1]), [true; 3]);
    }

    #[test]
    fn days_count_after_the_last_ones() {
        let keep = Keep::parse("keep-last=1,keep-daily=2").unwrap();
        let times = [
            10 * DAY + 50,
            10 * DAY + 10,
            9 * DAY + 50,
            9 * DAY,
            8 * DAY,
            7 * DAY,
        ];

        assert_eq!(keep.decide(&times), [true, false, true, false, true, false]);
    }

    #[test]
    fn what_is_no_retention_is_refused() {
        assert_eq!(Keep::parse("keep-last"), None);
        assert_eq!(Keep::parse("keep-some=1"), None);
    }
}

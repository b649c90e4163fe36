//! What an operand or an option's value may be.

use std::net::IpAddr;

/// A kind of word.
#[derive(Debug, Clone)]
pub(super) enum Value {
    /// One of these, exactly.
    OneOf(&'static [&'static str]),
    /// Several of these, separated by commas; case does not count.
    ListOf(&'static [&'static str]),
    /// A number from the first to the second.
    Number(u32, u32),
    /// An absolute path without `..`.
    Path,
    /// A block or character device below `/dev`.
    Device,
    /// A name of a unit, container, process, package, data set or interface.
    Name,
    /// A literal address: a host name would be looked up, and can carry data out that way.
    Address,
    /// A point in time as journalctl reads it.
    Time,
    /// `date`'s output format; without its `+` it would set the clock.
    DateFormat,
    /// Lower-case field names separated by commas.
    Fields,
}

impl Value {
    pub(super) fn fits(&self, word: &str) -> bool {
        match self {
            Self::OneOf(words) => words.contains(&word),
            Self::ListOf(words) => word.split(',').all(|part| {
                let mut known = words.iter();
                known.any(|known| known.eq_ignore_ascii_case(part))
            }),
            Self::Number(least, most) => {
                word.bytes().all(|byte| byte.is_ascii_digit())
                    && word
                        .parse()
                        .is_ok_and(|number| (*least..=*most).contains(&number))
            }
            Self::Path => is_path(word),
            Self::Device => is_path(word) && word.starts_with("/dev/"),
            Self::Name => is_name(word),
            Self::Address => word.parse::<IpAddr>().is_ok(),
            Self::Time => {
                let plain =
                    |letter: char| letter.is_ascii_alphanumeric() || " :.+-".contains(letter);
                word.starts_with(|first: char| first.is_ascii_alphanumeric())
                    && word.chars().all(plain)
            }
            Self::DateFormat => word.starts_with('+'),
            Self::Fields => {
                let plain =
                    |letter: char| letter.is_ascii_lowercase() || "0123456789_.,".contains(letter);
                word.starts_with(|first: char| first.is_ascii_lowercase())
                    && word.chars().all(plain)
            }
        }
    }
}

fn is_path(word: &str) -> bool {
    word.starts_with('/') && !word.split('/').any(|part| part == "..")
}

/// `/` is part of data sets and units such as `tank/media`, but not in front, where it is a path.
/// A bare number is an interval to many programs, which then repeat for ever.
fn is_name(word: &str) -> bool {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "-_.:@/".contains(letter);
    word.starts_with(|first: char| first.is_ascii_alphanumeric())
        && word.len() <= 255
        && !word.bytes().all(|byte| byte.is_ascii_digit())
        && word.chars().all(plain)
        && !word.split('/').any(|part| part.starts_with('.'))
}

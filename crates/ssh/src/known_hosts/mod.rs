//! The keys of known hosts, as OpenSSH's `known_hosts` holds them, and what they say about a key that
//! a host shows.
//!
//! russh has a check of its own; it takes a host that is known by another kind of key for a new one,
//! an unreadable file for an empty one, and knows no `@revoked`, `@cert-authority`, wildcards or
//! negation. This one reads the file as sshd(8) describes it.

mod line;
mod pattern;
mod remember;
#[cfg(test)]
mod tests;
mod verdict;

use std::fmt;
use std::io;
use std::path::Path;

pub(crate) use line::{Line, Marker};
pub(crate) use pattern::glob;
pub(crate) use remember::{Remembered, remember};
pub(crate) use verdict::{Offer, Verdict};

/// How a host is called in the file: its name, or `[name]:port` where the port is not 22.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct HostName(String);

impl HostName {
    pub(crate) fn new(host: &str, port: u16) -> Self {
        let host = host.to_ascii_lowercase();
        Self(match port {
            22 => host,
            port => format!("[{host}]:{port}"),
        })
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for HostName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// What the file says about one host.
#[derive(Debug, Clone, Default)]
pub(crate) struct Known {
    /// Its lines, in the order of the file.
    pub(crate) lines: Vec<Line>,
    /// Whether the file is there at all.
    pub(crate) file_is_there: bool,
}

impl Known {
    /// Reads what the file says about a host. A file that is not there says nothing.
    ///
    /// # Errors
    /// If it is there and cannot be read: nobody must take that for an empty one.
    pub(crate) fn read(file: &Path, host: &HostName) -> io::Result<Self> {
        let (text, file_is_there) = match std::fs::read(file) {
            Ok(bytes) => (String::from_utf8_lossy(&bytes).into_owned(), true),
            Err(error) if error.kind() == io::ErrorKind::NotFound => (String::new(), false),
            Err(error) => return Err(error),
        };
        Ok(Self {
            file_is_there,
            ..Self::parse(&text, host)
        })
    }

    /// The lines of a text that are about a host.
    pub(crate) fn parse(text: &str, host: &HostName) -> Self {
        let lines = text.lines().enumerate();
        Self {
            lines: lines
                .filter_map(|(index, text)| Line::parse(index + 1, text))
                .filter(|line| pattern::matches(&line.hosts, host.as_str()))
                .collect(),
            ..Self::default()
        }
    }
}

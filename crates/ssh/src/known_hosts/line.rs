//! One line of the file.

use russh::keys::PublicKey;

/// A line: for which hosts, and which key.
#[derive(Debug, Clone)]
pub(crate) struct Line {
    /// Its number, from one.
    pub(crate) number: usize,
    /// What kind of line.
    pub(crate) marker: Marker,
    /// Patterns of host names, as they stand there.
    pub(crate) hosts: String,
    /// Kind of key, as it stands there.
    pub(crate) algorithm: String,
    /// The key; `None` where it is broken or of a kind that we cannot use. Such a line still means
    /// that the host is known.
    pub(crate) key: Option<PublicKey>,
}

/// What kind of line it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Marker {
    /// The key of a host.
    Host,
    /// The key of an authority whose certificates are good for the host.
    CertAuthority,
    /// A key that must not be accepted any more.
    Revoked,
}

impl Line {
    /// Reads a line; `None` for blank lines, comments and what is no such line at all.
    pub(crate) fn parse(number: usize, text: &str) -> Option<Self> {
        let text = text.trim();
        if text.is_empty() || text.starts_with('#') {
            return None;
        }
        let mut fields = text.split_ascii_whitespace();
        let mut hosts = fields.next()?;
        let marker = match hosts {
            "@cert-authority" => Marker::CertAuthority,
            "@revoked" => Marker::Revoked,
            // A marker of a later time: what it means is not known, so it vouches for nothing.
            _ if hosts.starts_with('@') => return None,
            _ => Marker::Host,
        };
        if marker != Marker::Host {
            hosts = fields.next()?;
        }
        let algorithm = fields.next()?;
        let key = fields
            .next()
            .and_then(|key| PublicKey::from_openssh(&format!("{algorithm} {key}")).ok())
            .filter(|key| key.algorithm().as_str() == algorithm);
        Some(Self {
            number,
            marker,
            hosts: hosts.to_owned(),
            algorithm: algorithm.to_owned(),
            key,
        })
    }
}

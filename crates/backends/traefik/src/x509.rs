//! What a certificate says about itself.

use homelab_core::clock::Micros;
use homelab_core::render::printable;
use schemars::JsonSchema;
use serde::Serialize;
use sha2::{Digest as _, Sha256};
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer as _, X509Certificate};

/// Characters kept of a name in a certificate.
const LONGEST: usize = 200;
/// Names kept of one certificate.
const MOST_NAMES: usize = 100;
/// What Traefik shows to those for whom it has no certificate.
pub(crate) const DEFAULT: &str = "TRAEFIK DEFAULT CERT";

/// Where a certificate was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Source {
    /// Traefik's API.
    Api,
    /// Traefik's `acme.json`.
    AcmeFile,
    /// A TLS handshake, as clients do it.
    Handshake,
}

/// A certificate.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub(crate) struct CertificateRow {
    /// Where it was found.
    pub(crate) source: Source,
    /// The certificate resolver that obtained it, where that is known.
    pub(crate) resolver: Option<String>,
    /// Names it was issued for.
    pub(crate) names: Vec<String>,
    /// Who issued it.
    pub(crate) issuer: Option<String>,
    /// When it expires.
    pub(crate) not_after: Micros,
    /// Whole days until then; negative when it has expired.
    pub(crate) days_left: i64,
    /// SHA-256 in hexadecimal.
    pub(crate) fingerprint_sha256: String,
}

impl CertificateRow {
    /// Reads a DER certificate; `None` if it is none.
    pub(crate) fn read(der: &[u8], source: Source, now: Micros) -> Option<Self> {
        let (_, certificate) = X509Certificate::from_der(der).ok()?;
        let not_after = Micros(0).plus_seconds(certificate.validity().not_after.timestamp());
        let alternative = certificate
            .subject_alternative_name()
            .ok()
            .flatten()
            .into_iter()
            .flat_map(|extension| &extension.value.general_names)
            .filter_map(|name| match name {
                GeneralName::DNSName(name) => Some(shown(name)),
                _ => None,
            });
        let mut names: Vec<String> = alternative.collect();
        if names.is_empty() {
            // Clients look at it only where there are no others, if at all.
            let common = certificate.subject().iter_common_name();
            names.extend(common.filter_map(|name| name.as_str().ok()).map(shown));
        }
        names.truncate(MOST_NAMES);
        Some(Self {
            source,
            resolver: None,
            names,
            issuer: Some(shown(&certificate.issuer().to_string())),
            not_after,
            days_left: days_left(not_after, now),
            fingerprint_sha256: hex::encode(Sha256::digest(der)),
        })
    }

    /// Whether a client that asks for this host accepts it as far as names go.
    pub(crate) fn covers(&self, host: &str) -> bool {
        self.names.iter().any(|name| matches(name, host))
    }

    /// Whether it is the one that stands for none.
    pub(crate) fn is_default(&self) -> bool {
        self.names.iter().any(|name| name == DEFAULT)
            || self
                .issuer
                .as_ref()
                .is_some_and(|issuer| issuer.contains(DEFAULT))
    }
}

/// Whole days from now on, rounded down.
pub(crate) fn days_left(not_after: Micros, now: Micros) -> i64 {
    (not_after.0 - now.0).div_euclid(24 * 3600 * 1_000_000)
}

/// A name, with `*` for one label in front.
fn matches(name: &str, host: &str) -> bool {
    if name.eq_ignore_ascii_case(host) {
        return true;
    }
    match (name.strip_prefix("*."), host.split_once('.')) {
        (Some(parent), Some((_, rest))) => parent.eq_ignore_ascii_case(rest),
        _ => false,
    }
}

/// A name as it may be shown: whoever made the certificate wrote it.
fn shown(name: &str) -> String {
    printable(name).chars().take(LONGEST).collect()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("a.test", "A.test", true)]
    #[case("*.a.test", "x.a.test", true)]
    #[case("*.a.test", "a.test", false)]
    #[case("*.a.test", "y.x.a.test", false)]
    #[case("a.test", "b.test", false)]
    fn a_star_stands_for_one_label(#[case] name: &str, #[case] host: &str, #[case] covers: bool) {
        assert_eq!(matches(name, host), covers);
    }

    #[test]
    fn a_certificate_is_read_and_rubbish_is_not() {
        let made =
            rcgen::generate_simple_self_signed(vec!["a.test".into(), "*.b.test".into()]).unwrap();
        let now = Micros::from_rfc3339("2026-11-30T00:00:00Z").unwrap();

        let row = CertificateRow::read(made.cert.der(), Source::Handshake, now).unwrap();

        assert!(row.covers("a.test") && row.covers("x.b.test") && !row.covers("b.test"));
        assert!(row.days_left > 0 && !row.is_default());
        assert!(CertificateRow::read(b"rubbish", Source::Handshake, now).is_none());
    }

    #[test]
    fn days_are_rounded_down() {
        let day = Micros(24 * 3600 * 1_000_000);

        assert_eq!(days_left(day, Micros(0)), 1);
        assert_eq!(days_left(Micros(day.0 - 1), Micros(0)), 0);
        assert_eq!(days_left(Micros(-1), Micros(0)), -1);
    }
}

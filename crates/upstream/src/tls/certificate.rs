//! What a server's certificate says, and why it was not trusted.

use std::fmt;

use homelab_core::clock::Micros;
use homelab_core::render::printable;
use rustls::CertificateError;
use schemars::JsonSchema;
use serde::Serialize;
use sha2::{Digest as _, Sha256};
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer as _, X509Certificate, X509Name};

/// Characters kept of a name in a certificate.
const LONGEST_NAME: usize = 200;
/// Most names kept of one certificate.
const MOST_NAMES: usize = 10;

/// The certificate that a server showed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct TlsInfo {
    /// When it expires.
    pub not_after: Micros,
    /// Whom it was issued to.
    pub subject: String,
    /// Who issued it.
    pub issuer: String,
    /// SHA-256 of the certificate, upper-case pairs with colons.
    pub fingerprint_sha256: String,
}

impl TlsInfo {
    /// Reads a DER certificate; `None` if it is none.
    pub(crate) fn read(der: &[u8]) -> Option<Self> {
        let (_, certificate) = X509Certificate::from_der(der).ok()?;
        Some(Self {
            not_after: Micros(0).plus_seconds(certificate.validity().not_after.timestamp()),
            subject: name(certificate.subject()),
            issuer: name(certificate.issuer()),
            fingerprint_sha256: fingerprint(der),
        })
    }
}

/// SHA-256 as Proxmox, OpenSSL and browsers print it.
pub(crate) fn fingerprint(der: &[u8]) -> String {
    use fmt::Write as _;
    let mut text = String::with_capacity(95);
    for byte in Sha256::digest(der) {
        let colon = if text.is_empty() { "" } else { ":" };
        // Writing to a `String` cannot fail.
        write!(text, "{colon}{byte:02X}").unwrap_or_default();
    }
    text
}

/// A name as it may be shown: whoever made the certificate wrote it.
fn name(name: &X509Name<'_>) -> String {
    printable(&name.to_string())
        .chars()
        .take(LONGEST_NAME)
        .collect()
}

/// Why a certificate was not trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum CertificateFault {
    /// It vouches for itself.
    SelfSigned,
    /// Nobody whom we trust issued it.
    UnknownIssuer,
    /// It is no longer valid.
    Expired,
    /// It is not valid yet, or a clock is wrong.
    NotYetValid,
    /// It was issued for other names.
    WrongName,
    /// It is not the one that the configuration names.
    NotPinned,
    /// Anything else: broken encoding, revoked, wrong purpose.
    Unusable,
}

impl CertificateFault {
    /// The fault as an error's `reason`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::SelfSigned => "tls_self_signed",
            Self::UnknownIssuer => "tls_unknown_issuer",
            Self::Expired => "tls_expired",
            Self::NotYetValid => "tls_not_yet_valid",
            Self::WrongName => "tls_wrong_name",
            Self::NotPinned => "tls_not_pinned",
            Self::Unusable => "tls_unusable",
        }
    }

    fn of(error: &rustls::Error, self_signed: bool) -> Self {
        let rustls::Error::InvalidCertificate(error) = error else {
            return Self::Unusable;
        };
        match error {
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => Self::Expired,
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
                Self::NotYetValid
            }
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                Self::WrongName
            }
            // A server's own authority certificate used as its own is another error than an
            // unknown issuer, but the same situation.
            CertificateError::UnknownIssuer | CertificateError::Other(_) if self_signed => {
                Self::SelfSigned
            }
            CertificateError::UnknownIssuer => Self::UnknownIssuer,
            _ => Self::Unusable,
        }
    }
}

/// A certificate that was not trusted: why, and what it says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateProblem {
    /// Why.
    pub fault: CertificateFault,
    /// SHA-256 of the certificate found.
    pub fingerprint_sha256: String,
    /// What it says, if it can be read.
    pub found: Option<TlsInfo>,
    /// The names it was issued for.
    pub names: Vec<String>,
}

impl CertificateProblem {
    pub(crate) fn new(der: &[u8], error: &rustls::Error) -> Self {
        let found = TlsInfo::read(der);
        let self_signed = found
            .as_ref()
            .is_some_and(|found| found.subject == found.issuer);
        Self {
            fault: CertificateFault::of(error, self_signed),
            ..Self::described(der, found)
        }
    }

    pub(crate) fn not_pinned(der: &[u8]) -> Self {
        Self::described(der, TlsInfo::read(der))
    }

    fn described(der: &[u8], found: Option<TlsInfo>) -> Self {
        Self {
            fault: CertificateFault::NotPinned,
            fingerprint_sha256: fingerprint(der),
            found,
            names: names(der),
        }
    }

    /// What to do, where `settings` is the configuration section of the service.
    pub fn hint(&self, settings: &str) -> String {
        let pin = format!(
            "`tls = {{ fingerprint = \"{}\" }}`",
            self.fingerprint_sha256
        );
        match self.fault {
            CertificateFault::SelfSigned | CertificateFault::UnknownIssuer => format!(
                "if this is the certificate you expect, set {pin} in `[{settings}]`, \
                 or trust its authority with `tls = {{ ca_file = \"/path/to/ca.pem\" }}`"
            ),
            CertificateFault::Expired => {
                format!("renew the certificate; to go on until then, set {pin} in `[{settings}]`")
            }
            CertificateFault::NotYetValid => {
                "compare the clocks of this machine and of the service".to_owned()
            }
            CertificateFault::WrongName if self.names.is_empty() => {
                format!("set {pin} in `[{settings}]`")
            }
            CertificateFault::WrongName => format!(
                "use one of its names (`{}`) in `{settings}.url`, or set {pin} in `[{settings}]`",
                self.names.join("`, `")
            ),
            CertificateFault::NotPinned => format!(
                "if the certificate was renewed on purpose, set {pin} in `[{settings}]`; \
                 otherwise somebody may sit in between"
            ),
            CertificateFault::Unusable => {
                format!("give the service another certificate, or set {pin} in `[{settings}]`")
            }
        }
    }
}

impl fmt::Display for CertificateProblem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.fault {
            CertificateFault::SelfSigned => "the certificate is self-signed",
            CertificateFault::UnknownIssuer => "the certificate comes from an unknown authority",
            CertificateFault::Expired => "the certificate has expired",
            CertificateFault::NotYetValid => "the certificate is not valid yet",
            CertificateFault::WrongName => "the certificate was issued for another name",
            CertificateFault::NotPinned => {
                "the certificate is not the one with the configured fingerprint"
            }
            CertificateFault::Unusable => "the certificate cannot be used",
        };
        formatter.write_str(what)?;
        match &self.found {
            Some(found) => write!(
                formatter,
                " (issued by `{}`, valid until {})",
                found.issuer, found.not_after
            ),
            None => Ok(()),
        }
    }
}

impl std::error::Error for CertificateProblem {}

impl From<CertificateProblem> for rustls::Error {
    fn from(problem: CertificateProblem) -> Self {
        let other = rustls::OtherError(std::sync::Arc::new(problem));
        Self::InvalidCertificate(CertificateError::Other(other))
    }
}

/// The DNS names and addresses that a certificate was issued for.
fn names(der: &[u8]) -> Vec<String> {
    let Ok((_, certificate)) = X509Certificate::from_der(der) else {
        return Vec::new();
    };
    let Ok(Some(extension)) = certificate.subject_alternative_name() else {
        return Vec::new();
    };
    extension
        .value
        .general_names
        .iter()
        .filter_map(|name| match name {
            GeneralName::DNSName(name) => {
                Some(printable(name).chars().take(LONGEST_NAME).collect())
            }
            GeneralName::IPAddress(bytes) => address(bytes),
            _ => None,
        })
        .take(MOST_NAMES)
        .collect()
}

fn address(bytes: &[u8]) -> Option<String> {
    if let Ok(bytes) = <[u8; 4]>::try_from(bytes) {
        return Some(std::net::Ipv4Addr::from(bytes).to_string());
    }
    let bytes = <[u8; 16]>::try_from(bytes).ok()?;
    Some(std::net::Ipv6Addr::from(bytes).to_string())
}

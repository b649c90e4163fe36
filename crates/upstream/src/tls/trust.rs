//! Reads the settings: authorities of the machine, a CA file, fingerprints.

use std::sync::{Arc, OnceLock};

use homelab_core::error::ToolError;
use rustls::RootCertStore;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;

use crate::config::ClientConfig;

/// Whom a client trusts.
#[derive(Debug)]
pub(super) enum Trust {
    /// Everybody.
    Anybody,
    /// Certificates with one of these SHA-256 digests.
    Pinned(Vec<[u8; 32]>),
    /// Authorities, and certificates that the CA file holds themselves.
    Authorities {
        roots: Arc<RootCertStore>,
        given: Vec<CertificateDer<'static>>,
    },
}

impl Trust {
    /// From the settings; reads the CA file.
    pub(super) fn from_settings(config: &ClientConfig) -> Result<Self, ToolError> {
        let tls = &config.tls;
        if tls.insecure && (tls.fingerprint.is_some() || tls.ca_file.is_some()) {
            return Err(config
                .wrong(
                    "tls.insecure",
                    "`insecure` makes the other TLS settings useless",
                )
                .hint("remove `insecure`, or remove `fingerprint` and `ca_file`"));
        }
        if tls.insecure {
            return Ok(Self::Anybody);
        }
        if let Some(text) = &tls.fingerprint {
            return Ok(Self::Pinned(fingerprints(config, text)?));
        }
        let Some(path) = &tls.ca_file else {
            return Ok(Self::Authorities {
                roots: machine_roots(),
                given: Vec::new(),
            });
        };
        let wrong = |what: &str| {
            config
                .wrong("tls.ca_file", format!("`{}` {what}", path.display()))
                .hint("give a readable file with certificates in PEM form")
        };
        let given = CertificateDer::pem_file_iter(path)
            .map_err(|_| wrong("cannot be read"))?
            .collect::<Result<Vec<_>, _>>()
            .map_err(|_| wrong("is not a PEM file"))?;
        if given.is_empty() {
            return Err(wrong("holds no certificate"));
        }
        let mut roots = RootCertStore::clone(&machine_roots());
        for certificate in &given {
            roots
                .add(certificate.clone())
                .map_err(|_| wrong("holds a certificate that cannot be read"))?;
        }
        Ok(Self::Authorities {
            roots: Arc::new(roots),
            given,
        })
    }
}

/// The authorities that this machine trusts; Mozilla's list where it has none, as in a container
/// made from nothing. Read once.
fn machine_roots() -> Arc<RootCertStore> {
    static ROOTS: OnceLock<Arc<RootCertStore>> = OnceLock::new();
    let roots = ROOTS.get_or_init(|| {
        let mut roots = RootCertStore::empty();
        let found = rustls_native_certs::load_native_certs();
        let (added, ignored) = roots.add_parsable_certificates(found.certs);
        if added == 0 {
            roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
        }
        tracing::debug!(
            added,
            ignored,
            "loaded the certificate authorities of this machine"
        );
        Arc::new(roots)
    });
    Arc::clone(roots)
}

/// Hexadecimal digests in any of the usual spellings, separated by commas or spaces.
fn fingerprints(config: &ClientConfig, text: &str) -> Result<Vec<[u8; 32]>, ToolError> {
    let pins = text
        .split([',', ' '])
        .filter(|part| !part.is_empty())
        .map(fingerprint)
        .collect::<Option<Vec<_>>>()
        .filter(|pins| !pins.is_empty());
    pins.ok_or_else(|| {
        config
            .wrong("tls.fingerprint", "this is not a SHA-256 fingerprint")
            .hint("give 64 hexadecimal digits, with or without colons")
    })
}

fn fingerprint(text: &str) -> Option<[u8; 32]> {
    let text = text
        .strip_prefix("sha256:")
        .or_else(|| text.strip_prefix("SHA256:"))
        .unwrap_or(text);
    let mut digits = text.chars().filter(|letter| *letter != ':');
    let mut digest = [0; 32];
    for byte in &mut digest {
        let high = digits.next()?.to_digit(16)?;
        let low = digits.next()?.to_digit(16)?;
        *byte = u8::try_from(high * 16 + low).ok()?;
    }
    digits.next().is_none().then_some(digest)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    const DIGITS: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

    #[rstest]
    #[case(DIGITS.to_owned())]
    #[case(DIGITS.to_uppercase())]
    #[case(format!("sha256:{DIGITS}"))]
    #[case(DIGITS.as_bytes().chunks(2).map(|pair| str::from_utf8(pair).unwrap()).collect::<Vec<_>>().join(":"))]
    fn a_fingerprint_is_read_in_any_usual_spelling(#[case] text: String) {
        let mut digest = [0; 32];
        for (byte, value) in digest.iter_mut().zip(0..) {
            *byte = value;
        }

        assert_eq!(fingerprint(&text), Some(digest));
    }

    #[rstest]
    #[case("")]
    #[case("00:11")]
    #[case("zz0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f")]
    #[case("000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20")]
    fn anything_else_is_refused_by_its_setting(#[case] text: &str) {
        let error = fingerprints(&ClientConfig::new("pve"), text).unwrap_err();

        assert_eq!(
            error.envelope().field.as_deref(),
            Some("servers.pve.tls.fingerprint")
        );
    }
}

//! Traefik's `acme.json`: the certificates that its resolvers obtained. Only those are read; the
//! private keys beside them are skipped by the reader and never become values.
//!
//! Source: Traefik documentation, "ACME", storage.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use homelab_core::clock::Micros;
use homelab_core::error::{Code, ToolError, ToolResult};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;
use serde::Deserialize;

use crate::x509::{CertificateRow, Source};

#[derive(Deserialize)]
struct Resolver {
    #[serde(rename = "Certificates", default)]
    certificates: Option<Vec<Obtained>>,
}

#[derive(Deserialize)]
struct Obtained {
    /// PEM in base64, the server's own certificate first.
    certificate: String,
}

/// The certificates of the file.
///
/// # Errors
/// `upstream_rejected` if the file is no such storage. Nothing of it is repeated.
pub(crate) fn read(content: &[u8], now: Micros) -> ToolResult<Vec<CertificateRow>> {
    // Traefik makes the file empty before it has anything to keep.
    if content.trim_ascii().is_empty() {
        return Ok(Vec::new());
    }
    let resolvers: BTreeMap<String, Option<Resolver>> =
        serde_json::from_slice(content).map_err(|_| {
            ToolError::new(
                Code::UpstreamRejected,
                "the file of certificates is not one that Traefik writes",
            )
            .reason("unexpected_answer")
            .hint("check `acme_file`; version 1's files have another form")
        })?;
    let rows = resolvers.into_iter().flat_map(|(name, resolver)| {
        let certificates = resolver.and_then(|resolver| resolver.certificates);
        let certificates = certificates.into_iter().flatten();
        certificates.filter_map(move |one| {
            let pem = STANDARD.decode(one.certificate).ok()?;
            let der = CertificateDer::from_pem_slice(&pem).ok()?;
            let row = CertificateRow::read(&der, Source::AcmeFile, now)?;
            Some(CertificateRow {
                resolver: Some(name.clone()),
                ..row
            })
        })
    });
    Ok(rows.collect())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn certificates_are_read_and_keys_are_not() {
        let made = rcgen::generate_simple_self_signed(vec!["a.test".into()]).unwrap();
        let text = json!({ "letsencrypt": { "Account": { "PrivateKey": "tell-nobody" }, "Certificates": [
            { "domain": { "main": "a.test" }, "certificate": STANDARD.encode(made.cert.pem()), "key": "tell-nobody", "Store": "default" },
            { "domain": { "main": "b.test" }, "certificate": "rubbish", "key": "x" },
        ] }, "none": null, "fresh": { "Account": null, "Certificates": null } });

        let rows = read(text.to_string().as_bytes(), Micros(0)).unwrap();

        assert_eq!(rows.len(), 1);
        assert!(rows[0].covers("a.test"));
        assert_eq!(rows[0].resolver.as_deref(), Some("letsencrypt"));
        assert!(
            !serde_json::to_string(&rows)
                .unwrap()
                .contains("tell-nobody")
        );
    }

    #[test]
    fn an_empty_file_has_none_and_another_file_is_refused_without_its_text() {
        assert_eq!(read(b"\n", Micros(0)).unwrap(), []);

        let error = read(b"[\"tell-nobody\"]", Micros(0)).unwrap_err();

        assert!(!error.to_string().contains("tell-nobody"));
    }
}

//! Checks a server's certificate, and keeps what was wrong with it for the error.

use std::sync::Arc;

use homelab_core::error::ToolError;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, DigitallySignedStruct, SignatureScheme};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use sha2::{Digest as _, Sha256};
use x509_parser::prelude::{FromDer as _, X509Certificate};

use super::certificate::CertificateProblem;
use super::trust::Trust;
use crate::config::ClientConfig;

/// The TLS side of a client that is not ours, such as one over a socket of its own: trusts whom
/// `config.tls` says. A certificate that is not trusted comes back as a [`CertificateProblem`] inside
/// `rustls`' error.
///
/// # Errors
/// `not_configured` naming the setting that is wrong.
pub fn client_config(config: &ClientConfig) -> Result<rustls::ClientConfig, ToolError> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let verifier = Verifier {
        check: Check::new(Trust::from_settings(config)?, &provider)
            .ok_or_else(|| config.wrong("tls", "there is no authority to trust"))?,
        provider: Arc::clone(&provider),
    };
    let builder = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|_| ToolError::internal("TLS cannot be set up"))?;
    Ok(builder
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth())
}

#[derive(Debug)]
struct Verifier {
    check: Check,
    provider: Arc<CryptoProvider>,
}

#[derive(Debug)]
enum Check {
    Nothing,
    Digest(Vec<[u8; 32]>),
    Chain {
        chain: Arc<WebPkiServerVerifier>,
        given: Vec<CertificateDer<'static>>,
    },
}

impl Check {
    /// `None` if there are no authorities at all.
    fn new(trust: Trust, provider: &Arc<CryptoProvider>) -> Option<Self> {
        Some(match trust {
            Trust::Anybody => Self::Nothing,
            Trust::Pinned(digests) => Self::Digest(digests),
            Trust::Authorities { roots, given } => Self::Chain {
                chain: WebPkiServerVerifier::builder_with_provider(roots, Arc::clone(provider))
                    .build()
                    .ok()?,
                given,
            },
        })
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let verified = match &self.check {
            Check::Nothing => Ok(()),
            Check::Digest(digests) => {
                let digest: [u8; 32] = Sha256::digest(end_entity).into();
                if digests.contains(&digest) {
                    Ok(())
                } else {
                    return Err(CertificateProblem::not_pinned(end_entity).into());
                }
            }
            // The server's own certificate, in the file of trusted ones: no chain leads to it if
            // it is an authority's, as self-made ones often are.
            Check::Chain { given, .. } if given.iter().any(|known| known == end_entity) => {
                verify_alone(end_entity, server_name, now)
            }
            Check::Chain { chain, .. } => chain
                .verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
                .map(|_| ()),
        };
        match verified {
            Ok(()) => Ok(ServerCertVerified::assertion()),
            Err(error) => Err(CertificateProblem::new(end_entity, &error).into()),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, cert, dss, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, cert, dss, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}

/// Time and name, for a certificate that is trusted itself.
fn verify_alone(
    certificate: &CertificateDer<'_>,
    server_name: &ServerName<'_>,
    now: UnixTime,
) -> Result<(), rustls::Error> {
    let (_, parsed) = X509Certificate::from_der(certificate)
        .map_err(|_| rustls::Error::from(CertificateError::BadEncoding))?;
    let now = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
    if now > parsed.validity().not_after.timestamp() {
        return Err(CertificateError::Expired.into());
    }
    if now < parsed.validity().not_before.timestamp() {
        return Err(CertificateError::NotValidYet.into());
    }
    rustls::client::verify_server_name(&ParsedCertificate::try_from(certificate)?, server_name)
}

//! TLS of outbound connections: whom to trust, what was found, and what was wrong with it.

mod certificate;
mod trust;
mod verifier;

pub use certificate::{CertificateFault, CertificateProblem, TlsInfo};
pub use verifier::client_config;

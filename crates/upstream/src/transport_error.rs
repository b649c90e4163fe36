//! Finds out from the HTTP library's nested errors what went wrong.

use std::error::Error;
use std::io;
use std::time::Duration;

use rustls::{AlertDescription, CertificateError};

use crate::error::Fault;
use crate::tls::CertificateProblem;

/// What a failed exchange was about. Nothing of the library's texts is kept: they hold addresses.
pub(crate) fn classify(error: &reqwest::Error, connect_timeout: Duration) -> Fault {
    if error.is_dns() {
        return Fault::Dns;
    }
    if let Some(fault) = chain(error).find_map(known) {
        return fault;
    }
    if error.is_connect() && error.is_timeout() {
        return Fault::ConnectTimeout(connect_timeout);
    }
    if error.is_connect() {
        let kind = chain(error)
            .find_map(|cause| cause.downcast_ref::<io::Error>())
            .map_or("the connection failed".to_owned(), |error| {
                error.kind().to_string()
            });
        return Fault::Connect(kind);
    }
    if error.is_builder() {
        return Fault::Invalid("the address or a header cannot be sent".to_owned());
    }
    Fault::Lost
}

fn known(cause: &(dyn Error + 'static)) -> Option<Fault> {
    if let Some(error) = cause.downcast_ref::<rustls::Error>() {
        return Some(tls(error));
    }
    if let Some(error) = cause.downcast_ref::<hyper::Error>()
        && error.is_parse()
    {
        return Some(Fault::NotHttp);
    }
    match cause.downcast_ref::<io::Error>()?.kind() {
        io::ErrorKind::ConnectionRefused => Some(Fault::Refused),
        io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => Some(Fault::NoRoute),
        _ => None,
    }
}

fn tls(error: &rustls::Error) -> Fault {
    match error {
        rustls::Error::InvalidCertificate(CertificateError::Other(other)) => {
            match other.0.downcast_ref::<CertificateProblem>() {
                Some(problem) => Fault::Certificate(Box::new(problem.clone())),
                None => Fault::Handshake("the certificate cannot be checked".to_owned()),
            }
        }
        rustls::Error::InvalidMessage(_) => Fault::NotTls,
        rustls::Error::AlertReceived(AlertDescription::CertificateRequired) => {
            Fault::Handshake("the service asks for a client certificate".to_owned())
        }
        // Made of words and numbers of the protocol only.
        rustls::Error::AlertReceived(alert) => {
            Fault::Handshake(format!("the service answered `{alert:?}`"))
        }
        rustls::Error::PeerIncompatible(why) => Fault::Handshake(format!("`{why:?}`")),
        _ => Fault::Handshake("the messages do not follow the protocol".to_owned()),
    }
}

/// An error and its causes. The standard library's [`io::Error`] skips the error it wraps when asked
/// for its source, so that one is looked into first.
fn chain<'a>(error: &'a reqwest::Error) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    let first: &(dyn Error + 'static) = error;
    std::iter::successors(Some(first), |&cause: &&'a (dyn Error + 'static)| {
        if let Some(wrapped) = cause
            .downcast_ref::<io::Error>()
            .and_then(io::Error::get_ref)
        {
            return Some(wrapped as &(dyn Error + 'static));
        }
        cause.source()
    })
}

//! Client certificates: which one stands for whom.
//!
//! The handshake has verified that the configured authority issued it and that the client holds its
//! key; here it only gets a name.

use homelab_core::call::{CredentialKind, Principal};
use homelab_core::clock::Micros;
use homelab_core::policy::{Pattern, Role};
use sha2::{Digest as _, Sha256};
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer as _, X509Certificate};

use super::fault::Fault;
use super::names::is_usable;

/// How a certificate is recognised.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CertificateMatch {
    /// SHA-256 of the whole certificate.
    Fingerprint([u8; 32]),
    /// The common name of its subject.
    CommonName(Pattern),
    /// A URI among its alternative names, such as `spiffe://lab/agent/*`.
    Uri(Pattern),
    /// A host name among its alternative names.
    Dns(Pattern),
    /// An e-mail address among its alternative names.
    Email(Pattern),
}

/// Whom certificates stand for.
#[derive(Debug, Clone)]
pub struct CertificateOwner {
    /// How they are recognised.
    pub matches: CertificateMatch,
    /// Name for rules, after `cert:`; the name that matched if absent.
    pub name: Option<String>,
    /// The role.
    pub role: Role,
}

/// All owners, in the order in which they are looked at.
#[derive(Debug, Clone, Default)]
pub(super) struct Certificates(pub(super) Vec<CertificateOwner>);

impl Certificates {
    /// Whom a certificate stands for. Its validity was checked when the connection was made, which
    /// may be long ago, so its end is looked at again.
    pub(super) fn principal(&self, der: &[u8], now: Micros) -> Result<Principal, Fault> {
        let fingerprint: [u8; 32] = Sha256::digest(der).into();
        let (_, certificate) = X509Certificate::from_der(der).map_err(|_| Fault::Malformed)?;
        let ends = certificate.validity().not_after.timestamp();
        if now.0.div_euclid(1_000_000) > ends {
            return Err(Fault::Expired);
        }
        let found = self.0.iter().find_map(|owner| {
            let matched = matched(&owner.matches, &certificate, &fingerprint)?;
            let name = owner.name.clone().unwrap_or(matched);
            Some((name, owner.role))
        });
        let (name, role) = found.ok_or(Fault::UnknownCertificate)?;
        let id: String = hex::encode(fingerprint).chars().take(32).collect();
        Ok(Principal::new(
            format!("cert:{name}"),
            format!("cert:{id}"),
            CredentialKind::Agent,
            role,
        ))
    }
}

/// The name by which it matches.
fn matched(
    wanted: &CertificateMatch,
    certificate: &X509Certificate<'_>,
    fingerprint: &[u8; 32],
) -> Option<String> {
    match wanted {
        CertificateMatch::Fingerprint(wanted) => {
            (wanted == fingerprint).then(|| hex::encode(fingerprint).chars().take(16).collect())
        }
        CertificateMatch::CommonName(pattern) => {
            let mut names = certificate.subject().iter_common_name();
            let name = names.next()?.as_str().ok()?;
            // Two could be read by others as either.
            let only = names.next().is_none();
            (only && pattern.matches(name) && is_usable(name)).then(|| name.to_owned())
        }
        CertificateMatch::Uri(pattern) => alternative(certificate, |name| match name {
            GeneralName::URI(uri) if pattern.matches(uri) => Some((*uri).to_owned()),
            _ => None,
        }),
        CertificateMatch::Dns(pattern) => alternative(certificate, |name| match name {
            GeneralName::DNSName(name) => {
                let name = name.to_ascii_lowercase();
                (pattern.matches(&name) && is_usable(&name)).then_some(name)
            }
            _ => None,
        }),
        CertificateMatch::Email(pattern) => alternative(certificate, |name| match name {
            GeneralName::RFC822Name(name) if pattern.matches(name) && is_usable(name) => {
                Some((*name).to_owned())
            }
            _ => None,
        }),
    }
}

fn alternative(
    certificate: &X509Certificate<'_>,
    fits: impl Fn(&GeneralName<'_>) -> Option<String>,
) -> Option<String> {
    let names = certificate.subject_alternative_name().ok()??;
    names.value.general_names.iter().find_map(fits)
}

#[cfg(test)]
mod tests {
    use rcgen::string::Ia5String;
    use rcgen::{CertificateParams, DnType, KeyPair, SanType};
    use rstest::rstest;

    use super::*;

    fn certificate() -> Vec<u8> {
        let mut params = CertificateParams::default();
        params
            .distinguished_name
            .push(DnType::CommonName, "backup-agent");
        params.subject_alt_names = vec![
            SanType::DnsName(Ia5String::try_from("agent.lab.example").unwrap()),
            SanType::URI(Ia5String::try_from("spiffe://lab/agent/backup").unwrap()),
            SanType::Rfc822Name(Ia5String::try_from("ops@lab.example").unwrap()),
        ];
        let key = KeyPair::generate().unwrap();
        params.self_signed(&key).unwrap().der().to_vec()
    }

    fn owner(matches: CertificateMatch) -> Certificates {
        Certificates(vec![CertificateOwner {
            matches,
            name: None,
            role: Role::Operator,
        }])
    }

    fn now() -> Micros {
        Micros(1_700_000_000_000_000)
    }

    #[rstest]
    #[case(
        CertificateMatch::CommonName(Pattern::new("backup-*")),
        Some("cert:backup-agent")
    )]
    #[case(CertificateMatch::CommonName(Pattern::new("backup")), None)]
    #[case(
        CertificateMatch::Dns(Pattern::new("*.lab.example")),
        Some("cert:agent.lab.example")
    )]
    #[case(CertificateMatch::Dns(Pattern::new("lab.example")), None)]
    #[case(
        CertificateMatch::Uri(Pattern::new("spiffe://lab/agent/*")),
        Some("cert:spiffe://lab/agent/backup")
    )]
    #[case(
        CertificateMatch::Email(Pattern::new("ops@lab.example")),
        Some("cert:ops@lab.example")
    )]
    #[case(CertificateMatch::Email(Pattern::new("spiffe://*")), None)]
    #[case(CertificateMatch::Fingerprint([0; 32]), None)]
    fn a_certificate_is_recognised_by_what_its_entry_says(
        #[case] matches: CertificateMatch,
        #[case] name: Option<&str>,
    ) {
        let found = owner(matches).principal(&certificate(), now());

        assert_eq!(
            found.as_ref().ok().map(|principal| principal.name.as_str()),
            name
        );
    }

    #[test]
    fn the_fingerprint_names_exactly_one_certificate_and_the_entry_may_name_it() {
        let der = certificate();
        let mut owners = owner(CertificateMatch::Fingerprint(Sha256::digest(&der).into()));
        owners.0[0].name = Some("backup".to_owned());

        let own = owners.principal(&der, now()).unwrap();

        assert_eq!(own.name, "cert:backup");
        assert_eq!(own.kind, CredentialKind::Agent);
        assert_eq!(
            owners.principal(&certificate(), now()).unwrap_err(),
            Fault::UnknownCertificate
        );
    }

    #[test]
    fn an_expired_certificate_stands_for_nobody_though_its_connection_lives() {
        let owners = owner(CertificateMatch::CommonName(Pattern::new("*")));
        let far = Micros(i64::MAX);

        assert_eq!(
            owners.principal(&certificate(), far).unwrap_err(),
            Fault::Expired
        );
        assert_eq!(
            owners.principal(b"no certificate", now()).unwrap_err(),
            Fault::Malformed
        );
    }
}

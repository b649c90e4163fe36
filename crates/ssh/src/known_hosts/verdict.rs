//! What the known keys of a host say about the key that it shows.

use russh::keys::ssh_key::Fingerprint;
use russh::keys::ssh_key::certificate::CertType;
use russh::keys::{Algorithm, Certificate, EcdsaCurve, HashAlg, PublicKey};

use super::{Known, Line, Marker};

/// What the known keys of a host say about the key that it shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It is one of them.
    Good,
    /// The host is not known.
    Unknown,
    /// The host is known by other keys: the first of them, and where it stands.
    Changed { known: String, line: usize },
    /// It must not be accepted any more; where that stands.
    Revoked { line: usize },
    /// The certificate is not good for this host, and why.
    BadCertificate { why: &'static str },
}

/// Key types we can check, most wanted first. SHA-1 signatures (`ssh-rsa`) are not among them.
const OFFERED: [Algorithm; 6] = [
    Algorithm::Ed25519,
    Algorithm::Ecdsa {
        curve: EcdsaCurve::NistP256,
    },
    Algorithm::Ecdsa {
        curve: EcdsaCurve::NistP384,
    },
    Algorithm::Ecdsa {
        curve: EcdsaCurve::NistP521,
    },
    Algorithm::Rsa {
        hash: Some(HashAlg::Sha512),
    },
    Algorithm::Rsa {
        hash: Some(HashAlg::Sha256),
    },
];

/// Whether two algorithms belong to one kind of key: an RSA key signs with several hashes.
pub(crate) fn same_key_type(one: &Algorithm, other: &Algorithm) -> bool {
    matches!((one, other), (Algorithm::Rsa { .. }, Algorithm::Rsa { .. })) || one == other
}

/// What to offer in the negotiation: plain keys, and keys with certificates.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Offer {
    pub(crate) keys: Vec<Algorithm>,
    pub(crate) certificates: Vec<Algorithm>,
}

impl Offer {
    /// Every kind of key, no certificates.
    pub(crate) fn any() -> Self {
        Self {
            keys: OFFERED.to_vec(),
            certificates: Vec::new(),
        }
    }

    /// Whether a kind of key is missing.
    pub(crate) fn is_narrowed(&self) -> bool {
        self.keys.len() < OFFERED.len()
    }

    /// The same without one kind of key.
    pub(crate) fn without(mut self, shown: &Algorithm) -> Self {
        self.keys.retain(|one| !same_key_type(one, shown));
        self
    }
}

impl Known {
    fn of(&self, marker: Marker) -> impl Iterator<Item = &Line> {
        self.lines.iter().filter(move |line| line.marker == marker)
    }

    /// Whether any line vouches for this host. One that only revokes does not.
    pub(crate) fn vouches(&self) -> bool {
        self.lines.iter().any(|line| line.marker != Marker::Revoked)
    }

    /// The kinds of key that the host is known by, so that an honest host with several keys shows
    /// the known one. Everything for a host that is not known: its fingerprint is wanted for the
    /// error.
    pub(crate) fn offer(&self) -> Offer {
        let known: Vec<Algorithm> = OFFERED
            .into_iter()
            .filter(|offered| {
                self.of(Marker::Host).any(|line| {
                    line.key
                        .as_ref()
                        .is_some_and(|key| same_key_type(&key.algorithm(), offered))
                })
            })
            .collect();
        let mut offer = Offer::any();
        if !known.is_empty() {
            offer.keys = known;
        }
        if self.of(Marker::CertAuthority).next().is_some() {
            offer.certificates = OFFERED.to_vec();
        }
        offer
    }

    /// Whether a plain key is the host's.
    pub(crate) fn judge_key(&self, key: &PublicKey) -> Verdict {
        if let Some(line) = self.revoked(key) {
            return Verdict::Revoked { line };
        }
        let is_it = |line: &Line| {
            let known = line.key.as_ref();
            known.is_some_and(|known| known.key_data() == key.key_data())
        };
        if self.of(Marker::Host).any(is_it) {
            return Verdict::Good;
        }
        match self.of(Marker::Host).next() {
            None => Verdict::Unknown,
            Some(line) => Verdict::Changed {
                known: described(line),
                line: line.number,
            },
        }
    }

    /// Whether a certificate makes its key the host's: `name` is what the host is called in the
    /// settings, `now` in seconds since 1970.
    pub(crate) fn judge_certificate(
        &self,
        certificate: &Certificate,
        name: &str,
        now: u64,
    ) -> Verdict {
        let keys = [certificate.public_key(), certificate.signature_key()];
        for key in keys {
            if let Some(line) = self.revoked(&PublicKey::from(key.clone())) {
                return Verdict::Revoked { line };
            }
        }
        let authorities: Vec<Fingerprint> = self
            .of(Marker::CertAuthority)
            .filter_map(|line| Some(line.key.as_ref()?.fingerprint(HashAlg::Sha256)))
            .collect();
        let signer = certificate.signature_key().fingerprint(HashAlg::Sha256);
        let principals = certificate.valid_principals();
        let why = if !authorities.contains(&signer) {
            "no `@cert-authority` line names who signed it"
        } else if certificate.cert_type() != CertType::Host {
            "it is a user's, not a host's"
        } else if certificate.validate_at(now, &authorities).is_err() {
            "its signature is wrong, or it is not valid now"
        // OpenSSH takes an empty list for "any host"; that is not what somebody who signs means.
        } else if !principals.iter().any(|one| one.eq_ignore_ascii_case(name)) {
            "it was made for other names"
        } else if certificate.critical_options().iter().next().is_some() {
            "it has critical options, which are not known for hosts"
        } else {
            return Verdict::Good;
        };
        Verdict::BadCertificate { why }
    }

    fn revoked(&self, key: &PublicKey) -> Option<usize> {
        self.of(Marker::Revoked)
            .find(|line| {
                let revoked = line.key.as_ref();
                revoked.is_some_and(|revoked| revoked.key_data() == key.key_data())
            })
            .map(|line| line.number)
    }
}

/// Kind and fingerprint of a known key, for a person to compare.
fn described(line: &Line) -> String {
    match &line.key {
        Some(key) => format!("{} {}", line.algorithm, key.fingerprint(HashAlg::Sha256)),
        None => format!("{} (not readable)", line.algorithm),
    }
}

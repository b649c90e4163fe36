//! What is wrong with a credential; for audit and metrics, not for the caller.

/// See the module.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Nothing was sent.
    Missing,
    /// It cannot be read.
    Malformed,
    /// A key that is not ours.
    Unknown,
    /// The right id with another secret.
    WrongSecret,
    /// Its time is over.
    Expired,
    /// Its time has not come.
    NotYetValid,
    /// A key that was withdrawn.
    Revoked,
    /// A token of somebody who is not trusted.
    WrongIssuer,
    /// A token for somebody else.
    WrongAudience,
    /// An algorithm that is not allowed, or not this key's.
    WrongAlgorithm,
    /// A signature that does not fit.
    WrongSignature,
    /// A token signed with a key that its issuer does not publish.
    UnknownKey,
    /// A token that does not say who or until when.
    WrongClaims,
    /// Somebody who is known and has no role here.
    NoRole,
    /// A token without any of our scopes, or with too few of them.
    InsufficientScope,
    /// A client certificate that stands for nobody.
    UnknownCertificate,
    /// A proxy without its secret.
    WrongProxySecret,
    /// Headers of a proxy's that it cannot have sent.
    Smuggled,
}

impl Fault {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Malformed => "malformed",
            Self::Unknown => "unknown",
            Self::WrongSecret => "wrong_secret",
            Self::Expired => "expired",
            Self::NotYetValid => "not_yet_valid",
            Self::Revoked => "revoked",
            Self::WrongIssuer => "wrong_issuer",
            Self::WrongAudience => "wrong_audience",
            Self::WrongAlgorithm => "wrong_algorithm",
            Self::WrongSignature => "wrong_signature",
            Self::UnknownKey => "unknown_key",
            Self::WrongClaims => "wrong_claims",
            Self::NoRole => "no_role",
            Self::InsufficientScope => "insufficient_scope",
            Self::UnknownCertificate => "unknown_certificate",
            Self::WrongProxySecret => "wrong_proxy_secret",
            Self::Smuggled => "smuggled_header",
        }
    }
}

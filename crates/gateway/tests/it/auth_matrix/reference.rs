//! What each cell of the matrix is to do, from the rules alone.

use homelab_core::policy::{Role, Scope};

use super::doors::Door;
use super::states::State;

/// The classes of tools.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Class {
    Read,
    Write,
    Destructive,
    Critical,
    Secret,
}

impl Class {
    pub(super) const ALL: [Self; 5] = [
        Self::Read,
        Self::Write,
        Self::Destructive,
        Self::Critical,
        Self::Secret,
    ];

    /// Name of the tool.
    pub(super) fn tool(self) -> &'static str {
        match self {
            Self::Read => "peek",
            Self::Write => "paint",
            Self::Destructive => "smash",
            Self::Critical => "melt",
            Self::Secret => "reveal",
        }
    }
}

/// How a cell ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    /// The tool ran.
    Ran,
    /// It waits for a person.
    Held,
    /// There is no such tool for this caller.
    Hidden,
    /// The token lacks a scope.
    BeyondScope,
    /// HTTP refuses the request.
    Refused(u16),
    /// TLS refuses the connection.
    NoConnection,
}

/// Whom a state stands for.
enum Stands {
    For(Role, Option<Scope>),
    /// With bounds that the request set itself: reads alone.
    ForReadsOnly(Role),
    ForNobody(Outcome),
}

fn stands(state: State) -> Stands {
    use Stands::{For, ForNobody, ForReadsOnly};
    match state {
        State::AgentKey
        | State::OpenWebUiUser
        | State::OpenWebUiUserFromElsewhere
        | State::ForeignSession
        | State::Certificate
        | State::ProxyUser => For(Role::Operator, None),
        State::OwnerKey => For(Role::Admin, None),
        State::ReadOnlyHeader => ForReadsOnly(Role::Operator),
        State::TokenToRead => For(Role::Operator, Some(Scope::Read)),
        State::TokenToWrite | State::TokenOfEd => For(Role::Operator, Some(Scope::Write)),
        State::TokenToWriteOfViewer => For(Role::Viewer, Some(Scope::Write)),
        State::TokenOfAdmin | State::TokenOfPss => For(Role::Admin, Some(Scope::Admin)),
        State::TokenToWriteOfAdmin => For(Role::Admin, Some(Scope::Write)),
        State::CertificateOfOtherAuthority => ForNobody(Outcome::NoConnection),
        State::TokenWithoutScope => ForNobody(Outcome::BeyondScope),
        State::TokenWithoutRole | State::ProxyUserWithoutRole | State::OpenWebUiPending => {
            ForNobody(Outcome::Refused(403))
        }
        State::ProxyHeaderTwice
        | State::ProxyHeaderUnderscore
        | State::ProxyHeaderBothSpellings
        | State::MalformedBounds => ForNobody(Outcome::Refused(400)),
        State::Nothing
        | State::RevokedKey
        | State::ExpiredKey
        | State::KeyInQuery
        | State::TwoAuthorizations
        | State::TokenForOtherEndpoint
        | State::TokenOfOtherIssuer
        | State::TokenUnsigned
        | State::TokenSignedWithPublicKey(_)
        | State::TokenBroken
        | State::TokenAltered
        | State::TokenExpired
        | State::TokenNotYetValid
        | State::TokenOfUnknownKey
        | State::TokenOfForeignIssuer
        | State::TokenOfForeignKey
        | State::TokenWithSharedSecret
        | State::CertificateOfNobody
        | State::ProxyUserFromElsewhere
        | State::ProxyHeadersSmuggledFromElsewhere
        | State::ProxyUserWithWrongKey => ForNobody(Outcome::Refused(401)),
    }
}

/// The rule of a cell.
pub(super) fn expected(state: State, door: Door, class: Class) -> Outcome {
    if state == State::ForeignSession && door.has_sessions() {
        return Outcome::Refused(404);
    }
    match stands(state) {
        Stands::ForNobody(outcome) => outcome,
        Stands::ForReadsOnly(role) if class == Class::Read => of(role, None, class),
        Stands::ForReadsOnly(_) => Outcome::Hidden,
        Stands::For(role, scope) => of(role, scope, class),
    }
}

fn of(role: Role, scope: Option<Scope>, class: Class) -> Outcome {
    let by_role = match (role, class) {
        (_, Class::Read)
        | (Role::Operator | Role::Admin, Class::Write)
        | (Role::Admin, Class::Secret) => Outcome::Ran,
        (Role::Viewer, _) | (Role::Operator, Class::Secret) => return Outcome::Hidden,
        (Role::Operator | Role::Admin, Class::Destructive | Class::Critical) => Outcome::Held,
    };
    let enough = match (scope, class) {
        (None | Some(Scope::Admin), _) | (Some(_), Class::Read) => true,
        (Some(Scope::Read), _) | (Some(Scope::Write), Class::Secret) => false,
        (Some(Scope::Write), _) => true,
    };
    if enough {
        by_role
    } else {
        Outcome::BeyondScope
    }
}

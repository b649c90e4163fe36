//! `[auth]`: who may connect over HTTP, and as whom.

use std::collections::BTreeMap;

use homelab_core::policy::Role;
use homelab_core::secret::SecretRef;
use homelab_gateway::auth::Algorithm;
use homelab_upstream::TlsConfig;
use ipnet::IpNet;
use schemars::JsonSchema;
use serde::Deserialize;

/// Who may connect over HTTP. API keys always open; the tables below add other ways.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Auth {
    /// Ask for a credential. Off is possible on loopback only; every caller then has
    /// `local.http_role`.
    pub(crate) enabled: bool,
    /// Names of callers whose changes need no approval after they read text by outsiders: programs
    /// that no text can talk into anything. A key's name, `<issuer>:<user>`, `cert:<name>`,
    /// `proxy:<user>`.
    pub(crate) taint_off: Vec<String>,
    /// Names of the OAuth scopes that bound what a token may do.
    pub(crate) scopes: Scopes,
    /// A reverse proxy that signs users in, or that names where requests come from.
    pub(crate) proxy: Proxy,
    /// Identity providers whose tokens (JWT) open: one `[[auth.issuers]]` for each.
    pub(crate) issuers: Vec<Issuer>,
    /// Client certificates that open: one `[[auth.certificates]]` for each, the first that matches
    /// counts. Needs `server.tls.client_ca_file`.
    pub(crate) certificates: Vec<Certificate>,
}

impl Default for Auth {
    fn default() -> Self {
        Self {
            enabled: true,
            taint_off: Vec::new(),
            scopes: Scopes::default(),
            proxy: Proxy::default(),
            issuers: Vec::new(),
            certificates: Vec::new(),
        }
    }
}

/// Names of the OAuth scopes that bound what a token may do.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Scopes {
    /// Scope to read.
    pub(crate) read: String,
    /// Scope to read and change.
    pub(crate) write: String,
    /// Scope for secrets too.
    pub(crate) admin: String,
    /// Scopes that clients are told they may ask for. Default: the three above, or `openid`,
    /// `profile` and `groups` where no issuer needs scopes.
    pub(crate) advertised: Option<Vec<String>>,
}

impl Default for Scopes {
    fn default() -> Self {
        let names = homelab_gateway::auth::ScopeNames::default();
        Self {
            read: names.read,
            write: names.write,
            admin: names.admin,
            advertised: None,
        }
    }
}

/// A reverse proxy that signs users in, or that names where requests come from.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Proxy {
    /// Addresses or networks that the proxy connects from, such as `10.0.0.2/32`. Headers of
    /// anybody else are taken out.
    #[schemars(with = "Vec<String>")]
    pub(crate) addresses: Vec<IpNet>,
    /// Header that names the user, such as `Remote-User` or `X-Forwarded-User`. Without it the proxy
    /// signs nobody in and only says where requests come from (`X-Forwarded-For`).
    pub(crate) user_header: Option<String>,
    /// Header that names the user's groups, such as `Remote-Groups`.
    pub(crate) groups_header: Option<String>,
    /// What stands between two groups: `,`, or `|` for Authentik.
    pub(crate) groups_separator: String,
    /// Role of each group: `{ lab = "operator" }`.
    pub(crate) roles: BTreeMap<String, Role>,
    /// Role of users without such a group; none lets them not in.
    pub(crate) default_role: Option<Role>,
    /// Header in which the proxy sends `secret` along.
    pub(crate) secret_header: String,
    /// Secret that the proxy must send with every user it names.
    pub(crate) secret: Option<SecretRef>,
    /// Take `X-OpenWebUI-User-*` from these addresses: the user behind an agent key then has a name
    /// of its own, `<key>/<user>`, and the rights of the key.
    pub(crate) openwebui: bool,
}

impl Default for Proxy {
    fn default() -> Self {
        Self {
            addresses: Vec::new(),
            user_header: None,
            groups_header: None,
            groups_separator: ",".to_owned(),
            roles: BTreeMap::new(),
            default_role: None,
            secret_header: "X-Proxy-Secret".to_owned(),
            secret: None,
            openwebui: false,
        }
    }
}

/// An identity provider whose tokens open.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Issuer {
    /// What the names of its users start with: `<name>:<user>`.
    pub(crate) name: String,
    /// The issuer to the letter as its tokens name it (`iss`), a slash at the end included. Its keys
    /// are found from there.
    pub(crate) url: Option<String>,
    /// Where its keys are, for an issuer that does not say.
    pub(crate) jwks_url: Option<String>,
    /// Secret that it signs with (HS256), for Open WebUI's own sessions: at least 32 characters, no
    /// `jwks_url`.
    pub(crate) secret: Option<SecretRef>,
    /// Whom its tokens must be meant for (`aud`): one of these. Default: the URL of the endpoint that
    /// is called, below `server.public_url`, or that URL itself.
    pub(crate) audiences: Option<Vec<String>>,
    /// Signature algorithms. Default: RS256, PS256, ES256 and EdDSA, or HS256 with `secret`.
    pub(crate) algorithms: Option<Vec<Algorithm>>,
    /// Seconds that its clock may be off.
    #[schemars(range(min = 0, max = 600))]
    pub(crate) clock_skew_s: u64,
    /// Claim with the user's name.
    pub(crate) name_claim: String,
    /// Claim with the user's groups; dots lead into objects.
    pub(crate) groups_claim: String,
    /// Claim with a role by its name here, besides the groups.
    pub(crate) role_claim: Option<String>,
    /// Role of each group: `{ lab = "operator" }`.
    pub(crate) roles: BTreeMap<String, Role>,
    /// Role of users without such a group; none lets them not in.
    pub(crate) default_role: Option<Role>,
    /// Accept only tokens with one of `auth.scopes`. Off for providers that cannot issue scopes of
    /// one's own; scopes that a token has bound it either way.
    pub(crate) require_scopes: bool,
    /// Whom to trust behind its `https` addresses.
    pub(crate) tls: TlsConfig,
}

impl Default for Issuer {
    fn default() -> Self {
        Self {
            name: "oidc".to_owned(),
            url: None,
            jwks_url: None,
            secret: None,
            audiences: None,
            algorithms: None,
            clock_skew_s: 60,
            name_claim: "preferred_username".to_owned(),
            groups_claim: "groups".to_owned(),
            role_claim: None,
            roles: BTreeMap::new(),
            default_role: None,
            require_scopes: true,
            tls: TlsConfig::default(),
        }
    }
}

/// Client certificates that open, by one of their names; `*` stands for any text.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Certificate {
    /// SHA-256 fingerprint, hexadecimal, with or without colons.
    pub(crate) fingerprint: Option<String>,
    /// Common name of the subject.
    pub(crate) common_name: Option<String>,
    /// URI among the alternative names, such as `spiffe://lab/agent/*`.
    pub(crate) uri: Option<String>,
    /// Host name among the alternative names.
    pub(crate) dns: Option<String>,
    /// E-mail address among the alternative names.
    pub(crate) email: Option<String>,
    /// Name for rules, after `cert:`. Default: the name that matched.
    pub(crate) name: Option<String>,
    /// Role.
    pub(crate) role: Role,
}

impl Default for Certificate {
    fn default() -> Self {
        Self {
            fingerprint: None,
            common_name: None,
            uri: None,
            dns: None,
            email: None,
            name: None,
            role: Role::Viewer,
        }
    }
}

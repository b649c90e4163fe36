//! Tokens and what they may do.

use axum::http::{HeaderMap, header};

use super::reply::Failure;
use super::state::State;

/// A permission of a token. One to write includes the one to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Permission {
    /// Zone: see zones.
    ZoneRead,
    /// DNS: see records.
    DnsRead,
    /// DNS: change records.
    DnsWrite,
    /// Cache Purge.
    CachePurge,
    /// Zone WAF: see rulesets.
    WafRead,
    /// Zone WAF: change rulesets.
    WafWrite,
    /// Firewall Services: see IP access rules.
    FirewallRead,
    /// Firewall Services: change IP access rules.
    FirewallWrite,
    /// Zone Settings: see them.
    SettingsRead,
    /// Zone Settings: change them.
    SettingsWrite,
    /// Analytics.
    AnalyticsRead,
    /// Account: Cloudflare Tunnel, see.
    TunnelRead,
    /// Account: Cloudflare Tunnel, change.
    TunnelWrite,
    /// Account Settings: see accounts.
    AccountRead,
}

impl Permission {
    const ALL: [Self; 14] = [
        Self::ZoneRead,
        Self::DnsRead,
        Self::DnsWrite,
        Self::CachePurge,
        Self::WafRead,
        Self::WafWrite,
        Self::FirewallRead,
        Self::FirewallWrite,
        Self::SettingsRead,
        Self::SettingsWrite,
        Self::AnalyticsRead,
        Self::TunnelRead,
        Self::TunnelWrite,
        Self::AccountRead,
    ];

    fn includes(self, needed: Self) -> bool {
        let written = match self {
            Self::DnsWrite => Some(Self::DnsRead),
            Self::WafWrite => Some(Self::WafRead),
            Self::FirewallWrite => Some(Self::FirewallRead),
            Self::SettingsWrite => Some(Self::SettingsRead),
            Self::TunnelWrite => Some(Self::TunnelRead),
            _ => None,
        };
        self == needed || written == Some(needed)
    }
}

/// A token as it is given out.
#[derive(Debug, Clone)]
pub struct TokenSeed {
    pub(super) secret: String,
    permissions: Vec<Permission>,
    /// Ids; `None` is all.
    zones: Option<Vec<String>>,
    pub(super) account_owned: bool,
    pub(super) status: &'static str,
}

impl TokenSeed {
    /// An active token of a user for all zones, that may do nothing.
    pub fn new(secret: &str) -> Self {
        Self {
            secret: secret.to_owned(),
            permissions: Vec::new(),
            zones: None,
            account_owned: false,
            status: "active",
        }
    }

    /// With every permission.
    #[must_use]
    pub fn all(self) -> Self {
        self.may(&Permission::ALL)
    }

    /// With these permissions.
    #[must_use]
    pub fn may(mut self, permissions: &[Permission]) -> Self {
        self.permissions.extend(permissions);
        self
    }

    /// For these zones alone.
    #[must_use]
    pub fn for_zones(mut self, zones: &[&str]) -> Self {
        self.zones = Some(zones.iter().map(|zone| (*zone).to_owned()).collect());
        self
    }

    /// Owned by the account: `/user/tokens/verify` does not know it.
    #[must_use]
    pub fn of_the_account(mut self) -> Self {
        self.account_owned = true;
        self
    }

    /// Disabled: only its verification still works.
    #[must_use]
    pub fn disabled(mut self) -> Self {
        self.status = "disabled";
        self
    }

    /// Expired: only its verification still works.
    #[must_use]
    pub fn expired(mut self) -> Self {
        self.status = "expired";
        self
    }

    /// Whether it may do this.
    pub(super) fn has(&self, needed: Permission) -> bool {
        self.permissions.iter().any(|held| held.includes(needed))
    }

    /// Whether it is for this zone.
    pub(super) fn covers(&self, zone: &str) -> bool {
        match &self.zones {
            None => true,
            Some(zones) => zones.iter().any(|known| known == zone),
        }
    }
}

/// The token that a call comes with.
pub(super) fn authenticate(state: &State, headers: &HeaderMap) -> Result<TokenSeed, Failure> {
    if headers.contains_key("x-auth-key") || headers.contains_key("x-auth-email") {
        return Err(
            Failure::new(403, 9103, "Unknown X-Auth-Key or X-Auth-Email").outside_the_contract(),
        );
    }
    let Some(given) = headers.get(header::AUTHORIZATION) else {
        let message = "Missing X-Auth-Key, X-Auth-Email or Authorization headers";
        return Err(Failure::new(400, 9106, message).outside_the_contract());
    };
    let given = given.to_str().unwrap_or_default();
    let Some(secret) = given.strip_prefix("Bearer ").filter(|one| !one.is_empty()) else {
        let message = "Invalid request headers: invalid format for Authorization header";
        return Err(Failure::new(400, 6003, message).outside_the_contract());
    };
    let known = state.tokens.iter().find(|token| token.secret == secret);
    known
        .cloned()
        .ok_or_else(|| Failure::new(403, 9109, "Invalid access token"))
}

//! Whether the control server answers, and how long our credentials still hold.

use homelab_core::clock::Micros;
use homelab_core::error::ToolResult;
use homelab_core::server::Health;

use crate::client::Tailscale;
use crate::types::KeyRow;

/// Days before the end of an API access token from which on it is mentioned.
const WARN_DAYS: i64 = 14;

const DAY_S: i64 = 86_400;

impl Tailscale {
    /// Counts the devices, and looks when our key ends.
    pub(crate) async fn examine(&self) -> ToolResult<Health> {
        let devices = self.devices(false).await?;
        let online = devices.iter().filter(|device| device.online()).count();
        let whose = if self.is_headscale() {
            "Headscale"
        } else {
            "Tailscale"
        };
        let found = format!("{whose}: {} devices, {online} connected", devices.len());
        if self.insecure {
            return Ok(Health::degraded(
                format!("{found}; its certificate is not verified"),
                format!(
                    "set `{}.tls.fingerprint` instead of `insecure`",
                    self.api.who.section
                ),
            ));
        }
        if !self.api.who.is_client
            // Whoever may not list keys is not told.
            && let Ok(keys) = self.keys().await
            && let Some(days) = days_left(&keys, self.now())
        {
            return Ok(Health::degraded(
                format!("{found}; an API access token ends in {days} days"),
                format!(
                    "make a new one for `{0}.api_key`, or an OAuth client for `{0}.client_id`, whose tokens renew themselves",
                    self.api.who.section
                ),
            ));
        }
        Ok(Health::ok(found))
    }
}

/// Days until the first valid API access token ends, if they are few.
fn days_left(keys: &[KeyRow], now: Micros) -> Option<i64> {
    keys.iter()
        .filter(|key| {
            key.key_type.as_deref() == Some("api") && !key.invalid && key.revoked.is_none()
        })
        .filter_map(|key| Micros::from_rfc3339(key.expires.as_deref()?))
        .map(|end| (end.0 - now.0).div_euclid(DAY_S * 1_000_000))
        .filter(|days| (0..=WARN_DAYS).contains(days))
        .min()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_token_that_ends_first_counts() {
        let now = Micros::from_rfc3339("2026-11-20T00:00:00Z").unwrap();
        let key = |kind: &str, expires: &str| KeyRow {
            key_type: Some(kind.to_owned()),
            expires: Some(expires.to_owned()),
            ..KeyRow::default()
        };
        let keys = [
            key("api", "2026-12-01T00:00:00Z"),
            key("api", "2027-01-01T00:00:00Z"),
            key("auth", "2026-11-21T00:00:00Z"),
            key("api", "2026-11-01T00:00:00Z"),
        ];

        assert_eq!(days_left(&keys, now), Some(11));
        assert_eq!(days_left(&keys[1..], now), None);
    }
}

//! What Pi-hole's DHCP server gave out (`/dhcp/leases`), and what it keeps for somebody (`dhcp.hosts`,
//! in dnsmasq's words).

use homelab_core::error::ToolResult;
use homelab_core::net::{Ip, Mac};
use homelab_core::render::printable;
use schemars::JsonSchema;
use serde::Serialize;

use crate::call::Call;
use crate::host::Host;
use crate::times::time;
use crate::types::{ConfigAnswer, LeaseRow, Leases};

/// Whether an address was given out or is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum LeaseKind {
    /// Given out, until `expires`.
    Lease,
    /// Kept for this client, whether it is there or not.
    Reservation,
}

/// An address of the DHCP server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub(crate) struct Lease {
    pub(crate) kind: LeaseKind,
    /// Absent for a reservation of a name alone.
    pub(crate) ip: Option<Ip>,
    pub(crate) mac: Option<Mac>,
    /// Host name, where the client told one.
    pub(crate) name: Option<String>,
    /// RFC 3339; absent for a lease that does not end, and for reservations.
    pub(crate) expires: Option<String>,
}

impl Lease {
    fn given(row: &LeaseRow) -> Self {
        Self {
            kind: LeaseKind::Lease,
            ip: row.ip.parse().ok(),
            mac: row.hwaddr.parse().ok(),
            // dnsmasq writes a star where it knows no name.
            name: Some(printable(&row.name)).filter(|name| !name.is_empty() && name != "*"),
            expires: time(row.expires),
        }
    }

    /// `[MAC][,set:TAG][,IP][,NAME][,LEASE TIME]`, in any order; nothing for clients to ignore, and
    /// for what names neither address nor client.
    fn kept(line: &str) -> Option<Self> {
        let mut kept = Self {
            kind: LeaseKind::Reservation,
            ip: None,
            mac: None,
            name: None,
            expires: None,
        };
        for part in line.split(',').map(str::trim) {
            let bare = part.trim_start_matches('[').trim_end_matches(']');
            if part == "ignore" {
                return None;
            } else if let Ok(mac) = part.parse() {
                kept.mac = kept.mac.or(Some(mac));
            } else if let Ok(ip) = bare.parse() {
                kept.ip = kept.ip.or(Some(ip));
            } else if !part.contains([':', '*']) && !is_time(part) && !part.is_empty() {
                kept.name = kept.name.or_else(|| Some(printable(part)));
            }
        }
        (kept.ip.is_some() || kept.mac.is_some()).then_some(kept)
    }

    /// Different for each of them.
    pub(crate) fn key(&self) -> String {
        let text = |text: Option<String>| text.unwrap_or_default();
        format!(
            "{}\n{}\n{}\n{:?}",
            text(self.ip.map(|ip| ip.to_string())),
            text(self.mac.map(|mac| mac.to_string())),
            text(self.name.clone()),
            self.kind
        )
    }

    /// Whether a search finds it.
    pub(crate) fn has(&self, text: &str) -> bool {
        self.key().to_lowercase().contains(text)
    }
}

/// `infinite`, `45m`, `12h`, `7d`, or seconds.
fn is_time(part: &str) -> bool {
    let digits = part.trim_end_matches(['s', 'm', 'h', 'd', 'w']);
    part == "infinite" || !digits.is_empty() && digits.chars().all(|letter| letter.is_ascii_digit())
}

impl Host {
    /// Leases and reservations, by address.
    pub(crate) async fn leases(&self) -> ToolResult<Vec<Lease>> {
        let leases = Call::get("leases", "/api/dhcp/leases", &[]);
        let kept = Call::get("dhcp_config", "/api/config/dhcp", &[]);
        let (leases, kept) = tokio::try_join!(
            self.json::<Leases>(&leases),
            self.json::<ConfigAnswer>(&kept)
        )?;
        let lines = kept.config.dhcp.hosts;
        let mut all: Vec<Lease> = leases.leases.iter().map(Lease::given).collect();
        all.extend(lines.iter().filter_map(|line| Lease::kept(line)));
        all.sort_by_key(|one| (one.ip, one.key()));
        all.dedup();
        Ok(all)
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("00:00:5E:00:53:01,192.0.2.7,nas,12h", Some(("192.0.2.7", "00:00:5e:00:53:01", "nas")))]
    #[case("00:00:5e:00:53:01,set:slow,192.0.2.7", Some(("192.0.2.7", "00:00:5e:00:53:01", "")))]
    #[case("192.0.2.8,printer,infinite", Some(("192.0.2.8", "", "printer")))]
    #[case("id:01:02,[2001:db8::7],six", Some(("2001:db8::7", "", "six")))]
    #[case("00:00:5e:00:53:02,ignore", None)]
    #[case("laptop,45m", None)]
    fn reservations_are_read(#[case] line: &str, #[case] expected: Option<(&str, &str, &str)>) {
        let text = |text: Option<String>| text.unwrap_or_default();
        let kept = Lease::kept(line).map(|kept| {
            (
                text(kept.ip.map(|ip| ip.to_string())),
                text(kept.mac.map(|mac| mac.to_string())),
                text(kept.name),
            )
        });

        let expected = expected.map(|(ip, mac, name)| (ip.into(), mac.into(), name.into()));
        assert_eq!(kept, expected);
    }
}

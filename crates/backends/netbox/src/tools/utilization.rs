//! How full a prefix is.

use homelab_core::error::ToolResult;
use homelab_core::net::Cidr;
use homelab_core::tool::tool;
use homelab_upstream::Method;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::prefixes::PrefixRow;
use crate::call::Call;
use crate::client::NetBox;
use crate::ids::{Named, PrefixRef};
use crate::kinds::{IP_ADDRESS, IP_RANGE, PREFIX};
use crate::resolve::Table;
use crate::types::{AvailableIp, Prefix};

/// Free addresses and networks that are told.
const SOME: usize = 5;
/// Larger counts lose digits in JSON.
const EXACT: u128 = 1 << 53;

/// Which prefix.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct GetPrefixUtilization {
    /// The network such as `192.0.2.0/24`, or the id of its prefix.
    prefix: PrefixRef,
    /// Its VRF, by name or id, where several have the network; `global` for none.
    vrf: Option<Named>,
}

/// How full a prefix is.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Utilization {
    prefix: PrefixRow,
    /// Addresses that can be used; absent where there are more than can be counted.
    addresses: Option<u64>,
    /// Addresses that are recorded in it and in the prefixes within it.
    recorded: u64,
    /// Recorded of usable ones; absent where those cannot be counted.
    percent: Option<f64>,
    /// Prefixes within it.
    child_prefixes: u64,
    /// IP ranges within it.
    ranges: u64,
    /// The next addresses that would be allocated.
    free_addresses: Vec<String>,
    /// The largest networks that are not taken by prefixes within it.
    free_networks: Vec<String>,
}

#[derive(Debug, Deserialize)]
struct AvailablePrefix {
    prefix: String,
}

/// Show how full a prefix is: recorded and free addresses, ranges, prefixes within it, and the next free ones.
#[tool(
    read,
    open_world,
    permission = "netbox:prefix:read",
    title = "Show how full a prefix is",
    timeout = 60,
    untrusted("prefix.description")
)]
pub(crate) async fn get_prefix_utilization(
    netbox: &NetBox,
    args: GetPrefixUtilization,
) -> ToolResult<Utilization> {
    let prefix = netbox.prefix(&args.prefix, args.vrf.as_ref()).await?;
    let table = Table::of(prefix.vrf.as_ref()).filter();
    let within = |of, filter| {
        Call::list(of)
            .with(filter, &prefix.prefix)
            .with_opt("vrf_id", table.clone())
    };
    let recorded = netbox.count(&within(&IP_ADDRESS, "parent")).await?;
    let child_prefixes = netbox.count(&within(&PREFIX, "within")).await?;
    let ranges = netbox.count(&within(&IP_RANGE, "parent")).await?;
    let free: Vec<AvailableIp> = netbox
        .api
        .read(
            &Call::below(
                "prefix available-ips",
                Method::GET,
                "/ipam/prefixes/{}/available-ips/",
                prefix.id,
                IP_ADDRESS.model,
            )
            .with("limit", SOME),
        )
        .await?;
    let networks: Vec<AvailablePrefix> = netbox
        .api
        .read(&Call::below(
            "prefix available-prefixes",
            Method::GET,
            "/ipam/prefixes/{}/available-prefixes/",
            prefix.id,
            PREFIX.model,
        ))
        .await?;
    let addresses = usable(&prefix);
    Ok(Utilization {
        addresses,
        recorded,
        percent: addresses
            .filter(|all| *all > 0)
            .map(|all| share(recorded, all)),
        child_prefixes,
        ranges,
        free_addresses: free.into_iter().map(|row| row.address).take(SOME).collect(),
        free_networks: networks
            .into_iter()
            .map(|row| row.prefix)
            .take(SOME)
            .collect(),
        prefix: PrefixRow::of(prefix),
    })
}

/// How many addresses hosts can have: not the first and last of an IPv4 network, nor the first of an
/// IPv6 one, unless it is a pool or has no room for those.
fn usable(prefix: &Prefix) -> Option<u64> {
    let Cidr(network) = prefix.prefix.parse().ok()?;
    let bits = u32::from(network.max_prefix_len() - network.prefix_len());
    let all = 1_u128
        .checked_shl(bits)
        .filter(|all| *all != 0 && *all <= EXACT)?;
    let taken = match (prefix.is_pool || bits <= 1, network.addr().is_ipv4()) {
        (true, _) => 0,
        (false, true) => 2,
        (false, false) => 1,
    };
    u64::try_from(all - taken).ok()
}

/// Per cent, with one decimal.
#[expect(clippy::cast_precision_loss, reason = "a share for people")]
fn share(part: u64, whole: u64) -> f64 {
    (part as f64 / whole as f64 * 1000.0).round() / 10.0
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    #[rstest]
    #[case("192.0.2.0/24", false, Some(254))]
    #[case("192.0.2.0/24", true, Some(256))]
    #[case("192.0.2.0/31", false, Some(2))]
    #[case("192.0.2.7/32", false, Some(1))]
    #[case("2001:db8::/120", false, Some(255))]
    #[case("2001:db8::/64", false, None)]
    #[case("::/0", false, None)]
    fn usable_addresses_are_counted(
        #[case] prefix: &str,
        #[case] pool: bool,
        #[case] usable: Option<u64>,
    ) {
        let row = json!({ "id": 1, "prefix": prefix, "is_pool": pool });

        assert_eq!(super::usable(&serde_json::from_value(row).unwrap()), usable);
    }

    #[test]
    fn a_share_has_one_decimal() {
        assert!((share(1, 3) - 33.3).abs() < 1e-9);
    }
}

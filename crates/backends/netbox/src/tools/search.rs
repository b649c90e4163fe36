//! Looking for anything.

use futures_util::{StreamExt as _, stream};
use homelab_core::error::ToolResult;
use homelab_core::tool::tool;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::call::Call;
use crate::client::{NetBox, is_missing_right};
use crate::ids::Words;
use crate::kinds::{
    CABLE, CLUSTER, DEVICE, Endpoint, INTERFACE, IP_ADDRESS, IP_RANGE, PREFIX, RACK, SITE, TENANT,
    VIRTUAL_MACHINE, VLAN, VLAN_GROUP, VM_INTERFACE, VRF,
};

/// Lists that are asked at a time.
const AT_A_TIME: usize = 4;

/// Kinds of object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Kind {
    Device,
    VirtualMachine,
    IpAddress,
    Prefix,
    IpRange,
    Vlan,
    VlanGroup,
    Vrf,
    Interface,
    VmInterface,
    Site,
    Rack,
    Cluster,
    Tenant,
    Cable,
}

impl Kind {
    const ALL: [Self; 15] = [
        Self::Device,
        Self::VirtualMachine,
        Self::IpAddress,
        Self::Prefix,
        Self::IpRange,
        Self::Vlan,
        Self::VlanGroup,
        Self::Vrf,
        Self::Interface,
        Self::VmInterface,
        Self::Site,
        Self::Rack,
        Self::Cluster,
        Self::Tenant,
        Self::Cable,
    ];

    pub(super) fn endpoint(self) -> &'static Endpoint {
        match self {
            Self::Device => &DEVICE,
            Self::VirtualMachine => &VIRTUAL_MACHINE,
            Self::IpAddress => &IP_ADDRESS,
            Self::Prefix => &PREFIX,
            Self::IpRange => &IP_RANGE,
            Self::Vlan => &VLAN,
            Self::VlanGroup => &VLAN_GROUP,
            Self::Vrf => &VRF,
            Self::Interface => &INTERFACE,
            Self::VmInterface => &VM_INTERFACE,
            Self::Site => &SITE,
            Self::Rack => &RACK,
            Self::Cluster => &CLUSTER,
            Self::Tenant => &TENANT,
            Self::Cable => &CABLE,
        }
    }
}

/// What to look for.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Search {
    /// Part of a name, address, DNS name, label or description.
    q: Words,
    /// Only in these kinds; default all.
    #[serde(default)]
    #[schemars(length(max = 15))]
    kinds: Vec<Kind>,
    /// Most objects of each kind; default 5.
    #[schemars(range(min = 1, max = 25))]
    limit: Option<u32>,
}

/// An object that was found.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Hit {
    kind: Kind,
    id: u64,
    name: String,
    description: Option<String>,
}

/// A kind that has more than was told.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct More {
    kind: Kind,
    /// How many there are in all.
    total: u64,
}

/// What was found.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Found {
    hits: Vec<Hit>,
    /// Kinds of which only the first are told.
    more: Vec<More>,
    /// Kinds that could not be looked through, and why.
    problems: Vec<String>,
}

#[derive(Debug, Deserialize)]
struct Row {
    id: u64,
    #[serde(default)]
    display: String,
    #[serde(default)]
    description: Option<String>,
}

/// Search all of NetBox for a name, an address or any text: devices, virtual machines, addresses, prefixes, VLANs, interfaces, sites, racks and cables.
#[tool(
    read,
    open_world,
    permission = "netbox:object:read",
    title = "Search NetBox",
    timeout = 90,
    untrusted("hits.*.name", "hits.*.description")
)]
pub(crate) async fn search(netbox: &NetBox, args: Search) -> ToolResult<Found> {
    let kinds = if args.kinds.is_empty() {
        Kind::ALL.to_vec()
    } else {
        args.kinds.clone()
    };
    let limit = u64::from(args.limit.unwrap_or(5));
    let lists: Vec<_> = stream::iter(kinds)
        .map(async |kind| {
            let call = Call::list(kind.endpoint())
                .with("q", &args.q)
                .with("brief", 1);
            (kind, netbox.all::<Row>(&call, limit).await)
        })
        .buffered(AT_A_TIME)
        .collect()
        .await;
    let mut found = Found {
        hits: Vec::new(),
        more: Vec::new(),
        problems: Vec::new(),
    };
    for (kind, list) in lists {
        let (rows, total) = match list {
            Ok(found) => found,
            // What the token may not see does not hide the rest; anything else is the same for all.
            Err(error) if is_missing_right(&error) => {
                found.problems.push(error.envelope().message.clone());
                continue;
            }
            Err(error) => return Err(error),
        };
        if total > limit {
            found.more.push(More { kind, total });
        }
        found.hits.extend(
            rows.into_iter()
                .take(args.limit.unwrap_or(5) as usize)
                .map(|row| Hit {
                    kind,
                    id: row.id,
                    name: row.display,
                    description: row.description.filter(|text| !text.is_empty()),
                }),
        );
    }
    Ok(found)
}

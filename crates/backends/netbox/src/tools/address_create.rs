//! Recording one certain address.

use homelab_core::call::CallContext;
use homelab_core::error::{Code, ToolError, ToolResult};
use homelab_core::tool::{Change, Inverse, Mismatch, Preview, Target, tool};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::addresses::{AddressRow, assigned_to};
use crate::call::Call;
use crate::choices::{IpRole, IpStatus, word};
use crate::client::{NetBox, by, set, target};
use crate::ids::{DnsName, HostRef, Interface, Named, host};
use crate::kinds::{IP_ADDRESS, TENANT};
use crate::ports::AssignTo;
use crate::resolve::Table;
use crate::types::IpAddress;

/// What to record.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CreateIpAddress {
    /// The address with the length of its prefix, such as `192.0.2.7/24`.
    address: Interface,
    /// Its VRF, by name or id; default `global`, which is none.
    vrf: Option<Named>,
    /// DNS name.
    dns_name: Option<DnsName>,
    /// Status; default active.
    status: Option<IpStatus>,
    /// Role; with one such as `anycast` or `vip`, several records may have the address.
    role: Option<IpRole>,
    /// Tenant, by name, slug or id.
    tenant: Option<Named>,
    /// Description.
    #[schemars(length(max = 200))]
    description: Option<String>,
    /// Tags by slug; they must exist.
    #[serde(default)]
    #[schemars(length(max = 20))]
    tags: Vec<Named>,
    /// Interface to assign it to.
    assign_to: Option<AssignTo>,
}

/// An address that was recorded.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct Recorded {
    address: AddressRow,
    /// Under which NetBox logged it, for `get_changelog`.
    request_id: Option<String>,
}

/// Record one certain IP address that is in use already; to get a free one, call `allocate_ip`.
#[tool(
    write,
    open_world,
    permission = "netbox:address:create",
    title = "Record an IP address",
    timeout = 60,
    untrusted("address.description", "address.dns_name"),
    preview = preview_create,
    targets = create_targets,
    inverse = undo_create,
    read_back = check_create
)]
pub(crate) async fn create_ip_address(
    netbox: &NetBox,
    args: CreateIpAddress,
    ctx: &CallContext,
) -> ToolResult<Recorded> {
    let table = table(netbox, &args).await?;
    if let Some(there) = there(netbox, &args, &table).await? {
        let to = assigned_to(&there)
            .map(|to| format!(", assigned to {to}"))
            .unwrap_or_default();
        let message = format!("`{}` is recorded already{to}", there.address);
        return Err(ToolError::new(Code::Conflict, message)
            .reason("object_exists")
            .field("address")
            .hint("see it with `list_ip_addresses`; an address that several records share has a `role` such as `vip` in each of them"));
    }
    let fields = fields(netbox, &args, &table).await?;
    let call = Call::create(&IP_ADDRESS, Value::Object(fields));
    let made = netbox
        .api
        .tagged::<IpAddress>(&call, Some(&by("create_ip_address", ctx)))
        .await?;
    Ok(Recorded {
        address: AddressRow::of(
            netbox
                .api
                .read(&Call::one(&IP_ADDRESS, made.value.id))
                .await?,
        ),
        request_id: made.request_id,
    })
}

async fn table(netbox: &NetBox, args: &CreateIpAddress) -> ToolResult<Table> {
    match netbox.table(args.vrf.as_ref()).await? {
        Table::Any => Ok(Table::Global),
        other => Ok(other),
    }
}

/// A record of the same address that must not have a second one. NetBox itself asks for that only
/// where its VRF or its settings say so.
async fn there(
    netbox: &NetBox,
    args: &CreateIpAddress,
    table: &Table,
) -> ToolResult<Option<IpAddress>> {
    if args.role.is_some_and(IpRole::is_shared) {
        return Ok(None);
    }
    let Ok(address) = args.address.as_str().parse::<HostRef>() else {
        return Ok(None);
    };
    Ok(netbox
        .addresses_of(&address, table)
        .await?
        .into_iter()
        .next())
}

async fn fields(
    netbox: &NetBox,
    args: &CreateIpAddress,
    table: &Table,
) -> ToolResult<Map<String, Value>> {
    let mut fields = Map::new();
    fields.insert("address".to_owned(), json!(args.address));
    if let Table::Vrf(id) = table {
        fields.insert("vrf".to_owned(), json!(id));
    }
    set(&mut fields, "status", args.status.map(word));
    set(&mut fields, "role", args.role.map(word));
    set(
        &mut fields,
        "dns_name",
        args.dns_name
            .as_ref()
            .map(|name| name.as_str().to_lowercase()),
    );
    set(&mut fields, "description", args.description.clone());
    set(
        &mut fields,
        "tenant",
        netbox
            .maybe(&TENANT, "tenant", args.tenant.as_ref())
            .await?,
    );
    let tags = netbox.tags(&args.tags).await?;
    set(&mut fields, "tags", (!tags.is_empty()).then_some(tags));
    if let Some(to) = &args.assign_to {
        let to = netbox.owned(to).await?;
        fields.insert("assigned_object_type".to_owned(), json!(to.interface.model));
        fields.insert("assigned_object_id".to_owned(), json!(to.interface_id));
    }
    Ok(fields)
}

async fn preview_create(netbox: &NetBox, args: &CreateIpAddress) -> ToolResult<Preview> {
    let table = table(netbox, args).await?;
    let there = there(netbox, args, &table).await?;
    let fields = fields(netbox, args, &table).await?;
    let change = |(field, value): (String, Value)| Change {
        field,
        from: None,
        to: Some(
            value
                .as_str()
                .map_or_else(|| value.to_string(), str::to_owned),
        ),
    };
    Ok(Preview {
        summary: format!("record the address `{}`", args.address),
        changes: fields.into_iter().map(change).collect(),
        impact: there
            .map(|row| {
                format!(
                    "`{}` is recorded already, which makes this fail",
                    row.address
                )
            })
            .into_iter()
            .collect(),
    })
}

async fn create_targets(netbox: &NetBox, args: &CreateIpAddress) -> ToolResult<Vec<Target>> {
    let mut targets = vec![Target {
        kind: "ip_address".to_owned(),
        id: args.address.to_string(),
        name: Some(args.address.to_string()),
        tags: Vec::new(),
    }];
    if let Some(to) = &args.assign_to {
        let to = netbox.owned(to).await?;
        targets.push(target(to.owner, to.owner_id, to.owner_name, &[]));
    }
    Ok(targets)
}

/// Nothing to undo where it is recorded already: this fails then, or the record is one of several.
async fn undo_create(netbox: &NetBox, args: &CreateIpAddress) -> ToolResult<Option<Inverse>> {
    let table = table(netbox, args).await?;
    let Ok(address) = args.address.as_str().parse::<HostRef>() else {
        return Ok(None);
    };
    if !netbox.addresses_of(&address, &table).await?.is_empty() {
        return Ok(None);
    }
    let vrf = args.vrf.as_ref().map_or("global", Named::as_str);
    Ok(Some(Inverse {
        tool: "release_ip".to_owned(),
        arguments: json!({ "address": args.address, "vrf": vrf }),
    }))
}

async fn check_create(
    _netbox: &NetBox,
    args: &CreateIpAddress,
    done: &Recorded,
) -> ToolResult<Vec<Mismatch>> {
    let same = host(&done.address.address) == host(args.address.as_str());
    let mismatch = (!same).then(|| Mismatch {
        field: "address",
        wanted: args.address.to_string(),
        found: done.address.address.clone(),
    });
    Ok(mismatch.into_iter().collect())
}

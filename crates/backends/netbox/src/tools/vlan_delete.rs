//! Deleting VLANs.

use homelab_core::call::CallContext;
use homelab_core::error::{Code, ToolError, ToolResult};
use homelab_core::tool::{Inverse, Mismatch, Preview, Target, tool};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::vlans::VlanRow;
use crate::call::Call;
use crate::client::{NetBox, by, set, target};
use crate::ids::{Named, PortName};
use crate::kinds::{INTERFACE, PREFIX, SITE, VLAN, VLAN_GROUP, VM_INTERFACE};
use crate::resolve::ambiguous;
use crate::types::{Brief, Vlan, chosen, filled, slugs};

/// VLANs that are told apart.
const MOST: u64 = 6;

/// Which VLAN.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct DeleteVlan {
    /// The id of its record; or else `vid` or `name` with its place.
    #[schemars(range(min = 1, max = 999_999_999_999_u64))]
    id: Option<u64>,
    /// Its VLAN id.
    #[schemars(range(min = 1, max = 4094))]
    vid: Option<u16>,
    /// Its name.
    name: Option<PortName>,
    /// Its site, by name, slug or id.
    site: Option<Named>,
    /// Its group, by name, slug or id.
    group: Option<Named>,
}

/// A VLAN that is recorded no longer.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct VlanDeleted {
    deleted: VlanRow,
    /// Whether it is gone, as read afterwards.
    gone: bool,
    /// Under which NetBox logged it, for `get_changelog`.
    request_id: Option<String>,
}

/// Delete a VLAN's record; interfaces in it lose it, and NetBox keeps one that prefixes are in.
#[tool(
    destructive,
    open_world,
    permission = "netbox:vlan:delete",
    title = "Delete a VLAN",
    timeout = 60,
    untrusted("deleted.description"),
    preview = preview_delete,
    targets = delete_targets,
    inverse = undo_delete,
    read_back = check_delete
)]
pub(crate) async fn delete_vlan(
    netbox: &NetBox,
    args: DeleteVlan,
    ctx: &CallContext,
) -> ToolResult<VlanDeleted> {
    let row = found(netbox, &args).await?;
    let call = Call::delete(&VLAN, row.id);
    let request_id = netbox.api.done(&call, &by("delete_vlan", ctx)).await?;
    let still = netbox.count(&Call::list(&VLAN).with("id", row.id)).await?;
    Ok(VlanDeleted {
        deleted: VlanRow::of(row),
        gone: still == 0,
        request_id,
    })
}

async fn found(netbox: &NetBox, args: &DeleteVlan) -> ToolResult<Vlan> {
    if let Some(id) = args.id {
        return match netbox.api.read(&Call::one(&VLAN, id)).await {
            Err(error) if error.code() == Code::NotFound => Err(missing("id")),
            other => other,
        };
    }
    let field = match (args.vid, &args.name) {
        (Some(_), _) => "vid",
        (None, Some(_)) => "name",
        (None, None) => {
            return Err(ToolError::invalid("vid", "no VLAN is named")
                .hint("name it by `vid` or `name` with its site or group, or by `id`"));
        }
    };
    let site = netbox.maybe(&SITE, "site", args.site.as_ref()).await?;
    let group = netbox
        .maybe(&VLAN_GROUP, "group", args.group.as_ref())
        .await?;
    let call = Call::list(&VLAN)
        .with_opt("vid", args.vid)
        .with_opt("name", args.name.as_ref())
        .with_opt("site_id", site)
        .with_opt("group_id", group);
    let (mut rows, total) = netbox.all::<Vlan>(&call, MOST).await?;
    match (rows.pop(), total) {
        (None, _) => Err(missing(field)),
        (Some(only), 1) => Ok(only),
        (Some(last), _) => {
            rows.push(last);
            let row = |row: &Vlan| {
                let at = row.group.as_ref().or(row.site.as_ref());
                let at = at.map_or_else(|| "no site".to_owned(), Brief::label);
                format!("{} ({} {}, {at})", row.id, row.vid, row.name)
            };
            let rows: Vec<String> = rows.iter().map(row).collect();
            Err(ambiguous("id", "such VLANs", &rows))
        }
    }
}

fn missing(field: &str) -> ToolError {
    ToolError::not_found("no such VLAN that the token's user can see")
        .reason("object_not_found")
        .field(field)
        .hint("call `list_vlans` to see what is recorded")
}

async fn preview_delete(netbox: &NetBox, args: &DeleteVlan) -> ToolResult<Preview> {
    let row = found(netbox, args).await?;
    let at = row.group.as_ref().or(row.site.as_ref());
    let at = at
        .map(|at| format!(" of `{}`", at.label()))
        .unwrap_or_default();
    let impact = Uses::of(netbox, &row).await?.told();
    Ok(Preview {
        summary: format!("delete the record of VLAN {} `{}`{at}", row.vid, row.name),
        changes: Vec::new(),
        impact,
    })
}

/// What is in a VLAN. NetBox keeps one that a prefix is in, and takes it out of interfaces.
struct Uses {
    prefixes: u64,
    interfaces: u64,
}

impl Uses {
    async fn of(netbox: &NetBox, row: &Vlan) -> ToolResult<Self> {
        let mut interfaces = 0;
        for of in [&INTERFACE, &VM_INTERFACE] {
            interfaces += netbox
                .count(&Call::list(of).with("vlan_id", row.id))
                .await?;
        }
        let prefixes = netbox
            .count(&Call::list(&PREFIX).with("vlan_id", row.id))
            .await?;
        Ok(Self {
            prefixes,
            interfaces,
        })
    }

    fn none(&self) -> bool {
        self.prefixes + self.interfaces == 0
    }

    fn told(&self) -> Vec<String> {
        let mut told = Vec::new();
        if self.prefixes > 0 {
            told.push(format!(
                "{} prefix(es) are in it, which makes this fail",
                self.prefixes
            ));
        }
        if self.interfaces > 0 {
            told.push(format!(
                "{} interface(s) in it will be in none",
                self.interfaces
            ));
        }
        told
    }
}

async fn delete_targets(netbox: &NetBox, args: &DeleteVlan) -> ToolResult<Vec<Target>> {
    let row = found(netbox, args).await?;
    Ok(vec![target(&VLAN, row.id, row.name.clone(), &row.tags)])
}

/// What is in it does not come back with it, so only an empty one can be restored.
async fn undo_delete(netbox: &NetBox, args: &DeleteVlan) -> ToolResult<Option<Inverse>> {
    let row = found(netbox, args).await?;
    if !Uses::of(netbox, &row).await?.none() {
        return Ok(None);
    }
    let mut arguments = Map::new();
    arguments.insert("vid".to_owned(), json!(row.vid));
    arguments.insert("name".to_owned(), json!(row.name));
    let id = |of: Option<&Brief>| of.map(|of| of.id.to_string());
    set(&mut arguments, "site", id(row.site.as_ref()));
    set(&mut arguments, "group", id(row.group.as_ref()));
    set(&mut arguments, "role", id(row.role.as_ref()));
    set(&mut arguments, "tenant", id(row.tenant.as_ref()));
    set(&mut arguments, "status", chosen(row.status.as_ref()));
    set(&mut arguments, "qinq_role", chosen(row.qinq_role.as_ref()));
    set(
        &mut arguments,
        "description",
        filled(row.description.clone()),
    );
    let tags = slugs(&row.tags);
    set(&mut arguments, "tags", (!tags.is_empty()).then_some(tags));
    Ok(Some(Inverse {
        tool: "create_vlan".to_owned(),
        arguments: Value::Object(arguments),
    }))
}

async fn check_delete(
    _netbox: &NetBox,
    _args: &DeleteVlan,
    done: &VlanDeleted,
) -> ToolResult<Vec<Mismatch>> {
    let mismatch = (!done.gone).then(|| Mismatch {
        field: "id",
        wanted: "not there".to_owned(),
        found: "still there".to_owned(),
    });
    Ok(mismatch.into_iter().collect())
}

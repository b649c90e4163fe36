//! Making VLANs.

use homelab_core::call::CallContext;
use homelab_core::error::{Code, ToolError, ToolResult};
use homelab_core::tool::{Change, Inverse, Mismatch, Preview, Target, tool};
use homelab_upstream::Method;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::vlans::VlanRow;
use crate::call::Call;
use crate::choices::{QinqRole, VlanStatus, word};
use crate::client::{NetBox, by, set, target};
use crate::ids::{Named, PortName};
use crate::kinds::{IPAM_ROLE, SITE, TENANT, VLAN, VLAN_GROUP};
use crate::types::{Brief, Vlan};

/// VLANs of one id that are looked at for a double.
const MOST: u64 = 50;

/// What to make.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CreateVlan {
    /// The VLAN id; without one, the group's next free id is taken.
    #[schemars(range(min = 1, max = 4094))]
    vid: Option<u16>,
    /// Its name.
    name: PortName,
    /// The site that it is for, by name, slug or id; or else `group`.
    site: Option<Named>,
    /// The VLAN group, in which ids and names are unique; or else `site`.
    group: Option<Named>,
    /// Status; default active.
    status: Option<VlanStatus>,
    /// Role, by name, slug or id.
    role: Option<Named>,
    /// Tenant, by name, slug or id.
    tenant: Option<Named>,
    /// Description.
    #[schemars(length(max = 200))]
    description: Option<String>,
    /// Tags by slug; they must exist.
    #[serde(default)]
    #[schemars(length(max = 20))]
    tags: Vec<Named>,
    /// Service or customer VLAN of QinQ.
    qinq_role: Option<QinqRole>,
    /// Make it although the same id is recorded at that site already, which NetBox allows outside of
    /// groups.
    #[serde(default)]
    allow_duplicate: bool,
}

/// A VLAN that was made.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct VlanMade {
    vlan: VlanRow,
    /// Under which NetBox logged it, for `get_changelog`.
    request_id: Option<String>,
}

/// Create a VLAN with a given id, or with the next free id of a VLAN group.
#[tool(
    write,
    open_world,
    permission = "netbox:vlan:create",
    title = "Create a VLAN",
    timeout = 60,
    untrusted("vlan.description"),
    preview = preview_create,
    targets = create_targets,
    inverse = undo_create,
    read_back = check_create
)]
pub(crate) async fn create_vlan(
    netbox: &NetBox,
    args: CreateVlan,
    ctx: &CallContext,
) -> ToolResult<VlanMade> {
    let place = netbox.place(&args).await?;
    if let Some(there) = double(netbox, &args, &place).await? {
        return Err(there);
    }
    let call = create_call(&args, &place, netbox.vlan_fields(&args).await?);
    let made = netbox
        .api
        .tagged::<Vlan>(&call, Some(&by("create_vlan", ctx)))
        .await?;
    Ok(VlanMade {
        vlan: VlanRow::of(netbox.api.read(&Call::one(&VLAN, made.value.id)).await?),
        request_id: made.request_id,
    })
}

/// Where it is made.
struct Place {
    site: Option<Brief>,
    group: Option<Brief>,
}

impl NetBox {
    async fn place(&self, args: &CreateVlan) -> ToolResult<Place> {
        if args.vid.is_none() && args.group.is_none() {
            let message = "without a group there is no next free VLAN id";
            return Err(ToolError::invalid("vid", message).hint("give `vid`, or `group`"));
        }
        if args.vid.is_none() && args.qinq_role.is_some() {
            let message = "NetBox takes no QinQ role together with the next free id";
            return Err(ToolError::invalid("qinq_role", message).hint("give `vid`"));
        }
        let site = match &args.site {
            None => None,
            Some(site) => Some(self.resolve(&SITE, "site", site).await?),
        };
        let group = match &args.group {
            None => None,
            Some(group) => Some(self.resolve(&VLAN_GROUP, "group", group).await?),
        };
        Ok(Place { site, group })
    }

    async fn vlan_fields(&self, args: &CreateVlan) -> ToolResult<Map<String, Value>> {
        let mut fields = Map::new();
        fields.insert("name".to_owned(), json!(args.name));
        set(&mut fields, "status", args.status.map(word));
        set(
            &mut fields,
            "role",
            self.maybe(&IPAM_ROLE, "role", args.role.as_ref()).await?,
        );
        set(
            &mut fields,
            "tenant",
            self.maybe(&TENANT, "tenant", args.tenant.as_ref()).await?,
        );
        set(&mut fields, "description", args.description.clone());
        set(&mut fields, "qinq_role", args.qinq_role.map(word));
        let tags = self.tags(&args.tags).await?;
        set(&mut fields, "tags", (!tags.is_empty()).then_some(tags));
        Ok(fields)
    }
}

fn create_call(args: &CreateVlan, place: &Place, mut fields: Map<String, Value>) -> Call {
    set(&mut fields, "site", place.site.as_ref().map(|site| site.id));
    match (args.vid, &place.group) {
        (None, Some(group)) => {
            let template = "/ipam/vlan-groups/{}/available-vlans/";
            Call::below(
                "group available-vlans",
                Method::POST,
                template,
                group.id,
                VLAN.model,
            )
            .body(Value::Object(fields))
        }
        (vid, group) => {
            set(&mut fields, "vid", vid);
            set(&mut fields, "group", group.as_ref().map(|group| group.id));
            Call::create(&VLAN, Value::Object(fields))
        }
    }
}

/// A VLAN of the same id at the same place: in a group NetBox refuses it itself, outside of groups it
/// takes the very same twice.
async fn double(
    netbox: &NetBox,
    args: &CreateVlan,
    place: &Place,
) -> ToolResult<Option<ToolError>> {
    let (None, Some(vid), false) = (&place.group, args.vid, args.allow_duplicate) else {
        return Ok(None);
    };
    let call = Call::list(&VLAN)
        .with("vid", vid)
        .with("group_id", "null")
        .with(
            "site_id",
            place
                .site
                .as_ref()
                .map_or_else(|| "null".to_owned(), |site| site.id.to_string()),
        );
    let (rows, _) = netbox.all::<Vlan>(&call, MOST).await?;
    Ok(rows.into_iter().next().map(|row| {
        let at = place.site.as_ref().map_or_else(
            || "at no site".to_owned(),
            |site| format!("at `{}`", site.label()),
        );
        let message = format!("VLAN {vid} is recorded {at} already, as `{}`", row.name);
        ToolError::new(Code::Conflict, message)
            .reason("object_exists")
            .field("vid")
            .hint("use that one, or pass `allow_duplicate` if a second one is meant")
    }))
}

async fn preview_create(netbox: &NetBox, args: &CreateVlan) -> ToolResult<Preview> {
    let place = netbox.place(args).await?;
    let mut impact = Vec::new();
    if let Some(there) = double(netbox, args, &place).await? {
        impact.push(format!(
            "{}, which makes this fail",
            there.envelope().message
        ));
    }
    let mut changes: Vec<Change> = netbox
        .vlan_fields(args)
        .await?
        .into_iter()
        .map(|(field, value)| Change {
            field,
            from: None,
            to: Some(
                value
                    .as_str()
                    .map_or_else(|| value.to_string(), str::to_owned),
            ),
        })
        .collect();
    let vid = match (args.vid, &place.group) {
        (None, Some(group)) => {
            let template = "/ipam/vlan-groups/{}/available-vlans/";
            let call = Call::below(
                "group available-vlans",
                Method::GET,
                template,
                group.id,
                VLAN.model,
            );
            let free: Vec<Free> = netbox.api.read(&call.with("limit", 1)).await?;
            if let Some(free) = free.first() {
                format!("{}, as things stand", free.vid)
            } else {
                impact.push("the group has no free id, which makes this fail".to_owned());
                "none".to_owned()
            }
        }
        (vid, _) => vid.map(|vid| vid.to_string()).unwrap_or_default(),
    };
    changes.insert(
        0,
        Change {
            field: "vid".to_owned(),
            from: None,
            to: Some(vid),
        },
    );
    let at = place.group.as_ref().or(place.site.as_ref());
    let at = at
        .map(|at| format!(" in `{}`", at.label()))
        .unwrap_or_default();
    Ok(Preview {
        summary: format!("create the VLAN `{}`{at}", args.name),
        changes,
        impact,
    })
}

/// An id that is free in a group.
#[derive(Debug, Deserialize)]
struct Free {
    vid: u16,
}

async fn create_targets(netbox: &NetBox, args: &CreateVlan) -> ToolResult<Vec<Target>> {
    let place = netbox.place(args).await?;
    let mut targets = vec![Target {
        kind: "vlan".to_owned(),
        id: args
            .vid
            .map_or_else(|| "next free".to_owned(), |vid| vid.to_string()),
        name: Some(args.name.to_string()),
        tags: Vec::new(),
    }];
    targets.extend(
        place
            .site
            .map(|site| target(&SITE, site.id, site.label(), &[])),
    );
    targets.extend(
        place
            .group
            .map(|group| target(&VLAN_GROUP, group.id, group.label(), &[])),
    );
    Ok(targets)
}

/// By name in its group, where names are unique; else by its id, if there was none of it.
async fn undo_create(netbox: &NetBox, args: &CreateVlan) -> ToolResult<Option<Inverse>> {
    let place = netbox.place(args).await?;
    let arguments = match (&place.group, args.vid) {
        (Some(group), _) => json!({ "name": args.name, "group": group.id.to_string() }),
        (None, Some(vid)) => {
            let once = CreateVlan {
                allow_duplicate: false,
                ..args.clone()
            };
            if double(netbox, &once, &place).await?.is_some() {
                return Ok(None);
            }
            match &place.site {
                Some(site) => json!({ "vid": vid, "site": site.id.to_string() }),
                None => json!({ "vid": vid }),
            }
        }
        (None, None) => return Ok(None),
    };
    Ok(Some(Inverse {
        tool: "delete_vlan".to_owned(),
        arguments,
    }))
}

async fn check_create(
    _netbox: &NetBox,
    args: &CreateVlan,
    done: &VlanMade,
) -> ToolResult<Vec<Mismatch>> {
    let mut mismatches = Vec::new();
    if let Some(vid) = args.vid.filter(|vid| *vid != done.vlan.vid) {
        mismatches.push(Mismatch {
            field: "vid",
            wanted: vid.to_string(),
            found: done.vlan.vid.to_string(),
        });
    }
    if args.name.as_str() != done.vlan.name {
        mismatches.push(Mismatch {
            field: "name",
            wanted: args.name.to_string(),
            found: done.vlan.name.clone(),
        });
    }
    Ok(mismatches)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(vid: Option<u16>) -> CreateVlan {
        let args = json!({ "vid": vid, "name": "mgmt" });
        serde_json::from_value(args).unwrap()
    }

    fn brief(id: u64) -> Brief {
        serde_json::from_value(json!({ "id": id, "display": "x" })).unwrap()
    }

    #[test]
    fn without_an_id_the_group_gives_one() {
        let fields = || Map::from_iter([("name".to_owned(), json!("mgmt"))]);
        let site = Place {
            site: Some(brief(1)),
            group: None,
        };
        let group = Place {
            site: None,
            group: Some(brief(2)),
        };

        assert_eq!(
            create_call(&args(Some(10)), &site, fields()).line(),
            r#"POST /ipam/vlans/ {"name":"mgmt","site":1,"vid":10}"#
        );
        assert_eq!(
            create_call(&args(Some(10)), &group, fields()).line(),
            r#"POST /ipam/vlans/ {"name":"mgmt","vid":10,"group":2}"#
        );
        assert_eq!(
            create_call(&args(None), &group, fields()).line(),
            r#"POST /ipam/vlan-groups/2/available-vlans/ {"name":"mgmt"}"#
        );
    }
}

//! Which kind of objects is meant, and what the rules say of it.

use std::collections::BTreeSet;

use homelab_backend::api::{Admitted, CallApi, Description, Verb, WholeApi, admitted};
use homelab_backend::settings::nearest;
use homelab_core::error::{Code, ToolError, ToolResult};
use homelab_core::tool::Effect;
use serde_json::{Map, Value};

use crate::client::NetBox;
use crate::ids::{ObjectType, Spelled};
use crate::kinds;

/// What is done to objects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Act {
    List,
    Read,
    Create,
    Update,
    Delete,
}

impl Act {
    /// The raw call that does it.
    pub(super) fn call(self, list: &str, id: u64, params: Map<String, Value>) -> CallApi {
        let method = match self {
            Self::List | Self::Read => Verb::Get,
            Self::Create => Verb::Post,
            Self::Update => Verb::Patch,
            Self::Delete => Verb::Delete,
        };
        let path = match self {
            Self::List | Self::Create => list.to_owned(),
            Self::Read | Self::Update | Self::Delete => format!("{list}{id}/"),
        };
        CallApi {
            method,
            path,
            params,
            limit: None,
            offset: None,
        }
    }

    /// What the rules say of it, by the path of the list alone.
    pub(super) fn standing(self, list: &str) -> ToolResult<Admitted> {
        admitted::<NetBox>(&self.call(list, 1, Map::new()))
    }
}

/// The tool whose work it is to do this to objects of the kind.
pub(crate) fn covering(of: &ObjectType, act: Act) -> Option<&'static str> {
    act.standing(&ruled(of)).ok()?.tool
}

/// Refuses what the rules do not let be read, and changes that are critical.
pub(super) fn admit(list: &str, act: Act) -> ToolResult<()> {
    let read = Act::Read.standing(list).and(Act::List.standing(list));
    let admitted = read
        .and_then(|_| act.standing(list))
        .map_err(|error| error.field("object_type"))?;
    if admitted.effect == Effect::Critical {
        let message = format!("changes of `{list}` are critical, and not to be had this way");
        return Err(ToolError::new(Code::PermissionDenied, message)
            .reason("operation_withheld")
            .field("object_type")
            .hint("`call_api` makes them, for who may"));
    }
    Ok(())
}

/// The path of the list of a kind as the rules spell it; where none of them names it, any path of its
/// app, of which they say the same. It is told without the description, because what a call may do has
/// to be told before anything is asked.
pub(super) fn ruled(of: &ObjectType) -> String {
    let (app, model) = match of.spelled() {
        Spelled::Path(parts) => return list_path(&parts),
        Spelled::Model(app, model) => (app, model),
    };
    let name = format!("{app}.{model}");
    if let Some(kind) = kinds::ALL.iter().find(|kind| kind.model == name) {
        return kind.path.to_owned();
    }
    let rules = NetBox::RULES;
    let patterns = (rules.covers.iter().map(|cover| cover.path))
        .chain(rules.reads.iter().copied())
        .chain(rules.withheld.iter().map(|withheld| withheld.path))
        .chain(rules.critical.iter().copied());
    let mut is_known = false;
    for pattern in patterns {
        let mut parts = pattern.split('/').skip(1);
        if parts.next() != Some(&app) {
            continue;
        }
        is_known = true;
        match parts.next() {
            Some(segment) if is_plural(segment, &model) => {
                return list_path(&[app.as_str(), segment]);
            }
            _ => {}
        }
    }
    let plural = format!("{model}s");
    if is_known {
        list_path(&[&app, &plural])
    } else {
        list_path(&["plugins", &app.replace('_', "-"), &plural])
    }
}

fn list_path(parts: &[impl AsRef<str>]) -> String {
    let parts: Vec<&str> = parts.iter().map(AsRef::as_ref).collect();
    format!("/{}/", parts.join("/"))
}

/// Whether a segment of a path is what a model's objects are called together: `ip-addresses` of
/// `ipaddress`.
fn is_plural(segment: &str, model: &str) -> bool {
    let folded = segment.replace('-', "");
    let Some(end) = folded.strip_prefix(model) else {
        let stem = model.strip_suffix('y').map(|stem| format!("{stem}ies"));
        return stem.is_some_and(|plural| plural == folded);
    };
    let hisses = ["s", "x", "z", "ch", "sh"]
        .iter()
        .any(|end| model.ends_with(end));
    match end {
        "" | "s" => true,
        "es" => hisses,
        _ => false,
    }
}

/// Whether the path is that of the list of a model.
fn is_list_of(path: &str, app: &str, model: &str) -> bool {
    let fold = |text: &str| text.replace(['-', '_'], "");
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    match parts[..] {
        [of, segment] => of == app && is_plural(segment, model),
        ["plugins", of, segment] => {
            let (of, app) = (fold(of), fold(app));
            // Many plugins leave the product's name out of their paths.
            let same = of == app || app.strip_prefix("netbox") == Some(&of);
            same && is_plural(segment, model)
        }
        _ => false,
    }
}

/// The path of the list of a kind in the description.
pub(super) fn located(
    description: &Description<NetBox>,
    of: &ObjectType,
    ruled: &str,
) -> ToolResult<String> {
    let all: BTreeSet<&str> = description.paths(|_| true).into_iter().collect();
    let is_list = |path: &&&str| all.contains(&*format!("{path}{{id}}/"));
    let lists: Vec<&str> = all.iter().filter(is_list).copied().collect();
    if lists.contains(&ruled) {
        return Ok(ruled.to_owned());
    }
    let written = match of.spelled() {
        Spelled::Path(parts) => parts.join("/"),
        Spelled::Model(app, model) => {
            let found = lists.iter().filter(|path| is_list_of(path, &app, &model));
            let found: Vec<&str> = found.copied().collect();
            match found[..] {
                [only] => return Ok(only.to_owned()),
                [] => format!("{app}/{model}s"),
                _ => {
                    let message = format!("`{of}` may be several kinds of objects");
                    return Err(ToolError::invalid("object_type", message)
                        .reason("ambiguous")
                        .hint(format!("name it by its path: {}", found.join(", "))));
                }
            }
        }
    };
    let known: Vec<String> = lists
        .iter()
        .map(|path| path.trim_matches('/').to_owned())
        .collect();
    let hint = match nearest(&written, &known) {
        Some(near) => format!("did you mean `{near}`? `search_api` finds others"),
        None => "`search_api` finds what there is".to_owned(),
    };
    Err(
        ToolError::invalid("object_type", format!("there are no objects `{of}`"))
            .reason("object_type_unknown")
            .hint(hint),
    )
}

#[cfg(test)]
mod tests {
    use homelab_core::error::Code;
    use rstest::rstest;

    use super::*;

    fn kind(text: &str) -> ObjectType {
        text.parse().unwrap()
    }

    #[rstest]
    #[case("dcim.site", "/dcim/sites/")]
    #[case("virtualization.vminterface", "/virtualization/interfaces/")]
    #[case("extras.webhook", "/extras/webhooks/")]
    #[case("ipam.fhrpgroup", "/ipam/fhrp-groups/")]
    #[case("vpn.ikepolicy", "/vpn/ike-policies/")]
    #[case("users.token", "/users/tokens/")]
    #[case("core.datasource", "/core/data-sources/")]
    #[case("dcim.inventoryitem", "/dcim/inventoryitems/")]
    #[case("netbox_dns.zone", "/plugins/netbox-dns/zones/")]
    #[case("wireless/wireless-lans", "/wireless/wireless-lans/")]
    fn a_kind_is_spelled_as_the_rules_spell_it(#[case] text: &str, #[case] path: &str) {
        assert_eq!(ruled(&kind(text)), path);
    }

    #[rstest]
    #[case("users.token")]
    #[case("users.user")]
    #[case("extras.webhook")]
    #[case("extras.configcontext")]
    #[case("ipam.fhrpgroup")]
    #[case("wireless.wirelesslan")]
    #[case("vpn.ikepolicy")]
    #[case("core.datasource")]
    #[case("netbox_secrets.secret")]
    #[case("plugins/netbox-secrets/secrets")]
    fn what_may_hold_a_secret_is_withheld_by_either_name(#[case] text: &str) {
        for act in [Act::List, Act::Read, Act::Create, Act::Update, Act::Delete] {
            let error = admit(&ruled(&kind(text)), act).unwrap_err();

            let envelope = error.envelope();
            assert_eq!(error.code(), Code::PermissionDenied, "{act:?}");
            assert_eq!(envelope.reason.as_deref(), Some("operation_withheld"));
            assert_eq!(envelope.field.as_deref(), Some("object_type"));
        }
    }

    #[test]
    fn what_is_critical_is_read_and_not_changed() {
        let list = ruled(&kind("core.job"));

        assert!(admit(&list, Act::List).is_ok());
        let error = admit(&list, Act::Delete).unwrap_err();
        assert_eq!(
            error.envelope().reason.as_deref(),
            Some("operation_withheld")
        );
    }

    #[rstest]
    #[case("ipam.vlan", Act::Delete, Some("delete_vlan"))]
    #[case("ipam/vlans", Act::Create, Some("create_vlan"))]
    #[case("dcim.cable", Act::Update, Some("update_cable_map"))]
    #[case("ipam.ipaddress", Act::Delete, Some("release_ip"))]
    #[case("dcim.device", Act::List, Some("list_devices"))]
    #[case("dcim.device", Act::Read, Some("get_device"))]
    #[case("dcim.region", Act::Delete, None)]
    fn the_tool_that_covers_it_speaks_too(
        #[case] text: &str,
        #[case] act: Act,
        #[case] tool: Option<&str>,
    ) {
        assert_eq!(covering(&kind(text), act), tool);
    }

    #[rstest]
    #[case("sites", "site", true)]
    #[case("ip-addresses", "ipaddress", true)]
    #[case("virtual-chassis", "virtualchassis", true)]
    #[case("ike-policies", "ikepolicy", true)]
    #[case("prefixes", "prefix", true)]
    #[case("site-groups", "site", false)]
    #[case("sites", "sit", false)]
    fn the_many_of_a_model_are_known(
        #[case] segment: &str,
        #[case] model: &str,
        #[case] are: bool,
    ) {
        assert_eq!(is_plural(segment, model), are);
    }

    #[rstest]
    #[case("/plugins/netbox-dns/zones/", "netbox_dns", "zone", true)]
    #[case("/plugins/bgp/bgp-sessions/", "netbox_bgp", "bgpsession", true)]
    #[case("/plugins/bgp/bgp-sessions/", "netbox_dns", "bgpsession", false)]
    #[case("/dcim/module-bays/", "dcim", "modulebay", true)]
    fn the_list_of_a_model_is_found(
        #[case] path: &str,
        #[case] app: &str,
        #[case] model: &str,
        #[case] is: bool,
    ) {
        assert_eq!(is_list_of(path, app, model), is);
    }
}

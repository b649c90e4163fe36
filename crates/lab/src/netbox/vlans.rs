//! VLAN ids of a group.

use serde_json::Value;

use super::model::Complaint;
use super::state::{Object, State};

/// The ranges of a group; all ids where none are written.
fn ranges(group: &Object) -> Vec<(i64, i64)> {
    let pairs = group.fields.get("vid_ranges").and_then(Value::as_array);
    let pair = |pair: &Value| Some((pair.get(0)?.as_i64()?, pair.get(1)?.as_i64()?));
    let read: Vec<(i64, i64)> = pairs.into_iter().flatten().filter_map(pair).collect();
    if read.is_empty() {
        vec![(1, 4094)]
    } else {
        read
    }
}

/// The ids of a group, in order.
pub(super) fn ids(group: &Object) -> Vec<i64> {
    ranges(group)
        .into_iter()
        .flat_map(|(first, last)| first..=last)
        .collect()
}

/// The ids of a group that no VLAN has, in order.
pub(super) fn free(state: &State, group: &Object) -> Vec<i64> {
    let taken: Vec<i64> = state
        .with("ipam.vlan", "group", group.id)
        .filter_map(|vlan| vlan.fields.get("vid")?.as_i64())
        .collect();
    let mut ids = ids(group);
    ids.retain(|id| !taken.contains(id));
    ids
}

pub(super) fn clean(state: &State, vlan: &Object) -> Result<(), Complaint> {
    let group = vlan
        .id_of("group")
        .and_then(|id| state.get("ipam.vlangroup", id));
    let Some(group) = group else {
        return Ok(());
    };
    if let Some(site) = vlan.id_of("site") {
        let same = group.text("scope_type") == "dcim.site" && group.id_of("scope_id") == Some(site);
        if !same {
            let scope = state
                .generic(group, "scope")
                .map_or_else(|| "None".to_owned(), |scope| state.display(scope));
            let (group, site) = (state.display(group), state.display_at(vlan, "site"));
            let text = format!(
                "VLAN is assigned to group {group} (scope: {scope}); cannot also assign to site {site}."
            );
            return Err(("__all__", text));
        }
    }
    let vid = vlan.fields.get("vid").and_then(Value::as_i64);
    if vid.is_some_and(|vid| !ids(group).contains(&vid)) {
        let told: Vec<String> = ranges(group)
            .into_iter()
            .map(|(first, last)| format!("{first}-{last}"))
            .collect();
        let (told, group) = (told.join(", "), state.display(group));
        return Err((
            "vid",
            format!("VID must be in ranges {told} for VLANs in group {group}"),
        ));
    }
    Ok(())
}

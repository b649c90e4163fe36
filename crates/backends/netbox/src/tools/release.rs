//! Releasing addresses.

use homelab_core::call::CallContext;
use homelab_core::error::{ToolError, ToolResult};
use homelab_core::tool::{Inverse, Mismatch, Preview, Target, tool};
use homelab_upstream::Method;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::addresses::{AddressRow, assigned_to};
use super::allocation::mark;
use crate::call::Call;
use crate::client::{NetBox, by, set, target};
use crate::ids::{HostRef, Key, Named};
use crate::kinds::IP_ADDRESS;
use crate::resolve::{Table, ambiguous};
use crate::types::{IpAddress, chosen, filled, slugs};

/// Which addresses.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ReleaseIp {
    /// The address, with or without its length; or else `id` or `idempotency_key`.
    address: Option<HostRef>,
    /// The VRF of the address, by name or id, where several have it; `global` for none.
    vrf: Option<Named>,
    /// The id of its record.
    #[schemars(range(min = 1, max = 999_999_999_999_u64))]
    id: Option<u64>,
    /// All addresses that `allocate_ip` allocated under this key.
    idempotency_key: Option<Key>,
}

/// Addresses that are recorded no longer.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct AddressesReleased {
    released: Vec<AddressRow>,
    /// How many of them are still there, as read afterwards.
    left: u64,
    /// Under which NetBox logged it, for `get_changelog`.
    request_id: Option<String>,
}

/// Release an IP address: delete its record, so that it can be allocated again.
#[tool(
    destructive,
    open_world,
    permission = "netbox:address:release",
    title = "Release IP addresses",
    timeout = 90,
    untrusted("released.*.description", "released.*.dns_name"),
    preview = preview_release,
    targets = release_targets,
    inverse = undo_release,
    read_back = check_release
)]
pub(crate) async fn release_ip(
    netbox: &NetBox,
    args: ReleaseIp,
    ctx: &CallContext,
) -> ToolResult<AddressesReleased> {
    let rows = found(netbox, &args).await?;
    let by = by("release_ip", ctx);
    let ids: Vec<u64> = rows.iter().map(|row| row.id).collect();
    let request_id = netbox.api.done(&delete_call(&ids), &by).await?;
    let mut still = Call::list(&IP_ADDRESS);
    for id in &ids {
        still = still.with("id", id);
    }
    Ok(AddressesReleased {
        released: rows.into_iter().map(AddressRow::of).collect(),
        left: netbox.count(&still).await?,
        request_id,
    })
}

/// One by its path, several as a list: NetBox deletes all of them or none.
fn delete_call(ids: &[u64]) -> Call {
    match ids {
        [id] => Call::delete(&IP_ADDRESS, *id),
        ids => {
            let rows: Vec<Value> = ids.iter().map(|id| json!({ "id": id })).collect();
            let mut call = Call::create(&IP_ADDRESS, rows);
            call.method = Method::DELETE;
            call
        }
    }
}

async fn found(netbox: &NetBox, args: &ReleaseIp) -> ToolResult<Vec<IpAddress>> {
    match (&args.address, args.id, &args.idempotency_key) {
        (Some(address), None, None) => {
            let table = netbox.table(args.vrf.as_ref()).await?;
            let rows = netbox.addresses_of(address, &table).await?;
            match rows.len() {
                0 => Err(missing("address", address.as_str())),
                1 => Ok(rows),
                _ => {
                    let row = |row: &IpAddress| {
                        let to = assigned_to(row).unwrap_or_else(|| "not assigned".to_owned());
                        format!("{} ({}, {to})", row.id, row.address)
                    };
                    let rows: Vec<String> = rows.iter().map(row).collect();
                    Err(ambiguous("id", &format!("records of `{address}`"), &rows))
                }
            }
        }
        (None, Some(id), None) => match netbox.api.read(&Call::one(&IP_ADDRESS, id)).await {
            Err(error) if error.code() == homelab_core::error::Code::NotFound => {
                Err(missing("id", &id.to_string()))
            }
            Err(error) => Err(error),
            Ok(row) => Ok(vec![row]),
        },
        (None, None, Some(key)) => {
            let call = Call::list(&IP_ADDRESS).with("description__ic", mark(key.as_str()));
            let (rows, _) = netbox.all::<IpAddress>(&call, 200).await?;
            if rows.is_empty() {
                return Err(missing("idempotency_key", key.as_str()));
            }
            Ok(rows)
        }
        (None, None, None) => Err(ToolError::invalid("address", "no address is named")
            .hint("name one by `address`, `id` or `idempotency_key`")),
        _ => Err(
            ToolError::invalid("address", "addresses are named in several ways")
                .hint("name them by one of `address`, `id` and `idempotency_key`"),
        ),
    }
}

fn missing(field: &str, what: &str) -> ToolError {
    ToolError::not_found(format!(
        "no recorded address for `{what}` that the token's user can see"
    ))
    .reason("object_not_found")
    .field(field)
    .hint("call `list_ip_addresses` to see what is recorded")
}

async fn preview_release(netbox: &NetBox, args: &ReleaseIp) -> ToolResult<Preview> {
    let rows = found(netbox, args).await?;
    let names: Vec<&str> = rows.iter().map(|row| row.address.as_str()).collect();
    let mut impact = Vec::new();
    for row in &rows {
        let dns = row.dns_name.as_deref().filter(|name| !name.is_empty());
        if let Some(dns) = dns {
            impact.push(format!("{} is recorded for `{dns}`", row.address));
        }
        if let Some(to) = assigned_to(row) {
            impact.push(format!(
                "{} is assigned to {to}, and no longer its primary address if it was",
                row.address
            ));
        }
    }
    Ok(Preview {
        summary: format!("delete the record of {}", names.join(", ")),
        changes: Vec::new(),
        impact,
    })
}

async fn release_targets(netbox: &NetBox, args: &ReleaseIp) -> ToolResult<Vec<Target>> {
    let rows = found(netbox, args).await?;
    let row = |row: IpAddress| target(&IP_ADDRESS, row.id, row.address.clone(), &row.tags);
    Ok(rows.into_iter().map(row).collect())
}

/// Several records cannot come back in one call, nor can what an address of a group of routers has.
async fn undo_release(netbox: &NetBox, args: &ReleaseIp) -> ToolResult<Option<Inverse>> {
    let rows = found(netbox, args).await?;
    let [row] = rows.as_slice() else {
        return Ok(None);
    };
    let mut arguments = Map::new();
    arguments.insert("address".to_owned(), json!(row.address));
    let vrf = match Table::of(row.vrf.as_ref()) {
        Table::Vrf(id) => id.to_string(),
        _ => "global".to_owned(),
    };
    arguments.insert("vrf".to_owned(), json!(vrf));
    set(&mut arguments, "status", chosen(row.status.as_ref()));
    set(&mut arguments, "role", chosen(row.role.as_ref()));
    set(&mut arguments, "dns_name", filled(row.dns_name.clone()));
    set(
        &mut arguments,
        "description",
        filled(row.description.clone()),
    );
    set(
        &mut arguments,
        "tenant",
        row.tenant.as_ref().map(|tenant| tenant.id.to_string()),
    );
    let tags = slugs(&row.tags);
    set(&mut arguments, "tags", (!tags.is_empty()).then_some(tags));
    if let Some(to) = &row.assigned_object {
        let name = to.name.clone();
        let (field, owner) = match (&to.device, &to.virtual_machine, name.is_some()) {
            (Some(device), _, true) => ("device", device.id),
            (_, Some(machine), true) => ("virtual_machine", machine.id),
            _ => return Ok(None),
        };
        arguments.insert(
            "assign_to".to_owned(),
            json!({ field: owner.to_string(), "interface": name }),
        );
    }
    Ok(Some(Inverse {
        tool: "create_ip_address".to_owned(),
        arguments: Value::Object(arguments),
    }))
}

async fn check_release(
    _netbox: &NetBox,
    _args: &ReleaseIp,
    done: &AddressesReleased,
) -> ToolResult<Vec<Mismatch>> {
    let left = (done.left > 0).then(|| Mismatch {
        field: "address",
        wanted: "not there".to_owned(),
        found: format!("{} still there", done.left),
    });
    Ok(left.into_iter().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_deleted_by_its_path_and_several_as_a_list() {
        assert_eq!(delete_call(&[7]).line(), "DELETE /ipam/ip-addresses/7/");
        assert_eq!(
            delete_call(&[7, 8]).line(),
            r#"DELETE /ipam/ip-addresses/ [{"id":7},{"id":8}]"#
        );
    }
}

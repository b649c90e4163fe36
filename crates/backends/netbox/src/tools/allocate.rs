//! Allocating addresses.

use homelab_core::call::CallContext;
use homelab_core::error::{Code, ToolError, ToolResult};
use homelab_core::tool::{Change, Effect, Inverse, Mismatch, Preview, Target, tool};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::addresses::AddressRow;
use super::allocation::{OneOrMany, Source};
use crate::api::By;
use crate::call::Call;
use crate::choices::{IpRole, IpStatus};
use crate::client::{NetBox, by, target};
use crate::ids::{DnsName, Key, Named, PrefixRef, RangeRef};
use crate::ports::{AssignTo, Owned};
use crate::types::{IpAddress, label};

/// What to allocate, and from where.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AllocateIp {
    /// The network such as `192.0.2.0/24`, or the id of its prefix; or else `ip_range`.
    pub(super) prefix: Option<PrefixRef>,
    /// The first address of an IP range, or its id; or else `prefix`.
    pub(super) ip_range: Option<RangeRef>,
    /// The VRF of the prefix or range, by name or id, where several have the same; `global` for none.
    pub(super) vrf: Option<Named>,
    /// How many addresses; default 1. All of them or none.
    #[schemars(range(min = 1, max = 64))]
    count: Option<u32>,
    /// DNS name to record.
    pub(super) dns_name: Option<DnsName>,
    /// Status; default active.
    pub(super) status: Option<IpStatus>,
    /// Role, for addresses that are not of one interface alone.
    pub(super) role: Option<IpRole>,
    /// Tenant, by name, slug or id.
    pub(super) tenant: Option<Named>,
    /// Description.
    #[schemars(length(max = 200))]
    pub(super) description: Option<String>,
    /// Tags by slug; they must exist.
    #[serde(default)]
    #[schemars(length(max = 20))]
    pub(super) tags: Vec<Named>,
    /// Length of the address's own prefix; default that of the network.
    #[schemars(range(min = 1, max = 128))]
    pub(super) prefix_length: Option<u8>,
    /// Interface to assign it to.
    assign_to: Option<AssignTo>,
    /// Make it the primary address of the device or virtual machine of `assign_to`.
    #[serde(default)]
    set_primary: bool,
    /// Makes repeating the call harmless: addresses that were allocated from there under the same key
    /// are answered again. It is kept in the description as `[key:…]`.
    pub(super) idempotency_key: Option<Key>,
    /// Only tell which addresses would be given now.
    #[serde(default)]
    dry_run: bool,
}

/// Addresses that were allocated, or would be.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct Allocated {
    /// The prefix or range they are from.
    from: String,
    vrf: Option<String>,
    addresses: Vec<AddressRow>,
    /// With `dry_run`: what would be given now; another call may take it first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    free: Vec<String>,
    /// Whether they had been allocated under the key before.
    reused: bool,
    /// The device or virtual machine whose primary address it became.
    primary_of: Option<String>,
    /// What could not be done after the allocation.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    problems: Vec<String>,
    /// Under which NetBox logged it, for `get_changelog`.
    request_id: Option<String>,
}

/// Allocate the next free IP addresses of a prefix or range, recorded in NetBox by its own allocator, so that no other call gets the same.
#[tool(
    write,
    open_world,
    permission = "netbox:address:allocate",
    title = "Allocate IP addresses",
    timeout = 90,
    untrusted("addresses.*.description", "addresses.*.dns_name"),
    effect = effect,
    preview = preview_allocate,
    targets = allocate_targets,
    inverse = undo_allocate,
    read_back = check_allocate
)]
pub(crate) async fn allocate_ip(
    netbox: &NetBox,
    args: AllocateIp,
    ctx: &CallContext,
) -> ToolResult<Allocated> {
    args.check()?;
    let source = netbox.source(&args).await?;
    let to = assigned(netbox, &args).await?;
    if args.dry_run {
        let free = netbox.free(&source, args.count()).await?;
        return Ok(Allocated {
            free,
            ..Allocated::from(&source, Vec::new())
        });
    }
    let by = by("allocate_ip", ctx);
    // Two calls with one key must not both find nothing and allocate.
    let _held = match args.idempotency_key {
        Some(_) => Some(netbox.keyed.lock().await),
        None => None,
    };
    let mut done = if let Some(rows) = reused(netbox, &source, &args).await? {
        Allocated {
            reused: true,
            ..Allocated::from(&source, rows)
        }
    } else {
        let fields = netbox.fields(&args, to.as_ref()).await?;
        let call = source.allocate(fields, args.count());
        let answer = netbox.api.tagged::<OneOrMany>(&call, Some(&by)).await;
        let answer = answer.map_err(|error| lost(error, &args))?;
        Allocated {
            request_id: answer.request_id,
            ..Allocated::from(&source, answer.value.into_vec())
        }
    };
    if let (true, Some(to), Some(first)) = (args.set_primary, &to, done.addresses.first()) {
        match set_primary(netbox, to, first, &by).await {
            Ok(()) => done.primary_of = Some(to.owner_name.clone()),
            // The addresses are allocated: an error would hide them.
            Err(error) => done.problems.push(format!(
                "it is not the primary address of `{}`: {}",
                to.owner_name,
                error.envelope().message
            )),
        }
    }
    Ok(done)
}

impl AllocateIp {
    fn count(&self) -> u32 {
        self.count.unwrap_or(1)
    }

    fn check(&self) -> ToolResult<()> {
        if !self.set_primary {
            return Ok(());
        }
        if self.assign_to.is_none() {
            let message = "only an address of an interface can be the primary one";
            return Err(ToolError::invalid("set_primary", message).hint("add `assign_to`"));
        }
        if self.count() > 1 {
            let message = "only one address can be the primary one";
            return Err(ToolError::invalid("set_primary", message).hint("allocate it alone"));
        }
        Ok(())
    }
}

impl Allocated {
    fn from(source: &Source, rows: Vec<IpAddress>) -> Self {
        Self {
            from: source.label(),
            vrf: label(source.vrf()),
            addresses: rows.into_iter().map(AddressRow::of).collect(),
            free: Vec::new(),
            reused: false,
            primary_of: None,
            problems: Vec::new(),
            request_id: None,
        }
    }
}

async fn assigned(netbox: &NetBox, args: &AllocateIp) -> ToolResult<Option<Owned>> {
    match &args.assign_to {
        None => Ok(None),
        Some(to) => Ok(Some(netbox.owned(to).await?)),
    }
}

/// What was allocated under the key before.
async fn reused(
    netbox: &NetBox,
    source: &Source,
    args: &AllocateIp,
) -> ToolResult<Option<Vec<IpAddress>>> {
    let Some(key) = &args.idempotency_key else {
        return Ok(None);
    };
    let rows = netbox.under_key(source, key.as_str()).await?;
    if rows.is_empty() {
        return Ok(None);
    }
    if rows.len() == args.count() as usize {
        return Ok(Some(rows));
    }
    let message = format!(
        "under the key `{key}`, {} addresses of `{}` were allocated before, not {}",
        rows.len(),
        source.label(),
        args.count()
    );
    Err(ToolError::new(Code::Conflict, message)
        .reason("key_used_elsewhere")
        .field("idempotency_key")
        .hint("repeat the call with the same `count`, or use another key"))
}

/// Where the answer was lost, the addresses may have been given: saying so prevents a second set.
fn lost(error: ToolError, args: &AllocateIp) -> ToolError {
    let envelope = error.envelope();
    let answered = envelope.upstream_status.is_some_and(|status| status < 500);
    let sent = match envelope.code {
        Code::Timeout | Code::UpstreamRejected => true,
        // Of the ways not to reach it, this is the one that comes after sending.
        Code::UpstreamUnreachable => envelope.reason.as_deref() == Some("connection_lost"),
        _ => false,
    };
    if answered || !sent {
        return error;
    }
    let hint = if args.idempotency_key.is_some() {
        "it may have been done; repeat the call with the same `idempotency_key`, which allocates nothing twice"
    } else {
        "it may have been done; look with `list_ip_addresses` or `get_changelog` before repeating it, and pass an `idempotency_key` next time"
    };
    error.hint(hint)
}

async fn set_primary(
    netbox: &NetBox,
    to: &Owned,
    address: &AddressRow,
    by: &By<'_>,
) -> ToolResult<()> {
    let field = if address.address.contains(':') {
        "primary_ip6"
    } else {
        "primary_ip4"
    };
    let call = Call::change(to.owner, to.owner_id, json!({ field: address.id }));
    netbox.api.done(&call, by).await.map(drop)
}

fn effect(_netbox: &NetBox, args: &AllocateIp) -> Effect {
    if args.dry_run {
        Effect::Read
    } else {
        Effect::Write
    }
}

async fn preview_allocate(netbox: &NetBox, args: &AllocateIp) -> ToolResult<Preview> {
    args.check()?;
    let source = netbox.source(args).await?;
    let to = assigned(netbox, args).await?;
    let count = args.count();
    let from = source.label();
    if let Some(rows) = reused(netbox, &source, args).await? {
        let rows: Vec<String> = rows.into_iter().map(|row| row.address).collect();
        return Ok(Preview {
            summary: format!(
                "nothing new: {} were allocated from {from} under this key before",
                rows.join(", ")
            ),
            changes: Vec::new(),
            impact: Vec::new(),
        });
    }
    let free = netbox.free(&source, count).await?;
    let mut impact = Vec::new();
    if free.len() < count as usize {
        impact.push(format!(
            "only {} are free, which makes this fail",
            free.len()
        ));
    }
    if let Some(to) = &to {
        impact.push(format!("assigned to {}", to.label()));
        if args.set_primary {
            impact.push(format!(
                "becomes the primary address of `{}`",
                to.owner_name
            ));
        }
    }
    let noun = if count == 1 { "address" } else { "addresses" };
    let change = |address: String| Change {
        field: "address".to_owned(),
        from: None,
        to: Some(address),
    };
    Ok(Preview {
        summary: format!("allocate {count} {noun} from {from}; as things stand, these"),
        changes: free.into_iter().map(change).collect(),
        impact,
    })
}

async fn allocate_targets(netbox: &NetBox, args: &AllocateIp) -> ToolResult<Vec<Target>> {
    let mut targets = vec![netbox.source(args).await?.target()];
    if let Some(to) = assigned(netbox, args).await? {
        targets.push(target(to.owner, to.owner_id, to.owner_name, &[]));
    }
    Ok(targets)
}

/// Which address it will be is known only afterwards; by its key it can be found.
async fn undo_allocate(netbox: &NetBox, args: &AllocateIp) -> ToolResult<Option<Inverse>> {
    let Some(key) = &args.idempotency_key else {
        return Ok(None);
    };
    let source = netbox.source(args).await?;
    // What was there before is not to be undone.
    if args.dry_run || reused(netbox, &source, args).await?.is_some() {
        return Ok(None);
    }
    Ok(Some(Inverse {
        tool: "release_ip".to_owned(),
        arguments: json!({ "idempotency_key": key }),
    }))
}

async fn check_allocate(
    _netbox: &NetBox,
    args: &AllocateIp,
    done: &Allocated,
) -> ToolResult<Vec<Mismatch>> {
    let mut mismatches = Vec::new();
    if args.dry_run {
        return Ok(mismatches);
    }
    if done.addresses.len() != args.count() as usize {
        mismatches.push(Mismatch {
            field: "count",
            wanted: args.count().to_string(),
            found: done.addresses.len().to_string(),
        });
    }
    let wanted = args
        .dns_name
        .as_ref()
        .map(|name| name.as_str().to_lowercase());
    if let Some(wanted) = wanted.filter(|_| !done.reused) {
        let other = done
            .addresses
            .iter()
            .find(|row| row.dns_name.as_deref() != Some(&wanted));
        mismatches.extend(other.map(|row| Mismatch {
            field: "dns_name",
            wanted,
            found: row.dns_name.clone().unwrap_or_default(),
        }));
    }
    if let Some(wanted) = args.prefix_length.filter(|_| !done.reused) {
        mismatches.extend(other_length(&done.addresses, wanted));
    }
    Ok(mismatches)
}

/// Older releases do not know `prefix_length` and give the address that of its network.
fn other_length(rows: &[AddressRow], wanted: u8) -> Option<Mismatch> {
    let length = |row: &AddressRow| {
        let (_, length) = row.address.split_once('/')?;
        length.parse::<u8>().ok()
    };
    let other = rows.iter().find(|row| length(row) != Some(wanted))?;
    Some(Mismatch {
        field: "prefix_length",
        wanted: wanted.to_string(),
        found: other.address.clone(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_that_was_not_taken_is_told() {
        let row = json!({ "id": 1, "address": "192.0.2.1/28" });
        let rows = [AddressRow::of(serde_json::from_value(row).unwrap())];

        assert_eq!(other_length(&rows, 28), None);
        assert_eq!(other_length(&rows, 32).unwrap().found, "192.0.2.1/28");
    }
}

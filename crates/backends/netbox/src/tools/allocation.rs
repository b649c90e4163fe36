//! From where addresses are allocated, and the request that allocates them.

use homelab_core::error::{ToolError, ToolResult};
use homelab_core::net::Cidr;
use homelab_core::tool::Target;
use homelab_upstream::Method;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::allocate::AllocateIp;
use crate::call::Call;
use crate::choices::word;
use crate::client::{NetBox, set, target};
use crate::ids::host;
use crate::kinds::{IP_ADDRESS, IP_RANGE, PREFIX, TENANT};
use crate::ports::Owned;
use crate::resolve::Table;
use crate::types::{AvailableIp, Brief, IpAddress, IpRange, Prefix};

/// Longest description that NetBox takes.
pub(super) const LONGEST_DESCRIPTION: usize = 200;

/// What addresses are taken from.
pub(super) enum Source {
    Prefix(Box<Prefix>),
    Range(Box<IpRange>),
}

impl Source {
    fn id(&self) -> u64 {
        match self {
            Self::Prefix(prefix) => prefix.id,
            Self::Range(range) => range.id,
        }
    }

    pub(super) fn vrf(&self) -> Option<&Brief> {
        match self {
            Self::Prefix(prefix) => prefix.vrf.as_ref(),
            Self::Range(range) => range.vrf.as_ref(),
        }
    }

    /// As people name it.
    pub(super) fn label(&self) -> String {
        match self {
            Self::Prefix(prefix) => prefix.prefix.clone(),
            Self::Range(range) => format!("{} to {}", range.start_address, range.end_address),
        }
    }

    pub(super) fn target(&self) -> Target {
        match self {
            Self::Prefix(prefix) => target(&PREFIX, prefix.id, prefix.prefix.clone(), &prefix.tags),
            Self::Range(range) => target(&IP_RANGE, range.id, self.label(), &range.tags),
        }
    }

    /// Whether the address lies in it.
    fn contains(&self, address: &str) -> bool {
        let Some(address) = host(address) else {
            return false;
        };
        match self {
            Self::Prefix(prefix) => prefix
                .prefix
                .parse::<Cidr>()
                .is_ok_and(|network| network.contains(address)),
            Self::Range(range) => {
                let within = host(&range.start_address).zip(host(&range.end_address));
                within.is_some_and(|(start, end)| start <= address && address <= end)
            }
        }
    }

    /// The path of its allocator, which holds a lock.
    fn call(&self, method: Method) -> Call {
        let (operation, template) = match self {
            Self::Prefix(_) => ("prefix available-ips", "/ipam/prefixes/{}/available-ips/"),
            Self::Range(_) => ("range available-ips", "/ipam/ip-ranges/{}/available-ips/"),
        };
        Call::below(operation, method, template, self.id(), IP_ADDRESS.model)
    }

    pub(super) fn free(&self, count: u32) -> Call {
        self.call(Method::GET).with("limit", count)
    }

    /// One object for one address, a list for several: NetBox gives all of them or none.
    pub(super) fn allocate(&self, one: Map<String, Value>, count: u32) -> Call {
        let one = Value::Object(one);
        self.call(Method::POST).body(match count {
            1 => one,
            count => (0..count).map(|_| one.clone()).collect(),
        })
    }
}

/// The answer to one object, or to a list.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum OneOrMany {
    Many(Vec<IpAddress>),
    One(Box<IpAddress>),
}

impl OneOrMany {
    pub(super) fn into_vec(self) -> Vec<IpAddress> {
        match self {
            Self::Many(rows) => rows,
            Self::One(row) => vec![*row],
        }
    }
}

impl NetBox {
    /// What the arguments name: a prefix or an IP range.
    pub(super) async fn source(&self, args: &AllocateIp) -> ToolResult<Source> {
        match (&args.prefix, &args.ip_range) {
            (Some(prefix), None) => {
                let prefix = self.prefix(prefix, args.vrf.as_ref()).await?;
                Ok(Source::Prefix(Box::new(prefix)))
            }
            (None, Some(range)) => {
                let range = self.range(range, args.vrf.as_ref()).await?;
                Ok(Source::Range(Box::new(range)))
            }
            (Some(_), Some(_)) => Err(ToolError::invalid(
                "ip_range",
                "both a prefix and an IP range are named",
            )
            .hint("leave one of them out")),
            (None, None) => Err(ToolError::invalid(
                "prefix",
                "neither a prefix nor an IP range is named",
            )
            .hint("call `list_prefixes` to see the prefixes")),
        }
    }

    /// The fields of each address.
    pub(super) async fn fields(
        &self,
        args: &AllocateIp,
        to: Option<&Owned>,
    ) -> ToolResult<Map<String, Value>> {
        let mut fields = Map::new();
        set(&mut fields, "prefix_length", args.prefix_length);
        set(&mut fields, "status", args.status.map(word));
        set(&mut fields, "role", args.role.map(word));
        set(
            &mut fields,
            "dns_name",
            args.dns_name
                .as_ref()
                .map(|name| name.as_str().to_lowercase()),
        );
        set(&mut fields, "description", description(args)?);
        set(
            &mut fields,
            "tenant",
            self.maybe(&TENANT, "tenant", args.tenant.as_ref()).await?,
        );
        let tags = self.tags(&args.tags).await?;
        set(&mut fields, "tags", (!tags.is_empty()).then_some(tags));
        if let Some(to) = to {
            fields.insert("assigned_object_type".to_owned(), json!(to.interface.model));
            fields.insert("assigned_object_id".to_owned(), json!(to.interface_id));
        }
        Ok(fields)
    }

    /// The addresses that were allocated under a key before.
    pub(super) async fn under_key(&self, source: &Source, key: &str) -> ToolResult<Vec<IpAddress>> {
        let call = Call::list(&IP_ADDRESS)
            .with("description__ic", mark(key))
            .with_opt("vrf_id", Table::of(source.vrf()).filter());
        let (mut rows, _) = self.all::<IpAddress>(&call, 200).await?;
        rows.retain(|row| source.contains(&row.address));
        Ok(rows)
    }

    /// The addresses that are free now.
    pub(super) async fn free(&self, source: &Source, count: u32) -> ToolResult<Vec<String>> {
        let rows: Vec<AvailableIp> = self.api.read(&source.free(count)).await?;
        Ok(rows
            .into_iter()
            .map(|row| row.address)
            .take(count as usize)
            .collect())
    }
}

/// How a key stands in a description.
pub(super) fn mark(key: &str) -> String {
    format!("[key:{key}]")
}

/// The description, with the key behind it.
fn description(args: &AllocateIp) -> ToolResult<Option<String>> {
    let Some(key) = &args.idempotency_key else {
        return Ok(args.description.clone());
    };
    let mark = mark(key.as_str());
    let text = match &args.description {
        Some(text) if !text.is_empty() => format!("{text} {mark}"),
        _ => mark,
    };
    if text.chars().count() <= LONGEST_DESCRIPTION {
        return Ok(Some(text));
    }
    let message = "the description is too long with the key behind it";
    Err(ToolError::invalid("description", message).hint("shorten it, or the `idempotency_key`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prefix() -> Source {
        let row = json!({ "id": 7, "prefix": "192.0.2.0/26" });
        Source::Prefix(serde_json::from_value(row).unwrap())
    }

    fn range() -> Source {
        let row =
            json!({ "id": 3, "start_address": "192.0.2.10/24", "end_address": "192.0.2.20/24" });
        Source::Range(serde_json::from_value(row).unwrap())
    }

    #[test]
    fn one_address_is_an_object_and_several_are_a_list() {
        let fields = || Map::from_iter([("status".to_owned(), json!("active"))]);

        assert_eq!(
            prefix().allocate(fields(), 1).line(),
            r#"POST /ipam/prefixes/7/available-ips/ {"status":"active"}"#
        );
        assert_eq!(
            range().allocate(fields(), 2).line(),
            r#"POST /ipam/ip-ranges/3/available-ips/ [{"status":"active"},{"status":"active"}]"#
        );
    }

    #[test]
    fn an_address_lies_in_its_prefix_or_range() {
        assert!(prefix().contains("192.0.2.63/26") && !prefix().contains("192.0.2.64/26"));
        assert!(range().contains("192.0.2.20/24") && !range().contains("192.0.2.9/24"));
        assert!(!range().contains("2001:db8::1/64"));
    }
}

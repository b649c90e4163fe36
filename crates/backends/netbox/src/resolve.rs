//! Objects by the names that people give them.

use homelab_core::error::{Code, ToolError, ToolResult};
use serde_json::{Value, json};

use crate::call::Call;
use crate::client::NetBox;
use crate::ids::{HostRef, Named, PrefixRef, RangeRef, host};
use crate::kinds::{Endpoint, IP_ADDRESS, IP_RANGE, PREFIX, VRF};
use crate::types::{Brief, IpAddress, IpRange, Prefix};

/// Candidates that an error names.
const CANDIDATES: u64 = 6;
/// The word for objects that are in no VRF.
const GLOBAL: &str = "global";

/// A filter for one VRF, for the global table, or for none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Table {
    Any,
    Global,
    Vrf(u64),
}

impl Table {
    /// The value of `vrf_id`.
    pub(crate) fn filter(&self) -> Option<String> {
        match self {
            Self::Any => None,
            Self::Global => Some("null".to_owned()),
            Self::Vrf(id) => Some(id.to_string()),
        }
    }

    /// The table that an object is in.
    pub(crate) fn of(vrf: Option<&Brief>) -> Self {
        vrf.map_or(Self::Global, |vrf| Self::Vrf(vrf.id))
    }
}

/// An error that says of which object there are several.
pub(crate) fn ambiguous(field: &str, what: &str, candidates: &[String]) -> ToolError {
    ToolError::new(Code::InvalidArgument, format!("there are several {what}"))
        .reason("ambiguous")
        .field(field)
        .hint(format!("name one by its id: {}", candidates.join(", ")))
}

/// An error that says that there is no such object.
pub(crate) fn missing(field: &str, of: &Endpoint, named: &str) -> ToolError {
    let noun = of.noun;
    ToolError::not_found(format!("no {noun} `{named}` that the token's user can see"))
        .reason("object_not_found")
        .field(field)
        .hint("call `search`, or the list of its kind, to see what there is")
}

impl NetBox {
    /// The object of this name, slug or id; `field` is the argument that names it.
    pub(crate) async fn resolve(
        &self,
        of: &'static Endpoint,
        field: &str,
        named: &Named,
    ) -> ToolResult<Brief> {
        if let Some(id) = named.id() {
            let call = Call::one(of, id).with("brief", 1);
            return match self.api.read(&call).await {
                Err(error) if error.code() == Code::NotFound => {
                    Err(missing(field, of, named.as_str()))
                }
                other => other,
            };
        }
        let brief = || Call::list(of).with("brief", 1);
        if of.slug && is_slug(named.as_str()) {
            let (rows, _) = self.all::<Brief>(&brief().with("slug", named), 1).await?;
            if let Some(only) = rows.into_iter().next() {
                return Ok(only);
            }
        }
        let (mut rows, total) = self
            .all::<Brief>(&brief().with(of.name, named), CANDIDATES)
            .await?;
        match (rows.pop(), total) {
            (None, _) => Err(missing(field, of, named.as_str())),
            (Some(only), 1) => Ok(only),
            (Some(last), _) => {
                rows.push(last);
                let rows: Vec<String> = rows
                    .iter()
                    .map(|row| format!("{} ({})", row.id, row.display))
                    .collect();
                let what = format!("objects of kind {} named `{named}`", of.noun);
                Err(ambiguous(field, &what, &rows))
            }
        }
    }

    /// The id of an object that may be named.
    pub(crate) async fn maybe(
        &self,
        of: &'static Endpoint,
        field: &str,
        named: Option<&Named>,
    ) -> ToolResult<Option<u64>> {
        match named {
            None => Ok(None),
            Some(named) => Ok(Some(self.resolve(of, field, named).await?.id)),
        }
    }

    /// The table that `vrf` names; `global` is that of no VRF.
    pub(crate) async fn table(&self, vrf: Option<&Named>) -> ToolResult<Table> {
        match vrf {
            None => Ok(Table::Any),
            Some(named) if named.as_str() == GLOBAL => Ok(Table::Global),
            Some(named) => Ok(Table::Vrf(self.resolve(&VRF, "vrf", named).await?.id)),
        }
    }

    /// The prefix that is named, in the table that is named.
    pub(crate) async fn prefix(
        &self,
        named: &PrefixRef,
        vrf: Option<&Named>,
    ) -> ToolResult<Prefix> {
        let network = match named.read() {
            Ok(id) => {
                return match self.api.read(&Call::one(&PREFIX, id)).await {
                    Err(error) if error.code() == Code::NotFound => {
                        Err(missing("prefix", &PREFIX, named.as_str()))
                    }
                    other => other,
                };
            }
            Err(network) => network,
        };
        let table = self.table(vrf).await?;
        let call = Call::list(&PREFIX)
            .with("prefix", network)
            .with_opt("vrf_id", table.filter());
        let (mut rows, total) = self.all::<Prefix>(&call, CANDIDATES).await?;
        match (rows.pop(), total) {
            (None, _) => Err(missing("prefix", &PREFIX, &network.to_string())),
            (Some(only), 1) => Ok(only),
            (Some(last), _) => {
                rows.push(last);
                let row = |row: &Prefix| {
                    let vrf = row
                        .vrf
                        .as_ref()
                        .map_or_else(|| GLOBAL.to_owned(), Brief::label);
                    format!("{} (VRF {vrf})", row.id)
                };
                let rows: Vec<String> = rows.iter().map(row).collect();
                Err(ambiguous("prefix", &format!("prefixes `{network}`"), &rows))
            }
        }
    }

    /// The IP range that is named.
    pub(crate) async fn range(&self, named: &RangeRef, vrf: Option<&Named>) -> ToolResult<IpRange> {
        if let Some(id) = named.id() {
            return match self.api.read(&Call::one(&IP_RANGE, id)).await {
                Err(error) if error.code() == Code::NotFound => {
                    Err(missing("ip_range", &IP_RANGE, named.as_str()))
                }
                other => other,
            };
        }
        let table = self.table(vrf).await?;
        let start = host(named.as_str());
        let call = Call::list(&IP_RANGE)
            .with_opt("start_address", start)
            .with_opt("vrf_id", table.filter());
        let (mut rows, total) = self.all::<IpRange>(&call, CANDIDATES).await?;
        match (rows.pop(), total) {
            (None, _) => Err(missing("ip_range", &IP_RANGE, named.as_str())),
            (Some(only), 1) => Ok(only),
            (Some(last), _) => {
                rows.push(last);
                let row = |row: &IpRange| {
                    format!("{} ({} to {})", row.id, row.start_address, row.end_address)
                };
                let rows: Vec<String> = rows.iter().map(row).collect();
                Err(ambiguous(
                    "ip_range",
                    &format!("IP ranges from `{named}` on"),
                    &rows,
                ))
            }
        }
    }

    /// The records of an address, whatever the length of its prefix.
    pub(crate) async fn addresses_of(
        &self,
        address: &HostRef,
        table: &Table,
    ) -> ToolResult<Vec<IpAddress>> {
        let call = Call::list(&IP_ADDRESS)
            .with_opt("address", host(address.as_str()))
            .with_opt("vrf_id", table.filter());
        Ok(self.all(&call, CANDIDATES).await?.0)
    }

    /// Tags as a change names them. Unknown ones are refused: NetBox would not make them.
    pub(crate) async fn tags(&self, tags: &[Named]) -> ToolResult<Vec<Value>> {
        if tags.is_empty() {
            return Ok(Vec::new());
        }
        let mut call = Call::get("get extras/tags", "/extras/tags/");
        call.model = "extras.tag".into();
        for tag in tags {
            call = call.with("slug", tag);
        }
        let (rows, _) = self.all::<Brief>(&call, tags.len() as u64).await?;
        let slug = |row: &Brief| row.slug.clone().unwrap_or_default();
        for (index, tag) in tags.iter().enumerate() {
            if !rows.iter().any(|row| slug(row) == tag.as_str()) {
                let message = format!("no tag with the slug `{tag}`");
                return Err(ToolError::not_found(message)
                    .reason("object_not_found")
                    .field(format!("tags[{index}]"))
                    .hint("tags are made in NetBox under Customization, Tags"));
            }
        }
        Ok(rows
            .iter()
            .map(|row| json!({ "name": row.label(), "slug": slug(row) }))
            .collect())
    }
}

fn is_slug(text: &str) -> bool {
    text.bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}

//! Reading objects of any kind.

use std::borrow::Cow;

use homelab_core::error::ToolResult;
use homelab_core::page::Page;
use homelab_core::tool::tool;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::client::NetBox;
use crate::ids::{FieldName, ObjectType, Ordering};
use crate::objects::{Act, Object, covering, values};

/// An object as NetBox tells it, without links.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Told(pub(super) Object);

impl JsonSchema for Told {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Told".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "object", "additionalProperties": {} })
    }
}

/// Members that the schema of NetBox decides on.
pub(super) fn any_members(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "object", "additionalProperties": {}, "maxProperties": 100 })
}

/// Which objects.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct GetObjects {
    /// Kind, as `dcim.region` or by the path of its list, as `dcim/regions`.
    object_type: ObjectType,
    /// Filters of that list by name, such as `{"site": "cellar", "name__ic": "nas"}`; a list means any
    /// of its values, `null` none.
    #[serde(default)]
    #[schemars(schema_with = "any_members")]
    filters: Map<String, Value>,
    /// Fields to tell besides id and display; default a short form.
    #[serde(default)]
    #[schemars(length(max = 60))]
    fields: Vec<FieldName>,
    /// Fields to sort by; `-` before one turns its order round.
    ordering: Option<Ordering>,
    /// Rows of a page; default 25.
    #[schemars(range(min = 1, max = 200))]
    limit: Option<u32>,
    /// `next_cursor` of the call before.
    #[schemars(length(max = 1024))]
    cursor: Option<String>,
}

/// List objects of any kind that NetBox knows, plugins included, with filters that are checked: an unknown
/// one is refused. `search_api` with the list's operation shows the filters.
#[tool(
    read,
    open_world,
    permission = "netbox:object:read",
    title = "List objects of a kind",
    timeout = 90,
    untrusted("items.*"),
    stands_for = of_list
)]
pub(crate) async fn get_objects(netbox: &NetBox, args: GetObjects) -> ToolResult<Page<Told>> {
    let objects = netbox.objects(&args.object_type, Act::List).await?;
    let call = objects
        .listing(&args.filters, &args.fields, args.ordering.as_ref())
        .await?;
    let page = netbox.page::<Object>(&call, args.limit, args.cursor.as_deref());
    Ok(page.await?.map(|row| Told(values::told(row, &args.fields))))
}

fn of_list(_netbox: &NetBox, args: &GetObjects) -> Option<&'static str> {
    covering(&args.object_type, Act::List)
}

/// Which object.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct GetObject {
    /// Kind, as `dcim.region` or by the path of its list, as `dcim/regions`.
    object_type: ObjectType,
    /// Its id.
    #[schemars(range(min = 1, max = 999_999_999_999_u64))]
    id: u64,
    /// Fields to tell besides id and display; default all but config contexts.
    #[serde(default)]
    #[schemars(length(max = 60))]
    fields: Vec<FieldName>,
}

/// An object.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct ObjectFound {
    object: Told,
}

/// Get one object of any kind that NetBox knows, plugins included.
#[tool(
    read,
    open_world,
    permission = "netbox:object:read",
    title = "Get an object",
    timeout = 90,
    untrusted("object"),
    stands_for = of_one
)]
pub(crate) async fn get_object(netbox: &NetBox, args: GetObject) -> ToolResult<ObjectFound> {
    let objects = netbox.objects(&args.object_type, Act::Read).await?;
    let found = objects.read(args.id, &args.fields).await?;
    Ok(ObjectFound {
        object: Told(values::told(found, &args.fields)),
    })
}

fn of_one(_netbox: &NetBox, args: &GetObject) -> Option<&'static str> {
    covering(&args.object_type, Act::Read)
}

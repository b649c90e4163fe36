//! Deleting objects of any kind.

use homelab_core::call::CallContext;
use homelab_core::error::{Code, ToolError, ToolResult};
use homelab_core::tool::{Inverse, Mismatch, Preview, Target, tool};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::object_update::{last_updated, unchanged};
use super::objects::{Told, any_members};
use crate::client::{NetBox, by};
use crate::ids::{ObjectType, When};
use crate::objects::{Act, Object, Objects, covering, values};

/// What a device has of configuration by itself; it is withheld, so it cannot be put back.
const OWN_CONTEXT: &str = "local_context_data";

/// Which object.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct DeleteObject {
    /// Kind, as `dcim.region` or by the path of its list, as `dcim/regions`.
    object_type: ObjectType,
    /// Its id; or else `filters`.
    #[schemars(range(min = 1, max = 999_999_999_999_u64))]
    id: Option<u64>,
    /// Filters that fit it alone, as `get_objects` takes them.
    #[serde(default)]
    #[schemars(schema_with = "any_members")]
    filters: Map<String, Value>,
    /// Its `last_updated` as it was seen: if somebody changed it since, nothing is done.
    last_updated: Option<When>,
}

/// An object that is there no longer.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct ObjectDeleted {
    deleted: Told,
    /// Whether it is gone, as read afterwards.
    gone: bool,
    /// Under which NetBox logged it, for `get_changelog`.
    request_id: Option<String>,
}

/// Delete one object of any kind; NetBox deletes what belongs to it too, and keeps what others depend on.
#[tool(
    destructive,
    open_world,
    permission = "netbox:object:delete",
    title = "Delete an object",
    timeout = 90,
    untrusted("deleted"),
    stands_for = of_deletion,
    preview = preview_delete,
    targets = delete_targets,
    inverse = undo_delete,
    read_back = check_delete
)]
pub(crate) async fn delete_object(
    netbox: &NetBox,
    args: DeleteObject,
    ctx: &CallContext,
) -> ToolResult<ObjectDeleted> {
    let (objects, id) = args.found(netbox).await?;
    let call = objects.deletion(id).await?;
    let before = objects.whole(id).await?;
    let seen = netbox.seen.take(&key(&objects, id)).await;
    unchanged(&before.value, args.last_updated.as_ref(), seen)?;
    let call = call.if_match(before.etag);
    let request_id = netbox.api.done(&call, &by("delete_object", ctx)).await?;
    let gone = match objects.state(id, std::iter::empty()).await {
        Ok(_) => false,
        Err(error) if error.code() == Code::NotFound => true,
        Err(error) => return Err(error),
    };
    Ok(ObjectDeleted {
        deleted: Told(values::told(before.value, &[])),
        gone,
        request_id,
    })
}

fn of_deletion(_netbox: &NetBox, args: &DeleteObject) -> Option<&'static str> {
    covering(&args.object_type, Act::Delete)
}

fn key(objects: &Objects<'_>, id: u64) -> String {
    format!("delete {}{id}", objects.list)
}

impl DeleteObject {
    async fn found<'a>(&self, netbox: &'a NetBox) -> ToolResult<(Objects<'a>, u64)> {
        let objects = netbox.objects(&self.object_type, Act::Delete).await?;
        let id = match (self.id, self.filters.is_empty()) {
            (Some(id), true) => id,
            (None, false) => objects.only(&self.filters).await?,
            (_, is_none) => {
                let message = if is_none {
                    "no object is named"
                } else {
                    "it is named twice"
                };
                return Err(ToolError::invalid("id", message).hint("give `id` or `filters`"));
            }
        };
        Ok((objects, id))
    }
}

async fn preview_delete(netbox: &NetBox, args: &DeleteObject) -> ToolResult<Preview> {
    let (objects, id) = args.found(netbox).await?;
    let before = objects.whole(id).await?.value;
    let mut impact = Vec::new();
    if let Some(time) = last_updated(&before) {
        impact.push(format!("it was changed last at {time}"));
        netbox.seen.note(key(&objects, id), time).await;
    }
    let hanging = values::dependents(&before);
    if !hanging.is_empty() {
        impact.push(format!(
            "on it hang {}: NetBox deletes what belongs to it, and refuses where something holds on to it",
            hanging.join(", ")
        ));
    }
    if let Err(why) = remade(&objects, &before).await? {
        impact.push(format!("it cannot be undone from here: {why}"));
    }
    Ok(Preview {
        summary: format!(
            "delete the {} `{}` ({id})",
            objects.noun(),
            values::label(&before)
        ),
        changes: Vec::new(),
        impact,
    })
}

async fn delete_targets(netbox: &NetBox, args: &DeleteObject) -> ToolResult<Vec<Target>> {
    let (objects, id) = args.found(netbox).await?;
    let found = objects.state(id, ["name".to_owned()].iter()).await?;
    Ok(vec![objects.target(&found.value)])
}

/// The fields by which an object can be made again, or why it cannot.
async fn remade(objects: &Objects<'_>, before: &Object) -> ToolResult<Result<Object, String>> {
    let hanging = values::dependents(before);
    if !hanging.is_empty() {
        return Ok(Err("what hangs on it would not come back".to_owned()));
    }
    let own = before.get(OWN_CONTEXT);
    if own.is_some_and(|own| !values::is_empty(own)) {
        return Ok(Err(format!("its `{OWN_CONTEXT}` is not kept")));
    }
    let (fields, required) = objects.writable().await?;
    let given = |(name, schema): (&String, &Value)| {
        let value = values::writable(before.get(name)?, schema);
        (!values::is_empty(&value)).then(|| (name.clone(), value))
    };
    let data: Object = fields.iter().filter_map(given).collect();
    if let Some(name) = required.iter().find(|name| !data.contains_key(*name)) {
        return Ok(Err(format!("its `{name}` is not known")));
    }
    // What would be refused is no undo.
    Ok(match objects.change(Act::Create, 0, &data).await {
        Ok(_) => Ok(data),
        Err(error) => Err(error.envelope().message.clone()),
    })
}

/// Makes it again, with another id; what hung on it would not come back, so only what stands alone.
async fn undo_delete(netbox: &NetBox, args: &DeleteObject) -> ToolResult<Option<Inverse>> {
    let (objects, id) = args.found(netbox).await?;
    let before = objects.whole(id).await?.value;
    let data = remade(&objects, &before).await?;
    Ok(data.ok().map(|data| Inverse {
        tool: "create_object".to_owned(),
        // Where there were two alike, there shall be two again.
        arguments: json!({ "object_type": args.object_type, "data": data, "allow_duplicate": true }),
    }))
}

async fn check_delete(
    _netbox: &NetBox,
    _args: &DeleteObject,
    done: &ObjectDeleted,
) -> ToolResult<Vec<Mismatch>> {
    let mismatch = (!done.gone).then(|| Mismatch {
        field: "id",
        wanted: "not there".to_owned(),
        found: "still there".to_owned(),
    });
    Ok(mismatch.into_iter().collect())
}

//! Making objects of any kind.

use homelab_core::call::CallContext;
use homelab_core::error::{Code, ToolError, ToolResult};
use homelab_core::tool::{Change, Effect, Inverse, Mismatch, Preview, Target, tool};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::objects::{Told, any_members};
use crate::client::{NetBox, by};
use crate::ids::ObjectType;
use crate::objects::{Act, Object, Objects, covering, values};

/// What to make.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CreateObject {
    /// Kind, as `dcim.region` or by the path of its list, as `dcim/regions`.
    object_type: ObjectType,
    /// Its fields: choices by their value, related objects by id or by fields that fit one of them,
    /// such as `{"slug": "cellar"}`.
    #[schemars(schema_with = "any_members")]
    data: Map<String, Value>,
    /// Make it although one of the same name is there already.
    #[serde(default)]
    allow_duplicate: bool,
}

/// An object that was made.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct ObjectMade {
    /// With the fields that were given, as read afterwards.
    object: Told,
    /// Under which NetBox logged it, for `get_changelog`.
    request_id: Option<String>,
}

/// Create an object of any kind; its fields are checked against NetBox's own schema before anything is sent.
#[tool(
    destructive,
    open_world,
    permission = "netbox:object:create",
    title = "Create an object",
    timeout = 90,
    untrusted("object"),
    effect = effect,
    stands_for = of_creation,
    preview = preview_create,
    targets = create_targets,
    inverse = undo_create,
    read_back = check_create
)]
pub(crate) async fn create_object(
    netbox: &NetBox,
    args: CreateObject,
    ctx: &CallContext,
) -> ToolResult<ObjectMade> {
    let objects = netbox.objects(&args.object_type, Act::Create).await?;
    let checked = objects.change(Act::Create, 0, &args.data).await?;
    let twins = twins(&objects, &args.data).await?;
    if let Some(count) = twins
        .count
        .filter(|count| *count > 0 && !args.allow_duplicate)
    {
        let message = format!(
            "there {} of the same {} already",
            many(count, &objects.noun()),
            twins.names()
        );
        return Err(ToolError::new(Code::Conflict, message)
            .reason("object_exists")
            .field("data")
            .hint("see it with `get_objects`; pass `allow_duplicate` if another one is meant"));
    }
    let by = by("create_object", ctx);
    let made = netbox
        .api
        .tagged::<Object>(&checked.call, Some(&by))
        .await?;
    let id = made.value.get("id").and_then(Value::as_u64);
    let id = id.ok_or_else(|| {
        ToolError::new(Code::UpstreamRejected, "NetBox does not say what it made")
            .reason("unexpected_answer")
    })?;
    let found = objects.state(id, args.data.keys()).await?;
    Ok(ObjectMade {
        object: Told(values::told(found.value, &[])),
        request_id: made.request_id,
    })
}

/// Its class is that of the tool that covers it, where that is a graver one.
fn effect(_netbox: &NetBox, _args: &CreateObject) -> Effect {
    Effect::Write
}

fn of_creation(_netbox: &NetBox, args: &CreateObject) -> Option<&'static str> {
    covering(&args.object_type, Act::Create)
}

/// Objects that are called as the new one will be.
struct Twins {
    /// What tells it from others.
    filters: Option<Map<String, Value>>,
    /// How many there are; unknown where nothing tells it from others.
    count: Option<u64>,
}

impl Twins {
    fn names(&self) -> String {
        let names = self.filters.iter().flat_map(Map::keys);
        let names: Vec<&str> = names
            .map(|name| name.strip_suffix("_id").unwrap_or(name))
            .collect();
        names.join(", ")
    }
}

async fn twins(objects: &Objects<'_>, data: &Object) -> ToolResult<Twins> {
    let filters = objects.identity(data).await?;
    let count = match &filters {
        None => None,
        Some(filters) => Some(objects.count(filters).await?),
    };
    Ok(Twins { filters, count })
}

fn many(count: u64, noun: &str) -> String {
    if count == 1 {
        format!("is a {noun}")
    } else {
        format!("are {count} objects ({noun})")
    }
}

async fn preview_create(netbox: &NetBox, args: &CreateObject) -> ToolResult<Preview> {
    let objects = netbox.objects(&args.object_type, Act::Create).await?;
    objects.change(Act::Create, 0, &args.data).await?;
    let twins = twins(&objects, &args.data).await?;
    let noun = objects.noun();
    let mut impact = Vec::new();
    match twins.count {
        None => {
            impact.push("it cannot be undone from here: nothing tells it from others".to_owned());
        }
        Some(0) => {}
        Some(count) => {
            let fails = if args.allow_duplicate {
                "so it cannot be undone from here"
            } else {
                "which makes this fail"
            };
            let names = twins.names();
            let many = many(count, &noun);
            impact.push(format!("there {many} of the same {names} already, {fails}"));
        }
    }
    let change = |(field, value): (&String, &Value)| Change {
        field: field.clone(),
        from: None,
        to: values::shown(value),
    };
    Ok(Preview {
        summary: format!("create the {noun} `{}`", name(&args.data)),
        changes: args.data.iter().map(change).collect(),
        impact,
    })
}

/// What it will be called.
fn name(data: &Object) -> String {
    let names = ["name", "model", "label", "prefix", "address", "slug"];
    let mut texts = names.iter().filter_map(|name| data.get(*name)?.as_str());
    texts.next().unwrap_or("without a name").to_owned()
}

async fn create_targets(netbox: &NetBox, args: &CreateObject) -> ToolResult<Vec<Target>> {
    let objects = netbox.objects(&args.object_type, Act::Create).await?;
    objects.change(Act::Create, 0, &args.data).await?;
    let mut target = objects.target(&Object::new());
    "new".clone_into(&mut target.id);
    target.name = Some(name(&args.data));
    Ok(vec![target])
}

/// By what tells it from all others, if there was none of the kind.
async fn undo_create(netbox: &NetBox, args: &CreateObject) -> ToolResult<Option<Inverse>> {
    let objects = netbox.objects(&args.object_type, Act::Create).await?;
    let twins = twins(&objects, &args.data).await?;
    let filters = twins.filters.filter(|_| twins.count == Some(0));
    Ok(filters.map(|filters| Inverse {
        tool: "delete_object".to_owned(),
        arguments: json!({ "object_type": args.object_type, "filters": filters }),
    }))
}

async fn check_create(
    _netbox: &NetBox,
    args: &CreateObject,
    done: &ObjectMade,
) -> ToolResult<Vec<Mismatch>> {
    Ok(super::object_update::mismatches(&done.object.0, &args.data))
}

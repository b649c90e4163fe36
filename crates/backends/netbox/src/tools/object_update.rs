//! Changing objects of any kind.

use homelab_core::call::CallContext;
use homelab_core::clock::Micros;
use homelab_core::error::{Code, ToolError, ToolResult};
use homelab_core::tool::{Change, Effect, Inverse, Mismatch, Preview, Target, tool};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::objects::{Told, any_members};
use crate::api::Tagged;
use crate::client::{NetBox, by};
use crate::ids::{ObjectType, When};
use crate::objects::{Act, Checked, Object, Objects, covering, values};

/// What to change of which object.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct UpdateObject {
    /// Kind, as `dcim.region` or by the path of its list, as `dcim/regions`.
    object_type: ObjectType,
    /// Its id.
    #[schemars(range(min = 1, max = 999_999_999_999_u64))]
    id: u64,
    /// Fields to set, in the form in which `create_object` takes them; others stay, lists are replaced.
    #[schemars(schema_with = "any_members")]
    data: Map<String, Value>,
    /// Its `last_updated` as it was seen: if somebody changed it since, nothing is done.
    last_updated: Option<When>,
}

/// An object that was changed.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct ObjectChanged {
    /// With the fields that were given, as read afterwards.
    object: Told,
    /// Fields that had another value before; none where nothing was sent.
    changed: Vec<String>,
    /// Under which NetBox logged it, for `get_changelog`.
    request_id: Option<String>,
}

/// Change fields of an object of any kind; they are checked against NetBox's own schema before anything is sent.
#[tool(
    destructive,
    idempotent,
    open_world,
    permission = "netbox:object:update",
    title = "Change an object",
    timeout = 90,
    untrusted("object"),
    effect = effect,
    stands_for = of_change,
    preview = preview_update,
    targets = update_targets,
    inverse = undo_update,
    read_back = check_update
)]
pub(crate) async fn update_object(
    netbox: &NetBox,
    args: UpdateObject,
    ctx: &CallContext,
) -> ToolResult<ObjectChanged> {
    let plan = plan(netbox, &args).await?;
    let seen = netbox.seen.take(&args.key(&plan.objects)).await;
    unchanged(&plan.before.value, args.last_updated.as_ref(), seen)?;
    if plan.changes.is_empty() {
        return Ok(ObjectChanged {
            object: Told(values::told(plan.before.value, &[])),
            changed: Vec::new(),
            request_id: None,
        });
    }
    let call = plan.checked.call.if_match(plan.before.etag);
    let request_id = netbox.api.done(&call, &by("update_object", ctx)).await?;
    let after = plan.objects.state(args.id, args.data.keys()).await?;
    Ok(ObjectChanged {
        object: Told(values::told(after.value, &[])),
        changed: plan.changes.keys().cloned().collect(),
        request_id,
    })
}

/// Its class is that of the tool that covers it, where that is a graver one.
fn effect(_netbox: &NetBox, _args: &UpdateObject) -> Effect {
    Effect::Write
}

fn of_change(_netbox: &NetBox, args: &UpdateObject) -> Option<&'static str> {
    covering(&args.object_type, Act::Update)
}

/// A change with the object as it is before.
struct Plan<'a> {
    objects: Objects<'a>,
    checked: Checked,
    before: Tagged<Object>,
    /// Fields that have another value now.
    changes: Object,
}

async fn plan<'a>(netbox: &'a NetBox, args: &UpdateObject) -> ToolResult<Plan<'a>> {
    let objects = netbox.objects(&args.object_type, Act::Update).await?;
    let checked = objects.change(Act::Update, args.id, &args.data).await?;
    let before = objects.state(args.id, args.data.keys()).await?;
    let changes = values::differing(&before.value, &args.data);
    Ok(Plan {
        objects,
        checked,
        before,
        changes,
    })
}

impl UpdateObject {
    fn key(&self, objects: &Objects<'_>) -> String {
        let data = Value::Object(self.data.clone());
        format!("update {}{} {data}", objects.list, self.id)
    }
}

/// Refuses to change an object that is not as it was when the change was decided on: as the caller saw
/// it, or else as the preview showed it.
pub(super) fn unchanged(
    now: &Object,
    given: Option<&When>,
    shown: Option<String>,
) -> ToolResult<()> {
    let expected = given.map(|given| given.as_str().to_owned()).or(shown);
    let (Some(expected), Some(now)) = (expected, last_updated(now)) else {
        return Ok(());
    };
    let time = |text: &str| Micros::from_rfc3339(text);
    if expected == now || time(&expected).is_some() && time(&expected) == time(&now) {
        return Ok(());
    }
    let message = format!("somebody else changed it since it was read, at {now}");
    Err(ToolError::new(Code::Conflict, message)
        .reason("changed_meanwhile")
        .retryable(true)
        .hint("nothing was changed; look at it again, then repeat the call"))
}

/// When an object was changed last.
pub(super) fn last_updated(object: &Object) -> Option<String> {
    Some(object.get("last_updated")?.as_str()?.to_owned())
}

/// Fields that are not as they were to be.
pub(super) fn mismatches(found: &Object, wanted: &Object) -> Vec<Mismatch> {
    let differs = |(name, wanted): (&String, &Value)| {
        // What is written and not read, such as `add_tags`.
        let found = found.get(name)?;
        let text = |value| values::shown(value).unwrap_or_else(|| "nothing".to_owned());
        (!values::alike(found, wanted)).then(|| Mismatch {
            field: "data",
            wanted: format!("{name} = {}", text(wanted)),
            found: format!("{name} = {}", text(found)),
        })
    };
    wanted.iter().filter_map(differs).collect()
}

async fn preview_update(netbox: &NetBox, args: &UpdateObject) -> ToolResult<Preview> {
    let plan = plan(netbox, args).await?;
    let before = &plan.before.value;
    let mut impact = Vec::new();
    if let Some(time) = last_updated(before) {
        impact.push(format!("it was changed last at {time}"));
        netbox.seen.note(args.key(&plan.objects), time).await;
    }
    if plan.changes.is_empty() {
        impact.push("it is so already: nothing will be sent".to_owned());
    }
    let change = |(field, value): (&String, &Value)| Change {
        field: field.clone(),
        from: before.get(field).and_then(values::shown),
        to: values::shown(value),
    };
    let (noun, name) = (plan.objects.noun(), values::label(before));
    Ok(Preview {
        summary: format!("change the {noun} `{name}` ({})", args.id),
        changes: plan.changes.iter().map(change).collect(),
        impact,
    })
}

async fn update_targets(netbox: &NetBox, args: &UpdateObject) -> ToolResult<Vec<Target>> {
    let plan = plan(netbox, args).await?;
    Ok(vec![plan.objects.target(&plan.before.value)])
}

/// The values that the fields have now, where all of them can be read.
async fn undo_update(netbox: &NetBox, args: &UpdateObject) -> ToolResult<Option<Inverse>> {
    let plan = plan(netbox, args).await?;
    let was = |name: &String| {
        let schema = plan.checked.fields.get(name).unwrap_or(&Value::Null);
        let value = values::writable(plan.before.value.get(name)?, schema);
        Some((name.clone(), value))
    };
    let data: Option<Object> = plan.changes.keys().map(was).collect();
    let data = data.filter(|data| !data.is_empty());
    Ok(data.map(|data| Inverse {
        tool: "update_object".to_owned(),
        arguments: json!({ "object_type": args.object_type, "id": args.id, "data": data }),
    }))
}

async fn check_update(
    _netbox: &NetBox,
    args: &UpdateObject,
    done: &ObjectChanged,
) -> ToolResult<Vec<Mismatch>> {
    Ok(mismatches(&done.object.0, &args.data))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(Some("2026-06-01T00:00:00Z"), None, true)]
    #[case(Some("2026-06-01T00:00:00.000000+00:00"), None, true)]
    #[case(Some("2026-06-01T00:00:01Z"), None, false)]
    #[case(None, Some("2026-06-01T00:00:01Z"), false)]
    #[case(Some("2026-06-01T00:00:00Z"), Some("2026-06-01T00:00:01Z"), true)]
    #[case(None, None, true)]
    fn a_change_is_made_to_the_state_that_was_seen(
        #[case] given: Option<&str>,
        #[case] shown: Option<&str>,
        #[case] is_made: bool,
    ) {
        let now = Object::from_iter([("last_updated".to_owned(), json!("2026-06-01T00:00:00Z"))]);
        let given = given.map(|text| text.parse::<When>().unwrap());

        let found = unchanged(&now, given.as_ref(), shown.map(str::to_owned));

        assert_eq!(found.is_ok(), is_made);
    }

    #[test]
    fn what_did_not_take_is_named_by_its_field() {
        let found = json!({ "status": { "value": "planned", "label": "Planned" }, "name": "NAS" });
        let wanted = json!({ "status": "active", "name": "nas", "add_tags": [] });

        let all = mismatches(found.as_object().unwrap(), wanted.as_object().unwrap());

        assert_eq!(all.len(), 1);
        assert_eq!(
            (all[0].wanted.as_str(), all[0].found.as_str()),
            ("status = active", "status = planned")
        );
    }
}

//! Objects of any kind, as the description of the API has them.
//!
//! The rules of [`crate::whole_api`] say which kinds these are: a kind is read where `call_api` may
//! read it, and changed where besides that the raw change is no critical one, because a change is
//! shown before and read back.

mod identity;
mod kind;
mod seen;
pub(crate) mod values;

use std::borrow::Cow;
use std::collections::BTreeSet;

use homelab_backend::api::{Description, OneServer, Operation, Place, Verb};
use homelab_backend::settings::nearest;
use homelab_core::error::{Code, ToolError, ToolResult};
use homelab_core::tool::Target;
use serde_json::{Map, Value};

use crate::api::Tagged;
use crate::call::Call;
use crate::client::{NetBox, target};
use crate::ids::{FieldName, ObjectType, Ordering, Spelled};
use crate::kinds;
use crate::resolve::ambiguous;
use crate::types::{Brief, slugs};
use crate::whole_api::WITHHELD_FIELDS;

use kind::{admit, located, ruled};

pub(crate) use kind::{Act, covering};
pub(crate) use seen::Seen;

/// Parameters of lists that are no filters.
const NO_FILTERS: &[&str] = &[
    "brief", "exclude", "fields", "format", "limit", "offset", "omit", "ordering", "start",
];
/// Objects that are told apart.
const CANDIDATES: u64 = 6;
/// What is read of every object that is changed.
const ALWAYS: [&str; 4] = ["id", "display", "tags", "last_updated"];

/// The objects of one kind, with the description of the API at hand.
pub(crate) struct Objects<'a> {
    pub(super) netbox: &'a NetBox,
    description: Description<NetBox>,
    /// Path of their list, such as `/dcim/sites/`.
    pub(crate) list: String,
    /// `app.model`, where that is known.
    model: Cow<'static, str>,
}

/// A change that fits the description.
pub(crate) struct Checked {
    pub(crate) call: Call,
    /// The schemas of the fields that may be written, by name.
    pub(crate) fields: Map<String, Value>,
}

/// What an object is.
pub(crate) type Object = Map<String, Value>;

impl NetBox {
    /// The objects of a kind, of which this may be done.
    pub(crate) async fn objects(&self, of: &ObjectType, act: Act) -> ToolResult<Objects<'_>> {
        let ruled = ruled(of);
        admit(&ruled, act)?;
        let description = Description::of(self, &OneServer {}).await?;
        let list = located(&description, of, &ruled)?;
        let of_list = |list: &str| act.standing(list).ok();
        // What was decided on was told from the name alone: the rules must say the same of the path.
        if of_list(&list) != of_list(&ruled) || admit(&list, act).is_err() {
            let message = format!("`{of}` may mean two kinds of objects");
            return Err(ToolError::invalid("object_type", message)
                .reason("operation_unclear")
                .hint(format!("name it by its path: `{}`", list.trim_matches('/'))));
        }
        let known = kinds::ALL.iter().find(|kind| kind.path == list);
        let model = match (known, of.spelled()) {
            (Some(kind), _) => kind.model.into(),
            (None, Spelled::Model(app, model)) => format!("{app}.{model}").into(),
            (None, Spelled::Path(_)) => "".into(),
        };
        Ok(Objects {
            netbox: self,
            description,
            list,
            model,
        })
    }
}

impl Objects<'_> {
    async fn resolved(
        &self,
        act: Act,
        id: u64,
        params: Map<String, Value>,
    ) -> ToolResult<(Operation, Call)> {
        let args = act.call(&self.list, id, params);
        let (operation, call) = self.description.resolve(&args).await?;
        Ok((operation, Call::raw(&call, self.model.clone())))
    }

    /// The call of their list.
    pub(crate) async fn listing(
        &self,
        filters: &Map<String, Value>,
        fields: &[FieldName],
        ordering: Option<&Ordering>,
    ) -> ToolResult<Call> {
        let params = query(filters)?;
        let found = self.resolved(Act::List, 0, params).await;
        let (operation, call) = found.map_err(|error| argument(&error, "params", "filters"))?;
        known_fields(fields, &operation.answer)?;
        if let Some(ordering) = ordering {
            let mut names = ordering.as_str().split(',');
            let strange = names.find(|name| {
                let name = name.strip_prefix('-').unwrap_or(name);
                is_strange(name, &operation.answer)
            });
            if let Some(name) = strange {
                return Err(unknown_field(
                    "ordering".to_owned(),
                    name,
                    &operation.answer,
                ));
            }
        }
        let call = if fields.is_empty() {
            call.with("brief", 1)
        } else {
            call.with("fields", names(fields, &["id", "display"]))
        };
        Ok(call.with_opt("ordering", ordering))
    }

    /// How many of them fit.
    pub(crate) async fn count(&self, filters: &Map<String, Value>) -> ToolResult<u64> {
        let params = query(filters)?;
        let (_, call) = self.resolved(Act::List, 0, params).await?;
        self.netbox.count(&call).await
    }

    /// One object with these fields; with all that may be told where none is named.
    pub(crate) async fn read(&self, id: u64, fields: &[FieldName]) -> ToolResult<Object> {
        let (operation, call) = self.resolved(Act::Read, id, Map::new()).await?;
        known_fields(fields, &operation.answer)?;
        let call = if fields.is_empty() {
            let all = operation.answer.iter().map(String::as_str);
            let told: Vec<&str> = all.filter(|name| !WITHHELD_FIELDS.contains(name)).collect();
            call.with_opt("fields", (!told.is_empty()).then(|| told.join(",")))
        } else {
            call.with("fields", names(fields, &["id", "display"]))
        };
        Ok(self.fetch(&call).await?.value)
    }

    /// One object with these fields and those by which it is known, and the tag of its state.
    pub(crate) async fn state<'n>(
        &self,
        id: u64,
        fields: impl Iterator<Item = &'n String>,
    ) -> ToolResult<Tagged<Object>> {
        let (_, call) = self.resolved(Act::Read, id, Map::new()).await?;
        let fields: BTreeSet<&str> = fields.map(String::as_str).chain(ALWAYS).collect();
        let fields: Vec<&str> = fields.into_iter().collect();
        self.fetch(&call.with("fields", fields.join(","))).await
    }

    /// One object with everything by which it could be made again.
    pub(crate) async fn whole(&self, id: u64) -> ToolResult<Tagged<Object>> {
        let (operation, call) = self.resolved(Act::Read, id, Map::new()).await?;
        let all = operation.answer.iter().map(String::as_str);
        let told: Vec<&str> = all.filter(|name| *name != "config_context").collect();
        let call = call.with_opt("fields", (!told.is_empty()).then(|| told.join(",")));
        self.fetch(&call).await
    }

    async fn fetch(&self, call: &Call) -> ToolResult<Tagged<Object>> {
        let found = self.netbox.api.tagged(call, None).await;
        found.map_err(|error| match error.code() {
            Code::NotFound => error.field("id"),
            _ => error,
        })
    }

    /// The only object that fits.
    pub(crate) async fn only(&self, filters: &Map<String, Value>) -> ToolResult<u64> {
        let call = self.listing(filters, &[], None).await?;
        let (rows, total) = self.netbox.all::<Brief>(&call, CANDIDATES).await?;
        match (&rows[..], total) {
            ([only], 1) => Ok(only.id),
            ([], _) => Err(
                ToolError::not_found("no such object that the token's user can see")
                    .reason("object_not_found")
                    .field("filters")
                    .hint("call `get_objects` with fewer filters"),
            ),
            _ => {
                let row = |row: &Brief| format!("{} ({})", row.id, row.label());
                let rows: Vec<String> = rows.iter().map(row).collect();
                Err(ambiguous("id", "objects that fit", &rows))
            }
        }
    }

    /// A change with these fields, checked.
    pub(crate) async fn change(&self, act: Act, id: u64, data: &Object) -> ToolResult<Checked> {
        if data.is_empty() {
            return Err(ToolError::invalid("data", "no field is given")
                .reason("nothing_to_change")
                .hint(format!(
                    "`search_api` with `operation` `POST {}` shows the fields",
                    self.list
                )));
        }
        if let Some(name) = data.keys().find(|name| is_withheld(name)) {
            return Err(withheld_field(format!("data.{name}"), name));
        }
        let params = Map::from_iter([("body".to_owned(), Value::Object(data.clone()))]);
        let found = self.resolved(act, id, params).await;
        let (operation, call) = found.map_err(|error| argument(&error, "params.body", "data"))?;
        Ok(Checked {
            call,
            fields: written(&operation),
        })
    }

    /// The call that deletes one.
    pub(crate) async fn deletion(&self, id: u64) -> ToolResult<Call> {
        Ok(self.resolved(Act::Delete, id, Map::new()).await?.1)
    }

    /// The schemas of the fields that a new object may have.
    pub(crate) async fn writable(&self) -> ToolResult<(Map<String, Value>, Vec<String>)> {
        let operation = self.description.operation(Verb::Post, &self.list).await?;
        let body = operation.as_ref().map(body).unwrap_or_default();
        let required = body.get("required").and_then(Value::as_array);
        let required = required.into_iter().flatten().filter_map(Value::as_str);
        let required = required.map(str::to_owned).collect();
        Ok((
            operation.as_ref().map(written).unwrap_or_default(),
            required,
        ))
    }

    /// Filters that tell the object of these fields from all others, where there are such.
    pub(crate) async fn identity(&self, data: &Object) -> ToolResult<Option<Map<String, Value>>> {
        let (operation, _) = self.resolved(Act::List, 0, Map::new()).await?;
        let known = |name: &str| operation.parameters.iter().any(|one| one.name == name);
        Ok(identity::of(data, known))
    }

    /// What an object of the kind is called.
    pub(crate) fn noun(&self) -> String {
        if let Some(kind) = kinds::ALL.iter().find(|kind| kind.path == self.list) {
            return kind.noun.to_owned();
        }
        match self.model.split_once('.') {
            Some((_, model)) => model.to_owned(),
            None => self.list.trim_matches('/').to_owned(),
        }
    }

    /// An object as a target.
    pub(crate) fn target(&self, object: &Object) -> Target {
        let tags = object.get("tags").cloned().unwrap_or_default();
        let tags: Vec<Brief> = serde_json::from_value(tags).unwrap_or_default();
        let id = object.get("id").and_then(Value::as_u64).unwrap_or_default();
        let known = kinds::ALL.iter().find(|kind| kind.path == self.list);
        match known {
            Some(kind) => target(kind, id, values::label(object), &tags),
            None => Target {
                kind: self.noun(),
                id: id.to_string(),
                name: Some(values::label(object)),
                tags: slugs(&tags),
            },
        }
    }
}

fn body(operation: &Operation) -> Value {
    let mut parameters = operation.parameters.iter();
    let body = parameters.find(|one| one.place == Place::Body);
    body.map(|body| body.schema.clone()).unwrap_or_default()
}

fn written(operation: &Operation) -> Map<String, Value> {
    let mut body = body(operation);
    match body.get_mut("properties").map(Value::take) {
        Some(Value::Object(fields)) => fields,
        _ => Map::new(),
    }
}

fn names(fields: &[FieldName], always: &[&str]) -> String {
    let named = fields.iter().map(FieldName::as_str);
    let all: Vec<&str> = always.iter().copied().chain(named).collect();
    all.join(",")
}

fn is_withheld(name: &str) -> bool {
    WITHHELD_FIELDS.contains(&name)
}

fn withheld_field(field: String, name: &str) -> ToolError {
    let message = format!("`{name}` is not to be had this way");
    ToolError::new(Code::PermissionDenied, message)
        .reason("operation_withheld")
        .field(field)
        .hint("config contexts may hold secrets; use NetBox's own page")
}

fn is_strange(name: &str, known: &[String]) -> bool {
    !known.is_empty() && !known.iter().any(|one| one == name)
}

/// NetBox leaves out what it does not know.
fn known_fields(fields: &[FieldName], known: &[String]) -> ToolResult<()> {
    for (index, name) in fields.iter().enumerate() {
        let (field, name) = (format!("fields[{index}]"), name.as_str());
        if is_withheld(name) {
            return Err(withheld_field(field, name));
        }
        if is_strange(name, known) {
            return Err(unknown_field(field, name, known));
        }
    }
    Ok(())
}

fn unknown_field(field: String, name: &str, known: &[String]) -> ToolError {
    let hint = match nearest(name, known) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("there are {}", known.join(", ")),
    };
    ToolError::invalid(field, format!("such objects have no field `{name}`"))
        .reason("field_unknown")
        .hint(hint)
}

/// Filters as a query says them. Values that NetBox would leave out are refused: everything would fit.
fn query(filters: &Map<String, Value>) -> ToolResult<Map<String, Value>> {
    let mut query = Map::new();
    for (name, value) in filters {
        let bad = |what: &str| {
            let message = format!("the filter `{name}` {what}");
            ToolError::invalid(format!("filters.{name}"), message).reason("parameter_invalid")
        };
        if NO_FILTERS.contains(&name.as_str()) {
            let message = format!("`{name}` is no filter");
            return Err(ToolError::invalid(format!("filters.{name}"), message)
                .reason("parameter_unknown")
                .hint("give `fields`, `ordering`, `limit` and `cursor` beside `filters`"));
        }
        let one = |value: &Value| match value {
            Value::Null => Ok("null".into()),
            Value::Bool(truth) => Ok(truth.to_string().into()),
            Value::String(text) if text.is_empty() => Err(bad("is empty, which fits everything")
                .hint("`null` means none; `<name>__empty` finds what has no text")),
            Value::String(_) | Value::Number(_) => Ok(value.clone()),
            Value::Array(_) | Value::Object(_) => Err(bad(
                "must be a text, a number, true or false, or a list of such",
            )),
        };
        let value = match value {
            Value::Array(values) if values.is_empty() => {
                return Err(bad("is an empty list, which fits everything"));
            }
            Value::Array(values) => values.iter().map(one).collect::<ToolResult<Value>>()?,
            value => one(value)?,
        };
        query.insert(name.clone(), value);
    }
    Ok(query)
}

/// An error about a parameter as one about the argument that it came from.
fn argument(error: &ToolError, parameter: &str, argument: &str) -> ToolError {
    let mut envelope = error.envelope().clone();
    if let Some(field) = &mut envelope.field
        && let Some(below) = field.strip_prefix(parameter)
    {
        *field = format!("{argument}{below}");
    }
    for (from, to) in [("`body.", "`data."), ("`body`", "`data`")] {
        envelope.message = envelope.message.replace(from, to);
    }
    envelope.into()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    #[rstest]
    #[case(json!({ "name": "" }), "filters.name", "parameter_invalid")]
    #[case(json!({ "name": [] }), "filters.name", "parameter_invalid")]
    #[case(json!({ "name": { "a": 1 } }), "filters.name", "parameter_invalid")]
    #[case(json!({ "limit": 5 }), "filters.limit", "parameter_unknown")]
    fn filters_that_everything_fits_are_refused(
        #[case] filters: Value,
        #[case] field: &str,
        #[case] reason: &str,
    ) {
        let error = query(filters.as_object().unwrap()).unwrap_err();

        assert_eq!(error.envelope().field.as_deref(), Some(field));
        assert_eq!(error.envelope().reason.as_deref(), Some(reason));
    }

    #[test]
    fn none_and_truth_are_said_as_a_query_says_them() {
        let filters =
            json!({ "tenant_id": null, "has_primary_ip": true, "status": ["active", null] });

        let said = query(filters.as_object().unwrap()).unwrap();

        let expected =
            json!({ "tenant_id": "null", "has_primary_ip": "true", "status": ["active", "null"] });
        assert_eq!(Value::Object(said), expected);
    }
}

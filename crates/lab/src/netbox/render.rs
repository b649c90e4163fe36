//! Objects as they are read: choices with labels, references in their brief form.

use serde_json::{Map, Value, json};

use super::model::{Choice, Field, Model, Type};
use super::models;
use super::state::{Object, State};

impl State {
    pub(super) fn url(&self, object: &Object) -> String {
        let path = models::of(object.kind).path;
        format!("{}/api/{path}/{}/", self.base, object.id)
    }

    pub(super) fn display_url(&self, object: &Object) -> String {
        let path = models::of(object.kind).path;
        format!("{}/{path}/{}/", self.base, object.id)
    }

    /// The whole object.
    pub(super) fn full(&self, object: &Object) -> Value {
        let mut told = json!({
            "id": object.id,
            "url": self.url(object),
            "display_url": self.display_url(object),
            "display": self.display(object),
        });
        let model = models::of(object.kind);
        let fields = model.fields.iter().map(|field| field.name);
        let computed = model.computed.iter().map(|computed| computed.name);
        for name in fields.chain(computed) {
            if let Some(value) = self.part(model, object, name) {
                told[name] = value;
            }
        }
        told["created"] = json!(object.created.to_rfc3339());
        told["last_updated"] = json!(object.updated.to_rfc3339());
        told
    }

    /// The short form.
    pub(super) fn brief(&self, object: &Object) -> Value {
        let mut told = json!({
            "id": object.id,
            "url": self.url(object),
            "display": self.display(object),
        });
        let model = models::of(object.kind);
        for name in model.brief {
            if let Some(value) = self.part(model, object, name) {
                told[*name] = value;
            }
        }
        told
    }

    pub(super) fn briefs(&self, objects: &[&Object]) -> Value {
        objects.iter().map(|object| self.brief(object)).collect()
    }

    /// The object that a pair of fields names: `scope` for `scope_type` and `scope_id`.
    pub(super) fn generic(&self, object: &Object, pair: &str) -> Option<&Object> {
        let id = object.id_of(&format!("{pair}_id"))?;
        self.get(object.text(&format!("{pair}_type")), id)
    }

    /// The short form of the object that a pair of fields names.
    pub(super) fn brief_at(&self, object: &Object, pair: &str) -> Value {
        self.generic(object, pair)
            .map_or(Value::Null, |found| self.brief(found))
    }

    /// One field as it is read; `None` for what this release does not have.
    fn part(&self, model: &Model, object: &Object, name: &str) -> Option<Value> {
        if name == "created" {
            return Some(json!(object.created.to_rfc3339()));
        }
        if let Some(computed) = model.computed.iter().find(|one| one.name == name) {
            return Some((computed.value)(self, object));
        }
        let field = model.field(name)?;
        (self.release >= field.since).then(|| self.read(field, object))
    }

    fn read(&self, field: &Field, object: &Object) -> Value {
        if field.name == "mac_address" && object.kind != "dcim.macaddress" {
            return self.mac_of(object).map_or(Value::Null, Value::from);
        }
        let stored = object.fields.get(field.name).cloned().unwrap_or_default();
        match field.kind {
            Type::Choice(of) => choice(of, &stored),
            Type::NumberChoice(of) => number_choice(of, &stored),
            Type::Ref(kind, _) => stored
                .as_u64()
                .and_then(|id| self.get(kind, id))
                .map_or(Value::Null, |found| self.brief(found)),
            Type::Refs(kind) => {
                let ids = stored.as_array().into_iter().flatten();
                ids.filter_map(|id| self.get(kind, id.as_u64()?))
                    .map(|found| self.brief(found))
                    .collect()
            }
            Type::Tags => {
                let ids = stored.as_array().into_iter().flatten();
                ids.filter_map(|id| self.get("extras.tag", id.as_u64()?))
                    .map(|tag| self.tag(tag))
                    .collect()
            }
            Type::Custom => {
                let mut told = Map::new();
                for (kind, name) in &self.custom {
                    if kind == object.kind {
                        let value = stored.get(name).cloned().unwrap_or_default();
                        told.insert(name.clone(), value);
                    }
                }
                Value::Object(told)
            }
            Type::Ends => {
                let ends = stored.as_array().into_iter().flatten().map(|end| {
                    let (kind, id) = (end["object_type"].as_str(), end["object_id"].as_u64());
                    let port = kind.zip(id).and_then(|(kind, id)| self.get(kind, id));
                    json!({
                        "object_type": kind,
                        "object_id": id,
                        "object": port.map_or(Value::Null, |port| self.brief(port)),
                    })
                });
                ends.collect()
            }
            _ => stored,
        }
    }

    fn tag(&self, tag: &Object) -> Value {
        json!({
            "id": tag.id,
            "url": self.url(tag),
            "display_url": self.display_url(tag),
            "display": self.display(tag),
            "name": tag.text("name"),
            "slug": tag.text("slug"),
            "color": tag.text("color"),
        })
    }
}

pub(super) fn choice(of: &[Choice], value: &Value) -> Value {
    let text = value.as_str().unwrap_or_default();
    let label = of.iter().find(|(known, _)| *known == text);
    label.map_or(
        Value::Null,
        |(value, label)| json!({ "value": value, "label": label }),
    )
}

fn number_choice(of: &[(i64, &str)], value: &Value) -> Value {
    let label = of.iter().find(|(known, _)| value.as_i64() == Some(*known));
    label.map_or(
        Value::Null,
        |(value, label)| json!({ "value": value, "label": label }),
    )
}

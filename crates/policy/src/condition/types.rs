//! Types of arguments as their JSON Schema states them, as far as conditions are checked by them.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Map, Value};

/// What is known of a value before there is one.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Type {
    Truth,
    Whole,
    Number,
    Text,
    Null,
    List(Arc<Type>),
    Object(Arc<Object>),
    /// Anything: the schema says nothing, or several things.
    Any,
}

impl Type {
    /// For people.
    pub(crate) fn describe(&self) -> &'static str {
        match self {
            Self::Truth => "true or false",
            Self::Whole => "a whole number",
            Self::Number => "a number",
            Self::Text => "text",
            Self::Null => "null",
            Self::List(_) => "a list",
            Self::Object(_) => "a table",
            Self::Any => "a value",
        }
    }

    pub(crate) fn is_number(&self) -> bool {
        matches!(self, Self::Whole | Self::Number)
    }

    fn of(schema: &Value) -> Self {
        match schema.get("type").and_then(Value::as_str) {
            Some("boolean") => Self::Truth,
            Some("integer") => Self::Whole,
            Some("number") => Self::Number,
            Some("string") => Self::Text,
            Some("array") => {
                let items = schema.get("items").map_or(Self::Any, Self::of);
                Self::List(Arc::new(items))
            }
            Some("object") => match schema.as_object() {
                Some(schema) if schema.contains_key("properties") => {
                    Self::Object(Arc::new(Object::of(schema)))
                }
                _ => Self::Any,
            },
            _ => match schema.get("enum").and_then(Value::as_array) {
                Some(choices) if choices.iter().all(Value::is_string) => Self::Text,
                _ => Self::Any,
            },
        }
    }
}

/// An object's members.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Object {
    /// Each with whether it is always there.
    pub(crate) members: BTreeMap<String, (Type, bool)>,
    /// May have members that are not named.
    pub(crate) is_open: bool,
}

impl Object {
    /// Reads a schema. A member with a default is always there, because arguments are completed
    /// before anything is decided.
    pub(crate) fn of(schema: &Map<String, Value>) -> Self {
        let required: Vec<&str> = schema
            .get("required")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect();
        let properties = schema.get("properties").and_then(Value::as_object);
        let members = properties
            .into_iter()
            .flatten()
            .map(|(name, member)| {
                let is_there = required.contains(&name.as_str()) || member.get("default").is_some();
                (name.clone(), (Type::of(member), is_there))
            })
            .collect();
        Self {
            members,
            is_open: schema.get("additionalProperties") != Some(&Value::Bool(false)),
        }
    }

    /// A tool's arguments: what the schema does not name is no argument.
    pub(crate) fn arguments(schema: &Map<String, Value>) -> Self {
        Self {
            is_open: false,
            ..Self::of(schema)
        }
    }

    /// An object of which each member is always there.
    pub(crate) fn with(members: &[(&str, Type)]) -> Self {
        Self {
            members: members
                .iter()
                .map(|(name, kind)| ((*name).to_owned(), (kind.clone(), true)))
                .collect(),
            is_open: false,
        }
    }
}

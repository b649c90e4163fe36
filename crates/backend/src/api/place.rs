//! Which server of an instance is meant, as arguments of both tools.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

/// Arguments that say which server is meant: an object whose members are listed beside the tool's
/// own, and have other names.
pub trait Where: DeserializeOwned + JsonSchema + Clone + Send + Sync + 'static {}

/// The instance is one server: there is nothing to say.
#[derive(Debug, Clone, Copy, Default, Deserialize, JsonSchema)]
pub struct OneServer {}

impl Where for OneServer {}

/// A tool's own arguments, and those of the place.
#[derive(Debug, Clone)]
pub struct With<A, P> {
    /// The tool's own.
    pub own: A,
    /// The place.
    pub place: P,
}

impl<'de, A: DeserializeOwned + JsonSchema, P: Where> Deserialize<'de> for With<A, P> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        use serde::de::Error as _;

        let mut own = Map::<String, Value>::deserialize(deserializer)?;
        let mut place = Map::new();
        for name in properties(&P::json_schema(&mut SchemaGenerator::default())).keys() {
            if let Some((name, value)) = own.remove_entry(name) {
                place.insert(name, value);
            }
        }
        Ok(Self {
            own: serde_json::from_value(Value::Object(own)).map_err(D::Error::custom)?,
            place: serde_json::from_value(Value::Object(place)).map_err(D::Error::custom)?,
        })
    }
}

impl<A: JsonSchema, P: Where> JsonSchema for With<A, P> {
    fn schema_name() -> Cow<'static, str> {
        A::schema_name()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let mut schema = A::json_schema(generator);
        let place = properties(&P::json_schema(generator));
        if let Some(Value::Object(own)) = schema.ensure_object().get_mut("properties") {
            own.extend(place);
        }
        schema
    }
}

fn properties(schema: &Schema) -> Map<String, Value> {
    schema
        .as_value()
        .get("properties")
        .and_then(Value::as_object)
        .cloned()
        .unwrap_or_default()
}

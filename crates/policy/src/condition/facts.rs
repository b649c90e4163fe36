//! What a condition may ask about one call; worked out only as far as it asks.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use cel::common::types::{CelInt, CelString};
use cel::common::value::{CowVal, Val};
use cel::context::VariableResolver;
use cel::objects::{Key, Map};
use homelab_core::clock::Micros;
use homelab_core::policy::Question;
use homelab_core::tool::Target;
use jiff::Zoned;
use jiff::tz::TimeZone;
use serde_json::Value;

use super::Size;
use crate::window::{local, weekday};

/// One call and its time.
pub(crate) struct Facts<'a> {
    pub(crate) question: &'a Question<'a>,
    pub(crate) now: Micros,
    zone: &'a TimeZone,
    arguments: OnceLock<Option<Box<dyn Val>>>,
    targets: OnceLock<Option<Box<dyn Val>>>,
    time: OnceLock<Zoned>,
    size: OnceLock<Size>,
}

impl<'a> Facts<'a> {
    pub(crate) fn new(question: &'a Question<'a>, now: Micros, zone: &'a TimeZone) -> Self {
        Self {
            question,
            now,
            zone,
            arguments: OnceLock::new(),
            targets: OnceLock::new(),
            time: OnceLock::new(),
            size: OnceLock::new(),
        }
    }

    pub(super) fn is_larger_than(&self, most: Size) -> bool {
        let size = self.size.get_or_init(|| {
            let mut size = Size::default();
            measure(self.question.arguments, &mut size);
            for target in self.question.targets {
                size.values += 4 + target.tags.len();
            }
            size
        });
        size.values > most.values || size.bytes > most.bytes
    }

    fn time(&self) -> &Zoned {
        self.time.get_or_init(|| local(self.now, self.zone))
    }
}

impl VariableResolver for Facts<'_> {
    fn resolve<'b>(&'b self, variable: &str) -> Option<CowVal<'b, 'b>> {
        let sight = &self.question.sight;
        let text = |text: &'b str| Some(CowVal::owned(CelString::from(text)));
        match variable {
            // Arguments that are not known: whatever asks for one cannot be evaluated.
            "args" if self.question.arguments.is_null() => None,
            "args" => self
                .arguments
                .get_or_init(|| value(self.question.arguments).try_into().ok())
                .as_deref()
                .map(CowVal::Borrowed),
            "targets" => self
                .targets
                .get_or_init(|| targets(self.question.targets).try_into().ok())
                .as_deref()
                .map(CowVal::Borrowed),
            "principal" => text(&sight.principal.name),
            "role" => text(sight.principal.role.as_str()),
            "instance" => text(sight.instance),
            "tool" => text(sight.spec.name),
            "hour" => Some(CowVal::owned(CelInt::from(i64::from(self.time().hour())))),
            "weekday" => text(weekday(self.time())),
            _ => None,
        }
    }
}

fn measure(value: &Value, size: &mut Size) {
    size.values += 1;
    match value {
        Value::String(text) => size.bytes += text.len(),
        Value::Array(items) => items.iter().for_each(|item| measure(item, size)),
        Value::Object(members) => {
            for (name, member) in members {
                size.bytes += name.len();
                measure(member, size);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// JSON as CEL has it; whole numbers are `int`, as literals are.
fn value(json: &Value) -> cel::Value {
    match json {
        Value::Null => cel::Value::Null,
        Value::Bool(truth) => cel::Value::Bool(*truth),
        Value::Number(number) => match (number.as_i64(), number.as_u64()) {
            (Some(whole), _) => cel::Value::Int(whole),
            (None, Some(large)) => cel::Value::UInt(large),
            (None, None) => cel::Value::Float(number.as_f64().unwrap_or(f64::NAN)),
        },
        Value::String(text) => text.as_str().into(),
        Value::Array(items) => cel::Value::List(Arc::new(items.iter().map(value).collect())),
        Value::Object(members) => map(members
            .iter()
            .map(|(name, one)| (name.as_str(), value(one)))),
    }
}

fn targets(targets: &[Target]) -> cel::Value {
    let one = |target: &Target| {
        let tags: Vec<cel::Value> = target.tags.iter().map(|tag| tag.as_str().into()).collect();
        map([
            ("kind", target.kind.as_str().into()),
            ("id", target.id.as_str().into()),
            ("name", target.name.as_deref().unwrap_or_default().into()),
            ("tags", cel::Value::List(Arc::new(tags))),
        ])
    };
    cel::Value::List(Arc::new(targets.iter().map(one).collect()))
}

fn map<'a>(members: impl IntoIterator<Item = (&'a str, cel::Value)>) -> cel::Value {
    let members: HashMap<Key, cel::Value> = members
        .into_iter()
        .map(|(name, value)| (Key::String(Arc::new(name.to_owned())), value))
        .collect();
    cel::Value::Map(Map {
        map: Arc::new(members),
    })
}

//! Filters as mem0's clients write them: `{"category": "state"}`, `{"importance": {"gte": 0.8}}`,
//! `{"AND": [{"source": "proxmox"}, {"NOT": [{"room": "*"}]}]}`.
//!
//! A key is a field of the memory (`category`, `source`, `importance`, `created_at`, `updated_at`, `user_id`,
//! `agent_id`, `run_id`, `about`) or a dotted path into its metadata. Several keys of one object all have to fit,
//! as have several comparisons of one key. Whose memories are looked at is no matter of filters.

use homelab_core::clock::Micros;
use homelab_core::error::{ToolError, ToolResult};
use homelab_core::memory::{Condition, Filter, Op};
use serde_json::{Map, Value};

/// Deepest nesting of AND, OR and NOT.
pub const MAX_DEPTH: usize = 6;
/// Most conditions.
pub const MAX_CONDITIONS: usize = 64;
/// Most values of one list.
pub const MAX_VALUES: usize = 200;
/// Longest key or text, characters.
pub const MAX_TEXT: usize = 512;

/// Reads filters; nothing if they are empty.
///
/// # Errors
/// `invalid_argument` (`filter_invalid`) whose field is the path of what is wrong, such as
/// `filters.AND[0].importance.gte`.
pub fn parse(filters: &Value) -> ToolResult<Option<Filter>> {
    let mut reader = Reader { conditions: 0 };
    match filters {
        Value::Null => Ok(None),
        Value::Object(members) if members.is_empty() => Ok(None),
        other => reader.any("filters", other, 0).map(Some),
    }
}

struct Reader {
    conditions: usize,
}

fn invalid(path: &str, message: impl Into<String>) -> ToolError {
    ToolError::invalid(path, message)
        .reason("filter_invalid")
        .hint("write {\"field\": value}, {\"field\": {\"gte\": value}}, or join filters by AND, OR, NOT")
}

impl Reader {
    fn any(&mut self, path: &str, filter: &Value, depth: usize) -> ToolResult<Filter> {
        if depth > MAX_DEPTH {
            return Err(invalid(
                path,
                format!("filters are nested at most {MAX_DEPTH} deep"),
            ));
        }
        match filter {
            Value::Object(members) => self.object(path, members, depth),
            Value::Array(items) => self.several(path, items, depth).map(Filter::And),
            _ => Err(invalid(path, "a filter is an object")),
        }
    }

    fn several(&mut self, path: &str, items: &[Value], depth: usize) -> ToolResult<Vec<Filter>> {
        let items = items.iter().enumerate();
        items
            .map(|(index, item)| self.any(&format!("{path}[{index}]"), item, depth + 1))
            .collect()
    }

    fn object(
        &mut self,
        path: &str,
        members: &Map<String, Value>,
        depth: usize,
    ) -> ToolResult<Filter> {
        let mut all = Vec::new();
        for (key, value) in members {
            let path = format!("{path}.{key}");
            all.push(match key.to_ascii_uppercase().as_str() {
                "AND" | "$AND" => Filter::And(self.list(&path, value, depth)?),
                "OR" | "$OR" => Filter::Or(self.list(&path, value, depth)?),
                // mem0: none of them.
                "NOT" | "$NOT" => {
                    let parts = match value {
                        Value::Array(items) => self.several(&path, items, depth)?,
                        one => vec![self.any(&path, one, depth + 1)?],
                    };
                    Filter::Not(Box::new(Filter::Or(parts)))
                }
                _ => self.field(&path, key, value, depth)?,
            });
        }
        Ok(one_or(all))
    }

    fn list(&mut self, path: &str, value: &Value, depth: usize) -> ToolResult<Vec<Filter>> {
        match value {
            Value::Array(items) if !items.is_empty() => self.several(path, items, depth),
            _ => Err(invalid(path, "a list of filters is needed here")),
        }
    }

    fn field(&mut self, path: &str, key: &str, value: &Value, depth: usize) -> ToolResult<Filter> {
        let name = key.strip_prefix("metadata.").unwrap_or(key);
        if name.is_empty() || name.chars().count() > MAX_TEXT || name.split('.').any(str::is_empty)
        {
            return Err(invalid(path, "this is no name of a field"));
        }
        match value {
            Value::Object(members) if key == "metadata" => {
                let inner: Map<String, Value> = members
                    .iter()
                    .map(|(inner, value)| (format!("metadata.{inner}"), value.clone()))
                    .collect();
                if depth >= MAX_DEPTH {
                    return Err(invalid(path, "filters are nested too deep"));
                }
                self.object(path, &inner, depth + 1)
            }
            Value::Object(members) if members.is_empty() => {
                Err(invalid(path, "a comparison is missing"))
            }
            Value::Object(members) => {
                let mut all = Vec::new();
                for (word, value) in members {
                    let path = format!("{path}.{word}");
                    let op = operator(word).ok_or_else(|| {
                        invalid(&path, format!("`{word}` is no comparison")).hint(
                            "compare by eq, ne, gt, gte, lt, lte, in, nin, contains or icontains",
                        )
                    })?;
                    all.push(self.condition(&path, name, op, value)?);
                }
                Ok(one_or(all))
            }
            Value::String(text) if text == "*" => {
                self.condition(path, name, Op::Exists, &Value::Null)
            }
            Value::Array(_) => self.condition(path, name, Op::In, value),
            Value::Null => {
                let exists = self.condition(path, name, Op::Exists, &Value::Null)?;
                Ok(Filter::Not(Box::new(exists)))
            }
            one => self.condition(path, name, Op::Eq, one),
        }
    }

    fn condition(&mut self, path: &str, key: &str, op: Op, value: &Value) -> ToolResult<Filter> {
        self.conditions += 1;
        if self.conditions > MAX_CONDITIONS {
            return Err(invalid(
                path,
                format!("there are at most {MAX_CONDITIONS} conditions"),
            ));
        }
        let value = match (op, value) {
            (Op::Exists, _) => Value::Null,
            (Op::In | Op::NotIn, Value::Array(items)) if items.len() <= MAX_VALUES => {
                for (index, item) in items.iter().enumerate() {
                    scalar(&format!("{path}[{index}]"), item)?;
                }
                value.clone()
            }
            (Op::In | Op::NotIn, _) => {
                let message = format!("a list of at most {MAX_VALUES} values is needed here");
                return Err(invalid(path, message));
            }
            (Op::Gt | Op::Gte | Op::Lt | Op::Lte, Value::Bool(_)) => {
                return Err(invalid(path, "a number or a text is needed here"));
            }
            _ => {
                scalar(path, value)?;
                value.clone()
            }
        };
        if matches!(key, "created_at" | "updated_at") && op != Op::Exists {
            moment(path, &value)?;
        }
        Ok(Filter::Field(Condition {
            key: key.to_owned(),
            op,
            value,
        }))
    }
}

fn one_or(mut all: Vec<Filter>) -> Filter {
    if all.len() == 1 {
        return all.remove(0);
    }
    Filter::And(all)
}

fn operator(word: &str) -> Option<Op> {
    Some(match word.trim_start_matches('$') {
        "eq" => Op::Eq,
        "ne" => Op::Ne,
        "gt" => Op::Gt,
        "gte" => Op::Gte,
        "lt" => Op::Lt,
        "lte" => Op::Lte,
        "in" => Op::In,
        "nin" | "not_in" => Op::NotIn,
        "contains" => Op::Contains,
        "icontains" => Op::IContains,
        _ => return None,
    })
}

fn scalar(path: &str, value: &Value) -> ToolResult<()> {
    match value {
        Value::String(text) if text.chars().count() > MAX_TEXT => Err(invalid(
            path,
            format!("a text has at most {MAX_TEXT} characters"),
        )),
        Value::String(_) | Value::Number(_) | Value::Bool(_) => Ok(()),
        _ => Err(invalid(
            path,
            "a text, a number, true or false is needed here",
        )),
    }
}

/// Times are compared as times, so what is none is a mistake and not merely unequal.
fn moment(path: &str, value: &Value) -> ToolResult<()> {
    let values = match value {
        Value::Array(items) => items.as_slice(),
        one => std::slice::from_ref(one),
    };
    let is_moment = |value: &Value| {
        value.as_str().is_some_and(|text| {
            Micros::from_rfc3339(text).is_some()
                || Micros::from_rfc3339(&format!("{text}T00:00:00Z")).is_some()
        })
    };
    if values.iter().all(is_moment) {
        return Ok(());
    }
    Err(invalid(
        path,
        "a time is needed here, such as `2026-03-14` or `2026-03-14T10:00:00Z`",
    ))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    fn field(key: &str, op: Op, value: Value) -> Filter {
        Filter::Field(Condition {
            key: key.into(),
            op,
            value,
        })
    }

    #[test]
    fn every_spelling_of_mem0_is_understood() {
        let filters = json!({
            "category": "state",
            "metadata.room": ["rack", "attic"],
            "NOT": [{ "source": "*" }],
            "OR": [{ "importance": { "gte": 0.5, "lt": 0.9 } }, { "note": { "icontains": "Disk" } }],
        });

        let read = parse(&filters).unwrap().unwrap();

        assert_eq!(
            read,
            Filter::And(vec![
                field("category", Op::Eq, json!("state")),
                field("room", Op::In, json!(["rack", "attic"])),
                Filter::Not(Box::new(Filter::Or(vec![field(
                    "source",
                    Op::Exists,
                    Value::Null
                )]))),
                Filter::Or(vec![
                    Filter::And(vec![
                        field("importance", Op::Gte, json!(0.5)),
                        field("importance", Op::Lt, json!(0.9)),
                    ]),
                    field("note", Op::IContains, json!("Disk")),
                ]),
            ])
        );
    }

    #[test]
    fn conditions_of_one_key_are_all_kept() {
        let filters = json!({ "AND": [{ "n": { "ne": 1 } }, { "n": { "ne": 2 } }] });

        let Some(Filter::And(parts)) = parse(&filters).unwrap() else {
            panic!("not joined by AND");
        };
        assert_eq!(parts.len(), 2);
    }

    #[test]
    fn no_filter_is_none() {
        assert_eq!(parse(&Value::Null).unwrap(), None);
        assert_eq!(parse(&json!({})).unwrap(), None);
    }

    #[rstest]
    #[case(json!({ "AND": [{ "importance": { "above": 1 } }] }), "filters.AND[0].importance.above")]
    #[case(json!({ "OR": {} }), "filters.OR")]
    #[case(json!({ "a": {} }), "filters.a")]
    #[case(json!({ "a": { "in": "x" } }), "filters.a.in")]
    #[case(json!({ "a": { "gt": true } }), "filters.a.gt")]
    #[case(json!({ "a..b": 1 }), "filters.a..b")]
    #[case(json!({ "created_at": { "gte": "yesterday" } }), "filters.created_at.gte")]
    #[case(json!({ "a": [{}] }), "filters.a[0]")]
    #[case(json!("x"), "filters")]
    fn what_is_wrong_is_named_by_its_path(#[case] filters: Value, #[case] path: &str) {
        let error = parse(&filters).unwrap_err();

        assert_eq!(error.envelope().field.as_deref(), Some(path));
        assert_eq!(error.envelope().reason.as_deref(), Some("filter_invalid"));
    }

    #[test]
    fn deep_and_wide_filters_are_refused() {
        let mut deep = json!({ "a": 1 });
        for _ in 0..=MAX_DEPTH {
            deep = json!({ "NOT": deep });
        }
        let mut nested = json!({ "a": 1 });
        for _ in 0..100 {
            nested = json!({ "metadata": nested });
        }
        let wide: Vec<Value> = (0..=MAX_CONDITIONS).map(|n| json!({ "a": n })).collect();

        for filters in [deep, nested, json!({ "OR": wide })] {
            assert!(parse(&filters).is_err());
        }
    }

    fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i32>().prop_map(Value::from),
            "[a-z*]{0,4}".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 32, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::vec(("AND|OR|NOT|gte|in|[a-z.]{0,4}", inner), 0..4)
                    .prop_map(|members| Value::Object(members.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn whatever_is_sent_is_read_or_refused_by_path(filters in any_json()) {
            if let Err(error) = parse(&filters) {
                prop_assert!(error.envelope().field.as_deref().unwrap_or_default().starts_with("filters"));
            }
        }
    }
}

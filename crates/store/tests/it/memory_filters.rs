//! Conditions mean the same on both engines, and what a plain reading of them says.

use homelab_core::clock::Micros;
use homelab_core::memory::About;
use homelab_core::memory::{Condition, Filter, Memory, MemoryQuery, Op};
use homelab_core::store::StoreError;
use rstest::rstest;
use serde_json::{Value, json};

use crate::lab::{Engine, Lab, START};
use crate::memories::{add, all, id, ids, memory, object, owner};

/// The documented meaning, read from the record.
pub(crate) fn holds(memory: &Memory, filter: &Filter) -> bool {
    match filter {
        Filter::And(parts) => parts.iter().all(|part| holds(memory, part)),
        Filter::Or(parts) => parts.iter().any(|part| holds(memory, part)),
        Filter::Not(part) => !holds(memory, part),
        Filter::Field(condition) => one(memory, condition),
    }
}

fn one(memory: &Memory, condition: &Condition) -> bool {
    let Condition { key, op, value } = condition;
    let of = field(memory, key);
    let is_about = key == "about";
    let equal = |value: &Value| {
        of.as_ref().is_some_and(|of| {
            if is_about {
                has(of, value)
            } else {
                is_equal(of, value)
            }
        })
    };
    let listed = || match value {
        Value::Array(values) => values.iter().any(equal),
        one => equal(one),
    };
    match op {
        Op::Eq => equal(value),
        Op::Ne => !equal(value),
        Op::In => listed(),
        Op::NotIn => !listed(),
        Op::Exists => of.is_some(),
        Op::Gt | Op::Gte | Op::Lt | Op::Lte => of.is_some_and(|of| is_ordered(&of, *op, value)),
        Op::Contains => of.is_some_and(|of| contains(&of, value)),
        Op::IContains => of.is_some_and(|of| contains(&folded(&of), &folded(value))),
    }
}

fn field(memory: &Memory, key: &str) -> Option<Value> {
    let time = |time: Micros| Some(Value::from(time.to_rfc3339()));
    match key {
        "category" => Some(json!(memory.category)),
        "source" => memory.source.as_ref().map(|one| json!(one)),
        "user_id" => Some(json!(memory.scope.user_id)),
        "agent_id" => memory.scope.agent_id.as_ref().map(|one| json!(one)),
        "run_id" => memory.scope.run_id.as_ref().map(|one| json!(one)),
        "importance" => Some(json!(memory.importance)),
        "created_at" => time(memory.created_at),
        "updated_at" => time(memory.updated_at),
        "about" => {
            let names = memory.about.iter();
            let names: Vec<_> = names
                .flat_map(|one| [one.name.clone(), format!("{}/{}", one.kind, one.name)])
                .collect();
            (!names.is_empty()).then(|| json!(names))
        }
        path => {
            let mut of = &Value::Object(memory.metadata.clone());
            for key in path.split('.') {
                of = of.as_object()?.get(key)?;
            }
            (!of.is_null()).then(|| of.clone())
        }
    }
}

fn is_equal(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => one.as_f64() == other.as_f64(),
        (Value::String(_), Value::String(_)) | (Value::Bool(_), Value::Bool(_)) => one == other,
        _ => false,
    }
}

fn is_ordered(one: &Value, op: Op, other: &Value) -> bool {
    let order = match (one, other) {
        (Value::Number(one), Value::Number(other)) => one.as_f64().partial_cmp(&other.as_f64()),
        (Value::String(one), Value::String(other)) => Some(one.cmp(other)),
        _ => None,
    };
    order.is_some_and(|order| match op {
        Op::Gt => order.is_gt(),
        Op::Gte => order.is_ge(),
        Op::Lt => order.is_lt(),
        _ => order.is_le(),
    })
}

fn has(list: &Value, value: &Value) -> bool {
    let items = list.as_array().into_iter().flatten();
    items.into_iter().any(|item| is_equal(item, value))
}

fn contains(of: &Value, value: &Value) -> bool {
    match (of, value) {
        (Value::String(of), Value::String(part)) => of.contains(part.as_str()),
        _ => has(of, value),
    }
}

fn folded(value: &Value) -> Value {
    match value {
        Value::String(text) => json!(text.to_lowercase()),
        Value::Array(items) => items.iter().map(folded).collect(),
        other => other.clone(),
    }
}

fn condition(key: &str, op: Op, value: Value) -> Filter {
    Filter::Field(Condition {
        key: key.into(),
        op,
        value,
    })
}

/// Two memories, of which the first has everything and the second nothing.
async fn lab(engine: Engine) -> Option<Lab> {
    let lab = Lab::open(engine).await?;
    let mut full = memory(1, "full");
    full.scope.agent_id = Some("Agent".into());
    full.source = Some("Proxmox VE".into());
    full.importance = 0.7;
    full.about = vec![About {
        kind: "devices".into(),
        name: "NAS".into(),
    }];
    full.metadata = object(json!({
        "n": 5, "f": 2.5, "s": "Ünï 10%", "yes": true, "null": null,
        "list": ["Ä", 3, false], "deep": { "er": { "x": 1 } }, "0": "zero", "$.n": "odd", "q\"": 1,
        "number as text": "5",
    }));
    add(&*lab.stores.memories, &full).await;
    add(&*lab.stores.memories, &memory(2, "empty")).await;
    Some(lab)
}

#[rstest]
#[tokio::test]
async fn each_operator_does_what_it_says(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let Some(lab) = lab(engine).await else {
        return;
    };
    let both: &[u32] = &[1, 2];
    let (full, empty, none): (&[u32], &[u32], &[u32]) = (&[1], &[2], &[]);
    let cases = [
        ("n", Op::Eq, json!(5), full),
        ("n", Op::Eq, json!(5.0), full),
        ("n", Op::Eq, json!("5"), none),
        ("number as text", Op::Eq, json!("5"), full),
        ("number as text", Op::Gt, json!(4), none),
        ("n", Op::Ne, json!(5), empty),
        ("n", Op::Ne, json!(6), both),
        ("n", Op::Gt, json!(4.5), full),
        ("n", Op::Lte, json!(4.5), none),
        ("f", Op::Gte, json!(2.5), full),
        ("s", Op::Gt, json!("U"), full),
        ("s", Op::Lt, json!("U"), none),
        ("s", Op::Contains, json!("10%"), full),
        ("s", Op::Contains, json!("ünï"), none),
        ("s", Op::IContains, json!("ÜNÏ"), full),
        ("s", Op::Contains, json!("1_%"), none),
        ("yes", Op::Eq, json!(true), full),
        ("yes", Op::Eq, json!(1), none),
        ("list", Op::Contains, json!(3), full),
        ("list", Op::Contains, json!("ä"), none),
        ("list", Op::IContains, json!("ä"), full),
        ("list", Op::Contains, json!(false), full),
        ("list", Op::Eq, json!("Ä"), none),
        ("null", Op::Exists, json!(null), none),
        ("null", Op::Eq, json!(null), none),
        ("null", Op::Ne, json!(null), both),
        ("deep.er.x", Op::Eq, json!(1), full),
        ("deep.er.x.y", Op::Exists, json!(null), none),
        ("list.0", Op::Exists, json!(null), none),
        ("0", Op::Eq, json!("zero"), full),
        ("$.n", Op::Exists, json!(null), none),
        ("q\"", Op::Eq, json!(1), full),
        ("absent", Op::NotIn, json!(["a"]), both),
        ("absent", Op::In, json!(["a"]), none),
        ("n", Op::In, json!([1, 5]), full),
        ("n", Op::NotIn, json!([1, 5]), empty),
        ("n", Op::In, json!([]), none),
        ("n", Op::NotIn, json!([]), both),
        ("n", Op::Eq, json!("\0"), none),
        ("n\0", Op::Ne, json!(5), both),
        ("category", Op::Eq, json!("fact"), both),
        ("category", Op::Contains, json!("ac"), both),
        ("source", Op::IContains, json!("PROXMOX"), full),
        ("source", Op::Ne, json!("Proxmox VE"), empty),
        ("source", Op::Exists, json!(null), full),
        ("agent_id", Op::Eq, json!("Agent"), full),
        ("agent_id", Op::IContains, json!("AGE"), full),
        ("run_id", Op::Exists, json!(null), none),
        ("importance", Op::Gte, json!(0.7), full),
        ("importance", Op::Eq, json!(0.7), full),
        ("importance", Op::Lt, json!(0.6), empty),
        ("importance", Op::Gt, json!("0"), none),
        (
            "created_at",
            Op::Gte,
            json!(START.plus_seconds(2).to_rfc3339()),
            empty,
        ),
        ("created_at", Op::Lt, json!("2099-01-01"), both),
        ("updated_at", Op::Gt, json!("yesterday"), none),
        ("about", Op::Eq, json!("NAS"), full),
        ("about", Op::Eq, json!("devices/NAS"), full),
        ("about", Op::Ne, json!("NAS"), empty),
        ("about", Op::Contains, json!("nas"), none),
        ("about", Op::IContains, json!("nas"), full),
        ("about", Op::Exists, json!(null), full),
    ];
    for (key, op, value, expected) in cases {
        for (filter, expected) in [
            (condition(key, op, value.clone()), expected.to_vec()),
            (
                Filter::Not(Box::new(condition(key, op, value.clone()))),
                both.iter()
                    .filter(|one| !expected.contains(one))
                    .copied()
                    .collect(),
            ),
        ] {
            let query = MemoryQuery {
                filter: Some(filter),
                ..all(owner("claude"))
            };
            let found = ids(&*lab.stores.memories, &query).await;
            let expected: Vec<_> = expected.into_iter().map(id).collect();
            assert_eq!(found, expected, "{key} {op:?} {value}");
        }
    }
}

#[rstest]
#[tokio::test]
async fn two_conditions_on_one_key_are_both_asked_and_bounds_are_kept(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let Some(lab) = lab(engine).await else {
        return;
    };
    let found = async |filter: Filter| {
        let query = MemoryQuery {
            filter: Some(filter),
            ..all(owner("claude"))
        };
        let page = homelab_core::page::PageRequest::first(10);
        let order = homelab_core::memory::Order::Oldest;
        let list = lab.stores.memories.list(&query, order, &page).await;
        list.map(|page| page.total)
    };
    let above = |number: i64| condition("n", Op::Gt, json!(number));

    let between = Filter::And(vec![above(4), above(5)]);
    assert_eq!(found(between).await.unwrap(), 0);
    let either = Filter::Or(vec![above(4), above(5)]);
    assert_eq!(found(either).await.unwrap(), 1);
    assert_eq!(found(Filter::And(vec![])).await.unwrap(), 2);
    assert_eq!(found(Filter::Or(vec![])).await.unwrap(), 0);
    let deep = (0..20).fold(above(1), |inner, _| Filter::Not(Box::new(inner)));
    let long = condition("n", Op::In, json!(vec![1; 501]));
    for filter in [deep, long] {
        let error = found(filter).await.unwrap_err();
        assert!(
            matches!(
                error,
                StoreError::Invalid {
                    field: "filters",
                    ..
                }
            ),
            "{error}"
        );
    }
}

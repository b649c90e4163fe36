use std::collections::BTreeMap;

use proptest::prelude::*;
use serde::Deserialize;
use serde_json::json;

use super::*;

#[derive(Debug, Deserialize, PartialEq, Eq, PartialOrd, Ord)]
#[serde(rename_all = "snake_case")]
enum Kind {
    Plain,
    Held(u8),
    Pair(u8, String),
    Named { size: u8 },
}

#[derive(Debug, Deserialize, PartialEq, Eq, PartialOrd, Ord)]
struct Label(String);

#[derive(Debug, Deserialize, PartialEq)]
#[serde(tag = "kind", rename_all = "snake_case")]
enum Tagged {
    One { size: i8 },
    Two(BTreeMap<String, Value>),
}

#[derive(Debug, Deserialize, PartialEq)]
#[serde(untagged)]
enum Either {
    Number(i64),
    Texts(Vec<String>),
}

#[derive(Debug, Deserialize, PartialEq)]
struct Thing {
    kind: Option<Kind>,
    label: Option<Label>,
    tagged: Option<Tagged>,
    either: Option<Either>,
    numbers: Option<BTreeMap<u16, f64>>,
    labels: Option<BTreeMap<Label, bool>>,
    pair: Option<(u8, char)>,
    nothing: Option<()>,
    #[serde(flatten)]
    more: BTreeMap<String, Value>,
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-300_i64..300).prop_map(Value::from),
        Just(json!(1.5)),
        prop::sample::select(vec!["plain", "held", "x", "one", "two", "7", ""])
            .prop_map(Value::from),
    ];
    let names = prop::sample::select(vec![
        "plain", "held", "pair", "named", "size", "kind", "one", "7", "x",
    ]);
    leaf.prop_recursive(3, 12, 3, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            prop::collection::vec((names.clone(), inner), 0..3).prop_map(|members| {
                let named = members
                    .into_iter()
                    .map(|(name, value)| (name.to_owned(), value));
                Value::Object(named.collect())
            }),
        ]
    })
}

proptest! {
    /// Of every shape that types take, by `serde_json`'s own.
    #[test]
    fn every_shape_is_read_as_by_others(
        member in prop::sample::select(vec![
            "kind", "label", "tagged", "either", "numbers", "labels", "pair", "nothing", "other",
        ]),
        value in value(),
    ) {
        let thing = json!({ member: value });
        let read: Result<Thing, _> = read(thing.clone());
        let wanted: Result<Thing, _> = serde_json::from_value(thing.clone());
        match (read, wanted) {
            (Ok(read), Ok(wanted)) => prop_assert_eq!(read, wanted),
            (Err((_, error)), Err(wanted)) => {
                // What was expected is told a little differently of variants, and more of a map's names.
                let found = |problem: String| problem.split(", expected").next().map(str::to_owned);
                let (error, mut wanted) = (found(error.to_string()), found(wanted.to_string()));
                // An empty list for a variant of several fields is null to the other.
                if thing["kind"] == json!({ "pair": [] }) {
                    wanted = Some("invalid length 0".to_owned());
                }
                if !wanted.as_ref().is_some_and(|wanted| wanted.contains("key to be a number")) {
                    prop_assert_eq!(error, wanted, "{}", thing);
                }
            }
            (read, wanted) => prop_assert!(false, "{thing}: {read:?} {wanted:?}"),
        }
    }
}

/// Read as a text, and refused afterwards.
#[derive(Debug, Deserialize)]
#[serde(try_from = "String")]
struct Even;

impl TryFrom<String> for Even {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        if text.len().is_multiple_of(2) {
            Ok(Self)
        } else {
            Err(format!("`{text}` is odd"))
        }
    }
}

#[test]
fn what_is_refused_after_it_was_read_has_its_place() {
    #[derive(Debug, Deserialize)]
    #[serde(rename_all = "snake_case")]
    enum Of {
        Even(Even),
    }
    type Many = BTreeMap<String, Vec<Option<Even>>>;
    let path = |value: Value| read::<Many>(value).unwrap_err().0;

    assert_eq!(path(json!({ "a": ["even", null, "odd"] })), "a[2]");
    assert_eq!(path(json!({ "a": [1] })), "a[0]");
    let (place, error) = read::<Vec<Of>>(json!([{ "even": "odd" }])).unwrap_err();
    assert_eq!(
        (place.as_str(), error.to_string().as_str()),
        ("[0].even", "`odd` is odd")
    );
    assert!(read::<Even>(json!("even")).is_ok());
    assert_eq!(read::<Even>(json!("odd")).unwrap_err().0, "");
}

#[test]
fn the_path_leads_through_variants_and_maps() {
    type Kinds = BTreeMap<String, Vec<Kind>>;
    let path = |value: Value| read::<Kinds>(value).unwrap_err().0;

    assert_eq!(path(json!({ "a": [{ "held": "x" }] })), "a[0].held");
    assert_eq!(
        path(json!({ "a": ["plain", { "named": { "size": -1 } }] })),
        "a[1].named.size"
    );
    assert_eq!(path(json!({ "a": [{ "pair": [1, 2] }] })), "a[0].pair[1]");
    assert_eq!(path(json!({ "a": ["other"] })), "a[0]");
    assert_eq!(path(json!({ "a": [{ "named": {} }] })), "a[0].named");
    assert_eq!(path(json!([])), "");
}

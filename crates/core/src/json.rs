//! JSON that names the member that does not fit.
//!
//! A deserializer that knows where it is, around that of a text, is compiled once more for every type that is read;
//! with the answers of a dozen upstreams that is a tenth of the program. So texts are read plainly, and only where
//! that fails the text is walked once more, up to where it failed. That names the member before where a type's own
//! parser refuses the last one of an object, which is good enough for an upstream's answer; what people write,
//! arguments and settings, comes as values and is told exactly.

mod name;
mod placed;

use std::fmt::{self, Write as _};

use serde::de::DeserializeOwned;
use serde_json::Value;
use serde_json::error::Category;

/// Why a text or value is not of its type.
#[derive(Debug)]
pub struct Misfit {
    path: String,
    error: serde_json::Error,
}

impl Misfit {
    /// Dotted path of the value at fault, such as `items[2].name`; empty for the whole. A missing or unknown
    /// member is a fault of the object that should, or should not, hold it.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// What is wrong, without the place in the text.
    pub fn problem(&self) -> String {
        let text = self.error.to_string();
        match text.rsplit_once(" at line ") {
            Some((problem, _)) => problem.to_owned(),
            None => text,
        }
    }

    /// Whether it is JSON, but not of this type.
    pub fn is_data(&self) -> bool {
        self.error.classify() == Category::Data
    }

    /// Line and column of the text, from 1.
    pub fn place(&self) -> (usize, usize) {
        (self.error.line(), self.error.column())
    }
}

impl fmt::Display for Misfit {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.problem())
    }
}

impl std::error::Error for Misfit {}

/// Reads a text.
///
/// # Errors
/// [`Misfit`], also for what follows the value.
pub fn from_slice<T: DeserializeOwned>(text: &[u8]) -> Result<T, Misfit> {
    serde_json::from_slice(text).map_err(|error| misfit(text, error))
}

/// Reads a value.
///
/// # Errors
/// [`Misfit`] with the exact path.
pub fn from_value<T: DeserializeOwned>(value: Value) -> Result<T, Misfit> {
    placed::read(value).map_err(|(path, error)| Misfit { path, error })
}

fn misfit(text: &[u8], error: serde_json::Error) -> Misfit {
    let mut lines = text.split_inclusive(|byte| *byte == b'\n');
    let before: usize = lines
        .by_ref()
        .take(error.line().saturating_sub(1))
        .map(<[u8]>::len)
        .sum();
    let end = before + error.column();
    let path = if error.is_data() {
        // What does not fit is either read, or not looked at.
        path_at(text, end)
    } else {
        // The byte at fault is looked at, and counted.
        let mut open = open_at(text, end.saturating_sub(1));
        // A list that goes on where it should have ended is at fault itself.
        if matches!(open.last(), Some(Open::List(_)))
            && error.to_string().starts_with("trailing characters")
        {
            open.pop();
        }
        written(&open)
    };
    Misfit { path, error }
}

/// What is open around a place of a text.
enum Open {
    /// An object, with the member that was read last.
    Object(Option<String>),
    /// A list, with the index of its current element.
    List(usize),
}

/// The path of the value that ends, is cut or should follow so many bytes into the text.
fn path_at(text: &[u8], end: usize) -> String {
    written(&open_at(text, end))
}

fn open_at(text: &[u8], end: usize) -> Vec<Open> {
    let text = text.get(..end).unwrap_or(text);
    let mut open: Vec<Open> = Vec::new();
    let mut rest = text.iter().enumerate();
    while let Some((at, byte)) = rest.next() {
        match byte {
            b'"' => {
                let string = string(text, at);
                let is_cut = string.is_none();
                if let Some(length) = string {
                    // Its quotes and content, but the first, which is read.
                    rest.by_ref().take(length - 1).for_each(drop);
                    if let Some(Open::Object(member)) = open.last_mut()
                        && is_name(text, at)
                    {
                        // A name at the very end is the fault of its object.
                        let ends = at + length == text.len();
                        *member = (!ends).then(|| name(text, at, length));
                    }
                }
                if is_cut {
                    if let Some(Open::Object(member)) = open.last_mut()
                        && is_name(text, at)
                    {
                        *member = None;
                    }
                    break;
                }
            }
            b'{' => open.push(Open::Object(None)),
            b'[' => open.push(Open::List(0)),
            b'}' | b']' => {
                open.pop();
            }
            b',' => match open.last_mut() {
                Some(Open::Object(member)) => *member = None,
                Some(Open::List(index)) => *index += 1,
                None => {}
            },
            _ => {}
        }
    }
    open
}

/// Length of the string that begins here, with its quotes, if it ends.
fn string(text: &[u8], start: usize) -> Option<usize> {
    let mut escaped = false;
    for (length, byte) in text.get(start..)?.iter().enumerate().skip(1) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return Some(length + 1),
            _ => {}
        }
    }
    None
}

/// Whether a string of an object that begins here is the name of a member.
fn is_name(text: &[u8], start: usize) -> bool {
    let before = text.get(..start).unwrap_or_default().iter().rev();
    let mut before = before.filter(|byte| !byte.is_ascii_whitespace());
    matches!(before.next(), Some(b'{' | b','))
}

fn name(text: &[u8], start: usize, length: usize) -> String {
    let quoted = text.get(start..start + length).unwrap_or_default();
    serde_json::from_slice(quoted).unwrap_or_default()
}

fn written(open: &[Open]) -> String {
    let mut path = String::new();
    for part in open {
        match part {
            Open::Object(Some(name)) if path.is_empty() => path.push_str(name),
            Open::Object(Some(name)) => {
                path.push('.');
                path.push_str(name);
            }
            Open::Object(None) => {}
            // Writing to a text cannot fail.
            Open::List(index) => write!(path, "[{index}]").unwrap_or_default(),
        }
    }
    path
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::net::IpAddr;

    use proptest::prelude::*;
    use rstest::rstest;
    use serde::Deserialize;
    use serde_json::json;

    use super::*;

    #[derive(Debug, Deserialize, PartialEq)]
    #[serde(deny_unknown_fields)]
    struct Guest {
        name: String,
        vmid: u16,
        #[serde(default)]
        address: Option<IpAddr>,
        #[serde(default)]
        disks: Vec<Disk>,
        #[serde(default)]
        labels: BTreeMap<String, String>,
        #[serde(default)]
        on: Option<bool>,
        #[serde(default)]
        load: Option<f32>,
    }

    #[derive(Debug, Deserialize, PartialEq)]
    struct Disk {
        size: u8,
    }

    /// Another way of finding the path, which every type has to be compiled for; with the problem.
    fn other<'de, D>(reader: D) -> Result<Vec<Guest>, (String, String)>
    where
        D: serde::Deserializer<'de, Error = serde_json::Error>,
    {
        serde_path_to_error::deserialize(reader).map_err(|error| {
            let problem = error.inner().to_string();
            let path = error.path().to_string();
            // It takes an unknown member for the place, where that was read before.
            let unknown = problem.strip_prefix("unknown field `");
            let path = match unknown.and_then(|rest| rest.split_once("`, expected")) {
                Some((name, _)) => path.strip_suffix(&format!(".{name}")).unwrap_or(&path),
                None => &path,
            };
            let path = if path == "." { "" } else { path };
            (path.to_owned(), problem)
        })
    }

    fn path(text: &str) -> String {
        let read: Result<Vec<Guest>, _> = from_slice(text.as_bytes());
        read.unwrap_err().path().to_owned()
    }

    #[rstest]
    #[case::number(r#"[{"name":"a","vmid":"1"}]"#, "[0].vmid")]
    #[case::range(r#"[{"name":"a","vmid":70000}]"#, "[0].vmid")]
    #[case::second(r#"[{"name":"a","vmid":1}, {"name": 2, "vmid":1}]"#, "[1].name")]
    #[case::missing(r#"[{"name":"a"}]"#, "[0]")]
    #[case::unknown(r#"[{"name":"a","vmid":1,"colour":1}]"#, "[0]")]
    #[case::parsed(r#"[{"name":"a","vmid":1,"address":"192.0.2.300"}]"#, "[0].address")]
    #[case::object_for_text(r#"[{"name":{"a":[1]},"vmid":1}]"#, "[0].name")]
    #[case::list_for_text(r#"[{"name":[1,2],"vmid":1}]"#, "[0].name")]
    #[case::null(r#"[{"name":null,"vmid":1}]"#, "[0].name")]
    #[case::deep(
        r#"[{"name":"\"x,{","vmid":1,"disks":[{"size":1},{"size":true}]}]"#,
        "[0].disks[1].size"
    )]
    #[case::missing_deep(r#"[{"name":"a","vmid":1,"disks":[{}]}]"#, "[0].disks[0]")]
    #[case::of_a_map(
        r#"[{"name":"a","vmid":1,"labels":{"a b":"c","d":4}}]"#,
        "[0].labels.d"
    )]
    #[case::list_in_list(r#"[{"name":"a","vmid":1,"disks":[[[]]]}]"#, "[0].disks[0][0]")]
    #[case::object_in_list(r#"[{"name":"a","vmid":1,"disks":[[1],[{}]]}]"#, "[0].disks[1][0]")]
    #[case::list_after(r#"[{"name":"a","vmid":1,"disks":[{"size":1}, []]}]"#, "[0].disks[1]")]
    #[case::longer_list(
        r#"[{"name":"a","vmid":1,"disks":[{"size":1},[1,[]]]}]"#,
        "[0].disks[1]"
    )]
    #[case::whole("{}", "")]
    #[case::other_lines("[\n {\n  \"name\": \"a\",\n  \"vmid\": \"1\" }]", "[0].vmid")]
    fn the_member_at_fault_is_named(#[case] text: &str, #[case] wanted: &str) {
        assert_eq!(path(text), wanted);
    }

    #[test]
    fn the_problem_comes_without_its_place() {
        let read: Result<Guest, _> = from_value(json!({ "name": "a at line 7", "vmid": "x" }));
        let error = read.unwrap_err();

        assert_eq!(error.problem(), "invalid type: string \"x\", expected u16");
        assert!(error.is_data());
        let cut: Result<Guest, _> = from_slice(b"{\"name\":");
        assert!(!cut.unwrap_err().is_data());
    }

    fn scalar() -> impl Strategy<Value = Value> {
        prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i32>().prop_map(Value::from),
            (0_u8..4).prop_map(Value::from),
            Just(json!(1.5)),
            "[ -~é\"\\\\]{0,6}".prop_map(Value::from),
        ]
    }

    fn anything() -> impl Strategy<Value = Value> {
        let names = prop::sample::select(vec![
            "name", "vmid", "address", "disks", "labels", "size", "on", "load", "x\"y",
        ]);
        scalar().prop_recursive(4, 24, 4, move |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::vec((names.clone(), inner), 0..5).prop_map(|members| {
                    Value::Object(
                        members
                            .into_iter()
                            .map(|(name, value)| (name.to_owned(), value))
                            .collect(),
                    )
                }),
            ]
        })
    }

    /// Often nearly right.
    fn guests() -> impl Strategy<Value = Value> {
        let guest = (anything(), prop::option::of(anything()), 0_usize..4).prop_map(
            |(value, other, place)| {
                let mut guest =
                    json!({ "name": "a", "vmid": 1, "disks": [{ "size": 1 }], "labels": {} });
                let name = ["name", "vmid", "disks", "labels"][place];
                guest[name] = value;
                if let Some(other) = other {
                    guest["labels"] = json!({ "k": other });
                }
                guest
            },
        );
        prop_oneof![
            1 => anything(),
            4 => prop::collection::vec(guest, 0..3).prop_map(Value::from),
        ]
    }

    proptest! {
        #[test]
        fn both_ways_find_the_same_path(value in guests(), pretty: bool) {
            let text = if pretty {
                serde_json::to_string_pretty(&value).unwrap()
            } else {
                value.to_string()
            };
            let read: Result<Vec<Guest>, _> = from_slice(text.as_bytes());
            let found = read.err().map(|error| error.path().to_owned());
            let wanted = other(&mut serde_json::Deserializer::from_slice(text.as_bytes()));
            let wanted = wanted.err().map(|(path, _)| path);
            prop_assert_eq!(found, wanted, "{}", text);
        }

        #[test]
        fn a_value_is_read_or_refused_as_by_others(value in guests()) {
            let read: Result<Vec<Guest>, _> = from_value(value.clone());
            let read = read.map_err(|error| (error.path().to_owned(), error.error.to_string()));
            let wanted = other(value.clone());
            // A struct is not read from a list; the other may find fault with what is in it.
            let listed = matches!(&read, Err((_, problem)) if problem.starts_with("invalid type: sequence, expected struct"));
            if !listed {
                prop_assert_eq!(read, wanted, "{}", value);
            }
        }

        #[test]
        fn any_text_has_a_path(text in "[\\[\\]{}:,\"a\\\\1 é]{0,40}", end in 0_usize..60) {
            path_at(text.as_bytes(), end);
            let read: Result<Value, _> = from_slice(text.as_bytes());
            drop(read);
        }
    }
}

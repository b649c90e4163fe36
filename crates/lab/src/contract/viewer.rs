//! The data of an API viewer, as Proxmox's products serve it: a script that begins with one large
//! list of paths and goes on with the viewer. Made from the contract tables, in our own words.

use serde_json::{Map, Value, json};

use super::{Kind, Param};

/// One call of the table.
pub(crate) struct Entry<'a> {
    pub(crate) method: &'static str,
    pub(crate) path: &'static str,
    pub(crate) params: Vec<&'a Param>,
}

/// The script.
pub(crate) fn script(entries: &[Entry<'_>]) -> String {
    let mut root = Node::default();
    for entry in entries {
        let path = entry.path.replace("*}", "}");
        let mut node = &mut root;
        for part in path.split('/').filter(|part| !part.is_empty()) {
            let at = node.children.iter().position(|(name, _)| name == part);
            let at = at.unwrap_or_else(|| {
                node.children.push((part.to_owned(), Node::default()));
                node.children.len() - 1
            });
            let (_, below) = &mut node.children[at];
            node = below;
        }
        node.info
            .insert(entry.method.to_owned(), info(entry, &path));
    }
    let tree = Value::Array(root.below(""));
    format!(
        "const apiSchema = {tree}\n;\n\nExt.onReady(function() {{ /* the viewer [1, 2] */ }});\n"
    )
}

#[derive(Default)]
struct Node {
    info: Map<String, Value>,
    children: Vec<(String, Node)>,
}

impl Node {
    /// Its children; what is below one stands before its own calls, as in the product.
    fn below(self, path: &str) -> Vec<Value> {
        let children = self.children.into_iter().map(|(text, node)| {
            let path = format!("{path}/{text}");
            let mut object = Map::new();
            let info = Value::Object(node.info.clone());
            let below = node.below(&path);
            if below.is_empty() {
                object.insert("leaf".into(), 1.into());
            } else {
                object.insert("children".into(), below.into());
                object.insert("leaf".into(), 0.into());
            }
            object.insert("info".into(), info);
            object.insert("path".into(), path.into());
            object.insert("text".into(), text.into());
            Value::Object(object)
        });
        children.collect()
    }
}

fn info(entry: &Entry<'_>, path: &str) -> Value {
    let what: Vec<&str> = path
        .split('/')
        .filter(|part| !part.is_empty() && !part.starts_with('{'))
        .collect();
    let verb = match entry.method {
        "GET" => "Reads",
        "POST" => "Makes or starts",
        "PUT" => "Sets",
        _ => "Removes",
    };
    let mut properties = Map::new();
    for part in path.split('/') {
        if let Some(name) = part
            .strip_prefix('{')
            .and_then(|part| part.strip_suffix('}'))
        {
            let description = format!("The {name} that is meant.");
            let of = if name == "vmid" {
                // Bounds are texts here and there.
                json!({ "type": "integer", "minimum": "100", "maximum": "999999999" })
            } else {
                json!({ "type": "string" })
            };
            properties.insert(name.to_owned(), of);
            properties[name]["description"] = description.into();
        }
    }
    for param in &entry.params {
        let mut of = kind(param.kind);
        if !param.required {
            of["optional"] = 1.into();
        }
        let name = match param.name.strip_suffix('#') {
            Some(family) => format!("{family}[n]"),
            None => param.name.to_owned(),
        };
        properties.insert(name, of);
    }
    json!({
        "allowtoken": 1,
        "description": format!("{verb} {}. Nothing more is said about it.", what.join(" ")),
        "method": entry.method,
        "name": what.last(),
        "parameters": { "additionalProperties": 0, "properties": properties },
        "permissions": { "user": "all" },
        "returns": { "type": "null" },
    })
}

fn kind(kind: Kind) -> Value {
    match kind {
        Kind::Text | Kind::Form(_) => json!({ "type": "string", "typetext": "<string>" }),
        Kind::OneOf(choices) => json!({ "type": "string", "enum": choices }),
        Kind::Integer(least, most) => {
            let mut of = json!({ "type": "integer", "minimum": least });
            if most != i64::MAX {
                of["maximum"] = most.into();
            }
            of
        }
        Kind::Number => json!({ "type": "number" }),
        Kind::Boolean => json!({ "type": "boolean", "default": 0 }),
        Kind::Texts => json!({ "type": "array", "items": { "type": "string" } }),
        Kind::List => json!({ "type": "array" }),
        Kind::Object => json!({ "type": "object" }),
        Kind::Either(kinds) => kinds.first().map_or(json!({}), |first| self::kind(*first)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::{optional, required};

    #[test]
    fn the_script_begins_with_the_list_of_all_paths() {
        let params = [
            required("newid", Kind::Integer(100, 999)),
            optional("net#", Kind::Text),
        ];
        let entries = [
            Entry {
                method: "GET",
                path: "/nodes",
                params: Vec::new(),
            },
            Entry {
                method: "POST",
                path: "/nodes/{node}/clone",
                params: params.iter().collect(),
            },
        ];

        let script = script(&entries);

        let list = script.strip_prefix("const apiSchema = ").expect("a list");
        let (list, _) = list.split_once("\n;").expect("its end");
        let tree: Value = serde_json::from_str(list).expect("JSON");
        assert_eq!(tree[0]["info"]["GET"]["name"], "nodes");
        let clone = &tree[0]["children"][0]["children"][0];
        assert_eq!(clone["path"], "/nodes/{node}/clone");
        let properties = &clone["info"]["POST"]["parameters"]["properties"];
        assert_eq!(properties["newid"]["maximum"], 999);
        assert_eq!(properties["newid"].get("optional"), None);
        assert_eq!(properties["net[n]"]["optional"], 1);
        assert_eq!(properties["node"]["type"], "string");
    }
}

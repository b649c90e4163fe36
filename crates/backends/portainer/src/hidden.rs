//! What Portainer's answers hold that nobody is shown: variables of stacks, credentials, keys.

use serde_json::Value;

use crate::tools::stack::without_login;

/// What stands in its place.
const HIDDEN: &str = "[hidden]";

/// Members that hold credentials, keys or an engine's raw listing, in lower case.
const SECRETS: &[&str] = &[
    "authentication",
    "azurecredentials",
    "cloudprovider",
    "dockersnapshotraw",
    "edgekey",
    "managementconfiguration",
    "registrycredentials",
    "snapshots",
    "tlsconfig",
    "webhook",
    "webhookid",
];

/// Takes them out, at any depth. What is empty stays, so that one sees that there is nothing.
pub(crate) fn hide(value: &mut Value) {
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                let name = name.to_ascii_lowercase();
                if SECRETS.contains(&name.as_str()) {
                    if !is_empty(member) {
                        *member = HIDDEN.into();
                    }
                } else if name == "env" {
                    hide_variables(member);
                } else if let ("url" | "repositoryurl", Value::String(text)) =
                    (&*name, &mut *member)
                {
                    *text = without_login(text);
                } else {
                    hide(member);
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(hide),
        _ => {}
    }
}

/// Names stay: `{"name":…,"value":…}`, or `NAME=value` as engines write it.
fn hide_variables(variables: &mut Value) {
    match variables {
        Value::Array(rows) => {
            for row in rows {
                match row {
                    Value::Object(members) => {
                        for (name, member) in members {
                            if !name.eq_ignore_ascii_case("name") {
                                *member = HIDDEN.into();
                            }
                        }
                    }
                    Value::String(text) => {
                        let name = text.split('=').next().unwrap_or_default();
                        *text = format!("{name}={HIDDEN}");
                    }
                    other => *other = HIDDEN.into(),
                }
            }
        }
        Value::Null => {}
        other => *other = HIDDEN.into(),
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(members) => members.is_empty(),
        Value::Bool(_) | Value::Number(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn variables_lose_their_values_and_credentials_are_hidden() {
        let mut answer = json!([{
            "Id": 1, "Name": "blog", "Webhook": "0b7c", "AutoUpdate": { "Webhook": "", "Interval": "5m" },
            "Env": [{ "name": "PASSWORD", "value": "tell-nobody" }],
            "GitConfig": {
                "URL": "https://u:tell-nobody@git.test/a", "Authentication": { "Password": "tell-nobody" },
            },
            "Container": { "Env": ["PASSWORD=tell-nobody", "EMPTY"] },
            "StackFileContent": "a: https://x@y\n", "EdgeKey": "", "Snapshots": [{ "DockerSnapshotRaw": { "x": "tell-nobody" } }],
        }]);

        hide(&mut answer);

        assert!(!answer.to_string().contains("tell-nobody"), "{answer}");
        assert_eq!(answer[0]["Env"][0]["name"], "PASSWORD");
        assert_eq!(answer[0]["GitConfig"]["URL"], "https://git.test/a");
        assert_eq!(answer[0]["Container"]["Env"][0], "PASSWORD=[hidden]");
        assert_eq!(answer[0]["AutoUpdate"]["Webhook"], "");
        assert_eq!(answer[0]["EdgeKey"], "");
        assert_eq!(answer[0]["StackFileContent"], "a: https://x@y\n");
        assert_eq!(answer[0]["Webhook"], "[hidden]");
    }
}

//! Whether a value fits the table.

use serde_json::{Map, Value};

use super::{compare::nanoseconds, fields};

/// How exact a value must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reading {
    /// What we write: names as documented.
    Own,
    /// What others wrote: all that Traefik takes, such as other capitals.
    Foreign,
}

/// What does not fit, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Misfit {
    /// Dotted, with indexes: `http.routers.app.tls`.
    pub(crate) path: String,
    pub(crate) message: String,
    /// It is a field that we do not know, which a newer Traefik may.
    pub(crate) unknown: bool,
}

/// Checks a whole document.
///
/// # Errors
/// The first thing that does not fit.
pub(crate) fn check(document: &Value, reading: Reading) -> Result<(), Misfit> {
    let known = |name: &str| fields("Root").any(|(field, _)| field.eq_ignore_ascii_case(name));
    match document {
        // Of a file of others, Traefik ignores sections that it does not know.
        Value::Object(sections) if reading == Reading::Foreign => {
            let known = sections.iter().filter(|(name, _)| known(name));
            let known: Map<String, Value> = known
                .map(|(name, value)| (name.clone(), value.clone()))
                .collect();
            if known.is_empty() {
                return Ok(());
            }
            fits("Root", &Value::Object(known), "", reading)
        }
        Value::Null if reading == Reading::Foreign => Ok(()),
        _ => fits("Root", document, "", reading),
    }
}

/// Checks what one type of middleware is set to.
///
/// # Errors
/// The first thing that does not fit; the path begins below `config`.
pub(crate) fn check_middleware(kind: &str, config: &Value) -> Result<(), Misfit> {
    let Some((_, of)) = fields("Middleware").find(|(name, _)| *name == kind) else {
        return Err(misfit(
            "type",
            format!("there is no middleware type `{kind}`"),
        ));
    };
    fits(of, config, "config", Reading::Own)
}

fn fits(of: &str, value: &Value, path: &str, reading: Reading) -> Result<(), Misfit> {
    let join = |name: &str| {
        if path.is_empty() {
            name.to_owned()
        } else {
            format!("{path}.{name}")
        }
    };
    if let Some(inner) = of.strip_prefix('[') {
        let inner = inner.trim_end_matches(']');
        return match value {
            Value::Array(items) => items.iter().enumerate().try_for_each(|(index, item)| {
                fits(inner, item, &format!("{path}[{index}]"), reading)
            }),
            // `a,b` is a list to Traefik.
            Value::String(_) if reading == Reading::Foreign && inner.len() == 1 => Ok(()),
            Value::Null if reading == Reading::Foreign => Ok(()),
            _ => Err(misfit(path, "this must be a list".to_owned())),
        };
    }
    if let Some(inner) = of.strip_prefix('{') {
        let inner = inner.trim_end_matches('}');
        return match value {
            Value::Object(members) if members.is_empty() => Err(empty(path)),
            Value::Object(members) => members
                .iter()
                .try_for_each(|(name, member)| fits(inner, member, &join(name), reading)),
            Value::Null if reading == Reading::Foreign => Ok(()),
            _ => Err(misfit(path, "this must be a map of names".to_owned())),
        };
    }
    match of {
        "?" => Ok(()),
        "t" | "s" | "b" | "i" | "d" => scalar(of, value, path),
        structure => match value {
            Value::Object(members) => {
                // Of a map's own entries the router, service or middleware itself complains.
                if members.is_empty() && !structure.ends_with('*') {
                    return Err(empty(path));
                }
                members.iter().try_for_each(|(name, member)| {
                    let inner = field_of(structure, name, &join(name), reading)?;
                    fits(inner, member, &join(name), reading)
                })
            }
            Value::Null if reading == Reading::Foreign => Ok(()),
            _ => Err(misfit(path, "this must have fields of its own".to_owned())),
        },
    }
}

fn field_of(
    structure: &str,
    name: &str,
    path: &str,
    reading: Reading,
) -> Result<&'static str, Misfit> {
    let found = fields(structure).find(|(field, _)| field.eq_ignore_ascii_case(name));
    match found {
        Some((field, of)) if field == name || reading == Reading::Foreign => Ok(of),
        Some((field, _)) => Err(misfit(path, format!("it is spelled `{field}`"))),
        None => {
            let known: Vec<&str> = fields(structure).map(|(field, _)| field).collect();
            let message = format!("there is no field `{name}`; there are {}", known.join(", "));
            Err(Misfit {
                unknown: true,
                ..misfit(path, message)
            })
        }
    }
}

fn scalar(of: &str, value: &Value, path: &str) -> Result<(), Misfit> {
    let fine = match of {
        "b" => match value {
            Value::Bool(_) => true,
            Value::String(text) => matches!(text.as_str(), "true" | "false"),
            _ => false,
        },
        "i" => match value {
            Value::Number(number) => number.is_i64() || number.is_u64(),
            Value::String(text) => text.parse::<i64>().is_ok(),
            _ => false,
        },
        "d" => nanoseconds(value).is_some(),
        _ => matches!(value, Value::String(_) | Value::Number(_) | Value::Bool(_)),
    };
    if fine {
        return Ok(());
    }
    let wanted = match of {
        "b" => "`true` or `false`",
        "i" => "a whole number",
        "d" => "a duration such as `10s`",
        _ => "a text",
    };
    Err(misfit(path, format!("this must be {wanted}")))
}

fn empty(path: &str) -> Misfit {
    misfit(
        path,
        "this is empty, which Traefik refuses: leave it out".to_owned(),
    )
}

fn misfit(path: &str, message: String) -> Misfit {
    Misfit {
        path: path.to_owned(),
        message,
        unknown: false,
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    #[rstest]
    #[case(json!({ "http": { "routers": { "a": { "rule": "x", "service": "y", "tls": {}, "priority": 4 } } } }))]
    #[case(json!({ "http": { "middlewares": { "a": { "compress": {} } } } }))]
    #[case(json!({ "tcp": { "routers": { "a": { "rule": "x", "tls": { "passthrough": true } } } } }))]
    #[case(json!({ "tls": { "certificates": [{ "certFile": "/a", "keyFile": "/b" }] } }))]
    fn what_is_documented_fits(#[case] document: Value) {
        assert_eq!(check(&document, Reading::Own), Ok(()));
    }

    #[rstest]
    #[case(json!({ "http": {} }), "http")]
    #[case(json!({ "http": { "routers": {} } }), "http.routers")]
    #[case(json!({ "http": { "routers": { "a": { "rul": "x" } } } }), "http.routers.a.rul")]
    #[case(json!({ "http": { "routers": { "a": { "Rule": "x" } } } }), "http.routers.a.Rule")]
    #[case(json!({ "http": { "routers": { "a": { "entryPoints": "web" } } } }), "http.routers.a.entryPoints")]
    #[case(json!({ "http": { "routers": { "a": { "entryPoints": [{}] } } } }), "http.routers.a.entryPoints[0]")]
    #[case(json!({ "http": { "middlewares": { "a": { "rateLimit": { "average": "x" } } } } }), "http.middlewares.a.rateLimit.average")]
    #[case(json!({ "http": { "middlewares": { "a": { "rateLimit": { "period": "5 s" } } } } }), "http.middlewares.a.rateLimit.period")]
    #[case(json!({ "http": { "middlewares": { "a": { "rateLimit": [] } } } }), "http.middlewares.a.rateLimit")]
    #[case(json!({ "nothing": 1 }), "nothing")]
    #[case(json!([]), "")]
    fn what_does_not_fit_is_named(#[case] document: Value, #[case] path: &str) {
        assert_eq!(check(&document, Reading::Own).unwrap_err().path, path);
    }

    #[rstest]
    #[case(json!({ "http": { "routers": { "a": { "RULE": "x", "entryPoints": "web,websecure", "priority": "7" } } } }))]
    #[case(json!({ "other": { "a": 1 } }))]
    #[case(json!({ "http": null }))]
    #[case(Value::Null)]
    fn what_others_wrote_may_be_all_that_traefik_takes(#[case] document: Value) {
        assert_eq!(check(&document, Reading::Foreign), Ok(()));
    }
}

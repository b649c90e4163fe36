//! What the proxy makes of what it was given: status, errors, who uses what.

use serde_json::{Value, json};

use super::state::{ENTRY_POINTS, Objects, Protocol, State};

const HTTP_MATCHERS: &[&str] = &[
    "Host",
    "HostRegexp",
    "Path",
    "PathPrefix",
    "PathRegexp",
    "Method",
    "Header",
    "HeaderRegexp",
    "Query",
    "QueryRegexp",
    "ClientIP",
];
const TCP_MATCHERS: &[&str] = &["HostSNI", "HostSNIRegexp", "ClientIP", "ALPN"];

/// Everything of one protocol as its API tells it.
pub(super) struct Told {
    pub(super) routers: Vec<Value>,
    pub(super) services: Vec<Value>,
    pub(super) middlewares: Vec<Value>,
}

impl State {
    pub(super) fn told(&self, protocol: Protocol) -> Told {
        let all = self.objects(protocol);
        let routers: Vec<Value> = all
            .routers
            .iter()
            .map(|(name, router)| told_router(protocol, name, router, &all))
            .collect();
        let services = all.services.iter().map(|(name, service)| {
            let mut row = named(name, service);
            row["status"] = json!("enabled");
            set_users(
                &mut row,
                &routers,
                |router| full(router, "service").into_iter().collect(),
                name,
            );
            if let Some(kind) = kind_of(service) {
                row["type"] = json!(kind);
            }
            if protocol == Protocol::Http {
                let usual = json!({
                    "strategy": "wrr",
                    "passHostHeader": true,
                    "responseForwarding": { "flushInterval": "100ms" },
                });
                set_usual(&mut row, "loadBalancer", &usual);
            }
            self.set_health(protocol, &mut row);
            row
        });
        let services = services.collect();
        let middlewares = all.middlewares.iter().map(|(name, middleware)| {
            let mut row = named(name, middleware);
            row["status"] = json!("enabled");
            set_users(
                &mut row,
                &routers,
                |router| full_list(router, "middlewares"),
                name,
            );
            let usual = json!({ "burst": 1, "period": "1s" });
            set_usual(&mut row, "rateLimit", &usual);
            if let Some(kind) = kind_of(middleware) {
                row["type"] = json!(kind);
            }
            row
        });
        let middlewares = middlewares.collect();
        Told {
            routers,
            services,
            middlewares,
        }
    }

    /// The state of the servers of a service that is used. One without a health check is always up.
    fn set_health(&self, protocol: Protocol, service: &mut Value) {
        let balancer = &service["loadBalancer"];
        if protocol == Protocol::Udp || service.get("usedBy").is_none() {
            return;
        }
        let checked = balancer.get("healthCheck").is_some();
        let key = if protocol == Protocol::Http {
            "url"
        } else {
            "address"
        };
        let servers = balancer["servers"].as_array().cloned().unwrap_or_default();
        let mut states = json!({});
        for url in servers.iter().filter_map(|server| server[key].as_str()) {
            let down = checked && self.down.iter().any(|down| down == url);
            states[url] = json!(if down { "DOWN" } else { "UP" });
        }
        if !servers.is_empty() {
            service["serverStatus"] = states;
        }
    }
}

fn named(name: &str, object: &Value) -> Value {
    let mut row = object.clone();
    row["name"] = json!(name);
    row["provider"] = json!(provider(name));
    row
}

fn provider(name: &str) -> &str {
    name.rsplit('@').next().unwrap_or_default()
}

/// A name that another object of this provider uses, with its provider.
fn with_provider(used: &str, by: &str) -> String {
    if used.contains('@') {
        used.to_owned()
    } else {
        format!("{used}@{by}")
    }
}

fn full(row: &Value, field: &str) -> Option<String> {
    let by = row["provider"].as_str().unwrap_or_default();
    Some(with_provider(row[field].as_str()?, by))
}

fn full_list(row: &Value, field: &str) -> Vec<String> {
    let by = row["provider"].as_str().unwrap_or_default();
    let list = row[field].as_array().map(Vec::as_slice).unwrap_or_default();
    list.iter()
        .filter_map(Value::as_str)
        .map(|used| with_provider(used, by))
        .collect()
}

fn set_users(row: &mut Value, routers: &[Value], uses: impl Fn(&Value) -> Vec<String>, name: &str) {
    let users: Vec<&Value> = routers
        .iter()
        .filter(|router| uses(router).iter().any(|used| used == name))
        .map(|router| &router["name"])
        .collect();
    if !users.is_empty() {
        row["usedBy"] = json!(users);
    }
}

/// The kind of a service or middleware: its one property, in lower case.
fn kind_of(object: &Value) -> Option<String> {
    Some(object.as_object()?.keys().next()?.to_lowercase())
}

fn told_router(protocol: Protocol, name: &str, router: &Value, all: &Objects) -> Value {
    let mut row = named(name, router);
    let rule = router["rule"].as_str().unwrap_or_default();
    let mut errors: Vec<String> = wrong_rule(protocol, rule).into_iter().collect();
    match full(&row, "service") {
        Some(service) if !all.services.contains_key(&service) => {
            errors.push(format!("the service \"{service}\" does not exist"));
        }
        Some(_) => {}
        None => errors.extend([
            "router has no service and no child routers".to_owned(),
            "router must have either a service or child routers".to_owned(),
        ]),
    }
    let middlewares = full_list(&row, "middlewares");
    for middleware in middlewares
        .iter()
        .filter(|one| !all.middlewares.contains_key(*one))
    {
        errors.push(format!("middleware \"{middleware}\" does not exist"));
    }
    if !middlewares.is_empty() {
        row["middlewares"] = json!(middlewares);
    }
    let using = entry_points(protocol, &mut row, &mut errors);
    set_defaults(protocol, rule, using, &mut row);
    row["status"] = json!(if errors.is_empty() {
        "enabled"
    } else {
        "disabled"
    });
    if !errors.is_empty() {
        row["error"] = json!(errors);
    }
    row
}

/// Where a router listens; whether that is anywhere.
fn entry_points(protocol: Protocol, row: &mut Value, errors: &mut Vec<String>) -> bool {
    // None of the entry points is for datagrams.
    let known = |name: &Value| {
        protocol != Protocol::Udp && ENTRY_POINTS.iter().any(|(known, ..)| name == known)
    };
    if protocol != Protocol::Udp && row["entryPoints"].as_array().is_none_or(Vec::is_empty) {
        let usual = ENTRY_POINTS.iter().filter(|(.., usual)| *usual);
        row["entryPoints"] = usual.map(|(name, ..)| json!(name)).collect();
    }
    let wanted = row["entryPoints"].as_array().cloned().unwrap_or_default();
    let missing = wanted.iter().filter(|name| !known(name));
    errors.extend(missing.map(|name| format!("entryPoint {name} doesn't exist")));
    let using: Vec<Value> = wanted.into_iter().filter(|name| known(name)).collect();
    if using.is_empty() {
        errors.push("no valid entryPoint for this router".to_owned());
        return false;
    }
    row["using"] = using.into();
    true
}

fn set_defaults(protocol: Protocol, rule: &str, using: bool, row: &mut Value) {
    if row["entryPoints"].is_null()
        && let Some(fields) = row.as_object_mut()
    {
        fields.remove("entryPoints");
    }
    let unset = row.get("priority").is_none_or(|priority| *priority == 0);
    if protocol != Protocol::Udp {
        if unset && using {
            row["priority"] = match rule {
                "HostSNI(`*`)" => json!(-1),
                rule => json!(rule.len()),
            };
        }
        let text = row
            .get("priority")
            .map_or_else(|| "0".to_owned(), Value::to_string);
        row["priorityStr"] = json!(text);
    }
    if protocol == Protocol::Http {
        row["observability"] = json!({
            "accessLogs": true, "metrics": true, "tracing": true, "traceVerbosity": "minimal",
        });
    }
    let (field, usual) = match protocol {
        Protocol::Http => ("options", json!("default")),
        _ => ("passthrough", json!(false)),
    };
    if row
        .get("tls")
        .is_some_and(|tls| tls.is_object() && tls.get(field).is_none())
    {
        row["tls"][field] = usual;
    }
}

/// Sets what is not said where it has a usual value.
fn set_usual(object: &mut Value, part: &str, usual: &Value) {
    let Some(part) = object.get_mut(part).filter(|part| part.is_object()) else {
        return;
    };
    for (name, value) in usual.as_object().into_iter().flatten() {
        if part.get(name).is_none() {
            part[name] = value.clone();
        }
    }
}

/// What is wrong with a rule: a function that there is not, or parentheses that do not match.
fn wrong_rule(protocol: Protocol, rule: &str) -> Option<String> {
    let matchers = match protocol {
        Protocol::Http => HTTP_MATCHERS,
        Protocol::Tcp => TCP_MATCHERS,
        Protocol::Udp => return None,
    };
    let wrap = |text: String| Some(format!("error while parsing rule {rule}: {text}"));
    if rule.is_empty() {
        return wrap("empty rule".to_owned());
    }
    let (mut word, mut quoted, mut open) = (String::new(), false, 0_i32);
    for c in rule.chars() {
        match c {
            '`' => quoted = !quoted,
            _ if quoted => {}
            '(' => {
                open += 1;
                let name = std::mem::take(&mut word);
                if !name.is_empty() && !matchers.contains(&name.as_str()) {
                    return wrap(format!("parsing rule {rule}: unsupported function: {name}"));
                }
            }
            ')' => open -= 1,
            c if c.is_ascii_alphanumeric() => word.push(c),
            _ => word.clear(),
        }
    }
    if open != 0 || quoted {
        return wrap(format!("parsing rule {rule}: unexpected end"));
    }
    None
}

//! What a policy allows, as far as its tests and previews need it: groups, tags, hosts, addresses
//! and ports in `acls` and `grants`.

use homelab_core::net::{Cidr, Ip};
use serde_json::{Value, json};

/// One rule with what it lets through.
struct Rule<'a> {
    sources: Vec<&'a str>,
    /// Selector and ports.
    targets: Vec<(&'a str, String)>,
    protocol: Option<&'a str>,
    /// Which list it is in, and where.
    place: (&'static str, usize),
}

fn texts(value: &Value) -> Vec<&str> {
    let list = value.as_array().into_iter().flatten();
    list.filter_map(Value::as_str).collect()
}

fn rules(policy: &Value) -> Vec<Rule<'_>> {
    let list = |key: &str| {
        policy[key]
            .as_array()
            .map(Vec::as_slice)
            .unwrap_or_default()
    };
    let acls = list("acls").iter().enumerate().map(|(at, rule)| Rule {
        sources: texts(&rule["src"]),
        targets: texts(&rule["dst"])
            .into_iter()
            .filter_map(|target| target.rsplit_once(':'))
            .map(|(target, ports)| (target, ports.to_owned()))
            .collect(),
        protocol: rule["proto"].as_str(),
        place: ("acls", at),
    });
    let grants = list("grants").iter().enumerate().map(|(at, rule)| Rule {
        sources: texts(&rule["src"]),
        targets: texts(&rule["dst"])
            .into_iter()
            .flat_map(|target| {
                let ports = texts(&rule["ip"]).into_iter();
                ports.map(move |port| {
                    (
                        target,
                        port.rsplit(':').next().unwrap_or_default().to_owned(),
                    )
                })
            })
            .collect(),
        protocol: None,
        place: ("grants", at),
    });
    acls.chain(grants).collect()
}

/// Whether a selector of a policy stands for this user, tag, host or address.
pub(super) fn covers(policy: &Value, selector: &str, who: &str) -> bool {
    if selector == "*" || selector == who {
        return true;
    }
    if selector.starts_with("group:") {
        return texts(&policy["groups"][selector]).contains(&who);
    }
    if matches!(selector, "autogroup:member" | "autogroup:members") {
        return who.contains('@');
    }
    let address = |name: &str| {
        policy["hosts"][name]
            .as_str()
            .map_or_else(|| name.to_owned(), str::to_owned)
    };
    let (range, one) = (address(selector), address(who));
    let range = range
        .parse::<Cidr>()
        .or_else(|_| format!("{range}/32").parse());
    match (range, one.parse::<Ip>()) {
        (Ok(range), Ok(one)) => range.contains(one),
        _ => false,
    }
}

fn covers_port(ports: &str, port: &str) -> bool {
    let wanted: Option<u16> = port.parse().ok();
    ports.split(',').any(|one| {
        let (from, to) = one.split_once('-').unwrap_or((one, one));
        one == "*"
            || one == port
            || matches!((from.parse(), to.parse(), wanted), (Ok(from), Ok(to), Some(wanted)) if (from..=to).contains(&wanted))
    })
}

fn lets_through(policy: &Value, rule: &Rule<'_>, protocol: Option<&str>, target: &str) -> bool {
    let Some((host, port)) = target.rsplit_once(':') else {
        return false;
    };
    let same = |own: &str| protocol.is_none_or(|wanted| wanted == own);
    rule.protocol.is_none_or(same)
        && rule
            .targets
            .iter()
            .any(|(selector, ports)| covers(policy, selector, host) && covers_port(ports, port))
}

/// Runs tests against a policy: those that fail, as the product tells them.
pub(super) fn run_tests(policy: &Value, tests: &Value) -> Vec<Value> {
    let rules = rules(policy);
    let mut failed = Vec::new();
    for test in tests.as_array().into_iter().flatten() {
        let source = test["src"].as_str().unwrap_or_default();
        let allowed = |target: &str| {
            rules.iter().any(|rule| {
                rule.sources.iter().any(|own| covers(policy, own, source))
                    && lets_through(policy, rule, test["proto"].as_str(), target)
            })
        };
        let wrong = |key: &str, wanted: bool| {
            let [want, got] = if wanted {
                ["Accept", "Drop"]
            } else {
                ["Drop", "Accept"]
            };
            texts(&test[key])
                .into_iter()
                .filter(|target| allowed(target) != wanted)
                .map(|target| format!("address {target:?}: want: {want}, got: {got}"))
                .collect::<Vec<_>>()
        };
        let errors = [wrong("accept", true), wrong("deny", false)].concat();
        if !errors.is_empty() {
            failed.push(json!({ "user": source, "errors": errors }));
        }
    }
    failed
}

/// The rules that are for this user, or for this address and port, with their places.
pub(super) fn matches(
    policy: &Value,
    kind: &str,
    what: &str,
) -> Vec<(Value, (&'static str, usize))> {
    let fits = |rule: &Rule<'_>| {
        if kind == "user" {
            rule.sources.iter().any(|own| covers(policy, own, what))
        } else {
            lets_through(policy, rule, None, what)
        }
    };
    rules(policy)
        .into_iter()
        .filter(fits)
        .map(|rule| {
            let ports: Vec<String> = rule
                .targets
                .iter()
                .map(|(target, ports)| format!("{target}:{ports}"))
                .collect();
            (json!({ "users": rule.sources, "ports": ports }), rule.place)
        })
        .collect()
}

/// What makes a policy one that cannot be: names that nothing defines.
pub(super) fn error(policy: &Value) -> Option<String> {
    if !policy.is_object() {
        return Some("policy must be an object".to_owned());
    }
    let defined = |name: &str| match name.split_once(':') {
        Some(("group", _)) => policy["groups"].get(name).is_some(),
        Some(("tag", _)) => policy["tagOwners"].get(name).is_some(),
        _ => true,
    };
    for (key, at) in ["acls", "grants", "ssh"]
        .into_iter()
        .zip(["acl", "grant", "ssh rule"])
    {
        for rule in policy[key].as_array().into_iter().flatten() {
            let both = [texts(&rule["src"]), texts(&rule["dst"])].concat();
            for name in both {
                // `tag:server:22`: only rules of `acls` have ports behind the name.
                let name = match key {
                    "acls" if name.matches(':').count() > 1 => {
                        name.rsplit_once(':').map_or(name, |(name, _)| name)
                    }
                    _ => name,
                };
                if !defined(name) {
                    let kind = name.split(':').next().unwrap_or_default();
                    return Some(format!("{at}: {kind} not found: {name:?}"));
                }
            }
            if key == "acls" && rule["action"] != "accept" {
                return Some(format!("acl: unknown action: {}", rule["action"]));
            }
        }
    }
    None
}

/// What a policy may be like but is hardly meant to be.
pub(super) fn warnings(policy: &Value) -> Vec<Value> {
    let groups = policy["groups"].as_object().into_iter().flatten();
    groups
        .filter(|(name, _)| name.contains('@'))
        .map(|(name, _)| {
            let text =
                "group is not syncable from SCIM and will be ignored by rules in the policy file";
            json!({ "user": name, "warnings": [text] })
        })
        .collect()
}

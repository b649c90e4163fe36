//! Local names as Pi-hole writes them: addresses (`dns.hosts`) and aliases (`dns.cnameRecords`), and
//! the changes of single elements that give a name its meaning or take it away.

use homelab_core::error::{Code, ToolError, ToolResult};
use homelab_core::net::Ip;
use schemars::JsonSchema;
use serde::Serialize;

use crate::call::Call;
use crate::types::DnsConfig;

/// A local name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub(crate) struct LocalName {
    pub(crate) name: String,
    /// `A`, `AAAA` or `CNAME`.
    #[serde(rename = "type")]
    pub(crate) of_type: String,
    /// The address, or the name that it is an alias of.
    pub(crate) value: String,
    pub(crate) ttl_s: Option<u32>,
}

/// One element of the two settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Line {
    /// `IP NAME [NAME…]`, as it is written.
    Host {
        text: String,
        ip: String,
        names: Vec<String>,
    },
    /// `NAME[,NAME…],TARGET[,TTL]`, as it is written.
    Alias {
        text: String,
        names: Vec<String>,
        target: String,
        ttl: Option<u32>,
    },
}

/// A change of one element.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Step {
    Add(&'static str, String),
    Remove(&'static str, String),
}

pub(crate) const HOSTS: &str = "hosts";
pub(crate) const ALIASES: &str = "cnameRecords";

/// The elements that can be read; Pi-hole itself refuses others.
pub(crate) fn lines(dns: &DnsConfig) -> Vec<Line> {
    let hosts = dns.hosts.iter().filter_map(|text| {
        let bare = text.split('#').next().unwrap_or_default();
        let mut words = bare.split_whitespace();
        let ip = words.next()?.parse::<Ip>().ok()?.to_string();
        Some(Line::Host {
            text: text.clone(),
            ip,
            names: words.map(str::to_lowercase).collect(),
        })
    });
    let aliases = dns.cname_records.iter().filter_map(|text| {
        let mut parts: Vec<&str> = text.split(',').map(str::trim).collect();
        let ttl = parts.last().and_then(|last| last.parse().ok());
        if ttl.is_some() {
            parts.pop();
        }
        let target = parts.pop()?.to_lowercase();
        Some(Line::Alias {
            text: text.clone(),
            names: parts.into_iter().map(str::to_lowercase).collect(),
            target,
            ttl,
        })
    });
    hosts.chain(aliases).collect()
}

impl Line {
    pub(crate) fn names(&self) -> Vec<LocalName> {
        let (names, of_type, value, ttl_s) = match self {
            Self::Host { ip, names, .. } => {
                let of_type = if ip.contains(':') { "AAAA" } else { "A" };
                (names, of_type, ip, None)
            }
            Self::Alias {
                names, target, ttl, ..
            } => (names, "CNAME", target, *ttl),
        };
        let name = |name: &String| LocalName {
            name: name.clone(),
            of_type: of_type.to_owned(),
            value: value.clone(),
            ttl_s,
        };
        names.iter().map(name).collect()
    }

    /// The steps that take a name out of it; the other names on it stay.
    fn without(&self, name: &str) -> Vec<Step> {
        let rest = |names: &[String]| -> Vec<String> {
            names.iter().filter(|one| *one != name).cloned().collect()
        };
        let (setting, text, rest) = match self {
            Self::Host { text, ip, names } => {
                let rest = rest(names);
                let line = (!rest.is_empty()).then(|| format!("{ip} {}", rest.join(" ")));
                (HOSTS, text, line)
            }
            Self::Alias {
                text,
                names,
                target,
                ttl,
            } => {
                let rest = rest(names);
                let ttl = ttl.map(|ttl| format!(",{ttl}")).unwrap_or_default();
                let line = (!rest.is_empty()).then(|| format!("{},{target}{ttl}", rest.join(",")));
                (ALIASES, text, line)
            }
        };
        let removed = Step::Remove(setting, text.clone());
        match rest {
            Some(line) => vec![removed, Step::Add(setting, line)],
            None => vec![removed],
        }
    }
}

impl LocalName {
    pub(crate) fn key(&self) -> String {
        format!("{}\n{}\n{}", self.name, self.of_type, self.value)
    }

    /// The element that says it.
    fn line(&self) -> Step {
        if self.of_type != "CNAME" {
            return Step::Add(HOSTS, format!("{} {}", self.value, self.name));
        }
        let ttl = self.ttl_s.map(|ttl| format!(",{ttl}")).unwrap_or_default();
        Step::Add(ALIASES, format!("{},{}{ttl}", self.name, self.value))
    }
}

/// The steps that give a name its meaning; none where it has it.
pub(crate) fn adding(
    dns: &DnsConfig,
    wanted: &LocalName,
    replace: bool,
    host: &str,
) -> ToolResult<Vec<Step>> {
    let lines = lines(dns);
    let of_name: Vec<(&Line, LocalName)> = lines
        .iter()
        .flat_map(|line| line.names().into_iter().map(move |name| (line, name)))
        .filter(|(_, name)| name.name == wanted.name)
        .collect();
    // A name has an address of each family, or is an alias.
    let other = |name: &LocalName| {
        (name.of_type == wanted.of_type || name.of_type == "CNAME" || wanted.of_type == "CNAME")
            && name != wanted
    };
    let in_the_way: Vec<&(&Line, LocalName)> =
        of_name.iter().filter(|(_, name)| other(name)).collect();
    if let Some((_, name)) = in_the_way.first().filter(|_| !replace) {
        let message = format!(
            "on `{host}`, `{}` stands for `{}` ({}) already",
            name.name, name.value, name.of_type
        );
        return Err(ToolError::new(Code::Conflict, message)
            .reason("name_taken")
            .field("name")
            .hint("set `replace` to put the new one in its place"));
    }
    let mut steps = Vec::new();
    for (line, _) in in_the_way {
        steps.extend(line.without(&wanted.name));
    }
    if !of_name.iter().any(|(_, name)| name == wanted) {
        steps.push(wanted.line());
    }
    Ok(steps)
}

/// The steps that take a name away; none where there is none.
pub(crate) fn removing(dns: &DnsConfig, name: &str, value: Option<&str>) -> Vec<Step> {
    let says = |line: &&Line| {
        line.names()
            .iter()
            .any(|one| one.name == name && value.is_none_or(|value| one.value == value))
    };
    let lines = lines(dns);
    lines
        .iter()
        .filter(says)
        .flat_map(|line| line.without(name))
        .collect()
}

pub(crate) fn step_call(step: &Step) -> Call {
    match step {
        Step::Add(HOSTS, line) => Call::put("add_host", "/api/config/dns/hosts/{}", &[line]),
        Step::Add(_, line) => Call::put("add_alias", "/api/config/dns/cnameRecords/{}", &[line]),
        Step::Remove(HOSTS, line) => {
            Call::delete("remove_host", "/api/config/dns/hosts/{}", &[line])
        }
        Step::Remove(_, line) => {
            Call::delete("remove_alias", "/api/config/dns/cnameRecords/{}", &[line])
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dns(hosts: &[&str], aliases: &[&str]) -> DnsConfig {
        let owned = |list: &[&str]| list.iter().map(|&text| text.to_owned()).collect();
        DnsConfig {
            upstreams: Vec::new(),
            hosts: owned(hosts),
            cname_records: owned(aliases),
        }
    }

    fn name(name: &str, of_type: &str, value: &str) -> LocalName {
        LocalName {
            name: name.to_owned(),
            of_type: of_type.to_owned(),
            value: value.to_owned(),
            ttl_s: None,
        }
    }

    fn add(step: &str) -> Step {
        Step::Add(HOSTS, step.to_owned())
    }

    fn remove(step: &str) -> Step {
        Step::Remove(HOSTS, step.to_owned())
    }

    #[test]
    fn a_name_is_added_once() {
        let there = dns(&["192.0.2.70  NAS nas.lab # the big one"], &[]);

        let same = adding(&there, &name("nas", "A", "192.0.2.70"), false, "a");
        let six = adding(&there, &name("nas", "AAAA", "2001:db8::70"), false, "a");
        let other = adding(&there, &name("nas", "A", "192.0.2.71"), false, "a");
        let replaced = adding(&there, &name("nas", "A", "192.0.2.71"), true, "a");

        assert_eq!(same.unwrap(), []);
        assert_eq!(six.unwrap(), [add("2001:db8::70 nas")]);
        assert!(other.is_err());
        assert_eq!(
            replaced.unwrap(),
            [
                remove("192.0.2.70  NAS nas.lab # the big one"),
                add("192.0.2.70 nas.lab"),
                add("192.0.2.71 nas"),
            ]
        );
    }

    #[test]
    fn an_alias_excludes_an_address() {
        let there = dns(&[], &["a.lab,b.lab,nas.lab,300"]);

        assert!(adding(&there, &name("a.lab", "A", "192.0.2.1"), false, "a").is_err());
        assert_eq!(
            removing(&there, "a.lab", None),
            [
                Step::Remove(ALIASES, "a.lab,b.lab,nas.lab,300".to_owned()),
                Step::Add(ALIASES, "b.lab,nas.lab,300".to_owned()),
            ]
        );
        assert_eq!(removing(&there, "a.lab", Some("other")), []);
    }
}

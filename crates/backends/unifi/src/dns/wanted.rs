//! What a record shall be: put together from what a call says, checked, and written for each API.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use homelab_backend::names;
use homelab_core::error::{Code, ToolError, ToolResult};
use serde_json::{Value, json};

use super::{Difference, RecordItem, RecordType};

/// Most characters of a name.
const LONGEST_NAME: usize = 127;
/// Most characters of a text.
const LONGEST_TEXT: usize = 1024;

/// What a call says of a record besides its type; what is `None` it does not say.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Said<'a> {
    pub(crate) name: Option<&'a str>,
    pub(crate) value: Option<&'a str>,
    pub(crate) ttl_s: Option<u32>,
    pub(crate) priority: Option<u16>,
    pub(crate) weight: Option<u16>,
    pub(crate) port: Option<u16>,
    pub(crate) enabled: Option<bool>,
}

impl Said<'_> {
    /// Whether it says nothing.
    pub(crate) fn is_empty(&self) -> bool {
        let numbers = [self.priority, self.weight, self.port];
        self.name.is_none()
            && self.value.is_none()
            && self.ttl_s.is_none()
            && self.enabled.is_none()
            && numbers.iter().all(Option::is_none)
    }
}

/// A record as it shall be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Wanted {
    pub(crate) kind: RecordType,
    pub(crate) name: String,
    pub(crate) value: String,
    ttl_s: Option<u32>,
    priority: Option<u16>,
    weight: Option<u16>,
    port: Option<u16>,
    enabled: bool,
}

impl Wanted {
    /// A new record.
    ///
    /// # Errors
    /// `invalid_argument` for what no record of the type can be.
    pub(crate) fn new(kind: RecordType, said: Said<'_>) -> ToolResult<Self> {
        let service = kind == RecordType::Srv;
        let empty = Self {
            kind,
            name: String::new(),
            value: String::new(),
            ttl_s: kind.spelling().longest_ttl.map(|_| 0),
            priority: service.then_some(0),
            weight: service.then_some(0),
            port: None,
            enabled: true,
        };
        empty.changed(said)
    }

    /// The record that is there, with what a call says of it.
    ///
    /// # Errors
    /// `not_supported` for a type that only the console knows, else those of [`Self::new`].
    pub(crate) fn from(item: &RecordItem, said: Said<'_>) -> ToolResult<Self> {
        let Some(kind) = item.known_type() else {
            let message = format!("records of type `{}` cannot be changed here", item.kind);
            return Err(ToolError::new(Code::UpstreamRejected, message)
                .reason("not_supported")
                .field("record")
                .hint("change it on the console's own page, or delete it"));
        };
        let now = Self {
            kind,
            name: item.name.clone(),
            value: item.value.clone(),
            ttl_s: item.ttl_s,
            priority: item.priority,
            weight: item.weight,
            port: item.port,
            enabled: item.enabled,
        };
        now.changed(said)
    }

    fn changed(mut self, said: Said<'_>) -> ToolResult<Self> {
        let kind = self.kind.name();
        let foreign = |field: &str| {
            let message = format!("{kind} records have no `{field}` on this console");
            Err(ToolError::invalid(field, message))
        };
        if let Some(name) = said.name {
            self.name = self.name_of(name)?;
        }
        if let Some(value) = said.value {
            self.value = self.value_of(value)?;
        }
        match (said.ttl_s, self.kind.spelling().longest_ttl) {
            (Some(_), None) => return foreign("ttl_s"),
            (Some(ttl), Some(most)) if ttl > most => {
                let message = format!("{kind} records are kept for {most} seconds at most");
                return Err(ToolError::invalid("ttl_s", message));
            }
            (said, _) => self.ttl_s = said.or(self.ttl_s),
        }
        let service = self.kind == RecordType::Srv;
        let ordered = service || self.kind == RecordType::Mx;
        for (field, said, has, slot) in [
            ("priority", said.priority, ordered, &mut self.priority),
            ("weight", said.weight, service, &mut self.weight),
            ("port", said.port, service, &mut self.port),
        ] {
            if said.is_some() && !has {
                return foreign(field);
            }
            *slot = said.or(*slot);
        }
        self.enabled = said.enabled.unwrap_or(self.enabled);
        self.whole()
    }

    /// Refuses a record that lacks what its type needs.
    fn whole(self) -> ToolResult<Self> {
        let kind = self.kind.name();
        let lacks = [
            ("value", self.value.is_empty()),
            (
                "priority",
                self.kind == RecordType::Mx && self.priority.is_none(),
            ),
            ("port", self.kind == RecordType::Srv && self.port.is_none()),
        ];
        match lacks.iter().find(|(_, lacks)| *lacks) {
            Some((field, _)) => Err(ToolError::invalid(
                *field,
                format!("{kind} records need `{field}`"),
            )),
            None => Ok(self),
        }
    }

    fn name_of(&self, text: &str) -> ToolResult<String> {
        let wrong = |why: &str| Err(ToolError::invalid("name", format!("`{text}` {why}")));
        let Some(name) = names::host(text.trim()) else {
            return wrong("is not the name of a host, such as `nas.lab.example`");
        };
        let domain = match (self.kind, split(&name)) {
            (RecordType::Srv, Some((_, _, domain))) => domain,
            (RecordType::Srv, None) => {
                return wrong("is not the name of a service, such as `_ldap._tcp.lab.example`");
            }
            _ => &name,
        };
        if domain.len() > LONGEST_NAME {
            return wrong("is longer than the 127 characters that the console takes");
        }
        Ok(name)
    }

    fn value_of(&self, text: &str) -> ToolResult<String> {
        let text = text.trim();
        let (value, what) = match self.kind {
            RecordType::A => (spelled::<Ipv4Addr>(text), "an IPv4 address"),
            RecordType::Aaaa => (spelled::<Ipv6Addr>(text), "an IPv6 address"),
            RecordType::ForwardDomain => (spelled::<IpAddr>(text), "the IP address of a resolver"),
            RecordType::Txt => (
                plain(text).then(|| text.to_owned()),
                "1 to 1024 characters on one line, without double quotes",
            ),
            RecordType::Cname | RecordType::Mx | RecordType::Srv => (
                names::host(text).filter(|name| name.len() <= LONGEST_NAME && !name.contains('*')),
                "the name of a host",
            ),
        };
        value.ok_or_else(|| {
            let message = format!("the value of {} records is {what}", self.kind.name());
            ToolError::invalid("value", message)
        })
    }

    /// Refuses what cannot stand beside the records that there are, and, unless `more` are meant, a
    /// second record of the name and type. `others` are without the record itself.
    ///
    /// # Errors
    /// `record_exists`.
    pub(crate) fn beside<'a>(
        &self,
        others: impl Iterator<Item = &'a RecordItem>,
        more: bool,
    ) -> ToolResult<()> {
        let forwards = |row: &RecordItem| row.known_type() == Some(RecordType::ForwardDomain);
        for other in others.filter(|other| other.name == self.name) {
            let same_type = other.known_type() == Some(self.kind);
            // A domain that is forwarded is no name that stands for something.
            if !same_type && (self.kind == RecordType::ForwardDomain || forwards(other)) {
                continue;
            }
            let alias = [Some(self.kind), other.known_type()].contains(&Some(RecordType::Cname));
            let same = same_type && other.value == self.value && other.port == self.port;
            let hint = match (alias, same, more) {
                (true, ..) => {
                    "an alias (CNAME) stands alone, and two of one name stop the console's DNS and DHCP: change or delete the other"
                }
                (_, true, _) => "change that one with `update_dns_record`",
                (_, _, false) if same_type => {
                    "change that one with `update_dns_record`, or call `create_dns_record` with `additional`"
                }
                _ => continue,
            };
            let message = format!("`{}` is there already (`{}`)", other.described(), other.id);
            return Err(ToolError::new(Code::Conflict, message)
                .reason("record_exists")
                .field("name")
                .hint(hint));
        }
        Ok(())
    }

    /// The body of a policy; the official API refuses every field that the type does not have.
    pub(super) fn policy_body(&self) -> Value {
        let spelling = self.kind.spelling();
        let mut body = json!({
            "type": spelling.policy,
            "enabled": self.enabled,
            "domain": self.name,
        });
        if let Some((service, protocol, domain)) =
            split(&self.name).filter(|_| self.kind == RecordType::Srv)
        {
            body["service"] = json!(service);
            body["protocol"] = json!(protocol);
            body["domain"] = json!(domain);
        }
        body[spelling.value] = json!(self.written());
        self.add_numbers(&mut body, "ttlSeconds");
        body
    }

    /// The body of a static record.
    pub(super) fn static_body(&self) -> Value {
        let mut body = json!({
            "record_type": self.kind.spelling().old,
            "enabled": self.enabled,
            "key": self.name,
            "value": self.written(),
        });
        self.add_numbers(&mut body, "ttl");
        body
    }

    fn add_numbers(&self, body: &mut Value, ttl: &str) {
        if let Some(seconds) = self.ttl_s {
            body[ttl] = json!(seconds);
        }
        for (field, number) in self.numbers() {
            if let Some(number) = number {
                body[field] = json!(number);
            }
        }
    }

    fn numbers(&self) -> [(&'static str, Option<u16>); 3] {
        [
            ("priority", self.priority),
            ("weight", self.weight),
            ("port", self.port),
        ]
    }

    /// The value as the console wants it: dnsmasq takes a comma for the end of a text that has no
    /// quotes.
    fn written(&self) -> String {
        if self.kind == RecordType::Txt && self.value.contains(',') {
            format!("\"{}\"", self.value)
        } else {
            self.value.clone()
        }
    }

    /// What differs of a record from this; of none, everything.
    pub(crate) fn differences(&self, from: Option<&RecordItem>) -> Vec<Difference> {
        let text = |number: Option<u16>| number.map(|number| number.to_string());
        let all = [
            (
                "name",
                from.map(|row| row.name.clone()),
                Some(self.name.clone()),
            ),
            (
                "value",
                from.map(|row| row.value.clone()),
                Some(self.value.clone()),
            ),
            (
                "ttl_s",
                from.and_then(|row| row.ttl_s).map(|ttl| ttl.to_string()),
                self.ttl_s.map(|ttl| ttl.to_string()),
            ),
            (
                "priority",
                text(from.and_then(|row| row.priority)),
                text(self.priority),
            ),
            (
                "weight",
                text(from.and_then(|row| row.weight)),
                text(self.weight),
            ),
            ("port", text(from.and_then(|row| row.port)), text(self.port)),
            (
                "enabled",
                from.map(|row| row.enabled.to_string()),
                Some(self.enabled.to_string()),
            ),
        ];
        all.into_iter().filter(|(_, from, to)| from != to).collect()
    }

    /// `nas.lab.example A 192.0.2.70`.
    pub(crate) fn described(&self) -> String {
        format!("{} {} {}", self.name, self.kind.name(), self.value)
    }
}

/// An address in one spelling.
fn spelled<T: std::str::FromStr + ToString>(text: &str) -> Option<String> {
    text.parse::<T>().ok().map(|address| address.to_string())
}

/// Whether the console can keep a text. It refuses a double quote inside.
fn plain(text: &str) -> bool {
    let fits = |one: char| !one.is_control() && one != '"';
    (1..=LONGEST_TEXT).contains(&text.chars().count()) && text.chars().all(fits)
}

/// `_ldap`, `_tcp` and the domain of the name of a service.
fn split(name: &str) -> Option<(&str, &str, &str)> {
    let (service, rest) = name.split_once('.')?;
    let (protocol, domain) = rest.split_once('.')?;
    let both = service.starts_with('_') && protocol.starts_with('_');
    (both && !domain.is_empty()).then_some((service, protocol, domain))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn said<'a>(name: &'a str, value: &'a str) -> Said<'a> {
        Said {
            name: Some(name),
            value: Some(value),
            ..Said::default()
        }
    }

    #[test]
    fn a_record_is_written_in_both_forms() {
        let wanted = Wanted::new(
            RecordType::Srv,
            Said {
                port: Some(389),
                ..said("_LDAP._tcp.Lab.example.", "nas.lab.example")
            },
        )
        .unwrap();

        assert_eq!(
            wanted.policy_body(),
            json!({
                "type": "SRV_RECORD", "enabled": true, "service": "_ldap", "protocol": "_tcp",
                "domain": "lab.example", "serverDomain": "nas.lab.example",
                "priority": 0, "weight": 0, "port": 389,
            })
        );
        assert_eq!(
            wanted.static_body(),
            json!({
                "record_type": "SRV", "enabled": true, "key": "_ldap._tcp.lab.example",
                "value": "nas.lab.example", "priority": 0, "weight": 0, "port": 389,
            })
        );
    }

    #[test]
    fn a_text_with_a_comma_is_quoted() {
        let text = |value: &str| Wanted::new(RecordType::Txt, said("a.example", value)).unwrap();

        assert_eq!(text("a b").policy_body()["text"], "a b");
        assert_eq!(text("a, b").policy_body()["text"], "\"a, b\"");
    }

    #[rstest]
    #[case(RecordType::A, said("a.example", "2001:db8::1"), "value")]
    #[case(RecordType::Aaaa, said("a.example", "192.0.2.1"), "value")]
    #[case(RecordType::Cname, said("a.example", "b c"), "value")]
    #[case(RecordType::Cname, said("a.example", "*.example"), "value")]
    #[case(RecordType::Txt, said("a.example", "say \"x\""), "value")]
    #[case(RecordType::Txt, said("a.example", " "), "value")]
    #[case(RecordType::ForwardDomain, said("a.example", "dns.example"), "value")]
    #[case(RecordType::A, said("a/b", "192.0.2.1"), "name")]
    #[case(RecordType::Srv, said("ldap.example", "a.example"), "name")]
    #[case(RecordType::Srv, said("_ldap._tcp.example", "a.example"), "port")]
    #[case(RecordType::Mx, said("a.example", "b.example"), "priority")]
    #[case(RecordType::Mx, Said { ttl_s: Some(60), ..said("a.example", "b.example") }, "ttl_s")]
    #[case(RecordType::A, Said { ttl_s: Some(86_401), ..said("a.example", "192.0.2.1") }, "ttl_s")]
    #[case(RecordType::A, Said { port: Some(1), ..said("a.example", "192.0.2.1") }, "port")]
    fn what_no_record_can_be_is_refused(
        #[case] kind: RecordType,
        #[case] said: Said<'_>,
        #[case] field: &str,
    ) {
        let error = Wanted::new(kind, said).unwrap_err();

        assert_eq!(error.envelope().field.as_deref(), Some(field));
    }

    #[test]
    fn a_long_name_is_refused_by_its_domain() {
        let long = format!("{}.{}.example", "a".repeat(60), "b".repeat(60));

        let error = Wanted::new(RecordType::A, said(&long, "192.0.2.1")).unwrap_err();
        let service = format!("_ldap._tcp.{}.example", "a".repeat(60));
        let service = Wanted::new(
            RecordType::Srv,
            Said {
                port: Some(1),
                ..said(&service, "a.example")
            },
        );

        assert_eq!(error.envelope().field.as_deref(), Some("name"));
        assert!(service.is_ok());
    }
}

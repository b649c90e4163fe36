//! DNS records of both APIs as one: policies of the official API, and the static records of the old one.
//!
//! The console's resolver is dnsmasq. Given two aliases (CNAME) of one name it does not start, and the
//! whole network is without DNS and DHCP; the console takes them nevertheless. So what cannot stand
//! beside what is there is refused before it is sent.

use homelab_backend::names::{from_the_end, host};
use homelab_core::error::{Code, ToolError, ToolResult};
use homelab_core::tool::{Change, Mismatch, Target};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::api::{Feature, Source};
use crate::call::Call;
use crate::client::{Told, Unifi};
use crate::site::Site;
use crate::types::{DnsPolicy, StaticDns};

mod wanted;

pub(crate) use wanted::{Said, Wanted};

/// Records that an error lists.
const CANDIDATES: usize = 10;

/// Type of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum RecordType {
    A,
    Aaaa,
    Cname,
    Mx,
    Srv,
    Txt,
    /// Not a record: names in the domain are asked of another resolver.
    ForwardDomain,
}

/// What the APIs call a type, and how long its records may be kept.
struct Spelling {
    of: RecordType,
    name: &'static str,
    /// `type` of a policy.
    policy: &'static str,
    /// The field that holds the value of a policy.
    value: &'static str,
    /// `record_type` of a static record.
    old: &'static str,
    /// Most seconds of its TTL; `None` where it has none.
    longest_ttl: Option<u32>,
}

const DAY_S: u32 = 86_400;

#[rustfmt::skip]
const SPELLINGS: [Spelling; 7] = [
    Spelling { of: RecordType::A, name: "A", policy: "A_RECORD", value: "ipv4Address", old: "A", longest_ttl: Some(DAY_S) },
    Spelling { of: RecordType::Aaaa, name: "AAAA", policy: "AAAA_RECORD", value: "ipv6Address", old: "AAAA", longest_ttl: Some(DAY_S) },
    Spelling { of: RecordType::Cname, name: "CNAME", policy: "CNAME_RECORD", value: "targetDomain", old: "CNAME", longest_ttl: Some(7 * DAY_S) },
    Spelling { of: RecordType::Mx, name: "MX", policy: "MX_RECORD", value: "mailServerDomain", old: "MX", longest_ttl: None },
    Spelling { of: RecordType::Srv, name: "SRV", policy: "SRV_RECORD", value: "serverDomain", old: "SRV", longest_ttl: None },
    Spelling { of: RecordType::Txt, name: "TXT", policy: "TXT_RECORD", value: "text", old: "TXT", longest_ttl: None },
    Spelling { of: RecordType::ForwardDomain, name: "FORWARD_DOMAIN", policy: "FORWARD_DOMAIN", value: "ipAddress", old: "NS", longest_ttl: None },
];

impl RecordType {
    fn spelling(self) -> &'static Spelling {
        let [a, ..] = &SPELLINGS;
        SPELLINGS.iter().find(|one| one.of == self).unwrap_or(a)
    }

    pub(crate) fn name(self) -> &'static str {
        self.spelling().name
    }

    /// The type of this name; `None` for one that only the console knows, such as `PTR`.
    fn read(name: &str) -> Option<Self> {
        let found = SPELLINGS.iter().find(|one| one.name == name);
        found.map(|one| one.of)
    }
}

/// A DNS record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub(crate) struct RecordItem {
    /// Its id in the API that told of it.
    pub(crate) id: String,
    /// `A`, `AAAA`, `CNAME`, `MX`, `SRV`, `TXT`; `FORWARD_DOMAIN` leads a domain to a resolver.
    #[serde(rename = "type")]
    pub(crate) kind: String,
    pub(crate) name: String,
    /// Address, host or text.
    pub(crate) value: String,
    /// 0 is the console's own.
    pub(crate) ttl_s: Option<u32>,
    pub(crate) priority: Option<u16>,
    pub(crate) weight: Option<u16>,
    pub(crate) port: Option<u16>,
    pub(crate) enabled: bool,
    /// Only `USER_DEFINED` ones can be changed.
    pub(crate) origin: String,
}

impl RecordItem {
    fn of_policy(row: &DnsPolicy) -> Self {
        let spelling = SPELLINGS.iter().find(|one| one.policy == row.kind);
        let text = |field: &str| row.own.get(field).and_then(Value::as_str);
        let number = |field: &str| row.own.get(field).and_then(Value::as_i64);
        let value = spelling.and_then(|spelling| text(spelling.value));
        let name = match (text("service"), text("protocol")) {
            (Some(service), Some(protocol)) => format!("{service}.{protocol}.{}", row.domain),
            _ => row.domain.clone(),
        };
        let item = Self {
            id: row.id.clone(),
            kind: spelling
                .map_or(row.kind.as_str(), |one| one.name)
                .to_owned(),
            name,
            value: value.unwrap_or_default().to_owned(),
            ttl_s: small(number("ttlSeconds")),
            priority: small(number("priority")),
            weight: small(number("weight")),
            port: small(number("port")),
            enabled: row.enabled.unwrap_or(true),
            origin: match row.metadata["origin"].as_str() {
                Some(origin) => origin.to_owned(),
                None => USER_DEFINED.to_owned(),
            },
        };
        item.cleaned()
    }

    fn of_static(row: StaticDns) -> Self {
        let spelling = SPELLINGS.iter().find(|one| one.old == row.record_type);
        let item = Self {
            id: row.id,
            kind: spelling
                .map_or(row.record_type.as_str(), |one| one.name)
                .to_owned(),
            name: row.key,
            value: row.value,
            ttl_s: small(row.ttl),
            priority: small(row.priority),
            weight: small(row.weight),
            port: small(row.port),
            enabled: row.enabled.unwrap_or(true),
            origin: USER_DEFINED.to_owned(),
        };
        item.cleaned()
    }

    /// Without the numbers that its type does not have, which the old API tells as 0.
    fn cleaned(mut self) -> Self {
        let kind = self.known_type();
        let mail = kind == Some(RecordType::Mx);
        let service = kind == Some(RecordType::Srv);
        if kind.is_some_and(|kind| kind.spelling().longest_ttl.is_none()) {
            self.ttl_s = None;
        }
        self.priority = self.priority.filter(|_| mail || service);
        self.weight = self.weight.filter(|_| service);
        self.port = self.port.filter(|_| service);
        if kind == Some(RecordType::Txt) {
            let bare = self.value.strip_prefix('"');
            let bare = bare.and_then(|text| text.strip_suffix('"'));
            self.value = bare.unwrap_or(&self.value).to_owned();
        }
        self.name = self.name.trim_end_matches('.').to_lowercase();
        self
    }

    pub(crate) fn known_type(&self) -> Option<RecordType> {
        RecordType::read(&self.kind)
    }

    /// Sorts what is below a name behind it; different for each record.
    pub(crate) fn key(&self) -> String {
        let name = from_the_end(&self.name);
        format!(
            "{name}\u{1}{}\u{1}{}\u{1}{}",
            self.kind, self.value, self.id
        )
    }

    pub(crate) fn has(&self, text: &str) -> bool {
        let text = text.to_lowercase();
        self.name.contains(&text) || self.value.to_lowercase().contains(&text)
    }

    /// `nas.lab.example A 192.0.2.70`.
    pub(crate) fn described(&self) -> String {
        format!("{} {} {}", self.name, self.kind, self.value)
    }

    pub(crate) fn target(&self) -> Target {
        target(self.id.clone(), &self.name, &self.kind)
    }
}

/// The origin of what a user made.
const USER_DEFINED: &str = "USER_DEFINED";

/// A record as something that a call touches.
pub(crate) fn target(id: String, name: &str, kind: &str) -> Target {
    Target {
        kind: "dns_record".to_owned(),
        id,
        name: Some(name.to_owned()),
        tags: vec![kind.to_owned()],
    }
}

fn small<T: TryFrom<i64>>(number: Option<i64>) -> Option<T> {
    T::try_from(number?).ok()
}

/// Which record a call means.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Which<'a> {
    /// Id or name.
    pub(crate) record: &'a str,
    pub(crate) kind: Option<RecordType>,
    pub(crate) value: Option<&'a str>,
}

impl Which<'_> {
    /// The one record that is meant.
    ///
    /// # Errors
    /// `record_not_found`, `record_ambiguous` with the candidates.
    pub(crate) fn of(self, rows: &[RecordItem]) -> ToolResult<&RecordItem> {
        let wanted = self.record.trim();
        let name = host(wanted);
        let is = |row: &&RecordItem| {
            row.id == wanted
                || name.as_ref() == Some(&row.name)
                    && self.kind.is_none_or(|kind| row.kind == kind.name())
                    && self
                        .value
                        .is_none_or(|value| row.value.eq_ignore_ascii_case(value))
        };
        let found: Vec<&RecordItem> = rows.iter().filter(is).collect();
        match found.as_slice() {
            [one] => Ok(one),
            [] => Err(ToolError::not_found(format!("no DNS record `{wanted}`"))
                .reason("record_not_found")
                .field("record")
                .hint("call `list_dns_records`; the two APIs give one record different ids")),
            several => {
                let told = several.iter().take(CANDIDATES);
                let told: Vec<String> = told
                    .map(|row| format!("`{}` ({})", row.id, row.described()))
                    .collect();
                let message = format!("`{wanted}` has {} records that fit", several.len());
                Err(ToolError::new(Code::Conflict, message)
                    .reason("record_ambiguous")
                    .field("record")
                    .hint(format!("name one by its id: {}", told.join(", "))))
            }
        }
    }
}

impl RecordItem {
    /// Refuses to touch what the console made itself.
    pub(crate) fn may_change(&self) -> ToolResult<()> {
        if self.origin == USER_DEFINED {
            return Ok(());
        }
        let message = format!(
            "`{}` was made by the console, not by a user",
            self.described()
        );
        Err(ToolError::new(Code::Conflict, message)
            .reason("not_user_defined")
            .field("record")
            .hint("change what it comes from, such as the fixed address of a client"))
    }
}

impl Unifi {
    /// The records of a site, by the official API where it has them.
    pub(crate) async fn dns_records(&self, site: &Site) -> ToolResult<Told<Vec<RecordItem>>> {
        if self.api.has(Feature::Policies).await? {
            let template = "/integration/v1/sites/{}/dns/policies";
            let rows: Vec<DnsPolicy> = self
                .api
                .all("dns_policies", template, &[&site.id()])
                .await?;
            return Ok(Told {
                rows: rows.iter().map(RecordItem::of_policy).collect(),
                api: Source::Integration,
            });
        }
        let call = Call::get("static_dns", "/v2/api/site/{}/static-dns", &[&site.name]);
        let rows: Vec<StaticDns> = self.api.json(&call).await?;
        Ok(Told {
            rows: rows.into_iter().map(RecordItem::of_static).collect(),
            api: Source::Legacy,
        })
    }
}

/// The call that makes a record.
pub(crate) fn create_call(site: &Site, api: Source, wanted: &Wanted) -> Call {
    match api {
        Source::Legacy => {
            let template = "/v2/api/site/{}/static-dns";
            Call::post(
                "static_dns_create",
                template,
                &[&site.name],
                wanted.static_body(),
            )
        }
        Source::Integration | Source::Both => {
            let template = "/integration/v1/sites/{}/dns/policies";
            Call::post(
                "dns_policy_create",
                template,
                &[&site.id()],
                wanted.policy_body(),
            )
        }
    }
}

/// The call that makes a record another. Both APIs want the whole of it.
pub(crate) fn replace_call(site: &Site, api: Source, id: &str, wanted: &Wanted) -> Call {
    match api {
        Source::Legacy => {
            let template = "/v2/api/site/{}/static-dns/{}";
            let mut body = wanted.static_body();
            body["_id"] = json!(id);
            Call::put("static_dns_replace", template, &[&site.name, &id], body)
        }
        Source::Integration | Source::Both => {
            let template = "/integration/v1/sites/{}/dns/policies/{}";
            Call::put(
                "dns_policy_replace",
                template,
                &[&site.id(), &id],
                wanted.policy_body(),
            )
        }
    }
}

/// The call that deletes a record.
pub(crate) fn delete_call(site: &Site, api: Source, id: &str) -> Call {
    match api {
        Source::Legacy => Call::delete(
            "static_dns_delete",
            "/v2/api/site/{}/static-dns/{}",
            &[&site.name, &id],
        ),
        Source::Integration | Source::Both => {
            let template = "/integration/v1/sites/{}/dns/policies/{}";
            Call::delete("dns_policy_delete", template, &[&site.id(), &id])
        }
    }
}

/// What differs of a record from what it shall be: field, what is there, what shall be.
pub(crate) type Difference = (&'static str, Option<String>, Option<String>);

/// For a preview.
pub(crate) fn changes(of: Vec<Difference>) -> Vec<Change> {
    let change = |(field, from, to): Difference| Change {
        field: field.to_owned(),
        from,
        to,
    };
    of.into_iter().map(change).collect()
}

/// For a read-back.
pub(crate) fn mismatches(of: Vec<Difference>) -> Vec<Mismatch> {
    let mismatch = |(field, found, wanted): Difference| Mismatch {
        field,
        wanted: wanted.unwrap_or_default(),
        found: found.unwrap_or_default(),
    };
    of.into_iter().map(mismatch).collect()
}

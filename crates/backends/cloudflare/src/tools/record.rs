//! Records: their types, what a call says of one, and how they are found.

use homelab_backend::names;
use homelab_core::error::{Code, ToolError, ToolResult};
use homelab_core::tool::{Change, Mismatch};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::client::Cloudflare;
use crate::ids::{RecordId, RecordName};
use crate::types::{Record, Zone};

/// Longest piece of text in a TXT record, in bytes.
const TXT_PIECE: usize = 255;

/// Type of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub(crate) enum RecordType {
    A,
    Aaaa,
    Caa,
    Cert,
    Cname,
    Dnskey,
    Ds,
    Https,
    Loc,
    Mx,
    Naptr,
    Ns,
    Ptr,
    Smimea,
    Srv,
    Sshfp,
    Svcb,
    Tlsa,
    Txt,
    Uri,
}

impl RecordType {
    /// As the API writes it.
    pub(crate) fn name(self) -> String {
        let value = serde_json::to_value(self).unwrap_or_default();
        value.as_str().unwrap_or_default().to_owned()
    }

    /// Whether it has fields in `data` instead of `content`.
    fn structured(self) -> bool {
        !matches!(
            self,
            Self::A | Self::Aaaa | Self::Cname | Self::Mx | Self::Ns | Self::Ptr | Self::Txt
        )
    }

    fn proxiable(self) -> bool {
        matches!(self, Self::A | Self::Aaaa | Self::Cname)
    }
}

/// A record.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct RecordItem {
    id: String,
    #[serde(rename = "type")]
    kind: String,
    /// Whole, in Punycode.
    name: String,
    content: Option<String>,
    /// Its fields, where the type has several.
    data: Option<Map<String, Value>>,
    /// Seconds; 1 is automatic.
    ttl: Option<u32>,
    /// Whether traffic goes through Cloudflare, which hides the address.
    proxied: bool,
    priority: Option<u16>,
    comment: Option<String>,
    tags: Vec<String>,
    modified_on: Option<String>,
}

impl RecordItem {
    pub(crate) fn id(&self) -> &str {
        &self.id
    }
}

impl From<&Record> for RecordItem {
    fn from(record: &Record) -> Self {
        Self {
            id: record.id.clone(),
            kind: record.kind.clone(),
            name: record.name.clone(),
            content: record.content.clone(),
            data: record.data.clone(),
            ttl: record.ttl,
            proxied: record.proxied.unwrap_or(false),
            priority: record.priority,
            comment: record.comment.clone().filter(|text| !text.is_empty()),
            tags: record.tags.clone().unwrap_or_default(),
            modified_on: record.modified_on.clone(),
        }
    }
}

/// A record after a change.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct RecordChanged {
    /// Name of the zone.
    pub(crate) zone: String,
    pub(crate) record: RecordItem,
    /// `created`, `updated`, `unchanged` or `deleted`.
    pub(crate) done: String,
    /// What Cloudflare remarks about it.
    pub(crate) remarks: Vec<String>,
}

/// What a call says of a record besides type and name; what is `None` it does not say.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Said<'a> {
    pub(crate) content: Option<&'a str>,
    pub(crate) data: Option<&'a Map<String, Value>>,
    pub(crate) ttl: Option<u32>,
    pub(crate) proxied: Option<bool>,
    pub(crate) priority: Option<u16>,
    pub(crate) comment: Option<&'a str>,
    pub(crate) tags: Option<&'a [String]>,
}

impl Said<'_> {
    /// Refuses what no record of the type can be, before anything is sent.
    pub(crate) fn check(&self, kind: RecordType) -> ToolResult<()> {
        let name = kind.name();
        let wrong = |field: &str, text: String| Err(ToolError::invalid(field, text));
        if kind.structured() && self.content.is_some() {
            return wrong(
                "content",
                format!("{name} records are given by `data`, not `content`"),
            );
        }
        if !kind.structured() && self.data.is_some() {
            return wrong(
                "data",
                format!("{name} records are given by `content`, not `data`"),
            );
        }
        if let Some(content) = self.content {
            let fits = match kind {
                RecordType::A => content.parse::<std::net::Ipv4Addr>().is_ok(),
                RecordType::Aaaa => content.parse::<std::net::Ipv6Addr>().is_ok(),
                RecordType::Txt => !content.is_empty(),
                _ => names::host(content).is_some_and(|host| !host.is_empty()),
            };
            if !fits {
                let what = match kind {
                    RecordType::A => "an IPv4 address",
                    RecordType::Aaaa => "an IPv6 address",
                    RecordType::Txt => "text",
                    _ => "the name of a host",
                };
                return wrong(
                    "content",
                    format!("the content of {name} records is {what}"),
                );
            }
        }
        if self.proxied == Some(true) && !kind.proxiable() {
            return wrong(
                "proxied",
                "only A, AAAA and CNAME records can be proxied".to_owned(),
            );
        }
        if self.priority.is_some() && !matches!(kind, RecordType::Mx | RecordType::Uri) {
            let text = "only MX and URI records have a priority of their own";
            return wrong("priority", text.to_owned());
        }
        match self.ttl {
            Some(ttl) if ttl != 1 && !(30..=86_400).contains(&ttl) => wrong(
                "ttl",
                format!("`{ttl}` is neither 1 (automatic) nor 30 to 86400"),
            ),
            Some(ttl) if ttl != 1 && self.proxied == Some(true) => wrong(
                "ttl",
                "a proxied record's `ttl` is always automatic".to_owned(),
            ),
            _ => Ok(()),
        }
    }

    /// Refuses a new record that lacks what its type needs.
    pub(crate) fn check_whole(&self, kind: RecordType) -> ToolResult<()> {
        self.check(kind)?;
        let name = kind.name();
        if kind.structured() && self.data.is_none() {
            let text = format!("{name} records need their fields in `data`");
            return Err(ToolError::invalid("data", text));
        }
        if !kind.structured() && self.content.is_none() {
            return Err(ToolError::invalid(
                "content",
                format!("{name} records need `content`"),
            ));
        }
        if kind == RecordType::Mx && self.priority.is_none() {
            return Err(ToolError::invalid(
                "priority",
                "MX records need a `priority`",
            ));
        }
        Ok(())
    }

    /// The members of a body; what is not said is not in it.
    pub(crate) fn body(&self, kind: RecordType) -> Map<String, Value> {
        let mut body = Map::new();
        let mut put = |name: &str, value: Option<Value>| {
            if let Some(value) = value {
                body.insert(name.to_owned(), value);
            }
        };
        put(
            "content",
            self.content.map(|text| json!(written(kind, text))),
        );
        put("data", self.data.map(|data| json!(data)));
        put("ttl", self.ttl.map(|ttl| json!(ttl)));
        put("proxied", self.proxied.map(|proxied| json!(proxied)));
        put("priority", self.priority.map(|priority| json!(priority)));
        put("comment", self.comment.map(|comment| json!(comment)));
        put("tags", self.tags.map(|tags| json!(tags)));
        body
    }

    /// What would change of a record.
    pub(crate) fn changes(&self, kind: RecordType, before: Option<&Record>) -> Vec<Change> {
        let now = |name: &str| before.map(|record| shown(record, name));
        let wanted = self.body(kind).into_iter().map(|(name, value)| Change {
            from: now(&name),
            to: Some(plain(&value)),
            field: name,
        });
        wanted.filter(|change| change.from != change.to).collect()
    }

    /// Fields that a record does not have as they were said.
    pub(crate) fn mismatches(&self, kind: RecordType, found: &Record) -> Vec<Mismatch> {
        // The order of fields, and what is made of them, is the API's own.
        let compared = ["content", "ttl", "proxied", "priority", "comment"];
        let body = self.body(kind);
        let wanted = compared
            .into_iter()
            .filter_map(|name| Some((name, body.get(name)?)));
        wanted
            .map(|(field, value)| Mismatch {
                field,
                wanted: comparable(kind, field, &plain(value)),
                found: comparable(kind, field, &shown(found, field)),
            })
            // Through Cloudflare it is always automatic.
            .filter(|one| one.field != "ttl" || found.proxied != Some(true))
            .filter(|one| one.wanted != one.found)
            .collect()
    }
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// A member of a record as text; empty where it has none.
fn shown(record: &Record, name: &str) -> String {
    let text = |value: Option<String>| value.unwrap_or_default();
    match name {
        "name" => record.name.clone(),
        "content" => text(record.content.clone()),
        "data" => text(record.data.as_ref().map(|data| json!(data).to_string())),
        "ttl" => text(record.ttl.map(|ttl| ttl.to_string())),
        "proxied" => record.proxied.unwrap_or(false).to_string(),
        "priority" => text(record.priority.map(|priority| priority.to_string())),
        "comment" => text(record.comment.clone()),
        "tags" => json!(record.tags.clone().unwrap_or_default()).to_string(),
        _ => String::new(),
    }
}

/// The same content in one spelling.
fn comparable(kind: RecordType, field: &str, text: &str) -> String {
    match (field, kind) {
        ("content", RecordType::Txt) => text.replace("\" \"", "").trim_matches('"').to_owned(),
        ("content", RecordType::Aaaa) => text
            .parse::<std::net::Ipv6Addr>()
            .map_or_else(|_| text.to_owned(), |ip| ip.to_string()),
        ("content", _) => text.trim_end_matches('.').to_lowercase(),
        _ => text.to_owned(),
    }
}

/// Whether two contents are the same.
pub(crate) fn same_content(kind: &str, a: &str, b: &str) -> bool {
    let value = serde_json::from_value(json!(kind));
    let kind: RecordType = value.unwrap_or(RecordType::Cname);
    comparable(kind, "content", a) == comparable(kind, "content", b)
}

/// A content as the API wants it: text in quotes, in pieces of 255 bytes.
fn written(kind: RecordType, content: &str) -> String {
    let content = content.trim();
    let quoted = content.len() > 1 && content.starts_with('"') && content.ends_with('"');
    if kind != RecordType::Txt || quoted {
        return content.to_owned();
    }
    let mut pieces = vec![String::new()];
    for letter in content.chars() {
        let escaped = if matches!(letter, '"' | '\\') {
            format!("\\{letter}")
        } else {
            letter.to_string()
        };
        let last = pieces.last().map_or(0, String::len);
        if last + escaped.len() > TXT_PIECE {
            pieces.push(String::new());
        }
        if let Some(last) = pieces.last_mut() {
            last.push_str(&escaped);
        }
    }
    let pieces: Vec<String> = pieces.iter().map(|piece| format!("\"{piece}\"")).collect();
    pieces.join(" ")
}

/// Which record of a zone is meant.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Which<'a> {
    pub(crate) id: Option<&'a RecordId>,
    pub(crate) name: Option<&'a RecordName>,
    pub(crate) kind: Option<RecordType>,
    pub(crate) content: Option<&'a str>,
}

impl Cloudflare {
    /// Records of a name, of one type if that is given.
    pub(crate) async fn named(
        &self,
        zone: &Zone,
        name: &RecordName,
        kind: Option<RecordType>,
    ) -> ToolResult<Vec<Record>> {
        let mut filters = vec![("name", name.within(&zone.name))];
        if let Some(kind) = kind {
            filters.push(("type", kind.name()));
        }
        self.records(&zone.id, &filters).await
    }

    /// The one record that is meant.
    pub(crate) async fn the_record(&self, zone: &Zone, which: Which<'_>) -> ToolResult<Record> {
        let instance = &self.api.who.instance;
        let missing = |what: String| {
            ToolError::not_found(format!("no record {what} in `{}`", zone.name))
                .reason("record_not_found")
                .hint("see `list_dns_records`")
                .instance(instance.clone())
        };
        if let Some(id) = which.id {
            let found = self.record(&zone.id, id.as_str()).await?;
            return found.ok_or_else(|| missing(format!("`{id}`")).field("record_id"));
        }
        let Some(name) = which.name else {
            return Err(ToolError::invalid("record_id", "no record is named")
                .hint("give `record_id`, or `name` and, where it has several records, `type`"));
        };
        let mut found = self.named(zone, name, which.kind).await?;
        if let Some(content) = which.content {
            found.retain(|record| {
                let own = record.content.as_deref().unwrap_or_default();
                same_content(&record.kind, own, content)
            });
        }
        let described = name.within(&zone.name);
        match found.len() {
            0 => Err(missing(format!("`{described}` of this kind")).field("name")),
            1 => found
                .pop()
                .ok_or_else(|| ToolError::internal("a list of one row is empty")),
            several => {
                let rows: Vec<String> = found
                    .iter()
                    .take(10)
                    .map(|record| format!("`{}` ({})", record.id, record.described()))
                    .collect();
                let message = format!("`{described}` has {several} records that fit");
                Err(ToolError::new(Code::Conflict, message)
                    .reason("record_ambiguous")
                    .field("record_id")
                    .hint(format!("name one by `record_id`: {}", rows.join(", ")))
                    .instance(instance.clone()))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[test]
    fn text_is_quoted_and_cut_to_pieces() {
        let long = "x".repeat(300);

        assert_eq!(written(RecordType::Txt, "v=spf1 -all"), "\"v=spf1 -all\"");
        assert_eq!(written(RecordType::Txt, "\"kept\""), "\"kept\"");
        assert_eq!(written(RecordType::Txt, "say \"x\""), "\"say \\\"x\\\"\"");
        assert_eq!(
            written(RecordType::Txt, &long),
            format!("\"{}\" \"{}\"", "x".repeat(255), "x".repeat(45))
        );
        assert_eq!(written(RecordType::Cname, "a.example"), "a.example");
    }

    #[rstest]
    #[case(RecordType::A, Said { content: Some("2001:db8::1"), ..Said::default() }, "content")]
    #[case(RecordType::Aaaa, Said { content: Some("192.0.2.1"), ..Said::default() }, "content")]
    #[case(RecordType::Cname, Said { content: Some("a b"), ..Said::default() }, "content")]
    #[case(RecordType::Srv, Said { content: Some("x"), ..Said::default() }, "content")]
    #[case(RecordType::Srv, Said::default(), "data")]
    #[case(RecordType::A, Said::default(), "content")]
    #[case(RecordType::Mx, Said { content: Some("mx.example"), ..Said::default() }, "priority")]
    #[case(RecordType::Txt, Said { content: Some("x"), proxied: Some(true), ..Said::default() }, "proxied")]
    #[case(RecordType::A, Said { content: Some("192.0.2.1"), ttl: Some(5), ..Said::default() }, "ttl")]
    #[case(RecordType::A, Said { content: Some("192.0.2.1"), ttl: Some(60), proxied: Some(true), ..Said::default() }, "ttl")]
    fn what_is_no_record_names_the_argument(
        #[case] kind: RecordType,
        #[case] said: Said<'_>,
        #[case] field: &str,
    ) {
        let error = said.check_whole(kind).unwrap_err();

        assert_eq!(error.envelope().field.as_deref(), Some(field));
    }

    #[test]
    fn contents_are_compared_in_one_spelling() {
        assert!(same_content("TXT", "\"a\" \"b\"", "ab"));
        assert!(same_content("AAAA", "2001:db8:0::1", "2001:DB8::1"));
        assert!(same_content("CNAME", "A.example.", "a.example"));
        assert!(!same_content("A", "192.0.2.1", "192.0.2.2"));
    }
}

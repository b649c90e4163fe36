//! The log of queries.

use homelab_core::error::{ToolError, ToolResult};
use homelab_core::tool::tool;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::call::Call;
use crate::client::Pihole;
use crate::times::{span, time_of};
use crate::types::{QueryPage, QueryRow};

/// Rows of a page unless said otherwise.
const USUAL: u32 = 50;

/// What became of a query.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum Status {
    Gravity,
    Forwarded,
    Cache,
    Regex,
    Denylist,
    ExternalBlockedIp,
    ExternalBlockedNull,
    ExternalBlockedNxra,
    ExternalBlockedEde15,
    GravityCname,
    RegexCname,
    DenylistCname,
    Retried,
    RetriedDnssec,
    InProgress,
    Dbbusy,
    SpecialDomain,
    CacheStale,
    Unknown,
}

impl Status {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Gravity => "GRAVITY",
            Self::Forwarded => "FORWARDED",
            Self::Cache => "CACHE",
            Self::Regex => "REGEX",
            Self::Denylist => "DENYLIST",
            Self::ExternalBlockedIp => "EXTERNAL_BLOCKED_IP",
            Self::ExternalBlockedNull => "EXTERNAL_BLOCKED_NULL",
            Self::ExternalBlockedNxra => "EXTERNAL_BLOCKED_NXRA",
            Self::ExternalBlockedEde15 => "EXTERNAL_BLOCKED_EDE15",
            Self::GravityCname => "GRAVITY_CNAME",
            Self::RegexCname => "REGEX_CNAME",
            Self::DenylistCname => "DENYLIST_CNAME",
            Self::Retried => "RETRIED",
            Self::RetriedDnssec => "RETRIED_DNSSEC",
            Self::InProgress => "IN_PROGRESS",
            Self::Dbbusy => "DBBUSY",
            Self::SpecialDomain => "SPECIAL_DOMAIN",
            Self::CacheStale => "CACHE_STALE",
            Self::Unknown => "UNKNOWN",
        }
    }
}

/// Which queries.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct GetQueryLog {
    /// Only of this domain; `*` stands for any text.
    #[schemars(length(max = 253))]
    domain: Option<String>,
    /// Only of this client: its IP address, or its name, where `*` stands for any text.
    #[schemars(length(max = 253))]
    client: Option<String>,
    /// Only those with this outcome.
    status: Option<Status>,
    /// Only of this type, such as `A`, `AAAA`, `HTTPS`.
    #[serde(rename = "type")]
    #[schemars(length(max = 20))]
    of_type: Option<String>,
    /// Begin (RFC 3339); default everything that it holds in memory.
    #[schemars(length(max = 40))]
    from: Option<String>,
    /// End (RFC 3339); default now.
    #[schemars(length(max = 40))]
    until: Option<String>,
    /// The Pi-hole to ask; default the first of the instance.
    #[schemars(length(max = 40))]
    host: Option<String>,
    /// Rows of a page; default 50.
    #[schemars(range(min = 1, max = 500))]
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    #[schemars(length(max = 60))]
    cursor: Option<String>,
}

/// A page of queries, the newest first.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct QueryLog {
    items: Vec<Query>,
    /// How many fit in all.
    total: u64,
    /// Pass this as `cursor` for the next page; absent on the last.
    next_cursor: Option<String>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct Query {
    /// RFC 3339.
    time: Option<String>,
    domain: String,
    #[serde(rename = "type")]
    of_type: String,
    /// What became of it, such as `FORWARDED`, `CACHE`, `GRAVITY` (on a list), `DENYLIST`, `REGEX`.
    status: Option<String>,
    client: String,
    client_name: Option<String>,
    /// Such as `IP`, `NXDOMAIN`.
    reply: Option<String>,
    /// Who answered, where it was forwarded.
    upstream: Option<String>,
    /// The name behind this one that was blocked.
    cname: Option<String>,
}

/// Get queries, the newest first: who asked for what, and what became of it. This is personal data.
#[tool(
    read,
    open_world,
    permission = "pihole:query:read",
    title = "Get the query log",
    timeout = 90,
    untrusted("items.domain", "items.client_name", "items.cname")
)]
pub(crate) async fn get_query_log(pihole: &Pihole, args: GetQueryLog) -> ToolResult<QueryLog> {
    let (cursor, start) = place(args.cursor.as_deref())?;
    let call = args.call(pihole.now_s(), cursor, start)?;
    let found: QueryPage = pihole.host(args.host.as_deref())?.json(&call).await?;
    let shown = start + found.queries.len() as u64;
    // Queries that come in meanwhile must not shift the pages: they go on from the first one's.
    let cursor = cursor.or(found.cursor).filter(|cursor| *cursor >= 0);
    let more = !found.queries.is_empty() && shown < found.filtered;
    Ok(QueryLog {
        items: found.queries.into_iter().map(Query::from).collect(),
        total: found.filtered,
        next_cursor: cursor
            .filter(|_| more)
            .map(|cursor| format!("{cursor}.{shown}")),
    })
}

impl GetQueryLog {
    fn call(&self, now: i64, cursor: Option<i64>, start: u64) -> ToolResult<Call> {
        let span = span(self.from.as_deref(), self.until.as_deref(), now)?;
        let client = self.client.as_deref().map(str::trim);
        let is_ip = client.is_some_and(|text| text.parse::<std::net::IpAddr>().is_ok());
        Ok(Call::get("queries", "/api/queries", &[])
            .query("length", self.limit.unwrap_or(USUAL))
            .query("start", start)
            .query_opt("cursor", cursor)
            .query_opt("from", span.map(|(from, _)| from))
            .query_opt("until", span.map(|(_, until)| until))
            .query_opt("domain", self.domain.as_deref().map(str::trim))
            .query_opt("client_ip", client.filter(|_| is_ip))
            .query_opt("client_name", client.filter(|_| !is_ip))
            .query_opt("status", self.status.map(Status::as_str))
            .query_opt("type", self.of_type.as_deref().map(str::to_uppercase)))
    }
}

/// The cursor of the first page, and how many rows were shown.
fn place(cursor: Option<&str>) -> ToolResult<(Option<i64>, u64)> {
    let Some(text) = cursor else {
        return Ok((None, 0));
    };
    let parts = text.split_once('.').and_then(|(cursor, start)| {
        Some((cursor.parse::<i64>().ok()?, start.parse::<u64>().ok()?))
    });
    let (cursor, start) = parts.ok_or_else(|| {
        ToolError::invalid("cursor", "this is no cursor of this tool")
            .hint("pass `next_cursor` of the page before as it is")
    })?;
    Ok((Some(cursor), start))
}

impl From<QueryRow> for Query {
    fn from(row: QueryRow) -> Self {
        let said = |text: Option<String>| text.filter(|text| !text.is_empty());
        Self {
            time: time_of(row.time),
            domain: row.domain,
            of_type: row.of_type,
            status: said(row.status),
            client: row.client.ip,
            client_name: said(row.client.name),
            reply: said(row.reply.of_type),
            upstream: said(row.upstream),
            cname: said(row.cname),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_goes_on_from_the_first_ones_cursor() {
        assert_eq!(place(None).unwrap(), (None, 0));
        assert_eq!(place(Some("172.50")).unwrap(), (Some(172), 50));
        for wrong in ["", "172", "a.b", "1.2.3", "-"] {
            assert!(place(Some(wrong)).is_err(), "{wrong}");
        }
    }
}

//! What Pi-hole sends, as far as it is read.

use std::collections::BTreeMap;

use serde::Deserialize;

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Sessions {
    pub(crate) sessions: Vec<SessionRow>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct SessionRow {
    pub(crate) id: i64,
    pub(crate) current_session: bool,
    pub(crate) user_agent: Option<String>,
    pub(crate) remote_addr: String,
    pub(crate) last_active: i64,
}

/// `GET /dns/blocking`.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Blocking {
    /// `enabled`, `disabled`, `failed` or `unknown`.
    pub(crate) blocking: String,
    /// Seconds until it is the other way round.
    #[serde(default)]
    pub(crate) timer: Option<f64>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Summary {
    pub(crate) queries: Queried,
    pub(crate) clients: Clients,
    pub(crate) gravity: Gravity,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Queried {
    pub(crate) total: u64,
    pub(crate) blocked: u64,
    pub(crate) percent_blocked: f64,
    pub(crate) unique_domains: u64,
    pub(crate) forwarded: u64,
    pub(crate) cached: u64,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Clients {
    pub(crate) active: u64,
    pub(crate) total: u64,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(crate) struct Gravity {
    pub(crate) domains_being_blocked: i64,
    pub(crate) last_update: i64,
}

/// `GET /info/ftl`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct FtlInfo {
    pub(crate) ftl: Ftl,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Ftl {
    pub(crate) privacy_level: Option<i64>,
    /// Milliseconds.
    pub(crate) uptime: Option<f64>,
}

/// `GET /info/version`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct VersionInfo {
    pub(crate) version: Versions,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Versions {
    pub(crate) ftl: Component,
    pub(crate) core: Component,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Component {
    pub(crate) local: Release,
    pub(crate) remote: Release,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Release {
    pub(crate) version: Option<String>,
}

/// What became of the items of a change.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Processed {
    pub(crate) processed: Option<Items>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Items {
    pub(crate) errors: Vec<ItemError>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct ItemError {
    pub(crate) item: String,
    pub(crate) error: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Domains {
    pub(crate) domains: Vec<DomainRow>,
}

/// A rule about a domain.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct DomainRow {
    pub(crate) domain: String,
    #[serde(rename = "type")]
    pub(crate) of_type: String,
    pub(crate) kind: String,
    pub(crate) comment: Option<String>,
    pub(crate) groups: Vec<i64>,
    pub(crate) enabled: bool,
    pub(crate) date_modified: i64,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Groups {
    pub(crate) groups: Vec<GroupRow>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct GroupRow {
    pub(crate) id: i64,
    pub(crate) name: String,
    pub(crate) comment: Option<String>,
    pub(crate) enabled: bool,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct ClientRows {
    pub(crate) clients: Vec<ClientRow>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct ClientRow {
    pub(crate) client: String,
    pub(crate) name: Option<String>,
    pub(crate) comment: Option<String>,
    pub(crate) groups: Vec<i64>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Lists {
    pub(crate) lists: Vec<ListRow>,
}

/// A list of domains that is fetched.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct ListRow {
    pub(crate) address: String,
    #[serde(rename = "type")]
    pub(crate) of_type: String,
    pub(crate) comment: Option<String>,
    pub(crate) groups: Vec<i64>,
    pub(crate) enabled: bool,
    pub(crate) date_updated: i64,
    pub(crate) number: i64,
    pub(crate) invalid_domains: i64,
    pub(crate) status: i64,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct TopDomains {
    pub(crate) domains: Vec<DomainCount>,
    pub(crate) total_queries: u64,
    pub(crate) blocked_queries: u64,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct DomainCount {
    pub(crate) domain: String,
    pub(crate) count: u64,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct TopClients {
    pub(crate) clients: Vec<ClientCount>,
    pub(crate) total_queries: u64,
    pub(crate) blocked_queries: u64,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct ClientCount {
    pub(crate) ip: String,
    pub(crate) name: Option<String>,
    pub(crate) count: u64,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Upstreams {
    pub(crate) upstreams: Vec<UpstreamRow>,
    pub(crate) total_queries: u64,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct UpstreamRow {
    pub(crate) ip: Option<String>,
    pub(crate) name: Option<String>,
    pub(crate) port: i64,
    pub(crate) count: u64,
    pub(crate) statistics: Timing,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Timing {
    /// Seconds.
    pub(crate) response: f64,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct QueryPage {
    pub(crate) queries: Vec<QueryRow>,
    pub(crate) cursor: Option<i64>,
    #[serde(rename = "recordsFiltered")]
    pub(crate) filtered: u64,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct QueryRow {
    pub(crate) time: f64,
    #[serde(rename = "type")]
    pub(crate) of_type: String,
    pub(crate) domain: String,
    pub(crate) cname: Option<String>,
    pub(crate) status: Option<String>,
    pub(crate) client: QueryClient,
    pub(crate) reply: QueryReply,
    pub(crate) upstream: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct QueryClient {
    pub(crate) ip: String,
    pub(crate) name: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct QueryReply {
    #[serde(rename = "type")]
    pub(crate) of_type: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Search {
    pub(crate) search: Found,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Found {
    pub(crate) domains: Vec<DomainRow>,
    pub(crate) gravity: Vec<ListHit>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct ListHit {
    pub(crate) domain: String,
    pub(crate) address: String,
    #[serde(rename = "type")]
    pub(crate) of_type: String,
    pub(crate) enabled: bool,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Messages {
    pub(crate) messages: Vec<MessageRow>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct MessageRow {
    pub(crate) id: i64,
    pub(crate) timestamp: f64,
    #[serde(rename = "type")]
    pub(crate) of_type: String,
    pub(crate) plain: String,
}

/// `GET /config/dns` and `GET /config/dhcp`, the lists of text in them.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct ConfigAnswer {
    pub(crate) config: ConfigTree,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct ConfigTree {
    pub(crate) dns: DnsConfig,
    pub(crate) dhcp: DhcpConfig,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(crate) struct DnsConfig {
    pub(crate) upstreams: Vec<String>,
    pub(crate) hosts: Vec<String>,
    #[serde(rename = "cnameRecords")]
    pub(crate) cname_records: Vec<String>,
}

/// `POST /teleporter`, which has `files` where its documentation has `processed`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct TeleporterTaken {
    #[serde(alias = "processed")]
    pub(crate) files: Vec<String>,
}

/// `GET /config/dhcp`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(crate) struct DhcpConfig {
    pub(crate) hosts: Vec<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Leases {
    pub(crate) leases: Vec<LeaseRow>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct LeaseRow {
    /// Seconds since 1970; 0 for a lease that does not end.
    pub(crate) expires: i64,
    pub(crate) name: String,
    pub(crate) hwaddr: String,
    pub(crate) ip: String,
}

/// Names of groups by number.
pub(crate) type GroupNames = BTreeMap<i64, String>;

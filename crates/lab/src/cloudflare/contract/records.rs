//! Calls about records.

use super::super::dns;
use super::{DIRECTION, FLAG, MATCH, PAGE, Run, Scope, TEXT, delete, get, send};
use crate::cloudflare::auth::Permission;
use crate::contract::{Kind, Param, Route, optional, required};

const DNS_READ: Scope = Scope::Zone(Permission::DnsRead);
const DNS_WRITE: Scope = Scope::Zone(Permission::DnsWrite);

/// Fields of a record that is made or replaced.
pub(in crate::cloudflare) static RECORD: &[Param] = &[
    required("type", Kind::OneOf(dns::TYPES)),
    required("name", TEXT),
    optional("content", TEXT),
    optional("data", Kind::Object),
    optional("ttl", Kind::Integer(0, i64::MAX)),
    optional("proxied", FLAG),
    optional("priority", Kind::Integer(0, 65_535)),
    optional("comment", TEXT),
    optional("tags", Kind::Texts),
    optional("settings", Kind::Object),
];

/// Fields of a record that is changed.
pub(in crate::cloudflare) static RECORD_CHANGES: &[Param] = &[
    optional("type", Kind::OneOf(dns::TYPES)),
    optional("name", TEXT),
    optional("content", TEXT),
    optional("data", Kind::Object),
    optional("ttl", Kind::Integer(0, i64::MAX)),
    optional("proxied", FLAG),
    optional("priority", Kind::Integer(0, 65_535)),
    optional("comment", TEXT),
    optional("tags", Kind::Texts),
    optional("settings", Kind::Object),
];

static RECORD_FILTERS: &[Param] = &[
    optional("type", Kind::OneOf(dns::TYPES)),
    optional("name", TEXT),
    optional("name.exact", TEXT),
    optional("name.contains", TEXT),
    optional("name.startswith", TEXT),
    optional("name.endswith", TEXT),
    optional("content", TEXT),
    optional("content.exact", TEXT),
    optional("content.contains", TEXT),
    optional("content.startswith", TEXT),
    optional("content.endswith", TEXT),
    optional("comment", TEXT),
    optional("comment.exact", TEXT),
    optional("comment.contains", TEXT),
    optional("comment.startswith", TEXT),
    optional("comment.endswith", TEXT),
    optional("comment.present", TEXT),
    optional("comment.absent", TEXT),
    optional("tag", TEXT),
    optional("tag.exact", TEXT),
    optional("tag.contains", TEXT),
    optional("tag.startswith", TEXT),
    optional("tag.endswith", TEXT),
    optional("tag.present", TEXT),
    optional("tag.absent", TEXT),
    optional("tag_match", Kind::OneOf(&["any", "all"])),
    optional("proxied", FLAG),
    optional("search", TEXT),
    MATCH,
    optional(
        "order",
        Kind::OneOf(&["type", "name", "content", "ttl", "proxied"]),
    ),
    DIRECTION,
    PAGE,
    optional("per_page", Kind::Integer(1, 5_000_000)),
];

pub(super) static TABLE: &[Route<Run>] = &[
    get(
        "/zones/{zone_id}/dns_records",
        DNS_READ,
        RECORD_FILTERS,
        dns::list,
    ),
    send(
        "POST",
        "/zones/{zone_id}/dns_records",
        DNS_WRITE,
        RECORD,
        dns::create,
    ),
    get(
        "/zones/{zone_id}/dns_records/export",
        DNS_READ,
        &[],
        dns::export,
    ),
    send(
        "POST",
        "/zones/{zone_id}/dns_records/batch",
        DNS_WRITE,
        &[
            optional("deletes", Kind::List),
            optional("patches", Kind::List),
            optional("puts", Kind::List),
            optional("posts", Kind::List),
        ],
        dns::batch,
    ),
    get(
        "/zones/{zone_id}/dns_records/{dns_record_id}",
        DNS_READ,
        &[],
        dns::inspect,
    ),
    send(
        "PATCH",
        "/zones/{zone_id}/dns_records/{dns_record_id}",
        DNS_WRITE,
        RECORD_CHANGES,
        dns::patch,
    ),
    send(
        "PUT",
        "/zones/{zone_id}/dns_records/{dns_record_id}",
        DNS_WRITE,
        RECORD,
        dns::put,
    ),
    delete(
        "/zones/{zone_id}/dns_records/{dns_record_id}",
        DNS_WRITE,
        dns::delete,
    ),
];

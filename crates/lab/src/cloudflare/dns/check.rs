//! Which records are valid, by themselves and beside others.

use std::net::{Ipv4Addr, Ipv6Addr};

use serde_json::{Map, Value, json};

use crate::cloudflare::reply::Failure;
use crate::cloudflare::state::{Plan, Zone};

/// Types of records.
pub(in crate::cloudflare) const TYPES: &[&str] = &[
    "A",
    "AAAA",
    "CAA",
    "CERT",
    "CNAME",
    "DNSKEY",
    "DS",
    "HTTPS",
    "LOC",
    "MX",
    "NAPTR",
    "NS",
    "OPENPGPKEY",
    "PTR",
    "SMIMEA",
    "SRV",
    "SSHFP",
    "SVCB",
    "TLSA",
    "TXT",
    "URI",
];

/// Types that can be proxied.
pub(in crate::cloudflare) const PROXIABLE: [&str; 3] = ["A", "AAAA", "CNAME"];

/// The fields of `data` by type, in the order in which they make the content.
const DATA: [(&str, &[&str]); 13] = [
    ("CAA", &["flags", "tag", "value"]),
    ("CERT", &["type", "key_tag", "algorithm", "certificate"]),
    ("DNSKEY", &["flags", "protocol", "algorithm", "public_key"]),
    ("DS", &["key_tag", "algorithm", "digest_type", "digest"]),
    ("HTTPS", &["priority", "target", "value"]),
    (
        "LOC",
        &[
            "lat_degrees",
            "lat_minutes",
            "lat_seconds",
            "lat_direction",
            "long_degrees",
            "long_minutes",
            "long_seconds",
            "long_direction",
            "altitude",
            "size",
            "precision_horz",
            "precision_vert",
        ],
    ),
    (
        "NAPTR",
        &[
            "order",
            "preference",
            "flags",
            "service",
            "regex",
            "replacement",
        ],
    ),
    (
        "SMIMEA",
        &["usage", "selector", "matching_type", "certificate"],
    ),
    ("SRV", &["priority", "weight", "port", "target"]),
    ("SSHFP", &["algorithm", "type", "fingerprint"]),
    ("SVCB", &["priority", "target", "value"]),
    (
        "TLSA",
        &["usage", "selector", "matching_type", "certificate"],
    ),
    ("URI", &["weight", "target"]),
];

/// The record that these fields make, without id and times.
pub(super) fn build(zone: &Zone, body: &Map<String, Value>) -> Result<Map<String, Value>, Failure> {
    let text = |name: &str| body.get(name).and_then(Value::as_str);
    let kind = text("type").unwrap_or_default().to_owned();
    let name = full_name(zone, text("name").unwrap_or_default())?;
    let mut record = Map::new();
    record.insert("name".to_owned(), json!(name));
    record.insert("type".to_owned(), json!(kind));
    let fields = DATA.iter().find(|(known, _)| *known == kind);
    if let Some((_, fields)) = fields {
        let (data, content) = structured(&kind, fields, body)?;
        if let Some(priority) = data.get("priority").or_else(|| body.get("priority"))
            && matches!(kind.as_str(), "SRV" | "URI")
        {
            record.insert("priority".to_owned(), priority.clone());
        }
        record.insert("content".to_owned(), json!(content));
        record.insert("data".to_owned(), Value::Object(data));
    } else {
        if body.contains_key("data") {
            let message = format!("{kind} records have no data, but content.");
            return Err(Failure::record(9101, message));
        }
        let content = content(&kind, text("content").unwrap_or_default(), &name)?;
        record.insert("content".to_owned(), json!(content));
        if kind == "MX" {
            let missing = || Failure::record(9102, "priority is a required data field.");
            let priority = body.get("priority").ok_or_else(missing)?;
            record.insert("priority".to_owned(), priority.clone());
        }
    }
    let proxied = proxied(&kind, body, &record)?;
    record.insert(
        "proxiable".to_owned(),
        json!(PROXIABLE.contains(&kind.as_str())),
    );
    record.insert("proxied".to_owned(), json!(proxied));
    record.insert("ttl".to_owned(), json!(ttl(zone, body, proxied)?));
    record.insert("settings".to_owned(), settings(zone, body)?);
    record.insert("meta".to_owned(), json!({}));
    remarks(zone, body, &mut record)?;
    Ok(record)
}

fn full_name(zone: &Zone, name: &str) -> Result<String, Failure> {
    if !name.is_ascii() {
        let failure = Failure::record(9000, "DNS name is invalid: it has to be in Punycode.");
        return Err(failure.outside_the_contract());
    }
    let name = name.trim_end_matches('.').to_lowercase();
    let full = if name == "@" {
        zone.name.clone()
    } else if name == zone.name || name.ends_with(&format!(".{}", zone.name)) {
        name
    } else {
        format!("{name}.{}", zone.name)
    };
    let label = |label: &str| {
        label == "*"
            || (!label.is_empty()
                && label.len() <= 63
                && label
                    .bytes()
                    .all(|c| c.is_ascii_alphanumeric() || c == b'-' || c == b'_'))
    };
    if full.len() > 253 || !full.split('.').all(label) {
        return Err(Failure::record(9000, "DNS name is invalid."));
    }
    Ok(full)
}

fn content(kind: &str, content: &str, name: &str) -> Result<String, Failure> {
    let wrong = |code: i64, what: &str| {
        let message = format!("Content for {kind} record must be {what}.");
        Err(Failure::record(code, message))
    };
    if content.is_empty() {
        return wrong(9103, "given");
    }
    match kind {
        "A" if content.parse::<Ipv4Addr>().is_err() => wrong(9005, "a valid IPv4 address"),
        "AAAA" if content.parse::<Ipv6Addr>().is_err() => wrong(9006, "a valid IPv6 address"),
        "CNAME" | "MX" | "NS" | "PTR" => {
            let target = content.trim_end_matches('.').to_lowercase();
            let label = |label: &str| !label.is_empty() && label.len() <= 63;
            if content.parse::<Ipv4Addr>().is_ok()
                || target.contains([' ', '/', ':'])
                || !target.split('.').all(label)
            {
                return wrong(9007, "a valid hostname");
            }
            if kind == "CNAME" && target == name {
                return Err(Failure::record(
                    9039,
                    "Content for CNAME record is its own name.",
                ));
            }
            Ok(target)
        }
        "TXT" if content.len() > 2048 => wrong(9008, "at most 2,048 characters"),
        _ => Ok(content.to_owned()),
    }
}

fn structured(
    kind: &str,
    fields: &[&str],
    body: &Map<String, Value>,
) -> Result<(Map<String, Value>, String), Failure> {
    let Some(data) = body.get("data").and_then(Value::as_object) else {
        let message = format!("data is required for {kind} records.");
        return Err(Failure::record(9101, message));
    };
    let known = |name: &&String| !fields.contains(&name.as_str());
    if let Some(name) = data.keys().find(known) {
        let message = format!("{name} is not a data field of {kind} records.");
        return Err(Failure::record(9101, message)
            .at(&format!("/data/{name}"))
            .outside_the_contract());
    }
    let mut parts = Vec::new();
    for field in fields {
        let Some(value) = data.get(*field) else {
            // A service binding may have no parameters.
            if *field == "value" && kind != "CAA" {
                continue;
            }
            let message = format!("{field} is a required data field.");
            return Err(Failure::record(9101, message).at(&format!("/data/{field}")));
        };
        let quoted = matches!((kind, *field), ("CAA", "value") | ("URI", "target"));
        parts.push(match value {
            Value::String(text) if quoted => format!("\"{text}\""),
            Value::String(text) => text.clone(),
            other => other.to_string(),
        });
    }
    // Its priority stands beside the content.
    if kind == "SRV" {
        parts.remove(0);
    }
    Ok((data.clone(), parts.join(" ")))
}

fn proxied(
    kind: &str,
    body: &Map<String, Value>,
    record: &Map<String, Value>,
) -> Result<bool, Failure> {
    let proxied = body.get("proxied") == Some(&json!(true));
    if proxied && !PROXIABLE.contains(&kind) {
        return Err(Failure::record(9004, "This record type cannot be proxied."));
    }
    let content = record["content"].as_str().unwrap_or_default();
    let private = content.parse::<Ipv4Addr>();
    if proxied && private.is_ok_and(|one| one.is_private() || one.is_loopback()) {
        let message = format!("Target {content} is not allowed for a proxied record.");
        return Err(Failure::record(9003, message));
    }
    Ok(proxied)
}

fn ttl(zone: &Zone, body: &Map<String, Value>, proxied: bool) -> Result<i64, Failure> {
    let ttl = body.get("ttl").and_then(Value::as_i64).unwrap_or(1);
    let least = if zone.plan == Plan::Enterprise {
        30
    } else {
        60
    };
    if ttl != 1 && !(least..=86_400).contains(&ttl) {
        let message =
            format!("Invalid TTL. Must be between {least} and 86400 seconds, or 1 for Automatic.");
        return Err(Failure::record(9021, message));
    }
    Ok(if proxied { 1 } else { ttl })
}

fn settings(zone: &Zone, body: &Map<String, Value>) -> Result<Value, Failure> {
    let Some(settings) = body.get("settings") else {
        return Ok(json!({}));
    };
    for (name, value) in settings.as_object().into_iter().flatten() {
        if !["ipv4_only", "ipv6_only", "flatten_cname"].contains(&name.as_str())
            || !value.is_boolean()
        {
            let failure = Failure::record(9104, format!("{name} is not a setting of records."));
            return Err(failure
                .at(&format!("/settings/{name}"))
                .outside_the_contract());
        }
        if name == "flatten_cname" && *value == true && zone.plan == Plan::Free {
            return Err(Failure::record(
                9105,
                "flatten_cname is not available on this plan.",
            ));
        }
    }
    Ok(settings.clone())
}

/// Comment and tags, which are rationed by plan.
fn remarks(
    zone: &Zone,
    body: &Map<String, Value>,
    record: &mut Map<String, Value>,
) -> Result<(), Failure> {
    let comment = body
        .get("comment")
        .and_then(Value::as_str)
        .unwrap_or_default();
    let most = if zone.plan == Plan::Free { 100 } else { 500 };
    if comment.chars().count() > most {
        let message = format!("Comment is longer than {most} characters.");
        return Err(Failure::new(400, 9301, message));
    }
    let comment = if comment.is_empty() {
        Value::Null
    } else {
        json!(comment)
    };
    record.insert("comment".to_owned(), comment);
    let tags = body
        .get("tags")
        .and_then(Value::as_array)
        .cloned()
        .unwrap_or_default();
    let quota = if zone.plan == Plan::Free { 0 } else { 20 };
    if tags.len() > quota {
        let message = format!(
            "DNS record has {} tags, exceeding the quota of {quota}.",
            tags.len()
        );
        return Err(Failure::new(400, 9300, message));
    }
    record.insert("tags".to_owned(), tags.into());
    Ok(())
}

/// Whether a record can stand beside the others.
pub(super) fn against(
    zone: &Zone,
    record: &Map<String, Value>,
    own: Option<&str>,
) -> Result<(), Failure> {
    let others = zone
        .records
        .iter()
        .filter(|other| other["name"] == record["name"])
        .filter(|other| own.is_none_or(|own| other["id"] != own));
    let kind = record["type"].as_str().unwrap_or_default();
    for other in others {
        let beside = other["type"].as_str().unwrap_or_default();
        let same = beside == kind && other["content"] == record["content"];
        if same && kind != "CNAME" {
            return Err(Failure::new(
                400,
                81_058,
                "An identical record already exists.",
            ));
        }
        if kind == "CNAME" && PROXIABLE.contains(&beside) {
            let message = "An A, AAAA, or CNAME record with that host already exists.";
            return Err(Failure::new(400, 81_053, message));
        }
        if beside == "CNAME" && PROXIABLE.contains(&kind) {
            let message = "A CNAME record with that host already exists.";
            return Err(Failure::new(400, 81_054, message));
        }
        if (kind == "NS") != (beside == "NS") && (kind == "NS" || PROXIABLE.contains(&kind)) {
            let message = "NS records with that host already exist, or would hide other records.";
            return Err(Failure::new(400, 81_056, message));
        }
    }
    Ok(())
}

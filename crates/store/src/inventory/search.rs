//! Finding records of all kinds at once: by address, by MAC, by any text.

use homelab_core::net::{Ip, Mac};
use homelab_core::store::{Found, StoreError, StoreResult};

use crate::db::Arg;
use crate::row::Row;
use crate::shared::Shared;
use crate::terms::{Field, Question};
use crate::text::{ip_from_sort, ip_sort};

/// Most records of one answer.
const MOST: u32 = 200;
/// Longest question, in characters; SQLite takes patterns of up to 50,000 bytes.
const LONGEST: usize = 1_000;

/// Kinds in the order in which an address look-up answers.
const ORDER: [&str; 8] = [
    "network_config",
    "devices",
    "virtual_machines",
    "proxmox_hosts",
    "test_equipment",
    "services",
    "networks",
    "firewall_rules",
];

/// One table's part of a search over all.
macro_rules! part {
    ($table:literal, $name:literal, $ip:literal, $detail:literal, $where:expr) => {
        concat!(
            "SELECT '",
            $table,
            "' AS entity, id, ",
            $name,
            " AS name, ",
            $ip,
            " AS ip_sort, ",
            $detail,
            " AS detail, sort_key, search_text FROM ",
            $table,
            " WHERE ",
            $where
        )
    };
}

macro_rules! addresses {
    ($where:expr) => {
        part!(
            "network_config",
            "ip_address",
            "sort_key",
            "COALESCE(allocated_to, hostname, type)",
            $where
        )
    };
}
macro_rules! devices {
    ($where:expr) => {
        part!(
            "devices",
            "name",
            "ip_sort",
            "COALESCE(type, category, model)",
            $where
        )
    };
}
macro_rules! guests {
    ($where:expr) => {
        part!("virtual_machines", "name", "ip_sort", "type", $where)
    };
}
macro_rules! hosts {
    ($where:expr) => {
        part!("proxmox_hosts", "node_name", "ip_sort", "cluster", $where)
    };
}
macro_rules! equipment {
    ($where:expr) => {
        part!(
            "test_equipment",
            "name",
            "ip_sort",
            "COALESCE(model, type)",
            $where
        )
    };
}
macro_rules! services {
    ($where:expr) => {
        part!(
            "services",
            "service_name",
            "ip_sort",
            "COALESCE(url, type)",
            $where
        )
    };
}
macro_rules! networks {
    ($where:expr) => {
        part!("networks", "name", "gateway_sort", "cidr", $where)
    };
}
macro_rules! rules {
    ($where:expr) => {
        part!(
            "firewall_rules",
            "name",
            "CAST(NULL AS TEXT)",
            "action",
            $where
        )
    };
}

const BY_IP: &str = concat!(
    addresses!("sort_key = $1"),
    " UNION ALL ",
    devices!("ip_sort = $1"),
    " UNION ALL ",
    guests!("ip_sort = $1"),
    " UNION ALL ",
    hosts!("ip_sort = $1"),
    " UNION ALL ",
    equipment!("ip_sort = $1"),
    " UNION ALL ",
    services!("ip_sort = $1"),
    " UNION ALL ",
    networks!("gateway_sort = $1"),
);

const BY_MAC: &str = concat!(
    addresses!("mac = $1"),
    " UNION ALL ",
    devices!("mac = $1"),
    " UNION ALL ",
    guests!("mac = $1"),
);

macro_rules! like {
    () => {
        "(search_text LIKE $1 ESCAPE '\\' OR search_text LIKE $2 ESCAPE '\\')"
    };
}

/// A scan of one column per table; whole values first, then beginnings.
const BY_TEXT: &str = concat!(
    "SELECT * FROM (",
    addresses!(like!()),
    " UNION ALL ",
    devices!(like!()),
    " UNION ALL ",
    guests!(like!()),
    " UNION ALL ",
    hosts!(like!()),
    " UNION ALL ",
    equipment!(like!()),
    " UNION ALL ",
    services!(like!()),
    " UNION ALL ",
    networks!(like!()),
    " UNION ALL ",
    rules!(like!()),
    ") f ORDER BY CASE ",
    "WHEN search_text LIKE $3 ESCAPE '\\' OR search_text LIKE $4 ESCAPE '\\' THEN 0 ",
    "WHEN search_text LIKE $5 ESCAPE '\\' OR search_text LIKE $6 ESCAPE '\\' THEN 1 ",
    "ELSE 2 END, sort_key, entity LIMIT $7"
);

/// Everything that has this address.
pub(super) async fn by_ip(shared: &Shared, ip: Ip) -> StoreResult<Vec<Found>> {
    let mut found = exact(shared, BY_IP, &ip_sort(ip), Field::Ip.as_str()).await?;
    for network in found.iter_mut().filter(|one| one.entity == "networks") {
        network.matched = "gateway".into();
    }
    Ok(found)
}

/// Everything that holds the text in one of its searchable fields.
pub(super) async fn by_text(shared: &Shared, query: &str, limit: u32) -> StoreResult<Vec<Found>> {
    if query.chars().count() > LONGEST {
        return Err(StoreError::Invalid {
            entity: "inventory",
            field: "query",
            detail: format!("it is longer than {LONGEST} characters"),
        });
    }
    let limit = limit.clamp(1, MOST);
    // A whole MAC address names its holders; nobody looks for it in notes while there are any.
    if let Ok(mac) = query.parse::<Mac>() {
        let mut found = exact(shared, BY_MAC, &mac.to_string(), Field::Mac.as_str()).await?;
        if !found.is_empty() {
            found.truncate(limit as usize);
            return Ok(found);
        }
    }
    let Some(question) = Question::parse(query) else {
        return Ok(Vec::new());
    };
    let patterns = question.patterns();
    let mut args: Vec<Arg<'_>> = patterns.iter().map(Arg::from).collect();
    args.push(i64::from(limit).into());
    let mut session = shared.db.read().await?;
    let found = session
        .conn()
        .all("inventory", BY_TEXT, &args, |row| {
            let field = question.answered_by(&row.text("search_text")?);
            field.map(|field| read(row, field.as_str())).transpose()
        })
        .await?;
    Ok(found.into_iter().flatten().collect())
}

async fn exact(
    shared: &Shared,
    sql: &'static str,
    key: &str,
    matched: &str,
) -> StoreResult<Vec<Found>> {
    let mut session = shared.db.point().await?;
    let mut found = session
        .conn()
        .all("inventory", sql, &[key.into()], |row| read(row, matched))
        .await?;
    found.sort_by_cached_key(|one| {
        let place = ORDER.iter().position(|entity| *entity == one.entity);
        (place, one.name.clone())
    });
    Ok(found)
}

fn read(row: Row<'_>, matched: &str) -> StoreResult<Found> {
    Ok(Found {
        entity: row.text("entity")?,
        id: row.text("id")?,
        name: row.text("name")?,
        ip: row.maybe_text("ip_sort")?.as_deref().and_then(ip_from_sort),
        detail: row.maybe_text("detail")?,
        matched: matched.to_owned(),
    })
}

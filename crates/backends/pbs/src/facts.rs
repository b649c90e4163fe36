//! What the server knows of the lab: itself, and which guests' backups it holds.

use std::collections::BTreeSet;

use homelab_core::error::ToolResult;
use homelab_core::facts::{
    Entity, EntityKind, Facts, FactsQuery, Port, Reference, Relation, Wellness,
};
use homelab_core::inventory::Status;
use homelab_core::net::Ip;

use crate::client::Pbs;
use crate::types::GroupRow;
use crate::units::{count, timestamp};
use crate::walk::{Place, Scope};

/// Tools that show what is told here.
pub(crate) const TOOLS: &[&str] = &["list_backups", "get_datastore_usage"];

/// Id of the server itself among what it tells of.
const SERVER: &str = "server";

impl Pbs {
    /// The server and the backup groups of all namespaces: one request for each of them.
    pub(crate) async fn tell(&self, query: &FactsQuery) -> ToolResult<Facts> {
        let version = self.version().await?.full();
        let mut facts = Facts::default();
        let walk = async {
            let walked = self.walk_groups(&Scope::default()).await?;
            walked.some()
        };
        let Ok(walked) = tokio::time::timeout_at(query.deadline, walk).await else {
            facts.add(self.server(&version, &BTreeSet::new()));
            facts.missing("the backups were not read in time");
            return Ok(facts);
        };
        let (found, problems) = walked?;
        let stores: BTreeSet<&str> = found.iter().map(|(at, _)| at.store.as_str()).collect();
        facts.add(self.server(&version, &stores));
        if found.is_empty() && problems.is_empty() {
            facts.missing("our credentials see no datastore");
        }
        for problem in problems {
            facts.missing(problem);
        }
        let now = self.now_s();
        let stale_after = i64::from(self.config.stale_after_hours) * 3600;
        for (place, groups) in &found {
            for group in groups {
                facts.add(backup(place, group, now - stale_after));
            }
        }
        Ok(facts)
    }

    fn server(&self, version: &str, stores: &BTreeSet<&str>) -> Entity {
        let stores: Vec<&str> = stores.iter().copied().collect();
        let mut entity = Entity::new(EntityKind::Service, SERVER, &self.api.who.instance)
            .attribute("type", Some("proxmox_backup_server"))
            .attribute("version", Some(version))
            .attribute("datastores", (!stores.is_empty()).then(|| stores.join(",")));
        if let Ok(url) = self.config.base_url()
            && let (Some(host), Some(port)) = (url.host_str(), url.port_or_known_default())
        {
            let machine = match host.parse::<Ip>() {
                Ok(ip) => Reference::address(ip),
                Err(_) => Reference::name(None, host),
            };
            entity = entity.link(Relation::RunsOn, machine.with_port(Some(port)));
            entity.ports.push(Port {
                port,
                protocol: "tcp".to_owned(),
                address: None,
                inside: None,
            });
        }
        entity.status = Status::Online;
        entity
    }
}

/// The backups of one guest or host at one place. Whether they can be used is `check_freshness`'s to
/// say: the newest may be unfinished. That all are old is known.
fn backup(place: &Place, row: &GroupRow, stale_before: i64) -> Entity {
    let name = row.name();
    let mut entity = Entity::new(
        EntityKind::Backup,
        format!("{}/{name}", place.described()),
        name,
    )
    .link(Relation::RunsOn, Reference::id(EntityKind::Service, SERVER))
    .attribute("datastore", Some(place.store.as_str()))
    .attribute("ns", place.ns.given())
    .attribute("owner", row.owner.as_ref());
    let id = &row.backup_id;
    let of = match row.backup_type.as_str() {
        "vm" => Some(Reference::id(EntityKind::Guest, format!("qemu/{id}"))),
        "ct" => Some(Reference::id(EntityKind::Guest, format!("lxc/{id}"))),
        "host" => Some(Reference::name(None, id)),
        _ => None,
    };
    if let Some(of) = of {
        entity = entity.link(Relation::Describes, of);
    }
    let backups = usize::try_from(row.backup_count).unwrap_or(usize::MAX);
    let newest = timestamp(Some(row.last_backup).filter(|time| *time > 0));
    let all = count(backups, "backup");
    entity.state = Some(match &newest {
        Some(newest) => format!("{all}, the newest of {newest}"),
        None => all,
    });
    entity = entity.attribute("newest", newest);
    if row.last_backup > 0 && row.last_backup < stale_before {
        entity.health = Some(Wellness::Degraded);
    }
    entity
}

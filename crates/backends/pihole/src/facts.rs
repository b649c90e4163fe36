//! What the Pi-holes know of the lab: themselves, local names, and addresses that they gave out or keep.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::future::join_all;
use homelab_core::error::ToolResult;
use homelab_core::facts::{Entity, EntityKind, Facts, FactsQuery, Reference, Relation, Wellness};
use homelab_core::inventory::Status;
use homelab_core::net::Ip;
use homelab_core::render::printable;
use tokio::time::timeout_at;

use crate::client::Pihole;
use crate::dhcp::{Lease, LeaseKind};
use crate::host::Host;
use crate::records::{Line, LocalName, lines};
use crate::types::Blocking;

/// Tools that show what is told here.
pub(crate) const TOOLS: &[&str] = &["get_pihole_summary", "list_local_dns", "list_dhcp_leases"];

/// What one Pi-hole answered.
struct Told {
    blocking: Blocking,
    names: Vec<LocalName>,
    leases: Vec<Lease>,
}

/// What a name stands for, and on which Pi-holes it does.
type Names = BTreeMap<(String, BTreeSet<String>), BTreeSet<String>>;

impl Pihole {
    /// Everything, of the first and its replicas. A name that does not stand for the same on all of
    /// them is told once for each meaning.
    pub(crate) async fn tell(&self, query: &FactsQuery) -> ToolResult<Facts> {
        let mut facts = Facts::default();
        let asked = self.hosts.iter().map(|host| {
            let told = host.told();
            async move { timeout_at(query.deadline, told).await }
        });
        let answers = join_all(asked).await;
        let mut names = Names::new();
        let mut problem = None;
        let mut answered = 0;
        for (host, answer) in self.hosts.iter().zip(answers) {
            match answer {
                Ok(Ok(told)) => {
                    answered += 1;
                    facts.add(service(host, &told.blocking));
                    gather(&mut names, &host.name, told.names);
                    for lease in &told.leases {
                        facts.add(of_lease(lease, &host.name));
                    }
                }
                Ok(Err(error)) => {
                    facts.add(silent(host));
                    facts.missing(format!("{}: {}", host.name, error.envelope().message));
                    problem.get_or_insert(error);
                }
                Err(_) => facts.missing(format!("{} did not answer in time", host.name)),
            }
        }
        if let Some(error) = problem.filter(|_| answered == 0) {
            return Err(error);
        }
        for ((name, values), hosts) in names {
            let everywhere = hosts.len() == answered;
            facts.add(of_name(&name, &values, &hosts, everywhere));
        }
        Ok(facts)
    }
}

impl Host {
    async fn told(&self) -> ToolResult<Told> {
        // One after another: the first may have to sign in.
        let blocking = self.blocking().await?;
        let (dns, leases) = tokio::try_join!(self.dns(), self.leases())?;
        let names = lines(&dns).iter().flat_map(Line::names).collect();
        Ok(Told {
            blocking,
            names,
            leases,
        })
    }
}

fn gather(names: &mut Names, host: &str, told: Vec<LocalName>) {
    let mut meanings: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for one in told {
        meanings.entry(one.name).or_default().insert(one.value);
    }
    for meaning in meanings {
        names.entry(meaning).or_default().insert(host.to_owned());
    }
}

/// The resolver, on the machine that its address leads to.
fn service(host: &Host, blocking: &Blocking) -> Entity {
    let mut entity = Entity::new(EntityKind::Service, &host.name, &host.name)
        .attribute("type", Some("dns"))
        .attribute("blocking", Some(printable(&blocking.blocking)));
    let runs = !matches!(blocking.blocking.as_str(), "failed" | "unknown");
    entity.status = Status::Online;
    entity.health = Some(if runs { Wellness::Ok } else { Wellness::Failed });
    entity.state = Some(format!("blocking {}", printable(&blocking.blocking)));
    on_its_machine(entity, host)
}

/// One that does not answer: it may be down, or the way to it.
fn silent(host: &Host) -> Entity {
    let mut entity =
        Entity::new(EntityKind::Service, &host.name, &host.name).attribute("type", Some("dns"));
    entity.state = Some("does not answer".to_owned());
    entity.health = Some(Wellness::Failed);
    on_its_machine(entity, host)
}

fn on_its_machine(entity: Entity, host: &Host) -> Entity {
    let machine = match host.machine().parse::<Ip>() {
        Ok(ip) if ip.0.is_loopback() => return entity,
        Ok(ip) => Reference::address(ip),
        Err(_) => Reference::name(None, host.machine()),
    };
    entity.link(Relation::RunsOn, machine)
}

fn of_name(
    name: &str,
    values: &BTreeSet<String>,
    hosts: &BTreeSet<String>,
    everywhere: bool,
) -> Entity {
    let hosts: Vec<&str> = hosts.iter().map(String::as_str).collect();
    let on = (!everywhere).then(|| hosts.join(", "));
    // The same name on other Pi-holes is another record.
    let id = match &on {
        Some(on) => format!("{name}@{on}"),
        None => name.to_owned(),
    };
    let mut entity = Entity::new(EntityKind::DnsRecord, printable(&id), printable(name))
        .attribute("only_on", on);
    for value in values {
        if let Ok(ip) = value.parse::<Ip>() {
            entity.addresses.push(ip);
            continue;
        }
        let target = Reference::name(Some(EntityKind::DnsRecord), printable(value));
        entity = entity
            .attribute("alias_of", Some(printable(value)))
            .link(Relation::PointsTo, target);
    }
    entity
}

fn of_lease(lease: &Lease, host: &str) -> Entity {
    let address = lease.ip.map(|ip| ip.to_string());
    let mac = lease.mac.map(|mac| mac.to_string());
    let id = mac.clone().or_else(|| address.clone()).unwrap_or_default();
    let name = lease.name.clone().or(address).or(mac).unwrap_or_default();
    let kind = match lease.kind {
        LeaseKind::Lease => EntityKind::NetworkClient,
        LeaseKind::Reservation => EntityKind::Allocation,
    };
    let mut entity = Entity::new(kind, format!("{host}/{id}"), name)
        .attribute("dhcp_server", Some(host))
        .attribute("expires", lease.expires.as_ref());
    entity.addresses.extend(lease.ip);
    entity.macs.extend(lease.mac);
    entity.state = Some(
        match lease.kind {
            LeaseKind::Lease => "has a lease",
            LeaseKind::Reservation => "reserved",
        }
        .to_owned(),
    );
    entity
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(name: &str, value: &str) -> LocalName {
        LocalName {
            name: name.to_owned(),
            of_type: "A".to_owned(),
            value: value.to_owned(),
            ttl_s: None,
        }
    }

    #[test]
    fn a_name_is_told_once_for_each_meaning() {
        let mut names = Names::new();
        gather(
            &mut names,
            "a",
            vec![
                name("nas", "192.0.2.70"),
                name("nas", "2001:db8::70"),
                name("web", "192.0.2.80"),
            ],
        );
        gather(
            &mut names,
            "b",
            vec![
                name("nas", "192.0.2.70"),
                name("nas", "2001:db8::70"),
                name("web", "192.0.2.81"),
            ],
        );

        let told: Vec<(String, usize, usize)> = names
            .iter()
            .map(|((name, values), hosts)| (name.clone(), values.len(), hosts.len()))
            .collect();
        assert_eq!(
            told,
            [
                ("nas".to_owned(), 2, 2),
                ("web".to_owned(), 1, 1),
                ("web".to_owned(), 1, 1)
            ]
        );
    }
}

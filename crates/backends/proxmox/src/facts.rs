//! What the cluster knows of the lab: its nodes and guests, with their addresses.

use futures_util::{StreamExt as _, stream};
use homelab_core::error::ToolResult;
use homelab_core::facts::{Entity, EntityKind, Facts, FactsQuery, Reference, Relation};
use homelab_core::inventory::Status;
use homelab_core::net::{Ip, Mac};

use crate::client::Proxmox;
use crate::guest::{Guest, GuestKind, Tail};
use crate::lenient::plain;
use crate::types::{AgentInterfaces, ClusterMember, ContainerInterface, GuestConfig, Node};

/// Guests that are asked for their addresses at a time.
const AT_A_TIME: usize = 8;

/// Tools that show what is told here.
pub(crate) const TOOLS: &[&str] = &["list_vms", "get_vm_status", "list_nodes"];

impl Proxmox {
    /// Nodes and guests.
    pub(crate) async fn tell(&self, query: &FactsQuery) -> ToolResult<Facts> {
        let mut facts = Facts::default();
        let guests = self.guests().await?;
        match self.nodes().await {
            Ok(nodes) => {
                let members = self.cluster_status().await.unwrap_or_else(|error| {
                    facts.gap(error.envelope().message.clone());
                    None
                });
                let members = members.unwrap_or_default();
                for node in &nodes {
                    facts.add(host(node, &members));
                }
            }
            Err(error) => facts.missing(error.envelope().message.clone()),
        }
        if guests.is_empty() {
            facts.missing("our credentials see no guest");
        }
        let details = if query.addresses {
            self.details(&guests, query, &mut facts).await
        } else {
            vec![None; guests.len()]
        };
        for (guest, detail) in guests.iter().zip(details) {
            facts.add(entity(guest, detail.unwrap_or_default()));
        }
        Ok(facts)
    }

    /// Interfaces and addresses of each guest, as far as time allows.
    async fn details(
        &self,
        guests: &[Guest],
        query: &FactsQuery,
        facts: &mut Facts,
    ) -> Vec<Option<Detail>> {
        let mut details = vec![None; guests.len()];
        let wanted: Vec<usize> = (0..guests.len())
            .filter(|index| guests.get(*index).is_some_and(|guest| !guest.row.template))
            .collect();
        let all = wanted.len();
        let asked = wanted.into_iter().map(|index| self.numbered(guests, index));
        let mut asked = stream::iter(asked).buffer_unordered(AT_A_TIME);
        let (mut unread, mut why) = (0_usize, None);
        let mut answered = 0;
        while let Ok(Some((index, detail))) =
            tokio::time::timeout_at(query.deadline, asked.next()).await
        {
            answered += 1;
            if let Some(problem) = &detail.problem {
                unread += 1;
                why.get_or_insert_with(|| problem.clone());
            }
            if let Some(slot) = details.get_mut(index) {
                *slot = Some(detail);
            }
        }
        if let Some(why) = why {
            facts.gap(format!("addresses of {unread} guests are not known: {why}"));
        }
        if answered < all {
            let late = all - answered;
            facts.gap(format!("addresses of {late} guests were not read in time"));
        }
        details
    }

    async fn numbered(&self, guests: &[Guest], index: usize) -> (usize, Detail) {
        let detail = match guests.get(index) {
            Some(guest) => self.detail(guest).await,
            None => Detail::default(),
        };
        (index, detail)
    }

    async fn detail(&self, guest: &Guest) -> Detail {
        let mut detail = match self.guest_config(guest).await {
            Ok(config) => Detail::configured(&config),
            Err(error) => Detail {
                problem: Some(error.envelope().message.clone()),
                ..Detail::default()
            },
        };
        // Without an agent in the configuration there is nobody to ask.
        if guest.is_running() && (guest.kind == GuestKind::Lxc || detail.has_agent) {
            match self.seen(guest).await {
                Ok(seen) => detail.refine(seen),
                Err(problem) => detail.problem = Some(problem),
            }
        }
        detail
    }

    /// The interfaces inside a running guest.
    async fn seen(&self, guest: &Guest) -> Result<Vec<Interface>, String> {
        let call = guest.get("guest_interfaces", Tail::Interfaces);
        let seen = match guest.kind {
            GuestKind::Qemu => self
                .api
                .data::<AgentInterfaces>(&call)
                .await
                .map(|answer| answer.rows().into_iter().map(Interface::from).collect()),
            GuestKind::Lxc => self
                .api
                .list::<ContainerInterface>(&call)
                .await
                .map(|rows| rows.into_iter().map(Interface::from).collect()),
        };
        seen.map_err(|error| error.envelope().message.clone())
    }
}

/// An interface inside a guest.
struct Interface {
    name: String,
    mac: Option<Mac>,
    addresses: Vec<Ip>,
}

impl From<crate::types::AgentInterface> for Interface {
    fn from(row: crate::types::AgentInterface) -> Self {
        let addresses = row.ip_addresses.unwrap_or_default();
        Self {
            mac: row.hardware_address.and_then(|text| text.parse().ok()),
            addresses: addresses
                .iter()
                .filter_map(|address| address.ip_address.parse().ok())
                .collect(),
            name: row.name,
        }
    }
}

impl From<ContainerInterface> for Interface {
    fn from(row: ContainerInterface) -> Self {
        Self {
            mac: row.hwaddr.and_then(|text| text.parse().ok()),
            addresses: [row.inet, row.inet6]
                .iter()
                .flatten()
                .filter_map(|text| without_prefix(text))
                .collect(),
            name: row.name,
        }
    }
}

/// What is known of a guest's interfaces.
#[derive(Debug, Clone, Default)]
struct Detail {
    macs: Vec<Mac>,
    addresses: Vec<Ip>,
    inner: Vec<Ip>,
    cores: Option<String>,
    has_agent: bool,
    problem: Option<String>,
}

impl Detail {
    /// What the configuration says: interfaces, and addresses that are set there.
    fn configured(config: &GuestConfig) -> Self {
        let mut detail = Self::default();
        for (key, value) in config {
            let Some(text) = plain(value) else { continue };
            match key.trim_end_matches(|letter: char| letter.is_ascii_digit()) {
                // `virtio=BC:24:11:00:00:01,bridge=vmbr0` of a machine, `hwaddr=…,ip=192.0.2.5/24` of
                // a container.
                "net" => {
                    for (name, value) in properties(&text) {
                        if name == "ip" || name == "ip6" {
                            detail.addresses.extend(without_prefix(value));
                        } else if value.len() == 17 {
                            detail.macs.extend(value.parse::<Mac>().ok());
                        }
                    }
                }
                // Cloud-init's.
                "ipconfig" => {
                    for (name, value) in properties(&text) {
                        if name == "ip" || name == "ip6" {
                            detail.addresses.extend(without_prefix(value));
                        }
                    }
                }
                "cores" => detail.cores = Some(text),
                "agent" => {
                    let first = text.split(',').next().unwrap_or_default();
                    detail.has_agent = matches!(first.trim_start_matches("enabled="), "1");
                }
                _ => {}
            }
        }
        detail
    }

    /// What the guest itself says of addresses goes before its configuration. Only those of the
    /// interfaces that the cluster gave it lead to it from outside; bridges inside have others.
    fn refine(&mut self, seen: Vec<Interface>) {
        let mut outer = Vec::new();
        for interface in seen {
            let own = interface.mac.is_some_and(|mac| self.macs.contains(&mac));
            // The tailnet reaches it there.
            let reached = own || interface.name.starts_with("tailscale") || self.macs.is_empty();
            let usable = interface.addresses.into_iter().filter(is_usable);
            if reached {
                outer.extend(usable);
            } else {
                self.inner.extend(usable);
            }
        }
        if !outer.is_empty() {
            self.addresses = outer;
        }
    }
}

fn is_usable(ip: &Ip) -> bool {
    let link_local = match ip.0 {
        std::net::IpAddr::V4(v4) => v4.is_link_local(),
        std::net::IpAddr::V6(v6) => v6.is_unicast_link_local(),
    };
    !(ip.0.is_loopback() || ip.0.is_unspecified() || link_local)
}

/// `192.0.2.5/24` without the `/24`; nothing for `dhcp`, `auto` and `manual`.
fn without_prefix(text: &str) -> Option<Ip> {
    text.split('/').next()?.parse::<Ip>().ok().filter(is_usable)
}

fn properties(text: &str) -> impl Iterator<Item = (&str, &str)> {
    text.split(',').filter_map(|part| part.split_once('='))
}

fn host(node: &Node, members: &[ClusterMember]) -> Entity {
    let member = members
        .iter()
        .find(|member| member.kind == "node" && member.name == node.name);
    let cluster = members.iter().find(|member| member.kind == "cluster");
    let mut host = Entity::new(EntityKind::Host, &node.name, &node.name)
        .attribute("cluster", cluster.map(|cluster| &cluster.name));
    host.addresses.extend(
        member
            .and_then(|member| member.ip.as_deref())
            .and_then(without_prefix),
    );
    host.status = Status::parse(node.status.as_deref().unwrap_or_default());
    host.state.clone_from(&node.status);
    host
}

fn entity(guest: &Guest, detail: Detail) -> Entity {
    let row = &guest.row;
    let kind = match guest.kind {
        GuestKind::Qemu => "qemu",
        GuestKind::Lxc => "lxc",
    };
    let name = guest.name.clone().unwrap_or_else(|| guest.vmid.to_string());
    let tags = (!guest.tags.is_empty()).then(|| guest.tags.join(","));
    let mut entity = Entity::new(EntityKind::Guest, format!("{kind}/{}", guest.vmid), name)
        .link(
            Relation::RunsOn,
            Reference::id(EntityKind::Host, guest.node.as_str()),
        )
        .attribute("vmid", Some(guest.vmid))
        .attribute("type", Some(kind))
        .attribute("tags", tags)
        .attribute("pool", row.pool.as_ref())
        .attribute("cores", detail.cores)
        .attribute("memory_mib", row.maxmem.map(|bytes| bytes / (1024 * 1024)))
        .attribute("template", row.template.then_some(true))
        .attribute("lock", row.lock.as_ref());
    entity.status = Status::parse(row.status.as_deref().unwrap_or_default());
    entity.state.clone_from(&row.status);
    entity.macs = detail.macs;
    entity.addresses = detail.addresses;
    entity.inner_addresses = detail.inner;
    entity
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn detail(config: Value) -> Detail {
        Detail::configured(&serde_json::from_value(config).unwrap())
    }

    fn ips(texts: &[&str]) -> Vec<Ip> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    #[test]
    fn a_configuration_tells_interfaces_and_fixed_addresses() {
        let container = detail(json!({
            "net0": "name=eth0,bridge=vmbr0,hwaddr=BC:24:11:00:00:01,ip=192.0.2.5/24,gw=192.0.2.1,ip6=auto",
            "net1": "name=eth1,bridge=vmbr1,hwaddr=BC:24:11:00:00:02,ip=dhcp",
            "nameserver": "192.0.2.53",
        }));
        let machine = detail(json!({
            "net0": "virtio=bc:24:11:00:00:03,bridge=vmbr0",
            "ipconfig0": "ip=192.0.2.6/24,gw=192.0.2.1",
            "agent": "enabled=1,fstrim_cloned_disks=1",
        }));

        assert_eq!(container.addresses, ips(&["192.0.2.5"]));
        assert_eq!(container.macs.len(), 2);
        assert_eq!(machine.addresses, ips(&["192.0.2.6"]));
        assert_eq!(machine.macs[0].to_string(), "bc:24:11:00:00:03");
        assert!(machine.has_agent && !container.has_agent);
        assert!(!detail(json!({ "agent": 0 })).has_agent);
        assert!(detail(json!({ "agent": 1 })).has_agent);
    }

    #[test]
    fn what_the_guest_says_goes_before_its_configuration_and_bridges_stay_inside() {
        let mut known = detail(json!({
            "net0": "virtio=BC:24:11:00:00:03,bridge=vmbr0", "ipconfig0": "ip=192.0.2.6/24",
        }));
        let interface = |name: &str, mac: &str, addresses: &[&str]| Interface {
            name: name.to_owned(),
            mac: mac.parse().ok(),
            addresses: ips(addresses),
        };
        known.refine(vec![
            interface("lo", "00:00:00:00:00:00", &["127.0.0.1", "::1"]),
            interface(
                "eth0",
                "bc:24:11:00:00:03",
                &["192.0.2.7", "fe80::1", "2001:db8::7"],
            ),
            interface("docker0", "02:42:00:00:00:01", &["172.17.0.1"]),
            interface("tailscale0", "", &["100.64.0.7"]),
        ]);

        assert_eq!(
            known.addresses,
            ips(&["192.0.2.7", "2001:db8::7", "100.64.0.7"])
        );
        assert_eq!(known.inner, ips(&["172.17.0.1"]));
    }
}

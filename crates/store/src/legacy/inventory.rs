//! The older inventory's rows as records.

use std::collections::HashMap;

use homelab_core::inventory::{
    Address, Device, Equipment, FirewallRule, Host, Network, ScpiProtocol, Service, Snapshot,
    Status, VirtualMachine,
};

use super::Tables;
use super::fields::{Fields, Names, Warnings};
use crate::db::Values;
use crate::text::fold;

/// Names of the records by the ids that other rows refer to them with.
#[derive(Default)]
pub(super) struct Ids {
    pub(super) hosts: Known,
    pub(super) guests: Known,
    pub(super) devices: Known,
    pub(super) services: Known,
    pub(super) networks: Known,
}

/// Names of one table's records, by id, by a second number (a guest's VMID), and by name.
#[derive(Default)]
pub(super) struct Known {
    ids: HashMap<String, String>,
    numbers: HashMap<String, String>,
    names: HashMap<String, String>,
}

impl Known {
    fn add(&mut self, id: Option<String>, number: Option<String>, name: &str) {
        // The first of two rows of one name keeps it, as it is listed.
        self.names
            .entry(fold(name))
            .or_insert_with(|| name.to_owned());
        self.ids.extend(id.map(|id| (id, name.to_owned())));
        self.numbers
            .extend(number.map(|number| (number, name.to_owned())));
    }

    /// The record that a reference means: an id, else a number, else a name.
    pub(super) fn name(&self, reference: &str) -> Option<&str> {
        self.ids
            .get(reference)
            .or_else(|| self.numbers.get(reference))
            .or_else(|| self.names.get(&fold(reference)))
            .map(String::as_str)
    }

    /// Which of the two numbers the references mean: where more of them are found by the second,
    /// the ids are set aside.
    fn settle(&mut self, references: &[String]) {
        let found = |known: &HashMap<String, String>| {
            references
                .iter()
                .filter(|reference| known.contains_key(*reference))
                .count()
        };
        if found(&self.numbers) > found(&self.ids) {
            std::mem::swap(&mut self.ids, &mut self.numbers);
        }
    }
}

/// All tables, those first that others refer to.
pub(super) fn snapshot(tables: &Tables, ids: &mut Ids, warnings: &mut Warnings) -> Snapshot {
    let proxmox_hosts = hosts(&tables.proxmox_hosts, ids, warnings);
    let networks = networks(&tables.networks, ids, warnings);
    let devices = devices(&tables.devices, ids, warnings);
    let virtual_machines = guests(&tables.virtual_machines, ids, warnings);
    let references: Vec<_> = tables
        .services
        .iter()
        .filter_map(|row| Fields::new("services", row).text(&["vm_id"]))
        .collect();
    ids.guests.settle(&references);
    Snapshot {
        proxmox_hosts,
        virtual_machines,
        devices,
        test_equipment: equipment(&tables.test_equipment, warnings),
        services: services(&tables.services, ids, warnings),
        networks,
        network_config: addresses(&tables.network_config, ids, warnings),
        firewall_rules: rules(&tables.firewall_rules, warnings),
    }
}

/// Turns rows into records, those without a name left out with a warning.
fn named<'r, R>(
    table: &'static str,
    columns: &'static [&'static str],
    rows: &'r [Values],
    warnings: &mut Warnings,
    mut record: impl FnMut(&Fields<'r>, String, &mut Warnings) -> Option<R>,
) -> Vec<R> {
    let mut names = Names::new(table);
    rows.iter()
        .filter_map(|row| {
            let fields = Fields::new(table, row);
            let Some(name) = fields.text(columns) else {
                warnings.add(format!("{table}: {} has no name", fields.label()));
                return None;
            };
            let name = names.unique(&name, warnings);
            record(&fields, name, warnings)
        })
        .collect()
}

fn status(fields: &Fields<'_>) -> Status {
    fields
        .text(&["status", "state"])
        .map_or(Status::Unknown, |text| Status::parse(&text))
}

fn notes(fields: &Fields<'_>) -> Option<String> {
    fields.text(&["notes", "description", "comment"])
}

fn port(fields: &Fields<'_>, names: &[&str], warnings: &mut Warnings) -> Option<u16> {
    fields.parsed(names, warnings)
}

/// The name that a reference means; a warning if it means nothing.
fn refer(
    fields: &Fields<'_>,
    table: &str,
    columns: &[&str],
    known: &Known,
    warnings: &mut Warnings,
) -> Option<String> {
    let reference = fields.text(columns)?;
    let name = known.name(&reference).map(str::to_owned);
    if name.is_none() {
        warnings.add(format!(
            "{table}: {} of {} refers to `{reference}`, which is not there",
            columns.first().copied().unwrap_or_default(),
            fields.label()
        ));
    }
    name
}

fn hosts(rows: &[Values], ids: &mut Ids, warnings: &mut Warnings) -> Vec<Host> {
    let columns = &["node_name", "name", "hostname"];
    named(
        "proxmox_hosts",
        columns,
        rows,
        warnings,
        |row, name, warnings| {
            ids.hosts.add(row.text(&["id", "host_id"]), None, &name);
            Some(Host {
                id: String::new(),
                node_name: name,
                ip_address: row.parsed(&["ip_address", "ip"], warnings),
                cluster: row.text(&["cluster", "cluster_name"]),
                status: status(row),
                notes: notes(row),
                updated_at: None,
            })
        },
    )
}

fn guests(rows: &[Values], ids: &mut Ids, warnings: &mut Warnings) -> Vec<VirtualMachine> {
    let columns = &["name", "vm_name", "hostname"];
    named(
        "virtual_machines",
        columns,
        rows,
        warnings,
        |row, name, warnings| {
            let host_columns = ["host_id", "host", "node", "node_name", "proxmox_host"];
            let host = refer(row, "virtual_machines", &host_columns, &ids.hosts, warnings);
            let number = row.text(&["vm_id", "vmid"]);
            ids.guests.add(row.text(&["id"]), number, &name);
            Some(VirtualMachine {
                id: String::new(),
                vm_id: row.int(&["vm_id", "vmid"]),
                name,
                kind: row.text(&["type", "vm_type"]),
                ip: row.parsed(&["ip", "ip_address"], warnings),
                mac: row.parsed(&["mac", "mac_address"], warnings),
                status: status(row),
                host,
                cores: row.int(&["cores", "cpu_cores", "cpus", "vcpus"]),
                memory_mib: row.int(&["memory_mib", "memory_mb", "memory", "ram_mb"]),
                tags: row.list(&["tags"]),
                notes: notes(row),
                updated_at: None,
            })
        },
    )
}

fn devices(rows: &[Values], ids: &mut Ids, warnings: &mut Warnings) -> Vec<Device> {
    let columns = &["name", "device_name", "hostname"];
    named("devices", columns, rows, warnings, |row, name, warnings| {
        ids.devices.add(row.text(&["id", "device_id"]), None, &name);
        Some(Device {
            id: String::new(),
            name,
            category: row.text(&["category"]),
            kind: row.text(&["type", "device_type"]),
            status: status(row),
            hostname: row.text(&["hostname", "fqdn"]),
            ip: row.parsed(&["ip", "ip_address", "primary_ip"], warnings),
            mac: row.parsed(&["mac", "mac_address"], warnings),
            manufacturer: row.text(&["manufacturer", "vendor", "make"]),
            model: row.text(&["model"]),
            serial: row.text(&["serial", "serial_number"]),
            os: row.text(&["os", "operating_system", "firmware"]),
            location: row.text(&["location"]),
            tags: row.list(&["tags"]),
            notes: notes(row),
            metadata: row.map(&["metadata", "extra", "attributes"]),
            updated_at: None,
        })
    })
}

fn equipment(rows: &[Values], warnings: &mut Warnings) -> Vec<Equipment> {
    let columns = &["name", "device_name", "model"];
    named(
        "test_equipment",
        columns,
        rows,
        warnings,
        |row, name, warnings| {
            let Some(host) = row.text(&["host", "ip", "ip_address", "hostname"]) else {
                warnings.add(format!("test_equipment: `{name}` has no address"));
                return None;
            };
            let protocol = row.text(&["protocol", "connection_type", "interface"]);
            Some(Equipment {
                id: String::new(),
                name,
                kind: row.text(&["type", "equipment_type", "device_type", "category"]),
                status: status(row),
                manufacturer: row.text(&["manufacturer", "vendor", "make"]),
                model: row.text(&["model"]),
                serial: row.text(&["serial", "serial_number"]),
                firmware: row.text(&["firmware", "firmware_version"]),
                host,
                port: port(row, &["port", "scpi_port", "tcp_port"], warnings),
                protocol: ScpiProtocol::parse(&fold(protocol.as_deref().unwrap_or_default())),
                sub_address: row.text(&["sub_address", "gpib_address"]),
                terminator: row.exact(&["terminator", "termination"]),
                idn: row.text(&["idn", "idn_string", "identification"]),
                allowed_queries: row.list(&["allowed_queries"]),
                location: row.text(&["location"]),
                calibration_due: row.text(&["calibration_due", "next_calibration"]),
                notes: notes(row),
                updated_at: None,
            })
        },
    )
}

fn services(rows: &[Values], ids: &mut Ids, warnings: &mut Warnings) -> Vec<Service> {
    let columns = &["service_name", "name"];
    named(
        "services",
        columns,
        rows,
        warnings,
        |row, name, warnings| {
            let vm_columns = ["vm_id", "vm", "vm_name", "virtual_machine_id"];
            let vm = refer(row, "services", &vm_columns, &ids.guests, warnings);
            let device_columns = ["device_id", "device", "device_name"];
            let device = refer(row, "services", &device_columns, &ids.devices, warnings);
            ids.services
                .add(row.text(&["id", "service_id"]), None, &name);
            Some(Service {
                id: String::new(),
                service_name: name,
                kind: row.text(&["type", "service_type", "category"]),
                url: row.text(&["url", "base_url"]),
                port: port(row, &["port"], warnings),
                protocol: row.text(&["protocol"]),
                health_endpoint: row.text(&["health_endpoint", "health_url", "health_check"]),
                vm,
                device,
                status: status(row),
                tags: row.list(&["tags"]),
                notes: notes(row),
                updated_at: None,
            })
        },
    )
}

fn networks(rows: &[Values], ids: &mut Ids, warnings: &mut Warnings) -> Vec<Network> {
    let columns = &["name", "network_name", "vlan_name"];
    named(
        "networks",
        columns,
        rows,
        warnings,
        |row, name, warnings| {
            ids.networks
                .add(row.text(&["id", "network_id"]), None, &name);
            let resolvers = row.list(&["dns", "dns_servers"]);
            Some(Network {
                id: String::new(),
                vlan_id: row.int(&["vlan_id", "vlan", "vlan_tag"]),
                cidr: row.parsed(&["cidr", "subnet", "network"], warnings),
                gateway: row.parsed(&["gateway", "gateway_ip"], warnings),
                dns: resolvers
                    .iter()
                    .filter_map(|text| {
                        let ip = text.parse().ok();
                        if ip.is_none() {
                            warnings.add(format!("networks: a resolver of `{name}` is no address"));
                        }
                        ip
                    })
                    .collect(),
                dhcp_start: row.parsed(&["dhcp_start", "dhcp_range_start"], warnings),
                dhcp_end: row.parsed(&["dhcp_end", "dhcp_range_end"], warnings),
                purpose: row.text(&["purpose"]),
                notes: notes(row),
                name,
                updated_at: None,
            })
        },
    )
}

fn addresses(rows: &[Values], ids: &Ids, warnings: &mut Warnings) -> Vec<Address> {
    let mut seen = std::collections::HashSet::new();
    rows.iter()
        .filter_map(|row| {
            let row = Fields::new("network_config", row);
            let ip_address = row.parsed(&["ip_address", "ip"], warnings)?;
            if !seen.insert(ip_address) {
                warnings.add(format!(
                    "network_config: a second `{ip_address}` was left out"
                ));
                return None;
            }
            let columns = ["network_id", "network", "network_name"];
            Some(Address {
                id: String::new(),
                ip_address,
                hostname: row.text(&["hostname"]),
                allocated_to: row.text(&["allocated_to", "assigned_to", "device"]),
                kind: row.text(&["type", "allocation_type"]),
                network: refer(&row, "network_config", &columns, &ids.networks, warnings),
                mac: row.parsed(&["mac", "mac_address"], warnings),
                notes: notes(&row),
                updated_at: None,
            })
        })
        .collect()
}

fn rules(rows: &[Values], warnings: &mut Warnings) -> Vec<FirewallRule> {
    let columns = &["name", "rule_name", "description", "id"];
    named("firewall_rules", columns, rows, warnings, |row, name, _| {
        Some(FirewallRule {
            id: String::new(),
            name,
            action: row
                .text(&["action", "policy"])
                .unwrap_or_else(|| "unknown".into()),
            direction: row.text(&["direction"]),
            source: row.text(&["source", "src", "source_zone"]),
            destination: row.text(&["destination", "dst", "dest", "destination_zone"]),
            protocol: row.text(&["protocol"]),
            port: row.text(&["port", "ports", "dest_port", "destination_port"]),
            position: row.int(&["position", "priority", "rule_order"]),
            enabled: row.flag(&["enabled", "active"]).unwrap_or(true),
            notes: notes(row),
            updated_at: None,
        })
    })
}

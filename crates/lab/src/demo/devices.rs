//! Devices.

use std::collections::BTreeMap;

use homelab_core::inventory::{Device, Status};

use super::{MARK, ip, mac, tags};

struct Row {
    name: &'static str,
    category: &'static str,
    kind: &'static str,
    ip: Option<&'static str>,
    maker: &'static str,
    model: &'static str,
    os: Option<&'static str>,
    location: &'static str,
    status: Status,
    tags: &'static [&'static str],
}

const fn row(
    [name, category, kind]: [&'static str; 3],
    ip: &'static str,
    [maker, model]: [&'static str; 2],
    location: &'static str,
) -> Row {
    Row {
        name,
        category,
        kind,
        ip: if ip.is_empty() { None } else { Some(ip) },
        maker,
        model,
        os: None,
        location,
        status: Status::Online,
        tags: &[],
    }
}

impl Row {
    const fn os(mut self, os: &'static str) -> Self {
        self.os = Some(os);
        self
    }

    const fn status(mut self, status: Status) -> Self {
        self.status = status;
        self
    }

    const fn tags(mut self, tags: &'static [&'static str]) -> Self {
        self.tags = tags;
        self
    }
}

const RACK: &str = "cellar, rack";
const OFFICE: &str = "office";

/// One line each, so that the lab can be read at a glance.
#[rustfmt::skip]
const ROWS: [Row; 42] = [
    // Compute.
    row(["pve1", "compute", "server"], "192.0.2.11", ["Supermicro", "SYS-E300-9D"], RACK).os("Proxmox VE 9.1").tags(&["hypervisor", "critical"]),
    row(["pve2", "compute", "server"], "192.0.2.12", ["Minisforum", "MS-01"], RACK).os("Proxmox VE 9.1").tags(&["hypervisor", "critical"]),
    row(["pve3", "compute", "server"], "192.0.2.13", ["Minisforum", "MS-01"], RACK).os("Proxmox VE 9.1").tags(&["hypervisor", "critical"]),
    row(["pbs1", "compute", "server"], "192.0.2.14", ["Intel", "NUC11ATKC4"], RACK).os("Proxmox Backup Server 4.1").tags(&["backup"]),
    row(["pi-dns-1", "compute", "single_board"], "192.0.2.66", ["Raspberry Pi", "4B 4 GB"], RACK).os("Debian 13").tags(&["dns"]),
    row(["pi-dns-2", "compute", "single_board"], "192.0.2.67", ["Raspberry Pi", "4B 4 GB"], "hall").os("Debian 13").tags(&["dns"]),
    row(["pi-kiosk", "compute", "single_board"], "192.0.2.140", ["Raspberry Pi", "5 8 GB"], "kitchen").os("Debian 13"),
    row(["workstation", "compute", "workstation"], "192.0.2.131", ["Custom", "Ryzen 9 7900"], OFFICE).os("Fedora 43").tags(&["gpu"]),
    row(["laptop-alex", "compute", "laptop"], "192.0.2.132", ["Framework", "Laptop 13"], OFFICE).os("Arch Linux"),
    row(["laptop-sam", "compute", "laptop"], "192.0.2.133", ["Apple", "MacBook Air M3"], "living room").os("macOS 26").status(Status::Offline),
    // Network.
    row(["fw-1", "network", "router"], "192.0.2.1", ["Protectli", "VP2420"], RACK).os("OPNsense 26.1").tags(&["critical"]),
    row(["modem", "network", "modem"], "", ["Zyxel", "XMG3927"], "cellar, wall"),
    row(["sw-core", "network", "switch"], "192.0.2.2", ["MikroTik", "CRS326-24S+2Q+"], RACK).os("RouterOS 7.20").tags(&["critical", "10g"]),
    row(["sw-rack", "network", "switch"], "192.0.2.3", ["Ubiquiti", "USW-Pro-24-PoE"], RACK).tags(&["poe"]),
    row(["sw-office", "network", "switch"], "192.0.2.4", ["Ubiquiti", "USW-Flex-2.5G-8"], OFFICE),
    row(["sw-bench", "network", "switch"], "192.0.2.5", ["Netgear", "GS308E"], "workshop"),
    row(["ap-hall", "network", "access_point"], "192.0.2.6", ["Ubiquiti", "U7 Pro"], "hall").tags(&["wifi"]),
    row(["ap-office", "network", "access_point"], "192.0.2.7", ["Ubiquiti", "U7 Pro"], OFFICE).tags(&["wifi"]),
    row(["ap-garage", "network", "access_point"], "192.0.2.8", ["Ubiquiti", "U6 Mesh"], "garage").tags(&["wifi"]).status(Status::Offline),
    // Storage.
    row(["nas-main", "storage", "nas"], "192.0.2.70", ["Synology", "DS1821+"], RACK).os("DSM 7.3").tags(&["critical", "nfs"]),
    row(["nas-backup", "storage", "nas"], "192.0.2.71", ["Custom", "N100 8-bay"], "attic").os("TrueNAS 25.10").tags(&["backup"]),
    // Power.
    row(["ups-rack", "power", "ups"], "192.0.2.20", ["APC", "SMT1500RMI2U"], RACK).tags(&["critical"]),
    row(["ups-office", "power", "ups"], "", ["Eaton", "Ellipse PRO 850"], OFFICE),
    row(["pdu-rack", "power", "pdu"], "192.0.2.21", ["Raritan", "PX3-5145R"], RACK),
    // Office and media.
    row(["printer-office", "office", "printer"], "192.0.2.145", ["Brother", "HL-L2445DW"], OFFICE),
    row(["scanner-office", "office", "scanner"], "192.0.2.146", ["Brother", "ADS-1700W"], OFFICE).status(Status::Unknown),
    row(["tv-living", "media", "television"], "198.51.100.20", ["LG", "OLED55C4"], "living room").status(Status::Offline),
    row(["speaker-kitchen", "media", "speaker"], "198.51.100.21", ["Sonos", "Era 100"], "kitchen"),
    row(["phone-alex", "mobile", "phone"], "", ["Google", "Pixel 9"], "mobile"),
    row(["phone-sam", "mobile", "phone"], "", ["Apple", "iPhone 16"], "mobile"),
    row(["tablet-kitchen", "mobile", "tablet"], "198.51.100.22", ["Samsung", "Galaxy Tab A9"], "kitchen"),
    // Things.
    row(["hub-zigbee", "iot", "hub"], "198.51.100.10", ["SMLIGHT", "SLZB-06"], "hall").tags(&["zigbee"]),
    row(["cam-door", "iot", "camera"], "198.51.100.11", ["Reolink", "D340P"], "front door").tags(&["camera"]),
    row(["cam-garden", "iot", "camera"], "198.51.100.12", ["Reolink", "RLC-810A"], "garden").tags(&["camera"]),
    row(["cam-garage", "iot", "camera"], "198.51.100.13", ["Reolink", "RLC-520A"], "garage").tags(&["camera"]).status(Status::Maintenance),
    row(["thermostat-hall", "iot", "thermostat"], "198.51.100.14", ["Tado", "X"], "hall"),
    row(["plug-washer", "iot", "smart_plug"], "198.51.100.15", ["Shelly", "Plus Plug S"], "cellar"),
    row(["plug-dryer", "iot", "smart_plug"], "198.51.100.16", ["Shelly", "Plus Plug S"], "cellar"),
    row(["sensor-cellar", "iot", "sensor"], "198.51.100.17", ["Shelly", "H&T Gen3"], "cellar"),
    row(["inverter-solar", "iot", "inverter"], "198.51.100.18", ["Fronius", "Symo GEN24 8.0"], "garage").tags(&["energy"]),
    // Workshop.
    row(["printer-3d", "workshop", "3d_printer"], "192.0.2.210", ["Prusa", "MK4S"], "workshop"),
    row(["gpib-gateway", "workshop", "gateway"], "192.0.2.200", ["Prologix", "GPIB-ETHERNET"], "workshop"),
];

pub(super) fn devices() -> Vec<Device> {
    ROWS.iter()
        .zip(1_u8..)
        .map(|(row, n)| device(row, n))
        .collect()
}

fn device(row: &Row, n: u8) -> Device {
    let name = row.name;
    let metadata = match row.category {
        "compute" => BTreeMap::from([("purchased".to_owned(), format!("20{:02}", 19 + n % 7))]),
        _ => BTreeMap::new(),
    };
    Device {
        id: String::new(),
        name: name.to_owned(),
        category: Some(row.category.to_owned()),
        kind: Some(row.kind.to_owned()),
        status: row.status,
        hostname: row.ip.map(|_| format!("{name}.lab.example")),
        ip: row.ip.map(ip),
        mac: Some(mac(n)),
        manufacturer: Some(row.maker.to_owned()),
        model: Some(row.model.to_owned()),
        serial: Some(format!("DEMO{n:04}")),
        os: row.os.map(str::to_owned),
        location: Some(row.location.to_owned()),
        tags: tags(row.tags),
        notes: Some(MARK.to_owned()),
        metadata,
        updated_at: None,
    }
}

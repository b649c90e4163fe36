//! A server that plays NetBox with a small lab in it, and the server under test.

use std::ops::Deref;
use std::sync::Arc;

use homelab_backend_netbox::kind;
use homelab_core::clock::ManualClock;
use homelab_core::tool::Inverse;
use homelab_harness::{Bench, today};
use homelab_lab::netbox::{NetBox, Release, TOKEN, TOKEN_V1};
use serde_json::{Value, json};

pub(crate) use homelab_harness::{field, hint, reason, says};

pub(crate) struct World {
    pub(crate) netbox: NetBox,
    pub(crate) clock: Arc<ManualClock>,
    bench: Bench,
    /// Some requests are outside the contract on purpose.
    pub(crate) lenient: bool,
}

impl World {
    /// A site with two servers, a switch, a virtual machine and some networks.
    pub(crate) async fn lab() -> Self {
        Self::release(Release::V4_7).await
    }

    /// The same in another release; before 4.5 with a token of version 1.
    pub(crate) async fn release(release: Release) -> Self {
        let clock = today();
        let netbox = NetBox::with(release, clock.clone(), None)
            .await
            .expect("a loopback port");
        furnish(&netbox);
        netbox.log().clear();
        let token = if release < Release::V4_5 {
            TOKEN_V1
        } else {
            TOKEN
        };
        let settings = json!({ "url": netbox.url(), "token": token });
        Self {
            bench: Bench::open(kind(), settings, clock.clone()).await,
            netbox,
            clock,
            lenient: false,
        }
    }

    /// Opens the server anew; a setting that is given wins.
    pub(crate) fn reopen(&mut self, settings: &Value) {
        let mut all = json!({ "url": self.netbox.url(), "token": TOKEN });
        for (key, value) in settings.as_object().expect("a section") {
            all[key] = value.clone();
        }
        self.bench.reopen_with(all);
    }

    /// Asks as a user who may do these things alone.
    pub(crate) fn as_user(&mut self, permissions: &[&str]) {
        let token = "nbt_labsmall00000.7777777788889999000000000000000000000003";
        self.netbox.add_user("small", token, permissions);
        self.reopen(&json!({ "token": token }));
    }

    /// Runs a call's inverse, which must succeed and take.
    pub(crate) async fn undo(&self, inverse: Option<Inverse>) -> Value {
        let inverse = inverse.expect("an inverse");
        self.call(&inverse.tool, inverse.arguments).await
    }

    /// `METHOD path` of the requests that change something.
    pub(crate) fn writes(&self) -> Vec<String> {
        let mut lines = self.netbox.log().lines();
        lines.retain(|line| !line.starts_with("GET "));
        lines
    }

    /// The body of the last request that changes something.
    pub(crate) fn last_body(&self) -> Value {
        let requests = self.netbox.log().all();
        let last = requests.iter().rev().find(|one| one.method != "GET");
        serde_json::from_slice(&last.expect("a change").body).expect("JSON")
    }
}

impl Deref for World {
    type Target = Bench;

    fn deref(&self) -> &Bench {
        &self.bench
    }
}

impl Drop for World {
    fn drop(&mut self) {
        let unexpected = self.netbox.log().unexpected();
        if !std::thread::panicking() && !self.lenient {
            assert_eq!(unexpected, [""; 0], "outside the contract");
        }
    }
}

/// Devices `n1` (`eth0`, `eth1`, `console`), `n2` (`eth0`), `sw1` (`eth0`, `1`, `2`), the machine
/// `vm1` (`ens18`), prefixes `192.0.2.0/28` and `198.51.100.0/24` (also in the VRF `blue`), a range.
fn furnish(netbox: &NetBox) {
    let named = |name: &str| json!({ "name": name, "slug": name.to_lowercase() });
    netbox.add("extras/tags", named("Lab"));
    netbox.add("tenancy/tenants", named("Home"));
    netbox.add("dcim/sites", named("Cellar"));
    netbox.add("dcim/sites", named("Attic"));
    netbox.add("dcim/racks", json!({ "name": "R1", "site": 1 }));
    netbox.add("dcim/manufacturers", named("Acme"));
    netbox.add(
        "dcim/device-types",
        json!({ "manufacturer": 1, "model": "S1", "slug": "s1" }),
    );
    for role in ["Server", "Switch"] {
        netbox.add("dcim/device-roles", named(role));
    }
    for (name, role, ports) in [
        ("n1", 1, &["eth0", "eth1"][..]),
        ("n2", 1, &["eth0"]),
        ("sw1", 2, &["eth0", "1", "2"]),
    ] {
        let device = json!({ "name": name, "device_type": 1, "role": role, "site": 1, "rack": 1 });
        let device = netbox.add("dcim/devices", device);
        for port in ports {
            let port = json!({ "device": device, "name": port, "type": "1000base-t" });
            netbox.add("dcim/interfaces", port);
        }
    }
    netbox.add(
        "dcim/console-ports",
        json!({ "device": 1, "name": "console", "type": "rj-45" }),
    );
    netbox.add("virtualization/cluster-types", named("Proxmox"));
    netbox.add(
        "virtualization/clusters",
        json!({ "name": "pve", "type": 1 }),
    );
    let machine = json!({ "name": "vm1", "cluster": 1, "vcpus": 2, "memory": 4096, "disk": 32000 });
    netbox.add("virtualization/virtual-machines", machine);
    netbox.add(
        "virtualization/interfaces",
        json!({ "virtual_machine": 1, "name": "ens18" }),
    );
    netbox.add("ipam/vrfs", json!({ "name": "blue" }));
    netbox.add(
        "ipam/prefixes",
        json!({ "prefix": "192.0.2.0/28", "description": "servers" }),
    );
    netbox.add("ipam/prefixes", json!({ "prefix": "198.51.100.0/24" }));
    netbox.add(
        "ipam/prefixes",
        json!({ "prefix": "198.51.100.0/24", "vrf": 1 }),
    );
    netbox.add(
        "ipam/ip-ranges",
        json!({ "start_address": "198.51.100.50/24", "end_address": "198.51.100.53/24" }),
    );
    netbox.add(
        "ipam/vlan-groups",
        json!({ "name": "House", "slug": "house", "vid_ranges": [[100, 102]] }),
    );
    netbox.add(
        "ipam/vlans",
        json!({ "vid": 10, "name": "mgmt", "site": 1 }),
    );
}

/// One member of all rows of a list.
pub(crate) fn column(list: &Value, rows: &str, member: &str) -> Vec<Value> {
    let rows = list[rows].as_array().expect("a list");
    rows.iter().map(|row| row[member].clone()).collect()
}

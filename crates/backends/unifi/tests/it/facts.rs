//! What the console tells of the lab.

use homelab_core::facts::{Entity, EntityKind, Relation, Wellness};
use homelab_core::inventory::Status;
use homelab_harness::{find, question};
use homelab_lab::Fault;
use homelab_lab::unifi::{DeviceKind, DeviceSeed};
use serde_json::json;

use crate::world::{AP, NAS, PRINTER, SWITCH, With, World};

#[tokio::test]
async fn devices_clients_and_networks_are_told_by_either_api() {
    for with in [With::Both, With::Account] {
        let world = World::with(with).await;
        world.unifi.add_device(DeviceSeed {
            state: "OFFLINE".into(),
            uplink: Some(SWITCH.into()),
            ..DeviceSeed::new("00:00:5e:00:53:04", "ap-garage", DeviceKind::AccessPoint)
        });

        let facts = world.tell().await;

        assert_eq!(
            (facts.gaps.len(), facts.incomplete),
            (0, false),
            "{facts:?}"
        );
        let (ap, nas) = (find(&facts, "ap-garage"), find(&facts, "nas"));
        assert_eq!(
            (ap.kind, ap.status),
            (EntityKind::NetworkDevice, Status::Offline)
        );
        assert_eq!(ap.health, Some(Wellness::Failed));
        assert_eq!(ap.attributes["type"], "access_point");
        let above = ap.links.first().map(|link| link.to.id.clone());
        // Only the official API tells what a device hangs on.
        let expected = (with == With::Both).then(|| Some(SWITCH.to_owned()));
        assert_eq!(above, expected);
        assert_eq!(
            (nas.id.as_str(), nas.kind),
            (NAS, EntityKind::NetworkClient)
        );
        assert_eq!(nas.addresses, ["192.0.2.140".parse().unwrap()]);
        assert_eq!(nas.macs, [NAS.parse().unwrap()]);
        assert_eq!(
            (
                nas.attributes["uplink"].as_str(),
                nas.attributes["port"].as_str()
            ),
            ("sw-rack", "3")
        );
        assert_eq!(nas.attributes["network"], "trusted");
        assert_eq!(nas.links[0].relation, Relation::DependsOn);
        assert_eq!(nas.links[0].to.id.as_deref(), Some(SWITCH));
        let phone = find(&facts, "phone");
        assert_eq!(phone.attributes["ssid"], "homelab");
        assert_eq!(phone.links[0].to.id.as_deref(), Some(AP));
        let printer = find(&facts, "printer");
        assert_eq!(
            (printer.id.as_str(), printer.status),
            (PRINTER, Status::Offline)
        );
        // What it had may be another's by now.
        assert!(printer.addresses.is_empty() && printer.links.is_empty());
        let network = find(&facts, "trusted");
        assert_eq!(
            (network.kind, network.attributes["vlan"].as_str()),
            (EntityKind::Network, "30")
        );
    }
}

#[tokio::test]
async fn names_that_lead_somewhere_are_told_by_either_api() {
    for with in [With::Both, With::Account] {
        let world = World::with(with).await;
        let record = |kind: &str, name: &str, field: &str, value: &str| {
            let mut body = json!({ "type": kind, "enabled": name != "old.lab.example",
                                   "domain": name, field: value });
            if kind != "TXT_RECORD" {
                body["ttlSeconds"] = 0.into();
            }
            world.unifi.add_dns_record(&body);
        };
        record("A_RECORD", "nas.lab.example", "ipv4Address", "192.0.2.140");
        record(
            "CNAME_RECORD",
            "files.lab.example",
            "targetDomain",
            "NAS.lab.example",
        );
        record(
            "CNAME_RECORD",
            "blog.lab.example",
            "targetDomain",
            "host.example.net",
        );
        record("A_RECORD", "old.lab.example", "ipv4Address", "192.0.2.9");
        record("TXT_RECORD", "lab.example", "text", "whatever");

        let facts = world.tell().await;

        assert!(facts.gaps.is_empty(), "{facts:?}");
        let records: Vec<&Entity> = facts
            .entities
            .iter()
            .filter(|one| one.kind == EntityKind::DnsRecord)
            .collect();
        assert_eq!(records.len(), 3, "those that are on and lead somewhere");
        let (nas, files) = (
            find_in(&records, "nas.lab.example"),
            find_in(&records, "files.lab.example"),
        );
        assert_eq!(nas.addresses, ["192.0.2.140".parse().unwrap()]);
        assert_eq!(nas.attributes["content"], "192.0.2.140");
        assert_eq!(files.links[0].relation, Relation::PointsTo);
        assert_eq!(files.links[0].to.id.as_deref(), Some(nas.id.as_str()));
        let blog = find_in(&records, "blog.lab.example");
        assert_eq!(blog.links[0].to.name.as_deref(), Some("host.example.net"));
    }
}

fn find_in<'a>(records: &[&'a Entity], name: &str) -> &'a Entity {
    let mut all = records.iter();
    all.find(|one| one.name == name)
        .unwrap_or_else(|| panic!("no `{name}` in {records:?}"))
}

#[tokio::test]
async fn records_that_cannot_be_read_are_missed_and_those_that_never_were_are_not() {
    let world = World::with(With::Account).await;
    let path = "/proxy/network/v2/api/site/default/static-dns";

    world.unifi.faults().always(path, Fault::Status(404));
    let older = world.tell().await;
    world.unifi.faults().clear();
    world.unifi.faults().always(path, Fault::Status(500));
    let broken = world.tell().await;

    assert!(older.gaps.is_empty() && !older.incomplete, "{older:?}");
    assert!(broken.incomplete, "{broken:?}");
    assert!(
        broken.gaps.iter().any(|gap| gap.contains("DNS records")),
        "{broken:?}"
    );
}

#[tokio::test]
async fn a_key_alone_tells_what_it_can_and_says_what_lacks() {
    let world = World::with(With::Key).await;
    world
        .unifi
        .faults()
        .always("/proxy/network/api/", Fault::Status(401));

    let facts = world.tell().await;

    assert!(facts.incomplete && !facts.gaps.is_empty(), "{facts:?}");
    let nas = find(&facts, "nas");
    assert_eq!(nas.attributes["uplink"], "sw-rack");
    assert!(!nas.attributes.contains_key("port"));
    assert!(!facts.entities.iter().any(|one| one.name == "printer"));
}

#[tokio::test]
async fn a_console_that_does_not_answer_is_an_error() {
    let world = World::lab().await;
    world.unifi.faults().always("/", Fault::Status(503));

    let facts = world.try_tell(&question()).await;

    assert!(facts.is_err());
}

//! What servers told of the lab's things.

use std::collections::BTreeMap;

use homelab_core::facts::{Entity, EntityKind, Reference, Relation};
use homelab_core::inventory::Snapshot;
use homelab_core::store::{Known, Observed, Sighting, StoreError};
use rstest::rstest;
use serde_json::json;

use crate::lab::{Engine, Lab, START};
use crate::sample::{guest, host, record};

pub(crate) fn sighting(id: &str, record: Option<&str>) -> Sighting {
    let entity = Entity::new(EntityKind::Guest, id, "web \"ünï\"")
        .link(Relation::RunsOn, Reference::id(EntityKind::Host, "pve1"))
        .attribute("vmid", Some(100));
    Sighting {
        source: "pve".into(),
        kind: "guest".into(),
        id: id.into(),
        table: record.map(|_| "virtual_machines".into()),
        record: record.map(str::to_owned),
        entity,
        written: BTreeMap::from([("cores".into(), json!(4)), ("tags".into(), json!(["a"]))]),
        first_seen: START,
        last_seen: START.plus_seconds(60),
        vanished_at: None,
    }
}

#[rstest]
#[tokio::test]
async fn records_and_sightings_are_stored_together_and_found_by_record(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let Some(lab) = Lab::open(engine).await else {
        return;
    };
    let sightings = &*lab.stores.sightings;
    let mut machine = guest("web");
    machine.id = "guest-1".into();
    let observed = Observed {
        records: Snapshot {
            proxmox_hosts: vec![host("pve1")],
            virtual_machines: vec![machine],
            ..Snapshot::default()
        },
        sightings: vec![
            sighting("qemu/100", Some("guest-1")),
            sighting("qemu/101", None),
        ],
    };

    let report = sightings.observe(&|_| observed.clone()).await.unwrap();

    assert_eq!(report.created.values().sum::<u64>(), 2);
    let known = sightings.known().await.unwrap();
    assert_eq!(known.sightings, observed.sightings);
    assert_eq!(known.records.virtual_machines[0].id, "guest-1");
    let of = sightings
        .of_records(&["guest-1".into(), "no\0ne".into()])
        .await
        .unwrap();
    assert_eq!(of, observed.sightings[..1]);
    assert_eq!(sightings.of_records(&[]).await.unwrap(), []);

    let mut gone = sighting("qemu/101", None);
    gone.vanished_at = Some(START.plus_seconds(90));
    let again = Observed {
        records: Snapshot::default(),
        sightings: vec![gone.clone()],
    };
    sightings.observe(&|_| again.clone()).await.unwrap();
    assert_eq!(sightings.known().await.unwrap().sightings[1], gone);
}

#[rstest]
#[tokio::test]
async fn a_plan_sees_what_was_entered_by_hand_a_moment_ago(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let Some(lab) = Lab::open(engine).await else {
        return;
    };
    let by_hand = record(json!({ "virtual_machines": [{ "name": "web", "cores": 8 }] }));
    lab.stores.inventory.import(by_hand).await.unwrap();

    let plan = |known: &Known| {
        let mut web = known.records.virtual_machines[0].clone();
        web.memory_mib = Some(1024);
        Observed {
            records: Snapshot {
                virtual_machines: vec![web],
                ..Snapshot::default()
            },
            sightings: Vec::new(),
        }
    };
    lab.stores.sightings.observe(&plan).await.unwrap();

    let known = lab.stores.sightings.known().await.unwrap();
    let web = &known.records.virtual_machines[0];
    assert_eq!((web.cores, web.memory_mib), (Some(8), Some(1024)));
}

#[rstest]
#[tokio::test]
async fn nothing_is_stored_where_a_part_cannot_be(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let Some(lab) = Lab::open(engine).await else {
        return;
    };
    let sightings = &*lab.stores.sightings;
    for id in ["", &"x".repeat(601), "a\0b"] {
        let observed = Observed {
            records: record(json!({ "devices": [{ "name": "nas" }] })),
            sightings: vec![sighting(id, None)],
        };
        let error = sightings.observe(&|_| observed.clone()).await.unwrap_err();
        assert!(
            matches!(error, StoreError::Invalid { field: "id", .. }),
            "{error}"
        );
    }
    let known = sightings.known().await.unwrap();
    assert!(known.records.is_empty() && known.sightings.is_empty());
}

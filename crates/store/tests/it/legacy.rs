//! Reading the older Python server's database.

use homelab_core::keyring::Keyring;
use homelab_core::secret::Secret;
use homelab_core::store::AuditFilter;
use homelab_store::legacy::{self, LegacyError};
use rstest::rstest;

use crate::lab::{Engine, Lab, Place};

/// The key of the Fernet specification's example, and its token for `hello`.
const KEY: &str = "cw_0x689RpI-jtRR7oE8h_eQsKImvJapLeSbXpwF4e4=";
const TOKEN: &str = "gAAAAAAdwJ6wAAECAwQFBgcICQoLDA0ODy021cpGVWKZ_eEwCGM4BLLF_5CV9dOPmrhuVUPgJobwOz7JcbmrR64jVmpU4IwqDA==";

/// The tables with the columns that the older server's notes give, and rows as people leave them.
fn old_tables() -> String {
    format!(
        "CREATE TABLE proxmox_hosts (id INTEGER, node_name TEXT, ip_address TEXT);
         INSERT INTO proxmox_hosts VALUES (1, 'pve1', '192.0.2.2'), (2, 'PVE2', 'not an ip');
         CREATE TABLE virtual_machines
            (vm_id INTEGER, name TEXT, ip TEXT, status TEXT, host_id INTEGER);
         INSERT INTO virtual_machines VALUES
            (100, 'web', '192.0.2.20', 'running', 1), (101, 'Web', NULL, 'stopped', 9),
            (102, NULL, NULL, NULL, NULL);
         CREATE TABLE services (id INTEGER, service_name TEXT, url TEXT, port INTEGER,
            protocol TEXT, health_endpoint TEXT, vm_id INTEGER);
         INSERT INTO services VALUES
            (1, 'wiki', 'http://192.0.2.20', 8080, 'http', '/health', 100),
            (2, 'odd', NULL, 99999, NULL, '', NULL);
         CREATE TABLE credentials (id INTEGER, target_type TEXT, target_id INTEGER, username TEXT,
            password_encrypted TEXT, ssh_key_path TEXT, auth_type TEXT);
         INSERT INTO credentials VALUES
            (1, 'virtual_machine', 100, 'root', '{TOKEN}', NULL, 'password'),
            (2, 'proxmox_host', 1, 'root', NULL, '/keys/id', NULL),
            (3, 'service', 7, 'admin', 'damaged', NULL, 'password');
         CREATE TABLE network_config
            (ip_address TEXT, hostname TEXT, allocated_to TEXT, type TEXT);
         INSERT INTO network_config VALUES
            ('192.0.2.20', 'web.example', 'web', 'static'), ('192.0.2.20', 'twice', NULL, NULL);
         CREATE TABLE audit_log (id INTEGER, action TEXT, target_type TEXT, target_id TEXT,
            \"user\" TEXT, details TEXT, ip_address TEXT, timestamp TEXT);
         INSERT INTO audit_log VALUES
            (1, 'get_credentials', 'vm', '100', 'mcp-agent', 'read', 'docker',
             '2025-01-02 03:04:05');"
    )
}

async fn old_database(engine: Engine, sql: &str) -> Option<Place> {
    let place = Place::new(engine)?;
    place.raw().await.run(sql).await;
    Some(place)
}

fn keyring() -> Keyring {
    Keyring::parse(&Secret::new(KEY)).unwrap()
}

#[rstest]
#[tokio::test]
async fn everything_that_makes_sense_is_read_and_the_rest_is_said(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let Some(place) = old_database(engine, &old_tables()).await else {
        return;
    };

    let old = legacy::read(&place.source(), Some(&keyring()))
        .await
        .unwrap();

    let snapshot = &old.snapshot;
    assert_eq!(snapshot.proxmox_hosts.len(), 2);
    assert_eq!(snapshot.proxmox_hosts[1].ip_address, None);
    assert_eq!(snapshot.virtual_machines.len(), 2);
    assert_eq!(snapshot.virtual_machines[0].host.as_deref(), Some("pve1"));
    assert_eq!(snapshot.virtual_machines[0].vm_id, Some(100));
    assert_eq!(snapshot.virtual_machines[1].name, "Web (2)");
    assert_eq!(snapshot.services[0].vm.as_deref(), Some("web"));
    assert_eq!(snapshot.services[1].port, None);
    assert_eq!(snapshot.network_config.len(), 1);

    let credentials = &old.credentials;
    assert_eq!(
        (
            credentials[0].target_type.as_str(),
            credentials[0].target_id.as_str()
        ),
        ("vm", "web")
    );
    assert_eq!(credentials[0].password.as_ref().unwrap().expose(), "hello");
    assert_eq!(
        (
            credentials[1].target_id.as_str(),
            credentials[1].auth_type.as_str()
        ),
        ("pve1", "ssh_key")
    );
    assert_eq!(
        (credentials[2].target_id.as_str(), &credentials[2].password),
        ("7", &None)
    );

    assert_eq!(old.audit[0].user, "mcp-agent");
    assert_eq!(old.audit[0].timestamp.0, 1_735_787_045_000_000);

    let mut warnings = old.warnings.clone();
    warnings.sort();
    assert_eq!(
        warnings,
        [
            "credentials: the password for `7` stays encrypted: none of the 1 known keys decrypts this secret",
            "network_config: a second `192.0.2.20` was left out",
            "proxmox_hosts: ip_address was left out of `PVE2`: `not an ip` is not an IP address",
            "services: port was left out of `odd`: number too large to fit in target type",
            "virtual_machines: a row has no name",
            "virtual_machines: a second `Web` is called `Web (2)` here",
            "virtual_machines: host_id of `Web` refers to `9`, which is not there",
        ]
    );
}

#[rstest]
#[tokio::test]
async fn what_was_read_can_be_imported_and_imported_again(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let (Some(place), Some(lab)) = (
        old_database(engine, &old_tables()).await,
        Lab::open(engine).await,
    ) else {
        return;
    };

    for round in 0..2 {
        let old = legacy::read(&place.source(), None).await.unwrap();
        let report = lab.stores.inventory.import(old.snapshot).await.unwrap();
        lab.stores.audit.append_legacy(&old.audit).await.unwrap();
        assert_eq!(report.created.is_empty(), round == 1, "{report:?}");
        assert!(report.updated.is_empty());
    }

    let page = homelab_core::page::PageRequest::first(10);
    let shown = lab
        .stores
        .audit
        .show(&AuditFilter::default(), &page)
        .await
        .unwrap();
    assert_eq!(shown.total, 1);
}

#[rstest]
#[tokio::test]
async fn without_a_key_passwords_stay_encrypted(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let Some(place) = old_database(engine, &old_tables()).await else {
        return;
    };

    let old = legacy::read(&place.source(), None).await.unwrap();

    assert_eq!(old.credentials[0].password, None);
    assert_eq!(
        old.credentials[0].password_encrypted.as_deref(),
        Some(TOKEN)
    );
    let said = old.warnings.iter().any(|warning| {
        warning == "credentials: the password for `web` stays encrypted: no key was given"
    });
    assert!(said, "{:?}", old.warnings);
}

#[rstest]
#[tokio::test]
async fn tables_and_columns_may_be_missing_or_go_by_other_names(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let sql = "CREATE TABLE devices (device_name TEXT, device_type TEXT, vendor TEXT, tags TEXT,
                  mac_address TEXT, metadata TEXT);
               INSERT INTO devices VALUES ('nas', 'nas', 'Acme', 'a, b', '001B44113AB7',
                  '{\"bays\": 4}');
               CREATE TABLE scpi_equipment (name TEXT, ip_address TEXT, scpi_port INTEGER);
               INSERT INTO scpi_equipment VALUES ('scope', '192.0.2.50', 5025), ('lost', '', 1);
               CREATE TABLE vlans (vlan_name TEXT, vlan_id INTEGER, subnet TEXT);
               INSERT INTO vlans VALUES ('lan', 20, '192.0.2.0/24');
               CREATE TABLE firewall_rules (id INTEGER, action TEXT, enabled INTEGER);
               INSERT INTO firewall_rules VALUES (7, 'allow', 0)";
    let Some(place) = old_database(engine, sql).await else {
        return;
    };

    let old = legacy::read(&place.source(), None).await.unwrap();

    let device = &old.snapshot.devices[0];
    assert_eq!(device.name, "nas");
    assert_eq!(device.manufacturer.as_deref(), Some("Acme"));
    assert_eq!(device.tags, ["a", "b"]);
    assert_eq!(device.mac.unwrap().to_string(), "00:1b:44:11:3a:b7");
    assert_eq!(device.metadata["bays"], "4");
    assert_eq!(old.snapshot.test_equipment.len(), 1);
    assert_eq!(old.snapshot.test_equipment[0].port, Some(5025));
    assert_eq!(
        old.snapshot.networks[0].cidr.unwrap().to_string(),
        "192.0.2.0/24"
    );
    assert_eq!(old.snapshot.firewall_rules[0].name, "7");
    assert!(!old.snapshot.firewall_rules[0].enabled);
    assert_eq!(old.warnings, ["test_equipment: `lost` has no address"]);
}

#[tokio::test]
async fn a_sqlite_file_is_read_with_its_log_and_not_changed() {
    let place = Place::new(Engine::Sqlite).unwrap();
    // The server is still running: its newest rows are in the log alone.
    let mut server = place.raw().await;
    server.run("PRAGMA journal_mode = WAL").await;
    server.run(&old_tables()).await;
    let homelab_store::Target::Sqlite { path } = &place.target else {
        unreachable!("it was made for SQLite")
    };
    let log = path.with_extension("db-wal");
    let before = (std::fs::read(path).unwrap(), std::fs::read(&log).unwrap());

    let old = legacy::read(&place.source(), None).await.unwrap();

    assert_eq!(old.snapshot.virtual_machines.len(), 2);
    assert!(!before.1.is_empty());
    let after = (std::fs::read(path).unwrap(), std::fs::read(&log).unwrap());
    assert!(before == after, "the file or its log was changed");
}

#[tokio::test]
async fn postgresql_is_read_by_a_transaction_that_cannot_write() {
    let Some(place) = old_database(Engine::Postgres, &old_tables()).await else {
        return;
    };
    // A view that writes when it is read: only a read-only transaction refuses it.
    place
        .raw()
        .await
        .run(
            "CREATE TABLE traces (at BIGINT);
             CREATE FUNCTION trace() RETURNS TEXT LANGUAGE plpgsql AS $$
             BEGIN INSERT INTO traces VALUES (1); RETURN 'x'; END $$;
             CREATE VIEW devices AS SELECT trace() AS name",
        )
        .await;

    let refused = legacy::read(&place.source(), None).await;

    assert!(
        matches!(&refused, Err(LegacyError::Unreadable { table: "devices", detail })
            if detail.contains("read-only")),
        "{refused:?}"
    );
}

#[tokio::test]
async fn a_source_that_is_not_there_or_not_such_a_database_is_an_error() {
    let place = Place::new(Engine::Sqlite).unwrap();
    let missing = legacy::read(&place.source(), None).await.unwrap_err();
    place
        .raw()
        .await
        .run("CREATE TABLE songs (title TEXT)")
        .await;
    let other = legacy::read(&place.source(), None).await.unwrap_err();
    let nowhere = "postgres://user:hunter2@127.0.0.1:1/none";
    let unreachable = legacy::read(nowhere, None).await.unwrap_err();

    assert!(matches!(missing, LegacyError::Missing(_)));
    assert!(matches!(other, LegacyError::NothingThere));
    assert!(matches!(&unreachable, LegacyError::Unavailable(text) if !text.contains("hunter2")));
}

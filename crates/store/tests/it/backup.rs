//! Backup and restore.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use homelab_core::approval::State;
use homelab_core::clock::{ManualClock, OsEntropy};
use homelab_core::page::PageRequest;
use homelab_core::store::{
    ApprovalFilter, AuditFilter, Credential, DeviceFilter, Keep, Observed, StoreError, StoreResult,
    Stores, Take,
};
use homelab_store::{Overwrite, Restored, restore};
use rstest::rstest;

use crate::approvals::{ask, begin, held, vote};
use crate::archives;
use crate::audit_log::{entry, key, write};
use crate::ccpm;
use crate::lab::{Engine, Lab, Place, START};
use crate::sample;
use crate::sightings;

/// Something in every table.
async fn fill(stores: &Stores) {
    stores.inventory.import(sample::snapshot()).await.unwrap();
    stores.inventory.put(sample::rule("off")).await.unwrap();
    let seen = Observed {
        records: homelab_core::inventory::Snapshot::default(),
        sightings: vec![sightings::sighting("qemu/100", None)],
    };
    stores.sightings.observe(&|_| seen.clone()).await.unwrap();
    stores.settings.set("kill_switch", "off").await.unwrap();
    let credential = Credential {
        id: String::new(),
        target_type: "device".into(),
        target_id: "nas".into(),
        username: None,
        password_encrypted: Some("token".into()),
        ssh_key_path: None,
        auth_type: "password".into(),
        notes: None,
        created_at: START,
        updated_at: START,
    };
    stores.credentials.put(credential).await.unwrap();
    let archive = archives::archive("dns", "pi-1", "a.zip");
    let all = Keep {
        newest: 1,
        besides: None,
    };
    let stored = stores.archives.insert(archive, "token", all).await;
    stored.unwrap();
    let api_key = homelab_core::store::ApiKey {
        id: "k1".into(),
        name: "laptop".into(),
        kind: homelab_core::call::CredentialKind::Agent,
        role: homelab_core::policy::Role::Viewer,
        grants: homelab_core::policy::Grants::default(),
        hash: "00".into(),
        created_at: START,
        expires_at: None,
        revoked_at: Some(START),
    };
    stores.keys.insert(api_key).await.unwrap();
    write(&*stores.audit, "chain", (0..5).map(entry).collect()).await;
    let approvals = &*stores.approvals;
    for number in 0..3 {
        let new = held(&format!("a-{number}"), "agent", number, START);
        ask(approvals, new).await;
    }
    vote(approvals, "a-0", "anna", false, START).await.unwrap();
    stores
        .taints
        .mark("agent/", "mail:read", START)
        .await
        .unwrap();
    let take = Take {
        key: "deletes",
        most: 1,
        window: std::time::Duration::from_mins(1),
    };
    stores.budgets.take(&[take], START).await.unwrap().unwrap();
    ccpm::fill(&*stores.ccpm).await;
}

/// Everything that the stores can show.
async fn contents(stores: &Stores) -> String {
    let page = PageRequest::first(200);
    let archives = stores.archives.list(None).await.unwrap();
    let contents = stores.archives.content(&archives[0].id).await.unwrap();
    format!(
        "{:?}\n{:?}\n{:?}\n{:?}\n{:?}\n{:?}\n{:?}\n{:?}\n{:?}\n{:?}\n{:?}\n{:?}\n{:?}",
        stores.inventory.export().await.unwrap(),
        stores
            .inventory
            .devices(&DeviceFilter::default(), &page)
            .await
            .unwrap(),
        stores.credentials.list(&page).await.unwrap(),
        archives,
        contents,
        stores.keys.list().await.unwrap(),
        stores.settings.get("kill_switch").await.unwrap(),
        stores
            .audit
            .show(&AuditFilter::default(), &page)
            .await
            .unwrap(),
        stores.audit.heads().await.unwrap(),
        stores
            .approvals
            .list(&ApprovalFilter::default(), &page, START)
            .await
            .unwrap(),
        stores.taints.scopes(START).await.unwrap(),
        stores.budgets.used("deletes", START).await.unwrap(),
        ccpm::contents(&*stores.ccpm).await,
    )
}

pub(crate) async fn restored(
    from: &Path,
    to: &Place,
    overwrite: Overwrite,
) -> StoreResult<Restored> {
    let clock = Arc::new(ManualClock::at(START));
    restore(from, &to.target, overwrite, clock, Arc::new(OsEntropy)).await
}

/// A filled database and its backup.
async fn backed_up(engine: Engine) -> Option<(Lab, PathBuf)> {
    let lab = Lab::open(engine).await?;
    fill(&lab.stores).await;
    let backup = lab.place.folder.path().join("backup");
    lab.database.backup(&backup).await.unwrap();
    Some((lab, backup))
}

#[rstest]
#[tokio::test]
async fn a_backup_of_either_engine_is_restored_into_either(
    #[values(Engine::Sqlite, Engine::Postgres)] from: Engine,
    #[values(Engine::Sqlite, Engine::Postgres)] to: Engine,
) {
    let (Some((lab, backup)), Some(place)) = (backed_up(from).await, Place::new(to)) else {
        return;
    };
    let mode = std::fs::metadata(&backup).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);

    let report = restored(&backup, &place, Overwrite::No).await.unwrap();

    assert_eq!(report.rows["devices"], 2);
    assert_eq!(report.rows["audit_log"], 5);
    assert_eq!(report.rows.len(), 28, "{report:?}");
    let copy = place.open(Arc::clone(&lab.clock)).await.unwrap();
    assert_eq!(contents(&copy.stores()).await, contents(&lab.stores).await);
    assert_eq!(copy.verify_audit(key()).await.unwrap(), (5, vec![]));
    let rule: Option<homelab_core::inventory::FirewallRule> =
        copy.stores().inventory.get("off").await.unwrap();
    assert!(!rule.unwrap().enabled);
}

#[rstest]
#[tokio::test]
async fn a_target_with_rows_is_replaced_only_when_asked(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let (Some((lab, backup)), Some(other)) = (backed_up(engine).await, Lab::open(engine).await)
    else {
        return;
    };
    other
        .stores
        .inventory
        .put(sample::device("other"))
        .await
        .unwrap();

    let refused = restored(&backup, &other.place, Overwrite::No).await;
    assert!(matches!(&refused, Err(StoreError::Incompatible(text)) if text.contains("devices")));
    let kept: Option<homelab_core::inventory::Device> =
        other.stores.inventory.get("other").await.unwrap();
    assert!(kept.is_some());

    restored(&backup, &other.place, Overwrite::Yes)
        .await
        .unwrap();
    assert_eq!(contents(&other.stores).await, contents(&lab.stores).await);
}

#[rstest]
#[tokio::test]
async fn a_backup_overwrites_nothing(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let Some((lab, backup)) = backed_up(engine).await else {
        return;
    };
    let before = std::fs::read(&backup).unwrap();

    let refused = lab.database.backup(&backup).await;

    assert!(matches!(refused, Err(StoreError::Unavailable(text)) if text.contains("backup")));
    assert_eq!(std::fs::read(&backup).unwrap(), before);
}

#[tokio::test]
async fn what_is_no_whole_backup_of_ours_is_refused_and_nothing_restored() {
    let Some((_lab, backup)) = backed_up(Engine::Postgres).await else {
        return;
    };
    let text = std::fs::read_to_string(&backup).unwrap();
    let lines: Vec<_> = text.lines().collect();
    let last = lines.len() - 1;
    let without = |line: usize| {
        let mut lines = lines.clone();
        lines.remove(line);
        lines.join("\n")
    };
    let cases = [
        ("cut short", lines[..last].join("\n")),
        ("rows are missing", without(last - 1)),
        ("do not fit", without(1)),
        ("no backup of this program", without(0)),
        ("not of a backup", text.replacen("{\"table\"", "garbage", 1)),
        (
            "newer version",
            text.replacen("\"schema\":8", "\"schema\":99", 1),
        ),
        (
            "newer version",
            text.replacen("\"format\":1", "\"format\":2", 1),
        ),
        (
            "unknown",
            text.replacen("\"proxmox_hosts\"", "\"wrong\"", 1),
        ),
        ("not of a backup", "a text".into()),
        ("no backup of this program", String::new()),
    ];
    let place = Place::new(Engine::Sqlite).unwrap();

    for (reason, text) in cases {
        let file = place.folder.path().join("damaged");
        std::fs::write(&file, text).unwrap();
        let refused = restored(&file, &place, Overwrite::Yes).await.unwrap_err();
        let StoreError::Incompatible(text) = refused else {
            panic!("{refused:?}")
        };
        assert!(text.contains(reason), "{reason}: {text}");
    }

    let database = place.open(Arc::new(ManualClock::at(START))).await.unwrap();
    let counts = database.stores().inventory.counts().await.unwrap();
    assert_eq!(counts.records.values().sum::<u64>(), 0);
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_backup_made_while_others_write_is_of_one_moment(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let (Some(lab), Some(place)) = (Lab::open(engine).await, Place::new(Engine::Sqlite)) else {
        return;
    };
    let log = Arc::clone(&lab.stores.audit);
    let writing =
        tokio::spawn(async move { write(&*log, "chain", (0..300).map(entry).collect()).await });

    let backup = lab.place.folder.path().join("backup");
    lab.database.backup(&backup).await.unwrap();
    writing.await.unwrap();

    restored(&backup, &place, Overwrite::No).await.unwrap();
    let copy = place.open(Arc::clone(&lab.clock)).await.unwrap();
    assert_eq!(copy.verify_audit(key()).await.unwrap().1, []);
}

#[rstest]
#[tokio::test]
async fn what_may_have_run_since_the_backup_is_asked_for_again(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let (Some(lab), Some(place)) = (Lab::open(engine).await, Place::new(engine)) else {
        return;
    };
    let approvals = &*lab.stores.approvals;
    for (id, number) in [("pending", 1), ("approved", 2), ("executing", 3)] {
        ask(approvals, held(id, "agent", number, START)).await;
    }
    vote(approvals, "approved", "anna", true, START)
        .await
        .unwrap();
    vote(approvals, "executing", "anna", true, START)
        .await
        .unwrap();
    begin(approvals, "executing", "r-2", START).await.unwrap();
    let backup = lab.place.folder.path().join("backup");
    lab.database.backup(&backup).await.unwrap();
    begin(approvals, "approved", "r-3", START).await.unwrap();

    restored(&backup, &place, Overwrite::No).await.unwrap();

    let copy = place.open(Arc::clone(&lab.clock)).await.unwrap().stores();
    for (id, state) in [
        ("pending", State::Pending),
        ("approved", State::Expired),
        ("executing", State::Unknown),
    ] {
        let found = copy.approvals.get(id, START).await.unwrap().unwrap();
        assert_eq!(found.state, state, "{id}");
    }
    assert!(
        begin(&*copy.approvals, "approved", "r-4", START)
            .await
            .is_err()
    );
}

//! API keys.

use std::sync::Arc;

use homelab_core::call::CredentialKind;
use homelab_core::policy::{Grants, Role};
use homelab_core::store::{ApiKey, StoreError};
use rstest::rstest;
use serde_json::json;

use crate::lab::{Engine, Lab, START};

fn key(id: &str, name: &str) -> ApiKey {
    ApiKey {
        id: id.into(),
        name: name.into(),
        kind: CredentialKind::Agent,
        role: Role::Operator,
        grants: serde_json::from_value(json!({ "allow": ["homelab:*"], "deny": ["stop_vm"] }))
            .unwrap(),
        hash: "ab".repeat(32),
        created_at: START,
        expires_at: Some(START.plus_seconds(3_600)),
        revoked_at: None,
    }
}

#[rstest]
#[tokio::test]
async fn a_key_is_stored_whole_and_listed_by_age(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let Some(lab) = Lab::open(engine).await else {
        return;
    };
    let keys = &*lab.stores.keys;
    let newer = ApiKey {
        kind: CredentialKind::Owner,
        role: Role::Admin,
        grants: Grants::default(),
        created_at: START.plus_seconds(1),
        expires_at: None,
        ..key("a", "newer")
    };
    let older = key("b", "older");

    keys.insert(newer.clone()).await.unwrap();
    keys.insert(older.clone()).await.unwrap();

    assert_eq!(keys.get("a").await.unwrap(), Some(newer.clone()));
    assert_eq!(keys.get("b").await.unwrap(), Some(older.clone()));
    assert_eq!(keys.get("c").await.unwrap(), None);
    assert_eq!(keys.get("\0").await.unwrap(), None);
    assert_eq!(keys.list().await.unwrap(), [older, newer]);
}

#[rstest]
#[tokio::test]
async fn names_are_unique_among_keys_in_force(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let Some(lab) = Lab::open(engine).await else {
        return;
    };
    let keys = &*lab.stores.keys;
    keys.insert(key("a", "laptop")).await.unwrap();
    let refused = |error: StoreError, expected: &str| {
        assert!(matches!(error, StoreError::Conflict { field, .. } if field == expected));
    };

    refused(keys.insert(key("b", "Laptop")).await.unwrap_err(), "name");
    refused(keys.insert(key("a", "other")).await.unwrap_err(), "id");
    let after_expiry = ApiKey {
        created_at: START.plus_seconds(7_200),
        expires_at: None,
        ..key("c", "laptop")
    };
    keys.insert(after_expiry).await.unwrap();
    let unnamed = keys.insert(key("d", "")).await.unwrap_err();
    assert!(matches!(unnamed, StoreError::Invalid { field: "name", .. }));
}

#[rstest]
#[tokio::test]
async fn a_revoked_key_stays_known_and_frees_its_name(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let Some(lab) = Lab::open(engine).await else {
        return;
    };
    let keys = &*lab.stores.keys;
    keys.insert(key("a", "Laptop")).await.unwrap();
    keys.insert(key("b", "phone")).await.unwrap();
    let at = START.plus_seconds(5);

    assert!(keys.revoke("laptop", at).await.unwrap());
    assert!(keys.revoke("b", at).await.unwrap());

    assert!(!keys.revoke("laptop", at).await.unwrap());
    assert!(!keys.revoke("nobody", at).await.unwrap());
    assert_eq!(keys.get("a").await.unwrap().unwrap().revoked_at, Some(at));
    keys.insert(key("c", "laptop")).await.unwrap();
    let expired = START.plus_seconds(9_999);
    assert!(
        !keys.revoke("c", expired).await.unwrap(),
        "not in force any more"
    );
}

#[rstest]
#[tokio::test]
async fn every_change_moves_the_revision(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let Some(lab) = Lab::open(engine).await else {
        return;
    };
    let keys = &*lab.stores.keys;

    let empty = keys.revision().await.unwrap();
    keys.insert(key("a", "laptop")).await.unwrap();
    let inserted = keys.revision().await.unwrap();
    keys.revoke("a", START).await.unwrap();
    let revoked = keys.revision().await.unwrap();

    assert!(empty != inserted && inserted != revoked && revoked != empty);
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn of_many_who_insert_the_first_keys_one_succeeds(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let Some(lab) = Lab::open(engine).await else {
        return;
    };
    let other = lab.place.open(Arc::clone(&lab.clock)).await.unwrap();
    let stores = [Arc::clone(&lab.stores.keys), other.stores().keys];

    let calls: Vec<_> = (0..10)
        .map(|number| {
            let keys = Arc::clone(&stores[number % 2]);
            let pair = vec![
                key(&format!("a{number}"), "agent"),
                key(&format!("o{number}"), "owner"),
            ];
            tokio::spawn(async move { keys.insert_first(pair).await.unwrap() })
        })
        .collect();
    let mut first = 0;
    for call in calls {
        first += usize::from(call.await.unwrap());
    }

    assert_eq!(first, 1);
    let stored = lab.stores.keys.list().await.unwrap();
    assert_eq!(stored.len(), 2);
    assert_eq!(
        stored[0].id.trim_start_matches('a'),
        stored[1].id.trim_start_matches('o')
    );
}

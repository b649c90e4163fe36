//! Stored credentials.

use homelab_core::page::PageRequest;
use homelab_core::store::{Credential, StoreError};
use rstest::rstest;

use crate::lab::{Engine, Lab, START};

fn credential(target: &str, username: Option<&str>, auth_type: &str) -> Credential {
    Credential {
        id: String::new(),
        target_type: "device".into(),
        target_id: target.into(),
        username: username.map(str::to_owned),
        password_encrypted: Some("gAAAA-token".into()),
        ssh_key_path: Some("/keys/id".into()),
        auth_type: auth_type.into(),
        notes: Some("for backups".into()),
        created_at: homelab_core::clock::Micros(0),
        updated_at: homelab_core::clock::Micros(0),
    }
}

#[rstest]
#[tokio::test]
async fn a_credential_is_found_by_target_or_id_and_replaced_by_its_like(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let Some(lab) = Lab::open(engine).await else {
        return;
    };
    let credentials = &*lab.stores.credentials;
    let first = credentials
        .put(credential("NAS", Some("root"), "password"))
        .await
        .unwrap();
    lab.clock.advance_seconds(60);

    let replaced = credentials
        .put(Credential {
            password_encrypted: Some("gAAAA-other".into()),
            ..credential("nas", Some("root"), "password")
        })
        .await
        .unwrap();
    credentials
        .put(credential("nas", Some("root"), "api_token"))
        .await
        .unwrap();
    credentials
        .put(credential("nas", None, "password"))
        .await
        .unwrap();

    assert_eq!(replaced.id, first.id);
    assert_eq!(replaced.created_at, START);
    assert_eq!(replaced.updated_at, START.plus_seconds(60));
    assert_eq!(
        credentials.find(&first.id).await.unwrap(),
        std::slice::from_ref(&replaced)
    );
    let found = credentials.find("Nas").await.unwrap();
    let brief: Vec<_> = found
        .iter()
        .map(|one| (one.auth_type.as_str(), one.username.as_deref()))
        .collect();
    assert_eq!(brief.len(), 3);
    assert_eq!(brief[0], ("api_token", Some("root")));
    assert!(found.contains(&replaced));
    assert!(credentials.delete(&first.id).await.unwrap());
    assert!(!credentials.delete(&first.id).await.unwrap());
    assert_eq!(credentials.find("nas").await.unwrap().len(), 2);
    assert_eq!(credentials.find("other").await.unwrap(), []);
}

#[rstest]
#[tokio::test]
async fn a_credential_cannot_be_turned_into_another_ones_double(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let Some(lab) = Lab::open(engine).await else {
        return;
    };
    let credentials = &*lab.stores.credentials;
    credentials
        .put(credential("nas", None, "password"))
        .await
        .unwrap();
    let other = credentials
        .put(credential("switch", None, "password"))
        .await
        .unwrap();

    let refused = credentials
        .put(Credential {
            target_id: "nas".into(),
            ..other
        })
        .await;

    assert!(matches!(refused, Err(StoreError::Conflict { .. })));
}

#[rstest]
#[tokio::test]
async fn what_cannot_be_kept_is_refused(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let Some(lab) = Lab::open(engine).await else {
        return;
    };
    let credentials = &*lab.stores.credentials;
    let refused = [
        (credential(" ", None, "password"), "target_id"),
        (credential(&"x".repeat(256), None, "password"), "target_id"),
        (credential("nas", Some("a\0"), "password"), "username"),
    ];

    for (one, expected) in refused {
        let error = credentials.put(one).await.unwrap_err();
        assert!(matches!(error, StoreError::Invalid { field, .. } if field == expected));
    }
}

#[rstest]
#[tokio::test]
async fn pages_list_them_by_target(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let Some(lab) = Lab::open(engine).await else {
        return;
    };
    let credentials = &*lab.stores.credentials;
    for target in ["switch", "NAS", "printer", "nas"] {
        let kind = if target == "NAS" {
            "ssh_key"
        } else {
            "password"
        };
        credentials
            .put(credential(target, None, kind))
            .await
            .unwrap();
    }

    let mut targets = Vec::new();
    let mut request = PageRequest::first(1);
    loop {
        let page = credentials.list(&request).await.unwrap();
        assert_eq!(page.total, 4);
        targets.extend(
            page.items
                .into_iter()
                .map(|one| one.target_id.to_lowercase()),
        );
        let Some(cursor) = page.next_cursor else {
            break;
        };
        request = PageRequest::from_args(Some(1), Some(&cursor)).unwrap();
    }

    assert_eq!(targets, ["nas", "nas", "printer", "switch"]);
    let foreign = PageRequest {
        limit: 1,
        after: Some("nas".into()),
    };
    assert!(matches!(
        credentials.list(&foreign).await,
        Err(StoreError::Invalid {
            field: "cursor",
            ..
        })
    ));
}

#[rstest]
#[tokio::test]
async fn rewriting_the_tokens_is_all_or_nothing(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let Some(lab) = Lab::open(engine).await else {
        return;
    };
    let credentials = &*lab.stores.credentials;
    for (target, token) in [("a", Some("old-1")), ("b", Some("new-2")), ("c", None)] {
        let one = Credential {
            password_encrypted: token.map(str::to_owned),
            ..credential(target, None, "password")
        };
        credentials.put(one).await.unwrap();
    }
    let tokens = async || {
        let page = credentials.list(&PageRequest::first(10)).await.unwrap();
        page.items
            .into_iter()
            .map(|one| one.password_encrypted)
            .collect::<Vec<_>>()
    };

    let failed = credentials
        .rewrite(&|token| match token {
            "new-2" => Err("no key fits".into()),
            other => Ok(Some(other.replace("old", "new"))),
        })
        .await;
    assert!(
        matches!(failed, Err(StoreError::Corrupt { detail, .. }) if detail.contains("no key fits"))
    );
    assert_eq!(
        tokens().await,
        [Some("old-1".into()), Some("new-2".into()), None]
    );

    let changed = credentials
        .rewrite(&|token| Ok(token.strip_prefix("old").map(|rest| format!("new{rest}"))))
        .await;
    assert_eq!(changed.unwrap(), 1);
    assert_eq!(
        tokens().await,
        [Some("new-1".into()), Some("new-2".into()), None]
    );
}

//! Correcting, deleting, restoring, erasing, and what history tells of it.

use homelab_core::error::Code;
use homelab_core::memory::{About, Event};
use homelab_core::page::PageRequest;
use homelab_memory::{Edit, ListRequest, NewEntry};
use serde_json::json;

use crate::lab::{Lab, blamed, entry};

fn text(content: &str) -> Edit {
    Edit {
        content: Some(content.into()),
        ..Edit::default()
    }
}

#[tokio::test]
async fn a_change_is_found_and_the_old_text_stays_in_the_history() {
    let lab = Lab::open().await;
    let id = lab.tell("the UPS lasts 10 minutes").await.id;
    lab.clock.advance_seconds(60);
    let edit = Edit {
        reason: Some("measured anew".into()),
        ..text("the UPS lasts 14 minutes")
    };

    let updated = lab.service.update(&lab.claude, &id, edit).await.unwrap();

    assert_eq!(updated.memory.version, 2);
    assert_eq!(lab.found("UPS").await, ["the UPS lasts 14 minutes"]);
    let history = lab
        .service
        .history(&lab.claude, &id, &PageRequest::first(10))
        .await
        .unwrap();
    let [update, add] = &history.page.items[..] else {
        panic!("{history:?}");
    };
    assert_eq!((update.event, add.event), (Event::Update, Event::Add));
    assert_eq!(
        update.old_content.as_deref(),
        Some("the UPS lasts 10 minutes")
    );
    assert_eq!(
        update.new_content.as_deref(),
        Some("the UPS lasts 14 minutes")
    );
    assert_eq!(update.reason.as_deref(), Some("measured anew"));
    assert_eq!(
        (update.actor.as_str(), update.request_id.as_deref()),
        ("claude", Some("request-1"))
    );
}

#[tokio::test]
async fn a_change_of_what_changed_meanwhile_is_refused() {
    let lab = Lab::open().await;
    let id = lab.tell("the UPS lasts 10 minutes").await.id;
    let late = || Edit {
        expected_version: Some(1),
        ..text("the UPS lasts 12 minutes")
    };
    lab.service.update(&lab.claude, &id, late()).await.unwrap();

    let error = lab
        .service
        .update(&lab.claude, &id, late())
        .await
        .unwrap_err();

    assert_eq!(error.code(), Code::Conflict);
    assert_eq!(
        blamed(&error),
        (Some("expected_version"), Some("memory_changed"))
    );
}

#[tokio::test]
async fn two_memories_do_not_come_to_say_the_same() {
    let lab = Lab::open().await;
    let first = lab.tell("the UPS lasts 10 minutes").await.id;
    let second = lab.tell("the heat pump needs 3 kW").await.id;

    let error = lab
        .service
        .update(&lab.claude, &second, text("the UPS lasts 10 minutes"))
        .await
        .unwrap_err();

    assert_eq!(error.envelope().reason.as_deref(), Some("memory_same"));
    assert!(error.envelope().message.contains(&first));
}

#[tokio::test]
async fn a_change_of_nothing_and_a_secret_are_refused() {
    let lab = Lab::open().await;
    let id = lab.tell("the UPS lasts 10 minutes").await.id;
    let because = Edit {
        reason: Some("password=hunter2-and-more".into()),
        ..text("the UPS lasts 11 minutes")
    };

    for (edit, field) in [
        (Edit::default(), "content"),
        (text("token=hunter2-and-more"), "content"),
        (because, "reason"),
    ] {
        let error = lab
            .service
            .update(&lab.claude, &id, edit)
            .await
            .unwrap_err();

        assert_eq!(error.envelope().field.as_deref(), Some(field));
        assert!(!format!("{error:?}").contains("hunter2"));
    }
    assert_eq!(lab.service.get(&lab.claude, &id).await.unwrap().version, 1);
}

#[tokio::test]
async fn what_is_deleted_is_not_told_and_comes_back_on_request() {
    let lab = Lab::open().await;
    let id = lab.tell("the UPS lasts 10 minutes").await.id;

    lab.service
        .delete(&lab.claude, &id, Some("wrong"), false)
        .await
        .unwrap();
    let gone = lab.found("UPS").await;
    let deleted = lab.service.get(&lab.claude, &id).await.unwrap();
    let edit = lab
        .service
        .update(&lab.claude, &id, text("x y z"))
        .await
        .unwrap_err();
    let back = lab.service.restore(&lab.claude, &id, None).await.unwrap();

    assert_eq!(gone, [""; 0]);
    assert!(deleted.deleted_at.is_some());
    assert_eq!(edit.code(), Code::NotFound);
    assert_eq!(back.memory.deleted_at, None);
    assert_eq!(lab.found("UPS").await, ["the UPS lasts 10 minutes"]);
}

#[tokio::test]
async fn what_is_purged_is_as_if_it_had_never_been() {
    let lab = Lab::open().await;
    let id = lab.tell("the UPS lasts 10 minutes").await.id;
    lab.service
        .delete(&lab.claude, &id, None, false)
        .await
        .unwrap();

    let done = lab
        .service
        .delete(&lab.claude, &id, None, true)
        .await
        .unwrap();

    assert!(done.purged);
    let page = PageRequest::first(10);
    assert!(lab.service.get(&lab.claude, &id).await.is_err());
    assert!(lab.service.history(&lab.claude, &id, &page).await.is_err());
    assert!(lab.service.restore(&lab.claude, &id, None).await.is_err());
    assert!(
        lab.service
            .delete(&lab.claude, &id, None, true)
            .await
            .is_err()
    );
}

#[tokio::test]
async fn what_is_known_about_a_device_is_told() {
    let lab = Lab::open().await;
    let nas = About {
        kind: "devices".into(),
        name: "nas01".into(),
    };
    lab.add(NewEntry {
        about: vec![nas.clone(), nas.clone()],
        ..entry("its fan was replaced")
    })
    .await
    .unwrap();
    lab.tell("nothing about it").await;

    let known = lab
        .service
        .about(&lab.claude, std::slice::from_ref(&nas), 5)
        .await
        .unwrap();

    assert_eq!(known.len(), 1);
    assert_eq!(known[0].about, [nas]);
}

#[tokio::test]
async fn a_list_is_filtered_and_comes_in_pages() {
    let lab = Lab::open().await;
    for rack in 1..=5 {
        lab.clock.advance_seconds(1);
        lab.add(NewEntry {
            metadata: [("rack".to_owned(), json!(rack))].into_iter().collect(),
            ..entry(&format!("shelf number {rack} is free"))
        })
        .await
        .unwrap();
    }
    let mut request = ListRequest {
        filters: Some(json!({ "AND": [{ "rack": { "gte": 2 } }, { "rack": { "ne": 4 } }] })),
        limit: Some(2),
        ..ListRequest::default()
    };

    let first = lab.service.list(&lab.claude, &request).await.unwrap();
    request.cursor.clone_from(&first.next_cursor);
    let second = lab.service.list(&lab.claude, &request).await.unwrap();

    let racks: Vec<_> = first
        .items
        .iter()
        .chain(&second.items)
        .map(|one| &one.metadata["rack"])
        .collect();
    assert_eq!(first.total, 3);
    assert_eq!(racks, [&json!(5), &json!(3), &json!(2)]);
    assert_eq!(second.next_cursor, None);
}

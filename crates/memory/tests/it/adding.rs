//! Keeping: the seed's call, duplicates, changes, secrets, expiry.

use homelab_core::memory::MAX_CONTENT;
use homelab_memory::{
    EmbeddingState, Message, NewEntry, OnSecret, OnSimilar, Outcome, SearchRequest, Settings,
};
use rstest::rstest;
use serde_json::{Value, json};

use crate::lab::{Lab, Models, START, Toy, blamed, entry, only};

fn members(value: Value) -> serde_json::Map<String, Value> {
    match value {
        Value::Object(members) => members,
        _ => panic!("an object"),
    }
}

#[tokio::test]
async fn the_call_of_mem0s_clients_works_as_it_is_written() {
    let lab = Lab::open().await;

    let written = only(
        lab.add(NewEntry {
            user_id: Some("infrastructure_agent".into()),
            metadata: members(
                json!({ "category": "infrastructure", "source": "proxmox", "rack": 2 }),
            ),
            ..entry("pve1 has 64 GB of memory")
        })
        .await
        .unwrap(),
    );

    assert_eq!(written.event, Outcome::Add);
    assert_eq!(written.embedding, EmbeddingState::Done);
    let told = lab.service.get(&lab.claude, &written.id).await.unwrap();
    assert_eq!(told.category, "infrastructure");
    assert_eq!(told.source.as_deref(), Some("proxmox"));
    assert_eq!(told.user_id, "infrastructure_agent");
    assert_eq!(Value::from(told.metadata), json!({ "rack": 2 }));
}

#[tokio::test]
async fn the_same_text_is_one_memory_and_counted() {
    let lab = Lab::open().await;
    let first = lab.tell("nas01 holds the photos").await;

    let again = lab.tell("  nas01 holds\nthe photos ").await;

    assert_eq!(again.event, Outcome::None);
    assert_eq!((again.id, again.seen_count), (first.id, Some(2)));
    assert_eq!(again.similar, []);
}

#[tokio::test]
async fn another_address_is_a_change_and_never_a_duplicate() {
    let lab = Lab::open().await;
    let old = lab.tell("the web interface of nas01 is at 192.0.2.5").await;

    let new = only(
        lab.add(NewEntry {
            on_similar: OnSimilar::Skip,
            ..entry("the web interface of nas01 is at 192.0.2.6")
        })
        .await
        .unwrap(),
    );

    assert_eq!(new.event, Outcome::Add);
    assert_eq!(new.similar, []);
    assert_eq!(new.change_of.len(), 1);
    assert_eq!(new.change_of[0].id, old.id);
    assert_eq!(new.change_of[0].was, ["192.0.2.5"]);
    assert_eq!(new.change_of[0].now, ["192.0.2.6"]);
}

#[rstest]
#[case(OnSimilar::Store, Outcome::Add, 2)]
#[case(OnSimilar::Skip, Outcome::None, 1)]
#[case(OnSimilar::Update, Outcome::Update, 1)]
#[tokio::test]
async fn the_same_in_other_words_is_what_the_caller_wants(
    #[case] on_similar: OnSimilar,
    #[case] event: Outcome,
    #[case] memories: u64,
) {
    let lab = Lab::open().await;
    let old = lab.tell("backups of nas01 run at night").await;

    let new = only(
        lab.add(NewEntry {
            on_similar,
            ..entry("the backups of nas01 are running at night")
        })
        .await
        .unwrap(),
    );

    assert_eq!(new.event, event);
    assert_eq!(new.similar[0].id, old.id);
    let stats = lab.service.stats(&lab.claude).await.unwrap();
    assert_eq!(stats.memories, memories);
    let told = lab.service.get(&lab.claude, &old.id).await.unwrap();
    assert_eq!(
        told.content.starts_with("the "),
        on_similar == OnSimilar::Update
    );
}

#[tokio::test]
async fn what_supersedes_takes_the_place_and_the_past_stays_to_be_asked_for() {
    let lab = Lab::open().await;
    let old = lab.tell("the gateway is 192.0.2.1").await;
    let then = homelab_core::clock::Micros(START.0 + 5_000_000);
    lab.clock.advance_seconds(60);

    let new = only(
        lab.add(NewEntry {
            supersedes: Some(old.id.clone()),
            ..entry("the gateway is 192.0.2.254")
        })
        .await
        .unwrap(),
    );

    assert_eq!(new.event, Outcome::Supersede);
    assert_eq!(new.change_of, []);
    assert_eq!(lab.found("gateway").await, ["the gateway is 192.0.2.254"]);
    let before = SearchRequest {
        query: "gateway".into(),
        as_of: Some(then),
        ..SearchRequest::default()
    };
    let before = lab.service.search(&lab.claude, &before).await.unwrap();
    assert_eq!(before.results[0].memory.content, "the gateway is 192.0.2.1");
    let told = lab.service.get(&lab.claude, &old.id).await.unwrap();
    assert_eq!(told.superseded_by, Some(new.id));
}

#[tokio::test]
async fn nothing_takes_the_place_of_what_is_not_there() {
    let lab = Lab::open().await;

    let error = lab
        .add(NewEntry {
            supersedes: Some("0197-not-there".into()),
            ..entry("the gateway is 192.0.2.254")
        })
        .await
        .unwrap_err();

    assert_eq!(blamed(&error), (Some("supersedes"), Some("memory_unknown")));
    assert_eq!(lab.found("gateway").await, [""; 0]);
}

#[tokio::test]
async fn a_secret_is_refused_and_not_repeated() {
    let lab = Lab::open().await;
    let secret = "hunter2-and-more";
    let inside = NewEntry {
        metadata: members(json!({ "login": { "password": secret } })),
        ..entry("how to log in to nas01")
    };
    let attempts = [
        (entry(&format!("log in with password={secret}")), "content"),
        (inside, "metadata.login.password"),
        (
            NewEntry {
                user_id: Some(format!("password={secret}")),
                ..entry("x y")
            },
            "user_id",
        ),
    ];

    for (attempt, field) in attempts {
        let error = lab.add(attempt).await.unwrap_err();

        assert_eq!(blamed(&error), (Some(field), Some("secret_in_memory")));
        assert!(!format!("{error:?}").contains(secret));
    }
    assert_eq!(lab.service.stats(&lab.claude).await.unwrap().revisions, 0);
}

#[tokio::test]
async fn a_secret_is_masked_where_that_is_set() {
    let settings = Settings {
        on_secret: OnSecret::Mask,
        ..Settings::default()
    };
    let lab = Lab::with(Models::default(), settings).await;

    let written = lab
        .tell("log in to nas01 with password=hunter2-and-more")
        .await;

    assert_eq!(
        written.content.as_deref(),
        Some("log in to nas01 with password=***REDACTED***")
    );
    assert_eq!(written.masked.len(), 1);
    let told = lab.service.get(&lab.claude, &written.id).await.unwrap();
    assert_eq!(Some(told.content), written.content);
}

#[tokio::test]
async fn a_state_is_forgotten_after_a_week_and_a_fact_is_not() {
    let lab = Lab::open().await;
    for category in ["state", "fact"] {
        lab.add(NewEntry {
            category: Some(category.into()),
            ..entry(&format!("the disk of nas01 is a {category}"))
        })
        .await
        .unwrap();
    }

    lab.clock.advance_seconds(8 * 24 * 3600);

    assert_eq!(lab.found("disk").await, ["the disk of nas01 is a fact"]);
    let all = SearchRequest {
        query: "disk".into(),
        include_expired: true,
        ..SearchRequest::default()
    };
    assert_eq!(
        lab.service
            .search(&lab.claude, &all)
            .await
            .unwrap()
            .results
            .len(),
        2
    );
}

#[tokio::test]
async fn each_message_of_a_conversation_is_one_memory() {
    let lab = Lab::open().await;
    let say = |role: &str, content: &str| Message {
        role: role.into(),
        content: content.into(),
    };

    let answer = lab
        .add(NewEntry {
            messages: vec![
                say("system", "You are a helpful assistant"),
                say("user", "the attic switch has 24 ports"),
                say("tool", "{\"ok\": true}"),
                say("assistant", "and the cellar switch has 8"),
            ],
            ..NewEntry::default()
        })
        .await
        .unwrap();

    let texts: Vec<_> = answer
        .results
        .iter()
        .filter_map(|one| one.content.as_deref())
        .collect();
    assert_eq!(
        texts,
        [
            "the attic switch has 24 ports",
            "and the cellar switch has 8"
        ]
    );
}

#[tokio::test]
async fn one_refused_message_keeps_all_others_out() {
    let lab = Lab::open().await;
    let say = |content: &str| Message {
        role: "user".into(),
        content: content.into(),
    };

    let error = lab
        .add(NewEntry {
            messages: vec![say("the attic is dry"), say("api_key=0123456789abcdef")],
            ..NewEntry::default()
        })
        .await
        .unwrap_err();

    assert_eq!(
        error.envelope().field.as_deref(),
        Some("messages[1].content")
    );
    assert_eq!(lab.service.stats(&lab.claude).await.unwrap().memories, 0);
}

#[rstest]
#[case(entry(""), "content", Some("memory_empty"))]
#[case(entry(" \u{200b}\n "), "content", Some("memory_empty"))]
#[case(NewEntry::default(), "content", Some("memory_empty"))]
#[case(entry(&"word ".repeat(MAX_CONTENT)), "content", Some("memory_too_large"))]
#[case(NewEntry { importance: Some(1.5), ..entry("x y") }, "importance", None)]
#[case(NewEntry { importance: Some(f64::NAN), ..entry("x y") }, "importance", None)]
#[case(NewEntry { user_id: Some("u".repeat(200)), ..entry("x y") }, "user_id", None)]
#[case(NewEntry { ttl_days: Some(u32::MAX), ..entry("x y") }, "ttl_days", None)]
#[tokio::test]
async fn what_cannot_be_kept_is_refused_by_its_field(
    #[case] new: NewEntry,
    #[case] field: &str,
    #[case] reason: Option<&str>,
) {
    let lab = Lab::open().await;

    let error = lab.add(new).await.unwrap_err();

    assert_eq!(blamed(&error), (Some(field), reason));
}

#[tokio::test]
async fn with_the_model_down_a_text_is_kept_and_found_by_its_words() {
    let toy = Toy::new("toy@1");
    let models = Models {
        embedder: Some(toy.clone()),
        ..Models::default()
    };
    let lab = Lab::with(models, Settings::default()).await;
    toy.go_down(true);

    let written = lab.tell("the larder has a sensor").await;

    assert_eq!(written.embedding, EmbeddingState::Pending);
    assert_eq!(lab.found("sensor").await, ["the larder has a sensor"]);
}

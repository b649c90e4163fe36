//! Finding: words, meaning, whole tokens, time, thresholds, and models that are down.

use std::time::Duration;

use async_trait::async_trait;
use homelab_core::error::ToolResult;
use homelab_core::memory::{Embedder, Purpose};
use homelab_memory::{Degraded, Mode, NewEntry, SearchRequest, Settings};
use rstest::rstest;
use serde_json::json;

use crate::lab::{Lab, Models, Toy, blamed, entry, texts};

async fn stocked() -> Lab {
    let lab = Lab::open().await;
    for text in [
        "web-1 answers on 192.0.2.10, its certificate comes from the internal CA",
        "web-2 answers on 192.0.2.11, its certificate comes from the internal CA",
        "the dashboard of the hypervisor listens on port 8006",
        "nginx on the proxy fails with ENOSPC when /var/log/nginx is full",
        "the sensor in the larder shows the humidity",
        "2001:db8::17 is the printer on the second floor",
        "movies are mounted from nas01:/srv/media",
        "the family prefers notifications by telegram in the evening",
        "the cable in the cellar is only good for 100 Mbit",
    ] {
        lab.tell(text).await;
    }
    lab
}

#[rstest]
#[case("what is 192.0.2.11", "web-2")]
#[case("which machine is web-1?", "web-1")]
#[case("2001:DB8:0:0::17", "2001:db8::17")]
#[case("what runs on port 8006?", "the dashboard")]
#[case("why is there ENOSPC", "nginx")]
#[case("what lies below /srv/media", "movies")]
#[case("is the air in the kitchen humid", "the sensor in the larder")]
#[case("how does the family like to be notified", "the family prefers")]
#[case("\"AND OR NOT (NEAR* ^x:y\" cellar", "the cable")]
#[tokio::test]
async fn a_question_finds_its_memory_first(#[case] question: &str, #[case] first: &str) {
    let lab = stocked().await;

    let found = lab.found(question).await;

    assert!(found[0].starts_with(first), "{found:?}");
}

#[tokio::test]
async fn what_a_question_names_goes_first_and_the_answer_says_why() {
    let lab = stocked().await;

    let answer = lab.search("certificate of web-2").await;

    let first = answer.results[0].explain.as_ref().unwrap();
    assert!(answer.results[0].memory.content.starts_with("web-2"));
    assert_eq!(first.exact, 1);
    assert!(first.rank_text.is_some() && first.rank_vector.is_some() && first.cosine.is_some());
    assert!(first.matched_terms.contains(&"web-2".to_owned()));
    assert!(first.matched_terms.contains(&"certificate".to_owned()));
    assert_eq!(answer.degraded, []);
}

#[tokio::test]
async fn nothing_is_explained_unless_it_is_asked_for() {
    let lab = stocked().await;
    let request = SearchRequest {
        query: "cellar".into(),
        ..SearchRequest::default()
    };

    let answer = lab.service.search(&lab.claude, &request).await.unwrap();

    let json = serde_json::to_value(&answer.results[0]).unwrap();
    let names: Vec<&str> = json
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    assert_eq!(
        names,
        [
            "id",
            "content",
            "category",
            "user_id",
            "version",
            "created_at",
            "score",
            "relevance"
        ]
    );
}

#[tokio::test]
async fn the_newer_of_two_values_goes_first_unless_the_past_is_asked_for() {
    let lab = Lab::open().await;
    lab.tell("the address of the resolver is 192.0.2.2").await;
    lab.clock.advance_seconds(3600);
    lab.tell("the address of the resolver is 192.0.2.3").await;

    let now = lab.search("what is the address of the resolver").await;

    assert_eq!(
        now.results[0].memory.content,
        "the address of the resolver is 192.0.2.3"
    );
    assert_eq!(now.results.len(), 2);
    let named = lab.found("is 192.0.2.2 the address of the resolver").await;
    assert_eq!(named[0], "the address of the resolver is 192.0.2.2");
}

#[rstest]
#[case::it_says_so(
    "who looks after the boiler?",
    "Tom does not look after the boiler any longer, ask Ada now"
)]
#[case::it_speaks_of_the_same(
    "where are the spare keys",
    "spare keys are in the safe, Tom's desk has only pens"
)]
#[tokio::test]
async fn what_became_of_a_statement_goes_first_in_other_words_too(
    #[case] question: &str,
    #[case] newer: &str,
) {
    let lab = Lab::open().await;
    lab.tell("Tom looks after the boiler").await;
    lab.tell("spare keys are in Tom's desk").await;
    lab.clock.advance_seconds(3600);
    lab.tell(newer).await;

    let now = lab.search(question).await;
    let before = lab.search(&format!("{question} before")).await;

    assert_eq!(now.results[0].memory.content, newer);
    let explained = |found: &homelab_memory::Found| found.explain.clone().unwrap().newer_than;
    assert!(before.results.iter().all(|one| explained(one).is_none()));
}

#[tokio::test]
async fn what_the_question_names_stays_before_the_newer_one_of_its_kind() {
    let lab = Lab::open().await;
    lab.tell("the sensor in the larder reports every 5 minutes")
        .await;
    lab.clock.advance_seconds(3600);
    lab.tell("the sensor in the garage reports every 9 minutes")
        .await;

    let found = lab
        .found("how often does the sensor in the larder report")
        .await;

    assert!(found[0].contains("larder"), "{found:?}");
}

#[tokio::test]
async fn a_search_without_a_question_tells_the_newest() {
    let lab = stocked().await;

    let found = lab.found("  ").await;

    assert_eq!(found.len(), 9);
    assert!(found[0].starts_with("the cable"));
}

#[tokio::test]
async fn what_answers_little_of_the_question_is_cut_by_the_threshold() {
    let lab = stocked().await;
    let ask = |query: &str, threshold: f64| SearchRequest {
        query: query.into(),
        threshold: Some(threshold),
        ..SearchRequest::default()
    };

    let known = lab
        .service
        .search(&lab.claude, &ask("hypervisor dashboard port", 0.5))
        .await;
    let unknown = lab
        .service
        .search(
            &lab.claude,
            &ask("recipe for apple cake in the cellar", 0.5),
        )
        .await;

    assert_eq!(known.unwrap().results.len(), 1);
    assert_eq!(unknown.unwrap().results.len(), 0);
    let wrong = lab
        .service
        .search(&lab.claude, &ask("x", f64::NAN))
        .await
        .unwrap_err();
    assert_eq!(blamed(&wrong), (Some("threshold"), None));
}

#[tokio::test]
async fn filters_labels_and_limits_hold() {
    let lab = Lab::open().await;
    for (user, room) in [("ann", "attic"), ("ann", "cellar"), ("bob", "attic")] {
        lab.clock.advance_seconds(1);
        lab.add(NewEntry {
            user_id: Some(user.into()),
            metadata: [("room".to_owned(), json!(room))].into_iter().collect(),
            ..entry(&format!("{user} keeps tools in the {room}"))
        })
        .await
        .unwrap();
    }
    let request = SearchRequest {
        query: "tools".into(),
        user_id: Some("ann".into()),
        filters: Some(json!({ "room": "attic" })),
        limit: Some(1),
        ..SearchRequest::default()
    };

    let found = lab.service.search(&lab.claude, &request).await.unwrap();

    assert_eq!(texts(found.results), ["ann keeps tools in the attic"]);
}

#[tokio::test]
async fn with_the_model_down_words_still_find_and_the_answer_says_so() {
    let toy = Toy::new("toy@1");
    let models = Models {
        embedder: Some(toy.clone()),
        ..Models::default()
    };
    let lab = Lab::with(models, Settings::default()).await;
    lab.tell("the cable in the cellar is only good for 100 Mbit")
        .await;
    toy.go_down(true);

    let answer = lab.search("cellar cable").await;

    assert_eq!(answer.degraded, [Degraded::Vector]);
    assert_eq!(answer.results.len(), 1);
}

#[tokio::test]
async fn without_an_embedder_nothing_is_degraded() {
    let lab = Lab::with(Models::default(), Settings::default()).await;
    lab.tell("the cable in the cellar is only good for 100 Mbit")
        .await;

    let answer = lab.search("cellar cable").await;

    assert_eq!(answer.degraded, []);
    assert_eq!(answer.results.len(), 1);
}

#[tokio::test]
async fn either_half_can_be_asked_alone() {
    let lab = stocked().await;
    let ask = async |mode| {
        let request = SearchRequest {
            query: "pantry".into(),
            mode,
            limit: Some(1),
            ..SearchRequest::default()
        };
        texts(
            lab.service
                .search(&lab.claude, &request)
                .await
                .unwrap()
                .results,
        )
    };

    assert_eq!(ask(Mode::Text).await, [""; 0]);
    assert_eq!(
        ask(Mode::Vector).await,
        ["the sensor in the larder shows the humidity"]
    );
    assert_eq!(
        ask(Mode::Hybrid).await,
        ["the sensor in the larder shows the humidity"]
    );
}

/// Never answers.
struct Silent;

#[async_trait]
impl Embedder for Silent {
    fn model(&self) -> &'static str {
        "silent"
    }

    fn is_remote(&self) -> bool {
        true
    }

    async fn embed(&self, _: &[&str], _: Purpose) -> ToolResult<Vec<Vec<f32>>> {
        std::future::pending().await
    }
}

#[tokio::test]
async fn a_model_that_never_answers_is_not_waited_for() {
    let lab = Lab::open().await;
    let settings = Settings {
        query_deadline: Duration::from_millis(20),
        write_deadline: Duration::from_millis(20),
        ..Settings::default()
    };
    let service = homelab_memory::MemoryService::new(homelab_memory::Parts {
        store: lab.store.clone(),
        embedder: Some(std::sync::Arc::new(Silent)),
        older: Vec::new(),
        llm: None,
        clock: lab.clock.clone(),
        entropy: std::sync::Arc::new(homelab_core::clock::OsEntropy),
        settings,
    });

    service
        .add(&lab.claude, entry("the attic is dry"))
        .await
        .unwrap();
    let request = SearchRequest {
        query: "attic".into(),
        ..SearchRequest::default()
    };
    let answer = service.search(&lab.claude, &request).await.unwrap();

    assert_eq!(answer.degraded, [Degraded::Vector]);
    assert_eq!(answer.results.len(), 1);
}

//! Facts by a language model: what is kept, what is dropped, and what happens without one.

use std::sync::Arc;

use homelab_memory::{Degraded, Message, NewEntry, Outcome, Settings};
use rstest::rstest;
use serde_json::{Value, json};

use crate::lab::{Lab, Models, Told, Toy, down, entry};

async fn with_model(answers: Vec<Value>) -> (Lab, Arc<Told>) {
    let llm = Told::new(answers.into_iter().map(Ok));
    let models = Models {
        embedder: Some(Toy::new("toy@1")),
        llm: Some(llm.clone()),
        ..Models::default()
    };
    (Lab::with(models, Settings::default()).await, llm)
}

fn inferred(text: &str) -> NewEntry {
    NewEntry {
        infer: true,
        ..entry(text)
    }
}

const SAID: &str = "So I moved the NAS yesterday, nas01 has 192.0.2.9 now. And Kim wants the backups at 3 in the morning.";

#[tokio::test]
async fn the_facts_of_a_text_are_kept_one_by_one() {
    let (lab, llm) = with_model(vec![json!({ "facts": [
        { "text": "nas01 has the address 192.0.2.9", "category": "fact" },
        { "text": "Kim wants backups at 3 in the morning", "category": "preference" },
    ] })])
    .await;

    let answer = lab.add(inferred(SAID)).await.unwrap();

    let kept: Vec<_> = answer
        .results
        .iter()
        .map(|one| one.content.as_deref().unwrap())
        .collect();
    assert_eq!(
        kept,
        [
            "nas01 has the address 192.0.2.9",
            "Kim wants backups at 3 in the morning"
        ]
    );
    assert_eq!((answer.degraded, answer.dropped), (vec![], None));
    let told = lab
        .service
        .get(&lab.claude, &answer.results[1].id)
        .await
        .unwrap();
    assert_eq!(told.category, "preference");
    // What was said is data of the prompt and no part of its instructions.
    let asked = &llm.asked()[0];
    assert!(asked.user.contains("192.0.2.9") && !asked.system.contains("192.0.2.9"));
}

#[rstest]
#[case("nas01 has the address 192.0.2.77")]
#[case("The user is a senior engineer who lives in Berlin")]
#[case("You take durable facts about a home lab and its people out of a text")]
#[case("<name of the host> has <address>")]
#[case("None")]
#[case("password=hunter2-and-more")]
#[tokio::test]
async fn what_was_never_said_is_dropped(#[case] invented: &str) {
    let (lab, _) = with_model(vec![json!({ "facts": [
        { "text": invented, "category": "fact" },
        { "text": "Kim wants the backups at 3 in the morning", "category": "preference" },
    ] })])
    .await;

    let answer = lab.add(inferred(SAID)).await.unwrap();

    assert_eq!(answer.results.len(), 1);
    assert_eq!(answer.dropped, Some(1));
    assert_eq!(
        lab.found("").await,
        ["Kim wants the backups at 3 in the morning"]
    );
}

#[tokio::test]
async fn what_is_known_already_is_not_learned_again() {
    let (lab, llm) = with_model(vec![json!({ "facts": [
        { "text": "Kim wants the backups at 3 in the morning", "category": "preference" },
        { "text": "nas01 has 192.0.2.9 now", "category": "fact", "known": 1 },
    ] })])
    .await;
    lab.tell("Kim wants backups at 3 in the morning").await;

    let answer = lab.add(inferred(SAID)).await.unwrap();

    assert_eq!(answer.results, []);
    assert_eq!(answer.dropped, Some(2));
    let user: Value = serde_json::from_str(&llm.asked()[0].user).unwrap();
    assert_eq!(
        user["known"],
        json!([{ "number": 1, "fact": "Kim wants backups at 3 in the morning" }])
    );
}

#[tokio::test]
async fn numbers_of_facts_that_were_never_shown_mean_nothing() {
    let (lab, _) = with_model(vec![json!({ "facts": [
        { "text": "nas01 has 192.0.2.9", "category": "magic", "known": 7 },
    ] })])
    .await;

    let answer = lab.add(inferred(SAID)).await.unwrap();

    let told = lab
        .service
        .get(&lab.claude, &answer.results[0].id)
        .await
        .unwrap();
    assert_eq!(
        (told.content.as_str(), told.category.as_str()),
        ("nas01 has 192.0.2.9", "fact")
    );
}

#[rstest]
#[case(Err(down()))]
#[case(Ok(json!({ "answer": "sure!" })))]
#[case(Ok(json!({ "facts": [{ "text": "the moon is made of cheese", "category": "fact" }] })))]
#[tokio::test]
async fn a_model_that_fails_loses_nothing(#[case] answer: homelab_core::error::ToolResult<Value>) {
    let models = Models {
        llm: Some(Told::new([answer])),
        ..Models::default()
    };
    let lab = Lab::with(models, Settings::default()).await;

    let answer = lab.add(inferred(SAID)).await.unwrap();

    assert_eq!(answer.degraded, [Degraded::Llm]);
    assert_eq!(answer.results[0].event, Outcome::Add);
    assert_eq!(lab.found("").await, [SAID]);
}

#[tokio::test]
async fn without_a_model_each_message_is_kept_as_it_is() {
    let lab = Lab::open().await;
    let say = |content: &str| Message {
        role: "user".into(),
        content: content.into(),
    };

    let answer = lab
        .add(NewEntry {
            infer: true,
            messages: vec![say("the attic is dry"), say("the cellar is wet")],
            ..NewEntry::default()
        })
        .await
        .unwrap();

    assert_eq!(answer.degraded, [Degraded::Llm]);
    assert_eq!(answer.results.len(), 2);
}

#[tokio::test]
async fn a_text_with_nothing_worth_keeping_is_not_kept() {
    let (lab, _) = with_model(vec![json!({ "facts": [] })]).await;

    let answer = lab.add(inferred("hello, how are you?")).await.unwrap();

    assert_eq!((answer.results, answer.degraded), (vec![], vec![]));
}

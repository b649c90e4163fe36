//! Summaries, with and without a language model.

use homelab_core::error::ToolResult;
use homelab_memory::{Degraded, Settings, SummaryAnswer, SummaryKind, SummaryRequest};
use rstest::rstest;
use serde_json::{Value, json};

use crate::lab::{Lab, Models, Told, Toy, down};

const NOTES: [&str; 5] = [
    "the heat pump was serviced in March",
    "backups of nas01 run at night",
    "the backups of nas01 are running at night",
    "the resolver of the lab is 192.0.2.2",
    "the resolver of the lab is 192.0.2.3",
];

async fn stocked(answers: Vec<ToolResult<Value>>) -> (Lab, Vec<String>) {
    let llm = (!answers.is_empty()).then(|| Told::new(answers));
    let models = Models {
        embedder: Some(Toy::new("toy@1")),
        llm,
        ..Models::default()
    };
    let lab = Lab::with(models, Settings::default()).await;
    let mut ids = Vec::new();
    for note in NOTES {
        ids.push(lab.tell(note).await.id);
    }
    (lab, ids)
}

async fn summed(lab: &Lab, request: SummaryRequest) -> SummaryAnswer {
    lab.service.summarize(&lab.claude, &request).await.unwrap()
}

fn lines(answer: &SummaryAnswer) -> Vec<&str> {
    answer.lines.iter().map(|line| line.text.as_str()).collect()
}

#[tokio::test]
async fn without_a_model_what_is_alike_stands_behind_one_with_its_newest_value() {
    let (lab, ids) = stocked(vec![]).await;

    let answer = summed(&lab, SummaryRequest::default()).await;

    assert_eq!(answer.kind, SummaryKind::Extractive);
    assert_eq!(answer.degraded, []);
    assert_eq!(answer.considered, 5);
    assert_eq!(answer.lines.len(), 3, "{:?}", lines(&answer));
    assert_eq!(lines(&answer)[0], NOTES[0]);
    assert_eq!(lines(&answer)[2], NOTES[4]);
    let mut told: Vec<&String> = answer.lines.iter().flat_map(|line| &line.ids).collect();
    told.sort();
    assert_eq!(told, ids.iter().collect::<Vec<_>>());
}

#[tokio::test]
async fn a_summary_keeps_to_its_length() {
    let (lab, _) = stocked(vec![]).await;
    for number in 0..60 {
        lab.tell(&format!(
            "cabinet {number} holds {} spare parts",
            number * 7
        ))
        .await;
    }

    let answer = summed(
        &lab,
        SummaryRequest {
            max_tokens: Some(100),
            ..SummaryRequest::default()
        },
    )
    .await;

    let characters: usize = lines(&answer).iter().map(|line| line.chars().count()).sum();
    assert!(characters <= 400 && characters > 200, "{characters}");
}

#[tokio::test]
async fn a_summary_is_about_what_it_was_asked() {
    let (lab, _) = stocked(vec![]).await;

    let answer = summed(
        &lab,
        SummaryRequest {
            query: Some("when do backups run".into()),
            ..SummaryRequest::default()
        },
    )
    .await;

    assert_eq!(answer.lines.len(), 1, "{:?}", lines(&answer));
    assert_eq!(answer.lines[0].ids.len(), 2);
}

#[tokio::test]
async fn a_models_sentences_carry_their_memories_and_inventions_are_dropped() {
    let (lab, ids) = stocked(vec![Ok(json!({ "sentences": [
        { "text": "The resolver is 192.0.2.3, before it was 192.0.2.2.", "notes": [4, 5] },
        { "text": "Backups run at night.", "notes": [99] },
        { "text": "All is well.", "notes": [] },
        { "text": "The resolver is 192.0.2.200.", "notes": [5] },
        { "text": "The heat pump was serviced in March.", "notes": [1, -3] },
    ] }))])
    .await;

    let answer = summed(&lab, SummaryRequest::default()).await;

    assert_eq!(answer.kind, SummaryKind::Abstractive);
    assert_eq!(
        lines(&answer),
        [
            "The heat pump was serviced in March.",
            "The resolver is 192.0.2.3, before it was 192.0.2.2."
        ]
    );
    assert_eq!(answer.lines[0].ids, [ids[0].clone()]);
    assert_eq!(answer.lines[1].ids, [ids[3].clone(), ids[4].clone()]);
    assert_eq!(answer.dropped, Some(3));
}

#[rstest]
#[case(Err(down()))]
#[case(Ok(json!("a summary")))]
#[case(Ok(json!({ "sentences": [{ "text": "All is well.", "notes": [] }] })))]
#[tokio::test]
async fn a_model_that_fails_leaves_an_extractive_summary(#[case] answer: ToolResult<Value>) {
    let (lab, _) = stocked(vec![answer]).await;

    let answer = summed(&lab, SummaryRequest::default()).await;

    assert_eq!(answer.kind, SummaryKind::Extractive);
    assert_eq!(answer.degraded, [Degraded::Llm]);
    assert_eq!(answer.lines.len(), 3);
}

#[tokio::test]
async fn many_memories_are_summed_up_in_parts_and_the_parts_joined() {
    let part = |number: i64| json!({ "sentences": [{ "text": "Cabinets hold parts.", "notes": [number] }] });
    let llm = Told::new([
        Ok(part(1)),
        Ok(part(40)),
        Ok(json!({ "sentences": [
        { "text": "All cabinets hold parts.", "notes": [1, 2] },
    ] })),
    ]);
    let models = Models {
        llm: Some(llm.clone()),
        ..Models::default()
    };
    let lab = Lab::with(models, Settings::default()).await;
    let mut ids = Vec::new();
    for number in 0..80 {
        ids.push(lab.tell(&format!("cabinet {number} holds parts")).await.id);
    }

    let answer = summed(&lab, SummaryRequest::default()).await;

    assert_eq!(lines(&answer), ["All cabinets hold parts."]);
    assert_eq!(answer.lines[0].ids, [ids[0].clone(), ids[79].clone()]);
    assert_eq!(llm.asked().len(), 3);
}

#[tokio::test]
async fn a_summary_is_kept_on_request_and_is_no_source_of_the_next() {
    let (lab, ids) = stocked(vec![]).await;
    let store = || SummaryRequest {
        store: true,
        ..SummaryRequest::default()
    };

    let first = summed(&lab, store()).await;
    let second = summed(&lab, store()).await;

    let kept = first.stored_as.clone().unwrap();
    let told = lab.service.get(&lab.claude, &kept).await.unwrap();
    assert_eq!(told.category, "summary");
    assert_eq!(told.about.len(), ids.len());
    assert_eq!(
        told.metadata["summary_of"].as_array().unwrap().len(),
        ids.len()
    );
    assert_eq!(second.considered, 5);
    assert_eq!(second.stored_as, first.stored_as);
}

#[tokio::test]
async fn of_nothing_there_is_no_summary() {
    let lab = Lab::open().await;

    let answer = summed(
        &lab,
        SummaryRequest {
            store: true,
            ..SummaryRequest::default()
        },
    )
    .await;

    assert_eq!((answer.lines, answer.stored_as), (vec![], None));
}

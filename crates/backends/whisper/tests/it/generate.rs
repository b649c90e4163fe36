use homelab_core::error::Code;
use homelab_lab::Fault;
use homelab_lab::ollama::Chunks;
use rstest::rstest;
use serde_json::json;

use crate::world::{World, field, reason};

#[rstest]
#[case::line_by_line(Chunks::Lines)]
#[case::cut_anywhere(Chunks::Bytes(5))]
#[tokio::test]
async fn a_model_answers_with_text_and_figures(#[case] chunks: Chunks) {
    let world = World::ollama().await;
    world.ollama.set_chunks(chunks);

    let answer = world
        .call(
            "ollama_generate",
            json!({ "model_name": "llama3.1:8b", "prompt": "grüß mich", "max_tokens": 64, "temperature": 0.5 }),
        )
        .await;

    assert!(!answer["response"].as_str().unwrap().is_empty());
    assert_eq!(answer["truncated"], false);
    assert_eq!(answer["done_reason"], "stop");
    assert!(answer["response_tokens"].as_u64().unwrap() > 0);
    let asked = world.ollama.log().all();
    let body: serde_json::Value = serde_json::from_slice(&asked[0].body).unwrap();
    assert_eq!(
        body["options"],
        json!({ "num_predict": 64, "temperature": 0.5 })
    );
}

#[tokio::test]
async fn a_model_that_is_not_there_cannot_be_asked() {
    let world = World::ollama().await;

    let error = world
        .fail(
            "ollama_generate",
            json!({ "model_name": "nobody", "prompt": "x" }),
        )
        .await;

    assert_eq!(error.code(), Code::NotFound);
    assert_eq!(reason(&error), "model_not_found");
}

#[tokio::test]
async fn a_name_that_is_none_is_refused() {
    let world = World::ollama().await;

    let error = world
        .fail(
            "ollama_generate",
            json!({ "model_name": "a b", "prompt": "x" }),
        )
        .await;

    assert_eq!(field(&error), "model_name");
}

#[tokio::test]
async fn a_model_that_only_embeds_says_so() {
    let world = World::ollama().await;

    let error = world
        .fail(
            "ollama_generate",
            json!({ "model_name": "nomic-embed-text", "prompt": "x" }),
        )
        .await;

    assert_eq!(error.envelope().upstream_status, Some(400));
    assert!(
        error
            .envelope()
            .message
            .contains("does not support generate"),
        "{error}"
    );
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_no_answer() {
    let world = World::ollama().await;
    world
        .ollama
        .faults()
        .next(1, "/api/generate", Fault::CutBody);

    let error = world
        .fail(
            "ollama_generate",
            json!({ "model_name": "llama3.1:8b", "prompt": "x" }),
        )
        .await;

    assert_eq!(error.code(), Code::UpstreamRejected);
}

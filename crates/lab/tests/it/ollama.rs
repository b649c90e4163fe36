//! The Ollama stand-in against Ollama's API documentation.

use std::sync::Arc;

use homelab_core::clock::{Clock, ManualClock, Micros};
use homelab_lab::ollama::{Chunks, Ending, Model, Ollama, PullPlan};
use serde_json::{Value, json};

use crate::wire::{Answer, call};

const JSON: &[(&str, &str)] = &[("Content-Type", "application/json")];
const GIB: u64 = 1 << 30;

async fn server() -> (Ollama, Arc<ManualClock>) {
    let clock = Arc::new(ManualClock::at(
        Micros::from_rfc3339("2026-11-20T08:00:00Z").unwrap(),
    ));
    let server = Ollama::with_clock(Arc::clone(&clock) as Arc<dyn Clock>)
        .await
        .unwrap();
    server.install(Model::text("llama3.1:8b", "llama", "8.0B", 4 * GIB));
    server.install(Model::embedding("nomic-embed-text:latest", GIB / 4));
    server.publish(Model::text("mistral:7b", "mistral", "7.2B", 4 * GIB));
    (server, clock)
}

async fn get(server: &Ollama, path: &str) -> Answer {
    call(server.address(), "GET", path, &[], "").await
}

async fn post(server: &Ollama, path: &str, body: &Value) -> Answer {
    call(server.address(), "POST", path, JSON, &body.to_string()).await
}

async fn delete(server: &Ollama, body: &str) -> Answer {
    call(server.address(), "DELETE", "/api/delete", JSON, body).await
}

async fn pull(server: &Ollama, plan: PullPlan) -> Answer {
    server.set_pull(plan);
    post(server, "/api/pull", &json!({"model": "mistral:7b"})).await
}

fn ending(ending: Ending) -> PullPlan {
    PullPlan {
        ending,
        ..PullPlan::default()
    }
}

#[tokio::test]
async fn it_says_that_it_runs_and_its_version() {
    let (server, _) = server().await;

    let head = call(server.address(), "HEAD", "/", &[], "").await;
    let root = get(&server, "/").await;
    let version = get(&server, "/api/version").await;

    assert_eq!((head.status, head.body().as_str()), (200, ""));
    assert_eq!(root.body(), "Ollama is running");
    assert_eq!(version.json(), json!({"version": "0.13.0"}));
    assert_eq!(server.log().unexpected(), [""; 0]);
}

#[tokio::test]
async fn tags_list_what_is_installed() {
    let (server, _) = server().await;

    let models = get(&server, "/api/tags").await.json();

    let llama = models["models"]
        .as_array()
        .unwrap()
        .iter()
        .find(|model| model["name"] == "llama3.1:8b")
        .unwrap();
    assert_eq!(llama["size"], json!(4 * GIB + 12_320 + 1_481 + 485));
    assert_eq!(llama["digest"].as_str().unwrap().len(), 64);
    assert_eq!(llama["modified_at"], "2026-11-20T08:00:00Z");
    assert_eq!(llama["details"]["parameter_size"], "8.0B");
}

#[tokio::test]
async fn show_knows_names_without_case_and_404s_the_others() {
    let (server, _) = server().await;

    let known = post(&server, "/api/show", &json!({"model": "Llama3.1:8B"})).await;
    let unknown = post(&server, "/api/show", &json!({"model": "nobody"})).await;

    assert_eq!(known.json()["model_info"]["llama.context_length"], 131_072);
    assert_eq!(unknown.status, 404);
    assert_eq!(unknown.json(), json!({"error": "model 'nobody' not found"}));
}

#[tokio::test]
async fn a_pull_streams_layers_side_by_side_and_installs_at_success() {
    let (server, _) = server().await;

    let answer = pull(&server, PullPlan::default()).await;

    let lines = answer.lines();
    assert!(answer.head.contains("content-type: application/x-ndjson"));
    assert_eq!(lines[0], json!({"status": "pulling manifest"}));
    assert_eq!(lines.last().unwrap(), &json!({"status": "success"}));
    let progress: Vec<&Value> = lines
        .iter()
        .filter(|line| line["digest"].is_string())
        .collect();
    let mut digests: Vec<&str> = progress
        .iter()
        .map(|line| line["digest"].as_str().unwrap())
        .collect();
    assert!(digests[0] != digests[1], "the layers take turns");
    digests.sort_unstable();
    digests.dedup();
    assert_eq!(digests.len(), 4);
    assert!(progress[0].get("completed").is_none());
    let short = format!(
        "pulling {}",
        progress[0]["digest"].as_str().unwrap().get(7..19).unwrap()
    );
    assert_eq!(progress[0]["status"], json!(short));
    assert_eq!(answer.chunks.len(), lines.len(), "a chunk per line");
    assert!(server.installed().contains(&"mistral:7b".to_owned()));
}

#[tokio::test]
async fn chunks_cut_lines_and_characters() {
    let (server, _) = server().await;
    let plan = PullPlan {
        chunks: Chunks::Bytes(7),
        extra_status: Some("größer als gedacht: ööööööö".to_owned()),
        ..PullPlan::default()
    };

    let answer = pull(&server, plan).await;

    assert!(answer.chunks.iter().all(|chunk| chunk.len() <= 7));
    let cut = |chunk: &Vec<u8>| std::str::from_utf8(chunk).is_err();
    assert!(answer.chunks.iter().any(cut), "no character was cut in two");
    assert_eq!(answer.lines()[1]["status"], "größer als gedacht: ööööööö");
}

#[tokio::test]
async fn an_error_line_ends_a_pull_that_began_with_200() {
    let (server, _) = server().await;

    let answer = pull(
        &server,
        ending(Ending::ErrorLine {
            after: 5,
            error: "max retries exceeded".to_owned(),
        }),
    )
    .await;

    assert_eq!(answer.status, 200);
    assert!(answer.complete);
    assert_eq!(answer.lines().len(), 6);
    assert_eq!(answer.lines()[5], json!({"error": "max retries exceeded"}));
    assert!(!server.installed().contains(&"mistral:7b".to_owned()));
}

#[tokio::test]
async fn a_pull_can_end_without_a_word_or_break() {
    let (server, _) = server().await;

    let orderly = pull(&server, ending(Ending::EndOfStream { after: 3 })).await;
    let broken = pull(&server, ending(Ending::Broken { after: 3 })).await;

    assert!(orderly.complete);
    assert_eq!(orderly.lines().len(), 3);
    assert!(!broken.complete);
    assert_eq!(broken.lines().len(), 3);
    assert!(!server.installed().contains(&"mistral:7b".to_owned()));
}

#[tokio::test]
async fn a_pull_can_be_refused_before_the_first_byte() {
    let (server, _) = server().await;

    let full = pull(
        &server,
        ending(Ending::Refused(500, "no space left".to_owned())),
    )
    .await;
    server.set_pull(PullPlan::default());
    let unknown = post(&server, "/api/pull", &json!({"model": "nobody"})).await;

    assert_eq!(
        (full.status, full.json()),
        (500, json!({"error": "no space left"}))
    );
    assert_eq!(unknown.status, 500);
    assert_eq!(
        unknown.json(),
        json!({"error": "pull model manifest: file does not exist"})
    );
}

#[tokio::test]
async fn a_second_pull_starts_from_what_is_here() {
    let (server, _) = server().await;
    // One line for the manifest, four for the first round, one that says half a layer.
    pull(&server, ending(Ending::Broken { after: 6 })).await;
    let here = server.downloaded("mistral:7b");
    assert!(here >= GIB, "{here}");

    let again = pull(&server, PullPlan::default()).await;

    let lines = again.lines();
    let first = lines
        .iter()
        .find(|line| line["total"] == json!(4 * GIB))
        .unwrap();
    assert_eq!(first["completed"], json!(GIB));
    assert_eq!(lines.last().unwrap()["status"], "success");
}

#[tokio::test]
async fn a_pull_without_stream_tells_its_end_alone() {
    let (server, _) = server().await;

    let body = json!({"model": "mistral:7b", "stream": false});
    let answer = post(&server, "/api/pull", &body).await;

    assert_eq!(answer.json(), json!({"status": "success"}));
    assert!(server.installed().contains(&"mistral:7b".to_owned()));
}

#[tokio::test]
async fn a_delete_is_an_empty_200_then_a_404() {
    let (server, _) = server().await;

    let done = delete(&server, r#"{"model":"llama3.1:8b"}"#).await;
    let again = delete(&server, r#"{"model":"llama3.1:8b"}"#).await;
    let empty = delete(&server, "").await;
    let invalid = delete(&server, r#"{"model":"a b"}"#).await;

    assert_eq!((done.status, done.body().as_str()), (200, ""));
    assert_eq!(again.status, 404);
    assert_eq!(
        again.json(),
        json!({"error": "model 'llama3.1:8b' not found"})
    );
    assert_eq!(
        (empty.status, empty.json()),
        (400, json!({"error": "missing request body"}))
    );
    assert_eq!(invalid.json(), json!({"error": "name \"a b\" is invalid"}));
}

#[tokio::test]
async fn a_copy_has_the_same_digest_of_weights() {
    let (server, _) = server().await;

    let done = post(
        &server,
        "/api/copy",
        &json!({"source": "llama3.1:8b", "destination": "mine"}),
    )
    .await;
    let missing = post(
        &server,
        "/api/copy",
        &json!({"source": "nobody", "destination": "mine"}),
    )
    .await;

    assert_eq!(done.status, 200);
    assert_eq!(missing.status, 404);
    assert!(server.installed().contains(&"mine:latest".to_owned()));
}

#[tokio::test]
async fn generating_loads_a_model_until_its_time_is_up() {
    let (server, clock) = server().await;

    let body =
        json!({"model": "llama3.1:8b", "prompt": "say hello", "stream": false, "keep_alive": "1m"});
    let answer = post(&server, "/api/generate", &body).await.json();
    let loaded = get(&server, "/api/ps").await.json();
    clock.advance_seconds(61);
    let later = get(&server, "/api/ps").await.json();

    assert_eq!(answer["done_reason"], "stop");
    assert!(answer["response"].as_str().unwrap().contains("say hello"));
    assert_eq!(loaded["models"][0]["expires_at"], "2026-11-20T08:01:00Z");
    assert_eq!(later, json!({"models": []}));
}

#[tokio::test]
async fn keep_alive_zero_without_a_prompt_unloads() {
    let (server, _) = server().await;
    assert!(server.load("llama3.1:8b", 60));

    let ps = get(&server, "/api/ps").await.json();
    let body = json!({"model": "llama3.1:8b", "keep_alive": 0});
    let answer = post(&server, "/api/generate", &body).await.json();

    let row = &ps["models"][0];
    let share = row["size_vram"].as_f64().unwrap() / row["size"].as_f64().unwrap();
    assert!((share - 0.6).abs() < 0.01);
    assert_eq!(answer["done_reason"], "unload");
    assert_eq!(server.loaded(), [""; 0]);
}

#[tokio::test]
async fn a_chat_streams_until_done() {
    let (server, _) = server().await;
    server.set_chunks(Chunks::Bytes(5));

    let body =
        json!({"model": "llama3.1:8b", "messages": [{"role": "user", "content": "was heißt das"}]});
    let lines = post(&server, "/api/chat", &body).await.lines();

    let said: String = lines
        .iter()
        .filter_map(|line| line["message"]["content"].as_str())
        .collect();
    assert_eq!(said, "llama3.1:8b grüßt: was heißt das");
    assert_eq!(lines.last().unwrap()["done"], true);
    assert_eq!(lines.last().unwrap()["eval_count"], 3);
}

#[tokio::test]
async fn vectors_are_stable_and_as_long_as_asked() {
    let (server, _) = server().await;

    let body = json!({"model": "nomic-embed-text", "input": ["a b", "a b", "c"], "dimensions": 64});
    let answer = post(&server, "/api/embed", &body).await.json();
    let body = json!({"model": "llama3.1:8b", "input": "a"});
    let cannot = post(&server, "/api/embed", &body).await;

    let vectors = answer["embeddings"].as_array().unwrap();
    assert_eq!(vectors[0], vectors[1]);
    assert_ne!(vectors[0], vectors[2]);
    assert_eq!(vectors[2].as_array().unwrap().len(), 64);
    assert_eq!(cannot.status, 400);
}

#[tokio::test]
async fn a_token_is_asked_for_where_there_is_a_proxy() {
    let (server, _) = server().await;
    server.require_token("word");

    let without = get(&server, "/api/tags").await;
    let with = call(
        server.address(),
        "GET",
        "/api/tags",
        &[("Authorization", "Bearer word")],
        "",
    )
    .await;

    assert_eq!((without.status, with.status), (401, 200));
}

#[tokio::test]
async fn what_is_outside_the_contract_is_noted() {
    let (server, _) = server().await;

    get(&server, "/api/nothing").await;
    post(&server, "/api/tags", &json!({})).await;
    let wrong = post(&server, "/api/pull", &json!({"model": 5})).await;
    // The product is lenient here; a client that sends it is wrong all the same.
    let lenient = post(
        &server,
        "/api/show",
        &json!({"model": "llama3.1:8b", "colour": 1}),
    )
    .await;
    post(&server, "/api/show", &json!({"model": "llama3.1:8b"})).await;

    assert_eq!(wrong.status, 400);
    assert_eq!(lenient.status, 200);
    assert_eq!(
        server.log().unexpected(),
        [
            "GET /api/nothing",
            "POST /api/tags",
            "POST /api/pull",
            "POST /api/show"
        ]
    );
}

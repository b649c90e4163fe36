//! Models behind HTTP: what is sent, what is taken, and how each of them fails.

use std::sync::Arc;
use std::time::Duration;

use homelab_backend_memory::{Config, Models, models};
use homelab_core::error::Code;
use homelab_core::memory::{Embedder, LanguageModel, Prompt, Purpose};
use homelab_harness::{Ground, today};
use homelab_lab::anthropic::{self, Anthropic};
use homelab_lab::ollama::Ollama;
use homelab_lab::openai::{self, OpenAi};
use homelab_lab::{Fault, RequestLog, Saying, Vectors};
use rstest::rstest;
use serde_json::{Value, json};

use crate::world::{Numbered, ground, reason};

/// Whoever is asked.
enum Endpoint {
    Ollama(Ollama),
    OpenAi(OpenAi),
    Anthropic(Anthropic),
}

impl Endpoint {
    async fn start(kind: &str) -> Self {
        match kind {
            "ollama" => {
                let server = Ollama::demo().await.expect("a port");
                server.require_token("geheim");
                Self::Ollama(server)
            }
            "openai" => {
                let server = OpenAi::start().await.expect("a port");
                server.require_key("geheim");
                Self::OpenAi(server)
            }
            _ => Self::Anthropic(Anthropic::start("geheim").await.expect("a port")),
        }
    }

    fn section(&self) -> Value {
        match self {
            Self::Ollama(server) => json!({
                "embedding": { "url": server.url(), "model": "nomic-embed-text", "api_key": "geheim" },
                "llm": { "provider": "ollama", "url": server.url(), "model": "llama3.1:8b", "api_key": "geheim" },
            }),
            Self::OpenAi(server) => json!({
                "embedding": { "url": server.url(), "model": openai::EMBEDDING_MODEL, "api_key": "geheim" },
                "llm": { "provider": "openai", "url": server.url(), "model": openai::CHAT_MODEL, "api_key": "geheim" },
            }),
            Self::Anthropic(server) => json!({
                "llm": {
                    "provider": "anthropic", "url": server.url(), "model": anthropic::MODEL,
                    "anthropic_api_key": "geheim",
                },
            }),
        }
    }

    fn say(&self, saying: Saying) {
        match self {
            Self::Ollama(server) => server.say(saying),
            Self::OpenAi(server) => server.say(saying),
            Self::Anthropic(server) => server.say(saying),
        }
    }

    fn vectors(&self, vectors: Vectors) {
        match self {
            Self::Ollama(server) => server.set_vectors(vectors),
            Self::OpenAi(server) => server.set_vectors(vectors),
            Self::Anthropic(_) => panic!("it makes no vectors"),
        }
    }

    fn fail(&self, fault: Fault) {
        match self {
            Self::Ollama(server) => server.faults().always("/", fault),
            Self::OpenAi(server) => server.faults().always("/", fault),
            Self::Anthropic(server) => server.faults().always("/", fault),
        }
    }

    fn log(&self) -> &RequestLog {
        match self {
            Self::Ollama(server) => server.log(),
            Self::OpenAi(server) => server.log(),
            Self::Anthropic(server) => server.log(),
        }
    }

    /// The body of the last request.
    fn asked(&self) -> Value {
        let last = self.log().all().pop().expect("a request");
        serde_json::from_slice(&last.body).expect("JSON")
    }
}

async fn chosen(section: Value) -> (Models, Ground) {
    let ground = ground(today()).await;
    let config: Config = serde_json::from_value(section).expect("a section");
    let builtin = Arc::new(Numbered("builtin/test"));
    let models = models("memory", &config, builtin, &ground.env).expect("usable settings");
    (models, ground)
}

async fn embedder(endpoint: &Endpoint, more: Value) -> Arc<dyn Embedder> {
    let mut section = endpoint.section();
    for (name, value) in more.as_object().expect("an object") {
        section["embedding"][name] = value.clone();
    }
    let (models, _) = chosen(section).await;
    models.embedder.expect("an embedder")
}

async fn llm(endpoint: &Endpoint, more: Value) -> Arc<dyn LanguageModel> {
    let mut section = endpoint.section();
    for (name, value) in more.as_object().expect("an object") {
        section["llm"][name] = value.clone();
    }
    let (models, _) = chosen(section).await;
    models.llm.expect("a language model")
}

fn prompt() -> Prompt {
    Prompt {
        system: "Tell the number.".to_owned(),
        user: "It is four.".to_owned(),
        schema: json!({ "type": "object", "properties": { "n": { "type": "integer" } } }),
        max_tokens: 300,
    }
}

#[rstest]
#[case("ollama", "ollama/nomic-embed-text", 768)]
#[case("openai", "openai/text-embedding-lab", 1536)]
#[tokio::test]
async fn texts_become_vectors_in_batches_and_in_their_order(
    #[case] kind: &str,
    #[case] model: &str,
    #[case] dimensions: usize,
) {
    let endpoint = Endpoint::start(kind).await;
    endpoint.vectors(if kind == "openai" {
        Vectors::Reversed
    } else {
        Vectors::Right
    });
    let embedder = embedder(&endpoint, json!({ "batch": 2 })).await;
    let texts = [
        "the nas has four disks",
        "dns runs on pi",
        "the nas has four disks",
    ];

    let vectors = embedder
        .embed(&texts, Purpose::Document)
        .await
        .expect("vectors");

    assert_eq!(embedder.model(), model);
    assert!(embedder.is_remote());
    assert_eq!(endpoint.log().lines().len(), 2);
    assert_eq!(endpoint.log().unexpected(), [""; 0]);
    assert!(vectors.iter().all(|one| one.len() == dimensions));
    assert_eq!(vectors[0], vectors[2]);
    assert_ne!(vectors[0], vectors[1]);
    let length: f32 = vectors[0].iter().map(|x| x * x).sum();
    assert!((length - 1.0).abs() < 1e-5, "{length}");
}

#[rstest]
#[case("ollama")]
#[case("openai")]
#[tokio::test]
async fn chosen_dimensions_are_asked_for_and_part_of_the_name(#[case] kind: &str) {
    let endpoint = Endpoint::start(kind).await;
    let embedder = embedder(&endpoint, json!({ "dimensions": 64 })).await;

    let vectors = embedder
        .embed(&["x"], Purpose::Query)
        .await
        .expect("a vector");

    assert_eq!(vectors[0].len(), 64);
    assert_eq!(endpoint.asked()["dimensions"], 64);
    assert!(embedder.model().ends_with("@64"), "{}", embedder.model());
}

#[tokio::test]
async fn a_model_that_wants_prefixes_gets_them() {
    let endpoint = Endpoint::start("ollama").await;
    let embedder = embedder(&endpoint, json!({})).await;

    embedder
        .embed(&["x"], Purpose::Query)
        .await
        .expect("a vector");

    assert_eq!(endpoint.asked()["input"], json!(["search_query: x"]));
}

#[rstest]
#[case("ollama", Vectors::OneMissing)]
#[case("openai", Vectors::OneMissing)]
#[case("ollama", Vectors::Dimensions(9))]
#[case("openai", Vectors::Dimensions(9))]
#[tokio::test]
async fn vectors_that_do_not_fit_are_refused(#[case] kind: &str, #[case] shape: Vectors) {
    let endpoint = Endpoint::start(kind).await;
    endpoint.vectors(shape);
    let embedder = embedder(&endpoint, json!({ "dimensions": 64 })).await;

    let error = embedder
        .embed(&["a", "b"], Purpose::Document)
        .await
        .unwrap_err();

    assert_eq!(error.code(), Code::UpstreamRejected);
    assert_eq!(reason(&error), "embedding_unusable");
}

#[rstest]
#[case("ollama")]
#[case("openai")]
#[tokio::test]
async fn a_model_whose_vectors_change_is_not_mixed_with_itself(#[case] kind: &str) {
    let endpoint = Endpoint::start(kind).await;
    let embedder = embedder(&endpoint, json!({})).await;
    embedder
        .embed(&["a"], Purpose::Document)
        .await
        .expect("a vector");
    endpoint.vectors(Vectors::Dimensions(9));

    let error = embedder.embed(&["a"], Purpose::Document).await.unwrap_err();

    assert_eq!(reason(&error), "embedding_unusable");
}

#[rstest]
#[case::half_an_answer(Fault::CutBody, Code::UpstreamRejected, "cut")]
#[case::a_web_page(Fault::NotJson, Code::UpstreamRejected, "unexpected_answer")]
#[case::endless(Fault::Oversized(25 * 1024 * 1024), Code::UpstreamRejected, "too_large")]
#[case::broken(Fault::Status(500), Code::UpstreamRejected, "")]
#[case::no_key(Fault::Status(401), Code::UpstreamUnauthorized, "")]
#[case::busy(Fault::RateLimited { retry_after_s: 60 }, Code::RateLimited, "")]
#[case::elsewhere(Fault::Redirect("http://192.0.2.1/".to_owned()), Code::UpstreamRejected, "redirect")]
#[tokio::test]
async fn an_endpoint_that_fails_is_named_without_text_or_key(
    #[values("ollama", "openai", "anthropic")] kind: &str,
    #[case] fault: Fault,
    #[case] code: Code,
    #[case] why: &str,
) {
    let endpoint = Endpoint::start(kind).await;
    let llm = llm(&endpoint, json!({})).await;
    endpoint.fail(fault);

    let error = llm.answer(&prompt()).await.unwrap_err();

    assert_eq!((error.code(), reason(&error)), (code, why));
    let told = serde_json::to_string(error.envelope()).expect("JSON");
    assert!(!told.contains("geheim") && !told.contains("four"), "{told}");
    if kind != "anthropic" {
        let section = endpoint.section();
        let (models, _) = chosen(section).await;
        let embedder = models.embedder.expect("an embedder");
        let error = embedder
            .embed(&["it is four"], Purpose::Document)
            .await
            .unwrap_err();
        assert_eq!((error.code(), reason(&error)), (code, why));
    }
}

#[rstest]
#[case("ollama")]
#[case("openai")]
#[case("anthropic")]
#[tokio::test]
async fn an_endpoint_that_is_silent_is_given_up(#[case] kind: &str) {
    let endpoint = Endpoint::start(kind).await;
    let llm = llm(&endpoint, json!({ "timeout_s": 1 })).await;
    endpoint.fail(Fault::Delay(Duration::from_mins(10)));

    let error = llm.answer(&prompt()).await.unwrap_err();

    assert_eq!(error.code(), Code::Timeout);
    assert!(error.envelope().retryable);
}

#[rstest]
#[case("ollama", "ollama/llama3.1:8b")]
#[case("openai", "openai/chat-lab")]
#[case("anthropic", "anthropic/claude-lab")]
#[tokio::test]
async fn a_prompt_is_answered_with_json(#[case] kind: &str, #[case] model: &str) {
    let endpoint = Endpoint::start(kind).await;
    endpoint.say(Saying::Json(json!({ "n": 4 })));
    let llm = llm(&endpoint, json!({})).await;

    let answer = llm.answer(&prompt()).await.expect("an answer");

    assert_eq!(answer, json!({ "n": 4 }));
    assert_eq!(llm.model(), model);
    assert_eq!(endpoint.log().unexpected(), [""; 0]);
    let asked = endpoint.asked().to_string();
    assert!(
        asked.contains("It is four.") && asked.contains("\"integer\""),
        "{asked}"
    );
    let told = if kind == "ollama" {
        "options"
    } else {
        "max_tokens"
    };
    assert!(asked.contains(told), "{asked}");
}

#[rstest]
#[case::fenced(Saying::Text("```json\n{\"n\": 4}\n```".to_owned()))]
#[case::thinking(Saying::Text("<think>three?</think> {\"n\": 4}".to_owned()))]
#[tokio::test]
async fn a_model_that_talks_around_its_answer_is_understood(
    #[values("ollama", "openai")] kind: &str,
    #[case] saying: Saying,
) {
    let endpoint = Endpoint::start(kind).await;
    endpoint.say(saying);
    let llm = llm(&endpoint, json!({})).await;

    assert_eq!(llm.answer(&prompt()).await, Ok(json!({ "n": 4 })));
}

#[rstest]
#[case::no_json(Saying::Text("It is four, I think.".to_owned()))]
#[case::half(Saying::Text("{\"n\":".to_owned()))]
#[case::cut(Saying::Cut)]
#[case::refused(Saying::Refused)]
#[tokio::test]
async fn an_answer_that_is_no_use_is_an_error_that_repeats_nothing(
    #[values("ollama", "openai", "anthropic")] kind: &str,
    #[case] saying: Saying,
) {
    let endpoint = Endpoint::start(kind).await;
    endpoint.say(saying);
    let llm = llm(&endpoint, json!({})).await;

    let error = llm.answer(&prompt()).await.unwrap_err();

    assert_eq!(error.code(), Code::UpstreamRejected);
    assert_eq!(reason(&error), "llm_answer_unusable");
    assert!(!error.envelope().message.contains("four"), "{error}");
}

#[rstest]
#[case(json!({}), Some("builtin/test"))]
#[case(json!({ "embedding": { "provider": "builtin" } }), Some("builtin/test"))]
#[case(json!({ "embedding": { "provider": "none" } }), None)]
#[case(json!({ "embedding": { "url": "http://192.0.2.1:11434", "model": "m" } }), Some("ollama/m"))]
#[case(json!({ "embedding": { "url": "http://192.0.2.1/v1/", "model": "m" } }), Some("openai/m"))]
#[tokio::test]
async fn the_settings_choose_who_makes_vectors(
    #[case] section: Value,
    #[case] model: Option<&str>,
) {
    let (models, _) = chosen(section).await;

    assert_eq!(models.embedder.as_ref().map(|one| one.model()), model);
    assert!(models.llm.is_none());
    let older: Vec<&str> = models.older.iter().map(|one| one.model()).collect();
    let is_other = model.is_some_and(|model| model != "builtin/test");
    assert_eq!(older, vec!["builtin/test"; usize::from(is_other)]);
}

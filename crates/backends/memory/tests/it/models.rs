//! The server with models behind HTTP: what they add, and what is left when they are down.

use homelab_lab::ollama::Ollama;
use homelab_lab::openai::{self, OpenAi};
use homelab_lab::{Fault, Saying};
use homelab_memory::Current;
use serde_json::json;

use crate::world::{World, text};

#[tokio::test]
async fn an_endpoint_that_is_down_costs_neither_a_memory_nor_a_search() {
    let ollama = Ollama::demo().await.expect("a port");
    let embedding = json!({ "url": ollama.url(), "model": "nomic-embed-text" });
    let world = World::with(json!({ "embedding": embedding })).await;
    ollama.faults().always("/", Fault::Status(500));

    let added = world
        .call(
            "alice",
            "add_memory",
            json!({ "content": "nas01 has four disks" }),
        )
        .await;
    let found = world
        .call("alice", "search_memories", json!({ "query": "disks" }))
        .await;

    assert_eq!(added["results"][0]["embedding"], "pending");
    assert_eq!(found["results"][0]["content"], "nas01 has four disks");
    assert_eq!(found["degraded"], json!(["vector"]));
    ollama.faults().clear();
    let current = world.env.shared.get::<Current>().expect("it leads");
    let service = current.service().expect("a service");
    let worked = service.reindex(false).await.expect("it answers again");
    assert_eq!(worked.embedded, 1);
    let found = world
        .call(
            "alice",
            "search_memories",
            json!({ "query": "disks", "explain": true }),
        )
        .await;
    assert_eq!(found.get("degraded"), None);
    assert_eq!(found["results"][0]["explain"]["rank_vector"], 1);
}

#[tokio::test]
async fn another_model_takes_over_and_the_old_vectors_go() {
    let world = World::open().await;
    world.add("alice", "nas01 has four disks").await;
    let server = OpenAi::start().await.expect("a port");
    let embedding = json!({ "url": server.url(), "model": openai::EMBEDDING_MODEL });
    let settings = json!({ "embedding": embedding });
    let kind = homelab_backend_memory::kind();
    let _other = kind.open("memory", settings, &world.env);

    let current = world.env.shared.get::<Current>().expect("it leads");
    let service = current.service().expect("a service");
    let worked = service.reindex(false).await.expect("it answers");

    assert_eq!((worked.embedded, worked.forgotten), (1, 1));
    let models = world.env.stores.memories.models().await.expect("a list");
    let names: Vec<&str> = models.iter().map(|one| one.model.as_str()).collect();
    assert_eq!(names, ["openai/text-embedding-lab"]);
}

#[tokio::test]
async fn a_language_model_that_talks_nonsense_loses_no_input() {
    let ollama = Ollama::demo().await.expect("a port");
    let llm = json!({ "provider": "ollama", "url": ollama.url(), "model": "llama3.1:8b" });
    let world = World::with(json!({ "llm": llm })).await;
    ollama.say(Saying::Text("I would rather not.".to_owned()));

    let args = json!({ "content": "nas01 has four disks", "infer": true });
    let added = world.call("alice", "add_memory", args).await;

    assert_eq!(added["degraded"], json!(["llm"]));
    let id = text(&added["results"][0]["id"]);
    let memory = world
        .call("alice", "get_memory", json!({ "memory_id": id }))
        .await;
    assert_eq!(memory["content"], "nas01 has four disks");
}

//! What agents remember stands beside the things that it is about, for whoever may read it.

use std::sync::Arc;

use homelab_core::memory::About;
use homelab_core::policy::Role;
use homelab_memory::{MemoryService, NewEntry, Parts, Settings};
use serde_json::{Value, json};

use crate::world::{World, context_of};

/// The demo lab, where `alice` remembers one thing of a device and one of a service on it.
async fn world() -> World {
    let world = World::demo().await;
    world.memory.set(Arc::new(MemoryService::new(Parts {
        store: world.env.stores.memories.clone(),
        embedder: None,
        older: Vec::new(),
        llm: None,
        clock: world.env.clock.clone(),
        entropy: world.env.entropy.clone(),
        settings: Settings::default(),
    })));
    remember(
        &world,
        "alice",
        "devices",
        "nas-main",
        "nas-main beeps when its fan stops",
    )
    .await;
    remember(
        &world,
        "alice",
        "services",
        "smb",
        "smb needs 2 GB at least",
    )
    .await;
    remember(
        &world,
        "alice",
        "devices",
        "other",
        "other stands in the cellar",
    )
    .await;
    world
}

async fn remember(world: &World, who: &str, kind: &str, name: &str, content: &str) {
    let service = world.memory.service().expect("a service");
    let entry = NewEntry {
        content: Some(content.to_owned()),
        about: vec![About {
            kind: kind.to_owned(),
            name: name.to_owned(),
        }],
        ..NewEntry::default()
    };
    let caller = service.owners().caller(who, None);
    service.add(&caller, entry).await.expect("it is kept");
    world.clock.advance_seconds(1);
}

async fn told(world: &World, who: &str, tool: &str, args: Value) -> Vec<String> {
    let caller = context_of(who, Role::Admin);
    let output = world.call_in(tool, args, &caller).await;
    let memories = output["memories"].as_array().expect("a list");
    let text = |memory: &Value| memory["text"].as_str().expect("a text").to_owned();
    memories.iter().map(text).collect()
}

#[tokio::test]
async fn a_device_shows_what_is_remembered_of_it_and_its_services() {
    let world = world().await;

    let told = told(
        &world,
        "alice",
        "homelab_get_device",
        json!({ "name": "nas-main" }),
    )
    .await;

    assert_eq!(
        told,
        [
            "smb needs 2 GB at least",
            "nas-main beeps when its fan stops",
        ]
    );
}

#[tokio::test]
async fn what_is_this_shows_it_too() {
    let world = world().await;

    let told = told(
        &world,
        "alice",
        "homelab_whatis",
        json!({ "subject": "nas-main" }),
    )
    .await;

    assert_eq!(told, ["nas-main beeps when its fan stops"]);
}

#[tokio::test]
async fn nobody_else_sees_it() {
    let world = world().await;

    for who in ["bob", "stranger"] {
        let told = told(
            &world,
            who,
            "homelab_get_device",
            json!({ "name": "nas-main" }),
        )
        .await;
        assert_eq!(told, [""; 0], "{who}");
    }
}

#[tokio::test]
async fn whoever_may_not_read_memories_sees_none_of_their_own_either() {
    let world = world().await;
    remember(
        &world,
        "stranger",
        "devices",
        "nas-main",
        "nas-main is mine",
    )
    .await;

    let told = told(
        &world,
        "stranger",
        "homelab_get_device",
        json!({ "name": "nas-main" }),
    )
    .await;

    assert_eq!(told, [""; 0]);
}

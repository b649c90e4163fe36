//! The demo lab's stacks: one well, one that failed.

use serde_json::json;

use super::state::{Stack, State, Status};

pub(super) fn fill(state: &mut State, environment: u64) {
    let now = state.now();
    let mut add = |name: &str, file: &str, status: Status| {
        let id = state.next_id();
        let stack = Stack {
            name: name.to_owned(),
            environment,
            kind: 2,
            swarm: String::new(),
            status,
            file: file.to_owned(),
            env: json!([{ "name": "PAPERLESS_SECRET", "value": "demo-only-otter" }]),
            git: None,
            webhook: String::new(),
            created: now - 40 * 86_400,
            updated: now - 86_400,
            created_by: "admin".to_owned(),
            updated_by: "admin".to_owned(),
            version: 3,
        };
        state.stacks.insert(id, stack);
    };
    add(
        "documents",
        "services:\n  paperless:\n    image: ghcr.example/paperless:2.19\n  broker:\n    image: redis:8\n",
        Status::Active,
    );
    add(
        "wiki",
        "services:\n  wiki:\n    image: wiki.example/wiki:latest\n",
        Status::Failed("pull access denied for wiki.example/wiki".to_owned()),
    );
}

//! Lists that are longer than one page of the API.

use homelab_lab::traefik::Protocol;
use serde_json::json;

use crate::world::World;

#[tokio::test]
async fn many_objects_are_read_with_few_requests() {
    let world = World::lab().await;
    for number in 0..1_200 {
        let router = json!({ "entryPoints": ["web"], "service": "blog", "rule": format!("Host(`h{number}.lab.example`)") });
        world
            .traefik
            .add_router(Protocol::Http, &format!("h{number:04}@docker"), router);
    }

    let found = world
        .call(
            "list_routers",
            json!({ "protocol": "http", "provider": "docker" }),
        )
        .await;

    assert_eq!(
        (&found["total"], found["items"].as_array().map(Vec::len)),
        (&json!(1_201), Some(25))
    );
    let asked = world.traefik.log().lines();
    assert_eq!(
        asked
            .iter()
            .filter(|line| line.contains("/api/http/routers"))
            .count(),
        3
    );
}

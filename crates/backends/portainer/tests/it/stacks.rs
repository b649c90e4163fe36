//! Stacks: what is there, their files, starting, stopping, removing.

use homelab_core::error::Code;
use homelab_core::tool::Effect;
use homelab_lab::Fault;
use serde_json::{Value, json};

use crate::world::{BLOG, World, field, hint, reason, says};

fn names(list: &Value) -> Vec<&str> {
    let rows = list["items"].as_array().expect("stacks");
    rows.iter()
        .map(|row| row["name"].as_str().expect("a name"))
        .collect()
}

#[tokio::test]
async fn stacks_of_all_environments_are_listed() {
    let world = World::lab().await;
    world.blog().await;
    world
        .call(
            "deploy_stack",
            json!({ "name": "wiki", "endpoint": "nas", "stack_file": BLOG }),
        )
        .await;

    let all = world.call("list_stacks", json!({})).await;
    let nas = world
        .call("list_stacks", json!({ "endpoint": "NAS" }))
        .await;
    let stopped = world
        .call("list_stacks", json!({ "status": "inactive" }))
        .await;
    let first = world.call("list_stacks", json!({ "limit": 1 })).await;
    let second = world
        .call(
            "list_stacks",
            json!({ "limit": 1, "cursor": first["next_cursor"] }),
        )
        .await;

    assert_eq!(names(&all), ["blog", "wiki"]);
    assert_eq!(
        (&all["items"][0]["endpoint"], &all["items"][0]["type"]),
        (&json!("local"), &json!("compose"))
    );
    assert_eq!(names(&nas), ["wiki"]);
    assert_eq!(names(&stopped), [""; 0]);
    assert_eq!(
        (names(&first), names(&second)),
        (vec!["blog"], vec!["wiki"])
    );
    assert!(!all.to_string().contains("tell-nobody"));
}

#[tokio::test]
async fn no_stacks_are_no_stacks_however_that_is_said() {
    let world = World::lab().await;
    world.portainer.answer_204_for_none();

    let none = world.call("list_stacks", json!({})).await;

    assert_eq!((names(&none), &none["total"]), (vec![], &json!(0)));
}

#[tokio::test]
async fn stacks_of_portainer_are_not_external_and_engines_that_are_down_are_not_asked() {
    let world = World::lab().await;
    world.blog().await;
    let up = world
        .call("list_stacks", json!({ "include_external": true }))
        .await;
    world.portainer.set_up(world.local, false);
    world.portainer.set_up(world.nas, false);

    let down = world
        .call("list_stacks", json!({ "include_external": true }))
        .await;

    assert_eq!(
        (names(&up), &up["items"][0]["external"]),
        (vec!["blog"], &json!(false))
    );
    assert_eq!(
        (names(&down), &down["problems"]),
        (vec!["blog"], &json!([]))
    );
}

#[tokio::test]
async fn an_engine_that_cannot_be_asked_is_said() {
    let world = World::lab().await;
    world.blog().await;
    let path = format!("/api/endpoints/{}/docker/containers/json", world.nas);
    world.portainer.faults().always(path, Fault::Status(500));

    let found = world
        .call("list_stacks", json!({ "include_external": true }))
        .await;

    assert_eq!(names(&found), ["blog"]);
    assert!(
        found["problems"][0]
            .as_str()
            .expect("a problem")
            .starts_with("`nas`")
    );
}

#[tokio::test]
async fn an_environment_that_is_not_there_is_named_with_those_that_are() {
    let world = World::lab().await;

    let error = world
        .fail("list_stacks", json!({ "endpoint": "nosuch" }))
        .await;

    assert_eq!(
        (error.code(), reason(&error), field(&error)),
        (Code::NotFound, "endpoint_not_found", "endpoint")
    );
    assert!(hint(&error).contains("`local`"));
}

#[tokio::test]
async fn a_stack_is_shown_without_the_values_of_its_variables() {
    let world = World::lab().await;
    world.blog().await;

    let shown = world.call("get_stack", json!({ "stack": "Blog" })).await;
    let id = shown["stack"]["id"].to_string();
    let by_id = world.call("get_stack", json!({ "stack": id })).await;
    let error = world.fail("get_stack", json!({ "stack": "nosuch" })).await;

    assert_eq!(shown["variables"], json!(["PASSWORD"]));
    assert_eq!(
        (&shown["stack"]["status"], &shown["created_by"]),
        (&json!("active"), &json!("admin"))
    );
    assert_eq!(shown, by_id);
    assert!(!shown.to_string().contains("tell-nobody"));
    assert_eq!(
        (error.code(), reason(&error)),
        (Code::NotFound, "stack_not_found")
    );
}

#[tokio::test]
async fn the_file_of_a_stack_is_shown_with_what_it_says() {
    let world = World::lab().await;
    let file =
        "services:\n  agent:\n    image: lab/agent:1\n    volumes: ['/var/run/docker.sock:/s']\n";
    world
        .call(
            "deploy_stack",
            json!({ "name": "agent", "endpoint": "local", "stack_file": file }),
        )
        .await;

    let shown = world
        .call("get_stack_file", json!({ "stack": "agent" }))
        .await;
    let error = world
        .fail(
            "get_stack_file",
            json!({ "stack": "agent", "endpoint": "nas" }),
        )
        .await;

    assert_eq!(
        (shown["content"].as_str(), &shown["services"]),
        (Some(file), &json!(["agent"]))
    );
    assert!(
        shown["reaches_out"][0]
            .as_str()
            .expect("a line")
            .contains("Docker's socket")
    );
    assert_eq!(reason(&error), "stack_not_found");
}

#[tokio::test]
async fn a_stack_is_stopped_and_started_once() {
    let world = World::lab().await;
    world.blog().await;
    let args = || json!({ "stack": "blog" });
    let undo = world
        .inverse("stop_stack", args())
        .await
        .expect("an inverse");
    let preview = world.preview("stop_stack", args()).await;
    let before = world.writes().len();

    let stopped = world.call("stop_stack", args()).await;
    let again = world.call("stop_stack", args()).await;
    let nothing = world.inverse("stop_stack", args()).await;
    let started = world.undo(undo).await;
    let running = world.call("start_stack", args()).await;

    assert!(says(&preview.impact, "not reachable"));
    assert_eq!(
        (&stopped["changed"], &stopped["stack"]["status"]),
        (&json!(true), &json!("inactive"))
    );
    assert_eq!((&again["changed"], nothing), (&json!(false), None));
    assert_eq!(
        (&started["changed"], &started["stack"]["status"]),
        (&json!(true), &json!("active"))
    );
    assert_eq!(running["changed"], false);
    assert_eq!(world.writes().len(), before + 2);
    let error = world
        .fail("start_stack", json!({ "stack": "nosuch" }))
        .await;
    assert_eq!(reason(&error), "stack_not_found");
    let error = world.fail("stop_stack", json!({ "stack": "nosuch" })).await;
    assert_eq!(reason(&error), "stack_not_found");
}

#[tokio::test]
async fn a_stack_is_removed_and_can_be_deployed_again() {
    let world = World::lab().await;
    world.blog().await;
    let args = json!({ "stack": "blog" });
    let undo = world
        .inverse("delete_stack", args.clone())
        .await
        .expect("an inverse");
    let preview = world.preview("delete_stack", args.clone()).await;
    let targets = world.targets("delete_stack", args.clone()).await;

    let removed = world.call("delete_stack", args.clone()).await;
    let gone = world.fail("delete_stack", args).await;
    let back = world.undo(undo).await;

    assert!(says(&preview.impact, "1 variables are lost") && says(&preview.impact, "volumes stay"));
    assert_eq!(
        (targets[0].kind.as_str(), targets[0].name.as_deref()),
        ("stack", Some("blog"))
    );
    assert_eq!(removed["volumes_removed"], false);
    assert_eq!(reason(&gone), "stack_not_found");
    assert_eq!(back["created"], true);
    let shown = world.call("get_stack", json!({ "stack": "blog" })).await;
    assert_eq!(shown["variables"], json!(["PASSWORD"]));
}

#[tokio::test]
async fn volumes_go_only_if_that_is_said_and_cannot_come_back() {
    let world = World::lab().await;
    world.blog().await;
    let args = json!({ "stack": "blog", "remove_volumes": true });

    let effect = world.effect("delete_stack", args.clone());
    let undo = world.inverse("delete_stack", args.clone()).await;
    world.call("delete_stack", args).await;

    assert_eq!((effect, undo), (Effect::Critical, None));
    assert_eq!(
        world.effect("delete_stack", json!({ "stack": "blog" })),
        Effect::Destructive
    );
    let last = world.portainer.log().all();
    let last = last
        .iter()
        .rev()
        .find(|one| one.method == "DELETE")
        .expect("a request");
    let query = last.query.as_deref().unwrap_or_default();
    assert!(query.contains("removeVolumes=true"), "{query}");
}

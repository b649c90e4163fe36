//! The whole API: what is found, what a call may do, what is refused.

use homelab_core::error::Code;
use homelab_core::tool::Effect;
use rstest::rstest;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::world::{World, field, hint, reason};

/// A description of a few operations, as somebody might have written it down.
const DESCRIPTION: &str = r#"
openapi: "3.0.1"
info: { title: Portainer, version: "2.44.0" }
paths:
  /stacks/{id}/migrate:
    post:
      summary: Migrate a stack to another environment
      parameters:
        - { name: id, in: path, required: true, schema: { type: integer } }
        - { name: endpointId, in: query, schema: { type: integer } }
      requestBody:
        required: true
        content:
          application/json:
            schema:
              type: object
              required: [EndpointID]
              properties:
                EndpointID: { type: integer }
                Name: { type: string }
  /endpoints/{id}:
    get:
      summary: Inspect an environment
      parameters:
        - { name: id, in: path, required: true, schema: { type: integer } }
        - { name: excludeSnapshot, in: query, schema: { type: boolean } }
"#;

async fn described() -> (TempDir, World) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("2.44.0.yaml");
    std::fs::write(&path, DESCRIPTION).expect("a file");
    let name = folder.path().join("{version}.yaml");
    let world = World::configured(json!({ "api_schema": name })).await;
    (folder, world)
}

#[tokio::test]
async fn without_a_description_the_operations_of_the_tools_are_known() {
    let world = World::lab().await;

    let found = world
        .call("search_api", json!({ "query": "stop stack" }))
        .await;
    let environments = world
        .call("call_api", json!({ "method": "GET", "path": "/endpoints" }))
        .await;

    assert_eq!(found["items"][0]["path"], "/stacks/{id}/stop");
    assert_eq!(found["items"][0]["tool"], "stop_stack");
    assert!(found["note"].is_string());
    assert_eq!(environments["total"], 2);
    let asked = world.portainer.log().all();
    let last = asked.last().expect("a request");
    assert_eq!(last.query.as_deref(), Some("excludeSnapshots=true"));
}

#[tokio::test]
async fn a_change_is_made_its_stack_is_a_target_and_variables_stay_hidden() {
    let world = World::lab().await;
    let id = world.blog().await["stack"]["id"].clone();
    let args = json!({ "method": "POST", "path": "/api/stacks/{id}/stop",
                       "params": { "id": id, "endpointId": world.local } });

    let targets = world.targets("call_api", args.clone()).await;
    let preview = world.preview("call_api", args.clone()).await;
    let done = world.call("call_api", args).await;

    assert_eq!(
        (&*targets[0].kind, targets[0].name.as_deref()),
        ("stack", Some("blog"))
    );
    assert!(preview.summary.starts_with("POST /stacks/"), "{preview:?}");
    assert_eq!(done["status"], 200);
    assert_eq!(done["data"]["Env"][0]["name"], "PASSWORD");
    assert!(!done.to_string().contains("tell-nobody"), "{done}");
    let shown = world.call("get_stack", json!({ "stack": "blog" })).await;
    assert_eq!(shown["stack"]["status"], "inactive");
}

#[tokio::test]
async fn a_stack_is_read_without_the_values_of_its_variables() {
    let world = World::lab().await;
    world.blog().await;

    let all = world
        .call("call_api", json!({ "method": "GET", "path": "/stacks" }))
        .await;

    assert_eq!(all["data"][0]["Env"][0]["value"], "[hidden]");
    assert!(!all.to_string().contains("tell-nobody"), "{all}");
}

#[rstest]
#[case(json!({ "method": "GET", "path": "/stacks/1" }), Effect::Read)]
#[case(json!({ "method": "GET", "path": "/tags" }), Effect::Read)]
#[case(json!({ "method": "POST", "path": "/stacks/1/start", "params": { "endpointId": 1 } }), Effect::Write)]
#[case(json!({ "method": "POST", "path": "/stacks/1/start", "params": { "x": 1 } }), Effect::Destructive)]
#[case(json!({ "method": "POST", "path": "/stacks/1/migrate" }), Effect::Destructive)]
#[case(json!({ "method": "PUT", "path": "/endpoints/1" }), Effect::Destructive)]
#[case(json!({ "method": "DELETE", "path": "/stacks/1", "params": { "endpointId": 1 } }), Effect::Critical)]
#[case(json!({ "method": "POST", "path": "/stacks/1/git" }), Effect::Critical)]
#[case(json!({ "method": "PUT", "path": "/settings" }), Effect::Critical)]
#[case(json!({ "method": "POST", "path": "/users" }), Effect::Critical)]
#[tokio::test]
async fn what_a_call_does_is_told_before_it_is_made(#[case] args: Value, #[case] effect: Effect) {
    let world = World::lab().await;

    assert_eq!(world.effect("call_api", args), effect);
}

#[rstest]
#[case("GET", "/endpoints/1/docker/containers/json", "`docker` server")]
#[case("POST", "/endpoints/1/docker/containers/a/exec", "`docker` server")]
#[case("POST", "/api/endpoints/1/docker/v2/browse/put", "`docker` server")]
#[case("GET", "/endpoints/1/kubernetes/api/v1/secrets", "`docker` server")]
#[case("POST", "/stacks/create/standalone/string", "`deploy_stack`")]
#[case("PUT", "/stacks/1", "`deploy_stack`")]
#[case("POST", "/edge_stacks/create/string", "edge stacks")]
#[case("POST", "/auth", "access tokens")]
#[case("POST", "/users/1/tokens", "access tokens")]
#[case("POST", "/backup", "archives")]
#[case("GET", "/docker/1/snapshot/containers", "secrets")]
#[case("GET", "/registries/1", "secrets")]
#[case("GET", "/settings", "no secret")]
#[tokio::test]
async fn engines_deployments_and_secrets_are_withheld(
    #[case] method: &str,
    #[case] path: &str,
    #[case] advice: &str,
) {
    let world = World::lab().await;

    let error = world
        .fail("call_api", json!({ "method": method, "path": path }))
        .await;

    assert_eq!(
        (error.code(), reason(&error)),
        (Code::PermissionDenied, "operation_withheld")
    );
    assert!(hint(&error).contains(advice), "{error:?}");
    assert_eq!(world.portainer.log().lines(), [""; 0]);
}

#[tokio::test]
async fn a_value_of_the_path_cannot_lead_to_an_engine() {
    let world = World::lab().await;

    for path in ["/endpoints/1%2Fdocker%2Finfo", "/endpoints/{id}"] {
        let args = json!({ "method": "GET", "path": path, "params": { "id": "1/docker/info" } });
        let error = world.fail("call_api", args).await;
        assert_eq!(error.code(), Code::InvalidArgument, "{path}");
    }
    assert!(
        !world
            .portainer
            .log()
            .lines()
            .iter()
            .any(|line| line.contains("docker"))
    );
}

#[tokio::test]
async fn a_description_in_a_file_says_what_there_is() {
    let (_folder, world) = described().await;
    let id = world.blog().await["stack"]["id"].clone();
    let path = format!("/stacks/{id}/migrate");

    let found = world
        .call("search_api", json!({ "query": "migrate" }))
        .await;
    let misspelt = world
        .fail(
            "call_api",
            json!({ "method": "POST", "path": path, "params": { "endpointID": 1, "body": { "EndpointID": world.nas } } }),
        )
        .await;
    let mistyped = world
        .fail(
            "call_api",
            json!({ "method": "POST", "path": path, "params": { "body": { "EndpointID": "nas" } } }),
        )
        .await;
    let done = world
        .call(
            "call_api",
            json!({ "method": "POST", "path": path, "params": { "body": { "EndpointID": world.nas } } }),
        )
        .await;
    let absent = world
        .fail("call_api", json!({ "method": "GET", "path": "/stacks" }))
        .await;

    assert_eq!(found["items"][0]["effect"], "destructive");
    assert_eq!((found.get("note"), &found["total"]), (None, &json!(1)));
    assert_eq!(reason(&misspelt), "parameter_unknown");
    assert_eq!(hint(&misspelt), "did you mean `endpointId`?");
    assert_eq!(reason(&mistyped), "parameter_invalid");
    assert_eq!(done["status"], 200);
    assert!(!done.to_string().contains("tell-nobody"), "{done}");
    let moved = world.call("get_stack", json!({ "stack": "blog" })).await;
    assert_eq!(moved["stack"]["endpoint"], "nas");
    assert_eq!(reason(&absent), "operation_unknown");
}

#[tokio::test]
async fn what_is_not_there_and_what_is_refused_are_told() {
    let world = World::lab().await;

    let missing = world
        .fail("call_api", json!({ "method": "GET", "path": "/stacks/99" }))
        .await;
    let mut guest = World::lab().await;
    guest.portainer.add_user("guest", "ptr_guest", &[]);
    guest.reopen(&json!({ "api_key": "ptr_guest" }));
    let refused = guest
        .fail(
            "call_api",
            json!({ "method": "GET", "path": format!("/endpoints/{}", guest.local) }),
        )
        .await;

    assert_eq!(missing.code(), Code::NotFound);
    assert!(hint(&missing).contains("list_stacks"), "{missing:?}");
    assert_eq!(
        (refused.code(), reason(&refused)),
        (Code::UpstreamUnauthorized, "privilege_missing")
    );
}

#[tokio::test]
async fn a_place_of_the_description_that_makes_no_sense_is_named() {
    let world = World::configured(json!({ "api_schema": "portainer.yaml" })).await;
    let missing = World::configured(json!({ "api_schema": "/nowhere/{version}.yaml" })).await;

    let misspelt = world.fail("search_api", json!({})).await;
    let absent = missing.fail("search_api", json!({})).await;

    assert_eq!(misspelt.code(), Code::NotConfigured);
    assert_eq!(field(&misspelt), "servers.portainer.api_schema");
    assert_eq!(reason(&absent), "description_missing");
}

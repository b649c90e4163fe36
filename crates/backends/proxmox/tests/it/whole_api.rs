//! The whole API: what is found, what a call may do, what is refused.

use std::sync::Arc;

use homelab_backend::api::CacheDir;
use homelab_backend_proxmox::kind;
use homelab_core::error::Code;
use homelab_core::tool::Effect;
use homelab_lab::Fault;
use homelab_lab::proxmox::{Options, Release};
use rstest::rstest;
use serde_json::{Value, json};

use crate::world::{World, column, field, hint, reason};

const DESCRIPTION: &str = "/pve-docs/api-viewer/apidoc.js";

fn fetched(world: &World) -> usize {
    let lines = world.cluster.log().lines();
    lines
        .iter()
        .filter(|line| line.contains(DESCRIPTION))
        .count()
}

#[tokio::test]
async fn operations_are_found_by_words_with_what_a_call_does() {
    let world = World::lab().await;

    let found = world
        .call("search_api", json!({ "query": "cluster log", "limit": 3 }))
        .await;

    assert_eq!(found["items"].as_array().map(Vec::len), Some(3));
    assert!(found["total"].as_u64() > Some(3));
    let all = world
        .call(
            "search_api",
            json!({ "query": "status stop", "method": "POST" }),
        )
        .await;
    let stop = all["items"]
        .as_array()
        .and_then(|items| {
            items
                .iter()
                .find(|item| item["path"] == "/nodes/{node}/qemu/{vmid}/status/stop")
        })
        .expect("the operation");
    assert_eq!(stop["tool"], "stop_vm");
    assert_eq!(stop["effect"], "destructive");
    assert_eq!(fetched(&world), 1);
}

#[tokio::test]
async fn the_list_goes_on_page_by_page() {
    let world = World::lab().await;
    let mut seen = Vec::new();
    let mut args = json!({ "limit": 100 });

    loop {
        let page = world.call("search_api", args.clone()).await;
        seen.extend(
            column(&page, "method")
                .into_iter()
                .zip(column(&page, "path")),
        );
        let Some(cursor) = page.get("next_cursor") else {
            assert_eq!(page["total"], seen.len());
            break;
        };
        args["cursor"] = cursor.clone();
    }

    let count = seen.len();
    seen.dedup();
    assert_eq!(seen.len(), count);
    assert!(count > 100, "{count}");
}

#[tokio::test]
async fn one_operation_is_shown_with_its_parameters() {
    let world = World::lab().await;

    let found = world
        .call(
            "search_api",
            json!({ "operation": "POST /nodes/{node}/lxc/{vmid}/clone" }),
        )
        .await;

    let operation = &found["operation"];
    assert_eq!(operation["tool"], "clone_vm");
    let parameters = operation["parameters"].as_array().expect("parameters");
    let newid = parameters
        .iter()
        .find(|one| one["name"] == "newid")
        .expect("the number of the copy");
    assert_eq!(newid["required"], true);
    assert_eq!(newid["schema"]["type"], "integer");
    let some = world
        .call(
            "search_api",
            json!({ "operation": "POST /nodes/{node}/qemu", "query": "net" }),
        )
        .await;
    let names: Vec<&Value> = some["operation"]["parameters"]
        .as_array()
        .expect("parameters")
        .iter()
        .map(|one| &one["name"])
        .collect();
    assert!(names.contains(&&json!("net[n]")), "{names:?}");
}

#[rstest]
#[case("GET /nodes/{node}/qemu/{vmid}/status/stop", "has POST")]
#[case("/version", "before the path")]
#[case("GET /nodes/{node}/qemuu", "did you mean")]
#[tokio::test]
async fn an_operation_that_is_not_there_is_told(#[case] operation: &str, #[case] text: &str) {
    let world = World::lab().await;

    let error = world
        .fail("search_api", json!({ "operation": operation }))
        .await;

    assert_eq!(error.code(), Code::InvalidArgument);
    assert_eq!(
        (field(&error), reason(&error)),
        ("operation", "operation_unknown")
    );
    assert!(hint(&error).contains(text), "{error}");
}

#[tokio::test]
async fn a_read_answers_what_the_cluster_says() {
    let world = World::lab().await;

    let written = world
        .call(
            "call_api",
            json!({ "method": "GET", "path": "/nodes/pve1/storage/local/status" }),
        )
        .await;
    let named = world
        .call(
            "call_api",
            json!({ "method": "GET", "path": "/api2/json/nodes/{node}/storage/{storage}/status",
                    "params": { "node": "pve1", "storage": "local" } }),
        )
        .await;

    assert_eq!(written["status"], 200);
    assert_eq!(
        written["operation"],
        "GET /nodes/{node}/storage/{storage}/status"
    );
    assert!(written["data"]["total"].is_number(), "{written}");
    assert_eq!(written, named);
}

#[tokio::test]
async fn a_list_is_answered_in_parts() {
    let world = World::lab().await;
    let args = json!({ "method": "GET", "path": "/cluster/resources", "params": { "type": "vm" } });

    let mut first = args.clone();
    first["limit"] = 2.into();
    let first = world.call("call_api", first).await;
    let mut rest = args;
    rest["offset"] = first["next_offset"].clone();
    let rest = world.call("call_api", rest).await;

    assert_eq!(first["total"], 3);
    assert_eq!(first["data"].as_array().map(Vec::len), Some(2));
    assert_eq!(rest["data"].as_array().map(Vec::len), Some(1));
    assert_eq!(rest.get("next_offset"), None);
}

#[tokio::test]
async fn a_change_is_sent_as_the_operation_takes_it() {
    let world = World::lab().await;

    let done = world
        .call(
            "call_api",
            json!({ "method": "POST", "path": "/nodes/{node}/qemu/{vmid}/clone",
                    "params": { "node": "pve1", "vmid": 100, "newid": "150", "full": true, "name": "copy" } }),
        )
        .await;

    assert!(
        done["task"]
            .as_str()
            .is_some_and(|task| task.starts_with("UPID:pve1:"))
    );
    assert_eq!(
        world.writes(),
        ["POST /api2/json/nodes/pve1/qemu/100/clone"]
    );
}

#[rstest]
#[case(json!({ "method": "POST", "path": "/nodes/pve1/qemu/100/status/start" }), Effect::Write)]
#[case(json!({ "method": "POST", "path": "/nodes/pve1/qemu/100/status/start", "params": { "skiplock": 1 } }), Effect::Destructive)]
#[case(json!({ "method": "POST", "path": "/nodes/{node}/qemu/{vmid}/status/start", "params": { "node": "pve1", "vmid": 100 } }), Effect::Write)]
#[case(json!({ "method": "POST", "path": "/nodes/pve1/qemu/100/status/stop" }), Effect::Destructive)]
#[case(json!({ "method": "DELETE", "path": "/nodes/pve1/qemu/100" }), Effect::Critical)]
#[case(json!({ "method": "POST", "path": "/nodes/pve1/qemu", "params": { "vmid": 300 } }), Effect::Write)]
#[case(json!({ "method": "POST", "path": "/nodes/pve1/qemu", "params": { "vmid": 100, "archive": "x", "force": 1 } }), Effect::Critical)]
#[case(json!({ "method": "PUT", "path": "/nodes/pve1/network" }), Effect::Critical)]
#[case(json!({ "method": "POST", "path": "/pools" }), Effect::Destructive)]
#[case(json!({ "method": "GET", "path": "/version" }), Effect::Read)]
#[case(json!({ "method": "GET", "path": "/nodes/pve1/qemu/100/status/current" }), Effect::Read)]
#[case(json!({ "method": "POST", "path": "/nodes/../access/ticket" }), Effect::Critical)]
#[tokio::test]
async fn what_a_call_does_is_told_before_it_is_made(#[case] args: Value, #[case] effect: Effect) {
    let world = World::lab().await;

    assert_eq!(world.effect("call_api", args), effect);
    assert_eq!(world.cluster.log().lines(), [""; 0]);
}

#[tokio::test]
async fn a_call_stands_for_the_tool_that_covers_it() {
    let world = World::lab().await;
    let tools = world.server.tools();
    let index = |name: &str| tools.iter().position(|info| info.spec.name == name);
    let call = index("call_api").expect("the tool");
    let stands_for = |method: &str, path: &str| {
        let args = json!({ "method": method, "path": path });
        world.server.stands_for(call, args)
    };

    assert_eq!(
        stands_for("DELETE", "/nodes/pve1/lxc/200"),
        index("delete_vm")
    );
    assert_eq!(stands_for("GET", "/nodes"), index("list_nodes"));
    assert_eq!(stands_for("POST", "/pools"), None);
}

#[tokio::test]
async fn the_guest_that_a_call_touches_is_a_target() {
    let world = World::lab().await;

    let targets = world
        .targets(
            "call_api",
            json!({ "method": "POST", "path": "/nodes/pve1/qemu/100/status/stop" }),
        )
        .await;

    assert_eq!(targets.len(), 1);
    assert_eq!(
        (targets[0].kind.as_str(), targets[0].id.as_str()),
        ("guest", "100")
    );
    assert_eq!(targets[0].name.as_deref(), Some("web"));
    assert!(targets[0].tags.contains(&"prod".to_owned()));
    let preview = world
        .preview(
            "call_api",
            json!({ "method": "PUT", "path": "/nodes/pve1/qemu/100/config", "params": { "cores": 4 } }),
        )
        .await;
    assert!(preview.summary.contains("PUT /nodes/pve1/qemu/100/config"));
    assert_eq!(preview.changes[0].field, "cores");
}

#[rstest]
#[case("POST", "/access/ticket")]
#[case("POST", "/access/users/root@pam/token/x")]
#[case("POST", "/nodes/pve1/termproxy")]
#[case("POST", "/nodes/pve1/qemu/100/vncproxy")]
#[case("GET", "/nodes/pve1/qemu/100/cloudinit/dump")]
#[case("GET", "/nodes/pve1/report")]
#[case("GET", "/access/tfa")]
#[tokio::test]
async fn what_could_be_a_secret_is_withheld(#[case] method: &str, #[case] path: &str) {
    let world = World::lab().await;

    let error = world
        .fail("call_api", json!({ "method": method, "path": path }))
        .await;

    assert_eq!(
        (error.code(), reason(&error)),
        (Code::PermissionDenied, "operation_withheld")
    );
    assert!(!hint(&error).is_empty());
    assert_eq!(world.cluster.log().lines(), [""; 0]);
}

#[rstest]
#[case(json!({ "method": "GET", "path": "/cluster/resources", "params": { "typ": "vm" } }), "params.typ", "parameter_unknown", "`type`")]
#[case(json!({ "method": "GET", "path": "/cluster/resources", "params": { "type": "vmm" } }), "params.type", "parameter_invalid", "`vm`")]
#[case(json!({ "method": "GET", "path": "/nodes/pve1/qemu/9/status/current" }), "params.vmid", "parameter_invalid", "at least 100")]
#[case(json!({ "method": "POST", "path": "/nodes/pve1/qemu/100/clone" }), "params.newid", "parameter_missing", "missing")]
#[case(json!({ "method": "POST", "path": "/nodes/{node}/qemu/100/status/start" }), "params.node", "", "missing")]
#[case(json!({ "method": "POST", "path": "/nodes/{node}/qemu/100/status/start", "params": { "node": "pve1/qemu/101" } }), "params.node", "", "cannot be part")]
#[case(json!({ "method": "DELETE", "path": "/nodes/pve1/qemu/100/status/stop" }), "path", "operation_unknown", "has POST")]
#[case(json!({ "method": "POST", "path": "/nodes/pve1/../x" }), "path", "", "segment")]
#[tokio::test]
async fn what_does_not_fit_the_operation_is_named_and_not_sent(
    #[case] args: Value,
    #[case] at: &str,
    #[case] why: &str,
    #[case] text: &str,
) {
    let world = World::lab().await;

    let error = world.fail("call_api", args).await;

    assert_eq!(error.code(), Code::InvalidArgument);
    assert_eq!((field(&error), reason(&error)), (at, why));
    assert!(
        error.to_string().contains(text) || hint(&error).contains(text),
        "{error}"
    );
    assert_eq!(world.writes(), [""; 0]);
    let asked = world.cluster.log().lines();
    assert!(
        asked
            .iter()
            .all(|line| line.contains(DESCRIPTION) || line.contains("/version"))
    );
}

#[tokio::test]
async fn the_cluster_s_refusal_is_told_as_the_tools_tell_it() {
    let world = World::lab().await;

    let error = world
        .fail(
            "call_api",
            json!({ "method": "GET", "path": "/nodes/pve1/qemu/999/status/current" }),
        )
        .await;

    assert_eq!(error.envelope().instance.as_deref(), Some("pve"));
    assert_eq!(error.envelope().upstream_status, Some(500));
}

#[tokio::test]
async fn each_release_has_its_own_operations() {
    let old = World::release(Release::V8_2).await;
    let new = World::lab().await;
    let query = json!({ "limit": 1 });

    let (old, new) = (
        old.call("search_api", query.clone()).await,
        new.call("search_api", query).await,
    );

    assert_ne!(old["version"], new["version"]);
    assert!(old["total"].as_u64() < new["total"].as_u64());
}

#[tokio::test]
async fn the_description_is_cached_for_the_next_start() {
    let mut world = World::with(Options::default(), json!({})).await;
    let folder = tempfile::tempdir().expect("a folder");
    let cache = Arc::new(CacheDir(folder.path().to_owned()));
    world.bench.env.shared = world.env.shared.clone().with(cache);
    let query = json!({ "query": "cluster status" });

    world.reopen(&json!({}));
    let before = world.call("search_api", query.clone()).await;
    world.reopen(&json!({}));
    let after = world.call("search_api", query).await;

    assert_eq!(before, after);
    assert_eq!(fetched(&world), 1);
    assert!(
        world
            .call("call_api", json!({ "method": "GET", "path": "/version" }))
            .await["data"]["version"]
            .is_string()
    );
}

#[tokio::test]
async fn without_a_description_the_operations_of_the_tools_are_known() {
    let world = World::lab().await;
    let missing = Fault::Status(404);
    world.cluster.faults().always(DESCRIPTION, missing);

    let found = world.call("search_api", json!({ "query": "clone" })).await;
    let done = world
        .call(
            "call_api",
            json!({ "method": "POST", "path": "/nodes/pve2/lxc/200/status/stop" }),
        )
        .await;
    let error = world
        .fail("call_api", json!({ "method": "POST", "path": "/pools" }))
        .await;

    assert!(found["note"].is_string());
    assert_eq!(found["items"][0]["tool"], "clone_vm");
    assert!(done["task"].is_string());
    assert_eq!(reason(&error), "operation_unknown");
}

#[rstest]
#[case(Fault::Status(502))]
#[case(Fault::NotJson)]
#[case(Fault::CutBody)]
#[tokio::test]
async fn a_description_that_does_not_come_is_an_error_and_is_asked_for_again(#[case] fault: Fault) {
    let world = World::lab().await;
    world.cluster.faults().always(DESCRIPTION, fault);

    let error = world.fail("search_api", json!({})).await;
    world.cluster.faults().clear();
    let found = world.call("search_api", json!({})).await;

    assert_eq!(error.code(), Code::UpstreamRejected);
    assert!(found["total"].as_u64() > Some(0));
}

#[test]
fn both_tools_are_listed_with_their_permissions() {
    let listed: Vec<(&str, &str)> = kind()
        .catalogue()
        .iter()
        .map(|info| (info.spec.name, info.spec.permission))
        .filter(|(name, _)| name.ends_with("_api"))
        .collect();

    assert_eq!(
        listed,
        [
            ("search_api", "proxmox:api:read"),
            ("call_api", "proxmox:api:call")
        ]
    );
}

//! Commands in virtual machines.

use homelab_core::error::Code;
use homelab_lab::proxmox::{GuestSeed, Release};
use serde_json::json;

use crate::world::{World, hint, reason};

/// A machine whose agent answers.
async fn world() -> World {
    world_of(Release::V9_1).await
}

async fn world_of(release: Release) -> World {
    let world = World::release(release).await;
    world
        .cluster
        .add_guest(GuestSeed::machine(110, "mail", "pve2").at("192.0.2.7/24"));
    world
}

#[tokio::test]
async fn a_command_gives_its_exit_code_and_output() {
    for release in [Release::V8_4, Release::V9_1] {
        let world = world_of(release).await;

        let done = world
            .call(
                "exec_in_vm",
                json!({ "vmid": 110, "command": ["echo", "a; rm -rf /", "b"] }),
            )
            .await;

        assert_eq!(
            (&done["exited"], &done["exit_code"]),
            (&json!(true), &json!(0))
        );
        assert!(done["pid"].as_u64() > Some(0));
        assert!(done["stdout"].is_string());
    }
}

#[tokio::test]
async fn each_word_arrives_as_it_is() {
    let world = world().await;

    world
        .call(
            "exec_in_vm",
            json!({ "vmid": 110, "command": ["sh", "-c", "echo $HOME && id"], "input": "x&y=z" }),
        )
        .await;

    let log = world.cluster.log().all();
    let sent = log
        .iter()
        .find(|request| request.path.ends_with("/agent/exec"))
        .expect("a request");
    let body = String::from_utf8_lossy(&sent.body);
    assert_eq!(
        body,
        "command=sh&command=-c&command=echo+%24HOME+%26%26+id&input-data=x%26y%3Dz"
    );
}

#[tokio::test]
async fn without_an_agent_the_error_says_how_to_get_one() {
    let world = world().await;
    world.cluster.set_agent(110, false);

    let error = world
        .fail("exec_in_vm", json!({ "vmid": 110, "command": ["id"] }))
        .await;

    assert_eq!(
        (error.code(), reason(&error)),
        (Code::Conflict, "agent_not_running")
    );
    assert!(hint(&error).contains("qemu-guest-agent"));
}

#[tokio::test]
async fn a_container_has_no_agent() {
    let world = world().await;

    let error = world
        .fail("exec_in_vm", json!({ "vmid": 200, "command": ["id"] }))
        .await;

    assert_eq!(reason(&error), "wrong_guest_type");
    assert!(error.envelope().message.contains("pct exec"));
}

#[tokio::test]
async fn the_privilege_that_is_missing_is_named_by_release() {
    let mut world = world().await;
    world.cluster.add_token("root@pam!ops", "ops-secret");
    world.cluster.grant("root@pam!ops", "/vms", &["VM.Audit"]);
    world.reopen(&json!({ "token_id": "root@pam!ops", "token_secret": "ops-secret" }));

    let error = world
        .fail("exec_in_vm", json!({ "vmid": 110, "command": ["id"] }))
        .await;

    assert_eq!(
        (error.code(), reason(&error)),
        (Code::UpstreamUnauthorized, "privilege_missing")
    );
    assert!(
        hint(&error).contains("VM.GuestAgent.Unrestricted"),
        "{error}"
    );
}

#[tokio::test]
async fn the_plan_shows_the_command_but_not_the_input() {
    let world = world().await;
    let args = json!({ "vmid": 110, "command": ["rm", "-rf", "/tmp/x"], "input": "hunter22" });

    let plan = world.preview("exec_in_vm", args.clone()).await;

    assert!(plan.impact[0].contains("`rm` `-rf` `/tmp/x`"));
    assert!(!format!("{plan:?}").contains("hunter22"));
    assert_eq!(world.targets("exec_in_vm", args).await[0].id, "110");
}

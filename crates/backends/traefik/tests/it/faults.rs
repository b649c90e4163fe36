//! What every upstream can do wrong.

use std::time::Duration;

use homelab_core::error::Code;
use homelab_harness::{Trial, all_report_failure};
use homelab_lab::Fault;
use serde_json::json;

use crate::world::{World, hint, reason};

/// The entry points, whose request goes wrong.
fn entry_points(world: &World) -> Trial<'_> {
    Trial {
        bench: world,
        faults: world.traefik.faults(),
        tool: "list_entrypoints",
        args: json!({}),
        path: "/api/entrypoints",
    }
}

#[tokio::test]
async fn too_many_requests_say_when_to_come_back() {
    let world = World::lab().await;
    entry_points(&world).says_when_to_come_back(60).await;
}

#[tokio::test]
async fn reading_is_tried_again() {
    let world = World::lab().await;
    entry_points(&world).is_tried_again().await;
}

#[tokio::test]
async fn missing_addresses_pages_and_cut_answers_are_told_apart() {
    let world = World::lab().await;
    entry_points(&world).tells_answers_apart(9 << 20).await;
}

#[tokio::test]
async fn statuses_keep_their_meaning() {
    let world = World::lab().await;
    let own = [(400, Code::UpstreamRejected)];
    entry_points(&world).keeps_statuses(&own).await;
}

#[tokio::test]
async fn every_reading_tool_reports_an_api_that_fails() {
    let world = World::lab().await;
    let calls = [
        ("list_routers", json!({})),
        ("list_services", json!({})),
        ("list_middlewares", json!({})),
        ("list_entrypoints", json!({})),
        ("get_traefik_overview", json!({})),
        ("get_router", json!({ "name": "blog@docker" })),
        ("get_service_health", json!({ "name": "blog@docker" })),
        ("get_certificate_status", json!({})),
    ];
    all_report_failure(&world, world.traefik.faults(), "/api/", &calls).await;
}

#[tokio::test]
async fn an_api_that_fails_while_a_change_is_waited_for_does_not_leave_it() {
    let world = World::lab().await;
    let router = "/api/http/routers/app%40file";
    // The look before the change is answered.
    world
        .traefik
        .faults()
        .next(1, router, Fault::Delay(Duration::ZERO));
    world.traefik.faults().always(router, Fault::Status(500));
    let args =
        json!({ "name": "app", "host": "app.lab.example", "backend_urls": ["http://192.0.2.9"] });

    let error = world.fail("create_router", args).await;

    assert_eq!(reason(&error), "not_served", "{error}");
    assert_eq!(world.files(), [""; 0]);
}

#[tokio::test]
async fn a_password_is_asked_for_sent_and_never_told() {
    let mut world = World::lab().await;
    world.traefik.require_password("ops", "correct-horse");

    let none = world.fail("list_routers", json!({})).await;
    world.reopen(&json!({ "username": "ops", "password": "wrong-horse" }));
    let wrong = world.fail("list_routers", json!({})).await;
    world.reopen(&json!({ "username": "ops", "password": "correct-horse" }));
    let right = world.call("list_routers", json!({})).await;
    // `ops:correct-horse` as a header that the owner writes.
    let header = "Basic b3BzOmNvcnJlY3QtaG9yc2U=";
    world.reopen(&json!({ "header": "Authorization", "header_value": header }));
    world.call("list_routers", json!({})).await;

    assert_eq!(
        (none.code(), reason(&none)),
        (Code::UpstreamUnauthorized, "login_missing")
    );
    assert_eq!(
        (wrong.code(), reason(&wrong)),
        (Code::UpstreamUnauthorized, "login_refused")
    );
    assert!(hint(&wrong).contains("servers.traefik.username"));
    assert!(
        ![none.to_string(), wrong.to_string(), right.to_string()]
            .concat()
            .contains("-horse")
    );
}

#[tokio::test]
async fn a_slow_server_is_given_up_on() {
    let world = World::configured(json!({ "timeout_s": 1 })).await;
    entry_points(&world).gives_up().await;
}

#[tokio::test]
async fn a_section_that_cannot_be_used_says_which_setting() {
    let mut world = World::lab().await;
    for (settings, wrong) in [
        (json!({ "url": "" }), "url"),
        (json!({ "username": "ops" }), "password"),
        (json!({ "apply_timeout_s": 0 }), "apply_timeout_s"),
        (json!({ "ssh_host": "nowhere" }), "ssh_host"),
        (json!({ "urll": "x" }), "urll"),
    ] {
        world.reopen(&settings);
        let routers = Trial {
            tool: "list_routers",
            ..entry_points(&world)
        };
        routers.names_setting(wrong).await;
    }
}

//! `systemctl` as a script on the host's PATH that keeps one unit's state in a file.

use homelab_core::error::Code;
use serde_json::{Value, json};

use crate::world::{World, field, reason};

/// `systemctl show PROPERTIES UNIT` and `systemctl --no-ask-password ACTION UNIT`.
const SYSTEMCTL: &str = r#"
state="$(dirname "$0")/state"
[ -e "$state" ] || echo active > "$state"
case "$1 $3" in
  'show nginx')
    case "$2" in --property=Id,*) ;; *) exit 64;; esac
    printf 'Id=nginx.service\nDescription=A web server\nLoadState=loaded\nActiveState=%s\nSubState=x\nRequiredBy=shop.target\nCanReload=no\nType=simple\n' "$(cat "$state")"
    exit 0;;
  'show sshd') printf 'Id=sshd.service\nLoadState=loaded\nActiveState=active\n'; exit 0;;
  show*) printf 'Id=%s\nLoadState=not-found\nActiveState=inactive\n' "$3"; exit 0;;
esac
[ "$1" = --no-ask-password ] && [ $# -eq 3 ] || exit 64
case "$2 $3" in
  'start nginx'|'restart nginx') echo active > "$state";;
  'stop nginx') echo inactive > "$state";;
  'reload nginx') echo 'Failed to reload nginx.service: Job type reload is not applicable' >&2; exit 1;;
  'stop sshd') echo 'Failed to stop sshd.service: Interactive authentication required.' >&2; exit 1;;
  'start broken') exit 0;;
  *) echo "Failed: Unit $3.service not loaded." >&2; exit 5;;
esac
"#;

async fn world() -> Option<World> {
    let world = World::ssh().await?;
    world.program("systemctl", SYSTEMCTL);
    Some(world)
}

fn args(unit: &str, action: &str) -> Value {
    json!({ "unit": unit, "action": action })
}

#[tokio::test]
async fn a_service_tells_how_it_is() {
    let Some(world) = world().await else { return };

    let state = world
        .call("service_status", json!({ "unit": "nginx" }))
        .await;

    assert_eq!(
        (&state["host"], &state["id"]),
        (&json!("nas"), &json!("nginx.service"))
    );
    assert_eq!(state["active_state"], "active");
    assert_eq!(state["required_by"], json!(["shop.target"]));
}

#[tokio::test]
async fn a_unit_that_is_not_there_is_not_found() {
    let Some(world) = world().await else { return };

    let error = world
        .fail("service_status", json!({ "unit": "nobody" }))
        .await;
    assert_eq!(
        (error.code(), reason(&error)),
        (Code::NotFound, "unit_not_found")
    );
    let error = world.fail("service_control", args("nobody", "stop")).await;
    assert_eq!(reason(&error), "unit_not_found");
}

#[tokio::test]
async fn stopping_stops_and_undo_starts_again() {
    let Some(world) = world().await else { return };

    let inverse = world
        .inverse("service_control", args("nginx", "stop"))
        .await
        .unwrap();
    let stopped = world.call("service_control", args("nginx", "stop")).await;
    assert_eq!(stopped["active_state"], "inactive");
    let started = world.call(&inverse.tool, inverse.arguments).await;

    assert_eq!(started["active_state"], "active");
    assert_eq!(
        world
            .inverse("service_control", args("nginx", "restart"))
            .await,
        None
    );
}

#[tokio::test]
async fn a_preview_says_what_stops_too_and_warns_of_the_way_in() {
    let Some(world) = world().await else { return };

    let preview = world
        .preview("service_control", args("nginx", "stop"))
        .await;
    assert_eq!(preview.summary, "stop `nginx.service` (active) on `nas`");
    assert_eq!(preview.impact, ["`shop.target` stops with it"]);
    assert_eq!(preview.changes[0].to.as_deref(), Some("inactive"));

    let preview = world.preview("service_control", args("sshd", "stop")).await;
    assert!(preview.impact[0].contains("reached through"), "{preview:?}");
    let preview = world
        .preview("service_control", args("nginx", "reload"))
        .await;
    assert!(preview.impact[0].contains("cannot reload"), "{preview:?}");
    let targets = world
        .targets("service_control", args("nginx", "stop"))
        .await;
    assert_eq!(
        (targets[0].kind.as_str(), targets[0].id.as_str()),
        ("unit", "nas:nginx")
    );
}

#[tokio::test]
async fn refusals_and_failures_have_their_reasons() {
    let Some(world) = world().await else { return };

    let error = world.fail("service_control", args("sshd", "stop")).await;
    assert_eq!(
        (error.code(), reason(&error)),
        (Code::UpstreamUnauthorized, "unit_not_permitted")
    );
    let error = world.fail("service_control", args("nginx", "reload")).await;
    assert_eq!(reason(&error), "unit_action_failed");
    assert!(
        error.envelope().message.contains("not applicable"),
        "{error}"
    );
    let error = world
        .fail("service_control", args("--version", "stop"))
        .await;
    assert_eq!(field(&error), "unit");
}

#[tokio::test]
async fn a_service_that_does_not_stay_up_is_not_called_started() {
    let Some(world) = World::ssh().await else {
        return;
    };
    world.program(
        "systemctl",
        r#"[ "$1" = show ] && printf 'Id=web.service\nLoadState=loaded\nActiveState=failed\nType=simple\n'; exit 0"#,
    );

    let ran = world
        .run("service_control", args("web", "start"))
        .await
        .unwrap();

    assert_eq!(ran.mismatches[0].field, "active_state");
    assert_eq!(ran.mismatches[0].found, "failed");
}

#[tokio::test]
async fn a_host_without_systemd_says_so() {
    let Some(world) = World::ssh().await else {
        return;
    };
    world.program("systemctl", "exit 127");

    for (tool, args) in [
        ("service_status", json!({ "unit": "nginx" })),
        ("service_control", args("nginx", "stop")),
    ] {
        assert_eq!(
            reason(&world.fail(tool, args).await),
            "no_systemd",
            "{tool}"
        );
    }
    world.program("systemctl", "exit 4");
    let error = world
        .fail("service_status", json!({ "unit": "nginx" }))
        .await;
    assert_eq!(reason(&error), "systemctl_failed");
}

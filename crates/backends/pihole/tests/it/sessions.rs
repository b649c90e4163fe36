//! Sessions: few, shared, renewed once, given back.

use std::time::Duration;

use futures_util::future::join_all;
use homelab_backend_pihole::kind;
use homelab_core::error::Code;
use homelab_lab::pihole::{Options, PASSWORD};
use serde_json::{Value, json};

use crate::world::{World, field, hint, reason, settings_of};

/// Runs with a real clock until `what` holds; fails after a while.
async fn eventually(what: impl Fn() -> bool) {
    let all = async {
        while !what() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), all)
        .await
        .expect("it to happen");
}

#[tokio::test]
async fn a_thousand_calls_take_one_seat() {
    let world = World::lab().await;

    for _ in 0..20 {
        let calls = (0..50).map(|_| world.run("list_groups", json!({})));
        assert!(join_all(calls).await.iter().all(Result::is_ok));
    }

    assert_eq!((world.pihole.logins(), world.pihole.most_seats()), (1, 1));
    world.server.close().await;
    assert_eq!(world.pihole.seats(), 0);
}

#[tokio::test]
async fn calls_that_come_together_log_in_once_and_renew_once() {
    let world = World::lab().await;
    world.pihole.set_login_delay(Duration::from_millis(20));

    join_all((0..20).map(|_| world.call("list_groups", json!({})))).await;
    let first = world.pihole.logins();
    world.pihole.end_sessions();
    join_all((0..20).map(|_| world.call("list_groups", json!({})))).await;

    assert_eq!((first, world.pihole.logins()), (1, 2));
    assert_eq!(world.pihole.seats(), 1);
}

#[tokio::test]
async fn a_session_that_ran_out_is_renewed_for_a_change_too() {
    let world = World::lab().await;
    world.call("list_groups", json!({})).await;
    world.pihole.expire_sessions();

    let args = json!({ "domain": "a.example" });
    world.call("whitelist_domain", args).await;

    assert_eq!(world.pihole.rules(), ["allow/exact a.example"]);
    assert_eq!(world.pihole.logins(), 2);
}

#[tokio::test]
async fn a_caller_who_goes_away_leaves_no_seat_behind() {
    let world = World::lab().await;
    // Long enough that a busy machine does not answer before the caller is gone.
    world.pihole.set_login_delay(Duration::from_millis(500));

    let call = world.run("list_groups", json!({}));
    let gone = tokio::time::timeout(Duration::from_millis(10), call).await;
    assert!(gone.is_err(), "the caller was to go away during the login");
    world.call("list_groups", json!({})).await;
    world.server.close().await;

    assert_eq!((world.pihole.logins(), world.pihole.seats()), (1, 0));
}

#[tokio::test]
async fn a_server_that_is_replaced_gives_its_seat_back() {
    let mut world = World::lab().await;
    world.call("list_groups", json!({})).await;
    assert_eq!(world.pihole.seats(), 1);

    world.reopen(&json!({}));

    eventually(|| world.pihole.seats() == 0).await;
}

#[tokio::test]
async fn what_a_crash_left_behind_is_cleared_by_the_next_process() {
    let mut world = World::lab().await;
    world.pihole.set_max_sessions(3);
    for _ in 0..10 {
        world.call("list_groups", json!({})).await;
        // It ends without a word: nothing is dropped.
        let next = kind().open("pihole", settings_of(&world.pihole, &json!({})), &world.env);
        std::mem::forget(std::mem::replace(&mut world.bench.server, next));
        world.clock.advance_seconds(61);
    }

    world.call("list_groups", json!({})).await;

    assert_eq!(world.pihole.seats(), 1);
    assert!(world.pihole.most_seats() <= 2);
}

#[tokio::test]
async fn sessions_of_others_are_left_alone() {
    let world = World::lab().await;
    let other = kind().open("pihole", settings_of(&world.pihole, &json!({})), &world.env);
    other.health().await;

    // It was used a moment ago, so it lives.
    world.call("list_groups", json!({})).await;

    assert_eq!(world.pihole.seats(), 2);
    other.close().await;
    assert_eq!(world.pihole.seats(), 1);
}

#[tokio::test]
async fn a_wrong_password_is_told_and_not_repeated_in_haste() {
    let world = World::configured(json!({ "password": "guess" })).await;

    let error = world.fail("list_groups", json!({})).await;
    let again = world.fail("list_groups", json!({})).await;

    assert_eq!(
        (error.code(), reason(&error)),
        (Code::UpstreamUnauthorized, "login_refused")
    );
    assert!(hint(&error).contains("servers.pihole.password"));
    assert!(!error.to_string().contains("guess"));
    assert_eq!(reason(&again), "login_refused");
    let logins = world.pihole.log().lines();
    assert_eq!(
        logins
            .iter()
            .filter(|line| *line == "POST /api/auth")
            .count(),
        1
    );
}

#[tokio::test]
async fn full_seats_say_what_to_do() {
    let world = World::lab().await;
    world.pihole.set_max_sessions(0);

    let error = world.fail("list_groups", json!({})).await;

    assert_eq!(
        (error.code(), reason(&error)),
        (Code::RateLimited, "no_free_session")
    );
    assert!(hint(&error).contains("max_sessions"));
}

#[tokio::test]
async fn logins_that_come_too_fast_are_waited_with() {
    let world = World::lab().await;
    world.pihole.rate_limit_logins(1);

    let error = world.fail("list_groups", json!({})).await;
    world.clock.advance_seconds(6);
    world.call("list_groups", json!({})).await;

    assert_eq!(error.code(), Code::RateLimited);
    assert_eq!(error.envelope().retry_after_s, Some(5));
}

#[tokio::test]
async fn a_second_factor_asks_for_an_application_password() {
    let world = World::lab().await;
    world.pihole.require_totp();

    let error = world.fail("list_groups", json!({})).await;

    assert_eq!(reason(&error), "second_factor");
    assert!(hint(&error).contains("application password"));
}

#[tokio::test]
async fn an_application_password_reads_and_does_not_change_settings() {
    let mut world = World::lab().await;
    world.pihole.set_app_password("app-secret");
    world.pihole.require_totp();
    world.reopen(&json!({ "password": "app-secret" }));
    let args = json!({ "servers": ["192.0.2.1"] });

    world.call("list_groups", json!({})).await;
    let error = world.fail("set_upstream_dns", args.clone()).await;
    world
        .pihole
        .set_config("webserver.api.app_sudo", json!(true));
    world.call("set_upstream_dns", args).await;

    assert_eq!(
        (error.code(), reason(&error)),
        (Code::UpstreamUnauthorized, "setting_forbids")
    );
    assert!(hint(&error).contains("webserver.api.app_sudo"));
}

#[tokio::test]
async fn without_a_password_there_is_no_session() {
    let options = || Options {
        password: None,
        ..Options::default()
    };
    let none = World::with(options(), json!({ "password": Value::Null })).await;
    let needless = World::with(options(), json!({})).await;
    let missing = World::configured(json!({ "password": Value::Null })).await;

    none.call("list_groups", json!({})).await;
    needless.call("list_groups", json!({})).await;
    let error = missing.fail("list_groups", json!({})).await;

    assert_eq!((none.pihole.logins(), needless.pihole.seats()), (0, 0));
    assert_eq!(
        (error.code(), reason(&error), field(&error)),
        (
            Code::NotConfigured,
            "password_missing",
            "servers.pihole.password"
        )
    );
}

#[tokio::test]
async fn neither_password_nor_session_is_in_any_answer() {
    let world = World::lab().await;
    world.call("list_groups", json!({})).await;
    let sid = world.pihole.log().all();
    let sid = sid.iter().find_map(|one| one.headers.get("x-ftl-sid"));
    let sid = sid.expect("a session").to_str().unwrap().to_owned();
    let leak = format!("bad {sid} {PASSWORD}");
    world
        .pihole
        .refuse_next("/api/groups", 400, "bad_request", &leak);

    let error = world.fail("list_groups", json!({})).await;

    let text = format!("{error:?}");
    assert!(!text.contains(&sid) && !text.contains(PASSWORD), "{text}");
}

//! API tokens and tickets.

use std::time::Duration;

use homelab_core::error::Code;
use homelab_lab::pbs::{ROOT_PASSWORD, ROOT_TOKEN};
use serde_json::{Value, json};

use crate::world::{World, hint, reason};

fn password(password: &str) -> Value {
    json!({ "username": "root@pam", "password": password })
}

fn header(world: &World, name: &str) -> Vec<String> {
    let requests = world.pbs.log().all();
    let values = requests.iter().filter_map(|one| one.headers.get(name));
    values
        .map(|value| value.to_str().expect("a text").to_owned())
        .collect()
}

fn logins(world: &World) -> usize {
    let lines = world.pbs.log().lines();
    lines
        .iter()
        .filter(|line| line.ends_with("/access/ticket"))
        .count()
}

#[tokio::test]
async fn a_token_stands_before_a_colon_and_its_secret() {
    let world = World::lab().await;

    world.call("list_namespaces", json!({})).await;

    let (id, secret) = ROOT_TOKEN;
    let sent = header(&world, "authorization");
    assert!(!sent.is_empty());
    assert!(
        sent.iter()
            .all(|value| *value == format!("PBSAPIToken={id}:{secret}"))
    );
}

#[tokio::test]
async fn a_secret_with_per_cent_signs_arrives_as_it_is() {
    let mut world = World::lab().await;
    world.pbs.add_token("root@pam!odd", "a%20b:c/d");
    world.pbs.grant("root@pam!odd", "/", &["Datastore.Audit"]);
    world.reopen(&json!({ "token_id": "root@pam!odd", "token_secret": "a%20b:c/d" }));

    let list = world.call("list_backups", json!({})).await;

    assert_eq!(list["total"], 3);
}

#[tokio::test]
async fn a_wrong_token_is_refused_once_with_advice_and_without_its_secret() {
    let mut world = World::lab().await;
    world.reopen(&json!({ "token_id": "root@pam!lab", "token_secret": "not-the-secret" }));
    world.pbs.log().clear();

    let error = world.fail("list_remotes", json!({})).await;

    assert_eq!(
        (error.code(), reason(&error)),
        (Code::UpstreamUnauthorized, "token_refused")
    );
    assert_eq!(error.envelope().upstream_status, Some(401));
    assert!(hint(&error).contains("servers.pbs.token_secret"));
    assert!(!format!("{error:?}").contains("not-the-secret"));
    assert_eq!(world.pbs.log().lines().len(), 1);
}

#[tokio::test]
async fn the_delay_of_a_refusal_is_waited_for() {
    let mut world = World::lab().await;
    world.pbs.set_refusal_delay(Duration::from_millis(300));
    world.reopen(&json!({ "token_id": "root@pam!lab", "token_secret": "not-the-secret" }));

    let error = world.fail("list_remotes", json!({})).await;

    assert_eq!(reason(&error), "token_refused");
}

#[tokio::test]
async fn a_token_without_rights_is_told_which_role_where() {
    let mut world = World::lab().await;
    world.as_token("/datastore/archive", &["Datastore.Audit"]);

    let error = world
        .fail("list_backups", json!({ "datastore": "main", "ns": "" }))
        .await;

    assert_eq!(
        (error.code(), reason(&error)),
        (Code::UpstreamUnauthorized, "privilege_missing")
    );
    assert_eq!(error.envelope().upstream_status, Some(403));
    assert!(
        hint(&error)
            .contains("acl update /datastore/main DatastoreAudit --auth-id 'root@pam!small'"),
        "{}",
        hint(&error)
    );
}

#[tokio::test]
async fn a_password_is_exchanged_for_a_ticket_once() {
    let world = World::configured(password(ROOT_PASSWORD)).await;

    world.call("list_namespaces", json!({})).await;
    world
        .call(
            "set_backup_notes",
            json!({ "datastore": "main", "backup": "vm/100", "notes": "x" }),
        )
        .await;

    assert_eq!(logins(&world), 1);
    assert!(
        header(&world, "cookie")
            .iter()
            .all(|value| value.starts_with("PBSAuthCookie=PBS%3A"))
    );
    // One for each request that changes something.
    assert_eq!(header(&world, "csrfpreventiontoken").len(), 1);
}

#[tokio::test]
async fn a_ticket_that_was_revoked_is_fetched_anew() {
    let world = World::configured(password(ROOT_PASSWORD)).await;
    world.call("list_remotes", json!({})).await;
    world.pbs.revoke_tickets();

    world
        .call(
            "set_backup_notes",
            json!({ "datastore": "main", "backup": "vm/100", "notes": "x" }),
        )
        .await;

    assert_eq!(logins(&world), 2);
}

#[tokio::test]
async fn a_ticket_is_renewed_by_itself_before_it_ends() {
    let world = World::configured(password(ROOT_PASSWORD)).await;
    world.call("list_remotes", json!({})).await;
    world.clock.advance_seconds(6000);

    world.call("list_remotes", json!({})).await;

    let requests = world.pbs.log().all();
    let logins: Vec<String> = requests
        .iter()
        .filter(|one| one.path.ends_with("/access/ticket"))
        .map(|one| String::from_utf8_lossy(&one.body).into_owned())
        .collect();
    assert_eq!(logins.len(), 2);
    assert!(logins[0].contains(ROOT_PASSWORD));
    assert!(logins[1].contains("PBS:root@pam:") && !logins[1].contains(ROOT_PASSWORD));
}

#[tokio::test]
async fn a_wrong_password_is_not_tried_again_at_once() {
    let world = World::configured(password("wrong-password")).await;

    let first = world.fail("list_remotes", json!({})).await;
    let second = world.fail("list_remotes", json!({})).await;
    world.clock.advance_seconds(10);
    world.fail("list_remotes", json!({})).await;

    assert_eq!(
        (first.code(), reason(&first)),
        (Code::UpstreamUnauthorized, "login_refused")
    );
    assert_eq!(first, second);
    assert!(!format!("{first:?}").contains("wrong-password"));
    assert_eq!(logins(&world), 2);
}

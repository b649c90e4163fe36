//! Archives: made, kept, given back.

use std::time::Duration;

use homelab_core::error::{Code, ToolError};
use homelab_core::secret::SecretBytes;
use homelab_core::store::{Archive, Keep};
use homelab_lab::Fault;
use homelab_lab::pihole::{Options, PASSWORD, Pihole};
use rstest::rstest;
use serde_json::{Value, json};

use crate::world::{World, field, hint, reason};

const PATH: &str = "/api/teleporter";

/// Makes an archive of the first Pi-hole; its id.
async fn export(world: &World) -> String {
    let made = world.first("export_teleporter", json!({})).await;
    made["archive"]["id"].as_str().unwrap().to_owned()
}

async fn archives(world: &World) -> Vec<Value> {
    let list = world.call("list_teleporter_archives", json!({})).await;
    list["archives"].as_array().unwrap().clone()
}

/// Puts an archive there that no Pi-hole gave out.
async fn put(world: &World, server: &str, content: &[u8]) -> String {
    let content = SecretBytes::new(content.to_vec());
    let archive = homelab_backend::NewArchive {
        id: String::new(),
        server: server.to_owned(),
        source: "pihole".to_owned(),
        kind: "teleporter",
        name: "a.zip".to_owned(),
        note: None,
    };
    let keep = Keep {
        newest: 10,
        besides: None,
    };
    let kept = world.env.keep_archive(archive, content, keep).await;
    kept.unwrap().archive.id
}

/// A world with an archive, in which the rule of then is gone and another one has come.
async fn changed() -> (World, String) {
    let world = World::lab().await;
    world
        .pihole
        .set_config("dns.upstreams", json!(["192.0.2.1"]));
    world.pihole.add_rule("deny/exact", "then.example");
    let id = export(&world).await;
    let gone = json!({ "domain": "then.example", "type": "deny" });
    world.call("remove_domain_rule", gone).await;
    world.pihole.add_rule("deny/exact", "later.example");
    world
        .pihole
        .set_config("dns.upstreams", json!(["192.0.2.2"]));
    (world, id)
}

/// The answer to the import alone fails, not that to the export before it.
fn break_import(pihole: &Pihole, fault: Fault) {
    pihole.faults().next(1, PATH, Fault::Delay(Duration::ZERO));
    pihole.faults().next(1, PATH, fault);
}

/// Whether it names the archive that was made before the import.
fn names_the_way_back(error: &ToolError, archives: &[Value]) -> bool {
    let before = |one: &&Value| {
        let note = one["note"].as_str().unwrap_or_default();
        note.starts_with("before the import of")
    };
    let before = archives.iter().find(before).unwrap();
    hint(error).contains(before["id"].as_str().unwrap())
}

#[tokio::test]
async fn an_archive_is_kept_encrypted_and_told_without_its_content() {
    let world = World::pair().await;

    let made = world
        .call("export_teleporter", json!({ "note": "before the move" }))
        .await;
    let one = json!({ "host": "pihole-2" });
    let list = world.call("list_teleporter_archives", one).await;

    let archive = &made["hosts"][0]["result"]["archive"];
    assert_eq!(archive["host"], "pihole");
    assert_eq!(archive["note"], "before the move");
    let name = archive["name"].as_str().unwrap();
    assert!(name.starts_with("pi-hole_pi.hole_teleporter_"), "{name}");
    let files = &made["hosts"][0]["result"]["files"];
    assert_eq!(files[0]["name"], "etc/pihole/pihole.toml");
    assert_eq!(list["archives"].as_array().unwrap().len(), 1);
    assert_eq!(list["kept_of_each"], 10);
    assert!(!made.to_string().contains(PASSWORD), "{made}");
    let id = archive["id"].as_str().unwrap();
    let stores = &world.env.stores.archives;
    let token = stores.content(id).await.unwrap().unwrap();
    assert!(token.starts_with("gAAAA"));
    let stored = stores.get(id).await.unwrap().unwrap();
    let content = world.env.archive_content(&stored).await.unwrap();
    assert!(content.expose().starts_with(b"PK\x03\x04"));
    assert_eq!(archive["size_bytes"], content.expose().len());
}

#[tokio::test]
async fn the_oldest_goes_for_a_new_one_and_the_plan_says_so() {
    let world = World::lab().await;
    let first = export(&world).await;
    for _ in 1..10 {
        world.clock.advance_seconds(1);
        export(&world).await;
    }
    world.clock.advance_seconds(1);

    let plan = world.preview("export_teleporter", json!({})).await;
    let made = world.first("export_teleporter", json!({})).await;

    assert!(plan.impact[0].contains(&first), "{plan:?}");
    assert_eq!(made["removed"], json!([first]));
    assert_eq!(archives(&world).await.len(), 10);
}

#[tokio::test]
async fn what_is_no_archive_is_not_kept() {
    let mut world = World::lab().await;
    world.lenient = true;
    for (fault, wanted) in [
        (Fault::NotJson, "not_an_archive"),
        (Fault::CutBody, "cut"),
        (Fault::Oversized((32 << 20) + 1), "too_large"),
    ] {
        world.pihole.faults().always(PATH, fault);

        let error = world.fail("export_teleporter", json!({})).await;

        assert_eq!(
            (error.code(), reason(&error)),
            (Code::UpstreamRejected, wanted)
        );
        world.pihole.faults().clear();
    }
    assert!(archives(&world).await.is_empty());
}

#[tokio::test]
async fn an_archive_brings_back_the_state_of_then() {
    let (world, id) = changed().await;
    world.pihole.set_restart_drops(2);

    let done = world
        .call("import_teleporter", json!({ "archive": id }))
        .await;

    assert_eq!(world.pihole.rules(), ["deny/exact then.example"]);
    assert_eq!(done["holds"]["upstreams"], json!(["192.0.2.1"]));
    assert_eq!(done["held"]["upstreams"], json!(["192.0.2.2"]));
    assert_eq!(done["blocking"], "enabled");
    assert_eq!(done["archive"]["id"], json!(id));
    assert_eq!(world.pihole.restarts(), 1);
    let kept = archives(&world).await;
    assert_eq!(kept.len(), 2);
    let before = &done["before"];
    assert!(kept.contains(before), "{kept:?}");
    assert_eq!(before["note"], json!(format!("before the import of {id}")));
}

#[tokio::test]
async fn the_parts_that_are_named_are_taken_and_no_others() {
    let (world, id) = changed().await;

    let args = json!({ "archive": id, "parts": ["domains", "groups"] });
    let done = world.call("import_teleporter", args).await;

    assert_eq!(world.pihole.rules(), ["deny/exact then.example"]);
    assert_eq!(done["holds"]["upstreams"], json!(["192.0.2.2"]));
    let log = world.pihole.log().all();
    let sent = log
        .iter()
        .find(|one| one.method == "POST" && one.path == PATH);
    let body = String::from_utf8_lossy(&sent.unwrap().body).into_owned();
    assert!(body.contains(r#""config":false"#), "{body}");
    assert!(body.contains(r#""domainlist_by_group":true"#), "{body}");
}

#[tokio::test]
async fn an_import_is_taken_back_by_the_archive_that_was_made_for_it() {
    let (world, id) = changed().await;
    let args = json!({ "archive": id });

    let inverse = world
        .inverse("import_teleporter", args.clone())
        .await
        .unwrap();
    let done = world.call("import_teleporter", args).await;
    assert_eq!(world.pihole.rules(), ["deny/exact then.example"]);
    assert_eq!(inverse.arguments["archive"], done["before"]["id"]);
    let mut back = inverse.arguments;
    back.as_object_mut().unwrap().remove("parts");
    world.call(&inverse.tool, back).await;

    assert_eq!(world.pihole.rules(), ["deny/exact later.example"]);
    assert_eq!(
        world.pihole.config("dns.upstreams"),
        Some(json!(["192.0.2.2"]))
    );
}

#[tokio::test]
async fn the_archive_that_is_imported_does_not_go_for_the_one_made_before() {
    let (world, id) = changed().await;
    for _ in 0..9 {
        world.clock.advance_seconds(1);
        export(&world).await;
    }
    world.clock.advance_seconds(1);

    world
        .call("import_teleporter", json!({ "archive": id }))
        .await;

    let kept = archives(&world).await;
    assert!(kept.iter().any(|one| one["id"] == json!(id)));
    assert_eq!(kept.len(), 11);
}

#[tokio::test]
async fn a_plan_says_what_is_replaced_and_by_what() {
    let (world, id) = changed().await;

    let plan = world
        .preview("import_teleporter", json!({ "archive": id }))
        .await;
    let some = json!({ "archive": id, "parts": ["clients"] });
    let some = world.preview("import_teleporter", some).await;
    let targets = world
        .targets("import_teleporter", json!({ "archive": id }))
        .await;

    assert!(plan.summary.contains(&id), "{plan:?}");
    assert_eq!(plan.changes[0].from.as_deref(), Some("192.0.2.2"));
    assert!(
        plan.changes[0]
            .to
            .as_deref()
            .unwrap()
            .contains("2026-06-01")
    );
    let impact = plan.impact.join("\n");
    assert!(impact.contains("passwords"), "{impact}");
    assert!(impact.contains("etc/pihole/pihole.toml"), "{impact}");
    let fields: Vec<&str> = some.changes.iter().map(|one| one.field.as_str()).collect();
    assert_eq!(fields, ["clients of pihole"]);
    let targets: Vec<_> = targets.iter().map(|one| one.kind.as_str()).collect();
    assert_eq!(targets, ["pihole", "archive"]);
    assert_eq!(world.pihole.restarts(), 0);
}

#[tokio::test]
async fn a_pihole_takes_the_archive_of_another_one_when_it_is_named() {
    let world = World::pair().await;
    world.pihole.add_rule("deny/exact", "first.example");
    let id = export(&world).await;
    let args = json!({ "archive": id, "host": "pihole-2" });

    let plan = world.preview("import_teleporter", args.clone()).await;
    world.call("import_teleporter", args).await;
    let nowhere = json!({ "archive": id, "host": "attic" });
    let nowhere = world.fail("import_teleporter", nowhere).await;

    let impact = plan.impact.join("\n");
    assert!(impact.contains("an archive of `pihole`"), "{impact}");
    assert_eq!(world.second().rules(), ["deny/exact first.example"]);
    assert_eq!((world.pihole.restarts(), world.second().restarts()), (0, 1));
    assert_eq!(field(&nowhere), "host");
}

#[tokio::test]
async fn an_application_password_needs_a_setting_and_is_told_which() {
    let (world, id) = changed().await;
    world.pihole.set_app_password("app-password");
    let mut world = world;
    world.reopen(&json!({ "password": "app-password" }));

    let error = world
        .fail("import_teleporter", json!({ "archive": id }))
        .await;
    assert_eq!(
        (error.code(), reason(&error)),
        (Code::UpstreamUnauthorized, "setting_forbids")
    );
    assert!(hint(&error).contains("webserver.api.app_sudo"));
    assert_eq!(world.pihole.rules(), ["deny/exact later.example"]);

    world
        .pihole
        .set_config("webserver.api.app_sudo", json!(true));
    world
        .call("import_teleporter", json!({ "archive": id }))
        .await;
    assert_eq!(world.pihole.rules(), ["deny/exact then.example"]);
}

#[tokio::test]
async fn an_archive_that_pihole_refuses_is_no_fault_of_the_caller() {
    let (world, _) = changed().await;
    let id = put(&world, "pihole", b"PK\x03\x04 and nothing more").await;

    let error = world
        .fail("import_teleporter", json!({ "archive": id }))
        .await;

    assert_eq!(
        (error.code(), reason(&error)),
        (Code::UpstreamRejected, "archive_refused")
    );
    assert!(error.envelope().message.contains("Invalid file"));
    assert!(names_the_way_back(&error, &archives(&world).await));
    assert_eq!(world.pihole.rules(), ["deny/exact later.example"]);
}

#[rstest]
#[case::cut(Fault::CutBody)]
#[case::stranger(Fault::NotJson)]
#[case::proxy(Fault::Status(502))]
#[tokio::test]
async fn an_import_without_a_whole_answer_may_have_been_taken(#[case] fault: Fault) {
    let (world, id) = changed().await;
    break_import(&world.pihole, fault);

    let error = world
        .fail("import_teleporter", json!({ "archive": id }))
        .await;

    assert_eq!(
        (error.code(), reason(&error)),
        (Code::Timeout, "import_unknown")
    );
    assert!(!error.envelope().retryable);
    assert!(hint(&error).contains("answers again"), "{error}");
    assert!(names_the_way_back(&error, &archives(&world).await));
}

#[tokio::test]
async fn nothing_is_sent_where_the_state_before_cannot_be_kept() {
    let (world, id) = changed().await;
    world.pihole.faults().always(PATH, Fault::Status(500));

    let error = world
        .fail("import_teleporter", json!({ "archive": id }))
        .await;

    assert_eq!(error.envelope().upstream_status, Some(500));
    let sent = format!("POST {PATH}");
    assert!(!world.pihole.log().lines().contains(&sent));
}

#[tokio::test]
async fn a_resolver_that_does_not_start_gets_the_state_before_back() {
    let (world, id) = changed().await;
    world.pihole.set_fatal_upstream("192.0.2.1");

    let error = world
        .fail("import_teleporter", json!({ "archive": id }))
        .await;

    assert_eq!(
        (error.code(), reason(&error)),
        (Code::UpstreamRejected, "rolled_back")
    );
    assert_eq!(world.pihole.restarts(), 2);
    assert_eq!(world.pihole.rules(), ["deny/exact later.example"]);
}

#[tokio::test]
async fn a_resolver_that_starts_with_nothing_is_told_with_the_way_back() {
    let (world, id) = changed().await;
    // It is up until its next restart, whatever comes then.
    world
        .pihole
        .set_config("dns.upstreams", json!(["192.0.2.1"]));
    world.pihole.set_fatal_upstream("192.0.2.1");

    let error = world
        .fail("import_teleporter", json!({ "archive": id }))
        .await;

    assert_eq!(reason(&error), "resolver_down");
    assert!(hint(&error).contains("get_diagnosis_messages"));
}

#[tokio::test]
async fn a_pihole_with_the_password_of_then_is_told_apart_from_a_failure() {
    let mut world = World::lab().await;
    let other = Options {
        password: Some("other-password".to_owned()),
        clock: world.clock.clone(),
        ..Options::default()
    };
    let second = Pihole::with(other).await.unwrap();
    let replicas = json!([
        { "name": "pihole-2", "url": second.url(), "password": "other-password" }
    ]);
    world.second = Some(second);
    world.reopen(&json!({ "replicas": replicas }));
    let id = export(&world).await;

    let args = json!({ "archive": id, "host": "pihole-2" });
    let error = world.fail("import_teleporter", args).await;

    assert_eq!(
        (error.code(), reason(&error)),
        (Code::UpstreamUnauthorized, "password_replaced")
    );
    assert!(hint(&error).contains("archives save"), "{error}");
    assert!(names_the_way_back(&error, &archives(&world).await));
}

#[tokio::test]
async fn one_import_runs_at_a_time() {
    let (world, id) = changed().await;
    let slow = Fault::Delay(Duration::from_millis(50));
    world.pihole.faults().always(PATH, slow);
    let args = json!({ "archive": id });

    let (one, other) = tokio::join!(
        world.run("import_teleporter", args.clone()),
        world.run("import_teleporter", args),
    );

    let errors: Vec<_> = [one, other].into_iter().filter_map(Result::err).collect();
    assert_eq!(errors.len(), 1);
    assert_eq!(reason(&errors[0]), "gravity_running");
}

#[rstest]
#[case::unknown("pihole", false)]
#[case::of_another_instance("pihole-guests", true)]
#[tokio::test]
async fn only_archives_of_this_instance_are_there(#[case] server: &str, #[case] stored: bool) {
    let world = World::lab().await;
    let id = if stored {
        put(&world, server, b"PK\x03\x04").await
    } else {
        "nosuch".to_owned()
    };

    for tool in ["import_teleporter", "delete_teleporter_archive"] {
        let error = world.fail(tool, json!({ "archive": id })).await;
        assert_eq!(
            (error.code(), reason(&error)),
            (Code::NotFound, "archive_not_found"),
            "{tool}"
        );
    }
    assert!(archives(&world).await.is_empty());
    let kept = world.env.stores.archives.list(None).await.unwrap();
    assert_eq!(kept.len(), usize::from(stored));
    assert_eq!(world.pihole.log().lines(), [""; 0]);
}

#[tokio::test]
async fn an_archive_is_removed_after_a_look_at_it() {
    let world = World::lab().await;
    let id = export(&world).await;
    let args = json!({ "archive": id });

    let plan = world
        .preview("delete_teleporter_archive", args.clone())
        .await;
    let targets = world
        .targets("delete_teleporter_archive", args.clone())
        .await;
    let gone = world.call("delete_teleporter_archive", args).await;

    assert!(plan.summary.contains("2026-06-01"), "{plan:?}");
    assert_eq!(targets[0].id, id);
    assert_eq!(gone["deleted"]["id"], json!(id));
    assert!(archives(&world).await.is_empty());
}

#[tokio::test]
async fn an_archive_that_cannot_be_read_is_not_sent() {
    let world = World::lab().await;
    let wrong = |id: &str| Archive {
        id: id.to_owned(),
        server: "pihole".to_owned(),
        source: "pihole".to_owned(),
        kind: "teleporter".to_owned(),
        name: "a.zip".to_owned(),
        note: None,
        size: 1,
        sha256: "00".to_owned(),
        created_at: homelab_core::clock::Micros(0),
    };
    let keep = Keep {
        newest: 10,
        besides: None,
    };
    let token = world
        .env
        .keyring
        .encrypt_bytes(&SecretBytes::new(b"PK".to_vec()));
    let stores = &world.env.stores.archives;
    stores.insert(wrong("locked"), "gAAAA", keep).await.unwrap();
    stores.insert(wrong("other"), &token, keep).await.unwrap();

    for (id, code, wanted) in [
        ("locked", Code::NotConfigured, "archive_undecryptable"),
        ("other", Code::Internal, "archive_damaged"),
    ] {
        let error = world
            .fail("import_teleporter", json!({ "archive": id }))
            .await;

        assert_eq!((error.code(), reason(&error)), (code, wanted));
    }
    assert_eq!(world.writes(), [""; 0]);
}

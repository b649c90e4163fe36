//! The policy file.

use homelab_core::error::Code;
use homelab_core::tool::Effect;
use serde_json::{Value, json};

use crate::world::{World, field, hint, reason, says};

const POLICY: &str = r#"// The lab's policy.
{
	"tagOwners": {"tag:server": ["autogroup:admin"], "tag:router": []},
	// Everybody may use the web.
	"grants": [
		{"src": ["*"], "dst": ["tag:server"], "ip": ["tcp:443"]},
	],
	"newKey": {"kept": true},
	"tests": [
		{"src": "alex@lab.example", "accept": ["tag:server:443"], "deny": ["tag:server:22"]},
	],
}
"#;

async fn world() -> World {
    let world = World::lab().await;
    world.control.set_policy(POLICY);
    world
}

async fn etag(world: &World) -> Value {
    world.call("get_tailscale_acl", json!({})).await["etag"].clone()
}

#[tokio::test]
async fn the_policy_is_read_with_its_comments() {
    let world = world().await;

    let whole = world.call("get_tailscale_acl", json!({})).await;
    let object = world
        .call(
            "get_tailscale_acl",
            json!({ "format": "json", "section": "newKey" }),
        )
        .await;
    let part = world
        .call("get_tailscale_acl", json!({ "start_line": 4, "lines": 2 }))
        .await;
    let details = world
        .call("get_tailscale_acl", json!({ "details": true }))
        .await;

    assert_eq!(whole["acl"], POLICY);
    assert_eq!(whole["etag"], world.control.policy_etag());
    assert_eq!(
        whole["sections"],
        json!(["tagOwners", "grants", "newKey", "tests"])
    );
    assert_eq!(object["policy"], json!({ "kept": true }));
    assert_eq!(
        (
            &part["next_line"],
            part["acl"].as_str().unwrap().lines().count()
        ),
        (&json!(6), 2)
    );
    assert_eq!(details["errors"], json!([]));
}

#[tokio::test]
async fn a_section_that_is_not_there_is_refused() {
    let world = world().await;

    let missing = world
        .fail(
            "get_tailscale_acl",
            json!({ "format": "json", "section": "acls" }),
        )
        .await;
    let text = world
        .fail("get_tailscale_acl", json!({ "section": "grants" }))
        .await;

    assert!(hint(&missing).contains("grants") && field(&missing) == "section");
    assert_eq!(field(&text), "section");
}

#[tokio::test]
async fn an_edit_keeps_comments_and_unknown_keys() {
    let world = world().await;
    let args = json!({
        "edits": [{ "old": "[\"tcp:443\"]", "new": "[\"tcp:443\", \"tcp:80\"]" }],
        "if_match": etag(&world).await,
    });

    let plan = world.preview("update_tailscale_acl", args.clone()).await;
    let done = world.call("update_tailscale_acl", args.clone()).await;

    let wanted = POLICY.replace("[\"tcp:443\"]", "[\"tcp:443\", \"tcp:80\"]");
    assert_eq!(world.control.policy(), wanted);
    assert_eq!(
        (&done["written"], &done["validated"]),
        (&json!(true), &json!(true))
    );
    assert_eq!(done["sections"], json!(["grants"]));
    assert_eq!(done["etag"], world.control.policy_etag());
    assert!(
        done["diff"]
            .as_str()
            .unwrap()
            .contains("+\t\t{\"src\": [\"*\"]"),
        "{}",
        done["diff"]
    );
    assert!(plan.changes[0].to.as_ref().unwrap().contains("tcp:80"));
    assert_eq!(
        world.targets("update_tailscale_acl", args).await[0].kind,
        "policy"
    );
}

#[tokio::test]
async fn a_change_is_undone_to_the_letter_and_only_over_itself() {
    let world = world().await;
    let args = json!({ "edits": [{ "old": "tcp:443\"]", "new": "tcp:8443\"]" }, { "old": "tag:server:443", "new": "tag:server:8443" }], "if_match": etag(&world).await });

    let undo = world
        .inverse("update_tailscale_acl", args.clone())
        .await
        .unwrap();
    world.call("update_tailscale_acl", args.clone()).await;
    world.undo(undo.clone()).await;
    assert_eq!(world.control.policy(), POLICY);

    let args = json!({ "edits": args["edits"], "if_match": etag(&world).await });
    world.call("update_tailscale_acl", args).await;
    world.control.set_policy("{\"grants\": []}");
    let error = world.fail("update_tailscale_acl", undo.arguments).await;
    assert_eq!(
        (error.code(), reason(&error)),
        (Code::Conflict, "policy_changed")
    );
    assert_eq!(world.control.policy(), "{\"grants\": []}");
}

#[tokio::test]
async fn what_somebody_else_wrote_in_between_is_never_overwritten() {
    let world = world().await;
    let tag = etag(&world).await;
    let args = json!({ "acl": POLICY.replace("443", "8443"), "if_match": tag });

    // Before the call.
    world.control.set_policy("{\"grants\": [], /* theirs */}");
    let before = world.fail("update_tailscale_acl", args).await;
    // Between its look and its write.
    let args = json!({ "acl": POLICY.replace("443", "8443"), "if_match": etag(&world).await });
    world
        .control
        .set_policy_before_next_write("{\"grants\": [], /* faster */}");
    let between = world.fail("update_tailscale_acl", args).await;

    for error in [before, between] {
        assert_eq!(
            (error.code(), reason(&error)),
            (Code::Conflict, "policy_changed")
        );
        assert!(hint(&error).contains("get_tailscale_acl"));
        assert!(!error.envelope().retryable);
    }
    assert_eq!(world.control.policy(), "{\"grants\": [], /* faster */}");
}

#[tokio::test]
async fn a_version_has_to_be_named_unless_nothing_is_written() {
    let world = world().await;
    let acl = POLICY.replace("// Everybody may use the web.", "// The web.");

    let error = world
        .fail("update_tailscale_acl", json!({ "acl": acl }))
        .await;
    let dry = world
        .call(
            "update_tailscale_acl",
            json!({ "acl": acl, "dry_run": true }),
        )
        .await;
    let done = world
        .call(
            "update_tailscale_acl",
            json!({ "acl": acl, "if_match": dry["etag"] }),
        )
        .await;

    assert_eq!(
        (field(&error), reason(&error)),
        ("if_match", "base_missing")
    );
    assert_eq!(
        (&dry["written"], &done["written"]),
        (&json!(false), &json!(true))
    );
    assert_eq!(dry["diff"], done["diff"]);
    assert_eq!(world.control.policy(), acl);
    assert_eq!(
        world.effect(
            "update_tailscale_acl",
            json!({ "acl": "{}", "dry_run": true })
        ),
        Effect::Read
    );
    assert_eq!(
        world.effect("update_tailscale_acl", json!({ "acl": "{}" })),
        Effect::Critical
    );
}

#[tokio::test]
async fn a_policy_whose_tests_fail_is_not_written_although_the_status_is_200() {
    let world = world().await;
    let open = POLICY.replace("[\"tcp:443\"]", "[\"*\"]");

    let args = json!({ "acl": open, "if_match": etag(&world).await });
    let error = world.fail("update_tailscale_acl", args.clone()).await;
    let plan = world
        .try_preview("update_tailscale_acl", args)
        .await
        .unwrap_err();
    let checked = world
        .call("validate_tailscale_acl", json!({ "acl": open }))
        .await;

    assert_eq!(
        (error.code(), reason(&error)),
        (Code::InvalidArgument, "policy_invalid")
    );
    assert!(
        error.envelope().message.contains("alex@lab.example"),
        "{error}"
    );
    assert_eq!(reason(&plan), "policy_invalid");
    assert_eq!(checked["valid"], false);
    assert_eq!(checked["errors"].as_array().unwrap().len(), 1);
    assert_eq!(
        (world.writes(), world.control.policy().as_str()),
        (vec![], POLICY)
    );
}

#[tokio::test]
async fn what_is_no_policy_is_refused_before_it_is_sent() {
    let world = world().await;
    let tag = etag(&world).await;

    let broken = world
        .fail(
            "update_tailscale_acl",
            json!({ "acl": "{\"a\" 1}", "if_match": tag }),
        )
        .await;
    let both = json!({ "acl": "{}", "edits": [{ "old": "a", "new": "b" }], "if_match": tag });
    let both = world.fail("update_tailscale_acl", both).await;
    let twice = json!({ "edits": [{ "old": "tag:server", "new": "tag:x" }], "if_match": tag });
    let twice = world.fail("update_tailscale_acl", twice).await;

    assert_eq!((field(&broken), reason(&broken)), ("acl", "policy_invalid"));
    assert!(broken.envelope().message.contains("line 1"));
    assert_eq!(field(&both), "acl");
    assert_eq!(field(&twice), "edits[0].old");
    assert_eq!(world.writes(), [""; 0]);
}

#[tokio::test]
async fn the_same_text_is_not_written_again() {
    let world = world().await;

    let args = json!({ "acl": POLICY, "if_match": etag(&world).await });
    let undo = world.inverse("update_tailscale_acl", args.clone()).await;
    let done = world.call("update_tailscale_acl", args).await;

    assert_eq!(
        (&done["written"], &done["diff"]),
        (&json!(false), &json!(""))
    );
    assert_eq!(undo, None);
    assert_eq!(world.writes(), [""; 0]);
}

#[tokio::test]
async fn a_policy_that_lives_elsewhere_is_mentioned() {
    let world = world().await;
    world
        .control
        .set_setting("aclsExternallyManagedOn", json!(true));
    world
        .control
        .set_setting("aclsExternalLink", json!("https://git.lab.example/policy"));

    let args = json!({ "acl": POLICY.replace("web", "net"), "if_match": etag(&world).await });
    let plan = world.preview("update_tailscale_acl", args.clone()).await;
    let done = world.call("update_tailscale_acl", args).await;

    assert!(says(&plan.impact, "git.lab.example"));
    assert!(
        done["warnings"][0]
            .as_str()
            .unwrap()
            .contains("git.lab.example")
    );
}

#[tokio::test]
async fn a_lost_answer_is_not_sent_again() {
    let world = world().await;
    let tag = etag(&world).await;
    world
        .control
        .refuse_next("/tailnet/-/acl", 504, "try again later");
    // The look takes the first refusal; it is repeated, as reading may be.
    world.control.log().clear();

    let args = json!({ "acl": POLICY.replace("web", "net"), "if_match": tag });
    world.call("update_tailscale_acl", args).await;

    let posts = world
        .writes()
        .iter()
        .filter(|line| line.ends_with("/acl"))
        .count();
    assert_eq!(posts, 1);
}

#[tokio::test]
async fn tests_run_against_the_policy_in_force() {
    let world = world().await;
    let test =
        |accept: &str| json!({ "tests": [{ "src": "alex@lab.example", "accept": [accept] }] });

    let right = world
        .call("validate_tailscale_acl", test("tag:server:443"))
        .await;
    let wrong = world
        .call("validate_tailscale_acl", test("tag:server:22"))
        .await;
    let neither = world.fail("validate_tailscale_acl", json!({})).await;

    assert_eq!(
        (&right["valid"], &wrong["valid"]),
        (&json!(true), &json!(false))
    );
    assert!(
        wrong["errors"][0].as_str().unwrap().contains("22"),
        "{wrong}"
    );
    assert_eq!(field(&neither), "acl");
    assert_eq!(world.writes(), [""; 0]);
}

#[tokio::test]
async fn a_preview_names_the_rules_that_apply() {
    let world = world().await;

    let user = json!({ "type": "user", "preview_for": "alex@lab.example" });
    let user = world.call("preview_tailscale_acl", user).await;
    let other =
        json!({ "type": "user", "preview_for": "alex@lab.example", "acl": "{\"grants\": []}" });
    let other = world.call("preview_tailscale_acl", other).await;
    let portless = json!({ "type": "ipport", "preview_for": "100.64.0.1" });
    let portless = world.fail("preview_tailscale_acl", portless).await;

    assert_eq!(user["total"], 1, "{user}");
    assert_eq!(user["matches"][0]["line"], 6);
    assert_eq!(other["total"], 0);
    assert_eq!(field(&portless), "preview_for");
}

#[tokio::test]
async fn a_warning_has_to_be_accepted() {
    let world = world().await;
    let group = "\"groups\": {\"group:lab@lab.example\": []},\n\t\"newKey\"";
    let acl = POLICY.replace("\"newKey\"", group);
    let args = json!({ "acl": acl, "if_match": etag(&world).await });

    let error = world.fail("update_tailscale_acl", args.clone()).await;
    let plan = world.preview("update_tailscale_acl", args.clone()).await;
    let checked = world
        .call("validate_tailscale_acl", json!({ "acl": acl }))
        .await;
    let mut accepted = args;
    accepted["allow_warnings"] = json!(true);
    let done = world.call("update_tailscale_acl", accepted).await;

    assert_eq!(
        (error.code(), reason(&error)),
        (Code::UpstreamRejected, "policy_warnings")
    );
    assert!(hint(&error).contains("allow_warnings"));
    assert!(says(&plan.impact, "SCIM"));
    let warnings = checked["warnings"].as_array().unwrap().len();
    assert_eq!((&checked["valid"], warnings), (&json!(true), 1));
    assert!(done["warnings"][0].as_str().unwrap().contains("SCIM"));
    assert_eq!(world.control.policy(), acl);
}

//! Deploying stacks.

use homelab_core::error::Code;
use homelab_core::tool::Effect;
use homelab_lab::portainer::{Deploy, Release};
use serde_json::{Value, json};

use crate::world::{BLOG, World, field, hint, reason, says};

const TOOL: &str = "deploy_stack";
const OTHER: &str = "services:\n  web:\n    image: lab/web:2\n  db:\n    image: lab/db:1\n";

fn blog(change: &Value) -> Value {
    let mut args = json!({ "name": "blog", "endpoint": "local", "stack_file": BLOG });
    for (key, value) in change.as_object().expect("arguments") {
        args[key] = value.clone();
    }
    args
}

async fn file(world: &World) -> String {
    let shown = world
        .call("get_stack_file", json!({ "stack": "blog" }))
        .await;
    shown["content"].as_str().expect("a file").to_owned()
}

#[tokio::test]
async fn a_new_stack_is_deployed_and_undone_by_removing_it() {
    let world = World::lab().await;
    let undo = world
        .inverse(TOOL, blog(&json!({})))
        .await
        .expect("an inverse");

    let made = world.blog().await;
    let shown = made.to_string();
    world.undo(undo).await;

    assert_eq!(
        (&made["created"], &made["stack"]["status"]),
        (&json!(true), &json!("active"))
    );
    assert_eq!(made["stack"]["endpoint"], "local");
    assert!(!shown.contains("tell-nobody"));
    assert_eq!(world.portainer.stacks(), [""; 0]);
    assert_eq!(world.env.redactor.text("tell-nobody"), "***REDACTED***");
}

#[tokio::test]
async fn a_stack_that_is_there_is_updated_and_undone_to_its_old_file() {
    let world = World::lab().await;
    world.blog().await;
    let change = blog(&json!({ "stack_file": OTHER, "pull_images": true }));
    let preview = world.preview(TOOL, change.clone()).await;
    let undo = world
        .inverse(TOOL, change.clone())
        .await
        .expect("an inverse");

    let changed = world.call(TOOL, change).await;
    let sent = world.body("/stacks/3");
    let after = file(&world).await;
    world.undo(undo).await;

    assert_eq!(preview.summary, "update the stack `blog` in `local`");
    assert_eq!(preview.changes.len(), 2);
    assert_eq!(changed["created"], false);
    assert_eq!(after, OTHER);
    assert_eq!(
        (&sent["RepullImageAndRedeploy"], &sent["PullImage"]),
        (&json!(true), &json!(true))
    );
    // A variable that nobody named keeps its value.
    assert_eq!(
        sent["Env"],
        json!([{ "name": "PASSWORD", "value": "tell-nobody" }])
    );
    assert_eq!(file(&world).await, BLOG);
}

#[tokio::test]
async fn variables_alone_can_be_changed() {
    let world = World::lab().await;
    world.blog().await;
    let args = json!({ "name": "blog", "endpoint": "local", "env": [{ "name": "MODE", "value": "dark-mode" }], "remove_env": ["PASSWORD"] });
    let preview = world.preview(TOOL, args.clone()).await;
    let undo = world.inverse(TOOL, args.clone()).await.expect("an inverse");

    world.call(TOOL, args).await;
    let after = world.body("/stacks/3");
    world.undo(undo).await;
    let back = world.body("/stacks/3");

    assert!(
        !format!("{preview:?}").contains("dark-mode")
            && !format!("{preview:?}").contains("tell-nobody")
    );
    assert_eq!(
        after["Env"],
        json!([{ "name": "MODE", "value": "dark-mode" }])
    );
    assert_eq!(after["StackFileContent"], BLOG);
    assert_eq!(
        back["Env"],
        json!([{ "name": "PASSWORD", "value": "tell-nobody" }])
    );
}

#[tokio::test]
async fn whether_it_must_be_new_is_kept() {
    let world = World::lab().await;

    let missing = world.fail(TOOL, blog(&json!({ "mode": "update" }))).await;
    world.blog().await;
    let there = world.fail(TOOL, blog(&json!({ "mode": "create" }))).await;

    assert_eq!(
        (missing.code(), reason(&missing)),
        (Code::NotFound, "stack_not_found")
    );
    assert_eq!(
        (there.code(), reason(&there)),
        (Code::Conflict, "stack_exists")
    );
    assert_eq!(
        world.effect(TOOL, blog(&json!({ "mode": "create" }))),
        Effect::Write
    );
    assert_eq!(world.effect(TOOL, blog(&json!({}))), Effect::Destructive);
}

#[tokio::test]
async fn what_is_no_compose_file_is_refused_before_anything_is_done() {
    let world = World::lab().await;
    for (change, wanted) in [
        (json!({ "stack_file": "services: [" }), "stack_file"),
        (json!({ "stack_file": "version: '3'" }), "stack_file"),
        (json!({ "git": { "url": "https://git.example/x" } }), "git"),
        (
            json!({ "type": "kubernetes", "stack_file": "kind: Service" }),
            "type",
        ),
        (
            json!({ "remove_env": ["A"], "env": [{ "name": "A", "value": "b" }] }),
            "remove_env",
        ),
    ] {
        let error = world.fail(TOOL, blog(&change)).await;

        assert_eq!(
            (error.code(), field(&error)),
            (Code::InvalidArgument, wanted),
            "{change}"
        );
    }
    let nothing = world
        .fail(TOOL, json!({ "name": "blog", "endpoint": "local" }))
        .await;
    let where_to = world
        .fail(TOOL, json!({ "name": "blog", "stack_file": BLOG }))
        .await;

    assert_eq!(field(&nothing), "stack_file");
    assert_eq!(
        (where_to.code(), field(&where_to)),
        (Code::InvalidArgument, "endpoint")
    );
    assert!(hint(&where_to).contains("`nas`"));
    assert_eq!(world.writes(), [""; 0]);
}

#[tokio::test]
async fn a_deployment_is_waited_for() {
    let world = World::lab().await;
    world.portainer.set_deploy(Deploy {
        looks: 3,
        error: None,
    });

    let made = world.blog().await;

    assert_eq!(
        (&made["stack"]["status"], &made["still_deploying"]),
        (&json!("active"), &json!(false))
    );
    let looks = world.portainer.log().lines();
    assert!(
        looks
            .iter()
            .filter(|line| line.ends_with("/api/stacks/3"))
            .count()
            >= 4
    );
}

#[tokio::test]
async fn a_deployment_that_outlasts_the_wait_is_said() {
    let world = World::configured(json!({ "deploy_poll_ms": 600 })).await;
    world.portainer.set_deploy(Deploy {
        looks: 1000,
        error: None,
    });

    let made = world.call(TOOL, blog(&json!({ "wait_s": 1 }))).await;

    assert_eq!(
        (&made["still_deploying"], &made["stack"]["status"]),
        (&json!(true), &json!("deploying"))
    );
}

#[tokio::test]
async fn a_deployment_that_fails_says_why_in_every_release() {
    for (release, looks) in [
        (Release::V2_44, 2),
        (Release::V2_44, 0),
        (Release::V2_21, 0),
    ] {
        let world = World::lab().await;
        world.portainer.set_release(release);
        let error = Some("no such image: lab/web:1".to_owned());
        world.portainer.set_deploy(Deploy { looks, error });

        let error = world.fail(TOOL, blog(&json!({}))).await;

        assert_eq!(error.code(), Code::UpstreamRejected);
        assert!(error.to_string().contains("no such image"), "{error}");
        let wanted = if looks > 0 {
            "deployment_failed"
        } else {
            "refused_by_server"
        };
        assert_eq!(reason(&error), wanted);
        assert!(!error.envelope().retryable);
    }
}

#[tokio::test]
async fn a_name_that_another_environment_has_is_the_servers_conflict() {
    let world = World::lab().await;
    world.blog().await;

    let error = world.fail(TOOL, blog(&json!({ "endpoint": "nas" }))).await;

    assert_eq!(
        (error.code(), reason(&error)),
        (Code::Conflict, "already_so")
    );
    assert!(error.to_string().contains("already exists"));
}

#[tokio::test]
async fn a_stack_comes_from_git_and_is_deployed_anew_from_there() {
    let world = World::lab().await;
    let git = json!({ "url": "https://git.example/blog", "reference": "refs/heads/main", "username": "ops", "password": "tell-nobody-else" });
    let args = json!({ "name": "blog", "endpoint": "local", "git": git, "env": [{ "name": "A", "value": "b" }] });

    let made = world.call(TOOL, args).await;
    let sent = world.body("/repository");
    let shown = world.call("get_stack", json!({ "stack": "blog" })).await;
    let again =
        json!({ "name": "blog", "endpoint": "local", "git": { "reference": "refs/tags/v2" } });
    let undo = world.inverse(TOOL, again.clone()).await;
    let redeployed = world.call(TOOL, again).await;
    let resent = world.body("/git/redeploy");
    let plain = world
        .call(TOOL, json!({ "name": "blog", "endpoint": "local" }))
        .await;
    let text = world.fail(TOOL, blog(&json!({}))).await;
    let other = json!({ "name": "blog", "endpoint": "local", "git": { "url": "https://git.example/other" } });
    let elsewhere = world.fail(TOOL, other).await;

    assert_eq!(
        (
            &sent["RepositoryPassword"],
            &sent["RepositoryAuthentication"]
        ),
        (&json!("tell-nobody-else"), &json!(true))
    );
    assert_eq!(
        (&made["stack"]["git"], &redeployed["created"]),
        (&json!(true), &json!(false))
    );
    assert_eq!(
        (&shown["git"]["url"], &shown["git"]["reference"]),
        (
            &json!("https://git.example/blog"),
            &json!("refs/heads/main")
        )
    );
    assert!(!format!("{made} {shown}").contains("tell-nobody"));
    assert_eq!(resent["RepositoryReferenceName"], "refs/tags/v2");
    assert_eq!(resent["Env"], json!([{ "name": "A", "value": "b" }]));
    assert_eq!((undo, &plain["created"]), (None, &json!(false)));
    assert_eq!((field(&text), field(&elsewhere)), ("stack_file", "git.url"));
}

#[tokio::test]
async fn git_is_not_put_in_the_place_of_a_text() {
    let world = World::lab().await;
    world.blog().await;
    let args = json!({ "name": "blog", "endpoint": "local", "git": { "url": "https://git.example/blog" } });

    let error = world.fail(TOOL, args).await;

    assert_eq!(
        (error.code(), field(&error)),
        (Code::InvalidArgument, "git")
    );
}

#[tokio::test]
async fn what_reaches_out_is_said_and_refused_where_the_owner_says_so() {
    let file = "services:\n  agent:\n    image: lab/agent:1\n    privileged: true\n";
    let args = || json!({ "name": "agent", "endpoint": "local", "stack_file": file });
    let mut world = World::lab().await;

    let preview = world.preview(TOOL, args()).await;
    let made = world.call(TOOL, args()).await;
    world.reopen(&json!({ "refuse_privileged": true }));
    let error = world.fail(TOOL, args()).await;

    assert!(says(&preview.impact, "privileged"));
    assert!(
        made["warnings"][0]
            .as_str()
            .expect("a warning")
            .contains("`agent` is privileged")
    );
    assert_eq!(
        (error.code(), reason(&error)),
        (Code::PermissionDenied, "privileged_refused")
    );
}

#[tokio::test]
async fn releases_before_2_19_are_not_changed() {
    let world = World::lab().await;
    world.portainer.set_release(Release::V2_18);

    let error = world.fail(TOOL, blog(&json!({}))).await;

    assert_eq!(
        (error.code(), reason(&error)),
        (Code::UpstreamRejected, "not_supported")
    );
    assert_eq!(world.writes(), [""; 0]);
}

#[tokio::test]
async fn deploying_is_left_out_of_a_known_old_release_until_it_is_updated() {
    let world = World::lab().await;
    world.portainer.set_release(Release::V2_18);

    let before = world.lacking().len();
    world.fail(TOOL, blog(&json!({}))).await;
    let old = world.lacking().join(",");
    world.portainer.set_release(Release::V2_44);
    world.call(TOOL, blog(&json!({}))).await;

    assert_eq!((before, &*old), (0, TOOL));
    assert_eq!(world.lacking(), [""; 0]);
}

#[tokio::test]
async fn targets_are_the_stack_and_its_environment() {
    let world = World::lab().await;
    world.blog().await;

    let targets = world.targets(TOOL, blog(&json!({}))).await;

    let kinds: Vec<(&str, Option<&str>)> = targets
        .iter()
        .map(|one| (one.kind.as_str(), one.name.as_deref()))
        .collect();
    assert_eq!(
        kinds,
        [("stack", Some("blog")), ("endpoint", Some("local"))]
    );
}

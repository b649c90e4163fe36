//! The cache.

use homelab_core::error::Code;
use homelab_core::tool::Effect;
use rstest::rstest;
use serde_json::{Value, json};

use crate::world::{World, field};

#[rstest]
#[case("files", json!(["https://www.lab.example/a.css"]))]
#[case("hosts", json!(["www.lab.example"]))]
#[case("prefixes", json!(["www.lab.example/css"]))]
#[case("tags", json!(["blog"]))]
#[tokio::test]
async fn each_way_is_sent_as_it_is(#[case] way: &str, #[case] entries: Value) {
    let world = World::lab().await;

    let purged = world.call("purge_cache", json!({ way: entries })).await;

    assert_eq!(
        purged,
        json!({ "zone": "lab.example", "by": way, "entries": 1 })
    );
    assert_eq!(
        world.api.purges(),
        [(world.zone.clone(), json!({ way: entries }))]
    );
}

#[tokio::test]
async fn everything_is_graver_than_a_part() {
    let world = World::lab().await;
    let all = json!({ "purge_everything": true });

    let effects = [
        world.effect("purge_cache", all.clone()),
        world.effect("purge_cache", json!({ "hosts": ["www.lab.example"] })),
    ];
    let preview = world.preview("purge_cache", all.clone()).await;
    let purged = world.call("purge_cache", all.clone()).await;

    assert_eq!(effects, [Effect::Destructive, Effect::Write]);
    assert!(
        preview
            .summary
            .contains("purge everything of `lab.example`")
    );
    assert_eq!(
        purged,
        json!({ "zone": "lab.example", "by": "purge_everything" })
    );
    assert_eq!(world.api.purges()[0].1, all);
}

#[tokio::test]
async fn many_files_go_in_parts() {
    let world = World::lab().await;
    let files: Vec<String> = (0..250)
        .map(|n| format!("https://www.lab.example/{n}.css"))
        .collect();

    let purged = world.call("purge_cache", json!({ "files": files })).await;

    let sizes: Vec<usize> = world
        .api
        .purges()
        .iter()
        .map(|(_, body)| body["files"].as_array().unwrap().len())
        .collect();
    assert_eq!(
        (&purged["entries"], &sizes[..]),
        (&json!(250), &[100, 100, 50][..])
    );
}

#[tokio::test]
async fn what_was_purged_before_an_error_is_told() {
    let world = World::lab().await;
    let mut files: Vec<String> = (0..150)
        .map(|n| format!("https://www.lab.example/{n}.css"))
        .collect();
    files[120] = "https://elsewhere.example/x".to_owned();

    let error = world.fail("purge_cache", json!({ "files": files })).await;

    let message = &error.envelope().message;
    assert!(
        message.starts_with("100 of 150 are purged, then: "),
        "{message}"
    );
}

#[rstest]
#[case(json!({}), "files")]
#[case(json!({ "purge_everything": false }), "files")]
#[case(json!({ "purge_everything": true, "tags": ["a"] }), "files")]
#[case(json!({ "files": ["www.lab.example/a.css"] }), "files[0]")]
#[case(json!({ "hosts": ["https://www.lab.example"] }), "hosts[0]")]
#[case(json!({ "prefixes": ["https://www.lab.example"] }), "prefixes[0]")]
#[tokio::test]
async fn what_cannot_be_purged_is_refused(#[case] args: Value, #[case] wrong: &str) {
    let world = World::lab().await;

    let error = world.fail("purge_cache", args).await;

    assert_eq!(
        (error.code(), field(&error)),
        (Code::InvalidArgument, wrong)
    );
    assert_eq!(world.writes(), [""; 0]);
}

#[tokio::test]
async fn the_rate_of_the_plan_is_told_with_the_time_to_wait() {
    let world = World::lab().await;
    let args = json!({ "hosts": ["www.lab.example"] });
    for _ in 0..25 {
        world.call("purge_cache", args.clone()).await;
    }

    let error = world.fail("purge_cache", args).await;

    assert_eq!(error.code(), Code::RateLimited);
    assert_eq!(error.envelope().retry_after_s, Some(12));
}

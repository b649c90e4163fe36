//! Settings of a zone.

use homelab_core::error::Code;
use homelab_core::tool::Effect;
use rstest::rstest;
use serde_json::{Value, json};

use crate::world::{World, field, reason};

#[tokio::test]
async fn settings_are_shown_the_usual_ones_or_those_named() {
    let world = World::lab().await;

    let usual = world.call("get_zone_settings", json!({})).await;
    let named = json!({ "settings": ["tls_1_3", "browser_cache_ttl"] });
    let named = world.call("get_zone_settings", named).await;

    assert_eq!(usual["settings"].as_array().unwrap().len(), 8);
    assert_eq!(usual["settings"][0]["setting"], "ssl");
    assert_eq!(usual["settings"][0]["value"], "full");
    assert_eq!(named["settings"][0]["setting"], "tls_1_3");
    assert_eq!(named["settings"][1]["value"], "14400");
}

#[tokio::test]
async fn every_setting_that_can_be_named_is_there() {
    let world = World::lab().await;
    let tools = world.server.tools();
    let tool = tools
        .iter()
        .find(|info| info.spec.name == "get_zone_settings");
    let names = tool.unwrap().input_schema["properties"]["settings"]["items"]["enum"].clone();

    let all = world
        .call("get_zone_settings", json!({ "settings": names }))
        .await;

    assert_eq!(all["settings"].as_array().unwrap().len(), 22);
}

#[tokio::test]
async fn a_setting_is_changed_and_read_back() {
    let world = World::lab().await;
    let args = json!({ "setting": "development_mode", "value": "on" });

    let preview = world.preview("set_zone_setting", args.clone()).await;
    let effects = [
        world.effect("set_zone_setting", args.clone()),
        world.effect(
            "set_zone_setting",
            json!({ "setting": "ssl", "value": "off" }),
        ),
    ];
    let changed = world.call("set_zone_setting", args).await;
    let seconds = json!({ "setting": "browser_cache_ttl", "value": "3600" });
    world.call("set_zone_setting", seconds).await;

    assert_eq!(
        (
            preview.changes[0].from.as_deref(),
            preview.changes[0].to.as_deref()
        ),
        (Some("off"), Some("on"))
    );
    assert_eq!(effects, [Effect::Write, Effect::Destructive]);
    assert_eq!(changed["value"], "on");
    assert_eq!(
        world.api.setting(&world.zone, "browser_cache_ttl"),
        Some(json!(3600))
    );
}

#[rstest]
#[case(json!({ "setting": "browser_cache_ttl", "value": "an hour" }))]
#[case(json!({ "setting": "ssl", "value": "sometimes" }))]
#[tokio::test]
async fn a_value_that_is_none_changes_nothing(#[case] args: Value) {
    let world = World::lab().await;

    let error = world.fail("set_zone_setting", args).await;

    assert_eq!(
        (error.code(), field(&error)),
        (Code::InvalidArgument, "value"),
        "{error}"
    );
    assert_eq!(world.api.setting(&world.zone, "ssl"), Some(json!("full")));
    assert_eq!(
        world.api.setting(&world.zone, "browser_cache_ttl"),
        Some(json!(14_400))
    );
}

#[tokio::test]
async fn a_setting_that_the_plan_lacks_is_told() {
    let world = World::lab().await;
    let path = format!("/zones/{}/settings/http3", world.zone);
    world
        .api
        .refuse_next(&path, 403, 1015, "Not allowed to edit setting for http3");

    let args = json!({ "setting": "http3", "value": "off" });
    let error = world.fail("set_zone_setting", args).await;

    assert_eq!(
        (error.code(), reason(&error)),
        (Code::UpstreamRejected, "refused_by_server")
    );
    assert!(error.envelope().message.contains("Not allowed to edit"));
}

//! Vouchers for guests.

use homelab_core::error::Code;
use homelab_lab::unifi::Release;
use serde_json::json;

use crate::world::{With, World, column, field, reason};

#[tokio::test]
async fn vouchers_are_made_with_their_codes() {
    for (release, api) in [(Release::V10_5, "integration"), (Release::V9_0, "legacy")] {
        let world = World::release(release, With::Both).await;
        let args =
            json!({ "name": "party", "duration_minutes": 120, "count": 2, "down_kbps": 5000 });

        let plan = world.preview("create_guest_voucher", args.clone()).await;
        let made = world.call("create_guest_voucher", args).await;

        assert_eq!(plan.summary, "make 2 vouchers for `party` in `Default`");
        assert_eq!(
            (&made["api"], made["vouchers"].as_array().unwrap().len()),
            (&json!(api), 2)
        );
        let first = &made["vouchers"][0];
        let code = first["code"].as_str().unwrap();
        assert_eq!(world.unifi.vouchers()[0], code.replace('-', ""));
        assert_eq!((code.len(), code.find('-')), (11, Some(5)));
        assert_eq!(first["voucher"]["duration_minutes"], 120);
        assert_eq!(
            (
                &first["voucher"]["guest_limit"],
                &first["voucher"]["down_kbps"]
            ),
            (&json!(1), &json!(5000))
        );
    }
}

#[tokio::test]
async fn lists_have_no_codes() {
    for release in [Release::V10_5, Release::V9_0] {
        let world = World::release(release, With::Both).await;
        let args = json!({ "name": "party", "duration_minutes": 60, "count": 2 });
        world.call("create_guest_voucher", args).await;
        let codes = world.unifi.vouchers();
        world.unifi.use_voucher(&codes[0], 1);

        let active = world.call("list_guest_vouchers", json!({})).await;
        let all = world
            .call(
                "list_guest_vouchers",
                json!({ "active_only": false, "search": "PARTY" }),
            )
            .await;

        assert_eq!((&active["total"], &all["total"]), (&json!(1), &json!(2)));
        let used = column(&all, "used_up");
        assert!(
            used.contains(&json!(true)) && used.contains(&json!(false)),
            "{used:?}"
        );
        assert!(
            codes
                .iter()
                .all(|code| !all.to_string().contains(code.as_str()))
        );
    }
}

#[tokio::test]
async fn a_code_is_shown_to_who_may_see_it() {
    let world = World::lab().await;
    world
        .call(
            "create_guest_voucher",
            json!({ "name": "x", "duration_minutes": 60 }),
        )
        .await;
    let list = world.call("list_guest_vouchers", json!({})).await;

    let args = json!({ "voucher": list["items"][0]["id"] });
    let shown = world.call("show_guest_voucher_code", args).await;
    let error = world
        .fail("show_guest_voucher_code", json!({ "voucher": "x" }))
        .await;

    assert_eq!(
        shown["code"].as_str().unwrap().replace('-', ""),
        world.unifi.vouchers()[0]
    );
    assert_eq!(
        (reason(&error), field(&error)),
        ("voucher_not_found", "voucher")
    );
}

#[tokio::test]
async fn a_voucher_is_revoked() {
    for release in [Release::V10_5, Release::V9_0] {
        let world = World::release(release, With::Both).await;
        let args = json!({ "name": "party", "duration_minutes": 60 });
        world.call("create_guest_voucher", args).await;
        let list = world.call("list_guest_vouchers", json!({})).await;
        let args = json!({ "voucher": list["items"][0]["id"] });

        let plan = world.preview("revoke_guest_voucher", args.clone()).await;
        let targets = world.targets("revoke_guest_voucher", args.clone()).await;
        let done = world.call("revoke_guest_voucher", args.clone()).await;
        let again = world.fail("revoke_guest_voucher", args).await;

        assert!(
            plan.summary.starts_with("revoke the voucher `party`"),
            "{}",
            plan.summary
        );
        assert_eq!(
            (targets[0].kind.as_str(), &done["voucher"]["name"]),
            ("voucher", &json!("party"))
        );
        assert_eq!(world.unifi.vouchers(), [""; 0]);
        assert_eq!(
            (again.code(), reason(&again)),
            (Code::NotFound, "voucher_not_found")
        );
    }
}

#[tokio::test]
async fn vouchers_that_were_not_made_are_a_failure() {
    let world = World::lab().await;
    world
        .unifi
        .refuse_next("/v1/sites/", "api.hotspot.disabled");

    let args = json!({ "name": "party", "duration_minutes": 60 });
    let error = world.fail("create_guest_voucher", args).await;
    let site = world
        .fail("list_guest_vouchers", json!({ "site": "attic" }))
        .await;

    assert_eq!(
        (error.code(), reason(&error)),
        (Code::UpstreamRejected, "refused_by_console")
    );
    assert_eq!(world.unifi.vouchers(), [""; 0]);
    assert_eq!(reason(&site), "site_not_found");
}

//! Writes: what is refused and how, states, lists, deletes.

use homelab_lab::netbox::{Release, TOKEN_V1};
use serde_json::{Value, json};

use super::{JSON, ask, ask_with, get, post, server};
use crate::wire::call;

#[tokio::test]
async fn complaints_are_by_field() {
    let netbox = server().await;
    let long = "x".repeat(65);
    let cases = [
        (
            "ipam/vlans/",
            json!({ "vid": 5000, "name": "x" }),
            json!({ "vid": ["Ensure this value is less than or equal to 4094."] }),
        ),
        (
            "ipam/vlans/",
            json!({}),
            json!({ "vid": ["This field is required."], "name": ["This field is required."] }),
        ),
        (
            "ipam/vlans/",
            json!({ "vid": "ten", "name": long }),
            json!({ "vid": ["A valid integer is required."], "name": ["Ensure this field has no more than 64 characters."] }),
        ),
        (
            "ipam/vlans/",
            json!({ "vid": 1, "name": "" }),
            json!({ "name": ["This field may not be blank."] }),
        ),
        (
            "ipam/vlans/",
            json!({ "vid": 1, "name": null }),
            json!({ "name": ["This field may not be null."] }),
        ),
        (
            "ipam/vlans/",
            json!({ "vid": 1, "name": "x", "status": "nope" }),
            json!({ "status": ["nope is not a valid choice."] }),
        ),
        (
            "ipam/vlans/",
            json!({ "vid": 1, "name": "x", "site": 9 }),
            json!({ "site": ["Related object not found using the provided numeric ID: 9"] }),
        ),
        (
            "ipam/vlans/",
            json!({ "vid": 1, "name": "x", "site": { "slug": "no" } }),
            json!({ "site": ["Related object not found using the provided attributes: {'slug': 'no'}"] }),
        ),
        (
            "dcim/sites/",
            json!({ "name": "Lab", "slug": "a b" }),
            json!({ "slug": ["Enter a valid \"slug\" consisting of letters, numbers, underscores or hyphens."] }),
        ),
        (
            "dcim/sites/",
            json!({ "name": "Lab", "slug": "other" }),
            json!({ "name": ["site with this name already exists."] }),
        ),
        (
            "ipam/prefixes/",
            json!({ "prefix": "10.0.0.1/24" }),
            json!({ "prefix": ["10.0.0.1/24 is not a valid prefix. Did you mean 10.0.0.0/24?"] }),
        ),
        (
            "ipam/ip-addresses/",
            json!({ "address": "ten" }),
            json!({ "address": ["Invalid IP address format: ten"] }),
        ),
        (
            "extras/journal-entries/",
            json!({ "assigned_object_type": "dcim.site", "assigned_object_id": 9, "comments": "x" }),
            json!({ "assigned_object_id": ["Related object not found using the provided numeric ID: 9"] }),
        ),
    ];
    for (path, body, complaint) in cases {
        assert_eq!(
            post(&netbox, path, body.clone()).await,
            (400, complaint),
            "{path} {body}"
        );
    }
    assert_eq!(netbox.log().unexpected(), [""; 0]);
}

#[tokio::test]
async fn a_vlan_is_unique_in_its_group_alone() {
    let netbox = server().await;
    let group = json!({ "name": "G", "slug": "g", "vid_ranges": [[100, 110]] });
    netbox.add("ipam/vlan-groups", group);
    let vlan =
        |vid: u16, name: &str, group: Value| json!({ "vid": vid, "name": name, "group": group });

    let plain = [
        post(&netbox, "ipam/vlans/", vlan(10, "mgmt", Value::Null))
            .await
            .0,
        post(&netbox, "ipam/vlans/", vlan(10, "mgmt", Value::Null))
            .await
            .0,
        post(&netbox, "ipam/vlans/", vlan(100, "a", json!(1)))
            .await
            .0,
    ];
    let twice = post(&netbox, "ipam/vlans/", vlan(100, "zz", json!(1))).await;
    let outside = post(&netbox, "ipam/vlans/", vlan(500, "zz", json!(1))).await;
    let with_site = json!({ "vid": 101, "name": "b", "group": 1, "site": 1 });
    let scope = post(&netbox, "ipam/vlans/", with_site).await;

    assert_eq!(plain, [201, 201, 201]);
    let text = "VLAN with this Group and VLAN ID already exists.";
    assert_eq!(twice, (400, json!({ "__all__": [text] })));
    let text = "VID must be in ranges 100-110 for VLANs in group G";
    assert_eq!(outside, (400, json!({ "vid": [text] })));
    let text = "VLAN is assigned to group G (scope: None); cannot also assign to site Lab.";
    assert_eq!(scope, (400, json!({ "__all__": [text] })));
}

#[tokio::test]
async fn a_change_of_an_old_state_is_refused() {
    let netbox = server().await;
    let tag = |head: &str| {
        let line = head.lines().find_map(|line| line.strip_prefix("etag: "));
        line.unwrap().trim().to_owned()
    };
    let read = ask(&netbox, "GET", "dcim/sites/1/", Value::Null).await;
    let old = tag(&read.head);
    let with = [("If-Match", old.as_str())];

    let first = ask_with(
        &netbox,
        &with,
        "PATCH",
        "dcim/sites/1/",
        json!({ "facility": "a" }),
    )
    .await;
    let second = ask_with(
        &netbox,
        &with,
        "PATCH",
        "dcim/sites/1/",
        json!({ "facility": "b" }),
    )
    .await;

    assert_eq!(first.status, 200);
    assert_eq!(
        (second.status, second.json()),
        (412, json!({ "detail": "Precondition failed." }))
    );
    assert_eq!(tag(&second.head), tag(&first.head));
    assert_eq!(get(&netbox, "dcim/sites/1/").await["facility"], "a");
}

#[tokio::test]
async fn tags_can_be_added_and_removed() {
    let netbox = server().await;
    for name in ["a", "b", "c"] {
        netbox.add("extras/tags", json!({ "name": name, "slug": name }));
    }
    let patch = async |body: Value| {
        let answer = ask(&netbox, "PATCH", "dcim/sites/1/", body).await.json();
        let tags = answer["tags"].as_array().unwrap().clone();
        tags.iter()
            .map(|tag| tag["slug"].clone())
            .collect::<Vec<_>>()
    };

    let set = patch(json!({ "tags": [1, { "name": "b" }] })).await;
    let moved = patch(json!({ "add_tags": [{ "slug": "c" }], "remove_tags": [1] })).await;

    assert_eq!(set, ["a", "b"]);
    assert_eq!(moved, ["b", "c"]);
    assert_eq!(get(&netbox, "extras/tags/3/").await["tagged_items"], 1);
}

#[tokio::test]
async fn custom_fields_are_known_by_name() {
    let netbox = server().await;
    netbox.set_custom_field("dcim/sites", "owner_key");

    let right = json!({ "custom_fields": { "owner_key": "k1" } });
    let right = ask(&netbox, "PATCH", "dcim/sites/1/", right).await;
    let wrong = json!({ "custom_fields": { "nope": "k1" } });
    let wrong = ask(&netbox, "PATCH", "dcim/sites/1/", wrong).await;
    let found = get(&netbox, "dcim/sites/?cf_owner_key=k1").await;

    assert_eq!(right.json()["custom_fields"], json!({ "owner_key": "k1" }));
    assert_eq!(wrong.status, 400);
    assert_eq!(found["count"], 1);
}

#[tokio::test]
async fn a_list_is_made_whole_or_not_at_all() {
    let netbox = server().await;
    let bodies = json!([{ "vid": 20, "name": "ok" }, { "vid": 9999, "name": "bad" }]);
    let wrong = json!({ "vid": ["Ensure this value is less than or equal to 4094."] });

    let new = post(&netbox, "ipam/vlans/", bodies.clone()).await;
    netbox.set_release(Release::V4_6);
    let old = post(&netbox, "ipam/vlans/", bodies).await;

    let told = json!({
        "detail": "1 of 2 objects could not be created.",
        "errors": [{ "index": 1, "errors": wrong }],
    });
    assert_eq!(new, (400, told));
    assert_eq!(old, (400, json!([{}, wrong])));
    assert_eq!(netbox.count("ipam/vlans"), 0);
}

#[tokio::test]
async fn lists_are_changed_and_deleted_too() {
    let netbox = server().await;
    post(
        &netbox,
        "ipam/vlans/",
        json!([{ "vid": 1, "name": "a" }, { "vid": 2, "name": "b" }]),
    )
    .await;

    let patch = json!([{ "id": 1, "name": "c" }, { "id": 2, "status": "reserved" }]);
    let patched = ask(&netbox, "PATCH", "ipam/vlans/", patch).await;
    let gone = ask(
        &netbox,
        "DELETE",
        "ipam/vlans/",
        json!([{ "id": 1 }, { "id": 2 }]),
    )
    .await;

    assert_eq!(
        (patched.status, &patched.json()[0]["name"]),
        (200, &json!("c"))
    );
    assert_eq!((gone.status, netbox.count("ipam/vlans")), (204, 0));
}

#[tokio::test]
async fn what_others_hold_on_to_stays() {
    let netbox = server().await;
    netbox.add(
        "ipam/vlans",
        json!({ "vid": 10, "name": "mgmt", "site": 1 }),
    );

    let held = ask(&netbox, "DELETE", "dcim/sites/1/", Value::Null).await;

    assert_eq!(held.status, 409);
    let detail =
        "Unable to delete object. 3 dependent objects were found: n1 (1), n2 (2), mgmt (10) (1)";
    assert_eq!(held.json(), json!({ "detail": detail }));
    assert_eq!(netbox.count("dcim/sites"), 1);
}

#[tokio::test]
async fn a_device_goes_with_its_ports_and_their_addresses() {
    let netbox = server().await;
    let address = json!({
        "address": "10.9.0.5/24", "assigned_object_type": "dcim.interface", "assigned_object_id": 1,
    });
    netbox.add("ipam/ip-addresses", address);
    let primary = ask(
        &netbox,
        "PATCH",
        "dcim/devices/1/",
        json!({ "primary_ip4": 1 }),
    )
    .await;

    let gone = ask(
        &netbox,
        "DELETE",
        "dcim/devices/1/",
        json!({ "changelog_message": "bye" }),
    )
    .await;

    assert_eq!(primary.json()["primary_ip"]["address"], "10.9.0.5/24");
    assert_eq!(gone.status, 204);
    assert_eq!(
        (
            netbox.count("dcim/interfaces"),
            netbox.count("ipam/ip-addresses")
        ),
        (1, 0)
    );
    let changes = get(&netbox, "core/object-changes/?action=delete").await;
    assert_eq!(
        (&changes["count"], &changes["results"][0]["message"]),
        (&json!(3), &json!("bye"))
    );
}

#[tokio::test]
async fn a_primary_address_is_one_of_the_device() {
    let netbox = server().await;
    netbox.add("ipam/ip-addresses", json!({ "address": "10.9.0.5/24" }));

    let refused = ask(
        &netbox,
        "PATCH",
        "dcim/devices/1/",
        json!({ "primary_ip4": 1 }),
    )
    .await;
    let network = json!({
        "address": "10.9.0.0/24", "assigned_object_type": "dcim.interface", "assigned_object_id": 1,
    });
    let network = post(&netbox, "ipam/ip-addresses/", network).await;
    let twice = post(
        &netbox,
        "ipam/ip-addresses/",
        json!({ "address": "10.9.0.5/16" }),
    )
    .await;

    let text = "The specified IP address (10.9.0.5/24) is not assigned to this device.";
    assert_eq!(refused.json(), json!({ "primary_ip4": [text] }));
    let text = "10.9.0.0 is a network ID, which may not be assigned to an interface.";
    assert_eq!(network, (400, json!({ "address": [text] })));
    let text = "Duplicate IP address found in global table: 10.9.0.5/24";
    assert_eq!(twice, (400, json!({ "address": [text] })));
}

#[tokio::test]
async fn bodies_are_json() {
    let netbox = server().await;
    let token = format!("Token {TOKEN_V1}");
    let send = async |kind: (&str, &str), body: &str| {
        let headers = [("Authorization", token.as_str()), kind];
        call(netbox.address(), "POST", "/api/dcim/sites/", &headers, body)
            .await
            .status
    };

    let form = send(
        ("Content-Type", "application/x-www-form-urlencoded"),
        "name=x",
    )
    .await;
    let broken = send(JSON, "{").await;

    assert_eq!((form, broken), (415, 400));
}

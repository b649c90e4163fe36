//! Lists: pages, forms, filters.

use homelab_core::clock::Micros;
use homelab_lab::netbox::NetBox;
use serde_json::{Value, json};

use super::{ask, column, get, server};

/// Ten sites.
async fn sites() -> NetBox {
    let netbox = NetBox::start().await.unwrap();
    for number in 1..=10 {
        let site = json!({ "name": format!("s{number}"), "slug": format!("s{number}") });
        netbox.add("dcim/sites", site);
    }
    netbox
}

#[tokio::test]
async fn pages_say_where_the_next_one_is() {
    let netbox = sites().await;
    netbox.set_host("netbox.example");

    let first = get(&netbox, "dcim/sites/?limit=4&brief=1").await;
    let last = get(&netbox, "dcim/sites/?limit=4&offset=8").await;

    assert_eq!(
        (&first["count"], &first["previous"]),
        (&json!(10), &Value::Null)
    );
    let next = "http://netbox.example/api/dcim/sites/?brief=1&limit=4&offset=4";
    assert_eq!(first["next"], next);
    assert_eq!(last["results"].as_array().unwrap().len(), 2);
    assert_eq!(last["next"], Value::Null);
    assert_eq!(
        last["previous"],
        "http://netbox.example/api/dcim/sites/?limit=4&offset=4"
    );
}

#[tokio::test]
async fn a_page_has_a_bound() {
    let netbox = sites().await;
    netbox.set_page_size(3);

    let mut seen = Vec::new();
    for query in ["", "?limit=0", "?limit=900", "?limit=2"] {
        let list = get(&netbox, &format!("dcim/sites/{query}")).await;
        seen.push(list["results"].as_array().unwrap().len());
    }

    assert_eq!(seen, [3, 3, 3, 2]);
}

#[tokio::test]
async fn a_cursor_goes_by_ids_and_not_with_an_offset() {
    let netbox = sites().await;

    let page = get(&netbox, "dcim/sites/?start=0&limit=2&brief=1").await;
    let both = ask(&netbox, "GET", "dcim/sites/?start=0&offset=2", Value::Null).await;

    assert_eq!(
        (&page["count"], &page["previous"]),
        (&Value::Null, &Value::Null)
    );
    assert!(
        page["next"]
            .as_str()
            .unwrap()
            .ends_with("?brief=1&limit=2&start=3")
    );
    assert_eq!((both.status, both.json().is_array()), (400, true));
}

#[tokio::test]
async fn objects_are_told_in_full_in_brief_or_in_part() {
    let netbox = server().await;

    let full = get(&netbox, "dcim/devices/1/").await;
    let brief = get(&netbox, "dcim/devices/1/?brief=1").await;
    let part = get(&netbox, "dcim/devices/?fields=id,name,status&limit=1").await;
    let less = get(&netbox, "dcim/devices/1/?omit=config_context,site").await;

    assert_eq!(
        full["status"],
        json!({ "value": "active", "label": "Active" })
    );
    assert_eq!(full["device_type"]["manufacturer"]["slug"], "acme");
    assert_eq!(
        (&full["interface_count"], &full["config_context"]),
        (&json!(1), &json!({}))
    );
    let url = format!("http://lab.example/api/dcim/devices/{}/", 1);
    assert_eq!(
        brief,
        json!({ "id": 1, "url": url, "display": "n1", "name": "n1", "description": "" })
    );
    assert_eq!(
        part["results"],
        json!([{ "id": 1, "name": "n1", "status": { "value": "active", "label": "Active" } }])
    );
    assert!(less.get("site").is_none() && less.get("rack").is_some());
}

#[tokio::test]
async fn an_unknown_filter_brings_everything() {
    let netbox = server().await;

    let list = get(&netbox, "dcim/devices/?nmae=n1").await;

    assert_eq!(list["count"], 2);
    assert_eq!(netbox.log().unexpected(), ["GET /api/dcim/devices/"]);
}

#[tokio::test]
async fn a_wrong_value_of_a_filter_is_400() {
    let netbox = server().await;

    let mut seen = Vec::new();
    for query in ["status=nope", "site=nope", "site_id=9", "tag=nope", "id=x"] {
        let answer = ask(
            &netbox,
            "GET",
            &format!("dcim/devices/?{query}"),
            Value::Null,
        )
        .await;
        seen.push((answer.status, answer.json()));
    }

    let choice = |field: &str, value: &str| {
        let text = format!("Select a valid choice. {value} is not one of the available choices.");
        (400, json!({ field: [text] }))
    };
    assert_eq!(
        seen,
        [
            choice("status", "nope"),
            choice("site", "nope"),
            choice("site_id", "9"),
            choice("tag", "nope"),
            (400, json!({ "id": ["Enter a number."] })),
        ]
    );
    assert_eq!(netbox.log().unexpected(), [""; 0]);
}

#[tokio::test]
async fn devices_are_found_by_what_they_are() {
    let netbox = server().await;
    let tag = netbox.add("extras/tags", json!({ "name": "Rack", "slug": "rack" }));
    netbox.add("dcim/racks", json!({ "name": "r1", "site": 1 }));
    netbox.add(
        "dcim/devices",
        json!({
            "name": "spare", "device_type": { "slug": "s1" }, "role": { "name": "Server" },
            "site": { "slug": "lab" }, "rack": 1, "status": "planned", "tags": [{ "slug": "rack" }],
            "serial": "XK-7",
        }),
    );
    assert_eq!(tag, 1);

    let cases = [
        ("site=lab", 3),
        ("status=planned", 1),
        ("status=planned&status=active", 3),
        ("status__n=planned", 2),
        ("name=n1", 1),
        ("name=N1", 0),
        ("name__ie=N1", 1),
        ("name__ic=N", 2),
        ("name__isw=sp", 1),
        ("manufacturer=acme", 3),
        ("role_id=1", 3),
        ("rack_id=1", 1),
        ("rack_id=null", 2),
        ("tag=rack", 1),
        ("q=xk-7", 1),
        ("has_primary_ip=false", 3),
        ("id__gte=2", 2),
        ("id=1&id=3", 2),
        ("tenant=null", 3),
    ];
    for (query, count) in cases {
        let list = get(&netbox, &format!("dcim/devices/?{query}")).await;
        assert_eq!(list["count"], count, "{query}");
    }
    assert_eq!(netbox.log().unexpected(), [""; 0]);
}

#[tokio::test]
async fn addresses_and_prefixes_are_found_by_place() {
    let netbox = server().await;
    netbox.add("ipam/vrfs", json!({ "name": "blue", "rd": "65000:1" }));
    for prefix in ["10.0.0.0/8", "10.9.0.0/24", "2001:db8::/64"] {
        let scope = json!({ "prefix": prefix, "scope_type": "dcim.site", "scope_id": 1 });
        netbox.add("ipam/prefixes", scope);
    }
    netbox.add(
        "ipam/prefixes",
        json!({ "prefix": "10.9.0.0/24", "vrf": { "name": "blue" } }),
    );
    let on = json!({
        "address": "10.9.0.5/24", "dns_name": "N1.Lab.Example",
        "assigned_object_type": "dcim.interface", "assigned_object_id": 1,
    });
    netbox.add("ipam/ip-addresses", on);
    netbox.add(
        "ipam/ip-addresses",
        json!({ "address": "10.9.1.5/24", "status": "dhcp" }),
    );

    let cases = [
        ("prefixes/?prefix=10.9.0.0/24", 2),
        ("prefixes/?prefix=10.9.0.0/24&vrf_id=null", 1),
        ("prefixes/?vrf=65000:1", 1),
        ("prefixes/?within=10.0.0.0/8", 2),
        ("prefixes/?within_include=10.0.0.0/8", 3),
        ("prefixes/?contains=10.9.0.77", 3),
        ("prefixes/?family=6", 1),
        ("prefixes/?site=lab", 3),
        ("prefixes/?mask_length=64", 1),
        ("ip-addresses/?address=10.9.0.5", 1),
        ("ip-addresses/?address=10.9.0.5/24", 1),
        ("ip-addresses/?address=10.9.0.5/32", 0),
        ("ip-addresses/?parent=10.9.0.0/24", 1),
        ("ip-addresses/?device=n1", 1),
        ("ip-addresses/?device_id=1", 1),
        ("ip-addresses/?interface_id=2", 0),
        ("ip-addresses/?dns_name=n1.lab.example", 1),
        ("ip-addresses/?status=dhcp", 1),
        ("ip-addresses/?assigned=false", 1),
        ("ip-addresses/?vrf_id=null", 2),
    ];
    for (query, count) in cases {
        let list = get(&netbox, &format!("ipam/{query}")).await;
        assert_eq!(list["count"], count, "{query}");
    }
    assert_eq!(netbox.log().unexpected(), [""; 0]);
}

#[tokio::test]
async fn lists_are_in_the_order_people_expect_or_the_one_asked_for() {
    let netbox = sites().await;
    for prefix in ["10.10.0.0/16", "10.9.0.0/16", "9.0.0.0/8"] {
        netbox.add("ipam/prefixes", json!({ "prefix": prefix }));
    }

    let names = column(&netbox, "dcim/sites/?limit=3", "name").await;
    let reverse = column(&netbox, "dcim/sites/?limit=2&ordering=-name", "name").await;
    let prefixes = column(&netbox, "ipam/prefixes/", "prefix").await;

    assert_eq!(names, ["s1", "s2", "s3"]);
    assert_eq!(reverse, ["s10", "s9"]);
    assert_eq!(prefixes, ["9.0.0.0/8", "10.9.0.0/16", "10.10.0.0/16"]);
}

#[tokio::test]
async fn changes_are_on_record() {
    let netbox = server().await;
    let patch = json!({ "description": "new", "changelog_message": "lab: renamed by tests" });
    let answer = ask(&netbox, "PATCH", "dcim/sites/1/", patch).await;
    let request = answer
        .head
        .lines()
        .find_map(|line| line.strip_prefix("x-request-id: "));

    let path = format!(
        "core/object-changes/?request_id={}",
        request.unwrap().trim()
    );
    let change = get(&netbox, &path).await["results"][0].clone();
    let of_site = get(
        &netbox,
        "core/object-changes/?changed_object_type=dcim.site&changed_object_id=1",
    )
    .await;
    let wrong = ask(
        &netbox,
        "GET",
        "core/object-changes/?action=made",
        Value::Null,
    )
    .await;
    let touched = format!(
        "dcim/sites/?modified_by_request={}",
        request.unwrap().trim()
    );

    assert_eq!(
        change["action"],
        json!({ "value": "update", "label": "Updated" })
    );
    assert_eq!(change["message"], "lab: renamed by tests");
    assert_eq!(
        (&change["user_name"], &change["object_repr"]),
        (&json!("admin"), &json!("Lab"))
    );
    assert_eq!(change["prechange_data"]["description"], "");
    assert_eq!(change["postchange_data"]["description"], "new");
    assert!(Micros::from_rfc3339(change["time"].as_str().unwrap()).is_some());
    // The newest first.
    assert_eq!(of_site["results"][0]["action"]["value"], "update");
    assert_eq!(of_site["results"][1]["action"]["value"], "create");
    assert_eq!(wrong.status, 400);
    assert_eq!(get(&netbox, &touched).await["count"], 1);
}

#[tokio::test]
async fn an_address_is_asked_for_with_its_length_or_without() {
    let netbox = server().await;
    let range = json!({ "start_address": "192.0.2.5/24", "end_address": "192.0.2.9/24" });
    netbox.add("ipam/ip-ranges", range);

    let mut seen = Vec::new();
    for filter in [
        "start_address=192.0.2.5",
        "start_address=192.0.2.5/24",
        "start_address=192.0.2.5/25",
        "end_address=192.0.2.9",
        "end_address=192.0.2.5",
    ] {
        let path = format!("ipam/ip-ranges/?{filter}");
        seen.push(get(&netbox, &path).await["count"].clone());
    }

    assert_eq!(seen, [1, 1, 0, 1, 0]);
    assert_eq!(netbox.log().unexpected(), [""; 0]);
}

#[tokio::test]
async fn interfaces_of_machines_are_found_by_their_vlan() {
    let netbox = server().await;
    netbox.add("ipam/vlans", json!({ "vid": 10, "name": "a" }));
    netbox.add(
        "virtualization/cluster-types",
        json!({ "name": "t", "slug": "t" }),
    );
    netbox.add("virtualization/clusters", json!({ "name": "c", "type": 1 }));
    netbox.add(
        "virtualization/virtual-machines",
        json!({ "name": "m", "cluster": 1 }),
    );
    let port = json!({ "virtual_machine": 1, "name": "e0", "mode": "access", "untagged_vlan": 1 });
    netbox.add("virtualization/interfaces", port);
    netbox.add(
        "virtualization/interfaces",
        json!({ "virtual_machine": 1, "name": "e1" }),
    );

    let found = column(&netbox, "virtualization/interfaces/?vlan_id=1", "name").await;

    assert_eq!(found, ["e0"]);
    assert_eq!(netbox.log().unexpected(), [""; 0]);
}

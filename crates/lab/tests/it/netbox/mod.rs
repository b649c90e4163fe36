//! The NetBox stand-in against the API's documentation and recorded answers.

mod access;
mod allocation;
mod cables;
mod lists;
mod writes;

use homelab_lab::netbox::{NetBox, TOKEN};
use serde_json::{Value, json};

use crate::wire::{Answer, call};

const JSON: (&str, &str) = ("Content-Type", "application/json");

/// A site with two devices of one interface each.
async fn server() -> NetBox {
    let netbox = NetBox::start().await.unwrap();
    netbox.add("dcim/sites", json!({ "name": "Lab", "slug": "lab" }));
    netbox.add(
        "dcim/manufacturers",
        json!({ "name": "Acme", "slug": "acme" }),
    );
    let kind = json!({ "manufacturer": 1, "model": "S1", "slug": "s1" });
    netbox.add("dcim/device-types", kind);
    netbox.add(
        "dcim/device-roles",
        json!({ "name": "Server", "slug": "server" }),
    );
    for name in ["n1", "n2"] {
        let device = json!({ "name": name, "device_type": 1, "role": 1, "site": 1 });
        let device = netbox.add("dcim/devices", device);
        let port = json!({ "device": device, "name": "eth0", "type": "1000base-t" });
        netbox.add("dcim/interfaces", port);
    }
    netbox
}

async fn ask(netbox: &NetBox, method: &str, path: &str, body: Value) -> Answer {
    ask_with(netbox, &[], method, path, body).await
}

async fn ask_with(
    netbox: &NetBox,
    more: &[(&str, &str)],
    method: &str,
    path: &str,
    body: Value,
) -> Answer {
    let bearer = format!("Bearer {TOKEN}");
    let mut headers = vec![("Authorization", bearer.as_str())];
    headers.extend(more);
    let body = match body {
        Value::Null => String::new(),
        body => {
            headers.push(JSON);
            body.to_string()
        }
    };
    call(
        netbox.address(),
        method,
        &format!("/api/{path}"),
        &headers,
        &body,
    )
    .await
}

async fn get(netbox: &NetBox, path: &str) -> Value {
    let answer = ask(netbox, "GET", path, Value::Null).await;
    assert_eq!(answer.status, 200, "{path}: {}", answer.body());
    answer.json()
}

/// Status and body of a POST.
async fn post(netbox: &NetBox, path: &str, body: Value) -> (u16, Value) {
    let answer = ask(netbox, "POST", path, body).await;
    (answer.status, answer.json())
}

/// One field of every row of a list.
async fn column(netbox: &NetBox, path: &str, field: &str) -> Vec<Value> {
    let list = get(netbox, path).await;
    let rows = list["results"].as_array().unwrap();
    rows.iter().map(|row| row[field].clone()).collect()
}

#[tokio::test]
async fn the_demo_knows_the_lab() {
    let netbox = NetBox::demo().await.unwrap();

    let pve = get(&netbox, "dcim/devices/?name=pve1").await["results"][0].clone();
    let guest = get(&netbox, "virtualization/virtual-machines/?name=traefik").await;
    let prefixes = get(&netbox, "ipam/prefixes/?status=active").await;
    let status = get(&netbox, "status/").await;

    assert_eq!(pve["primary_ip"]["address"], "192.0.2.11/26");
    assert_eq!(
        (&pve["rack"]["name"], &pve["site"]["slug"]),
        (&json!("cellar"), &json!("homelab"))
    );
    assert_eq!(
        guest["results"][0]["primary_ip4"]["address"],
        "192.0.2.80/26"
    );
    assert_eq!(guest["results"][0]["device"]["name"], "pve1");
    assert_eq!(prefixes["count"], 7);
    assert_eq!(netbox.count("dcim/cables"), 8);
    assert_eq!(status["netbox-version"], "4.7.3");
}

#[tokio::test]
async fn it_tells_what_it_serves() {
    let netbox = server().await;

    let schema = get(&netbox, "schema/?format=json").await;

    assert_eq!(schema["openapi"], "3.0.3");
    assert!(schema["paths"]["/api/ipam/prefixes/{id}/available-ips/"]["post"].is_object());
    let body = &schema["paths"]["/api/ipam/vlans/"]["post"]["requestBody"];
    let one = &body["content"]["application/json"]["schema"]["oneOf"][0]["$ref"];
    let vlan = one
        .as_str()
        .and_then(|place| schema.pointer(place.trim_start_matches('#')));
    let vlan = vlan.unwrap();
    assert_eq!(vlan["required"], json!(["vid", "name"]));
    assert_eq!(vlan["properties"]["vid"]["maximum"], 4094);
}

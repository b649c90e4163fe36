//! Rules, zones and policies.

use homelab_lab::unifi::{ACCOUNT, Unifi};
use serde_json::{Value, json};

use super::{Session, ask, classic, console, get, site};
use crate::wire::Answer;

fn policy(name: &str) -> Value {
    json!({
        "enabled": true,
        "name": name,
        "action": {"type": "BLOCK"},
        "source": {"zoneId": Unifi::zone_id("Hotspot")},
        "destination": {"zoneId": Unifi::zone_id("Internal")},
        "ipProtocolScope": {"ipVersion": "IPV4_AND_IPV6"},
        "loggingEnabled": false,
    })
}

async fn v2(console: &Unifi, method: &str, path: &str, body: &Value) -> Answer {
    let session = Session::open(console, ACCOUNT.0, ACCOUNT.1).await;
    let body = if body.is_null() {
        String::new()
    } else {
        body.to_string()
    };
    let path = format!("/v2/api/site/default/{path}");
    session.ask(console, method, &path, &body).await
}

#[tokio::test]
async fn policies_are_made_replaced_and_deleted() {
    let console = console().await;
    let path = site("/firewall/policies");

    let made = ask(&console, "POST", &path, &policy("a").to_string()).await;
    let one = format!("{path}/{}", made.json()["id"].as_str().unwrap());
    let mut body = policy("a");
    body["enabled"] = json!(false);
    let replaced = ask(&console, "PUT", &one, &body.to_string()).await;
    let patched = ask(&console, "PATCH", &one, r#"{"loggingEnabled":true}"#).await;
    let too_much = ask(&console, "PATCH", &one, r#"{"enabled":true}"#).await;
    let gone = ask(&console, "DELETE", &one, "").await.status;

    assert_eq!(made.status, 201);
    assert_eq!(made.json()["metadata"], json!({"origin": "USER_DEFINED"}));
    assert_eq!(replaced.json()["enabled"], false);
    assert_eq!(
        (
            patched.json()["loggingEnabled"].clone(),
            patched.json()["enabled"].clone()
        ),
        (json!(true), json!(false))
    );
    assert_eq!((too_much.status, gone), (400, 200));
    assert!(console.policies().is_empty());
}

#[tokio::test]
async fn policies_are_checked_in_their_parts() {
    let console = console().await;
    let path = site("/firewall/policies");
    let change = |name: &str, value: Value| {
        let mut body = policy("a");
        body[name] = value;
        body.to_string()
    };

    for body in [
        change("action", json!({"type": "ALLOW"})),
        change(
            "action",
            json!({"type": "BLOCK", "allowReturnTraffic": true}),
        ),
        change("source", json!({"zoneId": "nowhere"})),
        change(
            "source",
            json!({"zoneId": Unifi::zone_id("Hotspot"), "trafficFilter": {"type": "DOMAIN"}}),
        ),
        change("schedule", json!({"mode": "ALWAYS"})),
        change("connectionStateFilter", json!(["OLD"])),
        change("id", json!("x")),
        change("name", json!("")),
    ] {
        let answer = ask(&console, "POST", &path, &body).await;
        assert!([400, 404].contains(&answer.status), "{body}");
    }
    assert!(console.policies().is_empty());
}

#[tokio::test]
async fn only_what_users_made_can_be_changed() {
    let console = console().await;
    let id = console.add_policy("SYSTEM_DEFINED", &policy("system"));
    let one = site(&format!("/firewall/policies/{id}"));

    let replaced = ask(&console, "PUT", &one, &policy("mine").to_string())
        .await
        .status;
    let deleted = ask(&console, "DELETE", &one, "").await.status;
    let logged = ask(&console, "PATCH", &one, r#"{"loggingEnabled":true}"#)
        .await
        .status;

    assert_eq!((replaced, deleted, logged), (400, 400, 200));
    assert_eq!(console.policies()[0]["name"], "system");
}

#[tokio::test]
async fn policies_have_an_order_that_can_be_changed() {
    let console = console().await;
    let first = console.add_policy("USER_DEFINED", &policy("first"));
    let second = console.add_policy("USER_DEFINED", &policy("second"));
    let path = site(&format!(
        "/firewall/policies/ordering?sourceFirewallZoneId={}&destinationFirewallZoneId={}",
        Unifi::zone_id("Hotspot"),
        Unifi::zone_id("Internal"),
    ));

    let before = get(&console, &path).await;
    let wanted = json!({"orderedFirewallPolicyIds":
        {"beforeSystemDefined": [second], "afterSystemDefined": [first]}});
    let after = ask(&console, "PUT", &path, &wanted.to_string()).await;

    assert_eq!(
        before["orderedFirewallPolicyIds"]["beforeSystemDefined"],
        json!([first, second])
    );
    assert_eq!(after.json(), wanted);
}

#[tokio::test]
async fn both_apis_see_one_policy() {
    let console = console().await;
    let id = console.add_policy("USER_DEFINED", &policy("shared"));

    let list = v2(&console, "GET", "firewall-policies", &Value::Null)
        .await
        .json();
    let own = list[0]["_id"].as_str().unwrap().to_owned();
    let one = format!("firewall-policies/{own}");
    let alone = v2(&console, "GET", &one, &Value::Null).await.json();
    let mut body = list[0].clone();
    body["enabled"] = json!(false);
    let changed = v2(&console, "PUT", &one, &body).await.status;
    let seen = get(&console, &site(&format!("/firewall/policies/{id}"))).await;

    assert!(alone.is_array(), "one object comes as a list of one");
    assert_eq!((changed, seen["enabled"].clone()), (200, json!(false)));
    let migrations = v2(&console, "GET", "site-feature-migration", &Value::Null)
        .await
        .json();
    assert_eq!(migrations[0]["feature"], "ZONE_BASED_FIREWALL");
}

#[tokio::test]
async fn the_v2_part_swallows_what_it_does_not_like() {
    let console = console().await;
    let zones = v2(&console, "GET", "firewall/zone", &Value::Null)
        .await
        .json();
    let zone = zones[0]["_id"].clone();
    let mut body = json!({"name": "a", "enabled": true, "action": "BLOCK",
                          "source": {"zone_id": zone}, "destination": {"zone_id": zone}});

    let unscheduled = v2(&console, "POST", "firewall-policies", &body)
        .await
        .status;
    body["schedule"] = json!({"mode": "ALWAYS"});
    body["create_allow_respond"] = json!(true);
    let responding = v2(&console, "POST", "firewall-policies", &body)
        .await
        .status;
    let before = console.policies().len();
    body["create_allow_respond"] = json!(false);
    let right = v2(&console, "POST", "firewall-policies", &body)
        .await
        .status;

    assert_eq!((unscheduled, responding, before), (200, 200, 0));
    assert_eq!((right, console.policies().len()), (201, 1));
}

#[tokio::test]
async fn the_old_firewall_has_rules() {
    let console = classic().await;
    let id = console.add_rule(&json!({"name": "a", "enabled": true, "action": "drop",
                                      "ruleset": "LAN_IN", "rule_index": 2000}));
    let body = json!({"username": ACCOUNT.0, "password": ACCOUNT.1}).to_string();
    let login = crate::wire::call(
        console.address(),
        "POST",
        "/api/login",
        &[super::JSON],
        &body,
    )
    .await;
    let cookie = super::header(&login, "set-cookie");
    let cookie = cookie.split(';').next().unwrap();
    let ask = async |method: &str, path: &str, body: &str| {
        let headers = [("Cookie", cookie), super::JSON];
        let headers = if body.is_empty() {
            &headers[..1]
        } else {
            &headers[..]
        };
        let path = format!("/api/s/default/rest/{path}");
        crate::wire::call(console.address(), method, &path, headers, body).await
    };

    let changed = ask("PUT", &format!("firewallrule/{id}"), r#"{"enabled":false}"#)
        .await
        .json();
    let twice = r#"{"name":"b","action":"drop","ruleset":"LAN_IN","rule_index":2000}"#;
    let twice = ask("POST", "firewallrule", twice).await;
    let list = ask("GET", "firewallrule", "").await.json();

    assert_eq!(changed["data"][0]["enabled"], false);
    assert_eq!(twice.status, 400);
    assert_eq!(list["data"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn traffic_rules_cannot_be_read_one_by_one() {
    let console = console().await;
    let rule = json!({"action": "BLOCK", "description": "no video", "enabled": true,
                      "matching_target": "INTERNET"});
    let id = console.add_traffic_rule(&rule);
    let path = format!("trafficrules/{id}");

    let one = v2(&console, "GET", &path, &Value::Null).await.status;
    let list = v2(&console, "GET", "trafficrules", &Value::Null)
        .await
        .json();
    let mut body = rule.clone();
    body["enabled"] = json!(false);
    let changed = v2(&console, "PUT", &path, &body).await.json();

    assert_eq!((one, list[0]["_id"].clone()), (405, json!(id)));
    assert_eq!(changed["enabled"], false);
    assert!(console.log().unexpected().is_empty());
}

#[tokio::test]
async fn an_acl_rule_blocks_macs_on_one_network() {
    let console = console().await;
    let path = site("/acl-rules");
    let networks = get(&console, &site("/networks")).await;
    let mut body = json!({"type": "MAC", "enabled": true, "name": "block phone", "action": "BLOCK",
        "sourceFilter": {"type": "MAC_ADDRESSES", "macAddresses": [super::PHONE]}});

    let nowhere = ask(&console, "POST", &path, &body.to_string()).await.status;
    body["networkIdFilter"] = networks["data"][0]["id"].clone();
    let made = ask(&console, "POST", &path, &body.to_string()).await;
    let filter = format!(
        "{path}?filter=sourceFilter.macAddresses.contains('{}')",
        super::PHONE
    );
    let found = get(&console, &filter).await;

    assert_eq!((nowhere, made.status), (400, 201));
    assert_eq!(found["totalCount"], 1);
}

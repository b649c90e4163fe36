//! The integration API.

use homelab_lab::unifi::{ClientSeed, DeviceKind, DeviceSeed, Unifi};
use serde_json::{Value, json};

use super::{AP, GUEST, PHONE, SWITCH, ask, console, get, site};

async fn id_of(console: &Unifi, list: &str, name: &str) -> String {
    let list = get(console, &site(list)).await;
    let rows = list["data"].as_array().unwrap();
    let row = rows.iter().find(|row| row["name"] == name).unwrap();
    row["id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn lists_come_in_pages_and_filtered() {
    let console = console().await;
    for n in 0..30 {
        let mac = format!("00:00:5e:00:53:{:02x}", 0x40 + n);
        console.add_client(ClientSeed::wired(&mac, &format!("host-{n:02}")));
    }

    let first = get(&console, &site("/clients")).await;
    let last = get(&console, &site("/clients?offset=30&limit=200")).await;
    let wired = get(&console, &site("/clients?filter=type.eq('WIRED')&limit=0")).await;
    let by_mac = format!("/clients?filter=macAddress.eq('{PHONE}')");
    let by_mac = get(&console, &site(&by_mac)).await;

    let page =
        |list: &Value| ["offset", "limit", "count", "totalCount"].map(|name| list[name].clone());
    assert_eq!(page(&first), [0, 25, 25, 32].map(Value::from));
    assert_eq!(page(&last), [30, 200, 2, 32].map(Value::from));
    assert_eq!(page(&wired), [0, 0, 0, 30].map(Value::from));
    assert_eq!(by_mac["data"][0]["name"], "phone");
    assert_eq!(by_mac["data"][0]["access"], json!({"type": "DEFAULT"}));
}

#[tokio::test]
async fn devices_are_told_briefly_and_in_full() {
    let console = console().await;
    let id = id_of(&console, "/devices", "sw-1").await;

    let list = get(
        &console,
        &site("/devices?filter=features.contains('switching')"),
    )
    .await;
    let detail = get(&console, &site(&format!("/devices/{id}"))).await;
    let statistics = get(&console, &site(&format!("/devices/{id}/statistics/latest"))).await;
    let missing = ask(
        &console,
        "GET",
        &site("/devices/00000000-0000-0000-0000-000000000000"),
        "",
    )
    .await;

    assert_eq!(list["data"][0]["features"], json!(["switching"]));
    assert_eq!(detail["interfaces"]["ports"].as_array().unwrap().len(), 8);
    assert_eq!(detail["interfaces"]["ports"][0]["poe"]["enabled"], true);
    assert!(statistics["uptimeSec"].is_i64());
    assert_eq!(
        (missing.status, missing.json()["statusName"].clone()),
        (404, json!("NOT_FOUND"))
    );
}

#[tokio::test]
async fn a_restart_takes_a_few_looks() {
    let console = console().await;
    console.set_restart_looks(2);
    let id = id_of(&console, "/devices", "ap-1").await;
    let path = site(&format!("/devices/{id}"));

    let answer = ask(
        &console,
        "POST",
        &format!("{path}/actions"),
        r#"{"action":"RESTART"}"#,
    )
    .await;
    let mut states = Vec::new();
    for _ in 0..4 {
        states.push(get(&console, &path).await["state"].clone());
    }

    assert_eq!((answer.status, answer.body()), (200, String::new()));
    assert_eq!(states, ["OFFLINE", "OFFLINE", "ONLINE", "ONLINE"]);
    assert_eq!(console.done(AP), ["restart soft"]);
}

#[tokio::test]
async fn a_port_is_cycled_where_it_gives_power() {
    let console = console().await;
    let switch = id_of(&console, "/devices", "sw-1").await;
    let ap = id_of(&console, "/devices", "ap-1").await;
    let cycle = async |id: &str, port: u8| {
        let path = site(&format!("/devices/{id}/interfaces/ports/{port}/actions"));
        ask(&console, "POST", &path, r#"{"action":"POWER_CYCLE"}"#)
            .await
            .status
    };

    assert_eq!(cycle(&switch, 3).await, 200);
    assert_eq!((cycle(&switch, 9).await, cycle(&ap, 1).await), (400, 400));
    assert_eq!(console.done(SWITCH), ["power-cycle 3"]);
}

#[tokio::test]
async fn guests_are_let_in_and_shut_out() {
    let console = console().await;
    let guest = id_of(&console, "/clients", "visitor").await;
    let phone = id_of(&console, "/clients", "phone").await;
    let act = async |id: &str, body: &str| {
        ask(
            &console,
            "POST",
            &site(&format!("/clients/{id}/actions")),
            body,
        )
        .await
    };

    let into = act(
        &guest,
        r#"{"action":"AUTHORIZE_GUEST_ACCESS","timeLimitMinutes":60}"#,
    )
    .await;
    let inside = get(&console, &site(&format!("/clients/{guest}"))).await;
    let authorized = console.is_authorized(GUEST);
    let out = act(&guest, r#"{"action":"UNAUTHORIZE_GUEST_ACCESS"}"#).await;
    let no_guest = act(&phone, r#"{"action":"AUTHORIZE_GUEST_ACCESS"}"#).await;
    let unknown = act(&phone, r#"{"action":"BLOCK"}"#).await;

    assert!(into.json()["grantedAuthorization"]["expiresAt"].is_string());
    assert_eq!(
        (authorized, inside["access"]["authorized"].clone()),
        (true, json!(true))
    );
    assert!(out.json()["revokedAuthorization"].is_object());
    assert!(!console.is_authorized(GUEST));
    assert_eq!((no_guest.status, unknown.status), (400, 400));
}

#[tokio::test]
async fn vouchers_are_made_and_revoked() {
    let console = console().await;
    let path = site("/hotspot/vouchers");
    let body =
        json!({"name": "party", "count": 3, "timeLimitMinutes": 1440, "rxRateLimitKbps": 2000});

    let made = ask(&console, "POST", &path, &body.to_string()).await;
    let rows = made.json()["vouchers"].clone();
    let one = format!("{path}/{}", rows[0]["id"].as_str().unwrap());
    let read = get(&console, &one).await;
    let gone = ask(&console, "DELETE", &one, "").await.json();
    let again = ask(&console, "DELETE", &one, "").await.status;
    let by_name = format!("{path}?filter=and(name.eq('party'),expired.eq(false))");
    let rest = ask(&console, "DELETE", &by_name, "").await.json();
    let all = ask(&console, "DELETE", &path, "").await.status;

    assert_eq!(made.status, 201);
    assert_eq!(rows.as_array().unwrap().len(), 3);
    let code = rows[0]["code"].as_str().unwrap();
    assert!(code.len() == 10 && code.bytes().all(|digit| digit.is_ascii_digit()));
    assert_eq!(read, rows[0]);
    assert_eq!((gone, again), (json!({"vouchersDeleted": 1}), 404));
    assert_eq!((rest, all), (json!({"vouchersDeleted": 2}), 400));
    assert!(console.vouchers().is_empty());
}

#[tokio::test]
async fn networks_wlans_and_waiting_devices_are_listed() {
    let console = console().await;
    console.add_wlan("lab", "Default", "demo-only-heron");
    console.add_device(DeviceSeed {
        state: "PENDING_ADOPTION".to_owned(),
        ..DeviceSeed::new("00:00:5e:00:53:77", "new", DeviceKind::AccessPoint)
    });

    let networks = get(&console, &site("/networks?filter=vlanId.eq(60)")).await;
    let wlans = get(&console, &site("/wifi/broadcasts")).await;
    let pending = get(&console, "/v1/pending-devices").await;
    let adopt = r#"{"macAddress":"00:00:5e:00:53:77","ignoreDeviceLimit":false}"#;
    let adopted = ask(&console, "POST", &site("/devices"), adopt).await;

    assert_eq!(networks["data"][0]["zoneId"], Unifi::zone_id("Hotspot"));
    assert!(!wlans.to_string().contains("heron"), "no secret here");
    assert_eq!(pending["data"][0]["macAddress"], "00:00:5e:00:53:77");
    assert_eq!(adopted.json()["state"], "ADOPTING");
}

#[tokio::test]
async fn names_of_the_local_dns_are_kept() {
    let console = console().await;
    let path = site("/dns/policies");
    let body = json!({"type": "A_RECORD", "enabled": true, "domain": "nas.lab.example",
                      "ipv4Address": "192.0.2.70", "ttlSeconds": 300});

    let made = ask(&console, "POST", &path, &body.to_string()).await;
    let one = format!("{path}/{}", made.json()["id"].as_str().unwrap());
    let found = get(&console, &format!("{path}?filter=domain.like('nas.*')")).await;
    let gone = ask(&console, "DELETE", &one, "").await.status;

    assert_eq!(
        (made.status, found["totalCount"].clone(), gone),
        (201, json!(1), 200)
    );
    assert!(console.records().is_empty());
}

#[tokio::test]
async fn a_record_has_the_fields_of_its_type_alone() {
    let console = console().await;
    let path = site("/dns/policies");
    let text = |text: &str| json!({"type": "TXT_RECORD", "enabled": true, "domain": "a.example", "text": text});
    let mut ttl = text("a");
    ttl["ttlSeconds"] = json!(0);
    let lacks = json!({"type": "A_RECORD", "enabled": true, "domain": "a.example", "ipv4Address": "192.0.2.1"});
    let form = json!({"type": "AAAA_RECORD", "enabled": true, "domain": "a.example",
                      "ipv6Address": "192.0.2.1", "ttlSeconds": 0});

    for body in [ttl, lacks, form, text("a, b"), text("say \"x\"")] {
        let answer = ask(&console, "POST", &path, &body.to_string()).await;
        assert_eq!(answer.status, 400, "{body}");
    }
    let kept = ask(&console, "POST", &path, &text("\"a, b\"").to_string()).await;

    assert_eq!(kept.status, 201);
    assert_eq!(console.log().unexpected().len(), 5);
}

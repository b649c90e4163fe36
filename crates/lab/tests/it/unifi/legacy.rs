//! The old API.

use homelab_lab::Fault;
use homelab_lab::unifi::{ACCOUNT, Unifi};
use serde_json::{Value, json};

use super::{AP, GUEST, PHONE, SWITCH, Session, console, get};
use crate::wire::Answer;

async fn command(console: &Unifi, manager: &str, body: &Value) -> Answer {
    let session = Session::open(console, ACCOUNT.0, ACCOUNT.1).await;
    let path = format!("/api/s/default/cmd/{manager}");
    session.ask(console, "POST", &path, &body.to_string()).await
}

async fn rest(console: &Unifi, method: &str, path: &str, body: &Value) -> Answer {
    let session = Session::open(console, ACCOUNT.0, ACCOUNT.1).await;
    let body = if body.is_null() {
        String::new()
    } else {
        body.to_string()
    };
    session.ask(console, method, path, &body).await
}

fn code(answer: &Answer) -> String {
    answer.json()["meta"]["msg"]
        .as_str()
        .unwrap_or_default()
        .to_owned()
}

#[tokio::test]
async fn a_blocked_client_is_gone_until_it_is_let_back() {
    let console = console().await;

    let blocked = command(
        &console,
        "stamgr",
        &json!({"cmd": "block-sta", "mac": PHONE}),
    )
    .await;
    let connected = get(&console, "/api/s/default/stat/sta").await;
    let known = get(&console, "/api/s/default/rest/user").await;
    let back = command(
        &console,
        "stamgr",
        &json!({"cmd": "unblock-sta", "mac": PHONE}),
    )
    .await;
    let body = json!({"cmd": "unblock-sta", "mac": "00:00:5e:00:53:99"});
    let unknown = command(&console, "stamgr", &body).await;

    assert_eq!(blocked.json()["data"][0]["blocked"], true);
    assert_eq!(connected["data"].as_array().unwrap().len(), 1);
    assert_eq!(known["data"].as_array().unwrap().len(), 2);
    assert_eq!(back.json()["data"][0]["blocked"], false);
    assert_eq!(
        (unknown.status, code(&unknown)),
        (400, "api.err.UnknownStation".to_owned())
    );
    assert_eq!(
        get(&console, "/api/s/default/stat/sta").await["data"]
            .as_array()
            .unwrap()
            .len(),
        2
    );
}

#[tokio::test]
async fn commands_take_their_own_fields_alone() {
    let console = console().await;

    let shouting = json!({"cmd": "block-sta", "mac": PHONE.to_uppercase()});
    let shouting = command(&console, "stamgr", &shouting).await.status;
    let one = command(
        &console,
        "stamgr",
        &json!({"cmd": "forget-sta", "mac": PHONE}),
    )
    .await
    .status;
    let none = command(&console, "stamgr", &json!({"cmd": "kick-sta"}))
        .await
        .status;
    let strange = json!({"cmd": "block-sta", "mac": PHONE, "minutes": 5});
    let strange = command(&console, "stamgr", &strange).await.status;

    assert_eq!([shouting, one, none, strange], [400; 4]);
    assert_eq!(console.log().unexpected().len(), 4);
    assert_eq!(console.is_blocked(PHONE), Some(false));
}

#[tokio::test]
async fn guests_and_forgotten_clients() {
    let console = console().await;

    let body = json!({"cmd": "authorize-guest", "mac": GUEST, "minutes": 60});
    let into = command(&console, "stamgr", &body).await.status;
    let inside = console.is_authorized(GUEST);
    command(
        &console,
        "stamgr",
        &json!({"cmd": "unauthorize-guest", "mac": GUEST}),
    )
    .await;
    let forgotten = json!({"cmd": "forget-sta", "macs": [PHONE]});
    let forgotten = command(&console, "stamgr", &forgotten).await.status;

    assert_eq!(
        (into, inside, console.is_authorized(GUEST)),
        (200, true, false)
    );
    assert_eq!((forgotten, console.is_blocked(PHONE)), (200, None));
}

#[tokio::test]
async fn devices_obey() {
    let console = console().await;
    let restart = json!({"cmd": "restart", "mac": SWITCH, "reboot_type": "hard"});

    let restarted = command(&console, "devmgr", &restart).await.status;
    let one = get(&console, &format!("/api/s/default/stat/device/{SWITCH}")).await;
    command(&console, "devmgr", &json!({"cmd": "set-locate", "mac": AP})).await;
    let body = json!({"cmd": "power-cycle", "mac": SWITCH, "port_idx": 3});
    let cycled = command(&console, "devmgr", &body).await.status;
    let unknown = json!({"cmd": "restart", "mac": PHONE});
    let unknown = command(&console, "devmgr", &unknown).await;

    assert_eq!((restarted, cycled), (200, 200));
    assert_eq!(one["data"][0]["state"], 0);
    assert_eq!(console.done(SWITCH), ["restart hard", "power-cycle 3"]);
    assert_eq!(console.done(AP), ["set-locate"]);
    assert_eq!(code(&unknown), "api.err.UnknownDevice");
    let list = get(&console, "/api/s/default/stat/device")
        .await
        .to_string();
    assert!(
        list.contains("x_authkey"),
        "secrets come along, as in the product"
    );
}

#[tokio::test]
async fn vouchers_are_told_only_when_read_back() {
    let console = console().await;
    let body = json!({"cmd": "create-voucher", "n": 2, "expire_number": 2, "expire_unit": 60,
                      "quota": 1, "note": "old", "down": 2000});

    let made = command(&console, "hotspot", &body).await.json();
    let time = made["data"][0]["create_time"].clone();
    let path = "/api/s/default/stat/voucher";
    let read = rest(&console, "POST", path, &json!({"create_time": time}))
        .await
        .json();
    let id = read["data"][0]["_id"].clone();
    let gone = command(
        &console,
        "hotspot",
        &json!({"cmd": "delete-voucher", "_id": id}),
    )
    .await;
    let again = command(
        &console,
        "hotspot",
        &json!({"cmd": "delete-voucher", "_id": id}),
    )
    .await;
    let bad = json!({"cmd": "create-voucher", "expire_number": 2, "expire_unit": 7});
    let bad = command(&console, "hotspot", &bad).await.status;

    assert_eq!(made["data"].as_array().unwrap().len(), 1);
    assert_eq!(read["data"].as_array().unwrap().len(), 2);
    assert_eq!(
        (
            read["data"][0]["duration"].clone(),
            read["data"][0]["status"].clone()
        ),
        (json!(120), json!("VALID_ONE"))
    );
    assert_eq!(
        (gone.status, code(&again)),
        (200, "api.err.IdInvalid".to_owned())
    );
    assert_eq!((bad, console.vouchers().len()), (400, 1));
}

#[tokio::test]
async fn settings_are_read_and_changed_in_part() {
    let console = console().await;
    console.add_wlan("lab", "Default", "demo-only-heron");
    let forward = json!({"name": "web", "enabled": true, "dst_port": "443", "fwd": "192.0.2.80",
                         "fwd_port": "443", "proto": "tcp"});
    let id = console.add_port_forward(&forward);

    let wlans = get(&console, "/api/s/default/rest/wlanconf").await;
    let path = format!(
        "/api/s/default/rest/wlanconf/{}",
        wlans["data"][0]["_id"].as_str().unwrap()
    );
    rest(&console, "PUT", &path, &json!({"enabled": false})).await;
    let path = format!("/api/s/default/rest/portforward/{id}");
    let changed = rest(&console, "PUT", &path, &json!({"enabled": false}))
        .await
        .json();
    let gone = rest(&console, "DELETE", &path, &Value::Null).await.status;
    let missing = rest(&console, "PUT", &path, &json!({"enabled": true})).await;

    assert_eq!(wlans["data"][0]["x_passphrase"], "demo-only-heron");
    assert_eq!(console.wlan_enabled("lab"), Some(false));
    assert_eq!(
        (
            changed["data"][0]["enabled"].clone(),
            changed["data"][0]["fwd"].clone()
        ),
        (json!(false), json!("192.0.2.80"))
    );
    assert_eq!(
        (gone, code(&missing)),
        (200, "api.err.IdInvalid".to_owned())
    );
    let networks = get(&console, "/api/s/default/rest/networkconf").await;
    assert_eq!(networks["data"][1]["vlan"], 60);
}

#[tokio::test]
async fn health_counts_what_there_is() {
    let console = console().await;

    let health = get(&console, "/api/s/default/stat/health").await;
    let part = |name: &str| {
        let parts = health["data"].as_array().unwrap();
        parts
            .iter()
            .find(|part| part["subsystem"] == name)
            .unwrap()
            .clone()
    };

    assert_eq!(part("wlan")["num_user"], 1);
    assert_eq!(part("wlan")["num_guest"], 1);
    assert_eq!(part("lan")["num_sw"], 1);
    assert_eq!(part("wan")["status"], "unknown", "there is no gateway");
    let dashboard = get(&console, "/api/s/default/stat/dashboard").await;
    assert_eq!(dashboard["data"].as_array().unwrap().len(), 24);
    let sysinfo = get(&console, "/api/s/default/stat/sysinfo").await;
    assert_eq!(sysinfo["data"][0]["version"], "10.5.66");
}

#[tokio::test]
async fn the_system_log_comes_in_pages() {
    let console = console().await;
    console.add_alarm("DEVICE_DISCONNECTED", "ap-1 disconnected.");
    command(
        &console,
        "stamgr",
        &json!({"cmd": "block-sta", "mac": PHONE}),
    )
    .await;
    let path = "/v2/api/site/default/system-log/all";

    let all = rest(
        &console,
        "POST",
        path,
        &json!({"pageNumber": 0, "pageSize": 1}),
    )
    .await
    .json();
    let clients = json!({"categories": ["CLIENT_DEVICES"]});
    let clients = rest(&console, "POST", path, &clients).await.json();
    let path = "/v2/api/site/default/system-log/critical";
    let critical = rest(&console, "POST", path, &json!({})).await.json();
    let wrong = json!({"categories": ["CLIENT_CONNECTION"]});
    let wrong = rest(&console, "POST", path, &wrong).await;

    assert_eq!(
        (
            all["total_element_count"].clone(),
            all["total_page_count"].clone()
        ),
        (json!(2), json!(2))
    );
    assert_eq!(clients["data"][0]["key"], "CLIENT_BLOCKED_BY_ADMIN");
    assert_eq!(critical["data"][0]["key"], "DEVICE_DISCONNECTED");
    assert_eq!(wrong.status, 400);
    assert!(wrong.body().contains("CLIENT_DEVICES"));
}

#[tokio::test]
async fn an_error_can_come_with_status_200_and_a_write_can_vanish() {
    let console = console().await;
    let block = json!({"cmd": "block-sta", "mac": PHONE});
    console.refuse_next("/api/s/default/cmd/stamgr", "api.err.NoPermission");
    console.swallow_next_write("/api/s/default/cmd/stamgr");

    let refused = command(&console, "stamgr", &block).await;
    let vanished = command(&console, "stamgr", &block).await;
    let still = console.is_blocked(PHONE);
    let kept = command(&console, "stamgr", &block).await.status;
    console
        .faults()
        .next(1, "/proxy/network/api/", Fault::Status(502));
    let broken = command(&console, "stamgr", &block).await.status;

    assert_eq!(
        (refused.status, code(&refused)),
        (200, "api.err.NoPermission".to_owned())
    );
    assert_eq!(vanished.json()["data"][0]["blocked"], true);
    assert_eq!((still, kept, broken), (Some(false), 200, 502));
    assert_eq!(console.is_blocked(PHONE), Some(true));
}

#[tokio::test]
async fn another_site_is_another_world() {
    let console = console().await;
    console.add_site("barn", "Barn", false);

    let sites = get(&console, "/api/self/sites").await;
    let barn = get(&console, "/api/s/barn/stat/sta").await;
    let none = rest(&console, "GET", "/api/s/attic/stat/sta", &Value::Null).await;

    assert_eq!(sites["data"][0]["name"], "barn");
    assert_eq!(barn["data"], json!([]));
    assert_eq!(code(&none), "api.err.NoSiteContext");
}

#[tokio::test]
async fn the_demo_lab_agrees_with_its_inventory() {
    let console = Unifi::demo().await.unwrap();
    let lab = homelab_lab::demo::inventory();

    let devices = get(&console, "/api/s/default/stat/device").await;
    let users = get(&console, "/api/s/default/rest/user").await;

    assert_eq!(devices["data"].as_array().unwrap().len(), 5);
    for row in users["data"].as_array().unwrap() {
        let known = lab.devices.iter().find(|device| device.name == row["name"]);
        if let Some(device) = known {
            assert_eq!(
                row["mac"],
                device.mac.unwrap().to_string(),
                "{}",
                device.name
            );
        } else {
            let mut machines = lab.virtual_machines.iter();
            let is_machine = machines.any(|machine| machine.name == row["name"]);
            assert!(
                is_machine
                    || ["visitor", "esp-greenhouse"]
                        .iter()
                        .any(|name| row["name"] == *name),
                "{row}"
            );
        }
    }
    let off = devices["data"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|row| row["state"] == 0);
    let off: Vec<&Value> = off.map(|row| &row["name"]).collect();
    assert_eq!(off, ["ap-garage"]);
}

#[tokio::test]
async fn both_apis_show_the_same_names() {
    let console = console().await;
    let path = "/v2/api/site/default/static-dns";
    let body = json!({"record_type": "SRV", "key": "_ldap._tcp.lab.example", "value": "nas.lab.example",
                      "port": 389, "priority": 1, "weight": 2, "enabled": true});

    let made = rest(&console, "POST", path, &body).await.json();
    let one = format!("{path}/{}", made["_id"].as_str().unwrap());
    let official = get(&console, &super::site("/dns/policies")).await;
    let mut changed = body.clone();
    changed["value"] = json!("dc.lab.example");
    let changed = rest(&console, "PUT", &one, &changed).await.json();
    let single = rest(&console, "GET", &one, &Value::Null).await.status;
    let gone = rest(&console, "DELETE", &one, &Value::Null).await.status;

    assert_eq!((&made["key"], &made["ttl"]), (&body["key"], &json!(0)));
    let row = &official["data"][0];
    assert_eq!(
        (&row["type"], &row["service"], &row["domain"], &row["port"]),
        (
            &json!("SRV_RECORD"),
            &json!("_ldap"),
            &json!("lab.example"),
            &json!(389)
        )
    );
    assert_eq!(changed["value"], "dc.lab.example");
    assert_eq!((single, gone), (405, 200));
    assert!(console.records().is_empty());
}

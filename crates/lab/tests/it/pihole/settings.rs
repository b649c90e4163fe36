//! Settings, what a change of them brings, blocking, archives and the description of the calls.

use std::sync::Arc;

use homelab_core::clock::{ManualClock, Micros};
use homelab_lab::pihole::{Options, PASSWORD, Pihole};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::{error, fresh, signed};
use crate::wire::{Answer, exchange_on, request};

#[tokio::test]
async fn a_timer_ends_by_the_clock_and_only_a_number_is_one() {
    let clock = Arc::new(ManualClock::at(Micros(1_795_000_000_000_000)));
    let options = Options {
        clock: clock.clone(),
        ..Options::default()
    };
    let lab = signed(Pihole::with(options).await.unwrap()).await;

    let off = json!({"blocking": false, "timer": 300});
    let off = lab.post("/dns/blocking", &off).await.json();
    clock.advance_seconds(301);
    let on = lab.get("/dns/blocking").await;
    let text = json!({"blocking": false, "timer": "300"});
    let text = lab.post("/dns/blocking", &text).await.json();
    let word = lab.post("/dns/blocking", &json!({"blocking": "no"})).await;

    assert_eq!(
        (&off["blocking"], &off["timer"]),
        (&json!("disabled"), &json!(300.0))
    );
    assert_eq!(
        (&on["blocking"], &on["timer"]),
        (&json!("enabled"), &Value::Null)
    );
    // For ever.
    assert_eq!(text["timer"], Value::Null);
    assert_eq!((word.status, error(&word).0.as_str()), (400, "body_error"));
    assert_eq!(lab.server.log().unexpected(), ["POST /api/dns/blocking"; 2]);
}

#[tokio::test]
async fn without_a_resolver_nothing_is_switched() {
    let lab = fresh().await;
    lab.server.set_resolver_down(true);

    let state = lab.get("/dns/blocking").await;
    let switched = lab.post("/dns/blocking", &json!({"blocking": false})).await;

    assert_eq!(state["blocking"], "failed");
    assert_eq!(
        (switched.status, error(&switched).0.as_str()),
        (500, "dns_failure")
    );
    lab.end();
}

#[tokio::test]
async fn a_list_of_a_setting_has_a_path_for_each_element() {
    let lab = fresh().await;
    lab.server.set_restart_drops(0);
    let none = Value::Null;

    let added = lab.ask("PUT", "/config/dns/upstreams/192.0.2.1%2353", &none);
    let added = added.await.status;
    let twice = lab.ask("PUT", "/config/dns/upstreams/192.0.2.1%2353", &none);
    let twice = twice.await;
    let bad = lab.ask("PUT", "/config/dns/upstreams/nowhere", &none).await;
    let read = lab.get("/config/dns/upstreams").await;
    let gone = lab.delete("/config/dns/upstreams/192.0.2.1%2353").await;
    let absent = lab.delete("/config/dns/upstreams/192.0.2.1%2353").await;

    assert_eq!((added, twice.status, bad.status), (201, 400, 400));
    assert_eq!(error(&twice).1, "Uniqueness of items is enforced");
    assert!(error(&bad).1.as_str().unwrap().contains("dnsmasq"));
    assert_eq!(
        read["config"],
        json!({"dns": {"upstreams": ["192.0.2.1#53"]}})
    );
    assert_eq!((gone, absent, lab.server.restarts()), (204, 404, 2));
    lab.end();
}

#[tokio::test]
async fn local_records_are_checked_and_only_aliases_restart() {
    let lab = fresh().await;
    lab.server.set_restart_drops(0);

    let none = Value::Null;
    let host = "/config/dns/hosts/192.0.2.70%20nas.lab.example";
    let host = lab.ask("PUT", host, &none).await.status;
    let after_host = lab.server.restarts();
    let alias = "/config/dns/cnameRecords/files.lab.example%2Cnas.lab.example";
    let alias = lab.ask("PUT", alias, &none).await.status;
    let wrong = lab.ask("PUT", "/config/dns/hosts/nas.lab.example", &none);
    let wrong = wrong.await;

    assert_eq!((host, after_host), (201, 0));
    assert_eq!((alias, lab.server.restarts()), (201, 1));
    assert_eq!(wrong.status, 400);
    assert!(
        error(&wrong)
            .1
            .as_str()
            .unwrap()
            .starts_with("dns.hosts[1]:")
    );
    assert_eq!(
        lab.server.config("dns.hosts"),
        Some(json!(["192.0.2.70 nas.lab.example"]))
    );
    lab.end();
}

#[tokio::test]
async fn a_patch_overlooks_what_it_does_not_know_and_refuses_the_wrong() {
    let lab = fresh().await;
    lab.server.set_restart_drops(0);
    let patch = async |tree: Value| lab.ask("PATCH", "/config", &json!({"config": tree})).await;

    let unknown = patch(json!({"dns": {"nosuch": 1, "blockTTL": 5}})).await;
    let mistyped = patch(json!({"dns": {"upstreams": "192.0.2.1"}})).await;
    let word = patch(json!({"dns": {"listeningMode": "SOME"}})).await;
    let deferred = lab
        .ask(
            "PATCH",
            "/config?restart=false",
            &json!({"config": {"dns": {"upstreams": ["192.0.2.1"]}}}),
        )
        .await;
    lab.server.force_by_environment("dns.port");
    let forced = patch(json!({"dns": {"port": 5353}})).await;
    lab.server.set_config("misc.readOnly", json!(true));
    let frozen = patch(json!({"dns": {"port": 53}})).await;

    assert_eq!(unknown.json()["config"]["dns"]["blockTTL"], 5);
    assert_eq!(
        (mistyped.status, word.status, forced.status),
        (400, 400, 400)
    );
    assert_eq!(
        error(&mistyped).1,
        "dns.upstreams: not of type string array"
    );
    assert_eq!(error(&forced).1, "dns.port");
    assert_eq!(frozen.status, 403);
    assert_eq!((deferred.status, lab.server.restarts()), (200, 0));
    lab.end();
}

#[tokio::test]
async fn a_setting_can_be_told_with_all_that_is_known_of_it() {
    let lab = fresh().await;

    let plain = lab.get("/config/webserver/api").await;
    let detailed = lab.get("/config/dns/upstreams?detailed=true").await;

    let api = &plain["config"]["webserver"]["api"];
    assert_eq!(
        (&api["pwhash"], &api["app_pwhash"]),
        (&json!("********"), &json!(""))
    );
    let leaf = &detailed["config"]["dns"]["upstreams"];
    assert_eq!(leaf["type"], "string array");
    assert_eq!(
        (&leaf["modified"], &leaf["flags"]["restart_dnsmasq"]),
        (&json!(false), &json!(true))
    );
    lab.end();
}

#[tokio::test]
async fn a_restart_answers_first_and_is_then_gone_for_a_moment() {
    let lab = fresh().await;
    lab.post("/dns/blocking", &json!({"blocking": false, "timer": 60}))
        .await;
    lab.server.set_restart_drops(2);

    let answered = lab.post("/action/restartdns", &Value::Null).await;
    let mut gone = Vec::new();
    for _ in 0..2 {
        let stream = TcpStream::connect(lab.server.address()).await.unwrap();
        let request = request("GET", "/api/dns/blocking", &[], "");
        gone.push(exchange_on(stream, &request).await);
    }
    let back = lab.get("/dns/blocking").await;

    assert_eq!(answered.json()["status"], "success");
    assert_eq!(gone, [b"", b""]);
    // The session is known still, the timer is not.
    assert_eq!(
        (&back["blocking"], &back["timer"]),
        (&json!("disabled"), &Value::Null)
    );
    lab.end();
}

#[tokio::test]
async fn what_destroys_can_be_switched_off() {
    let lab = fresh().await;
    lab.server
        .set_config("webserver.api.allow_destructive", json!(false));

    let restart = lab.post("/action/restartdns", &Value::Null).await;
    let flush = lab.post("/action/flush/network", &Value::Null).await;

    assert_eq!((restart.status, flush.status), (403, 403));
    let hint = error(&restart).1;
    assert!(hint.as_str().unwrap().contains("allow_destructive"));
    assert_eq!(lab.server.restarts(), 0);
    lab.end();
}

/// Sends bytes over a new connection and reads until its end.
async fn raw(server: &Pihole, head: &str, body: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(server.address()).await.unwrap();
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(body).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    answer
}

#[tokio::test]
async fn an_archive_brings_back_what_was_there() {
    let lab = fresh().await;
    lab.server.set_restart_drops(0);
    lab.server.add_rule("deny/exact", "a.example");
    lab.server.set_config("dns.upstreams", json!(["192.0.2.1"]));
    let sid = [("X-FTL-SID", lab.sid.as_str())];
    let head = request("GET", "/api/teleporter", &sid, "");
    let answer = raw(&lab.server, &head, b"").await;
    let start = answer.windows(4).position(|four| four == b"PK\x03\x04");
    let archive = &answer[start.unwrap()..];
    lab.server.add_rule("deny/exact", "later.example");
    lab.delete("/domains/deny/exact/a.example").await;
    lab.server.set_config("dns.upstreams", json!(["192.0.2.2"]));
    let import = async |archive: &[u8], parts: &str| {
        let mut form =
            format!("--x\r\nContent-Disposition: form-data; name=\"import\"\r\n\r\n{parts}\r\n")
                .into_bytes();
        form.extend(b"--x\r\nContent-Disposition: form-data; name=\"file\"\r\n\r\n");
        form.extend(archive);
        form.extend(b"\r\n--x--\r\n");
        let head = format!(
            "POST /api/teleporter HTTP/1.1\r\nHost: pi.hole\r\nConnection: close\r\nX-FTL-SID: {}\r\nContent-Type: multipart/form-data; boundary=x\r\nContent-Length: {}\r\n\r\n",
            lab.sid,
            form.len()
        );
        Answer::read(&raw(&lab.server, &head, &form).await)
    };

    let rules = r#"{"config":false,"gravity":{"domainlist":true}}"#;
    let broken = import(&archive[1..], rules).await;
    let kept = lab.server.rules();
    let some = import(archive, rules).await;
    let upstreams = lab.server.config("dns.upstreams");
    let well = import(archive, r#"{"config":true}"#).await;

    let head = String::from_utf8_lossy(&answer).into_owned();
    assert!(head.contains("content-disposition: attachment; filename="));
    assert_eq!(broken.status, 400);
    assert_eq!(kept, ["deny/exact later.example"]);
    let domains = "etc/pihole/gravity.db->domainlist";
    assert_eq!(some.json()["files"], json!([domains]));
    assert_eq!(lab.server.rules(), ["deny/exact a.example"]);
    assert_eq!(upstreams, Some(json!(["192.0.2.2"])));
    assert_eq!(well.json()["files"], json!(["etc/pihole/pihole.toml"]));
    let upstreams = lab.server.config("dns.upstreams");
    assert_eq!(upstreams, Some(json!(["192.0.2.1"])));
    assert_eq!(lab.server.restarts(), 2);
    lab.end();
}

#[tokio::test]
async fn it_describes_its_calls_in_files_that_refer_to_each_other() {
    let lab = fresh().await;
    let page = async |path: &str| super::anonymous(&lab.server, "GET", path, &[], "").await;

    let docs = page("/api/docs").await;
    let main = page("/api/docs/specs/main.yaml").await.body();
    let dns = page("/api/docs/specs/dns.yaml").await.body();
    let missing = page("/api/docs/specs/nosuch.yaml").await;
    let endpoints = lab.get("/endpoints").await;

    assert_eq!((docs.status, missing.status), (301, 404));
    assert!(
        main.contains("dns.yaml#/components/paths/dns_blocking"),
        "{main}"
    );
    assert!(dns.contains("operationId: post_dns_blocking"), "{dns}");
    assert!(endpoints["endpoints"]["patch"][0]["uri"] == "/api/config");
}

#[tokio::test]
async fn the_password_can_be_changed_and_ends_every_session() {
    let lab = fresh().await;

    let patch = json!({"config": {"webserver": {"api": {"password": "new-otter"}}}});
    let changed = lab.ask("PATCH", "/config", &patch).await.status;
    let old = super::login(&lab.server, &json!({"password": PASSWORD})).await;
    let new = super::login(&lab.server, &json!({"password": "new-otter"})).await;

    assert_eq!((changed, old.status, new.status), (200, 401, 200));
    assert_eq!(lab.server.seats(), 1);
    lab.end();
}

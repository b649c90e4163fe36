//! Figures, the log of queries, and the demo lab's two servers.

use homelab_lab::pihole::{Pihole, QuerySeed};
use serde_json::{Value, json};

use super::{error, fresh, signed};

fn seed(domain: &str, status: &str, client: &str, age_s: f64) -> QuerySeed {
    QuerySeed {
        client: client.to_owned(),
        client_name: Some(format!("{client}.lab.example")),
        age_s,
        ..QuerySeed::new(domain, status)
    }
}

const DAY: f64 = 86_400.0;

/// Six queries of a day, and one before.
fn ask(server: &Pihole) {
    for seed in [
        seed("old.example", "FORWARDED", "192.0.2.133", DAY * 3.0),
        seed("a.example", "FORWARDED", "192.0.2.131", 7200.0),
        seed("a.example", "CACHE", "192.0.2.131", 7000.0),
        seed("ads.example", "GRAVITY", "192.0.2.131", 600.0),
        seed("ads.example", "GRAVITY", "192.0.2.132", 500.0),
        seed("bad.example", "DENYLIST", "192.0.2.132", 400.0),
        seed("b.example", "FORWARDED", "192.0.2.132", 30.0),
    ] {
        server.add_query(seed);
    }
}

#[tokio::test]
async fn figures_are_counted_from_the_queries_of_a_day() {
    let lab = fresh().await;
    ask(&lab.server);

    let summary = lab.get("/stats/summary").await;
    let passed = lab.get("/stats/top_domains").await;
    let blocked = lab.get("/stats/top_domains?blocked=true&count=1").await;
    let clients = lab.get("/stats/top_clients?blocked=true").await;
    let upstreams = lab.get("/stats/upstreams").await;
    let recent = lab.get("/stats/recent_blocked").await;

    let queries = &summary["queries"];
    assert_eq!(
        (
            &queries["total"],
            &queries["blocked"],
            &queries["percent_blocked"]
        ),
        (&json!(6), &json!(3), &json!(50.0))
    );
    assert_eq!(
        (&queries["status"]["GRAVITY"], &summary["clients"]["total"]),
        (&json!(2), &json!(3))
    );
    assert_eq!(
        passed["domains"][0],
        json!({"domain": "a.example", "count": 2})
    );
    assert_eq!(
        blocked["domains"],
        json!([{"domain": "ads.example", "count": 2}])
    );
    assert_eq!(clients["clients"][0]["ip"], "192.0.2.132");
    let names: Vec<&Value> = upstreams["upstreams"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| &one["port"])
        .collect();
    assert_eq!(names, [&json!(-1), &json!(-1), &json!(53)]);
    assert_eq!(recent["blocked"], json!(["bad.example"]));
    lab.end();
}

#[tokio::test]
async fn figures_of_a_span_need_both_its_ends() {
    let lab = fresh().await;
    ask(&lab.server);

    let all = lab
        .get("/stats/database/summary?from=1&until=9999999999")
        .await;
    let history = lab.get("/history/database?from=1&until=9999999999").await;
    let of_a_day = lab.get("/history").await;
    let clients = lab.get("/history/clients?N=1").await;
    let half = lab
        .ask("GET", "/stats/database/top_domains?from=1", &Value::Null)
        .await;

    assert_eq!(
        (&all["sum_queries"], &all["total_clients"]),
        (&json!(7), &json!(3))
    );
    let total = |history: &Value| -> i64 {
        let rows = history["history"].as_array().unwrap();
        rows.iter().map(|row| row["total"].as_i64().unwrap()).sum()
    };
    assert_eq!((total(&history), total(&of_a_day)), (7, 6));
    assert_eq!(of_a_day["history"].as_array().unwrap().len(), 145);
    assert_eq!(clients["clients"].as_object().unwrap().len(), 1);
    assert_eq!(half.status, 400);
}

#[tokio::test]
async fn pages_stand_still_while_queries_come_in() {
    let lab = fresh().await;
    ask(&lab.server);

    let first = lab.get("/queries?length=2").await;
    let cursor = first["cursor"].clone();
    lab.server.add_query(QuerySeed::new("new.example", "CACHE"));
    let second = lab
        .get(&format!("/queries?length=2&start=2&cursor={cursor}"))
        .await;
    let far = lab.ask("GET", "/queries?cursor=999", &Value::Null).await;
    let lenient = lab.get("/queries?length=abc").await;

    let domains = |page: &Value| -> Vec<String> {
        let rows = page["queries"].as_array().unwrap();
        let rows = rows.iter().map(|row| row["domain"].as_str().unwrap());
        rows.map(str::to_owned).collect()
    };
    assert_eq!(domains(&first), ["b.example", "bad.example"]);
    assert_eq!(domains(&second), ["ads.example", "ads.example"]);
    assert_eq!(
        (&first["recordsTotal"], &second["cursor"]),
        (&json!(6), &cursor)
    );
    assert_eq!((far.status, error(&far).0.as_str()), (400, "bad_request"));
    assert_eq!(lenient["queries"].as_array().unwrap().len(), 7);
    assert_eq!(lab.server.log().unexpected(), ["GET /api/queries"]);
}

#[tokio::test]
async fn queries_are_filtered_and_a_word_that_is_none_is_refused() {
    let lab = fresh().await;
    ask(&lab.server);

    let mut counts = Vec::new();
    for filter in [
        "domain=*ads*",
        "status=gravity",
        "client_ip=192.0.2.132",
        "upstream=blocklist",
        "disk=true",
        "type=AAAA",
    ] {
        let page = lab.get(&format!("/queries?{filter}")).await;
        counts.push(page["queries"].as_array().unwrap().len());
    }
    let wrong = lab
        .ask("GET", "/queries?status=BLOCKED", &Value::Null)
        .await;
    lab.server.set_config("misc.privacylevel", json!(3));
    let private = lab.get("/queries").await;

    assert_eq!(counts, [2, 2, 3, 3, 7, 0]);
    assert_eq!((wrong.status, error(&wrong).1), (400, json!("BLOCKED")));
    assert_eq!(
        (&private["queries"], &private["cursor"]),
        (&json!([]), &Value::Null)
    );
    lab.end();
}

#[tokio::test]
async fn an_empty_log_has_a_cursor_that_is_none() {
    let lab = fresh().await;

    let page = lab.get("/queries").await;

    assert_eq!(
        (&page["queries"], &page["cursor"]),
        (&json!([]), &json!(-1))
    );
    lab.end();
}

#[tokio::test]
async fn messages_leases_and_devices_are_told_and_forgotten() {
    let lab = fresh().await;
    let message = lab.server.add_message("RATE_LIMIT", "<too> much");
    lab.server
        .add_device("00:00:5e:00:53:08", "192.0.2.131", "workstation");
    lab.server
        .add_lease("192.0.2.160", "00:00:5e:00:53:99", "guest");

    let messages = lab.get("/info/messages").await;
    let devices = lab.get("/network/devices").await;
    let leases = lab.get("/dhcp/leases").await;
    let device = format!("/network/devices/{}", devices["devices"][0]["id"]);
    let forgotten = [
        lab.delete(&format!("/info/messages/{message}")).await,
        lab.delete(&format!("/info/messages/{message}")).await,
        lab.delete(&device).await,
        lab.delete("/dhcp/leases/192.0.2.160").await,
        lab.delete("/dhcp/leases/nowhere").await,
    ];

    assert_eq!(messages["messages"][0]["plain"], "<too> much");
    assert_eq!(
        messages["messages"][0]["html"],
        "<code>&lt;too> much</code>"
    );
    assert_eq!(devices["devices"][0]["ips"][0]["name"], "workstation");
    assert_eq!(leases["leases"][0]["name"], "guest");
    assert_eq!(forgotten, [204, 404, 204, 204, 400]);
    lab.end();
}

#[tokio::test]
async fn the_demo_has_two_servers_that_are_not_quite_in_step() {
    let first = signed(Pihole::demo().await.unwrap()).await;
    let second = signed(Pihole::demo_second().await.unwrap()).await;

    let summary = first.get("/stats/summary").await;
    let hosts = first.get("/config/dns/hosts").await;
    let ftl = first.get("/info/ftl").await;
    for path in [
        "/info/system",
        "/info/host",
        "/info/sensors",
        "/info/database",
    ] {
        second.get(path).await;
    }

    let hosts = hosts["config"]["dns"]["hosts"].as_array().unwrap();
    assert!(hosts.contains(&json!("192.0.2.81 grafana.lab.example")));
    assert_eq!(summary["queries"]["total"], 288);
    assert!(summary["gravity"]["domains_being_blocked"].as_i64() > Some(2000));
    assert_eq!(ftl["ftl"]["database"]["domains"]["denied"]["total"], 1);
    let missing: Vec<String> = first
        .server
        .rules()
        .into_iter()
        .filter(|rule| !second.server.rules().contains(rule))
        .collect();
    assert_eq!(missing, ["deny/exact casino.example"]);
    first.end();
    second.end();
}

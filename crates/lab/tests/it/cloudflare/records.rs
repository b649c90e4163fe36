//! DNS records: what is valid, what stands beside what, what a change leaves.

use homelab_lab::cloudflare::{Cloudflare, Plan, RecordSeed};
use serde_json::{Value, json};

use super::{api, ask, done, get, refused, texts, well};

fn path(zone: &str) -> String {
    format!("/zones/{zone}/dns_records")
}

async fn create(api: &Cloudflare, zone: &str, body: Value) -> Value {
    done(api, "POST", &path(zone), body).await
}

/// The code in the chain where there is one, else the first.
async fn wrong(api: &Cloudflare, zone: &str, body: Value) -> i64 {
    let answer = ask(api, "POST", &path(zone), body).await;
    assert_eq!(answer.status, 400, "{}", answer.body());
    let error = answer.json()["errors"][0].clone();
    let chained = &error["error_chain"][0]["code"];
    chained.as_i64().or(error["code"].as_i64()).unwrap()
}

#[tokio::test]
async fn a_record_is_made_with_its_full_name() {
    let (api, _, zone) = api().await;

    let www = create(
        &api,
        &zone,
        json!({"type": "A", "name": "WWW", "content": "203.0.113.5", "proxied": true, "ttl": 300}),
    )
    .await;
    let apex = create(
        &api,
        &zone,
        json!({"type": "MX", "name": "@", "content": "mx.lab.example", "priority": 10}),
    )
    .await;
    let srv = create(&api, &zone, json!({"type": "SRV", "name": "_sip._tcp", "data": {"priority": 1, "weight": 5, "port": 5060, "target": "sip.lab.example"}})).await;
    let caa = create(&api, &zone, json!({"type": "CAA", "name": "@", "data": {"flags": 0, "tag": "issue", "value": "ca.example"}})).await;

    assert_eq!(www["name"], "www.lab.example");
    // What is proxied has no time of its own.
    assert_eq!((&www["ttl"], &www["proxied"]), (&json!(1), &json!(true)));
    assert_eq!(www["created_on"], "2026-11-20T02:00:00Z");
    assert!(
        www.get("zone_id").is_none() && www.get("locked").is_none(),
        "{www}"
    );
    assert_eq!(
        (&apex["name"], &apex["priority"]),
        (&json!("lab.example"), &json!(10))
    );
    assert_eq!(
        (&srv["content"], &srv["priority"]),
        (&json!("5 5060 sip.lab.example"), &json!(1))
    );
    assert_eq!(caa["content"], "0 issue \"ca.example\"");
    assert_eq!(
        get(
            &api,
            &format!("{}/{}", path(&zone), srv["id"].as_str().unwrap())
        )
        .await,
        srv
    );
}

#[tokio::test]
async fn records_that_are_not_valid_are_refused() {
    let (api, _, zone) = api().await;
    let bad = [
        (
            json!({"type": "A", "name": "a", "content": "2001:db8::1"}),
            9005,
        ),
        (
            json!({"type": "AAAA", "name": "a", "content": "192.0.2.1"}),
            9006,
        ),
        (
            json!({"type": "CNAME", "name": "a", "content": "192.0.2.1"}),
            9007,
        ),
        (
            json!({"type": "CNAME", "name": "a", "content": "a.lab.example"}),
            9039,
        ),
        (
            json!({"type": "A", "name": "a b", "content": "192.0.2.1"}),
            9000,
        ),
        (
            json!({"type": "MX", "name": "a", "content": "mx.lab.example"}),
            9102,
        ),
        (
            json!({"type": "SRV", "name": "_a._tcp", "content": "1 2 3"}),
            9101,
        ),
        (
            json!({"type": "SRV", "name": "_a._tcp", "data": {"priority": 1}}),
            9101,
        ),
        (
            json!({"type": "TXT", "name": "a", "content": "\"a\"", "proxied": true}),
            9004,
        ),
        (
            json!({"type": "A", "name": "a", "content": "192.168.1.1", "proxied": true}),
            9003,
        ),
        (
            json!({"type": "A", "name": "a", "content": "192.0.2.1", "ttl": 30}),
            9021,
        ),
        (
            json!({"type": "A", "name": "a", "content": "192.0.2.1", "tags": ["a:b"]}),
            9300,
        ),
        (
            json!({"type": "A", "name": "a", "content": "192.0.2.1", "comment": "x".repeat(101)}),
            9301,
        ),
        (
            json!({"type": "A", "name": "a", "content": "192.0.2.1", "settings": {"flatten_cname": true}}),
            9105,
        ),
    ];

    for (body, code) in bad {
        assert_eq!(wrong(&api, &zone, body.clone()).await, code, "{body}");
    }
    assert!(api.records(&zone).is_empty());
    assert!(
        api.log().unexpected().is_empty(),
        "{:?}",
        api.log().unexpected()
    );
}

#[tokio::test]
async fn a_paid_plan_has_tags_and_shorter_times() {
    let (api, _, _) = api().await;
    let zone = api.add_zone("paid.example", Plan::Enterprise);

    let body = json!({"type": "A", "name": "a", "content": "192.0.2.1", "ttl": 30, "tags": ["owner:lab"], "comment": "x".repeat(101)});
    let made = create(&api, &zone, body).await;

    assert_eq!(
        (&made["ttl"], &made["tags"]),
        (&json!(30), &json!(["owner:lab"]))
    );
    assert_eq!(made["tags_modified_on"], made["comment_modified_on"]);
}

#[tokio::test]
async fn duplicates_and_neighbours_are_refused() {
    let (api, _, zone) = api().await;
    create(
        &api,
        &zone,
        json!({"type": "A", "name": "a", "content": "192.0.2.1"}),
    )
    .await;
    create(
        &api,
        &zone,
        json!({"type": "CNAME", "name": "c", "content": "a.lab.example"}),
    )
    .await;
    create(
        &api,
        &zone,
        json!({"type": "NS", "name": "sub", "content": "ns.other.example"}),
    )
    .await;

    let same = json!({"type": "A", "name": "A.lab.example.", "content": "192.0.2.1"});
    assert_eq!(wrong(&api, &zone, same).await, 81_058);
    let beside = json!({"type": "CNAME", "name": "a", "content": "x.example"});
    assert_eq!(wrong(&api, &zone, beside).await, 81_053);
    let twice = json!({"type": "CNAME", "name": "c", "content": "x.example"});
    assert_eq!(wrong(&api, &zone, twice).await, 81_053);
    let address = json!({"type": "A", "name": "c", "content": "192.0.2.1"});
    assert_eq!(wrong(&api, &zone, address).await, 81_054);
    let hidden = json!({"type": "A", "name": "sub", "content": "192.0.2.1"});
    assert_eq!(wrong(&api, &zone, hidden).await, 81_056);
    // A second address, and text beside an alias, are right.
    create(
        &api,
        &zone,
        json!({"type": "A", "name": "a", "content": "192.0.2.2"}),
    )
    .await;
    create(
        &api,
        &zone,
        json!({"type": "TXT", "name": "c", "content": "\"x\""}),
    )
    .await;
}

#[tokio::test]
async fn a_patch_keeps_what_a_put_erases() {
    let (api, clock, zone) = api().await;
    let id = api.add_record(
        &zone,
        &RecordSeed::new("A", "a.lab.example", "192.0.2.1").comment("mine"),
    );
    let one = format!("{}/{id}", path(&zone));
    clock.advance_seconds(60);

    let patched = done(&api, "PATCH", &one, json!({"content": "192.0.2.2"})).await;
    let other = done(&api, "PATCH", &one, json!({"comment": ""})).await;
    let again = done(&api, "PATCH", &one, json!({"comment": "mine"})).await;
    let put = done(
        &api,
        "PUT",
        &one,
        json!({"type": "A", "name": "a", "content": "192.0.2.3"}),
    )
    .await;

    assert_eq!(
        (&patched["content"], &patched["comment"]),
        (&json!("192.0.2.2"), &json!("mine"))
    );
    assert_eq!(patched["modified_on"], "2026-11-20T02:01:00Z");
    assert_eq!(
        (&other["comment"], &other["content"]),
        (&Value::Null, &json!("192.0.2.2"))
    );
    assert_eq!(again["comment_modified_on"], "2026-11-20T02:01:00Z");
    assert_eq!((&put["id"], &put["comment"]), (&json!(id), &Value::Null));
    assert_eq!(put["created_on"], "2026-11-20T02:00:00Z");
}

#[tokio::test]
async fn a_change_may_make_a_record_of_another_kind() {
    let (api, _, zone) = api().await;
    let data = json!({"priority": 1, "weight": 5, "port": 5060, "target": "sip.lab.example"});
    let srv = create(
        &api,
        &zone,
        json!({"type": "SRV", "name": "s", "data": data}),
    )
    .await;
    let one = format!("{}/{}", path(&zone), srv["id"].as_str().unwrap());

    let renamed = done(&api, "PATCH", &one, json!({"name": "t"})).await;
    let text = done(
        &api,
        "PATCH",
        &one,
        json!({"type": "TXT", "content": "\"x\""}),
    )
    .await;

    assert_eq!(
        (&renamed["name"], &renamed["data"]),
        (&json!("t.lab.example"), &data)
    );
    assert_eq!(
        (&text["content"], text.get("data")),
        (&json!("\"x\""), None)
    );
}

#[tokio::test]
async fn unquoted_text_is_remarked_on() {
    let (api, _, zone) = api().await;

    let plain = json!({"type": "TXT", "name": "a", "content": "v=spf1 -all"});
    let plain = well(&api, "POST", &path(&zone), plain).await;
    let quoted = json!({"type": "TXT", "name": "b", "content": "\"v=spf1 -all\""});
    let quoted = well(&api, "POST", &path(&zone), quoted).await;

    assert!(
        plain["messages"][0]["message"]
            .as_str()
            .unwrap()
            .contains("double quotes")
    );
    assert_eq!(quoted["messages"], json!([]));
}

#[tokio::test]
async fn a_deleted_record_is_gone() {
    let (api, _, zone) = api().await;
    let id = api.add_record(&zone, &RecordSeed::new("A", "a.lab.example", "192.0.2.1"));
    let one = format!("{}/{id}", path(&zone));

    assert_eq!(
        done(&api, "DELETE", &one, Value::Null).await,
        json!({"id": id})
    );
    for method in ["GET", "DELETE"] {
        assert_eq!(
            refused(&api, method, &one, Value::Null).await,
            (404, 81_044)
        );
    }
    let change = json!({"content": "192.0.2.2"});
    assert_eq!(refused(&api, "PATCH", &one, change).await, (404, 81_044));
}

#[tokio::test]
async fn lists_are_filtered_ordered_and_paged() {
    let (api, _, _) = api().await;
    let zone = api.add_zone("filters.example", Plan::Pro);
    let add = |kind: &str, name: &str, content: &str| {
        RecordSeed::new(kind, &format!("{name}.filters.example"), content)
    };
    api.add_record(
        &zone,
        &add("A", "a", "192.0.2.1").proxied().tags(&["owner:lab"]),
    );
    api.add_record(&zone, &add("A", "b", "192.0.2.2").comment("The NAS"));
    api.add_record(
        &zone,
        &add("CNAME", "c", "a.filters.example").tags(&["owner:me", "keep"]),
    );
    let cases = [
        ("type=A", "a b"),
        ("name=a.filters.example", "a"),
        ("name.startswith=b", "b"),
        ("name.endswith=filters.example", "a b c"),
        ("content.contains=192.0", "a b"),
        ("comment.present=", "b"),
        ("comment.absent=", "a c"),
        ("comment=the%20nas", "b"),
        ("proxied=true", "a"),
        ("search=nas", "b"),
        ("tag=owner:me", "c"),
        ("tag.present=owner", "a c"),
        ("tag.absent=keep", "a b"),
        ("type=A&proxied=false", "b"),
        ("type=CNAME&proxied=true&match=any", "a c"),
        ("order=name&direction=desc", "c b a"),
        ("order=name&per_page=1&page=2", "b"),
    ];

    for (query, names) in cases {
        let rows = get(&api, &format!("{}?{query}", path(&zone))).await;
        let found: Vec<String> = texts(&rows, "name")
            .iter()
            .map(|name| name.chars().take(1).collect())
            .collect();
        assert_eq!(found.join(" "), names, "{query}");
    }
    assert!(api.log().unexpected().is_empty());
    let unknown = format!("{}?nam=a", path(&zone));
    assert_eq!(refused(&api, "GET", &unknown, Value::Null).await.0, 400);
    assert_eq!(api.log().unexpected().len(), 1);
}

#[tokio::test]
async fn a_batch_is_done_as_a_whole_in_its_order() {
    let (api, _, zone) = api().await;
    let id = api.add_record(
        &zone,
        &RecordSeed::new("CNAME", "a.lab.example", "x.example"),
    );
    let batch = format!("{}/batch", path(&zone));

    // The alias makes room for the address.
    let right = json!({
        "posts": [{"type": "A", "name": "a", "content": "192.0.2.1"}],
        "deletes": [{"id": id}],
    });
    let done = done(&api, "POST", &batch, right).await;
    let made = done["posts"][0]["id"].as_str().unwrap();
    let half = json!({
        "patches": [{"id": made, "content": "192.0.2.9"}],
        "posts": [{"type": "A", "name": "b", "content": "nonsense"}],
    });
    let half = refused(&api, "POST", &batch, half).await;

    assert_eq!(done["deletes"][0]["id"], id.as_str());
    assert_eq!(half, (400, 1004));
    assert_eq!(api.records(&zone).len(), 1);
    assert_eq!(api.records(&zone)[0]["content"], "192.0.2.1");
    assert_eq!(refused(&api, "POST", &batch, json!({})).await.0, 400);
    assert!(api.log().unexpected().is_empty());
    let unknown =
        json!({"posts": [{"type": "A", "name": "b", "content": "192.0.2.1", "color": 1}]});
    refused(&api, "POST", &batch, unknown).await;
    assert_eq!(api.log().unexpected().len(), 1);
}

#[tokio::test]
async fn an_export_is_a_zone_file() {
    let (api, _, zone) = api().await;
    api.add_record(
        &zone,
        &RecordSeed::new("CNAME", "www.lab.example", "a.lab.example").proxied(),
    );

    let file = ask(&api, "GET", &format!("{}/export", path(&zone)), Value::Null).await;

    assert_eq!(file.status, 200);
    let line = "www.lab.example.\t1\tIN\tCNAME\ta.lab.example. ; cf_tags=cf-proxied:true";
    assert!(file.body().contains(line), "{}", file.body());
}

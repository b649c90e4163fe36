//! Rules, groups, clients and lists, which say "done" first.

use serde_json::{Value, json};

use super::{error, fresh};

fn processed(body: &Value) -> (usize, Vec<String>) {
    let processed = &body["processed"];
    let errors = processed["errors"].as_array().unwrap();
    let errors = errors.iter().map(|one| one["error"].as_str().unwrap());
    (
        processed["success"].as_array().unwrap().len(),
        errors.map(str::to_owned).collect(),
    )
}

#[tokio::test]
async fn what_was_not_done_stands_beside_what_was() {
    let lab = fresh().await;
    lab.server.add_rule("deny/exact", "old.example");

    let body = json!({"domain": ["New.Example", "old.example"], "comment": "ads"});
    let added = lab.post("/domains/deny/exact", &body).await;
    let body = json!({"domain": "lost.example", "groups": [0, 7]});
    let lost = lab.post("/domains/deny/exact", &body).await;
    let kept = lab.get("/domains/deny/exact/lost.example").await;

    let (done, errors) = processed(&added.json());
    assert_eq!((added.status, done), (201, 1));
    assert_eq!(
        errors,
        ["UNIQUE constraint failed: domainlist.domain, domainlist.type"]
    );
    // The rows are those of the last item alone.
    assert_eq!(added.json()["domains"][0]["domain"], "old.example");
    assert_eq!(lost.status, 201);
    assert_eq!(
        processed(&lost.json()),
        (0, vec!["FOREIGN KEY constraint failed".to_owned()])
    );
    assert_eq!(kept["domains"][0]["groups"], json!([]));
    assert_eq!(
        lab.server.rules(),
        [
            "deny/exact old.example",
            "deny/exact new.example",
            "deny/exact lost.example"
        ]
    );
    lab.end();
}

#[tokio::test]
async fn domains_are_normalized_but_for_the_dot_at_their_end() {
    let lab = fresh().await;

    let idn = lab
        .post("/domains/allow/exact", &json!({"domain": "Bücher.example"}))
        .await;
    let dot = lab
        .post("/domains/allow/exact", &json!({"domain": "a.example."}))
        .await;
    let space = lab
        .post(
            "/domains/allow/exact",
            &json!({"domain": ["b.example", "c d"]}),
        )
        .await;
    let invalid = lab
        .post("/domains/allow/exact", &json!({"domain": "x{{.example"}))
        .await;

    let row = &idn.json()["domains"][0];
    assert_eq!(
        (&row["domain"], &row["unicode"]),
        (&json!("xn--bcher-kva.example"), &json!("bücher.example"))
    );
    assert_eq!(dot.json()["domains"][0]["domain"], "a.example.");
    assert_eq!((space.status, error(&space).1), (400, json!("c d")));
    assert_eq!((invalid.status, lab.server.rules().len()), (400, 2));
    lab.end();
}

#[tokio::test]
async fn a_pattern_is_checked_and_found_by_its_encoded_name() {
    let lab = fresh().await;
    let body = json!({"domain": r"(\.|^)ads/[0-9]\.example$"});

    let wrong = lab
        .post("/domains/deny/regex", &json!({"domain": "(ads"}))
        .await;
    let right = lab.post("/domains/deny/regex", &body).await;
    let path = "/domains/deny/regex/%28%5C.%7C%5E%29ads%2F%5B0-9%5D%5C.example%24";
    let found = lab.get(path).await;
    let gone = (lab.delete(path).await, lab.delete(path).await);

    assert_eq!(
        (wrong.status, error(&wrong).0.as_str()),
        (400, "regex_error")
    );
    assert_eq!(right.status, 201);
    assert_eq!(found["domains"][0]["domain"], body["domain"]);
    assert_eq!(gone, (204, 404));
    lab.end();
}

#[tokio::test]
async fn a_put_replaces_moves_and_creates() {
    let lab = fresh().await;
    let group = lab.server.add_group("children");
    let body = json!({"domain": "a.example", "comment": "one", "groups": [0, group]});
    lab.post("/domains/deny/exact", &body).await;

    let changed = lab
        .ask(
            "PUT",
            "/domains/deny/exact/a.example",
            &json!({"enabled": false}),
        )
        .await;
    let moved = json!({"type": "allow", "kind": "exact", "comment": null});
    lab.ask("PUT", "/domains/deny/exact/a.example", &moved)
        .await;
    lab.ask("PUT", "/domains/deny/exact/b.example", &json!({}))
        .await;

    let row = &changed.json()["domains"][0];
    assert_eq!(changed.status, 200);
    // The comment is lost, the groups are not.
    assert_eq!(
        (&row["comment"], &row["enabled"], &row["groups"]),
        (&Value::Null, &json!(false), &json!([0, 1]))
    );
    assert_eq!(
        lab.server.rules(),
        ["allow/exact a.example", "deny/exact b.example"]
    );
    lab.end();
}

#[tokio::test]
async fn rules_are_read_by_type_kind_and_name_and_deleted_together() {
    let lab = fresh().await;
    for (kind, domain) in [
        ("allow/exact", "a.example"),
        ("deny/exact", "a.example"),
        ("deny/regex", "^b"),
    ] {
        lab.server.add_rule(kind, domain);
    }

    let mut counts = Vec::new();
    for path in [
        "",
        "/deny",
        "/exact",
        "/deny/regex",
        "/allow/exact/a.example",
    ] {
        let found = lab.get(&format!("/domains{path}")).await;
        counts.push(found["domains"].as_array().unwrap().len());
    }
    let doomed = json!([
        {"item": "a.example", "type": "deny", "kind": "exact"},
        {"item": "^b", "type": "deny", "kind": "regex"},
    ]);
    let deleted = lab.post("/domains:batchDelete", &doomed).await;
    let again = lab.post("/domains:batchDelete", &doomed).await;

    assert_eq!(counts, [3, 2, 2, 1, 1]);
    assert_eq!((deleted.status, again.status), (204, 404));
    assert_eq!(lab.server.rules(), ["allow/exact a.example"]);
    lab.end();
}

#[tokio::test]
async fn a_group_that_gets_a_new_name_is_answered_without_it() {
    let lab = fresh().await;
    lab.post("/groups", &json!({"name": "kids", "comment": "small"}))
        .await;

    let renamed = lab
        .ask("PUT", "/groups/kids", &json!({"name": "children"}))
        .await;
    let found = lab.get("/groups/children").await;
    let twice = lab.post("/groups", &json!({"name": "children"})).await;
    let first = lab.delete("/groups/Default").await;
    let groups = lab.get("/groups").await;

    assert_eq!(
        (renamed.status, renamed.json()["groups"].clone()),
        (200, json!([]))
    );
    assert_eq!(found["groups"][0]["id"], 1);
    assert_eq!(
        processed(&twice.json()).1,
        ["UNIQUE constraint failed: group.name"]
    );
    // It is there again at once.
    assert_eq!((first, &groups["groups"][0]["id"]), (204, &json!(0)));
    assert_eq!(groups["groups"][0]["comment"], Value::Null);
    lab.end();
}

#[tokio::test]
async fn a_group_takes_its_links_with_it() {
    let lab = fresh().await;
    lab.server.add_group("children");
    let body = json!({"domain": "a.example", "groups": [1]});
    lab.post("/domains/deny/exact", &body).await;

    let deleted = lab
        .post("/groups:batchDelete", &json!([{"item": "children"}]))
        .await;
    let rule = lab.get("/domains/deny/exact/a.example").await;

    assert_eq!(deleted.status, 204);
    assert_eq!(rule["domains"][0]["groups"], json!([]));
    lab.end();
}

#[tokio::test]
async fn clients_have_groups_and_the_names_of_their_devices() {
    let lab = fresh().await;
    lab.server.add_group("children");
    lab.server
        .add_device("00:00:5e:00:53:1f", "198.51.100.22", "tablet-kitchen");

    let body = json!({"client": "198.51.100.22", "groups": [0, 1]});
    let made = lab.post("/clients", &body).await.json();
    let suggested = lab.get("/clients/_suggestions").await;
    let put = json!({"comment": "for homework", "groups": [1]});
    let changed = lab.ask("PUT", "/clients/198.51.100.22", &put).await.json();
    let gone = lab.delete("/clients/198.51.100.22").await;

    let row = &made["clients"][0];
    assert_eq!(
        (&row["name"], &row["groups"]),
        (&json!("tablet-kitchen"), &json!([0, 1]))
    );
    assert_eq!(suggested["clients"][0]["hwaddr"], "00:00:5e:00:53:1f");
    assert_eq!(changed["clients"][0]["groups"], json!([1]));
    assert_eq!(
        (gone, lab.delete("/clients/198.51.100.22").await),
        (204, 404)
    );
    lab.end();
}

#[tokio::test]
async fn a_list_needs_its_type_and_counts_after_an_update() {
    let lab = fresh().await;
    let address = "https://lists.example/ads.txt";
    let encoded = "https%3A%2F%2Flists.example%2Fads.txt";
    let body = json!({"address": address, "comment": "ads"});

    let untyped = lab.post("/lists", &body).await;
    lab.server.log().clear();
    let made = lab.post("/lists?type=block", &body).await.json();
    let before = lab.get("/stats/summary").await["gravity"]["domains_being_blocked"].clone();
    lab.post("/action/gravity", &Value::Null).await;
    let found = lab.get(&format!("/lists/{encoded}?type=block")).await;
    let other = lab.get(&format!("/lists/{encoded}?type=allow")).await;
    let after = lab.get("/stats/summary").await["gravity"]["domains_being_blocked"].clone();
    let gone = lab.delete(&format!("/lists/{encoded}?type=block")).await;

    assert_eq!(untyped.status, 400);
    let row = &made["lists"][0];
    assert_eq!((&row["status"], &row["number"]), (&json!(0), &json!(0)));
    assert_eq!(found["lists"][0]["status"], 1);
    assert_eq!(other["lists"], json!([]));
    assert_eq!((before, after, gone), (json!(0), json!(1000), 204));
    lab.end();
}

#[tokio::test]
async fn a_search_names_every_rule_and_list_for_a_domain() {
    let lab = fresh().await;
    lab.server.add_rule("allow/exact", "x.ads.example");
    lab.server.add_rule("deny/regex", r"(\.|^)ads\.example$");
    lab.server
        .add_blocklist("https://lists.example/a", &["x.ads.example"]);

    let search = lab.get("/search/x.ads.example").await["search"].clone();
    let partial = lab.get("/search/ads.example?partial=true&N=1").await["search"].clone();

    assert_eq!(
        search["results"],
        json!({"domains": {"exact": 1, "regex": 1}, "gravity": {"allow": 0, "block": 1}, "total": 3})
    );
    assert_eq!(search["gravity"][0]["address"], "https://lists.example/a");
    assert_eq!(partial["gravity"][0]["domain"], "x.ads.example");
    assert_eq!(partial["parameters"]["N"], 1);
    lab.end();
}

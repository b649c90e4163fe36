//! The policy file.

use base64::Engine as _;
use homelab_lab::tailscale::{ADMIN_KEY, Tailscale};
use serde_json::json;

use super::{HUJSON, JSON, ask, ask_as, send, token};
use crate::wire::{Answer, call};

const POLICY: &str = r#"// Ours.
{
	"groups": {"group:home": ["alex@lab.example"]},
	"tagOwners": {"tag:server": ["autogroup:admin"]},
	"acls": [
		{"action": "accept", "src": ["group:home"], "dst": ["tag:server:22,80-90"]},
		{"action": "accept", "src": ["*"], "dst": ["192.0.2.0/24:443"]},
	],
	"tests": [
		{"src": "alex@lab.example", "accept": ["tag:server:85", "192.0.2.7:443"], "deny": ["tag:server:91"]},
	],
}
"#;

async fn with(server: &Tailscale, method: &str, more: &[(&str, &str)], body: &str) -> Answer {
    let bearer = format!("Bearer {ADMIN_KEY}");
    let mut headers = vec![("Authorization", bearer.as_str())];
    headers.extend(more);
    call(
        server.address(),
        method,
        "/api/v2/tailnet/-/acl",
        &headers,
        body,
    )
    .await
}

fn etag(answer: &Answer) -> String {
    let line = answer
        .head
        .lines()
        .find_map(|line| line.strip_prefix("etag: "));
    line.expect("a tag").to_owned()
}

#[tokio::test]
async fn the_text_keeps_its_comments_and_json_does_not() {
    let server = Tailscale::start().await.unwrap();
    server.set_policy(POLICY);

    let text = with(&server, "GET", &[("Accept", HUJSON)], "").await;
    let json = with(&server, "GET", &[("Accept", JSON)], "").await;
    let details = ask(&server, "GET", "/tailnet/-/acl?details=true", "")
        .await
        .json();

    assert_eq!(text.body(), POLICY);
    assert_eq!(etag(&text), etag(&json));
    assert_eq!(etag(&text), server.policy_etag());
    assert_eq!(json.json()["acls"][1]["src"], json!(["*"]));
    let decoded =
        base64::engine::general_purpose::STANDARD.decode(details["acl"].as_str().unwrap());
    assert_eq!(decoded.unwrap(), POLICY.as_bytes());
    assert_eq!(
        (&details["warnings"], &details["errors"]),
        (&json!([]), &json!([]))
    );
}

#[tokio::test]
async fn a_change_needs_the_tag_of_what_it_changes() {
    let server = Tailscale::start().await.unwrap();
    let untouched = with(
        &server,
        "POST",
        &[("Content-Type", HUJSON), ("If-Match", "\"ts-default\"")],
        POLICY,
    )
    .await;
    let again = with(
        &server,
        "POST",
        &[("Content-Type", HUJSON), ("If-Match", "\"ts-default\"")],
        POLICY,
    )
    .await;
    let tag = etag(&untouched);
    let new = POLICY.replace("Ours", "Still ours");
    let headers = [("Content-Type", HUJSON), ("If-Match", tag.as_str())];

    server.set_policy_before_next_write("{}");
    let late = with(&server, "POST", &headers, &new).await;
    let between = server.policy();
    server.set_policy(POLICY);
    let right = with(&server, "POST", &headers, &new).await;

    assert_eq!(
        (untouched.status, again.status, late.status, right.status),
        (200, 412, 412, 200)
    );
    assert_eq!(
        late.json(),
        json!({"message": "precondition failed, invalid old hash"})
    );
    assert_eq!(between, "{}");
    assert_eq!(server.policy(), new);
    assert_ne!(etag(&right), tag);
}

#[tokio::test]
async fn a_policy_whose_tests_fail_is_refused() {
    let server = Tailscale::start().await.unwrap();
    let before = server.policy();
    let bad = POLICY.replace("22,80-90", "22");

    let failed = with(&server, "POST", &[("Content-Type", HUJSON)], &bad).await;
    let broken = with(
        &server,
        "POST",
        &[("Content-Type", HUJSON)],
        "{\n \"acls\": [}\n",
    )
    .await;
    let undefined = POLICY.replace("group:home\"]", "group:away\"]");
    let undefined = with(&server, "POST", &[("Content-Type", HUJSON)], &undefined).await;
    let kind = with(&server, "POST", &[("Content-Type", "text/plain")], POLICY).await;

    assert_eq!(failed.status, 400);
    assert_eq!(
        failed.json(),
        json!({"message": "test(s) failed", "data": [{
            "user": "alex@lab.example",
            "errors": ["address \"tag:server:85\": want: Accept, got: Drop"],
        }]})
    );
    assert_eq!(
        (broken.status, undefined.status, kind.status),
        (400, 400, 400)
    );
    assert!(
        broken.json()["message"]
            .as_str()
            .unwrap()
            .contains("line 2")
    );
    assert!(
        undefined.json()["message"]
            .as_str()
            .unwrap()
            .contains("group not found: \"group:away\"")
    );
    assert_eq!(server.policy(), before);
    assert_eq!(server.log().unexpected(), ["POST /api/v2/tailnet/-/acl"]);
}

#[tokio::test]
async fn validation_says_no_with_200() {
    let server = Tailscale::start().await.unwrap();
    server.set_policy(POLICY);
    let bearer = format!("Bearer {ADMIN_KEY}");
    let validate = async |kind: &'static str, body: &str| {
        let answer = send(
            &server,
            &bearer,
            "POST",
            "/tailnet/-/acl/validate",
            (kind, body),
        )
        .await;
        assert_eq!(answer.status, 200, "{}", answer.body());
        answer.json()
    };

    let well = validate(HUJSON, POLICY).await;
    let failed = validate(HUJSON, &POLICY.replace("80-90", "80")).await;
    let odd = validate(
        HUJSON,
        &POLICY.replace(
            "\"group:home\":",
            "\"group:x@y.example\": [], \"group:home\":",
        ),
    )
    .await;
    let tests = validate(
        JSON,
        r#"[{"src": "sam@lab.example", "accept": ["tag:server:22"]}]"#,
    )
    .await;
    let object = validate(
        JSON,
        r#"{"acls": [{"action": "deny", "src": [], "dst": []}]}"#,
    )
    .await;

    assert_eq!(well, json!({}));
    assert_eq!(failed["message"], "test(s) failed");
    assert_eq!(
        (&odd["message"], &odd["data"][0]["user"]),
        (&json!("warning(s) found"), &json!("group:x@y.example"))
    );
    assert_eq!(tests["data"][0]["user"], "sam@lab.example");
    assert!(
        object["message"]
            .as_str()
            .unwrap()
            .contains("unknown action")
    );
    assert_eq!(server.policy(), POLICY);
}

#[tokio::test]
async fn a_preview_names_the_lines_of_the_rules() {
    let server = Tailscale::start().await.unwrap();
    let bearer = format!("Bearer {ADMIN_KEY}");
    let preview = async |query: &str| {
        let path = format!("/tailnet/-/acl/preview?{query}");
        send(&server, &bearer, "POST", &path, (HUJSON, POLICY)).await
    };

    let user = preview("type=user&previewFor=alex%40lab.example")
        .await
        .json();
    let other = preview("type=user&previewFor=sam%40lab.example")
        .await
        .json();
    let port = preview("type=ipport&previewFor=192.0.2.9%3A443")
        .await
        .json();
    let wrong = preview("type=group&previewFor=x").await;

    let lines = |found: &serde_json::Value| -> Vec<u64> {
        let rows = found["matches"].as_array().unwrap().iter();
        rows.map(|row| row["lineNumber"].as_u64().unwrap())
            .collect()
    };
    assert_eq!(lines(&user), [6, 7]);
    assert_eq!((lines(&other), lines(&port)), (vec![7], vec![7]));
    assert_eq!(
        (&user["type"], &user["previewFor"]),
        (&json!("user"), &json!("alex@lab.example"))
    );
    assert_eq!(wrong.status, 400);
}

#[tokio::test]
async fn writing_needs_to_read_devices_too() {
    let server = Tailscale::start().await.unwrap();
    server.add_oauth_client("kA", "tskey-client-a", &["policy_file"], &[]);
    let scopes = [
        "policy_file",
        "devices:core:read",
        "devices:posture_attributes",
    ];
    server.add_oauth_client("kB", "tskey-client-b", &scopes, &[]);

    let mut seen = Vec::new();
    for client in [("kA", "tskey-client-a"), ("kB", "tskey-client-b")] {
        let given = token(&server, client, "").await.json();
        let bearer = given["access_token"].as_str().unwrap();
        let answer = ask_as(&server, bearer, "POST", "/tailnet/-/acl", r#"{"acls": []}"#).await;
        seen.push(answer.status);
    }

    assert_eq!(seen, [403, 200]);
}

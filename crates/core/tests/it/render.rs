//! Text for people and models, as they see it.

use homelab_core::error::{Code, ToolError};
use homelab_core::render;
use proptest::prelude::*;
use serde_json::{Value, json};

#[test]
fn a_page_is_a_table_with_how_to_go_on() {
    let page = json!({
        "items": [
            { "name": "nas", "ip": "192.0.2.10", "status": "online", "notes": null },
            { "name": "printer", "status": "offline", "last_seen": "2026-01-02T03:04:05.5Z" },
        ],
        "total": 40,
        "next_cursor": "cHJpbnRlcg",
    });

    assert_eq!(
        render::text(&page),
        "name     ip          status      last_seen\n\
         nas      192.0.2.10  🟢 online   -\n\
         printer  -           🔴 offline  2026-01-02 03:04:05 UTC\n\
         2 of 40; for more call again with cursor = \"cHJpbnRlcg\""
    );
}

#[test]
fn the_last_page_and_an_empty_one_say_so() {
    let last = json!({ "items": [{ "name": "nas" }], "total": 1 });
    let empty = json!({ "items": [], "total": 0 });

    assert_eq!(render::text(&last), "name\nnas\n1 of 1");
    assert_eq!(render::text(&empty), "nothing found (0 of 0)");
}

#[test]
fn a_page_under_another_name_is_a_page() {
    let page = json!({ "site": "home", "devices": [{ "name": "nas" }], "total": 3 });

    assert_eq!(render::text(&page), "site: home\nname\nnas\n1 of 3");
}

#[test]
fn an_object_is_lines_and_its_parts_are_indented() {
    let device = json!({
        "name": "nas",
        "status": "maintenance",
        "disk_bytes": 4_000_787_030_016_u64,
        "tags": ["storage", "zfs"],
        "reachable": true,
        "encrypted": false,
        "location": { "site": "home", "rack": { "unit": 3 } },
        "ports": [{ "port": 22, "service": "ssh" }, { "port": 443, "service": "https" }],
        "notes": "first line\nstatus: online",
        "aliases": [],
        "owner": null,
    });

    assert_eq!(
        render::text(&device),
        "name: nas\n\
         status: ⚠️ maintenance\n\
         disk_bytes: 3.6 TiB\n\
         tags: storage, zfs\n\
         reachable: 🟢 yes\n\
         encrypted: no\n\
         location:\n  site: home\n  rack:\n    unit: 3\n\
         ports:\n  port  service\n  22    ssh\n  443   https\n\
         notes:\n  first line\n  status: online\n\
         aliases: none\n\
         owner: -"
    );
}

#[test]
fn a_cell_holds_a_list_or_an_object_on_one_line_and_is_cut() {
    let rows = json!([
        { "name": "a", "addresses": ["192.0.2.1", "2001:db8::1"], "os": { "name": "debian", "version": 13 } },
        { "name": "b\nc", "addresses": [], "os": { "name": "x".repeat(80) } },
    ]);

    let text = render::text(&rows);
    let lines: Vec<&str> = text.lines().collect();

    assert_eq!(
        lines[0].split_whitespace().collect::<Vec<_>>(),
        ["name", "addresses", "os"]
    );
    assert_eq!(
        lines[1],
        "a     192.0.2.1, 2001:db8::1  name=debian version=13"
    );
    assert_eq!(
        lines[2],
        format!("b c   -                       name={}…", "x".repeat(54))
    );
    assert_eq!(lines.len(), 3);
}

#[test]
fn plain_values_are_themselves() {
    assert_eq!(render::text(&json!("3.3 V\n")), "3.3 V");
    assert_eq!(render::text(&json!(true)), "yes");
    assert_eq!(
        render::text(&json!([1, [2, 3], { "a": 4 }])),
        "- 1\n- 2, 3\n- a=4"
    );
    assert_eq!(render::text(&json!({})), "nothing");
    assert_eq!(render::text(&json!([])), "none");
}

#[test]
fn keys_and_cells_cannot_move_the_cursor() {
    let text = render::text(
        &json!({ "a\u{1b}[2J\nb": "\u{1b}]0;x\u{7}y", "t": [{ "c\u{1b}[1m": "\u{9b}1mz" }] }),
    );

    assert_eq!(text, "a b: y\nt:\n  c\n  z");
}

#[test]
fn an_error_says_what_happened_what_to_do_and_its_facts() {
    let error = ToolError::new(
        Code::UpstreamUnreachable,
        "nothing listens at `192.0.2.1:8006`",
    )
    .hint("check `servers.pve.url`")
    .instance("pve")
    .request_id("r-1");
    let limited = ToolError::new(Code::RateLimited, "too many calls").retry_after_s(7);

    assert_eq!(
        render::error(error.envelope()),
        "❌ nothing listens at `192.0.2.1:8006`\n\
         hint: check `servers.pve.url`\n\
         (upstream_unreachable, instance pve, request r-1, retryable)"
    );
    assert_eq!(
        render::error(limited.envelope()),
        "❌ too many calls\n(rate_limited, retry after 7 s)"
    );
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        "[\\x00-\\x1f\u{1b}\\[\\];m\u{9b}\u{202e}a-z]{0,12}".prop_map(Value::from),
    ];
    let key = prop_oneof![
        any::<String>(),
        Just("items".to_owned()),
        Just("total".to_owned()),
        Just("next_cursor".to_owned()),
        Just("status".to_owned()),
        Just("size_bytes".to_owned()),
    ];
    leaf.prop_recursive(10, 96, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::vec((key.clone(), inner), 0..6)
                .prop_map(|members| members.into_iter().collect::<Value>()),
        ]
    })
}

proptest! {
    #[test]
    fn any_result_renders_without_control_characters(value in any_json()) {
        let text = render::text(&value);

        prop_assert!(text.chars().all(|letter| letter == '\n' || !letter.is_control()), "{text:?}");
    }
}

#[test]
fn a_result_nested_deeper_than_anybody_reads_still_renders() {
    let deep = (0..200).fold(json!("bottom"), |inner, _| json!({ "in": [inner] }));

    let text = render::text(&deep);

    assert!(text.contains('…'));
    assert!(text.lines().count() < 30);
}

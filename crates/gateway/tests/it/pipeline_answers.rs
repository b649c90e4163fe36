//! How answers are kept short without becoming wrong.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use homelab_core::call::{Format, ToolReply};
use homelab_core::error::{Code, ToolError};
use homelab_core::tool::ToolSpec;
use homelab_gateway::pipeline::PipelineOptions;
use rstest::rstest;
use serde_json::{Value, json};

use crate::support::{Bench, FakeServer, FakeTool, call, read, write};

const ROWS: u64 = 1_000;

/// A list of 1,000 rows in pages, as the store gives them: 25 unless asked otherwise, and a cursor
/// that names the last row.
fn paged(row_letters: usize) -> FakeTool {
    FakeTool::new(read("list"))
        .takes(
            json!({
                "limit": { "type": "integer", "minimum": 1, "maximum": 200 },
                "cursor": { "type": "string" },
            }),
            &[],
        )
        .gives(json!({
            "type": "object",
            "properties": {
                "items": { "type": "array" },
                "total": { "type": "integer" },
                "next_cursor": { "type": "string" },
            },
            "required": ["items", "total"],
        }))
        .answers(move |arguments| {
            let after = arguments["cursor"]
                .as_str()
                .map_or(0, |text| text.parse().unwrap());
            let limit = arguments["limit"].as_u64().unwrap_or(25);
            let end = (after + limit).min(ROWS);
            let rows: Vec<Value> = (after..end)
                .map(|id| json!({ "id": id, "text": "x".repeat(row_letters) }))
                .collect();
            let mut page = json!({ "items": rows, "total": ROWS });
            if end < ROWS {
                page["next_cursor"] = end.to_string().into();
            }
            Ok(page)
        })
}

fn bench(tool: FakeTool) -> Bench {
    Bench::new(vec![FakeServer::new("lamp", "lamp", vec![tool])])
}

fn tokens(reply: &ToolReply) -> usize {
    reply.text.chars().count() / 4
}

fn ids(reply: &ToolReply) -> Vec<u64> {
    let rows = reply.structured["items"].as_array().unwrap();
    rows.iter().map(|row| row["id"].as_u64().unwrap()).collect()
}

#[tokio::test]
async fn a_page_that_fits_is_left_alone() {
    let server = FakeServer::new("lamp", "lamp", vec![paged(50)]);
    let runs = Arc::clone(&server.runs);
    let bench = Bench::new(vec![server]);

    let reply = bench.call("list", json!({})).await.unwrap();

    assert_eq!(ids(&reply).len(), 25);
    assert_eq!(reply.structured.get("truncated"), None);
    assert_eq!(runs.load(Ordering::SeqCst), 1);
}

#[rstest]
#[case(400)]
#[case(1_000)]
#[case(5_000)]
#[tokio::test]
async fn long_rows_make_smaller_pages_that_miss_no_row(#[case] row_letters: usize) {
    let bench = bench(paged(row_letters));
    let mut seen = Vec::new();
    let mut arguments = json!({});

    for _ in 0..4 {
        let reply = bench.call("list", arguments).await.unwrap();
        assert!(tokens(&reply) <= 2_000, "{}", tokens(&reply));
        assert_eq!(reply.structured["truncated"], true);
        assert!(
            reply.structured["truncated_hint"]
                .as_str()
                .unwrap()
                .contains("`next_cursor`")
        );
        seen.extend(ids(&reply));
        arguments = json!({ "cursor": reply.structured["next_cursor"] });
    }

    let expected: Vec<u64> = (0..seen.len() as u64).collect();
    assert_eq!(seen, expected);
}

#[tokio::test]
async fn a_caller_who_asks_for_more_rows_gets_them_up_to_the_upper_limit() {
    let bench = bench(paged(300));

    let some = bench.call("list", json!({ "limit": 100 })).await.unwrap();
    let many = bench.call("list", json!({ "limit": 200 })).await.unwrap();
    let next = bench
        .call(
            "list",
            json!({ "limit": 200, "cursor": many.structured["next_cursor"] }),
        )
        .await
        .unwrap();

    assert_eq!(ids(&some).len(), 100);
    assert_eq!(some.structured.get("truncated"), None);
    assert_eq!(ids(&many).len(), 200);
    assert_eq!(ids(&next)[0], 200);
}

#[tokio::test]
async fn no_answer_exceeds_the_upper_limit() {
    let bench = bench(paged(1_000));

    let reply = bench.call("list", json!({ "limit": 200 })).await.unwrap();

    assert!(
        (10_000..=20_000).contains(&tokens(&reply)),
        "{}",
        tokens(&reply)
    );
    assert_eq!(reply.structured["truncated"], true);
    let rows = ids(&reply);
    let cursor = reply.structured["next_cursor"].as_str().unwrap();
    assert_eq!(cursor, rows.len().to_string());
}

#[tokio::test]
async fn a_single_huge_row_is_cut_within_its_text() {
    let bench = bench(paged(200_000));

    let reply = bench.call("list", json!({})).await.unwrap();

    assert!(tokens(&reply) <= 20_000);
    assert_eq!(ids(&reply), [0]);
    assert!(
        reply.structured["items"][0]["text"]
            .as_str()
            .unwrap()
            .ends_with('…')
    );
    assert_eq!(reply.structured["truncated"], true);
}

/// A result without pages.
fn plain(spec: ToolSpec, schema: Value, result: Value) -> FakeTool {
    FakeTool::new(spec)
        .takes(json!({ "category": { "type": "string" } }), &[])
        .gives(schema)
        .answers(move |_| Ok(result.clone()))
}

#[tokio::test]
async fn a_list_without_pages_is_cut_and_says_how_to_ask_for_less() {
    let rows: Vec<Value> = (0..5_000)
        .map(|id| json!({ "id": id, "text": "some text" }))
        .collect();
    let result = json!({ "rows": rows, "count": 5_000 });
    let bench = bench(plain(read("all"), json!({ "type": "object" }), result));

    let reply = bench.call("all", json!({})).await.unwrap();

    assert!(
        (15_000..=20_000).contains(&tokens(&reply)),
        "{}",
        tokens(&reply)
    );
    assert_eq!(reply.structured["count"], 5_000);
    assert_eq!(reply.structured["rows"][0]["id"], 0);
    assert_eq!(
        reply.structured["truncated_hint"],
        "cut to keep the answer short: ask for less with `category`"
    );
    assert_eq!(
        serde_json::from_str::<Value>(&reply.text).unwrap(),
        reply.structured
    );
}

#[tokio::test]
async fn many_long_texts_are_all_cut() {
    let texts: serde_json::Map<String, Value> = (0..20)
        .map(|number| (format!("t{number}"), "é".repeat(20_000).into()))
        .collect();
    let bench = bench(plain(
        read("texts"),
        json!({ "type": "object" }),
        Value::Object(texts),
    ));

    let reply = bench.call("texts", json!({})).await.unwrap();

    assert!(tokens(&reply) <= 20_000);
    assert_eq!(reply.structured.as_object().unwrap().len(), 22);
}

#[tokio::test]
async fn what_cannot_be_cut_within_its_schema_is_an_error_that_names_the_argument() {
    let strict =
        json!({ "type": "object", "properties": { "rows": {} }, "additionalProperties": false });
    let rows: Vec<Value> = (0..50_000).map(Value::from).collect();
    let reading = bench(plain(read("all"), strict.clone(), json!({ "rows": rows })));
    let changing = bench(plain(write("put"), strict, json!({ "rows": rows })));

    let read = reading.call("all", json!({})).await.unwrap_err();
    let change = changing.call("put", json!({})).await.unwrap_err();

    assert_eq!(read.code(), Code::InvalidArgument);
    assert_eq!(read.envelope().field.as_deref(), Some("category"));
    assert_eq!(read.envelope().reason.as_deref(), Some("answer_too_large"));
    // A change is not called invalid after it was made.
    assert_eq!(change.code(), Code::Internal);
    assert!(change.envelope().message.starts_with("the change was made"));
}

#[tokio::test]
async fn several_instances_share_the_limit() {
    let server = |instance: &str| {
        let rows: Vec<Value> = (0..20_000).map(Value::from).collect();
        let result = json!({ "rows": rows });
        FakeServer::new(
            "lamp",
            instance,
            vec![plain(read("all"), json!({ "type": "object" }), result)],
        )
    };
    let bench = Bench::new(vec![server("a"), server("b"), server("c")]);

    let reply = bench
        .call("lamp_all", json!({ "instance": "all" }))
        .await
        .unwrap();

    assert!(tokens(&reply) <= 20_000, "{}", tokens(&reply));
    assert_eq!(reply.structured["results"].as_array().unwrap().len(), 3);
    assert_eq!(reply.structured["results"][2]["result"]["truncated"], true);
}

#[tokio::test]
async fn text_is_capped_at_the_end_of_a_line() {
    let options = PipelineOptions {
        page_tokens: 100,
        most_tokens: 100,
    };
    let lines: Vec<Value> = (0..60).map(|number| json!(number)).collect();
    let tool = plain(
        read("all"),
        json!({ "type": "object" }),
        json!({ "rows": [lines] }),
    );
    let bench = Bench::with_options(vec![FakeServer::new("lamp", "lamp", vec![tool])], options);
    let mut call = call("all", json!({}));
    call.format = Format::Text;

    let reply = bench.run(call).await.unwrap();

    assert!(reply.text.chars().count() <= 400, "{}", reply.text);
    assert_eq!(reply.format, Format::Text);
}

#[tokio::test]
async fn untrusted_text_is_marked_in_the_answer() {
    let mut spec = read("show");
    spec.untrusted = &["name"];
    let tool = plain(
        spec,
        json!({ "type": "object" }),
        json!({ "name": "a\u{202e}b\u{1b}[2J" }),
    );
    let bench = bench(tool);

    let reply = bench.call("show", json!({})).await.unwrap();

    assert_eq!(
        reply.structured,
        json!({ "name": "ab", "untrusted_fields": ["name"] })
    );
}

#[tokio::test]
async fn a_failed_page_is_an_error_and_not_a_cut() {
    let tool = paged(400).answers(|arguments| match arguments.get("limit") {
        Some(_) => Err(ToolError::not_found("gone meanwhile")),
        None => Ok(json!({ "items": vec!["x".repeat(1_000); 25], "total": 25 })),
    });
    let bench = bench(tool);

    let error = bench.call("list", json!({})).await.unwrap_err();

    assert_eq!(error.code(), Code::NotFound);
}

use std::future::ready;

use homelab_core::redact::Redactor;
use serde_json::json;

use super::*;
use crate::api::model::Verb;

fn document(path: &str) -> Document {
    let document = json!({ "paths": {
        path: { "get": { "summary": "Reads it", "parameters": [
            { "name": "full", "in": "query", "schema": { "type": "boolean" } },
        ] } },
        "/version": { "get": { "summary": "The version" } },
    } });
    Document::Text(document.to_string().into_bytes())
}

fn book(folder: Option<&Path>) -> Book {
    Book {
        name: "pve".to_owned(),
        folder: folder.map(Path::to_owned),
        redactor: Redactor::default(),
        effects: OnceLock::new(),
        now: Mutex::new(None),
    }
}

async fn paths(book: &Book, version: &str, document: Document) -> Vec<String> {
    let described = book
        .of_version(version, "", ready(Ok(document)))
        .await
        .unwrap();
    let operation = described.operation(&described.rows[0]).await.unwrap();
    assert_eq!(operation.path, described.rows[0].path);
    assert_eq!(operation.method, Verb::Get);
    described.rows.iter().map(|row| row.path.clone()).collect()
}

/// A description that must not be asked for.
fn nothing() -> impl Future<Output = ToolResult<Document>> {
    ready(Err(ToolError::internal("asked again")))
}

#[tokio::test]
async fn a_description_is_fetched_once_for_each_version() {
    let folder = tempfile::tempdir().unwrap();
    let first = book(Some(folder.path()));

    assert_eq!(
        paths(&first, "9.1", document("/a")).await,
        ["/a", "/version"]
    );
    assert!(first.of_version("9.1", "", nothing()).await.is_ok());
    assert_eq!(
        paths(&first, "9.2", document("/b")).await,
        ["/b", "/version"]
    );

    // Another process finds both.
    let second = book(Some(folder.path()));
    let cached = second.of_version("9.1", "", nothing()).await.unwrap();
    assert_eq!(cached.rows[0].path, "/a");
    let operation = cached.operation(&cached.rows[0]).await.unwrap();
    assert_eq!(operation.parameters[0].name, "full");
}

#[tokio::test]
async fn paths_are_kept_without_what_stands_before_each() {
    let book = book(None);

    let document = ready(Ok(document("/api/a/")));
    let described = book.of_version("1", "/api", document).await.unwrap();

    let rows = &described.rows;
    assert_eq!(
        (rows[0].path.as_str(), rows[1].path.as_str()),
        ("/a/", "/version")
    );
}

#[tokio::test]
async fn without_a_folder_it_is_kept_in_memory() {
    let book = book(None);

    assert_eq!(paths(&book, "1", document("/a")).await, ["/a", "/version"]);
    assert!(book.of_version("1", "", nothing()).await.is_ok());
}

#[tokio::test]
async fn a_file_that_was_cut_or_is_another_is_made_anew() {
    let folder = tempfile::tempdir().unwrap();
    let first = book(Some(folder.path()));
    paths(&first, "9.1", document("/a")).await;
    let file = folder.path().join("pve@9.1.json");
    let text = fs::read_to_string(&file).unwrap();

    for broken in [text.get(..text.len() - 3).unwrap(), "", "other\n{}\n"] {
        fs::write(&file, broken).unwrap();
        let again = book(Some(folder.path()));
        assert_eq!(
            paths(&again, "9.1", document("/a")).await,
            ["/a", "/version"]
        );
    }
}

#[tokio::test]
async fn old_versions_are_removed_and_those_of_others_stay() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("pve2@1.json"), "other").unwrap();
    let book = book(Some(folder.path()));

    for version in ["1", "2", "3", "4", "5"] {
        paths(&book, version, document("/a")).await;
    }

    let files = fs::read_dir(folder.path()).unwrap().count();
    assert_eq!(files, KEPT + 1);
    assert!(folder.path().join("pve2@1.json").exists());
}

#[tokio::test]
async fn a_description_that_cannot_be_read_is_an_error_and_is_not_kept() {
    let book = book(None);
    let broken = ready(Ok(Document::Text(b"<html>".to_vec())));

    let error = book.of_version("1", "", broken).await.unwrap_err();

    assert_eq!(error.code(), Code::UpstreamRejected);
    assert_eq!(
        error.envelope().reason.as_deref(),
        Some("description_unreadable")
    );
    assert_eq!(paths(&book, "1", document("/a")).await, ["/a", "/version"]);
}

#[tokio::test]
async fn what_tools_know_is_asked_for_each_time() {
    let book = book(None);
    let known = |path: &str| {
        Document::Known(vec![Operation {
            method: Verb::Get,
            path: path.to_owned(),
            summary: String::new(),
            parameters: Vec::new(),
            answer: Vec::new(),
        }])
    };

    assert_eq!(paths(&book, "1", known("/a")).await, ["/a"]);
    assert_eq!(paths(&book, "1", document("/b")).await, ["/b", "/version"]);
}

#[test]
fn names_of_files_hold_nothing_else() {
    assert_eq!(safe("../9.1 (a/b)"), ".._9.1__a_b_");
}

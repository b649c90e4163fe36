use homelab_core::tool::Change;
use serde_json::json;

use crate::world::World;

#[tokio::test]
async fn a_replaced_file_gets_its_content_and_mode_back() {
    let Some(world) = World::ssh().await else {
        return;
    };
    let path = world.path("app.conf");
    std::fs::write(&path, "old\n").unwrap();
    let args = json!({ "file_path": path, "content": "new\n", "mode": "0600" });

    let inverse = world
        .inverse("whisper_write_file", args.clone())
        .await
        .unwrap();
    world.call("whisper_write_file", args).await;
    let undone = world.call(&inverse.tool, inverse.arguments).await;

    assert_eq!(std::fs::read_to_string(&path).unwrap(), "old\n");
    assert_eq!(undone["mode"], "0644");
}

#[tokio::test]
async fn binary_content_comes_back_too() {
    let Some(world) = World::ssh().await else {
        return;
    };
    let path = world.path("blob");
    std::fs::write(&path, [0_u8, 255, 7]).unwrap();
    let args = json!({ "file_path": path, "content": "text" });

    let inverse = world
        .inverse("whisper_write_file", args.clone())
        .await
        .unwrap();
    world.call("whisper_write_file", args).await;
    world.call(&inverse.tool, inverse.arguments).await;

    assert_eq!(std::fs::read(&path).unwrap(), [0, 255, 7]);
}

#[tokio::test]
async fn a_file_that_was_made_is_removed_again() {
    let Some(world) = World::ssh().await else {
        return;
    };
    let path = world.path("new");
    let args = json!({ "file_path": path, "content": "x" });

    let inverse = world
        .inverse("whisper_write_file", args.clone())
        .await
        .unwrap();
    world.call("whisper_write_file", args).await;
    world.call(&inverse.tool, inverse.arguments).await;

    assert!(!std::path::Path::new(&path).exists());
}

#[tokio::test]
async fn undo_does_not_overwrite_what_somebody_else_wrote_since() {
    let Some(world) = World::ssh().await else {
        return;
    };
    let path = world.path("shared");
    std::fs::write(&path, "old").unwrap();
    let args = json!({ "file_path": path, "content": "new" });

    let inverse = world
        .inverse("whisper_write_file", args.clone())
        .await
        .unwrap();
    world.call("whisper_write_file", args).await;
    std::fs::write(&path, "theirs").unwrap();
    world.fail(&inverse.tool, inverse.arguments).await;

    assert_eq!(std::fs::read_to_string(&path).unwrap(), "theirs");
}

#[tokio::test]
async fn a_removed_file_comes_back() {
    let Some(world) = World::ssh().await else {
        return;
    };
    let path = world.path("kept");
    std::fs::write(&path, "content").unwrap();
    let args = json!({ "file_path": path });

    let inverse = world
        .inverse("whisper_delete_file", args.clone())
        .await
        .unwrap();
    let deleted = world.call("whisper_delete_file", args).await;
    assert_eq!(deleted["size"], 7);
    assert!(!std::path::Path::new(&path).exists());
    world.call(&inverse.tool, inverse.arguments).await;

    assert_eq!(std::fs::read_to_string(&path).unwrap(), "content");
}

#[tokio::test]
async fn a_file_that_is_too_large_is_not_kept_and_the_preview_says_so() {
    let Some(world) = World::ssh().await else {
        return;
    };
    let path = world.path("large");
    std::fs::write(&path, vec![b'x'; 300 * 1024]).unwrap();
    let args = json!({ "file_path": path, "content": "x" });

    assert_eq!(
        world.inverse("whisper_write_file", args.clone()).await,
        None
    );
    let preview = world.preview("whisper_write_file", args).await;
    assert!(preview.impact[0].contains("too large"), "{preview:?}");
}

#[tokio::test]
async fn a_preview_shows_the_lines_that_differ_and_the_target() {
    let Some(world) = World::ssh().await else {
        return;
    };
    let path = world.path("app.conf");
    std::fs::write(&path, "a = 1\nb = 2\nc = 3\n").unwrap();
    let args = json!({ "file_path": path, "content": "a = 1\nb = 7\nc = 3\n", "mode": "0600" });

    let preview = world.preview("whisper_write_file", args.clone()).await;
    let targets = world.targets("whisper_write_file", args).await;

    assert_eq!(
        preview.changes,
        [
            Change {
                field: "content".into(),
                from: Some("b = 2\n".into()),
                to: Some("b = 7\n".into())
            },
            Change {
                field: "mode".into(),
                from: Some("0644".into()),
                to: Some("0600".into())
            },
        ]
    );
    assert_eq!(
        (targets[0].kind.as_str(), targets[0].id.as_str()),
        ("file", &*format!("nas:{path}"))
    );
}

#[tokio::test]
async fn previews_of_new_binary_and_removed_files_say_what_happens() {
    let Some(world) = World::ssh().await else {
        return;
    };
    let new = json!({ "file_path": world.path("new"), "content": "x" });
    let created = world.preview("whisper_write_file", new).await;
    assert!(created.summary.starts_with("create "), "{created:?}");

    let path = world.path("blob");
    std::fs::write(&path, [0_u8, 1]).unwrap();
    let args = json!({ "file_path": path, "content": "text" });
    let binary = world.preview("whisper_write_file", args).await;
    assert_eq!(binary.changes[0].field, "sha256");

    let removed = world
        .preview("whisper_delete_file", json!({ "file_path": path }))
        .await;
    assert!(removed.summary.contains("(2 bytes)"), "{removed:?}");
    assert_eq!(removed.impact, ["its content is kept for undo"]);

    let outside = json!({ "file_path": "/etc/passwd", "content": "" });
    assert!(
        world
            .try_preview("whisper_write_file", outside)
            .await
            .is_err()
    );
}

use std::os::unix::fs::{PermissionsExt, symlink};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use homelab_core::error::Code;
use homelab_core::tool::Effect;
use serde_json::json;

use crate::world::{World, field, reason};

#[tokio::test]
async fn text_is_read_with_what_is_needed_to_change_it_safely() {
    let Some(world) = World::ssh().await else {
        return;
    };
    std::fs::write(world.path("app.conf"), "größe = 3\n").unwrap();

    let file = world
        .call(
            "whisper_read_file",
            json!({ "file_path": world.path("app.conf") }),
        )
        .await;

    assert_eq!(file["content"], "größe = 3\n");
    assert_eq!(file["encoding"], "utf-8");
    assert_eq!((&file["size"], &file["kind"]), (&json!(12), &json!("file")));
    assert_eq!(file["sha256"].as_str().unwrap().len(), 64);
    assert!(file.get("next_offset").is_none());
}

#[tokio::test]
async fn parts_join_to_the_whole_and_cut_no_character() {
    let Some(world) = World::ssh().await else {
        return;
    };
    let whole = "aüßé🟢z".repeat(20);
    std::fs::write(world.path("long"), &whole).unwrap();

    let mut read = String::new();
    let mut offset = json!(0);
    while !offset.is_null() {
        let args = json!({ "file_path": world.path("long"), "offset": offset, "limit": 7 });
        let part = world.call("whisper_read_file", args).await;
        assert_eq!(part["encoding"], "utf-8");
        read.push_str(part["content"].as_str().unwrap());
        offset = part["next_offset"].clone();
    }

    assert_eq!(read, whole);
}

#[tokio::test]
async fn binary_content_comes_as_base64_and_is_no_text() {
    let Some(world) = World::ssh().await else {
        return;
    };
    let bytes = [0_u8, 159, 146, 150];
    std::fs::write(world.path("blob"), bytes).unwrap();
    let path = world.path("blob");

    let file = world
        .call("whisper_read_file", json!({ "file_path": path }))
        .await;
    assert_eq!(file["encoding"], "base64");
    assert_eq!(
        STANDARD.decode(file["content"].as_str().unwrap()).unwrap(),
        bytes
    );

    let error = world
        .fail(
            "whisper_read_file",
            json!({ "file_path": path, "encoding": "utf-8" }),
        )
        .await;
    assert_eq!(reason(&error), "file_not_text");
}

#[tokio::test]
async fn nothing_outside_of_the_roots_is_touched() {
    let Some(world) = World::ssh().await else {
        return;
    };

    for (tool, args) in [
        ("whisper_read_file", json!({ "file_path": "/etc/passwd" })),
        ("whisper_stat_file", json!({ "file_path": "/etc/passwd" })),
        ("whisper_delete_file", json!({ "file_path": "/etc/passwd" })),
        (
            "whisper_write_file",
            json!({ "file_path": "/etc/x", "content": "" }),
        ),
        ("whisper_list_directory", json!({ "path": "/etc" })),
    ] {
        let error = world.fail(tool, args).await;

        assert_eq!(error.code(), Code::PermissionDenied, "{tool}");
        assert_eq!(reason(&error), "file_outside_roots", "{tool}");
    }
}

#[tokio::test]
async fn a_link_that_leads_outside_is_not_followed() {
    let Some(world) = World::ssh().await else {
        return;
    };
    symlink("/etc/passwd", world.root().join("innocent")).unwrap();
    symlink("/etc", world.root().join("folder")).unwrap();

    for path in [world.path("innocent"), world.path("folder/passwd")] {
        let error = world
            .fail("whisper_read_file", json!({ "file_path": path }))
            .await;
        assert_eq!(reason(&error), "file_link_outside", "{path}");
        let args = json!({ "file_path": path, "content": "x" });
        let error = world.fail("whisper_write_file", args).await;
        assert!(
            ["file_link_outside", "file_kind"].contains(&reason(&error)),
            "{path}: {error}"
        );
    }
    let info = world
        .call(
            "whisper_stat_file",
            json!({ "file_path": world.path("innocent") }),
        )
        .await;
    assert_eq!(
        (&info["kind"], &info["target"]),
        (&json!("symlink"), &json!("/etc/passwd"))
    );
}

#[tokio::test]
async fn a_path_that_nobody_can_judge_is_refused_by_its_argument() {
    let Some(world) = World::ssh().await else {
        return;
    };

    for path in ["etc/passwd", "/srv/../etc/passwd"] {
        let error = world
            .fail("whisper_read_file", json!({ "file_path": path }))
            .await;

        assert_eq!(
            (error.code(), field(&error)),
            (Code::InvalidArgument, "file_path")
        );
    }
}

#[tokio::test]
async fn a_file_that_is_not_there_is_not_found() {
    let Some(world) = World::ssh().await else {
        return;
    };
    let args = json!({ "file_path": world.path("nothing") });

    for tool in [
        "whisper_read_file",
        "whisper_stat_file",
        "whisper_delete_file",
    ] {
        let error = world.fail(tool, args.clone()).await;
        assert_eq!(reason(&error), "file_missing", "{tool}");
    }
    assert!(
        world
            .try_preview("whisper_delete_file", args)
            .await
            .is_err()
    );
}

#[tokio::test]
async fn writing_keeps_the_mode_and_says_what_was_there() {
    let Some(world) = World::ssh().await else {
        return;
    };
    let path = world.path("run.sh");
    std::fs::write(&path, "old").unwrap();
    std::fs::set_permissions(&path, PermissionsExt::from_mode(0o750)).unwrap();

    let written = world
        .call(
            "whisper_write_file",
            json!({ "file_path": path, "content": "new" }),
        )
        .await;

    assert_eq!(
        (&written["created"], &written["mode"]),
        (&json!(false), &json!("0750"))
    );
    assert_eq!(written["atomic"], true);
    assert!(written["previous_sha256"].is_string());
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "new");
}

#[tokio::test]
async fn a_new_file_gets_its_folders_and_mode() {
    let Some(world) = World::ssh().await else {
        return;
    };
    let path = world.path("a/b/new");

    let written = world
        .call(
            "whisper_write_file",
            json!({
                "file_path": path,
                "content": STANDARD.encode([1, 2, 3]),
                "encoding": "base64",
                "mode": "0600",
                "create_dirs": true,
                "create_only": true,
            }),
        )
        .await;

    assert_eq!(
        (&written["created"], &written["mode"]),
        (&json!(true), &json!("0600"))
    );
    assert_eq!(std::fs::read(&path).unwrap(), [1, 2, 3]);
}

#[tokio::test]
async fn a_file_that_has_changed_meanwhile_is_not_overwritten() {
    let Some(world) = World::ssh().await else {
        return;
    };
    let path = world.path("shared");
    std::fs::write(&path, "mine").unwrap();
    let seen = world
        .call("whisper_read_file", json!({ "file_path": path }))
        .await;
    std::fs::write(&path, "theirs").unwrap();
    let expected = &seen["sha256"];

    let args = json!({ "file_path": path, "content": "new", "expected_sha256": expected });
    let error = world.fail("whisper_write_file", args).await;
    assert_eq!(reason(&error), "file_changed");
    let args = json!({ "file_path": path, "expected_sha256": expected });
    let error = world.fail("whisper_delete_file", args).await;
    assert_eq!(reason(&error), "file_changed");
    let args = json!({ "file_path": path, "content": "new", "create_only": true });
    let error = world.fail("whisper_write_file", args).await;
    assert_eq!(reason(&error), "file_exists");

    assert_eq!(std::fs::read_to_string(&path).unwrap(), "theirs");
}

#[tokio::test]
async fn arguments_that_make_no_sense_are_named() {
    let Some(world) = World::ssh().await else {
        return;
    };
    let path = world.path("x");

    for (args, expected) in [
        (
            json!({ "file_path": path, "content": "x", "mode": "rwx" }),
            "mode",
        ),
        (
            json!({ "file_path": path, "content": "x", "mode": "99999" }),
            "mode",
        ),
        (
            json!({ "file_path": path, "content": "§", "encoding": "base64" }),
            "content",
        ),
    ] {
        let error = world.fail("whisper_write_file", args).await;
        assert_eq!(field(&error), expected);
    }
    assert!(!world.root().join("x").exists());
}

#[tokio::test]
async fn directories_are_listed_in_pages() {
    let Some(world) = World::ssh().await else {
        return;
    };
    for name in ["b", "a", "c"] {
        std::fs::write(world.path(name), name).unwrap();
    }
    std::fs::create_dir(world.path("d")).unwrap();
    let path = world.path("");

    let first = world
        .call(
            "whisper_list_directory",
            json!({ "path": path, "limit": 3 }),
        )
        .await;
    let cursor = &first["next_cursor"];
    let last = world
        .call(
            "whisper_list_directory",
            json!({ "path": path, "limit": 3, "cursor": cursor }),
        )
        .await;

    let names: Vec<&str> = first["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| entry["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["a", "b", "c"]);
    assert_eq!(first["total"], 4);
    assert_eq!(last["items"][0]["kind"], "directory");
    assert!(last.get("next_cursor").is_none());

    let file = json!({ "path": world.path("a") });
    assert_eq!(
        reason(&world.fail("whisper_list_directory", file).await),
        "file_kind"
    );
}

#[tokio::test]
async fn only_a_write_that_can_lose_something_is_destructive() {
    let world = World::ollama().await;
    let effect = |create_only: bool| {
        let args = json!({ "file_path": "/srv/x", "content": "", "create_only": create_only });
        world.effect("whisper_write_file", args)
    };

    assert_eq!(effect(true), Effect::Write);
    assert_eq!(effect(false), Effect::Destructive);
}

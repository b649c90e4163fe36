//! `archives`: what servers gave out of themselves, against a Pi-hole that plays the documented API.

use std::fs;

use homelab_lab::pihole::{PASSWORD, Pihole};
use serde_json::{Value, json};

use crate::cli_support::{Place, mode};

struct Lab {
    _pihole: Pihole,
    place: Place,
}

async fn lab() -> Lab {
    let pihole = Pihole::start().await.expect("a loopback port");
    pihole.add_rule("deny/exact", "casino.example");
    let place = Place::new();
    place.write("password", PASSWORD);
    place.write(
        ".config/homelab-mcp/homelab.toml",
        &format!(
            "[servers.pihole]\nurl = \"{}\"\npassword = \"file:{}\"\n",
            pihole.url(),
            place.path("password").display(),
        ),
    );
    Lab {
        _pihole: pihole,
        place,
    }
}

impl Lab {
    /// Makes an archive; its id.
    fn export(&self) -> String {
        let arguments = json!({ "note": "for the test" }).to_string();
        let call = [
            "tools",
            "call",
            "pihole_export_teleporter",
            "--args",
            &arguments,
        ];
        let made = self.place.json(&call);
        let archive = &made["hosts"][0]["result"]["archive"];
        archive["id"].as_str().expect("an id").to_owned()
    }

    fn list(&self) -> Value {
        self.place.json(&["archives", "list"])
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_archive_lies_encrypted_and_is_written_out_for_its_owner_alone() {
    let lab = lab().await;
    let place = &lab.place;
    let id = lab.export();

    let listed = place.run(&["archives", "list"]).ok().stdout;
    let saved = place.json(&["archives", "save", &id, "--to", "a.zip"]);
    let again = place
        .run(&["archives", "save", &id, "--to", "a.zip"])
        .failed(1);
    place.write("b.zip", "something else");
    let forced = ["archives", "save", &id, "--to", "b.zip", "--force"];
    let forced = place.run(&forced).ok();

    assert!(listed.contains("for the test"), "{listed}");
    let file = place.path("a.zip");
    let content = fs::read(&file).expect("the file");
    assert!(content.starts_with(b"PK\x03\x04"));
    assert_eq!(mode(&file), 0o600);
    assert_eq!(saved["sha256"], lab.list()[0]["sha256"]);
    assert!(again.stderr.contains("--force"), "{again:?}");
    assert_eq!(fs::read(place.path("b.zip")).expect("it"), content);
    assert!(forced.stdout.contains("teleporter archive"), "{forced:?}");
    // The stand-in's archive holds its password as it is.
    let holds = |bytes: &[u8]| bytes.windows(10).any(|ten| ten == PASSWORD.as_bytes());
    assert!(holds(&content));
    for name in ["homelab.db", "homelab.db-wal"] {
        let stored = fs::read(place.data(name)).unwrap_or_default();
        assert!(!holds(&stored), "{name}");
    }
    let events = place.json(&["audit", "show", "--action", "archive_saved"]);
    assert_eq!(events.as_array().map(Vec::len), Some(2), "{events}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_master_key_encrypts_archives_again_and_one_is_removed_by_its_id() {
    let lab = lab().await;
    let place = &lab.place;
    let id = lab.export();

    let rotated = place.json(&["credentials", "rotate-key"]);
    place.run(&["credentials", "rotate-key", "--prune"]).ok();
    place.run(&["archives", "save", &id, "--to", "a.zip"]).ok();
    let none = place.run(&["archives", "delete", "nosuch"]).failed(1);
    let deleted = place.json(&["archives", "delete", &id]);

    assert_eq!(rotated["archives_encrypted_again"], 1, "{rotated}");
    assert!(none.stderr.contains("archives list"), "{none:?}");
    assert_eq!(deleted, json!({ "id": id, "deleted": true }));
    assert_eq!(lab.list(), json!([]));
}

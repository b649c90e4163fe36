//! The signed audit: what others can verify, heads that are kept elsewhere, archives, pinned tools.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;

use serde_json::{Value, json};

use crate::cli_support::{Place, Ran, mode};

fn call(place: &Place, name: &str) {
    let device = json!({ "name": name }).to_string();
    place
        .run(&["tools", "call", "homelab_upsert_device", "--args", &device])
        .ok();
}

/// Three recorded calls; the owner's key.
fn recorded() -> (Place, String) {
    let place = Place::new();
    let (_, owner) = place.init();
    for name in ["a", "b", "c"] {
        call(&place, name);
    }
    (place, owner)
}

fn public_key(place: &Place) -> String {
    let key = place.json(&["audit", "public-key"]);
    key["public_key"].as_str().expect("a key").to_owned()
}

fn read(place: &Place, name: &str) -> String {
    std::fs::read_to_string(place.path(name)).expect("the file")
}

#[test]
fn a_stranger_verifies_an_export_with_the_public_key_alone() {
    let (place, _) = recorded();
    place
        .run(&["audit", "export", "--output", "all.jsonl"])
        .ok();
    let key = public_key(&place);
    let stranger = Place::new();
    let text = read(&place, "all.jsonl");
    stranger.write("all.jsonl", &text);
    stranger.write("altered.jsonl", &text.replacen("\\\"a\\\"", "\\\"z\\\"", 1));
    let shorter: Vec<&str> = text.lines().collect();
    stranger.write(
        "shorter.jsonl",
        &(shorter[..shorter.len() - 1].join("\n") + "\n"),
    );
    stranger.write("homelab.toml", "this is no configuration");
    let verify = |file: &str, key: &str| {
        stranger.run(&[
            "audit",
            "verify-export",
            file,
            "--public-key",
            key,
            "--json",
        ])
    };

    let good = verify("all.jsonl", &key).ok().json();
    stranger.write("key.pub", &format!("{key}\n"));
    verify("all.jsonl", "key.pub").ok();
    let altered = verify("altered.jsonl", &key).failed(1).json();
    let shorter = verify("shorter.jsonl", &key).failed(1).json();
    let wrong = verify("all.jsonl", &"ab".repeat(32)).failed(1).json();

    assert_eq!(good["ok"], true, "{good}");
    assert!(
        good["rows"].as_u64().is_some_and(|rows| rows >= 7),
        "{good}"
    );
    assert!(altered["faults"][0]["id"].is_string(), "{altered}");
    let problem = |answer: &Value| {
        answer["faults"][0]["problem"]
            .as_str()
            .expect("it")
            .to_owned()
    };
    assert!(problem(&shorter).contains("missing"), "{shorter}");
    assert!(problem(&wrong).contains("signed with key"), "{wrong}");
    assert!(
        !stranger.data("homelab.db").exists(),
        "nothing is made on the other machine"
    );
    assert_eq!(mode(&place.data("audit-signing.key")), 0o600);
}

#[test]
fn a_head_kept_elsewhere_proves_that_nothing_is_gone() {
    let (place, _) = recorded();
    std::fs::create_dir(place.path("saved")).expect("a folder");
    place.run(&["backup", "saved/data"]).ok();
    call(&place, "later");
    let head = place.run(&["audit", "head"]).ok().stdout;
    assert_eq!(head.lines().count(), 1);
    place.write("heads", &head);

    let now = place.run(&["audit", "verify", "--against", "heads"]).ok();
    place
        .run(&["audit", "verify", "--against", head.trim()])
        .ok();
    // Somebody brings back an older state, of which every seal is right.
    place.run(&["restore", "saved/data", "--force"]).ok();
    let back = place.run(&["audit", "verify"]).ok();
    let gone = place
        .run(&["audit", "verify", "--against", "heads"])
        .failed(1);

    assert!(now.stdout.contains("nothing was cut off"), "{now:?}");
    assert!(back.stdout.contains("intact"), "{back:?}");
    assert!(gone.stdout.contains("pinned head"), "{gone:?}");
}

#[test]
fn an_archive_holds_what_the_database_no_longer_does() {
    let (place, owner) = recorded();
    let head = place.run(&["audit", "head"]).ok().stdout;
    let before = place.json(&["audit", "verify"])["rows"]
        .as_u64()
        .expect("rows");
    let archive = ["audit", "archive", "--before", "0s", "--to", "old.jsonl"];
    let with_owner =
        |arguments: &[&str]| place.run_with(arguments, &[("HOMELAB_OWNER_KEY", &owner)]);

    let without = place.run(&archive).failed(1);
    assert!(without.stderr.contains("owner key"), "{without:?}");
    with_owner(&archive).ok();
    let text = read(&place, "old.jsonl");
    call(&place, "later");
    let refused = with_owner(&archive).failed(1);
    let verified = place.json(&["audit", "verify", "--against", head.trim()]);
    let key = public_key(&place);
    let old = place.json(&["audit", "verify-export", "old.jsonl", "--public-key", &key]);

    assert_eq!(
        read(&place, "old.jsonl"),
        text,
        "an archive is never overwritten"
    );
    assert!(refused.stderr.contains("is there already"), "{refused:?}");
    assert_eq!(verified["ok"], true, "{verified}");
    assert_eq!(verified["archived"]["rows"], before, "{verified}");
    assert_eq!(old["rows"], before, "{old}");
    assert_eq!(old["ok"], true, "{old}");
    let rows = place.json(&["audit", "show", "--action", "audit_archived"]);
    assert_eq!(rows[0]["kind"], "event", "{rows}");
}

/// As after a crash between the file and the database: the rows are in both.
#[test]
fn an_archive_that_was_cut_short_is_simply_run_again() {
    let (place, owner) = recorded();
    let archive = ["audit", "archive", "--before", "0s", "--to", "old.jsonl"];
    let with_owner = || place.run_with(&archive, &[("HOMELAB_OWNER_KEY", &owner)]);
    // Nothing runs, so the file is all there is.
    let database = std::fs::read(place.data("homelab.db")).expect("the database");
    with_owner().ok();
    std::fs::write(place.data("homelab.db"), database).expect("the database");

    let again = with_owner().ok();

    assert!(again.stdout.contains("moved"), "{again:?}");
    place.run(&["audit", "verify"]).ok();
    let verified = place.json(&["audit", "verify", "--file", "old.jsonl"]);
    assert_eq!(verified["ok"], true, "{verified}");
}

#[test]
fn each_checkpoint_is_pinned_where_the_configuration_says() {
    let place = Place::new();
    let hook = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!(
        "http://{}/hook?token=hush-hush",
        hook.local_addr().expect("it")
    );
    place.write(
        "homelab.toml",
        &format!("[audit.pin]\nfile = \"heads\"\nwebhook = \"{url}\"\n"),
    );
    let posted = std::thread::spawn(move || {
        let (mut stream, _) = hook.accept().expect("a request");
        let mut text = String::new();
        let mut part = [0; 4096];
        while !text.ends_with('}') {
            let length = stream.read(&mut part).expect("the request");
            text.push_str(std::str::from_utf8(&part[..length]).expect("text"));
        }
        stream
            .write_all(b"HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n")
            .expect("an answer");
        text
    });
    call(&place, "a");

    let posted = posted.join().expect("the hook");
    assert!(posted.starts_with("POST /hook?token=hush-hush"), "{posted}");
    let body: Value = posted
        .split_once("\r\n\r\n")
        .and_then(|(_, body)| serde_json::from_str(body).ok())
        .expect("JSON");
    let line = read(&place, "heads");
    assert_eq!(line.lines().next(), body["line"].as_str());
    place.run(&["audit", "verify", "--against", "heads"]).ok();
    // The hook is gone by now: no call waits for it, and the doctor knows.
    call(&place, "b");
    assert_eq!(read(&place, "heads").lines().count(), 2);
    let doctor = place.run(&["doctor"]).ok();
    assert!(doctor.stdout.contains("webhook"), "{doctor:?}");
    assert!(!doctor.stdout.contains("hush-hush"), "{doctor:?}");
}

#[test]
fn tools_that_say_something_else_than_was_accepted_are_named() {
    let (place, owner) = recorded();
    let hashes = place.run(&["tools", "list", "--all", "--hash"]).ok().stdout;
    assert_eq!(
        hashes,
        place.run(&["tools", "list", "--all", "--hash"]).ok().stdout
    );
    assert!(
        hashes.lines().last().expect("a total").ends_with("  total"),
        "{hashes}"
    );
    let with_owner =
        |arguments: &[&str]| -> Ran { place.run_with(arguments, &[("HOMELAB_OWNER_KEY", &owner)]) };

    place.run(&["tools", "accept"]).failed(1);
    let accepted = with_owner(&["tools", "accept", "--json"]).ok().json();
    let quiet = place.run(&["doctor"]).ok();

    let total = hashes
        .lines()
        .last()
        .and_then(|line| line.split(' ').next());
    assert_eq!(accepted["hash"].as_str(), total);
    assert!(quiet.stdout.contains("as they were accepted"), "{quiet:?}");
}

//! The first minutes with the program, and what it refuses afterwards.

use homelab_testkit::Signal;

use crate::cli_support::{PATIENCE, Place, mode};

#[test]
fn a_first_run_makes_everything_and_says_how_to_connect() {
    let place = Place::new();

    let (mut first, port) = place.serve(&[], &[]);
    first.signal(Signal::TERM).expect("a child");
    let ended = first.wait(PATIENCE).expect("it ends");

    assert!(ended.success(), "{}", first.stderr());
    let shown = first.stdout();
    let url = format!("http://127.0.0.1:{port}/mcp");
    assert!(shown.contains(&url), "{shown}");
    assert!(shown.contains("agent key  hlab_"), "{shown}");
    assert!(shown.contains("owner key  hlab_"), "{shown}");
    let agent = word_after(&shown, "agent key  ");
    let owner = word_after(&shown, "owner key  ");
    assert!(
        shown.contains(&format!("\"Authorization\": \"Bearer {agent}\"")),
        "{shown}"
    );
    assert_eq!(
        shown.matches(&owner).count(),
        1,
        "the owner key goes into no client: {shown}"
    );
    assert!(!first.stderr().contains(&agent) && !first.stderr().contains(&owner));
    for name in ["homelab.db", "master.key", "audit.key", "owner.key.hash"] {
        assert_eq!(mode(&place.data(name)), 0o600, "{name}");
    }
    assert_eq!(mode(&place.data("")), 0o700);

    let (second, _) = place.serve(&[], &[]);
    assert!(!second.stdout().contains("hlab_"), "{}", second.stdout());
}

fn word_after(text: &str, before: &str) -> String {
    let rest = text.split(before).nth(1).unwrap_or_default();
    rest.split_whitespace()
        .next()
        .unwrap_or_default()
        .to_owned()
}

#[test]
fn the_first_keys_are_made_once() {
    let place = Place::new();

    let keys = place.json(&["keys", "init"]);
    let again = place.run(&["keys", "init", "--json"]).failed(1);

    for kind in ["agent", "owner"] {
        assert!(keys[kind]["id"].is_string(), "{keys}");
        let text = keys[kind]["key"].as_str().expect("a key");
        assert!(text.starts_with("hlab_") && text.len() > 50, "{keys}");
    }
    assert!(again.stderr.contains("has keys already"), "{again:?}");
    assert!(again.stdout.is_empty());
}

#[test]
fn stdio_makes_no_keys_and_prints_nothing_of_its_own() {
    let place = Place::new();

    let ran = place.run(&["serve", "--stdio"]);

    assert_eq!(ran.stdout, "");
    assert_eq!(place.json(&["keys", "list"]), serde_json::json!([]));
}

#[test]
fn stdio_refuses_a_server_that_is_not_there() {
    let place = Place::new();

    let ran = place
        .run(&["serve", "--stdio", "--server", "proxmos"])
        .failed(2);

    assert!(
        ran.stderr.contains("configured are: ccpm, homelab, memory"),
        "{ran:?}"
    );
}

#[test]
fn a_lost_key_is_not_replaced_by_a_new_one() {
    let place = Place::new();
    place.init();
    std::fs::remove_file(place.data("master.key")).expect("our file");

    let ran = place.run(&["credentials", "list"]).failed(1);

    assert!(ran.stderr.contains("there is no key"), "{ran:?}");
    assert!(ran.stderr.contains("put `master.key` back"), "{ran:?}");
    assert!(!place.data("master.key").exists());
}

#[test]
fn a_foreign_key_is_refused() {
    let (one, other) = (Place::new(), Place::new());
    one.init();
    other.init();
    for name in ["audit.key", "master.key"] {
        let (ours, theirs) = (one.data(name), other.data(name));
        let kept = std::fs::read(&ours).expect("our key");
        std::fs::copy(theirs, &ours).expect("a copy");

        let ran = one.run(&["keys", "list"]).failed(1);

        assert!(ran.stderr.contains("this is another one"), "{ran:?}");
        std::fs::write(&ours, kept).expect("our key");
    }
    one.run(&["keys", "list"]).ok();
}

#[test]
fn a_key_file_that_others_can_read_is_refused_with_the_fix() {
    use std::os::unix::fs::PermissionsExt as _;
    let place = Place::new();
    place.init();
    let path = place.data("master.key");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).expect("our file");

    let ran = place.run(&["keys", "list"]).failed(1);

    assert!(
        ran.stderr
            .contains(&format!("chmod 600 {}", path.display())),
        "{ran:?}"
    );
}

#[test]
fn the_key_of_an_older_server_may_be_given_besides_our_own() {
    const OLDER: &str = "cw_0x689RpI-jtRR7oE8h_eQsKImvJapLeSbXpwF4e4=";
    let place = Place::new();
    place.init();

    place
        .run_with(&["credentials", "list"], &[("HOMELAB_DB_KEY", OLDER)])
        .ok();

    let fresh = Place::new();
    fresh
        .run_with(&["keys", "init"], &[("HOMELAB_DB_KEY", OLDER)])
        .ok();
    assert!(!fresh.data("master.key").exists());
    fresh.run(&["keys", "list"]).failed(1);
}

#[test]
fn a_demo_keeps_away_from_real_data() {
    let place = Place::new();
    place.init();
    let real = place.data("").display().to_string();

    let refused = place.run(&[
        "--data-dir",
        &real,
        "serve",
        "--demo",
        "--listen",
        "127.0.0.1:0",
    ]);

    assert!(
        refused
            .failed(1)
            .stderr
            .contains("holds data that is not a demo's")
    );
    assert!(!place.data("demo").exists());
}

#[test]
fn a_demo_answers_for_its_made_up_lab() {
    let place = Place::new();
    place.write("homelab.toml", "broken = = broken\n");

    let (demo, _) = place.serve(&["--demo", "--data-dir", "demo"], &[]);
    std::fs::remove_file(place.path("homelab.toml")).expect("our file");
    let health = place.json(&[
        "--data-dir",
        "demo",
        "tools",
        "call",
        "homelab_check_all_services",
    ]);

    assert!(
        demo.stdout().contains("everything in it is made up"),
        "{}",
        demo.stdout()
    );
    assert!(
        health["healthy"]
            .as_u64()
            .is_some_and(|healthy| healthy > 5),
        "{health}"
    );
    assert!(!place.data("homelab.db").exists());
}

#[test]
fn a_demo_has_a_server_for_each_system_of_its_lab() {
    let place = Place::new();
    let (_demo, _) = place.serve(&["--demo"], &[]);

    for tool in [
        "proxmox_list_vms",
        "pbs_list_backups",
        "docker_list_containers",
        "portainer_list_stacks",
        "traefik_list_routers",
        "list_tailscale_devices",
        "cloudflare_list_zones",
        "unifi_list_clients",
        "pihole_list_domain_rules",
        "netbox_list_devices",
        "ollama_list_models",
    ] {
        let listed = place.json(&["tools", "call", tool]);
        let rows = listed["items"].as_array().map_or(0, Vec::len);
        assert!(rows > 1, "{tool}: {listed}");
    }
}

#[test]
fn whoever_tries_the_demo_looks_around_with_the_same_commands_until_it_ends() {
    let place = Place::new();
    let (mut demo, _) = place.serve(&["--demo"], &[]);

    let found = place
        .run(&["tools", "call", "homelab_infrastructure_summary", "--json"])
        .ok();
    let second = place.serve(&["--demo"], &[]);
    demo.signal(Signal::TERM).expect("a child");
    demo.wait(PATIENCE).expect("it ends");

    let devices = found.json()["counts"]["records"]["devices"].clone();
    assert!(
        devices.as_u64().is_some_and(|devices| devices > 30),
        "{found:?}"
    );
    assert!(
        found.stderr.contains("the running demo's data"),
        "{found:?}"
    );
    assert!(
        second.0.stdout().contains("/homelab-demo-"),
        "a place of its own"
    );
    assert!(!place.path(".local/share/homelab-mcp-demo").exists());
    assert!(!place.path(".local/share/homelab-mcp").exists());
}

#[test]
fn what_a_person_brings_never_goes_into_a_demo() {
    let place = Place::new();
    let (_demo, _) = place.serve(&["--demo"], &[]);

    place.run(&["inventory", "add", "device", "name=mine"]).ok();

    let devices = place.json(&["inventory", "list", "devices"]);
    assert_eq!(devices.as_array().map(Vec::len), Some(1), "{devices}");
}

#[test]
fn a_taken_address_is_an_error_that_says_what_to_do() {
    let place = Place::new();
    let (_server, port) = place.serve(&[], &[]);

    let second = place
        .run(&["serve", "--listen", &format!("127.0.0.1:{port}")])
        .failed(1);

    assert!(second.stderr.contains("cannot listen on"), "{second:?}");
    assert!(second.stderr.contains("--listen"), "{second:?}");
}

#[test]
fn doctor_finds_nothing_wrong_after_a_first_run_and_names_what_is_then() {
    use std::os::unix::fs::PermissionsExt as _;
    let place = Place::new();
    place.init();

    let well = place.run(&["doctor", "--json"]).ok().json();
    let path = place.data("owner.key.hash");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).expect("our file");
    let ill = place.run(&["doctor", "--json"]).failed(1).json();
    let typo = place.run_with(&["doctor"], &[("HOMELAB_DBHOST", "x")]);

    assert_eq!(well["ok"], true, "{well}");
    assert!(ill.to_string().contains("chmod 600"), "{ill}");
    assert!(
        typo.stdout.contains("did you mean `HOMELAB_DB_HOST`?"),
        "{typo:?}"
    );
}

#[test]
fn healthcheck_tells_a_running_server_from_none() {
    let place = Place::new();
    let (_server, port) = place.serve(&[], &[]);

    let url = format!("http://127.0.0.1:{port}");
    place.run(&["healthcheck", "--url", &url]).ok();
    place
        .run(&["healthcheck", "--url", "http://127.0.0.1:1"])
        .failed(1);
}

#[test]
fn a_data_directory_that_cannot_be_used_is_refused_with_the_way_to_another() {
    let place = Place::new();
    let file = place.write("taken", "a file, not a directory");
    let inside = file.join("data");
    let directory = inside.to_str().expect("a UTF-8 path");

    let serve = place
        .run(&["--data-dir", directory, "serve", "--listen", "127.0.0.1:0"])
        .failed(1);

    assert!(serve.stderr.contains(directory), "{serve:?}");
    assert!(serve.stderr.contains("--data-dir` or"), "{serve:?}");
}

#[test]
fn a_database_that_does_not_answer_is_named_without_its_password() {
    let place = Place::new();
    let port = homelab_testkit::free_port().expect("a port");
    let url = format!("postgres://lab:correct-horse@127.0.0.1:{port}/lab");

    let ran = place
        .run_with(&["keys", "list"], &[("HOMELAB__DATABASE__URL", &url)])
        .failed(1);

    let server = format!("opening the database on 127.0.0.1:{port}");
    assert!(ran.stderr.contains(&server), "{ran:?}");
    assert!(
        ran.stderr.contains("hint: check that PostgreSQL"),
        "{ran:?}"
    );
    assert!(!ran.stderr.contains("correct-horse"), "{ran:?}");
}

//! The hosts behind SSH on the command line, against a real server.

use homelab_testkit::{KeyType, Sshd};
use serde_json::json;

use crate::cli_support::{Place, Ran};

/// A server, and a configuration with it as a host.
fn place() -> Option<(Sshd, Place, String)> {
    let sshd = Sshd::start().expect("a server")?;
    let place = Place::new();
    let (_, owner) = place.init();
    let text = format!(
        "[ssh.hosts.nas]\nhost = \"127.0.0.1\"\nport = {}\nuser = \"{}\"\nkey_file = \"{}\"\n",
        sshd.port(),
        sshd.user(),
        sshd.key().display()
    );
    place.write("homelab.toml", &text);
    Some((sshd, place, owner))
}

fn trust(place: &Place, owner: &str, fingerprint: &str) -> Ran {
    let arguments = ["ssh", "trust", "nas", "--fingerprint", fingerprint];
    place.run_with(&arguments, &[("HOMELAB_OWNER_KEY", owner)])
}

/// The fingerprint that the program shows of the host.
fn shown(place: &Place, owner: &str) -> String {
    let ran = place.run_with(&["ssh", "trust", "nas"], &[("HOMELAB_OWNER_KEY", owner)]);
    let stderr = ran.failed(1).stderr;
    let found = stderr
        .split_whitespace()
        .find(|word| word.starts_with("SHA256:"));
    found.expect("a fingerprint").to_owned()
}

#[test]
fn a_host_is_trusted_once_its_fingerprint_is_named() {
    let Some((sshd, place, owner)) = place() else {
        return;
    };
    let unknown = place.json(&["ssh", "list"]);
    let fingerprint = shown(&place, &owner);
    let wrong = trust(&place, &owner, "SHA256:AAAA").failed(1);
    let right = trust(&place, &owner, &fingerprint).ok();
    let again = trust(&place, &owner, &fingerprint).ok();
    let known = place.json(&["ssh", "list"]);

    assert_eq!(
        unknown["hosts"],
        json!([{
            "name": "nas",
            "destination": format!("{}@127.0.0.1:{}", sshd.user(), sshd.port()),
            "through": null,
            "key": "not known",
        }])
    );
    assert!(wrong.stderr.contains("another key"), "{wrong:?}");
    assert!(right.stdout.contains("is now trusted"), "{right:?}");
    assert!(again.stdout.contains("was already trusted"), "{again:?}");
    assert_eq!(known["hosts"][0]["key"], "known");
    let line = sshd.known_hosts_line(KeyType::Ed25519).expect("a line");
    let written = std::fs::read_to_string(place.data("known_hosts")).expect("the file");
    assert_eq!(written, line);
}

#[test]
fn trusting_needs_the_owner_key() {
    let Some((_sshd, place, _)) = place() else {
        return;
    };

    let refused = place.run(&["ssh", "trust", "nas", "--fingerprint", "SHA256:AAAA"]);

    assert_ne!(refused.code, 0, "{refused:?}");
    assert!(!place.data("known_hosts").exists());
}

#[test]
fn a_host_that_makes_no_sense_is_named_with_its_line() {
    let place = Place::new();
    place.write(
        "homelab.toml",
        "[ssh.hosts.nas]\nhost = \"nas\"\nuser = \"lab\"\n",
    );

    let refused = place.run(&["config", "check"]);

    assert_ne!(refused.code, 0, "{refused:?}");
    let text = format!("{}{}", refused.stdout, refused.stderr);
    assert!(text.contains("nothing to sign in with"), "{text}");
}

#[test]
fn a_host_can_be_set_by_variables() {
    let place = Place::new();
    let variables = [
        ("HOMELAB__SSH__HOSTS__NAS__HOST", "192.0.2.7"),
        ("HOMELAB__SSH__HOSTS__NAS__USER", "lab"),
        ("HOMELAB__SSH__HOSTS__NAS__KEY_FILE", "/keys/nas"),
        ("HOMELAB__SSH__HOSTS__NAS__READ_ROOTS", "/etc,/srv"),
    ];

    let listed = place
        .run_with(&["ssh", "list", "--json"], &variables)
        .ok()
        .json();

    assert_eq!(listed["hosts"][0]["destination"], "lab@192.0.2.7");
}

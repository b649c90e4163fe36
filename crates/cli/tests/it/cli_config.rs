//! The configuration as a person meets it: found, layered, checked, shown.

use serde_json::Value;

use crate::cli_support::{Place, mode};

const SECRET: &str = "correct-horse-battery";

fn setting(shown: &Value, key: &str) -> (Value, String) {
    let found = shown
        .as_array()
        .expect("a list")
        .iter()
        .find(|setting| setting["key"] == key)
        .unwrap_or_else(|| panic!("no {key} in {shown}"));
    let origin = found["origin"].as_str().expect("an origin").to_owned();
    (found["value"].clone(), origin)
}

#[test]
fn an_unknown_key_of_the_file_names_file_line_and_nearest_key() {
    let place = Place::new();
    place.write(
        "homelab.toml",
        "[server]\nsse = true\nlisen = [\"127.0.0.1:1\"]\n",
    );

    let ran = place.run(&["tools", "list"]).failed(2);

    assert_eq!(
        place.without_path(&ran.stderr),
        "error: the configuration cannot be used\n  HERE/homelab.toml:3: unknown key \
         `server.lisen`\n    hint: did you mean `listen`?\n"
    );
}

#[test]
fn all_problems_are_reported_at_once() {
    let place = Place::new();
    place.write(
        "homelab.toml",
        "[log]\nlevel = 1\n[auth]\nenabled = \"no\"\n",
    );

    let ran = place
        .run_with(
            &["config", "check", "--json"],
            &[("HOMELAB__LIMITS__MAX_SESSIONS", "many")],
        )
        .failed(2);

    let problems = ran.json()["problems"].as_array().expect("problems").len();
    assert_eq!(problems, 3, "{ran:?}");
    assert!(
        ran.stdout
            .contains("variable HOMELAB__LIMITS__MAX_SESSIONS"),
        "{ran:?}"
    );
}

#[test]
fn an_unknown_variable_names_the_nearest_one() {
    let place = Place::new();

    let ran = place
        .run_with(
            &["config", "check"],
            &[("HOMELAB__SERVER__LISTN", "127.0.0.1:1")],
        )
        .failed(2);

    assert!(
        ran.stderr
            .contains("there is no setting `HOMELAB__SERVER__LISTN`"),
        "{ran:?}"
    );
    assert!(
        ran.stderr
            .contains("did you mean `HOMELAB__SERVER__LISTEN`?"),
        "{ran:?}"
    );
}

#[test]
fn a_value_comes_from_the_strongest_layer_and_says_so() {
    let place = Place::new();
    place.write(
        "homelab.toml",
        "[limits]\nmax_sessions = 1\npage_tokens = 500\n[database]\nhost = \"from-file\"\n",
    );
    place.write(
        ".env",
        "HOMELAB__LIMITS__MAX_SESSIONS=2\nHOMELAB__LIMITS__IDLE_TIMEOUT_S=33\n",
    );

    let ran = place.run_with(
        &["config", "show", "--json"],
        &[
            ("HOMELAB__LIMITS__MAX_SESSIONS", "3"),
            ("HOMELAB_DB_HOST", "from-variable"),
            ("HOMELAB_DB_PORT", "5433"),
            ("HOMELAB__DATABASE__PORT", "5434"),
            ("HOMELAB__SERVER__ALLOWED_HOSTS", "a.example, b.example:80"),
        ],
    );

    let shown = ran.ok().json();
    let origin = |key: &str| setting(&shown, key).1;
    assert_eq!(setting(&shown, "limits.max_sessions").0, 3);
    assert_eq!(
        origin("limits.max_sessions"),
        "variable HOMELAB__LIMITS__MAX_SESSIONS"
    );
    assert!(origin("limits.idle_timeout_s").ends_with(".env HOMELAB__LIMITS__IDLE_TIMEOUT_S"));
    assert!(origin("limits.page_tokens").ends_with("homelab.toml:3"));
    assert_eq!(setting(&shown, "database.host").0, "from-variable");
    assert_eq!(setting(&shown, "database.port").0, 5434);
    assert_eq!(setting(&shown, "server.allowed_hosts").0[1], "b.example:80");
    assert_eq!(
        setting(&shown, "server.sse"),
        (true.into(), "default".to_owned())
    );
}

#[test]
fn no_secret_of_the_configuration_is_shown() {
    let place = Place::new();
    place.write("password", &format!("{SECRET}\n"));
    place.write(
        "homelab.toml",
        "[database]\nhost = \"db\"\npassword = \"file:password\"\n[audit]\nkey = \"env:AUDIT\"\n",
    );
    let variables = [("AUDIT", SECRET), ("HOMELAB_DB_KEY", SECRET)];

    let human = place.run_with(&["config", "show"], &variables).ok();
    let json = place
        .run_with(&["config", "show", "--json"], &variables)
        .ok();

    for ran in [&human, &json] {
        assert!(!ran.stdout.contains(SECRET), "{ran:?}");
        assert!(ran.stdout.contains("file:password"), "{ran:?}");
        assert!(ran.stdout.contains("env:AUDIT"), "{ran:?}");
    }
    assert_eq!(setting(&json.json(), "secrets.master_key").0, "[redacted]");
}

#[test]
fn a_file_may_hold_the_value_of_any_variable_but_not_beside_it() {
    let place = Place::new();
    let path = place.write("key", "7\n").display().to_string();

    let shown = place
        .run_with(
            &["config", "show", "--json"],
            &[("HOMELAB__LIMITS__MAX_SESSIONS_FILE", &path)],
        )
        .ok()
        .json();
    let both = place.run_with(
        &["config", "show"],
        &[
            ("HOMELAB_DB_PASSWORD_FILE", &path),
            ("HOMELAB_DB_PASSWORD", "x"),
        ],
    );

    assert_eq!(setting(&shown, "limits.max_sessions").0, 7);
    let both = both.failed(2);
    assert!(
        both.stderr
            .contains("`HOMELAB_DB_PASSWORD_FILE` are both set"),
        "{both:?}"
    );
}

#[test]
fn secrets_of_the_service_manager_are_found_by_name() {
    let place = Place::new();
    let path = place.write("credentials/homelab_db_password", SECRET);
    let directory = path.parent().expect("a folder").display().to_string();

    let shown = place
        .run_with(
            &["config", "show", "--json"],
            &[("CREDENTIALS_DIRECTORY", &directory)],
        )
        .ok()
        .json();

    let (value, origin) = setting(&shown, "database.password");
    assert_eq!(value, "[redacted]");
    assert!(
        origin.ends_with("credentials/homelab_db_password"),
        "{origin}"
    );
}

#[test]
fn a_missing_reference_names_the_key_and_the_variable() {
    let place = Place::new();
    place.write(
        "homelab.toml",
        "[database]\nhost = \"db\"\npassword = \"env:NOT_THERE\"\n",
    );

    let ran = place.run(&["keys", "list"]).failed(2);

    assert!(
        ran.stderr
            .contains("homelab.toml:3: `database.password`: the variable `NOT_THERE` is not set"),
        "{ran:?}"
    );
}

#[test]
fn the_dotenv_of_the_working_directory_alone_is_not_read() {
    let place = Place::new();
    place.write(".env", "HOMELAB__LIMITS__MAX_SESSIONS=2\n");
    place.write(".config/homelab-mcp/homelab.toml", "");

    let shown = place.json(&["config", "show"]);

    assert_eq!(setting(&shown, "limits.max_sessions").1, "default");
}

#[test]
fn stdio_does_not_read_the_working_directory() {
    let place = Place::new();
    place.write("homelab.toml", "this is = = not toml\n");

    let here = place.run(&["serve", "--listen", "127.0.0.1:0"]);
    let stdio = place.run(&["serve", "--stdio"]);

    assert!(here.failed(2).stderr.contains("not valid TOML"));
    assert!(!stdio.stderr.contains("not valid TOML"), "{stdio:?}");
}

#[test]
fn a_file_that_was_named_must_exist() {
    let place = Place::new();

    let ran = place
        .run(&["--config", "nowhere.toml", "config", "check"])
        .failed(2);

    assert!(
        ran.stderr.contains("there is no configuration file"),
        "{ran:?}"
    );
    assert!(ran.stderr.contains("config init"), "{ran:?}");
}

#[test]
fn a_new_file_explains_every_setting_and_changes_none() {
    let place = Place::new();

    place.run(&["config", "init"]).ok();
    let again = place.run(&["config", "init"]);

    let path = place.path(".config/homelab-mcp/homelab.toml");
    assert_eq!(mode(&path), 0o600);
    let text = std::fs::read_to_string(path).expect("a file");
    assert!(text.contains("#listen = [\"127.0.0.1:8080\"]"), "{text}");
    place.run(&["config", "check"]).ok();
    let changed = place.json(&["config", "show", "--changed"]);
    assert_eq!(changed, Value::Array(Vec::new()));
    assert!(again.failed(1).stderr.contains("is there already"));
}

#[test]
fn every_line_of_a_new_file_can_be_taken_out_of_its_comment() {
    let place = Place::new();
    place.run(&["config", "init", "all.toml"]).ok();
    let text = std::fs::read_to_string(place.path("all.toml")).expect("a file");

    // Settings and tables start right after the sign, explanations after a space.
    let lines = text.lines().map(|line| match line.strip_prefix('#') {
        Some(rest) if !rest.starts_with(' ') => rest,
        _ => line,
    });
    let all: Vec<&str> = lines
        .filter(|line| {
            !["= \"\"", "= 0", "= []"]
                .iter()
                .any(|end| line.ends_with(end))
        })
        .collect();
    // Some servers cannot be used without an address and a token, which have no defaults.
    let pair = "token_id = \"root@pam!lab\"\ntoken_secret = \"a-secret\"";
    let url = |host: &str| format!("url = \"https://{host}\"");
    let given = [
        (
            "proxmox",
            format!("hosts = [\"https://192.0.2.10:8006\"]\n{pair}"),
        ),
        ("pbs", format!("{}\n{pair}", url("192.0.2.20:8007"))),
        (
            "portainer",
            format!("{}\napi_key = \"ptr_a-key\"", url("192.0.2.25:9443")),
        ),
        ("traefik", url("traefik.example.test")),
        ("tailscale", "api_key = \"tskey-api-a-key\"".to_owned()),
        (
            "cloudflare",
            "token = \"a-token-of-forty-characters-0123456789abc\"".to_owned(),
        ),
        (
            "unifi",
            format!("{}\napi_key = \"a-key\"", url("192.0.2.1")),
        ),
        ("pihole", url("192.0.2.66")),
        (
            "netbox",
            format!(
                "{}\ntoken = \"nbt_abc.0123456789\"",
                url("netbox.example.test")
            ),
        ),
    ];
    let all = given
        .iter()
        .fold(all.join("\n"), |text, (server, settings)| {
            let table = format!("[servers.{server}]");
            text.replace(&table, &format!("{table}\n{settings}"))
        });
    place.write("all.toml", &all);

    place.run(&["--config", "all.toml", "config", "check"]).ok();
}

#[test]
fn the_schema_knows_sections_and_servers() {
    let place = Place::new();

    let schema: Value = place.run(&["config", "schema"]).ok().json();

    assert_eq!(
        schema["properties"]["server"]["properties"]["sse"]["default"],
        true
    );
    let homelab = &schema["properties"]["servers"]["properties"]["homelab"]["properties"];
    assert!(homelab["enabled"]["description"].is_string(), "{homelab}");
    assert!(
        homelab["health_timeout_s"]["description"].is_string(),
        "{homelab}"
    );
}

#[test]
fn every_setting_is_documented() {
    let place = Place::new();
    let schema: Value = place.run(&["config", "schema"]).ok().json();

    let mut bare = Vec::new();
    undocumented(&schema, "", &mut bare);

    assert_eq!(bare, Vec::<String>::new());
}

fn undocumented(schema: &Value, path: &str, found: &mut Vec<String>) {
    for (name, below) in schema["properties"].as_object().into_iter().flatten() {
        let path = format!("{path}.{name}");
        let is_kind_table = path.starts_with(".servers.") && path.matches('.').count() == 2;
        if below["description"].as_str().is_none_or(str::is_empty) && !is_kind_table {
            found.push(path.clone());
        }
        undocumented(below, &path, found);
    }
}

#[test]
fn the_reference_page_and_the_example_are_fresh() {
    let place = Place::new();
    let root = format!("{}/../..", env!("CARGO_MANIFEST_DIR"));

    let ran = place.run(&["config", "docs", "--check", &root]);

    assert_eq!(ran.code, 0, "{}", ran.stderr);
}

#[test]
fn an_open_listener_without_authentication_is_refused_with_the_fix() {
    let place = Place::new();
    place.write("homelab.toml", "[auth]\nenabled = false\n");

    let ran = place.run(&["serve", "--listen", "0.0.0.0:0"]).failed(2);

    assert!(ran.stderr.contains("without authentication"), "{ran:?}");
    assert!(ran.stderr.contains("auth.enabled = true"), "{ran:?}");
    assert!(!place.data("owner.key.hash").exists());
}

#[test]
fn a_server_with_unusable_settings_lists_its_tools_and_says_what_is_wrong() {
    let place = Place::new();
    place.write(
        "homelab.toml",
        "[servers.homelab]\ntls = { ca_file = \"not-there.pem\" }\n",
    );

    let tools = place.json(&["tools", "list"]);
    let call = place
        .run(&["tools", "call", "homelab_list_devices", "--json"])
        .failed(1);

    assert!(tools.as_array().expect("tools").len() >= 11);
    let error = call.json();
    assert_eq!(error["code"], "not_configured", "{error}");
    assert!(error.to_string().contains("not-there.pem"), "{error}");
}

#[test]
fn two_instances_of_a_kind_are_told_apart() {
    let place = Place::new();
    place.write(
        "homelab.toml",
        "[servers.homelab]\n[servers.cellar]\nkind = \"homelab\"\nhealth_timeout_s = 2\n",
    );

    let shown = place
        .run_with(
            &["config", "show", "--json"],
            &[("HOMELAB__SERVERS__CELLAR__HEALTH_TIMEOUT_S", "9")],
        )
        .ok()
        .json();
    let call = place.run(&[
        "tools",
        "call",
        "homelab_list_devices",
        "--args",
        "{\"instance\":\"cellar\"}",
        "--json",
    ]);

    assert_eq!(setting(&shown, "servers.cellar.health_timeout_s").0, 9);
    assert_eq!(setting(&shown, "servers.homelab.health_timeout_s").0, 5);
    call.ok();
}

#[test]
fn an_address_that_is_none_is_answered_with_one_that_is() {
    let place = Place::new();
    let form = "such as `127.0.0.1:8080` or `[::1]:8080`";

    let option = place
        .run(&["serve", "--listen", "localhost:8080"])
        .failed(2);
    let variable = place
        .run_with(&["config", "check"], &[("HOMELAB__SERVER__LISTEN", "8080")])
        .failed(2);

    assert!(option.stderr.contains(form), "{option:?}");
    assert!(variable.stderr.contains(form), "{variable:?}");
}

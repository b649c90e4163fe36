//! The PostgreSQL launcher.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use homelab_testkit::{Postgres, Proc, command, wait_for_port};

const PATIENCE: Duration = Duration::from_mins(1);

#[test]
fn databases_are_apart_from_each_other() {
    let Some(postgres) = Postgres::shared() else {
        return;
    };
    let [first, second] = [(); 2].map(|()| database_of(&postgres.fresh_database().unwrap()));

    postgres
        .psql(
            &first,
            "CREATE TABLE devices (name TEXT); INSERT INTO devices VALUES ('nas')",
        )
        .unwrap();

    assert_eq!(
        postgres.psql(&first, "SELECT name FROM devices").unwrap(),
        "nas\n"
    );
    let error = postgres
        .psql(&second, "SELECT name FROM devices")
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("relation \"devices\" does not exist"),
        "{error}"
    );
}

#[test]
fn the_server_is_recent_and_sorts_text_as_people_do() {
    let Some(postgres) = Postgres::shared() else {
        return;
    };

    let version: u32 = postgres
        .psql("postgres", "SHOW server_version_num")
        .unwrap()
        .trim()
        .parse()
        .unwrap();
    let sorted = postgres.psql(
        "postgres",
        "SELECT string_agg(x, '' ORDER BY x) FROM unnest('{b,B,a,A}'::text[]) x",
    );

    assert!(version >= 150_000, "{version}");
    assert_eq!(sorted.unwrap(), "aAbB\n", "byte order would be ABab");
}

#[test]
fn a_wrong_password_is_refused() {
    let Some(postgres) = Postgres::shared() else {
        return;
    };
    let url = postgres
        .url("postgres")
        .replace(postgres.password(), "wrong");

    let mut psql = Proc::spawn(command("psql").args(["--command", "SELECT 1", &url])).unwrap();

    assert!(!psql.wait(PATIENCE).unwrap().success());
    psql.wait_for_line("password authentication failed", PATIENCE)
        .unwrap();
}

#[test]
fn what_is_committed_survives_a_kill_and_a_stop() {
    let Some(postgres) = Postgres::start().unwrap() else {
        return;
    };
    let port = postgres.port();
    let database = database_of(&postgres.fresh_database().unwrap());
    postgres
        .psql(&database, "CREATE TABLE acknowledged (n INT)")
        .unwrap();

    postgres
        .psql(&database, "INSERT INTO acknowledged VALUES (1)")
        .unwrap();
    postgres.kill().unwrap();
    assert!(
        wait_for_port(port, Duration::from_millis(20)).is_err(),
        "a killed server still listens"
    );
    postgres.restart().unwrap();

    assert!(
        postgres.log().contains("was not properly shut down"),
        "{}",
        postgres.log()
    );
    postgres
        .psql(&database, "INSERT INTO acknowledged VALUES (2)")
        .unwrap();
    postgres.stop().unwrap();
    assert!(postgres.psql(&database, "SELECT 1").is_err());
    postgres.restart().unwrap();

    assert!(
        !postgres.log().contains("was not properly shut down"),
        "{}",
        postgres.log()
    );
    assert_eq!(
        postgres
            .psql(&database, "SELECT sum(n) FROM acknowledged")
            .unwrap(),
        "3\n"
    );
    assert_eq!(postgres.port(), port);
}

#[test]
fn a_kill_ends_busy_sessions_too() {
    let Some(postgres) = Postgres::start().unwrap() else {
        return;
    };
    let url = postgres.url("postgres");
    let mut session = Proc::spawn(command("psql").args([
        "--command",
        r"\echo connected",
        "--command",
        "SELECT pg_sleep(1000)",
        &url,
    ]))
    .unwrap();
    session.wait_for_line("connected", PATIENCE).unwrap();

    postgres.kill().unwrap();

    assert!(!session.wait(PATIENCE).unwrap().success());
    postgres.restart().unwrap();
    assert_eq!(postgres.psql("postgres", "SELECT 1").unwrap(), "1\n");
}

#[test]
fn dropping_the_guard_stops_the_server_and_removes_its_folder() {
    let Some(postgres) = Postgres::start().unwrap() else {
        return;
    };
    let (folder, port) = (postgres.socket_folder(), postgres.port());
    assert!(folder.join(format!(".s.PGSQL.{port}")).exists());

    drop(postgres);

    assert!(!folder.exists());
    assert!(wait_for_port(port, Duration::from_millis(20)).is_err());
}

#[test]
fn the_shared_server_and_its_folder_end_with_the_test_process() {
    let Some(mut tests) = other_process_with_a_shared_server() else {
        return;
    };
    let line = tests.wait_for_line("shared server in ", PATIENCE).unwrap();
    let (port, folder) = line
        .strip_prefix("shared server in ")
        .unwrap()
        .split_once(' ')
        .unwrap();
    let (port, folder): (u16, _) = (port.parse().unwrap(), PathBuf::from(folder));
    assert!(folder.exists());

    tests.take_stdin();
    tests.wait(PATIENCE).unwrap();

    let deadline = Instant::now() + PATIENCE;
    while folder.exists() {
        assert!(
            Instant::now() < deadline,
            "{} is still there",
            folder.display()
        );
        std::thread::sleep(Duration::from_millis(20));
    }
    assert!(wait_for_port(port, Duration::from_millis(20)).is_err());
}

/// Statics are never dropped, so only a process that ends can show what becomes of one.
fn other_process_with_a_shared_server() -> Option<Proc> {
    Postgres::shared()?;
    let test = "postgres::half_of_a_test_process_with_a_shared_server";
    let binary = std::env::current_exe().unwrap();
    Some(Proc::spawn(command(binary).args(["--ignored", "--exact", "--nocapture", test])).unwrap())
}

#[test]
#[ignore = "run by the_shared_server_and_its_folder_end_with_the_test_process"]
fn half_of_a_test_process_with_a_shared_server() {
    let postgres = Postgres::shared().unwrap();

    println!(
        "\nshared server in {} {}",
        postgres.port(),
        postgres.socket_folder().display()
    );

    std::io::stdin().read_line(&mut String::new()).unwrap();
}

fn database_of(url: &str) -> String {
    url.rsplit('/').next().unwrap().to_owned()
}

//! Child processes: output, signals, and that none outlives its test.

use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

use homelab_testkit::{Proc, Signal, command, free_port, wait_for_port};

const PATIENCE: Duration = Duration::from_secs(20);
const BRIEFLY: Duration = Duration::from_millis(50);

fn shell(script: &str) -> Proc {
    Proc::spawn(command("/bin/sh").args(["-c", script])).unwrap()
}

/// A killed process is gone once it is a zombie, too: who reaps it is not our business.
fn runs(pid: &str) -> bool {
    let stat = std::fs::read_to_string(Path::new("/proc").join(pid).join("stat"));
    stat.is_ok_and(|stat| !stat.contains(") Z"))
}

fn wait_until_gone(pid: &str) {
    let deadline = Instant::now() + PATIENCE;
    while runs(pid) {
        assert!(Instant::now() < deadline, "process {pid} still runs");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn a_line_is_found_on_either_stream_and_comes_without_its_end() {
    let process = shell("echo to stdout; echo to stderr >&2");

    let out = process.wait_for_line("stdout", PATIENCE).unwrap();
    let err = process.wait_for_line("stderr", PATIENCE).unwrap();

    assert_eq!((out.as_str(), err.as_str()), ("to stdout", "to stderr"));
    assert_eq!(
        (process.stdout().as_str(), process.stderr().as_str()),
        ("to stdout\n", "to stderr\n")
    );
}

#[test]
fn a_mark_hides_the_lines_before_it() {
    let mut process = shell("echo loaded 1; read answer; echo loaded 2");
    process.wait_for_line("loaded", PATIENCE).unwrap();

    let mark = process.mark();
    process.take_stdin().unwrap().write_all(b"go\n").unwrap();
    let line = process
        .wait_for_line_after(mark, "loaded", PATIENCE)
        .unwrap();

    assert_eq!(line, "loaded 2");
}

#[test]
fn waiting_for_a_line_ends_with_the_program_and_shows_its_output() {
    let process = shell("echo bad configuration >&2; exit 1");

    let error = process
        .wait_for_line("ready", PATIENCE)
        .unwrap_err()
        .to_string();

    assert!(
        error.contains("no line with `ready`: the program has closed its output"),
        "{error}"
    );
    assert!(error.contains("bad configuration"), "{error}");
}

#[test]
fn waiting_for_a_line_ends_after_its_time() {
    let process = shell("read forever");

    let error = process
        .wait_for_line("ready", BRIEFLY)
        .unwrap_err()
        .to_string();

    assert!(error.contains("waited 50ms"), "{error}");
}

#[test]
fn output_that_is_not_utf_8_and_a_last_line_without_an_end_are_kept() {
    let mut process = shell(r"printf 'a\377b\nlast'");

    process.wait(PATIENCE).unwrap();

    assert_eq!(process.wait_for_line("last", PATIENCE).unwrap(), "last");
    assert_eq!(process.stdout(), "a\u{fffd}b\nlast");
}

#[test]
fn a_signal_reaches_the_program_and_its_exit_code_comes_back() {
    let mut process =
        shell("trap 'echo stopping; exit 7' TERM; echo ready; while :; do sleep 0.01; done");
    process.wait_for_line("ready", PATIENCE).unwrap();
    assert!(process.is_running().unwrap());

    process.signal(Signal::TERM).unwrap();
    let status = process.wait(PATIENCE).unwrap();

    assert_eq!(status.code(), Some(7));
    process.wait_for_line("stopping", PATIENCE).unwrap();
    assert!(!process.is_running().unwrap());
    assert!(
        process.signal(Signal::TERM).is_err(),
        "the id may be another's by now"
    );
}

#[test]
fn a_program_that_does_not_end_in_time_is_an_error_and_goes_on() {
    let mut process = shell("read forever");

    let error = process.wait(BRIEFLY).unwrap_err().to_string();

    assert!(error.contains("still runs after 50ms"), "{error}");
    assert!(process.is_running().unwrap());
}

#[test]
fn dropping_the_guard_kills_the_program_and_its_children() {
    let process = shell("sleep 1000 & echo child $!; wait");
    let line = process.wait_for_line("child", PATIENCE).unwrap();
    let child = line.strip_prefix("child ").unwrap();
    let leader = process.id().to_string();
    assert!(runs(child) && runs(&leader));

    drop(process);

    wait_until_gone(child);
    wait_until_gone(&leader);
}

#[test]
fn children_left_by_a_program_that_has_ended_are_killed_when_that_is_seen() {
    let mut process = shell("sleep 1000 & echo child $!");
    let line = process.wait_for_line("child", PATIENCE).unwrap();

    process.wait(PATIENCE).unwrap();

    wait_until_gone(line.strip_prefix("child ").unwrap());
}

#[test]
fn a_killed_test_process_takes_its_programs_with_it() {
    let mut tests = this_test_binary("process::half_of_a_killed_test_process");
    let line = tests.wait_for_line("left behind:", PATIENCE).unwrap();
    let pid = line.rsplit(' ').next().unwrap();
    assert!(runs(pid));

    tests.kill().unwrap();

    wait_until_gone(pid);
}

/// Runs one ignored test of this binary as a process of its own.
fn this_test_binary(test: &str) -> Proc {
    let binary = std::env::current_exe().unwrap();
    Proc::spawn(command(binary).args(["--ignored", "--exact", "--nocapture", test])).unwrap()
}

#[test]
#[ignore = "run by a_killed_test_process_takes_its_programs_with_it"]
fn half_of_a_killed_test_process() {
    // The first is forgotten by the watcher when it ends, the second is not.
    drop(shell("read forever"));
    let process = shell("sleep 1000");

    println!("\nleft behind: {}", process.id());

    std::io::stdin().read_line(&mut String::new()).unwrap();
}

#[test]
fn a_program_sees_nothing_of_the_testers_own_settings() {
    let mut process =
        Proc::spawn(command("env").env("HOMELAB_CONFIG", "given by the test")).unwrap();

    process.wait(PATIENCE).unwrap();
    process
        .wait_for_line("HOMELAB_CONFIG=given by the test", PATIENCE)
        .unwrap();

    let environment = process.stdout();
    assert!(environment.contains("PATH="), "{environment}");
    // Cargo sets this one for the tests.
    assert!(!environment.contains("CARGO_PKG_NAME"), "{environment}");
}

#[test]
fn a_missing_program_is_named() {
    let error = Proc::spawn(&mut command("/nonexistent/program"))
        .unwrap_err()
        .to_string();

    assert!(
        error.contains("cannot start `/nonexistent/program`"),
        "{error}"
    );
}

#[test]
fn waiting_for_a_port_ends_when_something_listens() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();

    wait_for_port(port, PATIENCE).unwrap();

    drop(listener);
    let error = wait_for_port(port, BRIEFLY).unwrap_err().to_string();
    assert!(
        error.contains(&format!("nothing listens on 127.0.0.1:{port}")),
        "{error}"
    );
}

#[test]
fn a_free_port_can_be_listened_on() {
    let port = free_port().unwrap();

    assert!(std::net::TcpListener::bind(("127.0.0.1", port)).is_ok());
}

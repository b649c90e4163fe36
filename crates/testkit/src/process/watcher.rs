//! Ends what a killed test run leaves behind.
//!
//! Guards do not run when a test process is killed, and never for a `static`. So the first child starts one watcher
//! per test process: a shell that reads what to end from a pipe. Only the test process holds the other side of that
//! pipe, so the end of the pipe is the end of the test process, whatever ended it. The watcher has a process group of
//! its own, otherwise Ctrl-C would end it together with the tests.

use std::io::Write;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{ChildStdin, Stdio};
use std::sync::{Mutex, OnceLock, PoisonError};

use super::command;

/// `watch SIGNAL PID`, `forget PID` and `remove FOLDER`, one a line; at the end of input every watched process group
/// gets its signal, and folders are removed once those groups are gone (or after five seconds).
const SCRIPT: &str = r#"
folders=
while read -r verb what; do
  case $verb in
    watch) set -- "$@" "$what" ;;
    remove) folders="$folders$what
" ;;
    forget)
      left=$#
      while [ "$left" -gt 0 ]; do
        case $1 in
          *" $what") ;;
          *) set -- "$@" "$1" ;;
        esac
        shift
        left=$((left - 1))
      done
      ;;
  esac
done
for entry; do
  kill -s "${entry%% *}" -- "-${entry##* }"
done
for entry; do
  tries=0
  while kill -s 0 -- "-${entry##* }" && [ "$tries" -lt 100 ]; do
    sleep 0.05
    tries=$((tries + 1))
  done
done
printf %s "$folders" | while IFS= read -r folder; do
  rm -rf -- "$folder"
done
"#;

/// How the watcher ends a process group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OnDeath {
    /// At once.
    Kill,
    /// With `SIGQUIT`, for programs that take it as "stop now, but release what the system would keep".
    Quit,
}

/// Has the process group ended when this process dies.
pub(super) fn watch(leader: u32, on_death: OnDeath) {
    let signal = match on_death {
        OnDeath::Kill => "KILL",
        OnDeath::Quit => "QUIT",
    };
    tell(&format!("watch {signal} {leader}\n"));
}

/// Takes [`watch`] back, before the id can belong to another process.
pub(super) fn forget(leader: u32) {
    tell(&format!("forget {leader}\n"));
}

/// Has the folder removed when this process dies.
pub(crate) fn watch_folder(folder: &Path) {
    tell(&format!("remove {}\n", folder.display()));
}

/// A watcher that cannot be started or has died only means that a killed run leaves something behind, so failures
/// to reach it are not the test's concern.
fn tell(line: &str) {
    static WATCHER: OnceLock<Option<Mutex<ChildStdin>>> = OnceLock::new();
    if let Some(watcher) = WATCHER.get_or_init(start) {
        let mut watcher = watcher.lock().unwrap_or_else(PoisonError::into_inner);
        watcher.write_all(line.as_bytes()).unwrap_or_default();
    }
}

fn start() -> Option<Mutex<ChildStdin>> {
    let mut child = command("/bin/sh")
        .args(["-c", SCRIPT, "homelab-testkit-watcher"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()
        .ok()?;
    child.stdin.take().map(Mutex::new)
}

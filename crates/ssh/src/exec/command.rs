//! The line that is sent for a command, and what it says about itself.

use std::time::Duration;

use super::Exec;
use crate::quote::quote;

/// How much longer than we wait the host itself lets a command run: it only has to act where the
/// connection is gone by then.
const GRACE: Duration = Duration::from_secs(15);

/// How far into standard error the process's number is looked for: login shells may write before.
const LOOKED_AT: usize = 64 * 1024;

/// The line for the login shell.
///
/// A wrapped command first writes its process's number to standard error, behind `mark`, which the
/// caller cannot guess: with it the whole process group can be killed, also by another session. Then
/// its directory is entered, and the user's own shell takes the place of the wrapper: nothing stays
/// between the command and the channel but `timeout`, where the host has one, in case the
/// connection is lost.
pub(super) fn line(exec: &Exec, mark: &str, wrap: bool) -> String {
    if !wrap {
        return if exec.sudo {
            format!("sudo -n -- sh -c {}", quote(&exec.command))
        } else {
            exec.command.clone()
        };
    }
    let seconds = (exec.timeout + GRACE).as_secs();
    let shell = if exec.sudo { "sh" } else { r#""${SHELL:-sh}""# };
    let run = format!(
        "if timeout -k 5 9 true 2>/dev/null; then exec timeout -k 5 {seconds} {shell} -c \"$1\"; fi; \
         exec {shell} -c \"$1\""
    );
    // Inside: only root may kill what root runs.
    let run = if exec.sudo {
        format!("exec sudo -n -- sh -c {} sh \"$1\"", quote(&run))
    } else {
        run
    };
    let script =
        format!("echo {mark}$$ >&2; if [ -n \"$2\" ]; then cd -- \"$2\" || exit 126; fi; {run}");
    format!(
        "exec sh -c {} sh {} {}",
        quote(&script),
        quote(&exec.command),
        quote(exec.cwd.as_deref().unwrap_or_default())
    )
}

/// The line that kills a process group, or at least its first process.
pub(super) fn kill_line(pid: u32, sudo: bool) -> String {
    // Not `kill -KILL -- -PID`, which dash does not understand.
    let kill = format!("kill -s KILL -- -{pid} 2>/dev/null || kill -s KILL {pid}");
    if sudo {
        format!("sudo -n -- sh -c {}", quote(&kill))
    } else {
        format!("exec sh -c {}", quote(&kill))
    }
}

/// Takes the line with the process's number out of standard error.
pub(super) struct PidLine {
    mark: Vec<u8>,
    /// What has come so far; `None` once the line was found or given up.
    waiting: Option<Vec<u8>>,
    pub(super) pid: Option<u32>,
}

impl PidLine {
    pub(super) fn new(mark: &str, wrap: bool) -> Self {
        Self {
            mark: mark.as_bytes().to_vec(),
            waiting: wrap.then(Vec::new),
            pid: None,
        }
    }

    /// Takes the next bytes and gives back what belongs to the command.
    pub(super) fn push(&mut self, bytes: &[u8]) -> Vec<u8> {
        let Some(waiting) = &mut self.waiting else {
            return bytes.to_vec();
        };
        waiting.extend_from_slice(bytes);
        let at = waiting
            .windows(self.mark.len())
            .position(|window| window == self.mark);
        let Some(at) = at else {
            return if waiting.len() > LOOKED_AT {
                self.rest()
            } else {
                Vec::new()
            };
        };
        let number = waiting.get(at + self.mark.len()..).unwrap_or_default();
        let Some(end) = number.iter().position(|byte| *byte == b'\n') else {
            return Vec::new();
        };
        let digits = number.get(..end).unwrap_or_default();
        // 0 and 1 would mean everybody's group, and init.
        self.pid = std::str::from_utf8(digits)
            .ok()
            .and_then(|digits| digits.trim().parse().ok())
            .filter(|pid| *pid > 1);
        let after = number.get(end + 1..).unwrap_or_default();
        let mut left = waiting.get(..at).unwrap_or_default().to_vec();
        left.extend_from_slice(after);
        self.waiting = None;
        left
    }

    /// What was held back, if no line came.
    pub(super) fn rest(&mut self) -> Vec<u8> {
        self.waiting.take().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MARK: &str = "pid-0123456789abcdef:";

    fn through(chunks: &[&[u8]]) -> (Vec<u8>, Option<u32>) {
        let mut line = PidLine::new(MARK, true);
        let mut left: Vec<u8> = chunks.iter().flat_map(|chunk| line.push(chunk)).collect();
        left.extend(line.rest());
        (left, line.pid)
    }

    #[test]
    fn the_number_is_taken_out_and_the_rest_stays() {
        let text = format!("motd\n{MARK}4711\nerror\n");

        assert_eq!(
            through(&[text.as_bytes()]),
            (b"motd\nerror\n".to_vec(), Some(4711))
        );
    }

    #[test]
    fn without_a_number_everything_stays() {
        assert_eq!(through(&[b"error", b"\n"]), (b"error\n".to_vec(), None));
    }

    #[test]
    fn a_number_that_would_kill_everybody_is_no_number() {
        for pid in ["0", "1", "-1", "x", ""] {
            let text = format!("{MARK}{pid}\n");

            assert_eq!(through(&[text.as_bytes()]), (Vec::new(), None), "{pid}");
        }
    }

    #[test]
    fn a_host_that_only_writes_is_not_waited_for() {
        let mut line = PidLine::new(MARK, true);

        let left = line.push(&vec![b'x'; LOOKED_AT + 1]);

        assert_eq!(left.len(), LOOKED_AT + 1);
        assert_eq!(line.push(b"y"), b"y");
    }

    #[test]
    fn an_unwrapped_command_is_sent_as_it_is() {
        let exec = Exec::new("show 'version' | no more");

        assert_eq!(line(&exec, MARK, false), "show 'version' | no more");
    }

    proptest! {
        #[test]
        fn chunks_do_not_matter(cuts in prop::collection::vec(0_usize..60, 0..5)) {
            let text = format!("noise\n{MARK}4711\nrest of it\n");
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(text.len())).collect();
            cuts.sort_unstable();
            cuts.push(text.len());
            let mut from = 0;
            let mut chunks = Vec::new();
            for to in cuts {
                chunks.push(&text.as_bytes()[from..to]);
                from = to;
            }

            prop_assert_eq!(through(&chunks), (b"noise\nrest of it\n".to_vec(), Some(4711)));
        }
    }
}

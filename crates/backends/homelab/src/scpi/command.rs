//! What may be sent to an instrument: queries, and nothing that only looks like one.
//!
//! The rules are stricter than SCPI, because an instrument that reads a text differently than we do
//! must not be made to switch something on: a `;` always parts commands, quoted or not, and every
//! part must be a query by itself.

use homelab_core::error::{Code, ToolError, ToolResult};

/// Queries that act on the instrument: self-tests and calibrations. Sent only if its list of
/// allowed queries names them.
const ACTING: [&str; 5] = ["*TST", "*CAL", "CAL", "TEST", "DIAG"];
/// Who it is may be asked of every instrument.
const IDENTITY: &str = "*IDN?";
/// Queries that answer when something else has finished.
const SLOW: [&str; 4] = ["*OPC", "*TST", "*CAL", "CAL"];

/// A command that may be sent.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Query {
    /// As it is sent, without terminator.
    pub(crate) text: String,
    /// Whether the answer may take a minute.
    pub(crate) slow: bool,
}

/// Accepts one or more queries joined by `;`. Parameters after the `?` are accepted only for
/// headers that `allowed` names; if it names any, no others are accepted.
///
/// # Errors
/// `invalid_argument` with reason `not_a_query`, `permission_denied` with reason
/// `query_not_allowed`.
pub(crate) fn check(command: &str, allowed: &[String]) -> ToolResult<Query> {
    let text = command.trim();
    if !text.bytes().all(|byte| (b' '..=b'~').contains(&byte)) {
        return Err(no_query("it holds a control or non-ASCII character"));
    }
    let mut slow = false;
    for part in text.split(';').map(str::trim) {
        let (header, parameters) = match part.split_once('?') {
            None if part.is_empty() => return Err(no_query("one of its parts is empty")),
            None => return Err(no_query(&format!("`{part}` does not end in `?`"))),
            Some((header, parameters)) => (header, parameters),
        };
        if !is_header(header) {
            return Err(no_query(&format!("`{header}?` is not a query header")));
        }
        let named = allowed.iter().any(|entry| same(entry, header));
        let bare = parameters.is_empty();
        let accepted = bare || (named && parameters.starts_with(' '));
        if !accepted {
            return Err(no_query(&format!("`{part}` does not end in `?`")));
        }
        let known = named || (bare && same(IDENTITY, header));
        if !known && (!allowed.is_empty() || starts_with_any(header, &ACTING)) {
            return Err(refused(header, allowed));
        }
        slow |= starts_with_any(header, &SLOW);
    }
    Ok(Query {
        text: text.to_owned(),
        slow,
    })
}

/// `*IDN`, `MEAS:VOLT:DC`, `:CHAN1:SCAL`.
fn is_header(text: &str) -> bool {
    let nodes = text.strip_prefix(['*', ':']).unwrap_or(text);
    nodes.split(':').all(|node| {
        node.starts_with(|letter: char| letter.is_ascii_alphabetic())
            && node
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    })
}

/// Whether two headers are the same, in whichever form; the `?` of a list's entry does not count.
fn same(entry: &str, header: &str) -> bool {
    let entry = entry.trim();
    short(entry.strip_suffix('?').unwrap_or(entry)) == short(header)
}

fn starts_with_any(header: &str, words: &[&str]) -> bool {
    let short = short(header);
    let first = short.split(':').next().unwrap_or_default();
    let first = first.trim_end_matches(|letter: char| letter.is_ascii_digit());
    words.contains(&first)
}

/// A header's short form in capitals. The first four letters of a word, or three if the fourth is a
/// vowel (SCPI-99 volume 1, 6.2.1); digits at its end stay.
fn short(header: &str) -> String {
    let nodes = header.trim_start_matches(':').split(':').map(|node| {
        let node = node.to_ascii_uppercase();
        let word = node.trim_end_matches(|letter: char| letter.is_ascii_digit());
        let digits = node.strip_prefix(word).unwrap_or_default();
        if word.len() <= 4 || word.starts_with('*') {
            return node;
        }
        let vowel = word
            .chars()
            .nth(3)
            .is_some_and(|letter| "AEIOU".contains(letter));
        let kept: String = word.chars().take(if vowel { 3 } else { 4 }).collect();
        kept + digits
    });
    nodes.collect::<Vec<_>>().join(":")
}

fn no_query(problem: &str) -> ToolError {
    ToolError::invalid("command", format!("this is not a query: {problem}"))
        .reason("not_a_query")
        .hint("only queries that end in `?` can be sent, such as `*IDN?` or `MEAS:VOLT:DC?`")
}

fn refused(header: &str, allowed: &[String]) -> ToolError {
    let hint = if allowed.is_empty() {
        "it acts on the instrument: the owner can name it in the instrument's `allowed_queries`"
            .to_owned()
    } else {
        format!("allowed are {}", crate::client::alternatives(allowed))
    };
    ToolError::new(
        Code::PermissionDenied,
        format!("the query `{header}?` is not allowed on this instrument"),
    )
    .reason("query_not_allowed")
    .field("command")
    .hint(hint)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    fn list(entries: &[&str]) -> Vec<String> {
        entries.iter().map(|entry| (*entry).to_owned()).collect()
    }

    #[rstest]
    #[case("*IDN?")]
    #[case("meas:volt:dc?")]
    #[case(":CHAN1:SCAL?")]
    #[case("*ESR?;SYST:ERR?; *STB?")]
    fn queries_are_accepted(#[case] command: &str) {
        assert_eq!(check(command, &[]).unwrap().text, command);
    }

    #[rstest]
    #[case("")]
    #[case("*RST")]
    #[case("VOLT 5")]
    #[case("VOLT 5?")]
    #[case("*IDN?;OUTP ON")]
    #[case("*IDN?;")]
    #[case("*IDN?\nOUTP ON")]
    #[case("*IDN?\rOUTP ON")]
    #[case("*IDN? OUTP ON")]
    #[case("DATA? \"x;OUTP ON;*IDN?")]
    #[case("*IDN??")]
    #[case("++addr?")]
    #[case("*IDN？")]
    fn what_is_not_a_query_is_refused(#[case] command: &str) {
        let error = check(command, &[]).unwrap_err();

        assert_eq!(error.envelope().reason.as_deref(), Some("not_a_query"));
    }

    #[rstest]
    #[case("MEAS:VOLT:DC?")]
    #[case("measure:voltage:dc?")]
    #[case(":MEAS:VOLT:DC? 10,0.001")]
    #[case("*TST?")]
    fn an_allowed_header_is_known_in_every_form(#[case] command: &str) {
        let allowed = list(&["MEASure:VOLTage:DC?", "*TST?"]);

        assert!(check(command, &allowed).is_ok());
    }

    #[rstest]
    #[case("MEAS:CURR:DC?")]
    #[case("*ESR?")]
    #[case("MEAS:VOLT:DC?;CAL:ALL?")]
    fn a_list_of_allowed_queries_excludes_all_others(#[case] command: &str) {
        let error = check(command, &list(&["MEAS:VOLT:DC?"])).unwrap_err();

        assert_eq!(error.code(), Code::PermissionDenied);
        assert_eq!(
            error.envelope().hint.as_deref(),
            Some("allowed are `MEAS:VOLT:DC?`")
        );
    }

    #[rstest]
    #[case("*TST?")]
    #[case("CALibration:ALL?")]
    #[case("CAL?")]
    #[case("DIAG:X?")]
    fn queries_that_act_must_be_allowed_by_name(#[case] command: &str) {
        assert_eq!(
            check(command, &[]).unwrap_err().code(),
            Code::PermissionDenied
        );
        assert!(check(command, &list(&[command])).is_ok());
    }

    #[test]
    fn who_it_is_may_always_be_asked() {
        assert!(check("*IDN?", &list(&["MEAS:VOLT:DC?"])).is_ok());
    }

    #[test]
    fn only_some_queries_may_take_long() {
        assert!(check("*OPC?", &[]).unwrap().slow);
        assert!(!check("*IDN?", &[]).unwrap().slow);
    }

    proptest! {
        #[test]
        fn whatever_is_accepted_is_queries_all_through(command in "[ -~]{0,40}") {
            if let Ok(query) = check(&command, &[]) {
                for part in query.text.split(';') {
                    prop_assert!(part.trim().ends_with('?'));
                    prop_assert!(!part.trim().contains(' '));
                }
            }
        }
    }
}

//! Takes secrets out of everything that leaves the process: results, errors, audit, logs.
//!
//! Two nets: values that were registered when they were read (configuration, decrypted
//! credentials), wherever they appear in a text; and members of JSON objects whose name says that
//! they hold a secret.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use aho_corasick::{AhoCorasick, MatchKind};
use serde_json::Value;

use crate::secret::Secret;

/// What stands where a secret stood.
pub const MARK: &str = "***REDACTED***";

/// Shorter values are not searched for: they would blot out ordinary words.
const SHORTEST: usize = 6;

/// The secrets known so far; clones share them.
#[derive(Clone, Default)]
pub struct Redactor(Arc<Inner>);

#[derive(Default)]
struct Inner {
    known: Mutex<BTreeSet<String>>,
    automaton: RwLock<Option<Arc<AhoCorasick>>>,
}

impl Redactor {
    /// Searches for this value from now on. Values under six characters are left alone.
    pub fn learn(&self, secret: &Secret) {
        self.learn_all([secret]);
    }

    /// Learns many at the cost of one.
    pub fn learn_all<'a>(&self, secrets: impl IntoIterator<Item = &'a Secret>) {
        let mut known = self.0.known.lock().unwrap_or_else(PoisonError::into_inner);
        let mut changed = false;
        for value in secrets.into_iter().map(Secret::expose) {
            if value.len() < SHORTEST || !known.insert(value.to_owned()) {
                continue;
            }
            changed = true;
            // A secret inside a JSON text is written with its escapes, and with those of the
            // escapes where the text is a member of another one.
            let once = escaped(value);
            known.insert(escaped(&once));
            known.insert(once);
        }
        if changed {
            let automaton = AhoCorasick::builder()
                .match_kind(MatchKind::LeftmostLongest)
                .build(known.iter())
                .ok()
                .map(Arc::new);
            *self
                .0
                .automaton
                .write()
                .unwrap_or_else(PoisonError::into_inner) = automaton;
        }
    }

    /// The text without known secrets; borrowed when there were none.
    pub fn text<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let automaton = self.automaton();
        match automaton.filter(|automaton| automaton.is_match(text)) {
            None => Cow::Borrowed(text),
            Some(automaton) => {
                let mut clean = String::with_capacity(text.len());
                automaton.replace_all_with(text, &mut clean, |_, _, clean| {
                    clean.push_str(MARK);
                    true
                });
                Cow::Owned(clean)
            }
        }
    }

    /// Redacts a result in place: known secrets in every text, and members named like a secret.
    /// The members that `keep` names (see [`at_path`]) are left alone. Says whether it took anything
    /// out.
    pub fn value(&self, value: &mut Value, keep: &[&str]) -> bool {
        let automaton = self.automaton();
        walk(value, automaton.as_deref(), keep, &mut Vec::new())
    }

    fn automaton(&self) -> Option<Arc<AhoCorasick>> {
        self.0
            .automaton
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

/// The text as it stands between the quotes of a JSON string.
fn escaped(text: &str) -> String {
    let quoted = Value::from(text).to_string();
    quoted
        .get(1..quoted.len() - 1)
        .unwrap_or_default()
        .to_owned()
}

fn walk(
    value: &mut Value,
    known: Option<&AhoCorasick>,
    keep: &[&str],
    path: &mut Vec<String>,
) -> bool {
    let mut redacted = false;
    match value {
        Value::Object(members) => {
            for (name, member) in members.iter_mut() {
                let kept = !keep.is_empty() && {
                    path.push(name.clone());
                    let kept = keep.iter().any(|pattern| at_path(pattern, path));
                    path.pop();
                    kept
                };
                if kept {
                    continue;
                }
                if names_a_secret(name) && (member.is_string() || member.is_number()) {
                    *member = MARK.into();
                    redacted = true;
                } else if keep.is_empty() {
                    redacted |= walk(member, known, keep, path);
                } else {
                    path.push(name.clone());
                    redacted |= walk(member, known, keep, path);
                    path.pop();
                }
            }
        }
        Value::Array(items) => {
            for item in items {
                redacted |= walk(item, known, keep, path);
            }
        }
        Value::String(text) => {
            if let Some(known) = known
                && known.is_match(text.as_str())
            {
                let mut clean = String::with_capacity(text.len());
                known.replace_all_with(text, &mut clean, |_, _, clean| {
                    clean.push_str(MARK);
                    true
                });
                *text = clean;
                redacted = true;
            }
        }
        _ => {}
    }
    redacted
}

/// Whether a dotted pattern names the path; array indexes do not count, so `items.password` fits
/// the password of every item.
pub fn at_path(pattern: &str, path: &[String]) -> bool {
    pattern.split('.').eq(path.iter().map(String::as_str))
}

/// Whether a member of this name holds a secret.
///
/// Names that merely point at one (`credentials_ref`, `ssh_key_path`, `token_id`, `password_file`)
/// do not.
pub fn names_a_secret(name: &str) -> bool {
    const EXACT: [&str; 16] = [
        "password",
        "passwd",
        "passphrase",
        "secret",
        "token",
        "api_key",
        "apikey",
        "private_key",
        "access_key",
        "psk",
        "authorization",
        "cookie",
        "accesstoken",
        "refreshtoken",
        "clientsecret",
        "privatekey",
    ];
    const ENDINGS: [&str; 10] = [
        "_password",
        "_passwd",
        "_passphrase",
        "_secret",
        "_token",
        "_api_key",
        "_apikey",
        "_private_key",
        "_psk",
        "password_encrypted",
    ];
    let bytes = name.as_bytes();
    // Cheap first look: every listed word ends in one of these letters.
    if !bytes
        .last()
        .is_some_and(|last| b"dDtTnNyYeEkK".contains(last))
    {
        return false;
    }
    EXACT.iter().any(|exact| is_spelled(bytes, exact))
        || ENDINGS.iter().any(|ending| {
            let start = bytes.len().checked_sub(ending.len());
            start.is_some_and(|start| is_spelled(&bytes[start..], ending))
        })
}

/// Whether it is this word, in letters of any case and with hyphens or underscores.
fn is_spelled(name: &[u8], word: &str) -> bool {
    let folded = |byte: &u8| match byte {
        b'-' => b'_',
        other => other.to_ascii_lowercase(),
    };
    name.len() == word.len() && name.iter().map(folded).eq(word.bytes())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    #[test]
    fn a_learned_secret_disappears_from_every_text() {
        let redactor = Redactor::default();
        redactor.learn(&Secret::new("hunter2-hunter2"));
        let mut value = json!({ "log": ["login with hunter2-hunter2 ok"], "n": 1 });

        redactor.value(&mut value, &[]);

        assert_eq!(
            value,
            json!({ "log": ["login with ***REDACTED*** ok"], "n": 1 })
        );
        assert_eq!(
            redactor.text("url?x=hunter2-hunter2"),
            "url?x=***REDACTED***"
        );
    }

    #[test]
    fn a_secret_with_quotes_disappears_from_json_text_too() {
        let redactor = Redactor::default();
        redactor.learn(&Secret::new("say \"friend\""));
        let text = json!({ "a": "say \"friend\"" }).to_string();

        assert_eq!(redactor.text(&text), r#"{"a":"***REDACTED***"}"#);
        let around = json!({ "b": text }).to_string();
        assert!(!redactor.text(&around).contains("friend"));
    }

    #[test]
    fn the_declared_purpose_of_a_tool_survives() {
        let redactor = Redactor::default();
        redactor.learn(&Secret::new("hunter2-hunter2"));
        let mut value = json!({ "items": [{ "password": "hunter2-hunter2", "token": "other" }] });

        redactor.value(&mut value, &["items.password"]);

        assert_eq!(
            value,
            json!({ "items": [{ "password": "hunter2-hunter2", "token": MARK }] })
        );
    }

    #[rstest]
    #[case("password", true)]
    #[case("Password", true)]
    #[case("db-password", true)]
    #[case("X-Api-Key", true)]
    #[case("client_secret", true)]
    #[case("token_id", false)]
    #[case("ssh_key_path", false)]
    #[case("credentials_ref", false)]
    #[case("next_cursor", false)]
    #[case("monkey", false)]
    fn secrets_are_known_by_their_member_name(#[case] name: &str, #[case] secret: bool) {
        assert_eq!(names_a_secret(name), secret);
    }

    proptest! {
        #[test]
        fn no_learned_secret_is_left(secret in "[ -~]{6,20}", around in "[ -~]{0,20}") {
            prop_assume!(!MARK.contains(&secret));
            let redactor = Redactor::default();
            redactor.learn(&Secret::new(secret.clone()));
            let clean = redactor.text(&format!("{around}{secret}{around}")).replace(MARK, "");
            prop_assume!(!around.contains(&secret));

            // What is left can spell the secret only across a removed one.
            prop_assert!(clean.len() < around.len() * 2 + secret.len());
        }
    }
}

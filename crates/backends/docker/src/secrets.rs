//! Hides secrets in what containers were made with: environment, command lines, labels.
//!
//! Names decide, as they do for every result; environments have more ways to name a secret
//! (`DB_PASS`, `AWS_SECRET_ACCESS_KEY`), and hide passwords inside of addresses.

use homelab_core::redact::{MARK, names_a_secret};
use schemars::JsonSchema;
use serde::Serialize;

/// Words that make the name of a variable that of a secret.
const WORDS: [&str; 11] = [
    "PASSWORD",
    "PASSWD",
    "PASSPHRASE",
    "PASS",
    "SECRET",
    "TOKEN",
    "APIKEY",
    "CREDENTIALS",
    "CREDENTIAL",
    "PSK",
    "PWD",
];

/// One variable of a container's environment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub(crate) struct Variable {
    /// Name.
    pub(crate) name: String,
    /// Value; hidden unless asked for, and always where the name is that of a secret.
    pub(crate) value: Option<String>,
}

/// Whether a variable or label of this name holds a secret.
pub(crate) fn is_secret(name: &str) -> bool {
    // `PWD` alone is the working directory, `…_FILE` points at a secret.
    if name == "PWD" || name == "OLDPWD" {
        return false;
    }
    if names_a_secret(name) {
        return true;
    }
    let upper = name.to_ascii_uppercase();
    let words: Vec<&str> = upper
        .split(|letter: char| !letter.is_ascii_alphanumeric())
        .collect();
    let last = words.last().copied().unwrap_or_default();
    if matches!(last, "FILE" | "PATH" | "NAME" | "ID" | "URL" | "DIR") {
        return false;
    }
    words.iter().any(|word| WORDS.contains(word)) || last == "KEY" || last == "AUTH"
}

/// A value as it may be shown: hidden as a whole where its name says so, else without the passwords
/// of addresses in it.
pub(crate) fn masked(name: &str, value: &str) -> String {
    if is_secret(name) && !value.is_empty() {
        return MARK.to_owned();
    }
    without_passwords(value)
}

/// An environment as it may be shown; `show` asks for values that are no secrets.
pub(crate) fn environment(env: &[String], show: bool) -> Vec<Variable> {
    env.iter()
        .map(|entry| {
            let (name, value) = entry.split_once('=').unwrap_or((entry, ""));
            Variable {
                name: name.to_owned(),
                value: show.then(|| masked(name, value)),
            }
        })
        .collect()
}

/// A command line as it may be shown: `--password=x`, `--token x` and `KEY=x` lose their value.
pub(crate) fn command(words: &[String]) -> Vec<String> {
    let mut hide_next = false;
    words
        .iter()
        .map(|word| {
            if std::mem::take(&mut hide_next) {
                return MARK.to_owned();
            }
            let bare = word.trim_start_matches('-');
            match bare.split_once('=') {
                Some((name, value)) if is_word(name) => {
                    let end = word.len() - value.len();
                    format!(
                        "{}{}",
                        word.get(..end).unwrap_or_default(),
                        masked(name, value)
                    )
                }
                _ => {
                    hide_next = bare.len() < word.len() && is_secret(bare);
                    without_passwords(word)
                }
            }
        })
        .collect()
}

fn is_word(name: &str) -> bool {
    !name.is_empty()
        && name
            .chars()
            .all(|letter| letter.is_ascii_alphanumeric() || "-_.".contains(letter))
}

/// `scheme://user:password@host` without the password, wherever it stands in the text.
pub(crate) fn without_passwords(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find("://") {
        let (before, after) = rest.split_at(start + 3);
        clean.push_str(before);
        let end = after
            .find(|letter: char| letter.is_whitespace() || "/?#\"'<>".contains(letter))
            .unwrap_or(after.len());
        let (authority, behind) = after.split_at(end);
        // A password may hold an `@` itself: the last one ends it.
        match authority
            .rsplit_once('@')
            .and_then(|(user, host)| Some((user.split_once(':')?, host)))
        {
            Some(((user, _), host)) => {
                clean.push_str(user);
                clean.push(':');
                clean.push_str(MARK);
                clean.push('@');
                clean.push_str(host);
            }
            None => clean.push_str(authority),
        }
        rest = behind;
    }
    clean.push_str(rest);
    clean
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("POSTGRES_PASSWORD", true)]
    #[case("DB_PASS", true)]
    #[case("MYSQL_PWD", true)]
    #[case("AWS_SECRET_ACCESS_KEY", true)]
    #[case("API_KEY", true)]
    #[case("TOKEN_GITHUB", true)]
    #[case("password", true)]
    #[case("PWD", false)]
    #[case("POSTGRES_PASSWORD_FILE", false)]
    #[case("AWS_ACCESS_KEY_ID", false)]
    #[case("COMPASS", false)]
    #[case("PATH", false)]
    #[case("KEYBOARD", false)]
    fn names_decide_what_is_a_secret(#[case] name: &str, #[case] expected: bool) {
        assert_eq!(is_secret(name), expected);
    }

    #[test]
    fn values_are_shown_only_if_asked_for_and_secrets_never() {
        let env = [
            "A=1".to_owned(),
            "DB_PASS=hunter2".to_owned(),
            "U=pg://u:hunter2@db/x".to_owned(),
        ];

        let hidden = environment(&env, false);
        let shown = environment(&env, true);

        assert!(hidden.iter().all(|variable| variable.value.is_none()));
        assert_eq!(shown[0].value.as_deref(), Some("1"));
        assert_eq!(shown[1].value.as_deref(), Some(MARK));
        assert_eq!(
            shown[2].value.as_deref(),
            Some("pg://u:***REDACTED***@db/x")
        );
    }

    #[test]
    fn command_lines_lose_the_values_of_secrets() {
        let words = [
            "app",
            "--password=hunter2",
            "--token",
            "hunter2",
            "-v",
            "DB_PASS=hunter2",
            "a=b",
        ];
        let words = words.map(str::to_owned);

        assert_eq!(
            command(&words).join(" "),
            format!("app --password={MARK} --token {MARK} -v DB_PASS={MARK} a=b")
        );
    }

    proptest! {
        #[test]
        fn a_password_in_an_address_never_stays(password in "[a-zA-Z0-9@!:]{8,20}", before in "[a-z ]{0,10}") {
            let text = format!("{before}http://user:{password}@host.example/path");
            let clean = without_passwords(&text);
            prop_assert!(!clean.contains(&password));
            prop_assert!(clean.ends_with("@host.example/path"));
        }

        #[test]
        fn texts_without_addresses_stay_as_they_are(text in "[^:]*") {
            prop_assert_eq!(without_passwords(&text), text);
        }
    }
}

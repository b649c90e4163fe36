//! The plain words of a text.

use std::collections::HashSet;

use super::pieces::{Kind, pieces};

/// English words that say nothing about what is meant. `up`, `down`, `on`, `off`, `not` and the like say a lot in a lab.
const STOP: &[&str] = &[
    "a", "about", "again", "all", "also", "am", "an", "and", "any", "are", "as", "at", "be",
    "because", "been", "being", "but", "by", "can", "could", "d", "did", "do", "does", "doing",
    "for", "from", "get", "gets", "got", "had", "has", "have", "having", "he", "her", "here",
    "hers", "him", "his", "how", "i", "if", "in", "into", "is", "it", "its", "itself", "just",
    "ll", "m", "me", "my", "of", "or", "our", "ours", "re", "s", "shall", "she", "should", "so",
    "some", "such", "t", "tell", "than", "that", "the", "their", "them", "then", "there", "these",
    "they", "this", "those", "to", "too", "us", "ve", "very", "was", "we", "were", "what", "when",
    "where", "which", "who", "whom", "whose", "why", "will", "with", "would", "you", "your",
    "yours", "please", "know", "need", "needs", "want", "let", "lets", "don", "doesn", "didn",
    "isn", "aren", "wasn", "weren", "may", "might", "must", "each", "both", "only", "own", "same",
];

/// Whether a lower-case word says nothing about what is meant.
pub fn is_stop_word(word: &str) -> bool {
    STOP.contains(&word)
}

/// The plain words of a text, lower case, each once, in their order: runs of letters and digits, without stop
/// words (unless there is nothing else) and without the digits of addresses, which are found whole by
/// [`exact_tokens`](super::exact_tokens). They are not stemmed, the store does that.
pub fn words(text: &str) -> Vec<String> {
    let all = all_words(text);
    let mut seen = HashSet::new();
    let mut told: Vec<String> = all
        .iter()
        .filter(|word| !is_stop_word(word) && seen.insert(word.as_str()))
        .cloned()
        .collect();
    if told.is_empty() {
        told.extend(all.iter().filter(|word| seen.insert(word)).cloned());
    }
    told
}

/// Every word in its order, stop words and repetitions too.
pub(super) fn all_words(text: &str) -> Vec<String> {
    let mut all = Vec::new();
    for piece in pieces(text) {
        let is_address = |kind| {
            matches!(
                kind,
                Kind::Address | Kind::Network | Kind::Mac | Kind::Version | Kind::Date | Kind::Time
            )
        };
        if !piece.tokens.is_empty() && piece.tokens.iter().all(|token| is_address(token.kind)) {
            continue;
        }
        let runs = piece.raw.split(|letter: char| !letter.is_alphanumeric());
        all.extend(runs.filter(|run| !run.is_empty()).map(str::to_lowercase));
    }
    all
}

/// The word without its commonest English endings, so that `restarting`, `restarts` and `restarted` are one. Only
/// for comparing texts with each other; what is searched is stemmed by the store.
pub fn stem(word: &str) -> &str {
    const ENDINGS: [&str; 10] = [
        "ations", "ation", "ings", "ing", "edly", "ies", "ed", "es", "ly", "s",
    ];
    if !word.is_ascii() || word.bytes().any(|byte| byte.is_ascii_digit()) {
        return word;
    }
    for ending in ENDINGS {
        if let Some(root) = word.strip_suffix(ending)
            && root.len() >= 3
            && !(ending == "s" && root.ends_with('s'))
        {
            return match ending {
                "ing" | "ings" | "ed" | "edly" => without_e(undoubled(root)),
                _ => without_e(root),
            };
        }
    }
    without_e(word)
}

/// `running` is of `run`, but `filling` of `fill`.
fn undoubled(root: &str) -> &str {
    let mut last = root.chars().rev();
    match (last.next(), last.next()) {
        (Some(one), Some(other)) if one == other && root.len() > 3 && !"lszaeiou".contains(one) => {
            root.get(..root.len() - 1).unwrap_or(root)
        }
        _ => root,
    }
}

fn without_e(word: &str) -> &str {
    let root = word.strip_suffix('e').filter(|root| root.len() > 2);
    root.unwrap_or(word)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("What is the IP of the NAS?", &["ip", "nas"])]
    #[case("nas-01's disk, nas-01", &["nas", "01", "disk"])]
    #[case("VLAN 30 is 10.0.30.0/24", &["vlan", "30"])]
    #[case("who is it", &["who", "is", "it"])]
    #[case("the server is down, not up", &["server", "down", "not", "up"])]
    #[case("/etc/pve/storage.cfg", &["etc", "pve", "storage", "cfg"])]
    #[case("Größe der Änderung", &["größe", "der", "änderung"])]
    #[case("", &[])]
    fn words_are_what_is_asked_for(#[case] text: &str, #[case] expected: &[&str]) {
        assert_eq!(words(text), expected);
    }

    #[rstest]
    #[case(&["restart", "restarts", "restarted", "restarting"])]
    #[case(&["cable", "cables"])]
    #[case(&["use", "uses"])]
    #[case(&["run", "runs", "running"])]
    #[case(&["fill", "filled", "filling"])]
    fn one_word_has_one_stem(#[case] forms: &[&str]) {
        let stems: HashSet<&str> = forms.iter().map(|form| stem(form)).collect();

        assert_eq!(stems.len(), 1, "{stems:?}");
    }

    proptest! {
        #[test]
        fn words_have_no_syntax(text in ".*") {
            for word in words(&text) {
                prop_assert!(!word.is_empty());
                prop_assert!(word.chars().all(|letter| letter.is_alphanumeric() || !letter.is_ascii()), "{word:?}");
            }
        }
    }
}

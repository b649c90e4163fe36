//! What makes one statement another than its neighbour: its numbers, addresses, names and negations.

use std::collections::BTreeSet;

use strsim::jaro_winkler;

use super::pieces::{Kind, pieces};
use super::words::{all_words, is_stop_word, stem};

/// Words that turn a statement round, or count.
const TURNING: &[&str] = &[
    "no", "not", "never", "none", "without", "cannot", "isn", "aren", "don", "doesn", "didn",
    "won", "wasn", "weren", "on", "off", "up", "down", "enabled", "disabled", "online", "offline",
    "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven",
    "twelve",
];

/// Words by which a statement says that something was otherwise before.
const CHANGING: &[&str] = &[
    "now", "longer", "anymore", "instead", "since", "again", "went", "moved", "changed",
    "replaced", "switched", "renamed",
];
/// Share of an older statement's words that one which says that something changed still has.
const TOLD_CHANGE: f64 = 0.5;
/// The same of one that does not say so.
const UNTOLD_CHANGE: f64 = 0.75;

/// A text as two statements are compared: what it is about and what it says, apart from its wording.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// Addresses, numbers, versions, dates, error codes and words that turn a statement round.
    values: BTreeSet<String>,
    /// Host names, paths, MAC addresses and ids.
    names: BTreeSet<String>,
    /// All other words, in their order.
    frame: Vec<String>,
}

/// Whether a newer statement takes the place of an older one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Succession {
    /// It speaks of something else.
    None,
    /// It speaks of nearly all that the older one spoke of.
    Likely,
    /// It speaks of much of it and says that something changed.
    Told,
}

impl Identity {
    /// Reads a text.
    pub fn of(text: &str) -> Self {
        let mut values = BTreeSet::new();
        let mut names = BTreeSet::new();
        let mut frame = Vec::new();
        for piece in pieces(text) {
            for token in &piece.tokens {
                let set = match token.kind {
                    Kind::Name | Kind::Path | Kind::Mac | Kind::Compound => &mut names,
                    _ => &mut values,
                };
                set.insert(token.text.clone());
            }
            if piece.tokens.is_empty() {
                for word in all_words(piece.raw) {
                    if TURNING.contains(&word.as_str()) {
                        values.insert(word);
                    } else {
                        frame.push(word);
                    }
                }
            }
        }
        Self {
            values,
            names,
            frame,
        }
    }

    /// Whether both say the same of the same, in other words at most: no number, address or name differs, and no
    /// single word stands in the place of an unlike one (`the printer is in the office`, `… in the kitchen`).
    pub fn says_the_same(&self, other: &Self) -> bool {
        self.values == other.values && self.names == other.names && self.exchanged(other).is_none()
    }

    /// Whether one may be what became of the other: the same wording about the same names, with another value.
    pub fn is_change_of(&self, other: &Self) -> bool {
        self.names == other.names && self.values != other.values && self.same_frame(other)
    }

    /// How sure it is that this newer statement is what became of an older one in other words: it speaks of most of
    /// what that one spoke of, and perhaps it says itself that something changed.
    pub fn succeeds(&self, older: &Self) -> Succession {
        let kept = older.covered_by(self);
        let is_told = self
            .frame
            .iter()
            .any(|word| CHANGING.contains(&word.as_str()));
        if is_told && kept >= TOLD_CHANGE && self != older {
            Succession::Told
        } else if kept >= UNTOLD_CHANGE && self != older {
            Succession::Likely
        } else {
            Succession::None
        }
    }

    /// Whether the wording is the same while a value, a name or one word is another.
    pub fn differs_in_a_word_from(&self, other: &Self) -> bool {
        if self.values != other.values || self.names != other.names {
            self.same_frame(other)
        } else {
            self.exchanged(other).is_some()
        }
    }

    /// What only this one says: values, names, and the word that stands in another's place.
    pub fn beyond(&self, other: &Self) -> Vec<String> {
        let mut only: Vec<String> = self.names.difference(&other.names).cloned().collect();
        only.extend(self.values.difference(&other.values).cloned());
        only.extend(self.exchanged(other).map(|(mine, _)| mine.to_owned()));
        only
    }

    /// Whether every number, address and name is in the other one too.
    pub fn is_within(&self, other: &Self) -> bool {
        let known = |token: &String| other.values.contains(token) || other.names.contains(token);
        self.names.iter().all(known) && self.values.iter().all(known)
    }

    /// Share of its words that are in both, 0 to 1, by their stems and without stop words.
    pub fn overlap(&self, other: &Self) -> f64 {
        let (mine, theirs) = (self.stems(), other.stems());
        let both = mine.intersection(&theirs).count();
        let all = mine.union(&theirs).count();
        if all == 0 { 1.0 } else { ratio(both, all) }
    }

    /// Share of this one's words, numbers, addresses and names that the other one has too, 0 to 1; 0 without any.
    pub fn covered_by(&self, other: &Self) -> f64 {
        let (mine, theirs) = (self.stems(), other.stems());
        let tokens = self.values.iter().chain(&self.names);
        let known = tokens
            .clone()
            .filter(|token| other.values.contains(*token) || other.names.contains(*token))
            .count();
        let all = mine.len() + tokens.count();
        if all == 0 {
            return 0.0;
        }
        ratio(mine.intersection(&theirs).count() + known, all)
    }

    fn stems(&self) -> BTreeSet<&str> {
        let words = self.frame.iter().filter(|word| !is_stop_word(word));
        words.map(|word| stem(word)).collect()
    }

    fn same_frame(&self, other: &Self) -> bool {
        let stems = |one: &Self| -> Vec<String> {
            one.frame.iter().map(|word| stem(word).to_owned()).collect()
        };
        self.frame.len() + self.names.len() >= 1
            && (stems(self) == stems(other) || self.overlap(other) >= 0.8)
    }

    /// The one word, here and there, in which two texts of the same length differ.
    fn exchanged<'a>(&'a self, other: &'a Self) -> Option<(&'a str, &'a str)> {
        if self.frame.len() != other.frame.len() {
            return None;
        }
        let mut unlike = self
            .frame
            .iter()
            .zip(&other.frame)
            .filter(|(mine, theirs)| {
                stem(mine) != stem(theirs)
                    && !(is_stop_word(mine) && is_stop_word(theirs))
                    && (jaro_winkler(mine, theirs) < 0.9)
            });
        match (unlike.next(), unlike.next()) {
            (Some((mine, theirs)), None) => Some((mine, theirs)),
            _ => None,
        }
    }
}

fn ratio(part: usize, whole: usize) -> f64 {
    let count = |number: usize| f64::from(u32::try_from(number).unwrap_or(u32::MAX));
    count(part) / count(whole)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::told(
        "The heating is run by a Raspberry Pi in the cellar.",
        "A Shelly relay runs the heating now, the Raspberry Pi was sold.",
        Succession::Told
    )]
    #[case::untold(
        "Spare keys lie in the green box.",
        "Spare keys lie in the safe, the green box holds fuses.",
        Succession::Likely
    )]
    #[case::another_subject(
        "The heating is run by a Raspberry Pi in the cellar.",
        "The garden pump is run by a Shelly now.",
        Succession::None
    )]
    #[case::another_of_its_kind(
        "nas01 sends its logs to 192.0.2.70.",
        "nas03 sends its logs to 192.0.2.72.",
        Succession::None
    )]
    #[case::the_same(
        "Spare keys lie in the box.",
        "Spare keys lie in the box.",
        Succession::None
    )]
    fn a_change_in_other_words_is_seen_by_what_it_still_speaks_of(
        #[case] older: &str,
        #[case] newer: &str,
        #[case] expected: Succession,
    ) {
        assert_eq!(Identity::of(newer).succeeds(&Identity::of(older)), expected);
    }

    #[rstest]
    #[case("nas01 is 192.0.2.5", "nas01 is 192.0.2.6")]
    #[case("nas01 is 192.0.2.5", "nas02 is 192.0.2.5")]
    #[case("the pool has 4 disks", "the pool has 5 disks")]
    #[case("the pool has four disks", "the pool has five disks")]
    #[case("the backup is enabled", "the backup is disabled")]
    #[case("the printer is in the office", "the printer is in the kitchen")]
    #[case("its MAC is 00:1b:44:11:3a:b7", "its MAC is 00:1b:44:11:3a:b8")]
    #[case("web-frontend is up", "web-backend is up")]
    #[case("Proxmox runs 8.4.1", "Proxmox runs 8.4.2")]
    #[case("vault is the file server", "tower is the file server")]
    #[case("the VPN does work", "the VPN does not work")]
    fn another_value_or_name_is_never_the_same(#[case] left: &str, #[case] right: &str) {
        let (left, right) = (Identity::of(left), Identity::of(right));

        assert!(!left.says_the_same(&right));
        assert!(!right.says_the_same(&left));
        assert!(left.differs_in_a_word_from(&right));
    }

    #[rstest]
    #[case("the NAS can be reached at 192.0.2.5", "NAS is reachable: 192.0.2.5")]
    #[case("Backups run at night on nas01", "backups are run on nas01 at night")]
    #[case("restart nginx after renewal", "nginx is restarted after the renewal")]
    fn other_words_for_the_same_are_the_same(#[case] left: &str, #[case] right: &str) {
        assert!(Identity::of(left).says_the_same(&Identity::of(right)));
    }

    #[rstest]
    #[case("nas01 is 192.0.2.5", "nas01 is 192.0.2.6", true)]
    #[case("web-1 has 4 cores", "web-2 has 4 cores", false)]
    #[case("web-1 has 4 cores", "web-1 has 8 cores", true)]
    #[case("web-1 has 4 cores", "web-1 stands in rack 8 of the cellar", false)]
    fn only_a_value_of_the_same_thing_changes(
        #[case] left: &str,
        #[case] right: &str,
        #[case] change: bool,
    ) {
        assert_eq!(
            Identity::of(left).is_change_of(&Identity::of(right)),
            change
        );
    }

    #[test]
    fn what_differs_is_told() {
        let (new, old) = (
            Identity::of("nas01 is 192.0.2.6"),
            Identity::of("nas01 is 192.0.2.5"),
        );

        assert_eq!(new.beyond(&old), ["192.0.2.6"]);
        assert_eq!(old.beyond(&new), ["192.0.2.5"]);
    }

    proptest! {
        #[test]
        fn a_number_that_differs_is_a_change(words in "[a-z]{3,8}( [a-z]{3,8}){1,5}", left in 0_u32..9999, right in 0_u32..9999) {
            prop_assume!(left != right);
            let left = Identity::of(&format!("{words} {left}"));
            let right = Identity::of(&format!("{words} {right}"));

            prop_assert!(!left.says_the_same(&right));
            prop_assert!(left.is_change_of(&right));
        }

        #[test]
        fn a_text_says_the_same_as_itself(text in ".*") {
            let text = Identity::of(&text);

            prop_assert!(text.says_the_same(&text));
            prop_assert!(text.is_within(&text));
        }
    }
}

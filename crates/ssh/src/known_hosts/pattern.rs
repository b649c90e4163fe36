//! Whether a line is about a host.

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// Whether the first field of a line means this host (lower case, `[name]:port` where the port is
/// not 22): one hashed name, or patterns with commas between. A pattern with `!` that matches rules
/// the line out, whatever the others say.
pub(super) fn matches(field: &str, host: &str) -> bool {
    if let Some(hashed) = field.strip_prefix("|1|") {
        return matches_hashed(hashed, host);
    }
    let mut found = false;
    for pattern in field.split(',') {
        match pattern.strip_prefix('!') {
            Some(pattern) if matches_pattern(pattern, host) => return false,
            Some(_) => {}
            None => found |= matches_pattern(pattern, host),
        }
    }
    found
}

/// `salt|hash`, both base64: HMAC-SHA1 of the name with the salt as its key.
fn matches_hashed(hashed: &str, host: &str) -> bool {
    let decoded = hashed
        .split_once('|')
        .and_then(|(salt, hash)| Some((STANDARD.decode(salt).ok()?, STANDARD.decode(hash).ok()?)));
    let Some((salt, hash)) = decoded else {
        return false;
    };
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &salt);
    hmac::verify(&key, host.as_bytes(), &hash).is_ok()
}

/// `*` stands for any text, `?` for one character; letters of either case are the same.
fn matches_pattern(pattern: &str, host: &str) -> bool {
    glob(pattern.to_ascii_lowercase().as_bytes(), host.as_bytes())
}

/// Backtracks to the last `*` only, so the time is bounded by the product of the lengths.
pub(crate) fn glob(pattern: &[u8], text: &[u8]) -> bool {
    let (mut at, mut from) = (0, 0);
    let mut star = None;
    while from < text.len() {
        match pattern.get(at) {
            Some(b'*') => {
                star = Some((at, from));
                at += 1;
            }
            Some(byte) if *byte == b'?' || *byte == text[from] => {
                at += 1;
                from += 1;
            }
            _ => {
                let Some((before, taken)) = star else {
                    return false;
                };
                star = Some((before, taken + 1));
                at = before + 1;
                from = taken + 1;
            }
        }
    }
    pattern[at..].iter().all(|byte| *byte == b'*')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::name("nas", "nas", true)]
    #[case::another("nas", "nas2", false)]
    #[case::one_of_several("pve,nas,192.0.2.7", "192.0.2.7", true)]
    #[case::upper_case("NAS.Example.Test", "nas.example.test", true)]
    #[case::wildcard("*.example.test", "nas.example.test", true)]
    #[case::wildcard_needs_its_rest("*.example.test", "example.test", false)]
    #[case::one_character("nas?", "nas1", true)]
    #[case::one_character_is_not_none("nas?", "nas", false)]
    #[case::ruled_out("*.example.test,!nas.example.test", "nas.example.test", false)]
    #[case::ruled_out_first("!nas,*", "nas", false)]
    #[case::not_ruled_out("!nas,*", "pve", true)]
    #[case::only_negation_means_nobody("!nas", "pve", false)]
    #[case::port("[nas]:2222", "[nas]:2222", true)]
    #[case::other_port("[nas]:2222", "[nas]:2223", false)]
    #[case::port_is_not_the_bare_name("nas", "[nas]:2222", false)]
    #[case::wildcard_with_port("[*.example.test]:2222", "[nas.example.test]:2222", true)]
    fn a_line_says_for_whom_it_is(#[case] field: &str, #[case] host: &str, #[case] expected: bool) {
        assert_eq!(matches(field, host), expected);
    }

    #[rstest]
    #[case("|1|", "nas")]
    #[case("|1|AAAA", "nas")]
    #[case("|1|!|!", "nas")]
    fn a_broken_hash_matches_nobody(#[case] field: &str, #[case] host: &str) {
        assert!(!matches(field, host));
    }

    #[test]
    fn a_hashed_name_matches_the_name_it_was_made_of() {
        let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, b"0123456789abcdefghij");
        let hash = hmac::sign(&key, b"[nas]:2222");
        let field = format!(
            "|1|{}|{}",
            STANDARD.encode(b"0123456789abcdefghij"),
            STANDARD.encode(hash)
        );

        assert!(matches(&field, "[nas]:2222"));
        assert!(!matches(&field, "nas"));
    }

    /// The obvious way, exponential in the worst case.
    fn slow(pattern: &[u8], text: &[u8]) -> bool {
        match (pattern.split_first(), text.split_first()) {
            (None, None) => true,
            (Some((b'*', rest)), _) => {
                slow(rest, text)
                    || text
                        .split_first()
                        .is_some_and(|(_, less)| slow(pattern, less))
            }
            (Some((b'?', rest)), Some((_, less))) => slow(rest, less),
            (Some((byte, rest)), Some((other, less))) => byte == other && slow(rest, less),
            _ => false,
        }
    }

    proptest! {
        #[test]
        fn wildcards_match_as_the_obvious_way_does(pattern in "[ab*?]{0,7}", text in "[ab]{0,9}") {
            prop_assert_eq!(
                glob(pattern.as_bytes(), text.as_bytes()),
                slow(pattern.as_bytes(), text.as_bytes())
            );
        }
    }
}

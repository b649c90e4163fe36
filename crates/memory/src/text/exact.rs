//! Tokens that are found whole: addresses, host names, paths, error codes, versions, ports and ids.

use std::collections::HashSet;

use super::pieces::{Kind, Piece, Token, pieces};

/// Words in front of a number that make it the number of something.
const NUMBERED: &[&str] = &[
    "bay", "bug", "channel", "code", "ct", "ctid", "errno", "error", "event", "exit", "gid",
    "http", "https", "id", "issue", "job", "lxc", "node", "pid", "port", "ports", "pr", "slot",
    "sqlstate", "status", "task", "ticket", "uid", "vlan", "vm", "vmid",
];

/// What a kept text can be found by as a whole: lower case, each once, in their order, addresses in their one
/// spelling (RFC 5952, MAC addresses with colons). Numbers of two digits and more belong to it, and hyphenated words.
pub fn exact_tokens(text: &str) -> Vec<String> {
    collect(text, |_, token| match token.kind {
        Kind::Quantity | Kind::Time => false,
        Kind::Number => token.text.len() > 1,
        _ => true,
    })
}

/// What a question asks for by its whole name: as [`exact_tokens`], but a number only where a word in front says of
/// what (`port 8006`, `VLAN 30`), and a hyphenated word without digits only in quotes, because `read-only` names
/// nothing.
pub fn exact_of_query(text: &str) -> Vec<String> {
    collect(text, |piece, token| match token.kind {
        Kind::Quantity | Kind::Time => false,
        Kind::Number => {
            piece.is_quoted
                || piece
                    .before
                    .as_deref()
                    .is_some_and(|word| NUMBERED.contains(&word))
        }
        Kind::Compound => piece.is_quoted,
        _ => true,
    })
}

fn collect(text: &str, wanted: impl Fn(&Piece<'_>, &Token) -> bool) -> Vec<String> {
    let mut seen = HashSet::new();
    let mut found = Vec::new();
    for piece in pieces(text) {
        for token in &piece.tokens {
            if wanted(&piece, token) && seen.insert(token.text.clone()) {
                found.push(token.text.clone());
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("nas01 is 192.0.2.5.", &["nas01", "192.0.2.5"])]
    #[case("at [2001:DB8:0::1]:8006", &["2001:db8::1", "8006"])]
    #[case("https://pve1.example.net:8006/api2/json", &["pve1.example.net", "pve1", "8006", "/api2/json"])]
    #[case("the LAN is 192.0.2.17/24", &["192.0.2.0/24", "192.0.2.17"])]
    #[case("MAC 00-1B-44-11-3A-B7, again 001b.4411.3ab7", &["00:1b:44:11:3a:b7"])]
    #[case("see /etc/pve/storage.cfg and ~/notes/", &["/etc/pve/storage.cfg", "~/notes"])]
    #[case("nas01:/srv/media", &["nas01", "/srv/media"])]
    #[case("root@nas-02:/tank", &["root@nas-02", "nas-02", "/tank"])]
    #[case("ERR_CONNECTION_REFUSED, 0x80070005, ORA-00942 or ENOSPC", &["err_connection_refused", "0x80070005", "ora-00942", "enospc"])]
    #[case("error 502 on port 8443/tcp", &["502", "8443"])]
    #[case("Proxmox 8.4.1 with kernel v6.8", &["8.4.1", "v6.8"])]
    #[case("container a1b2c3d4e5f6", &["a1b2c3d4e5f6"])]
    #[case("and/or read-only at 14:30 with 16GB", &["read-only"])]
    #[case("e.g. this. i.e. that", &[])]
    #[case("on 2026-03-14", &["2026-03-14"])]
    #[case(r"C:\Users\lab and \\nas01\share", &[r"c:\users\lab", r"\\nas01\share"])]
    #[case("image ghcr.io/example/app:1.27", &["ghcr.io/example/app:1.27"])]
    fn a_text_is_found_by_its_whole_tokens(#[case] text: &str, #[case] expected: &[&str]) {
        assert_eq!(exact_tokens(text), expected);
    }

    #[rstest]
    #[case("what listens on port 8006?", &["8006"])]
    #[case("which 3 disks of the 24 are read-only", &[])]
    #[case("where is `home-assistant`", &["home-assistant"])]
    #[case("what is nas-01", &["nas-01"])]
    #[case("VLAN 30", &["30"])]
    fn a_question_names_what_it_means(#[case] text: &str, #[case] expected: &[&str]) {
        assert_eq!(exact_of_query(text), expected);
    }

    proptest! {
        #[test]
        fn a_question_never_asks_for_more_than_the_same_text_holds(text in "([a-z0-9./:@_-]{1,12}[ ,\"]?){0,8}|.*") {
            let held = exact_tokens(&text);
            for token in exact_of_query(&text) {
                prop_assert!(held.contains(&token) || token.len() == 1, "{token}");
            }
        }

        #[test]
        fn an_address_is_found_in_every_spelling(bytes in any::<[u8; 16]>()) {
            let address = std::net::Ipv6Addr::from(bytes);
            prop_assume!(address.to_ipv4_mapped().is_none());
            let long: Vec<String> = address.segments().iter().map(|part| format!("{part:04X}")).collect();

            prop_assert_eq!(exact_tokens(&format!("at {}.", long.join(":"))), [address.to_string()]);
        }

        #[test]
        fn tokens_are_lower_case_and_have_no_blanks(text in ".*") {
            for token in exact_tokens(&text) {
                prop_assert_eq!(&token.to_lowercase(), &token);
                prop_assert!(!token.contains(char::is_whitespace));
            }
        }
    }
}

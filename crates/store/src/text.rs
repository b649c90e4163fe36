//! Texts as they are compared, ordered and searched.

use std::net::IpAddr;

use homelab_core::net::Ip;
use homelab_core::store::{StoreError, StoreResult};
use serde_json::Value;

/// A name as it is compared: without case, for all scripts. Done here and stored, because SQLite
/// folds ASCII alone and PostgreSQL what its locale says.
pub(crate) fn fold(text: &str) -> String {
    text.to_lowercase()
}

/// An address in a form whose text order is its numeric order, IPv4 before IPv6.
pub(crate) fn ip_sort(ip: Ip) -> String {
    match ip.0 {
        IpAddr::V4(address) => format!("4{:08x}", address.to_bits()),
        IpAddr::V6(address) => format!("6{:032x}", address.to_bits()),
    }
}

/// The address again.
pub(crate) fn ip_from_sort(text: &str) -> Option<Ip> {
    let address = if let Some(digits) = text.strip_prefix('4') {
        IpAddr::V4(u32::from_str_radix(digits, 16).ok()?.into())
    } else {
        IpAddr::V6(
            u128::from_str_radix(text.strip_prefix('6')?, 16)
                .ok()?
                .into(),
        )
    };
    Some(Ip(address))
}

/// The address that a URL, or a plain host, names; nothing if it names a host by name.
pub(crate) fn ip_of_url(url: &str) -> Option<Ip> {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#']).next()?;
    let host = authority
        .rsplit_once('@')
        .map_or(authority, |(_, host)| host);
    if let Some(bracketed) = host.strip_prefix('[') {
        return bracketed.split(']').next()?.parse().ok();
    }
    // An IPv6 address without brackets has more than one colon, a port none.
    let host = match host.split_once(':') {
        Some((name, port)) if !port.contains(':') => name,
        _ => host,
    };
    host.parse().ok()
}

/// A pattern that finds the text anywhere; for `LIKE … ESCAPE '\'`.
pub(crate) fn contains(text: &str) -> String {
    format!("%{}%", escape(text))
}

/// The text with `LIKE`'s own characters taken literally.
pub(crate) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len() + 2);
    for letter in text.chars() {
        if matches!(letter, '\\' | '%' | '_') {
            escaped.push('\\');
        }
        escaped.push(letter);
    }
    escaped
}

/// Labels folded for exact search by [`tag_pattern`]: each between line ends.
pub(crate) fn tags_folded(tags: &[String]) -> Option<String> {
    (!tags.is_empty()).then(|| {
        let mut text = String::from("\n");
        for tag in tags {
            text.push_str(&flat(tag));
            text.push('\n');
        }
        text
    })
}

/// The pattern of one label in [`tags_folded`].
pub(crate) fn tag_pattern(tag: &str) -> String {
    format!("%\n{}\n%", escape(&flat(tag)))
}

/// Folded, on one line, without control characters.
pub(crate) fn flat(text: &str) -> String {
    fold(text)
        .chars()
        .map(|letter| if letter.is_control() { ' ' } else { letter })
        .collect()
}

/// Whether a text anywhere in it holds a NUL character: PostgreSQL has no place for it.
pub(crate) fn holds_nul(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains('\0'),
        Value::Array(items) => items.iter().any(holds_nul),
        Value::Object(members) => members
            .iter()
            .any(|(name, value)| name.contains('\0') || holds_nul(value)),
        _ => false,
    }
}

/// A text that is part of a key: an index of PostgreSQL takes 2,700 bytes in all.
pub(crate) fn refuse_as_key(
    entity: &'static str,
    field: &'static str,
    text: &str,
) -> StoreResult<()> {
    if text.is_empty() || text.contains('\0') || text.len() > LONGEST_KEY {
        return Err(StoreError::Invalid {
            entity,
            field,
            detail: format!("it must have 1 to {LONGEST_KEY} bytes, none of them NUL"),
        });
    }
    Ok(())
}

/// Longest text of [`refuse_as_key`].
const LONGEST_KEY: usize = 1_000;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("http://192.0.2.7:3000/x", Some("192.0.2.7"))]
    #[case("https://user:pw@192.0.2.7/", Some("192.0.2.7"))]
    #[case("http://[2001:db8::1]:80", Some("2001:db8::1"))]
    #[case("192.0.2.7", Some("192.0.2.7"))]
    #[case("192.0.2.7:5025", Some("192.0.2.7"))]
    #[case("2001:db8::1", Some("2001:db8::1"))]
    #[case("https://grafana.example/192.0.2.7", None)]
    #[case("", None)]
    fn the_address_in_a_url_is_its_host(#[case] url: &str, #[case] expected: Option<&str>) {
        assert_eq!(ip_of_url(url).map(|ip| ip.to_string()).as_deref(), expected);
    }

    proptest! {
        #[test]
        fn text_order_of_addresses_is_numeric(a in any::<IpAddr>(), b in any::<IpAddr>()) {
            let (a, b) = (Ip(a), Ip(b));

            prop_assert_eq!(ip_sort(a).cmp(&ip_sort(b)), a.cmp(&b));
            prop_assert_eq!(ip_from_sort(&ip_sort(a)), Some(a));
        }
    }
}

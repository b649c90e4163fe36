//! Names of hosts, as the tools that manage DNS take them.

use homelab_upstream::Url;

/// A name of hosts in lower case and Punycode, without a dot at its end; `None` for what is no such
/// name. A label may be `*` or begin with `_`.
pub fn host(text: &str) -> Option<String> {
    let bare = text.strip_suffix('.').unwrap_or(text);
    let name = if bare.is_ascii() {
        bare.to_ascii_lowercase()
    } else {
        let url = Url::parse(&format!("http://{bare}/")).ok()?;
        url.host_str()?.to_owned()
    };
    let label = |label: &str| {
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        label == "*" || !label.is_empty() && label.len() <= 63 && label.bytes().all(fits)
    };
    (name.len() <= 253 && name.split('.').all(label)).then_some(name)
}

/// A name by its labels from the end, so that what is below a name sorts behind it.
pub fn from_the_end(name: &str) -> String {
    let labels: Vec<&str> = name.rsplit('.').collect();
    labels.join(".")
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("NAS.Lab.Example.", Some("nas.lab.example"))]
    #[case("*.lab.example", Some("*.lab.example"))]
    #[case("_ldap._tcp.lab.example", Some("_ldap._tcp.lab.example"))]
    #[case("bücher.example", Some("xn--bcher-kva.example"))]
    #[case("nas", Some("nas"))]
    #[case("", None)]
    #[case("a..b", None)]
    #[case("a b", None)]
    #[case("a/b", None)]
    fn a_name_is_told_in_one_spelling(#[case] given: &str, #[case] name: Option<&str>) {
        assert_eq!(host(given).as_deref(), name);
    }

    #[test]
    fn what_is_below_a_name_sorts_behind_it() {
        let mut names = ["b.example", "z.a.example", "a.example"];
        names.sort_by_key(|name| from_the_end(name));

        assert_eq!(names, ["a.example", "z.a.example", "b.example"]);
    }
}

//! Addresses of upstreams, as sections of the configuration name them.

use homelab_upstream::Url;

/// Reads an address of a web server that says no more than where it is.
///
/// # Errors
/// In words: no address, one with a login, a query, a fragment or a foreign scheme.
pub fn plain(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|_| "this is not an address".to_owned())?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(format!("`{}` is neither http nor https", url.scheme()));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("the address holds a user or password".to_owned());
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err("the address has a `?` or `#` part".to_owned());
    }
    Ok(url)
}

/// The address with the path of its API behind its own, unless that ends so already; no slash at the end.
pub fn with_api(mut url: Url, api: &str) -> Url {
    let path = url.path().trim_end_matches('/');
    let path = match path.strip_suffix(api) {
        Some(before) => format!("{before}{api}"),
        None => format!("{path}{api}"),
    };
    url.set_path(&path);
    url
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("http://192.0.2.7:8000", "http://192.0.2.7:8000/api")]
    #[case("https://example.test/netbox/", "https://example.test/netbox/api")]
    #[case("https://example.test/netbox/api/", "https://example.test/netbox/api")]
    fn the_api_is_behind_the_path(#[case] text: &str, #[case] expected: &str) {
        assert_eq!(with_api(plain(text).unwrap(), "/api").as_str(), expected);
    }

    #[rstest]
    #[case("nowhere", "this is not an address")]
    #[case("ftp://example.test", "`ftp` is neither http nor https")]
    #[case("https://a:b@example.test", "the address holds a user or password")]
    #[case("https://example.test/?a", "the address has a `?` or `#` part")]
    #[case("https://example.test/#a", "the address has a `?` or `#` part")]
    fn what_says_more_is_refused(#[case] text: &str, #[case] expected: &str) {
        assert_eq!(plain(text).unwrap_err(), expected);
    }
}

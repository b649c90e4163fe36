//! Whether a redirect is followed, and what goes along.

use http::header::{AUTHORIZATION, COOKIE, LOCATION, PROXY_AUTHORIZATION};
use http::{HeaderMap, Method, StatusCode};
use url::Url;

/// Where an answer that is a redirect leads; `None` if it is none, or leads to no web address.
/// User, password and fragment are taken off.
pub(crate) fn target(status: StatusCode, headers: &HeaderMap, from: &Url) -> Option<Url> {
    if !matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308) {
        return None;
    }
    let location = headers.get(LOCATION)?.to_str().ok()?;
    let mut to = from.join(location).ok()?;
    if !matches!(to.scheme(), "http" | "https") {
        return None;
    }
    to.set_username("").ok()?;
    to.set_password(None).ok()?;
    to.set_fragment(None);
    Some(to)
}

/// Whether requests of this method may be repeated at another address. Others are not: some
/// redirects would turn a `POST` into a `GET`, others would send its body somewhere else.
pub(crate) fn may_follow(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD)
}

/// Takes out what is meant for one origin alone.
pub(crate) fn strip_secrets(headers: &mut HeaderMap) {
    let secret: Vec<_> = headers
        .iter()
        .filter(|(name, value)| {
            value.is_sensitive() || [AUTHORIZATION, COOKIE, PROXY_AUTHORIZATION].contains(name)
        })
        .map(|(name, _)| name.clone())
        .collect();
    for name in secret {
        headers.remove(name);
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use rstest::rstest;

    use super::*;

    fn headers(location: &str) -> HeaderMap {
        HeaderMap::from_iter([(LOCATION, HeaderValue::from_str(location).unwrap())])
    }

    #[rstest]
    #[case("/login", Some("http://a.example/login"))]
    #[case("other", Some("http://a.example/x/other"))]
    #[case("//b.example/", Some("http://b.example/"))]
    #[case("https://user:pass@a.example/#top", Some("https://a.example/"))]
    #[case("file:///etc/passwd", None)]
    #[case("javascript:alert(1)", None)]
    #[case("http://", None)]
    fn a_location_is_read_relative_to_where_it_came_from(
        #[case] location: &str,
        #[case] leads_to: Option<&str>,
    ) {
        let from = Url::parse("http://a.example/x/y?token=1").unwrap();

        let to = target(StatusCode::FOUND, &headers(location), &from);

        assert_eq!(to.as_ref().map(Url::as_str), leads_to);
    }

    #[test]
    fn only_a_redirect_is_one() {
        let from = Url::parse("http://a.example/").unwrap();

        assert_eq!(target(StatusCode::CREATED, &headers("/new"), &from), None);
        assert_eq!(
            target(StatusCode::NOT_MODIFIED, &headers("/new"), &from),
            None
        );
    }
}

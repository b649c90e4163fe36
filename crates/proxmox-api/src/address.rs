//! The base address of an API.

use homelab_backend::address;
use homelab_upstream::Url;

/// Where the API lives on every server.
const API: &str = "/api2/json";

/// The base address that a host or an address means: `https` and the port unless it names others, and
/// the path of the API.
///
/// # Errors
/// In words: no address, one with a login, a query or a foreign scheme.
pub fn base_url(host: &str, port: u16) -> Result<Url, String> {
    let bare_ipv6 = host.matches(':').count() > 1 && !host.contains(['[', '/']);
    let text = if bare_ipv6 {
        format!("https://[{host}]")
    } else if host.contains("://") {
        host.to_owned()
    } else {
        format!("https://{host}")
    };
    let mut url = address::plain(&text)?;
    // An address that names its port, be it 443, says so behind the host.
    let authority = text
        .split_once("://")
        .map_or("", |(_, rest)| rest.split('/').next().unwrap_or_default());
    let has_port = authority
        .rsplit_once(':')
        .is_some_and(|(_, end)| !end.is_empty() && end.bytes().all(|digit| digit.is_ascii_digit()))
        && !authority.ends_with(']');
    if !has_port {
        url.set_port(Some(port))
            .map_err(|()| "this is not an address".to_owned())?;
    }
    Ok(address::with_api(url, API))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("192.0.2.10", "https://192.0.2.10:8006/api2/json")]
    #[case("pve.example.test:443", "https://pve.example.test/api2/json")]
    #[case("https://pve.example.test", "https://pve.example.test:8006/api2/json")]
    #[case(
        "https://pve.example.test:8006/",
        "https://pve.example.test:8006/api2/json"
    )]
    #[case(
        "https://pve.example.test:8006/api2/json",
        "https://pve.example.test:8006/api2/json"
    )]
    #[case("2001:db8::1", "https://[2001:db8::1]:8006/api2/json")]
    #[case("https://[2001:db8::1]", "https://[2001:db8::1]:8006/api2/json")]
    #[case("http://127.0.0.1:9/x", "http://127.0.0.1:9/x/api2/json")]
    fn hosts_become_addresses_of_the_api(#[case] host: &str, #[case] url: &str) {
        assert_eq!(base_url(host, 8006).unwrap().as_str(), url);
    }

    #[rstest]
    #[case("ftp://pve")]
    #[case("https://root:x@pve")]
    #[case("https://pve/?a=1")]
    #[case("")]
    fn what_is_no_host_is_refused(#[case] host: &str) {
        assert!(base_url(host, 8006).is_err());
    }
}

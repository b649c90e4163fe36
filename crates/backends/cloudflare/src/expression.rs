//! Expressions of custom rules, made of what a call names, so that nobody has to quote.
//!
//! Source: Rules language, fields `ip.src`, `ip.src.country`, `http.host`, `http.request.uri.path`.

use std::net::IpAddr;

use homelab_backend::names;
use homelab_core::error::{ToolError, ToolResult};

/// Longest expression.
pub(crate) const LONGEST: usize = 4096;

/// What a request has to be for a rule to take it; those that are named must all fit.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Parts<'a> {
    pub(crate) ips: &'a [String],
    pub(crate) countries: &'a [String],
    pub(crate) not_countries: &'a [String],
    pub(crate) hosts: &'a [String],
    pub(crate) paths: &'a [String],
}

impl Parts<'_> {
    fn is_empty(&self) -> bool {
        let all = [
            self.ips,
            self.countries,
            self.not_countries,
            self.hosts,
            self.paths,
        ];
        all.iter().all(|part| part.is_empty())
    }
}

/// The expression: the one given, or that of the parts.
///
/// # Errors
/// `expression` if there are both or none; else the part that is not of its form.
pub(crate) fn expression(given: Option<&str>, parts: &Parts<'_>) -> ToolResult<String> {
    match given.map(str::trim) {
        Some(_) if !parts.is_empty() => Err(ToolError::invalid(
            "expression",
            "both an expression and parts of one are given",
        )
        .hint("give `expression` alone, or `ips`, `countries`, `hosts` and `paths`")),
        Some(text) if !text.is_empty() => Ok(text.to_owned()),
        None if !parts.is_empty() => compiled(parts),
        _ => Err(
            ToolError::invalid("expression", "the rule says nothing of requests").hint(
                "give `expression`, or at least one of `ips`, `countries`, `hosts` and `paths`",
            ),
        ),
    }
}

fn compiled(parts: &Parts<'_>) -> ToolResult<String> {
    let mut terms = Vec::new();
    if !parts.ips.is_empty() {
        for (index, ip) in parts.ips.iter().enumerate() {
            if !is_network(ip) {
                let text = format!("`{ip}` is neither an address nor a network");
                return Err(ToolError::invalid(format!("ips[{index}]"), text));
            }
        }
        terms.push(format!("ip.src in {{{}}}", parts.ips.join(" ")));
    }
    for (name, countries, not) in [
        ("countries", parts.countries, ""),
        ("not_countries", parts.not_countries, "not "),
    ] {
        if countries.is_empty() {
            continue;
        }
        for (index, country) in countries.iter().enumerate() {
            if country.len() != 2 || !country.bytes().all(|byte| byte.is_ascii_alphabetic()) {
                let text = format!("`{country}` is not a country's code of two letters");
                return Err(ToolError::invalid(format!("{name}[{index}]"), text));
            }
        }
        let codes = countries.iter().map(|code| code.to_ascii_uppercase());
        let codes = set(codes);
        terms.push(format!("{not}ip.src.country in {codes}"));
    }
    if !parts.hosts.is_empty() {
        for (index, host) in parts.hosts.iter().enumerate() {
            if names::host(host).is_none_or(|host| host.contains('*')) {
                let text = format!("`{host}` is not the name of a host");
                return Err(ToolError::invalid(format!("hosts[{index}]"), text));
            }
        }
        let hosts = set(parts.hosts.iter().filter_map(|host| names::host(host)));
        terms.push(format!("http.host in {hosts}"));
    }
    if !parts.paths.is_empty() {
        for (index, path) in parts.paths.iter().enumerate() {
            if !path.starts_with('/') {
                let text = format!("`{path}` does not begin with `/`");
                return Err(ToolError::invalid(format!("paths[{index}]"), text));
            }
        }
        let paths: Vec<String> = parts
            .paths
            .iter()
            .map(|path| format!("starts_with(http.request.uri.path, {})", quoted(path)))
            .collect();
        terms.push(match &paths[..] {
            [only] => only.clone(),
            several => format!("({})", several.join(" or ")),
        });
    }
    let expression = terms.join(" and ");
    if expression.len() > LONGEST {
        let text = format!("the parts make an expression of more than {LONGEST} characters");
        return Err(ToolError::invalid("ips", text));
    }
    Ok(expression)
}

fn set(texts: impl Iterator<Item = String>) -> String {
    let quoted: Vec<String> = texts.map(|text| quoted(&text)).collect();
    format!("{{{}}}", quoted.join(" "))
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

fn is_network(text: &str) -> bool {
    let (ip, bits) = text
        .split_once('/')
        .map_or((text, None), |(ip, bits)| (ip, Some(bits)));
    let Ok(ip) = ip.parse::<IpAddr>() else {
        return false;
    };
    let most = if ip.is_ipv4() { 32 } else { 128 };
    bits.is_none_or(|bits| bits.parse::<u8>().is_ok_and(|bits| bits <= most))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn texts(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|&text| text.to_owned()).collect()
    }

    #[test]
    fn parts_become_one_expression() {
        let (ips, countries) = (texts(&["192.0.2.1", "2001:db8::/32"]), texts(&["de"]));
        let (hosts, paths) = (texts(&["Git.Example.com"]), texts(&["/admin", "/a\"b"]));
        let parts = Parts {
            ips: &ips,
            not_countries: &countries,
            hosts: &hosts,
            paths: &paths,
            ..Parts::default()
        };

        let made = expression(None, &parts).unwrap();

        assert_eq!(
            made,
            r#"ip.src in {192.0.2.1 2001:db8::/32} and not ip.src.country in {"DE"} and http.host in {"git.example.com"} and (starts_with(http.request.uri.path, "/admin") or starts_with(http.request.uri.path, "/a\"b"))"#
        );
    }

    #[rstest]
    #[case(&["192.0.2.0/33"], &[], "ips[0]")]
    #[case(&["192.0.2.1", "x} or true"], &[], "ips[1]")]
    #[case(&[], &["DEU"], "countries[0]")]
    #[case(&[], &[], "expression")]
    fn parts_that_are_none_are_named(
        #[case] ips: &[&str],
        #[case] countries: &[&str],
        #[case] field: &str,
    ) {
        let (ips, countries) = (texts(ips), texts(countries));
        let parts = Parts {
            ips: &ips,
            countries: &countries,
            ..Parts::default()
        };

        let error = expression(None, &parts).unwrap_err();

        assert_eq!(error.envelope().field.as_deref(), Some(field));
    }

    #[test]
    fn an_expression_stands_alone() {
        let ips = texts(&["192.0.2.1"]);
        let parts = Parts {
            ips: &ips,
            ..Parts::default()
        };

        assert_eq!(expression(Some(" ssl "), &Parts::default()).unwrap(), "ssl");
        assert!(expression(Some("ssl"), &parts).is_err());
    }
}

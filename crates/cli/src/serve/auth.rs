//! From `[auth]` to the ways to sign in. What is wrong with a table names its key.

use std::time::Duration;

use homelab_core::policy::Pattern;
use homelab_core::redact::Redactor;
use homelab_core::secret::{Secret, SecretRef};
use homelab_gateway::auth::{
    Algorithm, CertificateMatch, CertificateOwner, ClaimNames, IssuerOptions, Issuers,
    LEAST_SECRET, Methods, ProxyOptions, ResourceOptions, RoleMap, ScopeNames, Trust,
};
use homelab_upstream::Url;
use http::HeaderName;

use crate::commands::client_config::base_url;
use crate::config::Problem;
use crate::config::sections::{Certificate, Config, Issuer, Proxy, Scopes};

/// Everything besides keys that opens.
///
/// # Errors
/// The first thing that is wrong.
pub(crate) fn methods(config: &Config, redactor: &Redactor) -> Result<Methods, Problem> {
    let auth = &config.auth;
    check_scopes(&auth.scopes)?;
    let issuers: Vec<IssuerOptions> = auth
        .issuers
        .iter()
        .enumerate()
        .map(|(index, issuer)| options(issuer, index, config))
        .collect::<Result<_, _>>()?;
    for (index, issuer) in issuers.iter().enumerate() {
        let earlier = issuers.iter().take(index);
        for other in earlier {
            if other.name == issuer.name || other.url == issuer.url {
                let text = format!(
                    "`auth.issuers`: two are called `{}` or have one `url`",
                    issuer.name
                );
                return Err(Problem::new(format!("auth.issuers[{index}]"), text)
                    .hint("give each its own `name`: users of both would be taken for one"));
            }
        }
    }
    let resource = if issuers.is_empty() {
        None
    } else {
        Some(resource(config, &issuers)?)
    };
    let issuers = if issuers.is_empty() {
        None
    } else {
        let issuers =
            Issuers::new(issuers, scope_names(&auth.scopes), redactor).map_err(|error| {
                Problem::new(
                    "auth.issuers",
                    format!("`auth.issuers`: {}", error.envelope().message),
                )
            })?;
        Some(issuers)
    };
    let certificates = auth
        .certificates
        .iter()
        .enumerate()
        .map(|(index, one)| owner(one, index))
        .collect::<Result<Vec<_>, _>>()?;
    if !certificates.is_empty() && config.server.tls.client_ca_file.is_none() {
        let text = "`auth.certificates` needs `server.tls.client_ca_file`: nobody else says whose certificates are genuine";
        return Err(Problem::new("auth.certificates", text));
    }
    Ok(Methods {
        issuers,
        resource,
        certificates,
        proxy: proxy(&auth.proxy)?,
        taint_off: auth.taint_off.iter().cloned().collect(),
    })
}

fn scope_names(scopes: &Scopes) -> ScopeNames {
    ScopeNames {
        read: scopes.read.clone(),
        write: scopes.write.clone(),
        admin: scopes.admin.clone(),
    }
}

/// Scopes that are the same would be taken for each other, and they stand in headers.
fn check_scopes(scopes: &Scopes) -> Result<(), Problem> {
    let own = [&scopes.read, &scopes.write, &scopes.admin];
    let is_scope = |name: &&String| {
        let mut bytes = name.bytes();
        !name.is_empty() && bytes.all(|byte| byte.is_ascii_graphic() && !b"\"\\".contains(&byte))
    };
    let advertised = scopes.advertised.iter().flatten();
    if let Some(wrong) = own
        .into_iter()
        .chain(advertised)
        .find(|name| !is_scope(name))
    {
        let text = format!("`auth.scopes`: `{wrong}` cannot be the name of a scope");
        return Err(Problem::new("auth.scopes", text));
    }
    let [read, write, admin] = own;
    if read == write || read == admin || write == admin {
        let text = "`auth.scopes`: `read`, `write` and `admin` must be three names";
        return Err(Problem::new("auth.scopes", text));
    }
    Ok(())
}

fn plain(secret: &SecretRef) -> Option<&Secret> {
    match secret {
        SecretRef::Plain(secret) => Some(secret),
        // Resolved when the configuration was read, or refused then.
        _ => None,
    }
}

fn options(issuer: &Issuer, index: usize, config: &Config) -> Result<IssuerOptions, Problem> {
    let key = |name: &str| format!("auth.issuers[{index}].{name}");
    let wrong = |name: &str, what: &str| {
        Problem::new(
            key(name),
            format!("`auth.issuers`, `{}`: {what}", issuer.name),
        )
    };
    let is_name = !issuer.name.is_empty()
        && issuer
            .name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
    if !is_name || matches!(issuer.name.as_str(), "stdio" | "cli" | "cert" | "proxy") {
        return Err(wrong(
            "name",
            "the name must be letters, digits, `-`, `_` and `.`, and not that of another way in",
        ));
    }
    if issuer.roles.is_empty() && issuer.default_role.is_none() && issuer.role_claim.is_none() {
        return Err(wrong("roles", "nobody of it would have a role").hint(
            "map its groups with `roles = { \"lab\" = \"operator\" }`, or set `default_role`",
        ));
    }
    if issuer.audiences.is_none() && config.server.public_url.is_none() {
        return Err(wrong(
            "audiences",
            "the URL that its tokens must be meant for is not known",
        )
        .hint("set `server.public_url`, or `audiences`"));
    }
    let secret = issuer.secret.as_ref().and_then(plain);
    let trust = match secret {
        Some(_) if issuer.jwks_url.is_some() => {
            return Err(wrong(
                "jwks_url",
                "an issuer has either a `secret` or published keys",
            ));
        }
        Some(secret) if secret.expose().len() < LEAST_SECRET => {
            return Err(wrong(
                "secret",
                "the secret is shorter than 32 characters: whoever has one token could guess it",
            ));
        }
        Some(secret) => Trust::Shared(secret.clone()),
        None => Trust::Published {
            keys: issuer
                .jwks_url
                .as_deref()
                .map(|text| {
                    text.parse()
                        .map_err(|_| wrong("jwks_url", "this is no URL"))
                })
                .transpose()?,
            tls: issuer.tls.clone(),
        },
    };
    let algorithms = issuer.algorithms.clone().unwrap_or_else(|| match trust {
        Trust::Shared(_) => vec![Algorithm::HS256],
        Trust::Published { .. } => Algorithm::DEFAULT.to_vec(),
    });
    if algorithms.is_empty() {
        return Err(wrong("algorithms", "no algorithm would be accepted"));
    }
    Ok(IssuerOptions {
        name: issuer.name.clone(),
        url: issuer.url.clone(),
        trust,
        audiences: issuer.audiences.clone(),
        algorithms,
        leeway: Duration::from_secs(issuer.clock_skew_s),
        claims: ClaimNames {
            name: issuer.name_claim.clone(),
            groups: issuer.groups_claim.clone(),
            role: issuer.role_claim.clone(),
        },
        roles: RoleMap {
            groups: issuer.roles.clone(),
            default: issuer.default_role,
        },
        needs_scopes: issuer.require_scopes,
    })
}

fn resource(config: &Config, issuers: &[IssuerOptions]) -> Result<ResourceOptions, Problem> {
    let base: Url = base_url(config)
        .parse()
        .map_err(|_| Problem::new("server.public_url", "`server.public_url` is no URL"))?;
    let scopes = scope_names(&config.auth.scopes);
    let needs_scopes = issuers.iter().any(|issuer| issuer.needs_scopes);
    let usual = if needs_scopes {
        vec![
            scopes.read.clone(),
            scopes.write.clone(),
            scopes.admin.clone(),
        ]
    } else {
        ["openid", "profile", "groups"].map(str::to_owned).into()
    };
    let supported = config.auth.scopes.advertised.clone().unwrap_or(usual);
    let first = if needs_scopes {
        vec![scopes.read.clone()]
    } else {
        supported.clone()
    };
    Ok(ResourceOptions {
        base,
        authorization_servers: issuers
            .iter()
            .filter(|issuer| matches!(issuer.trust, Trust::Published { .. }))
            .filter_map(|issuer| issuer.url.clone())
            .collect(),
        scopes,
        first,
        supported,
    })
}

fn owner(certificate: &Certificate, index: usize) -> Result<CertificateOwner, Problem> {
    let key = format!("auth.certificates[{index}]");
    let pattern = |text: &String| Pattern::new(text.as_str());
    let fingerprint = certificate
        .fingerprint
        .as_deref()
        .map(|text| {
            let digits = text.replace(':', "");
            let mut bytes = [0; 32];
            hex::decode_to_slice(&digits, &mut bytes).map_err(|_| {
                let text = format!(
                    "`{key}.fingerprint` is not a SHA-256 fingerprint: 64 hexadecimal digits"
                );
                Problem::new(format!("{key}.fingerprint"), text)
            })?;
            Ok(CertificateMatch::Fingerprint(bytes))
        })
        .transpose()?;
    let mut given = [
        fingerprint,
        certificate
            .common_name
            .as_ref()
            .map(pattern)
            .map(CertificateMatch::CommonName),
        certificate
            .uri
            .as_ref()
            .map(pattern)
            .map(CertificateMatch::Uri),
        certificate
            .dns
            .as_ref()
            .map(pattern)
            .map(CertificateMatch::Dns),
        certificate
            .email
            .as_ref()
            .map(pattern)
            .map(CertificateMatch::Email),
    ]
    .into_iter()
    .flatten();
    let (Some(matches), None) = (given.next(), given.next()) else {
        let text = format!(
            "`{key}` needs exactly one of `fingerprint`, `common_name`, `uri`, `dns` and `email`"
        );
        return Err(Problem::new(key, text));
    };
    Ok(CertificateOwner {
        matches,
        name: certificate.name.clone(),
        role: certificate.role,
    })
}

fn proxy(proxy: &Proxy) -> Result<Option<ProxyOptions>, Problem> {
    let unset = Proxy {
        addresses: Vec::new(),
        ..proxy.clone()
    } == Proxy::default();
    if proxy.addresses.is_empty() {
        if unset {
            return Ok(None);
        }
        let text = "`auth.proxy` names no `addresses`: headers of nobody would be believed";
        return Err(Problem::new("auth.proxy.addresses", text)
            .hint("name the address that the proxy connects from, such as `[\"10.0.0.2/32\"]`"));
    }
    if let Some(open) = proxy
        .addresses
        .iter()
        .find(|network| network.prefix_len() == 0)
    {
        let text =
            format!("`auth.proxy.addresses`: `{open}` is everybody, who could then be anybody");
        return Err(Problem::new("auth.proxy.addresses", text));
    }
    if proxy.user_header.is_some() && proxy.roles.is_empty() && proxy.default_role.is_none() {
        let text = "`auth.proxy`: nobody that it signs in would have a role";
        return Err(Problem::new("auth.proxy.roles", text)
            .hint("map groups with `roles = { lab = \"operator\" }`, or set `default_role`"));
    }
    if proxy.groups_header.is_some() && proxy.user_header.is_none() {
        let text = "`auth.proxy.groups_header` needs `user_header`";
        return Err(Problem::new("auth.proxy.groups_header", text));
    }
    let header = |name: &str, key: &str| -> Result<HeaderName, Problem> {
        let parsed: Option<HeaderName> = name.parse().ok();
        let reserved = [
            "authorization",
            "cookie",
            "host",
            "x-forwarded-for",
            "origin",
        ];
        parsed
            .filter(|name| !reserved.contains(&name.as_str()))
            .ok_or_else(|| {
                Problem::new(
                    format!("auth.proxy.{key}"),
                    format!("`auth.proxy.{key}`: `{name}` cannot be such a header"),
                )
            })
    };
    let mut separator = proxy.groups_separator.chars();
    let (Some(groups_separator), None) = (separator.next(), separator.next()) else {
        let text = "`auth.proxy.groups_separator` must be one character";
        return Err(Problem::new("auth.proxy.groups_separator", text));
    };
    let named = |name: &Option<String>, key: &str| {
        name.as_deref().map(|name| header(name, key)).transpose()
    };
    let secret = proxy.secret.as_ref().and_then(plain).cloned();
    Ok(Some(ProxyOptions {
        addresses: proxy.addresses.clone(),
        user_header: named(&proxy.user_header, "user_header")?,
        groups_header: named(&proxy.groups_header, "groups_header")?,
        groups_separator,
        roles: RoleMap {
            groups: proxy.roles.clone(),
            default: proxy.default_role,
        },
        secret: secret
            .map(|secret| Ok((header(&proxy.secret_header, "secret_header")?, secret)))
            .transpose()?,
        openwebui: proxy.openwebui,
    }))
}

#[cfg(test)]
mod tests;

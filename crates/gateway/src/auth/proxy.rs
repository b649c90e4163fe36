//! Who a trusted proxy says is calling.
//!
//! Only connections from listed addresses are believed. From all others such headers are taken out
//! before anything can read them; and a listed proxy is not believed either if a header is there
//! twice or in another spelling (`remote_user`), because then one of them may come from the client:
//! many proxies and their upstreams take `_` and `-` for the same.

use std::net::IpAddr;

use homelab_core::call::{CredentialKind, Principal};
use homelab_core::secret::Secret;
use http::{HeaderMap, HeaderName, HeaderValue};
use ipnet::IpNet;

use super::fault::Fault;
use super::names::is_usable;
use super::roles::RoleMap;

const FORWARDED_FOR: &str = "x-forwarded-for";
/// Addresses of a chain of proxies that are looked at.
const MOST_HOPS: usize = 32;

const OPENWEBUI_ID: &str = "x-openwebui-user-id";
const OPENWEBUI_EMAIL: &str = "x-openwebui-user-email";
const OPENWEBUI_NAME: &str = "x-openwebui-user-name";
const OPENWEBUI_ROLE: &str = "x-openwebui-user-role";

/// Which proxies are trusted, and with what.
#[derive(Debug, Clone)]
pub struct ProxyOptions {
    /// Where they connect from.
    pub addresses: Vec<IpNet>,
    /// Names the user; without it a proxy only says where a request came from.
    pub user_header: Option<HeaderName>,
    /// Names the user's groups.
    pub groups_header: Option<HeaderName>,
    /// What stands between two groups.
    pub groups_separator: char,
    /// Roles of the groups.
    pub roles: RoleMap,
    /// Header and value that the proxy must send along with a user.
    pub secret: Option<(HeaderName, Secret)>,
    /// Whether `X-OpenWebUI-User-*` names the end user behind an agent key.
    pub openwebui: bool,
}

/// The trusted proxies.
#[derive(Debug)]
pub(crate) struct Proxy {
    options: ProxyOptions,
    /// All headers that say who is calling, in the one spelling that is right.
    identity: Vec<HeaderName>,
}

/// What a proxy said about a request; in its extensions.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Proxied {
    /// Who signed in at the proxy.
    pub(crate) user: Option<ProxyUser>,
    /// The user of Open WebUI, who is behind its agent key.
    pub(crate) end_user: Option<EndUser>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ProxyUser {
    name: String,
    groups: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct EndUser {
    name: String,
    id: String,
    /// Whether Open WebUI itself has not let the user in yet.
    pending: bool,
}

impl Proxy {
    pub(super) fn new(options: ProxyOptions) -> Self {
        let mut identity: Vec<HeaderName> = options
            .user_header
            .iter()
            .chain(&options.groups_header)
            .chain(options.secret.as_ref().map(|(name, _)| name))
            .cloned()
            .collect();
        if options.openwebui {
            let names = [
                OPENWEBUI_ID,
                OPENWEBUI_EMAIL,
                OPENWEBUI_NAME,
                OPENWEBUI_ROLE,
            ];
            identity.extend(names.map(HeaderName::from_static));
        }
        Self { options, identity }
    }

    /// Whether a proxy connects from there.
    fn is_trusted(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.options
            .addresses
            .iter()
            .any(|network| network.contains(&address))
    }

    /// Takes everything that says who is calling out of the headers, and returns it if it may be
    /// believed. Errors are faults of listed proxies alone.
    pub(super) fn take(
        &self,
        peer: Option<IpAddr>,
        headers: &mut HeaderMap,
    ) -> Result<Proxied, Fault> {
        let found = self.remove(headers);
        if found.is_empty() || peer.is_none_or(|peer| !self.is_trusted(peer)) {
            return Ok(Proxied::default());
        }
        let mut seen: Vec<&HeaderName> = Vec::new();
        for (name, _) in &found {
            if !self.identity.contains(name) || seen.contains(&name) {
                return Err(Fault::Smuggled);
            }
            seen.push(name);
        }
        let value = |wanted: &HeaderName| -> Result<Option<&str>, Fault> {
            let Some((_, value)) = found.iter().find(|(name, _)| name == wanted) else {
                return Ok(None);
            };
            let text = std::str::from_utf8(value.as_bytes()).map_err(|_| Fault::Malformed)?;
            Ok(Some(text.trim()).filter(|text| !text.is_empty()))
        };
        let proxied = Proxied {
            user: self.user(&value)?,
            end_user: self.end_user(&value)?,
        };
        if proxied != Proxied::default() && !self.knows_secret(&value)? {
            return Err(Fault::WrongProxySecret);
        }
        Ok(proxied)
    }

    /// Removes the headers under every spelling.
    fn remove(&self, headers: &mut HeaderMap) -> Vec<(HeaderName, HeaderValue)> {
        let is_identity = |name: &HeaderName| {
            self.identity.contains(name)
                || self
                    .identity
                    .iter()
                    .any(|own| folded(own.as_str()).eq(folded(name.as_str())))
        };
        let names: Vec<HeaderName> = headers
            .keys()
            .filter(|name| is_identity(name))
            .cloned()
            .collect();
        let mut found = Vec::new();
        for name in names {
            let values: Vec<HeaderValue> = headers.get_all(&name).iter().cloned().collect();
            headers.remove(&name);
            found.extend(values.into_iter().map(|value| (name.clone(), value)));
        }
        found
    }

    fn user<'a>(
        &self,
        value: &impl Fn(&HeaderName) -> Result<Option<&'a str>, Fault>,
    ) -> Result<Option<ProxyUser>, Fault> {
        let Some(header) = &self.options.user_header else {
            return Ok(None);
        };
        let Some(name) = value(header)? else {
            return Ok(None);
        };
        if !is_usable(name) {
            return Err(Fault::Malformed);
        }
        let groups = match &self.options.groups_header {
            Some(header) => value(header)?.unwrap_or_default(),
            None => "",
        };
        Ok(Some(ProxyUser {
            name: name.to_owned(),
            groups: groups
                .split(self.options.groups_separator)
                .map(|group| group.trim().to_owned())
                .filter(|group| !group.is_empty())
                .collect(),
        }))
    }

    fn end_user<'a>(
        &self,
        value: &impl Fn(&HeaderName) -> Result<Option<&'a str>, Fault>,
    ) -> Result<Option<EndUser>, Fault> {
        if !self.options.openwebui {
            return Ok(None);
        }
        let id = value(&HeaderName::from_static(OPENWEBUI_ID))?;
        let email = value(&HeaderName::from_static(OPENWEBUI_EMAIL))?;
        let role = value(&HeaderName::from_static(OPENWEBUI_ROLE))?;
        let (Some(name), Some(id)) = (email.or(id), id.or(email)) else {
            return Ok(None);
        };
        if !is_usable(name) || !is_usable(id) {
            return Err(Fault::Malformed);
        }
        Ok(Some(EndUser {
            name: name.to_owned(),
            id: id.to_owned(),
            pending: role.is_some_and(|role| role.eq_ignore_ascii_case("pending")),
        }))
    }

    fn knows_secret<'a>(
        &self,
        value: &impl Fn(&HeaderName) -> Result<Option<&'a str>, Fault>,
    ) -> Result<bool, Fault> {
        let Some((header, secret)) = &self.options.secret else {
            return Ok(true);
        };
        let sent = value(header)?;
        Ok(sent.is_some_and(|sent| Secret::new(sent) == *secret))
    }

    /// Where a request came from before it passed the listed proxies: the last address of
    /// `X-Forwarded-For` that is not one of theirs. What stands before it may be made up.
    pub(super) fn client(&self, peer: Option<IpAddr>, headers: &HeaderMap) -> Option<IpAddr> {
        let mut client = peer?;
        if !self.is_trusted(client) {
            return Some(client);
        }
        let lines: Vec<&str> = headers
            .get_all(FORWARDED_FOR)
            .iter()
            .map(|line| line.to_str().unwrap_or_default())
            .collect();
        let hops = lines.iter().rev().flat_map(|line| line.rsplit(','));
        for hop in hops.take(MOST_HOPS) {
            let Some(address) = address(hop.trim()) else {
                break;
            };
            client = address;
            if !self.is_trusted(address) {
                break;
            }
        }
        Some(client)
    }

    /// The principal of a user that the proxy signed in.
    pub(super) fn principal(&self, user: &ProxyUser) -> Result<Principal, Fault> {
        let groups = user.groups.iter().map(String::as_str);
        let role = self.options.roles.of(groups).ok_or(Fault::NoRole)?;
        let name = format!("proxy:{}", user.name);
        Ok(Principal::new(
            name.clone(),
            name,
            CredentialKind::Agent,
            role,
        ))
    }
}

impl EndUser {
    /// The same rights under a name of its own. An owner stays who he is: his key belongs into no
    /// chat.
    pub(super) fn behind(&self, key: &Principal) -> Result<Option<Principal>, Fault> {
        if self.pending {
            return Err(Fault::NoRole);
        }
        Ok((key.kind == CredentialKind::Agent).then(|| Principal {
            name: format!("{}/{}", key.name, self.name),
            credential: format!("{}/{}", key.credential, self.id),
            ..key.clone()
        }))
    }
}

fn folded(name: &str) -> impl Iterator<Item = u8> {
    name.bytes().map(|byte| match byte {
        b'_' => b'-',
        other => other,
    })
}

/// An address, with or without a port or brackets.
fn address(text: &str) -> Option<IpAddr> {
    let bare = text
        .strip_prefix('[')
        .and_then(|rest| rest.split_once(']'))
        .map_or(text, |(address, _)| address);
    bare.parse::<IpAddr>()
        .ok()
        .or_else(|| {
            let socket: std::net::SocketAddr = text.parse().ok()?;
            Some(socket.ip())
        })
        .map(|address| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use homelab_core::policy::Role;
    use rstest::rstest;

    use super::*;

    const PROXY: &str = "192.0.2.1";

    fn proxy() -> Proxy {
        Proxy::new(ProxyOptions {
            addresses: vec!["192.0.2.0/24".parse().unwrap()],
            user_header: Some(HeaderName::from_static("remote-user")),
            groups_header: Some(HeaderName::from_static("remote-groups")),
            groups_separator: ',',
            roles: RoleMap {
                groups: [("lab".to_owned(), Role::Operator)].into(),
                default: None,
            },
            secret: None,
            openwebui: true,
        })
    }

    fn headers(pairs: &[(&str, &str)]) -> HeaderMap {
        let mut map = HeaderMap::new();
        for (name, value) in pairs {
            let name: HeaderName = name.parse().unwrap();
            map.append(name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
        }
        map
    }

    fn take(peer: &str, pairs: &[(&str, &str)]) -> (Result<Proxied, Fault>, HeaderMap) {
        let mut headers = headers(pairs);
        let taken = proxy().take(Some(peer.parse().unwrap()), &mut headers);
        (taken, headers)
    }

    #[test]
    fn a_listed_proxy_names_the_user_and_nothing_behind_reads_its_headers() {
        let (taken, left) = take(
            PROXY,
            &[("remote-user", "alice"), ("remote-groups", "lab, other")],
        );

        let user = taken.unwrap().user.unwrap();
        let principal = proxy().principal(&user).unwrap();
        assert_eq!(
            (principal.name.as_str(), principal.role),
            ("proxy:alice", Role::Operator)
        );
        assert!(left.is_empty());
    }

    #[rstest]
    #[case("remote-user")]
    #[case("remote_user")]
    #[case("Remote_User")]
    #[case("x_openwebui_user_id")]
    fn from_elsewhere_such_headers_are_taken_out_unread(#[case] name: &str) {
        let (taken, left) = take("198.51.100.1", &[(name, "alice"), ("accept", "*/*")]);

        assert_eq!(taken, Ok(Proxied::default()));
        assert_eq!(left.len(), 1);
    }

    #[rstest]
    #[case(&[("remote-user", "alice"), ("remote-user", "admin")], Fault::Smuggled)]
    #[case(&[("remote-user", "alice"), ("remote_user", "admin")], Fault::Smuggled)]
    #[case(&[("remote_user", "admin")], Fault::Smuggled)]
    #[case(&[("remote-user", "alice"), ("remote-groups", "lab"), ("remote_groups", "x")], Fault::Smuggled)]
    #[case(&[("remote-user", "alice, admin")], Fault::Malformed)]
    #[case(&[("remote-user", "key/alice")], Fault::Malformed)]
    #[case(&[("x-openwebui-user-email", "a/b")], Fault::Malformed)]
    fn a_listed_proxy_is_not_believed_where_a_client_may_have_had_a_hand(
        #[case] pairs: &[(&str, &str)],
        #[case] fault: Fault,
    ) {
        assert_eq!(take(PROXY, pairs).0, Err(fault));
    }

    #[test]
    fn a_user_without_a_group_of_ours_has_no_role() {
        let (taken, _) = take(PROXY, &[("remote-user", "bob"), ("remote-groups", "Lab")]);

        let user = taken.unwrap().user.unwrap();

        assert_eq!(proxy().principal(&user).unwrap_err(), Fault::NoRole);
    }

    #[test]
    fn a_proxy_with_a_secret_must_know_it() {
        let mut proxy = proxy();
        let header = HeaderName::from_static("x-proxy-secret");
        proxy.options.secret = Some((header.clone(), Secret::new("s3cret")));
        let proxy = Proxy::new(proxy.options);
        let take =
            |pairs: &[(&str, &str)]| proxy.take(Some(PROXY.parse().unwrap()), &mut headers(pairs));

        assert_eq!(
            take(&[("remote-user", "alice")]),
            Err(Fault::WrongProxySecret)
        );
        assert_eq!(
            take(&[("remote-user", "alice"), ("x-proxy-secret", "guess")]),
            Err(Fault::WrongProxySecret)
        );
        assert!(take(&[("remote-user", "alice"), ("x-proxy-secret", "s3cret")]).is_ok());
        assert_eq!(take(&[]), Ok(Proxied::default()));
    }

    #[test]
    fn an_end_user_has_a_name_of_its_own_and_the_rights_of_the_key() {
        let (taken, _) = take(
            PROXY,
            &[
                ("x-openwebui-user-id", "42"),
                ("x-openwebui-user-email", "a@b.example"),
                ("x-openwebui-user-role", "admin"),
            ],
        );
        let user = taken.unwrap().end_user.unwrap();
        let agent = Principal::new("webui", "0a", CredentialKind::Agent, Role::Viewer);
        let owner = Principal::new("me", "0b", CredentialKind::Owner, Role::Admin);

        let named = user.behind(&agent).unwrap().unwrap();

        assert_eq!(
            (named.name.as_str(), named.credential.as_str(), named.role),
            ("webui/a@b.example", "0a/42", Role::Viewer)
        );
        assert!(user.behind(&owner).unwrap().is_none());
    }

    #[rstest]
    #[case("198.51.100.1", &["203.0.113.9"], "198.51.100.1")]
    #[case(PROXY, &[], PROXY)]
    #[case(PROXY, &["203.0.113.9"], "203.0.113.9")]
    #[case(PROXY, &["10.0.0.1, 203.0.113.9, 192.0.2.7"], "203.0.113.9")]
    #[case(PROXY, &["10.0.0.1", "203.0.113.9"], "203.0.113.9")]
    #[case(PROXY, &["203.0.113.9, nonsense"], PROXY)]
    #[case(PROXY, &["203.0.113.9:4711"], "203.0.113.9")]
    #[case(PROXY, &["[2001:db8::1]:4711"], "2001:db8::1")]
    #[case(PROXY, &["192.0.2.9"], "192.0.2.9")]
    fn the_client_is_the_last_hop_that_is_no_proxy(
        #[case] peer: &str,
        #[case] lines: &[&str],
        #[case] client: &str,
    ) {
        let pairs: Vec<_> = lines.iter().map(|line| (FORWARDED_FOR, *line)).collect();

        let found = proxy().client(Some(peer.parse().unwrap()), &headers(&pairs));

        assert_eq!(found, Some(client.parse().unwrap()));
    }
}

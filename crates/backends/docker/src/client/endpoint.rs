//! Where an engine listens, from the way people write it.

use std::fmt;
use std::path::PathBuf;

use homelab_upstream::Url;

/// Ports that engines use.
const TLS_PORT: u16 = 2376;
const PLAIN_PORT: u16 = 2375;

/// Where an engine listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Endpoint {
    /// A socket on this machine.
    Unix(PathBuf),
    /// A port.
    Tcp {
        /// Name or address, without brackets.
        host: String,
        /// Port.
        port: u16,
        /// Whether it speaks TLS.
        tls: bool,
    },
    /// A host of `[ssh.hosts]`, by its name there.
    Ssh(String),
}

impl Endpoint {
    /// Reads an address; `plain` is the setting that switches TLS off.
    pub(crate) fn parse(text: &str, plain: bool) -> Result<Self, String> {
        if let Some(path) = text.strip_prefix("unix://") {
            let absolute = path.starts_with('/') && !path.contains('\0');
            return absolute
                .then(|| Self::Unix(PathBuf::from(path)))
                .ok_or_else(|| "write the socket as `unix:///absolute/path`".to_owned());
        }
        let url: Url = text.parse().map_err(|_| unknown())?;
        if url.password().is_some() {
            return Err("the address holds a password".to_owned());
        }
        let host = url.host_str().unwrap_or_default();
        let nothing_more =
            matches!(url.path(), "" | "/") && url.query().is_none() && url.fragment().is_none();
        match url.scheme() {
            "ssh" if !url.username().is_empty() || url.port().is_some() || !nothing_more => Err(
                "write `ssh://NAME`, and user and port into the table `[ssh.hosts.NAME]`"
                    .to_owned(),
            ),
            "ssh" if host.is_empty() => Err("`ssh://` names no host".to_owned()),
            "ssh" => Ok(Self::Ssh(host.to_owned())),
            "tcp" if host.is_empty() || !url.username().is_empty() || !nothing_more => {
                Err("write the port as `tcp://name:2376`".to_owned())
            }
            "tcp" => Ok(Self::Tcp {
                host: host.trim_matches(['[', ']']).to_owned(),
                port: url
                    .port()
                    .unwrap_or(if plain { PLAIN_PORT } else { TLS_PORT }),
                tls: !plain,
            }),
            _ => Err(unknown()),
        }
    }

    /// Whether an address like this can mean several engines: for hints about the wrong port.
    pub(crate) fn is_tcp(&self) -> bool {
        matches!(self, Self::Tcp { .. })
    }
}

fn unknown() -> String {
    "an engine's address is `unix:///path`, `tcp://name:2376` or `ssh://NAME`".to_owned()
}

impl fmt::Display for Endpoint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(path) => write!(formatter, "unix://{}", path.display()),
            Self::Tcp { host, port, .. } if host.contains(':') => {
                write!(formatter, "tcp://[{host}]:{port}")
            }
            Self::Tcp { host, port, .. } => write!(formatter, "tcp://{host}:{port}"),
            Self::Ssh(name) => write!(formatter, "ssh://{name}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("unix:///var/run/docker.sock", false, "unix:///var/run/docker.sock")]
    #[case("tcp://nas.example", false, "tcp://nas.example:2376")]
    #[case("tcp://nas.example", true, "tcp://nas.example:2375")]
    #[case("tcp://192.0.2.7:9999/", false, "tcp://192.0.2.7:9999")]
    #[case("tcp://[2001:db8::7]:2376", false, "tcp://[2001:db8::7]:2376")]
    #[case("ssh://nas", false, "ssh://nas")]
    fn an_address_is_read_as_people_write_it(
        #[case] text: &str,
        #[case] plain: bool,
        #[case] shown: &str,
    ) {
        assert_eq!(Endpoint::parse(text, plain).unwrap().to_string(), shown);
    }

    #[rstest]
    #[case("unix://docker.sock")]
    #[case("tcp://")]
    #[case("tcp://u:p@nas")]
    #[case("tcp://nas/v1.41")]
    #[case("ssh://root@nas")]
    #[case("ssh://nas:2222")]
    #[case("https://nas:2376")]
    #[case("npipe:////./pipe/docker_engine")]
    #[case("nas")]
    fn an_address_that_cannot_be_used_is_refused(#[case] text: &str) {
        assert!(Endpoint::parse(text, false).is_err());
    }
}

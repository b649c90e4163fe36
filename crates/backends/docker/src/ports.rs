//! Ports and mounts as people write them (`8080:80/tcp`, `data:/var/lib/x:ro`), and as engines show
//! them.

use std::collections::BTreeMap;
use std::path::Path;

use homelab_core::error::{ToolError, ToolResult};
use serde_json::{Value, json};

use crate::types::{Networks, Port};

/// A port to publish.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Publish {
    /// Address of the host; all of them if empty.
    pub(crate) ip: String,
    /// Port of the host; the engine chooses where there is none.
    pub(crate) public: Option<u16>,
    pub(crate) private: u16,
    /// `tcp`, `udp` or `sctp`.
    pub(crate) protocol: String,
}

impl Publish {
    /// Reads `[[ip:]host:]container[/protocol]`.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let wrong = || {
            format!(
                "`{}` is no port: write `127.0.0.1:8080:80/tcp`",
                text.escape_debug()
            )
        };
        let (ports, protocol) = text.split_once('/').unwrap_or((text, "tcp"));
        if !matches!(protocol, "tcp" | "udp" | "sctp") {
            return Err(wrong());
        }
        let (before, private) = match ports.rsplit_once(':') {
            Some((before, private)) => (Some(before), private),
            None => (None, ports),
        };
        let (ip, public) = match before {
            None => ("", None),
            Some(before) => match before.rsplit_once(':') {
                // `ip::container` leaves the host's port to the engine.
                Some((ip, public)) => (ip, Some(public)),
                None => ("", Some(before)),
            },
        };
        let ip = ip.trim_matches(['[', ']']);
        if !ip.is_empty() && ip.parse::<std::net::IpAddr>().is_err() {
            return Err(wrong());
        }
        let number = |text: &str| {
            text.parse::<u16>()
                .ok()
                .filter(|port| *port > 0)
                .ok_or_else(wrong)
        };
        Ok(Self {
            ip: ip.to_owned(),
            public: public
                .filter(|public| !public.is_empty())
                .map(number)
                .transpose()?,
            private: number(private)?,
            protocol: protocol.to_owned(),
        })
    }

    /// Whether only this host itself reaches it.
    pub(crate) fn is_local(&self) -> bool {
        self.ip
            .parse::<std::net::IpAddr>()
            .is_ok_and(|ip| ip.is_loopback())
    }

    /// `80/tcp`.
    pub(crate) fn key(&self) -> String {
        format!("{}/{}", self.private, self.protocol)
    }
}

/// `ExposedPorts` and `PortBindings` of a container to be made.
pub(crate) fn bindings(ports: &[Publish]) -> (Value, Value) {
    let mut exposed = serde_json::Map::new();
    let mut bound: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for port in ports {
        exposed.insert(port.key(), json!({}));
        bound.entry(port.key()).or_default().push(json!({
            "HostIp": port.ip,
            "HostPort": port.public.map(|public| public.to_string()).unwrap_or_default(),
        }));
    }
    (Value::Object(exposed), json!(bound))
}

/// Ports for people: `0.0.0.0:8080->80/tcp`; the twin for IPv6 is left out.
pub(crate) fn listed(ports: &[Port]) -> Vec<String> {
    let mut ports: Vec<&Port> = ports.iter().collect();
    ports.sort();
    let twin = |port: &Port, other: &Port| {
        port.ip == "::"
            && other.ip == "0.0.0.0"
            && (port.private_port, port.public_port, &port.kind)
                == (other.private_port, other.public_port, &other.kind)
    };
    ports
        .iter()
        .filter(|port| !ports.iter().any(|other| twin(port, other)))
        .map(|port| match port.public_port {
            Some(public) => published(
                &port.ip,
                &public.to_string(),
                &format!("{}/{}", port.private_port, port.kind),
            ),
            None => format!("{}/{}", port.private_port, port.kind),
        })
        .collect()
}

/// The same of an inspected container.
pub(crate) fn inspected(networks: &Networks) -> Vec<String> {
    let mut found = Vec::new();
    for (key, bindings) in &networks.ports {
        match bindings.as_deref() {
            None | Some([]) => found.push(key.clone()),
            Some(bindings) => {
                let v4 = bindings.iter().any(|binding| binding.host_ip == "0.0.0.0");
                let shown = bindings
                    .iter()
                    .filter(|binding| !(v4 && binding.host_ip == "::"));
                found.extend(
                    shown.map(|binding| published(&binding.host_ip, &binding.host_port, key)),
                );
            }
        }
    }
    found
}

fn published(ip: &str, public: &str, private: &str) -> String {
    if ip.contains(':') {
        return format!("[{ip}]:{public}->{private}");
    }
    let ip = if ip.is_empty() { "0.0.0.0" } else { ip };
    format!("{ip}:{public}->{private}")
}

/// Something of the host or of the engine that is put into a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Bind {
    /// Path of the host, or name of a volume.
    pub(crate) source: String,
    pub(crate) destination: String,
    pub(crate) read_only: bool,
}

impl Bind {
    /// Reads `source:/path[:ro]`.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let wrong = |what: &str| format!("`{}` is no mount: {what}", text.escape_debug());
        let parts: Vec<&str> = text.split(':').collect();
        let (source, destination, options) = match parts[..] {
            [source, destination] => (source, destination, ""),
            [source, destination, options] => (source, destination, options),
            _ => return Err(wrong("write `name:/path`, `/host/path:/path` or `…:ro`")),
        };
        let named = source.bytes().enumerate().all(|(index, byte)| {
            byte.is_ascii_alphanumeric() || index > 0 && b"_.-".contains(&byte)
        });
        let clean = |path: &str| path.starts_with('/') && !path.split('/').any(|part| part == "..");
        if source.is_empty() || !(named || clean(source)) {
            return Err(wrong(
                "its source is neither an absolute path without `..` nor the name of a volume",
            ));
        }
        if !clean(destination) || destination == "/" {
            return Err(wrong(
                "its place in the container is no absolute path below `/`",
            ));
        }
        let read_only = match options {
            "" | "rw" => false,
            "ro" => true,
            _ => return Err(wrong("only `ro` and `rw` may stand behind it")),
        };
        Ok(Self {
            source: source.to_owned(),
            destination: destination.to_owned(),
            read_only,
        })
    }

    /// Whether it is a path of the host.
    pub(crate) fn is_path(&self) -> bool {
        self.source.starts_with('/')
    }

    /// As engines take it.
    pub(crate) fn text(&self) -> String {
        let mode = if self.read_only { ":ro" } else { "" };
        format!("{}:{}{mode}", self.source, self.destination)
    }

    /// Whether whoever has it has the host: the engine's socket, or a directory with the system in it.
    pub(crate) fn is_critical(&self) -> bool {
        const SYSTEM: [&str; 12] = [
            "/etc",
            "/root",
            "/boot",
            "/dev",
            "/proc",
            "/sys",
            "/usr",
            "/bin",
            "/sbin",
            "/lib",
            "/var/lib/docker",
            "/run",
        ];
        let path = self.source.trim_end_matches('/');
        let path = path
            .strip_prefix("/var/run")
            .map_or_else(|| path.to_owned(), |rest| format!("/run{rest}"));
        self.is_path()
            && (matches!(path.as_str(), "" | "/var" | "/var/lib" | "/home")
                || Path::new(&path)
                    .extension()
                    .is_some_and(|ending| ending == "sock")
                || SYSTEM.iter().any(|system| {
                    path.strip_prefix(system)
                        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
                }))
    }
}

/// Reads each text, naming the argument at fault.
pub(crate) fn each<T>(
    field: &str,
    texts: &[String],
    parse: impl Fn(&str) -> Result<T, String>,
) -> ToolResult<Vec<T>> {
    let parsed = texts.iter().enumerate().map(|(index, text)| {
        parse(text).map_err(|problem| ToolError::invalid(format!("{field}[{index}]"), problem))
    });
    parsed.collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("80", "", None, 80, "tcp")]
    #[case("8080:80", "", Some(8080), 80, "tcp")]
    #[case("127.0.0.1:8080:80/udp", "127.0.0.1", Some(8080), 80, "udp")]
    #[case("127.0.0.1::80", "127.0.0.1", None, 80, "tcp")]
    #[case("[::1]:8080:80", "::1", Some(8080), 80, "tcp")]
    fn ports_are_read_as_people_write_them(
        #[case] text: &str,
        #[case] ip: &str,
        #[case] public: Option<u16>,
        #[case] private: u16,
        #[case] protocol: &str,
    ) {
        let port = Publish::parse(text).unwrap();

        assert_eq!(
            (port.ip.as_str(), port.public, port.private),
            (ip, public, private)
        );
        assert_eq!(port.protocol, protocol);
    }

    #[rstest]
    #[case("")]
    #[case("0")]
    #[case("80/icmp")]
    #[case("70000:80")]
    #[case("nas:80:80")]
    #[case("8000-8010:80")]
    fn what_is_no_port_is_refused(#[case] text: &str) {
        assert!(Publish::parse(text).is_err());
    }

    #[rstest]
    #[case("data:/var/lib/x", false, false)]
    #[case("/srv/media:/media:ro", true, false)]
    #[case("/var/run/docker.sock:/var/run/docker.sock", true, true)]
    #[case("/run/podman/podman.sock:/s", true, true)]
    #[case("/etc:/host/etc:ro", true, true)]
    #[case("/:/host", true, true)]
    #[case("/etcetera:/x", true, false)]
    fn mounts_are_read_and_the_dangerous_ones_are_known(
        #[case] text: &str,
        #[case] path: bool,
        #[case] critical: bool,
    ) {
        let bind = Bind::parse(text).unwrap();

        assert_eq!((bind.is_path(), bind.is_critical()), (path, critical));
        assert_eq!(bind.text(), text);
    }

    #[rstest]
    #[case("data")]
    #[case("data:relative")]
    #[case("../x:/y")]
    #[case("/srv/../etc:/y")]
    #[case("data:/")]
    #[case("data:/x:suid")]
    #[case(":/x")]
    #[case("a:/b:ro:z")]
    fn what_is_no_mount_is_refused(#[case] text: &str) {
        assert!(Bind::parse(text).is_err());
    }

    #[test]
    fn the_twin_for_ipv6_is_not_listed_twice() {
        let port = |ip: &str| Port {
            private_port: 80,
            public_port: Some(8080),
            ip: ip.to_owned(),
            kind: "tcp".to_owned(),
        };

        assert_eq!(
            listed(&[port("::"), port("0.0.0.0")]),
            ["0.0.0.0:8080->80/tcp"]
        );
        assert_eq!(listed(&[port("::1")]), ["[::1]:8080->80/tcp"]);
    }

    proptest! {
        #[test]
        fn reading_never_panics(text in ".{0,40}") {
            drop(Publish::parse(&text));
            drop(Bind::parse(&text));
        }
    }
}

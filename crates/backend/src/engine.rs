//! What a list of an engine's containers says, in the words of [`homelab_core::facts`]. Docker tells
//! it itself or through what manages it.

use std::collections::BTreeSet;

use homelab_core::facts::{Port, Wellness};
use homelab_core::inventory::Status;
use homelab_core::net::Ip;

/// A port as an engine lists it.
#[derive(Debug, Clone, Copy)]
pub struct Listed<'a> {
    /// Port of the host; absent if it is not published.
    pub public: Option<u16>,
    /// Port inside the container.
    pub private: u16,
    /// `tcp`, `udp` or `sctp`.
    pub protocol: &'a str,
    /// Address of the host; empty for all.
    pub address: &'a str,
}

/// Published ports: those bound to one address with it, those bound to all once, not once for each
/// version of IP.
pub fn published<'a>(ports: impl Iterator<Item = Listed<'a>>) -> Vec<Port> {
    let published: BTreeSet<Port> = ports
        .filter_map(|port| {
            let address = port.address.parse::<Ip>().ok();
            Some(Port {
                port: port.public?,
                protocol: port.protocol.to_owned(),
                address: address.filter(|ip| !ip.0.is_unspecified()),
                inside: Some(port.private),
            })
        })
        .collect();
    published.into_iter().collect()
}

/// Whether a container in this state is up.
pub fn status(state: &str) -> Status {
    match state {
        "running" => Status::Online,
        "created" | "exited" | "dead" | "removing" | "paused" | "stopped" => Status::Offline,
        _ => Status::Unknown,
    }
}

/// The list tells it in the status alone: `Up 3 hours (healthy)`.
pub fn wellness(state: &str, status: &str) -> Option<Wellness> {
    if state == "restarting" {
        return Some(Wellness::Failed);
    }
    let (_, words) = status.rsplit_once('(')?;
    match words.trim_end_matches(')') {
        "healthy" => Some(Wellness::Ok),
        "unhealthy" => Some(Wellness::Failed),
        "health: starting" | "starting" => Some(Wellness::Degraded),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn listed(address: &str, private: u16, public: Option<u16>) -> Listed<'_> {
        Listed {
            public,
            private,
            protocol: "tcp",
            address,
        }
    }

    #[test]
    fn a_port_of_all_addresses_is_told_once() {
        let rows = [
            listed("0.0.0.0", 80, Some(8080)),
            listed("::", 80, Some(8080)),
            listed("127.0.0.1", 81, Some(8081)),
            listed("", 443, None),
        ];

        let ports = published(rows.into_iter());

        assert_eq!(ports.len(), 2);
        assert_eq!(
            (ports[0].port, ports[0].address, ports[0].inside),
            (8080, None, Some(80))
        );
        assert_eq!(ports[1].address, "127.0.0.1".parse().ok());
    }

    #[rstest]
    #[case("running", "Up 3 hours (healthy)", Some(Wellness::Ok))]
    #[case("running", "Up 3 hours (unhealthy)", Some(Wellness::Failed))]
    #[case("running", "Up 2 seconds (health: starting)", Some(Wellness::Degraded))]
    #[case("running", "Up 3 hours", None)]
    #[case("running", "Up 3 hours (Paused)", None)]
    #[case("exited", "Exited (0) 2 hours ago", None)]
    #[case("restarting", "Restarting (1) 2 seconds ago", Some(Wellness::Failed))]
    fn the_status_tells_the_health(
        #[case] state: &str,
        #[case] status: &str,
        #[case] expected: Option<Wellness>,
    ) {
        assert_eq!(wellness(state, status), expected);
    }
}

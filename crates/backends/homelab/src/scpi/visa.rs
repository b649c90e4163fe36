//! Connection details for other programs: ports, VISA resource names, examples.

use homelab_core::inventory::{Equipment, ScpiProtocol};
use schemars::JsonSchema;
use serde::Serialize;

/// How to reach an instrument by one protocol.
#[derive(Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub(crate) struct Connection {
    pub(crate) protocol: ScpiProtocol,
    pub(crate) host: String,
    pub(crate) port: u16,
    /// For VISA libraries.
    pub(crate) visa_resource: String,
    /// False if only this protocol's defaults are known, not that the instrument speaks it.
    pub(crate) recorded: bool,
}

/// The connection by `protocol`; by the recorded one if it is the same.
pub(crate) fn connection(equipment: &Equipment, protocol: ScpiProtocol) -> Connection {
    let port = port(equipment, protocol);
    let host = bracketed(&equipment.host);
    let recorded = equipment.protocol == protocol;
    let sub_address = equipment.sub_address.as_deref().filter(|_| recorded);
    let visa_resource = match protocol {
        ScpiProtocol::Raw => format!("TCPIP0::{host}::{port}::SOCKET"),
        ScpiProtocol::Vxi11 => {
            format!("TCPIP0::{host}::{}::INSTR", sub_address.unwrap_or("inst0"))
        }
        // The port is part of the sub-address where it is not the default (IVI-6.1).
        ScpiProtocol::Hislip => {
            let sub_address = sub_address.unwrap_or("hislip0");
            match port {
                HISLIP_PORT => format!("TCPIP0::{host}::{sub_address}::INSTR"),
                port => format!("TCPIP0::{host}::{sub_address},{port}::INSTR"),
            }
        }
    };
    Connection {
        protocol,
        host: equipment.host.clone(),
        port,
        visa_resource,
        recorded,
    }
}

const HISLIP_PORT: u16 = 4880;

/// The recorded port, else the protocol's default: 5025, 111 (the port mapper), 4880.
pub(crate) fn port(equipment: &Equipment, protocol: ScpiProtocol) -> u16 {
    let recorded = equipment.port.filter(|_| equipment.protocol == protocol);
    recorded.unwrap_or(match protocol {
        ScpiProtocol::Raw => 5025,
        ScpiProtocol::Vxi11 => 111,
        ScpiProtocol::Hislip => HISLIP_PORT,
    })
}

/// What ends a message: as recorded, written out or as an escape, else a newline.
pub(crate) fn terminator(equipment: &Equipment) -> &'static str {
    match equipment.terminator.as_deref() {
        Some("\\r\\n" | "\r\n" | "CRLF" | "crlf") => "\r\n",
        Some("\\r" | "\r" | "CR" | "cr") => "\r",
        _ => "\n",
    }
}

/// `host:port`, with brackets around IPv6.
pub(crate) fn authority(host: &str, port: u16) -> String {
    format!("{}:{port}", bracketed(host))
}

fn bracketed(host: &str) -> String {
    if host.contains(':') && !host.starts_with('[') {
        format!("[{host}]")
    } else {
        host.to_owned()
    }
}

/// Lines to try it with.
pub(crate) fn examples(connection: &Connection, terminator: &str, timeout_ms: u64) -> Vec<String> {
    let resource = &connection.visa_resource;
    let escaped = terminator.escape_default();
    let options = match connection.protocol {
        ScpiProtocol::Raw => {
            format!(", read_termination=\"{escaped}\", write_termination=\"{escaped}\"")
        }
        // The protocol itself marks the end of a message.
        ScpiProtocol::Vxi11 | ScpiProtocol::Hislip => String::new(),
    };
    let mut lines = vec![format!(
        "python: pyvisa.ResourceManager(\"@py\").open_resource(\"{resource}\"{options}, timeout={timeout_ms}).query(\"*IDN?\")"
    )];
    if connection.protocol == ScpiProtocol::Raw {
        let (host, port) = (&connection.host, connection.port);
        lines.push(format!(
            "shell: printf '*IDN?{escaped}' | nc -w 5 {host} {port}"
        ));
    }
    lines
}

/// The parts of an answer to `*IDN?`. Some firmwares put more commas into the last one.
#[derive(Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub(crate) struct Identity {
    manufacturer: String,
    model: Option<String>,
    serial: Option<String>,
    firmware: Option<String>,
}

impl Identity {
    /// Reads what an instrument says of itself.
    pub(crate) fn parse(idn: &str) -> Self {
        let mut parts = idn.splitn(4, ',').map(|part| part.trim().to_owned());
        Self {
            manufacturer: parts.next().unwrap_or_default(),
            model: parts.next(),
            serial: parts.next(),
            firmware: parts.next(),
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::{Value, json};

    use super::*;

    fn equipment(mut fields: Value) -> Equipment {
        fields["name"] = "scope".into();
        serde_json::from_value(fields).expect("an instrument")
    }

    #[rstest]
    #[case(json!({ "host": "192.0.2.9" }), ScpiProtocol::Raw, "TCPIP0::192.0.2.9::5025::SOCKET")]
    #[case(json!({ "host": "192.0.2.9", "port": 5555 }), ScpiProtocol::Raw, "TCPIP0::192.0.2.9::5555::SOCKET")]
    #[case(json!({ "host": "192.0.2.9", "port": 5555 }), ScpiProtocol::Hislip, "TCPIP0::192.0.2.9::hislip0::INSTR")]
    #[case(json!({ "host": "h", "protocol": "hislip", "sub_address": "hislip1", "port": 4881 }), ScpiProtocol::Hislip, "TCPIP0::h::hislip1,4881::INSTR")]
    #[case(json!({ "host": "h", "protocol": "vxi11", "sub_address": "inst1" }), ScpiProtocol::Vxi11, "TCPIP0::h::inst1::INSTR")]
    #[case(json!({ "host": "2001:db8::9" }), ScpiProtocol::Raw, "TCPIP0::[2001:db8::9]::5025::SOCKET")]
    fn a_resource_name_says_protocol_host_and_port(
        #[case] fields: Value,
        #[case] protocol: ScpiProtocol,
        #[case] resource: &str,
    ) {
        assert_eq!(
            connection(&equipment(fields), protocol).visa_resource,
            resource
        );
    }

    #[test]
    fn an_identity_is_split_from_the_left_only() {
        let identity = Identity::parse("Maker, Model 3000 X,0,1.2,rev A");

        assert_eq!(identity.model.as_deref(), Some("Model 3000 X"));
        assert_eq!(identity.firmware.as_deref(), Some("1.2,rev A"));
    }

    #[rstest]
    #[case(None, "\n")]
    #[case(Some("\\n"), "\n")]
    #[case(Some("\r\n"), "\r\n")]
    #[case(Some("\\r"), "\r")]
    fn a_terminator_may_be_written_as_an_escape(#[case] stored: Option<&str>, #[case] sent: &str) {
        let equipment = equipment(json!({ "host": "h", "terminator": stored }));

        assert_eq!(terminator(&equipment), sent);
    }
}

//! Properties that new guests have in common: interfaces, addresses, cloud-init, keys.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use homelab_core::error::{ToolError, ToolResult};
use homelab_core::net::{Ip, Mac};
use homelab_core::secret::Secret;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer};

use crate::call::Call;
use crate::ids::{Bridge, Tag};

/// An address with its prefix, or how the guest gets one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum IpSetting {
    Dhcp,
    /// IPv6 alone: from the router's announcements.
    Auto,
    Fixed(IpAddr, u8),
}

impl FromStr for IpSetting {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let refused =
            || format!("`{text}` is neither `dhcp` nor an address with prefix like `192.0.2.5/24`");
        match text {
            "dhcp" => return Ok(Self::Dhcp),
            "auto" => return Ok(Self::Auto),
            _ => {}
        }
        let (address, prefix) = text.split_once('/').ok_or_else(refused)?;
        let address: IpAddr = address.parse().map_err(|_| refused())?;
        let prefix: u8 = prefix.parse().map_err(|_| refused())?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        if prefix > most {
            return Err(refused());
        }
        Ok(Self::Fixed(address, prefix))
    }
}

impl fmt::Display for IpSetting {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dhcp => formatter.write_str("dhcp"),
            Self::Auto => formatter.write_str("auto"),
            Self::Fixed(address, prefix) => write!(formatter, "{address}/{prefix}"),
        }
    }
}

impl<'de> Deserialize<'de> for IpSetting {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}

impl JsonSchema for IpSetting {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "IpSetting".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "maxLength": 43 })
    }
}

/// How a guest gets its addresses.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Addressing {
    pub(super) ip: Option<IpSetting>,
    pub(super) gateway: Option<Ip>,
    pub(super) ip6: Option<IpSetting>,
    pub(super) gateway6: Option<Ip>,
}

impl Addressing {
    /// The properties `ip`, `gw`, `ip6`, `gw6`; `below` is the path of the arguments in errors.
    pub(super) fn properties(&self, below: &str) -> ToolResult<Vec<String>> {
        let wrong =
            |field: &str, what: &str| Err(ToolError::invalid(format!("{below}{field}"), what));
        match self.ip {
            Some(IpSetting::Auto) => return wrong("ip", "`auto` is for `ip6`; use `dhcp`"),
            Some(IpSetting::Fixed(IpAddr::V6(_), _)) => {
                return wrong("ip", "an IPv6 address goes into `ip6`");
            }
            _ => {}
        }
        if let Some(IpSetting::Fixed(IpAddr::V4(_), _)) = self.ip6 {
            return wrong("ip6", "an IPv4 address goes into `ip`");
        }
        if self.gateway.is_some_and(|gateway| !gateway.0.is_ipv4()) {
            return wrong("gateway", "an IPv6 gateway goes into `gateway6`");
        }
        if self.gateway6.is_some_and(|gateway| !gateway.0.is_ipv6()) {
            return wrong("gateway6", "an IPv4 gateway goes into `gateway`");
        }
        if self.gateway.is_some() && !matches!(self.ip, Some(IpSetting::Fixed(..))) {
            return wrong("gateway", "a gateway needs a fixed `ip`");
        }
        if self.gateway6.is_some() && !matches!(self.ip6, Some(IpSetting::Fixed(..))) {
            return wrong("gateway6", "a gateway needs a fixed `ip6`");
        }
        let mut properties = Vec::new();
        let mut push = |name: &str, value: Option<String>| {
            properties.extend(value.map(|value| format!("{name}={value}")));
        };
        push("ip", self.ip.map(|ip| ip.to_string()));
        push("gw", self.gateway.map(|gateway| gateway.to_string()));
        push("ip6", self.ip6.map(|ip| ip.to_string()));
        push("gw6", self.gateway6.map(|gateway| gateway.to_string()));
        Ok(properties)
    }
}

/// What every interface has.
pub(super) struct Link<'a> {
    pub(super) bridge: &'a Bridge,
    pub(super) vlan: Option<u16>,
    pub(super) firewall: bool,
    pub(super) mac: Option<Mac>,
}

impl Link<'_> {
    /// `netN` of a virtual machine.
    pub(super) fn of_machine(&self) -> String {
        let mut parts = vec![match self.mac {
            Some(mac) => format!("virtio={}", mac.to_string().to_uppercase()),
            None => "virtio".to_owned(),
        }];
        parts.push(format!("bridge={}", self.bridge));
        self.common(&mut parts);
        parts.join(",")
    }

    /// `netN` of a container.
    pub(super) fn of_container(&self, index: usize, addresses: Vec<String>) -> String {
        let mut parts = vec![
            format!("name=eth{index}"),
            format!("bridge={}", self.bridge),
        ];
        if let Some(mac) = self.mac {
            parts.push(format!("hwaddr={}", mac.to_string().to_uppercase()));
        }
        parts.extend(addresses);
        self.common(&mut parts);
        parts.join(",")
    }

    fn common(&self, parts: &mut Vec<String>) {
        if let Some(vlan) = self.vlan {
            parts.push(format!("tag={vlan}"));
        }
        if self.firewall {
            parts.push("firewall=1".to_owned());
        }
    }
}

/// What cloud-init sets up in a virtual machine at its first start.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct CloudInit {
    /// User to make; the image's own one without.
    #[schemars(length(min = 1, max = 32), regex(pattern = "^[a-z_][a-z0-9_.-]*$"))]
    user: Option<String>,
    /// The user's password.
    #[schemars(length(min = 5, max = 128))]
    password: Option<Secret>,
    /// Public keys that may log in.
    #[schemars(length(max = 20), inner(length(min = 20, max = 2000)))]
    ssh_public_keys: Vec<String>,
    /// `dhcp` or address with prefix; `dhcp` without.
    ip: Option<IpSetting>,
    /// IPv4 gateway of a fixed address.
    #[schemars(length(max = 45))]
    gateway: Option<Ip>,
    /// `auto`, `dhcp` or address with prefix.
    ip6: Option<IpSetting>,
    /// IPv6 gateway of a fixed address.
    #[schemars(length(max = 45))]
    gateway6: Option<Ip>,
    /// DNS server.
    #[schemars(length(max = 45))]
    nameserver: Option<Ip>,
    /// DNS search domain.
    #[schemars(length(max = 253))]
    search_domain: Option<crate::ids::GuestName>,
}

impl CloudInit {
    /// Adds its parameters to a call.
    pub(super) fn add(&self, call: Call) -> ToolResult<Call> {
        let keys = ssh_keys("cloud_init.ssh_public_keys", &self.ssh_public_keys)?;
        let addressing = Addressing {
            ip: self.ip.or(Some(IpSetting::Dhcp)),
            gateway: self.gateway,
            ip6: self.ip6,
            gateway6: self.gateway6,
        };
        let addresses = addressing.properties("cloud_init.")?;
        let call = call
            .with("ipconfig0", addresses.join(","))
            .with_opt("ciuser", self.user.as_deref())
            // Proxmox stores them in this form, and wants them so.
            .with_opt(
                "sshkeys",
                keys.map(|keys| utf8_percent_encode(&keys, NON_ALPHANUMERIC).to_string()),
            )
            .with_opt("nameserver", self.nameserver)
            .with_opt("searchdomain", self.search_domain.as_ref());
        Ok(match &self.password {
            Some(password) => call.secret("cipassword", password),
            None => call,
        })
    }
}

/// The keys, one a line; `None` if there are none.
pub(super) fn ssh_keys(field: &str, keys: &[String]) -> ToolResult<Option<String>> {
    for (index, key) in keys.iter().enumerate() {
        let kinds = ["ssh-", "ecdsa-", "sk-ssh-", "sk-ecdsa-"];
        let fits = kinds.iter().any(|kind| key.starts_with(kind))
            && key.split_whitespace().count() >= 2
            && !key.chars().any(char::is_control);
        if !fits {
            return Err(ToolError::invalid(
                format!("{field}[{index}]"),
                "this is not the one line of an OpenSSH public key",
            ));
        }
    }
    Ok((!keys.is_empty()).then(|| keys.join("\n")))
}

/// Tags as Proxmox writes them.
pub(super) fn tag_list(tags: Option<&[Tag]>) -> Option<String> {
    let tags = tags?;
    let texts: Vec<&str> = tags.iter().map(Tag::as_str).collect();
    Some(texts.join(";"))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("dhcp", true)]
    #[case("auto", true)]
    #[case("192.0.2.5/24", true)]
    #[case("2001:db8::5/64", true)]
    #[case("192.0.2.5", false)]
    #[case("192.0.2.5/33", false)]
    #[case("192.0.2.5/24,gw=192.0.2.1", false)]
    #[case("dhcp,firewall=0", false)]
    fn addresses_are_strict(#[case] text: &str, #[case] valid: bool) {
        assert_eq!(text.parse::<IpSetting>().is_ok(), valid);
    }

    #[test]
    fn interfaces_are_written_as_proxmox_reads_them() {
        let bridge: Bridge = "vmbr1".parse().unwrap();
        let link = Link {
            bridge: &bridge,
            vlan: Some(20),
            firewall: true,
            mac: Some("bc:24:11:00:00:01".parse().unwrap()),
        };
        let addresses = Addressing {
            ip: Some("192.0.2.5/24".parse().unwrap()),
            gateway: Some("192.0.2.1".parse().unwrap()),
            ip6: Some(IpSetting::Auto),
            gateway6: None,
        };

        assert_eq!(
            link.of_machine(),
            "virtio=BC:24:11:00:00:01,bridge=vmbr1,tag=20,firewall=1"
        );
        assert_eq!(
            link.of_container(0, addresses.properties("").unwrap()),
            "name=eth0,bridge=vmbr1,hwaddr=BC:24:11:00:00:01,ip=192.0.2.5/24,gw=192.0.2.1,ip6=auto,tag=20,firewall=1"
        );
    }

    #[test]
    fn families_are_not_mixed_up() {
        let field = |addressing: Addressing| {
            let error = addressing.properties("networks[0].").unwrap_err();
            error.envelope().field.clone().unwrap()
        };

        let v6 = "2001:db8::5/64".parse().unwrap();
        let gateway: Ip = "192.0.2.1".parse().unwrap();
        assert_eq!(
            field(Addressing {
                ip: Some(v6),
                ..Addressing::default()
            }),
            "networks[0].ip"
        );
        assert_eq!(
            field(Addressing {
                ip: Some(IpSetting::Dhcp),
                gateway: Some(gateway),
                ..Addressing::default()
            }),
            "networks[0].gateway"
        );
    }

    #[test]
    fn cloud_init_keys_are_encoded_once_more() {
        let cloud_init = CloudInit {
            user: Some("ops".into()),
            password: Some(Secret::new("hunter22")),
            ssh_public_keys: vec!["ssh-ed25519 AAAA+b/c= me@home".into()],
            ..CloudInit::default()
        };
        let call = cloud_init.add(Call::post("x", "/x", &[])).unwrap();

        assert_eq!(call.text("ipconfig0"), Some("ip=dhcp"));
        assert_eq!(
            call.text("sshkeys"),
            Some("ssh%2Ded25519%20AAAA%2Bb%2Fc%3D%20me%40home")
        );
        assert_eq!(call.text("cipassword"), Some("hunter22"));
        assert!(!format!("{call:?} {cloud_init:?}").contains("hunter22"));
    }

    #[rstest]
    #[case("ssh-ed25519 AAAA me", true)]
    #[case("ssh-ed25519 AAAA me\nssh-rsa BBBB you", false)]
    #[case("-----BEGIN OPENSSH PRIVATE KEY-----", false)]
    #[case("ssh-ed25519", false)]
    fn a_key_is_one_line(#[case] key: &str, #[case] valid: bool) {
        assert_eq!(ssh_keys("keys", &[key.to_owned()]).is_ok(), valid);
    }
}

//! Properties of guests that may be given by Proxmox's own names.

use std::collections::BTreeMap;

use homelab_core::error::{ToolError, ToolResult};

use crate::call::Call;
use crate::guest::GuestKind;

/// Properties of a container that may be given by their own names. Left out on purpose: what reaches
/// into the host (bind mounts, devices, hooks), what may hold secrets (`env`), and what other
/// arguments or tools do.
const CONTAINER: &[&str] = &[
    "arch",
    "cmode",
    "console",
    "cores",
    "cpulimit",
    "cpuunits",
    "description",
    "entrypoint",
    "features",
    "hostname",
    "memory",
    "nameserver",
    "onboot",
    "ostype",
    "protection",
    "searchdomain",
    "startup",
    "swap",
    "tags",
    "timezone",
    "tty",
];
/// The same for virtual machines.
const MACHINE: &[&str] = &[
    "acpi",
    "agent",
    "autostart",
    "balloon",
    "bios",
    "boot",
    "citype",
    "ciupgrade",
    "ciuser",
    "cores",
    "cpu",
    "cpulimit",
    "cpuunits",
    "description",
    "hotplug",
    "keyboard",
    "localtime",
    "machine",
    "memory",
    "name",
    "nameserver",
    "numa",
    "onboot",
    "ostype",
    "protection",
    "reboot",
    "scsihw",
    "searchdomain",
    "shares",
    "sockets",
    "startdate",
    "startup",
    "tablet",
    "tags",
    "vcpus",
    "vga",
    "vmgenid",
    "watchdog",
];
/// Those that are numbered.
const NUMBERED: [&str; 2] = ["net", "ipconfig"];

/// Whether a property may be given by its own name.
pub(super) fn may_set(kind: GuestKind, key: &str) -> bool {
    let (list, numbered) = match kind {
        GuestKind::Lxc => (CONTAINER, NUMBERED.get(..1)),
        GuestKind::Qemu => (MACHINE, NUMBERED.get(..)),
    };
    let is_number = |rest: &str| {
        (1..=2).contains(&rest.len()) && rest.bytes().all(|digit| digit.is_ascii_digit())
    };
    list.contains(&key)
        || numbered
            .unwrap_or_default()
            .iter()
            .any(|prefix| key.strip_prefix(prefix).is_some_and(is_number))
}

/// The properties, if all of them may be set.
pub(super) fn checked_options(
    kind: GuestKind,
    options: &BTreeMap<String, String>,
) -> ToolResult<Vec<(&str, &str)>> {
    options
        .iter()
        .map(|(key, value)| {
            if !may_set(kind, key) {
                let message = format!("`{key}` cannot be set on a {} here", kind.noun());
                return Err(ToolError::invalid(format!("options.{key}"), message)
                    .reason("option_not_allowed")
                    .hint("disks, devices, bind mounts, hooks and raw arguments are left to Proxmox's own interface"));
            }
            if value.chars().any(|letter| letter.is_control() && letter != '\n') {
                let message = "the value has a control character";
                return Err(ToolError::invalid(format!("options.{key}"), message));
            }
            Ok((key.as_str(), value.as_str()))
        })
        .collect()
}

/// Adds the options to a call.
pub(super) fn add_options(
    mut call: Call,
    kind: GuestKind,
    options: &BTreeMap<String, String>,
) -> ToolResult<Call> {
    for (key, value) in checked_options(kind, options)? {
        if call.text(key).is_some() {
            let message = format!("`{key}` is set by another argument already");
            return Err(ToolError::invalid(format!("options.{key}"), message));
        }
        call = call.with(key, value);
    }
    Ok(call)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(GuestKind::Lxc, "net1", true)]
    #[case(GuestKind::Lxc, "ipconfig0", false)]
    #[case(GuestKind::Qemu, "ipconfig0", true)]
    #[case(GuestKind::Lxc, "mp0", false)]
    #[case(GuestKind::Lxc, "dev0", false)]
    #[case(GuestKind::Lxc, "env", false)]
    #[case(GuestKind::Lxc, "hookscript", false)]
    #[case(GuestKind::Lxc, "lxc.apparmor.profile", false)]
    #[case(GuestKind::Qemu, "args", false)]
    #[case(GuestKind::Qemu, "hostpci0", false)]
    #[case(GuestKind::Qemu, "scsi0", false)]
    #[case(GuestKind::Qemu, "skiplock", false)]
    #[case(GuestKind::Qemu, "net", false)]
    fn nothing_that_reaches_into_the_host_may_be_set(
        #[case] kind: GuestKind,
        #[case] key: &str,
        #[case] may: bool,
    ) {
        assert_eq!(may_set(kind, key), may);
    }
}

//! The disks in a guest's configuration.

use crate::ids::DiskKey;
use crate::lenient::plain;
use crate::types::GuestConfig;

/// One disk of a guest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Disk {
    pub(crate) key: String,
    pub(crate) volume: String,
    /// As the configuration writes it, such as `32G`.
    pub(crate) size: Option<String>,
}

impl Disk {
    pub(crate) fn described(&self) -> String {
        match &self.size {
            Some(size) => format!("disk `{}` (`{}`, {size})", self.key, self.volume),
            None => format!("disk `{}` (`{}`)", self.key, self.volume),
        }
    }
}

/// The disks that hold data: no CD drives, no bind mounts.
pub(crate) fn disks(config: &GuestConfig) -> Vec<Disk> {
    config
        .iter()
        .filter(|(key, _)| key.parse::<DiskKey>().is_ok())
        .filter_map(|(key, value)| disk(key, &plain(value)?))
        .collect()
}

fn disk(key: &str, value: &str) -> Option<Disk> {
    let mut parts = value.split(',');
    let volume = parts.next()?.trim_start_matches("file=");
    let properties: Vec<&str> = parts.collect();
    if volume == "none" || !volume.contains(':') || properties.contains(&"media=cdrom") {
        return None;
    }
    let size = properties
        .iter()
        .find_map(|property| property.strip_prefix("size="));
    Some(Disk {
        key: key.to_owned(),
        volume: volume.to_owned(),
        size: size.map(str::to_owned),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_what_holds_data_counts() {
        let config = [
            (
                "scsi0",
                json!("local-lvm:vm-100-disk-0,iothread=1,size=32G"),
            ),
            ("ide2", json!("local:iso/debian.iso,media=cdrom,size=600M")),
            ("ide3", json!("none,media=cdrom")),
            ("mp0", json!("/mnt/bulk,mp=/bulk")),
            ("unused0", json!("local-lvm:vm-100-disk-1")),
            ("net0", json!("virtio=BC:24:11:00:00:01,bridge=vmbr0")),
            ("memory", json!("2048")),
        ];
        let config = config
            .into_iter()
            .map(|(key, value)| (key.to_owned(), value))
            .collect();

        let found: Vec<String> = disks(&config).iter().map(Disk::described).collect();

        assert_eq!(
            found,
            [
                "disk `scsi0` (`local-lvm:vm-100-disk-0`, 32G)",
                "disk `unused0` (`local-lvm:vm-100-disk-1`)"
            ]
        );
    }
}

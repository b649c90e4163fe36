//! The older credentials, decrypted if a key is at hand.

use homelab_core::keyring::Keyring;

use super::LegacyCredential;
use super::fields::{Fields, Warnings};
use super::inventory::Ids;
use crate::db::Values;
use crate::text::fold;

pub(super) fn read(
    rows: &[Values],
    ids: &Ids,
    keyring: Option<&Keyring>,
    warnings: &mut Warnings,
) -> Vec<LegacyCredential> {
    rows.iter()
        .filter_map(|row| {
            let row = Fields::new("credentials", row);
            let Some(target) = row.text(&["target_id", "target", "target_name"]) else {
                warnings.add(format!("credentials: {} has no target", row.label()));
                return None;
            };
            let (target_type, target_id) = target_of(row.text(&["target_type"]), &target, ids);
            let token = row
                .text(&["password_encrypted", "encrypted_password"])
                .map(token);
            let password = token.as_deref().and_then(|token| {
                let keyring = keyring?;
                keyring
                    .decrypt(token)
                    .map_err(|error| {
                        warnings.add(format!(
                            "credentials: the password for `{target_id}` stays encrypted: {error}"
                        ));
                    })
                    .ok()
            });
            if token.is_some() && keyring.is_none() {
                warnings.add(format!(
                    "credentials: the password for `{target_id}` stays encrypted: no key was given"
                ));
            }
            let ssh_key_path = row.text(&["ssh_key_path", "key_path"]);
            let auth_type = row.text(&["auth_type"]).unwrap_or_else(|| {
                let kind = if token.is_none() && ssh_key_path.is_some() {
                    "ssh_key"
                } else {
                    "password"
                };
                kind.into()
            });
            Some(LegacyCredential {
                target_type,
                target_id,
                username: row.text(&["username", "user"]),
                password,
                password_encrypted: token,
                ssh_key_path,
                auth_type,
                notes: row.text(&["notes", "description"]),
            })
        })
        .collect()
}

/// Our word for the kind of target, and the target's name where the old id means one.
fn target_of(kind: Option<String>, target: &str, ids: &Ids) -> (String, String) {
    let kind = kind.unwrap_or_else(|| "other".into());
    let (kind, known) = match fold(&kind).as_str() {
        "vm" | "virtual_machine" | "virtual_machines" | "container" => {
            ("vm".to_owned(), Some(&ids.guests))
        }
        "host" | "proxmox_host" | "proxmox_hosts" | "proxmox" | "hypervisor" => {
            ("host".to_owned(), Some(&ids.hosts))
        }
        "service" | "services" => ("service".to_owned(), Some(&ids.services)),
        "device" | "devices" => ("device".to_owned(), Some(&ids.devices)),
        _ => (kind, None),
    };
    let name = known.and_then(|known| known.name(target)).unwrap_or(target);
    (kind, name.to_owned())
}

/// Fernet tokens are text; a column of bytes in PostgreSQL shows them as `\x` and hexadecimal.
fn token(text: String) -> String {
    text.strip_prefix("\\x")
        .and_then(|digits| hex::decode(digits).ok())
        .and_then(|bytes| String::from_utf8(bytes).ok())
        .unwrap_or(text)
}

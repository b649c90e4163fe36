//! Inventories as files: YAML, JSON and CSV, in and out.

mod csv;
mod entity;
mod fields;

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context as _, Result};
use clap::ValueEnum;
use homelab_core::inventory::{Record, Snapshot};

pub(crate) use self::entity::{Entity, with_records};
pub(crate) use self::fields::{check_name, known as known_fields, record_of, text as text_of};
use crate::exit::Failure;

/// How an inventory is written down.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// All records, for people and version control.
    Yaml,
    /// All records, for programs.
    Json,
    /// Records of one kind, for spreadsheets.
    Csv,
}

impl Format {
    /// The format that a file's name says.
    pub(crate) fn of(path: &Path) -> Option<Self> {
        match path.extension()?.to_str()?.to_ascii_lowercase().as_str() {
            "yaml" | "yml" => Some(Self::Yaml),
            "json" => Some(Self::Json),
            "csv" => Some(Self::Csv),
            _ => None,
        }
    }
}

/// Reads an inventory; `entity` says what a CSV file holds, and `name` is the file's, for errors.
pub(crate) fn parse(
    text: &str,
    format: Format,
    entity: Option<Entity>,
    name: &str,
) -> Result<Snapshot> {
    // Spreadsheets start their files with a byte-order mark.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let snapshot: Snapshot = match format {
        Format::Yaml if text.trim().is_empty() => Snapshot::default(),
        Format::Yaml => {
            serde_saphyr::from_str(text).map_err(|error| not_readable(name, &error.to_string()))?
        }
        Format::Json => {
            serde_json::from_str(text).map_err(|error| not_readable(name, &error.to_string()))?
        }
        Format::Csv => {
            let Some(entity) = entity else {
                return Err(Failure::usage("a CSV file holds records of one kind")
                    .hint(format!("say which with `--entity`: {}", Entity::names()))
                    .into());
            };
            self::csv::read(text, entity).with_context(|| format!("`{name}` cannot be imported"))?
        }
    };
    refuse_duplicates(&snapshot, name)?;
    Ok(snapshot)
}

fn not_readable(name: &str, error: &str) -> Failure {
    Failure::new(format!("`{name}` cannot be imported: {error}"))
        .hint("`homelab-mcp inventory export` shows the form that is expected")
}

/// Writes an inventory.
pub(crate) fn render(
    snapshot: &Snapshot,
    format: Format,
    entity: Option<Entity>,
) -> Result<String> {
    match format {
        Format::Yaml => serde_saphyr::to_string(snapshot).context("writing YAML"),
        Format::Json => {
            let mut text = serde_json::to_string_pretty(snapshot)?;
            text.push('\n');
            Ok(text)
        }
        Format::Csv => {
            let Some(entity) = entity else {
                return Err(Failure::usage("a CSV file holds records of one kind")
                    .hint(format!("say which with `--entity`: {}", Entity::names()))
                    .into());
            };
            self::csv::write(snapshot, entity)
        }
    }
}

/// Two records of one name would silently become one.
fn refuse_duplicates(snapshot: &Snapshot, name: &str) -> Result<()> {
    fn among<R: Record>(records: &[R], name: &str) -> Result<()> {
        let mut seen = BTreeMap::new();
        for (index, record) in records.iter().enumerate() {
            let key = record.key();
            if let Some(first) = seen.insert(key.to_lowercase(), index) {
                return Err(Failure::new(format!(
                    "`{name}` holds two records `{key}` in {}: number {} and number {}",
                    R::ENTITY,
                    first + 1,
                    index + 1
                ))
                .hint("names are compared without case; remove or rename one of them")
                .into());
            }
        }
        Ok(())
    }
    among(&snapshot.proxmox_hosts, name)?;
    among(&snapshot.virtual_machines, name)?;
    among(&snapshot.devices, name)?;
    among(&snapshot.test_equipment, name)?;
    among(&snapshot.services, name)?;
    among(&snapshot.networks, name)?;
    among(&snapshot.network_config, name)?;
    among(&snapshot.firewall_rules, name)
}

/// Leaves out what only this database knows, so that files compare and travel well.
pub(crate) fn portable(mut snapshot: Snapshot) -> Snapshot {
    fn strip<R: Record>(records: &mut [R]) {
        for record in records {
            record.set_id(String::new());
            record.set_updated_at(None);
        }
    }
    strip(&mut snapshot.proxmox_hosts);
    strip(&mut snapshot.virtual_machines);
    strip(&mut snapshot.devices);
    strip(&mut snapshot.test_equipment);
    strip(&mut snapshot.services);
    strip(&mut snapshot.networks);
    strip(&mut snapshot.network_config);
    strip(&mut snapshot.firewall_rules);
    snapshot
}

#[cfg(test)]
mod tests {
    use homelab_lab::demo;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_format_gives_back_what_it_was_given() {
        let before = portable(demo::inventory());

        for format in [Format::Yaml, Format::Json] {
            let text = render(&before, format, None).unwrap();
            assert_eq!(
                parse(&text, format, None, "f").unwrap(),
                before,
                "{format:?}"
            );
        }
        let mut after = Snapshot::default();
        for entity in Entity::value_variants() {
            let text = render(&before, Format::Csv, Some(*entity)).unwrap();
            let part = parse(&text, Format::Csv, Some(*entity), "f").unwrap();
            entity.join(&mut after, part);
        }
        assert_eq!(after, before);
    }

    #[test]
    fn two_records_of_one_name_are_refused() {
        let text = "devices:\n- name: NAS\n- name: nas\n";

        let error = parse(text, Format::Yaml, None, "lab.yaml").unwrap_err();

        assert_eq!(
            error.to_string(),
            "`lab.yaml` holds two records `nas` in devices: number 1 and number 2"
        );
    }

    #[test]
    fn an_empty_yaml_file_is_an_empty_inventory() {
        assert!(parse("\n", Format::Yaml, None, "f").unwrap().is_empty());
    }

    proptest! {
        #[test]
        fn texts_of_any_kind_survive_every_format(
            name in "[a-z]{1,8}",
            notes in proptest::option::of("[ -~\n\t\u{e4}\u{1f600}]{1,40}"),
            tags in proptest::collection::vec("[ -~]{1,12}", 0..4),
            metadata in proptest::collection::btree_map("[a-z.]{1,6}", "[ -~]{1,12}", 0..3),
        ) {
            let mut device = demo::inventory().devices.remove(0);
            device.name = name;
            device.notes = notes;
            device.tags = tags;
            device.metadata = metadata;
            let before = Snapshot { devices: vec![device], ..Snapshot::default() };
            let before = portable(before);

            for format in [Format::Yaml, Format::Json, Format::Csv] {
                let text = render(&before, format, Some(Entity::Devices)).unwrap();
                let after = parse(&text, format, Some(Entity::Devices), "f").unwrap();
                prop_assert_eq!(&after, &before, "{:?}: {}", format, text);
            }
        }
    }
}

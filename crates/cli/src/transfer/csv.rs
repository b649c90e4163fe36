//! CSV: one kind of record, one column for each field, in the spelling of the fields' names.

use anyhow::{Context as _, Result};
use csv::{ReaderBuilder, StringRecord, Trim, Writer};
use homelab_core::inventory::{Record, Snapshot};
use schemars::JsonSchema;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use thiserror::Error;

use super::entity::{Alone, Entity, with_records};
use super::fields::{FieldError, check_name, known, record_of, text};

/// What is wrong with a CSV file, and where.
#[derive(Debug, Error)]
pub(crate) enum CsvError {
    /// The first line.
    #[error("the heading of column {column}: {problem}")]
    Heading {
        /// Counted from 1.
        column: usize,
        /// What is wrong.
        problem: FieldError,
    },
    /// One cell.
    #[error("line {line}, column {problem}")]
    Cell {
        /// Line of the file.
        line: u64,
        /// What is wrong.
        problem: FieldError,
    },
    /// The file's shape.
    #[error("line {line}: {found} cells, and the heading has {expected}")]
    Length {
        /// Line of the file.
        line: u64,
        /// Cells found.
        found: u64,
        /// Cells expected.
        expected: u64,
    },
    /// Not CSV, or not UTF-8.
    #[error("not CSV: {0}")]
    Shape(String),
}

/// Reads records of one kind.
pub(crate) fn read(text: &str, entity: Entity) -> Result<Snapshot, CsvError> {
    fn list<R: Record + DeserializeOwned + JsonSchema + Alone>(
        _: Vec<R>,
        text: &str,
    ) -> Result<Snapshot, CsvError> {
        records::<R>(text).map(R::alone)
    }
    with_records!(entity, Snapshot::default(), none => list(none, text))
}

fn records<R: Record + DeserializeOwned + JsonSchema>(text: &str) -> Result<Vec<R>, CsvError> {
    let known = known::<R>();
    let mut reader = ReaderBuilder::new()
        .trim(Trim::Headers)
        .delimiter(delimiter(text))
        .from_reader(text.as_bytes());
    let headings = reader.headers().map_err(|error| shape(&error))?.clone();
    for (index, name) in headings.iter().enumerate() {
        check_name(&known, name).map_err(|problem| CsvError::Heading {
            column: index + 1,
            problem,
        })?;
    }
    let mut records = Vec::new();
    let mut row = StringRecord::new();
    while reader
        .read_record(&mut row)
        .map_err(|error| shape(&error))?
    {
        if row.iter().all(str::is_empty) {
            continue;
        }
        let line = row.position().map_or(0, csv::Position::line);
        let record = record_of(&known, headings.iter().zip(&row))
            .map_err(|problem| CsvError::Cell { line, problem })?;
        records.push(record);
    }
    Ok(records)
}

/// Some spreadsheets separate by `;`, depending on their language.
fn delimiter(text: &str) -> u8 {
    let heading = text.lines().next().unwrap_or_default();
    let count = |letter| heading.matches(letter).count();
    if count(';') > count(',') { b';' } else { b',' }
}

fn shape(error: &csv::Error) -> CsvError {
    match error.kind() {
        csv::ErrorKind::UnequalLengths {
            pos,
            expected_len,
            len,
        } => CsvError::Length {
            line: pos.as_ref().map_or(0, csv::Position::line),
            found: *len,
            expected: *expected_len,
        },
        _ => CsvError::Shape(error.to_string()),
    }
}

/// Writes records of one kind: the columns that any of them uses, in the fields' order.
pub(crate) fn write(snapshot: &Snapshot, entity: Entity) -> Result<String> {
    with_records!(entity, snapshot.clone(), records => rows(&records))
}

fn rows<R: Record + Serialize + JsonSchema>(records: &[R]) -> Result<String> {
    let rows: Vec<Map<String, Value>> = records
        .iter()
        .map(|record| match serde_json::to_value(record) {
            Ok(Value::Object(members)) => Ok(members),
            Ok(_) => Ok(Map::new()),
            Err(error) => Err(error),
        })
        .collect::<Result<_, _>>()?;
    let columns: Vec<String> = known::<R>()
        .into_iter()
        .map(|(name, _)| name)
        .filter(|name| rows.is_empty() || rows.iter().any(|row| row.contains_key(name)))
        .filter(|name| !rows.is_empty() || (name != "id" && name != "updated_at"))
        .collect();
    let mut writer = Writer::from_writer(Vec::new());
    writer.write_record(&columns)?;
    for row in &rows {
        writer.write_record(
            columns
                .iter()
                .map(|name| row.get(name).map_or_else(String::new, text)),
        )?;
    }
    let bytes = writer.into_inner().context("writing CSV")?;
    String::from_utf8(bytes).context("writing CSV")
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[test]
    fn a_spreadsheet_becomes_records() {
        let text = "name,ip,tags,metadata.rack,enabled\n";
        let error = read(text, Entity::Devices).unwrap_err();
        assert!(
            error
                .to_string()
                .starts_with("the heading of column 5: enabled:"),
            "{error}"
        );

        let text = "name,ip,tags,metadata.rack\nnas,192.0.2.010,,\n";
        let error = read(text, Entity::Devices).unwrap_err();
        assert_eq!(
            error.to_string(),
            "line 2, column ip: `192.0.2.010` is not an IP address"
        );

        let text =
            "name,ip,tags,metadata.rack,status\nnas,2001:DB8::1,\"a; b\",r1,Online\n\nups,,,,\n";
        let snapshot = read(text, Entity::Devices).unwrap();
        assert_eq!(snapshot.devices.len(), 2);
        let nas = &snapshot.devices[0];
        assert_eq!(nas.ip.unwrap().to_string(), "2001:db8::1");
        assert_eq!(nas.tags, ["a", "b"]);
        assert_eq!(nas.metadata["rack"], "r1");
    }

    #[rstest]
    #[case(
        Entity::Devices,
        "nam\nx\n",
        "the heading of column 1: nam: there is no such field; did you mean `name`?"
    )]
    #[case(
        Entity::Devices,
        "name,ip\nnas\n",
        "line 2: 1 cells, and the heading has 2"
    )]
    #[case(
        Entity::Devices,
        "ip\n192.0.2.1\n",
        "line 2, column name: this field is required"
    )]
    #[case(
        Entity::Networks,
        "name,vlan_id\nlan,x\n",
        "line 2, column vlan_id: `x` is not a whole number"
    )]
    #[case(
        Entity::Networks,
        "name,vlan_id\nlan,5000\n",
        "line 2, column vlan_id: `5000` is out of range: a whole number from 1 to 4094"
    )]
    #[case(
        Entity::Rules,
        "name,action,enabled\na,allow,maybe\n",
        "line 2, column enabled: `maybe` is neither true nor false"
    )]
    #[case(
        Entity::Services,
        "service_name,port\na,70000\n",
        "line 2, column port: `70000` is out of range: a whole number from 0 to 65535"
    )]
    fn what_is_wrong_is_named_with_its_place(
        #[case] entity: Entity,
        #[case] text: &str,
        #[case] message: &str,
    ) {
        assert_eq!(read(text, entity).unwrap_err().to_string(), message);
    }

    #[test]
    fn a_semicolon_separates_too() {
        let snapshot = read("name;ip\nnas;192.0.2.1\n", Entity::Devices).unwrap();

        assert_eq!(snapshot.devices[0].ip.unwrap().to_string(), "192.0.2.1");
    }
}

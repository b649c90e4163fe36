//! What engines send. Tolerant: what is missing or `null` is empty, unknown members are ignored,
//! because Podman and six years of Docker differ.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer};
use serde_json::Value;

mod container;
mod image;
mod system;

#[cfg(test)]
pub(crate) use container::Health;
pub(crate) use container::{
    Attached, Changed, Created, ExecCreated, ExecState, FileChange, HostConfig, Inspect, Mount,
    Networks, Port, State, Stats, Summary, Top,
};
pub(crate) use image::{
    Distribution, HistoryItem, ImageInspect, ImageRemoved, ImageSummary, Pruned, TransferLine,
};
pub(crate) use system::{DiskUsage, Event, Info, Network, Subnet, Version, Volume, VolumeList};

/// Labels, options, and other texts by name.
pub(crate) type Texts = BTreeMap<String, String>;

/// `null` as the default.
pub(crate) fn nullable<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(
    deserializer: D,
) -> Result<T, D::Error> {
    Option::<T>::deserialize(deserializer).map(Option::unwrap_or_default)
}

/// A text, or nothing where it is empty: engines write `""` for "not set".
pub(crate) fn filled(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}

/// A number that engines set to zero or less where there is none.
pub(crate) fn positive(number: i64) -> Option<u64> {
    u64::try_from(number).ok().filter(|number| *number > 0)
}

/// The text of a value for people: as it is, or as JSON.
pub(crate) fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

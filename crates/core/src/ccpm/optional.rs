//! Shapes that serde has no attribute for.

/// A field that may be absent (leave it), null (clear it) or a value (set it).
#[expect(
    clippy::option_option,
    clippy::ref_option,
    reason = "absent and null are two things, and serde hands over the field as it is"
)]
pub(super) mod clearable {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(crate) fn deserialize<'de, D, T>(deserializer: D) -> Result<Option<Option<T>>, D::Error>
    where
        D: Deserializer<'de>,
        T: Deserialize<'de>,
    {
        Option::<T>::deserialize(deserializer).map(Some)
    }

    pub(crate) fn serialize<S, T>(value: &Option<Option<T>>, to: S) -> Result<S::Ok, S::Error>
    where
        S: Serializer,
        T: Serialize,
    {
        value.as_ref().and_then(Option::as_ref).serialize(to)
    }
}

/// A list that travels in a query as one text with commas.
pub(super) mod commas {
    use serde::{Deserialize, Deserializer, Serializer};

    use crate::ccpm::{Choice, Foreign, TaskStatus};

    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Either {
        Text(String),
        List(Vec<TaskStatus>),
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Vec<TaskStatus>, D::Error> {
        Ok(match Either::deserialize(deserializer)? {
            Either::List(list) => list,
            Either::Text(text) => text
                .split(',')
                .map(str::trim)
                .filter(|part| !part.is_empty())
                .map(|part| {
                    TaskStatus::parse(part)
                        .unwrap_or_else(|| TaskStatus::Foreign(Foreign::new(part)))
                })
                .collect(),
        })
    }

    #[expect(clippy::ptr_arg, reason = "serde hands over the field as it is")]
    pub(crate) fn serialize<S: Serializer>(
        list: &Vec<TaskStatus>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        let texts: Vec<&str> = list.iter().map(Choice::as_str).collect();
        serializer.serialize_str(&texts.join(","))
    }
}

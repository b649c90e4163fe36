//! The kinds of objects: this is the contract table.

mod dcim;
mod ipam;
mod organisation;
mod ports;
mod virtualization;

pub(super) use ports::PORTS;

use super::model::Model;

/// All kinds.
pub(super) fn all() -> impl Iterator<Item = &'static Model> {
    organisation::MODELS
        .iter()
        .chain(dcim::MODELS)
        .chain(ports::MODELS)
        .chain(ipam::MODELS)
        .chain(virtualization::MODELS)
}

/// The kind at this path below `/api/`.
pub(super) fn at(path: &str) -> Option<&'static Model> {
    all().find(|model| model.path == path)
}

/// The kind of this content type.
///
/// # Panics
/// If a table names a kind that is not there.
pub(super) fn of(kind: &str) -> &'static Model {
    let found = known(kind);
    found.unwrap_or_else(|| panic!("the tables name `{kind}`, which they do not have"))
}

/// The kind of this content type, which a client named.
pub(super) fn known(kind: &str) -> Option<&'static Model> {
    all().find(|model| model.kind == kind)
}

#[cfg(test)]
mod tests {
    use super::super::model::{Test, Type};
    use super::*;

    #[test]
    fn every_reference_names_a_kind() {
        for model in all() {
            for field in model.fields {
                match field.kind {
                    Type::Ref(kind, _) | Type::Refs(kind) => {
                        assert!(known(kind).is_some(), "{}.{}", model.kind, field.name);
                    }
                    Type::KindOf(kinds) => {
                        for kind in kinds {
                            assert!(known(kind).is_some(), "{}.{}", model.kind, field.name);
                        }
                    }
                    _ => {}
                }
            }
            for filter in model.filters {
                if let Test::Through(path, target) = filter.test {
                    assert!(
                        !path.is_empty() && known(target).is_some(),
                        "{}",
                        filter.name
                    );
                }
            }
        }
    }

    #[test]
    fn every_brief_field_is_one_of_the_kinds() {
        for model in all() {
            for name in model.brief {
                let computed = model.computed.iter().any(|one| one.name == *name);
                let known = computed || model.has(name) || *name == "created";
                assert!(known, "{}.{name}", model.kind);
            }
        }
    }
}

//! Which stored record each given one replaces. Pure.

use std::collections::{HashMap, HashSet};

use homelab_core::store::{StoreError, StoreResult};

use crate::table::Stored;

/// What is to be written.
#[derive(Debug)]
pub(super) struct Plan<R> {
    /// Records to write, each with its id.
    pub(super) write: Vec<Keyed<R>>,
    /// Ids whose key changes: freed first, so that two records can swap their names.
    pub(super) parked: Vec<String>,
    /// How many of `write` are new.
    pub(super) created: u64,
    /// How many records are stored like this already.
    pub(super) unchanged: u64,
    /// Id of each given record, in the order given.
    pub(super) ids: Vec<String>,
}

/// A record with its sort key and the ids of the records that it names, by column.
#[derive(Debug)]
pub(super) struct Keyed<R> {
    pub(super) record: R,
    pub(super) sort_key: String,
    pub(super) references: Vec<(&'static str, String)>,
}

/// Matches records to the `existing` ones of the same id or sort key. The id goes first; a record
/// without a known id replaces the one of the same key and takes its id.
pub(super) fn plan<R: Stored>(
    records: Vec<Keyed<R>>,
    existing: Vec<R>,
    new_id: &dyn Fn() -> String,
) -> StoreResult<Plan<R>> {
    refuse_twins(&records)?;
    let mut held: HashMap<String, String> = HashMap::new();
    let mut stored: HashMap<String, R> = HashMap::new();
    for mut record in existing {
        record.set_updated_at(None);
        if let Some(sort_key) = R::sort_key(&record.key()) {
            held.insert(sort_key, record.id().to_owned());
        }
        stored.insert(record.id().to_owned(), record);
    }
    let claimed: HashSet<String> = records
        .iter()
        .filter(|given| stored.contains_key(given.record.id()))
        .map(|given| given.record.id().to_owned())
        .collect();

    let mut plan = Plan {
        write: Vec::new(),
        parked: Vec::new(),
        created: 0,
        unchanged: 0,
        ids: Vec::with_capacity(records.len()),
    };
    for mut given in records {
        let holder = held.get(&given.sort_key);
        let free = holder.filter(|id| !claimed.contains(*id));
        if stored.contains_key(given.record.id()) {
            // The key's holder keeps it, so this record cannot take it.
            if free.is_some() {
                return Err(conflict(&given.record));
            }
        } else if let Some(id) = free {
            given.record.set_id(id.clone());
        } else if given.record.id().is_empty() {
            given.record.set_id(new_id());
        }
        given.record.set_updated_at(None);
        plan.ids.push(given.record.id().to_owned());
        match stored.get(given.record.id()) {
            Some(before) if *before == given.record => {
                plan.unchanged += 1;
                continue;
            }
            Some(_) if holder.is_none_or(|id| id != given.record.id()) => {
                plan.parked.push(given.record.id().to_owned());
            }
            Some(_) => {}
            None => plan.created += 1,
        }
        plan.write.push(given);
    }
    Ok(plan)
}

/// Two given records may not share a key or an id.
fn refuse_twins<R: Stored>(records: &[Keyed<R>]) -> StoreResult<()> {
    let mut keys = HashSet::new();
    let mut ids = HashSet::new();
    for given in records {
        if !keys.insert(&given.sort_key) {
            return Err(conflict(&given.record));
        }
        if !given.record.id().is_empty() && !ids.insert(given.record.id()) {
            return Err(StoreError::Conflict {
                entity: R::ENTITY,
                field: "id",
                value: given.record.id().to_owned(),
            });
        }
    }
    Ok(())
}

fn conflict<R: Stored>(record: &R) -> StoreError {
    StoreError::Conflict {
        entity: R::ENTITY,
        field: R::KEY,
        value: record.key(),
    }
}

#[cfg(test)]
mod tests {
    use homelab_core::inventory::Host;

    use super::*;

    fn host(id: &str, name: &str) -> Host {
        serde_json::from_value(serde_json::json!({ "id": id, "node_name": name })).unwrap()
    }

    fn keyed(id: &str, name: &str) -> Keyed<Host> {
        Keyed {
            record: host(id, name),
            sort_key: Host::sort_key(name).unwrap(),
            references: Vec::new(),
        }
    }

    fn ids(records: Vec<Keyed<Host>>, existing: Vec<Host>) -> StoreResult<Vec<String>> {
        plan(records, existing, &|| "new".into()).map(|plan| plan.ids)
    }

    #[test]
    fn the_id_goes_before_the_name_and_the_name_without_case() {
        let existing = || vec![host("1", "pve1"), host("2", "pve2")];

        assert_eq!(ids(vec![keyed("", "PVE2")], existing()).unwrap(), ["2"]);
        assert_eq!(ids(vec![keyed("1", "pve9")], existing()).unwrap(), ["1"]);
        assert_eq!(ids(vec![keyed("7", "pve9")], existing()).unwrap(), ["7"]);
        assert_eq!(ids(vec![keyed("", "pve9")], existing()).unwrap(), ["new"]);
    }

    #[test]
    fn a_name_that_another_record_keeps_is_a_conflict() {
        let existing = vec![host("1", "pve1"), host("2", "pve2")];

        let refused = ids(vec![keyed("1", "PVE2")], existing);

        assert!(matches!(refused, Err(StoreError::Conflict { value, .. }) if value == "PVE2"));
    }

    #[test]
    fn two_records_may_swap_their_names() {
        let existing = vec![host("1", "pve1"), host("2", "pve2")];

        let plan = plan(
            vec![keyed("1", "pve2"), keyed("2", "pve1")],
            existing,
            &|| unreachable!("both are known"),
        )
        .unwrap();

        assert_eq!(plan.parked, ["1", "2"]);
        assert_eq!(plan.created, 0);
    }

    #[test]
    fn a_name_given_up_in_the_same_import_is_free_for_a_new_record() {
        let existing = vec![host("1", "pve1")];

        let taken = ids(vec![keyed("", "pve1"), keyed("1", "pve9")], existing);

        assert_eq!(taken.unwrap(), ["new", "1"]);
    }

    #[test]
    fn a_change_of_case_alone_is_a_change_but_parks_nothing() {
        let existing = vec![host("1", "pve1")];

        let plan = plan(vec![keyed("", "PVE1")], existing, &|| {
            unreachable!("it is known")
        })
        .unwrap();

        assert_eq!((plan.write.len(), plan.parked.len()), (1, 0));
    }

    #[test]
    fn the_same_name_twice_in_one_import_is_a_conflict() {
        assert!(ids(vec![keyed("", "a"), keyed("", "A")], Vec::new()).is_err());
        assert!(ids(vec![keyed("1", "a"), keyed("1", "b")], Vec::new()).is_err());
    }
}

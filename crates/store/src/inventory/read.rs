//! One record, one page, names that are near.

use homelab_core::inventory::{Device, Record as _, Service};
use homelab_core::net::Ip;
use homelab_core::page::{Page, PageRequest};
use homelab_core::store::{StoreError, StoreResult};

use crate::db::{Arg, Conn};
use crate::shared::Shared;
use crate::table::Stored;
use crate::text::{fold, ip_sort};

/// Names that `near` answers at most.
const NEAR: usize = 5;

/// A record by id or natural key.
pub(super) async fn get<R: Stored>(conn: &mut Conn<'_>, key: &str) -> StoreResult<Option<R>> {
    if key.contains('\0') {
        // PostgreSQL refuses to look for what it cannot store.
        return Ok(None);
    }
    let sort_key = R::sort_key(key);
    let sql = match conn {
        Conn::Point(_) => R::SQL.get_in_turn,
        Conn::Sqlite(_) | Conn::Postgres(_) => R::SQL.get,
    };
    conn.one(
        R::ENTITY,
        sql,
        &[key.into(), sort_key.as_deref().into()],
        R::read,
    )
    .await
}

/// A page of records; `filters` are the statement's arguments from `$3` on.
pub(super) async fn page<R: Stored>(
    shared: &Shared,
    filters: &[Option<&str>],
    request: &PageRequest,
) -> StoreResult<Page<R>> {
    let after = after::<R>(request)?;
    if filters.iter().flatten().any(|filter| unstorable(filter)) {
        return Ok(Page::from_rows(Vec::new(), request, 0, R::key));
    }
    let mut session = shared.db.read().await?;
    let mut conn = session.conn();
    let rows = rows::<R>(&mut conn, filters, after, request.limit + 1).await?;
    let total = match rows.first() {
        Some(row) => row.total,
        None if after.is_empty() => 0,
        // A cursor at the very end: the count comes with any row.
        None => rows_total::<R>(&mut conn, filters).await?,
    };
    let page = Page::from_rows(rows, request, total, |row| row.sort_key.clone());
    Ok(page.map(|row| row.record))
}

/// A page of the services on the device or guest of this folded name. They are few, and found by an
/// index.
pub(super) async fn page_on(
    shared: &Shared,
    place: &str,
    request: &PageRequest,
) -> StoreResult<Page<Service>> {
    let after = after::<Service>(request)?;
    if unstorable(place) {
        return Ok(Page::from_rows(Vec::new(), request, 0, Service::key));
    }
    let mut session = shared.db.point().await?;
    let limit = i64::from(request.limit) + 1;
    let args = [after.into(), limit.into(), place.into()];
    let rows = session
        .conn()
        .all(Service::ENTITY, Service::SQL.page_on, &args, |row| {
            Ok((Service::read(row)?, row.text("sort_key")?))
        })
        .await?;
    let is_all = after.is_empty() && rows.len() <= request.limit as usize;
    let total = if is_all {
        rows.len() as u64
    } else {
        let mut session = shared.db.read().await?;
        rows_total::<Service>(&mut session.conn(), &[Some(place), None]).await?
    };
    let page = Page::from_rows(rows, request, total, |(_, sort_key)| sort_key.clone());
    Ok(page.map(|(service, _)| service))
}

/// The sort key that a page begins behind. None is empty, so everything comes after the empty one.
fn after<R: Stored>(request: &PageRequest) -> StoreResult<&str> {
    let after = request.after.as_deref().unwrap_or_default();
    if unstorable(after) {
        return Err(StoreError::Invalid {
            entity: R::ENTITY,
            field: "cursor",
            detail: "this cursor is not one of ours".into(),
        });
    }
    Ok(after)
}

fn unstorable(text: &str) -> bool {
    text.contains('\0')
}

struct Listed<R> {
    record: R,
    sort_key: String,
    total: u64,
}

async fn rows<R: Stored>(
    conn: &mut Conn<'_>,
    filters: &[Option<&str>],
    after: &str,
    limit: u32,
) -> StoreResult<Vec<Listed<R>>> {
    let mut args: Vec<Arg<'_>> = vec![after.into(), i64::from(limit).into()];
    let sql = if filters.iter().all(Option::is_none) {
        R::SQL.page_of_all
    } else {
        args.extend(filters.iter().map(|filter| Arg::Text(*filter)));
        R::SQL.page
    };
    conn.all(R::ENTITY, sql, &args, |row| {
        Ok(Listed {
            record: R::read(row)?,
            sort_key: row.text("sort_key")?,
            total: row.count("total")?,
        })
    })
    .await
}

async fn rows_total<R: Stored>(conn: &mut Conn<'_>, filters: &[Option<&str>]) -> StoreResult<u64> {
    let first = rows::<R>(conn, filters, "", 1).await?;
    Ok(first.first().map_or(0, |row| row.total))
}

/// Devices with this address.
pub(super) async fn devices_by_ip(shared: &Shared, ip: Ip) -> StoreResult<Vec<Device>> {
    let mut session = shared.db.point().await?;
    let key = ip_sort(ip);
    session
        .conn()
        .all(
            Device::ENTITY,
            Device::SQL.by_ip,
            &[key.as_str().into()],
            Device::read,
        )
        .await
}

/// Names like this one: alphabetical neighbours and the first thousand are looked at, so that a
/// small lab is compared whole and a huge one costs no more.
pub(super) async fn near<R: Stored>(shared: &Shared, key: &str) -> StoreResult<Vec<String>> {
    let wanted = fold(key.trim());
    if wanted.is_empty() || wanted.contains('\0') {
        return Ok(Vec::new());
    }
    let around = R::sort_key(&wanted).unwrap_or_else(|| wanted.clone());
    let mut session = shared.db.read().await?;
    let names = session
        .conn()
        .all(R::ENTITY, R::SQL.near, &[around.as_str().into()], |row| {
            row.text("name")
        })
        .await?;
    Ok(nearest(&wanted, names))
}

/// The names most like `wanted`, best first.
fn nearest(wanted: &str, names: Vec<String>) -> Vec<String> {
    let tolerated = (wanted.chars().count() / 3).max(2);
    let mut near: Vec<(usize, String)> = names
        .into_iter()
        .filter_map(|name| {
            let folded = fold(&name);
            let distance = strsim::osa_distance(wanted, &folded);
            let part = wanted.chars().count() >= 3
                && (folded.contains(wanted) || wanted.contains(folded.as_str()));
            (distance <= tolerated || part).then_some((distance, name))
        })
        .collect();
    near.sort();
    near.truncate(NEAR);
    near.into_iter().map(|(_, name)| name).collect()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("nsa", &["nas"])]
    #[case("printer", &["laser-printer"])]
    #[case("pve-11", &["pve-1", "pve-2"])]
    #[case("zzzzzz", &[])]
    fn near_names_are_typos_and_parts(#[case] wanted: &str, #[case] expected: &[&str]) {
        let names = ["nas", "laser-printer", "pve-1", "pve-2", "router"];

        assert_eq!(nearest(wanted, names.map(String::from).into()), expected);
    }
}

//! Giving out addresses.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use homelab_core::inventory::{Address, Network, Record as _};
use homelab_core::net::{Cidr, Ip};
use homelab_core::store::{Allocation, StoreError, StoreResult};

use super::{read, write};
use crate::db::{Conn, Lock};
use crate::records::bounds;
use crate::shared::Shared;
use crate::text::{fold, ip_from_sort, ip_sort};

/// Who uses which address of a range, by all tables' address indexes.
const USED: &str = "\
    SELECT 'network_config' AS entity, ip_address AS name, sort_key AS ip_sort FROM network_config \
    WHERE sort_key BETWEEN $1 AND $2 UNION ALL \
    SELECT 'devices', name, ip_sort FROM devices WHERE ip_sort BETWEEN $1 AND $2 UNION ALL \
    SELECT 'virtual_machines', name, ip_sort FROM virtual_machines \
    WHERE ip_sort BETWEEN $1 AND $2 UNION ALL \
    SELECT 'proxmox_hosts', node_name, ip_sort FROM proxmox_hosts \
    WHERE ip_sort BETWEEN $1 AND $2 UNION ALL \
    SELECT 'test_equipment', name, ip_sort FROM test_equipment \
    WHERE ip_sort BETWEEN $1 AND $2 UNION ALL \
    SELECT 'services', service_name, ip_sort FROM services \
    WHERE ip_sort BETWEEN $1 AND $2 UNION ALL \
    SELECT 'networks', name, gateway_sort FROM networks WHERE gateway_sort BETWEEN $1 AND $2";

struct Use {
    entity: String,
    name: String,
    ip: Ip,
}

/// Finds or checks an address and stores its record, all under the inventory's lock.
pub(super) async fn allocate(shared: &Shared, wanted: &Allocation) -> StoreResult<Address> {
    let mut tx = shared.db.write(Lock::Inventory).await?;
    let mut conn = tx.conn();
    let network: Network = read::get(&mut conn, &wanted.network)
        .await?
        .ok_or_else(|| StoreError::UnknownReference {
            entity: Network::ENTITY,
            field: "network",
            value: wanted.network.clone(),
        })?;
    let ip = if let Some(ip) = wanted.ip {
        refuse_unfit(wanted.cidr, ip)?;
        refuse_taken(&used(&mut conn, ip, ip).await?, &wanted.record, ip)?;
        ip
    } else {
        let (first, last) = bounds(wanted.cidr);
        let taken = used(&mut conn, first, last).await?;
        let mut excluded: BTreeSet<Ip> = taken.iter().map(|one| one.ip).collect();
        excluded.extend(network.dns.iter().chain(&network.gateway));
        let pool = network.dhcp_start.zip(network.dhcp_end);
        lowest_free(wanted.cidr, &excluded, pool).ok_or_else(|| StoreError::Exhausted {
            network: network.name.clone(),
        })?
    };
    let record = Address {
        id: String::new(),
        ip_address: ip,
        network: Some(network.name),
        ..wanted.record.clone()
    };
    write::save(&mut conn, shared, vec![record]).await?;
    let stored = read::get(&mut conn, &ip.to_string())
        .await?
        .ok_or_else(|| StoreError::Internal("an allocated address vanished".into()))?;
    tx.commit().await?;
    Ok(stored)
}

async fn used(conn: &mut Conn<'_>, first: Ip, last: Ip) -> StoreResult<Vec<Use>> {
    let (first, last) = (ip_sort(first), ip_sort(last));
    conn.all(
        "inventory",
        USED,
        &[first.as_str().into(), last.as_str().into()],
        |row| {
            Ok(Use {
                entity: row.text("entity")?,
                name: row.text("name")?,
                ip: row.known("ip_sort", ip_from_sort)?,
            })
        },
    )
    .await
}

/// A wanted address must be one of the network's hosts.
fn refuse_unfit(cidr: Cidr, ip: Ip) -> StoreResult<()> {
    let detail = if !cidr.contains(ip) {
        format!("`{ip}` is not in {cidr}")
    } else if hosts(cidr).is_none_or(|(first, last)| !(first..=last).contains(&ip)) {
        format!("`{ip}` is the network's own or its broadcast address in {cidr}")
    } else {
        return Ok(());
    };
    Err(StoreError::Invalid {
        entity: Address::ENTITY,
        field: "ip",
        detail,
    })
}

/// A wanted address is free also if the record it is for has it, or a service on that record.
fn refuse_taken(used: &[Use], record: &Address, ip: Ip) -> StoreResult<()> {
    let holder = record.allocated_to.as_deref().map(fold);
    let gateway = record
        .kind
        .as_deref()
        .is_some_and(|kind| fold(kind) == "gateway");
    let taken = used.iter().any(|one| match one.entity.as_str() {
        "network_config" => true,
        "networks" => !gateway,
        "services" => false,
        _ => holder.as_deref() != Some(fold(&one.name).as_str()),
    });
    if taken {
        return Err(StoreError::Conflict {
            entity: Address::ENTITY,
            field: "ip",
            value: ip.to_string(),
        });
    }
    Ok(())
}

/// The first and last address that a host may have: without the network's own and, in IPv4, its
/// broadcast address, except in point-to-point networks (RFC 3021, RFC 6164).
fn hosts(cidr: Cidr) -> Option<(Ip, Ip)> {
    let (first, last) = bounds(cidr);
    let spare = cidr.0.max_prefix_len() - cidr.0.prefix_len();
    if spare < 2 {
        return Some((first, last));
    }
    let last = if first.0.is_ipv4() {
        at(last, number(last) - 1)
    } else {
        Some(last)
    };
    Some((at(first, number(first) + 1)?, last?))
}

/// The lowest host address that is neither excluded nor in the pool. Steps over whole ranges, so a
/// /64 costs no more than what is used of it.
fn lowest_free(cidr: Cidr, excluded: &BTreeSet<Ip>, pool: Option<(Ip, Ip)>) -> Option<Ip> {
    let (mut candidate, last) = hosts(cidr)?;
    loop {
        if candidate > last {
            return None;
        }
        let next = match pool {
            Some((start, end)) if (start..=end).contains(&candidate) => end,
            _ if excluded.contains(&candidate) => candidate,
            _ => return Some(candidate),
        };
        candidate = at(next, number(next).checked_add(1)?)?;
    }
}

fn number(ip: Ip) -> u128 {
    match ip.0 {
        IpAddr::V4(address) => u128::from(address.to_bits()),
        IpAddr::V6(address) => address.to_bits(),
    }
}

/// The address of this number in the family of `like`.
fn at(like: Ip, number: u128) -> Option<Ip> {
    Some(Ip(match like.0 {
        IpAddr::V4(_) => Ipv4Addr::from_bits(u32::try_from(number).ok()?).into(),
        IpAddr::V6(_) => Ipv6Addr::from_bits(number).into(),
    }))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    fn ips(texts: &[&str]) -> BTreeSet<Ip> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    #[rstest]
    #[case("192.0.2.0/24", &[], Some("192.0.2.1"))]
    #[case("192.0.2.0/24", &["192.0.2.1", "192.0.2.3"], Some("192.0.2.2"))]
    #[case("192.0.2.0/30", &["192.0.2.1", "192.0.2.2"], None)]
    #[case("192.0.2.0/31", &["192.0.2.0"], Some("192.0.2.1"))]
    #[case("192.0.2.7/32", &[], Some("192.0.2.7"))]
    #[case("255.255.255.255/32", &["255.255.255.255"], None)]
    #[case("2001:db8::/64", &["2001:db8::1"], Some("2001:db8::2"))]
    fn the_lowest_address_that_nobody_has(
        #[case] cidr: &str,
        #[case] excluded: &[&str],
        #[case] expected: Option<&str>,
    ) {
        let free = lowest_free(cidr.parse().unwrap(), &ips(excluded), None);

        assert_eq!(free, expected.map(|text| text.parse().unwrap()));
    }

    #[rstest]
    #[case("192.0.2.0/24", "192.0.2.0", false)]
    #[case("192.0.2.0/24", "192.0.2.255", false)]
    #[case("192.0.2.0/24", "198.51.100.1", false)]
    #[case("192.0.2.0/24", "192.0.2.254", true)]
    #[case("2001:db8::/64", "2001:db8::ffff", true)]
    #[case("2001:db8::/64", "2001:db8::", false)]
    fn only_addresses_of_hosts_are_given_out(
        #[case] cidr: &str,
        #[case] ip: &str,
        #[case] fit: bool,
    ) {
        let refused = refuse_unfit(cidr.parse().unwrap(), ip.parse().unwrap());

        assert_eq!(refused.is_ok(), fit);
    }

    proptest! {
        #[test]
        fn what_is_found_is_free_and_nothing_lower_is(
            last_bytes in prop::collection::btree_set(any::<u8>(), 0..256), start: u8, end: u8,
        ) {
            let cidr: Cidr = "192.0.2.0/24".parse().unwrap();
            let ip = |last: u8| Ip(Ipv4Addr::new(192, 0, 2, last).into());
            let excluded: BTreeSet<Ip> = last_bytes.iter().map(|last| ip(*last)).collect();
            let usable = (1..=254).find(|last| {
                !last_bytes.contains(last) && !(start..=end).contains(last)
            });

            let free = lowest_free(cidr, &excluded, Some((ip(start), ip(end))));

            prop_assert_eq!(free, usable.map(ip));
        }
    }
}

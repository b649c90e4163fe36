//! 100,000 devices: how long the import takes, and a lookup by address inside the process.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use homelab_core::clock::{OsEntropy, SystemClock};
use homelab_core::net::Ip;
use homelab_store::{Database, Target};

use super::compare::verdict;
use super::lab::{DEVICES, Lab, device_address};
use crate::say;

/// Longest import.
const IMPORT: Duration = Duration::from_secs(30);
/// Longest lookup.
const LOOKUP: Duration = Duration::from_millis(1);
/// Lookups that are timed.
const LOOKUPS: u32 = 10_000;

/// Imports into the lab and looks up, and prints both.
pub(crate) fn report(lab: &Lab) -> anyhow::Result<()> {
    let file = lab.write_devices()?;
    let file = file.to_str().context("a UTF-8 path")?;
    let started = Instant::now();
    lab.run(&["inventory", "import", "--entity", "devices", file])?;
    let import = started.elapsed();

    let mut latencies = lookups(lab)?;
    latencies.sort_unstable();
    let at = |percent: usize| latencies[(latencies.len() - 1) * percent / 100];
    let (p50, p99, worst) = (at(50), at(99), at(100));

    say(&format!(
        "import of {DEVICES} devices: {import:.1?} {} (budget {IMPORT:?})",
        verdict(import < IMPORT)
    ))?;
    say(&format!(
        "lookup by address: p50 {p50:.0?}, p99 {p99:.0?}, worst {worst:.0?} {} (budget {LOOKUP:?})",
        verdict(p99 < LOOKUP)
    ))
}

/// One after the other, over the whole table in no order that a cache would like.
fn lookups(lab: &Lab) -> anyhow::Result<Vec<Duration>> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let target = Target::Sqlite {
            path: lab.database(),
        };
        let database = Database::open(&target, Arc::new(SystemClock), Arc::new(OsEntropy)).await?;
        let inventory = database.stores().inventory;
        let mut latencies = Vec::new();
        for step in 0..LOOKUPS {
            let number = step.wrapping_mul(7_919) % DEVICES;
            let address: Ip = device_address(number).parse().map_err(anyhow::Error::msg)?;
            let started = Instant::now();
            let found = inventory.lookup_ip(address).await?;
            latencies.push(started.elapsed());
            ensure!(found.len() == 1, "device {number}: {found:?}");
        }
        database.close().await;
        Ok(latencies)
    })
}

//! One script that gathers everything in a single round trip, and the reader of what it prints.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;

/// What the shell of the host runs. It is a constant: nothing of a call is ever put into it. Each
/// part may fail on its own, and is empty then; what may hang (a lost network drive) has 8 s.
pub(crate) const SCRIPT: &str = r#"LC_ALL=C; export LC_ALL
part() { printf '\n@@homelab %s\n' "$1"; }
if command -v timeout >/dev/null 2>&1; then limit() { timeout 8 "$@"; }; else limit() { "$@"; }; fi
part name; uname -n
part kernel; uname -srm
part os; cat /etc/os-release 2>/dev/null
part uptime; cat /proc/uptime 2>/dev/null
part load; cat /proc/loadavg 2>/dev/null
part cpus; nproc 2>/dev/null
part memory; cat /proc/meminfo 2>/dev/null
part disks; limit df -PkT -x tmpfs -x devtmpfs -x squashfs -x overlay -x efivarfs 2>/dev/null || limit df -Pk 2>/dev/null
part temperatures
for zone in /sys/class/thermal/thermal_zone*; do
  [ -r "$zone/temp" ] && printf '%s\t%s\n' "$(cat "$zone/type" 2>/dev/null)" "$(cat "$zone/temp" 2>/dev/null)"
done
for chip in /sys/class/hwmon/hwmon*; do
  for input in "$chip"/temp*_input; do
    [ -r "$input" ] || continue
    label=$(cat "${input%_input}_label" 2>/dev/null)
    printf '%s\t%s\n' "$(cat "$chip/name" 2>/dev/null) $label" "$(cat "$input" 2>/dev/null)"
  done
done
part failed; systemctl list-units --failed --plain --no-legend --no-pager 2>/dev/null && echo @ok
part updates
if command -v apt-get >/dev/null 2>&1; then
  echo @apt; limit apt-get -s -q -o Debug::NoLocking=1 upgrade 2>/dev/null | grep '^Inst ' && true
elif command -v dnf >/dev/null 2>&1; then
  echo @dnf; limit dnf -q -C check-update 2>/dev/null
elif command -v apk >/dev/null 2>&1; then
  echo @apk; apk version -q -l '<' 2>/dev/null
elif command -v pacman >/dev/null 2>&1; then
  echo @pacman; pacman -Qu 2>/dev/null
fi
part reboot; [ -e /run/reboot-required ] && echo yes
part end
"#;

/// What begins each part.
const MARK: &str = "@@homelab ";
/// Names of packages that are told; of more only the number.
const MOST_PACKAGES: usize = 25;

/// How a host is.
#[derive(Debug, Clone, Default, PartialEq, Serialize, JsonSchema)]
pub(crate) struct Status {
    /// Its own name for itself.
    pub(crate) hostname: Option<String>,
    /// Distribution and its version.
    pub(crate) os: Option<String>,
    /// Kernel, its release and the machine's architecture.
    pub(crate) kernel: Option<String>,
    /// Seconds since it was started.
    pub(crate) uptime_seconds: Option<u64>,
    /// Processors.
    pub(crate) cpus: Option<u64>,
    /// Average load over 1, 5 and 15 minutes.
    pub(crate) load: Vec<f64>,
    /// Its memory.
    pub(crate) memory: Option<Memory>,
    /// Its file systems, the fullest first.
    pub(crate) disks: Vec<Disk>,
    /// Its temperatures, the hottest first.
    pub(crate) temperatures: Vec<Temperature>,
    /// Units of systemd that failed; absent where there is no systemd.
    pub(crate) failed_units: Option<Vec<String>>,
    /// Updates that wait, by the package lists it has; absent where that cannot be told.
    pub(crate) updates: Option<Updates>,
    /// Whether an update waits for a restart.
    pub(crate) reboot_required: bool,
    /// What deserves attention, in words.
    pub(crate) warnings: Vec<String>,
}

/// Memory.
#[expect(clippy::struct_field_names, reason = "the unit belongs into the name")]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub(crate) struct Memory {
    /// All of it.
    pub(crate) total_mib: u64,
    /// What programs could still get.
    pub(crate) available_mib: u64,
    /// Swap space.
    pub(crate) swap_total_mib: u64,
    /// Swap space in use.
    pub(crate) swap_used_mib: u64,
}

/// A file system.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub(crate) struct Disk {
    /// Where it is mounted.
    pub(crate) mount: String,
    /// What is mounted there.
    pub(crate) device: String,
    /// Its kind, where it is told.
    pub(crate) kind: Option<String>,
    /// Size in MiB.
    pub(crate) size_mib: u64,
    /// In use, in MiB.
    pub(crate) used_mib: u64,
    /// In use, in percent.
    pub(crate) used_percent: u64,
}

/// A temperature.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub(crate) struct Temperature {
    /// Where it is measured.
    pub(crate) sensor: String,
    /// In °C.
    pub(crate) celsius: f64,
}

/// Updates that wait.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub(crate) struct Updates {
    /// Which package manager says so.
    pub(crate) manager: String,
    /// How many.
    pub(crate) pending: usize,
    /// The first of them.
    pub(crate) packages: Vec<String>,
}

/// Reads what [`SCRIPT`] printed; `None` if that did not run to its end.
pub(crate) fn read(printed: &str) -> Option<Status> {
    let parts = parts(printed);
    parts.get("end")?;
    let part = |name: &str| parts.get(name).map_or("", String::as_str);
    let line = |name: &str| {
        let first = part(name).lines().find(|line| !line.trim().is_empty())?;
        Some(first.trim().to_owned())
    };
    let mut status = Status {
        hostname: line("name"),
        os: os_name(part("os")),
        kernel: line("kernel"),
        uptime_seconds: line("uptime").and_then(|text| whole_seconds(&text)),
        cpus: line("cpus").and_then(|text| text.parse().ok()),
        load: load(part("load")),
        memory: memory(part("memory")),
        disks: disks(part("disks")),
        temperatures: temperatures(part("temperatures")),
        failed_units: failed_units(part("failed")),
        updates: updates(part("updates")),
        reboot_required: line("reboot").as_deref() == Some("yes"),
        warnings: Vec::new(),
    };
    status.warnings = warnings(&status);
    Some(status)
}

fn parts(printed: &str) -> BTreeMap<String, String> {
    let mut parts = BTreeMap::new();
    let mut name = String::new();
    for line in printed.lines() {
        if let Some(next) = line.strip_prefix(MARK) {
            next.trim().clone_into(&mut name);
            parts.entry(name.clone()).or_insert_with(String::new);
        } else if let Some(text) = parts.get_mut(&name) {
            text.push_str(line);
            text.push('\n');
        }
    }
    parts
}

fn os_name(release: &str) -> Option<String> {
    let value = release
        .lines()
        .find_map(|line| line.strip_prefix("PRETTY_NAME="))?;
    Some(value.trim().trim_matches(['"', '\'']).to_owned())
}

fn whole_seconds(text: &str) -> Option<u64> {
    text.split(['.', ' ']).next()?.parse().ok()
}

fn load(text: &str) -> Vec<f64> {
    let numbers = text.split_whitespace().take(3);
    numbers.map_while(|word| word.parse().ok()).collect()
}

fn memory(text: &str) -> Option<Memory> {
    let mib = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name))?;
        let kib: u64 = line
            .trim_start_matches(':')
            .split_whitespace()
            .next()?
            .parse()
            .ok()?;
        Some(kib / 1024)
    };
    let (swap_total_mib, swap_free) = (mib("SwapTotal").unwrap_or(0), mib("SwapFree").unwrap_or(0));
    Some(Memory {
        total_mib: mib("MemTotal")?,
        available_mib: mib("MemAvailable").or_else(|| mib("MemFree"))?,
        swap_total_mib,
        swap_used_mib: swap_total_mib.saturating_sub(swap_free),
    })
}

/// `df -P`, with or without a column for the kind. Only the last column may hold spaces.
fn disks(text: &str) -> Vec<Disk> {
    let mut lines = text.lines();
    let typed = lines.next().is_some_and(|head| head.contains("Type"));
    let mut disks: Vec<Disk> = lines
        .filter_map(|line| {
            let mut columns = line.split_whitespace();
            let device = columns.next()?.to_owned();
            let kind = if typed { columns.next() } else { None };
            let size: u64 = columns.next()?.parse().ok()?;
            let used: u64 = columns.next()?.parse().ok()?;
            let percent = columns.nth(1)?.trim_end_matches('%').parse().ok()?;
            let mount = columns.collect::<Vec<_>>().join(" ");
            (size > 0 && !mount.is_empty()).then(|| Disk {
                mount,
                device,
                kind: kind.map(str::to_owned),
                size_mib: size / 1024,
                used_mib: used / 1024,
                used_percent: percent,
            })
        })
        .collect();
    disks.sort_by(|one, other| {
        other
            .used_percent
            .cmp(&one.used_percent)
            .then_with(|| one.mount.cmp(&other.mount))
    });
    disks
}

fn temperatures(text: &str) -> Vec<Temperature> {
    let mut temperatures: Vec<Temperature> = text
        .lines()
        .filter_map(|line| {
            let (sensor, value) = line.rsplit_once('\t')?;
            let millidegrees: f64 = value.trim().parse().ok()?;
            let celsius = millidegrees / 1000.0;
            // Sensors that are not connected say 0, -273 or their greatest number.
            (celsius > 0.0 && celsius < 150.0).then(|| Temperature {
                sensor: sensor.trim().to_owned(),
                celsius,
            })
        })
        .collect();
    temperatures.sort_by(|one, other| other.celsius.total_cmp(&one.celsius));
    temperatures
}

fn failed_units(text: &str) -> Option<Vec<String>> {
    let mut lines: Vec<&str> = text.lines().map(str::trim).collect();
    let end = lines.iter().rposition(|line| *line == "@ok")?;
    lines.truncate(end);
    let units = lines.iter().filter_map(|line| {
        // Some versions print a dot in front even so.
        line.split_whitespace().find(|word| word.contains('.'))
    });
    Some(units.map(str::to_owned).collect())
}

fn updates(text: &str) -> Option<Updates> {
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let manager = lines.next()?.strip_prefix('@')?.to_owned();
    let packages: Vec<&str> = lines
        .filter_map(|line| match manager.as_str() {
            "apt" => line.strip_prefix("Inst ")?.split_whitespace().next(),
            _ => line.split_whitespace().next(),
        })
        .collect();
    Some(Updates {
        manager,
        pending: packages.len(),
        packages: packages
            .into_iter()
            .take(MOST_PACKAGES)
            .map(str::to_owned)
            .collect(),
    })
}

fn warnings(status: &Status) -> Vec<String> {
    let mut warnings = Vec::new();
    for disk in status.disks.iter().filter(|disk| disk.used_percent >= 90) {
        warnings.push(format!("`{}` is {} % full", disk.mount, disk.used_percent));
    }
    if let Some(memory) = &status.memory
        && memory.available_mib < memory.total_mib / 20
    {
        warnings.push(format!(
            "only {} MiB of memory are left",
            memory.available_mib
        ));
    }
    if let (Some(load), Some(cpus)) = (status.load.get(1), status.cpus) {
        #[expect(clippy::cast_precision_loss, reason = "a number of processors")]
        let most = 2.0 * cpus as f64;
        if *load > most {
            warnings.push(format!("the load of {load} is high for {cpus} processors"));
        }
    }
    if let Some(failed) = status
        .failed_units
        .as_ref()
        .filter(|units| !units.is_empty())
    {
        warnings.push(format!("{} units of systemd have failed", failed.len()));
    }
    for hot in status.temperatures.iter().filter(|one| one.celsius >= 85.0) {
        warnings.push(format!("`{}` is at {} °C", hot.sensor, hot.celsius));
    }
    if status.reboot_required {
        warnings.push("an update waits for a restart".to_owned());
    }
    warnings
}

#[cfg(test)]
mod tests {
    use super::*;

    const PRINTED: &str = "\n@@homelab name\nnas\n\n@@homelab kernel\nLinux 6.1.0-18-amd64 x86_64\n\n\
        @@homelab os\nNAME=\"Debian GNU/Linux\"\nPRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\n\n\
        @@homelab uptime\n356412.11 1300000.00\n\n@@homelab load\n0.52 9.58 0.59 1/389 12345\n\n\
        @@homelab cpus\n4\n\n@@homelab memory\nMemTotal:       16384000 kB\nMemFree:          102400 kB\n\
        MemAvailable:     204800 kB\nSwapTotal:       2097152 kB\nSwapFree:        1048576 kB\n\n\
        @@homelab disks\nFilesystem     Type 1024-blocks      Used Available Capacity Mounted on\n\
        /dev/sda1      ext4    102400000  51200000  51200000      50% /\n\
        nas:/my data   nfs     bad\n\
        tank           zfs     204800000 196608000   8192000      96% /srv/my media\n\n\
        @@homelab temperatures\nx86_pkg_temp\t86000\nnvme Composite\t41850\nacpitz\t-273200\nlost\t\n\n\
        @@homelab failed\nnginx.service loaded failed failed A web server\n@ok\n\n\
        @@homelab updates\n@apt\nInst openssl [3.0.11] (3.0.13 Debian:12)\nInst libssl3 [3.0.11] (3.0.13)\n\n\
        @@homelab reboot\nyes\n\n@@homelab end\n";

    #[test]
    fn everything_that_was_printed_is_read() {
        let status = read(PRINTED).unwrap();

        assert_eq!(status.hostname.as_deref(), Some("nas"));
        assert_eq!(status.os.as_deref(), Some("Debian GNU/Linux 12 (bookworm)"));
        assert_eq!(status.uptime_seconds, Some(356_412));
        assert_eq!(status.load, [0.52, 9.58, 0.59]);
        assert_eq!(
            status.memory,
            Some(Memory {
                total_mib: 16000,
                available_mib: 200,
                swap_total_mib: 2048,
                swap_used_mib: 1024
            })
        );
        let disks: Vec<(&str, u64)> = status
            .disks
            .iter()
            .map(|disk| (disk.mount.as_str(), disk.used_percent))
            .collect();
        assert_eq!(disks, [("/srv/my media", 96), ("/", 50)]);
        let sensors: Vec<&str> = status
            .temperatures
            .iter()
            .map(|one| one.sensor.as_str())
            .collect();
        assert_eq!(sensors, ["x86_pkg_temp", "nvme Composite"]);
        assert_eq!(
            status.failed_units.as_deref(),
            Some(&["nginx.service".to_owned()][..])
        );
        let updates = status.updates.as_ref().unwrap();
        assert_eq!((updates.manager.as_str(), updates.pending), ("apt", 2));
        assert_eq!(updates.packages, ["openssl", "libssl3"]);
        assert_eq!(status.warnings.len(), 6, "{:?}", status.warnings);
    }

    #[test]
    fn a_host_that_has_next_to_nothing_is_told_as_such() {
        let status =
            read("@@homelab name\nrouter\n@@homelab failed\n@@homelab updates\n@@homelab end\n")
                .unwrap();

        assert_eq!(status.hostname.as_deref(), Some("router"));
        assert_eq!(
            (status.failed_units, status.updates, status.memory),
            (None, None, None)
        );
        assert!(status.warnings.is_empty());
    }

    #[test]
    fn output_that_stops_half_way_is_not_taken_for_a_status() {
        assert_eq!(read("@@homelab name\nnas\n@@homelab kernel\n"), None);
        assert_eq!(read(""), None);
    }

    #[test]
    fn no_failed_units_is_not_the_same_as_no_systemd() {
        let status = read("@@homelab failed\n@ok\n@@homelab end\n").unwrap();

        assert_eq!(status.failed_units, Some(Vec::new()));
    }
}

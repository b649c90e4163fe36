//! The curated list of commands that only look.
//!
//! # Adding one
//! Read the manual of every version in use, GNU, BusyBox and BSD, for options that write, set, wait
//! for ever, start another program, read a file of the caller's choice, or send a name to a server;
//! then list the remaining ones that are useful. Content of files is not looked at through here: the
//! file tools have a list of allowed folders. Neither are environments and command lines of
//! containers, which hold secrets.

use super::template::Template as T;
use super::value::Value as V;

const LINES: V = V::Number(1, 10_000);
const FILES: &[&str] = &[
    "/etc/debian_version",
    "/etc/hostname",
    "/etc/os-release",
    "/proc/cpuinfo",
    "/proc/loadavg",
    "/proc/mdstat",
    "/proc/meminfo",
    "/proc/mounts",
    "/proc/uptime",
    "/proc/version",
];
const PS_FIELDS: &[&str] = &[
    "args", "cmd", "comm", "etime", "group", "lstart", "nlwp", "pcpu", "pid", "pmem", "ppid",
    "pri", "rss", "start", "stat", "state", "time", "tty", "uid", "user", "vsz", "%cpu", "%mem",
];
const PS_SORT: &[&str] = &[
    "%cpu", "-%cpu", "%mem", "-%mem", "pcpu", "-pcpu", "pmem", "-pmem", "rss", "-rss", "vsz",
    "-vsz", "pid", "-pid", "etime", "-etime",
];
const PRIORITIES: &[&str] = &[
    "0", "1", "2", "3", "4", "5", "6", "7", "emerg", "alert", "crit", "err", "warning", "notice",
    "info", "debug",
];
const LEVELS: &[&str] = &[
    "emerg", "alert", "crit", "err", "warn", "notice", "info", "debug",
];
const JOURNAL_OUTPUT: &[&str] = &[
    "short",
    "short-iso",
    "short-precise",
    "short-full",
    "short-unix",
    "json",
    "cat",
];
/// Never `Environment`, `ExecStart` and their like: they hold secrets.
const UNIT_PROPERTIES: &[&str] = &[
    "ActiveEnterTimestamp",
    "ActiveState",
    "CPUUsageNSec",
    "Description",
    "ExecMainCode",
    "ExecMainPID",
    "ExecMainStartTimestamp",
    "ExecMainStatus",
    "FragmentPath",
    "Id",
    "InactiveEnterTimestamp",
    "LoadState",
    "MainPID",
    "MemoryCurrent",
    "MemoryPeak",
    "NRestarts",
    "Names",
    "Requires",
    "Restart",
    "Result",
    "StateChangeTimestamp",
    "SubState",
    "TasksCurrent",
    "TriggeredBy",
    "Type",
    "UnitFileState",
    "User",
    "WantedBy",
    "Wants",
    "After",
    "Before",
];
const UNIT_TYPES: &[&str] = &[
    "service",
    "timer",
    "socket",
    "mount",
    "target",
    "path",
    "device",
    "swap",
    "slice",
    "scope",
    "automount",
];
const UNIT_STATES: &[&str] = &[
    "active",
    "inactive",
    "failed",
    "running",
    "exited",
    "dead",
    "activating",
    "deactivating",
    "loaded",
    "not-found",
    "masked",
    "enabled",
    "disabled",
    "static",
    "mounted",
    "listening",
    "waiting",
];
const LSBLK_COLUMNS: &[&str] = &[
    "NAME",
    "KNAME",
    "PATH",
    "MAJ:MIN",
    "FSAVAIL",
    "FSSIZE",
    "FSTYPE",
    "FSUSED",
    "FSUSE%",
    "MOUNTPOINT",
    "MOUNTPOINTS",
    "LABEL",
    "UUID",
    "PARTUUID",
    "PARTLABEL",
    "RO",
    "RM",
    "MODEL",
    "SERIAL",
    "SIZE",
    "STATE",
    "ROTA",
    "TYPE",
    "TRAN",
    "VENDOR",
    "WWN",
];
const DF_TYPES: &[&str] = &[
    "ext4", "xfs", "btrfs", "zfs", "tmpfs", "nfs", "nfs4", "cifs", "overlay", "vfat",
];
const QUIET: &[&str] = &[
    "--no-pager",
    "--full",
    "--all",
    "--plain",
    "--no-legend",
    "--quiet",
];
const UNIT_LISTS: &[(&str, V)] = &[
    ("--type", V::ListOf(UNIT_TYPES)),
    ("-t", V::ListOf(UNIT_TYPES)),
    ("--state", V::ListOf(UNIT_STATES)),
];
const IP: &[&str] = &[
    "-4", "-6", "-br", "-brief", "-s", "-d", "-o", "-j", "-json", "-p", "-details", "-oneline",
];

const fn systemctl(subcommand: &'static [&'static str]) -> T {
    T::sub("systemctl", subcommand)
        .global(QUIET)
        .letters("al")
        .flags(QUIET)
}

const fn ip(subcommand: &'static [&'static str]) -> T {
    T::sub("ip", subcommand).global(IP)
}

/// Every command that only looks.
pub(super) const ALL: &[T] = &[
    // The system.
    T::new("uptime")
        .letters("ps")
        .flags(&["--pretty", "--since"]),
    T::new("uname").letters("asnrvmpio").flags(&["--all"]),
    T::new("arch"),
    T::new("nproc").flags(&["--all"]),
    // An operand, or `-F`, would set the name.
    T::new("hostname")
        .letters("fsdiIA")
        .flags(&["--fqdn", "--short"]),
    T::new("hostnamectl"),
    T::sub("hostnamectl", &["status"]),
    T::new("date")
        .flags(&["-u", "-R", "--utc", "-I"])
        .operands(0, 1, V::DateFormat),
    T::new("timedatectl"),
    T::sub("timedatectl", &["status"]),
    T::sub("timedatectl", &["show"]),
    T::new("lsb_release").letters("aidrcs"),
    T::new("cat").operands(1, 4, V::OneOf(FILES)),
    // Users and processes.
    T::new("whoami"),
    T::new("id").letters("ugGnr").operands(0, 1, V::Name),
    T::new("groups").operands(0, 1, V::Name),
    T::new("users"),
    T::new("who").letters("abdlmpqrstuHT"),
    T::new("w").letters("hsi"),
    T::new("last").letters("aFixw").valued(&[("-n", LINES)]),
    T::sub("loginctl", &["list-sessions"]).flags(QUIET),
    // The letter `e` without a dash would print environments, so no free combinations.
    T::sub("ps", &["aux"]).valued(&[("--sort", V::OneOf(PS_SORT))]),
    T::new("ps")
        .flags(&["-e", "-A", "-ef", "--no-headers"])
        .valued(&[
            ("-o", V::ListOf(PS_FIELDS)),
            ("-eo", V::ListOf(PS_FIELDS)),
            ("-p", V::Number(1, 4_194_304)),
            ("-C", V::Name),
            ("--sort", V::OneOf(PS_SORT)),
        ]),
    T::new("pgrep").letters("alx").operands(1, 1, V::Name),
    T::new("pidof").operands(1, 1, V::Name),
    T::new("top")
        .flags(&["-b"])
        .valued(&[("-n", V::Number(1, 1))])
        .required(&["-b", "-n"]),
    T::new("top").flags(&["-bn1"]).required(&["-bn1"]),
    // Memory, disks, hardware.
    T::new("free")
        .letters("bkmghtlw")
        .flags(&["--human", "--mebi", "--gibi"]),
    T::new("vmstat").flags(&["-s", "-a", "-w"]),
    T::new("df")
        .letters("hHTikmalP")
        .flags(&["--human-readable", "--total", "--local"])
        .valued(&[("-t", V::OneOf(DF_TYPES)), ("-x", V::OneOf(DF_TYPES))])
        .operands(0, 8, V::Path),
    T::new("du")
        .letters("shckmx")
        .valued(&[("-d", V::Number(0, 10)), ("--max-depth", V::Number(0, 10))])
        .operands(1, 4, V::Path),
    T::new("ls")
        .letters("1AFRSadhilnrst")
        .flags(&["--color=never"])
        .operands(0, 8, V::Path),
    T::new("stat").letters("Lf").operands(1, 8, V::Path),
    T::new("readlink").flags(&["-f"]).operands(1, 1, V::Path),
    T::new("realpath").operands(1, 1, V::Path),
    T::new("which").operands(1, 8, V::Name),
    T::new("mount"),
    T::new("findmnt").letters("l"),
    T::new("swapon").flags(&["--show"]).required(&["--show"]),
    T::new("lsblk")
        .letters("afmptdnibrS")
        .valued(&[
            ("-o", V::ListOf(LSBLK_COLUMNS)),
            ("--output", V::ListOf(LSBLK_COLUMNS)),
        ])
        .operands(0, 4, V::Device),
    T::new("lscpu"),
    T::new("lsmod"),
    T::new("lsusb").letters("t"),
    // Neither `-x`, which reads registers, nor `-H`, which probes.
    T::new("lspci").letters("nkvtD"),
    T::new("sensors").flags(&["-A", "-u", "-j", "-f"]),
    T::new("smartctl")
        .flags(&[
            "-H",
            "-i",
            "-A",
            "-a",
            "-x",
            "--health",
            "--info",
            "--attributes",
            "--all",
        ])
        .valued(&[("-d", V::OneOf(&["sat", "nvme", "scsi", "ata", "auto"]))])
        .operands(1, 1, V::Device),
    T::new("mdadm")
        .flags(&["--detail", "-D"])
        .required(&["--detail"])
        .operands(1, 1, V::Device),
    // Not `-c`, which runs scripts.
    T::sub("zpool", &["status"])
        .letters("vxLP")
        .operands(0, 4, V::Name),
    T::sub("zpool", &["list"])
        .letters("vHpLP")
        .operands(0, 4, V::Name),
    T::sub("zfs", &["list"])
        .letters("Hpr")
        .valued(&[(
            "-t",
            V::ListOf(&["filesystem", "snapshot", "volume", "bookmark", "all"]),
        )])
        .operands(0, 4, V::Name),
    T::new("nvidia-smi").flags(&["-L"]),
    T::new("nvidia-smi")
        .valued(&[
            ("--query-gpu", V::Fields),
            ("--query-compute-apps", V::Fields),
            ("--format", V::ListOf(&["csv", "noheader", "nounits"])),
        ])
        .required(&["--format"]),
    // The network. Without an operand, `ip` and `ss` cannot change a thing; `ss -K` could.
    ip(&["addr"]),
    ip(&["address"]),
    ip(&["a"]),
    ip(&["link"]),
    ip(&["l"]),
    ip(&["route"]),
    ip(&["r"]),
    ip(&["neigh"]),
    ip(&["n"]),
    ip(&["rule"]),
    ip(&["addr", "show"]).operands(0, 1, V::Name),
    ip(&["addr", "show", "dev"]).operands(1, 1, V::Name),
    ip(&["link", "show"]).operands(0, 1, V::Name),
    ip(&["link", "show", "dev"]).operands(1, 1, V::Name),
    ip(&["route", "show"]),
    ip(&["route", "get"]).operands(1, 1, V::Address),
    ip(&["neigh", "show"]),
    ip(&["rule", "show"]),
    T::new("ss").letters("tulnpaesoimx46H"),
    T::new("netstat").letters("tulnpaeris46W"),
    // Without a count it would never end; a name would go to a name server.
    T::new("ping")
        .letters("46nq")
        .valued(&[("-c", V::Number(1, 20)), ("-W", V::Number(1, 10))])
        .required(&["-c"])
        .operands(1, 1, V::Address),
    T::sub("tailscale", &["status"]),
    // Services and logs. Never `-H` and `-M`, which reach other machines.
    systemctl(&["status"])
        .valued(&[("-n", LINES), ("--lines", LINES)])
        .operands(0, 8, V::Name),
    systemctl(&["is-active"]).operands(1, 8, V::Name),
    systemctl(&["is-enabled"]).operands(1, 8, V::Name),
    systemctl(&["is-failed"]).operands(0, 8, V::Name),
    systemctl(&["is-system-running"]),
    systemctl(&["get-default"]),
    systemctl(&["show"])
        .valued(&[
            ("-p", V::ListOf(UNIT_PROPERTIES)),
            ("--property", V::ListOf(UNIT_PROPERTIES)),
        ])
        .required(&["-p"])
        .operands(1, 8, V::Name),
    systemctl(&["show"])
        .valued(&[("--property", V::ListOf(UNIT_PROPERTIES))])
        .required(&["--property"])
        .operands(1, 8, V::Name),
    systemctl(&["list-units"]).valued(UNIT_LISTS),
    systemctl(&["list-units", "--failed"]),
    systemctl(&["list-unit-files"]).valued(UNIT_LISTS),
    systemctl(&["list-timers"]),
    systemctl(&["list-sockets"]),
    systemctl(&["list-dependencies"]).operands(0, 1, V::Name),
    systemctl(&["--failed"]),
    // Not `--cursor-file`, which writes, and none of the ways to another journal.
    T::new("journalctl")
        .flags(&[
            "--no-pager",
            "-b",
            "-k",
            "-r",
            "-q",
            "-x",
            "-e",
            "--boot",
            "--dmesg",
            "--reverse",
            "--utc",
            "--no-hostname",
            "--list-boots",
            "--disk-usage",
        ])
        .valued(&[
            ("-u", V::Name),
            ("--unit", V::Name),
            ("-t", V::Name),
            ("--identifier", V::Name),
            ("-n", LINES),
            ("--lines", LINES),
            ("-p", V::OneOf(PRIORITIES)),
            ("--priority", V::OneOf(PRIORITIES)),
            ("-S", V::Time),
            ("--since", V::Time),
            ("-U", V::Time),
            ("--until", V::Time),
            ("-o", V::OneOf(JOURNAL_OUTPUT)),
            ("--output", V::OneOf(JOURNAL_OUTPUT)),
        ]),
    // Neither `-c`, `-C`, `-D`, `-E`, `-n`, which change the kernel's log, nor `-w`, which waits.
    T::new("dmesg")
        .letters("Ttxku")
        .valued(&[("-l", V::ListOf(LEVELS)), ("--level", V::ListOf(LEVELS))]),
    // Packages, containers, guests.
    T::new("dpkg")
        .flags(&["-l"])
        .required(&["-l"])
        .operands(0, 4, V::Name),
    T::new("rpm").flags(&["-qa"]).required(&["-qa"]),
    T::sub("apt", &["list"])
        .flags(&["--upgradable", "--installed"])
        .operands(0, 4, V::Name),
    T::sub("docker", &["ps"])
        .letters("aqsl")
        .flags(&["--all", "--no-trunc", "--size"]),
    T::sub("docker", &["container", "ls"])
        .letters("aqsl")
        .flags(&["--all", "--no-trunc"]),
    T::sub("docker", &["images"])
        .letters("aq")
        .flags(&["--digests", "--no-trunc"]),
    T::sub("docker", &["image", "ls"]).letters("aq"),
    T::sub("docker", &["volume", "ls"]).letters("q"),
    T::sub("docker", &["network", "ls"]).letters("q"),
    T::sub("docker", &["system", "df"]).letters("v"),
    T::sub("docker", &["compose", "ls"]).letters("aq"),
    T::sub("docker", &["version"]),
    T::sub("docker", &["info"]),
    T::sub("docker", &["stats"])
        .flags(&["--no-stream", "--no-trunc", "-a"])
        .required(&["--no-stream"])
        .operands(0, 8, V::Name),
    T::sub("docker", &["logs"])
        .letters("t")
        .valued(&[("--tail", LINES), ("-n", LINES)])
        .required(&["--tail"])
        .operands(1, 1, V::Name),
    T::sub("qm", &["list"]),
    T::sub("pct", &["list"]),
    T::new("pveversion").flags(&["-v", "--verbose"]),
];

//! `nvidia-smi`: queries as CSV, exit statuses, instances.

use homelab_core::error::{Code, ToolError, ToolResult};

use super::report::{Gpu, GpuProcess, GpuReport, MigDevice, Unavailable, Vendor};
use super::{NO_PROGRAM, Printed, Runner, unexpected};

const TOOL: &str = "nvidia-smi";
const CSV: &str = "--format=csv,noheader,nounits";
/// Everything that is told. Drivers differ in what they know.
const FIELDS: [&str; 20] = [
    "index",
    "uuid",
    "name",
    "driver_version",
    "pstate",
    "temperature.gpu",
    "utilization.gpu",
    "utilization.memory",
    "memory.total",
    "memory.used",
    "memory.free",
    "power.draw",
    "power.limit",
    "clocks.sm",
    "clocks.mem",
    "fan.speed",
    "mig.mode.current",
    "compute_mode",
    "pci.bus_id",
    "ecc.errors.uncorrected.volatile.total",
];
/// What every driver knows; one field it does not know makes it refuse the whole query.
const CORE: [&str; 7] = [
    "index",
    "uuid",
    "name",
    "temperature.gpu",
    "utilization.gpu",
    "memory.total",
    "memory.used",
];
const UNKNOWN_FIELD: &str = "is not a valid field to query";
const COMPUTE_APPS: &str = "--query-compute-apps=gpu_uuid,pid,process_name,used_gpu_memory";

/// All cards; `None` where there is no such tool.
pub(super) async fn look(runner: &impl Runner, processes: bool) -> ToolResult<Option<GpuReport>> {
    let mut warnings = Vec::new();
    let Some((fields, printed)) = query(runner, &mut warnings).await? else {
        return Ok(None);
    };
    let mut gpus = cards(fields, &printed.stdout)?;
    if gpus.is_empty() {
        return Err(no_gpu());
    }
    if gpus.iter().any(is_split) {
        let listed = runner.run(&[TOOL, "-L"]).await?;
        if listed.status == Some(0) {
            attach_instances(&mut gpus, &listed.stdout);
        } else {
            warnings.push("the instances of the cards could not be listed".to_owned());
        }
    }
    let processes = if processes {
        programs(runner, &mut warnings).await?
    } else {
        None
    };
    Ok(Some(GpuReport {
        vendor: Vendor::Nvidia,
        gpus,
        processes,
        warnings,
    }))
}

/// Asks for all fields, and for the core ones where the driver does not know one of them.
async fn query(
    runner: &impl Runner,
    warnings: &mut Vec<String>,
) -> ToolResult<Option<(&'static [&'static str], Printed)>> {
    let mut fields: &'static [&'static str] = &FIELDS;
    loop {
        let asked = format!("--query-gpu={}", fields.join(","));
        let printed = runner.run(&[TOOL, &asked, CSV]).await?;
        match printed.status {
            Some(0) => return Ok(Some((fields, printed))),
            Some(NO_PROGRAM) => return Ok(None),
            _ if fields.len() > CORE.len() && refuses_a_field(&printed) => {
                warnings.push(format!(
                    "the driver does not know all fields ({}): only the basic ones are told",
                    refused_field(&printed)
                ));
                fields = &CORE;
            }
            _ => return Err(failure(&printed)),
        }
    }
}

async fn programs(
    runner: &impl Runner,
    warnings: &mut Vec<String>,
) -> ToolResult<Option<Vec<GpuProcess>>> {
    let printed = runner.run(&[TOOL, COMPUTE_APPS, CSV]).await?;
    if printed.status != Some(0) {
        warnings.push("what computes on the cards could not be asked".to_owned());
        return Ok(None);
    }
    let rows = printed
        .stdout
        .lines()
        .filter(|line| !line.trim().is_empty());
    rows.map(program).collect::<ToolResult<_>>().map(Some)
}

/// Why it failed, by its documented exit statuses.
fn failure(printed: &Printed) -> ToolError {
    let said = [&printed.stdout, &printed.stderr]
        .iter()
        .flat_map(|text| text.lines())
        .map(str::trim)
        .find(|line| !line.is_empty())
        .unwrap_or("nothing")
        .chars()
        .take(200)
        .collect::<String>();
    match printed.status {
        Some(9) => ToolError::new(
            Code::UpstreamRejected,
            "`nvidia-smi` cannot talk to the driver on the host",
        )
        .reason("driver_not_loaded")
        .hint("check that the driver fits the kernel (`dkms status`), and load it or reboot the host"),
        Some(6) => no_gpu(),
        Some(15) => ToolError::new(
            Code::UpstreamRejected,
            "a card of the host has fallen off the bus",
        )
        .reason("gpu_lost")
        .hint("look for `Xid` in the kernel's log; the host has to be rebooted, and power and cooling checked"),
        status => {
            let ended = status.map_or("by a signal".to_owned(), |status| format!("with {status}"));
            ToolError::new(
                Code::UpstreamRejected,
                format!("`nvidia-smi` ended {ended} and said: {said}"),
            )
            .reason("gpu_query_failed")
            .hint("run it by hand there")
        }
    }
}

fn no_gpu() -> ToolError {
    ToolError::not_found("the host has no NVIDIA card")
        .reason("no_gpu")
        .hint("check `lspci` there, and whether the card is passed through to this machine")
}

fn refuses_a_field(printed: &Printed) -> bool {
    printed.stdout.contains(UNKNOWN_FIELD) || printed.stderr.contains(UNKNOWN_FIELD)
}

/// `Field "x" is not a valid field to query.`
fn refused_field(printed: &Printed) -> String {
    let text = format!("{}\n{}", printed.stdout, printed.stderr);
    let name = text
        .lines()
        .find(|line| line.contains(UNKNOWN_FIELD))
        .and_then(|line| line.split('"').nth(1));
    let known = name.and_then(|name| FIELDS.iter().find(|field| **field == name));
    known.map_or("one".to_owned(), |field| format!("`{field}`"))
}

/// The rows of a query. Fields are never quoted, and none of them holds a comma.
fn cards(fields: &[&str], csv: &str) -> ToolResult<Vec<Gpu>> {
    let rows = csv.lines().filter(|line| !line.trim().is_empty());
    rows.map(|row| {
        let values: Vec<&str> = row.split(',').map(str::trim).collect();
        if values.len() != fields.len() {
            let what = format!("{} columns instead of {}", values.len(), fields.len());
            return Err(unexpected(TOOL, &what));
        }
        let mut gpu = Gpu::default();
        for (field, value) in fields.iter().zip(values) {
            assign(&mut gpu, field, value)?;
        }
        Ok(gpu)
    })
    .collect()
}

fn assign(gpu: &mut Gpu, field: &str, value: &str) -> ToolResult<()> {
    if let Some(says) = no_value(value) {
        gpu.unavailable.push(Unavailable {
            field: field.to_owned(),
            says: says.to_owned(),
        });
        return Ok(());
    }
    let text = || Some(value.to_owned());
    let number = || -> ToolResult<Option<f64>> {
        let number: f64 = value
            .parse()
            .map_err(|_| unexpected(TOOL, &format!("`{field}` is no number")))?;
        Ok(Some(number))
    };
    match field {
        "index" => {
            gpu.index = value
                .parse()
                .map_err(|_| unexpected(TOOL, "`index` is no number"))?;
        }
        "uuid" => gpu.uuid = text(),
        "name" => gpu.name = text(),
        "driver_version" => gpu.driver_version = text(),
        "pstate" => gpu.performance_state = text(),
        "temperature.gpu" => gpu.temperature_c = number()?,
        "utilization.gpu" => gpu.utilization_percent = number()?,
        "utilization.memory" => gpu.memory_utilization_percent = number()?,
        "memory.total" => gpu.memory_total_mib = number()?,
        "memory.used" => gpu.memory_used_mib = number()?,
        "memory.free" => gpu.memory_free_mib = number()?,
        "power.draw" => gpu.power_draw_w = number()?,
        "power.limit" => gpu.power_limit_w = number()?,
        "clocks.sm" => gpu.sm_clock_mhz = number()?,
        "clocks.mem" => gpu.memory_clock_mhz = number()?,
        "fan.speed" => gpu.fan_percent = number()?,
        "mig.mode.current" => gpu.mig_mode = text(),
        "compute_mode" => gpu.compute_mode = text(),
        "pci.bus_id" => gpu.pci_bus_id = text(),
        "ecc.errors.uncorrected.volatile.total" => gpu.ecc_uncorrected = number()?,
        // The list of fields is our own.
        _ => {}
    }
    Ok(())
}

/// What the driver writes where it has no value, in words.
fn no_value(value: &str) -> Option<&str> {
    let inner = value
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'));
    match inner {
        Some(says) => Some(says),
        None if value.is_empty() => Some("nothing"),
        None if matches!(value, "N/A" | "Not Supported") => Some(value),
        None => None,
    }
}

fn is_split(gpu: &Gpu) -> bool {
    gpu.mig_mode.as_deref() == Some("Enabled")
}

/// Reads `nvidia-smi -L`: instances are indented below their card.
fn attach_instances(gpus: &mut [Gpu], listed: &str) {
    let mut index = None;
    for line in listed.lines() {
        if let Some(rest) = line.strip_prefix("GPU ") {
            index = rest
                .split_once(':')
                .and_then(|(number, _)| number.parse::<u64>().ok());
            continue;
        }
        let Some(rest) = line.trim().strip_prefix("MIG ") else {
            continue;
        };
        let profile = rest.split_whitespace().next();
        let uuid = rest
            .split_once("(UUID: ")
            .and_then(|(_, rest)| rest.split(')').next());
        let card = gpus.iter_mut().find(|gpu| Some(gpu.index) == index);
        if let (Some(card), Some(profile), Some(uuid)) = (card, profile, uuid) {
            card.mig_devices.push(MigDevice {
                profile: profile.to_owned(),
                uuid: uuid.to_owned(),
            });
        }
    }
}

/// `uuid, pid, name, memory`; the name may hold commas, and arguments that are nobody's business.
fn program(row: &str) -> ToolResult<GpuProcess> {
    let wrong = || unexpected(TOOL, "a row of its list of programs");
    let (gpu_uuid, rest) = row.split_once(',').ok_or_else(wrong)?;
    let (pid, rest) = rest.split_once(',').ok_or_else(wrong)?;
    let (name, memory) = rest.rsplit_once(',').ok_or_else(wrong)?;
    Ok(GpuProcess {
        gpu_uuid: gpu_uuid.trim().to_owned(),
        pid: pid.trim().parse().map_err(|_| wrong())?,
        program: base_name(name),
        memory_mib: memory.trim().parse().ok(),
    })
}

fn base_name(name: &str) -> String {
    let program = name.split_whitespace().next().unwrap_or_default();
    let base = program.rsplit(['/', '\\']).next().unwrap_or_default();
    base.trim_end_matches(',').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const FULL: &str = "0, GPU-11111111-2222-3333-4444-555555555555, NVIDIA GeForce RTX 3090, 550.54.14, P8, 34, 0, 0, 24576, 312, 23940, 21.43, 350.00, 210, 405, 0, [N/A], Default, 00000000:01:00.0, [N/A]\n\
        1, GPU-66666666-7777-8888-9999-000000000000, Tesla P4, 550.54.14, P0, 61, 97, 40, 7680, 7012, 600, 71.20, 75.00, 1113, 3003, [N/A], [N/A], Default, 00000000:02:00.0, 0\n";

    #[test]
    fn every_field_of_every_card_is_read() {
        let cards = cards(&FIELDS, FULL).unwrap();

        assert_eq!(cards.len(), 2);
        let [first, second] = &cards[..] else {
            unreachable!()
        };
        assert_eq!(first.name.as_deref(), Some("NVIDIA GeForce RTX 3090"));
        assert_eq!(first.power_draw_w, Some(21.43));
        assert_eq!(first.performance_state.as_deref(), Some("P8"));
        assert_eq!(second.index, 1);
        assert_eq!(second.fan_percent, None);
        assert_eq!(second.ecc_uncorrected, Some(0.0));
        assert_eq!(
            second.unavailable,
            [
                Unavailable {
                    field: "fan.speed".into(),
                    says: "N/A".into()
                },
                Unavailable {
                    field: "mig.mode.current".into(),
                    says: "N/A".into()
                },
            ]
        );
    }

    #[test]
    fn every_way_to_say_nothing_is_no_value() {
        for value in [
            "[N/A]",
            "[Not Supported]",
            "N/A",
            "[Unknown Error]",
            "[Insufficient Permissions]",
            "[GPU requires reset]",
            "",
            "[Requested functionality has been deprecated]",
        ] {
            assert!(no_value(value).is_some(), "{value}");
        }
        assert_eq!(no_value("0"), None);
    }

    #[test]
    fn a_row_of_another_length_or_a_word_for_a_number_is_refused() {
        for csv in ["0, GPU-1\n", &FULL.replace("34,", "warm,")] {
            let error = cards(&FIELDS, csv).unwrap_err();

            assert_eq!(
                error.envelope().reason.as_deref(),
                Some("unexpected_answer")
            );
        }
    }

    #[test]
    fn instances_belong_to_the_card_above_them() {
        let mut gpus: Vec<Gpu> = (0..2)
            .map(|index| Gpu {
                index,
                ..Gpu::default()
            })
            .collect();
        attach_instances(
            &mut gpus,
            "GPU 0: NVIDIA A30 (UUID: GPU-a)\n  MIG 1g.6gb      Device  0: (UUID: MIG-b)\n  MIG 2g.12gb     Device  1: (UUID: MIG-c)\nGPU 1: NVIDIA A30 (UUID: GPU-d)\n",
        );

        let profiles: Vec<&str> = gpus[0]
            .mig_devices
            .iter()
            .map(|device| device.profile.as_str())
            .collect();
        assert_eq!(profiles, ["1g.6gb", "2g.12gb"]);
        assert_eq!(gpus[0].mig_devices[1].uuid, "MIG-c");
        assert!(gpus[1].mig_devices.is_empty());
    }

    #[test]
    fn a_program_is_told_without_folder_and_arguments() {
        let row = "GPU-1, 4242, /opt/venv/bin/python3 serve.py --token=a,b, 6012";
        let process = program(row).unwrap();

        assert_eq!(process.program, "python3");
        assert_eq!((process.pid, process.memory_mib), (4242, Some(6012.0)));
        assert_eq!(
            program("GPU-1, 7, [Not Found], [N/A]").unwrap().memory_mib,
            None
        );
    }
}

//! `rocm-smi`: one JSON object with an object for each card, whose member names carry the units.

use homelab_core::error::{Code, ToolError, ToolResult};
use serde_json::{Map, Value};

use super::report::{Gpu, GpuReport, Vendor};
use super::{NO_PROGRAM, Runner, unexpected};

const TOOL: &str = "rocm-smi";
const BYTES_IN_MIB: f64 = 1024.0 * 1024.0;

/// All cards; `None` where there is no such tool.
pub(super) async fn look(runner: &impl Runner) -> ToolResult<Option<GpuReport>> {
    let words = [
        TOOL,
        "--showproductname",
        "--showuniqueid",
        "--showuse",
        "--showmemuse",
        "--showmeminfo",
        "vram",
        "--showtemp",
        "--showpower",
        "--json",
    ];
    let printed = runner.run(&words).await?;
    match printed.status {
        Some(NO_PROGRAM) => return Ok(None),
        Some(0) => {}
        _ => {
            return Err(ToolError::new(
                Code::UpstreamRejected,
                "`rocm-smi` could not look at the cards",
            )
            .reason("gpu_query_failed")
            .hint("run it by hand there; the `amdgpu` driver may not be loaded"));
        }
    }
    let gpus = cards(&printed.stdout)?;
    if gpus.is_empty() {
        return Err(ToolError::not_found("the host has no AMD card")
            .reason("no_gpu")
            .hint("check `lspci` there"));
    }
    Ok(Some(GpuReport {
        vendor: Vendor::Amd,
        gpus,
        processes: None,
        warnings: Vec::new(),
    }))
}

fn cards(text: &str) -> ToolResult<Vec<Gpu>> {
    // Warnings may stand before the object.
    let json = text
        .find('{')
        .and_then(|start| text.get(start..))
        .unwrap_or_default();
    let parsed: Map<String, Value> =
        serde_json::from_str(json).map_err(|_| unexpected(TOOL, "it is no JSON"))?;
    let mut gpus: Vec<Gpu> = parsed
        .iter()
        .filter_map(|(name, card)| {
            let index = name.strip_prefix("card")?.parse().ok()?;
            Some(card_of(index, card.as_object()?))
        })
        .collect();
    gpus.sort_by_key(|gpu| gpu.index);
    Ok(gpus)
}

fn card_of(index: u64, members: &Map<String, Value>) -> Gpu {
    // Names differ between versions in case and in the sensor they name.
    let find = |parts: &[&str]| {
        members.iter().find_map(|(name, value)| {
            let name = name.to_ascii_lowercase();
            let text = value.as_str().map(str::to_owned).or_else(|| {
                let number = value.as_f64()?;
                Some(number.to_string())
            })?;
            let fits = parts.iter().all(|part| name.contains(part));
            (fits && text != "N/A").then_some(text)
        })
    };
    let number = |parts: &[&str]| find(parts)?.trim().parse::<f64>().ok();
    let total = number(&["vram total memory"]);
    let used = number(&["vram total used memory"]);
    Gpu {
        index,
        uuid: find(&["unique id"]),
        name: find(&["card series"]).or_else(|| find(&["card model"])),
        temperature_c: number(&["temperature", "edge"]).or_else(|| number(&["temperature"])),
        utilization_percent: number(&["gpu use"]),
        memory_utilization_percent: number(&["gpu memory", "%"]),
        memory_total_mib: total.map(|bytes| bytes / BYTES_IN_MIB),
        memory_used_mib: used.map(|bytes| bytes / BYTES_IN_MIB),
        memory_free_mib: total
            .zip(used)
            .map(|(total, used)| (total - used) / BYTES_IN_MIB),
        power_draw_w: number(&["power (w)"]),
        ..Gpu::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cards_are_read_whatever_sensor_their_version_names() {
        let text = r#"WARNING: AMD GPU device(s) is/are in a low-power state.
            {"card1": {"Card Series": "Radeon RX 6800"},
             "card0": {"Unique ID": "0xabc", "Card series": "Radeon Pro W7900",
                       "Temperature (Sensor edge) (C)": "41.0",
                       "Average Graphics Package Power (W)": "18.0",
                       "GPU use (%)": "3", "GPU Memory Allocated (VRAM%)": "12",
                       "VRAM Total Memory (B)": "1048576000", "VRAM Total Used Memory (B)": "524288000"},
             "system": {"Driver version": "6.7.0"}}"#;

        let cards = cards(text).unwrap();

        assert_eq!(cards.len(), 2);
        assert_eq!(cards[0].name.as_deref(), Some("Radeon Pro W7900"));
        assert_eq!(cards[0].temperature_c, Some(41.0));
        assert_eq!(cards[0].utilization_percent, Some(3.0));
        assert_eq!(cards[0].memory_total_mib, Some(1000.0));
        assert_eq!(cards[0].memory_free_mib, Some(500.0));
        assert_eq!(cards[0].power_draw_w, Some(18.0));
        assert_eq!(cards[1].name.as_deref(), Some("Radeon RX 6800"));
    }

    #[test]
    fn what_is_no_json_is_refused() {
        assert!(cards("ERROR: no").is_err());
    }
}

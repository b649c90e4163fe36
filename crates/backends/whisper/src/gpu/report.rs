//! What is told about graphics cards.

use schemars::JsonSchema;
use serde::Serialize;

/// Who makes the card.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Vendor {
    /// NVIDIA, by `nvidia-smi`.
    Nvidia,
    /// AMD, by `rocm-smi`.
    Amd,
}

/// The cards of one host.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub(crate) struct GpuReport {
    /// Whose tool was asked.
    pub(crate) vendor: Vendor,
    /// The cards.
    pub(crate) gpus: Vec<Gpu>,
    /// What computes on them, where it was asked for.
    pub(crate) processes: Option<Vec<GpuProcess>>,
    /// What is incomplete, and why.
    pub(crate) warnings: Vec<String>,
}

/// One card. A value that its driver does not know is absent and named in `unavailable`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, JsonSchema)]
pub(crate) struct Gpu {
    /// Number on the host.
    pub(crate) index: u64,
    /// Lasting id.
    pub(crate) uuid: Option<String>,
    /// Model.
    pub(crate) name: Option<String>,
    /// Version of the driver.
    pub(crate) driver_version: Option<String>,
    /// Performance state: `P0` (fastest) to `P15`.
    pub(crate) performance_state: Option<String>,
    /// Temperature in °C.
    pub(crate) temperature_c: Option<f64>,
    /// How busy it is, in percent.
    pub(crate) utilization_percent: Option<f64>,
    /// How busy its memory is, in percent.
    pub(crate) memory_utilization_percent: Option<f64>,
    /// Memory in MiB.
    pub(crate) memory_total_mib: Option<f64>,
    /// Memory in use, in MiB.
    pub(crate) memory_used_mib: Option<f64>,
    /// Free memory, in MiB.
    pub(crate) memory_free_mib: Option<f64>,
    /// Power drawn, in W.
    pub(crate) power_draw_w: Option<f64>,
    /// Most power it may draw, in W.
    pub(crate) power_limit_w: Option<f64>,
    /// Clock of its processors, in MHz.
    pub(crate) sm_clock_mhz: Option<f64>,
    /// Clock of its memory, in MHz.
    pub(crate) memory_clock_mhz: Option<f64>,
    /// Fan, in percent of its speed.
    pub(crate) fan_percent: Option<f64>,
    /// `Enabled` where it is split into instances (MIG): load and memory are theirs then.
    pub(crate) mig_mode: Option<String>,
    /// Who may compute on it.
    pub(crate) compute_mode: Option<String>,
    /// Place on the bus.
    pub(crate) pci_bus_id: Option<String>,
    /// Memory errors since the last reset that could not be corrected.
    pub(crate) ecc_uncorrected: Option<f64>,
    /// Its instances.
    pub(crate) mig_devices: Vec<MigDevice>,
    /// Values that could not be had.
    pub(crate) unavailable: Vec<Unavailable>,
}

/// One instance of a card.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub(crate) struct MigDevice {
    /// Such as `1g.5gb`.
    pub(crate) profile: String,
    /// Its id.
    pub(crate) uuid: String,
}

/// A value that could not be had.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub(crate) struct Unavailable {
    /// The field.
    pub(crate) field: String,
    /// What the tool says instead.
    pub(crate) says: String,
}

/// Something that computes on a card.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub(crate) struct GpuProcess {
    /// The card.
    pub(crate) gpu_uuid: String,
    /// Process id on the host.
    pub(crate) pid: u64,
    /// Name of the program, without folder and arguments.
    pub(crate) program: String,
    /// Memory of the card it uses, in MiB.
    pub(crate) memory_mib: Option<f64>,
}

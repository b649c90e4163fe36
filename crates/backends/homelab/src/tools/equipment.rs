//! Test equipment.

use homelab_core::error::{Code, ToolError, ToolResult};
use homelab_core::inventory::{Device, Equipment, ScpiProtocol, Status};
use homelab_core::page::{Page, PageRequest};
use homelab_core::store::EquipmentFilter;
use homelab_core::tool::tool;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::client::{Homelab, stored};
use crate::health::millis;
use crate::scpi::command::{self, Query};
use crate::scpi::visa::{self, Connection, Identity};
use crate::scpi::{Answer, Socket};
use crate::types::EquipmentRow;

/// Milliseconds that we recommend other programs to wait.
const TIMEOUT_MS: u64 = 5_000;

/// Which instruments.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ListEquipment {
    /// Such as `oscilloscope`, `multimeter`, `power_supply`, `function_generator`, `spectrum_analyzer`, `smu`.
    #[serde(rename = "type")]
    #[schemars(length(max = 64))]
    kind: Option<String>,
    /// Last known status.
    status: Option<Status>,
    /// Part of name, maker or model.
    #[schemars(length(max = 255))]
    search: Option<String>,
    /// Rows at most; default 25.
    #[schemars(range(min = 1, max = 200))]
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    #[schemars(length(max = 1024))]
    cursor: Option<String>,
}

/// List SCPI test equipment: oscilloscopes, multimeters, power supplies, generators and other lab instruments, with model, serial number and network address.
#[tool(
    read,
    permission = "homelab:equipment:read",
    title = "List test equipment"
)]
pub(crate) async fn homelab_list_scpi_equipment(
    lab: &Homelab,
    args: ListEquipment,
) -> ToolResult<Page<EquipmentRow>> {
    let filter = EquipmentFilter {
        kind: args.kind,
        status: args.status,
        search: args.search,
    };
    let page = PageRequest::from_args(args.limit, args.cursor.as_deref())?;
    let equipment = lab.inventory().equipment(&filter, &page).await;
    Ok(equipment.map_err(stored)?.map(EquipmentRow::from))
}

/// Which instrument.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct GetConnection {
    /// Name or id of the instrument.
    #[schemars(length(min = 1, max = 255))]
    device: String,
    /// Another protocol than the recorded one.
    protocol: Option<ScpiProtocol>,
    /// Also connect and ask `*IDN?`.
    #[serde(default)]
    probe: bool,
}

/// How to reach an instrument.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct ConnectionDetails {
    name: String,
    #[serde(flatten)]
    connection: Connection,
    read_termination: &'static str,
    write_termination: &'static str,
    timeout_ms: u64,
    /// GPIB address behind a gateway, `inst0`, `hislip0`.
    sub_address: Option<String>,
    /// Queries that may be sent to it; empty allows all that do not act on it.
    allowed_queries: Vec<String>,
    /// Lines to try it with.
    examples: Vec<String>,
    /// Pass this as `target` to `homelab_get_credentials`.
    credentials_ref: Option<String>,
    /// What it said, if it was asked.
    probe: Option<Probe>,
}

/// What an instrument said.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Probe {
    reachable: bool,
    /// Answer to `*IDN?`.
    idn: Option<String>,
    identity: Option<Identity>,
    latency_ms: Option<f64>,
    /// Why it did not answer.
    problem: Option<String>,
    hint: Option<String>,
}

/// Get connection details of an instrument: host, port, VISA resource string, terminators, and example lines; optionally ask it for `*IDN?`.
#[tool(
    read,
    open_world,
    permission = "homelab:equipment:read",
    title = "Get a SCPI connection",
    untrusted("probe.idn", "probe.identity")
)]
pub(crate) async fn homelab_get_scpi_connection(
    lab: &Homelab,
    args: GetConnection,
) -> ToolResult<ConnectionDetails> {
    let equipment = instrument(lab, &args.device).await?;
    let protocol = args.protocol.unwrap_or(equipment.protocol);
    let connection = visa::connection(&equipment, protocol);
    let terminator = visa::terminator(&equipment);
    let has_credentials = !lab.credentials(&equipment.name).await?.is_empty();
    let probe = if args.probe {
        Some(probe(lab, &equipment, protocol).await)
    } else {
        None
    };
    Ok(ConnectionDetails {
        examples: visa::examples(&connection, terminator, TIMEOUT_MS),
        connection,
        read_termination: terminator,
        write_termination: terminator,
        timeout_ms: TIMEOUT_MS,
        credentials_ref: has_credentials.then(|| equipment.name.clone()),
        sub_address: equipment.sub_address,
        allowed_queries: equipment.allowed_queries,
        name: equipment.name,
        probe,
    })
}

/// An instrument that does not answer is a result: its connection details are right all the same.
async fn probe(lab: &Homelab, equipment: &Equipment, protocol: ScpiProtocol) -> Probe {
    let asked = match raw_socket(equipment, protocol) {
        Ok(socket) => {
            // Asking who it is is harmless, so it need not be on the instrument's list.
            let query = Query {
                text: "*IDN?".to_owned(),
                slow: false,
            };
            lab.instruments.query(socket, &query).await
        }
        Err(error) => Err(error),
    };
    match asked {
        Ok((answer, latency)) => {
            let idn = answer.text.unwrap_or_default();
            Probe {
                reachable: true,
                identity: Some(Identity::parse(&idn)),
                idn: Some(idn),
                latency_ms: Some(millis(latency)),
                problem: None,
                hint: None,
            }
        }
        Err(error) => Probe {
            reachable: false,
            idn: None,
            identity: None,
            latency_ms: None,
            problem: Some(error.envelope().message.clone()),
            hint: error.envelope().hint.clone(),
        },
    }
}

/// What to ask of which instrument.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ScpiQuery {
    /// Name or id of the instrument.
    #[schemars(length(min = 1, max = 255))]
    device: String,
    /// Query ending in `?`, such as `*IDN?` or `MEAS:VOLT:DC?`; several joined by `;`.
    #[schemars(length(min = 2, max = 255))]
    command: String,
}

/// What an instrument answered.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct ScpiAnswer {
    device: String,
    command: String,
    /// The answer if it is text.
    answer: Option<String>,
    /// The content of a block that is not text.
    data_base64: Option<String>,
    /// Bytes of the whole answer.
    bytes: usize,
    /// Whether only its beginning is here.
    truncated: bool,
    latency_ms: f64,
}

/// Ask an instrument a SCPI query and return its answer, for instance a measured voltage. Only queries ending in `?`; nothing is set or switched.
#[tool(
    read,
    open_world,
    permission = "homelab:equipment:query",
    title = "Query an instrument",
    timeout = 90,
    untrusted("answer")
)]
pub(crate) async fn homelab_scpi_query(lab: &Homelab, args: ScpiQuery) -> ToolResult<ScpiAnswer> {
    let equipment = instrument(lab, &args.device).await?;
    let query = command::check(&args.command, &equipment.allowed_queries)?;
    let socket = raw_socket(&equipment, equipment.protocol)?;
    let (answer, latency) = lab.instruments.query(socket, &query).await?;
    let Answer {
        text,
        base64,
        bytes,
        truncated,
    } = answer;
    Ok(ScpiAnswer {
        device: equipment.name,
        command: query.text,
        answer: text,
        data_base64: base64,
        bytes,
        truncated,
        latency_ms: millis(latency),
    })
}

/// The instrument of this name; a device that is not one says so.
async fn instrument(lab: &Homelab, name: &str) -> ToolResult<Equipment> {
    if let Some(equipment) = lab.get::<Equipment>(name).await? {
        return Ok(equipment);
    }
    if let Some(device) = lab.get::<Device>(name).await? {
        let what = device.kind.or(device.category).unwrap_or_default();
        let message = format!("`{name}` is a device ({what}), not a SCPI instrument");
        return Err(ToolError::invalid("device", message)
            .reason("not_scpi_device")
            .hint("call `homelab_list_scpi_equipment` to see the instruments"));
    }
    lab.find::<Equipment>("device", name).await
}

fn raw_socket(equipment: &Equipment, protocol: ScpiProtocol) -> ToolResult<Socket<'_>> {
    if protocol != ScpiProtocol::Raw {
        let name = &equipment.name;
        let protocol = protocol.as_str();
        return Err(ToolError::new(
            Code::InvalidArgument,
            format!("`{name}` speaks `{protocol}`, which cannot be spoken from here"),
        )
        .reason("protocol_not_supported")
        .field("device")
        .hint("use the VISA resource of `homelab_get_scpi_connection`, or record its raw socket"));
    }
    Ok(Socket {
        host: &equipment.host,
        port: visa::port(equipment, protocol),
        terminator: visa::terminator(equipment),
    })
}

//! `inventory list`.

use anyhow::Result;
use homelab_core::inventory::{Record, Status};
use homelab_core::page::{MAX_LIMIT, Page, PageRequest};
use homelab_core::store::{
    DeviceFilter, EquipmentFilter, Inventory, ServiceFilter, StoreResult, VmFilter,
};
use serde::Serialize;
use serde_json::Value;

use crate::commands::with_services_or_demo;
use crate::exit::{Exit, Failure};
use crate::output::{Mark, Output};
use crate::session::Session;
use crate::transfer::{Entity, text_of};

/// Options of `inventory list`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: homelab-mcp inventory list devices --status offline")]
pub(crate) struct Args {
    /// What to list.
    #[arg(default_value = "devices")]
    entity: Entity,
    /// Only records of this status (devices, vms, equipment).
    #[arg(long)]
    status: Option<String>,
    /// Only records of this type (devices, equipment, services).
    #[arg(long = "type", value_name = "TYPE")]
    kind: Option<String>,
    /// Only devices of this category.
    #[arg(long)]
    category: Option<String>,
    /// Only devices with this tag.
    #[arg(long)]
    tag: Option<String>,
    /// Only services on this device or guest.
    #[arg(long)]
    device: Option<String>,
    /// Only addresses of this network.
    #[arg(long)]
    network: Option<String>,
}

/// Runs it.
pub(crate) async fn run(args: Args, session: &Session) -> Result<Exit> {
    let status = args.status.as_deref().map(status).transpose()?;
    with_services_or_demo(session, async |services, _| {
        let inventory = services.stores.inventory.as_ref();
        let output = &session.output;
        match args.entity {
            Entity::Hosts => show(
                output,
                &all(async |page| inventory.hosts(page).await).await?,
            ),
            Entity::Vms => {
                let filter = VmFilter { status, host: None };
                show(
                    output,
                    &all(async |page| inventory.virtual_machines(&filter, page).await).await?,
                )
            }
            Entity::Devices => show(output, &devices(inventory, &args, status).await?),
            Entity::Equipment => {
                let filter = EquipmentFilter {
                    kind: args.kind.clone(),
                    status,
                    search: None,
                };
                show(
                    output,
                    &all(async |page| inventory.equipment(&filter, page).await).await?,
                )
            }
            Entity::Services => {
                let filter = ServiceFilter {
                    device: args.device.clone(),
                    kind: args.kind.clone(),
                };
                show(
                    output,
                    &all(async |page| inventory.services(&filter, page).await).await?,
                )
            }
            Entity::Networks => show(
                output,
                &all(async |page| inventory.networks(page).await).await?,
            ),
            Entity::Addresses => {
                let network = args.network.as_deref();
                show(
                    output,
                    &all(async |page| inventory.addresses(network, page).await).await?,
                )
            }
            Entity::Rules => show(
                output,
                &all(async |page| inventory.firewall_rules(page).await).await?,
            ),
        }?;
        Ok(Exit::Ok)
    })
    .await
}

async fn devices(
    inventory: &dyn Inventory,
    args: &Args,
    status: Option<Status>,
) -> StoreResult<Vec<homelab_core::inventory::Device>> {
    let filter = DeviceFilter {
        category: args.category.clone(),
        status,
        kind: args.kind.clone(),
        tag: args.tag.clone(),
    };
    all(async |page| inventory.devices(&filter, page).await).await
}

fn status(text: &str) -> Result<Status> {
    match Status::parse(text) {
        Status::Unknown if !text.eq_ignore_ascii_case("unknown") => {
            Err(Failure::usage(format!("`{text}` is not a status"))
                .hint("use online, offline, maintenance or unknown")
                .into())
        }
        status => Ok(status),
    }
}

/// All pages of a list.
async fn all<T>(
    mut read: impl AsyncFnMut(&PageRequest) -> StoreResult<Page<T>>,
) -> StoreResult<Vec<T>> {
    let mut request = PageRequest::first(MAX_LIMIT);
    let mut rows = Vec::new();
    loop {
        let page = read(&request).await?;
        rows.extend(page.items);
        let Some(cursor) = page.next_cursor else {
            return Ok(rows);
        };
        let next = PageRequest::from_args(Some(MAX_LIMIT), Some(&cursor));
        // Our own cursor always reads back.
        let Ok(next) = next else { return Ok(rows) };
        request = next;
    }
}

/// Fields worth a column on a terminal; the others are in the JSON.
const HIDDEN: [&str; 10] = [
    "id",
    "updated_at",
    "notes",
    "metadata",
    "serial",
    "firmware",
    "allowed_queries",
    "idn",
    "os",
    "terminator",
];

fn show<R: Record + Serialize>(output: &Output, records: &[R]) -> Result<()> {
    if output.is_json() {
        return output.json(&records);
    }
    let mut columns: Vec<String> = Vec::new();
    let mut rows = Vec::new();
    for record in records {
        let Value::Object(members) = serde_json::to_value(record)? else {
            continue;
        };
        for name in members.keys() {
            if !HIDDEN.contains(&name.as_str()) && !columns.contains(name) {
                columns.push(name.clone());
            }
        }
        rows.push(members);
    }
    let cells = rows
        .iter()
        .map(|row| {
            let cell = |name: &String| row.get(name).map_or_else(String::new, text_of);
            columns.iter().map(cell).collect()
        })
        .collect();
    let headings: Vec<String> = columns.iter().map(|name| name.to_uppercase()).collect();
    let headings: Vec<&str> = headings.iter().map(String::as_str).collect();
    if !records.is_empty() {
        output.table(&headings, cells)?;
    }
    let text = format!("{}: {}", R::ENTITY, records.len());
    output.line(output.mark(Mark::Faint, &text))
}

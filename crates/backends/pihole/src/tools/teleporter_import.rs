//! Giving a Pi-hole one of its archives back.

use std::sync::Arc;

use homelab_core::error::{Code, ToolError, ToolResult};
use homelab_core::store::Archive;
use homelab_core::tool::{Change, Inverse, Mismatch, Preview, Target, tool};
use homelab_upstream::Method;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::archive;
use crate::call::{Call, Upload};
use crate::client::Pihole;
use crate::each::target;
use crate::host::Host;
use crate::teleporter::{ArchiveRow, PATIENCE, Purpose};
use crate::types::TeleporterTaken;

/// Which archive, which parts of it, and where to.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ImportTeleporter {
    /// Its id, from `list_teleporter_archives`.
    #[schemars(length(min = 1, max = 64))]
    archive: String,
    /// Only these parts; default all. What is in groups refers to them by number, so take `groups` along.
    #[schemars(length(min = 1, max = 6))]
    parts: Option<Vec<ArchivePart>>,
    /// The Pi-hole that takes it; default the one that it is of.
    #[schemars(length(max = 40))]
    host: Option<String>,
}

/// A part of an archive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
enum ArchivePart {
    /// All settings, those of the web server and its passwords too.
    Config,
    DhcpLeases,
    Groups,
    Lists,
    /// Rules about domains.
    Domains,
    Clients,
}

/// A Pi-hole after an import.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct TeleporterImported {
    /// The Pi-hole that took it.
    host: String,
    archive: ArchiveRow,
    /// The state before, kept as an archive: importing it takes this back.
    before: ArchiveRow,
    /// What Pi-hole says it took.
    files: Vec<String>,
    /// `enabled`, `disabled` or `failed`, as read after its restart.
    blocking: String,
    /// What it held before.
    held: Holdings,
    /// What it holds now.
    holds: Holdings,
}

/// How much a Pi-hole holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
struct Holdings {
    rules: usize,
    lists: usize,
    groups: usize,
    clients: usize,
    local_names: usize,
    upstreams: Vec<String>,
}

/// Replace a Pi-hole's settings and lists by those of a kept archive, and wait until it answers again; the state before is kept as an archive first.
#[tool(
    critical,
    open_world,
    permission = "pihole:teleporter:import",
    title = "Import an archive (Teleporter)",
    timeout = 900,
    preview = preview_import,
    targets = import_targets,
    inverse = undo_import,
    read_back = check_import
)]
pub(crate) async fn import_teleporter(
    pihole: &Pihole,
    args: ImportTeleporter,
) -> ToolResult<TeleporterImported> {
    let (archive, host) = args.resolved(pihole).await?;
    let way_back = host.ways_back.take(&archive.id);
    let _updating = host.updating()?;
    let content = pihole.env.archive_content(&archive).await?;
    let (held, resolved_before) = (holdings(host).await?, resolves(host).await?);
    let purpose = Purpose {
        id: way_back,
        note: Some(format!("before the import of {}", archive.id)),
        besides: Some(&archive.id),
    };
    let before = pihole.export(host, purpose).await?.archive;
    let upload = Arc::new(Upload {
        name: archive.name.clone(),
        content,
        parts: args.parts.as_deref().map(chosen),
    });
    let with_way_back = |error| with_way_back(error, &before.id);
    let files = taken(host, &upload).await.map_err(with_way_back)?;
    let state = host.settled().await.map_err(|error| match error.code() {
        Code::UpstreamUnauthorized => other_password(host, &before.id, &error),
        _ => with_way_back(error),
    })?;
    if state.blocking == "failed" && resolved_before {
        return Err(rolled_back(pihole, host, &before.id).await);
    }
    Ok(TeleporterImported {
        host: host.name.clone(),
        archive: archive.into(),
        files,
        blocking: state.blocking,
        held,
        holds: holdings(host).await.map_err(with_way_back)?,
        before,
    })
}

impl ImportTeleporter {
    /// The archive, and the Pi-hole that takes it.
    async fn resolved<'p>(&self, pihole: &'p Pihole) -> ToolResult<(Archive, &'p Host)> {
        let archive = pihole.archive(&self.archive).await?;
        let host = self.host.as_deref().unwrap_or(&archive.source);
        let host = pihole.host(Some(host))?;
        Ok((archive, host))
    }

    fn takes(&self, part: ArchivePart) -> bool {
        self.parts
            .as_ref()
            .is_none_or(|parts| parts.contains(&part))
    }
}

/// Pi-hole's own word for a choice of parts. What is not said counts as no, and is said all the same.
fn chosen(parts: &[ArchivePart]) -> Value {
    let takes = |part| parts.contains(&part);
    let (groups, lists) = (takes(ArchivePart::Groups), takes(ArchivePart::Lists));
    let (domains, clients) = (takes(ArchivePart::Domains), takes(ArchivePart::Clients));
    json!({
        "config": takes(ArchivePart::Config),
        "dhcp_leases": takes(ArchivePart::DhcpLeases),
        "gravity": {
            "group": groups,
            "adlist": lists,
            "adlist_by_group": lists,
            "domainlist": domains,
            "domainlist_by_group": domains,
            "client": clients,
            "client_by_group": clients,
        },
    })
}

fn import_call(upload: &Arc<Upload>) -> Call {
    Call::new("import_teleporter", Method::POST, "/api/teleporter", &[])
        .upload(Arc::clone(upload))
        .timeout(PATIENCE)
}

/// Sends an archive; what Pi-hole says it took.
async fn taken(host: &Host, upload: &Arc<Upload>) -> ToolResult<Vec<String>> {
    let sent = host.json::<TeleporterTaken>(&import_call(upload)).await;
    let error = match sent {
        Ok(taken) => return Ok(taken.files),
        Err(error) => error,
    };
    if error.code() == Code::InvalidArgument {
        let message = error.envelope().message.clone();
        return Err(ToolError::new(Code::UpstreamRejected, message)
            .reason("archive_refused")
            .upstream_status(400)
            .instance(error.envelope().instance.clone().unwrap_or_default())
            .hint(
                "it may be of another release of Pi-hole; make a new one with `export_teleporter`",
            ));
    }
    if !may_have_been_taken(&error) {
        return Err(error);
    }
    let message = format!(
        "`{}` gave no whole answer to the import, so how far it came is not known: {}",
        host.name,
        error.envelope().message
    );
    let now = match host.settled().await {
        Ok(state) => format!("it answers again, and its blocking is `{}`", state.blocking),
        Err(_) => "it does not answer since".to_owned(),
    };
    Err(ToolError::new(Code::Timeout, message)
        .reason("import_unknown")
        .retryable(false)
        .hint(format!(
            "{now}; look at its settings and lists before anything else"
        )))
}

/// Whether a request may have had its effect although no answer says so.
fn may_have_been_taken(error: &ToolError) -> bool {
    let envelope = error.envelope();
    error.code() == Code::Timeout
        || envelope.upstream_status.is_some_and(|status| status >= 500)
        || matches!(
            envelope.reason.as_deref(),
            Some("connection_lost" | "cut" | "unexpected_answer")
        )
}

/// The error with the archive that takes everything back.
fn with_way_back(error: ToolError, before: &str) -> ToolError {
    let way =
        format!("the state before is the archive `{before}`: import that if something was taken");
    match error.envelope().hint.clone() {
        Some(hint) => error.hint(format!("{hint}; {way}")),
        None => error.hint(way),
    }
}

/// Its settings are those of then, with passwords that are not ours.
fn other_password(host: &Host, before: &str, error: &ToolError) -> ToolError {
    let name = &host.name;
    let message = format!("the archive was imported, and `{name}` no longer accepts our password");
    ToolError::new(Code::UpstreamUnauthorized, message)
        .reason("password_replaced")
        .instance(error.envelope().instance.clone().unwrap_or_default())
        .hint(format!(
            "configure a password of the time of the archive; the state before is the archive `{before}`, \
             also as a file: `homelab-mcp archives save {before} --to FILE`"
        ))
}

/// Gives a Pi-hole whose resolver does not start with an archive the state before back.
async fn rolled_back(pihole: &Pihole, host: &Host, before: &str) -> ToolError {
    let back = async {
        let archive = pihole.archive(before).await?;
        let upload = Arc::new(Upload {
            content: pihole.env.archive_content(&archive).await?,
            name: archive.name,
            parts: None,
        });
        taken(host, &upload).await?;
        host.settled().await
    };
    let name = &host.name;
    let message = format!("the resolver of `{name}` did not start with this archive");
    let error = ToolError::new(Code::UpstreamRejected, message);
    match back.await {
        Ok(state) if state.blocking != "failed" => error.reason("rolled_back").hint(format!(
            "the state before is imported again, and its blocking is `{}`",
            state.blocking
        )),
        Ok(_) => error
            .reason("resolver_down")
            .hint("it does not start with the state before either: see `get_diagnosis_messages`"),
        Err(failed) => with_way_back(
            error.reason("resolver_down").hint(format!(
                "the state before could not be imported again: {}",
                failed.envelope().message
            )),
            before,
        ),
    }
}

async fn resolves(host: &Host) -> ToolResult<bool> {
    Ok(host.blocking().await?.blocking != "failed")
}

async fn holdings(host: &Host) -> ToolResult<Holdings> {
    let reading = async {
        tokio::try_join!(
            host.rules(),
            host.lists(),
            host.groups(),
            host.clients(),
            host.dns(),
        )
    };
    // Five requests at once are large, and would be part of the call's own state.
    let (rules, lists, groups, clients, dns) = Box::pin(reading).await?;
    Ok(Holdings {
        rules: rules.len(),
        lists: lists.len(),
        groups: groups.len(),
        clients: clients.len(),
        local_names: dns.hosts.len() + dns.cname_records.len(),
        upstreams: dns.upstreams,
    })
}

async fn preview_import(pihole: &Pihole, args: &ImportTeleporter) -> ToolResult<Preview> {
    let (archive, host) = args.resolved(pihole).await?;
    let content = pihole.env.archive_content(&archive).await?;
    let files = archive::files(content.expose()).unwrap_or_default();
    let held = holdings(host).await?;
    let then = format!("as of {}", archive.created_at.to_rfc3339());
    let change = |part, field: &str, now: String| {
        args.takes(part).then(|| Change {
            field: format!("{field} of {}", host.name),
            from: Some(now),
            to: Some(then.clone()),
        })
    };
    let changes = [
        change(ArchivePart::Config, "upstreams", held.upstreams.join(", ")),
        change(
            ArchivePart::Config,
            "local names",
            held.local_names.to_string(),
        ),
        change(
            ArchivePart::Config,
            "all other settings",
            "as now".to_owned(),
        ),
        change(ArchivePart::DhcpLeases, "DHCP leases", "as now".to_owned()),
        change(ArchivePart::Groups, "groups", held.groups.to_string()),
        change(ArchivePart::Lists, "lists", held.lists.to_string()),
        change(ArchivePart::Domains, "rules", held.rules.to_string()),
        change(ArchivePart::Clients, "clients", held.clients.to_string()),
    ];
    let mut impact = vec![
        "Pi-hole restarts: no names are resolved for some seconds".to_owned(),
        "what was changed since is lost; the state before is kept as an archive first".to_owned(),
    ];
    if args.takes(ArchivePart::Config) {
        impact
            .push("its passwords are those of then, so ours may no longer be accepted".to_owned());
    }
    if args.takes(ArchivePart::Lists) {
        impact.push("lists count after `update_pihole_gravity`".to_owned());
    }
    if archive.source != host.name {
        impact.push(format!(
            "it is an archive of `{}`, with what belongs to that machine alone",
            archive.source
        ));
    }
    if pihole.hosts.len() > 1 {
        impact.push("the other Pi-holes stay as they are: see `get_pihole_drift`".to_owned());
    }
    let names: Vec<String> = files.into_iter().map(|file| file.name).collect();
    impact.push(format!("in the archive: {}", names.join(", ")));
    impact.extend(archive.note.map(|note| format!("its note: {note}")));
    Ok(Preview {
        summary: format!(
            "replace the state of `{}` by the archive `{}`",
            host.name, archive.id
        ),
        changes: changes.into_iter().flatten().collect(),
        impact,
    })
}

async fn import_targets(pihole: &Pihole, args: &ImportTeleporter) -> ToolResult<Vec<Target>> {
    let (archive, host) = args.resolved(pihole).await?;
    Ok(vec![
        target("pihole", &host.name),
        target("archive", &archive.id),
    ])
}

async fn undo_import(pihole: &Pihole, args: &ImportTeleporter) -> ToolResult<Option<Inverse>> {
    let (archive, host) = args.resolved(pihole).await?;
    let before = host.ways_back.choose(&archive.id, &pihole.env);
    Ok(Some(Inverse {
        tool: "import_teleporter".to_owned(),
        arguments: json!({ "archive": before, "parts": args.parts, "host": host.name }),
    }))
}

async fn check_import(
    _pihole: &Pihole,
    _args: &ImportTeleporter,
    done: &TeleporterImported,
) -> ToolResult<Vec<Mismatch>> {
    let nothing = done.files.is_empty().then(|| Mismatch {
        field: "archive",
        wanted: format!("{} on {}", done.archive.id, done.host),
        found: "that nothing was taken from it".to_owned(),
    });
    Ok(nothing.into_iter().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_that_were_not_chosen_are_ruled_out() {
        let rules = chosen(&[ArchivePart::Domains]);

        assert_eq!(rules["config"], false);
        assert_eq!(rules["gravity"]["domainlist"], true);
        assert_eq!(rules["gravity"]["domainlist_by_group"], true);
        assert_eq!(rules["gravity"]["group"], false);
        let all = [
            ArchivePart::Config,
            ArchivePart::DhcpLeases,
            ArchivePart::Groups,
            ArchivePart::Lists,
            ArchivePart::Domains,
            ArchivePart::Clients,
        ];
        assert!(!chosen(&all).to_string().contains("false"));
    }
}

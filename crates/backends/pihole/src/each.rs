//! The same on several Pi-holes: what each answered, and what one of them did not do.

use std::future::Future;

use futures_util::future::join_all;
use homelab_core::error::{ToolError, ToolResult};
use homelab_core::tool::{Mismatch, Target};
use schemars::JsonSchema;
use serde::Serialize;

use crate::client::Pihole;
use crate::host::Host;

/// What each Pi-hole answered.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct OnHosts<T> {
    /// One for each Pi-hole, the first one first.
    pub(crate) hosts: Vec<OnHost<T>>,
}

/// What one Pi-hole answered: a result or a failure.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct OnHost<T> {
    /// The Pi-hole.
    pub(crate) host: String,
    pub(crate) result: Option<T>,
    pub(crate) failure: Option<Failed>,
}

/// Why a Pi-hole did not answer.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct Failed {
    pub(crate) code: String,
    pub(crate) reason: Option<String>,
    pub(crate) message: String,
    pub(crate) hint: Option<String>,
}

impl From<&ToolError> for Failed {
    fn from(error: &ToolError) -> Self {
        let envelope = error.envelope();
        Self {
            code: envelope.code.as_str().to_owned(),
            reason: envelope.reason.as_deref().map(str::to_owned),
            message: envelope.message.clone(),
            hint: envelope.hint.clone(),
        }
    }
}

/// Does it on all of them at once.
///
/// # Errors
/// That of the first Pi-hole where none of them could.
pub(crate) async fn on_each<'a, T, F>(
    hosts: Vec<&'a Host>,
    what: impl Fn(&'a Host) -> F,
) -> ToolResult<OnHosts<T>>
where
    F: Future<Output = ToolResult<T>>,
{
    let running = hosts.iter().map(|host| what(host));
    let results = join_all(running).await;
    gathered(hosts.iter().map(|host| host.name.clone()).zip(results))
}

/// What each answered; an error where none did anything else.
pub(crate) fn gathered<T>(
    results: impl Iterator<Item = (String, ToolResult<T>)>,
) -> ToolResult<OnHosts<T>> {
    let mut first_error = None;
    let mut hosts = Vec::new();
    for (host, result) in results {
        let (result, failure) = match result {
            Ok(result) => (Some(result), None),
            Err(error) => {
                let failed = Failed::from(&error);
                first_error.get_or_insert(error);
                (None, Some(failed))
            }
        };
        hosts.push(OnHost {
            host,
            result,
            failure,
        });
    }
    match first_error {
        Some(error) if hosts.iter().all(|host| host.result.is_none()) => Err(error),
        _ => Ok(OnHosts { hosts }),
    }
}

/// For `read_back`: every Pi-hole where it failed did not take what was asked.
pub(crate) async fn all_took<A: Sync, T: Sync>(
    _pihole: &Pihole,
    _args: &A,
    done: &OnHosts<T>,
) -> ToolResult<Vec<Mismatch>> {
    Ok(failures(done))
}

pub(crate) fn failures<T>(done: &OnHosts<T>) -> Vec<Mismatch> {
    let failed = done.hosts.iter().filter_map(|host| {
        let failure = host.failure.as_ref()?;
        Some(Mismatch {
            field: "host",
            wanted: format!("done on {}", host.host),
            found: failure.message.clone(),
        })
    });
    failed.collect()
}

/// Pi-holes themselves, for rules about protected objects.
pub(crate) fn targets_of(hosts: &[&Host]) -> Vec<Target> {
    let names = hosts.iter().map(|host| host.name.as_str());
    names.map(|name| target("pihole", name)).collect()
}

/// Something on Pi-holes, for rules about protected objects.
pub(crate) fn target(kind: &str, id: &str) -> Target {
    Target {
        kind: kind.to_owned(),
        id: id.to_owned(),
        name: Some(id.to_owned()),
        tags: Vec::new(),
    }
}

//! The whole API of the cluster: what may be called, and how.
//!
//! Source of the description: the API viewer's own data, `GET /pve-docs/api-viewer/apidoc.js`.

mod rules;

use homelab_backend::api::{
    ApiAnswer, ApiCall, Book, Document, OneServer, Rules, Verb, WholeApi, known,
};
use homelab_core::error::ToolResult;
use homelab_core::tool::Target;
use serde::Deserialize;
use serde_json::Value;

use crate::call::Call;
use crate::client::Proxmox;
use crate::guest::Guest;
use crate::ids::Vmid;

/// Where a node serves the description of its API.
const DESCRIPTION: &str = "/pve-docs/api-viewer/apidoc.js";
/// Most bytes of it; that of 9.1 has four million.
const MOST: usize = 24 * 1024 * 1024;

#[derive(Deserialize)]
struct Answer {
    #[serde(default)]
    data: Option<Value>,
}

impl WholeApi for Proxmox {
    type Place = OneServer;
    const SEARCH: &'static str = "proxmox:api:read";
    const CALL: &'static str = "proxmox:api:call";
    const RULES: Rules = rules::RULES;

    fn book(&self, _place: &OneServer) -> ToolResult<&Book> {
        Ok(&self.book)
    }

    async fn version(&self, _place: &OneServer) -> ToolResult<String> {
        Ok(Self::version(self).await?.version.clone())
    }

    async fn document(&self, _place: &OneServer, _version: &str) -> ToolResult<Document> {
        let page = self.api.page(DESCRIPTION, MOST).await?;
        Ok(match page {
            Some(page) => Document::Text(page.to_vec()),
            None => Document::Known(known::<Self>()),
        })
    }

    async fn send(&self, _place: &OneServer, call: &ApiCall) -> ToolResult<ApiAnswer> {
        let mut raw = Call::raw(call.method.method(), call.template(), &call.segments);
        for (name, value) in call.arguments.iter().chain(&call.query) {
            raw = match value {
                Value::Array(items) => items
                    .iter()
                    .fold(raw, |raw, item| raw.with(name, written(item))),
                value => raw.with(name, written(value)),
            };
        }
        let answer = self.api.raw(&raw).await;
        if call.method != Verb::Get {
            self.forget_guests();
        }
        let (status, body) = answer?;
        let mut answer = match serde_json::from_slice::<Answer>(&body) {
            Ok(answer) => ApiAnswer {
                status,
                data: answer.data,
                task: None,
            },
            Err(_) => ApiAnswer::of_body(status, &body),
        };
        answer.task = answer
            .data
            .as_ref()
            .and_then(Value::as_str)
            .filter(|text| text.starts_with("UPID:"))
            .map(str::to_owned);
        Ok(answer)
    }

    async fn targets(&self, _place: &OneServer, call: &ApiCall) -> ToolResult<Vec<Target>> {
        let node = call.path.get("node").map(|node| format!("node:{node}"));
        let mut targets = Vec::new();
        let numbers = ["vmid", "newid", "vmids", "vms"]
            .iter()
            .filter_map(|name| call.value(name));
        let numbers: Vec<String> = numbers
            .flat_map(|text| {
                text.split([',', ';', ' '])
                    .map(str::to_owned)
                    .collect::<Vec<_>>()
            })
            .filter(|text| !text.is_empty())
            .collect();
        if !numbers.is_empty() {
            let guests = self.guests().await?;
            for number in numbers {
                let vmid = number.parse().ok().and_then(Vmid::new);
                let guest = guests.iter().find(|guest| Some(guest.vmid) == vmid);
                // One that is about to be made has a number and nothing else.
                targets.push(
                    guest.map_or_else(|| target("guest", &number, node.as_ref()), Guest::target),
                );
            }
        }
        for (name, value) in &call.path {
            let kind = match name.as_str() {
                "volume" => "backup",
                "storage" | "pool" => name,
                "poolid" => "pool",
                "upid" => "task",
                "id" if call.operation.starts_with("/cluster/backup/") => "backup_job",
                _ => continue,
            };
            targets.push(target(kind, value, node.as_ref()));
        }
        if targets.is_empty()
            && let Some(node) = call.path.get("node")
        {
            targets.push(target("node", node, None));
        }
        Ok(targets)
    }
}

fn target(kind: &str, id: &str, tag: Option<&String>) -> Target {
    Target {
        kind: kind.to_owned(),
        id: id.to_owned(),
        name: None,
        tags: tag.into_iter().cloned().collect(),
    }
}

/// A value as a form has it: every version reads 1 and 0.
fn written(value: &Value) -> String {
    match value {
        Value::Bool(on) => u8::from(*on).to_string(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rules_name_tools_that_there_are() {
        assert_eq!(homelab_backend::api::faults::<Proxmox>(), [""; 0]);
    }
}

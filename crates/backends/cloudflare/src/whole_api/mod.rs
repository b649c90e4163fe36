//! The whole API of Cloudflare: what may be called, and how.
//!
//! The API does not describe itself. The vendor publishes its OpenAPI document at
//! <https://github.com/cloudflare/api-schemas>; the setting `api_schema` names it, or a copy.

mod rules;

use homelab_backend::api::{
    ApiAnswer, ApiCall, Book, Document, OneServer, Rules, WholeApi, edition, known,
};
use homelab_core::error::{ToolError, ToolResult};
use homelab_core::tool::Target;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::call::Call;
use crate::client::Cloudflare;
use crate::ids::{AccountId, RecordId, TunnelArg, ZoneArg};

/// The version of the API, which is part of its address.
const VERSION: &str = "v4";

/// What is around every JSON answer.
#[derive(Deserialize)]
struct Envelope {
    #[serde(default)]
    result: Option<Value>,
    #[serde(default)]
    result_info: Option<Value>,
}

impl WholeApi for Cloudflare {
    type Place = OneServer;
    const SEARCH: &'static str = "cloudflare:api:read";
    const CALL: &'static str = "cloudflare:api:call";
    const RULES: Rules = rules::RULES;

    fn book(&self, _place: &OneServer) -> ToolResult<&Book> {
        Ok(&self.description.book)
    }

    async fn version(&self, _place: &OneServer) -> ToolResult<String> {
        let edition = edition(self.api.env.clock.now());
        Ok(match &self.config.api_schema {
            Some(source) => format!("{}-{edition}", source.version(VERSION).await),
            None => VERSION.to_owned(),
        })
    }

    async fn document(&self, _place: &OneServer, _version: &str) -> ToolResult<Document> {
        let Some(source) = &self.config.api_schema else {
            return Ok(Document::Known(known::<Self>()));
        };
        let setting = format!("{}.api_schema", self.api.who.section);
        source
            .document(&self.description.client, VERSION, &setting)
            .await
    }

    async fn send(&self, _place: &OneServer, call: &ApiCall) -> ToolResult<ApiAnswer> {
        self.of_this_account(call)?;
        let (status, body) = self.api.raw(&Call::raw(call)).await?;
        let mut answer = ApiAnswer::of_body(status, &body);
        if let Ok(envelope) = serde_json::from_slice::<Envelope>(&body) {
            answer.data = unwrapped(envelope);
        }
        Ok(answer)
    }

    async fn targets(&self, _place: &OneServer, call: &ApiCall) -> ToolResult<Vec<Target>> {
        self.of_this_account(call)?;
        let segments: Vec<&str> = call.segments.iter().map(String::as_str).collect();
        let plain = |kind: &str, id: &str| Target {
            kind: kind.to_owned(),
            id: id.to_owned(),
            name: None,
            tags: Vec::new(),
        };
        Ok(match segments[..] {
            ["zones", zone, ref below @ ..] => {
                let zone: ZoneArg = parsed("zone_id", zone)?;
                let zone = self.zone(Some(&zone)).await?;
                let mut targets = vec![zone.target()];
                match *below {
                    ["dns_records", id] => {
                        let id: RecordId = parsed("dns_record_id", id)?;
                        let missing = || {
                            ToolError::not_found(format!("no record `{id}` in `{}`", zone.name))
                                .reason("record_not_found")
                                .hint("see `list_dns_records`")
                        };
                        let found = self.record(&zone.id, id.as_str()).await?;
                        targets.push(found.ok_or_else(missing)?.target());
                    }
                    ["rulesets", _, "rules", id] => targets.push(plain("firewall_rule", id)),
                    [kind, id, ..] => targets.push(plain(kind, id)),
                    _ => {}
                }
                targets
            }
            ["accounts", account, "cfd_tunnel", tunnel, ..] => {
                let account: AccountId = parsed("account_id", account)?;
                let tunnel: TunnelArg = parsed("tunnel_id", tunnel)?;
                vec![self.tunnel(&account, &tunnel).await?.target()]
            }
            ["accounts", account, kind, ref below @ ..] => {
                let id = below.join("/");
                vec![
                    plain("account", account),
                    plain(kind, if id.is_empty() { account } else { &id }),
                ]
            }
            ["accounts", account] => vec![plain("account", account)],
            [kind, ref below @ ..] => vec![plain(kind, &below.join("/"))],
            [] => Vec::new(),
        })
    }
}

impl Cloudflare {
    /// Refuses a call about another account than the configured one.
    fn of_this_account(&self, call: &ApiCall) -> ToolResult<()> {
        let Some(configured) = self.config.account()? else {
            return Ok(());
        };
        let configured = configured.to_string();
        match &call.segments[..] {
            [first, account, ..]
                if first == "accounts" && !account.eq_ignore_ascii_case(&configured) =>
            {
                let message = format!("this server is for the account `{configured}` alone");
                Err(ToolError::invalid("params.account_id", message)
                    .reason("parameter_invalid")
                    .hint(format!("give `{configured}` for it")))
            }
            _ => Ok(()),
        }
    }
}

/// A part of a path as what it has to be.
fn parsed<T: std::str::FromStr<Err = String>>(name: &str, text: &str) -> ToolResult<T> {
    text.parse().map_err(|what| {
        ToolError::invalid(format!("params.{name}"), what).reason("parameter_invalid")
    })
}

/// What was asked for; with how to go on, where a list has more pages.
fn unwrapped(envelope: Envelope) -> Option<Value> {
    let result = envelope.result.filter(|result| !result.is_null())?;
    let info = envelope.result_info.unwrap_or_default();
    let pages = info["total_pages"].as_u64().unwrap_or(1);
    let cursor = info["cursors"]["after"]
        .as_str()
        .or(info["cursor"].as_str());
    let goes_on = pages > 1 || cursor.is_some_and(|cursor| !cursor.is_empty());
    Some(if goes_on {
        json!({ "result": result, "result_info": info })
    } else {
        result
    })
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[test]
    fn the_rules_name_tools_that_there_are() {
        assert_eq!(homelab_backend::api::faults::<Cloudflare>(), [""; 0]);
    }

    #[rstest]
    #[case(json!({ "success": true, "result": [1] }), json!([1]))]
    #[case(json!({ "result": [1], "result_info": { "page": 1, "total_pages": 1 } }), json!([1]))]
    #[case(json!({ "result": [1], "result_info": { "total_pages": 2 } }), json!({ "result": [1], "result_info": { "total_pages": 2 } }))]
    #[case(json!({ "result": [1], "result_info": { "cursors": { "after": "x" } } }), json!({ "result": [1], "result_info": { "cursors": { "after": "x" } } }))]
    #[case(json!({ "result": null }), Value::Null)]
    fn the_envelope_is_kept_only_where_there_is_more(#[case] body: Value, #[case] data: Value) {
        let envelope: Envelope = serde_json::from_value(body).unwrap();

        assert_eq!(unwrapped(envelope).unwrap_or_default(), data);
    }
}

//! Name resolution: looking.

use std::collections::BTreeMap;

use homelab_core::error::ToolResult;
use homelab_core::tool::{NoArgs, tool};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::call::Call;
use crate::client::{Tailscale, is_missing};
use crate::types::{
    DnsConfiguration, DnsPreferences, Nameservers, Resolver, SearchPaths, SplitDns,
};

/// A nameserver.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct ResolverRow {
    pub(crate) address: String,
    /// Whether it is asked while an exit node is used.
    use_with_exit_node: bool,
}

/// How names are resolved.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct DnsState {
    /// For everything that `split_dns` does not name.
    pub(crate) nameservers: Vec<ResolverRow>,
    /// Nameservers for names below a domain.
    pub(crate) split_dns: BTreeMap<String, Vec<ResolverRow>>,
    pub(crate) search_paths: Vec<String>,
    /// Whether devices are found by their names.
    pub(crate) magic_dns: bool,
    /// Whether devices give up their own nameservers for these.
    override_local_dns: bool,
}

fn rows(resolvers: Vec<Resolver>) -> Vec<ResolverRow> {
    resolvers
        .into_iter()
        .map(|resolver| ResolverRow {
            address: resolver.address,
            use_with_exit_node: resolver.use_with_exit_node,
        })
        .collect()
}

fn plain(addresses: Vec<String>) -> Vec<ResolverRow> {
    let row = |address| ResolverRow {
        address,
        use_with_exit_node: false,
    };
    addresses.into_iter().map(row).collect()
}

/// Get how the tailnet resolves names: nameservers, split DNS, search paths, MagicDNS.
#[tool(
    read,
    open_world,
    permission = "tailscale:dns:read",
    title = "Get name resolution",
    timeout = 90
)]
pub(crate) async fn get_tailscale_dns(
    tailscale: &Tailscale,
    _args: NoArgs,
) -> ToolResult<DnsState> {
    tailscale.dns().await
}

impl Tailscale {
    /// `GET …/dns/configuration`, or its four parts where that is not there.
    pub(crate) async fn dns(&self) -> ToolResult<DnsState> {
        let whole = self.dns_call("dns", "/tailnet/{}/dns/configuration");
        match self.api.data::<DnsConfiguration>(&whole).await {
            Ok(found) => Ok(DnsState {
                nameservers: rows(found.nameservers),
                split_dns: found
                    .split_dns
                    .into_iter()
                    .map(|(domain, resolvers)| (domain, rows(resolvers.unwrap_or_default())))
                    .collect(),
                search_paths: found.search_paths,
                magic_dns: found.preferences.magic_dns,
                override_local_dns: found.preferences.override_local_dns,
            }),
            Err(error) if is_missing(&error) => self.dns_in_parts().await,
            Err(error) => Err(error),
        }
    }

    async fn dns_in_parts(&self) -> ToolResult<DnsState> {
        let call = |operation, template| self.dns_call(operation, template);
        let nameservers: Nameservers = self
            .api
            .data(&call("dns_nameservers", "/tailnet/{}/dns/nameservers"))
            .await?;
        let split: SplitDns = self
            .api
            .data(&call("dns_split", "/tailnet/{}/dns/split-dns"))
            .await?;
        let paths: SearchPaths = self
            .api
            .data(&call("dns_search", "/tailnet/{}/dns/searchpaths"))
            .await?;
        let preferences: DnsPreferences = self
            .api
            .data(&call("dns_preferences", "/tailnet/{}/dns/preferences"))
            .await?;
        Ok(DnsState {
            nameservers: plain(nameservers.dns),
            split_dns: split
                .into_iter()
                .map(|(domain, addresses)| (domain, plain(addresses.unwrap_or_default())))
                .collect(),
            search_paths: paths.search_paths,
            magic_dns: preferences.magic_dns,
            override_local_dns: preferences.override_local_dns,
        })
    }

    fn dns_call(&self, operation: &'static str, template: &'static str) -> Call {
        Call::get(operation, template, &[&self.tailnet])
            .scope("dns:read")
            .vendor_only()
    }
}

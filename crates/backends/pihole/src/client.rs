//! The Pi-holes of an instance as the tools see them, and one method for each endpoint that several
//! tools read.

use std::time::Duration;

use homelab_backend::Env;
use homelab_core::error::{Code, ToolError, ToolResult};

use crate::call::Call;
use crate::config::{Config, base_url};
use crate::host::{Host, Place};
use crate::types::{
    ClientRow, ClientRows, ConfigAnswer, DnsConfig, DomainRow, Domains, GroupNames, GroupRow,
    Groups, ListRow, Lists, Summary,
};

/// The group that every item is in unless it is said otherwise.
pub(crate) const DEFAULT_GROUP: i64 = 0;

/// One instance: a Pi-hole, and those that are kept in step with it.
pub(crate) struct Pihole {
    /// The first is the one that figures are read from, and that the others follow.
    pub(crate) hosts: Vec<Host>,
    pub(crate) config: Config,
    pub(crate) env: Env,
}

impl Pihole {
    pub(crate) fn new(instance: &str, config: Config, env: &Env) -> ToolResult<Self> {
        config.check(instance)?;
        let place = |name: &str, url, password, tls| Place {
            name: name.to_owned(),
            url,
            password,
            tls,
            timeout: Duration::from_secs(config.timeout_s),
            restart_wait: Duration::from_millis(config.restart_wait_ms),
            gravity_idle: Duration::from_secs(config.gravity_idle_s),
        };
        let first = place(
            instance,
            base_url("url", &config.url)?,
            config.password.clone(),
            config.tls.clone(),
        );
        let mut hosts = vec![Host::new(instance, first, env)?];
        for (index, replica) in config.replicas.iter().enumerate() {
            let url = base_url(&format!("replicas.{index}.url"), &replica.url)?;
            let password = replica.password.clone().or_else(|| config.password.clone());
            let place = place(&replica.name, url, password, replica.tls.clone());
            hosts.push(Host::new(instance, place, env)?);
        }
        Ok(Self {
            hosts,
            config,
            env: env.clone(),
        })
    }

    /// The first Pi-hole, or the one of this name.
    pub(crate) fn host(&self, name: Option<&str>) -> ToolResult<&Host> {
        let found = match name {
            None => self.hosts.first(),
            Some(name) => self.hosts.iter().find(|host| host.name == name),
        };
        found.ok_or_else(|| self.no_host(name.unwrap_or_default()))
    }

    /// All Pi-holes, or the one of this name.
    pub(crate) fn chosen(&self, name: Option<&str>) -> ToolResult<Vec<&Host>> {
        match name {
            None => Ok(self.hosts.iter().collect()),
            Some(_) => self.host(name).map(|host| vec![host]),
        }
    }

    fn no_host(&self, name: &str) -> ToolError {
        let known: Vec<&str> = self.hosts.iter().map(|host| host.name.as_str()).collect();
        ToolError::invalid("host", format!("there is no Pi-hole `{name}` here"))
            .hint(format!("known are: {}", known.join(", ")))
    }

    /// Seconds since 1970.
    pub(crate) fn now_s(&self) -> i64 {
        self.env.clock.now().0.div_euclid(1_000_000)
    }
}

impl Host {
    /// `GET /domains`: all rules.
    pub(crate) async fn rules(&self) -> ToolResult<Vec<DomainRow>> {
        let found: Domains = self
            .json(&Call::get("domains", "/api/domains", &[]))
            .await?;
        Ok(found.domains)
    }

    /// `GET /domains/{type}/{kind}/{domain}`: one rule.
    pub(crate) async fn rule(
        &self,
        of_type: &str,
        kind: &str,
        domain: &str,
    ) -> ToolResult<Option<DomainRow>> {
        let call = Call::get(
            "domain",
            "/api/domains/{}/{}/{}",
            &[&of_type, &kind, &domain],
        );
        let found: Domains = self.json(&call).await?;
        Ok(found.domains.into_iter().next())
    }

    /// `GET /groups`.
    pub(crate) async fn groups(&self) -> ToolResult<Vec<GroupRow>> {
        let found: Groups = self.json(&Call::get("groups", "/api/groups", &[])).await?;
        Ok(found.groups)
    }

    /// Names of all groups by number.
    pub(crate) async fn group_names(&self) -> ToolResult<GroupNames> {
        let groups = self.groups().await?;
        Ok(groups
            .into_iter()
            .map(|group| (group.id, group.name))
            .collect())
    }

    /// The numbers of these groups on this Pi-hole: numbers differ between Pi-holes, names do not.
    ///
    /// # Errors
    /// `not_found` for a name that it does not know.
    pub(crate) async fn group_ids(&self, names: &[String]) -> ToolResult<Vec<i64>> {
        let groups = self.groups().await?;
        let id = |name: &String| {
            let found = groups.iter().find(|group| group.name == *name);
            found.map(|group| group.id).ok_or_else(|| {
                ToolError::not_found(format!("`{}` has no group `{name}`", self.name))
                    .reason("group_not_found")
                    .field("groups")
                    .hint("see `list_groups`, or make it with `create_group`")
            })
        };
        names.iter().map(id).collect()
    }

    /// `GET /clients`.
    pub(crate) async fn clients(&self) -> ToolResult<Vec<ClientRow>> {
        let found: ClientRows = self
            .json(&Call::get("clients", "/api/clients", &[]))
            .await?;
        Ok(found.clients)
    }

    /// `GET /lists`.
    pub(crate) async fn lists(&self) -> ToolResult<Vec<ListRow>> {
        let found: Lists = self.json(&Call::get("lists", "/api/lists", &[])).await?;
        Ok(found.lists)
    }

    /// `GET /config/dns`.
    pub(crate) async fn dns(&self) -> ToolResult<DnsConfig> {
        let found: ConfigAnswer = self
            .json(&Call::get("dns_config", "/api/config/dns", &[]))
            .await?;
        Ok(found.config.dns)
    }

    /// `GET /stats/summary`.
    pub(crate) async fn summary(&self) -> ToolResult<Summary> {
        self.json(&Call::get("summary", "/api/stats/summary", &[]))
            .await
    }
}

/// The names of groups; a number that has none is shown.
pub(crate) fn named(ids: &[i64], names: &GroupNames) -> Vec<String> {
    let name = |id: &i64| names.get(id).cloned().unwrap_or_else(|| id.to_string());
    ids.iter().map(name).collect()
}

/// An error about items that Pi-hole did not take although it said 201.
pub(crate) fn not_taken(host: &str, item: &str, error: &str) -> ToolError {
    let message = format!("`{host}` did not take `{item}`: {error}");
    ToolError::new(Code::UpstreamRejected, message)
        .reason("refused_by_server")
        .hint("the message is that of its database; read the item back with the matching list tool")
}

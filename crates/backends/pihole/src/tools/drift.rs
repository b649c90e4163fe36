//! What differs between Pi-holes that are to be alike.

use std::collections::BTreeMap;

use homelab_core::error::{Code, ToolError, ToolResult};
use homelab_core::tool::tool;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::client::{Pihole, named};
use crate::each::{OnHosts, on_each};
use crate::host::Host;
use crate::types::{ClientRow, DomainRow, GroupRow, ListRow};

/// Most differences that are shown for one Pi-hole.
const MOST: usize = 100;

/// What is compared.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Section {
    Groups,
    Lists,
    Rules,
    Clients,
    LocalDns,
    Upstreams,
    Blocking,
}

impl Section {
    pub(crate) const ALL: [Self; 7] = [
        Self::Groups,
        Self::Lists,
        Self::Rules,
        Self::Clients,
        Self::LocalDns,
        Self::Upstreams,
        Self::Blocking,
    ];
}

/// What to compare.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct GetDrift {
    /// Only these; default everything.
    #[schemars(length(min = 1, max = 7))]
    sections: Option<Vec<Section>>,
    /// Only this replica; default all.
    #[schemars(length(max = 40))]
    host: Option<String>,
}

/// How far one Pi-hole is from the first.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct Drift {
    in_step: bool,
    /// How many there are in all.
    total: usize,
    /// The first hundred.
    differences: Vec<Difference>,
}

/// One difference.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub(crate) struct Difference {
    pub(crate) section: Section,
    /// What differs, such as `deny exact casino.example`.
    pub(crate) item: String,
    /// How it is on the first Pi-hole; absent where it is not there.
    pub(crate) first: Option<String>,
    /// How it is on this one; absent where it is not there.
    pub(crate) here: Option<String>,
}

/// Report what differs between the first Pi-hole of the instance and its replicas.
#[tool(
    read,
    open_world,
    permission = "pihole:drift:read",
    title = "Report drift between Pi-holes",
    timeout = 120,
    untrusted("hosts.result.differences.first", "hosts.result.differences.here")
)]
pub(crate) async fn get_pihole_drift(
    pihole: &Pihole,
    args: GetDrift,
) -> ToolResult<OnHosts<Drift>> {
    let sections = args.sections.as_deref().unwrap_or(&Section::ALL);
    let (first, replicas) = pihole.replicas(args.host.as_deref())?;
    let wanted = first.facts(sections).await?;
    let wanted = &wanted;
    on_each(replicas, |host| async move {
        let mut differences = compared(wanted, &host.facts(sections).await?);
        let total = differences.len();
        differences.truncate(MOST);
        Ok(Drift {
            in_step: total == 0,
            total,
            differences: differences
                .into_iter()
                .map(|(_, difference)| difference)
                .collect(),
        })
    })
    .await
}

impl Pihole {
    /// The first Pi-hole and those that follow it, or the one of this name.
    ///
    /// # Errors
    /// Where there are none, or the name is that of the first.
    pub(super) fn replicas(&self, name: Option<&str>) -> ToolResult<(&Host, Vec<&Host>)> {
        let first = self.host(None)?;
        if let Some(name) = name
            && name == first.name
        {
            let message = format!("`{name}` is the one that the others follow");
            return Err(ToolError::invalid("host", message).hint("name a replica"));
        }
        let chosen = self.chosen(name)?;
        let replicas: Vec<&Host> = chosen
            .into_iter()
            .filter(|host| host.name != first.name)
            .collect();
        if replicas.is_empty() {
            let message = "this instance has one Pi-hole alone: there is nothing to compare";
            return Err(ToolError::new(Code::NotConfigured, message)
                .reason("no_replicas")
                .hint(format!(
                    "name the others in `servers.{}.replicas`",
                    first.name
                )));
        }
        Ok((first, replicas))
    }
}

/// A fact about a Pi-hole: how it reads, and what it takes to make it so elsewhere.
#[derive(Debug, Clone)]
pub(super) struct Fact {
    pub(super) text: String,
    pub(super) what: What,
}

#[derive(Debug, Clone)]
pub(super) enum What {
    Group(GroupRow),
    /// With the names of its groups.
    List(ListRow, Vec<String>),
    Rule(DomainRow, Vec<String>),
    Client(ClientRow, Vec<String>),
    HostLine(String),
    AliasLine(String),
    /// Shown, and changed by its own tool alone.
    Other,
}

pub(super) type Facts = BTreeMap<(Section, String), Fact>;

impl Host {
    /// What is to be the same on all of them.
    pub(super) async fn facts(&self, sections: &[Section]) -> ToolResult<Facts> {
        let has = |section: Section| sections.contains(&section);
        let names = self.group_names().await?;
        let groups_of = |ids: &[i64]| {
            let mut groups = named(ids, &names);
            groups.sort_unstable();
            groups
        };
        let mut facts = Facts::new();
        let mut add = |section: Section, item: String, text: String, what: What| {
            facts.insert((section, item), Fact { text, what });
        };
        if has(Section::Groups) {
            for row in self.groups().await? {
                let text = described(row.enabled, None, row.comment.as_deref());
                add(Section::Groups, row.name.clone(), text, What::Group(row));
            }
        }
        if has(Section::Lists) {
            for row in self.lists().await? {
                let groups = groups_of(&row.groups);
                let text = described(row.enabled, Some(&groups), row.comment.as_deref());
                let item = format!("{} {}", row.of_type, row.address);
                add(Section::Lists, item, text, What::List(row, groups));
            }
        }
        if has(Section::Rules) {
            for row in self.rules().await? {
                let groups = groups_of(&row.groups);
                let text = described(row.enabled, Some(&groups), row.comment.as_deref());
                let item = format!("{} {} {}", row.of_type, row.kind, row.domain);
                add(Section::Rules, item, text, What::Rule(row, groups));
            }
        }
        if has(Section::Clients) {
            for row in self.clients().await? {
                let groups = groups_of(&row.groups);
                let text = described(true, Some(&groups), row.comment.as_deref());
                add(
                    Section::Clients,
                    row.client.clone(),
                    text,
                    What::Client(row, groups),
                );
            }
        }
        if has(Section::LocalDns) || has(Section::Upstreams) {
            let dns = self.dns().await?;
            if has(Section::LocalDns) {
                for line in dns.hosts {
                    add(
                        Section::LocalDns,
                        line.clone(),
                        "there".to_owned(),
                        What::HostLine(line),
                    );
                }
                for line in dns.cname_records {
                    add(
                        Section::LocalDns,
                        line.clone(),
                        "there".to_owned(),
                        What::AliasLine(line),
                    );
                }
            }
            if has(Section::Upstreams) {
                let text = dns.upstreams.join(", ");
                add(
                    Section::Upstreams,
                    "dns.upstreams".to_owned(),
                    text,
                    What::Other,
                );
            }
        }
        if has(Section::Blocking) {
            let text = self.blocking().await?.blocking;
            add(Section::Blocking, "blocking".to_owned(), text, What::Other);
        }
        Ok(facts)
    }
}

fn described(enabled: bool, groups: Option<&[String]>, comment: Option<&str>) -> String {
    let mut text = if enabled { "on" } else { "off" }.to_owned();
    if let Some(groups) = groups {
        text = format!("{text}, groups: {}", groups.join(", "));
    }
    if let Some(comment) = comment.filter(|comment| !comment.is_empty()) {
        text = format!("{text}, comment: {comment}");
    }
    text
}

/// The differences, with what the first Pi-hole has there.
pub(super) fn compared(wanted: &Facts, found: &Facts) -> Vec<(Option<Fact>, Difference)> {
    let keys = wanted
        .keys()
        .chain(found.keys().filter(|key| !wanted.contains_key(*key)));
    keys.filter_map(|key| {
        let (first, here) = (wanted.get(key), found.get(key));
        let text = |fact: Option<&Fact>| fact.map(|fact| fact.text.clone());
        (text(first) != text(here)).then(|| {
            let difference = Difference {
                section: key.0,
                item: key.1.clone(),
                first: text(first),
                here: text(here),
            };
            (first.cloned(), difference)
        })
    })
    .collect()
}

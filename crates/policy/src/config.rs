//! The `[policy]` section. Every doc comment here is what the reference page, `config init` and
//! editors show.

use homelab_core::policy::{Decision, Pattern};
use homelab_core::tool::Effect;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Who may do what, when and how often, on top of the roles.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct PolicyConfig {
    /// Refuse every call that changes something, whoever asks. `--read-only` sets it for one run.
    pub read_only: bool,
    /// Time zone of `hour` and `weekday` in conditions and of windows that name none, such as
    /// `Europe/Berlin`. Default: the machine's.
    pub time_zone: Option<String>,
    /// What happens with calls that match. All matchers of a rule that are set have to match; of
    /// several matching rules the strictest decision counts, and takes the place of the role's
    /// default.
    pub rules: Vec<RuleConfig>,
    /// Objects of the lab that only `admin` may change, and only with an approval, whatever the
    /// rules say. What a call touches is known for tools that name their targets.
    pub protected: Vec<ProtectedConfig>,
    /// Change windows and quiet hours.
    pub windows: Vec<WindowConfig>,
    /// How fast one caller may repeat one tool, counted in each process.
    pub limits: Vec<LimitConfig>,
    /// How often calls may run in a longer time, counted over all processes on one database.
    pub budgets: Vec<BudgetConfig>,
}

/// The matchers that rules, windows, limits and budgets have in common, borrowed.
pub(crate) struct Matchers<'a> {
    pub(crate) principals: &'a [Pattern],
    pub(crate) roles: &'a [String],
    pub(crate) servers: &'a [Pattern],
    pub(crate) tools: &'a [Pattern],
    pub(crate) instances: &'a [Pattern],
    pub(crate) effects: &'a [Effect],
}

/// A table with matchers: serde cannot both flatten a shared struct and refuse unknown keys.
macro_rules! with_matchers {
    (
        $(#[$meta:meta])*
        pub struct $name:ident { $($(#[$field_meta:meta])* pub $field:ident: $type:ty,)* }
    ) => {
        $(#[$meta])*
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
        #[serde(deny_unknown_fields)]
        pub struct $name {
            $($(#[$field_meta])* pub $field: $type,)*
            /// Names of callers, such as `alice`, `ci-*`, `stdio:*`. Default: everybody.
            #[serde(default, skip_serializing_if = "Vec::is_empty")]
            pub principals: Vec<Pattern>,
            /// Roles: `viewer`, `operator`, `admin`. Default: every role.
            #[serde(default, skip_serializing_if = "Vec::is_empty")]
            pub roles: Vec<String>,
            /// Kinds of server or instances, such as `proxmox`, `pihole-2`. Default: every server.
            #[serde(default, skip_serializing_if = "Vec::is_empty")]
            pub servers: Vec<Pattern>,
            /// Tools by bare name, by name at `/mcp`, or by permission, such as `delete_*`,
            /// `proxmox_*`, `*:guest:power`. Default: every tool.
            #[serde(default, skip_serializing_if = "Vec::is_empty")]
            pub tools: Vec<Pattern>,
            /// Instances alone, such as `pve-2`. Default: every instance.
            #[serde(default, skip_serializing_if = "Vec::is_empty")]
            pub instances: Vec<Pattern>,
            /// What a call does: `read`, `write`, `destructive`, `critical`. Default: everything; for
            /// windows everything but `read`.
            #[serde(default, skip_serializing_if = "Vec::is_empty")]
            pub effects: Vec<Effect>,
        }

        impl $name {
            pub(crate) fn matchers(&self) -> Matchers<'_> {
                Matchers {
                    principals: &self.principals,
                    roles: &self.roles,
                    servers: &self.servers,
                    tools: &self.tools,
                    instances: &self.instances,
                    effects: &self.effects,
                }
            }
        }
    };
}

with_matchers! {
    /// What happens with calls that match.
    pub struct RuleConfig {
        /// The rule's name, as answers, approvals and `policy test` show it.
        pub name: String,
        /// `allow`, `confirm` (the user behind the client agrees), `approve` (an owner agrees) or
        /// `deny`.
        pub decision: Decision,
        /// Condition in CEL over `args`, `principal`, `role`, `instance`, `tool`, `targets` (each with
        /// `kind`, `id`, `name`, `tags`), `hour` and `weekday` (`mon` to `sun`), such as
        /// `args.vmid in [100, 101]`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub when: Option<String>,
        /// Why, for whoever calls or approves.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub reason: Option<String>,
        /// With `approve`: how many different people have to agree. Default: 1.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[schemars(range(min = 1, max = 5))]
        pub approvers: Option<u32>,
        /// With `confirm` and `approve`: seconds that a call waits for the decision. Default: 900.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[schemars(range(min = 10, max = 604_800))]
        pub expires_after_s: Option<u64>,
    }
}

/// Objects that only `admin` may change, with an approval. Any pattern that matches protects.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ProtectedConfig {
    /// Kind of object, such as `guest`, `device`, `zone`. Default: every kind.
    pub kind: Option<String>,
    /// Ids as the upstream has them, such as `100`.
    pub ids: Vec<Pattern>,
    /// Names, such as `dns*`.
    pub names: Vec<Pattern>,
    /// Tags or labels, such as `critical`.
    pub tags: Vec<Pattern>,
    /// Why, for whoever calls or approves.
    pub reason: Option<String>,
}

/// What a window makes of a call at least.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Raise {
    /// An owner has to agree.
    Approve,
    /// It does not run.
    Deny,
}

impl From<Raise> for Decision {
    fn from(raise: Raise) -> Self {
        match raise {
            Raise::Approve => Self::Approve,
            Raise::Deny => Self::Deny,
        }
    }
}

/// A day of the week.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Day {
    /// Monday.
    Mon,
    /// Tuesday.
    Tue,
    /// Wednesday.
    Wed,
    /// Thursday.
    Thu,
    /// Friday.
    Fri,
    /// Saturday.
    Sat,
    /// Sunday.
    Sun,
}

with_matchers! {
    /// A change window (`outside` is set) or quiet hours (`inside` is set). Of several change windows
    /// for one call, being inside any of them is enough.
    pub struct WindowConfig {
        /// The window's name, as answers show it.
        pub name: String,
        /// Days on which it begins: `mon`, `tue`, `wed`, `thu`, `fri`, `sat`, `sun`. Default: every day.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        pub days: Vec<Day>,
        /// When it begins, such as `22:00`. Default: midnight.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub from: Option<String>,
        /// When it ends, such as `06:30`; before `from`: on the next day. Default: the next midnight.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub to: Option<String>,
        /// Its time zone, such as `Europe/Berlin`. Default: `policy.time_zone`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub time_zone: Option<String>,
        /// Calls within it need at least this: `approve` or `deny`. For quiet hours.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub inside: Option<Raise>,
        /// Calls at any other time need at least this: `approve` or `deny`. For change windows.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub outside: Option<Raise>,
        /// Why, for whoever calls or approves.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub reason: Option<String>,
    }
}

with_matchers! {
    /// How fast one caller may repeat one tool.
    pub struct LimitConfig {
        /// The limit's name, as answers show it.
        pub name: String,
        /// Calls of one tool by one caller in `per_s` seconds; as many may come at once.
        #[schemars(range(min = 1, max = 1_000_000))]
        pub rate: u32,
        /// Length of that time, seconds.
        #[schemars(range(min = 1, max = 86_400))]
        pub per_s: u32,
    }
}

/// Whose calls a budget counts together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Per {
    /// Those of one caller.
    #[default]
    Principal,
    /// Everybody's.
    Everyone,
}

with_matchers! {
    /// How often matching calls may run, all their tools together.
    pub struct BudgetConfig {
        /// The budget's name, as answers show it. Counts go on under the same name.
        pub name: String,
        /// Most runs within `window_s`.
        #[schemars(range(min = 1, max = 1_000_000))]
        pub most: u32,
        /// Length of the sliding window, seconds.
        #[schemars(range(min = 1, max = 31_536_000))]
        pub window_s: u64,
        /// Whose runs are counted together: `principal` (each caller's own) or `everyone`.
        #[serde(default)]
        pub per: Per,
    }
}

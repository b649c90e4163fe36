//! From the configuration to a checked, indexed set of rules: everything that is wrong is found here,
//! at load, and all of it at once.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use homelab_core::policy::{Decision, Pattern};
use jiff::tz::TimeZone;

use crate::budget::Budget;
use crate::catalogue::{Catalogue, Known};
use crate::condition::{Condition, Fault};
use crate::config::{PolicyConfig, ProtectedConfig, RuleConfig};
use crate::limit::Limit;
use crate::matcher::Matcher;
use crate::problem::{Problem, Problems, did_you_mean};
use crate::rules::{Entry, Protected, Rule, RuleSet, places, to_u32};
use crate::window::{Window, zone};

impl RuleSet {
    /// Checks a configuration against the tools there are, and indexes it.
    ///
    /// # Errors
    /// Everything that is wrong, in the order of the configuration.
    pub fn compile(config: &PolicyConfig, catalogue: &Catalogue) -> Result<Self, Vec<Problem>> {
        let mut compiler = Compiler {
            catalogue,
            problems: Problems::default(),
            conditions: HashMap::new(),
        };
        let set = compiler.compile(config);
        if compiler.problems.0.is_empty() {
            Ok(set)
        } else {
            Err(compiler.problems.0)
        }
    }
}

struct Compiler<'a> {
    catalogue: &'a Catalogue,
    problems: Problems,
    /// Conditions that are written several times are parsed once.
    conditions: HashMap<String, Arc<Condition>>,
}

impl Compiler<'_> {
    fn compile(&mut self, config: &PolicyConfig) -> RuleSet {
        self.names(config);
        let zone = match &config.time_zone {
            Some(name) => zone(name, "policy.time_zone", &mut self.problems),
            None => TimeZone::system(),
        };
        let mut rules: Vec<Rule> = (0..)
            .zip(&config.rules)
            .map(|(place, rule)| self.rule(place, rule))
            .collect();
        // A stable sort: those of one strictness stay in the order of the configuration.
        rules.sort_by_key(|rule| std::cmp::Reverse(rule.decision));
        let protected = (0..)
            .zip(&config.protected)
            .map(|(place, one)| self.protected(place, one))
            .collect();
        let mut windows = Vec::new();
        for (place, window) in config.windows.iter().enumerate() {
            let path = format!("policy.windows[{place}]");
            let matcher = self.matcher(&window.matchers(), &path);
            let problems = &mut self.problems;
            windows.push(Window::compile(window, matcher, &path, &zone, problems));
        }
        let mut limits = Vec::new();
        for (place, limit) in config.limits.iter().enumerate() {
            let path = format!("policy.limits[{place}]");
            self.at_least_one(&path, "rate", limit.rate == 0);
            self.at_least_one(&path, "per_s", limit.per_s == 0);
            let matcher = self.matcher(&limit.matchers(), &path);
            limits.extend(Limit::compile(limit, matcher));
        }
        let mut budgets = Vec::new();
        for (place, budget) in config.budgets.iter().enumerate() {
            let path = format!("policy.budgets[{place}]");
            self.at_least_one(&path, "most", budget.most == 0);
            self.at_least_one(&path, "window_s", budget.window_s == 0);
            let matcher = self.matcher(&budget.matchers(), &path);
            budgets.push(Budget::compile(budget, matcher));
        }
        let mut set = RuleSet {
            read_only: config.read_only,
            zone,
            rules,
            protected,
            windows,
            limits,
            budgets,
            index: HashMap::new(),
        };
        set.index = index(&set, self.catalogue);
        set
    }

    fn at_least_one(&mut self, path: &str, key: &str, is_zero: bool) {
        if is_zero {
            let hint = "to forbid the calls, use a rule with `decision = \"deny\"`";
            let path = format!("{path}.{key}");
            self.problems
                .add(&path, "must be at least 1", Some(hint.to_owned()));
        }
    }

    fn matcher(&mut self, matchers: &crate::config::Matchers<'_>, path: &str) -> Matcher {
        Matcher::compile(matchers, path, self.catalogue, &mut self.problems)
    }

    /// A name stands for one thing in answers and in the audit.
    fn names(&mut self, config: &PolicyConfig) {
        let mut seen: BTreeMap<&str, String> = BTreeMap::new();
        let lists: [(&str, Vec<&str>); 4] = [
            ("rules", config.rules.iter().map(|one| &*one.name).collect()),
            (
                "windows",
                config.windows.iter().map(|one| &*one.name).collect(),
            ),
            (
                "limits",
                config.limits.iter().map(|one| &*one.name).collect(),
            ),
            (
                "budgets",
                config.budgets.iter().map(|one| &*one.name).collect(),
            ),
        ];
        for (list, names) in lists {
            for (place, name) in names.into_iter().enumerate() {
                let path = format!("policy.{list}[{place}].name");
                let is_plain = |one: char| one.is_alphanumeric() || " -_.:".contains(one);
                if name.is_empty() || name.chars().count() > 64 || !name.chars().all(is_plain) {
                    let hint = "use up to 64 letters, digits, blanks and `-_.:`";
                    let text = format_args!("`{name}` is no name");
                    self.problems.add(&path, text, Some(hint.to_owned()));
                }
                if let Some(first) = seen.get(name) {
                    let text = format!("`{name}` is the name of `{first}` already");
                    self.problems.add(&path, text, None);
                } else {
                    seen.insert(name, format!("policy.{list}[{place}]"));
                }
            }
        }
    }

    fn rule(&mut self, place: usize, config: &RuleConfig) -> Rule {
        let path = format!("policy.rules[{place}]");
        let matcher = self.matcher(&config.matchers(), &path);
        let tools: Vec<&Known> = matcher.tools_of(self.catalogue).collect();
        let when = config.when.as_ref().and_then(|text| {
            let condition = self.condition(text, &format!("{path}.when"), &tools)?;
            Some((condition, text.clone()))
        });
        let decision = config.decision;
        if let Some(number) = config.approvers {
            let at = format!("{path}.approvers");
            if number == 0 {
                self.problems.add(&at, "must be at least 1", None);
            } else if decision != Decision::Approve {
                let text = format_args!("goes with `approve`, not with `{}`", decision.as_str());
                self.problems.add(&at, text, None);
            }
        }
        if let Some(seconds) = config.expires_after_s {
            let at = format!("{path}.expires_after_s");
            if seconds == 0 {
                self.problems.add(&at, "must be at least 1", None);
            } else if !matches!(decision, Decision::Confirm | Decision::Approve) {
                let text = format_args!("a call that is `{}` does not wait", decision.as_str());
                self.problems.add(&at, text, None);
            }
        }
        Rule {
            name: config.name.as_str().into(),
            place,
            decision,
            tools: tools.len(),
            matcher,
            when,
            reason: config.reason.clone(),
            approvers: config.approvers.unwrap_or(1),
            expires_after: config.expires_after_s.map(Duration::from_secs),
        }
    }

    fn protected(&mut self, place: usize, config: &ProtectedConfig) -> Protected {
        let path = format!("policy.protected[{place}]");
        let lists = [&config.ids, &config.names, &config.tags];
        if config.kind.is_none() && lists.iter().all(|list| list.is_empty()) {
            let hint = "name `ids`, `names`, `tags`, or at least a `kind`";
            self.problems
                .add(&path, "protects nothing", Some(hint.to_owned()));
        }
        let is_empty = |pattern: &Pattern| pattern.as_str().is_empty();
        if lists.iter().any(|list| list.iter().any(is_empty)) {
            self.problems
                .add(&path, "an empty pattern matches nothing", None);
        }
        Protected {
            name: path.into(),
            kind: config.kind.clone(),
            ids: config.ids.clone(),
            names: config.names.clone(),
            tags: config.tags.clone(),
            reason: config.reason.clone(),
        }
    }

    fn condition(&mut self, text: &str, path: &str, tools: &[&Known]) -> Option<Arc<Condition>> {
        let condition = match self.conditions.get(text) {
            Some(known) => Arc::clone(known),
            None => match Condition::parse(text) {
                Ok(condition) => {
                    let condition = Arc::new(condition);
                    self.conditions
                        .insert(text.to_owned(), Arc::clone(&condition));
                    condition
                }
                Err(message) => {
                    self.problems.add(path, message, None);
                    return None;
                }
            },
        };
        let mut unknown: BTreeMap<String, (String, Vec<&str>, bool)> = BTreeMap::new();
        let mut absent: BTreeMap<String, &str> = BTreeMap::new();
        let mut wrong: Vec<(String, Option<String>)> = Vec::new();
        for tool in tools {
            let mut here: Vec<String> = Vec::new();
            for fault in condition.check(tool.arguments()) {
                match fault {
                    Fault::Unknown {
                        path,
                        name,
                        guarded,
                    } => {
                        let (_, of, is_bare) =
                            unknown
                                .entry(path.clone())
                                .or_insert((name, Vec::new(), false));
                        if !here.contains(&path) {
                            of.push(&tool.aggregated);
                            here.push(path);
                        }
                        *is_bare |= !guarded;
                    }
                    Fault::MayBeAbsent { path } => {
                        absent.entry(path).or_insert(&tool.aggregated);
                    }
                    Fault::Wrong { message, hint } => {
                        if !wrong.iter().any(|(known, _)| *known == message) {
                            wrong.push((message, hint));
                        }
                    }
                }
            }
        }
        for (argument, (name, of, is_bare)) in unknown {
            if of.len() == tools.len() {
                let known = tools
                    .iter()
                    .flat_map(|tool| tool.arguments().members.keys().map(String::as_str));
                let hint = match name.as_str() {
                    "instance" | "host" => Some("use `instance`".to_owned()),
                    name => did_you_mean(name, known),
                };
                let text = format_args!("unknown argument `{argument}`");
                self.problems.add(path, text, hint);
            } else if is_bare {
                let tool = of.first().copied().unwrap_or_default();
                let text = format!("`{tool}`, which this rule matches, has no `{argument}`");
                let hint = format!("narrow `tools`, or write `has({argument}) && …`");
                self.problems.add(path, text, Some(hint));
            }
        }
        for (argument, tool) in absent {
            let text =
                format!("`{argument}` of `{tool}` may be absent, and the condition fails then");
            let hint = format!("write `has({argument}) && …`");
            self.problems.add(path, text, Some(hint));
        }
        for (message, hint) in wrong {
            self.problems.add(path, message, hint);
        }
        Some(condition)
    }
}

/// What is about each tool, worked out once. Tools with the same lists share them: most rules are
/// about many tools, and 300 copies of 1,000 rules would be felt.
fn index(
    set: &RuleSet,
    catalogue: &Catalogue,
) -> HashMap<String, HashMap<&'static str, Arc<Entry>>> {
    let mut shared: HashSet<Arc<Entry>> = HashSet::new();
    let mut index: HashMap<String, HashMap<&'static str, Arc<Entry>>> = HashMap::new();
    for tool in &catalogue.tools {
        let about = |matcher: &Matcher| matcher.is_about(tool, catalogue);
        let mut entry = Entry {
            windows: places(&set.windows, |one| about(&one.matcher)),
            limits: places(&set.limits, |one| about(&one.matcher)),
            budgets: places(&set.budgets, |one| about(&one.matcher)),
            ..Entry::default()
        };
        let mut own: BTreeMap<&str, Vec<u32>> = BTreeMap::new();
        for (place, rule) in set.rules.iter().enumerate() {
            if !about(&rule.matcher) {
                continue;
            }
            match rule.matcher.exact_principals() {
                None => entry.rules.push(to_u32(place)),
                Some(mut names) => {
                    names.sort_unstable();
                    names.dedup();
                    for name in names {
                        own.entry(name).or_default().push(to_u32(place));
                    }
                }
            }
        }
        entry.by_principal = own
            .into_iter()
            .map(|(name, rules)| (Arc::from(name), rules))
            .collect();
        let entry = if let Some(known) = shared.get(&entry) {
            Arc::clone(known)
        } else {
            let entry = Arc::new(entry);
            shared.insert(Arc::clone(&entry));
            entry
        };
        index
            .entry(tool.kind.clone())
            .or_default()
            .insert(tool.spec.name, entry);
    }
    index
}

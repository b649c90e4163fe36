//! The compiled rules: an index by tool, and the decision on one call.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use homelab_core::clock::Micros;
use homelab_core::policy::{Decision, Pattern, Question, Role, Sight, role_default};
use homelab_core::tool::{Effect, Target};
use jiff::tz::TimeZone;

use crate::budget::Budget;
use crate::condition::{Condition, Facts, Failure};
use crate::limit::Limit;
use crate::matcher::{Matcher, any};
use crate::window::Window;

/// A compiled rule.
#[derive(Debug)]
pub(crate) struct Rule {
    pub(crate) name: Arc<str>,
    /// Its place in the configuration.
    pub(crate) place: usize,
    pub(crate) decision: Decision,
    pub(crate) matcher: Matcher,
    pub(crate) when: Option<(Arc<Condition>, String)>,
    pub(crate) reason: Option<String>,
    pub(crate) approvers: u32,
    pub(crate) expires_after: Option<Duration>,
    /// Bare names at `/mcp` of the tools it matches, for listings.
    pub(crate) tools: usize,
}

/// Protected objects.
#[derive(Debug)]
pub(crate) struct Protected {
    /// `policy.protected[0]`.
    pub(crate) name: Arc<str>,
    pub(crate) kind: Option<String>,
    pub(crate) ids: Vec<Pattern>,
    pub(crate) names: Vec<Pattern>,
    pub(crate) tags: Vec<Pattern>,
    pub(crate) reason: Option<String>,
}

impl Protected {
    /// What it covers, in a few words for listings.
    pub(crate) fn describe(&self) -> String {
        let list = |name: &str, patterns: &[Pattern]| {
            let texts: Vec<&str> = patterns.iter().map(Pattern::as_str).collect();
            (!texts.is_empty()).then(|| format!("{name} {}", texts.join(", ")))
        };
        let kind = self.kind.as_ref().map(|kind| format!("kind {kind}"));
        let patterns = [
            list("ids", &self.ids),
            list("names", &self.names),
            list("tags", &self.tags),
        ];
        let any: Vec<String> = patterns.into_iter().flatten().collect();
        let parts = [kind, (!any.is_empty()).then(|| any.join(" or "))];
        parts.into_iter().flatten().collect::<Vec<_>>().join("; ")
    }

    pub(crate) fn covers(&self, target: &Target) -> bool {
        let of_kind = self.kind.as_ref().is_none_or(|kind| *kind == target.kind);
        let is_open = self.ids.is_empty() && self.names.is_empty() && self.tags.is_empty();
        of_kind
            && (is_open
                || any(&self.ids, &target.id)
                || target
                    .name
                    .as_deref()
                    .is_some_and(|name| any(&self.names, name))
                || target.tags.iter().any(|tag| any(&self.tags, tag)))
    }
}

/// What is about one tool: places in the lists of [`RuleSet`], ascending.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(crate) struct Entry {
    /// Rules for whoever calls.
    pub(crate) rules: Vec<u32>,
    /// Rules that name their callers, by caller.
    pub(crate) by_principal: Vec<(Arc<str>, Vec<u32>)>,
    pub(crate) windows: Vec<u32>,
    pub(crate) limits: Vec<u32>,
    pub(crate) budgets: Vec<u32>,
}

impl Entry {
    /// The rules that may match a call of this caller, the strictest first.
    fn rules_for(&self, principal: &str) -> impl Iterator<Item = u32> + '_ {
        let own = self
            .by_principal
            .binary_search_by(|(name, _)| (**name).cmp(principal))
            .ok()
            .and_then(|at| self.by_principal.get(at))
            .map_or(&[][..], |(_, rules)| rules);
        Merge {
            one: &self.rules,
            other: own,
        }
    }
}

/// Two ascending lists as one.
struct Merge<'a> {
    one: &'a [u32],
    other: &'a [u32],
}

impl Iterator for Merge<'_> {
    type Item = u32;

    fn next(&mut self) -> Option<u32> {
        let from = match (self.one.first(), self.other.first()) {
            (Some(one), Some(other)) if other < one => &mut self.other,
            (None, _) => &mut self.other,
            _ => &mut self.one,
        };
        let (first, rest) = from.split_first()?;
        *from = rest;
        Some(*first)
    }
}

/// Every rule, window, limit and budget of a configuration, checked and indexed.
///
/// Rules are kept by strictness, the strictest first and those of one strictness in the order of the
/// configuration: the first that matches decides, and the search ends there.
pub struct RuleSet {
    pub(crate) read_only: bool,
    pub(crate) zone: TimeZone,
    pub(crate) rules: Vec<Rule>,
    pub(crate) protected: Vec<Protected>,
    pub(crate) windows: Vec<Window>,
    pub(crate) limits: Vec<Limit>,
    pub(crate) budgets: Vec<Budget>,
    /// By kind, then by bare name. Tools with the same lists share them.
    pub(crate) index: HashMap<String, HashMap<&'static str, Arc<Entry>>>,
}

/// Who or what made a decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum By {
    /// The role's default.
    Default,
    /// A tool with secrets, and a role that may not read them.
    Secret,
    /// A viewer who wants to change something.
    Viewer,
    /// Nothing may be changed now.
    ReadOnly,
    /// A rule.
    Rule(u32),
    /// A rule whose condition could not be evaluated.
    Broken(u32, Failure),
    /// A protected object: the list's place, and the target's.
    Protected(u32, usize),
    /// A window.
    Window(u32, Side),
}

/// Which side of a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    Inside,
    Outside,
}

/// A decision, and what goes with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Judgement {
    pub(crate) decision: Decision,
    pub(crate) by: By,
    pub(crate) approvers: u32,
    pub(crate) expires_after: Option<Duration>,
}

impl Judgement {
    const fn new(decision: Decision, by: By) -> Self {
        Self {
            decision,
            by,
            approvers: 1,
            expires_after: None,
        }
    }

    /// At least this strict.
    fn raise(&mut self, decision: Decision, by: By) {
        if decision > self.decision {
            self.decision = decision;
            self.by = by;
        }
    }
}

impl RuleSet {
    /// What is about a tool. One that was not there when the rules were compiled (a server behind
    /// ours may bring it) is matched anew each time, so that it is not free of rules.
    pub(crate) fn entry(&self, sight: &Sight<'_>) -> Cow<'_, Entry> {
        let of_kind = self.index.get(sight.kind);
        if let Some(entry) = of_kind.and_then(|tools| tools.get(sight.spec.name)) {
            return Cow::Borrowed(entry);
        }
        let about = |matcher: &Matcher| matcher.fits_tool(sight.spec, sight.aggregated);
        Cow::Owned(Entry {
            rules: places(&self.rules, |rule| about(&rule.matcher)),
            by_principal: Vec::new(),
            windows: places(&self.windows, |window| about(&window.matcher)),
            limits: places(&self.limits, |limit| about(&limit.matcher)),
            budgets: places(&self.budgets, |budget| about(&budget.matcher)),
        })
    }

    /// Bounds that no rule loosens, and that need no arguments.
    pub(crate) fn floor(&self, sight: &Sight<'_>) -> Option<By> {
        let changes = sight.spec.effect != Effect::Read;
        match sight.principal.role {
            role if sight.spec.secret && role != Role::Admin => Some(By::Secret),
            Role::Viewer if changes => Some(By::Viewer),
            _ if self.read_only && changes => Some(By::ReadOnly),
            _ => None,
        }
    }

    /// The decision on one call; takes nothing from limits or budgets.
    pub(crate) fn judge(&self, entry: &Entry, question: &Question<'_>, now: Micros) -> Judgement {
        let sight = &question.sight;
        if let Some(by) = self.floor(sight) {
            return Judgement::new(Decision::Deny, by);
        }
        let facts = Facts::new(question, now, &self.zone);
        let mut judgement = self.by_rules(entry, &facts);
        self.protect(question, &mut judgement);
        self.by_windows(entry, question, now, &mut judgement);
        judgement
    }

    fn by_rules(&self, entry: &Entry, facts: &Facts<'_>) -> Judgement {
        let sight = &facts.question.sight;
        let mut found: Option<Judgement> = None;
        for (place, rule) in self.candidates(entry, sight) {
            // A less strict rule changes nothing any more, and one of the same strictness only what
            // goes with an approval.
            if let Some(found) = &found
                && (rule.decision < found.decision || found.decision != Decision::Approve)
            {
                break;
            }
            match rule.holds(facts) {
                Ok(false) => {}
                Ok(true) => match &mut found {
                    None => {
                        found = Some(Judgement {
                            decision: rule.decision,
                            by: By::Rule(place),
                            approvers: rule.approvers,
                            expires_after: rule.expires_after,
                        });
                    }
                    Some(found) => {
                        found.approvers = found.approvers.max(rule.approvers);
                        found.expires_after = sooner(found.expires_after, rule.expires_after);
                    }
                },
                Err(failure) => {
                    return Judgement::new(Decision::Deny, By::Broken(place, failure));
                }
            }
        }
        let role = sight.principal.role;
        found.unwrap_or_else(|| Judgement::new(role_default(role, sight.spec), By::Default))
    }

    /// The rules that fit tool, caller and instance, the strictest first.
    pub(crate) fn candidates<'a>(
        &'a self,
        entry: &'a Entry,
        sight: &'a Sight<'a>,
    ) -> impl Iterator<Item = (u32, &'a Rule)> {
        entry
            .rules_for(&sight.principal.name)
            .filter_map(|place| Some((place, self.rules.get(place as usize)?)))
            .filter(|(_, rule)| rule.matcher.fits_caller(sight))
    }

    fn protect(&self, question: &Question<'_>, judgement: &mut Judgement) {
        for target in 0..question.targets.len() {
            if let Some(protection) = self.protection(question, target) {
                judgement.raise(protection.decision, protection.by);
            }
        }
    }

    /// What a target's protection makes of a call.
    pub(crate) fn protection(&self, question: &Question<'_>, target: usize) -> Option<Judgement> {
        let object = question.targets.get(target)?;
        let place = self.protected.iter().position(|one| one.covers(object))?;
        let decision = match question.sight.principal.role {
            Role::Admin => Decision::Approve,
            Role::Viewer | Role::Operator => Decision::Deny,
        };
        let by = By::Protected(to_u32(place), target);
        Some(Judgement::new(decision, by))
    }

    fn by_windows(
        &self,
        entry: &Entry,
        question: &Question<'_>,
        now: Micros,
        judgement: &mut Judgement,
    ) {
        let mut outside: Option<(u32, Decision)> = None;
        let mut is_in_change_window = false;
        for place in &entry.windows {
            let Some(window) = self.windows.get(*place as usize) else {
                continue;
            };
            if !window.matcher.fits_caller(&question.sight) {
                continue;
            }
            let is_inside = window.contains(now);
            match (is_inside, window.inside, window.outside) {
                (true, Some(decision), _) => {
                    judgement.raise(decision, By::Window(*place, Side::Inside));
                }
                (false, _, Some(decision)) if outside.is_none_or(|(_, other)| decision > other) => {
                    outside = Some((*place, decision));
                }
                _ => {}
            }
            is_in_change_window |= is_inside && window.outside.is_some();
        }
        // Change windows add up: who may work on Saturdays and on Sundays may work on both.
        if let Some((place, decision)) = outside
            && !is_in_change_window
        {
            judgement.raise(decision, By::Window(place, Side::Outside));
        }
    }

    /// Whether each call of a tool by a caller is denied, whatever its arguments, time and targets.
    pub(crate) fn hides(&self, sight: &Sight<'_>) -> bool {
        if self.floor(sight).is_some() {
            return true;
        }
        let entry = self.entry(sight);
        self.candidates(&entry, sight)
            .take_while(|(_, rule)| rule.decision == Decision::Deny)
            .any(|(_, rule)| rule.when.is_none())
    }
}

impl Rule {
    /// Whether its condition holds; true without one.
    pub(crate) fn holds(&self, facts: &Facts<'_>) -> Result<bool, Failure> {
        self.when
            .as_ref()
            .map_or(Ok(true), |(condition, _)| condition.holds(facts))
    }
}

fn sooner(one: Option<Duration>, other: Option<Duration>) -> Option<Duration> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}

/// Places of the items that fit.
pub(crate) fn places<T>(items: &[T], fits: impl Fn(&T) -> bool) -> Vec<u32> {
    let numbered = items.iter().enumerate().filter(|(_, item)| fits(item));
    numbered.map(|(place, _)| to_u32(place)).collect()
}

pub(crate) fn to_u32(place: usize) -> u32 {
    u32::try_from(place).unwrap_or(u32::MAX)
}

//! Analytics of a zone, from the GraphQL API. Which data set can be asked for what time is the plan's
//! choice, so it is asked first.

use homelab_core::clock::Micros;
use homelab_core::error::{ToolError, ToolResult};
use homelab_core::tool::tool;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::client::Cloudflare;
use crate::ids::ZoneArg;

/// Groups that are shown unless asked otherwise.
const GROUPS: u32 = 25;

/// How far back.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub(crate) enum Period {
    /// A day.
    #[default]
    #[serde(rename = "24h")]
    Day,
    /// A week.
    #[serde(rename = "7d")]
    Week,
    /// A month.
    #[serde(rename = "30d")]
    Month,
}

impl Period {
    fn seconds(self) -> i64 {
        match self {
            Self::Day => 86_400,
            Self::Week => 7 * 86_400,
            Self::Month => 30 * 86_400,
        }
    }
}

/// What the groups are of.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum GroupBy {
    /// Hours, or days where the time is long.
    #[default]
    Time,
    /// Countries of the clients.
    Country,
    /// Status codes of the answers.
    Status,
    /// Hosts.
    Host,
    /// Paths.
    Path,
    /// What the firewall did: action, country and host.
    Firewall,
}

/// What of which time.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct GetZoneAnalytics {
    /// The zone, by name or id, or a host in it; default the configured one.
    zone: Option<ZoneArg>,
    /// How far back from now; instead of `since`.
    period: Option<Period>,
    /// From this time on, RFC 3339.
    #[schemars(length(max = 40))]
    since: Option<String>,
    /// Up to this time, RFC 3339; default now.
    #[schemars(length(max = 40))]
    until: Option<String>,
    /// What the groups are of.
    group_by: GroupBy,
    /// Most groups; default 25, for times all.
    #[schemars(range(min = 1, max = 200))]
    limit: Option<u32>,
}

/// Sums over the whole time.
#[derive(Debug, Clone, Default, Serialize, JsonSchema)]
pub(crate) struct Totals {
    /// Requests, or events of the firewall.
    requests: u64,
    bytes: Option<u64>,
    cached_requests: Option<u64>,
    cached_bytes: Option<u64>,
    threats: Option<u64>,
    page_views: Option<u64>,
    /// Different addresses of clients.
    unique_visitors: Option<u64>,
}

/// One group.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct Group {
    /// Time, country, status, host, path, or what the firewall did.
    key: String,
    requests: u64,
    bytes: Option<u64>,
    threats: Option<u64>,
}

/// Traffic of a zone.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct ZoneAnalytics {
    /// Name of the zone.
    zone: String,
    since: String,
    until: String,
    /// The data set that was asked.
    dataset: String,
    /// Whether the numbers are estimates from samples.
    sampled: bool,
    totals: Totals,
    groups: Vec<Group>,
    /// Groups that are not shown.
    more: usize,
}

/// A data set of the API.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Set {
    Hours,
    Days,
    Requests,
    Firewall,
}

impl Set {
    fn name(self) -> &'static str {
        match self {
            Self::Hours => "httpRequests1hGroups",
            Self::Days => "httpRequests1dGroups",
            Self::Requests => "httpRequestsAdaptiveGroups",
            Self::Firewall => "firewallEventsAdaptiveGroups",
        }
    }

    fn sampled(self) -> bool {
        matches!(self, Self::Requests | Self::Firewall)
    }

    /// The sets that know what is asked, the finest first.
    fn of(group_by: GroupBy) -> &'static [Self] {
        match group_by {
            GroupBy::Time | GroupBy::Country | GroupBy::Status => &[Self::Hours, Self::Days],
            GroupBy::Host | GroupBy::Path => &[Self::Requests],
            GroupBy::Firewall => &[Self::Firewall],
        }
    }
}

/// Seconds from one time to another.
#[derive(Debug, Clone, Copy)]
struct Span {
    since: Micros,
    until: Micros,
}

impl Span {
    fn seconds(self) -> i64 {
        (self.until.0 - self.since.0).div_euclid(1_000_000)
    }

    fn read(args: &GetZoneAnalytics, now: Micros) -> ToolResult<Self> {
        let time = |field: &str, text: &Option<String>| {
            let read = |text: &String| {
                Micros::from_rfc3339(text).ok_or_else(|| {
                    ToolError::invalid(field, format!("`{text}` is not a time"))
                        .hint("write it like `2026-11-20T02:00:00Z`")
                })
            };
            text.as_ref().map(read).transpose()
        };
        if args.period.is_some() && args.since.is_some() {
            return Err(
                ToolError::invalid("since", "both a period and its begin are given")
                    .hint("give `period` or `since`"),
            );
        }
        let until = time("until", &args.until)?.unwrap_or(now);
        let back = args.period.unwrap_or_default().seconds();
        let since = time("since", &args.since)?.unwrap_or_else(|| until.plus_seconds(-back));
        if since >= until {
            return Err(ToolError::invalid("since", "it must be before `until`"));
        }
        Ok(Self { since, until })
    }

    /// Begin and end as a set's filter counts them.
    fn bounds(self, set: Set) -> (String, String) {
        let day = |time: Micros| time.to_rfc3339().chars().take(10).collect::<String>();
        let second = |time: Micros| Micros(time.0 - time.0.rem_euclid(1_000_000)).to_rfc3339();
        match set {
            Set::Days => (day(self.since), day(self.until)),
            _ => (second(self.since), second(self.until)),
        }
    }
}

/// Show traffic of a zone over time, or by country, status, host, path or firewall action, with totals.
#[tool(
    read,
    open_world,
    permission = "cloudflare:analytics:read",
    title = "Show zone analytics",
    timeout = 60,
    untrusted("groups.*.key")
)]
pub(crate) async fn get_zone_analytics(
    cloudflare: &Cloudflare,
    args: GetZoneAnalytics,
) -> ToolResult<ZoneAnalytics> {
    let now = cloudflare.api.env.clock.now();
    let span = Span::read(&args, now)?;
    let zone = cloudflare.zone(args.zone.as_ref()).await?;
    let set = choose(cloudflare, &zone.id, args.group_by, span, now).await?;
    let (since, until) = span.bounds(set);
    let variables = json!({ "zone": zone.id, "since": since, "until": until });
    let data = cloudflare
        .api
        .analytics(&query(set, args.group_by), variables)
        .await?;
    let found = &data["viewer"]["zones"][0];
    let mut groups = groups(found, args.group_by);
    let by_time = args.group_by == GroupBy::Time;
    let limit = args.limit.unwrap_or(if by_time { 200 } else { GROUPS });
    let more = groups.len().saturating_sub(limit as usize);
    groups.truncate(limit as usize);
    Ok(ZoneAnalytics {
        zone: zone.name,
        since,
        until,
        dataset: set.name().to_owned(),
        sampled: set.sampled(),
        totals: totals(found),
        groups,
        more,
    })
}

/// The finest set that the plan lets be asked for this time.
async fn choose(
    cloudflare: &Cloudflare,
    zone: &str,
    group_by: GroupBy,
    span: Span,
    now: Micros,
) -> ToolResult<Set> {
    let sets = Set::of(group_by);
    let names: Vec<String> = sets
        .iter()
        .map(|set| format!("{} {{ enabled maxDuration notOlderThan }}", set.name()))
        .collect();
    let query = format!(
        "query($zone: string!) {{ viewer {{ zones(filter: {{zoneTag: $zone}}) {{ settings {{ {} }} }} }} }}",
        names.join(" ")
    );
    let data = cloudflare
        .api
        .analytics(&query, json!({ "zone": zone }))
        .await?;
    let settings = &data["viewer"]["zones"][0]["settings"];
    let age = (now.0 - span.since.0).div_euclid(1_000_000);
    let mut longest = (0, 0);
    for set in sets {
        let limits = &settings[set.name()];
        let number = |name: &str| limits[name].as_i64().unwrap_or(i64::MAX);
        if limits["enabled"] != true {
            continue;
        }
        let (duration, oldest) = (number("maxDuration"), number("notOlderThan"));
        if span.seconds() <= duration && age <= oldest {
            return Ok(*set);
        }
        longest = longest.max((duration, oldest));
    }
    let (duration, oldest) = longest;
    let message = if duration == 0 {
        "the zone's plan has no data of this kind".to_owned()
    } else {
        let hours = |seconds: i64| seconds / 3600;
        format!(
            "the zone's plan allows {} hours at a time, up to {} hours back",
            hours(duration),
            hours(oldest)
        )
    };
    Err(ToolError::invalid("since", message)
        .hint("ask for a shorter or later time, or another `group_by`"))
}

fn query(set: Set, group_by: GroupBy) -> String {
    let name = set.name();
    let (kind, filter, time) = match set {
        Set::Days => ("Date", "date_geq: $since, date_leq: $until", "date"),
        _ => (
            "Time",
            "datetime_geq: $since, datetime_lt: $until",
            "datetime",
        ),
    };
    let sums = "requests bytes cachedRequests cachedBytes threats pageViews";
    let inside = match (group_by, set) {
        (GroupBy::Time, _) => format!(
            "total: {name}(limit: 1, filter: {{{filter}}}) {{ sum {{ {sums} }} uniq {{ uniques }} }}
             groups: {name}(limit: 1000, orderBy: [{time}_ASC], filter: {{{filter}}}) {{
               dimensions {{ {time} }} sum {{ requests bytes threats }} }}"
        ),
        (GroupBy::Country, _) => format!(
            "total: {name}(limit: 1, filter: {{{filter}}}) {{ sum {{ {sums}
               countryMap {{ clientCountryName requests }} }} uniq {{ uniques }} }}"
        ),
        (GroupBy::Status, _) => format!(
            "total: {name}(limit: 1, filter: {{{filter}}}) {{ sum {{ {sums}
               responseStatusMap {{ edgeResponseStatus requests }} }} uniq {{ uniques }} }}"
        ),
        (GroupBy::Host | GroupBy::Path, _) => {
            let dimension = if group_by == GroupBy::Host {
                "clientRequestHTTPHost"
            } else {
                "clientRequestPath"
            };
            format!(
                "total: {name}(limit: 1, filter: {{{filter}}}) {{ count sum {{ edgeResponseBytes }} }}
                 groups: {name}(limit: 1000, orderBy: [count_DESC], filter: {{{filter}}}) {{
                   count dimensions {{ {dimension} }} sum {{ edgeResponseBytes }} }}"
            )
        }
        (GroupBy::Firewall, _) => format!(
            "total: {name}(limit: 1, filter: {{{filter}}}) {{ count }}
             groups: {name}(limit: 1000, orderBy: [count_DESC], filter: {{{filter}}}) {{
               count dimensions {{ action clientCountryName clientRequestHTTPHost }} }}"
        ),
    };
    format!(
        "query($zone: string!, $since: {kind}!, $until: {kind}!) {{ viewer {{ zones(filter: {{zoneTag: $zone}}) {{ {inside} }} }} }}"
    )
}

fn totals(found: &Value) -> Totals {
    let total = &found["total"][0];
    let sum = |name: &str| total["sum"][name].as_u64();
    Totals {
        requests: sum("requests").or(total["count"].as_u64()).unwrap_or(0),
        bytes: sum("bytes").or_else(|| sum("edgeResponseBytes")),
        cached_requests: sum("cachedRequests"),
        cached_bytes: sum("cachedBytes"),
        threats: sum("threats"),
        page_views: sum("pageViews"),
        unique_visitors: total["uniq"]["uniques"].as_u64(),
    }
}

fn groups(found: &Value, group_by: GroupBy) -> Vec<Group> {
    let (rows, key) = match group_by {
        GroupBy::Country => (&found["total"][0]["sum"]["countryMap"], "clientCountryName"),
        GroupBy::Status => (
            &found["total"][0]["sum"]["responseStatusMap"],
            "edgeResponseStatus",
        ),
        _ => (&found["groups"], ""),
    };
    let text = |value: &Value| {
        value
            .as_str()
            .map_or_else(|| value.to_string(), str::to_owned)
    };
    let mut groups: Vec<Group> = rows
        .as_array()
        .into_iter()
        .flatten()
        .map(|row| {
            let dimensions = row["dimensions"].as_object().into_iter().flatten();
            let named: Vec<String> = dimensions.map(|(_, value)| text(value)).collect();
            let count = row["count"].as_u64().or(row["requests"].as_u64());
            Group {
                key: if key.is_empty() {
                    named.join(" ")
                } else {
                    text(&row[key])
                },
                requests: count.or(row["sum"]["requests"].as_u64()).unwrap_or(0),
                bytes: row["sum"]["bytes"]
                    .as_u64()
                    .or(row["sum"]["edgeResponseBytes"].as_u64()),
                threats: row["sum"]["threats"].as_u64(),
            }
        })
        .collect();
    if group_by != GroupBy::Time {
        groups.sort_by_key(|group| std::cmp::Reverse(group.requests));
    }
    groups
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn now() -> Micros {
        Micros::from_rfc3339("2026-11-20T02:00:00Z").unwrap()
    }

    #[test]
    fn a_day_is_counted_back_from_now() {
        let span = Span::read(&GetZoneAnalytics::default(), now()).unwrap();

        assert_eq!(
            span.bounds(Set::Hours),
            (
                "2026-11-19T02:00:00Z".to_owned(),
                "2026-11-20T02:00:00Z".to_owned()
            )
        );
        assert_eq!(
            span.bounds(Set::Days),
            ("2026-11-19".to_owned(), "2026-11-20".to_owned())
        );
    }

    #[rstest]
    #[case(json!({ "since": "yesterday" }), "since")]
    #[case(json!({ "since": "2026-11-21T00:00:00Z" }), "since")]
    #[case(json!({ "since": "2026-11-19T00:00:00Z", "period": "7d" }), "since")]
    #[case(json!({ "until": "x" }), "until")]
    fn times_that_are_none_are_named(#[case] args: Value, #[case] field: &str) {
        let args: GetZoneAnalytics = serde_json::from_value(args).unwrap();

        let error = Span::read(&args, now()).unwrap_err();

        assert_eq!(error.envelope().field.as_deref(), Some(field));
    }
}

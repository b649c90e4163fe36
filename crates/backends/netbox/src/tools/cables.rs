//! Connecting, changing, disconnecting and tracing cables.

use homelab_core::call::CallContext;
use homelab_core::error::{Code, ToolError, ToolResult};
use homelab_core::tool::{Change, Effect, Inverse, Mismatch, Preview, Target, tool};
use homelab_upstream::Method;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::cable_list::{CableRow, ends};
use super::cable_plan::{Plan, before, between, connect_again, connect_call, restore_call};
use crate::api::By;
use crate::call::Call;
use crate::choices::{CableStatus, CableType, LengthUnit, word};
use crate::client::{NetBox, by, target};
use crate::ids::Color;
use crate::kinds::{CABLE, DEVICE};
use crate::ports::PortArg;
use crate::types::{Cable, Peer};

/// What to do with cables.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Action {
    Connect,
    Update,
    Disconnect,
    Trace,
}

/// Which cable, and what to do with it.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct UpdateCableMap {
    /// `connect` two ports, `update` or `disconnect` a cable, or `trace` where a port leads to.
    pub(super) action: Action,
    /// One end: to connect, to trace from, or to name a cable by.
    pub(super) a: Option<PortArg>,
    /// The other end: to connect, or to name a cable by.
    pub(super) b: Option<PortArg>,
    /// The id of the cable to update or disconnect, if not named by a port.
    #[schemars(range(min = 1, max = 999_999_999_999_u64))]
    pub(super) cable: Option<u64>,
    /// Type.
    pub(super) r#type: Option<CableType>,
    /// Status; default connected.
    pub(super) status: Option<CableStatus>,
    /// Label, as it is on the cable.
    #[schemars(length(max = 100))]
    pub(super) label: Option<String>,
    /// Colour, six hexadecimal digits in lower case.
    pub(super) color: Option<Color>,
    /// Length, with `length_unit`.
    #[schemars(range(min = 0.0, max = 999_999.0))]
    pub(super) length: Option<f64>,
    /// Unit of `length`.
    pub(super) length_unit: Option<LengthUnit>,
    /// Description.
    #[schemars(length(max = 200))]
    pub(super) description: Option<String>,
    /// To connect: remove the cables that are on these ports.
    #[serde(default)]
    pub(super) replace: bool,
    /// Only tell what would be done.
    #[serde(default)]
    dry_run: bool,
}

/// What was done, or would be, or where a port leads to.
#[derive(Debug, Clone, Default, Serialize, JsonSchema)]
pub(crate) struct CableMap {
    /// The cable as it is afterwards.
    cable: Option<CableRow>,
    /// Cables that were removed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    removed: Vec<CableRow>,
    /// With `dry_run`: what would be done, step by step.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    plan: Vec<String>,
    /// Of a trace: from end to end.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    segments: Vec<Segment>,
    /// Under which NetBox logged it, for `get_changelog`.
    request_id: Option<String>,
}

/// One cable of a trace.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct Segment {
    /// Ends nearer to where the trace begins, as `device: port`.
    near: Vec<String>,
    /// Id of the cable; absent where the trace ends without one.
    cable: Option<u64>,
    /// Ends farther from there.
    far: Vec<String>,
}

/// Connect two ports with a cable, change or remove a cable, or trace where a port leads to.
#[tool(
    destructive,
    open_world,
    permission = "netbox:cable:update",
    title = "Update the cable map",
    timeout = 90,
    untrusted("cable.description", "cable.label"),
    effect = effect,
    preview = preview_update,
    targets = update_targets,
    inverse = undo_update,
    read_back = check_update
)]
pub(crate) async fn update_cable_map(
    netbox: &NetBox,
    args: UpdateCableMap,
    ctx: &CallContext,
) -> ToolResult<CableMap> {
    args.check()?;
    if args.action == Action::Trace {
        return trace(netbox, &args).await;
    }
    let plan = netbox.plan(&args).await?;
    if args.dry_run {
        return Ok(CableMap {
            plan: plan.steps(),
            ..CableMap::default()
        });
    }
    let by = by("update_cable_map", ctx);
    match plan {
        Plan::Keep { cable, fields } if fields.is_empty() => Ok(CableMap {
            cable: Some(CableRow::of(cable.cable)),
            ..CableMap::default()
        }),
        Plan::Keep { cable, fields } | Plan::Update { cable, fields } => {
            let call =
                Call::change(&CABLE, cable.cable.id, Value::Object(fields)).if_match(cable.etag);
            changed(netbox, &call, Vec::new(), &by).await
        }
        Plan::Disconnect { cable } => {
            let request_id = netbox
                .api
                .done(&Call::delete(&CABLE, cable.id), &by)
                .await?;
            Ok(CableMap {
                removed: vec![CableRow::of(*cable)],
                request_id,
                ..CableMap::default()
            })
        }
        Plan::Connect {
            a,
            b,
            replaced,
            fields,
        } => connect(netbox, &connect_call(&a, &b, fields), replaced, &by).await,
    }
}

/// Removes what is there and makes the new cable; where that is refused, puts back what was there.
async fn connect(
    netbox: &NetBox,
    call: &Call,
    replaced: Vec<Cable>,
    by: &By<'_>,
) -> ToolResult<CableMap> {
    let mut gone: Vec<&Cable> = Vec::new();
    let mut failed = None;
    for cable in &replaced {
        match netbox.api.done(&Call::delete(&CABLE, cable.id), by).await {
            Ok(_) => gone.push(cable),
            Err(error) => {
                failed = Some(error);
                break;
            }
        }
    }
    let error = if let Some(error) = failed {
        error
    } else {
        let rows = replaced.iter().cloned().map(CableRow::of).collect();
        match changed(netbox, call, rows, by).await {
            Ok(done) => return Ok(done),
            Err(error) => error,
        }
    };
    if gone.is_empty() {
        return Err(error);
    }
    for cable in gone {
        if let Err(second) = netbox.api.done(&restore_call(cable), by).await {
            let (first, second) = (&error.envelope().message, &second.envelope().message);
            let message = format!(
                "the cable {} is removed, and neither the new one was made ({first}) nor it put back ({second})",
                between(cable)
            );
            return Err(ToolError::new(Code::UpstreamRejected, message)
                .reason("incomplete")
                .hint("connect it again with `action` `connect`"));
        }
    }
    Err(error)
}

async fn changed(
    netbox: &NetBox,
    call: &Call,
    removed: Vec<CableRow>,
    by: &By<'_>,
) -> ToolResult<CableMap> {
    let done = netbox.api.tagged::<Cable>(call, Some(by)).await?;
    Ok(CableMap {
        cable: Some(CableRow::of(done.value)),
        removed,
        request_id: done.request_id,
        ..CableMap::default()
    })
}

impl UpdateCableMap {
    fn check(&self) -> ToolResult<()> {
        if self.replace && self.action != Action::Connect {
            let message = "only connecting replaces cables";
            return Err(ToolError::invalid("replace", message).hint("leave `replace` out"));
        }
        if self.cable.is_some() && matches!(self.action, Action::Connect | Action::Trace) {
            let message = "this action starts at a port, not at a cable";
            return Err(ToolError::invalid("cable", message).hint("name the port in `a`"));
        }
        if self.length.is_some() && self.length_unit.is_none() && self.action == Action::Connect {
            let message = "a length needs its unit";
            return Err(ToolError::invalid("length_unit", message));
        }
        Ok(())
    }
}

impl Plan {
    /// In words, in the order in which it is done.
    fn steps(&self) -> Vec<String> {
        match self {
            Self::Keep { cable, fields } => {
                let what = between(&cable.cable);
                let mut steps = vec![format!("cable {} is {what} already", cable.cable.id)];
                steps.extend((!fields.is_empty()).then(|| "set its fields".to_owned()));
                steps
            }
            Self::Update { cable, .. } => {
                vec![format!(
                    "change cable {}, {}",
                    cable.cable.id,
                    between(&cable.cable)
                )]
            }
            Self::Disconnect { cable } => {
                vec![format!("remove cable {}, {}", cable.id, between(cable))]
            }
            Self::Connect { a, b, replaced, .. } => {
                let remove = replaced
                    .iter()
                    .map(|cable| format!("remove cable {}, {}", cable.id, between(cable)));
                let connect = format!("connect {} to {}", a.label(), b.label());
                remove.chain([connect]).collect()
            }
        }
    }

    fn cables(&self) -> Vec<&Cable> {
        match self {
            Self::Keep { cable, .. } | Self::Update { cable, .. } => vec![&cable.cable],
            Self::Disconnect { cable } => vec![cable],
            Self::Connect { replaced, .. } => replaced.iter().collect(),
        }
    }

    fn fields(&self) -> Option<&Map<String, Value>> {
        match self {
            Self::Keep { fields, .. }
            | Self::Update { fields, .. }
            | Self::Connect { fields, .. } => Some(fields),
            Self::Disconnect { .. } => None,
        }
    }
}

async fn trace(netbox: &NetBox, args: &UpdateCableMap) -> ToolResult<CableMap> {
    let Some(a) = &args.a else {
        return Err(ToolError::invalid("a", "no port is named to trace from"));
    };
    let found = netbox.port("a", a).await?;
    let Some(template) = found.kind.trace() else {
        let message = format!(
            "NetBox does not trace from a {}",
            found.kind.endpoint().noun
        );
        return Err(ToolError::invalid("a.port", message)
            .hint("it is passed through: trace from an interface at one of the ends"));
    };
    let call = Call::below(
        "trace",
        Method::GET,
        template,
        found.port.id,
        found.kind.endpoint().model,
    );
    let rows: Vec<(Value, Value, Value)> = netbox.api.read(&call).await?;
    let segments = rows
        .into_iter()
        .map(|(near, cable, far)| Segment {
            near: peers(near),
            cable: cable["id"].as_u64(),
            far: peers(far),
        })
        .collect();
    Ok(CableMap {
        segments,
        ..CableMap::default()
    })
}

/// One side of a cable in a trace; NetBox fills up an incomplete one with empty lists or nothing.
fn peers(side: Value) -> Vec<String> {
    let peers: Vec<Peer> = serde_json::from_value(side).unwrap_or_default();
    peers.iter().map(Peer::label).collect()
}

/// A dry run and a trace only look; whatever removes a cable is destructive.
fn effect(_netbox: &NetBox, args: &UpdateCableMap) -> Effect {
    if args.dry_run || args.action == Action::Trace {
        return Effect::Read;
    }
    let removes = args.replace || args.action == Action::Disconnect;
    if removes {
        Effect::Destructive
    } else {
        Effect::Write
    }
}

async fn preview_update(netbox: &NetBox, args: &UpdateCableMap) -> ToolResult<Preview> {
    args.check()?;
    if args.action == Action::Trace {
        return Ok(Preview {
            summary: "trace where a port leads to".to_owned(),
            changes: Vec::new(),
            impact: Vec::new(),
        });
    }
    let plan = netbox.plan(args).await?;
    let mut steps = plan.steps();
    let summary = steps.pop().unwrap_or_default();
    let change = |(field, value): (&String, &Value)| Change {
        field: field.clone(),
        from: None,
        to: Some(
            value
                .as_str()
                .map_or_else(|| value.to_string(), str::to_owned),
        ),
    };
    Ok(Preview {
        summary,
        changes: plan.fields().into_iter().flatten().map(change).collect(),
        impact: steps,
    })
}

async fn update_targets(netbox: &NetBox, args: &UpdateCableMap) -> ToolResult<Vec<Target>> {
    let mut targets = Vec::new();
    for (field, arg) in [("a", &args.a), ("b", &args.b)] {
        if let Some(arg) = arg {
            let found = netbox.port(field, arg).await?;
            targets.push(target(&DEVICE, found.device.id, found.device.label(), &[]));
        }
    }
    if args.action == Action::Trace {
        return Ok(targets);
    }
    for cable in netbox.plan(args).await?.cables() {
        targets.push(target(&CABLE, cable.id, between(cable), &cable.tags));
        let ends = cable.a_terminations.iter().chain(&cable.b_terminations);
        for device in ends.filter_map(|end| end.object.as_ref()?.device.as_ref()) {
            let one = target(&DEVICE, device.id, device.label(), &[]);
            if !targets.contains(&one) {
                targets.push(one);
            }
        }
    }
    Ok(targets)
}

async fn undo_update(netbox: &NetBox, args: &UpdateCableMap) -> ToolResult<Option<Inverse>> {
    if args.action == Action::Trace || args.dry_run {
        return Ok(None);
    }
    let arguments = match netbox.plan(args).await? {
        Plan::Keep { cable, fields } | Plan::Update { cable, fields } => {
            let before = before(&cable.cable, &fields).filter(|before| !before.is_empty());
            before.map(|mut before| {
                before.insert("action".to_owned(), json!("update"));
                before.insert("cable".to_owned(), json!(cable.cable.id));
                before
            })
        }
        Plan::Disconnect { cable } => connect_again(&cable),
        Plan::Connect { a, b, replaced, .. } => match replaced.as_slice() {
            [] => a.arg().zip(b.arg()).map(|(a, b)| {
                Map::from_iter([
                    ("action".to_owned(), json!("disconnect")),
                    ("a".to_owned(), json!(a)),
                    ("b".to_owned(), json!(b)),
                ])
            }),
            // It takes the new one's place on the port that they share.
            [old] => connect_again(old).map(|mut again| {
                again.insert("replace".to_owned(), json!(true));
                again
            }),
            _ => None,
        },
    };
    Ok(arguments.map(|arguments| Inverse {
        tool: "update_cable_map".to_owned(),
        arguments: Value::Object(arguments),
    }))
}

/// Looks again at a cable that was made or changed, and for one that was removed.
async fn check_update(
    netbox: &NetBox,
    args: &UpdateCableMap,
    done: &CableMap,
) -> ToolResult<Vec<Mismatch>> {
    let mut mismatches = Vec::new();
    if let (Some(cable), true) = (&done.cable, done.request_id.is_some()) {
        let now: Cable = netbox.api.read(&Call::one(&CABLE, cable.id)).await?;
        if ends(&now.a_terminations) != cable.a || ends(&now.b_terminations) != cable.b {
            mismatches.push(Mismatch {
                field: "a",
                wanted: format!("{} to {}", cable.a.join(", "), cable.b.join(", ")),
                found: between(&now),
            });
        }
        let wanted = args.status.map(word);
        let found = crate::types::chosen(now.status.as_ref());
        if wanted.is_some() && wanted != found {
            mismatches.push(Mismatch {
                field: "status",
                wanted: wanted.unwrap_or_default(),
                found: found.unwrap_or_default(),
            });
        }
    }
    for cable in &done.removed {
        let still = netbox
            .count(&Call::list(&CABLE).with("id", cable.id))
            .await?;
        if still > 0 {
            mismatches.push(Mismatch {
                field: "cable",
                wanted: format!("{} removed", cable.id),
                found: "still there".to_owned(),
            });
        }
    }
    Ok(mismatches)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn args(value: Value) -> UpdateCableMap {
        serde_json::from_value(value).unwrap()
    }

    #[rstest]
    #[case(json!({ "action": "disconnect", "cable": 1, "replace": true }), "replace")]
    #[case(json!({ "action": "trace", "cable": 1 }), "cable")]
    #[case(json!({ "action": "connect", "length": 2.0 }), "length_unit")]
    fn arguments_that_do_not_go_together_are_named(#[case] value: Value, #[case] field: &str) {
        let error = args(value).check().unwrap_err();

        assert_eq!(error.envelope().field.as_deref(), Some(field));
    }
}

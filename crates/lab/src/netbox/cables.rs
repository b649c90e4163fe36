//! Cables: what they end at, and where a port leads.

use serde_json::{Value, json};

use super::choices::WITHOUT_CABLE;
use super::model::Complaint;
use super::models::PORTS;
use super::state::{Object, State};

/// Hops of a trace.
const HOPS: usize = 16;

/// Kind and id of what one side of a cable ends at.
pub(super) fn ends(cable: &Object, side: &str) -> Vec<(String, u64)> {
    let ends = cable.fields.get(side).and_then(Value::as_array);
    let end = |end: &Value| {
        let kind = end.get("object_type")?.as_str()?;
        Some((kind.to_owned(), end.get("object_id")?.as_u64()?))
    };
    ends.into_iter().flatten().filter_map(end).collect()
}

const SIDES: [(&str, &str); 2] = [("A", "a_terminations"), ("B", "b_terminations")];

fn other_side(end: &str) -> &'static str {
    if end == "A" {
        "b_terminations"
    } else {
        "a_terminations"
    }
}

/// The cable at a port, and which end of it.
pub(super) fn of_port<'s>(state: &'s State, port: &Object) -> Option<(&'s Object, &'static str)> {
    state.of("dcim.cable").find_map(|cable| {
        SIDES
            .into_iter()
            .find(|(_, side)| {
                ends(cable, side)
                    .iter()
                    .any(|(kind, id)| kind == port.kind && *id == port.id)
            })
            .map(|(end, _)| (cable, end))
    })
}

pub(super) fn objects<'s>(state: &'s State, cable: &Object, side: &str) -> Vec<&'s Object> {
    ends(cable, side)
        .iter()
        .filter_map(|(kind, id)| state.get(kind, *id))
        .collect()
}

/// What is at the other end of a port's cable.
pub(super) fn peers<'s>(state: &'s State, port: &Object) -> Vec<&'s Object> {
    of_port(state, port).map_or_else(Vec::new, |(cable, end)| {
        objects(state, cable, other_side(end))
    })
}

/// The port on the other face of a panel.
fn through<'s>(state: &'s State, port: &Object) -> Option<&'s Object> {
    let mapped = |front: &Object| {
        let rear = front.fields.get("rear_ports")?.get(0)?.get("rear_port")?;
        rear.as_u64()
    };
    match port.kind {
        "dcim.frontport" => state.get("dcim.rearport", mapped(port)?),
        "dcim.rearport" => state
            .with("dcim.frontport", "device", port.id_of("device")?)
            .find(|front| mapped(front) == Some(port.id)),
        _ => None,
    }
}

/// One leg of a way: the near ports, the cable, the far ports.
type Leg<'s> = (Vec<&'s Object>, Option<&'s Object>, Vec<&'s Object>);

/// The way from a port, leg by leg.
fn legs<'s>(state: &'s State, port: &'s Object) -> Vec<Leg<'s>> {
    let mut legs = Vec::new();
    let mut near = vec![port];
    while legs.len() < HOPS {
        let cable = near.first().and_then(|port| of_port(state, port));
        let far = near
            .first()
            .map_or_else(Vec::new, |port| peers(state, port));
        if cable.is_none() && !legs.is_empty() {
            break;
        }
        let next = far.first().and_then(|port| through(state, port));
        legs.push((near, cable.map(|(cable, _)| cable), far));
        match next {
            Some(port) => near = vec![port],
            None => break,
        }
    }
    legs
}

/// Where the way from a port ends, unless it ends at a panel.
pub(super) fn endpoints<'s>(state: &'s State, port: &'s Object) -> Vec<&'s Object> {
    let last = legs(state, port).pop();
    let far = last.map(|(_, _, far)| far).unwrap_or_default();
    let panel = far
        .iter()
        .any(|port| matches!(port.kind, "dcim.frontport" | "dcim.rearport"));
    if panel { Vec::new() } else { far }
}

/// Whether every cable on the way is connected.
pub(super) fn reachable(state: &State, port: &Object) -> bool {
    let Some(port) = state.get(port.kind, port.id) else {
        return false;
    };
    !endpoints(state, port).is_empty()
        && legs(state, port)
            .iter()
            .all(|(_, cable, _)| cable.is_some_and(|cable| cable.text("status") == "connected"))
}

/// The answer of `trace`.
pub(super) fn trace(state: &State, port: &Object) -> Value {
    let told = |cable: &Object| {
        let mut told = json!({
            "id": cable.id,
            "url": state.url(cable),
            "display_url": state.display_url(cable),
        });
        for name in [
            "type",
            "status",
            "label",
            "color",
            "length",
            "length_unit",
            "description",
        ] {
            told[name] = cable.fields.get(name).cloned().unwrap_or_default();
        }
        told
    };
    legs(state, port)
        .into_iter()
        .filter(|(_, cable, _)| cable.is_some())
        .map(|(near, cable, far)| {
            let cable = cable.map_or(Value::Null, told);
            json!([state.briefs(&near), cable, state.briefs(&far)])
        })
        .collect()
}

/// The devices at both ends, without repeats.
pub(super) fn devices<'s>(state: &'s State, cable: &Object) -> Vec<&'s Object> {
    let mut found: Vec<&Object> = Vec::new();
    for (_, side) in SIDES {
        for port in objects(state, cable, side) {
            let device = port
                .id_of("device")
                .and_then(|id| state.get("dcim.device", id));
            if let Some(device) = device.filter(|one| found.iter().all(|known| known.id != one.id))
            {
                found.push(device);
            }
        }
    }
    found
}

pub(super) fn ends_at(cable: &Object, kind: &str, id: &str) -> bool {
    SIDES.into_iter().any(|(_, side)| {
        ends(cable, side)
            .iter()
            .any(|(own, number)| own == kind && number.to_string() == id)
    })
}

/// What goes with what.
fn fit(one: &str, other: &str) -> bool {
    let data = ["dcim.interface", "dcim.frontport", "dcim.rearport"];
    let panel = ["dcim.frontport", "dcim.rearport"];
    match (one, other) {
        ("dcim.powerport", "dcim.poweroutlet") | ("dcim.poweroutlet", "dcim.powerport") => true,
        ("dcim.consoleport", other) | (other, "dcim.consoleport") => {
            other == "dcim.consoleserverport" || panel.contains(&other)
        }
        ("dcim.consoleserverport", other) | (other, "dcim.consoleserverport") => {
            panel.contains(&other)
        }
        (one, other) => data.contains(&one) && data.contains(&other),
    }
}

pub(super) fn clean(state: &State, cable: &Object) -> Result<(), Complaint> {
    let object_wide = |text: String| Err(("__all__", text));
    if cable.number("length").is_some() && cable.text("length_unit").is_empty() {
        return object_wide("Must specify a unit when setting a cable length".to_owned());
    }
    let (a, b) = (ends(cable, "a_terminations"), ends(cable, "b_terminations"));
    for side in [&a, &b] {
        if side
            .iter()
            .any(|(kind, _)| Some(kind) != side.first().map(|(kind, _)| kind))
        {
            return object_wide(
                "Cannot connect different termination types to same end of cable.".to_owned(),
            );
        }
    }
    if let (Some((one, _)), Some((other, _))) = (a.first(), b.first())
        && !fit(one, other)
    {
        return object_wide(format!("Incompatible termination types: {one} and {other}"));
    }
    if a.iter().any(|end| b.contains(end)) {
        let (kind, id) = &a[0];
        return object_wide(format!(
            "A and B terminations cannot connect to the same object ({kind} {id})."
        ));
    }
    for (kind, id) in a.iter().chain(&b) {
        let Some(port) = state
            .get(kind, *id)
            .filter(|_| PORTS.contains(&kind.as_str()))
        else {
            return object_wide(format!("{kind} {id} does not exist."));
        };
        if port.kind == "dcim.interface" && WITHOUT_CABLE.contains(&port.text("type")) {
            let label = port.text("type");
            return object_wide(format!("Cables cannot be terminated to {label} interfaces"));
        }
        if port.flag("mark_connected") {
            return object_wide(
                "Cannot connect a cable to a port that is marked as connected.".to_owned(),
            );
        }
        if let Some((other, _)) = of_port(state, port).filter(|(other, _)| other.id != cable.id) {
            let other = other.id;
            return object_wide(format!(
                "Duplicate termination found for {kind} {id}: cable {other}"
            ));
        }
    }
    Ok(())
}

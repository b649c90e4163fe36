//! What a change of the cables comes to: computed first, shown or carried out then.

use homelab_core::error::{Code, ToolError, ToolResult};
use serde_json::{Map, Value, json};

use super::cable_list::ends;
use super::cables::{Action, UpdateCableMap};
use crate::call::Call;
use crate::choices::word;
use crate::client::{NetBox, set};
use crate::kinds::CABLE;
use crate::ports::{Found, PortArg, PortKind};
use crate::types::{Cable, Termination, chosen, filled, slugs};

/// What is to be done.
pub(super) enum Plan {
    /// The two ports are connected by this cable already; it gets these fields.
    Keep {
        cable: Box<Tagged>,
        fields: Map<String, Value>,
    },
    /// These cables go, then one is made between the two.
    Connect {
        a: Box<Found>,
        b: Box<Found>,
        replaced: Vec<Cable>,
        fields: Map<String, Value>,
    },
    /// This cable gets these fields.
    Update {
        cable: Box<Tagged>,
        fields: Map<String, Value>,
    },
    /// This cable goes.
    Disconnect { cable: Box<Cable> },
}

/// A cable, with the tag of what was read.
pub(super) struct Tagged {
    pub(super) cable: Cable,
    pub(super) etag: Option<String>,
}

impl NetBox {
    /// What the arguments come to as things are.
    pub(super) async fn plan(&self, args: &UpdateCableMap) -> ToolResult<Plan> {
        match args.action {
            Action::Connect => self.plan_connect(args).await,
            Action::Update => {
                let fields = fields(args);
                if fields.is_empty() {
                    let message = "there is nothing to change";
                    return Err(ToolError::invalid("action", message).hint(
                        "give `type`, `status`, `label`, `color`, `length` or `description`",
                    ));
                }
                let cable = Box::new(self.named_cable(args).await?);
                Ok(Plan::Update { cable, fields })
            }
            Action::Disconnect => {
                let cable = Box::new(self.named_cable(args).await?.cable);
                Ok(Plan::Disconnect { cable })
            }
            Action::Trace => Err(ToolError::internal("a trace changes nothing")),
        }
    }

    async fn plan_connect(&self, args: &UpdateCableMap) -> ToolResult<Plan> {
        let (Some(a), Some(b)) = (&args.a, &args.b) else {
            let field = if args.a.is_none() { "a" } else { "b" };
            let message = "to connect, both ends are needed";
            return Err(ToolError::invalid(field, message)
                .hint("name `a` and `b`, each with `device` and `port`"));
        };
        let (a, b) = (self.port("a", a).await?, self.port("b", b).await?);
        if a.kind == b.kind && a.port.id == b.port.id {
            return Err(ToolError::invalid("b", "both ends are the same port"));
        }
        let cable = |found: &Found| found.port.cable.as_ref().map(|cable| cable.id);
        let (on_a, on_b) = (cable(&a), cable(&b));
        if let (Some(one), Some(other)) = (on_a, on_b)
            && one == other
        {
            let cable = Box::new(self.cable(one).await?);
            return Ok(Plan::Keep {
                cable,
                fields: fields(args),
            });
        }
        let mut replaced = Vec::new();
        for (field, port, id) in [("a.port", &a, on_a), ("b.port", &b, on_b)] {
            let Some(id) = id else { continue };
            let there = self.cable(id).await?.cable;
            if !args.replace {
                let message = format!(
                    "{} has cable {id} already: {}",
                    port.label(),
                    between(&there)
                );
                return Err(ToolError::new(Code::Conflict, message)
                    .reason("port_occupied")
                    .field(field)
                    .hint("pass `replace` to remove that cable first, or disconnect it"));
            }
            replaced.push(there);
        }
        Ok(Plan::Connect {
            a: Box::new(a),
            b: Box::new(b),
            replaced,
            fields: fields(args),
        })
    }

    /// The cable that is named by its id, or by a port that it ends at.
    pub(super) async fn named_cable(&self, args: &UpdateCableMap) -> ToolResult<Tagged> {
        if let Some(id) = args.cable {
            return self.cable(id).await;
        }
        let (field, port) = match (&args.a, &args.b) {
            (Some(a), _) => ("a", self.port("a", a).await?),
            (None, Some(b)) => ("b", self.port("b", b).await?),
            (None, None) => {
                return Err(ToolError::invalid("cable", "no cable is named")
                    .hint("name it by `cable`, or by a port that it ends at"));
            }
        };
        let Some(cable) = &port.port.cable else {
            let message = format!("{} has no cable", port.label());
            return Err(ToolError::not_found(message)
                .reason("cable_not_found")
                .field(format!("{field}.port"))
                .hint("call `list_cables` with `device` to see its cables"));
        };
        let cable = self.cable(cable.id).await?;
        if let (Some(_), Some(b)) = (&args.a, &args.b) {
            let other = self.port("b", b).await?;
            if other.port.cable.as_ref().map(|cable| cable.id) != Some(cable.cable.id) {
                let message = format!("no cable is between {} and {}", port.label(), other.label());
                return Err(ToolError::not_found(message)
                    .reason("cable_not_found")
                    .field("b.port")
                    .hint(format!(
                        "cable {} is {}",
                        cable.cable.id,
                        between(&cable.cable)
                    )));
            }
        }
        Ok(cable)
    }

    async fn cable(&self, id: u64) -> ToolResult<Tagged> {
        match self.api.tagged::<Cable>(&Call::one(&CABLE, id), None).await {
            Err(error) if error.code() == Code::NotFound => {
                let message = format!("no cable {id} that the token's user can see");
                Err(ToolError::not_found(message)
                    .reason("cable_not_found")
                    .field("cable")
                    .hint("call `list_cables` to see what is recorded"))
            }
            Err(error) => Err(error),
            Ok(found) => Ok(Tagged {
                cable: found.value,
                etag: found.etag,
            }),
        }
    }
}

/// `device: port to device: port`.
pub(super) fn between(cable: &Cable) -> String {
    let side = |side: &[Termination]| match ends(side) {
        ends if ends.is_empty() => "nothing".to_owned(),
        ends => ends.join(", "),
    };
    format!(
        "{} to {}",
        side(&cable.a_terminations),
        side(&cable.b_terminations)
    )
}

/// The fields that the arguments set.
fn fields(args: &UpdateCableMap) -> Map<String, Value> {
    let mut fields = Map::new();
    set(&mut fields, "type", args.r#type.map(word));
    set(&mut fields, "status", args.status.map(word));
    set(&mut fields, "label", args.label.clone());
    set(
        &mut fields,
        "color",
        args.color.as_ref().map(|color| color.as_str().to_owned()),
    );
    set(&mut fields, "length", args.length);
    set(&mut fields, "length_unit", args.length_unit.map(word));
    set(&mut fields, "description", args.description.clone());
    fields
}

/// The request that makes a cable between two ports.
pub(super) fn connect_call(a: &Found, b: &Found, mut fields: Map<String, Value>) -> Call {
    let end = |found: &Found| json!([{ "object_type": found.kind.endpoint().model, "object_id": found.port.id }]);
    fields.insert("a_terminations".to_owned(), end(a));
    fields.insert("b_terminations".to_owned(), end(b));
    Call::create(&CABLE, Value::Object(fields))
}

/// The request that makes a cable again as it was.
pub(super) fn restore_call(cable: &Cable) -> Call {
    let side = |side: &[Termination]| -> Value {
        let end = |end: &Termination| json!({ "object_type": end.object_type, "object_id": end.object_id });
        side.iter().map(end).collect()
    };
    let mut fields = Map::new();
    fields.insert("a_terminations".to_owned(), side(&cable.a_terminations));
    fields.insert("b_terminations".to_owned(), side(&cable.b_terminations));
    attributes(&mut fields, cable);
    let tags: Vec<Value> = cable
        .tags
        .iter()
        .map(|tag| json!({ "name": tag.label(), "slug": tag.slug }))
        .collect();
    set(&mut fields, "tags", (!tags.is_empty()).then_some(tags));
    Call::create(&CABLE, Value::Object(fields))
}

/// What a cable is like, by the names of the arguments, which are NetBox's.
fn attributes(fields: &mut Map<String, Value>, cable: &Cable) {
    set(fields, "type", chosen(cable.kind.as_ref()));
    set(fields, "status", chosen(cable.status.as_ref()));
    set(fields, "label", filled(cable.label.clone()));
    set(fields, "color", filled(cable.color.clone()));
    set(fields, "length", cable.length);
    set(fields, "length_unit", chosen(cable.length_unit.as_ref()));
    set(fields, "description", filled(cable.description.clone()));
}

/// The arguments that set these fields back to what they are on the cable. A field that is empty now
/// cannot be named: `None` then, but for texts, which can be empty.
pub(super) fn before(cable: &Cable, fields: &Map<String, Value>) -> Option<Map<String, Value>> {
    let mut now = Map::new();
    attributes(&mut now, cable);
    let mut before = Map::new();
    for name in fields.keys() {
        let value = match now.remove(name) {
            Some(value) => value,
            None if matches!(name.as_str(), "label" | "description") => json!(""),
            None => return None,
        };
        before.insert(name.clone(), value);
    }
    Some(before)
}

/// The arguments of `connect` that make a cable again; none where it has several ends on a side, ends
/// at something that is no port of a device, or has tags, which `connect` does not take.
pub(super) fn connect_again(cable: &Cable) -> Option<Map<String, Value>> {
    let ([a], [b]) = (
        cable.a_terminations.as_slice(),
        cable.b_terminations.as_slice(),
    ) else {
        return None;
    };
    if !slugs(&cable.tags).is_empty() {
        return None;
    }
    let mut arguments = Map::new();
    arguments.insert("action".to_owned(), json!("connect"));
    arguments.insert("a".to_owned(), json!(arg(a)?));
    arguments.insert("b".to_owned(), json!(arg(b)?));
    attributes(&mut arguments, cable);
    Some(arguments)
}

fn arg(end: &Termination) -> Option<PortArg> {
    let object = end.object.as_ref()?;
    Some(PortArg {
        device: object.device.as_ref()?.id.to_string().parse().ok()?,
        port: object.name.as_deref()?.parse().ok()?,
        kind: Some(PortKind::of_model(&end.object_type)?),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cable(tags: &Value) -> Cable {
        let end = |id: u64, device: u64| {
            json!([{
                "object_type": "dcim.interface", "object_id": id,
                "object": { "id": id, "name": "eth0", "display": "eth0",
                            "device": { "id": device, "display": "n", "name": format!("n{device}") } },
            }])
        };
        let row = json!({
            "id": 5, "type": "cat6", "status": { "value": "connected", "label": "Connected" },
            "label": "", "color": "", "length": 1.5, "length_unit": { "value": "m", "label": "Meters" },
            "a_terminations": end(1, 10), "b_terminations": end(2, 20), "tags": tags,
        });
        serde_json::from_value(row).unwrap()
    }

    #[test]
    fn a_cable_is_made_again_as_it_was() {
        let cable = cable(&json!([]));

        assert_eq!(
            restore_call(&cable).line(),
            r#"POST /dcim/cables/ {"a_terminations":[{"object_type":"dcim.interface","object_id":1}],"b_terminations":[{"object_type":"dcim.interface","object_id":2}],"type":"cat6","status":"connected","length":1.5,"length_unit":"m"}"#
        );
        assert_eq!(between(&cable), "n10: eth0 to n20: eth0");
        let again = connect_again(&cable).unwrap();
        assert_eq!(
            again["a"],
            json!({ "device": "10", "port": "eth0", "kind": "interface" })
        );
        assert_eq!(again["length_unit"], "m");
    }

    #[test]
    fn what_cannot_come_back_has_no_inverse() {
        let tagged = cable(&json!([{ "id": 1, "name": "x", "slug": "x", "display": "x" }]));
        let fields = |name: &str| Map::from_iter([(name.to_owned(), json!("x"))]);

        assert!(connect_again(&tagged).is_none());
        assert_eq!(
            before(&tagged, &fields("label")),
            Some(Map::from_iter([("label".to_owned(), json!(""))]))
        );
        assert_eq!(before(&tagged, &fields("color")), None);
    }
}

//! Images.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use serde_json::{Map, Value, json};

use super::create::passes;
use super::entry::Call;
use super::reply::{Answer, Failure, Reply, json_of, lines};
use super::state::{Engine, Image, full_name};
use crate::calendar::rfc3339;

fn missing(name: &str) -> Failure {
    Failure::new(404, format!("No such image: {}", full_name(name)))
}

impl Image {
    fn row(&self, engine: &Engine) -> Value {
        let users = engine
            .containers
            .values()
            .filter(|one| one.image_id == self.id)
            .count();
        let mut row = json!({
            "Id": self.id,
            "ParentId": "",
            "RepoTags": self.tags,
            "RepoDigests": self.digests,
            "Created": self.created,
            "Size": self.size,
            "SharedSize": -1,
            "Labels": self.labels,
            "Containers": users,
        });
        if engine.version.minor() < 44 {
            row["VirtualSize"] = json!(self.size);
        }
        row
    }
}

/// `GET /images/json`.
pub(super) fn list(engine: &mut Engine, call: &Call) -> Answer {
    let dangling = call
        .filter("dangling")
        .map(|all| all.iter().any(|one| one == "true" || one == "1"));
    let wanted = |one: &&Image| {
        dangling.is_none_or(|dangling| one.tags.is_empty() == dangling)
            && call.filter("reference").is_none_or(|all| {
                all.iter()
                    .any(|pattern| one.tags.iter().any(|tag| fits(pattern, tag)))
            })
            && passes(&one.labels, call)
    };
    json_of(
        engine
            .images
            .values()
            .filter(wanted)
            .map(|one| one.row(engine))
            .collect(),
    )
}

/// A reference, with `*` for anything.
fn fits(pattern: &str, tag: &str) -> bool {
    let name = tag.rsplit_once(':').map_or(tag, |(name, _)| name);
    [tag, name]
        .into_iter()
        .any(|text| match pattern.split_once('*') {
            None => text == pattern,
            Some((front, back)) => text.starts_with(front) && text.ends_with(back),
        })
}

/// `GET /images/{name}/json`.
pub(super) fn inspect(engine: &mut Engine, call: &Call) -> Answer {
    let Some(image) = engine.image(call.id()) else {
        let missing = missing(call.id());
        return Err(match engine.version.minor() {
            ..44 => Failure::new(
                404,
                format!("no such image: {}: {}", call.id(), missing.message),
            ),
            _ => missing,
        });
    };
    json_of(json!({
        "Id": image.id,
        "RepoTags": image.tags,
        "RepoDigests": image.digests,
        "Created": rfc3339(image.created),
        "Config": { "Env": image.env, "Cmd": image.cmd, "Labels": image.labels },
        "Architecture": "amd64",
        "Os": "linux",
        "Size": image.size,
        "RootFS": { "Type": "layers", "Layers": [image.id] },
    }))
}

/// `GET /images/{name}/history`.
pub(super) fn history(engine: &mut Engine, call: &Call) -> Answer {
    let image = engine.image(call.id()).ok_or_else(|| missing(call.id()))?;
    json_of(json!([{
        "Id": image.id,
        "Created": image.created,
        "CreatedBy": "COPY / / # buildkit",
        "Tags": image.tags,
        "Size": image.size,
        "Comment": "buildkit.dockerfile.v0",
    }]))
}

/// What the header says of the caller at the registry; `None` where it is no such thing.
fn login(call: &Call) -> Option<Value> {
    let header = call.headers.get("x-registry-auth")?.to_str().ok()?;
    let padded = header.trim_end_matches('=');
    let padded = format!("{padded}{}", "=".repeat((4 - padded.len() % 4) % 4));
    let bytes = URL_SAFE
        .decode(&padded)
        .or_else(|_| STANDARD.decode(&padded))
        .ok()?;
    serde_json::from_slice(&bytes).ok()
}

fn may(engine: &Engine, call: &Call) -> bool {
    let Some((user, password)) = &engine.login else {
        return true;
    };
    let given = login(call).unwrap_or_default();
    given["username"] == user.as_str() && given["password"] == password.as_str()
}

/// `POST /images/create`.
pub(super) fn pull(engine: &mut Engine, call: &Call) -> Answer {
    let Some(image) = call.text("fromImage") else {
        return Err(Failure::new(400, "nothing to pull").outside_the_contract());
    };
    let name = match call.text("tag") {
        Some(digest) if digest.starts_with("sha256:") => format!("{image}@{digest}"),
        Some(tag) if !tag.is_empty() => format!("{image}:{tag}"),
        // Without a tag old versions take every one.
        _ if full_name(image) != image => {
            return Err(Failure::new(400, "a pull without a tag").outside_the_contract());
        }
        _ => image.to_owned(),
    };
    if !may(engine, call) {
        let text = format!(
            "pull access denied for {image}, repository does not exist or may require 'docker login': denied: requested access to the resource is denied"
        );
        return Err(Failure::new(404, text));
    }
    let found = engine.registry.get(&name).or_else(|| {
        engine
            .registry
            .values()
            .find(|one| one.digests.contains(&name))
    });
    let Some(found) = found.cloned() else {
        let text = format!("manifest for {name} not found: manifest unknown: manifest unknown");
        return Err(Failure::new(404, text));
    };
    let tag = name.rsplit_once(':').map_or("latest", |(_, tag)| tag);
    let layers = [layer(&found.id, 1), layer(&found.id, 2)];
    let mut all = vec![json!({ "status": format!("Pulling from {image}"), "id": tag })];
    let known = engine.images.contains_key(&found.id);
    if known {
        all.extend(
            layers
                .iter()
                .map(|id| json!({ "status": "Already exists", "progressDetail": {}, "id": id })),
        );
    } else {
        all.extend(
            layers
                .iter()
                .map(|id| json!({ "status": "Pulling fs layer", "progressDetail": {}, "id": id })),
        );
        let half = found.size / 2;
        for part in [half / 2, half] {
            all.extend(layers.iter().map(|id| {
                json!({
                    "status": "Downloading",
                    "progressDetail": { "current": part, "total": half },
                    "progress": "[=====>   ]",
                    "id": id,
                })
            }));
        }
        if let Some(text) = engine.stream_error.take() {
            all.push(json!({ "errorDetail": { "message": text }, "error": text }));
            return Ok(lines(&all));
        }
        all.extend(
            layers
                .iter()
                .map(|id| json!({ "status": "Pull complete", "progressDetail": {}, "id": id })),
        );
    }
    let digest = found
        .digests
        .first()
        .and_then(|one| one.rsplit_once('@'))
        .map(|(_, digest)| digest);
    all.push(json!({ "status": format!("Digest: {}", digest.unwrap_or(&found.id)) }));
    let word = if known {
        "Image is up to date for"
    } else {
        "Downloaded newer image for"
    };
    all.push(json!({ "status": format!("Status: {word} {name}") }));
    // The tag moves from the image that had it.
    for image in engine.images.values_mut() {
        image.tags.retain(|tag| *tag != name);
    }
    let image = engine.images.entry(found.id.clone()).or_insert(found);
    if !name.contains('@') && !image.tags.contains(&name) {
        image.tags.push(name.clone());
    }
    engine.note("image", "pull", &name, &name);
    Ok(lines(&all))
}

fn layer(id: &str, number: u8) -> String {
    crate::hash::short_hex(format!("{id}/{number}").as_bytes(), 12)
}

/// `POST /images/{name}/push`.
pub(super) fn push(engine: &mut Engine, call: &Call) -> Answer {
    if !call.headers.contains_key("x-registry-auth") && engine.version.minor() < 44 {
        let text =
            "Bad parameters and missing X-Registry-Auth: invalid X-Registry-Auth header: EOF";
        return Err(Failure::new(400, text).outside_the_contract());
    }
    let name = match call.text("tag") {
        Some(tag) => format!("{}:{tag}", call.id()),
        None => full_name(call.id()),
    };
    let repository = name
        .rsplit_once(':')
        .map_or(name.as_str(), |(front, _)| front)
        .to_owned();
    let first = json!({ "status": format!("The push refers to repository [{repository}]") });
    let Some(image) = engine.image(&name).cloned() else {
        let text = format!(
            "An image does not exist locally with the tag: {}",
            call.id()
        );
        let last = json!({ "errorDetail": { "message": text }, "error": text });
        return Ok(lines(&[first, last]));
    };
    let id = layer(&image.id, 1);
    let mut all = vec![
        first,
        json!({ "status": "Preparing", "progressDetail": {}, "id": id }),
    ];
    let refused = (!may(engine, call)).then(|| "unauthorized: authentication required".to_owned());
    if let Some(text) = refused.or_else(|| engine.stream_error.take()) {
        all.push(json!({ "errorDetail": { "message": text }, "error": text }));
        return Ok(lines(&all));
    }
    let tag = name
        .rsplit_once(':')
        .map_or("latest", |(_, tag)| tag)
        .to_owned();
    all.push(json!({ "status": "Pushed", "progressDetail": {}, "id": id }));
    all.push(json!({ "status": format!("{tag}: digest: {} size: 528", image.id) }));
    all.push(
        json!({ "progressDetail": {}, "aux": { "Tag": tag, "Digest": image.id, "Size": 528 } }),
    );
    engine.registry.insert(name, image);
    Ok(lines(&all))
}

/// `POST /images/{name}/tag`.
pub(super) fn tag(engine: &mut Engine, call: &Call) -> Answer {
    let id = engine
        .image(call.id())
        .ok_or_else(|| missing(call.id()))?
        .id
        .clone();
    let repo = call.text("repo").unwrap_or_default();
    let name = format!("{repo}:{}", call.text("tag").unwrap_or("latest"));
    for image in engine.images.values_mut() {
        image.tags.retain(|tag| *tag != name);
    }
    if let Some(image) = engine.images.get_mut(&id) {
        image.tags.push(name);
    }
    Ok(Reply::Empty(201))
}

/// `DELETE /images/{name}`.
pub(super) fn remove(engine: &mut Engine, call: &Call) -> Answer {
    let image = engine
        .image(call.id())
        .ok_or_else(|| missing(call.id()))?
        .clone();
    let name = full_name(call.id());
    let by_tag = image.tags.contains(&name);
    let users = engine
        .containers
        .values()
        .filter(|one| one.image_id == image.id);
    let running = users.clone().find(|one| one.phase.is_up());
    let user = running.or_else(|| users.clone().next());
    let force = call.is_set("force");
    let goes = !by_tag || image.tags.len() == 1;
    if let Some(user) = user.filter(|user| goes && (!force || user.phase.is_up())) {
        let (what, short) = if user.phase.is_up() {
            ("cannot be forced", "running")
        } else {
            ("must be forced", "stopped")
        };
        let text = format!(
            "conflict: unable to remove repository reference \"{}\" ({what}) - container {} is using its referenced image, which is {short}",
            call.id(),
            user.id.chars().take(12).collect::<String>()
        );
        return Err(Failure::new(409, text));
    }
    if !by_tag && image.tags.len() > 1 && !force {
        let text = format!(
            "conflict: unable to delete {} (must be forced) - image is referenced in multiple repositories",
            call.id()
        );
        return Err(Failure::new(409, text));
    }
    let untagged: Vec<String> = if by_tag {
        vec![name]
    } else {
        image.tags.clone()
    };
    let mut rows: Vec<Value> = untagged
        .iter()
        .map(|tag| json!({ "Untagged": tag }))
        .collect();
    if goes {
        engine.images.remove(&image.id);
        rows.push(json!({ "Deleted": image.id }));
    } else if let Some(image) = engine.images.get_mut(&image.id) {
        image.tags.retain(|tag| !untagged.contains(tag));
    }
    json_of(rows.into())
}

/// `POST /images/prune`: those without a tag, unless asked for all unused ones.
pub(super) fn prune(engine: &mut Engine, call: &Call) -> Answer {
    let before = super::containers::until(engine, call)?;
    let dangling = call
        .filter("dangling")
        .is_none_or(|all| !all.iter().any(|one| one == "false" || one == "0"));
    let used = |one: &Image| {
        engine
            .containers
            .values()
            .any(|user| user.image_id == one.id)
    };
    let gone: Vec<Image> = engine
        .images
        .values()
        .filter(|one| !used(one) && one.created < before && passes(&one.labels, call))
        .filter(|one| !dangling || one.tags.is_empty())
        .cloned()
        .collect();
    engine
        .images
        .retain(|id, _| !gone.iter().any(|one| one.id == *id));
    let mut rows = Vec::new();
    for image in &gone {
        rows.extend(image.tags.iter().map(|tag| json!({ "Untagged": tag })));
        rows.push(json!({ "Deleted": image.id }));
    }
    let freed: u64 = gone.iter().map(|one| one.size).sum();
    json_of(json!({
        "ImagesDeleted": if rows.is_empty() { Value::Null } else { rows.into() },
        "SpaceReclaimed": freed,
    }))
}

/// `GET /distribution/{name}/json`: what the registry has.
pub(super) fn distribution(engine: &mut Engine, call: &Call) -> Answer {
    let name = full_name(call.id());
    if !may(engine, call) {
        return Err(Failure::new(401, "unauthorized: authentication required"));
    }
    let Some(found) = engine.registry.get(&name) else {
        return Err(Failure::new(403, format!("errors: denied: {name}")));
    };
    let digest = found
        .digests
        .first()
        .and_then(|one| one.rsplit_once('@'))
        .map(|(_, digest)| digest);
    let mut descriptor = Map::new();
    descriptor.insert(
        "mediaType".to_owned(),
        json!("application/vnd.oci.image.index.v1+json"),
    );
    descriptor.insert("digest".to_owned(), json!(digest.unwrap_or(&found.id)));
    descriptor.insert("size".to_owned(), json!(1609));
    json_of(json!({
        "Descriptor": descriptor,
        "Platforms": [{ "architecture": "amd64", "os": "linux" }],
    }))
}

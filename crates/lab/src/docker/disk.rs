//! What takes up the disk, in the shape of the version: rows, or counts, or both.

use serde_json::{Value, json};

use super::entry::Call;
use super::reply::{Answer, json_of};
use super::state::{ApiVersion, Engine};

/// Bytes that a container writes on its own.
const WRITTEN: u64 = 12_288;

/// One kind of thing.
struct Kind {
    /// Its name in the query.
    name: &'static str,
    old_field: &'static str,
    new_field: &'static str,
    rows: Vec<Value>,
    active: usize,
    bytes: u64,
    reclaimable: u64,
}

impl Kind {
    fn counts(&self, verbose: bool) -> Value {
        let mut counts = json!({
            "TotalCount": self.rows.len(),
            "ActiveCount": self.active,
            "TotalSize": self.bytes,
            "Reclaimable": self.reclaimable,
        });
        if verbose {
            counts["Items"] = json!(self.rows);
        }
        counts
    }
}

/// `GET /system/df`.
pub(super) fn usage(engine: &mut Engine, call: &Call) -> Answer {
    let asked = super::create::texts(call.query.get("type"));
    let wanted = |kind: &Kind| asked.is_empty() || asked.iter().any(|one| one == kind.name);
    let images = images(engine);
    let mut body = json!({});
    if engine.version <= ApiVersion::V1_52 {
        body["LayersSize"] = json!(images.bytes);
    }
    for kind in [
        images,
        containers(engine),
        volumes(engine),
        build_cache(engine),
    ] {
        if !wanted(&kind) {
            continue;
        }
        if engine.version >= ApiVersion::V1_52 {
            body[kind.new_field] = kind.counts(call.is_set("verbose"));
        }
        if engine.version <= ApiVersion::V1_52 {
            body[kind.old_field] = kind.rows.into();
        }
    }
    json_of(body)
}

fn images(engine: &Engine) -> Kind {
    let users = |id: &str| {
        engine
            .containers
            .values()
            .filter(|user| user.image_id == id)
            .count()
    };
    let all = || engine.images.values();
    let row = |one: &super::state::Image| {
        json!({
            "Id": one.id,
            "ParentId": "",
            "RepoTags": one.tags,
            "RepoDigests": one.digests,
            "Created": one.created,
            "Size": one.size,
            "SharedSize": 0,
            "Labels": one.labels,
            "Containers": users(&one.id),
        })
    };
    Kind {
        name: "image",
        old_field: "Images",
        new_field: "ImageUsage",
        rows: all().map(row).collect(),
        active: all().filter(|one| users(&one.id) > 0).count(),
        bytes: all().map(|one| one.size).sum(),
        reclaimable: all()
            .filter(|one| users(&one.id) == 0)
            .map(|one| one.size)
            .sum(),
    }
}

fn containers(engine: &Engine) -> Kind {
    let all = || engine.containers.values();
    let row = |one: &super::state::Container| {
        json!({
            "Id": one.id,
            "Names": [format!("/{}", one.name)],
            "Image": one.image,
            "ImageID": one.image_id,
            "Created": one.created,
            "State": one.phase.name(),
            "SizeRw": WRITTEN,
            "SizeRootFs": WRITTEN,
            "Labels": one.labels(),
        })
    };
    Kind {
        name: "container",
        old_field: "Containers",
        new_field: "ContainerUsage",
        rows: all().map(row).collect(),
        active: all().filter(|one| one.phase.is_up()).count(),
        bytes: all().map(|_| WRITTEN).sum(),
        reclaimable: all()
            .filter(|one| !one.phase.is_up())
            .map(|_| WRITTEN)
            .sum(),
    }
}

fn volumes(engine: &Engine) -> Kind {
    let users = |name: &str| engine.volume_users(name).len();
    let all = || engine.volumes.values();
    let row = |one: &super::state::Volume| {
        let mut row = one.row();
        row["UsageData"] = json!({ "Size": one.size, "RefCount": users(&one.name) });
        row
    };
    Kind {
        name: "volume",
        old_field: "Volumes",
        new_field: "VolumeUsage",
        rows: all().map(row).collect(),
        active: all().filter(|one| users(&one.name) > 0).count(),
        bytes: all().map(|one| one.size).sum(),
        reclaimable: all()
            .filter(|one| users(&one.name) == 0)
            .map(|one| one.size)
            .sum(),
    }
}

fn build_cache(engine: &Engine) -> Kind {
    let bytes = engine.build_cache;
    let row = json!({
        "ID": "cache0",
        "Type": "regular",
        "Description": "build step",
        "InUse": false,
        "Shared": false,
        "Size": bytes,
        "UsageCount": 1,
    });
    Kind {
        name: "build-cache",
        old_field: "BuildCache",
        new_field: "BuildCacheUsage",
        rows: if bytes > 0 { vec![row] } else { Vec::new() },
        active: 0,
        bytes,
        reclaimable: bytes,
    }
}

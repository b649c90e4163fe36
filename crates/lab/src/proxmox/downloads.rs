//! Templates and images from elsewhere.

use serde_json::json;

use super::entry::Call;
use super::reply::{Answer, Failure, data};
use super::state::State;
use super::storage::Volume;
use super::tasks::{Job, Work};

/// `POST …/download-url` and `/aplinfo`: a new image or template.
pub(super) fn download(state: &mut State, call: &Call) -> Answer {
    let storage = match call.path.get("storage") {
        "" => call.text("storage").unwrap_or_default(),
        storage => storage,
    };
    let content = match call.text("content") {
        Some("iso") => "iso",
        Some("import") => "import",
        _ => "vztmpl",
    };
    if !state.holds(storage, call.node(), content) {
        let text = format!("storage '{storage}' is not configured for content-type '{content}'");
        return Err(Failure::died(text));
    }
    let name = call
        .text("filename")
        .or_else(|| call.text("template"))
        .unwrap_or_default();
    let volid = format!("{storage}:{content}/{name}");
    if call.text("template").is_some() && !TEMPLATES.iter().any(|(known, _)| *known == name) {
        return Err(Failure::parameter(
            "template",
            format!("no such template '{name}'"),
        ));
    }
    if state.volumes.iter().any(|volume| volume.volid == volid) {
        return Err(Failure::died(format!(
            "refusing to override existing file '{name}'"
        )));
    }
    let format = if content == "iso" { "iso" } else { "tzst" };
    let volume = Volume::new(volid, content, format, 126_515_062);
    let node = state
        .storages
        .get(storage)
        .filter(|storage| !storage.shared);
    let volume = Volume {
        node: node.map(|_| call.node().to_owned()),
        time: state.now(),
        ..volume
    };
    let work: Work = Box::new(move |state| {
        state.volumes.push(volume);
        Ok(vec!["download of the file finished".to_owned()])
    });
    let job = Job {
        call,
        node: call.node(),
        kind: "download",
        id: name.to_owned(),
        lock: None,
    };
    state.start(job, work)
}

/// Templates that can be downloaded: file and headline.
const TEMPLATES: &[(&str, &str)] = &[
    (
        "debian-12-standard_12.7-1_amd64.tar.zst",
        "Debian 12 (standard)",
    ),
    (
        "debian-13-standard_13.1-2_amd64.tar.zst",
        "Debian 13 (standard)",
    ),
    ("alpine-3.22-default_20250617_amd64.tar.xz", "Alpine 3.22"),
];

/// `GET /nodes/{node}/aplinfo`.
pub(super) fn templates(_: &mut State, _: &Call) -> Answer {
    let row = |(file, headline): &(&str, &str)| {
        let mut parts = file.split(['-', '_']);
        let os = format!(
            "{}-{}",
            parts.next().unwrap_or(""),
            parts.next().unwrap_or("")
        );
        json!({
            "template": file,
            "headline": headline,
            "os": os,
            "section": "system",
            "type": "lxc",
            "architecture": "amd64",
            "location": format!("https://downloads.example/{file}"),
        })
    };
    data(TEMPLATES.iter().map(row).collect())
}

/// `POST …/oci-registry-pull`: a container's template made of an image.
pub(super) fn pull_image(state: &mut State, call: &Call) -> Answer {
    let storage = call.path.get("storage");
    if !state.holds(storage, call.node(), "vztmpl") {
        let text = format!("storage '{storage}' is not configured for content-type 'vztmpl'");
        return Err(Failure::died(text));
    }
    let reference = call.text("reference").unwrap_or_default();
    let Some((image, tag)) = reference
        .rsplit_once(':')
        .filter(|(_, tag)| !tag.contains('/'))
    else {
        let text = "invalid format - value does not match the regex pattern";
        return Err(Failure::parameter("reference", text).outside_the_contract());
    };
    let last = image.rsplit('/').next().unwrap_or(image);
    let made = || format!("{last}_{tag}");
    let name = call.text("filename").map_or_else(made, str::to_owned);
    let shared = state
        .storages
        .get(storage)
        .is_some_and(|storage| storage.shared);
    let volume = Volume {
        node: (!shared).then(|| call.node().to_owned()),
        time: state.now(),
        ..Volume::new(
            format!("{storage}:vztmpl/{name}.tar"),
            "vztmpl",
            "tar",
            31_457_280,
        )
    };
    if state
        .volumes
        .iter()
        .any(|one| one.volid == volume.volid && one.node == volume.node)
    {
        return Err(Failure::died(format!(
            "refusing to override existing file '{name}.tar'"
        )));
    }
    let work: Work = Box::new(move |state| {
        state.volumes.push(volume);
        Ok(vec!["Storing signatures".to_owned()])
    });
    let job = Job {
        call,
        node: call.node(),
        kind: "ocipull",
        id: name,
        lock: None,
    };
    state.start(job, work)
}

/// `GET /nodes/{node}/query-oci-repo-tags`.
pub(super) fn image_tags(_: &mut State, call: &Call) -> Answer {
    let known = call
        .text("reference")
        .is_some_and(|name| !name.contains("nothing"));
    if !known {
        return Err(Failure::died("repository name not known to registry"));
    }
    data(json!(["1.29", "1.28", "latest"]))
}

/// `GET /nodes/{node}/query-url-metadata`.
pub(super) fn url_metadata(_: &mut State, call: &Call) -> Answer {
    let url = call.text("url").unwrap_or_default();
    let name = url.rsplit('/').next().filter(|name| !name.is_empty());
    data(json!({
        "filename": name,
        "size": 659_554_304_u64,
        "mimetype": "application/octet-stream",
    }))
}

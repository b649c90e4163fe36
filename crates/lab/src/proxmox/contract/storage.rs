//! Storages and what lies on them.

use super::{
    Kind, Param, Perm, Route, Run, VMID, delete, get, optional, post, put, required, since_9,
};
use crate::proxmox::{backup, downloads, storage};

const SEES: Perm = Perm::Any(
    "/storage/{storage}",
    &["Datastore.Audit", "Datastore.AllocateSpace"],
);
const TEMPLATES: Perm = Perm::Any("/storage/{storage}", &["Datastore.AllocateTemplate"]);

const PRUNE: &[Param] = &[
    optional("prune-backups", Kind::Text),
    optional("type", Kind::OneOf(&["qemu", "lxc"])),
    optional("vmid", VMID),
];

pub(super) static TABLE: &[Route<Run>] = &[
    get(
        "/storage",
        Perm::User,
        &[optional("type", Kind::Text)],
        storage::all,
    ),
    get(
        "/storage/{storage}",
        Perm::Any("/storage/{storage}", &["Datastore.Allocate"]),
        &[],
        storage::one,
    ),
    get(
        "/nodes/{node}/storage",
        Perm::User,
        &[
            optional("content", Kind::Text),
            optional("enabled", Kind::Boolean),
            optional("format", Kind::Boolean),
            optional("storage", Kind::Text),
            optional("target", Kind::Text),
        ],
        storage::of_node,
    ),
    get(
        "/nodes/{node}/storage/{storage}/status",
        SEES,
        &[],
        storage::status,
    ),
    get(
        "/nodes/{node}/storage/{storage}/content",
        SEES,
        &[optional("content", Kind::Text), optional("vmid", VMID)],
        storage::content,
    ),
    get(
        "/nodes/{node}/storage/{storage}/content/{volume}",
        SEES,
        &[],
        storage::volume,
    ),
    put(
        "/nodes/{node}/storage/{storage}/content/{volume}",
        Perm::User,
        &[
            optional("notes", Kind::Text),
            optional("protected", Kind::Boolean),
        ],
        storage::update,
    ),
    delete(
        "/nodes/{node}/storage/{storage}/content/{volume}",
        Perm::User,
        &[optional("delay", Kind::Integer(1, 30))],
        storage::delete,
    ),
    get(
        "/nodes/{node}/storage/{storage}/prunebackups",
        SEES,
        PRUNE,
        backup::prune_preview,
    ),
    delete(
        "/nodes/{node}/storage/{storage}/prunebackups",
        Perm::User,
        PRUNE,
        backup::prune,
    ),
    post(
        "/nodes/{node}/storage/{storage}/download-url",
        TEMPLATES,
        &[
            required("content", Kind::OneOf(&["iso", "vztmpl", "import"])),
            required("filename", Kind::Text),
            required("url", Kind::Text),
            optional("checksum", Kind::Text),
            optional(
                "checksum-algorithm",
                Kind::OneOf(&["md5", "sha1", "sha224", "sha256", "sha384", "sha512"]),
            ),
            optional("compression", Kind::Text),
            optional("verify-certificates", Kind::Boolean),
        ],
        downloads::download,
    ),
    since_9(post(
        "/nodes/{node}/storage/{storage}/oci-registry-pull",
        TEMPLATES,
        &[
            required("reference", Kind::Text),
            optional("filename", Kind::Text),
        ],
        downloads::pull_image,
    )),
    since_9(get(
        "/nodes/{node}/query-oci-repo-tags",
        Perm::Any("/nodes/{node}", &["Sys.AccessNetwork"]),
        &[required("reference", Kind::Text)],
        downloads::image_tags,
    )),
    get(
        "/nodes/{node}/query-url-metadata",
        Perm::Any("/nodes/{node}", &["Sys.AccessNetwork"]),
        &[
            required("url", Kind::Text),
            optional("verify-certificates", Kind::Boolean),
        ],
        downloads::url_metadata,
    ),
    get(
        "/nodes/{node}/aplinfo",
        Perm::User,
        &[],
        downloads::templates,
    ),
    post(
        "/nodes/{node}/aplinfo",
        TEMPLATES,
        &[
            required("storage", Kind::Text),
            required("template", Kind::Text),
        ],
        downloads::download,
    ),
];

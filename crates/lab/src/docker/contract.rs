//! Which calls there are, and which parameters they take. Written from the API's documentation;
//! names and types only.

use super::entry::Call;
use super::reply::Answer;
use super::state::Engine;
use super::{
    containers, create, disk, exec, images, inspect, logs, networks, stats, system, volumes,
};
use crate::contract::{Kind, Param, Route, optional, required};

pub(super) type Handler = fn(&mut Engine, &Call) -> Answer;

#[derive(Clone, Copy)]
pub(super) struct Run {
    pub(super) handler: Handler,
    /// Fields of a JSON body.
    pub(super) body: &'static [Param],
    /// Whether the body is something else than JSON.
    pub(super) raw_body: bool,
}

const INTEGER: Kind = Kind::Integer(i64::MIN, i64::MAX);
const FLAG: Kind = Kind::Boolean;
const TEXT: Kind = Kind::Text;
const WORDS: Kind = Kind::Either(&[Kind::Texts, Kind::Text]);
const FILTERS: Param = optional("filters", TEXT);
const SIGNAL: Param = optional("signal", TEXT);
const SECONDS: Param = optional("t", INTEGER);

const CREATE: &[Param] = &[
    required("Image", TEXT),
    optional("ArgsEscaped", FLAG),
    optional("AttachStderr", FLAG),
    optional("AttachStdin", FLAG),
    optional("AttachStdout", FLAG),
    optional("Cmd", WORDS),
    optional("Domainname", TEXT),
    optional("Entrypoint", WORDS),
    optional("Env", Kind::Texts),
    optional("ExposedPorts", Kind::Object),
    optional("Healthcheck", Kind::Object),
    optional("HostConfig", Kind::Object),
    optional("Hostname", TEXT),
    optional("Labels", Kind::Object),
    optional("MacAddress", TEXT),
    optional("NetworkDisabled", FLAG),
    optional("NetworkingConfig", Kind::Object),
    optional("OnBuild", Kind::Texts),
    optional("OpenStdin", FLAG),
    optional("Shell", Kind::Texts),
    optional("StdinOnce", FLAG),
    optional("StopSignal", TEXT),
    optional("StopTimeout", INTEGER),
    optional("Tty", FLAG),
    optional("User", TEXT),
    optional("Volumes", Kind::Object),
    optional("WorkingDir", TEXT),
];

const EXEC: &[Param] = &[
    required("Cmd", Kind::Texts),
    optional("AttachStderr", FLAG),
    optional("AttachStdin", FLAG),
    optional("AttachStdout", FLAG),
    optional("ConsoleSize", Kind::List),
    optional("DetachKeys", TEXT),
    optional("Env", Kind::Texts),
    optional("Privileged", FLAG),
    optional("Tty", FLAG),
    optional("User", TEXT),
    optional("WorkingDir", TEXT),
];

const UPDATE: &[Param] = &[
    optional("BlkioWeight", INTEGER),
    optional("CpuPeriod", INTEGER),
    optional("CpuQuota", INTEGER),
    optional("CpuShares", INTEGER),
    optional("CpusetCpus", TEXT),
    optional("Memory", INTEGER),
    optional("MemoryReservation", INTEGER),
    optional("MemorySwap", INTEGER),
    optional("NanoCpus", INTEGER),
    optional("PidsLimit", INTEGER),
    optional("RestartPolicy", Kind::Object),
];

const fn route(
    method: &'static str,
    path: &'static str,
    params: &'static [Param],
    handler: Handler,
) -> Route<Run> {
    Route {
        method,
        path,
        params,
        run: Run {
            handler,
            body: &[],
            raw_body: false,
        },
    }
}

const fn get(path: &'static str, params: &'static [Param], handler: Handler) -> Route<Run> {
    route("GET", path, params, handler)
}

const fn post(path: &'static str, params: &'static [Param], handler: Handler) -> Route<Run> {
    route("POST", path, params, handler)
}

const fn delete(path: &'static str, params: &'static [Param], handler: Handler) -> Route<Run> {
    route("DELETE", path, params, handler)
}

/// The same call with a JSON body.
const fn with(body: &'static [Param], route: Route<Run>) -> Route<Run> {
    Route {
        run: Run { body, ..route.run },
        ..route
    }
}

pub(super) static TABLES: &[&[Route<Run>]] = &[CONTAINERS, IMAGES, OTHERS];

static CONTAINERS: &[Route<Run>] = &[
    get(
        "/containers/json",
        &[
            optional("all", FLAG),
            optional("limit", INTEGER),
            optional("size", FLAG),
            FILTERS,
        ],
        containers::list,
    ),
    with(
        CREATE,
        post(
            "/containers/create",
            &[optional("name", TEXT), optional("platform", TEXT)],
            create::create,
        ),
    ),
    post("/containers/prune", &[FILTERS], containers::prune),
    get(
        "/containers/{id}/json",
        &[optional("size", FLAG)],
        inspect::inspect,
    ),
    get(
        "/containers/{id}/logs",
        &[
            optional("follow", FLAG),
            optional("stdout", FLAG),
            optional("stderr", FLAG),
            optional("since", Kind::Number),
            optional("until", Kind::Number),
            optional("timestamps", FLAG),
            optional("tail", TEXT),
        ],
        logs::logs,
    ),
    get(
        "/containers/{id}/stats",
        &[optional("stream", FLAG), optional("one-shot", FLAG)],
        stats::stats,
    ),
    get(
        "/containers/{id}/top",
        &[optional("ps_args", TEXT)],
        stats::top,
    ),
    get("/containers/{id}/changes", &[], inspect::changes),
    post(
        "/containers/{id}/start",
        &[optional("detachKeys", TEXT)],
        containers::start,
    ),
    post(
        "/containers/{id}/stop",
        &[SIGNAL, SECONDS],
        containers::stop,
    ),
    post(
        "/containers/{id}/restart",
        &[SIGNAL, SECONDS],
        containers::restart,
    ),
    post("/containers/{id}/kill", &[SIGNAL], containers::kill),
    post("/containers/{id}/pause", &[], containers::pause),
    post("/containers/{id}/unpause", &[], containers::unpause),
    post(
        "/containers/{id}/rename",
        &[optional("name", TEXT)],
        containers::rename,
    ),
    post(
        "/containers/{id}/wait",
        &[optional("condition", TEXT)],
        containers::wait,
    ),
    with(UPDATE, post("/containers/{id}/update", &[], create::update)),
    delete(
        "/containers/{id}",
        &[
            optional("v", FLAG),
            optional("force", FLAG),
            optional("link", FLAG),
        ],
        containers::remove,
    ),
    with(EXEC, post("/containers/{id}/exec", &[], exec::create)),
    with(
        &[
            optional("Detach", FLAG),
            optional("Tty", FLAG),
            optional("ConsoleSize", Kind::List),
        ],
        post("/exec/{id}/start", &[], exec::start),
    ),
    get("/exec/{id}/json", &[], exec::inspect),
];

static IMAGES: &[Route<Run>] = &[
    get(
        "/images/json",
        &[
            optional("all", FLAG),
            FILTERS,
            optional("shared-size", FLAG),
            optional("digests", FLAG),
            optional("manifests", FLAG),
        ],
        images::list,
    ),
    post(
        "/images/create",
        &[
            optional("fromImage", TEXT),
            optional("fromSrc", TEXT),
            optional("repo", TEXT),
            optional("tag", TEXT),
            optional("message", TEXT),
            optional("platform", TEXT),
        ],
        images::pull,
    ),
    post("/images/prune", &[FILTERS], images::prune),
    get(
        "/images/{id}/json",
        &[optional("manifests", FLAG), optional("platform", TEXT)],
        images::inspect,
    ),
    get(
        "/images/{id}/history",
        &[optional("platform", TEXT)],
        images::history,
    ),
    post(
        "/images/{id}/push",
        &[optional("tag", TEXT), optional("platform", TEXT)],
        images::push,
    ),
    post(
        "/images/{id}/tag",
        &[required("repo", TEXT), optional("tag", TEXT)],
        images::tag,
    ),
    delete(
        "/images/{id}",
        &[optional("force", FLAG), optional("noprune", FLAG)],
        images::remove,
    ),
    get("/distribution/{id}/json", &[], images::distribution),
];

static OTHERS: &[Route<Run>] = &[
    get("/_ping", &[], system::ping),
    route("HEAD", "/_ping", &[], system::ping),
    get("/version", &[], system::version),
    get("/info", &[], system::info),
    get(
        "/system/df",
        &[optional("type", Kind::Texts), optional("verbose", FLAG)],
        disk::usage,
    ),
    get(
        "/events",
        &[optional("since", TEXT), optional("until", TEXT), FILTERS],
        system::events,
    ),
    post(
        "/build/prune",
        &[
            optional("all", FLAG),
            optional("keep-storage", INTEGER),
            FILTERS,
        ],
        system::prune_build_cache,
    ),
    get("/networks", &[FILTERS], networks::list),
    with(
        &[
            required("Name", TEXT),
            optional("Attachable", FLAG),
            optional("CheckDuplicate", FLAG),
            optional("Driver", TEXT),
            optional("EnableIPv4", FLAG),
            optional("EnableIPv6", FLAG),
            optional("IPAM", Kind::Object),
            optional("Ingress", FLAG),
            optional("Internal", FLAG),
            optional("Labels", Kind::Object),
            optional("Options", Kind::Object),
            optional("Scope", TEXT),
        ],
        post("/networks/create", &[], networks::create),
    ),
    post("/networks/prune", &[FILTERS], networks::prune),
    get(
        "/networks/{id}",
        &[optional("verbose", FLAG), optional("scope", TEXT)],
        networks::inspect,
    ),
    delete("/networks/{id}", &[], networks::remove),
    with(
        &[
            required("Container", TEXT),
            optional("EndpointConfig", Kind::Object),
        ],
        post("/networks/{id}/connect", &[], networks::connect),
    ),
    with(
        &[required("Container", TEXT), optional("Force", FLAG)],
        post("/networks/{id}/disconnect", &[], networks::disconnect),
    ),
    get("/volumes", &[FILTERS], volumes::list),
    with(
        &[
            optional("Name", TEXT),
            optional("Driver", TEXT),
            optional("DriverOpts", Kind::Object),
            optional("Labels", Kind::Object),
        ],
        post("/volumes/create", &[], volumes::create),
    ),
    post("/volumes/prune", &[FILTERS], volumes::prune),
    get("/volumes/{id}", &[], volumes::inspect),
    delete("/volumes/{id}", &[optional("force", FLAG)], volumes::remove),
];

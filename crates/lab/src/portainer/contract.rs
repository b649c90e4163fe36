//! Which calls there are, and which parameters they take. Written from the API's documentation;
//! names and types only.

use super::entry::Call;
use super::reply::Answer;
use super::state::State;
use super::{Release, environments, stacks, system};
use crate::contract::{Kind, Param, Route, optional, required};

pub(super) type Handler = fn(&mut State, &Call) -> Answer;

/// What a call carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BodyKind {
    None,
    Json,
    Form,
}

#[derive(Clone, Copy)]
pub(super) struct Run {
    pub(super) handler: Handler,
    pub(super) body: BodyKind,
    /// Fields of the body.
    pub(super) fields: &'static [Param],
    /// Whether it asks nobody who they are.
    pub(super) open: bool,
    /// The first release that has it.
    pub(super) since: Release,
}

const NUMBER: Kind = Kind::Integer(0, i64::MAX);
const TEXT: Kind = Kind::Text;
const FLAG: Kind = Kind::Boolean;
const IDS: Kind = Kind::Texts;
const ENDPOINT: Param = required("endpointId", NUMBER);
const MAY_ENDPOINT: Param = optional("endpointId", NUMBER);
const ENV: Param = optional("Env", Kind::List);
const REGISTRIES: Param = optional("Registries", Kind::List);
const WEBHOOK: Param = optional("Webhook", TEXT);
const FROM_TEMPLATE: Param = optional("FromAppTemplate", FLAG);

const fn git(name: &'static str) -> [Param; 17] {
    [
        required(name, TEXT),
        optional("AdditionalFiles", Kind::Texts),
        optional("AutoUpdate", Kind::Object),
        optional("ComposeFile", TEXT),
        ENV,
        optional("FilesystemPath", TEXT),
        FROM_TEMPLATE,
        REGISTRIES,
        optional("RepositoryAuthentication", FLAG),
        optional("RepositoryPassword", TEXT),
        optional("RepositoryReferenceName", TEXT),
        optional("RepositoryURL", TEXT),
        optional("RepositoryUsername", TEXT),
        optional("SourceID", NUMBER),
        optional("SupportRelativePath", FLAG),
        optional("SwarmID", TEXT),
        optional("TLSSkipVerify", FLAG),
    ]
}

static GIT: [Param; 17] = git("Name");

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
            body: BodyKind::None,
            fields: &[],
            open: false,
            since: Release::V2_18,
        },
    }
}

const fn get(path: &'static str, params: &'static [Param], handler: Handler) -> Route<Run> {
    route("GET", path, params, handler)
}

const fn post(path: &'static str, params: &'static [Param], handler: Handler) -> Route<Run> {
    route("POST", path, params, handler)
}

const fn put(path: &'static str, params: &'static [Param], handler: Handler) -> Route<Run> {
    route("PUT", path, params, handler)
}

const fn delete(path: &'static str, params: &'static [Param], handler: Handler) -> Route<Run> {
    route("DELETE", path, params, handler)
}

const fn with(body: BodyKind, fields: &'static [Param], route: Route<Run>) -> Route<Run> {
    Route {
        run: Run {
            body,
            fields,
            ..route.run
        },
        ..route
    }
}

const fn open(route: Route<Run>) -> Route<Run> {
    Route {
        run: Run {
            open: true,
            ..route.run
        },
        ..route
    }
}

const fn since_2_19(route: Route<Run>) -> Route<Run> {
    Route {
        run: Run {
            since: Release::V2_21,
            ..route.run
        },
        ..route
    }
}

pub(super) static TABLE: &[Route<Run>] = &[
    open(get("/system/status", &[], system::status)),
    open(get("/status", &[], system::status)),
    get("/system/version", &[], system::version),
    open(with(
        BodyKind::Json,
        &[required("username", TEXT), required("password", TEXT)],
        post("/auth", &[], system::login),
    )),
    get(
        "/users/me",
        &[optional("noEndpointAuthorizations", FLAG)],
        system::me,
    ),
    get(
        "/endpoints",
        &[
            optional("start", Kind::Integer(1, i64::MAX)),
            optional("limit", NUMBER),
            optional("sort", TEXT),
            optional("order", Kind::OneOf(&["asc", "desc"])),
            optional("search", TEXT),
            optional("name", TEXT),
            optional("groupIds", IDS),
            optional("status", IDS),
            optional("types", IDS),
            optional("tagIds", IDS),
            optional("tagsPartialMatch", FLAG),
            optional("endpointIds", IDS),
            optional("excludeIds", IDS),
            optional("provisioned", FLAG),
            optional("updateInformation", FLAG),
            optional("excludeSnapshots", FLAG),
        ],
        environments::list,
    ),
    with(
        BodyKind::Form,
        &[
            required("Name", TEXT),
            required("EndpointCreationType", Kind::Integer(1, 6)),
            optional("URL", TEXT),
            optional("PublicURL", TEXT),
            optional("GroupID", NUMBER),
            optional("TLS", FLAG),
            optional("TLSSkipVerify", FLAG),
            optional("TLSSkipClientVerify", FLAG),
            optional("TLSCACertFile", TEXT),
            optional("TLSCertFile", TEXT),
            optional("TLSKeyFile", TEXT),
            optional("TagIds", TEXT),
            optional("ContainerEngine", Kind::OneOf(&["docker", "podman"])),
            optional("EdgeCheckinInterval", NUMBER),
            optional("EdgeTunnelServerAddress", TEXT),
        ],
        post("/endpoints", &[], environments::create),
    ),
    get("/endpoints/summary", &[], environments::summary),
    get(
        "/endpoints/{id}",
        &[optional("excludeSnapshot", FLAG)],
        environments::inspect,
    ),
    with(
        BodyKind::Json,
        &[
            optional("Name", TEXT),
            optional("URL", TEXT),
            optional("PublicURL", TEXT),
            optional("GroupID", NUMBER),
            optional("TagIDs", Kind::List),
            optional("TLS", FLAG),
            optional("TLSSkipVerify", FLAG),
            optional("TLSSkipClientVerify", FLAG),
            optional("Status", NUMBER),
            optional("UserAccessPolicies", Kind::Object),
            optional("TeamAccessPolicies", Kind::Object),
        ],
        put("/endpoints/{id}", &[], environments::update),
    ),
    delete("/endpoints/{id}", &[], environments::delete),
    post("/endpoints/{id}/snapshot", &[], environments::snapshot),
    get("/docker/{id}/dashboard", &[], environments::dashboard),
    get("/stacks", &[optional("filters", TEXT)], stacks::list),
    since_2_19(with(
        BodyKind::Json,
        &[
            required("Name", TEXT),
            required("StackFileContent", TEXT),
            ENV,
            FROM_TEMPLATE,
            REGISTRIES,
            WEBHOOK,
        ],
        post(
            "/stacks/create/standalone/string",
            &[ENDPOINT],
            stacks::create,
        ),
    )),
    since_2_19(with(
        BodyKind::Json,
        &[
            required("Name", TEXT),
            required("StackFileContent", TEXT),
            required("SwarmID", TEXT),
            ENV,
            FROM_TEMPLATE,
            REGISTRIES,
            WEBHOOK,
        ],
        post("/stacks/create/swarm/string", &[ENDPOINT], stacks::create),
    )),
    since_2_19(with(
        BodyKind::Json,
        &GIT,
        post(
            "/stacks/create/standalone/repository",
            &[ENDPOINT],
            stacks::create,
        ),
    )),
    since_2_19(with(
        BodyKind::Json,
        &GIT,
        post(
            "/stacks/create/swarm/repository",
            &[ENDPOINT],
            stacks::create,
        ),
    )),
    get("/stacks/{id}", &[], stacks::inspect),
    get(
        "/stacks/{id}/file",
        &[optional("version", NUMBER), optional("commitHash", TEXT)],
        stacks::file,
    ),
    with(
        BodyKind::Json,
        &[
            required("StackFileContent", TEXT),
            ENV,
            optional("Prune", FLAG),
            optional("PullImage", FLAG),
            REGISTRIES,
            optional("RepullImageAndRedeploy", FLAG),
            optional("RollbackTo", NUMBER),
            WEBHOOK,
        ],
        put("/stacks/{id}", &[ENDPOINT], stacks::update),
    ),
    with(
        BodyKind::Json,
        &[
            ENV,
            optional("Prune", FLAG),
            optional("PullImage", FLAG),
            optional("RepullImageAndRedeploy", FLAG),
            optional("RepositoryAuthentication", FLAG),
            optional("RepositoryPassword", TEXT),
            optional("RepositoryReferenceName", TEXT),
            optional("RepositoryUsername", TEXT),
            optional("StackName", TEXT),
        ],
        put(
            "/stacks/{id}/git/redeploy",
            &[MAY_ENDPOINT],
            stacks::redeploy,
        ),
    ),
    delete(
        "/stacks/{id}",
        &[
            ENDPOINT,
            optional("external", FLAG),
            optional("removeVolumes", FLAG),
        ],
        stacks::delete,
    ),
    post("/stacks/{id}/start", &[ENDPOINT], stacks::start),
    post("/stacks/{id}/stop", &[ENDPOINT], stacks::stop),
    with(
        BodyKind::Json,
        &[
            required("EndpointID", NUMBER),
            optional("Name", TEXT),
            optional("SwarmID", TEXT),
        ],
        post("/stacks/{id}/migrate", &[MAY_ENDPOINT], stacks::migrate),
    ),
];

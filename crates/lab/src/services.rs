//! Web services that answer a health check, each in its own way.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{Response, StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;

use crate::log::RequestLog;
use crate::upstream::{Upstream, unexpected};
use crate::{Fault, Faults};

/// Bytes of a [`Behaviour::Huge`] answer.
const HUGE: usize = 8 << 20;

/// How a service answers its health check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Behaviour {
    /// 200 with this body.
    Healthy(String),
    /// This status with this body.
    Failing(u16, String),
    /// 200 after a while.
    Slow(Duration),
    /// 302 to a page of its own that answers 200.
    Redirecting,
    /// 302 to itself, for ever.
    RedirectLoop,
    /// 200 with 8 MiB.
    Huge,
}

/// One service: where its health is asked, and how it answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Endpoint {
    pub(crate) name: &'static str,
    /// Absolute path below the service's base, such as `/api/health`.
    pub(crate) path: &'static str,
    pub(crate) behaviour: Behaviour,
}

/// Many web services behind one port: the first part of the path is the service's name.
pub struct Services {
    upstream: Upstream,
    table: Table,
}

#[derive(Clone)]
struct Table(Arc<Mutex<BTreeMap<&'static str, Endpoint>>>);

impl Services {
    pub(crate) async fn start(endpoints: Vec<Endpoint>) -> io::Result<Self> {
        let by_name = endpoints.into_iter().map(|one| (one.name, one)).collect();
        let table = Table(Arc::new(Mutex::new(by_name)));
        let routes = Router::new()
            .route(
                "/{service}/",
                get(|state, Path(service): Path<String>| answer(state, service, String::new())),
            )
            .route(
                "/{service}/{*path}",
                get(|state, Path((service, path)): Path<(String, String)>| {
                    answer(state, service, path)
                }),
            )
            .with_state(table.clone());
        Ok(Self {
            upstream: Upstream::serve(routes).await?,
            table,
        })
    }

    /// Where all of them listen.
    pub fn address(&self) -> SocketAddr {
        self.upstream.address()
    }

    /// Base URL of a service.
    pub fn url(&self, service: &str) -> String {
        format!("{}/{service}", self.upstream.url())
    }

    /// Path of a service's health check from the root of its host; `None` for a service that is
    /// not here.
    pub fn health_path(&self, service: &str) -> Option<String> {
        let table = self.table.lock();
        let endpoint = table.get(service)?;
        Some(format!("/{service}{}", endpoint.path))
    }

    /// Changes how a service answers from now on; false for a service that is not here.
    pub fn set(&self, service: &str, behaviour: Behaviour) -> bool {
        match self.table.lock().get_mut(service) {
            Some(endpoint) => {
                endpoint.behaviour = behaviour;
                true
            }
            None => false,
        }
    }

    /// What they were asked.
    pub fn log(&self) -> &RequestLog {
        self.upstream.log()
    }

    /// Faults by path, which starts with `/<service>`.
    pub fn faults(&self) -> &Faults {
        self.upstream.faults()
    }

    /// Short for a fault on one service's next request.
    pub fn fail_next(&self, service: &str, fault: Fault) {
        self.faults().next(1, format!("/{service}/"), fault);
    }
}

impl Table {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<&'static str, Endpoint>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn answer(State(table): State<Table>, service: String, path: String) -> Response<Body> {
    let endpoint = table.lock().get(service.as_str()).cloned();
    let Some(endpoint) = endpoint else {
        return unexpected(StatusCode::NOT_FOUND);
    };
    let path = format!("/{path}");
    let behaviour = match endpoint.behaviour {
        Behaviour::Redirecting if path == "/landing" => Behaviour::Healthy("landed".to_owned()),
        _ if path != endpoint.path => return unexpected(StatusCode::NOT_FOUND),
        behaviour => behaviour,
    };
    match behaviour {
        Behaviour::Healthy(body) => (StatusCode::OK, content(body)).into_response(),
        Behaviour::Failing(status, body) => {
            let status = StatusCode::from_u16(status).unwrap_or(StatusCode::SERVICE_UNAVAILABLE);
            (status, content(body)).into_response()
        }
        Behaviour::Slow(time) => {
            tokio::time::sleep(time).await;
            (StatusCode::OK, "slow but well").into_response()
        }
        Behaviour::Redirecting => redirect(format!("/{service}/landing")),
        Behaviour::RedirectLoop => redirect(format!("/{service}{path}")),
        Behaviour::Huge => vec![b'x'; HUGE].into_response(),
    }
}

fn content(body: String) -> impl IntoResponse {
    let kind = if body.starts_with('{') {
        "application/json"
    } else {
        "text/plain; charset=utf-8"
    };
    ([(header::CONTENT_TYPE, kind)], body)
}

fn redirect(place: String) -> Response<Body> {
    (StatusCode::FOUND, [(header::LOCATION, place)]).into_response()
}

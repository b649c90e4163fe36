//! What the contract tables of the upstreams are made of: routes, and the parameters that each
//! takes.
//!
//! A table says which requests there are. A request that is not in it, or that carries a parameter
//! the table does not know, lacks one, or has one of the wrong type, is answered as the product
//! would answer it and noted as unexpected ([`noted`]): a client that sends it has a mistake, even
//! where the product is lenient.

mod form;
pub(crate) mod openapi;
mod param;
mod route;
pub(crate) mod viewer;

use axum::body::Body;
use axum::http::Response;

pub(crate) use form::{decode_segment, pairs};
pub(crate) use param::{Kind, Param, Problem, Trouble, check, from_text, optional, required};
pub(crate) use route::{Found, PathArgs, Route, find};

use crate::upstream::Unexpected;

/// Marks an answer to a request outside the contract.
pub(crate) fn noted(mut answer: Response<Body>) -> Response<Body> {
    answer.extensions_mut().insert(Unexpected);
    answer
}

//! From an endpoint and a name to a tool and the instances that may be meant.

use std::sync::Arc;

use homelab_core::call::{Principal, UNKNOWN_TOOL};
use homelab_core::error::{ToolError, ToolResult};
use homelab_core::policy::Decide;
use homelab_core::server::{Endpoint, ListedTool};

use super::authorize::may_see;
use super::catalogue::{Catalogue, Offer, Place, Scope};
use super::near::{either, near};

/// A tool, and those of its instances that the caller may use.
pub(super) struct Resolved {
    pub(super) offer: Arc<Offer>,
    pub(super) places: Vec<Arc<Place>>,
}

/// A name that leads nowhere for this caller.
pub(super) struct Unresolved {
    /// The same, word for word, whether the tool is unknown or forbidden.
    pub(super) error: ToolError,
    /// What is there all the same, for the audit alone.
    pub(super) forbidden: Option<Arc<Offer>>,
}

/// Who looks, and by which rules.
#[derive(Clone, Copy)]
pub(super) struct Viewer<'a> {
    pub(super) policy: &'a dyn Decide,
    pub(super) principal: &'a Principal,
}

/// Looks a tool up.
pub(super) fn resolve(
    catalogue: &Catalogue,
    endpoint: &Endpoint,
    name: &str,
    viewer: Viewer<'_>,
) -> Result<Resolved, Unresolved> {
    let scope = visible_scope(catalogue, endpoint, viewer).map_err(|error| Unresolved {
        error,
        forbidden: None,
    })?;
    let mut candidates = scope.named(name).filter_map(|offer| visible(offer, viewer));
    match (candidates.next(), candidates.next()) {
        (Some(only), None) => Ok(only),
        (Some(first), Some(second)) => {
            let mut listed = vec![first, second];
            listed.extend(candidates);
            Err(Unresolved {
                error: ambiguous(name, &listed),
                forbidden: None,
            })
        }
        (None, _) => Err(Unresolved {
            error: unknown(scope, name, viewer),
            forbidden: scope.named(name).next().cloned(),
        }),
    }
}

/// The tools of an endpoint that the caller may see.
pub(super) fn list(
    catalogue: &Catalogue,
    endpoint: &Endpoint,
    viewer: Viewer<'_>,
) -> ToolResult<Vec<ListedTool>> {
    let scope = visible_scope(catalogue, endpoint, viewer)?;
    // What a version lacks cannot be used, so it is not listed; who calls it is told why.
    let seen = |offer: &&Arc<Offer>| {
        let mut places = offer.places.iter();
        places.any(|place| {
            !place.instance.server.lacks(place.index)
                && may_see(viewer.policy, viewer.principal, &offer.entry, place)
        })
    };
    Ok(scope
        .offers
        .iter()
        .filter(seen)
        .map(|offer| offer.listed.clone())
        .collect())
}

/// An endpoint of one server where the caller may see nothing looks like one that is not there.
fn visible_scope<'a>(
    catalogue: &'a Catalogue,
    endpoint: &Endpoint,
    viewer: Viewer<'_>,
) -> ToolResult<&'a Scope> {
    let any = |scope: &Scope| scope.offers.iter().any(|offer| is_visible(offer, viewer));
    let found = catalogue.scope(endpoint);
    if let Some(scope) = found.filter(|scope| *endpoint == Endpoint::All || any(scope)) {
        return Ok(scope);
    }
    let Endpoint::Server(name) = endpoint else {
        return Err(ToolError::internal("the aggregated endpoint is missing"));
    };
    let seen = |server: &&str| {
        let endpoint = Endpoint::Server((*server).into());
        catalogue.scope(&endpoint).is_some_and(any)
    };
    let similar = near(name, catalogue.server_names().filter(seen));
    let error = ToolError::not_found(format!("no server `{}`", clipped(name)));
    Err(if similar.is_empty() {
        error
    } else {
        error.hint(format!("did you mean {}?", either(&similar)))
    })
}

fn is_visible(offer: &Offer, viewer: Viewer<'_>) -> bool {
    let mut places = offer.places.iter();
    places.any(|place| may_see(viewer.policy, viewer.principal, &offer.entry, place))
}

fn visible(offer: &Arc<Offer>, viewer: Viewer<'_>) -> Option<Resolved> {
    let places: Vec<_> = offer
        .places
        .iter()
        .filter(|place| may_see(viewer.policy, viewer.principal, &offer.entry, place))
        .cloned()
        .collect();
    (!places.is_empty()).then(|| Resolved {
        offer: Arc::clone(offer),
        places,
    })
}

fn unknown(scope: &Scope, name: &str, viewer: Viewer<'_>) -> ToolError {
    let names = scope
        .offers
        .iter()
        .filter(|offer| is_visible(offer, viewer))
        .map(|offer| offer.listed.name.as_str());
    let similar = near(name, names);
    let error = ToolError::not_found(format!("no tool `{}`", clipped(name))).reason(UNKNOWN_TOOL);
    if similar.is_empty() {
        error.hint("list the tools to see those that you may call")
    } else {
        error.hint(format!("did you mean {}?", either(&similar)))
    }
}

fn ambiguous(name: &str, listed: &[Resolved]) -> ToolError {
    let names: Vec<&str> = listed
        .iter()
        .map(|resolved| resolved.offer.listed.name.as_str())
        .collect();
    ToolError::not_found(format!("several servers have a tool `{}`", clipped(name)))
        .hint(format!("call {}", either(&names)))
}

/// A caller's text as part of a message.
pub(super) fn clipped(text: &str) -> String {
    const MOST: usize = 80;
    if text.chars().nth(MOST).is_none() {
        return text.to_owned();
    }
    text.chars().take(MOST).chain(['…']).collect()
}

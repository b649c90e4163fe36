//! The one table of what is served: path, permission, query, body and success of each operation.

use super::answer::Reply;
use super::{Asked, agents, messages, sessions, sprints, tasks};
use axum::routing::MethodFilter;
use homelab_core::BoxFuture;
use homelab_core::ccpm::CcpmResult;
use homelab_core::tool::{Effect, ToolSpec};

/// One operation of the contract.
pub(super) struct Operation {
    /// Its name in the contract.
    #[cfg_attr(not(test), expect(dead_code, reason = "for the published document"))]
    pub(super) id: &'static str,
    pub(super) method: Verb,
    pub(super) path: &'static str,
    /// The tool that does the same, or would: its name, permission and effect decide.
    pub(super) spec: ToolSpec,
    pub(super) query: &'static [Name],
    /// Name of the body's type; absent where there is none.
    pub(super) body: Option<&'static str>,
    /// Name of the answer's type.
    #[cfg_attr(not(test), expect(dead_code, reason = "for the published document"))]
    pub(super) answer: &'static str,
    /// Statuses of success.
    pub(super) success: &'static [u16],
    /// Takes `If-Match`.
    pub(super) is_versioned: bool,
    pub(super) run: fn(Asked) -> BoxFuture<'static, CcpmResult<Reply>>,
}

impl Operation {
    /// A read.
    pub(super) const fn get(
        id: &'static str,
        path: &'static str,
        (tool, permission): (&'static str, &'static str),
        answer: &'static str,
        run: fn(Asked) -> BoxFuture<'static, CcpmResult<Reply>>,
    ) -> Self {
        Self {
            id,
            method: Verb::Get,
            path,
            spec: ToolSpec::read(tool, "", "", permission),
            query: &[],
            body: None,
            answer,
            success: &[200],
            is_versioned: false,
            run,
        }
    }

    /// A change.
    pub(super) const fn change(
        (id, method): (&'static str, Verb),
        path: &'static str,
        (tool, permission): (&'static str, &'static str),
        (body, answer): (Option<&'static str>, &'static str),
        run: fn(Asked) -> BoxFuture<'static, CcpmResult<Reply>>,
    ) -> Self {
        Self {
            id,
            method,
            path,
            spec: ToolSpec::write(tool, "", "", permission),
            query: &[],
            body,
            answer,
            success: &[200],
            is_versioned: false,
            run,
        }
    }

    pub(super) const fn with_query(mut self, query: &'static [Name]) -> Self {
        self.query = query;
        self
    }

    /// Answers 201 where something new was made.
    pub(super) const fn creating(mut self) -> Self {
        self.success = &[201, 200];
        self
    }

    pub(super) const fn versioned(mut self) -> Self {
        self.is_versioned = true;
        self
    }

    /// Its answer holds what other agents wrote.
    pub(super) const fn untrusted(mut self) -> Self {
        self.spec.untrusted = &["body"];
        self
    }

    pub(super) fn is_change(&self) -> bool {
        self.spec.effect != Effect::Read
    }
}

/// How an operation is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verb {
    Get,
    Post,
    Put,
    Patch,
}

impl Verb {
    pub(super) const fn filter(self) -> MethodFilter {
        match self {
            Self::Get => MethodFilter::GET,
            Self::Post => MethodFilter::POST,
            Self::Put => MethodFilter::PUT,
            Self::Patch => MethodFilter::PATCH,
        }
    }

    #[cfg(test)]
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Get => "get",
            Self::Post => "post",
            Self::Put => "put",
            Self::Patch => "patch",
        }
    }
}

/// A parameter of a query.
pub(super) struct Name {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    /// Must be there.
    #[cfg_attr(not(test), expect(dead_code, reason = "for the published document"))]
    pub(super) is_required: bool,
}

/// What a parameter of a query is.
#[derive(Debug, Clone, Copy)]
pub(super) enum Kind {
    /// Any text.
    Text,
    /// A UUID.
    Id,
    /// RFC 3339.
    Time,
    /// `true` or `false`.
    Flag,
    /// A whole number from 1.
    Count {
        /// The highest.
        most: u32,
    },
    /// One of these.
    Choice {
        #[cfg_attr(
            not(test),
            expect(dead_code, reason = "the service says which are known")
        )]
        of: &'static [&'static str],
    },
    /// Several of these, separated by commas.
    Choices {
        #[cfg_attr(
            not(test),
            expect(dead_code, reason = "the service says which are known")
        )]
        of: &'static [&'static str],
    },
}

/// A parameter that may be absent.
pub(super) const fn may(name: &'static str, kind: Kind) -> Name {
    Name {
        name,
        kind,
        is_required: false,
    }
}

/// A parameter that must be there.
pub(super) const fn must(name: &'static str, kind: Kind) -> Name {
    Name {
        name,
        kind,
        is_required: true,
    }
}

pub(super) const LIMIT: Name = may("limit", Kind::Count { most: 200 });
pub(super) const CURSOR: Name = may("cursor", Kind::Text);

/// Boxes an async handler.
macro_rules! run {
    ($handler:path) => {
        |asked| Box::pin($handler(asked))
    };
}
pub(super) use run;

/// Everything that is served.
pub(super) fn all() -> impl Iterator<Item = &'static Operation> {
    [
        agents::OPERATIONS,
        messages::OPERATIONS,
        tasks::OPERATIONS,
        sprints::OPERATIONS,
        sessions::OPERATIONS,
    ]
    .into_iter()
    .flatten()
}

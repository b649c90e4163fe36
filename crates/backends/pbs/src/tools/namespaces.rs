//! Namespaces of a datastore.

use homelab_core::error::{Code, ToolError, ToolResult};
use homelab_core::page::Page;
use homelab_core::tool::{Inverse, Mismatch, Preview, Target, tool};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::call::{Call, Naming as _};
use crate::client::Pbs;
use crate::ids::{Datastore, Namespace};
use crate::page::page;
use crate::units::{count, timestamp};
use crate::walk::{Place, Scope};

const NAMESPACE: &str = "/admin/datastore/{}/namespace";
/// Longest name of one namespace.
const LONGEST: usize = 32;

/// Of which datastores.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct ListNamespaces {
    /// Only of this one; default all.
    datastore: Option<Datastore>,
    /// Rows of a page; default 25.
    #[schemars(range(min = 1, max = 200))]
    limit: Option<u32>,
    /// `next_cursor` of the call before.
    #[schemars(length(max = 1024))]
    cursor: Option<String>,
}

/// A namespace with what is in it, without those below.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct NamespaceItem {
    datastore: String,
    /// Empty for the root.
    ns: String,
    groups: usize,
    backups: u64,
    newest: Option<String>,
}

/// Namespaces.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct NamespaceList {
    #[serde(flatten)]
    page: Page<NamespaceItem>,
    problems: Vec<String>,
}

/// List the namespaces of datastores with how many groups and backups are in each and how new they are.
#[tool(
    read,
    open_world,
    permission = "pbs:namespace:read",
    title = "List namespaces",
    timeout = 120
)]
pub(crate) async fn list_namespaces(pbs: &Pbs, args: ListNamespaces) -> ToolResult<NamespaceList> {
    let scope = Scope {
        store: args.datastore.as_ref(),
        ..Scope::default()
    };
    let (found, problems) = pbs.walk_groups(&scope).await?.some()?;
    let rows: Vec<NamespaceItem> = found
        .into_iter()
        .map(|(place, groups)| NamespaceItem {
            datastore: place.store.to_string(),
            ns: place.ns.to_string(),
            groups: groups.len(),
            backups: groups.iter().map(|group| group.backup_count).sum(),
            newest: timestamp(groups.iter().map(|group| group.last_backup).max()),
        })
        .collect();
    let key = |row: &NamespaceItem| format!("{}\u{1}{}", row.datastore, row.ns);
    Ok(NamespaceList {
        page: page(rows, args.limit, args.cursor.as_deref(), key)?,
        problems,
    })
}

/// Which namespace.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CreateNamespace {
    /// The datastore.
    datastore: Datastore,
    /// The namespace with those above it, which must be there: `home/lab`.
    ns: Namespace,
}

/// A namespace after a change.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct NamespaceChanged {
    datastore: Datastore,
    ns: Namespace,
    /// Whether it is there, as read afterwards.
    exists: bool,
}

/// Create a namespace in a datastore, so that backups of another origin stay apart.
#[tool(
    write,
    open_world,
    permission = "pbs:namespace:create",
    title = "Create a namespace",
    timeout = 90,
    targets = create_targets,
    inverse = undo_create,
    read_back = check_create
)]
pub(crate) async fn create_namespace(
    pbs: &Pbs,
    args: CreateNamespace,
) -> ToolResult<NamespaceChanged> {
    not_the_root(&args.ns)?;
    let (_, name) = args.ns.split();
    if name.len() > LONGEST {
        let message = format!("`{name}` is longer than {LONGEST} characters");
        return Err(ToolError::invalid("ns", message));
    }
    pbs.api.done(&create_call(&args)).await?;
    changed(pbs, args.datastore, args.ns).await
}

fn create_call(args: &CreateNamespace) -> Call {
    let (parent, name) = args.ns.split();
    Call::post("namespace_create", NAMESPACE, &[&args.datastore])
        .with("name", name)
        .with_opt("parent", parent.given())
}

async fn create_targets(_pbs: &Pbs, args: &CreateNamespace) -> ToolResult<Vec<Target>> {
    Ok(vec![place(&args.datastore, &args.ns).target()])
}

/// Nothing to undo where it was there before: creating it fails then.
async fn undo_create(pbs: &Pbs, args: &CreateNamespace) -> ToolResult<Option<Inverse>> {
    let before = exists(pbs, &args.datastore, &args.ns).await?;
    Ok((!before).then(|| Inverse {
        tool: "delete_namespace".to_owned(),
        arguments: json!({ "datastore": args.datastore, "ns": args.ns }),
    }))
}

async fn check_create(
    _pbs: &Pbs,
    _args: &CreateNamespace,
    done: &NamespaceChanged,
) -> ToolResult<Vec<Mismatch>> {
    Ok(mismatch(done, true))
}

/// Which namespace.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct DeleteNamespace {
    /// The datastore.
    datastore: Datastore,
    /// The namespace.
    ns: Namespace,
}

/// Delete a namespace that has no backups, nor any in those below it, which go too.
#[tool(
    write,
    open_world,
    permission = "pbs:namespace:delete",
    title = "Delete an empty namespace",
    timeout = 90,
    preview = preview_delete,
    targets = delete_targets,
    inverse = undo_delete,
    read_back = check_delete
)]
pub(crate) async fn delete_namespace(
    pbs: &Pbs,
    args: DeleteNamespace,
) -> ToolResult<NamespaceChanged> {
    not_the_root(&args.ns)?;
    let (below, groups) = contents(pbs, &args).await?;
    if groups > 0 {
        let place = place(&args.datastore, &args.ns).described();
        let message = format!("`{place}` holds {}", count(groups, "group"));
        return Err(ToolError::new(Code::Conflict, message)
            .reason("namespace_not_empty")
            .field("ns")
            .hint("see `list_backups` with this `ns`, and delete its groups first with `delete_backup_group`"));
    }
    // What came into one of them meanwhile is kept by the server: only empty ones are removed.
    drop(below);
    pbs.api.done(&delete_call(&args)).await?;
    changed(pbs, args.datastore, args.ns).await
}

/// Without `delete-groups`: the server removes empty ones only.
fn delete_call(args: &DeleteNamespace) -> Call {
    Call::delete("namespace_delete", NAMESPACE, &[&args.datastore]).ns(&args.ns)
}

/// Namespaces below it, and groups in all of them.
async fn contents(pbs: &Pbs, args: &DeleteNamespace) -> ToolResult<(Vec<Namespace>, usize)> {
    let rows = pbs.namespaces(&args.datastore, &args.ns, None).await?;
    let (mut below, mut groups) = (Vec::new(), 0);
    for row in rows {
        let Ok(ns) = row.ns.parse::<Namespace>() else {
            continue;
        };
        groups += pbs.groups(&args.datastore, &ns).await?.len();
        if ns != args.ns {
            below.push(ns);
        }
    }
    Ok((below, groups))
}

async fn preview_delete(pbs: &Pbs, args: &DeleteNamespace) -> ToolResult<Preview> {
    let (below, groups) = contents(pbs, args).await?;
    let mut impact: Vec<String> = below
        .iter()
        .map(|ns| format!("`{ns}` goes with it"))
        .collect();
    if groups > 0 {
        let groups = count(groups, "group");
        impact.push(format!("it holds {groups}, which makes this fail"));
    }
    Ok(Preview {
        summary: format!(
            "delete the namespace `{}`",
            place(&args.datastore, &args.ns).described()
        ),
        changes: Vec::new(),
        impact,
    })
}

async fn delete_targets(_pbs: &Pbs, args: &DeleteNamespace) -> ToolResult<Vec<Target>> {
    Ok(vec![place(&args.datastore, &args.ns).target()])
}

/// Only a namespace without any below it comes back as it was.
async fn undo_delete(pbs: &Pbs, args: &DeleteNamespace) -> ToolResult<Option<Inverse>> {
    let (below, _) = contents(pbs, args).await?;
    Ok(below.is_empty().then(|| Inverse {
        tool: "create_namespace".to_owned(),
        arguments: json!({ "datastore": args.datastore, "ns": args.ns }),
    }))
}

async fn check_delete(
    _pbs: &Pbs,
    _args: &DeleteNamespace,
    done: &NamespaceChanged,
) -> ToolResult<Vec<Mismatch>> {
    Ok(mismatch(done, false))
}

fn place(store: &Datastore, ns: &Namespace) -> Place {
    Place {
        store: store.clone(),
        ns: ns.clone(),
    }
}

fn not_the_root(ns: &Namespace) -> ToolResult<()> {
    if !ns.is_root() {
        return Ok(());
    }
    Err(ToolError::invalid("ns", "the root is always there")
        .hint("name a namespace such as `home`"))
}

async fn exists(pbs: &Pbs, store: &Datastore, ns: &Namespace) -> ToolResult<bool> {
    let rows = pbs.namespaces(store, &Namespace::root(), None).await?;
    Ok(rows.iter().any(|row| row.ns == ns.as_str()))
}

async fn changed(pbs: &Pbs, datastore: Datastore, ns: Namespace) -> ToolResult<NamespaceChanged> {
    let exists = exists(pbs, &datastore, &ns).await?;
    Ok(NamespaceChanged {
        datastore,
        ns,
        exists,
    })
}

fn mismatch(done: &NamespaceChanged, wanted: bool) -> Vec<Mismatch> {
    let word = |exists: bool| if exists { "there" } else { "not there" };
    let found = (done.exists != wanted).then(|| Mismatch {
        field: "ns",
        wanted: format!("`{}` {}", done.ns, word(wanted)),
        found: word(done.exists).to_owned(),
    });
    found.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_namespace_is_created_below_its_parent() {
        let args = |ns: &str| CreateNamespace {
            datastore: "main".parse().unwrap(),
            ns: ns.parse().unwrap(),
        };

        assert_eq!(
            create_call(&args("home")).line(),
            "POST /admin/datastore/main/namespace?name=home"
        );
        assert_eq!(
            create_call(&args("home/lab/old")).line(),
            "POST /admin/datastore/main/namespace?name=old&parent=home/lab"
        );
    }

    #[test]
    fn backups_are_never_deleted_with_a_namespace() {
        let args = DeleteNamespace {
            datastore: "main".parse().unwrap(),
            ns: "home".parse().unwrap(),
        };

        assert_eq!(
            delete_call(&args).line(),
            "DELETE /admin/datastore/main/namespace?ns=home"
        );
    }
}

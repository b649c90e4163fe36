//! Keys with which devices join.

use futures_util::{StreamExt as _, stream};
use homelab_core::clock::Micros;
use homelab_core::error::{Code, ToolError, ToolResult};
use homelab_core::page::Page;
use homelab_core::secret::Secret;
use homelab_core::tool::{Preview, Target, tool};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::call::Call;
use crate::client::Tailscale;
use crate::ids::{KeyId, Tag};
use crate::types::{KeyRow, given};
use homelab_backend::page::page;

/// Keys that are asked for one by one, where the list only has their ids.
const MOST_ASKED: usize = 100;
/// Of them, so many at a time.
const AT_A_TIME: usize = 4;

/// Which keys.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct ListKeys {
    /// API access tokens and OAuth clients too, not only keys with which devices join.
    all_kinds: bool,
    /// Those that have ended or were revoked too.
    include_invalid: bool,
    /// Rows of a page; default 25.
    #[schemars(range(min = 1, max = 200))]
    limit: Option<u32>,
    /// `next_cursor` of the call before.
    #[schemars(length(max = 1024))]
    cursor: Option<String>,
}

/// A key, without its secret.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct KeyItem {
    /// What `delete_auth_key` takes.
    key_id: String,
    /// `auth`, `api`, `client` or `federated`.
    key_type: Option<String>,
    description: Option<String>,
    created: Option<String>,
    expires: Option<String>,
    revoked: Option<String>,
    /// Whether it has ended or was revoked.
    invalid: bool,
    /// Whether several devices can join with it.
    reusable: Option<bool>,
    /// Whether its devices go when they are gone.
    ephemeral: Option<bool>,
    /// Whether its devices need no approval.
    preauthorized: Option<bool>,
    /// Tags that its devices get, or that an OAuth client may give.
    tags: Vec<String>,
    /// What an OAuth client may do.
    scopes: Vec<String>,
    /// Whose it is.
    user_id: Option<String>,
}

impl KeyItem {
    fn of(key: KeyRow, now: Micros) -> Self {
        let create = &key.capabilities["devices"]["create"];
        let flag = |name: &str| create[name].as_bool();
        let tags: Vec<String> = match create["tags"].as_array() {
            Some(tags) if key.tags.is_empty() => tags
                .iter()
                .filter_map(Value::as_str)
                .map(str::to_owned)
                .collect(),
            _ => key.tags.clone(),
        };
        let ended = ends(&key).is_some_and(|end| end <= now);
        Self {
            reusable: flag("reusable"),
            ephemeral: flag("ephemeral"),
            preauthorized: flag("preauthorized"),
            tags,
            key_id: key.id,
            key_type: key.key_type,
            description: given(key.description),
            created: given(key.created),
            expires: given(key.expires),
            invalid: key.invalid || key.revoked.is_some() || ended,
            revoked: given(key.revoked),
            scopes: key.scopes,
            user_id: given(key.user_id),
        }
    }
}

fn ends(key: &KeyRow) -> Option<Micros> {
    Micros::from_rfc3339(key.expires.as_deref()?)
}

/// List the keys with which devices join the tailnet, without their secrets.
#[tool(
    read,
    open_world,
    permission = "tailscale:key:read",
    title = "List auth keys",
    timeout = 120
)]
pub(crate) async fn list_auth_keys(
    tailscale: &Tailscale,
    args: ListKeys,
) -> ToolResult<Page<KeyItem>> {
    let now = tailscale.now();
    let keys = tailscale.keys_in_full().await?;
    let rows: Vec<KeyItem> = keys
        .into_iter()
        .filter(|key| args.all_kinds || key.key_type.as_deref().is_none_or(|kind| kind == "auth"))
        .map(|key| KeyItem::of(key, now))
        .filter(|row| args.include_invalid || !row.invalid)
        .collect();
    page(rows, args.limit, args.cursor.as_deref(), |row| {
        row.key_id.clone()
    })
}

impl Tailscale {
    /// The keys; where the list only has ids, each is asked for.
    pub(crate) async fn keys_in_full(&self) -> ToolResult<Vec<KeyRow>> {
        let keys = self.keys().await?;
        let brief = |key: &KeyRow| key.created.is_none() && key.key_type.is_none();
        let (brief, mut full): (Vec<KeyRow>, Vec<KeyRow>) = keys.into_iter().partition(brief);
        let asked: Vec<ToolResult<KeyRow>> = stream::iter(brief.into_iter().take(MOST_ASKED))
            .map(|key| async move { self.key(&key.id).await })
            .buffered(AT_A_TIME)
            .collect()
            .await;
        for key in asked {
            full.push(key?);
        }
        Ok(full)
    }
}

/// What devices with the key may be.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CreateKey {
    /// What it is for: letters, digits, `-` and blanks.
    #[schemars(length(max = 50), regex(pattern = "^[A-Za-z0-9 -]*$"))]
    #[serde(default)]
    description: String,
    /// Seconds until it ends; default 90 days, which is the most.
    #[schemars(range(min = 60, max = 7_776_000))]
    #[serde(default = "longest")]
    expiry_seconds: u32,
    /// Let several devices join with it; default one.
    #[serde(default)]
    reusable: bool,
    /// Its devices go when they are gone.
    #[serde(default)]
    ephemeral: bool,
    /// Its devices need no approval.
    #[serde(default)]
    preauthorized: bool,
    /// Tags that its devices get; needed with an OAuth client, which must have them itself.
    #[schemars(length(max = 20))]
    #[serde(default)]
    tags: Vec<Tag>,
}

fn longest() -> u32 {
    7_776_000
}

/// A new key. Its secret is shown this once.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct KeyCreated {
    key_id: String,
    /// What a device is given: `tailscale up --auth-key=…`. Nobody can see it again.
    key: String,
    expires: Option<String>,
    tags: Vec<String>,
}

/// Create a key with which devices join the tailnet. Its secret is shown only in this answer.
#[tool(
    write,
    secret,
    open_world,
    permission = "tailscale:key:create",
    title = "Create an auth key",
    timeout = 60,
    sensitive_output("key"),
    preview = preview_create
)]
pub(crate) async fn create_auth_key(
    tailscale: &Tailscale,
    args: CreateKey,
) -> ToolResult<KeyCreated> {
    args.check(tailscale)?;
    let key: KeyRow = tailscale.api.data(&args.call(&tailscale.tailnet)).await?;
    let Some(secret) = given(key.key.clone()) else {
        let message = "a key was made, but the answer does not hold its secret";
        return Err(ToolError::new(Code::UpstreamRejected, message)
            .reason("unexpected_answer")
            .hint(format!(
                "delete it with `delete_auth_key`: its id is `{}`",
                key.id
            )));
    };
    tailscale
        .api
        .env
        .redactor
        .learn(&Secret::new(secret.clone()));
    let item = KeyItem::of(key, tailscale.now());
    Ok(KeyCreated {
        key_id: item.key_id,
        key: secret,
        expires: item.expires,
        tags: item.tags,
    })
}

impl CreateKey {
    fn check(&self, tailscale: &Tailscale) -> ToolResult<()> {
        let plain = |letter: char| letter.is_ascii_alphanumeric() || " -".contains(letter);
        if !self.description.chars().all(plain) {
            let message = "a description has letters, digits, `-` and blanks";
            return Err(ToolError::invalid("description", message));
        }
        if self.tags.is_empty() && tailscale.api.who.is_client {
            let message = "an OAuth client can only make keys with tags";
            return Err(ToolError::invalid("tags", message)
                .hint("name tags that the OAuth client has, or that are owned by one of them"));
        }
        Ok(())
    }

    fn call(&self, tailnet: &str) -> Call {
        let mut body = json!({
            "keyType": "auth",
            "expirySeconds": self.expiry_seconds,
            "capabilities": { "devices": { "create": {
                "reusable": self.reusable,
                "ephemeral": self.ephemeral,
                "preauthorized": self.preauthorized,
                "tags": self.tags,
            } } },
        });
        if !self.description.is_empty() {
            body["description"] = json!(self.description);
        }
        Call::post("key_create", "/tailnet/{}/keys", &[&tailnet])
            .json(body)
            .scope("auth_keys")
    }
}

async fn preview_create(tailscale: &Tailscale, args: &CreateKey) -> ToolResult<Preview> {
    args.check(tailscale)?;
    let mut impact = vec![format!("it ends after {} s", args.expiry_seconds)];
    if args.reusable {
        impact.push("any number of devices can join with it".to_owned());
    }
    if args.preauthorized {
        impact.push("its devices need no approval".to_owned());
    }
    if !args.tags.is_empty() {
        let tags: Vec<&str> = args.tags.iter().map(Tag::as_ref).collect();
        impact.push(format!("its devices get the tags {}", tags.join(", ")));
    }
    Ok(Preview {
        summary: "create a key with which devices join the tailnet".to_owned(),
        changes: Vec::new(),
        impact,
    })
}

/// Which key.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct DeleteKey {
    /// The key's id, as `list_auth_keys` gives it; never the key itself.
    key_id: KeyId,
}

/// A key that is gone.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct KeyDeleted {
    /// As it was.
    deleted: KeyItem,
}

/// Delete a key with which devices join; devices that joined with it stay.
#[tool(
    destructive,
    open_world,
    permission = "tailscale:key:delete",
    title = "Delete an auth key",
    timeout = 60,
    preview = preview_delete,
    targets = delete_targets
)]
pub(crate) async fn delete_auth_key(
    tailscale: &Tailscale,
    args: DeleteKey,
) -> ToolResult<KeyDeleted> {
    let key = auth_key(tailscale, &args).await?;
    let call = Call::delete(
        "key_delete",
        "/tailnet/{}/keys/{}",
        &[&tailscale.tailnet, &args.key_id],
    )
    .scope("auth_keys");
    tailscale.api.done(&call).await?;
    Ok(KeyDeleted {
        deleted: KeyItem::of(key, tailscale.now()),
    })
}

/// The key, if devices join with it: our own credentials are not deleted this way.
async fn auth_key(tailscale: &Tailscale, args: &DeleteKey) -> ToolResult<KeyRow> {
    // Somebody may give the key instead of its id: it must not reach an address.
    if args.key_id.as_ref().contains("key-") {
        let message = "this is a key, not the id of one";
        return Err(ToolError::invalid("key_id", message).hint("call `list_auth_keys`"));
    }
    let key = tailscale.key(args.key_id.as_ref()).await?;
    match key.key_type.as_deref() {
        None | Some("auth") => Ok(key),
        Some(kind) => {
            let message = format!("this is a key of the kind `{kind}`, not one to join with");
            Err(ToolError::invalid("key_id", message)
                .reason("wrong_key_kind")
                .hint("API access tokens and OAuth clients are managed in the console"))
        }
    }
}

async fn preview_delete(tailscale: &Tailscale, args: &DeleteKey) -> ToolResult<Preview> {
    let item = KeyItem::of(auth_key(tailscale, args).await?, tailscale.now());
    let mut impact = vec!["no device can join with it any more".to_owned()];
    if item.invalid {
        impact.push("it is not valid any more as it is".to_owned());
    }
    let described = item.description.unwrap_or_default();
    Ok(Preview {
        summary: format!("delete the auth key `{}` {described}", args.key_id)
            .trim()
            .to_owned(),
        changes: Vec::new(),
        impact,
    })
}

async fn delete_targets(_: &Tailscale, args: &DeleteKey) -> ToolResult<Vec<Target>> {
    Ok(vec![Target {
        kind: "auth_key".to_owned(),
        id: args.key_id.to_string(),
        name: None,
        tags: Vec::new(),
    }])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_asked_for_with_everything_said() {
        let args = CreateKey {
            description: "lab".into(),
            expiry_seconds: 3600,
            reusable: false,
            ephemeral: true,
            preauthorized: false,
            tags: vec!["tag:server".parse().unwrap()],
        };

        assert_eq!(
            args.call("-").line(),
            "POST /tailnet/-/keys {\"keyType\":\"auth\",\"expirySeconds\":3600,\"capabilities\":{\"devices\":{\"create\":{\"reusable\":false,\"ephemeral\":true,\"preauthorized\":false,\"tags\":[\"tag:server\"]}}},\"description\":\"lab\"}"
        );
    }
}

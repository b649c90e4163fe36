//! `credentials list`.

use anyhow::Result;
use homelab_core::page::{MAX_LIMIT, PageRequest};
use homelab_core::store::{Credential, Credentials};
use serde_json::{Value, json};

use crate::commands::with_services;
use crate::exit::Exit;
use crate::session::Session;

/// Runs it.
pub(crate) async fn run(session: &Session) -> Result<Exit> {
    with_services(session, async |services, _| {
        let credentials = all(services.stores.credentials.as_ref()).await?;
        let readable = |credential: &Credential| match &credential.password_encrypted {
            None => "none",
            Some(token) if services.master.ring.decrypt(token).is_ok() => "stored",
            Some(_) => "unreadable",
        };
        if session.output.is_json() {
            let rows: Vec<Value> = credentials
                .iter()
                .map(|one| {
                    json!({
                        "id": one.id,
                        "target_type": one.target_type,
                        "target": one.target_id,
                        "username": one.username,
                        "auth_type": one.auth_type,
                        "secret": readable(one),
                        "ssh_key_path": one.ssh_key_path,
                        "notes": one.notes,
                        "created_at": one.created_at,
                        "updated_at": one.updated_at,
                    })
                })
                .map(homelab_core::schema::without_nulls)
                .collect();
            session.output.json(&rows)?;
            return Ok(Exit::Ok);
        }
        let rows = credentials
            .iter()
            .map(|one| {
                vec![
                    one.id.clone(),
                    one.target_type.clone(),
                    one.target_id.clone(),
                    one.username.clone().unwrap_or_default(),
                    one.auth_type.clone(),
                    readable(one).to_owned(),
                    one.ssh_key_path.clone().unwrap_or_default(),
                ]
            })
            .collect();
        let headings = ["ID", "TYPE", "TARGET", "USER", "KIND", "SECRET", "KEY FILE"];
        session.output.table(&headings, rows)?;
        Ok(Exit::Ok)
    })
    .await
}

/// All stored credentials.
pub(crate) async fn all(credentials: &dyn Credentials) -> Result<Vec<Credential>> {
    let mut request = PageRequest::first(MAX_LIMIT);
    let mut rows = Vec::new();
    loop {
        let page = credentials.list(&request).await?;
        rows.extend(page.items);
        let Some(cursor) = page.next_cursor else {
            return Ok(rows);
        };
        request = PageRequest::from_args(Some(MAX_LIMIT), Some(&cursor))?;
    }
}

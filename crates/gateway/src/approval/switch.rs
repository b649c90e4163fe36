//! The kill switch, as the owner turns it from afar.

use homelab_core::audit::{AuditEntry, EntryKind};
use homelab_core::call::{Principal, Transport};
use homelab_core::clock::Micros;
use homelab_core::error::ToolResult;
use homelab_core::store::KILL_SWITCH;
use serde_json::json;

use super::ApprovalService;
use super::errors::clipped;
use crate::trail::Durability;

impl ApprovalService {
    /// Whether the switch stops every change. Its file in the data directory is not looked at.
    ///
    /// # Errors
    /// When the database fails; changes are refused then.
    pub async fn kill_switch(&self) -> ToolResult<bool> {
        let value = self.settings.get(KILL_SWITCH).await?;
        Ok(!matches!(value.as_deref(), None | Some("off")))
    }

    /// Turns the switch and records who did; the caller has made sure that it is an owner.
    ///
    /// # Errors
    /// When the database fails. The switch comes first: the audit may be what is broken.
    pub async fn turn_kill_switch(
        &self,
        on: bool,
        owner: &Principal,
        reason: Option<&str>,
    ) -> ToolResult<()> {
        let state = if on { "on" } else { "off" };
        self.settings.set(KILL_SWITCH, state).await?;
        let reason = reason.map(clipped);
        let entry = AuditEntry {
            id: String::new(),
            timestamp: Micros::default(),
            kind: EntryKind::Event,
            user: owner.name.clone(),
            credential: owner.credential.clone(),
            transport: Transport::Rest.as_str().to_owned(),
            ip_address: None,
            action: format!("kill_switch_{state}"),
            target_type: "setting".to_owned(),
            target_id: KILL_SWITCH.to_owned(),
            effect: None,
            arguments: None,
            arguments_digest: None,
            outcome: Some("ok".to_owned()),
            duration_us: None,
            request_id: self.trail.new_id(),
            details: reason.map(|reason| json!({ "reason": reason }).to_string()),
        };
        Ok(self.trail.write(entry, Durability::Durable).await?)
    }
}

//! `kill-switch`: stops every change at once.

use anyhow::Result;
use clap::ValueEnum;
use homelab_core::store::KILL_SWITCH;
use serde_json::json;

use crate::commands::with_services;
use crate::exit::Exit;
use crate::output::Mark;
use crate::owner;
use crate::services::Event;
use crate::session::Session;

/// Options of `kill-switch`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Everybody who can run this program here may switch it on; only the owner may switch it off \
(HOMELAB_OWNER_KEY, HOMELAB_OWNER_KEY_FILE, or a prompt)."
)]
pub(crate) struct Args {
    /// What to do.
    #[arg(default_value = "status")]
    state: State,
    /// Why, for the audit.
    #[arg(long)]
    reason: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum State {
    /// Refuse every call that changes something.
    On,
    /// Let calls through again.
    Off,
    /// Say which it is.
    Status,
}

/// Runs it.
pub(crate) async fn run(args: Args, session: &Session) -> Result<Exit> {
    with_services(session, async |services, _| {
        let settings = &services.stores.settings;
        if args.state == State::Off {
            let stored = services.stores.keys.as_ref();
            let (clock, environment) = (session.clock.as_ref(), &session.environment);
            let owner =
                owner::require(stored, &services.data, clock, environment, &session.output).await?;
            settings.set(KILL_SWITCH, "off").await?;
            services
                .record(Event {
                    action: "kill_switch_off",
                    target_type: "setting",
                    target_id: KILL_SWITCH,
                    by: owner.key.as_ref(),
                    details: args.reason.clone(),
                })
                .await?;
        } else if args.state == State::On {
            // First the switch: the audit may be what is broken.
            settings.set(KILL_SWITCH, "on").await?;
            services
                .record(Event {
                    action: "kill_switch_on",
                    target_type: "setting",
                    target_id: KILL_SWITCH,
                    by: None,
                    details: args.reason.clone(),
                })
                .await?;
        }
        let on = settings.get(KILL_SWITCH).await?.as_deref() == Some("on");
        if session.output.is_json() {
            session
                .output
                .json(&json!({ "kill_switch": if on { "on" } else { "off" } }))?;
        } else if on {
            let text = session.output.mark(Mark::Bad, "on");
            session.output.line(format!(
                "the kill switch is {text}: nothing can be changed, reads go on"
            ))?;
        } else {
            session.output.line("the kill switch is off")?;
        }
        Ok(Exit::Ok)
    })
    .await
}

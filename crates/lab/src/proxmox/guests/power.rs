//! Starting and stopping.

use super::{Guest, GuestKind, locked, unlocked};
use crate::proxmox::entry::Call;
use crate::proxmox::reply::{Answer, Failure};
use crate::proxmox::state::State;
use crate::proxmox::tasks::{Job, Work};

/// What a power call does to a guest at its end.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Step {
    Start,
    Stop,
    Restart,
    Pause,
    Resume,
}

fn begin(
    state: &mut State,
    call: &Call,
    tasks: (&'static str, &'static str),
    step: Step,
) -> Answer {
    let guest = state.guest_now(call)?;
    allowed(call, &guest)?;
    if guest.kind == GuestKind::Lxc {
        // A container's state is looked at before the worker begins.
        match (step, guest.running) {
            (Step::Start, true) => {
                return Err(Failure::died(format!("CT {} already running", guest.vmid)));
            }
            (Step::Start, false) | (_, true) => {}
            (_, false) => {
                return Err(Failure::died(format!("CT {} not running", guest.vmid)));
            }
        }
        unlocked(&guest)?;
    }
    let vmid = guest.vmid;
    let work: Work = Box::new(move |state| {
        let now = state.now();
        let guest = state.guests.get_mut(&vmid).ok_or("no such VM")?;
        apply(guest, step, now)
    });
    let job = Job {
        call,
        node: &guest.node,
        kind: guest.kind.task(tasks.0, tasks.1),
        id: vmid.to_string(),
        lock: None,
    };
    state.start(job, work)
}

/// `skiplock` is for root itself, not for its tokens.
fn allowed(call: &Call, guest: &Guest) -> Result<(), Failure> {
    if call.is_set("skiplock") && call.who != crate::proxmox::access::ROOT {
        return Err(Failure::parameter(
            "skiplock",
            "Only root may use this option.",
        ));
    }
    if guest.is_set("template") {
        let text = match guest.kind {
            GuestKind::Qemu => "you can't start a vm if it's a template",
            GuestKind::Lxc => "you can't start a CT if it's a template",
        };
        return Err(Failure::died(text));
    }
    Ok(())
}

fn apply(guest: &mut Guest, step: Step, now: i64) -> Result<Vec<String>, String> {
    locked(guest)?;
    match step {
        Step::Start if guest.running => {
            return Err(format!(
                "{} {} already running",
                guest.kind.short(),
                guest.vmid
            ));
        }
        Step::Start => guest.run(now),
        Step::Stop => guest.stop(),
        Step::Restart if guest.running => {
            guest.stop();
            guest.run(now);
        }
        Step::Pause if guest.running => guest.paused = true,
        Step::Resume if guest.running => guest.paused = false,
        Step::Restart => {}
        Step::Pause | Step::Resume => {
            return Err(format!("{} {} not running", guest.kind.short(), guest.vmid));
        }
    }
    Ok(Vec::new())
}

/// `POST …/status/start`.
pub(in crate::proxmox) fn start(state: &mut State, call: &Call) -> Answer {
    begin(state, call, ("qmstart", "vzstart"), Step::Start)
}

/// `POST …/status/stop`.
pub(in crate::proxmox) fn stop(state: &mut State, call: &Call) -> Answer {
    begin(state, call, ("qmstop", "vzstop"), Step::Stop)
}

/// `POST …/status/shutdown`.
pub(in crate::proxmox) fn shutdown(state: &mut State, call: &Call) -> Answer {
    let guest = state.guest_now(call)?;
    if guest.kind == GuestKind::Qemu && !guest.running {
        return Err(Failure::died(format!("VM {} not running", guest.vmid)));
    }
    begin(state, call, ("qmshutdown", "vzshutdown"), Step::Stop)
}

/// `POST …/status/reboot`.
pub(in crate::proxmox) fn reboot(state: &mut State, call: &Call) -> Answer {
    begin(state, call, ("qmreboot", "vzreboot"), Step::Restart)
}

/// `POST …/status/reset`, of virtual machines alone.
pub(in crate::proxmox) fn reset(state: &mut State, call: &Call) -> Answer {
    let guest = state.guest_now(call)?;
    if !guest.running {
        return Err(Failure::died(format!("VM {} not running", guest.vmid)));
    }
    begin(state, call, ("qmreset", "vzreboot"), Step::Restart)
}

/// `POST …/status/suspend`.
pub(in crate::proxmox) fn suspend(state: &mut State, call: &Call) -> Answer {
    begin(state, call, ("qmpause", "vzsuspend"), Step::Pause)
}

/// `POST …/status/resume`.
pub(in crate::proxmox) fn resume(state: &mut State, call: &Call) -> Answer {
    begin(state, call, ("qmresume", "vzresume"), Step::Resume)
}

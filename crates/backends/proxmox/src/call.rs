//! A call of Proxmox VE's API as plain data: built by pure functions, sent by [`crate::api::Api`], to
//! several hosts in turn if need be.

/// One call, with its parameters in a form.
pub(crate) type Call = homelab_proxmox_api::Call<homelab_proxmox_api::Form>;

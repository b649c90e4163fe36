//! What the APIs of Proxmox VE and Proxmox Backup Server have in common below their tools. Both are
//! products of one house: addresses, users, API tokens, tickets, calls and tasks are alike, and where
//! they differ, the difference is an argument here.
//!
//! * [`address`]: the base address of an API as somebody writes it;
//! * [`credentials`]: the settings of a section that hold a token or a password;
//! * [`auth`]: requests signed with them, tickets renewed in time;
//! * [`call`]: a call as plain data;
//! * [`task`]: following a task to its end with progress.

pub mod address;
pub mod auth;
pub mod call;
pub mod credentials;
pub mod task;

pub use auth::{Auth, Door, Granted, Proof, Style};
pub use call::{Call, Form, Json, Parameters};
pub use credentials::{Advice, Credentials, Login};

//! Instruments: how to reach them, what may be asked of them, and asking.

pub(crate) mod command;
mod message;
mod socket;
pub(crate) mod visa;

pub(crate) use message::Answer;
pub(crate) use socket::{Instruments, Socket};

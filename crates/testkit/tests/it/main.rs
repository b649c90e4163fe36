//! The launchers against the programs they launch.
#![cfg(test)]

mod docker;
mod peers;
mod postgres;
mod process;
mod skip;
mod sshd;
mod traefik;

//! Tests of the upstreams themselves: a fake that is wrong makes every test above it worthless.

#![cfg(test)]

mod demo;
mod instrument;
mod ollama;
mod pbs;
mod proxmox;
mod services;
mod traefik;
mod wire;

//! Tests of the upstreams themselves: a fake that is wrong makes every test above it worthless.

#![cfg(test)]

mod cloudflare;
mod demo;
mod docker;
mod instrument;
mod models;
mod netbox;
mod ollama;
mod pbs;
mod pihole;
mod portainer;
mod proxmox;
mod services;
mod tailscale;
mod traefik;
mod unifi;
mod wire;

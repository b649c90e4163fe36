//! The systems of the demo lab that have an API of their own, and the settings with which servers
//! reach them.
//!
//! They agree with each other and with the inventory, except for what is planted to be found:
//!
//! | planted | where |
//! |---|---|
//! | the sensor `esp-greenhouse` has the address of `sensor-cellar` | UniFi |
//! | `nextcloud.lab.example` leads to an address that nothing has any more | the second Pi-hole |
//! | `cam-garden` is recorded with the address that it had before | NetBox |
//! | the access point `ap-garage` is down | UniFi |
//! | the container `backup` ends with an error over and over | the engine on `docker-1` |

use std::io;
use std::path::Path;

use serde_json::{Value, json};

use crate::cloudflare::{self, Cloudflare};
use crate::docker::Docker;
use crate::netbox::{self, NetBox};
use crate::ollama::Ollama;
use crate::pbs::{self, Pbs};
use crate::pihole::{self, Pihole};
use crate::portainer::{self, Portainer};
use crate::proxmox::{self, Proxmox};
use crate::tailscale::{self, Tailscale};
use crate::traefik::Traefik;
use crate::unifi::{self, Unifi};

/// One running system of each kind, each on a loopback port of its own.
pub struct Systems {
    /// The cluster `homelab`: `pve1` to `pve3`.
    pub proxmox: Proxmox,
    /// The backup server.
    pub pbs: Pbs,
    /// The engine on `docker-1`.
    pub docker_1: Docker,
    /// The engine on `docker-2`.
    pub docker_2: Docker,
    /// Portainer, with both engines behind it.
    pub portainer: Portainer,
    /// The reverse proxy.
    pub traefik: Traefik,
    /// The tailnet's control server.
    pub tailscale: Tailscale,
    /// The account with the lab's zones.
    pub cloudflare: Cloudflare,
    /// The console.
    pub unifi: Unifi,
    /// The name server on `pi-dns-1`.
    pub pihole_1: Pihole,
    /// The name server on `pi-dns-2`, which ought to be like the first.
    pub pihole_2: Pihole,
    /// What ought to be.
    pub netbox: NetBox,
    /// The language models on `ollama`.
    pub ollama: Ollama,
}

impl Systems {
    /// Starts them with the demo lab's content.
    ///
    /// # Errors
    /// When a loopback port cannot be opened.
    pub(crate) async fn start() -> io::Result<Self> {
        let docker_1 = Docker::demo().await?;
        let docker_2 = Docker::demo_second().await?;
        Ok(Self {
            proxmox: Proxmox::demo().await?,
            pbs: Pbs::demo().await?,
            portainer: Portainer::demo(&docker_1, &docker_2).await?,
            docker_1,
            docker_2,
            traefik: Traefik::demo().await?,
            tailscale: Tailscale::demo().await?,
            cloudflare: Cloudflare::demo().await?,
            unifi: Unifi::demo().await?,
            pihole_1: Pihole::demo().await?,
            pihole_2: Pihole::demo_second().await?,
            netbox: NetBox::demo().await?,
            ollama: Ollama::demo().await?,
        })
    }

    /// The sections `[servers.NAME]` for a server of each kind, by name. Their secrets are as made up
    /// as the systems. The proxy reads `proxy_files`, an empty directory, from now on.
    pub fn settings(&self, proxy_files: &Path) -> Vec<(&'static str, Value)> {
        self.traefik.watch(proxy_files);
        let engine = |engine: &Docker| json!({ "url": format!("tcp://{}", engine.address()), "plain": true });
        vec![
            (
                "proxmox",
                json!({
                    "hosts": [self.proxmox.url()],
                    "token_id": proxmox::ROOT_TOKEN.0,
                    "token_secret": proxmox::ROOT_TOKEN.1,
                }),
            ),
            (
                "pbs",
                json!({
                    "url": self.pbs.url(),
                    "token_id": pbs::ROOT_TOKEN.0,
                    "token_secret": pbs::ROOT_TOKEN.1,
                }),
            ),
            (
                "docker",
                json!({
                    "hosts": {
                        "docker-1": engine(&self.docker_1),
                        "docker-2": engine(&self.docker_2),
                    },
                    "default_host": "docker-1",
                }),
            ),
            (
                "traefik",
                json!({ "url": self.traefik.url(), "directory": proxy_files }),
            ),
            (
                "tailscale",
                json!({ "url": self.tailscale.base_url(), "api_key": tailscale::ADMIN_KEY }),
            ),
            (
                "cloudflare",
                json!({
                    "url": self.cloudflare.base_url(),
                    "token": cloudflare::TOKEN,
                    "api_schema": self.cloudflare.description_url(),
                }),
            ),
            (
                "unifi",
                json!({
                    "url": self.unifi.url(),
                    "api_key": unifi::API_KEY,
                    "username": unifi::ACCOUNT.0,
                    "password": unifi::ACCOUNT.1,
                }),
            ),
            (
                "pihole",
                json!({
                    "url": self.pihole_1.url(),
                    "password": pihole::PASSWORD,
                    "replicas": [{ "name": "pihole-2", "url": self.pihole_2.url() }],
                }),
            ),
            (
                "netbox",
                json!({ "url": self.netbox.url(), "token": netbox::TOKEN }),
            ),
            (
                "portainer",
                json!({ "url": self.portainer.url(), "api_key": portainer::ADMIN_KEY }),
            ),
            ("whisper", json!({ "ollama": { "url": self.ollama.url() } })),
        ]
    }
}

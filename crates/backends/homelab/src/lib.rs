//! The homelab server: inventory, health checks, SCPI and audited credentials.

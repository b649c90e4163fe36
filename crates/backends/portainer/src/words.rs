//! Portainer's numbers in words.

use homelab_core::clock::Micros;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::types::{Endpoint, Stack};

/// What a stack is deployed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum StackType {
    /// Compose on one engine.
    Compose,
    /// Services of a swarm.
    Swarm,
    /// Manifests in a Kubernetes namespace.
    Kubernetes,
}

impl StackType {
    pub(crate) fn of(stack: &Stack) -> Option<Self> {
        match stack.kind {
            1 => Some(Self::Swarm),
            2 => Some(Self::Compose),
            3 => Some(Self::Kubernetes),
            _ => None,
        }
    }
}

/// The state of a stack.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum StackStatus {
    /// It is deployed.
    Active,
    /// It is stopped.
    Inactive,
    /// A deployment goes on.
    Deploying,
    /// Its last deployment failed.
    Error,
    /// This version of Portainer says something that we do not know.
    Unknown,
}

impl StackStatus {
    pub(crate) fn of(stack: &Stack) -> Self {
        match stack.status {
            1 => Self::Active,
            2 => Self::Inactive,
            3 => Self::Deploying,
            4 => Self::Error,
            _ => Self::Unknown,
        }
    }
}

/// What an environment is, and how it is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum EndpointType {
    Docker,
    DockerAgent,
    Azure,
    DockerEdge,
    Kubernetes,
    KubernetesAgent,
    KubernetesEdge,
    Unknown,
}

impl EndpointType {
    pub(crate) fn of(endpoint: &Endpoint) -> Self {
        match endpoint.kind {
            1 => Self::Docker,
            2 => Self::DockerAgent,
            3 => Self::Azure,
            4 => Self::DockerEdge,
            5 => Self::Kubernetes,
            6 => Self::KubernetesAgent,
            7 => Self::KubernetesEdge,
            _ => Self::Unknown,
        }
    }

    pub(crate) fn is_docker(self) -> bool {
        matches!(self, Self::Docker | Self::DockerAgent | Self::DockerEdge)
    }

    pub(crate) fn is_kubernetes(self) -> bool {
        matches!(
            self,
            Self::Kubernetes | Self::KubernetesAgent | Self::KubernetesEdge
        )
    }

    fn is_edge(self) -> bool {
        matches!(self, Self::DockerEdge | Self::KubernetesEdge)
    }
}

/// Whether an environment can be reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum EndpointStatus {
    Up,
    Down,
    Provisioning,
    Error,
    Unknown,
}

impl EndpointStatus {
    /// Of an edge environment the status says nothing: its heartbeat does.
    pub(crate) fn of(endpoint: &Endpoint) -> Self {
        match (EndpointType::of(endpoint).is_edge(), endpoint.heartbeat) {
            (true, Some(true)) => return Self::Up,
            (true, Some(false)) => return Self::Down,
            (true, None) => return Self::Unknown,
            (false, _) => {}
        }
        match endpoint.status {
            1 => Self::Up,
            2 => Self::Down,
            3 => Self::Provisioning,
            4 => Self::Error,
            _ => Self::Unknown,
        }
    }
}

/// A time in seconds, where 0 means none.
pub(crate) fn time(seconds: Option<i64>) -> Option<Micros> {
    let seconds = seconds.filter(|seconds| *seconds > 0)?;
    Some(Micros(0).plus_seconds(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_edge_environment_is_up_by_its_heartbeat() {
        let of = |kind, status, heartbeat| {
            EndpointStatus::of(&Endpoint {
                kind,
                status,
                heartbeat,
                ..Endpoint::default()
            })
        };

        assert_eq!(of(4, 1, Some(false)), EndpointStatus::Down);
        assert_eq!(of(7, 2, Some(true)), EndpointStatus::Up);
        assert_eq!(of(2, 2, Some(true)), EndpointStatus::Down);
        assert_eq!(of(1, 9, None), EndpointStatus::Unknown);
    }

    #[test]
    fn no_time_is_none() {
        assert_eq!(time(Some(0)), None);
        assert_eq!(time(Some(1)), Some(Micros(1_000_000)));
    }
}

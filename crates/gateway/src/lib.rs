//! Transports, authentication, aggregation, the call pipeline and metrics.

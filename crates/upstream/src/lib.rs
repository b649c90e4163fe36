//! The only outbound HTTP client: limits, time-outs, retries, TLS, redaction.

//! Who is calling: API keys over HTTP, the local user elsewhere.

//! What all backends share: the Backend trait, its environment and the adaptor to a server.

//! A client's side of a conversation over standard input: any bytes, after a proper handshake or
//! without one.
#![no_main]

use homelab_core::server::Endpoint;
use homelab_fuzz::{Fixture, principal, run};
use homelab_gateway::transport::stdio;
use libfuzzer_sys::fuzz_target;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

const HANDSHAKE: &[u8] = br#"{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-06-18","capabilities":{},"clientInfo":{"name":"fuzz","version":"0"}}}
{"jsonrpc":"2.0","method":"notifications/initialized"}
"#;

fuzz_target!(|input: &[u8]| {
    run(async {
        let fixture = Fixture::new();
        let (client, server) = tokio::io::duplex(64 * 1024);
        let (input_of_server, output_of_server) = tokio::io::split(server);
        let (mut answers, mut questions) = tokio::io::split(client);
        let serving = stdio::serve_on(
            fixture.handler.clone(),
            Endpoint::All,
            principal(),
            input_of_server,
            output_of_server,
        );
        let asking = async {
            // The server may hang up at any time.
            let sent = match input {
                [b'h', rest @ ..] => match questions.write_all(HANDSHAKE).await {
                    Ok(()) => questions.write_all(rest).await,
                    failed => failed,
                },
                all => questions.write_all(all).await,
            };
            drop(sent);
            drop(questions.shutdown().await);
        };
        let listening = async {
            let mut said = Vec::new();
            drop(answers.read_to_end(&mut said).await);
            said
        };
        let (served, (), said) = tokio::join!(serving, asking, listening);
        drop(served);
        for line in said.split(|byte| *byte == b'\n') {
            assert!(
                line.is_empty() || serde_json::from_slice::<serde_json::Value>(line).is_ok(),
                "{}",
                String::from_utf8_lossy(line)
            );
        }
    });
});

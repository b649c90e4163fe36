use std::sync::{Arc, Mutex};
use std::time::Duration;

use homelab_core::observe::{Observation, Observer, Outcome};
use homelab_upstream::{ClientConfig, Request};

use crate::support::{Reply, Server, client, settings};

#[derive(Default)]
struct Notes(Mutex<Vec<(String, &'static str, Outcome, u32)>>);

impl Observer for Notes {
    fn observe(&self, observation: &Observation<'_>) {
        self.0.lock().unwrap().push((
            observation.service.to_owned(),
            observation.operation,
            observation.outcome,
            observation.retries,
        ));
    }
}

fn observed(config: ClientConfig) -> (ClientConfig, Arc<Notes>) {
    let notes = Arc::new(Notes::default());
    let observer: Arc<dyn Observer> = Arc::<Notes>::clone(&notes);
    (ClientConfig { observer, ..config }, notes)
}

#[tokio::test]
async fn each_request_is_counted_once_however_it_ends() {
    let server = Server::http(|seen| match seen.target.as_str() {
        "/busy" => Reply::status(503),
        "/gone" => Reply::status(404),
        "/slow" => Reply::silence(),
        "/cut" => Reply::Raw(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n".to_vec()),
        _ => Reply::status(200),
    })
    .await;
    let (config, notes) = observed(settings(&server.url()));
    let client = client(&config);

    for path in ["/ok", "/busy", "/gone", "/cut", "/slow", "{}"] {
        let limit = Duration::from_millis(if path == "/slow" { 50 } else { 30_000 });
        let request = Request::get("read", path, &[]).timeout(limit);
        drop(client.send(request).await);
    }

    let notes = notes.0.lock().unwrap();
    let outcomes: Vec<_> = notes
        .iter()
        .map(|(_, _, outcome, retries)| (outcome.as_str(), *retries))
        .collect();
    assert_eq!(
        outcomes,
        [
            ("2xx", 0),
            ("5xx", 2),
            ("4xx", 0),
            ("unusable", 0),
            ("timeout", 0),
            ("invalid", 0)
        ]
    );
    assert!(
        notes
            .iter()
            .all(|(service, operation, ..)| service == "pve" && *operation == "read")
    );
}

#[tokio::test]
async fn a_caller_that_goes_away_is_counted_too() {
    let arrived = Arc::new(tokio::sync::Notify::new());
    let signal = Arc::clone(&arrived);
    let server = Server::http(move |_| {
        signal.notify_one();
        Reply::silence()
    })
    .await;
    let (config, notes) = observed(settings(&server.url()));
    let client = client(&config);

    tokio::select! {
        _ = client.send(Request::get("read", "/", &[])) => panic!("there is no answer"),
        () = arrived.notified() => {}
    }

    let notes = notes.0.lock().unwrap();
    assert_eq!(
        notes.as_slice(),
        [("pve".to_owned(), "read", Outcome::Cancelled, 0)]
    );
}

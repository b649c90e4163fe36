//! The real Traefik.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use homelab_testkit::Traefik;

fn get(port: u16, host: &str, path: &str) -> String {
    let mut socket = TcpStream::connect(("127.0.0.1", port)).unwrap();
    write!(socket, "GET {path} HTTP/1.0\r\nhost: {host}\r\n\r\n").unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn it_serves_what_lies_in_its_directory_and_again_after_a_restart() {
    let Some(traefik) = Traefik::start().unwrap() else {
        return;
    };
    let api = traefik.url();
    let file = "http:\n  routers:\n    app: {rule: 'Host(`app.test`)', service: 'api@internal', entryPoints: [web]}\n";
    fs::write(traefik.directory().join("app.tmp"), file).unwrap();
    fs::rename(
        traefik.directory().join("app.tmp"),
        traefik.directory().join("app.yml"),
    )
    .unwrap();

    let deadline = Instant::now() + Duration::from_secs(30);
    let serves = || get(traefik.web(), "app.test", "/api/version").contains(" 200 ");
    while !serves() {
        assert!(Instant::now() < deadline, "{}", traefik.log());
    }
    traefik.restart().unwrap();

    while !serves() {
        assert!(Instant::now() < deadline, "{}", traefik.log());
    }
    assert_eq!(traefik.url(), api);
    assert!(traefik.websecure() != traefik.web() && traefik.folder().is_dir());
}

//! A Traefik of the tests' own.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::error::Context as _;
use crate::process::{Proc, command, watch_folder};
use crate::{Error, Peer, Result, free_port};

/// For a start on a busy machine; usually one second.
const PATIENCE: Duration = Duration::from_mins(1);
/// Between two looks whether it answers.
const POLL: Duration = Duration::from_millis(20);
/// Another program may take a port between finding and using it.
const PORT_ATTEMPTS: u32 = 5;

/// A running Traefik on ports of 127.0.0.1: entry points `web`, `websecure` and `traefik` (its API, without a
/// password), a file provider that watches [`Traefik::directory`], and nothing else. It asks nobody for anything.
///
/// When the guard is dropped, or the test process dies, it is ended and its folder removed.
#[derive(Debug)]
pub struct Traefik {
    // Declared before the folder, which must not vanish under a running server.
    server: Mutex<Option<Proc>>,
    program: PathBuf,
    ports: [u16; 3],
    folder: TempDir,
}

impl Traefik {
    /// Starts one with an empty directory.
    ///
    /// Nothing where Traefik is not installed; the test is then skipped as [`crate::skip`] does it.
    pub fn start() -> Result<Option<Self>> {
        let Some(program) = Peer::Traefik.require() else {
            return Ok(None);
        };
        let folder = tempfile::Builder::new()
            .prefix("homelab-traefik-")
            .tempdir()
            .context(|| "cannot make a folder for Traefik".to_owned())?;
        watch_folder(folder.path());
        let mut traefik = Self {
            server: Mutex::default(),
            program,
            ports: [0; 3],
            folder,
        };
        fs::create_dir(traefik.directory())
            .context(|| "cannot make Traefik's directory".to_owned())?;
        for attempt in 1..=PORT_ATTEMPTS {
            for port in &mut traefik.ports {
                *port = free_port().context(|| "cannot find a free port".to_owned())?;
            }
            match traefik.restart() {
                Err(error)
                    if attempt < PORT_ATTEMPTS
                        && error.to_string().contains("address already in use") => {}
                result => return result.map(|()| Some(traefik)),
            }
        }
        Err(Error::new("Traefik found no ports"))
    }

    /// The directory of its file provider.
    pub fn directory(&self) -> PathBuf {
        self.folder.path().join("dynamic")
    }

    /// A folder of this Traefik alone, for certificates and the like.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The base URL of its API.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.ports[0])
    }

    /// The port of the entry point `web`.
    pub fn web(&self) -> u16 {
        self.ports[1]
    }

    /// The port of the entry point `websecure`.
    pub fn websecure(&self) -> u16 {
        self.ports[2]
    }

    /// Starts it again with the same directory, after killing it if it runs.
    pub fn restart(&self) -> Result<()> {
        if let Some(mut running) = self.server().take() {
            running.kill()?;
        }
        let [api, web, websecure] = self.ports;
        let settings = format!(
            "global: {{checkNewVersion: false, sendAnonymousUsage: false}}\n\
             entryPoints:\n  web: {{address: \"127.0.0.1:{web}\"}}\n  \
             websecure: {{address: \"127.0.0.1:{websecure}\"}}\n  \
             traefik: {{address: \"127.0.0.1:{api}\"}}\n\
             api: {{insecure: true}}\nlog: {{level: ERROR, noColor: true}}\n\
             providers:\n  providersThrottleDuration: 50ms\n  \
             file: {{directory: \"{}\", watch: true}}\n",
            self.directory().display()
        );
        let file = self.folder.path().join("traefik.yml");
        fs::write(&file, settings).context(|| "cannot write Traefik's settings".to_owned())?;
        let mut server = Proc::spawn(
            command(&self.program)
                .arg("--configFile")
                .arg(&file)
                .current_dir(self.folder.path()),
        )?;
        let deadline = Instant::now() + PATIENCE;
        while !answers(api) {
            let log = server.stdout() + &server.stderr();
            if !server.is_running()? || Instant::now() > deadline {
                return Err(Error::new(format!("Traefik does not start:\n{log}")));
            }
            thread::sleep(POLL);
        }
        *self.server() = Some(server);
        Ok(())
    }

    /// What it has logged since it was last started: errors alone.
    pub fn log(&self) -> String {
        let server = self.server();
        let log = server.as_ref().map(|one| one.stdout() + &one.stderr());
        log.unwrap_or_default()
    }

    fn server(&self) -> MutexGuard<'_, Option<Proc>> {
        self.server.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether the API answers: the port is open before its router is there.
fn answers(port: u16) -> bool {
    let ask = || -> std::io::Result<String> {
        let mut socket = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
        socket.set_read_timeout(Some(Duration::from_secs(5)))?;
        socket.write_all(b"GET /api/version HTTP/1.0\r\nhost: localhost\r\n\r\n")?;
        let mut answer = String::new();
        socket.read_to_string(&mut answer)?;
        Ok(answer)
    };
    ask().is_ok_and(|answer| answer.contains(" 200 "))
}

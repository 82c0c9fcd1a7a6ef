//! The component in `wasmtime serve`, on a free port, over an S3 server in the test's own process.

use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, SocketAddr};
use std::process::{Child, Stdio};
use std::sync::mpsc::channel;
use std::time::Duration;

use functions_suite::{Settings, s3};

use crate::built;

/// How long wasmtime may take to compile the component the first time, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(180);

/// A served component; everything stops when it is dropped.
pub(crate) struct Component {
    pub(crate) address: SocketAddr,
    wasmtime: Child,
    pub(crate) bucket: s3::Server,
    _files: tempfile::TempDir,
}

impl Drop for Component {
    fn drop(&mut self) {
        // An error means that it has already ended.
        let _ = self.wasmtime.kill();
        let _ = self.wasmtime.wait();
    }
}

impl Component {
    /// Starts one.
    pub(crate) async fn start(settings: &Settings) -> Self {
        Self::launch(settings, |_| {}).await
    }

    /// Starts one with other variables.
    pub(crate) async fn start_with(change: impl FnOnce(&mut Vec<(&'static str, String)>)) -> Self {
        Self::launch(&Settings::default(), change).await
    }

    /// Returns a URL of it.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    async fn launch(
        settings: &Settings,
        change: impl FnOnce(&mut Vec<(&'static str, String)>),
    ) -> Self {
        let bucket = s3::Server::start(s3::Abilities {
            matches_nothing: false,
            conditions: true,
            conditions_of_parts: true,
        })
        .await;
        let files = tempfile::tempdir().unwrap();
        std::fs::write(files.path().join("index.html"), "<!doctype html>").unwrap();
        std::fs::create_dir(files.path().join("assets")).unwrap();
        std::fs::write(files.path().join("assets/app.js"), "plain").unwrap();
        std::fs::write(files.path().join("assets/app.js.gz"), "zipped").unwrap();
        // The origin must be known before the port is open.
        let [port] = free_ports::free_ports().unwrap();
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let mut variables = settings.variables(&format!("http://{address}"));
        variables.extend([
            ("SUBSPACE_S3_ENDPOINT", format!("http://{}", bucket.address)),
            ("SUBSPACE_S3_BUCKET", s3::BUCKET.to_owned()),
            ("SUBSPACE_S3_REGION", s3::REGION.to_owned()),
            ("SUBSPACE_S3_ACCESS_KEY_ID", s3::KEY_ID.to_owned()),
            ("SUBSPACE_S3_SECRET_ACCESS_KEY", s3::SECRET.to_owned()),
        ]);
        change(&mut variables);
        let flags = [
            format!("--dir={}::/client", files.path().display()),
            // An instance that idles for a second would be dropped, which would make the number of instances random.
            "--idle-instance-timeout=600s".to_owned(),
        ];
        let mut wasmtime = built::serve(&flags, address, &variables);
        wasmtime.stdin(Stdio::null()).stderr(Stdio::piped());
        let wasmtime = wasmtime.spawn().unwrap();
        let mut component = Self {
            address,
            wasmtime,
            bucket,
            _files: files,
        };
        component.wait();
        component
    }

    /// Waits until wasmtime reports that it listens.
    fn wait(&mut self) {
        let output = self.wasmtime.stderr.take().unwrap();
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                // Reading continues, so that wasmtime never blocks on its output.
                let _nobody_listens = sender.send(line);
            }
        });
        let mut heard = Vec::new();
        loop {
            match lines.recv_timeout(PATIENCE) {
                Ok(line) if line.contains(built::SERVES) => return,
                Ok(line) => heard.push(line),
                Err(_) => panic!("wasmtime did not begin to serve: {heard:#?}"),
            }
        }
    }
}

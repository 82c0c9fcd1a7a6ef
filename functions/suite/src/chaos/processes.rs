//! Two processes over one bucket of the S3 server in the test's own process.

use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::sync::mpsc::channel;
use std::time::Duration;

use mutex::lock;
use reqwest::{Client, RequestBuilder};

use super::Instances;
use crate::{Settings, s3};

/// How long a process may take to start, on a busy machine.
const START: Duration = Duration::from_secs(180);
/// How often starting a process that ends before it is ready is retried: with a failing store, that is expected.
const STARTS: usize = 50;

/// Creates the command of an instance that listens on this address, with these variables.
type MakeCommand = Box<dyn Fn(SocketAddr, &[(&'static str, String)]) -> Command + Send + Sync>;

/// Two processes of a host, stopped when this is dropped, over a bucket that fails on demand.
pub struct Processes {
    /// The bucket.
    pub bucket: s3::Server,
    addresses: [SocketAddr; 2],
    children: [Mutex<Option<Child>>; 2],
    variables: Vec<(&'static str, String)>,
    name: &'static str,
    command: MakeCommand,
    ready: &'static str,
}

impl std::fmt::Debug for Processes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Processes({:?})", self.addresses)
    }
}

impl Drop for Processes {
    fn drop(&mut self) {
        for child in &self.children {
            end(child);
        }
    }
}

fn end(child: &Mutex<Option<Child>>) {
    let child = lock(child).take();
    if let Some(mut child) = child {
        // SIGKILL; an error means that it has already ended.
        let _ = child.kill();
        let _ = child.wait();
    }
}

impl Processes {
    /// Starts both; each prints a line that contains `ready`.
    pub async fn start(name: &'static str, ready: &'static str, command: MakeCommand) -> Self {
        let bucket = s3::Server::start(s3::Abilities {
            conditions: true,
            matches_nothing: false,
            conditions_of_parts: true,
        })
        .await;
        let ports = [(); 2].map(|()| std::net::TcpListener::bind("127.0.0.1:0").unwrap());
        let addresses = ports.map(|port| port.local_addr().unwrap());
        // Both serve one origin, as behind a proxy.
        let mut variables = Settings::default().variables(&format!("http://{}", addresses[0]));
        variables.extend([
            ("SUBSPACE_STORE", "s3".to_owned()),
            ("SUBSPACE_PASSWORD_COST", "light".to_owned()),
            ("SUBSPACE_S3_ENDPOINT", bucket.endpoint()),
            ("SUBSPACE_S3_BUCKET", s3::BUCKET.to_owned()),
            ("SUBSPACE_S3_REGION", s3::REGION.to_owned()),
            ("SUBSPACE_S3_ACCESS_KEY_ID", s3::KEY_ID.to_owned()),
            ("SUBSPACE_S3_SECRET_ACCESS_KEY", s3::SECRET.to_owned()),
        ]);
        let both = Self {
            bucket,
            addresses,
            children: Default::default(),
            variables,
            name,
            command,
            ready,
        };
        both.launch(0).await;
        both.launch(1).await;
        both
    }

    async fn launch(&self, which: usize) {
        let mut heard = String::new();
        for _ in 0..STARTS {
            let mut command = (self.command)(self.addresses[which], &self.variables);
            command
                .stdin(Stdio::null())
                .stdout(Stdio::piped())
                .stderr(Stdio::piped());
            for (name, _) in std::env::vars() {
                if name.starts_with("SUBSPACE_") && !self.variables.iter().any(|(n, _)| *n == name)
                {
                    command.env_remove(name);
                }
            }
            let mut child = command.spawn().unwrap();
            let outputs: [Box<dyn Read + Send>; 2] = [
                Box::new(child.stdout.take().unwrap()),
                Box::new(child.stderr.take().unwrap()),
            ];
            let ready = self.ready;
            let waiting = tokio::task::spawn_blocking(move || wait(outputs, ready));
            *self.children[which].lock().unwrap() = Some(child);
            match waiting.await.unwrap() {
                Ok(()) => return,
                Err(said) => heard = said,
            }
            end(&self.children[which]);
        }
        panic!("it does not start: {heard}");
    }
}

impl Instances for Processes {
    fn name(&self) -> &'static str {
        self.name
    }

    fn request(&self, client: &Client, which: usize, method: &str, path: &str) -> RequestBuilder {
        let url = format!("http://{}{path}", self.addresses[which]);
        client.request(method.parse().unwrap(), url)
    }

    async fn faults(&self, seed: Option<u64>) {
        self.bucket
            .set_faults(seed.map_or_else(s3::Faults::default, |seed| s3::Faults {
                seed,
                slow_down: 2,
                internal: 2,
                conflict: 3,
                cut_before: 2,
                lose_reply: 2,
                truncate: 1,
            }));
    }

    async fn crash(&self, which: usize) -> bool {
        end(&self.children[which]);
        self.launch(which).await;
        true
    }
}

/// Waits for a line, and keeps reading, so that the process never blocks on its output. Its other output is the error.
fn wait(outputs: [Box<dyn Read + Send>; 2], ready: &str) -> Result<(), String> {
    let (sender, lines) = channel();
    for output in outputs {
        let sender = sender.clone();
        std::thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                let _nobody_listens = sender.send(line);
            }
        });
    }
    drop(sender);
    let mut heard = String::new();
    while let Ok(line) = lines.recv_timeout(START) {
        if line.contains(ready) {
            return Ok(());
        }
        heard.push_str(&line);
        heard.push('\n');
    }
    Err(heard)
}

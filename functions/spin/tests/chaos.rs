//! Two processes of wasmtime with the component, over one bucket that fails: `cargo xtask chaos storage`.

mod built;

use std::process::Command;

use built::built;
use functions_suite::chaos::{self, Instances, Processes};
use reqwest::{Client, RequestBuilder};

struct Components(Processes);

impl Instances for Components {
    const NAME: &'static str = "Spin component";

    fn request(&self, client: &Client, which: usize, method: &str, path: &str) -> RequestBuilder {
        self.0.request(client, which, method, path)
    }

    async fn faults(&self, seed: Option<u64>) {
        self.0.faults(seed);
    }

    async fn crash(&self, which: usize) -> bool {
        self.0.crash(which).await;
        true
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_instances_ten_writers_and_faults() {
    let start = Processes::start(
        "Serving HTTP on",
        Box::new(|address, variables| {
            let built = built();
            let mut command = Command::new(&built.wasmtime);
            command
                .args(["serve", "-Wcomponent-model-async=y", "-Sp3=y,cli=y"])
                .arg(format!("--addr={address}"))
                // `--env NAME` hands on what is in wasmtime's own environment: secrets are on no command line.
                .args(variables.iter().map(|(name, _)| format!("--env={name}")))
                .envs(variables.iter().cloned())
                .arg(&built.component);
            command
        }),
    );
    chaos::run(Components(start.await)).await;
}

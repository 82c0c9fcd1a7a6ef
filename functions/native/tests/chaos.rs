//! Two processes of the native host over one bucket that fails: `cargo xtask chaos storage`.

use std::process::Command;

use functions_suite::chaos::{self, Instances, Processes};
use reqwest::{Client, RequestBuilder};

struct Native(Processes);

impl Instances for Native {
    const NAME: &'static str = "native host";

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
        "ready ",
        Box::new(|address, variables| {
            let mut command = Command::new(env!("CARGO_BIN_EXE_subspace-functions"));
            command.arg("--listen").arg(address.to_string());
            command.envs(variables.iter().cloned());
            command
        }),
    );
    chaos::run(Native(start.await)).await;
}

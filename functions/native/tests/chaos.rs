//! Two processes of the native host over one bucket that fails: `cargo xtask chaos storage`.

use std::process::Command;

use functions_suite::chaos::{self, Processes};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_instances_ten_writers_and_faults() {
    let start = Processes::start(
        "native host",
        "ready ",
        Box::new(|address, variables| {
            let mut command = Command::new(env!("CARGO_BIN_EXE_subspace-functions"));
            command.arg("--listen").arg(address.to_string());
            command.envs(variables.iter().cloned());
            command
        }),
    );
    chaos::run(start.await).await;
}

//! Two processes of wasmtime with the component, over one bucket that fails: `cargo xtask chaos storage`.

mod built;

use functions_suite::chaos::{self, Processes};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_instances_ten_writers_and_faults() {
    let start = Processes::start(
        "Spin component",
        built::SERVES,
        Box::new(|address, variables| built::serve(&[], address, variables)),
    );
    chaos::run(start.await).await;
}

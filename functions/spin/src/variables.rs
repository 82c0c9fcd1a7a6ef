//! Configuration: the process environment, then the variables of the Spin application.
//!
//! Spin's own variables are behind the feature `spin-variables`, since only Spin has that interface; without it the
//! component imports only WASI, and runs in wasmtime.

use std::collections::HashMap;

use functions_core::Options;
use options::Options as _;
use storage_s3::S3Options;

/// Reads the configuration; the result contains each variable that is set.
pub(crate) async fn read() -> HashMap<String, String> {
    let bucket = S3Options::NAMES.iter();
    let bucket = bucket.map(|name| format!("{}{name}", S3Options::SECTION));
    let own = Options::NAMES.iter().map(|name| (*name).to_owned());
    let mut found = HashMap::new();
    for key in own.chain(bucket) {
        let name = options::variable(&key);
        let value = match std::env::var(&name) {
            Ok(value) => Some(value),
            Err(_) => of_application(&name).await,
        };
        if let Some(value) = value {
            found.insert(name, value);
        }
    }
    found
}

/// Names of Spin's variables are in lower case.
#[cfg(feature = "spin-variables")]
async fn of_application(name: &str) -> Option<String> {
    spin_sdk::variables::get(name.to_lowercase()).await.ok()
}

#[cfg(not(feature = "spin-variables"))]
fn of_application(_: &str) -> std::future::Ready<Option<String>> {
    std::future::ready(None)
}

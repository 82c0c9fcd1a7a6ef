//! `subspace-functions`: the functions alone, over a folder of files or a bucket.

use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context;
use clap::Parser;
use functions_core::Functions;
use functions_core::variables::Variables;
use functions_native::{NativeHost, NativeStore, ProgramOptions, Store, maintain, serve_with};
use http_server::Limits;
use settings::{Given, Program as _};
use storage_adapter::Storage;
use storage_fs::FsStore;
use storage_s3::S3Settings;
use tokio::net::TcpListener;

/// Serves accounts, remoteStorage, WebFinger and OAuth over a folder of files or a bucket.
///
/// Secrets come from the environment or from files, never from the command line.
#[derive(Debug, Parser)]
#[command(name = ProgramOptions::NAME, version)]
struct Cli {
    #[command(flatten)]
    given: Given<ProgramOptions>,
}

#[tokio::main]
async fn main() -> ExitCode {
    program::end(ProgramOptions::NAME, run(Cli::parse().given).await)
}

async fn run(given: Given<ProgramOptions>) -> anyhow::Result<()> {
    let (options, sources) = given.begin()?;
    let served = serve(options).await;
    served.map_err(|error| anyhow::Error::msg(sources.explained(&error)))
}

async fn serve(options: ProgramOptions) -> anyhow::Result<()> {
    let listener = TcpListener::bind(options.listen)
        .await
        .with_context(|| format!("listen is {}; that address cannot be used", options.listen))?;
    let variables = variables(&options, listener.local_addr()?)?;
    let store = open(&options).await?;
    let mut keeping = storage_adapter::Options::default();
    keeping.keep_millis = variables.keep_millis();
    let host = Arc::new(NativeHost::new(variables.any_network));
    let storage = Storage::with_options(Arc::new(store), host, keeping);
    let functions = Arc::new(Functions::new(storage, variables.config));
    let stop = program::stop_signal()?;
    program::say(format_args!("ready {}", functions.config().origin));
    let sweeping = tokio::spawn(maintain(Arc::clone(&functions), std::future::pending()));
    let limits = Limits {
        behind_proxy: variables.behind_proxy,
        ..Limits::default()
    }
    .within(program::raise_descriptors()?);
    serve_with(listener, functions, limits, stop).await?;
    // A sweep may be interrupted anywhere.
    sweeping.abort();
    Ok(())
}

async fn open(options: &ProgramOptions) -> anyhow::Result<NativeStore> {
    match options.store {
        Store::Fs => {
            let opened = FsStore::open(&options.data);
            let refused = || {
                format!(
                    "data is {}; that folder cannot be used",
                    options.data.display()
                )
            };
            Ok(NativeStore::Folder(opened.with_context(refused)?))
        }
        Store::S3 => {
            let settings = S3Settings::new(options.s3.clone())?;
            Ok(NativeStore::bucket(&settings).await?)
        }
    }
}

/// Without an origin it is the listen address.
fn variables(options: &ProgramOptions, address: SocketAddr) -> anyhow::Result<Variables> {
    let mut functions = options.functions.clone();
    functions
        .origin
        .get_or_insert_with(|| format!("http://{address}"));
    Ok(Variables::new(functions)?)
}

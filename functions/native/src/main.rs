//! `subspace-functions`: the functions alone, over a folder of files or a bucket.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context;
use clap::Parser;
use functions_core::Functions;
use functions_core::variables::{DEFAULT_RETENTION_DAYS, Variables};
use functions_native::{NativeHost, NativeStore, bucket_settings, maintain, serve_with};
use http_server::Limits;
use storage_adapter::Storage;
use storage_fs::FsStore;
use tokio::net::TcpListener;

/// Serves accounts, remoteStorage, WebFinger and OAuth over a folder of files or a bucket.
///
/// Secrets come from the environment or from files, never from the command line:
/// SUBSPACE_MASTER_KEY (64 hexadecimal digits) or --master-key-file, and SUBSPACE_SETUP_TOKEN, which lets
/// somebody make the first account. SUBSPACE_NAME, _NETWORK, _CONNECTORS, _MAIL, _TURN_URLS, _TURN_SECRET (or
/// --turn-secret-file) and _PASSWORD_COST are those of the other hosts, see docs/operate/functions.md. A bucket is
/// configured by SUBSPACE_S3_BUCKET, _REGION, _ENDPOINT, _PREFIX, _ACCESS_KEY_ID, _SECRET_ACCESS_KEY, _SESSION_TOKEN, _PATH_STYLE and _SINGLE_WRITER; the secrets also by files, named by
/// SUBSPACE_S3_SECRET_ACCESS_KEY_FILE and SUBSPACE_S3_SESSION_TOKEN_FILE.
#[derive(Debug, Parser)]
#[command(version)]
struct Options {
    /// Where everything is kept: in files, or in a bucket of S3 or a compatible server.
    #[arg(long, env = "SUBSPACE_STORE", value_enum, default_value = "fs")]
    store: Store,
    /// Folder that everything is kept in, if it is kept in files; made if it is not there.
    #[arg(long, env = "SUBSPACE_DATA", default_value = "data")]
    data: PathBuf,
    /// Address to listen on.
    #[arg(long, env = "SUBSPACE_LISTEN", default_value = "127.0.0.1:6700")]
    listen: SocketAddr,
    /// Origin under which browsers reach this server; http:// and the address listened on if absent.
    #[arg(long, env = "SUBSPACE_ORIGIN")]
    origin: Option<String>,
    /// Origin of the storage, if it is another one.
    #[arg(long, env = "SUBSPACE_STORAGE_ORIGIN")]
    storage_origin: Option<String>,
    /// File with the master key, 64 hexadecimal digits.
    #[arg(long, env = "SUBSPACE_MASTER_KEY_FILE")]
    master_key_file: Option<PathBuf>,
    /// JSON file with the connectors: [{"id","kind","url","platforms","key"}], keys hexadecimal.
    #[arg(long, env = "SUBSPACE_CONNECTORS_FILE")]
    connectors_file: Option<PathBuf>,
    /// Where connectors are reached from here, if not where browsers reach them: JSON, {"id":"http://host:port"}.
    #[arg(long, env = "SUBSPACE_INTERNAL")]
    internal: Option<String>,
    /// File with the secret shared with the TURN servers in SUBSPACE_TURN_URLS.
    #[arg(long, env = "SUBSPACE_TURN_SECRET_FILE")]
    turn_secret_file: Option<PathBuf>,
    /// Quota of an account in bytes; 0 means unlimited.
    #[arg(long, env = "SUBSPACE_QUOTA", default_value_t = functions_core::DEFAULT_QUOTA)]
    quota: u64,
    /// The largest document in bytes.
    #[arg(
        long,
        env = "SUBSPACE_MAX_DOCUMENT_SIZE",
        default_value_t = functions_core::DEFAULT_MAX_DOCUMENT_SIZE
    )]
    max_document_size: u64,
    /// Days for which overwritten and deleted documents are kept.
    #[arg(long, env = "SUBSPACE_RETENTION_DAYS", default_value_t = DEFAULT_RETENTION_DAYS)]
    retention_days: u32,
    /// Where the addresses that users give (of storages and buckets of their own) may lead: any lets them into private networks.
    #[arg(long, env = "SUBSPACE_NETWORKS", default_value = "public")]
    networks: String,
    /// Take the addresses of clients from x-forwarded-for; only behind a reverse proxy that sets it.
    #[arg(long, env = "SUBSPACE_BEHIND_PROXY")]
    behind_proxy: bool,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Store {
    Fs,
    S3,
}

#[tokio::main]
async fn main() -> ExitCode {
    program::run("subspace-functions", run(&Options::parse())).await
}

async fn run(options: &Options) -> anyhow::Result<()> {
    let listener = TcpListener::bind(options.listen)
        .await
        .with_context(|| format!("--listen {} cannot be used", options.listen))?;
    let address = listener.local_addr()?;
    let variables = configure(options, address)?;
    let store = open(options).await?;
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
    // A sweep may stop anywhere.
    sweeping.abort();
    Ok(())
}

async fn open(options: &Options) -> anyhow::Result<NativeStore> {
    match options.store {
        Store::Fs => {
            let opened = FsStore::open(&options.data);
            let refused = || format!("--data {} cannot be used", options.data.display());
            Ok(NativeStore::Folder(opened.with_context(refused)?))
        }
        Store::S3 => {
            let settings = bucket_settings(|name| std::env::var(name).ok())?;
            Ok(NativeStore::bucket(&settings).await?)
        }
    }
}

/// The variables of every host, where flags and files come first.
fn configure(options: &Options, address: SocketAddr) -> anyhow::Result<Variables> {
    let file = |flag: &str, path: &Path| {
        std::fs::read_to_string(path)
            .with_context(|| format!("--{flag} {} cannot be read", path.display()))
    };
    let origin = match &options.origin {
        Some(origin) => origin.clone(),
        None => format!("http://{address}"),
    };
    let mut given = BTreeMap::from([
        ("SUBSPACE_ORIGIN", origin),
        ("SUBSPACE_QUOTA", options.quota.to_string()),
        (
            "SUBSPACE_MAX_DOCUMENT_SIZE",
            options.max_document_size.to_string(),
        ),
        (
            "SUBSPACE_RETENTION_DAYS",
            options.retention_days.to_string(),
        ),
        ("SUBSPACE_BEHIND_PROXY", options.behind_proxy.to_string()),
        ("SUBSPACE_NETWORKS", options.networks.clone()),
    ]);
    if let Some(internal) = &options.internal {
        given.insert("SUBSPACE_INTERNAL", internal.clone());
    }
    if let Some(origin) = &options.storage_origin {
        given.insert("SUBSPACE_STORAGE_ORIGIN", origin.clone());
    }
    for (name, flag, path) in [
        (
            "SUBSPACE_MASTER_KEY",
            "master-key-file",
            &options.master_key_file,
        ),
        (
            "SUBSPACE_CONNECTORS",
            "connectors-file",
            &options.connectors_file,
        ),
        (
            "SUBSPACE_TURN_SECRET",
            "turn-secret-file",
            &options.turn_secret_file,
        ),
    ] {
        if let Some(path) = path {
            given.insert(name, file(flag, path)?);
        }
    }
    let get = |name: &str| {
        let given = given.get(name).cloned();
        given.or_else(|| std::env::var(name).ok())
    };
    Ok(Variables::read(&get)?)
}

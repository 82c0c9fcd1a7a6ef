//! `subspace-functions`: the functions alone, over a folder of files or a bucket.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, bail};
use clap::Parser;
use functions_core::{Config, Connector, Functions, variables};
use functions_native::{Limits, NativeHost, NativeStore, bucket_settings, maintain, serve_with};
use storage_adapter::Storage;
use storage_fs::FsStore;
use tokio::net::TcpListener;

/// Milliseconds of a day.
const DAY: i64 = 24 * 60 * 60 * 1000;

/// Serves accounts, remoteStorage, WebFinger and OAuth over a folder of files or a bucket.
///
/// Secrets come from the environment or from files, never from the command line:
/// SUBSPACE_MASTER_KEY (64 hexadecimal digits) or --master-key-file, and SUBSPACE_SETUP_TOKEN, which lets
/// somebody make the first account. A bucket is configured by SUBSPACE_S3_BUCKET, _REGION, _ENDPOINT, _PREFIX,
/// _ACCESS_KEY_ID, _SECRET_ACCESS_KEY, _SESSION_TOKEN, _PATH_STYLE and _SINGLE_WRITER; the secrets also by files, named by
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
    /// JSON file with the connectors: [{"id","url","platforms","key"}], keys hexadecimal.
    #[arg(long, env = "SUBSPACE_CONNECTORS_FILE")]
    connectors_file: Option<PathBuf>,
    /// Where connectors are reached from here, if not where browsers reach them: JSON, {"id":"http://host:port"}.
    #[arg(long, env = "SUBSPACE_INTERNAL")]
    internal: Option<String>,
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
    #[arg(long, env = "SUBSPACE_RETENTION_DAYS", default_value_t = 30)]
    retention_days: u32,
    /// Where the addresses that users give (of storages and buckets of their own) may lead: any lets them into private networks.
    #[arg(long, env = "SUBSPACE_NETWORKS", value_enum, default_value = "public")]
    networks: Networks,
    /// Take the addresses of clients from x-forwarded-for; only behind a reverse proxy that sets it.
    #[arg(long, env = "SUBSPACE_BEHIND_PROXY")]
    behind_proxy: bool,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Store {
    Fs,
    S3,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq, clap::ValueEnum)]
enum Networks {
    Any,
    Public,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_env_filter(tracing_subscriber::EnvFilter::from_default_env())
        .init();
    let options = Options::parse();
    let listener = TcpListener::bind(options.listen)
        .await
        .with_context(|| format!("--listen {} cannot be used", options.listen))?;
    let address = listener.local_addr()?;
    let config = configure(&options, address)?;
    let store = open(&options).await?;
    let mut keeping = storage_adapter::Options::default();
    keeping.keep_millis = i64::from(options.retention_days) * DAY;
    let host = Arc::new(NativeHost::new(options.networks == Networks::Any));
    let storage = Storage::with_options(Arc::new(store), host, keeping);
    let functions = Arc::new(Functions::new(storage, config));
    announce(&functions.config().origin)?;
    let sweeping = tokio::spawn(maintain(Arc::clone(&functions), std::future::pending()));
    let limits = Limits {
        behind_proxy: options.behind_proxy,
        ..Limits::default()
    };
    serve_with(listener, functions, limits, stop()).await?;
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

fn configure(options: &Options, address: SocketAddr) -> anyhow::Result<Config> {
    let origin = match &options.origin {
        Some(origin) => origin.clone(),
        None => format!("http://{address}"),
    };
    let mut config = Config::new(&origin, master_key(options)?).context("--origin")?;
    if let Some(origin) = &options.storage_origin {
        config.storage_origin = Some(Config::parse_origin(origin).context("--storage-origin")?);
    }
    config.setup_token = std::env::var("SUBSPACE_SETUP_TOKEN")
        .ok()
        .filter(|token| !token.is_empty());
    config.default_quota = (options.quota > 0).then_some(options.quota);
    config.max_document_size = options.max_document_size;
    if let Some(path) = &options.connectors_file {
        config.connectors = connectors(path)?;
    }
    if let Some(text) = options.internal.as_deref().filter(|text| !text.is_empty()) {
        config.internal = variables::internal(text).context("--internal cannot be used")?;
    }
    Ok(config)
}

fn master_key(options: &Options) -> anyhow::Result<[u8; 32]> {
    let text = match (
        &options.master_key_file,
        std::env::var("SUBSPACE_MASTER_KEY"),
    ) {
        (Some(path), _) => std::fs::read_to_string(path)
            .with_context(|| format!("--master-key-file {} cannot be read", path.display()))?,
        (None, Ok(text)) => text,
        (None, Err(_)) => bail!(
            "there is no master key: set SUBSPACE_MASTER_KEY or --master-key-file to 64 hexadecimal digits \
             (openssl rand -hex 32 makes some)"
        ),
    };
    variables::master_key(&text).context("the master key cannot be used")
}

fn connectors(path: &Path) -> anyhow::Result<Vec<Connector>> {
    let refused = || format!("--connectors-file {} cannot be used", path.display());
    let text = std::fs::read_to_string(path).with_context(refused)?;
    variables::connectors(&text).with_context(refused)
}

/// Says that the server is ready, for whoever has started it.
fn announce(origin: &str) -> std::io::Result<()> {
    use std::io::Write as _;
    writeln!(std::io::stdout(), "ready {origin}")?;
    std::io::stdout().flush()
}

/// Comes true when the process is asked to stop.
async fn stop() {
    use tokio::signal::unix::{SignalKind, signal};
    match signal(SignalKind::terminate()) {
        Ok(mut terminate) => tokio::select! {
            _ = terminate.recv() => {}
            _ = tokio::signal::ctrl_c() => {}
        },
        Err(error) => {
            tracing::warn!(%error, "SIGTERM cannot be caught");
            let _ = tokio::signal::ctrl_c().await;
        }
    }
}

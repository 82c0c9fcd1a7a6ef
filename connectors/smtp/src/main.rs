//! `subspace-smtp-connector`: mail for channels.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use clap::Parser;
use smtp_connector::{OutgoingConfig, OutgoingKeys, Smtp, SmtpConfig, TlsFiles};
use tokio::net::TcpListener;

/// Takes mail for the addresses that people made for their channels.
///
/// The key shared with the functions is never given as an argument: it comes from the environment variable
/// SUBSPACE_CONNECTOR_KEY or from a file, as hexadecimal digits (openssl rand -hex 32 makes some).
#[derive(Debug, Parser)]
#[command(name = "subspace-smtp-connector", version)]
struct Options {
    /// Address that mail is taken on.
    #[arg(long, env = "SUBSPACE_SMTP", default_value = "127.0.0.1:2525")]
    listen: SocketAddr,
    /// Origin of the functions, https://chat.example.org.
    #[arg(long, env = "SUBSPACE_FUNCTIONS_URL")]
    functions: String,
    /// This connector's id, as the functions know it.
    #[arg(long, env = "SUBSPACE_CONNECTOR_ID", default_value = "smtp")]
    connector: String,
    /// File with this connector's key, hexadecimal digits.
    #[arg(long, env = "SUBSPACE_CONNECTOR_KEY_FILE")]
    key_file: Option<PathBuf>,
    /// Folder in which mail waits.
    #[arg(long, env = "SUBSPACE_SPOOL")]
    spool: PathBuf,
    /// Domain that channels have addresses in, as the functions know it.
    #[arg(long, env = "SUBSPACE_MAIL_DOMAIN")]
    mail_domain: String,
    /// Name by which the server greets; the mail domain if not given.
    #[arg(long, env = "SUBSPACE_MAIL_HOST")]
    mail_host: Option<String>,
    /// PEM file with the certificate for STARTTLS, its chain included.
    #[arg(long, env = "SUBSPACE_MAIL_CERTIFICATE", requires = "mail_key")]
    mail_certificate: Option<PathBuf>,
    /// PEM file with the certificate's private key.
    #[arg(long, env = "SUBSPACE_MAIL_KEY", requires = "mail_certificate")]
    mail_key: Option<PathBuf>,
    /// Do not check SPF, DKIM and DMARC; every mail is then shown as unverified.
    #[arg(long, env = "SUBSPACE_NO_MAIL_CHECKS")]
    no_checks: bool,
    /// DNS server, address and port; those of the system if not given.
    #[arg(long, env = "SUBSPACE_MAIL_DNS")]
    dns: Option<SocketAddr>,
    /// Where outgoing mail goes: off, direct (to the mail servers of the recipients), or host:port of a smarthost.
    #[arg(long, env = "SUBSPACE_MAIL_OUT", default_value = "off")]
    mail_out: String,
    /// How the connection to the smarthost is protected: starttls, implicit (TLS from the first byte; the default on
    /// port 465) or off.
    #[arg(long, env = "SUBSPACE_MAIL_OUT_TLS")]
    mail_out_tls: Option<String>,
    /// User at the smarthost; the password comes from SUBSPACE_MAIL_OUT_PASSWORD or a file.
    #[arg(long, env = "SUBSPACE_MAIL_OUT_USER")]
    mail_out_user: Option<String>,
    /// File with the password at the smarthost.
    #[arg(long, env = "SUBSPACE_MAIL_OUT_PASSWORD_FILE")]
    mail_out_password_file: Option<PathBuf>,
    /// PEM file with a certificate that is trusted for the smarthost, besides those of the system.
    #[arg(long, env = "SUBSPACE_MAIL_OUT_CA")]
    mail_out_ca: Option<PathBuf>,
    /// Port of other mail servers for `direct`; 25 if not given.
    #[arg(long, env = "SUBSPACE_MAIL_OUT_PORT")]
    mail_out_port: Option<u16>,
    /// Let `direct` reach mail servers that are not on the public internet.
    #[arg(long, env = "SUBSPACE_MAIL_OUT_PRIVATE")]
    mail_out_private: bool,
    /// Address that outgoing mail is from; subspace@ the mail domain if not given.
    #[arg(long, env = "SUBSPACE_MAIL_FROM")]
    mail_from: Option<String>,
    /// PEM file with the private key that signs outgoing mail with DKIM; the DNS record for it is logged at the start.
    #[arg(long, env = "SUBSPACE_MAIL_DKIM_KEY")]
    mail_dkim_key: Option<PathBuf>,
    /// Name of that key in the domain of mail-from; subspace if not given.
    #[arg(long, env = "SUBSPACE_MAIL_DKIM_SELECTOR")]
    mail_dkim_selector: Option<String>,
    /// Seconds before a mail is tried for the second time; further pauses double, up to an hour.
    #[arg(long, env = "SUBSPACE_MAIL_RETRY", default_value_t = 60)]
    mail_retry: u64,
    /// Seconds between two looks for mail to send.
    #[arg(long, env = "SUBSPACE_MAIL_POLL", default_value_t = 10)]
    mail_poll: u64,
    /// Address on which /metrics is served, without a password; not served if not given.
    #[arg(long, env = "SUBSPACE_METRICS")]
    metrics: Option<SocketAddr>,
}

#[tokio::main]
async fn main() -> ExitCode {
    program::run("subspace-smtp-connector", run(Options::parse())).await
}

async fn run(options: Options) -> anyhow::Result<()> {
    let key = connector_kit::connector_key(options.key_file.as_deref())?;
    let mut config = SmtpConfig::new(
        &options.connector,
        &key,
        &options.functions,
        &options.mail_domain,
        options.spool,
    );
    if let Some(host) = options.mail_host {
        config.hostname = host;
    }
    config.tls = options
        .mail_certificate
        .zip(options.mail_key)
        .map(|(certificate, key)| TlsFiles { certificate, key });
    config.checks = !options.no_checks;
    config.dns = options.dns;
    let password = match &options.mail_out_password_file {
        Some(file) => Some(read(file, "mail-out-password-file")?),
        None => std::env::var("SUBSPACE_MAIL_OUT_PASSWORD").ok(),
    };
    config.outgoing = OutgoingConfig::parse(&OutgoingKeys {
        out: Some(&options.mail_out),
        tls: options.mail_out_tls.as_deref(),
        user: options.mail_out_user.as_deref(),
        password: password.as_deref(),
        authority: options.mail_out_ca.as_deref(),
        port: options.mail_out_port,
        private: options.mail_out_private,
        from: options.mail_from.as_deref(),
        dkim_key: options.mail_dkim_key.as_deref(),
        dkim_selector: options.mail_dkim_selector.as_deref(),
        domain: &config.mail_domain,
    })
    .map_err(anyhow::Error::msg)?;
    config.register = true;
    config.limits.first_retry = Duration::from_secs(options.mail_retry.max(1));
    config.limits.outbox = Duration::from_secs(options.mail_poll.max(1));
    let [share] = program::share_out(program::raise_descriptors()?, [config.limits.share()]);
    config.limits = config.limits.with_share(share);
    let metrics = match options.metrics {
        Some(address) => Some(
            TcpListener::bind(address)
                .await
                .with_context(|| format!("metrics is {address}; that address cannot be used"))?,
        ),
        None => None,
    };
    let listener = TcpListener::bind(options.listen)
        .await
        .with_context(|| format!("listen is {}; that address cannot be used", options.listen))?;
    let stop = program::stop_signal()?;
    let address = listener.local_addr()?;
    let smtp = Smtp::start(config, listener)?;
    program::say(format_args!("ready smtp://{address}"));
    let metrics = async {
        match metrics {
            Some(listener) => smtp.serve_metrics(listener).await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        () = stop => {}
        () = metrics => {}
    }
    smtp.shutdown().await;
    Ok(())
}

fn read(path: &Path, what: &str) -> anyhow::Result<String> {
    let text = std::fs::read_to_string(path)
        .with_context(|| format!("{what} is {}; that file cannot be read", path.display()))?;
    Ok(text.trim_end().to_owned())
}

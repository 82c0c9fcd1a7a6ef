//! ZNC, with accounts that are on the same network.

use std::net::SocketAddr;
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::Result;
use tempfile::TempDir;

use super::network::{Network, channels};
use super::space::PASSWORD;
use crate::process::{Memory, Server, free_address};

/// ZNC connects one account a second, whatever is configured (`CConnectQueueTimer`).
const EACH: Duration = Duration::from_secs(2);

/// The user without rights.
const NOBODY: u32 = 65534;

/// A running ZNC. It is stopped before its folder goes.
#[derive(Debug)]
pub(super) struct Znc {
    pub(super) server: Server,
    pub(super) address: SocketAddr,
    /// Before any account was connected.
    pub(super) before: Memory,
    _folder: TempDir,
}

impl Znc {
    /// Starts one with accounts, and waits until all are in their channels.
    ///
    /// # Errors
    ///
    /// If it does not start, or they do not get there.
    pub(super) async fn start(
        program: &Path,
        network: &Network,
        accounts: usize,
        members: usize,
        joins: usize,
    ) -> Result<Self> {
        let (folder, address) = (tempfile::tempdir()?, free_address()?);
        std::fs::create_dir_all(folder.path().join("configs"))?;
        let (port, there) = (address.port(), network.address.port());
        let mut config = format!(
            "Version = 1.8.2\nConnectDelay = 0\nServerThrottle = 0\nAnonIPLimit = 10000\nProtectWebSessions = false\n\
             <Listener l>\n Port = {port}\n IPv4 = true\n IPv6 = false\n SSL = false\n Host = 127.0.0.1\n</Listener>\n"
        );
        for number in 0..accounts {
            let admin = number == 0;
            config.push_str(&format!(
                "<User u{number}>\n Admin = {admin}\n Nick = u{number}\n AltNick = u{number}_\n Ident = u{number}\n \
                 RealName = u{number}\n <Network bench>\n  FloodProtection = false\n  Server = 127.0.0.1 {there}\n"
            ));
            for channel in channels(number, members) {
                config.push_str(&format!("  <Chan {channel}>\n  </Chan>\n"));
            }
            config.push_str(&format!(
                " </Network>\n <Pass password>\n  Method = plain\n  Hash = {PASSWORD}\n </Pass>\n</User>\n"
            ));
        }
        let file = folder.path().join("configs/znc.conf");
        std::fs::write(&file, config)?;
        let mut command = Command::new(program);
        command
            .args(["--foreground", "--allow-root", "--datadir"])
            .arg(folder.path())
            .stderr(Stdio::null());
        if rustix::process::geteuid().is_root() {
            // As root it would wait for half a minute.
            for path in [folder.path(), &folder.path().join("configs"), &file] {
                chown(path, Some(NOBODY), Some(NOBODY))?;
            }
            command.uid(NOBODY).gid(NOBODY);
        }
        let server = Server::start_until_listening(&mut command, address)?;
        let before = server.memory()?;
        let limit = EACH * u32::try_from(accounts)? + Duration::from_secs(30);
        network.joined(joins, limit).await?;
        Ok(Self {
            server,
            address,
            before,
            _folder: folder,
        })
    }
}

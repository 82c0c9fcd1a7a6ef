//! The IRC servers: ours, ngIRCd and InspIRCd, each with limits that admit the crowd.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::Result;
use tempfile::TempDir;

use super::space;
use crate::process::{Server, free_address};

/// One of them.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Kind {
    Subspace,
    Ngircd,
    Inspircd,
}

/// All of them, ours first.
pub(super) const ALL: [Kind; 3] = [Kind::Subspace, Kind::Ngircd, Kind::Inspircd];

/// A running server. It is stopped before its folder goes.
#[derive(Debug)]
pub(super) struct Running {
    pub(super) server: Server,
    pub(super) address: SocketAddr,
    folder: TempDir,
    program: PathBuf,
    channels: usize,
}

impl Kind {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Subspace => "subspace-ircd",
            Self::Ngircd => "ngircd",
            Self::Inspircd => "inspircd",
        }
    }

    /// Starts it; ours with channels that exist from the start.
    ///
    /// # Errors
    ///
    /// If it does not start.
    pub(super) fn start(self, program: &Path, channels: usize) -> Result<Running> {
        let (folder, address) = (tempfile::tempdir()?, free_address()?);
        let mut command = self.command(program, folder.path(), address, channels)?;
        command.stderr(Stdio::null());
        Ok(Running {
            server: Server::start_until_listening(&mut command, address)?,
            address,
            folder,
            program: program.to_owned(),
            channels,
        })
    }

    fn command(
        self,
        program: &Path,
        folder: &Path,
        address: SocketAddr,
        channels: usize,
    ) -> Result<Command> {
        let port = address.port();
        let path = folder.display();
        match self {
            Self::Subspace => {
                let names: Vec<_> = (0..channels).map(|number| format!("#c{number}")).collect();
                let mut command = space::command(program);
                command
                    .args(["--listen", &address.to_string(), "--guests", "loopback"])
                    .args(["--limits-clients", "20000", "--limits-channels", "20000"])
                    .args(["--channels", &names.join(",")])
                    .arg("--data")
                    .arg(folder.join("ircd"));
                Ok(command)
            }
            Self::Ngircd => {
                let file = folder.join("ngircd.conf");
                let config = format!(
                    "[Global]\nName = ng.example.test\nInfo = test\nListen = 127.0.0.1\nPorts = {port}\n\
                     AdminEMail = a@example.test\nServerUID = root\nServerGID = root\n\
                     [Limits]\nMaxConnections = 0\nMaxConnectionsIP = 0\nMaxJoins = 0\n\
                     [Options]\nDNS = no\nIdent = no\nPAM = no\n"
                );
                std::fs::write(&file, config)?;
                let mut command = Command::new(program);
                command.arg("-n").arg("-f").arg(file);
                Ok(command)
            }
            Self::Inspircd => {
                for part in ["data", "log"] {
                    std::fs::create_dir_all(folder.join(part))?;
                }
                let file = folder.join("inspircd.conf");
                let config = format!(
                    r#"<server name="irc.example.test" description="test" network="Test" id="00A">
<admin name="x" nick="x" email="x@example.test">
<path configdir="{path}" datadir="{path}/data" logdir="{path}/log" runtimedir="{path}">
<bind address="127.0.0.1" port="{port}" type="clients">
<performance softlimit="20000" somaxconn="1024">
<connect allow="*" timeout="60" hardsendq="8388608" softsendq="8192" recvq="8192" threshold="1000"
  commandrate="1000000" fakelag="no" localmax="20000" globalmax="20000" limit="20000" maxchans="100"
  resolvehostnames="no" useident="no">
"#
                );
                std::fs::write(&file, config)?;
                let mut command = Command::new(program);
                command
                    .args(["--nofork", "--runasroot"])
                    .arg(format!("--config={}", file.display()));
                Ok(command)
            }
        }
    }
}

impl Running {
    /// Stops it and starts it again over what it kept.
    ///
    /// # Errors
    ///
    /// If it does not start.
    pub(super) fn restart(self, kind: Kind) -> Result<Self> {
        let Self {
            server,
            address,
            folder,
            program,
            channels,
        } = self;
        drop(server);
        let mut command = kind.command(&program, folder.path(), address, channels)?;
        command.stderr(Stdio::null());
        Ok(Self {
            server: Server::start_until_listening(&mut command, address)?,
            address,
            folder,
            program,
            channels,
        })
    }
}

//! Servers as processes that end with the test.

#![allow(clippy::unwrap_used, reason = "a test may fail by panic")]

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio::process::{Child, Command};

/// Maximum wait for anything.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) fn free_port() -> u16 {
    let [port] = free_ports::free_ports().unwrap();
    port
}

pub(crate) struct Server {
    pub(crate) port: u16,
    pub(crate) tls_port: u16,
    dir: TempDir,
    program: &'static str,
    arguments: Vec<String>,
    child: Option<Child>,
    /// Port on which services link.
    links: u16,
    services: Option<Child>,
    /// Whether accounts have to be confirmed with a code that comes by mail.
    mail: bool,
}

const MODULES: &str = "cap ircv3 ircv3_accounttag ircv3_batch ircv3_capnotify ircv3_chghost \
    ircv3_ctctags ircv3_echomessage ircv3_invitenotify ircv3_labeledresponse ircv3_msgid \
    ircv3_servertime monitor namesx setname chanhistory spanningtree services_account sasl deaf \
    hidechans servprotect svshold";

impl Server {
    /// InspIRCd 3 with its IRCv3 modules; `tls` with a self-made certificate.
    pub(crate) async fn inspircd(tls: bool) -> Self {
        let dir = TempDir::new().unwrap();
        let (port, tls_port, services) = (free_port(), free_port(), free_port());
        let path = dir.path().display().to_string();
        for folder in ["data", "log"] {
            std::fs::create_dir(dir.path().join(folder)).unwrap();
        }
        let mut config = format!(
            r#"<server name="irc.example.test" description="test" network="Test" id="00A">
<admin name="x" nick="x" email="x@example.test">
<path configdir="{path}" datadir="{path}/data" logdir="{path}/log" runtimedir="{path}">
<bind address="127.0.0.1" port="{port}" type="clients">
<bind address="127.0.0.1" port="{services}" type="servers">
<connect allow="*" timeout="15" hardsendq="1048576" softsendq="8192" recvq="8192" threshold="1000"
  commandrate="1000000" fakelag="no" localmax="1000" globalmax="1000" maxchans="100"
  resolvehostnames="no" useident="no">
<link name="services.example.test" ipaddr="127.0.0.1" port="{services}" allowmask="127.0.0.1"
  timeout="30" sendpass="link" recvpass="link">
<uline server="services.example.test" silent="yes">
<sasl target="services.example.test" requiressl="no">
"#
        );
        for module in MODULES.split_whitespace() {
            config.push_str(&format!("<module name=\"{module}\">\n"));
        }
        if tls {
            let key = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
            std::fs::write(dir.path().join("cert.pem"), key.cert.pem()).unwrap();
            std::fs::write(dir.path().join("key.pem"), key.signing_key.serialize_pem()).unwrap();
            config.push_str(&format!(
                "<module name=\"sslinfo\">\n<module name=\"ssl_gnutls\">\n<sslprofile name=\"own\" provider=\"gnutls\" \
                 hash=\"sha256\" requestclientcert=\"yes\" certfile=\"{path}/cert.pem\" keyfile=\"{path}/key.pem\">\n\
                 <bind address=\"127.0.0.1\" port=\"{tls_port}\" type=\"clients\" sslprofile=\"own\">\n"
            ));
        }
        let file = dir.path().join("inspircd.conf");
        std::fs::write(&file, config).unwrap();
        let mut server = Self {
            port,
            tls_port,
            program: "inspircd",
            arguments: vec![
                "--nofork".to_owned(),
                "--runasroot".to_owned(),
                format!("--config={}", file.display()),
            ],
            dir,
            child: None,
            links: services,
            services: None,
            mail: false,
        };
        server.start().await;
        server.start_services();
        server
    }

    /// InspIRCd with services that send a code by mail.
    pub(crate) async fn inspircd_with_mail() -> Self {
        let mut server = Self::inspircd(false).await;
        server.stop_services().await;
        server.mail = true;
        let sent = server.dir.path().join("sent");
        let program = format!("#!/bin/sh\ncat >> {}\n", sent.display());
        let file = server.dir.path().join("sendmail");
        std::fs::write(&file, program).unwrap();
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(&file, mode).unwrap();
        server.start_services();
        server
    }

    /// ngIRCd, which knows next to nothing of IRCv3.
    pub(crate) async fn ngircd() -> Self {
        let dir = TempDir::new().unwrap();
        let port = free_port();
        let file = dir.path().join("ngircd.conf");
        let config = format!(
            "[Global]\nName = ng.example.test\nInfo = test\nListen = 127.0.0.1\nPorts = {port}\n\
             AdminEMail = a@example.test\nServerUID = root\nServerGID = root\n\
             [Limits]\nMaxConnectionsIP = 0\nMaxJoins = 0\n\
             [Options]\nDNS = no\nIdent = no\nPAM = no\n"
        );
        std::fs::write(&file, config).unwrap();
        let mut server = Self {
            port,
            tls_port: 0,
            program: "ngircd",
            arguments: vec!["-n".to_owned(), "-f".to_owned(), file.display().to_string()],
            dir,
            child: None,
            links: 0,
            services: None,
            mail: false,
        };
        server.start().await;
        server
    }

    pub(crate) async fn start(&mut self) {
        let log = std::fs::File::create(self.dir.path().join("out.log")).unwrap();
        let path = "/usr/sbin:/usr/bin:/sbin:/bin";
        let child = Command::new(self.program)
            .args(&self.arguments)
            .env("PATH", path)
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .kill_on_drop(true)
            .spawn()
            .unwrap_or_else(|error| panic!("{} is needed for this test: {error}", self.program));
        self.child = Some(child);
        let reached = tokio::time::timeout(PATIENCE, async {
            while TcpStream::connect(("127.0.0.1", self.port)).await.is_err() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        });
        assert!(reached.await.is_ok(), "{}", self.log("out.log"));
    }

    pub(crate) async fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().await.unwrap();
        }
    }

    /// Stops the services as an operator would, so that they save registrations.
    pub(crate) async fn stop_services(&mut self) {
        let mut services = self.services.take().unwrap();
        let id = services.id().unwrap().to_string();
        let asked = Command::new("kill").args(["-TERM", &id]).status().await;
        assert!(asked.unwrap().success());
        tokio::time::timeout(PATIENCE, services.wait())
            .await
            .unwrap()
            .unwrap();
    }

    pub(crate) fn start_services(&mut self) {
        let (dir, port) = (self.dir.path(), self.links);
        let modules = [
            "protocol/inspircd",
            "backend/opensex",
            "crypto/pbkdf2v2",
            "nickserv/main",
            "nickserv/register",
            "nickserv/verify",
            "nickserv/identify",
            "nickserv/cert",
            "nickserv/ghost",
            "nickserv/set_core",
            "nickserv/set_password",
            "nickserv/enforce",
            "chanserv/main",
            "chanserv/register",
            "chanserv/set_core",
            "chanserv/set_mlock",
            "saslserv/main",
            "saslserv/external",
            "saslserv/plain",
        ];
        let mut config: String = modules
            .iter()
            .map(|module| format!("loadmodule \"modules/{module}\";\n"))
            .collect();
        let auth = if self.mail {
            format!("email; mta = \"{}\"", dir.join("sendmail").display())
        } else {
            "none".to_owned()
        };
        config.push_str(&format!(
            r#"serverinfo {{ name = "services.example.test"; desc = "services"; numeric = "00S"; recontime = 1;
  netname = "Test"; adminname = "x"; adminemail = "x@example.test"; registeremail = "noreply@example.test";
  auth = {auth}; }};
uplink "irc.example.test" {{ host = "127.0.0.1"; port = {port}; send_password = "link"; receive_password = "link"; }};
nickserv {{ nick = "NickServ"; user = "NickServ"; host = "services.example.test"; real = "x"; enforce_delay = 1; }};
chanserv {{ nick = "ChanServ"; user = "ChanServ"; host = "services.example.test"; real = "x"; }};
saslserv {{ nick = "SaslServ"; user = "SaslServ"; host = "services.example.test"; real = "x"; }};
"#
        ));
        let file = dir.join("atheme.conf");
        std::fs::write(&file, config).unwrap();
        let argument = |path: &Path| path.display().to_string();
        let child = Command::new("atheme-services")
            .args(["-n", "-c", &argument(&file)])
            .args(["-l", &argument(&dir.join("atheme.log"))])
            .args(["-p", &argument(&dir.join("atheme.pid"))])
            .args(["-D", &argument(&dir.join("data"))])
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .unwrap_or_else(|error| panic!("atheme-services is needed for this test: {error}"));
        self.services = Some(child);
    }

    pub(crate) fn log(&self, name: &str) -> String {
        std::fs::read_to_string(self.dir.path().join(name)).unwrap_or_default()
    }
}

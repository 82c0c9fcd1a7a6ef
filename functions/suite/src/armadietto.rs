//! An external remoteStorage server: armadietto, from npm, with the user `alice`.
//!
//! It writes in place and reads without a lock: `FileTree.put` truncates and then fills first the document, then
//! `.~meta` of every folder above. A read in the middle of that, even of another document in the same folder, may find
//! no such document (404), an empty folder, or half a document under its old `ETag`. Its conditional writes exclude
//! each other through the file `.lock`, so those are correct.

use std::fs;
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

/// The time limit of one step.
const LIMIT: Duration = Duration::from_secs(60);
/// alice's password there.
pub const PASSWORD: &str = "another good password";

/// A server that can be stopped and restarted at the same address; it ends when it is dropped.
#[derive(Debug)]
pub struct Armadietto {
    /// `127.0.0.1:…`
    pub address: String,
    folder: PathBuf,
    child: Option<Child>,
}

/// Keeps the server's writers out as long as it exists.
struct Lock(PathBuf);

impl Drop for Lock {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

impl Drop for Armadietto {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Armadietto {
    /// Starts one over a folder, and signs alice up.
    #[must_use]
    pub fn start(folder: &Path) -> Self {
        let mut server = Self {
            address: free_address(),
            folder: folder.to_owned(),
            child: None,
        };
        let (storage, logs) = (folder.join("storage"), folder.join("logs"));
        fs::create_dir_all(&storage).unwrap();
        fs::create_dir_all(&logs).unwrap();
        let port = server.address.rsplit(':').next().unwrap();
        let config = format!(
            r#"{{"allow_signup":true,"storage_path":{storage:?},"cache_views":true,"basePath":"",
"http":{{"host":"127.0.0.1","port":{port}}},
"logging":{{"log_dir":{logs:?},"stdout":[],"log_files":["error"]}}}}"#
        );
        fs::write(folder.join("config.json"), config).unwrap();
        server.start_again();
        let form = format!(
            "username=alice&email=alice%40example.test&password={}",
            encode(PASSWORD)
        );
        let (status, _, body) = server.form("/signup", &form);
        assert_eq!(status, 201, "{body}");
        server
    }

    /// Restarts it at the same address.
    pub fn start_again(&mut self) {
        let Some(package) = package() else {
            panic!(
                "armadietto is not installed; run npm ci in functions/suite/armadietto, or cargo xtask test"
            );
        };
        let child = Command::new("node")
            .arg(package)
            .arg("-c")
            .arg(self.folder.join("config.json"))
            .current_dir(&self.folder)
            .env("NODE_ENV", "production")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        self.child = Some(child);
        let begun = Instant::now();
        while TcpStream::connect(&self.address).is_err() {
            let ended = self.child.as_mut().and_then(|c| c.try_wait().unwrap());
            assert!(ended.is_none(), "armadietto ended: {ended:?}");
            assert!(begun.elapsed() < LIMIT, "armadietto does not listen");
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// Kills it, between two writes: an interrupted one leaves a truncated file, which no client can repair.
    pub fn stop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let lock = self.lock();
            let _ = child.kill();
            let _ = child.wait();
            drop(lock);
        }
    }

    /// Takes the lock that its writers take; `None` if there is no folder yet, or a writer does not finish.
    fn lock(&self) -> Option<Lock> {
        let path = self.folder.join("storage/al/alice/.lock");
        let begun = Instant::now();
        while begun.elapsed() < LIMIT {
            match fs::File::create_new(&path) {
                Ok(_) => return Some(Lock(path)),
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                    thread::sleep(Duration::from_millis(2));
                }
                Err(_) => break,
            }
        }
        None
    }

    /// alice's address there.
    #[must_use]
    pub fn user(&self) -> String {
        format!("alice@{}", self.address)
    }

    /// alice's storage.
    #[must_use]
    pub fn root(&self) -> String {
        format!("http://{}/storage/alice", self.address)
    }

    /// Authorises an app like alice in a browser: posts the form, and extracts the token from the redirect.
    #[must_use]
    pub fn authorise(&self, scope: &str) -> String {
        let form = format!(
            "username=alice&password={}&allow=Allow&response_type=token&scope={}&client_id={app}\
             &redirect_uri={app}",
            encode(PASSWORD),
            encode(scope),
            app = encode("http://app.test/")
        );
        let (status, head, body) = self.form("/oauth", &form);
        assert_eq!(status, 302, "{body}");
        let location = head
            .lines()
            .find_map(|line| line.strip_prefix("Location: "))
            .unwrap();
        let token = location
            .split(['#', '&'])
            .find_map(|pair| pair.strip_prefix("access_token="))
            .unwrap();
        decode(token)
    }

    /// Removes a token, like an operator.
    pub fn revoke(&self, token: &str) {
        let file = self.folder.join("storage/al/alice/auth.json");
        let mut auth: Value = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
        let sessions = auth["sessions"].as_object_mut().unwrap();
        assert!(sessions.remove(token).is_some(), "there is no such token");
        fs::write(file, auth.to_string()).unwrap();
    }

    /// Reads a document as JSON, or a folder's listing; `None` if it is missing, perhaps only for this moment: see
    /// above.
    #[must_use]
    pub fn read(&self, token: &str, path: &str) -> Option<Value> {
        let head =
            format!("GET /storage/alice/{path} HTTP/1.1\r\nauthorization: Bearer {token}\r\n");
        let (status, _, body) = self.request(&head, "");
        match status {
            200 => serde_json::from_str(&body).ok(),
            404 => None,
            other => panic!("{path}: {other} {body}"),
        }
    }

    /// Writes a document, unconditionally.
    pub fn write(&self, token: &str, path: &str, body: &str) {
        let head = format!(
            "PUT /storage/alice/{path} HTTP/1.1\r\nauthorization: Bearer {token}\r\n\
             content-type: application/json\r\n"
        );
        let (status, _, answer) = self.request(&head, body);
        assert!(matches!(status, 200 | 201), "{path}: {status} {answer}");
    }

    fn form(&self, path: &str, form: &str) -> (u16, String, String) {
        let head =
            format!("POST {path} HTTP/1.1\r\ncontent-type: application/x-www-form-urlencoded\r\n");
        self.request(&head, form)
    }

    fn request(&self, head: &str, body: &str) -> (u16, String, String) {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(LIMIT)).unwrap();
        write!(
            stream,
            "{head}host: {}\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
            self.address,
            body.len()
        )
        .unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        let answer = String::from_utf8(answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        let body = if head.contains("ransfer-Encoding: chunked") {
            unchunked(body)
        } else {
            body.to_owned()
        };
        (status, head.to_owned(), body)
    }
}

/// The program, wherever in the project this is compiled: tests of other packages include this file.
fn package() -> Option<PathBuf> {
    let program = "functions/suite/armadietto/node_modules/armadietto/bin/armadietto.js";
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .ancestors()
        .map(|folder| folder.join(program))
        .find(|path| path.exists())
}

fn unchunked(mut body: &str) -> String {
    let mut out = String::new();
    while let Some((size, rest)) = body.split_once("\r\n") {
        let size = usize::from_str_radix(size.trim(), 16).unwrap();
        if size == 0 {
            break;
        }
        out.push_str(&rest[..size]);
        body = rest[size..].trim_start_matches("\r\n");
    }
    out
}

/// A free loopback address that is reused after a restart.
fn free_address() -> String {
    let [port] = free_ports::free_ports().unwrap();
    format!("127.0.0.1:{port}")
}

fn encode(text: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric();
    text.bytes()
        .map(|b| {
            if plain(b) {
                char::from(b).to_string()
            } else {
                format!("%{b:02X}")
            }
        })
        .collect()
}

fn decode(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let take = if rest.starts_with('%') { 3 } else { 1 };
        let (one, after) = rest.split_at(take);
        match one.strip_prefix('%') {
            Some(hex) => bytes.push(u8::from_str_radix(hex, 16).unwrap()),
            None => bytes.extend_from_slice(one.as_bytes()),
        }
        rest = after;
    }
    String::from_utf8(bytes).unwrap()
}

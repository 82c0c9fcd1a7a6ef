//! nginx with plain files: the best that this machine can do. Its PUT checks nothing, keeps no versions and does not
//! wait for the disk.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;

use super::{Ready, fill};
use crate::load::Target;
use crate::process::{Server, free_address};

/// Starts it with the documents, and `listing` as the response to a folder GET.
///
/// # Errors
///
/// If it could not be started or responded incorrectly.
pub(crate) fn start(binary: &Path, folder: &Path, listing: &[u8]) -> Result<Ready> {
    let address = free_address()?;
    let folder = folder.join("nginx");
    let documents = folder.join("storage/documents");
    std::fs::create_dir_all(&documents)?;
    std::fs::write(folder.join("storage/listing.json"), listing)?;
    let config = format!(
        "{user}worker_processes auto; pid {at}/pid; error_log {at}/error.log; daemon off;
events {{ worker_connections 64; }}
http {{
  access_log off; sendfile on; tcp_nodelay on; keepalive_requests 100000000; etag on;
  client_body_temp_path {at}/bodies; proxy_temp_path {at}/proxy; fastcgi_temp_path {at}/fastcgi;
  uwsgi_temp_path {at}/uwsgi; scgi_temp_path {at}/scgi;
  server {{
    listen {address}; root {at};
    location /storage/ {{ dav_methods PUT; default_type application/octet-stream; }}
  }}
}}
",
        user = if rustix::process::geteuid().is_root() {
            "user root; "
        } else {
            ""
        },
        at = folder.display(),
    );
    let file: PathBuf = folder.join("nginx.conf");
    std::fs::write(&file, config)?;
    let mut nginx = Command::new(binary);
    nginx.arg("-c").arg(&file).arg("-p").arg(&folder);
    let server = Server::start_until_listening(&mut nginx, address)?;
    let target = Target {
        address,
        folder: "/storage/documents/".to_owned(),
        authorization: String::new(),
        listing: "/storage/listing.json".to_owned(),
        hooks: Vec::new(),
    };
    fill(&target)?;
    Ok(Ready {
        name: "nginx",
        server,
        target,
    })
}

//! The S3 server of the tests as a program, for tests that need the store to be another process. It keeps everything in
//! memory, prints its address, and ends with its standard input, so it never outlives its parent.

#[path = "../tests/server/mod.rs"]
#[allow(dead_code, reason = "faults are not needed here")]
mod server;

use std::io::Write as _;

use server::{Abilities, Server};

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let server = Server::start(Abilities {
        conditions: true,
        conditions_of_parts: true,
        ..Abilities::default()
    })
    .await;
    let settings = [
        ("ENDPOINT", server.endpoint()),
        ("BUCKET", server::BUCKET.to_owned()),
        ("REGION", server::REGION.to_owned()),
        ("ACCESS_KEY_ID", server::KEY_ID.to_owned()),
        ("SECRET_ACCESS_KEY", server::SECRET.to_owned()),
    ];
    let mut out = std::io::stdout();
    for (name, value) in settings {
        writeln!(out, "SUBSPACE_S3_{name}={value}")?;
    }
    writeln!(out, "ready")?;
    out.flush()?;
    tokio::io::copy(&mut tokio::io::stdin(), &mut tokio::io::sink()).await?;
    Ok(())
}

//! The compared servers, each started with an account and the same documents.

mod armadietto;
mod nginx;
mod subspace;

use std::future::Future;

use anyhow::{Result, bail};

use crate::load::{TEXT, Target, content};
use crate::process::Server;
use crate::wire::{Answer, Connection};

pub(crate) use armadietto::start as start_armadietto;
pub(crate) use nginx::start as start_nginx;
pub(crate) use subspace::start as start_subspace;

/// Documents in the folder.
pub(crate) const DOCUMENTS: usize = 100;

/// A server that is ready for requests.
#[derive(Debug)]
pub(crate) struct Ready {
    /// Its name in the table.
    pub(crate) name: &'static str,
    /// The process.
    pub(crate) server: Server,
    /// How to send requests to it.
    pub(crate) target: Target,
}

/// Writes the documents into a server's folder.
pub(crate) fn fill(target: &Target) -> Result<()> {
    wait(async {
        let mut connection = Connection::open(target.address).await?;
        let mut answer = Answer::default();
        for index in 0..DOCUMENTS {
            let path = target.document(index);
            let put = target.request("PUT", &path, &[TEXT], &content(index, 0));
            connection.ask(&put, &mut answer).await?;
            if !matches!(answer.status, 200 | 201 | 204) {
                let body = String::from_utf8_lossy(&answer.body);
                bail!("PUT {path} was answered with {}: {body}", answer.status);
            }
        }
        Ok(())
    })
}

pub(crate) fn wait<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?
        .block_on(work)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::load::{self, Operation};

    #[test]
    fn nginx_answers_everything_rightly() {
        let folder = tempfile::tempdir().unwrap();
        let nginx = std::path::Path::new("/usr/sbin/nginx");
        let ready = start_nginx(nginx, folder.path(), b"{}").unwrap();
        let before = ready.server.usage().unwrap();
        for operation in [
            Operation::Get,
            Operation::Poll,
            Operation::Folder,
            Operation::Put,
        ] {
            let (short, time) = (Duration::from_millis(10), Duration::from_millis(200));
            let outcome = load::run(&ready.target, operation, 4, short, time, || ()).unwrap();
            assert!(outcome.answers > 0, "{operation:?}");
            assert_eq!(outcome.latencies.len() as u64, outcome.answers);
        }
        assert!(ready.server.usage().unwrap().processor >= before.processor);
        let mut wrong = ready.target;
        wrong.folder.push_str("missing/");
        let time = Duration::from_millis(50);
        assert!(load::run(&wrong, Operation::Get, 1, time, time, || ()).is_err());
    }
}

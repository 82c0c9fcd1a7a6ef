//! The engine's queries about accounts, passwords and names, a few concurrently.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use protocol::AccountName;
use tokio::sync::{Semaphore, mpsc};
use tokio::time::timeout;

use crate::accounts::{AUTHENTICATION_SECONDS, Accounts, Proof, Refusal};
use crate::server::{ClientId, Secret};

/// Concurrent queries; others wait.
const MAX_CHECKS: usize = 32;

/// An answer of [`Accounts`].
pub(super) enum Checked {
    /// To a password.
    Password(Result<Proof, Refusal>),
    /// Which of some names are accounts.
    Names(Result<Vec<AccountName>, String>),
}

/// The pending queries.
pub(super) struct Checks {
    accounts: Arc<dyn Accounts>,
    turns: Arc<Semaphore>,
    tell: mpsc::UnboundedSender<(ClientId, Checked)>,
    /// Bounded by one query per client.
    told: mpsc::UnboundedReceiver<(ClientId, Checked)>,
}

impl Checks {
    pub(super) fn new(accounts: Arc<dyn Accounts>) -> Self {
        let (tell, told) = mpsc::unbounded_channel();
        Self {
            accounts,
            turns: Arc::new(Semaphore::new(MAX_CHECKS)),
            tell,
            told,
        }
    }

    /// Waits for the next answer.
    pub(super) async fn next(&mut self) -> Option<(ClientId, Checked)> {
        self.told.recv().await
    }

    /// Looks up which of these names are accounts.
    pub(super) fn names(&self, client: ClientId, names: Vec<AccountName>) {
        let late = Err("it takes too long; try again later".to_owned());
        self.ask(client, Checked::Names(late), |accounts| async move {
            Checked::Names(accounts.known(names).await)
        });
    }

    /// Checks a password.
    pub(super) fn password(
        &self,
        client: ClientId,
        name: String,
        password: Secret,
        address: Option<IpAddr>,
    ) {
        let text = "passwords cannot be checked right now, it takes too long; try again later";
        let late = Err(Refusal::Unavailable(text.to_owned()));
        self.ask(
            client,
            Checked::Password(late),
            move |accounts| async move {
                Checked::Password(accounts.authenticate(&name, &password.0, address).await)
            },
        );
    }

    /// Runs a query; `late` is the answer if there is none in time.
    fn ask<F>(
        &self,
        client: ClientId,
        late: Checked,
        ask: impl FnOnce(Arc<dyn Accounts>) -> F + Send + 'static,
    ) where
        F: Future<Output = Checked> + Send,
    {
        let accounts = Arc::clone(&self.accounts);
        let turns = Arc::clone(&self.turns);
        let tell = self.tell.clone();
        tokio::spawn(async move {
            let limit = Duration::from_secs(AUTHENTICATION_SECONDS);
            let check = async {
                let _turn = turns.acquire().await;
                ask(accounts).await
            };
            let checked = timeout(limit, check).await.unwrap_or(late);
            let _ = tell.send((client, checked));
        });
    }
}

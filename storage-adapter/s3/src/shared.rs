//! Buckets named by users: where they may be, and those that several processes write to.

use std::net::IpAddr;
use std::sync::Arc;

use storage_adapter::Host;

use crate::conditions::{Conditions, NO_CONDITIONS, OpenError};
use crate::store::{Commits, Limits, S3Store};
use crate::{S3Settings, SharedHttpClient};

impl Limits {
    /// Limits for requests that somebody is waiting for.
    #[must_use]
    pub fn impatient() -> Self {
        Self {
            attempts: 3,
            attempt_millis: 15_000,
            retry_millis: 10_000,
            ..Self::default()
        }
    }
}

impl S3Settings {
    /// Refuses an endpoint without TLS, and one with a non-public address. Names are not resolved here.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn check_public(&self, is_public: impl Fn(IpAddr) -> bool) -> Result<(), String> {
        if self.is_plain() {
            return Err("its address must begin with https://".to_owned());
        }
        match self.endpoint_address() {
            Some(address) if !is_public(address) => Err(format!(
                "{address} is not an address on the public internet, so it is not contacted"
            )),
            _ => Ok(()),
        }
    }
}

impl<H: Host> S3Store<H> {
    /// Opens a bucket that several processes write to, so its server must support conditions. If it is already known
    /// which ones, the caller passes them; otherwise they are tested, as by [`S3Store::open`]. Returns those conditions
    /// as well.
    ///
    /// # Errors
    /// Why it cannot be used, without its name.
    pub async fn open_shared(
        settings: &S3Settings,
        http: SharedHttpClient,
        host: Arc<H>,
        limits: Limits,
        known: Option<Conditions>,
    ) -> Result<(Self, Conditions), String> {
        if let Some(conditions) = known {
            let commits = Commits::Server(conditions);
            let store = Self::new(settings, http, host, limits, commits);
            return Ok((store, conditions));
        }
        let opened = Self::open(settings, http, host, limits).await;
        let store = opened.map_err(|error| match error {
            OpenError::NoConditions { .. } => NO_CONDITIONS.to_owned(),
            OpenError::Store { source, .. } => source.to_string(),
        })?;
        match store.commits() {
            Commits::Server(conditions) => Ok((store, conditions)),
            Commits::SingleWriter => Err(NO_CONDITIONS.to_owned()),
        }
    }
}

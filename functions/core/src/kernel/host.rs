//! What the functions need of the machine they run on.

use std::future::Future;

use bytes::Bytes;
use http::{Request, Response};
use storage_adapter::MaybeSend;

use crate::kernel::bucket::{BucketError, BucketSettings, OpenedBucket};

/// Clock, randomness and waiting, as the storage needs them, and requests to other servers.
pub trait Host: storage_adapter::Host {
    /// Sends a request to another server and reads its answer, whole. Redirects are not followed: an answer
    /// that redirects is returned as it is.
    fn fetch(
        &self,
        request: Request<Bytes>,
        limits: FetchLimits,
    ) -> impl Future<Output = Result<Response<Bytes>, FetchError>> + MaybeSend;

    /// Does a job that may take a processor for a while and waits for nothing: reading what others sent. A host with threads
    /// does few at once, for a while each, and none where requests are answered, so that nobody else waits for it.
    ///
    /// Hosts where each request has an instance of its own, whose time is limited, keep this one, which does it at once.
    fn work<T, F>(&self, job: F) -> impl Future<Output = Result<T, Unfinished>> + MaybeSend
    where
        T: MaybeSend + 'static,
        F: FnOnce() -> T + MaybeSend + 'static,
    {
        async move { Ok(job()) }
    }

    /// Opens a bucket that an account has of its own, over clients that are kept. `parts` says what was found out when the
    /// bucket was tried out; without it that is done now: write, conditional writes, read, list and delete of a small object.
    ///
    /// Hosts that cannot do it keep this one, which says so.
    fn open_bucket(
        &self,
        _settings: &BucketSettings,
        _parts: Option<bool>,
    ) -> impl Future<Output = Result<OpenedBucket, BucketError>> + MaybeSend {
        std::future::ready(Err(BucketError(
            "this installation cannot reach buckets of users' own; ask its operator".to_owned(),
        )))
    }

    /// Reports a record that cannot be read to the operator, in one sentence that names it; at most once an hour for each.
    fn tell_damaged(&self, _sentence: &str) {}

    /// Reports to the operator why requests fail, in the store's own words; at most once a minute.
    fn tell_store(&self, _words: &str) {}

    /// Returns whether [`Self::open_bucket`] can do it.
    fn opens_buckets(&self) -> bool {
        false
    }
}

/// Bounds of one request to another server.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct FetchLimits {
    /// Whom it may reach.
    pub destination: Destination,
    /// The largest body of an answer, in bytes.
    pub max_body: u64,
    /// Milliseconds until the answer must be there.
    pub timeout: u64,
}

/// Whom a request may reach.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Destination {
    /// An address that a user gave: public ones only, unless the operator allows others. The address is
    /// checked after its name was resolved, and that address is connected to.
    Public,
    /// An address from the operator's configuration: anywhere.
    Configured,
}

/// Why a job has no result ([`Host::work`]).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Unfinished {
    /// Others were being done for too long; it was not begun.
    Busy,
    /// It panicked.
    Panicked,
    /// It took longer than a job may.
    TooLong,
}

/// Why another server gave no answer.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum FetchError {
    /// The address is not one that may be reached.
    #[error("{0} is no address on the public internet, so it is not contacted")]
    Forbidden(String),
    /// No connection, or it broke. The request may have been carried out.
    #[error("{0} could not be reached: {1}")]
    Unreachable(String, String),
    /// More bytes than allowed.
    #[error("the answer of {0} is larger than the {1} bytes allowed")]
    TooLarge(String, u64),
    /// No answer in time. The request may have been carried out.
    #[error("{0} did not answer in time")]
    Timeout(String),
}

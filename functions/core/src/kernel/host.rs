//! What the functions need from the machine they run on.

use std::future::Future;

use bytes::Bytes;
use http::{Request, Response};
use storage_adapter::MaybeSend;

use crate::kernel::bucket::{BucketError, BucketSettings, OpenedBucket};

/// Clock, randomness and waiting, as the storage needs them, and requests to other servers.
pub trait Host: storage_adapter::Host {
    /// Sends a request to another server and reads its whole response. Redirects are not followed but returned.
    fn fetch(
        &self,
        request: Request<Bytes>,
        limits: FetchLimits,
    ) -> impl Future<Output = Result<Response<Bytes>, FetchError>> + MaybeSend;

    /// Runs a job that may take processor time and waits for nothing: parsing what others sent. A host with threads
    /// runs few at once, each for a limited time, and none on threads that serve requests, so that nobody else waits.
    ///
    /// Hosts that have an instance per request, with limited time, keep this default, which runs it at once.
    fn work<T, F>(&self, job: F) -> impl Future<Output = Result<T, Unfinished>> + MaybeSend
    where
        T: MaybeSend + 'static,
        F: FnOnce() -> T + MaybeSend + 'static,
    {
        async move { Ok(job()) }
    }

    /// Opens an account's own bucket, over persistent connections. `parts` is the result of an earlier test of the
    /// bucket; without it the test is done now: write, conditional writes, read, list and delete of a small object.
    ///
    /// Hosts that do not support this keep the default, which reports that.
    fn open_bucket(
        &self,
        _settings: &BucketSettings,
        _parts: Option<bool>,
    ) -> impl Future<Output = Result<OpenedBucket, BucketError>> + MaybeSend {
        std::future::ready(Err(BucketError(
            "this installation cannot use accounts' own buckets; ask its operator".to_owned(),
        )))
    }

    /// Reports an unreadable record to the operator, in one sentence that names it; at most once an hour for each.
    fn tell_damaged(&self, _sentence: &str) {}

    /// Reports to the operator why requests fail, in the store's own words; at most once a minute.
    fn tell_store(&self, _words: &str) {}

    /// Returns whether [`Self::open_bucket`] is supported.
    fn opens_buckets(&self) -> bool {
        false
    }
}

/// Limits of one request to another server.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct FetchLimits {
    /// What it may reach.
    pub destination: Destination,
    /// The largest response body, in bytes.
    pub max_body: u64,
    /// The timeout in milliseconds.
    pub timeout: u64,
}

/// What a request may reach.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Destination {
    /// An address that a user entered: public ones only, unless the operator allows others. The address is checked
    /// after its name was resolved, and the connection goes to the checked address.
    Public,
    /// An address from the operator's configuration: anywhere.
    Configured,
}

/// Why a job has no result ([`Host::work`]).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Unfinished {
    /// Other jobs took too long; it was not started.
    Busy,
    /// It panicked.
    Panicked,
    /// It exceeded a job's time limit.
    TooLong,
}

/// Why there is no response from another server.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum FetchError {
    /// The address must not be reached.
    #[error("{0} is not an address on the public internet, so it is not contacted")]
    Forbidden(String),
    /// No connection, or it broke. The request may have been carried out.
    #[error("{0} could not be reached: {1}")]
    Unreachable(String, String),
    /// More bytes than allowed.
    #[error("the answer of {0} is larger than the {1} bytes allowed")]
    TooLarge(String, u64),
    /// No response in time. The request may have been carried out.
    #[error("{0} did not answer in time")]
    Timeout(String),
}

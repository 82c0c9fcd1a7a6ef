//! Classifies the server's error responses, and missing ones.

use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use storage_adapter::StoreError;

/// The most characters of a server's own words that are passed on.
const MAX_WORDS: usize = 200;

/// What went wrong, as far as it affects what to do next.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Kind {
    /// No such object.
    NotFound,
    /// 304.
    NotModified,
    /// 412.
    Precondition,
    /// 409: another write happened at the same time. Nothing happened; the same request may succeed later.
    Conflict,
    /// 416.
    Range,
    /// The multipart upload is unknown: never started, aborted, or completed.
    NoUpload,
    /// The server does not support the request.
    NotImplemented,
    /// There is no space. Nothing happened.
    Full,
    /// This key has no access to that. Nothing happened.
    Denied,
    /// Retrying is useless, with any credentials. Nothing happened.
    Refused,
    /// The server is too busy. Nothing happened.
    Busy,
    /// There was no response, or one that leaves open whether it happened.
    Unknown,
}

impl Kind {
    /// Whether the same request may succeed later.
    pub(crate) fn is_transient(self) -> bool {
        matches!(self, Self::Conflict | Self::Busy | Self::Unknown)
    }
}

/// A failed request.
#[derive(Clone, Debug)]
pub(crate) struct Failure {
    pub(crate) kind: Kind,
    /// For people; without secrets.
    pub(crate) words: String,
}

impl Failure {
    pub(crate) fn new(kind: Kind, words: impl Into<String>) -> Self {
        let words = words.into();
        Self { kind, words }
    }

    /// Classifies an error of the SDK.
    pub(crate) fn of<E>(error: &SdkError<E, HttpResponse>, bucket: &str) -> Self
    where
        E: ProvideErrorMetadata + std::error::Error + 'static,
    {
        match error {
            SdkError::ConstructionFailure(_) => Self::new(
                Kind::Refused,
                format!("a request could not be made: {}", chain(error)),
            ),
            SdkError::DispatchFailure(failure) if failure.is_user() => {
                Self::new(Kind::Refused, chain(error))
            }
            SdkError::TimeoutError(_) | SdkError::DispatchFailure(_) => Self::new(
                Kind::Unknown,
                format!("it cannot be reached: {}", chain(error)),
            ),
            SdkError::ResponseError(_) => Self::new(
                Kind::Unknown,
                format!("its response makes no sense: {}", chain(error)),
            ),
            SdkError::ServiceError(service) => {
                let meta = service.err().meta();
                let status = service.raw().status().as_u16();
                if meta.code().is_none() && service.raw().status().is_success() {
                    let words = format!("its response makes no sense: {}", chain(service.err()));
                    return Self::new(Kind::Unknown, words);
                }
                Self::answered(status, meta.code(), meta.message(), bucket)
            }
            other => Self::new(Kind::Unknown, chain(other)),
        }
    }

    /// Classifies a response by status, and by code and message in the body (HEAD and 304 have none).
    fn answered(status: u16, code: Option<&str>, message: Option<&str>, bucket: &str) -> Self {
        let code = code.unwrap_or_default();
        let kind = match (status, code) {
            (304, _) => Kind::NotModified,
            (_, "NoSuchUpload") => Kind::NoUpload,
            (_, "NoSuchBucket") => Kind::Refused,
            (404, _) => Kind::NotFound,
            (507, _)
            | (
                _,
                "XMinioStorageFull"
                | "QuotaExceeded"
                | "InsufficientCapacity"
                | "XMinioAdminBucketQuotaExceeded",
            ) => Kind::Full,
            (409, _) => Kind::Conflict,
            (412, _) => Kind::Precondition,
            (416, _) => Kind::Range,
            (501, _) | (_, "NotImplemented") => Kind::NotImplemented,
            (401 | 403, _)
            | (_, "ExpiredToken" | "InvalidToken" | "TokenRefreshRequired" | "AccessDenied") => {
                Kind::Denied
            }
            (429, _)
            | (
                _,
                "SlowDown"
                | "Throttling"
                | "ThrottlingException"
                | "TooManyRequests"
                | "RequestLimitExceeded"
                | "ReduceRequestRate"
                | "RequestTimeout",
            ) => Kind::Busy,
            // A response with 200 can turn into an error half-way (CompleteMultipartUpload).
            (200..300 | 408 | 500.., _) => Kind::Unknown,
            _ => Kind::Refused,
        };
        let what = match code {
            "" => format!("status {status}"),
            code => printable(code),
        };
        let words = match code {
            "NoSuchBucket" => format!("there is no bucket \"{bucket}\"; create it, or correct its name"),
            "InvalidAccessKeyId" => {
                "the access key id is unknown (InvalidAccessKeyId); correct it".to_owned()
            }
            "SignatureDoesNotMatch" => {
                "the secret access key is not the one that belongs to the access key id \
                 (SignatureDoesNotMatch); correct it"
                    .to_owned()
            }
            "ExpiredToken" | "InvalidToken" | "TokenRefreshRequired" => {
                format!("the session token is no longer valid ({code}); give a new one")
            }
            "RequestTimeTooSkewed" => {
                "this machine's clock differs too much from the server's (RequestTimeTooSkewed); set it"
                    .to_owned()
            }
            "PermanentRedirect" | "AuthorizationHeaderMalformed" | "IllegalLocationConstraintException" => {
                format!("bucket \"{bucket}\" is in another region or at another endpoint ({code}); correct them")
            }
            "AccessDenied" | "AllAccessDisabled" | "AccountProblem" => format!(
                "this access key may not do that in bucket \"{bucket}\" ({code}); allow it to get, put, delete \
                 and list objects"
            ),
            _ if matches!(status, 401 | 403) => format!(
                "this access key may not do that in bucket \"{bucket}\" ({what}); check the key, and allow it to \
                 get, put, delete and list objects"
            ),
            _ => match message {
                Some(message) => format!("{what}: {}", printable(message)),
                None => what,
            },
        };
        Self::new(kind, words)
    }

    /// The error for a reader, or for a write that certainly did not happen.
    pub(crate) fn into_error(self) -> StoreError {
        match self.kind {
            Kind::NotFound => StoreError::NotFound,
            Kind::NotModified => StoreError::NotModified,
            Kind::Precondition => StoreError::Precondition,
            Kind::Full => StoreError::Full(format!(
                "the disk is full: the object store takes no more ({})",
                self.words
            )),
            Kind::Denied => StoreError::denied(self.words),
            Kind::Range | Kind::Refused | Kind::NotImplemented => StoreError::refused(self.words),
            Kind::Conflict | Kind::NoUpload | Kind::Busy | Kind::Unknown => {
                StoreError::Unavailable(self.words)
            }
        }
    }

    /// The error for a write that an earlier attempt may have completed.
    pub(crate) fn into_uncertain(self) -> StoreError {
        StoreError::Unavailable(format!("{}; the write may have happened", self.words))
    }
}

/// An error and its causes, on one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut words = Vec::new();
    let mut next = Some(error);
    while let Some(error) = next {
        let text = error.to_string();
        if words.last() != Some(&text) {
            words.push(text);
        }
        next = error.source();
    }
    printable(&words.join(": "))
}

fn printable(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .take(MAX_WORDS)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answered(status: u16, code: &str) -> Failure {
        let code = (!code.is_empty()).then_some(code);
        Failure::answered(status, code, Some("words\n"), "b")
    }

    #[test]
    fn answers_are_understood() {
        for (status, code, kind) in [
            (404, "NoSuchKey", Kind::NotFound),
            (404, "", Kind::NotFound),
            (404, "NoSuchBucket", Kind::Refused),
            (404, "NoSuchUpload", Kind::NoUpload),
            (304, "", Kind::NotModified),
            (412, "PreconditionFailed", Kind::Precondition),
            (409, "ConditionalRequestConflict", Kind::Conflict),
            (416, "InvalidRange", Kind::Range),
            (403, "AccessDenied", Kind::Denied),
            (403, "", Kind::Denied),
            (401, "", Kind::Denied),
            (400, "ExpiredToken", Kind::Denied),
            (400, "InvalidRequest", Kind::Refused),
            (405, "MethodNotAllowed", Kind::Refused),
            (400, "RequestTimeout", Kind::Busy),
            (301, "PermanentRedirect", Kind::Refused),
            (429, "", Kind::Busy),
            (503, "SlowDown", Kind::Busy),
            (503, "ServiceUnavailable", Kind::Unknown),
            (500, "InternalError", Kind::Unknown),
            (502, "", Kind::Unknown),
            (200, "InternalError", Kind::Unknown),
            (501, "NotImplemented", Kind::NotImplemented),
            (507, "XMinioStorageFull", Kind::Full),
            (403, "QuotaExceeded", Kind::Full),
        ] {
            assert_eq!(answered(status, code).kind, kind, "{status} {code}");
        }
    }

    #[test]
    fn refusals_say_what_to_do() {
        let said = |status, code| answered(status, code).into_error().to_string();
        assert_eq!(
            said(404, "NoSuchBucket"),
            "the object store refuses: there is no bucket \"b\"; create it, or correct its name"
        );
        assert_eq!(
            said(403, "AccessDenied"),
            "the object store denies access: this access key may not do that in bucket \"b\" (AccessDenied); allow it \
             to get, put, delete and list objects"
        );
        assert!(said(403, "SignatureDoesNotMatch").contains("secret access key"));
        assert!(said(400, "ExpiredToken").contains("session token"));
        assert!(said(403, "").contains("status 403"));
        assert_eq!(
            said(400, "InvalidRequest"),
            "the object store refuses: InvalidRequest: words "
        );
    }
}

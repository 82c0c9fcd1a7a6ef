//! Writing: what a lost response means, and who decides conditions.

use aws_sdk_s3::primitives::ByteStream as Body;
use bytes::Bytes;
use futures_util::StreamExt;
use storage_adapter::{BodyError, ByteStream, ETag, Gathered, Host, PutMode, StoreError};

use crate::conditions::Conditions;
use crate::counts::Class;
use crate::errors::{Failure, Kind};
use crate::store::{Commits, Inner, etag, quoted};

/// The metadata that identifies the write that created an object.
pub(crate) const WRITE_ID: &str = "subspace-write";
/// The longest body of a conditional write, in bytes, where the server supports conditions for single-request writes
/// only.
const MAX_CONDITIONAL: usize = 64 << 20;

/// A piece of a body.
pub(crate) struct Piece {
    pub(crate) bytes: Bytes,
    /// Whether nothing follows.
    pub(crate) last: bool,
}

/// Cuts a body into pieces of equal size.
pub(crate) struct Pieces {
    body: ByteStream,
    rest: Bytes,
}

impl Pieces {
    /// Returns the next piece: only the last one may be smaller than `size`.
    pub(crate) async fn next(&mut self, size: usize) -> Result<Piece, BodyError> {
        let mut piece = Gathered::default();
        loop {
            if self.rest.is_empty() {
                match self.body.next().await.transpose()? {
                    Some(chunk) => self.rest = chunk,
                    None => {
                        let bytes = piece.finish();
                        return Ok(Piece { bytes, last: true });
                    }
                }
                continue;
            }
            let space = size - piece.len();
            if space == 0 {
                let bytes = piece.finish();
                return Ok(Piece { bytes, last: false });
            }
            let taken = self.rest.split_to(space.min(self.rest.len()));
            piece.push(taken);
        }
    }
}

/// The headers of a conditional write.
#[derive(Default)]
pub(crate) struct Headers {
    pub(crate) if_none_match: Option<String>,
    pub(crate) if_match: Option<String>,
}

impl Headers {
    pub(crate) fn of(mode: &PutMode) -> Self {
        let mut headers = Self::default();
        match mode {
            PutMode::IfAbsent | PutMode::New => headers.if_none_match = Some("*".to_owned()),
            PutMode::IfMatch(version) => headers.if_match = Some(quoted(version)),
            PutMode::Overwrite => {}
        }
        headers
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.if_none_match.is_none() && self.if_match.is_none()
    }
}

/// What follows a failed attempt.
pub(crate) enum Next {
    Retry,
    /// Check whether it happened.
    Look,
    Fail(StoreError),
}

impl<H: Host> Inner<H> {
    pub(crate) async fn put(
        &self,
        key: &str,
        body: ByteStream,
        mode: PutMode,
    ) -> Result<ETag, StoreError> {
        let key = self.full_key(key)?;
        let mut pieces = Pieces {
            body,
            rest: Bytes::new(),
        };
        let whole_only = matches!(mode, PutMode::IfAbsent | PutMode::IfMatch(_))
            && matches!(self.commits, Commits::Server(Conditions { parts: false }));
        let size = if whole_only {
            self.part.max(MAX_CONDITIONAL)
        } else {
            self.part
        };
        let first = pieces.next(size).await?;
        if first.last {
            return self.put_whole(&key, first.bytes, &mode).await;
        }
        if whole_only {
            return Err(StoreError::refused(format_args!(
                "this server decides conditions for objects of at most {size} bytes"
            )));
        }
        self.put_parts(&key, first, pieces, &mode).await
    }

    /// A unique id of a write.
    pub(crate) fn write_id(&self) -> String {
        let mut random = [0; 16];
        self.host.random(&mut random);
        format!("{:032x}", u128::from_le_bytes(random))
    }

    async fn put_whole(&self, key: &str, bytes: Bytes, mode: &PutMode) -> Result<ETag, StoreError> {
        let _turn = self.turn(key).await;
        let headers = match self.commits {
            Commits::Server(_) => Headers::of(mode),
            Commits::SingleWriter => self.decide(key, mode).await?,
        };
        // Where conditions are decided here, the server gets none.
        let mode = if headers.is_empty() {
            &PutMode::Overwrite
        } else {
            mode
        };
        let id = self.write_id();
        let send = || {
            self.client
                .put_object()
                .bucket(&self.bucket)
                .key(key)
                .metadata(WRITE_ID, &id)
                .set_if_none_match(headers.if_none_match.clone())
                .set_if_match(headers.if_match.clone())
                .body(Body::from(bytes.clone()))
                .send()
        };
        let mut attempts = self.attempts();
        let mut uncertain = false;
        loop {
            let failure = match self
                .attempt(Class::Write, &mut attempts, Box::pin(send()))
                .await
            {
                Ok(done) => match done.e_tag() {
                    Some(version) => return Ok(etag(version)),
                    None => return self.look(key, &id).await,
                },
                Err(failure) => failure,
            };
            let more = failure.kind.is_transient() && self.again(&attempts).await;
            match next(failure, mode, more, &mut uncertain) {
                Next::Retry => {}
                Next::Look => return self.look(key, &id).await,
                Next::Fail(error) => return Err(error),
            }
        }
    }

    /// Decides a condition here, for a server that does not; the caller must hold the key's lock.
    pub(crate) async fn decide(&self, key: &str, mode: &PutMode) -> Result<Headers, StoreError> {
        let current = match mode {
            PutMode::Overwrite => return Ok(Headers::default()),
            _ => match self.head(key).await {
                Ok(head) => Some(head.etag),
                Err(failure) if failure.kind == Kind::NotFound => None,
                Err(failure) => return Err(failure.into_error()),
            },
        };
        let holds = match mode {
            PutMode::IfMatch(wanted) => current.as_ref() == Some(wanted),
            _ => current.is_none(),
        };
        if holds {
            Ok(Headers::default())
        } else {
            Err(StoreError::Precondition)
        }
    }

    /// Finds out whether a write whose response was lost happened: the object names its writer. If that is another one,
    /// this write may have been there before it.
    pub(crate) async fn look(&self, key: &str, id: &str) -> Result<ETag, StoreError> {
        match self.head(key).await {
            Ok(head) if head.write.as_deref() == Some(id) => Ok(head.etag),
            Ok(_) => Err(replaced()),
            Err(failure) if failure.kind == Kind::NotFound => Err(replaced()),
            Err(failure) => Err(failure.into_uncertain()),
        }
    }
}

fn replaced() -> StoreError {
    StoreError::Unavailable(
        "a reply was lost; the write may have happened and been replaced".to_owned(),
    )
}

/// What follows a failed attempt. `uncertain` records that one may have happened.
pub(crate) fn next(failure: Failure, mode: &PutMode, more: bool, uncertain: &mut bool) -> Next {
    *uncertain |= failure.kind == Kind::Unknown;
    let matches = matches!(mode, PutMode::IfMatch(_));
    match failure.kind {
        // Some servers return 404 if there is nothing to match.
        Kind::Precondition if *mode != PutMode::Overwrite => {
            if *uncertain {
                Next::Look
            } else {
                Next::Fail(StoreError::Precondition)
            }
        }
        Kind::NotFound if matches => {
            if *uncertain {
                Next::Look
            } else {
                Next::Fail(StoreError::Precondition)
            }
        }
        // A multipart upload no longer exists once it is completed.
        Kind::NoUpload if *uncertain => Next::Look,
        // Nothing had to exist, so it is the key that the server does not understand.
        Kind::NotFound if !*uncertain => Next::Fail(StoreError::refused(format_args!(
            "the server answers a write with 404, as if it had no place for this key ({}); it may not take every \
             character in keys (such as a line's end), and only another server does",
            failure.words
        ))),
        _ if more => Next::Retry,
        _ if *uncertain => Next::Fail(failure.into_uncertain()),
        _ => Next::Fail(failure.into_error()),
    }
}

#[cfg(test)]
mod tests {
    use futures_util::{FutureExt, stream};

    use super::*;

    #[test]
    fn pieces_have_one_size() {
        let chunks = [&b"abc"[..], b"", b"de", b"fghijkl", b"", b"m"];
        for (size, wanted) in [
            (4, vec!["abcd", "efgh", "ijkl", "m"]),
            (13, vec!["abcdefghijklm"]),
            (100, vec!["abcdefghijklm"]),
        ] {
            let body = chunks.map(|chunk| Ok(Bytes::from_static(chunk)));
            let mut pieces = Pieces {
                body: Box::pin(stream::iter(body)),
                rest: Bytes::new(),
            };
            for (at, text) in wanted.iter().enumerate() {
                let piece = pieces.next(size).now_or_never().unwrap().unwrap();
                assert_eq!(piece.bytes, text.as_bytes());
                assert_eq!(piece.last, at + 1 == wanted.len(), "{size} {at}");
            }
        }
    }

    fn after(kinds: &[Kind]) -> Next {
        after_in(&PutMode::IfMatch(ETag("1".to_owned())), kinds)
    }

    fn after_in(mode: &PutMode, kinds: &[Kind]) -> Next {
        let mut uncertain = false;
        let mut last = Next::Retry;
        for kind in kinds {
            let more = kind.is_transient();
            last = next(Failure::new(*kind, "words"), mode, more, &mut uncertain);
        }
        last
    }

    #[test]
    fn an_answer_404_to_a_write_of_what_need_not_be_there_is_no_contention() {
        for mode in [PutMode::New, PutMode::IfAbsent, PutMode::Overwrite] {
            let Next::Fail(StoreError::Refused(words)) = after_in(&mode, &[Kind::NotFound]) else {
                panic!("{mode:?}");
            };
            assert!(words.as_str().contains("404"), "{words}");
            assert!(matches!(
                after_in(&mode, &[Kind::Unknown, Kind::NotFound]),
                Next::Fail(StoreError::Unavailable(_))
            ));
        }
    }

    #[test]
    fn a_lost_reply_makes_a_refusal_uncertain() {
        assert!(matches!(
            after(&[Kind::Precondition]),
            Next::Fail(StoreError::Precondition)
        ));
        assert!(matches!(
            after(&[Kind::Busy, Kind::Conflict, Kind::NotFound]),
            Next::Fail(StoreError::Precondition)
        ));
        assert!(matches!(
            after(&[Kind::Unknown, Kind::Precondition]),
            Next::Look
        ));
        assert!(matches!(
            after(&[Kind::Unknown, Kind::NoUpload]),
            Next::Look
        ));
        assert!(matches!(
            after(&[Kind::Unknown, Kind::Refused]),
            Next::Fail(StoreError::Unavailable(_))
        ));
        assert!(matches!(
            after(&[Kind::Busy, Kind::Refused]),
            Next::Fail(StoreError::Refused(_))
        ));
        assert!(matches!(
            after(&[Kind::Busy, Kind::Denied]),
            Next::Fail(StoreError::Denied(_))
        ));
    }
}

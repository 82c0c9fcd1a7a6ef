//! The operations of the requests.

use bytes::{Bytes, BytesMut};
use http::request::Parts;
use http::{Method, StatusCode};
use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use sha2::{Digest, Sha256};

use super::{Abilities, Answer, BUCKET, State, Stored, Upload};

/// A digest of the bytes, like MD5 on AWS: the same bytes have the same ETag.
fn digest(bytes: &[u8]) -> String {
    protocol::hex(&Sha256::digest(bytes)[..16])
}

fn quoted(etag: &str) -> String {
    format!("\"{etag}\"")
}

fn missing() -> Answer {
    Answer::error(StatusCode::NOT_FOUND, "NoSuchKey")
}

struct Call<'a> {
    head: &'a Parts,
    key: String,
    query: Vec<(String, String)>,
}

impl Call<'_> {
    fn header(&self, name: &str) -> Option<&str> {
        self.head.headers.get(name)?.to_str().ok()
    }

    fn query(&self, name: &str) -> Option<&str> {
        let found = self.query.iter().find(|(given, _)| given == name)?;
        Some(&found.1)
    }

    fn metadata(&self) -> Vec<(String, String)> {
        let headers = self.head.headers.iter();
        headers
            .filter(|(name, _)| name.as_str().starts_with("x-amz-meta-"))
            .map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()))
            .collect()
    }

    /// Checks the conditions of a write against the current object.
    fn refused(&self, current: Option<&Stored>) -> Option<Answer> {
        let failed = || Answer::error(StatusCode::PRECONDITION_FAILED, "PreconditionFailed");
        if self.header("if-none-match").is_some() && current.is_some() {
            return Some(failed());
        }
        let wanted = self.header("if-match")?;
        match current {
            None => Some(missing()),
            Some(stored) => (quoted(&stored.etag) != wanted).then(failed),
        }
    }
}

pub(super) fn perform(
    state: &mut State,
    abilities: Abilities,
    head: &Parts,
    body: Bytes,
) -> Answer {
    let decode = |text: &str| percent_decode_str(text).decode_utf8().unwrap().into_owned();
    let path = head.uri.path().trim_start_matches('/');
    let (bucket, key) = path.split_once('/').unwrap_or((path, ""));
    if state.lost {
        return Answer::error(StatusCode::NOT_FOUND, "NotFound");
    }
    if bucket != BUCKET {
        return Answer::error(StatusCode::NOT_FOUND, "NoSuchBucket");
    }
    let pairs = head.uri.query().unwrap_or_default().split('&');
    let call = Call {
        head,
        key: decode(key),
        query: pairs
            .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
            .map(|(name, value)| (decode(name), decode(value)))
            .collect(),
    };
    if call.key.len() > 1024 {
        return Answer::error(StatusCode::BAD_REQUEST, "KeyTooLongError");
    }
    let upload = call.query("uploadId").is_some();
    match head.method {
        Method::GET if call.key.is_empty() && call.query("uploads").is_some() => uploads(state),
        Method::GET if call.key.is_empty() => list(state, &call),
        Method::GET => get(state, &call),
        Method::HEAD => Answer {
            head_only: true,
            ..get(state, &call)
        },
        Method::PUT if upload => part(state, &call, body),
        Method::PUT => put(state, abilities, &call, body),
        Method::POST if upload => complete(state, abilities, &call, &body),
        Method::POST if call.query("delete").is_some() && !state.no_groups => delete(state, &body),
        Method::POST if call.query("uploads").is_some() => begin(state, &call),
        Method::DELETE if upload => match state.uploads.remove(call.query("uploadId").unwrap()) {
            Some(_) => Answer::new(StatusCode::NO_CONTENT, ""),
            None => Answer::error(StatusCode::NOT_FOUND, "NoSuchUpload"),
        },
        Method::DELETE => {
            state.objects.remove(&call.key);
            Answer::new(StatusCode::NO_CONTENT, "")
        }
        _ => Answer::error(StatusCode::NOT_IMPLEMENTED, "NotImplemented"),
    }
}

fn get(state: &State, call: &Call<'_>) -> Answer {
    let Some(stored) = state.objects.get(&call.key) else {
        return missing();
    };
    let etag = quoted(&stored.etag);
    if call.header("if-match").is_some_and(|wanted| wanted != etag) {
        return Answer::error(StatusCode::PRECONDITION_FAILED, "PreconditionFailed");
    }
    if call.header("if-none-match") == Some(&etag) {
        return Answer::new(StatusCode::NOT_MODIFIED, "").with("etag", &etag);
    }
    let length = stored.bytes.len();
    let mut answer = match call
        .header("range")
        .and_then(|range| range.strip_prefix("bytes="))
    {
        None => Answer::new(StatusCode::OK, stored.bytes.clone()),
        Some(range) => {
            let (first, last) = range.split_once('-').unwrap();
            let first: u64 = first.parse().unwrap();
            if first >= length as u64 {
                return Answer::error(StatusCode::RANGE_NOT_SATISFIABLE, "InvalidRange");
            }
            let first = first as usize;
            let last = last
                .parse::<u64>()
                .unwrap_or(u64::MAX)
                .min(length as u64 - 1) as usize;
            let bytes = stored.bytes.slice(first..=last);
            Answer::new(StatusCode::PARTIAL_CONTENT, bytes)
                .with("content-range", &format!("bytes {first}-{last}/{length}"))
        }
    };
    for (name, value) in &stored.metadata {
        let name = http::HeaderName::from_bytes(name.as_bytes()).unwrap();
        answer.headers.insert(name, value.parse().unwrap());
    }
    answer.with("etag", &etag)
}

/// The format that `aws-sdk-s3` sends, not any XML.
fn delete(state: &mut State, body: &[u8]) -> Answer {
    let text = std::str::from_utf8(body).unwrap();
    for part in text.split("<Key>").skip(1) {
        let (key, _) = part.split_once("</Key>").unwrap();
        let key = [
            ("&lt;", "<"),
            ("&gt;", ">"),
            ("&quot;", "\""),
            ("&apos;", "'"),
            ("&amp;", "&"),
        ]
        .iter()
        .fold(key.to_owned(), |key, (from, to)| key.replace(from, to));
        state.objects.remove(&key);
    }
    Answer::new(StatusCode::OK, "<DeleteResult/>")
}

fn put(state: &mut State, abilities: Abilities, call: &Call<'_>, bytes: Bytes) -> Answer {
    if abilities.conditions
        && !(abilities.matches_nothing
            && call.header("if-match").is_some()
            && !state.objects.contains_key(&call.key))
        && let Some(refused) = call.refused(state.objects.get(&call.key))
    {
        return refused;
    }
    state.written += bytes.len() as u64;
    let etag = digest(&bytes);
    let metadata = call.metadata();
    let answer = Answer::new(StatusCode::OK, "").with("etag", &quoted(&etag));
    state.objects.insert(
        call.key.clone(),
        Stored {
            bytes,
            etag,
            metadata,
        },
    );
    answer
}

fn begin(state: &mut State, call: &Call<'_>) -> Answer {
    state.serial += 1;
    let id = format!("upload-{}", state.serial);
    let upload = Upload {
        key: call.key.clone(),
        metadata: call.metadata(),
        parts: Default::default(),
    };
    state.uploads.insert(id.clone(), upload);
    Answer::xml(
        "InitiateMultipartUploadResult",
        &format!("<Bucket>{BUCKET}</Bucket><UploadId>{id}</UploadId>"),
    )
}

fn part(state: &mut State, call: &Call<'_>, bytes: Bytes) -> Answer {
    let Some(upload) = state.uploads.get_mut(call.query("uploadId").unwrap()) else {
        return Answer::error(StatusCode::NOT_FOUND, "NoSuchUpload");
    };
    let number = call.query("partNumber").unwrap().parse().unwrap();
    let etag = digest(&bytes);
    let answer = Answer::new(StatusCode::OK, "").with("etag", &quoted(&etag));
    upload.parts.insert(number, (etag, bytes));
    answer
}

fn complete(state: &mut State, abilities: Abilities, call: &Call<'_>, body: &[u8]) -> Answer {
    let id = call.query("uploadId").unwrap();
    let Some(upload) = state.uploads.get(id) else {
        return Answer::error(StatusCode::NOT_FOUND, "NoSuchUpload");
    };
    if abilities.conditions_of_parts
        && let Some(refused) = call.refused(state.objects.get(&call.key))
    {
        return refused;
    }
    let text = String::from_utf8_lossy(body);
    let named = |number: &u32| text.contains(&format!("<PartNumber>{number}</PartNumber>"));
    if !upload.parts.keys().all(named) || upload.key != call.key {
        return Answer::error(StatusCode::BAD_REQUEST, "InvalidPart");
    }
    let count = upload.parts.len();
    let all_but_last = upload.parts.values().take(count.saturating_sub(1));
    if all_but_last
        .into_iter()
        .any(|(_, bytes)| bytes.len() < 5 << 20)
    {
        return Answer::error(StatusCode::BAD_REQUEST, "EntityTooSmall");
    }
    let Some(upload) = state.uploads.remove(id) else {
        unreachable!("it was there just before")
    };
    let (mut bytes, mut digests) = (BytesMut::new(), String::new());
    for (etag, part) in upload.parts.values() {
        bytes.extend_from_slice(part);
        digests.push_str(etag);
    }
    let etag = format!("{}-{count}", digest(digests.as_bytes()));
    let stored = Stored {
        bytes: bytes.freeze(),
        etag: etag.clone(),
        metadata: upload.metadata,
    };
    state.objects.insert(call.key.clone(), stored);
    Answer::xml(
        "CompleteMultipartUploadResult",
        &format!("<ETag>&quot;{etag}&quot;</ETag>"),
    )
}

fn uploads(state: &State) -> Answer {
    let all = state.uploads.iter().map(|(id, upload)| {
        format!(
            "<Upload><Key>{}</Key><UploadId>{id}</UploadId><Initiated>2024-01-01T00:00:00.000Z</Initiated></Upload>",
            upload.key
        )
    });
    Answer::xml("ListMultipartUploadsResult", &all.collect::<String>())
}

fn list(state: &State, call: &Call<'_>) -> Answer {
    let prefix = call.query("prefix").unwrap_or_default();
    let after = call.query("start-after").unwrap_or_default();
    let most: usize = call.query("max-keys").unwrap_or("1000").parse().unwrap();
    // Like AWS: form encoding, except slashes.
    let encode = |key: &str| {
        let encoded = utf8_percent_encode(key, NON_ALPHANUMERIC).to_string();
        encoded.replace("%2F", "/").replace("%20", "+")
    };
    let mut found = state
        .objects
        .iter()
        .filter(|(key, _)| key.starts_with(prefix) && key.as_str() > after);
    let page: String = found
        .by_ref()
        .take(most)
        .map(|(key, stored)| {
            format!(
                "<Contents><Key>{}</Key><ETag>&quot;{}&quot;</ETag><Size>{}</Size></Contents>",
                encode(key),
                stored.etag,
                stored.bytes.len()
            )
        })
        .collect();
    let truncated = found.next().is_some();
    Answer::xml(
        "ListBucketResult",
        &format!("<EncodingType>url</EncodingType><IsTruncated>{truncated}</IsTruncated>{page}"),
    )
}

//! Who may send, and how much of a body is read before that is known.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use http::{Request, StatusCode};
use http_body::Frame;
use http_body_util::StreamBody;
use serde_json::json;

use crate::kernel::guard::ClientAddress;
use crate::kernel::incoming::MAX_DRAIN;
use crate::testing::{KEY, TestFunctions, block_on, functions};

/// Pieces of a body.
const PIECE: usize = 64 * 1024;
const PIECES: u64 = 416;

/// Sends 26 MiB with these headers; returns the status and how many bytes were read from the sender.
fn send_much(
    f: &TestFunctions,
    path: &str,
    headers: &[(&'static str, String)],
) -> (StatusCode, u64) {
    let taken = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&taken);
    let pieces = stream::iter(0..PIECES).map(move |_| {
        count.fetch_add(PIECE as u64, Ordering::Relaxed);
        Ok::<_, String>(Frame::data(Bytes::from(vec![0; PIECE])))
    });
    let mut request = Request::builder().method("POST").uri(path);
    for (name, value) in headers {
        request = request.header(*name, value);
    }
    let request = request.body(StreamBody::new(pieces)).unwrap();
    let response = block_on(f.handle(request, ClientAddress::UNKNOWN));
    (response.status(), taken.load(Ordering::Relaxed))
}

#[test]
fn nothing_of_a_body_is_kept_before_it_is_known_who_sends_it() {
    let f = functions();
    let whole = vec![0; PIECE * usize::try_from(PIECES).unwrap()];
    let path = "/connector/mail/document";
    let sign = |id: &str, key: &[u8]| {
        protocol::signed_headers(id, key, ("POST", path), f.kernel.now(), &whole).to_vec()
    };
    let mut late = sign("smtp-1", KEY);
    late[1].1 = (f.kernel.now().millis() - 600_000).to_string();
    let mut large = sign("smtp-1", KEY);
    large.push(("x-more", "x".repeat(8 * 1024)));
    for (what, headers, status) in [
        ("a large head", large, 431),
        ("no signature", vec![], 401),
        ("an unknown connector", sign("nobody", KEY), 401),
        ("another key", sign("smtp-1", b"another"), 401),
        ("another time", late, 401),
        ("another kind", sign("irc-1", KEY), 403),
    ] {
        let (answered, taken) = send_much(&f, path, &headers);
        assert_eq!(answered.as_u16(), status, "{what}");
        let most = MAX_DRAIN + 2 * PIECE as u64;
        assert!(taken <= most, "{what}: {taken} bytes were read");
    }
    let (answered, taken) = send_much(&f, path, &sign("smtp-1", KEY));
    assert_eq!(answered, StatusCode::NOT_FOUND, "no such address");
    assert_eq!(taken, whole.len() as u64);
    assert!(send_much(&f, "/connector/none", &[]).1 < 1024 * 1024);
}

#[test]
fn the_body_is_the_one_whose_hash_was_signed() {
    let f = functions();
    let path = "/connector/events";
    let asked = ("POST", path);
    let send = |signed: &str, sent: &str, hash: Option<&str>| {
        let mut headers =
            protocol::signed_headers("irc-1", KEY, asked, f.kernel.now(), signed.as_bytes());
        if let Some(hash) = hash {
            headers[2].1 = hash.to_owned();
        }
        let headers: Vec<(&str, &str)> = headers.iter().map(|(n, v)| (*n, v.as_str())).collect();
        f.request("POST", path, &headers, sent.to_owned())
    };
    let events = json!({"events": []}).to_string();
    assert_eq!(send(&events, &events, None).status, 200);
    let other = send(&events, r#"{"events":[] }"#, None);
    assert_eq!(other.status, 401);
    assert!(other.detail().contains("not the one whose hash"));
    let hash = protocol::BodyHash::of(b"[]").to_string();
    assert_eq!(send(&events, "[]", Some(&hash)).status, 401);
    let bad = send(&events, &events, Some("nonsense"));
    assert!(bad.detail().contains("x-subspace-body"), "{bad:?}");
}

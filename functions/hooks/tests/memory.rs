//! How much memory a body takes while it is parsed: limited, and in proportion to its size.

#![allow(clippy::unwrap_used, reason = "tests may")]

use std::alloc::System;

use cap::Cap;
use hooks::{Call, Source, decoded, read, say};
use http::{HeaderMap, HeaderValue};

#[global_allocator]
static ALLOCATOR: Cap<System> = Cap::new(System, usize::MAX);

const MIB: usize = 1024 * 1024;

/// Parses a body; returns how many bytes were allocated in total.
fn allocated(source: Source, kind: &'static str, body: &[u8]) -> usize {
    let mut headers = HeaderMap::new();
    headers.insert("content-type", HeaderValue::from_static(kind));
    headers.insert("x-github-event", HeaderValue::from_static("push"));
    headers.insert("x-gitea-event", HeaderValue::from_static("push"));
    let call = Call {
        headers: &headers,
        rest: "",
        query: "",
        body,
    };
    let before = ALLOCATOR.total_allocated();
    if let Ok(event) = read(source, &call, None) {
        let _lines = say(&event.lines, false);
    }
    ALLOCATOR.total_allocated() - before
}

/// One test, since the allocator counts for all threads.
#[test]
fn memory_is_bounded_and_grows_with_the_body() {
    let json = "application/json";
    let form = "application/x-www-form-urlencoded";
    let multipart = "multipart/form-data; boundary=b";
    let items = [
        r#"{"":0},"#,
        "[],",
        "0,",
        r#""","#,
        "[[[[0]]]],",
        r#"{"a":{"b":{"c":{}}}},"#,
        r#"{"text":"a\nb\nc"},"#,
        "a=b&",
        "=&",
        "%41&",
        "--b\r\n",
        "\n",
        "\u{fffd}",
        "&amp;",
        "<a|b>",
        "*a* ",
    ];
    let wholes = [
        (json, "[", "0]"),
        (json, "{\"room\":\"a\",\"text\":\"", "\"}"),
        (json, "{\"room\":\"a\",\"blocks\":[", "0]}"),
        (json, "{\"room\":\"a\",\"message\":[", "0]}"),
        (json, "{\"commits\":[", "0]}"),
        (json, "{\"alerts\":[", "0]}"),
        (form, "text=", ""),
        (
            multipart,
            "--b\r\ncontent-disposition: form-data; name=a\r\n\r\n",
            "",
        ),
    ];
    let body = |item: &str, begin: &str, end: &str, size: usize| {
        let times = (size - begin.len() - end.len()) / item.len();
        format!("{begin}{}{end}", item.repeat(times))
    };
    for source in Source::ALL {
        for item in items {
            for (kind, begin, end) in wholes {
                let of = |size| allocated(source, kind, body(item, begin, end, size).as_bytes());
                let (half, whole) = (of(32 * 1024), of(64 * 1024));
                assert!(
                    whole <= 2 * half + half / 4 + 64 * 1024,
                    "{source:?} {kind} {begin}{item}: {half} and then {whole} bytes"
                );
            }
        }
    }
    // The largest bodies: the result, and the overhead of creating it (copies, lists that doubled).
    for source in [Source::GitHub, Source::Slack, Source::Json, Source::Sms] {
        let most = hooks::source::max_body(source);
        for item in [r#"{"":0},"#, "0,", "&amp;", "\n"] {
            for (kind, begin, end) in [wholes[0], wholes[1], wholes[6]] {
                let whole = allocated(source, kind, body(item, begin, end, most).as_bytes());
                assert!(
                    whole <= 48 * MIB + 8 * most,
                    "{source:?} {kind} {begin}{item}: {} MiB",
                    whole / MIB
                );
            }
        }
    }
    // Compressed bodies are never decompressed beyond the limit.
    let bomb = {
        use std::io::Write;
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        for _ in 0..200 {
            encoder.write_all(&vec![b' '; MIB]).unwrap();
        }
        encoder.finish().unwrap()
    };
    let mut headers = HeaderMap::new();
    headers.insert("content-encoding", HeaderValue::from_static("gzip"));
    let before = ALLOCATOR.total_allocated();
    assert!(decoded(&headers, &bomb, MIB).is_err());
    assert!(ALLOCATOR.total_allocated() - before < 8 * MIB);
}

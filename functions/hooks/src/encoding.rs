//! `Content-Encoding` of services' requests (RFC 9110, section 8.4): `gzip` and `deflate`, which a few of them use.

use std::borrow::Cow;
use std::io::Read;

use flate2::read::{MultiGzDecoder, ZlibDecoder};
use http::HeaderMap;
use http::header::CONTENT_ENCODING;

use crate::Unreadable;

/// Returns the decoded body, if it is not longer than `most` bytes; nothing longer is ever in memory.
///
/// # Errors
/// If the encoding is not supported, the body is damaged, or it is too long once decoded.
pub fn decoded<'a>(
    headers: &HeaderMap,
    body: &'a [u8],
    most: usize,
) -> Result<Cow<'a, [u8]>, Unreadable> {
    let mut named = headers.get_all(CONTENT_ENCODING).iter();
    let name = match (named.next(), named.next()) {
        (None, _) => return Ok(Cow::Borrowed(body)),
        (Some(one), None) => String::from_utf8_lossy(one.as_bytes())
            .trim()
            .to_ascii_lowercase(),
        (Some(_), Some(_)) => "several".to_owned(),
    };
    match name.as_str() {
        "" | "identity" => Ok(Cow::Borrowed(body)),
        "gzip" | "x-gzip" => bounded(MultiGzDecoder::new(body), &name, most),
        "deflate" => bounded(ZlibDecoder::new(body), &name, most),
        other => {
            let shown: String = other.chars().filter(|c| !c.is_control()).take(40).collect();
            Err(Unreadable::Encoding(format!(
                "the Content-Encoding \"{shown}\" is not known here; send gzip, deflate or none"
            )))
        }
    }
}

fn bounded(reader: impl Read, name: &str, most: usize) -> Result<Cow<'static, [u8]>, Unreadable> {
    let mut body = Vec::new();
    // One more byte reveals that there is more.
    let limit = u64::try_from(most).unwrap_or(u64::MAX).saturating_add(1);
    let read = reader.take(limit).read_to_end(&mut body);
    if body.len() > most {
        return Err(Unreadable::TooLarge(format!(
            "the body is larger than the {most} bytes that are allowed here once it is unpacked"
        )));
    }
    match read {
        Ok(_) => Ok(Cow::Owned(body)),
        Err(_) => Err(Unreadable::Malformed(format!(
            "the body is not {name}, though its Content-Encoding says so"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::{GzEncoder, ZlibEncoder};

    use super::*;

    fn decode(name: &str, body: &[u8]) -> Result<Vec<u8>, Unreadable> {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_ENCODING, name.parse().unwrap());
        decoded(&headers, body, 1_000_000).map(Cow::into_owned)
    }

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn bodies_are_unpacked_within_bounds() {
        assert_eq!(decode("GZip", &gzip(b"{}")).unwrap(), b"{}");
        assert_eq!(decode("identity", b"{}").unwrap(), b"{}");
        assert_eq!(decoded(&HeaderMap::new(), b"{}", 1).unwrap(), &b"{}"[..]);
        let mut encoder = ZlibEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(b"{}").unwrap();
        assert_eq!(
            decode("deflate", &encoder.finish().unwrap()).unwrap(),
            b"{}"
        );
        assert!(decode("gzip", &gzip(&vec![0; 1_000_000])).is_ok());
        // A thousand times the size of the request.
        let bomb = gzip(&vec![0; 100_000_000]);
        assert!(bomb.len() < 200_000);
        assert!(matches!(
            decode("gzip", &bomb),
            Err(Unreadable::TooLarge(_))
        ));
        for bad in [&b"{}"[..], b"", &gzip(b"{}")[..12]] {
            let refused = decode("gzip", bad);
            assert!(matches!(refused, Err(Unreadable::Malformed(_))), "{bad:?}");
        }
        for name in ["br", "gzip, gzip", "zstd"] {
            let refused = decode(name, b"{}");
            assert!(matches!(refused, Err(Unreadable::Encoding(_))), "{name}");
        }
    }
}

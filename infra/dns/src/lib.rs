//! A name server for tests (RFC 1035, section 4): one question, at most one record in the response.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};

/// An address.
pub const A: u16 = 1;
/// The name of a mail server.
pub const MX: u16 = 15;
/// A text.
pub const TXT: u16 = 16;

/// The data for a name.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Answer {
    /// The name does not exist.
    Unknown,
    /// It exists, but has no record of that type.
    Nothing,
    /// The data of its record; `[0xc0, 12]` in it refers to the requested name.
    Record(Vec<u8>),
}

/// The data of a text record; `None` if it is too long for one string.
#[must_use]
pub fn text(text: &str) -> Option<Vec<u8>> {
    let mut data = vec![u8::try_from(text.len()).ok()?];
    data.extend(text.as_bytes());
    Some(data)
}

/// Answers questions for names, in lower case, and types of records, until the process ends. Returns its address.
///
/// # Errors
/// If there is no free port on loopback.
pub fn serve(answer: impl Fn(&str, u16) -> Answer + Send + 'static) -> io::Result<SocketAddr> {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
    let address = socket.local_addr()?;
    std::thread::spawn(move || {
        let mut buffer = [0; 512];
        while let Ok((length, peer)) = socket.recv_from(&mut buffer) {
            if let Some(out) = buffer.get(..length).and_then(|query| reply(query, &answer)) {
                // The client will repeat its question.
                let _ = socket.send_to(&out, peer);
            }
        }
    });
    Ok(address)
}

fn reply(query: &[u8], answer: impl Fn(&str, u16) -> Answer) -> Option<Vec<u8>> {
    let (mut at, mut labels) = (12, Vec::new());
    loop {
        let length = usize::from(*query.get(at)?);
        at += 1;
        if length == 0 {
            break;
        }
        labels.push(String::from_utf8_lossy(query.get(at..at + length)?).to_lowercase());
        at += length;
    }
    let kind: [u8; 2] = query.get(at..at + 2)?.try_into().ok()?;
    let answer = answer(&labels.join("."), u16::from_be_bytes(kind));
    let (code, data) = match answer {
        Answer::Unknown => (0x83, None),
        Answer::Nothing => (0x80, None),
        Answer::Record(data) => (0x80, Some(data)),
    };
    let mut out = query.get(..2)?.to_vec();
    out.extend([0x81, code, 0, 1, 0, u8::from(data.is_some()), 0, 0, 0, 0]);
    out.extend(query.get(12..at + 4)?);
    if let Some(data) = data {
        out.extend([0xc0, 12, kind[0], kind[1], 0, 1, 0, 0, 0, 60]);
        out.extend(u16::try_from(data.len()).ok()?.to_be_bytes());
        out.extend(data);
    }
    Some(out)
}

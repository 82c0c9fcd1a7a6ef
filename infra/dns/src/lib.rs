//! A name server that tests play (RFC 1035, section 4): one question, at most one record as the answer.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};

/// An address.
pub const A: u16 = 1;
/// The name of a mail server.
pub const MX: u16 = 15;
/// A text.
pub const TXT: u16 = 16;

/// What is known of a name.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Answer {
    /// There is no such name.
    Unknown,
    /// There is, but no record of that kind.
    Nothing,
    /// The data of its record; `[0xc0, 12]` in it is the name that was asked for.
    Record(Vec<u8>),
}

/// The data of a text; none if it is too long for one piece.
#[must_use]
pub fn text(text: &str) -> Option<Vec<u8>> {
    let mut data = vec![u8::try_from(text.len()).ok()?];
    data.extend(text.as_bytes());
    Some(data)
}

/// Answers questions for names, in small letters, and kinds of records, until the process ends. Returns where.
///
/// # Errors
/// There is no port on loopback.
pub fn serve(answer: impl Fn(&str, u16) -> Answer + Send + 'static) -> io::Result<SocketAddr> {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
    let address = socket.local_addr()?;
    std::thread::spawn(move || {
        let mut buffer = [0; 512];
        while let Ok((length, peer)) = socket.recv_from(&mut buffer) {
            if let Some(out) = buffer.get(..length).and_then(|query| reply(query, &answer)) {
                // Whoever asked asks again.
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

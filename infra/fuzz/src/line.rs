//! The line parser: what was formatted stays the same, and no text becomes a second message or parameter.

use irc_codec::{Isupport, LineBuffer, Message, parse_modes, split_text};

use crate::script;

pub(crate) fn run(input: &[u8]) {
    lines_come_out_as_they_went_in(input);
    let mut isupport = Isupport::default();
    for line in script::lines(input) {
        let Ok(text) = std::str::from_utf8(line) else {
            continue;
        };
        for piece in split_text(text, 100) {
            assert!(piece.len() <= 100, "{piece:?}");
        }
        let Ok(message) = Message::parse(text) else {
            continue;
        };
        let formatted = message.to_string();
        assert!(!formatted.contains(['\r', '\n', '\0']), "{formatted:?}");
        // The formatter leaves out what cannot be where it is; what it wrote then stays as it is.
        if let Ok(again) = Message::parse(&formatted) {
            assert_eq!(again.to_string(), formatted);
            assert!(again.params.len() <= message.params.len(), "{formatted:?}");
        }
        if message.command == "005" {
            isupport.apply(message.params.iter().map(String::as_str));
        }
        let changes = parse_modes(&isupport, &message.params);
        assert!(changes.len() <= text.len());
    }
}

/// However the bytes are cut, the same lines come out.
fn lines_come_out_as_they_went_in(input: &[u8]) {
    let Some((&first, rest)) = input.split_first() else {
        return;
    };
    let whole = buffered(rest, rest.len().max(1));
    let cut = buffered(rest, usize::from(first) % 64 + 1);
    assert_eq!(whole, cut);
}

/// The lines that a buffer returns; `None` for one that was too long.
fn buffered(bytes: &[u8], size: usize) -> Vec<Option<Vec<u8>>> {
    let mut buffer = LineBuffer::new(64, 64);
    let mut lines = Vec::new();
    for chunk in bytes.chunks(size) {
        buffer.push(chunk);
        while let Some(line) = buffer.next_line() {
            lines.push(line.ok());
        }
    }
    lines
}

//! Header fields (RFC 5322 section 2.2) and their readable form.

use super::work::look;

/// A field as it is in the mail: folded, with its line ends.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Field<'a> {
    pub(crate) name: &'a [u8],
    pub(crate) value: &'a [u8],
}

impl Field<'_> {
    /// Returns whether it has this name, given in lower case.
    pub(crate) fn is(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name.as_bytes())
    }
}

/// The fields of a header; lines that are not fields are skipped.
pub(crate) fn fields(header: &[u8]) -> impl Iterator<Item = Field<'_>> {
    let mut rest = header;
    std::iter::from_fn(move || {
        loop {
            if rest.is_empty() {
                return None;
            }
            let mut end = 0;
            loop {
                let more = rest.get(end..).unwrap_or_default();
                end += more
                    .iter()
                    .position(|&b| b == b'\n')
                    .map_or(more.len(), |n| n + 1);
                if !matches!(rest.get(end), Some(b' ' | b'\t')) {
                    break;
                }
            }
            look(end);
            let (field, after) = rest.split_at(end);
            rest = after;
            if let Some(colon) = field.iter().position(|&b| b == b':') {
                let (name, value) = field.split_at(colon);
                let name = name.trim_ascii_end();
                if !name.is_empty() && name.iter().all(u8::is_ascii_graphic) {
                    return Some(Field {
                        name,
                        value: value.get(1..).unwrap_or_default(),
                    });
                }
            }
        }
    })
}

//! Removes function names from a WebAssembly module.

use anyhow::{Context, Result, ensure};

/// Magic number and version of a module.
const HEADER: &[u8; 8] = b"\0asm\x01\0\0\0";
/// The id of sections that have no effect at run time.
const CUSTOM: u8 = 0;

/// Returns the module without its section `name`
/// (<https://webassembly.github.io/spec/core/appendix/custom.html#name-section>).
///
/// # Errors
///
/// If it is not a module, or ends too early.
pub(crate) fn without_names(module: &[u8]) -> Result<Vec<u8>> {
    let mut rest = module
        .strip_prefix(HEADER)
        .context("no WebAssembly module")?;
    let mut kept = HEADER.to_vec();
    while let Some((&id, after)) = rest.split_first() {
        let (size, content) = length(after)?;
        ensure!(size <= content.len(), "the module ends within a section");
        let (content, next) = content.split_at(size);
        let is_names = id == CUSTOM
            && length(content).is_ok_and(|(size, name)| name.get(..size) == Some(b"name"));
        if !is_names {
            kept.extend_from_slice(&rest[..rest.len() - next.len()]);
        }
        rest = next;
    }
    Ok(kept)
}

/// Parses an unsigned LEB128 number of at most 32 bits.
fn length(bytes: &[u8]) -> Result<(usize, &[u8])> {
    let mut value = 0;
    for (at, byte) in bytes.iter().take(5).enumerate() {
        value |= usize::from(byte & 0x7f) << (7 * at);
        if byte & 0x80 == 0 {
            return Ok((value, &bytes[at + 1..]));
        }
    }
    anyhow::bail!("the module ends within a number")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_go_and_the_rest_stays() {
        let section = |id: u8, content: &[u8]| {
            [&[id, u8::try_from(content.len()).unwrap()], content].concat()
        };
        let code = section(1, b"\x01\x60\0\0");
        let names = section(CUSTOM, b"\x04name\x01\x02");
        let other = section(CUSTOM, b"\x05other name");
        let module = [HEADER.as_slice(), &code, &names, &other].concat();
        let expected = [HEADER.as_slice(), &code, &other].concat();
        assert_eq!(without_names(&module).unwrap(), expected);
        assert_eq!(without_names(&expected).unwrap(), expected);
        assert!(without_names(b"something else").is_err());
        for end in HEADER.len() + 1..HEADER.len() + code.len() {
            assert!(without_names(&module[..end]).is_err(), "{end}");
        }
    }
}

//! Installs everything that any command needs.

use anyhow::Result;

use crate::install::{CC, LIBC, NODE, NPM, TEST_PEERS, packages};
use crate::places::Places;
use crate::report::say;
use crate::wasm::WasmRust;
use crate::{npm, python, tools};

/// Installs everything that any command needs.
///
/// # Errors
///
/// If something could not be installed.
pub(crate) fn everything(places: &Places) -> Result<()> {
    let mut all = vec![CC, LIBC, NODE, NPM];
    all.extend_from_slice(TEST_PEERS);
    packages(&all)?;
    npm::install_all(places)?;
    npm::unpack_all(places)?;
    WasmRust::find(places)?;
    tools::install_all(places)?;
    python::install_all(places)?;
    say(format_args!("Everything is installed."));
    Ok(())
}

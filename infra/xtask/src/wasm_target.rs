//! Build targets for WebAssembly.

/// A build target.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Target {
    /// A component with WASI, for Spin and wasmtime.
    Wasi,
    /// A module without a system, for Workers.
    Unknown,
}

impl Target {
    /// Returns the target's name.
    pub(crate) const fn triple(self) -> &'static str {
        match self {
            Self::Wasi => "wasm32-wasip2",
            Self::Unknown => "wasm32-unknown-unknown",
        }
    }
}

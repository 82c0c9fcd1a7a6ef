//! The core, driven by messages and a clock that is a variable.

mod allocations;
mod amplification;
mod data;
mod growth;
mod harness;

//! The core, driven by messages and a simulated clock.

mod allocations;
mod amplification;
mod data;
mod growth;
mod harness;

//! The allocator of all programs that link this package.
//!
//! Hashing a password takes 19 MiB, on whichever thread is free. The system's allocator keeps one arena per thread and
//! returns little of it; mimalloc returns unused memory to the system within moments.

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

//! Where all programs that link this package get their memory.
//!
//! A password is hashed in 19 MiB, on whichever thread is free. The system's allocator keeps an arena a thread and gives
//! little of it back; mimalloc returns what is not used to the system within moments.

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

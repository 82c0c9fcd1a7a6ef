//! Everything in one process, and the admin commands.

fn main() {}

//! Set-up, run, test and bench of the whole project.

fn main() {}

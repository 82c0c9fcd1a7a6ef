//! Stands for rustc while cargo builds the fuzzer: the workspace's crates are compiled so that libFuzzer sees which
//! branches an input takes. Dependencies are not, so that they need not be compiled again.

use std::io::Write;
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode};

/// What `cargo fuzz` passes, too, without a sanitizer, which a stable compiler does not have.
const FLAGS: [&str; 6] = [
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "-Cllvm-args=-sanitizer-coverage-trace-compares",
    "-Ccodegen-units=1",
];

fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1);
    let Some(rustc) = arguments.next() else {
        // By hand; cargo always names the compiler.
        return ExitCode::FAILURE;
    };
    let mut command = Command::new(rustc);
    let arguments: Vec<_> = arguments.collect();
    // cargo asks for the compiler's version in the same way.
    if arguments.iter().any(|argument| argument == "--crate-name") {
        command.args(FLAGS);
    }
    let error = command.args(arguments).exec();
    let _ = writeln!(std::io::stderr(), "cannot start rustc: {error}");
    ExitCode::FAILURE
}

//! libFuzzer over the target that the variable `FUZZ_TARGET` names; `cargo xtask fuzz` starts it.

#![no_main]

use std::sync::OnceLock;

use fuzz::Target;

static TARGET: OnceLock<Target> = OnceLock::new();

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    let target = TARGET.get_or_init(|| {
        let name = std::env::var("FUZZ_TARGET").unwrap_or_default();
        match Target::named(&name) {
            Some(target) => target,
            None => panic!("FUZZ_TARGET={name} is no target"),
        }
    });
    target.run(input);
});

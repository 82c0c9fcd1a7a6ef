//! Eight times the text is about eight times the work for what hides secrets, not sixty-four times.

use super::masking::masked;

/// Processor time of this thread, ns: what else the machine does is not in it.
fn spent() -> u64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    text.split(' ').next().unwrap().parse().unwrap()
}

/// The least of a few, since the first one may wait for memory.
fn cost(text: &str) -> u64 {
    let run = |_| {
        let begun = spent();
        std::hint::black_box(masked(std::hint::black_box(text)));
        spent() - begun
    };
    (0..4).map(run).min().unwrap()
}

#[test]
fn eight_times_the_text_is_no_square_of_the_work() {
    const FEW: usize = 2_000;
    for part in [
        "code ",
        "pin 4829a3 ",
        "482913 is ",
        "a",
        "A9",
        ":",
        "=",
        "code:",
        "key=",
        "-code",
        "_",
        "+k ",
        "+kFHJLfjl ",
        "https://",
        "a/",
        "x.test/",
        "@",
        "?",
        "reset/",
        "•",
        "\u{2}",
        " ",
        "  ",
        "is ",
        "for ",
        "ß",
        "İ",
    ] {
        let [one, eight] = [FEW, 8 * FEW].map(|count| cost(&part.repeat(count)));
        // Linear is eight; a square is sixty-four, and seconds. The system counts in steps of some milliseconds.
        assert!(
            eight <= 24 * one + 30_000_000,
            "{part:?}: {one} ns and {eight} ns"
        );
    }
}

//! For eight times as much text, hiding secrets takes about eight times the work, not sixty-four times.

use super::masking::masked;
use super::masking_work::steps_of;

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
        let [one, eight] = [FEW, 8 * FEW].map(|times| {
            let text = part.repeat(times);
            let looked = steps_of(|| drop(masked(&text))).0;
            assert!(looked >= text.len(), "{part:?}: what is there is looked at");
            looked
        });
        assert!(
            eight <= 9 * one,
            "{part:?}: {one} bytes looked at, and {eight}"
        );
    }
}

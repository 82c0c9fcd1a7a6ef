//! Servers that write in place and expose intermediate states; and everything failing at once.

use serde_json::json;

use super::{ARCHIVE, Away, DAY, MORNING, Way, first};

#[test]
fn a_day_that_seems_absent_is_never_overwritten() {
    let away = Away::new();
    away.stored(MORNING, &["1", "2"]);
    let before = away.read(DAY);
    let reads_day = |asked: &str| asked == format!("GET {DAY}");
    // For a moment.
    for times in 1..4 {
        away.script(first(times, reads_day, || Way::Answer(404, None, "")));
        let text = format!("moment {times}");
        away.stored(MORNING, &[&text]);
    }
    assert_eq!(
        away.texts(DAY),
        ["1", "2", "moment 1", "moment 2", "moment 3"]
    );
    // For ever: then nothing is stored, and everything stays as it was.
    let before_ever = away.read(DAY);
    assert_ne!(before, before_ever);
    away.script(move |asked| match reads_day(asked) {
        true => Way::Answer(404, None, ""),
        false => Way::On,
    });
    assert_eq!(away.waits(MORNING, &["late"]), 1);
    let written: Vec<String> = away
        .asked()
        .into_iter()
        .filter(|asked| asked.starts_with("PUT a/2026"))
        .collect();
    assert!(!written.is_empty());
    for put in written {
        assert_eq!(put, format!("PUT {DAY} if-none-match: *"));
    }
    assert_eq!(away.read(DAY), before_ever);
}

#[test]
fn half_a_document_is_looked_at_again_before_it_counts_as_damaged() {
    let away = Away::new();
    away.stored(MORNING, &["1"]);
    let reads = |path: &'static str| move |asked: &str| asked == format!("GET {path}");
    let names = || -> Vec<String> {
        let listed = away.read("a/2026/01/").unwrap();
        listed["items"]
            .as_object()
            .unwrap()
            .keys()
            .cloned()
            .collect()
    };
    away.script(first(2, reads(DAY), || Way::Half));
    away.stored(MORNING, &["2"]);
    assert_eq!(names(), ["10"]);
    // If a server shows nothing else it is believed, and still nothing is overwritten: the write names an old version.
    away.script(first(3, reads(DAY), || Way::Half));
    away.stored(MORNING, &["3"]);
    assert_eq!(names(), ["10", "10.damaged-old"]);
    assert_eq!(away.texts(DAY), ["1", "2", "3"]);
    // `meta`, and the day that a new one is linked to.
    away.script(first(2, reads("a/meta"), || Way::Half));
    away.stored("2026-01-11T10:00:00Z", &["4"]);
    away.script(first(2, reads("a/2026/01/11"), || Way::Half));
    away.stored("2026-01-12T10:00:00Z", &["5"]);
    assert_eq!(names(), ["10", "10.damaged-old", "11", "12"]);
    let listed = away.read("a/").unwrap();
    assert_eq!(listed["items"].as_object().unwrap().len(), 2, "{listed}");
    let next = |day: &str| away.read(day).unwrap()["today"]["next"].clone();
    assert_eq!(next(DAY), "2026/01/11");
    assert_eq!(next("a/2026/01/11"), "2026/01/12");
}

#[test]
fn days_are_linked_although_folders_seem_empty_for_a_moment() {
    const NOTHING: &str = "{\"items\":{}}";
    for (seems, with) in [
        ("GET a/", NOTHING),
        ("GET a/2026/", NOTHING),
        ("GET a/2026/01/", NOTHING),
        ("GET a/2026/01/", ""),
        ("GET a/2026/01/10", ""),
        ("GET a/meta", ""),
    ] {
        let away = Away::new();
        away.stored(MORNING, &["1"]);
        away.script(first(
            2,
            move |asked| asked == seems,
            move || match with {
                "" => Way::Answer(404, None, ""),
                with => Way::Answer(200, None, with),
            },
        ));
        away.stored("2026-01-12T10:00:00Z", &["2"]);
        let today = |day: &str| away.read(day).unwrap()["today"].clone();
        assert_eq!(today(DAY)["next"], "2026/01/12", "{seems}");
        assert_eq!(today("a/2026/01/12")["previous"], "2026/01/10", "{seems}");
        let meta = away.read("a/meta").unwrap();
        assert_eq!(
            (&meta["first"], &meta["last"]),
            (&json!("2026/01/10"), &json!("2026/01/12")),
            "{seems}"
        );
    }
    // A user may remove old days: that is accepted, and no obstacle.
    let away = Away::new();
    away.stored(MORNING, &["1"]);
    let bearer = format!("Bearer {}", away.token);
    let path = format!("{ARCHIVE}{DAY}");
    let removed = away
        .elsewhere
        .request("DELETE", &path, &[("authorization", &bearer)], "");
    assert_eq!(removed.status, 200);
    away.stored("2026-01-12T10:00:00Z", &["2"]);
    assert_eq!(away.texts("a/2026/01/12"), ["2"]);
}

#[test]
fn every_message_is_there_once_whatever_goes_wrong() {
    for seed in 0..8_u64 {
        let away = Away::new();
        let mut random = seed;
        away.script(move |asked| {
            random = random
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            let read = asked.starts_with("GET ");
            match (random >> 33) % 40 {
                0 | 1 => Way::Cut,
                2 | 3 => Way::Lost,
                4 => Way::Answer(503, None, ""),
                5 => Way::Answer(429, Some("3"), ""),
                6 => Way::Answer(429, Some("Thu, 15 Jan 2026 10:05:00 GMT"), ""),
                7 => Way::Answer(507, None, ""),
                8 => Way::Answer(403, None, ""),
                9 if read => Way::Answer(404, None, ""),
                10 if read => Way::Half,
                _ => Way::On,
            }
        });
        let mut expected = Vec::new();
        for n in 0..12 {
            let day = 10 + n / 4;
            let time = format!("2026-01-{day}T10:00:{n:02}Z");
            let text = format!("{n:02}");
            let mut waited = 0;
            loop {
                let receipt = away.send(&time, &[&text]);
                let Some(waiting) = receipt.get("waiting") else {
                    break;
                };
                let told = away.state();
                let reason = waiting[0]["reason"].as_str().unwrap();
                if told["state"] == "ok" {
                    assert!(reason.contains("retried"), "seed {seed}: {reason}");
                } else {
                    assert_eq!(told["reason"], reason, "seed {seed}");
                }
                away.advance(waiting[0]["retry_after"].as_u64().unwrap());
                waited += 1;
                assert!(waited < 200, "seed {seed}: it waits for ever: {told}");
            }
            assert_eq!(away.state()["state"], "ok", "seed {seed}");
            expected.push((day, text));
        }
        for day in 10..13 {
            let expected = expected.iter().filter(|(on, _)| *on == day);
            let expected: Vec<&String> = expected.map(|(_, text)| text).collect();
            let found = away.texts(&format!("a/2026/01/{day}"));
            assert_eq!(found.iter().collect::<Vec<_>>(), expected, "seed {seed}");
        }
        let middle = away.read("a/2026/01/11").unwrap();
        assert_eq!(middle["today"]["previous"], "2026/01/10", "seed {seed}");
        assert_eq!(middle["today"]["next"], "2026/01/12", "seed {seed}");
    }
}

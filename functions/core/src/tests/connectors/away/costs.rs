//! The cost of archives on an external server.

use super::*;

/// The cost of the days of one channel: requests, and the longest document written, in bytes.
fn talk(commits: usize) -> (Vec<usize>, usize) {
    let away = Away::new();
    let longest = |away: &Away| {
        let day = away.read(DAY).unwrap_or_default();
        serde_json::to_vec(&day).unwrap().len()
    };
    let mut requests = Vec::new();
    for number in 0..commits {
        let texts: Vec<String> = (0..20).map(|n| format!("{number}.{n}")).collect();
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        away.log.lock().unwrap().clear();
        away.send(MORNING, &texts);
        requests.push(away.asked().len());
    }
    (requests, longest(&away))
}

/// A day is read and written, however long it is. No server offers appending to a document, so all its bytes go over
/// the wire once per publication: at most once a minute, which is how long its readers wait.
#[test]
fn a_publication_costs_two_requests_however_long_the_day_is() {
    let ((once, short), (twice, long)) = (talk(20), talk(40));
    assert!(once[1..].iter().all(|&count| count == 2), "{once:?}");
    assert!(twice[1..].iter().all(|&count| count == 2), "{twice:?}");
    // The first time, the server is searched, the day is linked, and `meta` is created.
    assert_eq!(once[0], twice[0]);
    assert_eq!(once[0], 20, "{once:?}");
    assert!(long <= 2 * short + short / 10, "{short}, then {long}");
}

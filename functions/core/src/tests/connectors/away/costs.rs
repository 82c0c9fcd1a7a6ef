//! What archives at another server cost.

use super::*;

/// What the days of one channel cost there: requests, and the longest document that was written, in bytes.
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

/// A day is read and written, whatever was said before. Nobody offers to append to a document, so that its bytes go over
/// the wire once a publication: at most once a minute, which is what its readers wait for.
#[test]
fn a_publication_costs_two_requests_however_long_the_day_is() {
    let ((once, short), (twice, long)) = (talk(20), talk(40));
    assert!(once[1..].iter().all(|&count| count == 2), "{once:?}");
    assert!(twice[1..].iter().all(|&count| count == 2), "{twice:?}");
    // At the first the server is asked what there is, the day is linked, and `meta` made.
    assert_eq!(once[0], twice[0]);
    assert_eq!(once[0], 20, "{once:?}");
    assert!(long <= 2 * short + short / 10, "{short}, then {long}");
}

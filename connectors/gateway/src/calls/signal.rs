//! What a participant sends another: read into a closed type and written anew from it, so that nothing passes that is not
//! looked at and bounded. It is that of our client; see `SOCKETHUB.md`.

use protocol::{IceCandidate, SignalData};
use serde::Deserialize;
use serde_json::Value;

use crate::work::look;

/// Candidates per signal.
const MAX_CANDIDATES: usize = 64;
/// Bytes per candidate.
const MAX_CANDIDATE: usize = 1_024;
/// Bytes of a media line's name, and of a user name fragment (RFC 8839, section 5.4: at most 256 characters).
const MAX_NAME: usize = 256;
/// Media lines per description: each costs the receiver an encoder and a decoder. We need three.
const MAX_MEDIA_LINES: usize = 8;
/// Candidates within a description: a description that is sent again contains all candidates found since.
const MAX_CANDIDATE_LINES: usize = 256;

/// Reads a signal.
///
/// # Errors
/// What is said to whoever sent it, and is put out for it.
pub(super) fn read(data: &Value) -> Result<SignalData, &'static str> {
    let signal = SignalData::deserialize(data).map_err(|_| "a signal had an unknown form")?;
    if let Some(description) = &signal.description {
        if lines(&description.sdp, "m=") > MAX_MEDIA_LINES {
            return Err("a description had more than 8 media lines");
        }
        if lines(&description.sdp, "a=candidate:") > MAX_CANDIDATE_LINES {
            return Err("a description had more than 256 candidates");
        }
    }
    let candidates = signal.candidates.as_deref().unwrap_or_default();
    if candidates.len() > MAX_CANDIDATES {
        return Err("a signal had more than 64 candidates");
    }
    if !candidates.iter().all(is_bounded) {
        return Err("a candidate was too long, or more than one line");
    }
    Ok(signal)
}

fn is_bounded(candidate: &IceCandidate) -> bool {
    let fits = |text: &str, most| {
        look(text.len().min(most));
        text.len() <= most && !text.contains(char::is_control)
    };
    let names = [&candidate.sdp_mid, &candidate.username_fragment];
    fits(&candidate.candidate, MAX_CANDIDATE)
        && names.into_iter().flatten().all(|name| fits(name, MAX_NAME))
}

/// Counts lines of a session description (RFC 8866, section 5); browsers also accept bare line feeds and carriage
/// returns.
fn lines(sdp: &str, start: &str) -> usize {
    look(sdp.len());
    let lines = sdp.split(['\r', '\n']);
    lines.filter(|line| line.starts_with(start)).count()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn offer(line: &str, times: usize) -> Value {
        let sdp = format!("v=0\r\n{}", format!("{line}\r\n").repeat(times));
        json!({"description": {"type": "offer", "sdp": sdp}})
    }

    fn read(data: &Value) -> Result<Value, &'static str> {
        super::read(data).map(|signal| serde_json::to_value(signal).unwrap())
    }

    #[test]
    fn what_our_client_sends_passes_as_it_is() {
        let candidate = json!({
            "candidate": "candidate:1 1 udp 2122260223 192.0.2.1 61665 typ host",
            "sdpMid": "0", "sdpMLineIndex": 0, "usernameFragment": "EsAw",
        });
        for data in [
            json!({}),
            json!({"description": {"type": "offer", "sdp": "v=0\r\n"}, "round": 1}),
            json!({"description": {"type": "answer", "sdp": "v=0\r\n"}, "round": 1}),
            json!({"candidates": [candidate, {"candidate": ""}]}),
            json!({"restart": true, "round": 7}),
        ] {
            assert_eq!(read(&data), Ok(data));
        }
        // `RTCIceCandidate.toJSON` writes missing members like this.
        let empty = json!({"candidate": "", "sdpMid": null, "sdpMLineIndex": null, "usernameFragment": null});
        let left = json!({"candidates": [{"candidate": ""}]});
        assert_eq!(read(&json!({"candidates": [empty]})), Ok(left));
    }

    #[test]
    fn nothing_passes_under_another_key() {
        let sdp = "m=video 9 X 96\r\n".repeat(MAX_MEDIA_LINES + 1);
        for data in [
            json!({"description": {"nested": {"sdp": sdp}}}),
            json!({"description": {"type": "offer", "sdp": "", "nested": {"sdp": sdp}}}),
            json!({"description": {"type": "offer", "sdp": {"sdp": sdp}}}),
            json!({"description": {"type": "rollback", "sdp": ""}}),
            json!({"description": [{"type": "offer", "sdp": sdp}]}),
            json!({"descriptions": [{"type": "offer", "sdp": sdp}]}),
            json!({"candidate": {"candidate": ""}}),
            json!({"candidates": {"candidates": []}}),
            json!({"candidates": [{"candidate": "", "candidates": []}]}),
            json!({"candidates": [[{"candidate": ""}]]}),
            json!({"candidates": [{}]}),
            json!({"round": "1"}),
            json!({"restart": {"sdp": sdp}}),
            json!([]),
            json!("x"),
            json!(null),
        ] {
            assert_eq!(read(&data), Err("a signal had an unknown form"), "{data}");
        }
    }

    #[test]
    fn twice_the_signal_is_twice_the_work() {
        let steps = |data: &Value| crate::work::steps_of(|| drop(super::read(data))).0;
        for line in ["m=video 9 X 96", "a=candidate:1", "a=x", "", "\n", "m="] {
            let (one, two) = (steps(&offer(line, 2_000)), steps(&offer(line, 4_000)));
            assert!(one >= 2_000 && two <= 2 * one, "{line:?}: {one} and {two}");
        }
        let candidates = |n| {
            let candidate = json!({"candidate": "x".repeat(MAX_CANDIDATE)});
            steps(&json!({"candidates": vec![candidate; n]}))
        };
        // If there are too many, none is examined.
        assert_eq!(candidates(MAX_CANDIDATES), MAX_CANDIDATES * MAX_CANDIDATE);
        assert_eq!(candidates(MAX_CANDIDATES + 1), 0);
    }

    #[test]
    fn all_parts_are_bounded() {
        let media = |times| read(&offer("m=video 9 X 96", times));
        assert!(media(MAX_MEDIA_LINES).is_ok());
        assert!(media(MAX_MEDIA_LINES + 1).is_err());
        let ways = |times| read(&offer("a=candidate:1 1 udp 1 192.0.2.1 9 typ host", times));
        assert!(ways(MAX_CANDIDATE_LINES).is_ok());
        assert!(ways(MAX_CANDIDATE_LINES + 1).is_err());
        let candidates = |n| read(&json!({"candidates": vec![json!({"candidate": "x"}); n]}));
        assert!(candidates(MAX_CANDIDATES).is_ok());
        assert!(candidates(MAX_CANDIDATES + 1).is_err());
        let one = |key: &str, text: &str| {
            let mut candidate = json!({"candidate": ""});
            candidate[key] = json!(text);
            read(&json!({"candidates": [candidate]}))
        };
        for (key, most) in [
            ("candidate", MAX_CANDIDATE),
            ("sdpMid", MAX_NAME),
            ("usernameFragment", MAX_NAME),
        ] {
            assert!(one(key, &"x".repeat(most)).is_ok(), "{key}");
            assert!(one(key, &"x".repeat(most + 1)).is_err(), "{key}");
            assert!(one(key, "x\r\nm=video 9 X 96").is_err(), "{key}");
        }
    }
}

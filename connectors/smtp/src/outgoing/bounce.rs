//! Bounces (RFC 3461, RFC 3464): each mail has a return path of its own, so a report only needs to say that delivery
//! failed permanently.

use super::transport::enhanced;
use crate::mime::work::look;
use crate::mime::{Kind, Tree, decode};

/// Maximum length of a reason, in characters.
const MAX_REASON: usize = 300;
/// Maximum length of a report that is examined, in bytes.
const MAX_REPORT: usize = 256 * 1024;

/// Returns why a mail could not be delivered, if `bytes` is a report that says so. Reports of delays and automatic
/// replies are not.
pub(crate) fn failure(bytes: &[u8]) -> Option<String> {
    let tree = Tree::of(bytes).ok()?;
    let is_inner = |index: Option<usize>| {
        index
            .and_then(|index| tree.parts.get(index))
            .is_some_and(|parent| parent.kind == Kind::Message)
    };
    tree.parts.iter().find_map(|part| {
        let kind = part.content.value.strip_prefix("message/")?;
        if !kind.ends_with("delivery-status") || is_inner(part.parent) {
            return None;
        }
        let raw = tree.body(part);
        let raw = raw.get(..MAX_REPORT).unwrap_or(raw);
        look(raw.len());
        let text = String::from_utf8_lossy(&decode(raw, &part.encoding)).into_owned();
        // The first block is about the report itself.
        let blocks = text.replace("\r\n", "\n");
        blocks.split("\n\n").find_map(failed)
    })
}

/// The reason in a block about a recipient, if delivery failed permanently.
fn failed(block: &str) -> Option<String> {
    let field = |name: &str| {
        look(block.len());
        let mut lines = block.lines().skip_while(|line| {
            !line
                .split_once(':')
                .is_some_and(|(key, _)| key.trim().eq_ignore_ascii_case(name))
        });
        let mut text = lines.next()?.split_once(':')?.1.trim().to_owned();
        for line in lines.take_while(|line| line.starts_with([' ', '\t'])) {
            text.push(' ');
            text.push_str(line.trim());
        }
        Some(text)
    };
    let action = field("Action")?;
    let status = field("Status")?;
    if !action.eq_ignore_ascii_case("failed") {
        return None;
    }
    enhanced(&status)?;
    let said = field("Diagnostic-Code").unwrap_or(status);
    let said = said.split_once(';').map_or(said.as_str(), |(_, said)| said);
    Some(
        said.trim()
            .chars()
            .filter(|c| !c.is_control())
            .take(MAX_REASON)
            .collect(),
    )
}

#[cfg(test)]
mod tests {
    use super::failure;
    use crate::mime::work::steps_of;

    fn report(action: &str, status: &str) -> String {
        // The form in RFC 3464, appendix D.
        format!(
            "Date: Thu, 7 Jul 1994 17:16:05 -0400\r\nFrom: <MAILER-DAEMON@CS.UTK.EDU>\r\nTo: <owner@ns1.cs.utk.edu>\r\n\
             MIME-Version: 1.0\r\nContent-Type: multipart/report; report-type=delivery-status;\r\n\tboundary=\"x\"\r\n\r\n\
             --x\r\n\r\nThe original message was received.\r\n\r\n\
             --x\r\ncontent-type: message/delivery-status\r\n\r\nReporting-MTA: dns; cs.utk.edu\r\n\r\n\
             Original-Recipient: rfc822;louisl@larry.slip.umd.edu\r\nFinal-Recipient: rfc822;louisl@larry.slip.umd.edu\r\n\
             Action: {action}\r\nStatus: {status}\r\nDiagnostic-Code: smtp; 550\r\n no such user\r\n\
             Last-Attempt-Date: Thu, 7 Jul 1994 17:15:49 -0400\r\n\r\n\
             --x\r\ncontent-type: message/rfc822\r\n\r\nSubject: x\r\n\r\nbody\r\n--x--\r\n"
        )
    }

    #[test]
    fn twice_the_report_is_twice_the_work() {
        let report = |more: &str| {
            format!(
                "Content-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; x\r\n\r\n{more}"
            )
        };
        let parts = |more: &str| {
            format!("Content-Type: multipart/report; boundary=x\r\n\r\n{more}\r\n--x--\r\n")
        };
        for unit in [
            "Action: failed\r\n",
            "Action: failed\r\n\r\n",
            "Status: 5.1.1\r\n\r\n",
            "Action: failed\r\nStatus: 4.0.0\r\n\r\n",
            "Action:\r\n failed\r\n",
            "Action: failed\r\nStatus: 5\r\n a\r\n",
            "\r\n",
            "\n\n",
            " ",
            ":",
            "=",
        ] {
            let steps =
                |times: usize| steps_of(|| drop(failure(report(&unit.repeat(times)).as_bytes()))).0;
            let (one, two) = (steps(2_000), steps(4_000));
            assert!(two <= 2 * one + 1_000, "{unit:?}: {one} and {two}");
        }
        let unit = "--x\r\nContent-Type: message/delivery-status\r\n\r\nAction: x\r\n\r\n";
        let steps =
            |times: usize| steps_of(|| drop(failure(parts(&unit.repeat(times)).as_bytes()))).0;
        let (one, two) = (steps(300), steps(600));
        assert!(two <= 2 * one + 1_000, "{one} and {two}");
    }

    #[test]
    fn only_a_failure_for_good_is_one() {
        assert_eq!(
            failure(report("failed", "5.1.1").as_bytes()).unwrap(),
            "550 no such user"
        );
        for (action, status) in [
            ("delayed", "4.0.0"),
            ("failed", "4.4.7"),
            ("delivered", "2.0.0"),
            ("relayed", "5.1.1"),
        ] {
            assert_eq!(
                failure(report(action, status).as_bytes()),
                None,
                "{action} {status}"
            );
        }
        let holiday = "From: a@b\r\nSubject: away\r\nAuto-Submitted: auto-replied\r\n\r\nAction: failed\r\nStatus: 5.1.1\r\n";
        assert_eq!(failure(holiday.as_bytes()), None);
        assert_eq!(failure(b""), None);
    }
}

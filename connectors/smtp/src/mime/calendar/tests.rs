//! Invitations as calendars send them.

use super::super::read;
use super::*;

fn calendar(method: &str, event: &str) -> String {
    format!(
        "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//x//EN\r\n{method}BEGIN:VTIMEZONE\r\nTZID:Europe/Berlin\r\n\
         BEGIN:STANDARD\r\nDTSTART:19701025T030000\r\nEND:STANDARD\r\nEND:VTIMEZONE\r\n\
         BEGIN:VEVENT\r\nUID:1\r\n{event}\
         BEGIN:VALARM\r\nSUMMARY:Reminder\r\nDURATION:PT5M\r\nEND:VALARM\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
    )
}

#[test]
fn invitations_changes_and_answers() {
    let when = "DTSTART;TZID=Europe/Berlin:20260604T150000\r\nDTEND;TZID=Europe/Berlin:20260604T160000\r\n";
    let ann = "ATTENDEE;CN=\"Example, Ann: team\";PARTSTAT=ACCEPTED:mailto:ann@example.org\r\n";
    for (method, event, said) in [
        (
            "METHOD:REQUEST\r\n",
            format!(
                "{when}{ann}SUMMARY:Weekly\\, all\r\n  of us\\nhere\r\nLOCATION;LANGUAGE=en:Room 5\r\nRRULE:FREQ=WEEKLY;BYDAY=TH\r\n"
            ),
            Some(
                "Invitation: Weekly, all of us here, Thu 4 Jun 2026 15:00–16:00 (Europe/Berlin), weekly, Room 5",
            ),
        ),
        (
            "METHOD:REQUEST\r\n",
            format!("{when}SUMMARY:Lunch\r\nSEQUENCE:2\r\nRECURRENCE-ID:20260604T150000Z\r\n"),
            Some("Changed invitation: Lunch, Thu 4 Jun 2026 15:00–16:00 (Europe/Berlin)"),
        ),
        (
            "METHOD:CANCEL\r\n",
            "SUMMARY:Lunch\r\nDTSTART:20260604T130000Z\r\nDURATION:PT45M\r\nSTATUS:CANCELLED\r\n"
                .to_owned(),
            Some("Cancelled: Lunch, Thu 4 Jun 2026 13:00–13:45 (UTC)"),
        ),
        (
            "METHOD:REPLY\r\n",
            format!("{when}{ann}SUMMARY:Lunch\r\n"),
            Some("Example, Ann: team accepted: Lunch, Thu 4 Jun 2026 15:00–16:00 (Europe/Berlin)"),
        ),
        (
            "METHOD:REPLY\r\n",
            "ATTENDEE;PARTSTAT=TENTATIVE:mailto:bob@example.org\r\nDTSTART;VALUE=DATE:20260604\r\n"
                .to_owned(),
            Some("bob@example.org may come to: (no title), Thu 4 Jun 2026 (all day)"),
        ),
        ("METHOD:REFRESH\r\n", "SUMMARY:Lunch\r\n".to_owned(), None),
        ("", format!("{when}SUMMARY:Lunch\r\n"), None),
        (
            "METHOD:REQUEST\r\n",
            "DTSTART:nonsense\r\n".to_owned(),
            Some("Invitation: (no title)"),
        ),
    ] {
        assert_eq!(
            say(&calendar(method, &event), "").as_deref(),
            said,
            "{event}"
        );
    }
    // The method of the part is as good as that of the calendar.
    assert_eq!(
        say(&calendar("", "SUMMARY:Lunch\r\n"), "request").as_deref(),
        Some("Invitation: Lunch")
    );
    for nothing in [
        "",
        "x",
        "BEGIN:VCALENDAR\r\nMETHOD:REQUEST\r\nEND:VCALENDAR\r\n",
    ] {
        assert_eq!(say(nothing, "REQUEST"), None, "{nothing}");
    }
}

#[test]
fn an_invitation_stands_before_the_text_of_its_mail() {
    let calendar = calendar(
        "METHOD:REQUEST\r\n",
        "SUMMARY:Lunch\r\nDTSTART:20260604T130000Z\r\nLOCATION:Room 5\r\n",
    );
    let said = "Invitation: Lunch, Thu 4 Jun 2026 13:00 (UTC), Room 5";
    let alternative = |text: &str| {
        format!(
            "Content-Type: multipart/alternative; boundary=x\r\n\r\n--x\r\nContent-Type: text/plain\r\n\r\n{text}\r\n\
             --x\r\nContent-Type: text/calendar; method=REQUEST; charset=utf-8\r\n\r\n{calendar}\r\n--x--\r\n"
        )
    };
    let content = read(alternative("Do come.").as_bytes()).unwrap();
    assert_eq!(content.text, format!("{said}\n\nDo come."));
    assert_eq!(content.files[0].0.name, "invite.ics");
    let content = read(alternative("").as_bytes()).unwrap();
    assert_eq!(content.text, said);
    let alone = format!("Content-Type: text/calendar; method=REQUEST\r\n\r\n{calendar}");
    assert_eq!(read(alone.as_bytes()).unwrap().text, said);
    // That of a mail in the mail is not its own.
    let forwarded = format!(
        "Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n\r\nSee below.\r\n--x\r\n\
         Content-Type: message/rfc822\r\n\r\n{alone}\r\n--x--\r\n"
    );
    assert_eq!(read(forwarded.as_bytes()).unwrap().text, "See below.");
}

#[test]
fn what_an_invitation_says_is_bounded() {
    let long = "x".repeat(100_000);
    let event = format!(
        "SUMMARY:{long}\r\nLOCATION:{long}\r\nDTSTART;TZID={long}:20260604T130000\r\nDTEND;TZID=\"{long}y\":20260604T140000\r\n"
    );
    let said = say(&calendar("METHOD:REQUEST\r\n", &event), "").unwrap();
    assert!(said.chars().count() < 300, "{}", said.len());
}

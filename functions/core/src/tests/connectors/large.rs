//! Days that would take more memory than is read of any.

use super::*;

#[test]
fn a_day_that_would_take_too_much_memory_goes_on_in_another_document() {
    let s = setup();
    let many = r#"{"":0},"#.repeat(1_000_000);
    let day = format!(r#"{{"today":{{"messages":[{many}{{}}]}}}}"#);
    let path = "chat-messages/irc.example/channels/a/2026/01/10";
    let put = s.storage("PUT", path, &day);
    assert_eq!(put.status, 201, "{put:?}");
    let one = message("alice", "1", "#a", "2026-01-10T23:59:59Z", "one");
    send(&s.functions, &[one]);
    assert!(s.storage("GET", path, "").body == day, "it is left alone");
    assert_eq!(s.day("a/2026/01/10-2").today.messages.len(), 1);
}

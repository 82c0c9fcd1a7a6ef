//! Services that send to a hook of no kind of theirs, and repeat what was not answered in time.

use serde_json::json;

use super::setup;

#[test]
fn what_amazon_and_jira_repeat_is_said_once() {
    let s = setup();
    let (hook, path) = s.hook("json", json!({}));
    for header in ["x-amz-sns-message-id", "x-atlassian-webhook-identifier"] {
        for id in ["1", "1", "2"] {
            // Amazon calls its JSON plain text.
            let headers = [("content-type", "text/plain; charset=UTF-8"), (header, id)];
            let body = r#"{"title":"Disk full"}"#.to_owned();
            let reply = s.f.request("POST", &path, &headers, body);
            assert_eq!(reply.status, 200, "{reply:?}");
        }
    }
    assert_eq!(s.deliveries(&hook).len(), 4);
    assert_eq!(s.outbox().len(), 4);
}

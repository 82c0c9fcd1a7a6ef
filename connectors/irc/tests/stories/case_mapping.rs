//! Names are compared as the server announces.

use crate::common::{Story, assignment};

#[test]
fn rfc1459_folds_brackets_and_ascii_does_not() {
    for (mapping, same) in [("rfc1459", true), ("ascii", false)] {
        let tokens = format!("CASEMAPPING={mapping} CHANTYPES=#");
        let mut story = Story::online(assignment(), "", &tokens);
        story.join("#Team[x]", "alice bob[1]");
        story.server(":BOB{1}!b@h PART #team{X} :bye");
        assert_eq!(!story.activities().is_empty(), same, "{mapping}");
        if same {
            let (activity, _, records) = story.only();
            // The room is spelled as the server first spelled it.
            assert_eq!(activity.target.as_ref().unwrap().id, "#Team[x]@irc.test");
            assert_eq!(records.len(), 1);
        }
        story.outputs.clear();
        let request = story.say("#TEAM[X]", "hello");
        assert!(story.answer(request).unwrap().is_ok());
    }
}

#[test]
fn the_mapping_may_come_after_names_are_known() {
    let mut story = Story::online(assignment(), "", "CHANTYPES=#");
    story.join("#t{}", "alice");
    story.server(":irc.test 005 alice CASEMAPPING=ascii :are supported");
    // The gateway and the client compare names too.
    let (state, ..) = story.only();
    assert_eq!(
        state.object.as_ref().unwrap().to_value()["casemapping"],
        "ascii"
    );
    story.outputs.clear();
    story.server(":bob!b@h JOIN #t{}");
    assert_eq!(story.only().0.kind, "join");
    story.outputs.clear();
    story.server(":bob!b@h PART #t[]");
    assert!(story.activities().is_empty());
}

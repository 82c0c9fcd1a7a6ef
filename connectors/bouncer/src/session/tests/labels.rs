//! Answers to labeled lines.

use super::*;

#[test]
fn answers_have_the_label_of_the_line() {
    let mut story = Story::in_room("labeled-response batch echo-message standard-replies");
    let lines = story.say("@label=a PING x");
    assert_eq!(lines, ["@label=a :bouncer.test PONG bouncer.test x"]);
    assert_eq!(story.say("@label=b PONG x"), ["@label=b :bouncer.test ACK"]);
    let lines = story.say("@label=c WHO #c");
    assert_eq!(
        lines[0],
        "@label=c :bouncer.test BATCH +l3 labeled-response"
    );
    assert!(lines[1].starts_with("@batch=l3 ") && lines[3].starts_with("@batch=l3 "));
    assert_eq!(lines[4], ":bouncer.test BATCH -l3");

    // What the network is asked for is answered later.
    assert!(story.say("@label=d PRIVMSG #c :hi").is_empty());
    assert_eq!(story.say("PING y"), [":bouncer.test PONG bouncer.test y"]);
    let lines = story.answer(|_| {});
    assert_eq!(lines, ["@label=d :alice!alice@irc.test PRIVMSG #c hi"]);
    assert!(story.say("@label=e PRIVMSG #c,bob :hi").is_empty());
    assert!(story.answer(|_| {}).is_empty(), "one of two");
    let lines = story.answer(|one| one.error = Some("No.".to_owned()));
    assert_eq!(lines.len(), 4, "{lines:?}");
    assert!(lines[0].starts_with("@label=e ") && lines[2].ends_with(" 404 alice #c No."));

    // A batch within the answer keeps its own name.
    story.say("@label=f CHATHISTORY LATEST #c * 10");
    let Some(Output::Recall(request, _)) = story.orders.pop() else {
        panic!("{:?}", story.orders);
    };
    let lines = story.take(Input::Recalled(request, vec![said("bob", "#c", "hi")]));
    assert_eq!(lines.len(), 5, "{lines:?}");
    assert!(
        lines[2].starts_with(&format!("@batch=h{request} ")),
        "{lines:?}"
    );
    story.say("@label=g BOUNCER ADDNETWORK host=irc.example.org");
    let lines = story.take(Input::Created(Err("no".to_owned())));
    assert!(
        lines[0].starts_with("@label=g :bouncer.test FAIL BOUNCER"),
        "{lines:?}"
    );
    assert!(story.say("@label=h QUIT")[0].starts_with("ERROR "));
}

#[test]
fn without_the_capability_or_with_a_long_label_there_is_none() {
    let long = format!("@label={} PING x", "l".repeat(65));
    for (caps, line) in [
        ("batch", "@label=a PING x"),
        ("labeled-response", "@label=a PING x"),
        ("labeled-response batch", "@label= PING x"),
        ("labeled-response batch", long.as_str()),
    ] {
        let mut story = Story::in_room(caps);
        assert_eq!(story.say(line), [":bouncer.test PONG bouncer.test x"]);
    }
}

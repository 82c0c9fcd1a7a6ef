//! Clients of the bouncer, irssi, WeeChat and a plain socket, over the real gateway, the IRC platform and our IRC
//! server; only the functions are a stand-in.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use common::{Plain, Space, Terminal, Weechat, wait_for};

#[tokio::test(flavor = "multi_thread")]
async fn a_plain_client_has_its_network_and_keeps_it() {
    let space = Space::start().await;
    let mut bob = Plain::connect(space.irc).await;
    bob.register("bob", "CAP END").await;
    bob.say("JOIN #tea").await;
    bob.expect(" 366 ").await;
    let caps = "server-time message-tags echo-message batch";
    let mut alice = Plain::connect(space.bouncer).await;
    alice.say(&format!("CAP REQ :{caps}")).await;
    alice
        .register("whoever", "PASS alice/Test@laptop:pw-alice")
        .await;
    alice.say("JOIN #tea").await;
    alice.expect(":alice!alice@irc.test JOIN #tea").await;
    let names = alice.expect(" 353 ").await;
    assert!(names.contains("bob") && names.contains("alice"), "{names}");
    alice.say("PRIVMSG #tea :hello").await;
    bob.expect("PRIVMSG #tea :hello").await;
    let echo = alice.expect("PRIVMSG #tea").await;
    assert!(echo.contains("msgid=") && echo.contains("time="), "{echo}");
    bob.say("PRIVMSG #tea :\u{1}ACTION nods\u{1}").await;
    alice
        .expect(":bob!bob@irc.test PRIVMSG #tea :\u{1}ACTION nods\u{1}")
        .await;

    // Another device, which sees what the first one says.
    let mut phone = Plain::connect(space.bouncer).await;
    phone.register("x", "PASS alice@phone:pw-alice").await;
    phone.expect(":alice!alice@irc.test JOIN #tea").await;
    phone.expect(" 366 ").await;
    alice.say("PRIVMSG bob :between us").await;
    phone
        .expect(":alice!alice@irc.test PRIVMSG bob :between us")
        .await;
    bob.expect("PRIVMSG bob :between us").await;

    // The first device goes, and is shown what it missed when it comes back.
    alice.say("QUIT").await;
    alice.ends().await;
    bob.say("PRIVMSG #tea :while you were away").await;
    phone.expect("while you were away").await;
    let mut alice = Plain::connect(space.bouncer).await;
    alice.register("x", "PASS alice/Test@laptop:pw-alice").await;
    let missed = alice.expect("while you were away").await;
    assert!(missed.contains(" PRIVMSG #tea :[20"), "its time: {missed}");
    assert!(!alice.seen("nods"), "seen before");

    // The history, for who asks.
    let mut asks = Plain::connect(space.bouncer).await;
    asks.say("CAP REQ :batch draft/chathistory server-time")
        .await;
    asks.register("x", "PASS alice@tablet:pw-alice").await;
    asks.expect(" 366 ").await;
    asks.say("CHATHISTORY LATEST #tea * 2").await;
    asks.expect("BATCH +").await;
    asks.expect("nods").await;
    asks.expect("while you were away").await;
    asks.expect("BATCH -").await;
    space.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_grant_ends_its_sessions() {
    let space = Space::start().await;
    let mut alice = Plain::connect(space.bouncer).await;
    alice.register("x", "PASS alice:pw-alice").await;
    space.revoke("irc-alice");
    let last = alice.expect("ERROR").await;
    assert!(last.contains("session has ended"), "{last}");
    alice.ends().await;
    let mut alice = Plain::connect(space.bouncer).await;
    alice.say("PASS alice:pw-alice").await;
    alice.say("NICK x").await;
    alice.say("USER x 0 * :x").await;
    alice.expect(" 464 ").await;
    alice.ends().await;
    space.stop().await;
}

/// Connects through a proxy on this machine, from an address of the documentation.
async fn behind_a_proxy(space: &Space, last: u8) -> Plain {
    let mut client = Plain::connect(space.bouncer).await;
    let header = format!("PROXY TCP4 192.0.2.{last} 127.0.0.1 4711 6667");
    client.say(&header).await;
    client
}

#[tokio::test(flavor = "multi_thread")]
async fn strangers_are_few_and_brief() {
    let space = Space::start_with(|config| {
        config.proxies = vec!["127.0.0.1".parse().unwrap()];
        config.limits.strangers_per_address = 2;
        config.limits.registration = std::time::Duration::from_secs(2);
    })
    .await;
    let mut first = behind_a_proxy(&space, 7).await;
    first.say("PING x").await;
    first.expect(" PONG ").await;
    let mut second = behind_a_proxy(&space, 7).await;
    second.say(&"y".repeat(20_000)).await;
    second.expect(" 417 ").await;
    behind_a_proxy(&space, 7).await.ends().await;
    // Others have their own places, and so have members of that address.
    let mut other = behind_a_proxy(&space, 8).await;
    other.register("x", "PASS alice@other:pw-alice").await;
    first.expect("ERROR :Registration timeout").await;
    second.expect("ERROR :Registration timeout").await;
    first.ends().await;
    second.ends().await;
    // Members come in again.
    let mut alice = behind_a_proxy(&space, 7).await;
    alice.register("x", "PASS alice:pw-alice").await;
    space.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn idle_connections_of_this_machine_keep_nobody_out() {
    let space = Space::start().await;
    let mut idle = Vec::new();
    for _ in 0..40 {
        let mut client = Plain::connect(space.bouncer).await;
        client.say("PING x").await;
        client.expect(" PONG ").await;
        idle.push(client);
    }
    let mut alice = Plain::connect(space.bouncer).await;
    alice.register("x", "PASS alice:pw-alice").await;
    space.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_was_just_created_is_there_at_once() {
    let space = Space::start().await;
    space.add("bert", "Test");
    let mut bert = Plain::connect(space.bouncer).await;
    bert.register("x", "PASS bert:pw-bert").await;
    assert!(bert.seen("Welcome to Test"), "an account without any");
    space.add("bert", "Other");
    let mut bert = Plain::connect(space.bouncer).await;
    bert.register("x", "PASS bert/other:pw-bert").await;
    assert!(bert.seen("Welcome to Other"), "one that the account names");
    space.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn irssi_and_weechat_use_one_account() {
    let space = Space::start().await;
    let mut bob = Plain::connect(space.irc).await;
    bob.register("bob", "CAP END").await;
    bob.say("JOIN #tea").await;
    bob.expect(" 366 ").await;
    // WeeChat signs in with SASL PLAIN.
    let weechat = Weechat::start(space.bouncer, "alice/Test@weechat", "pw-alice");
    let log = || weechat.log("irc.team.#tea");
    wait_for("the channel in WeeChat", log, |text| {
        text.contains("2 nicks")
    })
    .await;
    // irssi signs in with PASS.
    let home = tempfile::tempdir().unwrap();
    let mut irssi = Terminal::irssi(home.path(), space.bouncer, "alice@irssi:pw-alice");
    let screen = irssi.screen();
    wait_for("the welcome in irssi", &screen, |text| {
        text.contains("Welcome to Test")
    })
    .await;
    irssi.enter("/window goto #tea");
    irssi.enter("from irssi");
    bob.expect("PRIVMSG #tea :from irssi").await;
    wait_for("irssi's words in WeeChat", log, |text| {
        text.contains("from irssi")
    })
    .await;
    weechat.enter("irc.team.#tea", "from weechat: äöü");
    bob.expect("PRIVMSG #tea :from weechat: äöü").await;
    wait_for("WeeChat's words in irssi", &screen, |text| {
        text.contains("from weechat: äöü")
    })
    .await;
    bob.say("PRIVMSG #tea :from bob").await;
    wait_for("bob's words in irssi", &screen, |text| {
        text.contains("from bob")
    })
    .await;
    wait_for("bob's words in WeeChat", log, |text| {
        text.contains("from bob")
    })
    .await;
    // WeeChat shows its own line once.
    assert_eq!(log().matches("from weechat").count(), 1, "{}", log());
    irssi.enter("/quit");
    space.stop().await;
}

//! When messages are published, and what they wait for.

use super::*;

const AGES: Ages = Ages {
    first: Duration::from_secs(1),
    watched: Duration::from_secs(60),
    longest: Duration::from_secs(300),
    few: Duration::from_secs(1_800),
};

fn name(number: usize) -> AccountName {
    format!("member{number}").parse().unwrap()
}

fn message(account: &AccountName, text: &str) -> Vec<u8> {
    format!(r#"{{"id":"1","account":"{account}","event":"message","message":{{"text":"{text}"}}}}"#)
        .into_bytes()
}

fn change(account: &AccountName) -> Vec<u8> {
    format!(r#"{{"id":"1","account":"{account}","event":"joined","channel":"a"}}"#).into_bytes()
}

/// The result of simulating a channel.
#[derive(Debug, Default)]
struct Run {
    /// Publications per account: each is one commit.
    commits: usize,
    /// The longest time a message waited.
    oldest: Duration,
    /// The most messages of one account waiting at the same time.
    most: usize,
    /// Bytes of daily documents written: each publication writes everything said that day.
    written: usize,
}

/// One message every `every`, to all members, `messages` times; all members' archives are viewed every `looks`
/// messages.
fn run(pending: &mut Pending, members: usize, messages: u32, every: Duration, looks: u32) -> Run {
    // Later than everything before.
    let last = pending.habits.values().filter_map(|habit| habit.published);
    let start = last.max().unwrap_or_else(Instant::now) + every;
    let (mut run, mut number) = (Run::default(), pending.next());
    let mut before = start;
    for round in 0..messages {
        let now = start + every * round;
        publish(pending, before, now, &mut run);
        for member in 0..members {
            pending.add(number, message(&name(member), "hello"), now);
            number += 1;
        }
        if looks > 0 && round % looks == 0 {
            (0..members).for_each(|member| pending.flush(&name(member), now));
        }
        publish(pending, now, now, &mut run);
        before = now;
    }
    publish(pending, before, before + AGES.longest, &mut run);
    run
}

/// Publishes what becomes due until then.
fn publish(pending: &mut Pending, from: Instant, until: Instant, run: &mut Run) {
    let mut now = from;
    while let Some(at) = pending.due(now, false).filter(|at| *at <= until) {
        now = now.max(at);
        for lane in pending.lanes.values() {
            run.most = run.most.max(lane.records.len());
        }
        let batch = pending.batch(now, false, 500, 512 << 10);
        for (account, _) in &batch.messages {
            run.oldest = run.oldest.max(now - pending.lanes[account].since);
        }
        run.commits += batch.messages.len();
        pending.done(&batch, now);
        for (account, _) in &batch.messages {
            run.written += pending.habits[account].bytes;
        }
    }
}

/// A commit costs four requests to the store, and an occasional deletion.
#[test]
fn a_channel_of_ten_costs_a_tenth_of_a_request_a_member_and_message() {
    let mut pending = Pending::new(AGES, 0, 0);
    let second = Duration::from_secs(1);
    let run_of = run(&mut pending, 10, 1_200, second, 0);
    assert!(run_of.commits * 5 * 10 <= 10 * 1_200, "{run_of:?}");
    assert!(
        run_of.oldest <= AGES.longest && run_of.most <= 500,
        "{run_of:?}"
    );
    // Also when viewed; then nothing is older than a minute.
    let watched = run(&mut pending, 10, 1_200, second, 55);
    assert!(watched.commits * 5 * 10 <= 10 * 1_200, "{watched:?}");
    assert!(watched.oldest <= AGES.watched, "{watched:?}");
}

/// As long as the functions tell us about viewers, the bytes written are a small multiple of the bytes said, however
/// many those are; and at any rate of messages, a day is written a few dozen times at most.
#[test]
fn what_is_written_grows_with_what_was_said_and_not_with_its_square() {
    let message = message(&name(0), "hello").len();
    let written = |messages: u32, every: u64| {
        let mut pending = Pending::new(AGES, 0, 0);
        pending.reached = Some(Instant::now() + DAY * 2);
        let run = run(&mut pending, 1, messages, Duration::from_secs(every), 0);
        assert!(run.oldest <= AGES.few, "{run:?}");
        run.written / message
    };
    for every in [1, 3] {
        for messages in [1_000, 2_000, 4_000] {
            let all = written(messages, every);
            assert!(
                all <= 6 * messages as usize,
                "{messages} each {every} s: {all}"
            );
        }
    }
    let day = written(4_320, 20);
    assert!(day <= 4_320 * 30, "{day}");
    // A viewer still gets everything at once.
    let mut pending = Pending::new(AGES, 0, 0);
    pending.is_reached(Instant::now());
    run(&mut pending, 1, 2_000, Duration::from_secs(1), 0);
    let now = pending.habits[&name(0)].published.unwrap();
    pending.add(pending.next(), message_of_one(), now);
    let since = |pending: &Pending| pending.lanes[&name(0)].since;
    let now = since(&pending);
    assert_eq!(pending.due(now, false), Some(now + AGES.few));
    pending.flush(&name(0), now);
    assert!(pending.due(now, false) <= Some(now));
    // If the spool has no room for waiting messages, or nobody would tell us about viewers, the previous rules apply.
    let mut pending = Pending::new(AGES, 0, 0);
    run(&mut pending, 1, 2_000, Duration::from_secs(1), 0);
    let now = pending.habits[&name(0)].published.unwrap();
    pending.add(pending.next(), message_of_one(), now);
    let waits = |pending: &mut Pending| pending.due(now, false).map(|due| due - since(pending));
    assert_eq!(waits(&mut pending), Some(AGES.longest));
    pending.is_reached(now);
    assert_eq!(waits(&mut pending), Some(AGES.few));
    pending.press(true);
    assert_eq!(waits(&mut pending), Some(AGES.longest));
    pending.press(false);
    pending.is_unreachable();
    assert_eq!(waits(&mut pending), Some(AGES.longest));
}

/// A constant reader has everything said until a minute ago, whether the functions reach us or we fetch the request
/// from them.
#[test]
fn nothing_is_older_than_a_minute_for_whoever_looks() {
    for reached in [true, false] {
        let mut pending = Pending::new(AGES, 0, 0);
        pending.is_reached(Instant::now());
        // Before that it may have waited for half an hour.
        run(&mut pending, 1, 2_000, Duration::from_secs(1), 0);
        let now = pending.habits[&name(0)].published.unwrap();
        pending.flush(&name(0), now);
        if !reached {
            pending.is_unreachable();
        }
        let run = run(&mut pending, 1, 2_000, Duration::from_secs(1), 600);
        assert!(run.oldest <= AGES.watched, "{run:?}");
    }
}

fn message_of_one() -> Vec<u8> {
    message(&name(0), "hello")
}

#[test]
fn where_waiting_gathers_nothing_nobody_waits() {
    let mut pending = Pending::new(AGES, 0, 0);
    run(&mut pending, 1, 1_000, Duration::from_secs(1), 0);
    assert!(pending.habits[&name(0)].age > AGES.watched);
    // One message every ten minutes.
    let slow = run(&mut pending, 1, 30, Duration::from_secs(600), 0);
    assert!(slow.commits >= 28, "{slow:?}");
    assert_eq!(pending.habits[&name(0)].age, AGES.first);
}

#[test]
fn many_messages_do_not_wait() {
    let mut pending = Pending::new(AGES, 0, 0);
    run(&mut pending, 1, 600, Duration::from_secs(1), 0);
    let fast = run(&mut pending, 1, 20_000, Duration::from_millis(1), 0);
    assert!(fast.most <= MOST_MESSAGES + 1, "{fast:?}");
    assert!(fast.commits <= 20_000 / 250 * 2, "{fast:?}");
}

#[test]
fn changes_go_at_once_and_the_cursor_stays_behind_what_waits() {
    let (mut pending, now) = (Pending::new(AGES, 7, 0), Instant::now());
    pending.add(7, message(&name(0), "a"), now);
    pending.add(8, change(&name(0)), now);
    pending.add(9, message(&name(1), "b"), now);
    assert_eq!((pending.cursor(), pending.settled()), (7, 8));
    let batch = pending.batch(now, false, 10, 1_000);
    assert_eq!(batch.records, [change(&name(0))]);
    pending.done(&batch, now);
    assert_eq!((pending.cursor(), pending.settled()), (7, 10));
    assert_eq!(pending.due(now, false), Some(now + AGES.first));
    assert_eq!(pending.due(now, true), Some(now));
    // A viewer causes only their own account to be published.
    pending.flush(&name(1), now);
    assert!(pending.has(&name(1), 10) && !pending.has(&name(2), 10));
    let batch = pending.batch(now, false, 10, 1_000);
    assert_eq!(batch.records, [message(&name(1), "b")]);
    pending.done(&batch, now);
    assert!(!pending.has(&name(1), 10) && pending.has(&name(1), 11));
    assert_eq!(pending.cursor(), 7);
    pending.forget(&name(0));
    assert_eq!((pending.cursor(), pending.bytes), (10, 0));
}

#[test]
fn what_an_earlier_run_left_does_not_wait() {
    let (mut pending, now) = (Pending::new(AGES, 3, 4), Instant::now());
    pending.add(3, message(&name(0), "a"), now);
    pending.add(4, message(&name(1), "b"), now);
    let batch = pending.batch(now, false, 10, 1_000);
    assert_eq!(batch.records, [message(&name(0), "a")]);
}

fn accounts(batch: &Batch) -> Vec<(String, usize)> {
    let part = |(account, count): &(AccountName, usize)| (account.to_string(), *count);
    batch.messages.iter().map(part).collect()
}

/// However much one account has, everybody else's messages are in the next batch but one.
#[test]
fn accounts_take_turns_and_whoever_looks_comes_first() {
    let (mut pending, now) = (Pending::new(AGES, 0, 1_000), Instant::now());
    for number in 0..90 {
        pending.add(number, message(&name(0), "flood"), now);
    }
    pending.add(90, message(&name(1), "a"), now);
    pending.add(91, message(&name(2), "b"), now);
    pending.flush(&name(2), now);
    // One who looks does not get ahead with more than a batch.
    pending.flush(&name(0), now);
    let mut order = Vec::new();
    for _ in 0..4 {
        let batch = pending.batch(now, false, 10, 100_000);
        order.push(accounts(&batch));
        pending.done(&batch, now);
        if order.len() == 2 {
            pending.add(pending.next(), message(&name(3), "c"), now);
            pending.flush(&name(3), now);
        }
    }
    let of = |number: usize, count: usize| (name(number).to_string(), count);
    let expected = [
        vec![of(2, 1)],
        vec![of(0, 10)],
        vec![of(3, 1), of(1, 1)],
        vec![of(0, 10)],
    ];
    assert_eq!(order, expected);
}

#[test]
fn changes_of_one_account_leave_room_for_messages_and_for_the_changes_of_others() {
    let (mut pending, now) = (Pending::new(AGES, 0, 1_000), Instant::now());
    for number in 0..50 {
        pending.add(number, change(&name(0)), now);
    }
    pending.add(50, change(&name(1)), now);
    pending.add(51, message(&name(2), "a"), now);
    let batch = pending.batch(now, false, 10, 100_000);
    assert_eq!(batch.changes, [0, 1, 2, 3, 50]);
    assert_eq!(accounts(&batch), [(name(2).to_string(), 1)]);
    pending.done(&batch, now);
    let batch = pending.batch(now, false, 10, 100_000);
    assert_eq!(batch.changes, (4..14).collect::<Vec<_>>());
}

#[test]
fn an_account_with_more_than_its_share_is_named() {
    let (mut pending, now) = (Pending::new(AGES, 0, 0), Instant::now());
    let add = |pending: &mut Pending, account: &AccountName, bytes: usize| {
        let text = "x".repeat(bytes);
        pending.add(pending.next(), message(account, &text), now);
    };
    add(&mut pending, &name(0), SHARE - 1_000);
    assert_eq!(pending.excessive(), None);
    add(&mut pending, &name(1), SHARE);
    assert_eq!(pending.excessive(), Some(name(1)));
    pending.forget(&name(1));
    // If memory is full, less is too much.
    let mut number = 2;
    while !pending.is_full() {
        assert_eq!(pending.excessive(), None);
        add(&mut pending, &name(number), SHARE / 2);
        number += 1;
    }
    assert_eq!(pending.excessive(), Some(name(0)));
    pending.forget(&name(0));
    assert_eq!(pending.excessive(), None);
}

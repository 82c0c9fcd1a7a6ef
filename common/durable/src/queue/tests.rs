//! The circuit breaker, and a queue whose folders could not be created.

use super::*;
use crate::Step;
use crate::faults::{Fault, Plan};

const SUFFIX: &str = ".mail";

fn open(folder: &Path) -> (FolderQueue, Found) {
    FolderQueue::open(Disk::default(), folder, SUFFIX, &[]).unwrap()
}

#[test]
fn what_has_no_end_is_tried_once_more_and_then_put_aside() {
    let folder = tempfile::tempdir().unwrap();
    let at = |path: &str| folder.path().join(path).exists();
    let (queue, _) = open(folder.path());
    for id in ["good", "bad"] {
        fs::write(queue.place(id), id).unwrap();
        queue.begin(id).unwrap();
    }
    assert!(at("trying/bad.1.mail") && !at("queue/bad.mail"));
    queue.end("good").unwrap();
    // The process ends here, and once more.
    let (queue, found) = open(folder.path());
    assert_eq!(found.suspects, ["bad"]);
    assert_eq!(found.waiting, ["good"]);
    queue.begin("bad").unwrap();
    let (queue, found) = open(folder.path());
    assert_eq!(
        (found.suspects.len(), found.broken),
        (0, vec!["bad".to_owned()])
    );
    assert!(at("broken/bad.mail") && queue.broken() == 1);
    let (_, found) = open(folder.path());
    assert!(found.suspects.is_empty() && found.broken.is_empty());
    queue.clean("broken", Duration::ZERO).unwrap();
    assert_eq!(queue.broken(), 0);
}

#[test]
fn an_end_clears_what_was_suspected() {
    let folder = tempfile::tempdir().unwrap();
    let (queue, _) = open(folder.path());
    fs::write(queue.place("a"), "a").unwrap();
    for _ in 0..5 {
        queue.begin("a").unwrap();
        drop(queue.place("a"));
        let (again, _) = open(folder.path());
        again.begin("a").unwrap();
        again.end("a").unwrap();
        queue.forget("a");
    }
    assert_eq!(fs::read(queue.place("a")).unwrap(), b"a");
}

#[test]
fn a_beginning_that_is_not_durable_is_none() {
    let folder = tempfile::tempdir().unwrap();
    let plan = Plan::default();
    let (queue, _) = FolderQueue::open(plan.disk(), folder.path(), SUFFIX, &[]).unwrap();
    queue.keep("a", &[b"head\n", b"body"]).unwrap();
    for step in [Step::Rename, Step::SyncFolder] {
        plan.set(Fault::at(step, io::ErrorKind::Other));
        queue.begin("a").unwrap_err();
        plan.clear();
        assert_eq!(
            queue.read("a", 99).unwrap(),
            (b"head\n".to_vec(), b"body".to_vec())
        );
        let (_, found) = open(folder.path());
        assert_eq!(
            (found.waiting.len(), found.suspects.len()),
            (1, 0),
            "{step:?}"
        );
    }
    queue.begin("a").unwrap();
}

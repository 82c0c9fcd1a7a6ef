//! Mails that end the process while their sender is checked.

use std::path::Path;
use std::time::Duration;

use connector_kit::FunctionsClient;
use durable::Disk;
use durable::contract::copied;
use test_dns::Answer;

use super::*;
use crate::checks::resolver;

const DEADLY: &str = "deadly.example";
/// Longer than any test takes.
const LONG: Duration = Duration::from_secs(600);

/// The inbox of one process, and a receiver that reports when the check of the deadly mail has started, which never
/// ends.
fn process(folder: &Path) -> (Inbox, mpsc::UnboundedReceiver<()>) {
    let (tell, deadly) = mpsc::unbounded_channel();
    let dns = test_dns::serve(move |name, _| {
        if name == DEADLY {
            let _ = tell.send(());
            loop {
                std::thread::park();
            }
        }
        Answer::Unknown
    });
    let client = FunctionsClient::new("http://127.0.0.1:1", "mail", b"key").unwrap();
    let (queue, _) = Queue::open(&folder.join("incoming"), 1 << 20).unwrap();
    let tries = Tries::open(Disk::default(), &folder.join("checking"), MAX_TRIES).unwrap();
    let resolver = resolver(Some(dns.unwrap())).unwrap();
    let inbox = Inbox {
        queue: Arc::new(queue),
        checker: Some(Checker::new(resolver, "mx.example.org".to_owned(), LONG)),
        directory: Arc::new(Directory::new(client, 1_000, None)),
        hostname: "mx.example.org".to_owned(),
        hops: 10,
        arrived: mpsc::unbounded_channel().0,
        outgoing: None,
        workshop: Workshop::new("foreign-mail", 4, LONG),
        checking: Workshop::new("foreign-mail", 4, LONG),
        tries: Arc::new(tries),
    };
    (inbox, deadly)
}

fn mail(domain: &str) -> Mail {
    let from = format!("a@{domain}");
    Mail {
        helo: "client.example".to_owned(),
        protocol: "ESMTP",
        to: vec!["x@mail.example".to_owned()],
        bytes: format!("From: {from}\r\nMessage-ID: <1@{domain}>\r\n\r\nx\r\n").into_bytes(),
        from,
    }
}

#[tokio::test]
async fn a_mail_that_ends_the_process_while_it_is_checked_is_refused_in_the_end() {
    let peer: IpAddr = "192.0.2.1".parse().unwrap();
    let mut folder = tempfile::tempdir().unwrap();
    for tried in 0..MAX_TRIES {
        let (inbox, mut deadly) = process(folder.path());
        // Others are accepted meanwhile.
        let other = inbox.take(mail(&format!("{tried}.example")), peer).await;
        assert!(matches!(other, Verdict::Queued(_)), "{other:?}");
        tokio::select! {
            verdict = inbox.take(mail(DEADLY), peer) => panic!("{verdict:?}"),
            _ = deadly.recv() => {}
        }
        // What a process that ends here leaves behind.
        folder = copied(folder.path());
    }
    let (inbox, mut deadly) = process(folder.path());
    let Verdict::Refused(code, _) = inbox.take(mail(DEADLY), peer).await else {
        panic!("it was taken");
    };
    assert_eq!(code, "554 5.6.0");
    assert!(deadly.try_recv().is_err(), "it is not checked once more");
    let aside = folder.path().join("incoming/broken");
    let aside: Vec<_> = std::fs::read_dir(aside).unwrap().flatten().collect();
    let kept = std::fs::read(aside[0].path()).unwrap();
    assert!(kept.ends_with(&mail(DEADLY).bytes));
    assert_eq!((aside.len(), inbox.queue.broken()), (1, 1));
    // That mail alone, and no other is suspected.
    let other = inbox.take(mail("other.example"), peer).await;
    assert!(matches!(other, Verdict::Queued(_)), "{other:?}");
    let noted = std::fs::read_dir(folder.path().join("checking")).unwrap();
    assert_eq!(noted.count(), 1);
}

/// If it ends the process once more, nothing else is suspected.
#[tokio::test]
async fn a_mail_that_ended_the_process_is_checked_alone() {
    let peer: IpAddr = "192.0.2.1".parse().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (inbox, mut deadly) = process(folder.path());
    tokio::select! {
        verdict = inbox.take(mail(DEADLY), peer) => panic!("{verdict:?}"),
        _ = deadly.recv() => {}
    }
    let folder = copied(folder.path());
    let (mut inbox, mut deadly) = process(folder.path());
    inbox.checking = Workshop::new("foreign-mail", 4, Duration::from_millis(100));
    // It has no end, and keeps all places.
    let verdict = inbox.take(mail(DEADLY), peer).await;
    assert!(
        matches!(verdict, Verdict::Refused("554 5.6.0", _)),
        "{verdict:?}"
    );
    assert!(deadly.recv().await.is_some());
    let other = inbox.take(mail("other.example"), peer).await;
    let Verdict::Refused(code, _) = other else {
        panic!("it is checked beside: {other:?}");
    };
    assert!(code.starts_with("451"), "{code}");
}

#[tokio::test]
async fn a_mail_is_not_checked_that_cannot_be_noted() {
    let folder = tempfile::tempdir().unwrap();
    let (inbox, mut deadly) = process(folder.path());
    // A file in place of the folder.
    std::fs::remove_dir(folder.path().join("checking")).unwrap();
    std::fs::write(folder.path().join("checking"), "").unwrap();
    let verdict = inbox.take(mail(DEADLY), "192.0.2.1".parse().unwrap()).await;
    assert!(
        matches!(verdict, Verdict::Refused("451 4.3.0", _)),
        "{verdict:?}"
    );
    assert!(deadly.try_recv().is_err());
}

//! Ports for programs started by tests that cannot choose one themselves.
//!
//! A port that was free a moment ago may be taken by the next test, or become the local end of a connection, before the
//! program binds it. So these are below the range of ephemeral ports, and no other process that uses this package is
//! given one before this process has ended: each is a locked file.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::net::{Ipv4Addr, TcpListener, UdpSocket};
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU16, Ordering};

use mutex::lock;

/// By default, Linux uses ephemeral ports from 32,768 on.
const FIRST: u16 = 20_000;
const COUNT: u16 = 12_000;

/// Returns ports that belong to this process until it ends, and on which nothing listens on 127.0.0.1, neither with TCP
/// nor with UDP.
///
/// # Errors
///
/// If the lock files cannot be created, or there are not enough ports.
pub fn free_ports<const N: usize>() -> io::Result<[u16; N]> {
    static HELD: Mutex<Vec<File>> = Mutex::new(Vec::new());
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let folder = std::env::temp_dir().join("subspace-test-ports");
    std::fs::create_dir_all(&folder)?;
    // Each process starts at a different port, so that it does not try those that others hold.
    let begin = (std::process::id() % u32::from(COUNT)) as u16;
    let mut numbers = [0; N];
    let mut locks = Vec::with_capacity(N);
    for _ in 0..COUNT {
        let Some(number) = numbers.get_mut(locks.len()) else {
            break;
        };
        let step = NEXT.fetch_add(1, Ordering::Relaxed);
        let port = FIRST + begin.wrapping_mul(31).wrapping_add(step) % COUNT;
        if let Some(lock) = take(&folder, port)? {
            *number = port;
            locks.push(lock);
        }
    }
    if locks.len() < N {
        let text = format!("fewer than {N} of the ports from {FIRST} on are free");
        return Err(io::Error::new(io::ErrorKind::AddrInUse, text));
    }
    let mut held = lock(&HELD);
    held.append(&mut locks);
    Ok(numbers)
}

fn take(folder: &Path, port: u16) -> io::Result<Option<File>> {
    let mut options = OpenOptions::new();
    options.create(true).truncate(false).write(true);
    let file = options.open(folder.join(port.to_string()))?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Ok(None),
        Err(TryLockError::Error(error)) => return Err(error),
    }
    let at = (Ipv4Addr::LOCALHOST, port);
    let free = TcpListener::bind(at).is_ok() && UdpSocket::bind(at).is_ok();
    Ok(free.then_some(file))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests may fail")]
mod tests {
    use super::*;

    #[test]
    fn nobody_else_gets_a_port_that_is_held() {
        let mut all: Vec<_> = (0..50).flat_map(|_| free_ports::<4>().unwrap()).collect();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), 200);
        assert!(all.iter().all(|port| *port >= FIRST && *port < 32_768));
    }

    #[test]
    fn held_ports_are_refused_and_given_back() {
        let folder = tempfile::tempdir().unwrap();
        let [number] = free_ports().unwrap();
        let lock = take(folder.path(), number).unwrap();
        assert!(lock.is_some());
        assert!(take(folder.path(), number).unwrap().is_none());
        drop(lock);
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, number)).unwrap();
        assert!(take(folder.path(), number).unwrap().is_none());
        drop(listener);
        assert!(take(folder.path(), number).unwrap().is_some());
    }
}

//! Datagrams that the system dropped because earlier ones had not been read: queried from Linux on demand, so that
//! the data path does not pay for it.

use std::collections::{HashMap, HashSet};
use std::io::{BufRead as _, BufReader};
use std::path::Path;

/// Linux's tables of UDP sockets in this network namespace; `drops` is the last column.
const TABLES: [&str; 2] = ["/proc/self/net/udp", "/proc/self/net/udp6"];

/// Totals what this process's sockets have dropped, including sockets that are closed by now.
#[derive(Debug, Default)]
pub(super) struct Overflow {
    /// For each open socket, by inode.
    seen: HashMap<u64, u64>,
    total: u64,
}

impl Overflow {
    /// Updates the total; what a socket dropped between the last update and its end is not known.
    pub(super) fn look(&mut self) -> u64 {
        let own = own_sockets();
        let mut now = HashMap::new();
        for table in TABLES {
            // Without IPv6 there is no second table.
            let Ok(file) = std::fs::File::open(table) else {
                continue;
            };
            for line in BufReader::new(file).lines().map_while(Result::ok) {
                if let Some((inode, drops)) = parse(&line)
                    && own.contains(&inode)
                {
                    now.insert(inode, drops);
                }
            }
        }
        self.add(now)
    }

    fn add(&mut self, now: HashMap<u64, u64>) -> u64 {
        for (inode, drops) in &now {
            let before = self.seen.get(inode).copied().unwrap_or(0);
            // An inode may be reused for another socket, which counts from zero.
            self.total += drops.checked_sub(before).unwrap_or(*drops);
        }
        self.seen = now;
        self.total
    }
}

/// Inodes of this process's sockets.
fn own_sockets() -> HashSet<u64> {
    let Ok(folder) = Path::new("/proc/self/fd").read_dir() else {
        return HashSet::new();
    };
    folder
        .filter_map(|entry| {
            let link = std::fs::read_link(entry.ok()?.path()).ok()?;
            let inode = link.to_str()?.strip_prefix("socket:[")?;
            inode.strip_suffix(']')?.parse().ok()
        })
        .collect()
}

/// Inode and drops in a line, proc(5).
fn parse(line: &str) -> Option<(u64, u64)> {
    let mut words = line.split_ascii_whitespace();
    let inode = words.nth(9)?.parse().ok()?;
    let drops = words.nth(2)?.parse().ok()?;
    Some((inode, drops)).filter(|_| words.next().is_none())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_the_system_are_read() {
        let line = "  501: 0100007F:0D96 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 \
                    231447 2 00000000b4f5f3f2 209       ";
        assert_eq!(parse(line), Some((231_447, 209)));
        let head = "   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout \
                    inode ref pointer drops";
        assert_eq!(parse(head), None);
        assert_eq!(parse(""), None);
    }

    #[test]
    fn closed_sockets_stay_counted() {
        let mut overflow = Overflow::default();
        assert_eq!(overflow.add(HashMap::from([(1, 5), (2, 1)])), 6);
        assert_eq!(overflow.add(HashMap::from([(1, 7)])), 8);
        assert_eq!(overflow.add(HashMap::from([(1, 2)])), 10);
    }
}

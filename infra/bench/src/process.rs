//! Servers as processes: started, measured, and reliably stopped.

use std::io::{BufRead, BufReader, Read};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process_group};

/// How long a server may take until it accepts connections.
const START_LIMIT: Duration = Duration::from_secs(30);
const POLL: Duration = Duration::from_millis(20);

/// A server that runs until this value is dropped.
#[derive(Debug)]
pub(crate) struct Server {
    child: Child,
    /// It is a separate process group, in which only processes of this name do the work.
    group: Option<&'static str>,
}

/// A server's usage so far.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Usage {
    /// Processor time, user and system.
    pub(crate) processor: Duration,
    /// Resident memory at the moment, in bytes.
    pub(crate) resident: u64,
}

/// What a server's processes use at the moment.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Memory {
    /// Bytes that are not shared with other processes, including swapped-out ones.
    pub(crate) private: u64,
    /// Open file descriptors.
    pub(crate) descriptors: u64,
}

impl Server {
    /// Starts a server that prints a line beginning with `ready` to standard output.
    ///
    /// # Errors
    ///
    /// If it could not be started, or ended before it was ready.
    pub(crate) fn start_until_line(command: &mut Command, ready: &str) -> Result<(Self, String)> {
        let mut server = Self::start(command.stdout(Stdio::piped()))?;
        let output = server.child.stdout.take().context("no standard output")?;
        let mut reader = BufReader::new(output);
        let mut said = String::new();
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line)? == 0 {
                bail!("a server ended before it was ready: {said}");
            }
            if let Some(rest) = line.trim().strip_prefix(ready) {
                let rest = rest.trim().to_owned();
                // Later output must not block it.
                std::thread::spawn(move || std::io::copy(&mut reader, &mut std::io::sink()));
                return Ok((server, rest));
            }
            said.push_str(&line);
        }
    }

    /// Starts a server and waits until `address` accepts connections.
    ///
    /// # Errors
    ///
    /// If it could not be started, ended, or did not listen in time.
    pub(crate) fn start_until_listening(
        command: &mut Command,
        address: SocketAddr,
    ) -> Result<Self> {
        let mut server = Self::start(command.stdout(Stdio::null()))?;
        let limit = Instant::now() + START_LIMIT;
        while TcpStream::connect(address).is_err() {
            if let Some(status) = server.child.try_wait()? {
                bail!("a server ended before it listened on {address} ({status})");
            }
            if Instant::now() > limit {
                bail!("a server did not listen on {address} in {START_LIMIT:?}");
            }
            std::thread::sleep(POLL);
        }
        Ok(server)
    }

    /// Starts a program with child processes, which are all stopped together, and waits for a line that contains
    /// `ready`. Only processes called `program` are measured.
    ///
    /// # Errors
    ///
    /// Like [`Server::start_until_line`].
    pub(crate) fn start_group(
        command: &mut Command,
        program: &'static str,
        ready: &str,
    ) -> Result<Self> {
        let mut server = Self::start(command.stdout(Stdio::piped()).process_group(0))?;
        server.group = Some(program);
        let output = server.child.stdout.take().context("no standard output")?;
        server.wait_for(output, ready)?;
        Ok(server)
    }

    /// Starts a server that reports on standard error that it is ready.
    ///
    /// # Errors
    ///
    /// Like [`Server::start_until_line`].
    pub(crate) fn start_until_said(command: &mut Command, ready: &str) -> Result<Self> {
        let command = command.stdout(Stdio::null()).stderr(Stdio::piped());
        let mut server = Self::start(command)?;
        let output = server.child.stderr.take().context("no standard error")?;
        server.wait_for(output, ready)?;
        Ok(server)
    }

    fn wait_for(&self, output: impl Read + Send + 'static, ready: &str) -> Result<()> {
        let mut reader = BufReader::new(output);
        let mut said = String::new();
        loop {
            let begin = said.len();
            if reader.read_line(&mut said)? == 0 {
                bail!("a server ended before it was ready: {said}");
            }
            if said[begin..].contains(ready) {
                // Later output must not block it.
                std::thread::spawn(move || std::io::copy(&mut reader, &mut std::io::sink()));
                return Ok(());
            }
        }
    }

    fn start(command: &mut Command) -> Result<Self> {
        let child = command
            .stdin(Stdio::null())
            .spawn()
            .with_context(|| format!("cannot start {}", command.get_program().display()))?;
        Ok(Self { child, group: None })
    }

    /// Returns a meter for the server's usage.
    pub(crate) fn meter(&self) -> Meter {
        Meter {
            pid: self.child.id(),
            group: self.group,
        }
    }

    /// Returns the usage of the server and its worker processes.
    ///
    /// # Errors
    ///
    /// If the server is no longer running.
    pub(crate) fn usage(&self) -> Result<Usage> {
        self.meter().usage()
    }

    /// Returns the memory of the server and its worker processes.
    ///
    /// # Errors
    ///
    /// If the server is no longer running.
    pub(crate) fn memory(&self) -> Result<Memory> {
        let mut memory = Memory::default();
        for pid in self.meter().processes()? {
            if let Some(more) = memory_of(pid) {
                memory.private += more.private;
                memory.descriptors += more.descriptors;
            }
        }
        if memory.private == 0 {
            bail!("a server is gone");
        }
        Ok(memory)
    }
}

/// Measures a server's usage.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Meter {
    pid: u32,
    group: Option<&'static str>,
}

impl Meter {
    /// Returns the usage of the server and its worker processes.
    ///
    /// # Errors
    ///
    /// If the server is no longer running.
    pub(crate) fn usage(self) -> Result<Usage> {
        usage_of(self.pid).context("a server is gone")?;
        let mut usage = Usage {
            processor: Duration::ZERO,
            resident: 0,
        };
        // A process may end while the list is being read.
        for more in self.processes()?.into_iter().filter_map(usage_of) {
            usage.processor += more.processor;
            usage.resident += more.resident;
        }
        Ok(usage)
    }

    /// The processes that do the work: in a group, the process that starts the others does not count.
    fn processes(self) -> Result<Vec<u32>> {
        let mut processes: Vec<u32> = Vec::new();
        if self.group.is_none() {
            processes.push(self.pid);
        }
        for entry in std::fs::read_dir("/proc")? {
            let name = entry?.file_name();
            let Some(pid) = name.to_str().and_then(|name| name.parse().ok()) else {
                continue;
            };
            let belongs = match self.group {
                None => parent_of(pid) == Some(self.pid),
                Some(program) => is_in_group(pid, self.pid, program),
            };
            if belongs {
                processes.push(pid);
            }
        }
        Ok(processes)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if self.group.is_some()
            && let Some(group) = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw)
        {
            let _gone_already = kill_process_group(group, Signal::KILL);
            let _gone_already = self.child.wait();
            return;
        }
        // SIGTERM first, so that a server with workers stops them as well.
        let terminated = Command::new("kill")
            .arg(self.child.id().to_string())
            .status();
        let limit = Instant::now() + Duration::from_secs(5);
        while terminated.is_ok() && Instant::now() < limit {
            if matches!(self.child.try_wait(), Ok(Some(_))) {
                return;
            }
            std::thread::sleep(POLL);
        }
        let _gone_already = self.child.kill();
        let _gone_already = self.child.wait();
    }
}

/// Returns a loopback address that is reserved until this program ends.
///
/// # Errors
///
/// If there is no free port.
pub(crate) fn free_address() -> Result<SocketAddr> {
    let [port] = free_ports::free_ports()?;
    Ok(SocketAddr::from(([127, 0, 0, 1], port)))
}

/// The fields of `/proc/PID/stat` after the name, proc_pid_stat(5).
fn stat(pid: u32) -> Option<Vec<String>> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, fields) = text.rsplit_once(") ")?;
    Some(fields.split(' ').map(str::to_owned).collect())
}

fn is_in_group(pid: u32, group: u32, program: &str) -> bool {
    let name = std::fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
    let group_of = |fields: Vec<String>| fields.get(2)?.parse::<u32>().ok();
    name.trim() == program && stat(pid).and_then(group_of) == Some(group)
}

fn parent_of(pid: u32) -> Option<u32> {
    stat(pid)?.get(1)?.parse().ok()
}

fn usage_of(pid: u32) -> Option<Usage> {
    let fields = stat(pid)?;
    let number = |index: usize| fields.get(index)?.parse::<u64>().ok();
    let ticks = number(11)? + number(12)?;
    let pages = number(21)?;
    let rate = rustix::param::clock_ticks_per_second();
    let page = u64::try_from(rustix::param::page_size()).ok()?;
    Some(Usage {
        processor: Duration::from_millis(ticks * 1000 / rate),
        resident: pages * page,
    })
}

/// From `/proc/PID/smaps_rollup`, proc_pid_smaps(5), and the folder of descriptors.
fn memory_of(pid: u32) -> Option<Memory> {
    let rollup = std::fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).ok()?;
    let private = rollup.lines().filter_map(|line| {
        let (name, size) = line.split_once(':')?;
        let counts = matches!(name, "Private_Clean" | "Private_Dirty" | "SwapPss");
        let size: u64 = size.trim().strip_suffix(" kB")?.parse().ok()?;
        counts.then_some(size * 1024)
    });
    let descriptors = std::fs::read_dir(format!("/proc/{pid}/fd")).ok()?.count();
    Some(Memory {
        private: private.sum(),
        descriptors: u64::try_from(descriptors).ok()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_are_measured_and_stopped() {
        let mut command = Command::new("sh");
        let (server, rest) = Server::start_until_line(
            command.args(["-c", "echo ready now; exec sleep 600"]),
            "ready",
        )
        .unwrap();
        assert_eq!(rest, "now");
        let pid = server.child.id();
        // A process has no pages while exec replaces its program.
        let begun = Instant::now();
        let memory = loop {
            if server.usage().unwrap().resident > 0
                && let Ok(memory) = server.memory()
            {
                break memory;
            }
            assert!(
                begun.elapsed() < Duration::from_secs(10),
                "nothing is measured"
            );
            std::thread::yield_now();
        };
        assert_eq!(parent_of(pid), Some(std::process::id()));
        assert!((1..1 << 30).contains(&memory.private), "{memory:?}");
        assert!((3..100).contains(&memory.descriptors), "{memory:?}");
        drop(server);
        assert!(stat(pid).is_none());
    }
}

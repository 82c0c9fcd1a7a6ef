//! Results of a run, for people.
#![allow(clippy::print_stdout, reason = "the tables are the program's result")]

use crate::load::Operation;
use crate::servers::{DOCUMENTS, Ready};

/// One measurement.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sample {
    /// Correct responses per second.
    pub(crate) rate: f64,
    /// The server's processor time per response, in microseconds.
    pub(crate) processor: f64,
    /// The 99th percentile of the response time, in microseconds.
    pub(crate) p99: f64,
}

/// All measurements of one kind.
#[derive(Debug)]
pub(crate) struct Row {
    /// The operation.
    pub(crate) operation: Operation,
    /// The number of connections.
    pub(crate) connections: usize,
    /// One median per server, in the order of the servers.
    pub(crate) medians: Vec<Sample>,
}

/// Prints one row as soon as it is known.
pub(crate) fn progress(row: &Row, servers: &[Ready]) {
    let rates: Vec<_> = servers
        .iter()
        .zip(&row.medians)
        .map(|(server, sample)| format!("{} {:.0}/s", server.name, sample.rate))
        .collect();
    println!("{}: {}", name(row), rates.join(", "));
}

/// Prints all tables: rates and ratios, processor time, latency, memory.
pub(crate) fn print(servers: &[Ready], rows: &[Row], at_rest: &[u64], resident: &[u64]) {
    println!(
        "\nDocuments of 1 kB, {DOCUMENTS} in the folder. Right answers a second; our ratio to the others:"
    );
    heading(servers, &["to armadietto", "to nginx"]);
    for row in rows {
        let rates: Vec<_> = row.medians.iter().map(|sample| sample.rate).collect();
        let mut cells: Vec<_> = rates.iter().map(|rate| format!("{rate:.0}")).collect();
        let ratio = |other: &f64| format!("{:.2}", rates[0] / other);
        cells.extend(rates[1..].iter().map(ratio));
        line(&name(row), &cells);
    }
    println!("\nProcessor time of the server for one answer, microseconds:");
    heading(servers, &["of armadietto", "of nginx"]);
    for row in rows {
        let times: Vec<_> = row.medians.iter().map(|sample| sample.processor).collect();
        let mut cells: Vec<_> = times.iter().map(|time| format!("{time:.1}")).collect();
        let ratio = |other: &f64| format!("{:.2}", times[0] / other);
        cells.extend(times[1..].iter().map(ratio));
        line(&name(row), &cells);
    }
    println!("\nTime until 99 % are answered, microseconds:");
    heading(servers, &[]);
    for row in rows {
        let cells: Vec<_> = row
            .medians
            .iter()
            .map(|sample| format!("{:.0}", sample.p99))
            .collect();
        line(&name(row), &cells);
    }
    println!("\nResident memory, MiB:");
    heading(servers, &[]);
    for (name, bytes) in [
        ("with the documents", at_rest),
        ("most under load", resident),
    ] {
        let mebibytes =
            |bytes: &u64| format!("{}.{}", bytes >> 20, (bytes >> 10) % 1024 * 10 / 1024);
        line(name, &bytes.iter().map(mebibytes).collect::<Vec<_>>());
    }
    println!(
        "\nPUT: subspace answers when the disk has it; armadietto and nginx do not wait for that."
    );
}

fn name(row: &Row) -> String {
    let operation = match row.operation {
        Operation::Get => "GET",
        Operation::Poll => "304 poll",
        Operation::Folder => "folder GET",
        Operation::Put => "PUT",
        Operation::Hook => "webhook",
    };
    format!("{operation}, {}", row.connections)
}

fn heading(servers: &[Ready], more: &[&str]) {
    let names = servers.iter().map(|server| server.name.to_owned());
    let cells: Vec<_> = names
        .chain(more.iter().map(|&more| more.to_owned()))
        .collect();
    line("connections", &cells);
}

fn line(name: &str, cells: &[String]) {
    let cells: Vec<_> = cells.iter().map(|cell| format!("{cell:>13}")).collect();
    println!("{name:18} {}", cells.join(" "));
}

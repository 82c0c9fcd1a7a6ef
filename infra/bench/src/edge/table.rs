//! Results of a run, for people.
#![allow(clippy::print_stdout, reason = "the tables are the program's result")]

use super::{CONNECTIONS, Found, OPERATIONS, Sample};
use crate::load::Operation;
use crate::servers::DOCUMENTS;

/// Prints sizes in bytes, uncompressed and compressed, and the target.
pub(super) fn sizes(sizes: &[(&str, (u64, u64), u64)]) {
    println!("Sizes, kB:                              whole  gzipped      aim");
    for (name, (whole, gzipped), aim) in sizes {
        println!(
            "{name:36} {:>8} {:>8} {:>8}",
            whole / 1000,
            gzipped / 1000,
            aim / 1000
        );
    }
}

/// Prints the machine's load: without it the figures mean little.
pub(super) fn load(when: &str) {
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load: Vec<_> = load.split(' ').take(3).collect();
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    println!("Load {when}: {} on {cores} cores", load.join(" "));
}

/// Prints a host as soon as it has been measured.
pub(super) fn progress(found: &Found) {
    println!("measured: {}", found.name);
}

/// Prints all tables.
pub(super) fn print(all: &[Found]) {
    println!("\nMilliseconds:");
    heading(all);
    let millis = |pick: fn(&Found) -> std::time::Duration| {
        let cell = |found: &Found| format!("{:.1}", pick(found).as_secs_f64() * 1e3);
        all.iter().map(cell).collect::<Vec<_>>()
    };
    line("start until ready", &millis(|found| found.start));
    line("first request", &millis(|found| found.first));
    line("second request", &millis(|found| found.second));
    println!("\nDocuments of 1 kB, {DOCUMENTS} in the folder. Right answers a second:");
    rows(all, |sample| format!("{:.0}", sample.rate));
    println!("\nTime until an answer, milliseconds, median and 99 %:");
    rows(all, |sample| {
        let millis = |micros: u32| f64::from(micros) / 1e3;
        format!("{:.1} {:.1}", millis(sample.median), millis(sample.p99))
    });
    println!("\nProcessor time of the host for one answer, milliseconds:");
    rows(all, |sample| format!("{:.2}", sample.processor / 1e3));
    println!("\nOne after the other, milliseconds, processor and time:");
    heading(all);
    let kinds = all.first().map_or(0, |found| found.single.len());
    for kind in 0..kinds {
        let cells = all.iter().map(|found| {
            let (_, processor, time) = found.single[kind];
            format!("{processor:.1} {time:.1}")
        });
        line(all[0].single[kind].0, &cells.collect::<Vec<_>>());
    }
    println!("\nResident memory after all of it, MiB:");
    heading(all);
    let resident = all.iter().map(|found| (found.resident >> 20).to_string());
    line("", &resident.collect::<Vec<_>>());
    println!(
        "\nSpin: wasmtime gives an instance up to 128 requests, 16 at once; each instance opens its store once.\n\
         Workers: processor time is workerd's, which runs wrangler's stand-in for R2 too; on Cloudflare R2 is elsewhere.\n\
         S3: a server in the memory of this program, whose processor time is not counted."
    );
}

fn rows(all: &[Found], cell: impl Fn(&Sample) -> String) {
    heading(all);
    for (index, operation) in OPERATIONS.into_iter().enumerate() {
        for (at, connections) in CONNECTIONS.into_iter().enumerate() {
            let cells: Vec<_> = all
                .iter()
                .map(|found| cell(&found.samples[index][at]))
                .collect();
            line(&format!("{}, {connections}", name(operation)), &cells);
        }
    }
}

fn name(operation: Operation) -> &'static str {
    match operation {
        Operation::Get => "GET",
        Operation::Poll => "304 poll",
        Operation::Folder => "folder GET",
        Operation::Put => "PUT",
        Operation::Hook => "webhook",
    }
}

fn heading(all: &[Found]) {
    let names: Vec<_> = all.iter().map(|found| found.name.to_owned()).collect();
    line("", &names);
}

fn line(name: &str, cells: &[String]) {
    let cells: Vec<_> = cells.iter().map(|cell| format!("{cell:>15}")).collect();
    println!("{name:26} {}", cells.join(" "));
}

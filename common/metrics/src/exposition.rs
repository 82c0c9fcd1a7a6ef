//! The text format, version 0.0.4 (prometheus.io, "Exposition formats").

use std::borrow::Cow;
use std::fmt::{self, Write as _};

use crate::Histogram;

/// The media type of the text.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// The most series of one family: some labels come from outside, and Prometheus keeps each value for weeks. A comment
/// tells how many were left out.
pub const MAX_SERIES: usize = 200;

/// Writes metrics, one family after the other.
///
/// ```
/// let mut text = metrics::Exposition::new("example_");
/// text.gauge("waiting", "Mails that wait.", 3_usize);
/// text.gauges("connections", "Connections by state.", ["state"])
///     .sample(["online"], 2_usize)
///     .sample(["offline"], 0_usize);
/// let text = text.finish();
/// assert!(text.starts_with("# HELP example_waiting Mails that wait.\n"));
/// assert!(text.ends_with("\nexample_connections{state=\"offline\"} 0\n"));
/// ```
///
/// Names of metrics and labels are the program's own and use the characters that the format allows
/// (`[a-zA-Z_:][a-zA-Z0-9_:]*`, labels without the colon); debug builds check that. Help and label values may be
/// anything.
#[derive(Debug)]
pub struct Exposition {
    prefix: &'static str,
    text: String,
}

impl Exposition {
    /// Starts a text; every name in it begins with `prefix`, which may be empty.
    #[must_use]
    pub const fn new(prefix: &'static str) -> Self {
        Self {
            prefix,
            text: String::new(),
        }
    }

    /// Writes a number that can increase and decrease.
    pub fn gauge(&mut self, name: &str, help: &str, value: impl Into<Value>) {
        self.gauges(name, help, []).sample([], value);
    }

    /// Writes a number that only increases while the program runs; its name ends in `_total`.
    pub fn counter(&mut self, name: &str, help: &str, value: impl Into<Value>) {
        self.counters(name, help, []).sample([], value);
    }

    /// Starts a family of gauges that are distinguished by labels.
    pub fn gauges<const N: usize>(
        &mut self,
        name: &str,
        help: &str,
        labels: [&'static str; N],
    ) -> Family<'_, N> {
        self.family(name, "gauge", help, labels)
    }

    /// Starts a family of counters that are distinguished by labels.
    pub fn counters<const N: usize>(
        &mut self,
        name: &str,
        help: &str,
        labels: [&'static str; N],
    ) -> Family<'_, N> {
        self.family(name, "counter", help, labels)
    }

    /// Writes a distribution of sizes or durations.
    pub fn histogram(&mut self, name: &str, help: &str, histogram: &Histogram) {
        let (buckets, sum) = histogram.read();
        let full = self.head(name, "histogram", help);
        let mut count = 0_u64;
        for (most, found) in buckets {
            count = count.saturating_add(found);
            let most = Value::from(most);
            // Writing to a String cannot fail.
            let _ = writeln!(self.text, "{full}_bucket{{le=\"{most}\"}} {count}");
        }
        let sum = Value::from(sum);
        let _ = write!(self.text, "{full}_sum {sum}\n{full}_count {count}\n");
    }

    /// Returns the text.
    #[must_use]
    pub fn finish(self) -> String {
        self.text
    }

    fn family<const N: usize>(
        &mut self,
        name: &str,
        kind: &str,
        help: &str,
        labels: [&'static str; N],
    ) -> Family<'_, N> {
        let is_label = |label: &&str| is_name(label) && !label.contains(':');
        debug_assert!(labels.iter().all(is_label), "{name}: labels {labels:?}");
        let name = self.head(name, kind, help);
        Family {
            text: &mut self.text,
            name,
            labels,
            written: 0,
            left_out: 0,
        }
    }

    fn head(&mut self, name: &str, kind: &str, help: &str) -> String {
        let name = format!("{}{name}", self.prefix);
        debug_assert!(is_name(&name), "{name} is no name of a metric");
        let help = escaped(help, false);
        // Writing to a String cannot fail.
        let _ = write!(self.text, "# HELP {name} {help}\n# TYPE {name} {kind}\n");
        name
    }
}

/// Metrics of one name, distinguished by label values; see [`Exposition::gauges`].
#[derive(Debug)]
pub struct Family<'a, const N: usize> {
    text: &'a mut String,
    name: String,
    labels: [&'static str; N],
    written: usize,
    left_out: usize,
}

impl<const N: usize> Family<'_, N> {
    /// Writes the one with these label values, in the labels' order; any beyond [`MAX_SERIES`] are left out.
    pub fn sample(&mut self, values: [&str; N], value: impl Into<Value>) -> &mut Self {
        if self.written == MAX_SERIES {
            self.left_out += 1;
            return self;
        }
        self.written += 1;
        self.text.push_str(&self.name);
        for (index, (label, value)) in self.labels.iter().zip(values).enumerate() {
            let before = if index == 0 { '{' } else { ',' };
            let value = escaped(value, true);
            // Writing to a String cannot fail.
            let _ = write!(self.text, "{before}{label}=\"{value}\"");
        }
        let after = if N == 0 { "" } else { "}" };
        let _ = writeln!(self.text, "{after} {}", value.into());
        self
    }
}

impl<const N: usize> Drop for Family<'_, N> {
    fn drop(&mut self) {
        if self.left_out > 0 {
            let Self { name, left_out, .. } = self;
            // Writing to a String cannot fail.
            let _ = writeln!(self.text, "# {left_out} series of {name} are left out");
        }
    }
}

/// The value of a metric.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value {
    /// A count.
    Count(u64),
    /// An integer that may be negative.
    Whole(i64),
    /// Any number.
    Number(f64),
}

impl From<u64> for Value {
    fn from(value: u64) -> Self {
        Self::Count(value)
    }
}

impl From<usize> for Value {
    fn from(value: usize) -> Self {
        Self::Count(u64::try_from(value).unwrap_or(u64::MAX))
    }
}

impl From<i64> for Value {
    fn from(value: i64) -> Self {
        Self::Whole(value)
    }
}

impl From<f64> for Value {
    fn from(value: f64) -> Self {
        Self::Number(value)
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Count(value) => value.fmt(f),
            Self::Whole(value) => value.fmt(f),
            Self::Number(value) if value.is_nan() => f.write_str("NaN"),
            Self::Number(value) if value.is_infinite() && *value > 0.0 => f.write_str("+Inf"),
            Self::Number(value) if value.is_infinite() => f.write_str("-Inf"),
            Self::Number(value) => value.fmt(f),
        }
    }
}

/// Escapes characters that would end a line or, within quotes, a value.
fn escaped(text: &str, within_quotes: bool) -> Cow<'_, str> {
    let special = |c: char| matches!(c, '\\' | '\n') || within_quotes && c == '"';
    if !text.contains(special) {
        return Cow::Borrowed(text);
    }
    let mut safe = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        match c {
            '\n' => safe.push_str("\\n"),
            c if special(c) => safe.extend(['\\', c]),
            c => safe.push(c),
        }
    }
    Cow::Owned(safe)
}

fn is_name(name: &str) -> bool {
    let letter = |c: char| c.is_ascii_alphabetic() || matches!(c, '_' | ':');
    name.starts_with(letter) && name.chars().all(|c| letter(c) || c.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_would_break_a_line_is_escaped_as_the_format_says() {
        let mut text = Exposition::new("");
        text.gauges("a", "C:\\ is\na \"disk\"", ["path"])
            .sample(["C:\\ \"x\"\n"], 1_u64);
        assert_eq!(
            text.finish(),
            "# HELP a C:\\\\ is\\na \"disk\"\n# TYPE a gauge\na{path=\"C:\\\\ \\\"x\\\"\\n\"} 1\n"
        );
    }

    #[test]
    fn numbers_are_written_as_the_format_says() {
        let said = |value: Value| value.to_string();
        assert_eq!(said(u64::MAX.into()), "18446744073709551615");
        assert_eq!(said((-3_i64).into()), "-3");
        assert_eq!(said(0.25.into()), "0.25");
        assert_eq!(said(f64::NAN.into()), "NaN");
        assert_eq!(said(f64::INFINITY.into()), "+Inf");
        assert_eq!(said(f64::NEG_INFINITY.into()), "-Inf");
    }

    #[test]
    fn series_of_a_family_are_bounded_and_the_rest_is_told() {
        let mut text = Exposition::new("p_");
        let mut family = text.counters("by_host_total", "By host.", ["host"]);
        for number in 0..MAX_SERIES + 3 {
            family.sample([&number.to_string()], number);
        }
        drop(family);
        text.gauge("after", "After it.", 1_u64);
        let text = text.finish();
        let series = text
            .lines()
            .filter(|line| line.starts_with("p_by_host_total{"));
        assert_eq!(series.count(), MAX_SERIES);
        assert!(text.contains("\n# 3 series of p_by_host_total are left out\n# HELP p_after "));
    }

    /// Parses a label value as Prometheus does; also returns the rest of the line.
    fn read(text: &str) -> Option<(String, &str)> {
        let (mut value, mut chars) = (String::new(), text.char_indices());
        loop {
            match chars.next()? {
                (at, '"') => return Some((value, &text[at + 1..])),
                (_, '\\') => value.push(match chars.next()?.1 {
                    'n' => '\n',
                    c @ ('\\' | '"') => c,
                    _ => return None,
                }),
                (_, c) => value.push(c),
            }
        }
    }

    proptest! {
        #[test]
        fn any_value_of_a_label_is_read_as_it_was(first in any::<String>(), second in any::<String>()) {
            let mut text = Exposition::new("");
            text.gauges("a", &first, ["x", "y"]).sample([&first, &second], 1_u64);
            let text = text.finish();
            let lines: Vec<_> = text.split('\n').collect();
            prop_assert_eq!(lines.len(), 4, "{:?}", lines);
            let rest = lines[2].strip_prefix("a{x=\"").unwrap();
            let (found, rest) = read(rest).unwrap();
            prop_assert_eq!(found, first);
            let (found, rest) = read(rest.strip_prefix(",y=\"").unwrap()).unwrap();
            prop_assert_eq!(found, second);
            prop_assert_eq!(rest, "} 1");
        }
    }
}

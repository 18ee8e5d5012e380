//! The table for people and the JSON for programs.

use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::Result;

use super::cell::{Cell, Goal};
use super::run::{Kind, Measure};
use super::server;

/// Both brokers in one cell; an error is why a side does not count.
#[derive(Debug)]
pub struct Row {
    /// The cell.
    pub cell: Cell,
    /// Mosquitto.
    pub mosquitto: Result<Measure, String>,
    /// Ours.
    pub quorate: Result<Measure, String>,
}

impl Row {
    /// How far our broker is, as a multiple of the goal (1 is reached); nothing without figures.
    fn share_of_goal(&self) -> Option<f64> {
        let ours = self.quorate.as_ref().ok()?;
        Some(match self.cell.goal {
            Goal::TimesPerCpu(times) => self.times()? / times,
            Goal::PerSecond(rate) => ours.per_second / rate,
            Goal::BytesPerConnection(bytes) => bytes / ours.bytes_per_connection,
        })
    }

    /// Our deliveries per CPU second as a multiple of mosquitto's.
    fn times(&self) -> Option<f64> {
        let (ours, theirs) = (self.quorate.as_ref().ok()?, self.mosquitto.as_ref().ok()?);
        (theirs.cpu_per_million > 0.0).then(|| ours.per_cpu_second() / theirs.per_cpu_second())
    }
}

/// The head of the table.
pub fn head() -> String {
    format!(
        "{:<29} {:<10} {:>12} {:>10} {:>9} {:>9} {:>8}\n{}",
        "cell",
        "broker",
        "deliveries/s",
        "CPU s/M",
        "p50 ms",
        "p99 ms",
        "B/conn",
        "-".repeat(93)
    )
}

/// The lines of one cell.
pub fn lines(row: &Row) -> String {
    let mut text = String::new();
    for (kind, measure) in [
        (Kind::Mosquitto, &row.mosquitto),
        (Kind::Quorate, &row.quorate),
    ] {
        let line = match measure {
            Ok(measure) => figures(measure),
            Err(error) => format!("does not count: {error}"),
        };
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{:<29} {:<10} {line}", row.cell.title, kind.name());
    }
    text + &verdict(row)
}

fn figures(measure: &Measure) -> String {
    if measure.bytes_per_connection > 0.0 {
        return format!(
            "{:>12} {:>10} {:>9} {:>9} {:>8.0}",
            "", "", "", "", measure.bytes_per_connection
        );
    }
    let (p50, p99) = measure.milliseconds;
    format!(
        "{:>12.0} {:>10.3} {p50:>9.3} {p99:>9.3}",
        measure.per_second, measure.cpu_per_million
    )
}

fn verdict(row: &Row) -> String {
    let goal = match row.cell.goal {
        Goal::TimesPerCpu(times) => format!("{times} times mosquitto's deliveries per CPU second"),
        Goal::PerSecond(rate) => format!("{rate} deliveries/s"),
        Goal::BytesPerConnection(bytes) => format!("at most {bytes} bytes per connection"),
    };
    let times = row.times().map_or(String::new(), |times| {
        format!("{times:.1} times per CPU second; ")
    });
    let reached = match row.share_of_goal() {
        Some(share) if share >= 1.0 => "reached",
        Some(_) => "MISSED",
        None => "no figure",
    };
    format!("{:<29} => {times}goal: {goal}: {reached}\n", "")
}

/// Writes the rows as JSON; gives the file.
///
/// # Errors
/// When it cannot be written.
pub fn save(rows: &[Row], quick: bool) -> Result<PathBuf> {
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
    let cells: Vec<String> = rows.iter().map(json_row).collect();
    let text = format!(
        "{{\n  \"unix_seconds\": {seconds},\n  \"quick\": {quick},\n  \"cells\": [\n{}\n  ]\n}}\n",
        cells.join(",\n")
    );
    let folder = server::results();
    fs::create_dir_all(&folder)?;
    let path = folder.join(format!("bench-{seconds}.json"));
    fs::write(&path, text)?;
    Ok(path)
}

fn json_row(row: &Row) -> String {
    let number =
        |value: Option<f64>| value.map_or_else(|| "null".to_owned(), |value| format!("{value:.4}"));
    format!(
        "    {{\"cell\": {:?}, \"mosquitto\": {}, \"quorate\": {}, \"times_per_cpu\": {}, \"share_of_goal\": {}}}",
        row.cell.name,
        json_measure(&row.mosquitto),
        json_measure(&row.quorate),
        number(row.times()),
        number(row.share_of_goal()),
    )
}

fn json_measure(measure: &Result<Measure, String>) -> String {
    match measure {
        Ok(measure) => format!(
            "{{\"per_second\": {:.1}, \"cpu_seconds_per_million\": {:.5}, \"p50_ms\": {:.4}, \"p99_ms\": {:.4}, \"bytes_per_connection\": {:.1}}}",
            measure.per_second,
            measure.cpu_per_million,
            measure.milliseconds.0,
            measure.milliseconds.1,
            measure.bytes_per_connection,
        ),
        Err(_) => "null".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::cell::CELLS;

    fn measure(cpu_per_million: f64) -> Measure {
        let (per_second, milliseconds) = (1e6, (1.0, 2.0));
        Measure {
            per_second,
            cpu_per_million,
            milliseconds,
            ack_milliseconds: milliseconds,
            bytes_per_connection: 0.0,
        }
    }

    #[test]
    fn a_goal_is_reached_by_the_ratio_of_cpu() {
        let row = |ours| Row {
            cell: CELLS[0],
            mosquitto: Ok(measure(10.0)),
            quorate: Ok(measure(ours)),
        };
        assert!(lines(&row(0.4)).contains("25.0 times per CPU second"));
        assert!(lines(&row(0.4)).contains("reached"));
        assert!(lines(&row(0.41)).contains("MISSED"));
    }

    #[test]
    fn a_side_that_does_not_count_is_null() {
        let row = Row {
            cell: CELLS[0],
            mosquitto: Ok(measure(1.0)),
            quorate: Err("lost".into()),
        };
        assert!(lines(&row).contains("does not count: lost"));
        assert!(json_row(&row).contains("\"quorate\": null"));
    }
}

//! The table for people and the JSON for programs.

use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::Result;

use super::{Cell, Figure, Goal};
use crate::bench::server;

/// A cell with its figures; an error is why it does not count.
#[derive(Debug)]
pub struct Row {
    /// The cell.
    pub cell: Cell,
    /// Its figures.
    pub figures: Result<Vec<Figure>, String>,
}

/// The lines of one cell.
pub fn lines(row: &Row) -> String {
    let mut text = format!("{}\n", row.cell.title);
    match &row.figures {
        Err(error) => text += &format!("    does not count: {error}\n"),
        Ok(figures) => {
            for figure in figures {
                // Writing to a string cannot fail.
                let _ = writeln!(
                    text,
                    "    {:<42} {:>12} {}",
                    figure.name,
                    number(figure.value),
                    verdict(figure)
                );
            }
        }
    }
    text
}

fn number(value: f64) -> String {
    if value >= 100.0 {
        format!("{value:.0}")
    } else {
        format!("{value:.3}")
    }
}

fn verdict(figure: &Figure) -> String {
    let Some(goal) = figure.goal else {
        return String::new();
    };
    let reached = if goal.is_reached(figure.value) {
        "reached"
    } else {
        "MISSED"
    };
    match goal {
        Goal::AtLeast(least) => format!("at least {least}: {reached}"),
        Goal::AtMost(most) => format!("at most {most}: {reached}"),
    }
}

/// Writes the rows as JSON; gives the file.
///
/// # Errors
/// When it cannot be written.
pub fn save(rows: &[Row], nodes: usize, quick: bool) -> Result<PathBuf> {
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
    let cells: Vec<String> = rows.iter().map(json).collect();
    let text = format!(
        "{{\n  \"unix_seconds\": {seconds},\n  \"nodes\": {nodes},\n  \"quick\": {quick},\n  \"cells\": {{\n{}\n  }}\n}}\n",
        cells.join(",\n")
    );
    let folder = server::results();
    fs::create_dir_all(&folder)?;
    let path = folder.join(format!("bench-nodes-{seconds}.json"));
    fs::write(&path, text)?;
    Ok(path)
}

fn json(row: &Row) -> String {
    let figures = match &row.figures {
        Err(_) => "null".to_owned(),
        Ok(figures) => {
            let each = figures
                .iter()
                .map(|figure| format!("{:?}: {:.4}", figure.name, figure.value));
            format!("{{{}}}", each.collect::<Vec<_>>().join(", "))
        }
    };
    format!("    {:?}: {figures}", row.cell.name)
}

#[cfg(test)]
mod tests {
    use super::super::ALL;
    use super::*;

    #[test]
    fn a_goal_is_judged_from_its_own_side() {
        let figure = |goal| Figure {
            name: "x",
            value: 10.0,
            goal: Some(goal),
        };
        let row = |goal| Row {
            cell: ALL[0],
            figures: Ok(vec![figure(goal)]),
        };
        assert!(lines(&row(Goal::AtLeast(10.0))).contains("reached"));
        assert!(lines(&row(Goal::AtLeast(10.1))).contains("MISSED"));
        assert!(lines(&row(Goal::AtMost(9.9))).contains("MISSED"));
        assert_eq!(
            json(&row(Goal::AtMost(9.9))),
            "    \"pairs0\": {\"x\": 10.0000}"
        );
    }
}

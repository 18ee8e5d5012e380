//! `e2e/bench`: measures our broker and mosquitto side by side, or with `--nodes` a cluster. See
//! `quorate_e2e::bench`.

use std::process::ExitCode;

use anyhow::{Context as _, Result, bail};
use quorate_e2e::bench::cell::CELLS;
use quorate_e2e::bench::nodes::{self, ALL};
use quorate_e2e::bench::report::{self, Row};
use quorate_e2e::bench::run::{Effort, Kind, measure};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

const USAGE: &str = "usage: bench [--quick] [--only mosquitto|quorate] [CELL...]\n       bench --nodes N [--quick] [CELL...]";

struct Arguments {
    effort: Effort,
    kinds: Vec<Kind>,
    nodes: usize,
    /// Names of cells; all if there are none.
    names: Vec<String>,
}

impl Arguments {
    fn wants(&self, name: &str) -> bool {
        self.names.is_empty() || self.names.iter().any(|wanted| wanted == name)
    }

    fn is_quick(&self) -> bool {
        self.effort.repetitions == 1
    }
}

fn main() -> Result<ExitCode> {
    let arguments = parse(std::env::args().skip(1))?;
    // The brokers inherit it, and the idle connections need it.
    let limit = getrlimit(Resource::Nofile);
    setrlimit(
        Resource::Nofile,
        Rlimit {
            current: limit.maximum,
            ..limit
        },
    )?;
    let all_count = if arguments.nodes > 1 {
        several_nodes(&arguments)?
    } else {
        one_node(&arguments)?
    };
    Ok(if all_count {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn one_node(arguments: &Arguments) -> Result<bool> {
    println!("{}", report::head());
    let mut rows = Vec::new();
    for cell in CELLS.iter().filter(|cell| arguments.wants(cell.name)) {
        let side = |kind| {
            if !arguments.kinds.contains(&kind) {
                return Err("not asked for".to_owned());
            }
            measure(cell, kind, arguments.effort).map_err(|error| format!("{error:#}"))
        };
        let row = Row {
            cell: *cell,
            mosquitto: side(Kind::Mosquitto),
            quorate: side(Kind::Quorate),
        };
        println!("{}", report::lines(&row));
        rows.push(row);
    }
    let path = report::save(&rows, arguments.is_quick())?;
    println!("written to {}", path.display());
    Ok(rows
        .iter()
        .all(|row| row.mosquitto.is_ok() && row.quorate.is_ok()))
}

fn several_nodes(arguments: &Arguments) -> Result<bool> {
    let mut rows = Vec::new();
    for cell in ALL.iter().filter(|cell| arguments.wants(cell.name)) {
        let figures = nodes::run(cell, arguments.nodes, arguments.effort);
        let row = nodes::report::Row {
            cell: *cell,
            figures: figures.map_err(|error| format!("{error:#}")),
        };
        println!("{}", nodes::report::lines(&row));
        rows.push(row);
    }
    let path = nodes::report::save(&rows, arguments.nodes, arguments.is_quick())?;
    println!("written to {}", path.display());
    Ok(rows.iter().all(|row| row.figures.is_ok()))
}

fn parse(words: impl Iterator<Item = String>) -> Result<Arguments> {
    let mut arguments = Arguments {
        effort: Effort::FULL,
        kinds: Kind::ALL.to_vec(),
        nodes: 1,
        names: Vec::new(),
    };
    let mut words = words.peekable();
    while let Some(word) = words.next() {
        match word.as_str() {
            "--quick" => arguments.effort = Effort::QUICK,
            "--nodes" => {
                let number = words.next().and_then(|text| text.parse().ok());
                arguments.nodes = number.context(USAGE)?;
            }
            "--only" => {
                let name = words.next();
                arguments
                    .kinds
                    .retain(|kind| Some(kind.name()) == name.as_deref());
            }
            _ => arguments.names.push(word),
        }
    }
    let known: Vec<&str> = if arguments.nodes > 1 {
        ALL.iter().map(|cell| cell.name).collect()
    } else {
        CELLS.iter().map(|cell| cell.name).collect()
    };
    if let Some(name) = arguments
        .names
        .iter()
        .find(|name| !known.contains(&name.as_str()))
    {
        bail!("{USAGE}\nno cell {name}; there are {}", known.join(", "));
    }
    Ok(arguments)
}

//! `e2e/bench`: measures our broker and mosquitto side by side. See `quorate_e2e::bench`.

use std::process::ExitCode;

use anyhow::{Result, bail};
use quorate_e2e::bench::cell::{CELLS, Cell};
use quorate_e2e::bench::report::{self, Row};
use quorate_e2e::bench::run::{Effort, Kind, measure};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

const USAGE: &str = "usage: bench [--quick] [--only mosquitto|quorate] [CELL...]";

struct Arguments {
    effort: Effort,
    kinds: Vec<Kind>,
    cells: Vec<Cell>,
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
    println!("{}", report::head());
    let mut rows = Vec::new();
    for cell in arguments.cells {
        let side = |kind| {
            if !arguments.kinds.contains(&kind) {
                return Err("not asked for".to_owned());
            }
            measure(&cell, kind, arguments.effort).map_err(|error| format!("{error:#}"))
        };
        let row = Row {
            cell,
            mosquitto: side(Kind::Mosquitto),
            quorate: side(Kind::Quorate),
        };
        println!("{}", report::lines(&row));
        rows.push(row);
    }
    let path = report::save(&rows, arguments.effort.repetitions == 1)?;
    println!("written to {}", path.display());
    let all_count = rows
        .iter()
        .all(|row| row.mosquitto.is_ok() && row.quorate.is_ok());
    Ok(if all_count {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn parse(words: impl Iterator<Item = String>) -> Result<Arguments> {
    let mut arguments = Arguments {
        effort: Effort::FULL,
        kinds: Kind::ALL.to_vec(),
        cells: Vec::new(),
    };
    let mut words = words.peekable();
    while let Some(word) = words.next() {
        match word.as_str() {
            "--quick" => arguments.effort = Effort::QUICK,
            "--only" => {
                let name = words.next();
                arguments
                    .kinds
                    .retain(|kind| Some(kind.name()) == name.as_deref());
            }
            name => match CELLS.iter().find(|cell| cell.name == name) {
                Some(cell) => arguments.cells.push(*cell),
                None => {
                    let names = CELLS.map(|cell| cell.name).join(", ");
                    bail!("{USAGE}\nno cell {name}; there are {names}");
                }
            },
        }
    }
    if arguments.cells.is_empty() {
        arguments.cells = CELLS.to_vec();
    }
    Ok(arguments)
}

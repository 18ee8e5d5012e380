//! The effective configuration as text that is itself a configuration file.

use super::key;
use super::layers::Settings;

/// Width that documentation is wrapped at.
const COLUMNS: usize = 96;

/// `workers` is what an unset `workers` means on this machine.
pub(super) fn print(settings: &Settings, workers: usize) -> String {
    let mut text = String::from("# Effective configuration of quorate; usable as --config FILE.\n");
    let mut table = "";
    for key in key::ALL {
        let (key_table, name) = key.name.split_once('.').unwrap_or(("", key.name));
        if key_table != table {
            table = key_table;
            text.push_str(&format!("\n[{table}]\n"));
        }
        text.push('\n');
        wrap(&mut text, key.help);
        wrap(
            &mut text,
            &format!(
                "Allowed: {}. Environment: {}.",
                key.kind.allowed(),
                key.variable()
            ),
        );
        match settings.entry(key) {
            Some((value, source)) => text.push_str(&format!("{name} = {value}  # {source}\n")),
            None if key.name == key::WORKERS.name => {
                text.push_str(&format!("# {name} is not set: {workers} on this machine\n"));
            }
            None => text.push_str(&format!("# {name} is not set\n")),
        }
    }
    text
}

/// Appends `# ` lines of words.
fn wrap(text: &mut String, words: &str) {
    let mut column = 0;
    for word in words.split_whitespace() {
        if column == 0 || column + word.len() >= COLUMNS {
            text.push_str(if column == 0 { "# " } else { "\n# " });
            column = 2;
        } else {
            text.push(' ');
            column += 1;
        }
        text.push_str(word);
        column += word.len();
    }
    text.push('\n');
}

//! House rules of a Rust file, judged by its tokens, so that comments and strings cannot mislead
//! them and the inside of macros is seen too.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use proc_macro2::{Delimiter, Group, Span, TokenStream, TokenTree};

use super::Finding;
use super::scan::files;

const FILE_LINES_MAX: usize = 500;
const MAIN_LINES_MAX: usize = 50;
const FUNCTION_LINES_MAX: usize = 70;

/// Words that start an item; after one of them a comma no longer ends what an attribute is on.
const ITEMS: [&str; 11] = [
    "fn", "impl", "mod", "struct", "enum", "trait", "const", "static", "type", "union", "use",
];
/// Items that do not belong in `lib.rs`.
const CODE: [&str; 9] = [
    "fn",
    "impl",
    "struct",
    "enum",
    "trait",
    "const",
    "static",
    "type",
    "macro_rules",
];

pub(crate) fn check_tree(root: &Path) -> Vec<Finding> {
    let rust = files(root, |path| path.extension().is_some_and(|e| e == "rs"));
    let read = |path: &PathBuf| fs::read_to_string(root.join(path)).expect("the file is readable");
    let texts: Vec<(PathBuf, String)> =
        rust.iter().map(|path| (path.clone(), read(path))).collect();
    let test_files: BTreeSet<PathBuf> = texts
        .iter()
        .flat_map(|(path, text)| test_modules(path, text))
        .collect();
    texts
        .iter()
        .flat_map(|(path, text)| check(path, text, test_files.contains(path)))
        .collect()
}

/// All findings in one file. `test` says that the file is a test module of another one.
fn check(path: &Path, text: &str, test: bool) -> Vec<Finding> {
    let test = test || is_test_path(path);
    let mut walk = Walk::new(path, text);
    if path.file_name().is_some_and(|name| name == "mod.rs") {
        walk.find(1, "a module is foo.rs beside foo/, not foo/mod.rs");
    }
    if !text.starts_with("//!") {
        walk.find(1, "open the file with //!: what it is, what it must not do");
    }
    let tokens: TokenStream = match text.parse() {
        Ok(tokens) => tokens,
        Err(error) => {
            walk.find(error.span().start().line, "no Rust tokens");
            return walk.findings;
        }
    };
    if path.file_name().is_some_and(|name| name == "lib.rs") {
        walk.declarations_only(tokens.clone());
    }
    walk.stream(tokens, test);
    if !test {
        walk.file_size();
    }
    walk.findings
}

fn is_test_path(path: &Path) -> bool {
    let name = path.file_stem().and_then(|stem| stem.to_str());
    let folders = ["tests", "benches", "fuzz"];
    path.iter()
        .any(|part| folders.iter().any(|folder| part == *folder))
        || name.is_some_and(|name| name == "tests" || name.ends_with("_tests"))
}

/// Files that the file declares as `#[cfg(test)] mod name;`.
fn test_modules(path: &Path, text: &str) -> Vec<PathBuf> {
    let mut walk = Walk::new(path, text);
    if let Ok(tokens) = text.parse() {
        walk.stream(tokens, false);
    }
    let folder = match path.file_stem().and_then(|stem| stem.to_str()) {
        Some("lib" | "main") | None => path.with_file_name(""),
        Some(stem) => path.with_file_name(stem),
    };
    let names = walk.test_modules.iter();
    names
        .map(|name| folder.join(format!("{name}.rs")))
        .collect()
}

/// One pass over the tokens of a file.
struct Walk<'a> {
    path: &'a Path,
    lines: Vec<&'a str>,
    findings: Vec<Finding>,
    test_lines: usize,
    test_modules: Vec<String>,
}

impl<'a> Walk<'a> {
    fn new(path: &'a Path, text: &'a str) -> Self {
        Self {
            path,
            lines: text.lines().collect(),
            findings: Vec::new(),
            test_lines: 0,
            test_modules: Vec::new(),
        }
    }

    fn find(&mut self, line: usize, what: impl Into<String>) {
        self.findings.push(Finding::new(self.path, line, what));
    }

    fn file_size(&mut self) {
        let is_main = self.path.ends_with("src/main.rs");
        let max = if is_main {
            MAIN_LINES_MAX
        } else {
            FILE_LINES_MAX
        };
        let lines = self.lines.len() - self.test_lines;
        if lines > max {
            let what =
                format!("{lines} lines without tests, at most {max}: split it by verb or type");
            self.find(max, what);
        }
    }

    /// In `lib.rs`: docs, declarations and re-exports only.
    fn declarations_only(&mut self, tokens: TokenStream) {
        for token in tokens {
            let TokenTree::Ident(ident) = token else {
                continue;
            };
            if CODE.iter().any(|word| ident == word) {
                let what = "lib.rs holds docs, declarations and re-exports; move this to a file of its own";
                self.find(ident.span().start().line, what);
            }
        }
    }

    fn stream(&mut self, tokens: TokenStream, test: bool) {
        let tokens: Vec<TokenTree> = tokens.into_iter().collect();
        // The line of a test attribute whose item is not over, and whether that item has a keyword.
        let mut pending: Option<(usize, bool)> = None;
        let mut at = 0;
        while at < tokens.len() {
            if let Some((attribute, length)) = attribute(&tokens[at..]) {
                self.attribute(attribute);
                if is_test_attribute(attribute) && pending.is_none() {
                    pending = Some((line(&tokens[at]), false));
                }
                at += length;
                continue;
            }
            self.token(&tokens, at, test || pending.is_some());
            pending = self.after(&tokens, at, pending, test);
            at += 1;
        }
    }

    /// Follows an item that a test attribute is on to its end; gives what is still pending.
    fn after(
        &mut self,
        tokens: &[TokenTree],
        at: usize,
        pending: Option<(usize, bool)>,
        test: bool,
    ) -> Option<(usize, bool)> {
        let (first_line, mut item) = pending?;
        let over = match &tokens[at] {
            TokenTree::Ident(ident) => {
                item |= ITEMS.iter().any(|word| ident == word);
                if ident == "mod" && !test {
                    self.test_module(&tokens[at..]);
                }
                false
            }
            TokenTree::Punct(punct) => punct.as_char() == ';' || (punct.as_char() == ',' && !item),
            TokenTree::Group(group) => group.delimiter() == Delimiter::Brace,
            TokenTree::Literal(_) => false,
        };
        if over && !test {
            self.test_lines += end_line(&tokens[at]) + 1 - first_line;
        }
        (!over).then_some((first_line, item))
    }

    fn test_module(&mut self, tokens: &[TokenTree]) {
        if let [_, TokenTree::Ident(name), TokenTree::Punct(end), ..] = tokens
            && end.as_char() == ';'
        {
            self.test_modules.push(name.to_string());
        }
    }

    fn attribute(&mut self, attribute: &Group) {
        if let Some(TokenTree::Ident(first)) = attribute.stream().into_iter().next()
            && first == "ignore"
        {
            let line = first.span().start().line;
            self.find(
                line,
                "an ignored test proves nothing: repair it or delete it",
            );
        }
    }

    fn token(&mut self, tokens: &[TokenTree], at: usize, test: bool) {
        match &tokens[at] {
            TokenTree::Ident(ident) if ident == "fn" => self.function(&tokens[at..]),
            TokenTree::Ident(ident) => self.word(&ident.to_string(), tokens, at, test),
            TokenTree::Group(group) => self.stream(group.stream(), test),
            TokenTree::Punct(_) | TokenTree::Literal(_) => {}
        }
    }

    fn function(&mut self, tokens: &[TokenTree]) {
        let Some(TokenTree::Ident(name)) = tokens.get(1) else {
            return;
        };
        let body = tokens
            .iter()
            .find(|token| is_group(Some(token), Delimiter::Brace) || is_punct(Some(token), ';'));
        let Some(body) = body else {
            return;
        };
        let lines = end_line(body) + 1 - line(&tokens[0]);
        if lines > FUNCTION_LINES_MAX {
            let what = format!(
                "fn {name} has {lines} lines, at most {FUNCTION_LINES_MAX}: keep the branches, move loops and arithmetic into helpers"
            );
            self.find(line(&tokens[0]), what);
        }
    }

    fn word(&mut self, word: &str, tokens: &[TokenTree], at: usize, test: bool) {
        let line = line(&tokens[at]);
        let called = is_group(tokens.get(at + 1), Delimiter::Parenthesis);
        let method = at > 0 && is_punct(tokens.get(at - 1), '.');
        let of_thread = at > 2 && matches!(&tokens[at - 3], TokenTree::Ident(i) if i == "thread");
        match word {
            "unwrap" if called && method && !test => {
                let what = "unwrap outside tests: return an error, or expect() with the invariant that makes it safe";
                self.find(line, what);
            }
            "sleep" if called && (test || of_thread) && !self.excused(line) => {
                let what = "sleep: wait for a condition with a deadline, or say why on the line above: // tidy: sleep: REASON";
                self.find(line, what);
            }
            "todo" | "unimplemented" | "dbg" if is_punct(tokens.get(at + 1), '!') => {
                self.find(line, format!("{word}! is a left-over"));
            }
            _ => {}
        }
    }

    /// Whether the line or the one above gives a reason for a sleep.
    fn excused(&self, line: usize) -> bool {
        let marker = concat!("tidy: ", "sleep: ");
        let from = line.saturating_sub(2);
        let mut lines = self.lines.iter().skip(from).take(line - from);
        lines.any(|text| {
            text.split(marker)
                .nth(1)
                .is_some_and(|reason| reason.len() > 8)
        })
    }
}

/// The attribute at the head of the tokens, and how many tokens it takes.
fn attribute(tokens: &[TokenTree]) -> Option<(&Group, usize)> {
    if !is_punct(tokens.first(), '#') {
        return None;
    }
    let length = if is_punct(tokens.get(1), '!') { 3 } else { 2 };
    match tokens.get(length - 1) {
        Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Bracket => {
            Some((group, length))
        }
        _ => None,
    }
}

/// `#[test]`, `#[anything::test]` or `#[cfg(test)]`; not `#[cfg(not(test))]`.
fn is_test_attribute(attribute: &Group) -> bool {
    let text = attribute.stream().to_string().replace(' ', "");
    let name = text.split('(').next().unwrap_or_default();
    name == "test"
        || name.ends_with("::test")
        || text == "cfg(test)"
        || text.starts_with("cfg(all(test")
}

fn is_punct(token: Option<&TokenTree>, wanted: char) -> bool {
    matches!(token, Some(TokenTree::Punct(punct)) if punct.as_char() == wanted)
}

fn is_group(token: Option<&TokenTree>, wanted: Delimiter) -> bool {
    matches!(token, Some(TokenTree::Group(group)) if group.delimiter() == wanted)
}

fn line(token: &TokenTree) -> usize {
    token.span().start().line
}

fn end_line(token: &TokenTree) -> usize {
    let span: Span = match token {
        TokenTree::Group(group) => group.span_close(),
        TokenTree::Ident(_) | TokenTree::Punct(_) | TokenTree::Literal(_) => token.span(),
    };
    span.end().line
}

#[cfg(test)]
#[path = "code_tests.rs"]
mod tests;

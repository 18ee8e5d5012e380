//! Shows the checkers of `code.rs` bad files, and good ones that look bad.

use std::path::Path;

use super::{check, test_modules};

/// Lines of the findings in a file at `path` with the usual head.
fn lines_at(path: &str, code: &str) -> Vec<usize> {
    let text = format!("//! Head.\n{code}");
    let findings = check(Path::new(path), &text, false);
    findings.iter().map(|finding| finding.line).collect()
}

fn lines(code: &str) -> Vec<usize> {
    lines_at("a/src/b.rs", code)
}

#[test]
fn finds_a_missing_head_and_mod_rs() {
    assert_eq!(check(Path::new("a/b.rs"), "fn f() {}\n", false).len(), 1);
    assert_eq!(lines_at("a/mod.rs", ""), [1]);
}

#[test]
fn finds_unwrap_outside_tests_also_in_macros() {
    assert_eq!(lines("fn f() {\n g().unwrap();\n}\n"), [3]);
    assert_eq!(lines("fn f() {\n assert!(g().unwrap());\n}\n"), [3]);
    assert_eq!(
        lines("fn f() { let s = \"x.unwrap()\"; } // .unwrap()\n"),
        []
    );
    assert_eq!(lines("fn f() { g().unwrap_or(1) }\n"), []);
}

#[test]
fn knows_where_a_test_ends() {
    assert_eq!(
        lines("#[cfg(test)]\nmod tests { fn f() { g().unwrap(); } }\n"),
        []
    );
    assert_eq!(
        lines("#[cfg(test)]\nuse x;\nfn f() { g().unwrap(); }\n"),
        [4]
    );
    assert_eq!(
        lines("#[tokio::test]\nasync fn f<A, B>() { g().unwrap(); }\n"),
        []
    );
    assert_eq!(lines("#[cfg(not(test))]\nfn f() { g().unwrap(); }\n"), [3]);
    let field = "struct S {\n #[cfg(test)]\n a: u8,\n b: [u8; { g().unwrap() }],\n}\n";
    assert_eq!(lines(field), [5]);
}

#[test]
fn finds_long_functions() {
    let body = |lines: usize| format!("fn f(\n) -> u8 {{\n{}}}\n", "1;\n".repeat(lines));
    assert_eq!(lines(&body(67)), []);
    assert_eq!(lines(&body(68)), [2]);
}

#[test]
fn finds_long_files_but_does_not_count_their_tests() {
    let long = |lines: usize| "const A: u8 = 1;\n".repeat(lines);
    assert_eq!(lines(&long(499)), []);
    assert_eq!(lines(&long(500)), [500]);
    let with_tests = format!("{}#[cfg(test)]\nmod tests {{\n{}}}\n", long(490), long(300));
    assert_eq!(lines(&with_tests), []);
    assert_eq!(lines_at("a/tests/b.rs", &long(600)), []);
    assert_eq!(lines_at("a/src/main.rs", &long(50)), [50]);
}

#[test]
fn finds_ignored_tests_and_left_overs() {
    assert_eq!(lines("#[test]\n#[ignore]\nfn f() {}\n"), [3]);
    assert_eq!(lines("#[ignore = \"slow\"]\n#[test]\nfn f() {}\n"), [2]);
    assert_eq!(lines("fn f() {\n todo!()\n}\n"), [3]);
    assert_eq!(lines("fn f() {\n dbg!(1);\n}\n"), [3]);
}

#[test]
fn finds_sleeps_without_a_reason() {
    assert_eq!(lines("fn f() {\n std::thread::sleep(d);\n}\n"), [3]);
    assert_eq!(
        lines("async fn f() {\n tokio::time::sleep(d).await;\n}\n"),
        []
    );
    assert_eq!(lines("#[test]\nfn f() {\n time::sleep(d);\n}\n"), [4]);
    let reason = "fn f() {\n // tidy: sleep: the step of a poll\n thread::sleep(d);\n}\n";
    assert_eq!(lines(reason), []);
    let empty = "fn f() {\n // tidy: sleep: \n thread::sleep(d);\n}\n";
    assert_eq!(lines(empty), [4]);
}

#[test]
fn finds_code_in_lib_rs() {
    assert_eq!(lines_at("a/src/lib.rs", "pub mod a;\npub use a::B;\n"), []);
    assert_eq!(lines_at("a/src/lib.rs", "pub mod a;\nfn f() {}\n"), [3]);
}

#[test]
fn finds_the_files_of_test_modules() {
    let code = "//! Head.\n#[cfg(test)]\nmod script;\nmod other;\n";
    let found = test_modules(Path::new("a/src/b.rs"), code);
    assert_eq!(found, [Path::new("a/src/b/script.rs")]);
    let found = test_modules(Path::new("a/src/lib.rs"), code);
    assert_eq!(found, [Path::new("a/src/script.rs")]);
}

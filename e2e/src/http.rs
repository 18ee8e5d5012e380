//! The one HTTP request the tests need.

use std::io::{Read as _, Write as _};
use std::time::Duration;

use anyhow::{Context as _, Result};

use crate::endpoint::Endpoint;

/// A node that is stopped or cut off is to be noticed, not waited for.
const ANSWER_MAX: Duration = Duration::from_secs(5);

/// `GET path`: status and body.
///
/// # Errors
/// When nobody answers, or not in HTTP.
pub fn get(endpoint: impl Into<Endpoint>, path: &str) -> Result<(u16, String)> {
    let mut stream = endpoint.into().dial(ANSWER_MAX)?;
    stream.set_read_timeout(Some(ANSWER_MAX))?;
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let (head, body) = answer
        .split_once("\r\n\r\n")
        .context("no end of the head")?;
    let status = head.split(' ').nth(1).context("no status")?.parse()?;
    Ok((status, body.to_owned()))
}

/// The value of a metric on a page of metrics, summed over its label sets.
///
/// # Errors
/// When it is not there.
pub fn metric(page: &str, name: &str) -> Result<f64> {
    let is_sample = |line: &&str| {
        let rest = line.strip_prefix(name);
        rest.is_some_and(|rest| rest.starts_with(['{', ' ']))
    };
    let mut samples = page.lines().filter(is_sample).peekable();
    samples
        .peek()
        .with_context(|| format!("no metric {name}"))?;
    let value = |line: &str| {
        line.rsplit(' ')
            .next()
            .and_then(|text| text.parse::<f64>().ok())
    };
    Ok(samples.filter_map(value).sum())
}

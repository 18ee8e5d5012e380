//! Waits until every node says on `/readyz` that clients may come.

use anyhow::bail;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, timeout};

use super::child::Child;
use super::limits::{ANSWER_BYTES_MAX, ANSWER_WAIT, READY_INTERVAL, READY_WAIT};

/// Returns when all are ready.
///
/// # Errors
/// One has ended, or the time is up: with what it lacks.
pub(super) async fn wait(children: &mut [Child]) -> anyhow::Result<()> {
    let end = Instant::now() + READY_WAIT;
    for place in 0..children.len() {
        loop {
            // All of them, since one that has ended may be what another one waits for.
            if let Some(failure) = children.iter_mut().find_map(Child::failure) {
                bail!(failure);
            }
            let child = &children[place];
            let missing = match ask(child.ports.http).await {
                Ok(answer) if answer.starts_with("HTTP/1.1 200") => break,
                Ok(answer) => answer.lines().last().unwrap_or_default().to_owned(),
                Err(error) => format!("/readyz does not answer: {error}"),
            };
            if Instant::now() >= end {
                let log = child.log();
                bail!(
                    "node {} is not ready in time ({missing}); see {log}",
                    child.node
                );
            }
            sleep(READY_INTERVAL).await;
        }
    }
    Ok(())
}

async fn ask(port: u16) -> std::io::Result<String> {
    let answer = async {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
        let request = "GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
        stream.write_all(request.as_bytes()).await?;
        let mut answer = String::new();
        stream
            .take(ANSWER_BYTES_MAX)
            .read_to_string(&mut answer)
            .await?;
        Ok(answer)
    };
    let silent = |_| Err(std::io::ErrorKind::TimedOut.into());
    timeout(ANSWER_WAIT, answer).await.unwrap_or_else(silent)
}

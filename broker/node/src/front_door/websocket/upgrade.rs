//! The opening handshake (RFC 6455, 4.2): a request read within bounds, and the answer to it.

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::Upgraded;
use super::request::{self, Refused};
use crate::front_door::limits::{FIRST_READ_BYTES, UPGRADE_BYTES_MAX};

/// Why a stranger was not upgraded.
#[derive(Debug, thiserror::Error)]
pub(in crate::front_door) enum UpgradeError {
    /// The connection broke.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// The stranger left before its request was complete.
    #[error("closed before the request was complete")]
    Closed,
    /// The request asks for something else; its sender was told.
    #[error("refused with {}: {}", .0.status, .0.words)]
    Refused(Refused),
}

/// Reads a request and answers it. The caller sets the time it may take.
pub(in crate::front_door) async fn upgrade<S>(mut stream: S) -> Result<Upgraded<S>, UpgradeError>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut bytes = Vec::with_capacity(FIRST_READ_BYTES);
    let answer = loop {
        if stream.read_buf(&mut bytes).await? == 0 {
            return Err(UpgradeError::Closed);
        }
        match request::parse(&bytes) {
            Ok(Some(request)) => break Ok(request),
            Ok(None) if bytes.len() < UPGRADE_BYTES_MAX => {}
            Ok(None) => break Err(request::TOO_LARGE),
            Err(refused) => break Err(refused),
        }
    };
    match answer {
        Ok(request) => {
            stream.write_all(request.answer().as_bytes()).await?;
            stream.flush().await?;
            Ok(Upgraded::new(stream, bytes.split_off(request.length)))
        }
        Err(refused) => {
            stream.write_all(refused.answer().as_bytes()).await?;
            stream.shutdown().await?;
            Err(UpgradeError::Refused(refused))
        }
    }
}

//! Why `quorate admin` has no good news, as a sentence and as an exit code.

use tonic::{Code, Status};

use crate::admin::service::REVISION;
use crate::tls_files::TlsFilesError;

/// See the module.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AskError {
    /// The files of the command line.
    #[error("{0}")]
    Files(#[from] TlsFilesError),
    /// Nobody is there, or it does not speak with us.
    #[error("{to} cannot be asked: {problem}")]
    Unreachable {
        /// Whom.
        to: String,
        /// Why.
        problem: String,
    },
    /// The membership has changed.
    #[error("{0}")]
    Stale(String),
    /// It was understood and not done.
    #[error("{0}")]
    Refused(String),
}

impl AskError {
    /// For scripts; see `quorate admin --help`.
    pub(crate) fn exit_code(&self) -> u8 {
        match self {
            Self::Refused(_) => 1,
            Self::Files(_) => 2,
            Self::Unreachable { .. } => 3,
            Self::Stale(_) => 4,
        }
    }

    pub(super) fn silent(to: &str) -> Self {
        Self::Unreachable {
            to: to.to_owned(),
            problem: "it does not answer".to_owned(),
        }
    }

    /// What an answer means that is none.
    pub(super) fn from_status(to: &str, status: &Status) -> Self {
        let message = status.message().to_owned();
        if status.metadata().contains_key(REVISION) {
            return Self::Stale(message);
        }
        // The service itself never uses the first three, and the fourth only without a cause: they are what
        // the end of a connection looks like.
        let code = status.code();
        let is_lost = matches!(code, Code::Internal | Code::Unknown | Code::Cancelled)
            || (code == Code::Unavailable && std::error::Error::source(status).is_some());
        if !is_lost {
            return Self::Refused(message);
        }
        let hint = if code == Code::Internal {
            "; a node that has certificates is asked with --cert, --key and --ca"
        } else {
            ""
        };
        let problem = format!("{message}{hint}");
        Self::Unreachable {
            to: to.to_owned(),
            problem,
        }
    }
}

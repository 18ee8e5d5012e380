//! Why a node was not asked, or did not do what it was asked for.

use tonic::{Code, Status};

/// Metadata that carries the present revision to a stale caller; see `admin.proto`.
pub(super) const REVISION: &str = "quorate-revision";

/// The operator's certificate cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// Files without what they should hold.
    #[error("the operator's certificate for the admin service is incomplete: {0}")]
    Incomplete(&'static str),
    /// rustls refuses them.
    #[error("the operator's certificate for the admin service cannot be used: {0}")]
    Refused(#[from] rustls::Error),
}

/// A step was not done, or nobody knows.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AdminError {
    /// The plan names a pod that was not given.
    #[error("the pod is not known any more")]
    NoSuchPod,
    /// The pod has no address yet.
    #[error("the pod has no address yet")]
    NoAddress,
    /// Nobody there, or no TLS that both sides accept; nothing was asked.
    #[error("the node cannot be reached: {0}")]
    Unreachable(String),
    /// The connection ended in the middle, or the time was over: it may have been done.
    #[error("the node's answer did not come; the step may have been done")]
    Unknown,
    /// Somebody changed the membership meanwhile; nothing was done.
    #[error("the membership has changed meanwhile (its revision is {current}); nothing was done")]
    Stale {
        /// The revision now; 0 if it was not told.
        current: u64,
    },
    /// It was understood and not done.
    #[error("the node refuses: {0}")]
    Refused(String),
}

impl AdminError {
    /// What an answer means that is none.
    pub(super) fn from_status(status: &Status) -> Self {
        if let Some(current) = status.metadata().get(REVISION) {
            let current = current.to_str().ok().and_then(|text| text.parse().ok());
            return Self::Stale {
                current: current.unwrap_or(0),
            };
        }
        let code = status.code();
        // What the end of a connection looks like; the service itself uses these for nothing else.
        let is_lost = matches!(
            code,
            Code::Internal | Code::Unknown | Code::Cancelled | Code::DeadlineExceeded
        );
        if is_lost || (code == Code::Unavailable && std::error::Error::source(status).is_some()) {
            return Self::Unknown;
        }
        Self::Refused(status.message().to_owned())
    }

    /// Why a question has no answer, as the end of a sentence.
    pub(super) fn problem(&self) -> String {
        match self {
            Self::Unreachable(problem) | Self::Refused(problem) => problem.clone(),
            Self::NoSuchPod | Self::NoAddress | Self::Unknown | Self::Stale { .. } => {
                self.to_string()
            }
        }
    }

    /// One word for metrics and events.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::NoSuchPod | Self::NoAddress | Self::Unreachable(_) => "unreachable",
            Self::Unknown => "unknown_outcome",
            Self::Stale { .. } => "stale_revision",
            Self::Refused(_) => "refused",
        }
    }
}

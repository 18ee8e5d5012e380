//! The one call of a node that has no id yet.

use std::sync::Arc;

use quorate_proto::peer::peer_client::PeerClient;
use quorate_proto::peer::{JoinAnswer, JoinRequest};
use tokio::time::timeout;

use super::connect::connect;
use super::error::JoinError;
use super::limits::{HELLO_WAIT, JOIN_WAIT};
use super::tls::PeerTls;

/// Asks a member to be taken into its cluster.
///
/// # Errors
///
/// It cannot be reached, or refuses.
pub async fn join(
    address: &str,
    request: JoinRequest,
    tls: Option<&Arc<PeerTls>>,
) -> Result<JoinAnswer, JoinError> {
    let unreachable = |problem: String| JoinError::Unreachable {
        address: address.to_owned(),
        problem,
    };
    let channel = connect(address, tls).await;
    let channel = channel.map_err(|error| unreachable(error.to_string()))?;
    let mut client = PeerClient::new(channel);
    let answer = timeout(JOIN_WAIT + HELLO_WAIT, client.join(request)).await;
    let answer = answer.map_err(|_| unreachable("it does not answer in time".to_owned()))?;
    let answer = answer.map_err(|status| {
        let is_refusal = matches!(
            status.code(),
            tonic::Code::FailedPrecondition | tonic::Code::PermissionDenied
        );
        if is_refusal {
            JoinError::Refused {
                address: address.to_owned(),
                problem: status.message().to_owned(),
            }
        } else {
            unreachable(format!("{}: {}", status.code(), status.message()))
        }
    })?;
    Ok(answer.into_inner())
}

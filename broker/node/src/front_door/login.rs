//! From a CONNECT to an owned client id: authenticate, claim, have the earlier connection closed.
//! Reads and writes no socket.

use std::sync::Arc;

use quorate_codec::{Connect, ReasonCode, Will};
use quorate_shard::Claimed;

use super::connack::{self, Refusal};
use super::connect;
use super::established::{ClaimError, ClaimRequest, ConnectOptions, Sessions};
use crate::auth::{Authenticator, Verdict};
use crate::config::Limits;

/// What login needs of the node.
pub(super) struct Clerk {
    pub(super) limits: Limits,
    pub(super) auth: Arc<Authenticator>,
    pub(super) sessions: Arc<dyn Sessions>,
    /// Draws client ids for those who bring none.
    pub(super) random: &'static dyn rustls::crypto::SecureRandom,
}

/// A login that went well; the claim is given back if this is dropped.
pub(super) struct Login {
    pub(super) options: ConnectOptions,
    pub(super) connack: Vec<u8>,
    pub(super) username: Option<Arc<str>>,
    pub(super) claim: HeldClaim,
}

impl Clerk {
    /// The whole login. The caller sets the time it may take.
    pub(super) async fn log_in(&self, connect: &Connect<'_>) -> Result<Login, Refusal> {
        if connect.properties.authentication_method.is_some() {
            return Err(BAD_METHOD);
        }
        if let Some(will) = &connect.will {
            self.check_will(will)?;
        }
        let username = self.authenticate(connect).await?;
        let client_id = match connect.client_id {
            "" => self.draw_client_id()?,
            client_id => client_id.into(),
        };
        let options = connect::options(connect, client_id, &self.limits);
        let claim = self
            .claim(connect::claim_request(connect, &options, &self.limits))
            .await?;
        if let Some(previous) = claim.claimed().and_then(|claimed| claimed.previous) {
            self.sessions
                .close_previous(&options.client_id, previous)
                .await;
        }
        let present = claim.claimed().is_some_and(|claimed| claimed.present);
        let connack = connack::accept(connect, &options, present, &self.limits)
            .ok()
            .filter(|connack| connack.len() <= options.packet_bytes_max as usize)
            .ok_or(CONNACK_TOO_LARGE)?;
        Ok(Login {
            options,
            connack,
            username,
            claim,
        })
    }

    /// MQTT-3.2.2-12, MQTT-3.2.2-13: a will that we could not publish is not accepted.
    fn check_will(&self, will: &Will<'_>) -> Result<(), Refusal> {
        let capabilities = &self.limits.capabilities;
        if will.qos > capabilities.maximum_qos {
            return Err(WILL_QOS);
        }
        if will.retain && !capabilities.retain {
            return Err(WILL_RETAIN);
        }
        let limits = self.limits.session();
        if limits.has_too_many(&will.properties.message().user_properties()) {
            return Err(WILL_PROPERTIES);
        }
        match limits.refuse_topic(will.topic.as_str()) {
            None => Ok(()),
            Some(reason) => Err(Refusal {
                reason,
                words: "a will to this topic is not taken",
            }),
        }
    }

    async fn authenticate(&self, connect: &Connect<'_>) -> Result<Option<Arc<str>>, Refusal> {
        let password = connect.password.map(|password| password.0);
        match self.auth.authenticate(connect.user_name, password).await {
            Verdict::User(name) => Ok(Some(name)),
            Verdict::Anonymous => Ok(None),
            Verdict::BadCredentials => Err(BAD_CREDENTIALS),
            Verdict::NotAuthorized => Err(NOT_AUTHORIZED),
            Verdict::Busy => Err(BUSY),
        }
    }

    /// MQTT-3.1.3-6, -7: unique, and told to the client. 128 random bits need no asking around.
    fn draw_client_id(&self) -> Result<Arc<str>, Refusal> {
        let mut bytes = [0; 16];
        self.random.fill(&mut bytes).map_err(|_| UNAVAILABLE)?;
        Ok(format!("auto-{:032x}", u128::from_le_bytes(bytes)).into())
    }

    /// Runs the claim in a task of its own, so that one that is under way is always seen through: if
    /// nobody waits for it any more, the held claim is dropped, and with that given back.
    async fn claim(&self, request: ClaimRequest) -> Result<HeldClaim, Refusal> {
        let sessions = Arc::clone(&self.sessions);
        let task = tokio::spawn(async move {
            let client_id = Arc::clone(&request.client_id);
            let claimed = sessions.claim(request).await?;
            Ok(HeldClaim {
                sessions,
                client_id,
                claimed: Some(claimed),
            })
        });
        match task.await {
            Ok(Ok(claim)) => Ok(claim),
            Ok(Err(ClaimError::Busy)) => Err(BUSY),
            Ok(Err(ClaimError::QuotaExceeded)) => Err(QUOTA_EXCEEDED),
            Ok(Err(ClaimError::Unavailable)) | Err(_) => Err(UNAVAILABLE),
        }
    }
}

/// A claim without a connection yet.
pub(super) struct HeldClaim {
    sessions: Arc<dyn Sessions>,
    client_id: Arc<str>,
    claimed: Option<Claimed>,
}

impl HeldClaim {
    fn claimed(&self) -> Option<&Claimed> {
        self.claimed.as_ref()
    }

    /// The claim, for a connection that now answers for it.
    pub(super) fn take(mut self) -> Option<Claimed> {
        self.claimed.take()
    }
}

impl Drop for HeldClaim {
    fn drop(&mut self) {
        if let Some(claimed) = self.claimed.take() {
            self.sessions.give_back(&self.client_id, &claimed);
        }
    }
}

const BAD_METHOD: Refusal = Refusal {
    reason: ReasonCode::BadAuthenticationMethod,
    words: "enhanced authentication is not supported; use a user name and a password",
};
const WILL_QOS: Refusal = Refusal {
    reason: ReasonCode::QoSNotSupported,
    words: "the will's QoS is above our maximum",
};
const WILL_RETAIN: Refusal = Refusal {
    reason: ReasonCode::RetainNotSupported,
    words: "the will is retained, and retained messages are off",
};
const WILL_PROPERTIES: Refusal = Refusal {
    reason: ReasonCode::QuotaExceeded,
    words: "the will has too many user properties",
};
const BAD_CREDENTIALS: Refusal = Refusal {
    reason: ReasonCode::BadUserNameOrPassword,
    words: "user name or password is wrong",
};
const NOT_AUTHORIZED: Refusal = Refusal {
    reason: ReasonCode::NotAuthorized,
    words: "anonymous access is off; give a user name and a password",
};
const BUSY: Refusal = Refusal {
    reason: ReasonCode::ServerBusy,
    words: "too many logins at once; try again later",
};
const QUOTA_EXCEEDED: Refusal = Refusal {
    reason: ReasonCode::QuotaExceeded,
    words: "no room for another session",
};
/// Also for a login that took too long.
pub(super) const UNAVAILABLE: Refusal = Refusal {
    reason: ReasonCode::ServerUnavailable,
    words: "the session cannot be opened now; try again later",
};
const CONNACK_TOO_LARGE: Refusal = Refusal {
    reason: ReasonCode::PacketTooLarge,
    words: "",
};

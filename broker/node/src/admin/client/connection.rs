//! A connection to a node's admin service: one method per call, errors as sentences.

use std::sync::Arc;

use quorate_proto::admin as proto;
use quorate_proto::admin::admin_client::AdminClient;
use tonic::transport::Channel;
use tonic::{Response, Status};

use super::error::AskError;
use crate::config::MutualTlsFiles;
use crate::peers::{self, ConnectError, PeerTls, PeerTlsFiles};

/// Certificate, key and CA of one side of the admin service.
pub(crate) fn load(
    files: &MutualTlsFiles,
) -> Result<Arc<PeerTls>, crate::tls_files::TlsFilesError> {
    PeerTls::load(PeerTlsFiles {
        cert: files.cert.clone(),
        key: files.key.clone(),
        ca: files.ca.clone(),
    })
}

/// See the module.
pub(super) struct Connection {
    to: String,
    client: AdminClient<Channel>,
}

impl Connection {
    pub(super) async fn open(to: &str, tls: Option<&Arc<PeerTls>>) -> Result<Self, AskError> {
        let channel = peers::connect(to, tls).await.map_err(|error| {
            let problem = match error {
                ConnectError::Unprotected => "it is not on this machine, so it is asked with certificates only: give --cert, --key and --ca (quorate certs makes them)".to_owned(),
                ConnectError::Address(_) | ConnectError::Io(_) | ConnectError::Silent | ConnectError::Http(_) => error.to_string(),
            };
            AskError::Unreachable {
                to: to.to_owned(),
                problem,
            }
        })?;
        Ok(Self {
            to: to.to_owned(),
            client: AdminClient::new(channel),
        })
    }

    fn read<T>(&self, answer: Result<Response<T>, Status>) -> Result<T, AskError> {
        answer
            .map(Response::into_inner)
            .map_err(|status| AskError::from_status(&self.to, &status))
    }

    pub(super) async fn status(&mut self) -> Result<proto::StatusReply, AskError> {
        let answer = self.client.status(proto::StatusRequest {}).await;
        self.read(answer)
    }

    pub(super) async fn initialise(&mut self) -> Result<proto::ChangeReply, AskError> {
        let answer = self
            .client
            .initialise(proto::InitialiseRequest::default())
            .await;
        self.read(answer)
    }

    pub(super) async fn add_member(
        &mut self,
        members: Vec<String>,
    ) -> Result<proto::ChangeReply, AskError> {
        let request = proto::AddMemberRequest {
            members,
            ..proto::AddMemberRequest::default()
        };
        let answer = self.client.add_member(request).await;
        self.read(answer)
    }

    pub(super) async fn promote(
        &mut self,
        request: proto::MemberRequest,
    ) -> Result<proto::ChangeReply, AskError> {
        let answer = self.client.promote_member(request).await;
        self.read(answer)
    }

    pub(super) async fn demote(
        &mut self,
        request: proto::MemberRequest,
    ) -> Result<proto::ChangeReply, AskError> {
        let answer = self.client.demote_member(request).await;
        self.read(answer)
    }

    pub(super) async fn remove(
        &mut self,
        request: proto::MemberRequest,
    ) -> Result<proto::ChangeReply, AskError> {
        let answer = self.client.remove_member(request).await;
        self.read(answer)
    }

    pub(super) async fn transfer(&mut self, group: u32, node: u64) -> Result<(), AskError> {
        let request = proto::TransferRequest { group, node };
        let answer = self.client.transfer(request).await;
        self.read(answer).map(drop)
    }

    pub(super) async fn drain(&mut self, node: u64, undo: bool) -> Result<(), AskError> {
        let request = proto::DrainRequest { node, undo };
        let answer = self.client.drain(request).await;
        self.read(answer).map(drop)
    }
}

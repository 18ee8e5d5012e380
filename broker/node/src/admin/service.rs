//! The gRPC service: requests to calls, results to replies. No decisions.

use quorate_proto::admin as proto;
use quorate_proto::admin::admin_server::Admin;
use tonic::{Code, Request, Response, Status};

use super::access::{Change, ChangeError, Changed, ClusterStatus, GroupView, MemberView, Role};
use super::desk::{Decision, Desk, Stage};

/// Metadata that carries the present revision to a stale caller.
pub(super) const REVISION: &str = "quorate-revision";

/// See the module.
#[derive(Debug)]
pub(super) struct Service {
    desk: Desk,
}

impl Service {
    pub(super) fn new(desk: Desk) -> Self {
        Self { desk }
    }

    async fn begin(
        &self,
        seen: &str,
        decision: Decision,
    ) -> Result<Response<proto::ChangeReply>, Status> {
        let access = self.desk.decide(seen, decision).await.map_err(to_status)?;
        let status = access.status();
        Ok(Response::new(proto::ChangeReply {
            revision: status.revision,
            node: status.node,
        }))
    }

    async fn change(
        &self,
        expected: u64,
        change: Change,
    ) -> Result<Response<proto::ChangeReply>, Status> {
        let access = self.desk.access().map_err(to_status)?;
        let Changed { revision, node } =
            access.change(expected, change).await.map_err(to_status)?;
        Ok(Response::new(proto::ChangeReply { revision, node }))
    }
}

#[tonic::async_trait]
impl Admin for Service {
    async fn status(
        &self,
        _: Request<proto::StatusRequest>,
    ) -> Result<Response<proto::StatusReply>, Status> {
        let before = |stage: proto::Stage, ticket: &str| proto::StatusReply {
            stage: stage.into(),
            ticket: ticket.to_owned(),
            ..proto::StatusReply::default()
        };
        let reply = match &*self.desk.stage() {
            Stage::Waiting { ticket, .. } => before(proto::Stage::Waiting, ticket),
            Stage::Starting => before(proto::Stage::Starting, ""),
            Stage::Member(access) => to_reply(access.status()),
        };
        Ok(Response::new(proto::StatusReply {
            peer_address: self.desk.peer_address().to_owned(),
            ..reply
        }))
    }

    async fn initialise(
        &self,
        request: Request<proto::InitialiseRequest>,
    ) -> Result<Response<proto::ChangeReply>, Status> {
        let ticket = request.into_inner().ticket;
        self.begin(&ticket, Decision::Begin).await
    }

    async fn add_member(
        &self,
        request: Request<proto::AddMemberRequest>,
    ) -> Result<Response<proto::ChangeReply>, Status> {
        let proto::AddMemberRequest { members, ticket } = request.into_inner();
        let are_addresses = members
            .iter()
            .all(|text| crate::config::is_host_and_port(text));
        if members.is_empty() || !are_addresses {
            let wanted = "members: HOST:PORT of some of the cluster's nodes, as peers reach them";
            return Err(Status::invalid_argument(wanted));
        }
        self.begin(&ticket, Decision::Join(members)).await
    }

    async fn promote_member(
        &self,
        request: Request<proto::MemberRequest>,
    ) -> Result<Response<proto::ChangeReply>, Status> {
        let request = request.into_inner();
        let change = Change::Promote(request.node);
        self.change(request.expected_revision, change).await
    }

    async fn demote_member(
        &self,
        request: Request<proto::MemberRequest>,
    ) -> Result<Response<proto::ChangeReply>, Status> {
        let request = request.into_inner();
        let change = Change::Demote(request.node);
        self.change(request.expected_revision, change).await
    }

    async fn remove_member(
        &self,
        request: Request<proto::MemberRequest>,
    ) -> Result<Response<proto::ChangeReply>, Status> {
        let request = request.into_inner();
        let change = Change::Remove(request.node);
        self.change(request.expected_revision, change).await
    }

    async fn transfer(
        &self,
        request: Request<proto::TransferRequest>,
    ) -> Result<Response<proto::TransferReply>, Status> {
        let request = request.into_inner();
        let access = self.desk.access().map_err(to_status)?;
        let moved = access.transfer(request.group, request.node).await;
        moved.map_err(to_status)?;
        Ok(Response::new(proto::TransferReply {}))
    }

    async fn drain(
        &self,
        request: Request<proto::DrainRequest>,
    ) -> Result<Response<proto::DrainReply>, Status> {
        let request = request.into_inner();
        let access = self.desk.access().map_err(to_status)?;
        let noted = access.drain(request.node, request.undo).await;
        noted.map_err(to_status)?;
        Ok(Response::new(proto::DrainReply {}))
    }
}

fn to_status(error: ChangeError) -> Status {
    let code = match error {
        ChangeError::Stale { .. }
        | ChangeError::NotMember
        | ChangeError::NotWaiting
        | ChangeError::OtherTicket
        | ChangeError::NotLeader { .. }
        | ChangeError::Refused(_) => Code::FailedPrecondition,
        ChangeError::UnknownNode(_) | ChangeError::UnknownGroup(_) => Code::NotFound,
        ChangeError::NoLeader => Code::Unavailable,
        ChangeError::Unknown => Code::DeadlineExceeded,
    };
    let mut status = Status::new(code, error.to_string());
    if let ChangeError::Stale { current } = error {
        status.metadata_mut().insert(REVISION, current.into());
    }
    status
}

fn to_reply(status: ClusterStatus) -> proto::StatusReply {
    proto::StatusReply {
        cluster_id: format!("{:032x}", status.cluster),
        node: status.node,
        revision: status.revision,
        members: status.members.into_iter().map(to_member).collect(),
        groups: status.groups.into_iter().map(to_group).collect(),
        stage: proto::Stage::Member.into(),
        lease_held: status.lease_held,
        ..proto::StatusReply::default()
    }
}

fn to_member(member: MemberView) -> proto::Member {
    let role = match member.role {
        Role::Learner => proto::Role::Learner,
        Role::Voter => proto::Role::Voter,
        Role::Leaving => proto::Role::Leaving,
    };
    proto::Member {
        node: member.node,
        role: role.into(),
        incarnation: member.incarnation,
        live: member.live,
        peer_address: member.peer_address,
        client_address: member.client_address,
        draining: member.draining,
        name: member.name,
        admin_address: member.admin_address,
        suspended: member.suspended,
    }
}

fn to_group(group: GroupView) -> proto::Group {
    let to_lag = |(node, entries)| proto::Lag { node, entries };
    proto::Group {
        group: group.group,
        leader: group.leader,
        term: group.term,
        committed: group.committed,
        applied: group.applied,
        voters: group.voters,
        learners: group.learners,
        lags: group.lags.into_iter().map(to_lag).collect(),
    }
}

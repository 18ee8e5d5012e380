//! `Command` of the control group. Its snapshot's records: `control_record`.

use bytes::Bytes;
use prost::Message as _;
use quorate_control::{
    Addresses, Bootstrap, Command, Join, Left, Life, SetDraining, SetRole, StartNode, WantedRole,
};
use quorate_proto::log::{self, control_command as command};

use super::malformed::{Malformed, narrow, present};

/// The bytes of a control command.
pub fn encode_control(command: Command) -> Bytes {
    let message = log::ControlCommand {
        kind: Some(encode_kind(command)),
    };
    message.encode_to_vec().into()
}

fn encode_kind(command: Command) -> command::Kind {
    match command {
        Command::Bootstrap(bootstrap) => command::Kind::Bootstrap(command::Bootstrap {
            cluster_id: encode_id(bootstrap.cluster_id),
            shards: bootstrap.shards.into(),
            format: bootstrap.format,
        }),
        Command::Join(join) => command::Kind::Join(command::Join {
            token: encode_id(join.token),
            name: join.name,
            peer_address: join.addresses.peer,
            client_address: join.addresses.client,
            admin_address: join.addresses.admin,
            promote: join.promote,
        }),
        Command::StartNode(start) => command::Kind::StartNode(command::StartNode {
            node: start.node,
            peer_address: start.addresses.peer,
            client_address: start.addresses.client,
            admin_address: start.addresses.admin,
            name: start.name,
        }),
        Command::SetRole(change) => command::Kind::SetRole(command::SetRole {
            node: change.node,
            role: encode_role(change.role).into(),
            expected: change.expected,
        }),
        Command::Left(left) => command::Kind::Left(command::Left {
            node: left.node,
            expected: left.expected,
        }),
        Command::EndLease(life) => command::Kind::EndLease(encode_life(life)),
        Command::Suspend(life) => command::Kind::Suspend(encode_life(life)),
        Command::Resume(node) => command::Kind::Resume(node),
        Command::SetDraining(change) => command::Kind::SetDraining(command::SetDraining {
            node: change.node,
            draining: change.draining,
        }),
    }
}

/// Reads a control command back.
///
/// # Errors
///
/// Anything that [`encode_control`] would not write.
pub fn decode_control(bytes: Bytes) -> Result<Command, Malformed> {
    let message = log::ControlCommand::decode(bytes)?;
    Ok(match present("control_command.kind", message.kind)? {
        command::Kind::Bootstrap(bootstrap) => Command::Bootstrap(Bootstrap {
            cluster_id: decode_id(&bootstrap.cluster_id)?,
            shards: narrow("bootstrap.shards", bootstrap.shards)?,
            format: bootstrap.format,
        }),
        command::Kind::Join(join) => Command::Join(Join {
            token: decode_id(&join.token)?,
            name: join.name,
            addresses: Addresses {
                peer: join.peer_address,
                client: join.client_address,
                admin: join.admin_address,
            },
            promote: join.promote,
        }),
        command::Kind::StartNode(start) => Command::StartNode(StartNode {
            node: start.node,
            name: start.name,
            addresses: Addresses {
                peer: start.peer_address,
                client: start.client_address,
                admin: start.admin_address,
            },
        }),
        command::Kind::SetRole(change) => Command::SetRole(SetRole {
            node: change.node,
            role: decode_role(change.role)?,
            expected: change.expected,
        }),
        command::Kind::Left(left) => Command::Left(Left {
            node: left.node,
            expected: left.expected,
        }),
        command::Kind::EndLease(life) => Command::EndLease(decode_life(life)),
        command::Kind::Suspend(life) => Command::Suspend(decode_life(life)),
        command::Kind::Resume(node) => Command::Resume(node),
        command::Kind::SetDraining(change) => Command::SetDraining(SetDraining {
            node: change.node,
            draining: change.draining,
        }),
    })
}

fn encode_role(role: WantedRole) -> command::WantedRole {
    match role {
        WantedRole::Voter => command::WantedRole::Voter,
        WantedRole::Learner => command::WantedRole::Learner,
        WantedRole::Gone => command::WantedRole::Gone,
    }
}

fn decode_role(role: i32) -> Result<WantedRole, Malformed> {
    let known = command::WantedRole::try_from(role).map_err(|_| out_of_range("role", role))?;
    Ok(match known {
        command::WantedRole::Voter => WantedRole::Voter,
        command::WantedRole::Learner => WantedRole::Learner,
        command::WantedRole::Gone => WantedRole::Gone,
    })
}

fn encode_life(life: Life) -> command::Life {
    command::Life {
        node: life.node,
        incarnation: life.incarnation,
    }
}

fn decode_life(life: command::Life) -> Life {
    Life {
        node: life.node,
        incarnation: life.incarnation,
    }
}

pub(super) fn out_of_range(field: &'static str, value: i32) -> Malformed {
    Malformed::Range {
        field,
        value: u64::from(value.cast_unsigned()),
    }
}

pub(super) fn encode_id(id: u128) -> Bytes {
    Bytes::copy_from_slice(&id.to_be_bytes())
}

pub(super) fn decode_id(bytes: &[u8]) -> Result<u128, Malformed> {
    let bytes = bytes.try_into().map_err(|_| Malformed::Range {
        field: "id of 16 bytes",
        value: bytes.len() as u64,
    })?;
    Ok(u128::from_be_bytes(bytes))
}

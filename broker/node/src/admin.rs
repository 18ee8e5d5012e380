//! The admin service: what operators and `quorate admin` can see and change. Decides nothing: it passes
//! on what it is told to whoever knows the cluster ([`ClusterAccess`]) or starts the node ([`Desk`]).

mod access;
mod call;
mod client;
mod desk;
mod limits;
mod server;
mod service;
#[cfg(test)]
mod tests;
mod view;

pub use access::{
    Change, ChangeError, Changed, ClusterAccess, ClusterStatus, GroupView, MemberView, Role,
};
pub use call::{Call, Question};
pub use client::ask;
pub use desk::{Decision, Desk};
pub use server::{AdminServer, OpenError};

pub(crate) use client::{look, role_name, table};
pub(crate) use view::{View, group_name};

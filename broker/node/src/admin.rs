//! The admin service: what operators and `quorate admin` can see and change. Decides nothing: every call
//! becomes one of [`Membership`].

mod call;
mod membership;

pub use call::{Call, Question};
pub use membership::{
    Change, ChangeError, Changed, ClusterStatus, GroupView, MemberView, Membership, Role,
};

/// Asks, prints the answer, and says how it went.
pub fn ask(call: &Call) -> u8 {
    eprintln!("quorate: asking {} is not built yet", call.to);
    1
}

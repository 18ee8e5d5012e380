//! The planner's table: situations, the step that follows, and what is said.

use super::*;

const CLUSTER: &str = "000102030405060708090a0b0c0d0e0f";
const OTHER: &str = "ffffffffffffffffffffffffffffffff";

/// A cluster as its leader tells.
fn view(voters: &[NodeId], learners: &[NodeId]) -> View {
    let member = |(node, role): (&NodeId, Role)| {
        let told = MemberTold {
            role,
            live: true,
            draining: false,
            peer_address: format!("demo-{}:7883", node - 1),
        };
        (*node, told)
    };
    let group = GroupTold {
        leader: Some(voters[0]),
        term: 3,
        committed: 500,
        voters: voters.iter().copied().collect(),
        learners: learners.iter().copied().collect(),
        lags: voters
            .iter()
            .chain(learners)
            .map(|node| (*node, 2))
            .collect(),
    };
    let voting = voters.iter().map(|node| (node, Role::Voter));
    let learning = learners.iter().map(|node| (node, Role::Learner));
    View {
        cluster: CLUSTER.to_owned(),
        node: voters[0],
        lease_held: true,
        revision: 40,
        members: voting.chain(learning).map(member).collect(),
        groups: BTreeMap::from([(0, group.clone()), (1, group)]),
    }
}

/// What node `node` says who knows what the leader knows, but for the lags.
fn as_told_by(view: &View, node: NodeId) -> Told {
    let mut told = view.clone();
    told.node = node;
    if view.node != node {
        for group in told.groups.values_mut() {
            group.lags.clear();
        }
    }
    Told::Member(Box::new(told))
}

fn pod(ordinal: usize, told: Told) -> PodSeen {
    PodSeen {
        ordinal,
        name: format!("demo-{ordinal}"),
        peer_address: format!("demo-{ordinal}:7883"),
        state: PodState::Running,
        told,
    }
}

fn observed(voters: usize, cluster: Option<&str>, told: Vec<Told>) -> Observed {
    Observed {
        voters,
        cluster: cluster.map(str::to_owned),
        pods: told
            .into_iter()
            .enumerate()
            .map(|(ordinal, told)| pod(ordinal, told))
            .collect(),
    }
}

/// All members of a healthy view tell it.
fn healthy(voters: usize, view: &View, more: Vec<Told>) -> Observed {
    let told = view.members.keys().map(|node| as_told_by(view, *node));
    observed(voters, Some(CLUSTER), told.chain(more).collect())
}

fn waiting() -> Told {
    Told::Waiting {
        ticket: "t".to_owned(),
    }
}

fn silent() -> Told {
    Told::Silent("connection refused".to_owned())
}

fn target(node: NodeId, name: &str) -> Target {
    Target {
        via: 0,
        node,
        name: name.to_owned(),
        expected: 40,
    }
}

#[track_caller]
fn check(observed: &Observed, next: Next, reason: &str, words: &[&str]) {
    let plan = plan(observed);
    let said = format!("{} | {}", plan.membership.message, plan.quorum.message);
    assert_eq!(plan.next, next, "{said}");
    assert!(
        plan.membership.reason == reason || plan.quorum.reason == reason,
        "{} {}",
        plan.membership.reason,
        plan.quorum.reason
    );
    for word in words {
        assert!(said.contains(word), "{word:?} is not in {said:?}");
    }
}

#[test]
fn a_cluster_begins_when_every_volume_is_known_to_be_empty() {
    let all = observed(3, None, vec![waiting(), waiting(), waiting()]);
    check(
        &all,
        Next::Initialise {
            pod: 0,
            ticket: "t".to_owned(),
        },
        "Initialising",
        &["demo-0 begins"],
    );
    for unknown in [silent(), Told::Starting] {
        let some = observed(3, None, vec![waiting(), waiting(), unknown]);
        check(&some, Next::Wait, "WaitingForPods", &["demo-2"]);
    }
    let mut pending = all;
    pending.pods[1].state = PodState::Pending("no node has room".to_owned());
    pending.pods[1].told = Told::Silent(String::new());
    check(
        &pending,
        Next::Wait,
        "WaitingForPods",
        &["demo-1 does not run yet (no node has room)"],
    );
    check(
        &observed(3, None, Vec::new()),
        Next::Wait,
        "WaitingForPods",
        &[],
    );
}

#[test]
fn a_cluster_on_any_volume_is_taken_over_and_none_begun() {
    let known = view(&[1, 2, 3], &[]);
    let record = Next::Record {
        cluster: CLUSTER.to_owned(),
    };
    let lost = observed(3, None, vec![waiting(), as_told_by(&known, 2), silent()]);
    check(&lost, record, "Recording", &[CLUSTER]);
    let mut foreign = known.clone();
    foreign.cluster = OTHER.to_owned();
    let two = observed(
        2,
        None,
        vec![as_told_by(&known, 1), as_told_by(&foreign, 2)],
    );
    check(
        &two,
        Next::Stuck,
        "VolumesDisagree",
        &["demo-0", "demo-1", CLUSTER, OTHER],
    );
}

#[test]
fn volumes_beyond_the_wanted_voters_may_hold_the_cluster() {
    let mut one = observed(1, None, vec![waiting(), Told::Silent(String::new())]);
    one.pods[1].state = PodState::Absent;
    check(
        &one,
        Next::Stuck,
        "VolumesBeyondVoters",
        &["demo-1", "spec.voters"],
    );
}

#[test]
fn a_lost_cluster_is_never_begun_again_by_itself() {
    let empty = observed(3, Some(CLUSTER), vec![waiting(), waiting(), waiting()]);
    check(
        &empty,
        Next::Stuck,
        "VolumesLost",
        &[CLUSTER, "delete this resource and its volume claims"],
    );
    let mut foreign = view(&[1], &[]);
    foreign.cluster = OTHER.to_owned();
    let other = observed(1, Some(CLUSTER), vec![as_told_by(&foreign, 1)]);
    check(&other, Next::Stuck, "ForeignVolumes", &["demo-0", CLUSTER]);
    let silent = observed(1, Some(CLUSTER), vec![silent()]);
    check(
        &silent,
        Next::Wait,
        "NoMemberAnswers",
        &["demo-0 does not answer (connection refused)"],
    );
}

#[test]
fn newcomers_join_one_after_the_other_and_get_their_votes_together() {
    let one = view(&[1], &[]);
    let members = vec!["demo-0:7883".to_owned()];
    let add = |pod, members: &[String]| Next::Add {
        pod,
        ticket: "t".to_owned(),
        members: members.to_vec(),
    };
    let fresh = healthy(3, &one, vec![waiting(), waiting()]);
    check(&fresh, add(1, &members), "MemberJoining", &["demo-1 joins"]);
    let joining = healthy(3, &one, vec![Told::Starting, waiting()]);
    check(
        &joining,
        Next::Wait,
        "MemberJoining",
        &["demo-1 is on its way"],
    );

    let two = view(&[1], &[2]);
    let both = ["demo-0:7883".to_owned(), "demo-1:7883".to_owned()];
    check(
        &healthy(3, &two, vec![waiting()]),
        add(2, &both),
        "MemberJoining",
        &[],
    );
    check(
        &healthy(3, &two, vec![silent()]),
        Next::Wait,
        "WaitingForPods",
        &["demo-2"],
    );

    let three = view(&[1], &[2, 3]);
    check(
        &healthy(3, &three, vec![]),
        Next::Promote(target(2, "demo-1")),
        "MemberPromoted",
        &[],
    );
    let mut behind = three;
    behind.groups.get_mut(&1).unwrap().lags.insert(3, 9_000);
    check(
        &healthy(3, &behind, vec![]),
        Next::Wait,
        "CatchingUp",
        &["demo-2 learns"],
    );
    let even = view(&[1, 2], &[3]);
    check(
        &healthy(3, &even, vec![]),
        Next::Promote(target(3, "demo-2")),
        "MemberPromoted",
        &[],
    );
    check(
        &healthy(3, &view(&[1, 2, 3], &[]), vec![]),
        Next::Nothing,
        "AsWanted",
        &["3 voters"],
    );
}

#[test]
fn lags_that_no_leader_has_told_promote_nobody() {
    let three = view(&[1], &[2, 3]);
    let mut seen = healthy(3, &three, vec![]);
    let mut told = three;
    told.groups
        .values_mut()
        .for_each(|group| group.lags.clear());
    seen.pods[0].told = as_told_by(&told, 1);
    check(&seen, Next::Wait, "CatchingUp", &[]);
}

#[test]
fn one_change_at_a_time() {
    let mut changing = view(&[1, 2], &[3]);
    changing.groups.get_mut(&1).unwrap().voters.remove(&2);
    check(
        &healthy(3, &changing, vec![]),
        Next::Wait,
        "Changing",
        &["1 of 2 groups"],
    );
    let mut leaving = view(&[1, 2, 3], &[]);
    leaving.members.get_mut(&3).unwrap().role = Role::Leaving;
    check(
        &healthy(3, &leaving, vec![]),
        Next::Wait,
        "MemberLeaving",
        &["demo-2 (node 3)"],
    );
}

#[test]
fn a_member_without_its_volume_goes_before_its_pod_joins_anew() {
    let mut cluster = view(&[1, 2, 3], &[]);
    let wiped = |cluster: &View| {
        let mut seen = healthy(3, cluster, vec![]);
        seen.pods[2].told = waiting();
        seen
    };
    check(&wiped(&cluster), Next::Wait, "MemberLost", &["lease"]);
    cluster.members.get_mut(&3).unwrap().live = false;
    check(
        &wiped(&cluster),
        Next::Remove(target(3, "demo-2")),
        "MemberLost",
        &["demo-2", "node 3"],
    );
    cluster.members.remove(&3);
    for group in cluster.groups.values_mut() {
        group.voters.remove(&3);
    }
    let mut seen = healthy(3, &cluster, vec![waiting()]);
    let plan_now = plan(&seen);
    assert_eq!(plan_now.next.name(), "add");
    assert!(!plan_now.is_stable());
    // It gets another id, since an id never comes back.
    let mut joined = view(&[1, 2], &[9]);
    joined.members.get_mut(&9).unwrap().peer_address = "demo-2:7883".to_owned();
    seen.pods[0].told = as_told_by(&joined, 1);
    seen.pods[1].told = as_told_by(&joined, 2);
    seen.pods[2].told = as_told_by(&joined, 9);
    check(
        &seen,
        Next::Promote(target(9, "demo-2")),
        "MemberPromoted",
        &[],
    );
}

#[test]
fn a_lost_member_stays_when_the_rest_would_be_no_majority() {
    let mut cluster = view(&[1, 2, 3, 4, 5], &[]);
    for node in [4, 5] {
        cluster.members.get_mut(&node).unwrap().live = false;
    }
    let mut seen = healthy(5, &cluster, vec![]);
    seen.pods[4].told = waiting();
    seen.pods[3].told = silent();
    check(&seen, Next::Remove(target(5, "demo-4")), "MemberLost", &[]);
    // Two of four would be live: no majority.
    cluster.members.get_mut(&3).unwrap().live = false;
    let mut seen = healthy(5, &cluster, vec![]);
    seen.pods[4].told = waiting();
    check(&seen, Next::Wait, "MemberLost", &["3 of the other 4"]);
}

#[test]
fn nothing_is_done_without_a_majority() {
    let mut cut = view(&[1, 2, 3], &[]);
    cut.lease_held = false;
    let mut seen = healthy(3, &cut, vec![]);
    seen.pods[1].told = silent();
    seen.pods[2].told = silent();
    check(
        &seen,
        Next::Wait,
        "NoQuorum",
        &["1 of 3 voters", "2 are needed", "demo-0"],
    );
    assert_eq!(plan(&seen).standing["demo-0"], Standing::Unknown);
    seen.pods[1].told = waiting();
    seen.pods[2].told = waiting();
    check(
        &seen,
        Next::Wait,
        "QuorumLost",
        &[
            "demo-1 and demo-2 have lost their volumes",
            "is demo-0 (term 3, 500",
        ],
    );
    let mut all = healthy(3, &cut, vec![]);
    check(&all, Next::Wait, "Electing", &["3 of 3"]);
    // The best survivor is the one with the newest term.
    let mut newer = cut;
    newer.groups.get_mut(&0).unwrap().term = 4;
    all.pods[0].told = silent();
    all.pods[1].told = silent();
    all.pods[2].told = as_told_by(&newer, 3);
    check(
        &all,
        Next::Wait,
        "NoQuorum",
        &["most of the data is demo-2"],
    );
}

#[test]
fn what_a_minority_tells_is_not_believed() {
    let now = view(&[1, 2, 3], &[]);
    let mut old = view(&[1], &[2]);
    old.lease_held = false;
    old.revision = 12;
    let seen = observed(
        3,
        Some(CLUSTER),
        vec![
            as_told_by(&now, 1),
            as_told_by(&now, 2),
            as_told_by(&old, 3),
        ],
    );
    check(&seen, Next::Nothing, "AsWanted", &[]);
}

#[test]
fn a_member_that_is_down_is_waited_for() {
    let mut cluster = view(&[1, 2, 3], &[]);
    cluster.members.get_mut(&2).unwrap().live = false;
    let mut seen = healthy(3, &cluster, vec![]);
    seen.pods[1].told = silent();
    check(
        &seen,
        Next::Wait,
        "MemberDown",
        &["demo-1 does not answer", "2 of 3 voters are live"],
    );
    let plan = plan(&seen);
    assert_eq!(plan.quorum.holds, Holds::True);
    assert!(!plan.is_stable());
    assert_eq!(plan.standing["demo-1"], Standing::Dead);
    assert_eq!(plan.standing["demo-2"], Standing::Live);
}

#[test]
fn a_member_that_is_not_heard_is_none_to_spare_another_for() {
    let mut seen = healthy(3, &view(&[1, 2, 3], &[]), vec![]);
    seen.pods[1].told = silent();
    check(&seen, Next::Wait, "MemberDown", &["demo-1 does not answer"]);
    assert!(!plan(&seen).is_stable());
    assert_eq!(plan(&seen).standing["demo-1"], Standing::Live);
}

#[test]
fn voters_are_not_taken_away() {
    let seen = healthy(3, &view(&[1, 2, 3, 4, 5], &[]), vec![]);
    check(
        &seen,
        Next::Stuck,
        "ScaleDownNotSupported",
        &["Set spec.voters to 5"],
    );
}

#[test]
fn leaders_leave_a_pod_that_is_ending() {
    let mut cluster = view(&[1, 2, 3], &[]);
    let mut seen = healthy(3, &cluster, vec![]);
    seen.pods[0].state = PodState::Ending;
    check(&seen, Next::Drain(target(1, "demo-0")), "MemberEnding", &[]);
    cluster.members.get_mut(&1).unwrap().draining = true;
    let mut drained = healthy(3, &cluster, vec![]);
    drained.pods[0].state = PodState::Ending;
    assert_ne!(plan(&drained).next.name(), "drain");
    drained.pods[0].state = PodState::Running;
    check(
        &drained,
        Next::Undrain(target(1, "demo-0")),
        "MemberBack",
        &[],
    );
    let mut alone = healthy(1, &view(&[1], &[]), vec![]);
    alone.pods[0].state = PodState::Ending;
    assert_eq!(plan(&alone).next, Next::Nothing);
}

#[test]
fn a_volume_of_another_cluster_stops_everything() {
    let mut foreign = view(&[1], &[]);
    foreign.cluster = OTHER.to_owned();
    let seen = healthy(3, &view(&[1], &[2]), vec![as_told_by(&foreign, 1)]);
    check(
        &seen,
        Next::Stuck,
        "ForeignVolume",
        &["demo-2", "delete the volume claim"],
    );
}

#[test]
fn the_summary_names_pods() {
    let mut cluster = view(&[1, 2], &[3]);
    cluster.groups.get_mut(&1).unwrap().lags.insert(3, 5_000);
    let summary = plan(&healthy(3, &cluster, vec![])).summary;
    assert_eq!(summary.leader.as_deref(), Some("demo-0"));
    assert_eq!(summary.term, Some(3));
    let lines = summary
        .members
        .iter()
        .map(|line| (line.pod.as_deref(), line.groups_behind));
    let expected = [
        (Some("demo-0"), Some(0)),
        (Some("demo-1"), Some(0)),
        (Some("demo-2"), Some(1)),
    ];
    assert_eq!(lines.collect::<Vec<_>>(), expected);
}

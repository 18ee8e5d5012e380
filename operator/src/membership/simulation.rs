//! The planner against a small model of a cluster and its pods, with everything going wrong: operators that are
//! killed at any step, carry steps out late, or are two at once; pods that crash and lose their volumes; a
//! status that is lost. What must never happen is checked at every step; at the end all is put right and the
//! planner has to reach what is wanted.
//!
//! Volumes are lost only as long as a majority keeps its own: otherwise nothing could be reached.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

const ORDINALS_MAX: usize = 5;
/// Ticks until the lease of a node that is down ends.
const LEASE_TICKS: u32 = 2;

/// A volume.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Volume {
    Empty,
    /// It belongs to this node of this cluster.
    Of(usize, NodeId),
}

#[derive(Debug)]
struct Pod {
    exists: bool,
    up: bool,
    volume: Volume,
    /// Drawn anew whenever the node in it begins to wait.
    ticket: u64,
    /// It was told to join this cluster.
    joining: Option<usize>,
    down_ticks: u32,
}

/// A member in the model's control state.
#[derive(Debug, Clone)]
struct Member {
    role: Role,
    ordinal: usize,
    live: bool,
    /// Whether a learner has the log.
    caught_up: bool,
}

#[derive(Debug)]
struct Cluster {
    revision: u64,
    next_node: NodeId,
    members: BTreeMap<NodeId, Member>,
    /// Voters of the groups; they follow the members.
    voters: BTreeSet<NodeId>,
}

#[derive(Debug)]
struct World {
    wanted: usize,
    /// The resource's status, and its version.
    status: Option<usize>,
    version: u64,
    pods: Vec<Pod>,
    clusters: Vec<Cluster>,
    tickets: u64,
}

/// A step on its way, with what guards it.
#[derive(Debug, Clone)]
struct Late {
    next: Next,
    version: u64,
}

fn cluster_id(number: usize) -> String {
    format!("{number:032x}")
}

impl World {
    fn new() -> Self {
        let pod = |ordinal| Pod {
            exists: ordinal == 0,
            up: true,
            volume: Volume::Empty,
            ticket: ordinal as u64,
            joining: None,
            down_ticks: 0,
        };
        Self {
            wanted: 1,
            status: None,
            version: 0,
            pods: (0..ORDINALS_MAX).map(pod).collect(),
            clusters: Vec::new(),
            tickets: 100,
        }
    }

    fn node_up(&self, cluster: usize, node: NodeId) -> bool {
        let member = &self.clusters[cluster].members[&node];
        let pod = &self.pods[member.ordinal];
        pod.up && pod.volume == Volume::Of(cluster, node)
    }

    /// Whether a majority of a set of nodes is true for something.
    fn majority(nodes: &BTreeSet<NodeId>, is: impl Fn(NodeId) -> bool) -> bool {
        nodes.iter().filter(|node| is(**node)).count() > nodes.len() / 2
    }

    fn has_quorum(&self, cluster: usize) -> bool {
        let of = &self.clusters[cluster];
        let up = |node| of.members.contains_key(&node) && self.node_up(cluster, node);
        Self::majority(&of.voters, up)
    }

    fn wanted_voters(&self, cluster: usize) -> BTreeSet<NodeId> {
        let members = self.clusters[cluster].members.iter();
        members
            .filter(|(_, member)| member.role == Role::Voter)
            .map(|(node, _)| *node)
            .collect()
    }

    fn settled(&self, cluster: usize) -> bool {
        self.clusters[cluster].voters == self.wanted_voters(cluster)
    }

    /// Time passes: leases end, nodes get in, groups follow.
    fn tick(&mut self) {
        for pod in &mut self.pods {
            pod.down_ticks = if pod.up { 0 } else { pod.down_ticks + 1 };
        }
        for cluster in 0..self.clusters.len() {
            if !self.has_quorum(cluster) {
                continue;
            }
            let nodes: Vec<NodeId> = self.clusters[cluster].members.keys().copied().collect();
            for node in nodes {
                let up = self.node_up(cluster, node);
                let ordinal = self.clusters[cluster].members[&node].ordinal;
                let pod = &self.pods[ordinal];
                let wiped = pod.volume != Volume::Of(cluster, node);
                let member = self.clusters[cluster].members.get_mut(&node).unwrap();
                if up {
                    member.live = true;
                    member.caught_up = true;
                } else if wiped || pod.down_ticks >= LEASE_TICKS {
                    member.live = false;
                }
            }
            self.follow(cluster);
            self.take_in(cluster);
        }
    }

    fn follow(&mut self, cluster: usize) {
        let wanted = self.wanted_voters(cluster);
        let of = &self.clusters[cluster];
        if of.voters != wanted {
            // Who gets a vote must have the log, and both majorities must agree.
            let added: Vec<NodeId> = wanted.difference(&of.voters).copied().collect();
            let up = |node: &NodeId| self.node_up(cluster, *node);
            if added.iter().all(up) && Self::majority(&wanted, |node| up(&node)) {
                self.clusters[cluster].voters = wanted;
            }
            return;
        }
        let mut members = of.members.iter();
        let leaving = members.find(|(_, member)| member.role == Role::Leaving);
        if let Some(node) = leaving.map(|(node, _)| *node) {
            let of = &mut self.clusters[cluster];
            of.members.remove(&node);
            of.revision += 1;
        }
    }

    fn take_in(&mut self, cluster: usize) {
        for ordinal in 0..self.pods.len() {
            let pod = &self.pods[ordinal];
            if !pod.up || pod.joining != Some(cluster) {
                continue;
            }
            let of = &mut self.clusters[cluster];
            let there = |member: &Member| member.ordinal == ordinal && member.role != Role::Leaving;
            if of.members.values().any(there) {
                continue;
            }
            let node = of.next_node;
            of.next_node += 1;
            of.revision += 1;
            let member = Member {
                role: Role::Learner,
                ordinal,
                live: true,
                caught_up: false,
            };
            of.members.insert(node, member);
            self.pods[ordinal].joining = None;
            self.pods[ordinal].volume = Volume::Of(cluster, node);
        }
    }

    fn crash(&mut self, ordinal: usize) {
        self.pods[ordinal].up = false;
    }

    fn start(&mut self, ordinal: usize) {
        if self.pods[ordinal].up {
            return;
        }
        self.tickets += 1;
        let pod = &mut self.pods[ordinal];
        pod.up = true;
        pod.joining = None;
        pod.ticket = self.tickets;
    }

    /// Pod and volume go, if a majority keeps its own.
    fn wipe(&mut self, ordinal: usize) {
        let may = (0..self.clusters.len()).all(|cluster| {
            let of = &self.clusters[cluster];
            let stays = |node| {
                let member = of.members.get(&node);
                member.is_some_and(|member| {
                    let there = self.pods[member.ordinal].volume == Volume::Of(cluster, node);
                    member.ordinal != ordinal && there
                })
            };
            Self::majority(&of.voters, stays) && Self::majority(&self.wanted_voters(cluster), stays)
        });
        if may {
            self.pods[ordinal].volume = Volume::Empty;
            self.pods[ordinal].up = false;
            self.start(ordinal);
        }
    }

    fn view(&self, cluster: usize, node: NodeId) -> View {
        let of = &self.clusters[cluster];
        let quorum = self.has_quorum(cluster);
        let leader = of
            .voters
            .iter()
            .find(|voter| self.node_up(cluster, **voter))
            .copied();
        let leader = leader.filter(|_| quorum);
        let members = of.members.iter().map(|(node, member)| {
            let told = MemberTold {
                role: member.role,
                live: member.live,
                draining: false,
                peer_address: member.ordinal.to_string(),
            };
            (*node, told)
        });
        let learners = of
            .members
            .iter()
            .filter(|(_, member)| member.role == Role::Learner);
        let learners: BTreeSet<NodeId> = learners.map(|(node, _)| *node).collect();
        let lags = learners
            .iter()
            .map(|node| (*node, if of.members[node].caught_up { 0 } else { 9_999 }));
        let group = GroupTold {
            leader,
            term: 1,
            committed: of.revision,
            voters: of.voters.clone(),
            lags: if leader == Some(node) {
                lags.collect()
            } else {
                BTreeMap::new()
            },
            learners,
        };
        View {
            cluster: cluster_id(cluster),
            node,
            lease_held: quorum && of.members.get(&node).is_some_and(|member| member.live),
            revision: of.revision,
            members: members.collect(),
            groups: BTreeMap::from([(0, group)]),
        }
    }

    fn observe(&self, deaf: usize) -> Observed {
        let pods = self.pods.iter().enumerate().filter(|(_, pod)| pod.exists);
        let pods = pods.map(|(ordinal, pod)| {
            let told = match &pod.volume {
                _ if !pod.up || ordinal == deaf => Told::Silent(String::new()),
                Volume::Of(cluster, node) => Told::Member(Box::new(self.view(*cluster, *node))),
                Volume::Empty if pod.joining.is_some() => Told::Starting,
                Volume::Empty => Told::Waiting {
                    ticket: pod.ticket.to_string(),
                },
            };
            PodSeen {
                ordinal,
                name: format!("pod {ordinal}"),
                peer_address: ordinal.to_string(),
                state: PodState::Running,
                told,
            }
        });
        Observed {
            voters: self.wanted,
            cluster: self.status.map(cluster_id),
            pods: pods.collect(),
        }
    }

    /// Looks and decides; what is decided may be carried out later, or never.
    fn decide(&self, deaf: usize) -> Late {
        let observed = self.observe(deaf);
        let next = plan(&observed).next;
        if let Some(cluster) = self.status
            && !self.has_quorum(cluster)
        {
            assert!(
                matches!(next, Next::Wait | Next::Stuck),
                "{next:?} without a majority"
            );
        }
        Late {
            next,
            version: self.version,
        }
    }

    /// What Kubernetes and the nodes do with a step, however old it is.
    fn carry_out(&mut self, late: Late) {
        match late.next {
            Next::Nothing | Next::Wait | Next::Stuck => {}
            Next::Record { cluster } => {
                if late.version == self.version {
                    self.version += 1;
                    self.status = usize::from_str_radix(&cluster, 16).ok();
                }
            }
            Next::Initialise { pod, ticket } => self.initialise(pod, &ticket),
            Next::Add { pod, ticket, .. } => {
                let waits = self.waits(pod, &ticket);
                if waits && !self.clusters.is_empty() {
                    self.pods[pod].joining = Some(0);
                }
            }
            Next::Promote(target) => self.change(&target, Role::Voter),
            Next::Remove(target) => self.change(&target, Role::Leaving),
            Next::Drain(_) | Next::Undrain(_) => panic!("no pod is ending"),
        }
    }

    fn waits(&self, pod: usize, ticket: &str) -> bool {
        let pod = &self.pods[pod];
        pod.up
            && pod.volume == Volume::Empty
            && pod.joining.is_none()
            && pod.ticket.to_string() == ticket
    }

    fn initialise(&mut self, pod: usize, ticket: &str) {
        if !self.waits(pod, ticket) {
            return;
        }
        assert!(self.clusters.is_empty(), "a second cluster was begun");
        let member = Member {
            role: Role::Voter,
            ordinal: pod,
            live: true,
            caught_up: true,
        };
        self.clusters.push(Cluster {
            revision: 1,
            next_node: 2,
            members: BTreeMap::from([(1, member)]),
            voters: BTreeSet::from([1]),
        });
        self.pods[pod].volume = Volume::Of(0, 1);
    }

    fn change(&mut self, target: &Target, role: Role) {
        if !self.has_quorum(0) || self.clusters[0].revision != target.expected {
            return;
        }
        let was_settled = self.settled(0);
        let member = &self.clusters[0].members[&target.node];
        let lost = self.pods[member.ordinal].volume != Volume::Of(0, target.node);
        assert!(
            was_settled || (role == Role::Leaving && lost),
            "two changes at once"
        );
        assert!(
            role == Role::Voter || lost,
            "a member that has its volume was taken out"
        );
        let leaving = |member: &Member| member.role == Role::Leaving;
        assert!(
            !self.clusters[0].members.values().any(leaving)
                || !self.clusters[0].voters.contains(&target.node),
            "two voters leave at once"
        );
        let of = &mut self.clusters[0];
        of.revision += 1;
        of.members.get_mut(&target.node).unwrap().role = role;
        let wanted = self.wanted_voters(0);
        let has_volume = |node| {
            let ordinal = self.clusters[0].members[&node].ordinal;
            self.pods[ordinal].volume == Volume::Of(0, node)
        };
        assert!(
            role == Role::Voter || Self::majority(&wanted, has_volume),
            "the majority was taken away"
        );
    }

    /// No more trouble: whatever is wanted is reached in bounded time.
    fn heal(&mut self) {
        for ordinal in 0..self.pods.len() {
            self.start(ordinal);
        }
        for _ in 0..200 {
            let late = self.decide(usize::MAX);
            if late.next == Next::Nothing && self.settled(0) {
                assert_eq!(self.wanted_voters(0).len(), self.wanted);
                assert_eq!(self.status, Some(0));
                assert_eq!(self.clusters.len(), 1);
                return;
            }
            self.carry_out(late);
            self.tick();
        }
        panic!(
            "never reached: {self:#?}\n{:#?}",
            plan(&self.observe(usize::MAX))
        );
    }
}

/// Runs a story to its end.
fn run(voters: usize, events: &[(u8, usize)]) {
    let mut world = World::new();
    world.wanted = voters;
    let pods = world.pods.iter_mut().take(voters);
    pods.for_each(|pod| pod.exists = true);
    let mut late = Vec::new();
    for happens in events {
        event(&mut world, &mut late, *happens);
    }
    world.heal();
}

/// A member that was promoted loses its volume before the groups have followed, while another one leaves: no
/// group can follow anything until it is taken out too.
#[test]
fn a_lost_member_that_groups_wait_for_does_not_stop_them() {
    let events = [
        (24, 0),
        (0, 0),
        (0, 0),
        (0, 0),
        (13, 0),
        (0, 0),
        (13, 0),
        (18, 3),
        (24, 0),
        (0, 0),
        (13, 0),
        (18, 2),
        (0, 0),
        (13, 0),
        (0, 0),
        (21, 4),
        (13, 0),
        (0, 0),
        (21, 2),
    ];
    run(1, &events);
}

/// A learner loses its volume while nobody hears it, and its lease has not ended.
#[test]
fn a_learner_that_is_not_heard_gets_no_vote() {
    let events = [
        (0, 0),
        (0, 0),
        (0, 0),
        (0, 0),
        (0, 0),
        (0, 0),
        (0, 0),
        (0, 0),
        (24, 0),
        (13, 0),
        (0, 0),
        (18, 1),
        (13, 0),
        (0, 0),
        (13, 0),
        (0, 0),
        (0, 0),
        (13, 0),
        (21, 2),
        (8, 2),
    ];
    run(3, &events);
}

/// A beginning that was decided before there was a cluster, and is carried out when the first pod waits again,
/// since its volume is lost.
#[test]
fn a_late_beginning_reaches_no_other_wait() {
    let mut world = World::new();
    world.wanted = 3;
    world
        .pods
        .iter_mut()
        .take(3)
        .for_each(|pod| pod.exists = true);
    let late = world.decide(usize::MAX);
    assert!(matches!(late.next, Next::Initialise { .. }), "{late:?}");
    world.heal();
    world.wipe(0);
    assert_eq!(world.pods[0].volume, Volume::Empty);
    world.carry_out(late);
    assert_eq!(world.pods[0].volume, Volume::Empty);
    world.heal();
}

/// One random event.
fn event(world: &mut World, late: &mut Vec<Late>, (what, ordinal): (u8, usize)) {
    match what {
        // An operator that does what it decides.
        0..=7 => {
            let decided = world.decide(usize::MAX);
            world.carry_out(decided);
        }
        // One that does not hear a pod.
        8 => {
            let decided = world.decide(ordinal);
            world.carry_out(decided);
        }
        // One that decides and is killed, or does it later, as the first or the second of two.
        9 | 10 => late.push(world.decide(usize::MAX)),
        11 | 12 => {
            if !late.is_empty() {
                let step = late.remove(ordinal % late.len());
                world.carry_out(step);
            }
        }
        13..=17 => world.tick(),
        18 => world.crash(ordinal),
        19 | 20 => world.start(ordinal),
        21 | 22 => world.wipe(ordinal),
        23 => {
            world.status = None;
            world.version += 1;
        }
        _ => {
            world.wanted = (world.wanted + 2).min(ORDINALS_MAX);
            let wanted = world.wanted;
            world
                .pods
                .iter_mut()
                .take(wanted)
                .for_each(|pod| pod.exists = true);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(3_000) })]

    #[test]
    fn the_planner_reaches_what_is_wanted_whatever_happens(
        events in prop::collection::vec((0..25_u8, 0..ORDINALS_MAX), 0..160),
        voters in prop::sample::select(vec![1_usize, 3, 5]),
    ) {
        run(voters, &events);
    }
}

//! The planted cases: what the rule must report, and what only looks like it.
//!
//! A set of all cases stands in the last hour; more sets stand in earlier hours where there are rows enough. Every case
//! has a program of its own, so that one case is one group of the rule. The hour of a case is `(T - 60 minutes, T]`.

use std::fmt;

use chrono::{DateTime, Utc};

use super::background::identity;
use super::event::{ACCEPTED, ATTEMPTED, ENDED_ATTEMPT, Event, Program};
use super::rng::{Rng, mix};
use super::world::{Binary, Os, World, push_hex};
use super::{HOUR, MINUTE};

/// Whether the rule must report a case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CaseKind {
    /// An alert at the execution of its hour.
    Positive,
    /// Never an alert.
    NearMiss,
}

impl fmt::Display for CaseKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Positive => "positive",
            Self::NearMiss => "near_miss",
        })
    }
}

/// One planted case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Case {
    /// Whether the rule must report it.
    pub kind: CaseKind,
    /// What makes it special.
    pub label: &'static str,
    /// The execution whose window holds it.
    pub execution: DateTime<Utc>,
    /// The executable of its events, which no other events have.
    pub executable: String,
    /// The agents of its events, sorted.
    pub agents: Vec<String>,
    /// The names of the hosts of its events, sorted.
    pub hosts: Vec<String>,
    /// How many events were planted.
    pub events: u64,
    /// The `cc` that the rule must report; `None` for a near miss.
    pub cc: Option<u64>,
}

/// All cases and their events.
pub(super) struct Plan {
    pub(super) cases: Vec<Case>,
    /// In order of time.
    pub(super) events: Vec<Event>,
    /// What [`Program::Planted`] points at.
    pub(super) programs: Vec<Binary>,
    /// Addresses that only planted events have; their numbers follow those of the world.
    pub(super) addresses: Vec<&'static str>,
}

/// Where the events of a case go to.
#[derive(Debug, Clone, Copy)]
enum To {
    /// Anywhere outside.
    Public,
    /// Outside, by version 6.
    Public6,
    /// The addresses with these numbers in turn.
    These(&'static [&'static str]),
    /// An event without an address.
    Nowhere,
}

/// When the events of a case happen, besides those within the hour.
#[derive(Debug, Clone, Copy)]
enum Also {
    Nothing,
    /// Some in the minute before the hour, which the look-back of the rule reads and its query leaves out.
    Before(usize),
    /// One at the instant with which the hour begins, which is not part of it.
    AtBegin,
    /// One at the instant with which the hour ends, which is part of it.
    AtEnd,
}

struct Shape {
    label: &'static str,
    /// `{x}` is a text of the case's own.
    path: &'static str,
    events: usize,
    to: To,
    also: Also,
    action: u8,
    os: Os,
    agents: usize,
    /// The host is renamed half-way.
    renamed: bool,
}

/// A case of `events` attempts by one Linux agent to public addresses.
const fn shape(label: &'static str, path: &'static str, events: usize) -> Shape {
    let (to, also) = (To::Public, Also::Nothing);
    Shape { label, path, events, to, also, action: ATTEMPTED, os: Os::Linux, agents: 1, renamed: false }
}

/// Just outside the blocks that the rule leaves out.
const NEARLY_PRIVATE: To = To::These(&[
    "9.255.255.255",
    "11.0.0.1",
    "172.15.255.255",
    "172.32.0.1",
    "192.0.1.1",
    "192.0.3.1",
    "100.63.255.255",
    "100.128.0.1",
    "198.17.255.255",
    "198.20.0.1",
    "192.167.255.255",
    "192.169.0.1",
    "223.255.255.255",
    "::ffff:8.8.8.8",
    "::2",
    "fe7f::1",
    "fec0::1",
    "FE00::1",
    "2001:DB8::1",
]);
/// One of each block that the rule leaves out.
const PRIVATE: To = To::These(&[
    "10.0.0.0",
    "10.255.255.255",
    "127.0.0.1",
    "169.254.169.254",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.8",
    "192.0.0.171",
    "192.0.2.1",
    "192.31.196.1",
    "192.52.193.1",
    "192.168.0.1",
    "192.88.99.1",
    "224.0.0.251",
    "239.255.255.255",
    "100.64.0.1",
    "100.127.255.255",
    "192.175.48.1",
    "198.18.0.1",
    "198.19.255.255",
    "198.51.100.7",
    "203.0.113.9",
    "240.0.0.1",
    "255.255.255.255",
    "::1",
    "fe80::1",
    "febf::1",
    "ff02::fb",
]);
const MAPPED: To = To::These(&["::ffff:10.1.2.3", "::FFFF:192.168.1.9", "::ffff:a01:203", "0:0:0:0:0:ffff:127.0.0.1"]);
const UPPER_CASE: To = To::These(&["FE80::1", "FE80::ABCD:EF01", "FF02::FB", "FF05::1:3", "0:0:0:0:0:0:0:1"]);

const POSITIVES: [Shape; 8] = [
    shape("tmp", "/tmp/.X{x}-unix/kworker", 24),
    Shape { to: To::Public6, ..shape("var_tmp", "/var/tmp/{x}/update", 18) },
    shape("dev_shm", "/dev/shm/{x}", 40),
    shape("hidden_name", "/home/deploy/.cache/fontconfig/.sysd-{x}", 17),
    Shape { also: Also::AtEnd, ..shape("sixteenth_at_the_end", "/tmp/last-{x}", 15) },
    Shape { also: Also::Before(6), ..shape("more_in_the_look_back", "/var/tmp/back-{x}", 16) },
    Shape { to: NEARLY_PRIVATE, ..shape("nearly_private", "/tmp/edge-{x}", 38) },
    Shape { renamed: true, ..shape("renamed_host", "/dev/shm/ren-{x}", 20) },
];

const NEAR_MISSES: [Shape; 16] = [
    shape("fifteen", "/tmp/fifteen-{x}", 15),
    Shape { also: Also::AtBegin, ..shape("sixteenth_at_the_begin", "/tmp/first-{x}", 15) },
    Shape { also: Also::Before(9), ..shape("fifteen_and_the_look_back", "/tmp/look-{x}", 15) },
    Shape { agents: 2, ..shape("two_agents", "/tmp/two-{x}", 30) },
    Shape { to: PRIVATE, ..shape("private", "/tmp/inside-{x}", 28) },
    Shape { to: MAPPED, ..shape("mapped_private", "/tmp/mapped-{x}", 20) },
    Shape { to: UPPER_CASE, ..shape("upper_case", "/tmp/upper-{x}", 20) },
    Shape { to: To::Nowhere, ..shape("no_destination", "/tmp/nowhere-{x}", 20) },
    shape("go_build", "/tmp/go-build{x}/b001/exe/main", 20),
    shape("newroot", "/tmp/newroot/{x}/bin/helper", 20),
    shape("mount", "/tmp/.mount_{x}/usr/bin/viewer", 20),
    shape("nix", "/nix/store/{x}-tool-1.0/bin/.tool-wrapped", 20),
    shape("elsewhere", "/opt/tmp/{x}/agent", 20),
    Shape { os: Os::Windows, ..shape("windows", "C:\\Users\\user1\\AppData\\Local\\Temp\\.{x}.exe", 20) },
    Shape { action: ACCEPTED, ..shape("other_action", "/tmp/server-{x}", 20) },
    Shape { action: ENDED_ATTEMPT, ..shape("other_type", "/tmp/ended-{x}", 20) },
];

impl Plan {
    /// Cases among `rows` events over `hours` from `start`.
    pub(super) fn new(world: &World, seed: u64, rows: u64, start: i64, hours: i64) -> Self {
        let mut plan = Self { cases: Vec::new(), events: Vec::new(), programs: Vec::new(), addresses: Vec::new() };
        // No more than half of all events are planted.
        let mut room = rows / 2;
        let sets = 1 + i64::try_from(rows / 100_000).unwrap_or(i64::MAX).min(hours / 6);
        for set in 0..sets {
            let hour = hours - set * hours / sets;
            let mut rng = Rng::stream(seed, mix(0xCA5E + set as u64));
            for (shapes, kind) in [(&POSITIVES[..], CaseKind::Positive), (&NEAR_MISSES[..], CaseKind::NearMiss)] {
                for shape in shapes {
                    let events = shape.total() as u64;
                    if events <= room {
                        room -= events;
                        plan.plant(world, &mut rng, shape, kind, start + hour * HOUR);
                    }
                }
            }
        }
        plan.events.sort_by_key(|event| event.at);
        plan.cases.sort_by_key(|case| case.execution);
        plan
    }

    fn plant(&mut self, world: &World, rng: &mut Rng, shape: &Shape, kind: CaseKind, end: i64) {
        let mut unique = String::new();
        push_hex(&mut unique, rng.next(), 8);
        let path = shape.path.replace("{x}", &unique);
        let name = path.rsplit(['/', '\\']).next().unwrap_or("").to_owned();
        let candidates = world.agents_of(shape.os);
        let first = rng.index(candidates.len());
        let chosen = (0..shape.agents).filter_map(|at| candidates.get((first + at) % candidates.len()).copied());
        let agents: Vec<u32> = chosen.collect();
        let program = Program::Planted(self.programs.len() as u32);
        let process = mix(identity(program) ^ u64::from(agents.first().copied().unwrap_or(0)));
        self.programs.push(Binary { path: path.clone(), name });

        let mut times: Vec<_> = (0..shape.events).map(|_| end - MINUTE - rng.below(57 * 60_000) as i64).collect();
        match shape.also {
            Also::Nothing => {}
            Also::Before(events) => times.extend((0..events as i64).map(|at| end - HOUR - MINUTE + at * 7_000)),
            Also::AtBegin => times.push(end - HOUR),
            Also::AtEnd => times.push(end),
        }
        times.sort_unstable();
        let half = times.len() / 2;
        for (number, &at) in times.iter().enumerate() {
            let destination = match shape.to {
                To::Public => Some(world.public.pick(rng)),
                To::Public6 => Some(world.public6.pick(rng)),
                To::Nowhere => None,
                To::These(addresses) => {
                    addresses.get(number % addresses.len()).map(|&address| self.address(world, address))
                }
            };
            self.events.push(Event {
                at,
                agent: agents.get(number % shape.agents).copied().unwrap_or(0),
                renamed: shape.renamed && number >= half,
                action: shape.action,
                program,
                pid: 300 + (process % 400_000) as u32,
                process,
                user: 0,
                source_port: 32_768 + rng.below(28_000) as u16,
                destination,
                destination_port: Some(rng.pick(&[443, 8443, 4444, 53, 80])),
                bytes: 60 + rng.below(1_400) as u32,
            });
        }

        let senders: Vec<_> = agents.iter().filter_map(|&agent| world.agents.get(agent as usize)).collect();
        let mut ids: Vec<_> = senders.iter().map(|agent| agent.id.clone()).collect();
        let mut hosts: Vec<_> = senders.iter().map(|agent| agent.host.clone()).collect();
        if shape.renamed {
            hosts.extend(senders.iter().map(|agent| agent.former.clone()));
        }
        ids.sort();
        hosts.sort();
        let within = times.iter().filter(|&&at| end - HOUR < at && at <= end).count() as u64;
        self.cases.push(Case {
            kind,
            label: shape.label,
            execution: DateTime::from_timestamp_millis(end).unwrap_or_default(),
            executable: path,
            agents: ids,
            hosts,
            events: times.len() as u64,
            cc: (kind == CaseKind::Positive).then_some(within),
        });
    }

    /// The number of an address that the world does not have.
    fn address(&mut self, world: &World, address: &'static str) -> u32 {
        let known = self.addresses.iter().position(|&other| other == address);
        let at = known.unwrap_or_else(|| {
            self.addresses.push(address);
            self.addresses.len() - 1
        });
        (world.addresses.len() + at) as u32
    }

    /// The address that an event goes to.
    pub(super) fn destination<'a>(&'a self, world: &'a World, event: &Event) -> Option<&'a str> {
        let at = event.destination? as usize;
        let own = || self.addresses.get(at - world.addresses.len()).copied();
        world.addresses.get(at).map(String::as_str).or_else(own)
    }
}

impl Shape {
    const fn total(&self) -> usize {
        self.events
            + match self.also {
                Also::Nothing => 0,
                Also::Before(events) => events,
                Also::AtBegin | Also::AtEnd => 1,
            }
    }
}

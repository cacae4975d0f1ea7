//! What happens all day, minute by minute, each with random numbers of its own.
//!
//! No program of the background can set off the rule: one in a temporary or hidden place talks within the house, or is
//! seen once, or lies where the rule excepts it.

use super::event::{Event, Program};
use super::rng::{Rng, Weighted, mix};
use super::world::{Os, World};
use super::{HOUR, MINUTE};

/// How busy the hours of a day are.
const DAY: [u64; 24] =
    [40, 36, 34, 33, 34, 38, 50, 72, 98, 116, 122, 120, 112, 116, 120, 118, 110, 98, 82, 70, 62, 56, 50, 44];
/// Events that are made at once.
const MOST: u64 = 1 << 16;
const PORTS: [u16; 12] = [443, 80, 53, 22, 8080, 5432, 3306, 6379, 389, 445, 9200, 8443];
const PORT_WEIGHTS: [u64; 12] = [46, 15, 9, 6, 5, 4, 4, 3, 3, 2, 2, 1];
const ACTION_WEIGHTS: [u64; 6] = [40, 36, 12, 5, 5, 2];

/// The background, made in order of time.
pub(super) struct Background<'a> {
    world: &'a World,
    seed: u64,
    rows: u64,
    start: i64,
    /// The weight of all minutes.
    total: u64,
    minutes: i64,
    actions: Weighted,
    ports: Weighted,
    /// The minute that is being made, and how many of its events are done.
    minute: i64,
    done: u64,
}

impl<'a> Background<'a> {
    /// `rows` events over `hours` from `start`.
    pub(super) fn new(world: &'a World, seed: u64, rows: u64, start: i64, hours: i64) -> Self {
        let minutes = hours * 60;
        let actions = Weighted::new(&ACTION_WEIGHTS);
        let ports = Weighted::new(&PORT_WEIGHTS);
        let total = weight_before(minutes);
        Self { world, seed, rows, start, total, minutes, actions, ports, minute: -1, done: 0 }
    }

    /// Adds the next events of `minute` in any order, all of them before [`reached`](Self::reached); returns whether
    /// there was a part of the minute left.
    pub(super) fn fill(&mut self, minute: i64, events: &mut Vec<Event>) -> bool {
        if minute != self.minute {
            (self.minute, self.done) = (minute, 0);
        }
        let count = self.rows_before(minute + 1) - self.rows_before(minute);
        let parts = parts_of(count);
        if self.done >= parts {
            return false;
        }
        let part = self.done;
        self.done += 1;
        // The parts divide the minute and its events evenly.
        let (first, last) = (count * part / parts, count * (part + 1) / parts);
        let (from, to) = (edge(part, parts), edge(part + 1, parts));
        let mut rng = Rng::stream(self.seed, mix((minute as u64) << 20 | part));
        let begin = self.start + minute * MINUTE;
        for number in first..last {
            let mut at = begin + from + rng.below((to - from) as u64) as i64;
            // The edges of hourly windows and of a look-back of 61 minutes.
            if number == 0 && matches!(minute % 60, 0 | 59) {
                at = begin;
            }
            events.push(self.event(&mut rng, at));
        }
        true
    }

    /// The instant before which all events of `minute` have been made.
    pub(super) fn reached(&self, minute: i64) -> i64 {
        let count = self.rows_before(minute + 1) - self.rows_before(minute);
        self.start + minute * MINUTE + edge(self.done, parts_of(count))
    }

    fn rows_before(&self, minute: i64) -> u64 {
        let weight = weight_before(minute.min(self.minutes));
        (u128::from(self.rows) * u128::from(weight) / u128::from(self.total.max(1))) as u64
    }

    fn event(&self, rng: &mut Rng, at: i64) -> Event {
        let world = self.world;
        let agent = world.by_activity.pick(rng) as u32;
        let os = world.agents.get(agent as usize).map_or(Os::Linux, |agent| agent.os);
        let action = self.actions.pick(rng) as u8;
        let (program, anywhere) = self.program(rng, os);
        let lookup = matches!(action, 3 | 4);
        let port = if rng.chance(1_000) {
            1_024 + rng.below(60_000) as u16
        } else {
            PORTS.get(self.ports.pick(rng)).copied().unwrap_or(443)
        };
        let family = rng.below(100);
        let destination = match family {
            0..40 => world.private.pick(rng),
            40..90 if anywhere => world.public.pick(rng),
            90..97 if anywhere => world.public6.pick(rng),
            97.. => world.local6.pick(rng),
            _ => world.private.pick(rng),
        };
        // A process lives for some hours, and a program may have a few.
        let life = (at / (6 * HOUR)) as u64;
        let process = mix(mix(u64::from(agent) << 32 ^ life) ^ identity(program) ^ rng.below(3) << 60);
        Event {
            at,
            agent,
            renamed: false,
            action,
            program,
            pid: 300 + (process % 400_000) as u32,
            process,
            user: user(rng, os, process),
            source_port: 32_768 + rng.below(28_000) as u16,
            destination: (!lookup).then_some(destination),
            destination_port: (!lookup).then_some(port),
            bytes: 40 + (rng.next() >> (45 + rng.below(18))) as u32,
        }
    }

    /// A program, and whether it may talk to anyone.
    fn program(&self, rng: &mut Rng, os: Os) -> (Program, bool) {
        let world = self.world;
        let draw = rng.below(10_000);
        match os {
            _ if draw < 5 => (Program::Unknown, true),
            Os::Linux if draw < 95 => (Program::Known(world.unusual.pick(rng)), false),
            Os::Linux if draw < 130 => (Program::OneOff(rng.next() >> 16, world.linux.pick(rng)), true),
            Os::Linux if draw < 155 => (Program::Known(world.excepted.pick(rng)), true),
            Os::Linux => (Program::Known(world.linux.pick(rng)), true),
            Os::Windows => (Program::Known(world.windows.pick(rng)), true),
            Os::Macos => (Program::Known(world.macos.pick(rng)), true),
        }
    }
}

/// What tells one program from another.
pub(super) const fn identity(program: Program) -> u64 {
    match program {
        Program::Unknown => 1,
        Program::Known(at) => mix(at as u64 + (1 << 33)),
        Program::OneOff(bits, _) => mix(bits),
        Program::Planted(at) => mix(at as u64 + (1 << 34)),
    }
}

fn user(rng: &mut Rng, os: Os, process: u64) -> u16 {
    let person = 8 + (process >> 20) % 300;
    let user = match (os, rng.below(10)) {
        (Os::Linux, 0..5) => 0,
        (Os::Linux, 5..8) => 3 + (process >> 9) % 5,
        (Os::Windows, 0..5) => 1 + (process >> 9) % 2,
        (Os::Macos, 0..4) => 6 * (process >> 9 & 1),
        _ => person,
    };
    user as u16
}

/// Into how many parts a minute of `count` events is cut.
fn parts_of(count: u64) -> u64 {
    count.div_ceil(MOST).clamp(1, MINUTE as u64)
}

/// Where a part begins, in milliseconds of its minute.
const fn edge(part: u64, parts: u64) -> i64 {
    (MINUTE as u64 * part / parts) as i64
}

/// The weight of the minutes before `minute`.
fn weight_before(minute: i64) -> u64 {
    let minute = minute as u64;
    let (day, rest) = (minute / 1_440, minute % 1_440);
    let (hour, within) = ((rest / 60) as usize, rest % 60);
    let whole: u64 = DAY.iter().sum::<u64>() * 60 * day;
    let hours: u64 = DAY.iter().take(hour).sum::<u64>() * 60;
    whole + hours + DAY.get(hour).copied().unwrap_or(0) * within
}

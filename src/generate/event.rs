//! One event, in numbers that point into the [`World`](super::world::World).

/// What happened, and the type that goes with it.
pub(super) const ACTIONS: [(&str, &str); 7] = [
    ("connection_attempted", "start"),
    ("disconnect_received", "end"),
    ("connection_accepted", "start"),
    ("lookup_requested", "start"),
    ("lookup_result", "info"),
    ("ipv4_reconnect_attempt_event", "info"),
    // Only planted: the action of the rule with another type.
    ("connection_attempted", "end"),
];
pub(super) const ATTEMPTED: u8 = 0;
pub(super) const ACCEPTED: u8 = 2;
pub(super) const ENDED_ATTEMPT: u8 = 6;

/// The program that an event is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Program {
    /// Not known, as when a process ends before the sensor looks.
    #[default]
    Unknown,
    /// One of the world's programs.
    Known(u32),
    /// A file in a temporary folder that is seen once: random bits, and the program whose name it has.
    OneOff(u64, u32),
    /// The program of a planted case.
    Planted(u32),
}

/// One network event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Event {
    /// Milliseconds since 1970.
    pub(super) at: i64,
    pub(super) agent: u32,
    /// The host goes by its earlier name.
    pub(super) renamed: bool,
    pub(super) action: u8,
    pub(super) program: Program,
    pub(super) pid: u32,
    /// What the entity id of the process is made of.
    pub(super) process: u64,
    pub(super) user: u16,
    pub(super) source_port: u16,
    pub(super) destination: Option<u32>,
    pub(super) destination_port: Option<u16>,
    pub(super) bytes: u32,
}

impl Event {
    pub(super) const fn is_lookup(&self) -> bool {
        matches!(self.action, 3 | 4)
    }

    pub(super) fn action(&self) -> (&'static str, &'static str) {
        ACTIONS.get(usize::from(self.action)).copied().unwrap_or_default()
    }

    pub(super) const fn direction(&self) -> &'static str {
        if self.action == ACCEPTED { "ingress" } else { "egress" }
    }

    pub(super) const fn transport(&self) -> &'static str {
        if self.is_lookup() { "udp" } else { "tcp" }
    }
}

//! Who sends events and what they are about: agents, programs, users, addresses, all drawn from the seed.

use std::collections::HashSet;
use std::net::{Ipv4Addr, Ipv6Addr};

use super::event::{Event, Program};
use super::rng::{Rng, Weighted, mix};

/// An operating system, as `host.os.type` says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub(super) enum Os {
    #[default]
    Linux,
    Windows,
    Macos,
}

impl Os {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Linux => "linux",
            Self::Windows => "windows",
            Self::Macos => "macos",
        }
    }
}

/// A host with its sensor.
#[derive(Debug)]
pub(super) struct Agent {
    pub(super) id: String,
    pub(super) host: String,
    /// The name of the host before it was renamed.
    pub(super) former: String,
    pub(super) os: Os,
    /// Which release of the system, for documents.
    pub(super) release: usize,
    /// Addresses of the host; the first is the source of its events.
    pub(super) addresses: Vec<String>,
    pub(super) mac: String,
}

/// A program: its path and its name.
#[derive(Debug, Clone)]
pub(super) struct Binary {
    pub(super) path: String,
    pub(super) name: String,
}

/// A range of a pool, with the weights of its places.
#[derive(Debug)]
pub(super) struct Share {
    first: u32,
    weights: Weighted,
}

impl Share {
    fn new(first: usize, len: usize, flat: u64) -> Self {
        Self { first: first as u32, weights: Weighted::zipf(len, flat) }
    }

    pub(super) fn pick(&self, rng: &mut Rng) -> u32 {
        self.first + self.weights.pick(rng) as u32
    }
}

/// Everything that events point at.
#[derive(Debug)]
pub(super) struct World {
    pub(super) agents: Vec<Agent>,
    pub(super) by_activity: Weighted,
    pub(super) programs: Vec<Binary>,
    pub(super) linux: Share,
    pub(super) windows: Share,
    pub(super) macos: Share,
    /// Programs in temporary or hidden places that talk within the house only.
    pub(super) unusual: Share,
    /// Programs in places that the rule excepts.
    pub(super) excepted: Share,
    pub(super) users: Vec<String>,
    pub(super) addresses: Vec<String>,
    pub(super) private: Share,
    pub(super) public: Share,
    pub(super) public6: Share,
    pub(super) local6: Share,
}

const WORDS: [&str; 64] = [
    "agent",
    "apt",
    "archive",
    "audit",
    "auth",
    "backup",
    "batch",
    "beat",
    "billing",
    "broker",
    "build",
    "cache",
    "cert",
    "chat",
    "collect",
    "config",
    "container",
    "cron",
    "crypt",
    "deploy",
    "dns",
    "docker",
    "edge",
    "export",
    "feed",
    "fetch",
    "forward",
    "gateway",
    "git",
    "graph",
    "health",
    "http",
    "image",
    "import",
    "index",
    "ingest",
    "java",
    "journal",
    "kube",
    "ledger",
    "license",
    "log",
    "mail",
    "metric",
    "mirror",
    "monitor",
    "node",
    "notify",
    "packet",
    "postgres",
    "print",
    "proxy",
    "python",
    "queue",
    "redis",
    "relay",
    "report",
    "scan",
    "search",
    "sync",
    "telemetry",
    "update",
    "vault",
    "watch",
];
const ENDINGS: [&str; 8] = ["", "d", "ctl", "-agent", "-server", "-worker", "-cli", "2"];
const LINUX: [&str; 9] = [
    "/usr/bin/",
    "/usr/sbin/",
    "/usr/local/bin/",
    "/usr/lib/{w}/",
    "/usr/libexec/{w}/",
    "/opt/{w}/bin/",
    "/srv/{w}/current/bin/",
    "/home/{u}/.local/bin/",
    "/snap/{w}/{n}/usr/bin/",
];
const WINDOWS: [&str; 5] = [
    "C:\\Windows\\System32\\",
    "C:\\Program Files\\{w}\\",
    "C:\\Program Files (x86)\\{w}\\bin\\",
    "C:\\Users\\{u}\\AppData\\Local\\{w}\\",
    "C:\\ProgramData\\{w}\\",
];
const MACOS: [&str; 5] = [
    "/usr/libexec/",
    "/Applications/{w}.app/Contents/MacOS/",
    "/System/Library/CoreServices/",
    "/opt/homebrew/bin/",
    "/Users/{u}/Library/{w}/",
];
const UNUSUAL: [&str; 6] = [
    "/tmp/{w}-{n}/",
    "/tmp/pip-build-{n}/",
    "/var/tmp/{w}.{n}/",
    "/dev/shm/{w}-{n}/",
    "/home/{u}/.cache/{w}/.",
    "/opt/{w}/.",
];
const EXCEPTED: [&str; 4] = [
    "/tmp/go-build{n}/b001/exe/",
    "/tmp/.mount_{w}{n}/usr/bin/",
    "/tmp/newroot/{w}/{n}/",
    "/nix/store/{h}-{w}-1.{n}/bin/.",
];
const ROLES: [&str; 8] = ["web", "db", "app", "build", "cache", "mail", "jump", "node"];
const SERVICES: [&str; 8] =
    ["root", "SYSTEM", "NETWORK SERVICE", "www-data", "postgres", "nobody", "_mdnsresponder", "deploy"];
const SYSTEMS: [Os; 10] = [
    Os::Linux,
    Os::Linux,
    Os::Windows,
    Os::Linux,
    Os::Windows,
    Os::Linux,
    Os::Linux,
    Os::Macos,
    Os::Windows,
    Os::Linux,
];

impl World {
    pub(super) fn new(seed: u64, agents: u32) -> Self {
        let mut rng = Rng::stream(seed, 1);
        let agents: Vec<_> = (0..agents as usize).map(|at| agent(&mut rng, at)).collect();
        // The busiest agent is not always the first.
        let mut activity: Vec<u64> = (0..agents.len() as u64).map(|rank| (1 << 40) / (rank + 20)).collect();
        for at in (1..activity.len()).rev() {
            activity.swap(at, rng.index(at + 1));
        }
        let mut programs = Vec::new();
        let mut seen = HashSet::new();
        let mut share = |rng: &mut Rng, len, folders: &[&str], ending, flat| {
            let first = programs.len();
            while programs.len() < first + len {
                let binary = binary(rng, folders, ending);
                if seen.insert(binary.path.clone()) {
                    programs.push(binary);
                }
            }
            Share::new(first, len, flat)
        };
        let linux = share(&mut rng, 6_000, &LINUX, "", 6);
        let windows = share(&mut rng, 3_000, &WINDOWS, ".exe", 4);
        let macos = share(&mut rng, 1_000, &MACOS, "", 4);
        let unusual = share(&mut rng, 240, &UNUSUAL, "", 4);
        let excepted = share(&mut rng, 240, &EXCEPTED, "", 4);
        let mut addresses = Vec::new();
        let mut pool = |rng: &mut Rng, len, flat, make: fn(&mut Rng) -> String| {
            let first = addresses.len();
            addresses.extend((0..len).map(|_| make(rng)));
            Share::new(first, len, flat)
        };
        let private = pool(&mut rng, 3_000, 4, private4);
        let public = pool(&mut rng, 40_000, 20, public4);
        let public6 = pool(&mut rng, 4_000, 10, public6);
        let local6 = pool(&mut rng, 500, 50, local6);
        Self {
            agents,
            by_activity: Weighted::new(&activity),
            programs,
            linux,
            windows,
            macos,
            unusual,
            excepted,
            users: users(),
            addresses,
            private,
            public,
            public6,
            local6,
        }
    }

    /// The agents with the system `os`.
    pub(super) fn agents_of(&self, os: Os) -> Vec<u32> {
        let pairs = self.agents.iter().zip(0..);
        pairs.filter(|(agent, _)| agent.os == os).map(|(_, at)| at).collect()
    }

    /// The agent of an event and the name that its host goes by.
    pub(super) fn sender(&self, event: &Event) -> Option<(&Agent, &str)> {
        let agent = self.agents.get(event.agent as usize)?;
        Some((agent, if event.renamed { &agent.former } else { &agent.host }))
    }

    pub(super) fn user(&self, event: &Event) -> &str {
        self.users.get(usize::from(event.user)).map_or("root", String::as_str)
    }

    /// Writes path and name of the program into `path` and `name`; `false` where it is not known.
    pub(super) fn program(&self, program: Program, planted: &[Binary], path: &mut String, name: &mut String) -> bool {
        path.clear();
        name.clear();
        let binary = match program {
            Program::Unknown => return false,
            Program::Known(at) => self.programs.get(at as usize),
            Program::Planted(at) => planted.get(at as usize),
            Program::OneOff(bits, at) => {
                let Some(known) = self.programs.get(at as usize) else { return false };
                path.push_str("/tmp/tmp.");
                push_hex(path, bits, 12);
                path.push('/');
                path.push_str(&known.name);
                name.push_str(&known.name);
                return true;
            }
        };
        let Some(binary) = binary else { return false };
        path.push_str(&binary.path);
        name.push_str(&binary.name);
        true
    }
}

/// Appends the lowest `digits` hexadecimal digits.
pub(super) fn push_hex(out: &mut String, bits: u64, digits: u32) {
    for at in (0..digits).rev() {
        out.extend(char::from_digit(((bits >> (at * 4)) & 15) as u32, 16));
    }
}

/// Appends `digits` characters of base64 made from `bits`.
pub(super) fn push_base64(out: &mut String, bits: u64, digits: u32) {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut bits = bits;
    for at in 0..digits {
        if at > 0 && at % 10 == 0 {
            bits = mix(bits);
        }
        out.push(char::from(DIGITS[((bits >> (at % 10 * 6)) & 63) as usize]));
    }
}

fn agent(rng: &mut Rng, at: usize) -> Agent {
    let os = SYSTEMS.get(at % SYSTEMS.len()).copied().unwrap_or_default();
    let (high, low) = (rng.next(), rng.next());
    let mut hex = String::new();
    push_hex(&mut hex, high, 16);
    push_hex(&mut hex, low, 16);
    let id = format!("{}-{}-4{}-a{}-{}", &hex[..8], &hex[8..12], &hex[13..16], &hex[17..20], &hex[20..]);
    let site = rng.pick(&["ams", "fra", "iad", "sin"]);
    let stem = match os {
        Os::Linux => rng.pick(&ROLES),
        Os::Windows => rng.pick(&["wks", "lap", "dc"]),
        Os::Macos => "mac",
    };
    let host = format!("{stem}-{at:04}.{site}.corp.example");
    let former = format!("new-{at:04}.{site}.corp.example");
    let v4 = Ipv4Addr::new(10, 20 + (at >> 16) as u8, (at >> 8) as u8, at as u8);
    let v6 = Ipv6Addr::new(0xfe80, 0, 0, 0, 0x0250, 0x56ff, 0xfe00 | rng.below(256) as u16, rng.below(65_536) as u16);
    let mac: Vec<_> =
        (0..6).map(|byte| if byte == 0 { "02".into() } else { format!("{:02x}", rng.below(256)) }).collect();
    let addresses = vec![v4.to_string(), "127.0.0.1".to_owned(), "::1".to_owned(), v6.to_string()];
    Agent { id, host, former, os, release: rng.index(4), addresses, mac: mac.join("-") }
}

fn binary(rng: &mut Rng, folders: &[&str], ending: &str) -> Binary {
    let first = rng.pick(&WORDS);
    let name = match rng.below(3) {
        0 => format!("{first}{}", rng.pick(&ENDINGS)),
        1 => format!("{first}-{}{}", rng.pick(&WORDS), rng.pick(&ENDINGS)),
        _ => format!("{first}_{}", rng.pick(&WORDS)),
    } + ending;
    let mut hash = String::new();
    push_hex(&mut hash, rng.next(), 16);
    push_hex(&mut hash, rng.next(), 16);
    let folder = rng
        .pick(folders)
        .replace("{w}", rng.pick(&WORDS))
        .replace("{u}", &format!("user{}", rng.below(300)))
        .replace("{n}", &rng.below(10_000).to_string())
        .replace("{h}", &hash);
    let path = format!("{folder}{name}");
    // A folder that ends in a dot hides the file.
    let name = if folder.ends_with('.') { format!(".{name}") } else { name };
    Binary { path, name }
}

fn users() -> Vec<String> {
    let people = (0..300).map(|number| format!("user{number}"));
    SERVICES.iter().map(|&name| name.to_owned()).chain(people).collect()
}

fn private4(rng: &mut Rng) -> String {
    let (b, c, d) = (rng.below(256) as u8, rng.below(256) as u8, 1 + rng.below(254) as u8);
    let address = match rng.below(10) {
        0..=5 => Ipv4Addr::new(10, 20 + b % 8, c, d),
        6 => Ipv4Addr::new(172, 16 + b % 16, c, d),
        7 => Ipv4Addr::new(192, 168, c, d),
        8 => Ipv4Addr::new(100, 64 + b % 64, c, d),
        _ => Ipv4Addr::new(127, 0, 0, 1 + d % 4),
    };
    address.to_string()
}

fn public4(rng: &mut Rng) -> String {
    loop {
        let address = Ipv4Addr::from(rng.next() as u32);
        let [a, b, c, _] = address.octets();
        // Wider than the blocks of the rule, so that no one has to compare them by eye.
        let special = matches!(a, 0 | 10 | 127 | 192 | 198 | 203 | 224..)
            || matches!((a, b), (100, 64..=127) | (169, 254) | (172, 16..=31))
            || (a, b, c) == (1, 1, 1);
        if !special {
            return address.to_string();
        }
    }
}

fn public6(rng: &mut Rng) -> String {
    let head = rng.pick(&[[0x2a00_u16, 0x1450], [0x2606, 0x4700], [0x2600, 0x9000], [0x2a02, 0x26f0]]);
    let mut rest = || rng.below(65_536) as u16;
    Ipv6Addr::new(head[0], head[1], rest(), rest() & 0xff, 0, 0, rest(), rest() | 1).to_string()
}

fn local6(rng: &mut Rng) -> String {
    let mut rest = || rng.below(65_536) as u16;
    let address = match rest() % 8 {
        0 => Ipv6Addr::LOCALHOST,
        1 => Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 0xfb),
        _ => Ipv6Addr::new(0xfe80, 0, 0, 0, rest(), rest(), rest(), rest()),
    };
    address.to_string()
}

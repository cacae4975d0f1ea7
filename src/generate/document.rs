//! Events as JSON documents, in the shape in which Elastic Defend sends them.

use super::event::Event;
use super::plan::Plan;
use super::rng::mix;
use super::world::{Os, World, push_base64, push_hex};
use super::{Document, columns};

/// A system as documents describe it: name, family, version, kernel.
type System = (&'static str, &'static str, &'static str, &'static str);

const LINUX: [System; 4] = [
    ("Debian GNU/Linux", "debian", "12.7", "6.1.0-26-amd64"),
    ("Ubuntu", "debian", "24.04.1 LTS", "6.8.0-45-generic"),
    ("Red Hat Enterprise Linux", "redhat", "9.4", "5.14.0-427.el9.x86_64"),
    ("Amazon Linux", "redhat", "2023.5", "6.1.109-118.189.amzn2023.x86_64"),
];
const WINDOWS: [System; 2] = [
    ("Windows", "windows", "11 Pro 23H2", "23H2 (10.0.22631.4169)"),
    ("Windows", "windows", "Server 2022", "21H2 (10.0.20348.2700)"),
];
const MACOS: [System; 1] = [("macOS", "macos", "15.0.1", "24.0.0")];

/// Writes documents, each on its own line.
#[derive(Debug, Default)]
pub(super) struct Writer {
    path: String,
    name: String,
    entity: String,
}

impl Writer {
    /// Appends the document of `event`, which is the `number`th of all.
    pub(super) fn push(
        &mut self,
        out: &mut String,
        (world, plan): (&World, &Plan),
        document: Document,
        number: u64,
        event: &Event,
    ) {
        let Some((agent, host)) = world.sender(event) else { return };
        let full = document == Document::Full;
        let (action, kind) = event.action();
        let source = agent.addresses.first().map_or("", String::as_str);
        let mut at = String::new();
        push_instant(&mut at, event.at);
        let known = world.program(event.program, &plan.programs, &mut self.path, &mut self.name);
        columns::push_entity(&mut self.entity, event);

        let json = &mut Json { out, first: true };
        json.open(None);
        json.text("@timestamp", &at);
        json.open(Some("agent"));
        json.text("id", &agent.id);
        if full {
            json.text("type", "endpoint");
            json.text("version", "8.15.3");
        }
        json.close();
        if full {
            json.raw("data_stream", r#"{"dataset":"endpoint.events.network","namespace":"default","type":"logs"}"#);
        }
        let destination = plan.destination(world, event);
        if destination.is_some() || event.destination_port.is_some() {
            json.open(Some("destination"));
            if full && let Some(address) = destination {
                json.text("address", address);
            }
            if let Some(address) = destination {
                json.text("ip", address);
            }
            if let Some(port) = event.destination_port {
                json.number("port", u64::from(port));
            }
            json.close();
        }
        if full {
            if event.is_lookup() {
                json.open(Some("dns"));
                json.open(Some("question"));
                json.text("name", &format!("{}.svc.corp.example", self.entity.get(..6).unwrap_or("x").to_lowercase()));
                json.text("type", "A");
                json.close();
                json.close();
            }
            json.raw("ecs", r#"{"version":"8.10.0"}"#);
            json.open(Some("elastic"));
            json.open(Some("agent"));
            json.text("id", &agent.id);
            json.close();
            json.close();
        }
        json.open(Some("event"));
        json.text("action", action);
        if full {
            json.text("agent_id_status", "verified");
        }
        json.texts("category", &["network"]);
        if full {
            json.text("created", &at);
            json.text("dataset", "endpoint.events.network");
            let mut id = String::new();
            push_base64(&mut id, mix(number ^ event.process), 20);
            json.text("id", &id);
            json.text("ingested", &at);
            json.text("kind", "event");
            json.text("module", "endpoint");
            json.text("outcome", if event.is_lookup() { "success" } else { "unknown" });
            json.number("sequence", number);
        }
        json.texts("type", &[kind]);
        json.close();
        json.open(Some("host"));
        if full {
            json.text("architecture", if agent.os == Os::Macos { "arm64" } else { "x86_64" });
            json.text("hostname", host);
            json.text("id", &agent.id.replace('-', ""));
        }
        if full {
            let addresses: Vec<_> = agent.addresses.iter().map(String::as_str).collect();
            json.texts("ip", &addresses);
            json.texts("mac", &[&agent.mac]);
        }
        json.text("name", host);
        json.open(Some("os"));
        if full {
            let systems: &[System] = match agent.os {
                Os::Linux => &LINUX,
                Os::Windows => &WINDOWS,
                Os::Macos => &MACOS,
            };
            let (name, family, version, kernel) =
                systems.get(agent.release % systems.len()).copied().unwrap_or_default();
            json.open(Some("Ext"));
            json.text("variant", name);
            json.close();
            json.text("family", family);
            json.text("full", &format!("{name} {version}"));
            json.text("kernel", kernel);
            json.text("name", name);
            json.text("platform", family);
            json.text("version", version);
        }
        json.text("type", agent.os.name());
        json.close();
        json.close();
        if full {
            json.text("message", "Endpoint network event");
            json.open(Some("network"));
            json.number("bytes", u64::from(event.bytes));
            let mut id = "1:".to_owned();
            push_base64(&mut id, mix(event.process ^ u64::from(event.source_port)), 27);
            json.text("community_id", &(id + "="));
            json.text("direction", event.direction());
            json.text("transport", event.transport());
            let six = destination.is_some_and(|address| address.contains(':'));
            json.text("type", if six { "ipv6" } else { "ipv4" });
            json.close();
        }
        json.open(Some("process"));
        if full {
            let mut parent = String::new();
            push_base64(&mut parent, mix(event.process ^ 0xFA7), 22);
            let mut grand = String::new();
            push_base64(&mut grand, mix(event.process >> 40), 22);
            json.open(Some("Ext"));
            json.texts("ancestry", &[&parent, &grand]);
            let mut hash = String::new();
            push_hex(&mut hash, mix(event.process >> 8), 12);
            json.text("code_id", &hash);
            json.close();
        }
        json.text("entity_id", &self.entity);
        if known {
            json.text("executable", &self.path);
            json.text("name", &self.name);
        }
        json.number("pid", u64::from(event.pid));
        if full {
            json.open(Some("thread"));
            json.number("id", u64::from(event.pid) + (event.process >> 12) % 64);
            json.close();
        }
        json.close();
        json.open(Some("source"));
        if full {
            json.text("address", source);
            json.number("bytes", u64::from(event.bytes));
        }
        json.text("ip", source);
        json.number("port", u64::from(event.source_port));
        json.close();
        json.open(Some("user"));
        if full {
            let domain = if agent.os == Os::Windows { "CORP" } else { host };
            json.text("domain", domain);
            json.number("id", if event.user == 0 { 0 } else { 1_000 + u64::from(event.user) });
        }
        json.text("name", world.user(event));
        json.close();
        json.close();
        out.push('\n');
    }
}

/// A JSON object in the making.
struct Json<'a> {
    out: &'a mut String,
    first: bool,
}

impl Json<'_> {
    fn key(&mut self, key: &str) {
        if !std::mem::take(&mut self.first) {
            self.out.push(',');
        }
        self.out.push('"');
        self.out.push_str(key);
        self.out.push_str("\":");
    }

    fn open(&mut self, key: Option<&str>) {
        if let Some(key) = key {
            self.key(key);
        }
        self.out.push('{');
        self.first = true;
    }

    fn close(&mut self) {
        self.out.push('}');
        self.first = false;
    }

    fn raw(&mut self, key: &str, json: &str) {
        self.key(key);
        self.out.push_str(json);
    }

    fn text(&mut self, key: &str, text: &str) {
        self.key(key);
        push_text(self.out, text);
    }

    fn texts(&mut self, key: &str, texts: &[&str]) {
        self.key(key);
        self.out.push('[');
        for (at, text) in texts.iter().enumerate() {
            if at > 0 {
                self.out.push(',');
            }
            push_text(self.out, text);
        }
        self.out.push(']');
    }

    fn number(&mut self, key: &str, number: u64) {
        self.key(key);
        push_number(self.out, number, 1);
    }
}

/// Appends a JSON string; the texts of the world hold no control characters.
fn push_text(out: &mut String, text: &str) {
    out.push('"');
    if text.contains(['\\', '"']) {
        for c in text.chars() {
            if matches!(c, '\\' | '"') {
                out.push('\\');
            }
            out.push(c);
        }
    } else {
        out.push_str(text);
    }
    out.push('"');
}

/// Appends `2026-10-01T00:00:00.000Z`.
pub(super) fn push_instant(out: &mut String, at: i64) {
    let (days, millis) = (at.div_euclid(86_400_000), at.rem_euclid(86_400_000) as u64);
    push_date(out, days);
    for (mark, value, digits) in [
        ('T', millis / 3_600_000, 2),
        (':', millis / 60_000 % 60, 2),
        (':', millis / 1_000 % 60, 2),
        ('.', millis % 1_000, 3),
    ] {
        out.push(mark);
        push_number(out, value, digits);
    }
    out.push('Z');
}

/// Appends the date that is `days` after 1970-01-01, counted in eras of 400 years from a March.
pub(super) fn push_date(out: &mut String, days: i64) {
    let days = days + 719_468;
    let (era, day) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = year + era * 400 + i64::from(month <= 2);
    push_number(out, year as u64, 4);
    out.push('-');
    push_number(out, month as u64, 2);
    out.push('-');
    push_number(out, day as u64, 2);
}

fn push_number(out: &mut String, number: u64, digits: u32) {
    let mut power = 10_u64.pow(digits.saturating_sub(1));
    while number / power >= 10 {
        power *= 10;
    }
    while power > 0 {
        out.extend(char::from_digit((number / power % 10) as u32, 10));
        power /= 10;
    }
}

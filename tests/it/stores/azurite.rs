//! Azure's store as Azurite serves it, the emulator of those who run the store: `EGRET_AZURITE` names its `azurite-blob`.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use sha2::{Digest, Sha256};

use super::super::program::{Ran, egret_in, root};
use super::{RULE, data};

/// The account that every Azurite has, with its key.
const ACCOUNT: &str = "devstoreaccount1";
const KEY: &str = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";

pub(super) struct Azurite {
    server: Child,
    port: u16,
    folder: tempfile::TempDir,
}

impl Drop for Azurite {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

impl Azurite {
    /// The emulator with the events of the samples in the container `lake`, where one is at hand.
    pub(super) fn start() -> Option<Self> {
        let Some(program) = std::env::var_os("EGRET_AZURITE") else {
            eprintln!("skipped: EGRET_AZURITE names no azurite-blob");
            return None;
        };
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let folder = tempfile::tempdir().unwrap();
        let server = Command::new(program)
            .args(["--silent", "--skipApiVersionCheck", "--disableTelemetry", "--blobPort", &port.to_string()])
            .arg("--location")
            .arg(folder.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let azurite = Self { server, port, folder };
        let start = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(start.elapsed() < Duration::from_mins(1), "Azurite does not answer");
            std::thread::sleep(Duration::from_millis(100));
        }
        azurite.put("lake", "restype=container", b"");
        azurite.put("lake/events/date=2026-10-01/a%20b.parquet", "", &data("events.parquet"));
        azurite.put("lake/flat/events.ndjson", "", &data("events.ndjson"));
        Some(azurite)
    }

    /// Makes a container or a blob, signed with the shared key of the account.
    pub(super) fn put(&self, path: &str, query: &str, body: &[u8]) {
        let date = chrono::Utc::now().format("%a, %d %b %Y %H:%M:%S GMT");
        let length = if body.is_empty() { String::new() } else { body.len().to_string() };
        let kind = if query.is_empty() { "x-ms-blob-type:BlockBlob\n" } else { "" };
        let named = query.replace('=', ":");
        let named = if named.is_empty() { named } else { format!("\n{named}") };
        let signed = format!(
            "PUT\n\n\n{length}\n\n\n\n\n\n\n\n\n{kind}x-ms-date:{date}\nx-ms-version:2021-08-06\n/{ACCOUNT}/{ACCOUNT}/{path}{named}"
        );
        let signature = BASE64_STANDARD.encode(hmac(&BASE64_STANDARD.decode(KEY).unwrap(), signed.as_bytes()));
        let query = if query.is_empty() { String::new() } else { format!("?{query}") };
        let head = format!(
            "PUT /{ACCOUNT}/{path}{query} HTTP/1.1\r\nHost: 127.0.0.1:{}\r\n{}x-ms-date: {date}\r\nx-ms-version: 2021-08-06\r\n\
             Authorization: SharedKey {ACCOUNT}:{signature}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
            self.port,
            kind.replace(':', ": ").replace('\n', "\r\n"),
            body.len()
        );
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        stream.write_all(head.as_bytes()).unwrap();
        stream.write_all(body).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 201"), "{path}: {answer}");
    }

    fn run(&self, args: &[&str], key: &str) -> Ran {
        let mut variables = self.variables();
        variables.push(("AZURE_STORAGE_ACCOUNT_KEY".to_owned(), key.to_owned()));
        egret_in(args, &root(), None, &variables)
    }

    /// What a program needs to know to read its containers.
    pub(super) fn variables(&self) -> Vec<(String, String)> {
        let variables = [
            ("AZURE_STORAGE_ACCOUNT_NAME", ACCOUNT.to_owned()),
            ("AZURE_STORAGE_ACCOUNT_KEY", KEY.to_owned()),
            ("AZURE_STORAGE_ENDPOINT", format!("http://127.0.0.1:{}/{ACCOUNT}", self.port)),
            ("HOME", self.folder.path().display().to_string()),
            ("XDG_CACHE_HOME", self.folder.path().join("cache").display().to_string()),
        ];
        variables.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
    }
}

/// HMAC-SHA-256 (RFC 2104) with a key of at most 64 bytes.
fn hmac(key: &[u8], text: &[u8]) -> Vec<u8> {
    let pad = |byte: u8| {
        let mut block = [byte; 64];
        block.iter_mut().zip(key).for_each(|(block, key)| *block ^= key);
        block
    };
    let inner = Sha256::new().chain_update(pad(0x36)).chain_update(text).finalize();
    Sha256::new().chain_update(pad(0x5c)).chain_update(inner).finalize().to_vec()
}

#[test]
fn azurite_gives_the_rows_of_local_files() {
    let Some(azurite) = Azurite::start() else { return };
    let commands: [&[&str]; 2] = [
        &["run", RULE, "--at", "latest", "-q"],
        &["backtest", RULE, "--from", "2026-10-01", "--to", "2026-10-03", "-q"],
    ];
    for args in commands {
        for (location, file) in [
            ("az://lake/events", "data/events.parquet"),
            ("az://lake/flat/events.ndjson", "data/events.ndjson"),
            ("abfss://lake@devstoreaccount1.dfs.core.windows.net/events/", "data/events.parquet"),
        ] {
            let expected = egret_in(&[args, &["--events", file]].concat(), &root(), None, &[]).expect(0);
            let found = azurite.run(&[args, &["--events", location]].concat(), KEY).expect(0);
            assert!(!found.stdout.is_empty());
            assert_eq!(found.stdout, expected.stdout, "{args:?} over {location}");
        }
    }
    // Rows go to the store, whole, and are read from there.
    let output = ["--events", "az://lake/events", "--format", "ndjson", "--output", "az://lake/out/rows.ndjson"];
    azurite.run(&[commands[0], &output].concat(), KEY).expect(0);
    let count =
        ["sql", "SELECT count(*) AS n FROM rows", "--events", "az://lake/out/rows.ndjson", "--format", "ndjson", "-q"];
    assert_eq!(azurite.run(&count, KEY).expect(0).stdout, "{\"n\":8}\n");
    // A wrong key and a container that is not there are told, not retried for long.
    let wrong = BASE64_STANDARD.encode([7; 64]);
    let denied = azurite.run(&[commands[0], &["--events", "az://lake/events"]].concat(), &wrong).expect(1);
    assert!(denied.stderr.contains("az://lake/events") && denied.stderr.contains("AZURE_"), "{}", denied.stderr);
    assert!(!denied.stderr.contains(&wrong), "{}", denied.stderr);
    let absent = azurite.run(&[commands[0], &["--events", "az://nowhere/events"]].concat(), KEY).expect(1);
    assert!(absent.stderr.contains("az://nowhere/events"), "{}", absent.stderr);
}

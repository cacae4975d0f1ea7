//! A server on loopback that speaks as much of S3, of HTTP and of WebDAV as Egret asks for, counts what it is asked,
//! and fails as it is told.
//!
//! The objects of the bucket `lake` are at `/lake/KEY` for who signs in as [`KEY_ID`], and for everybody at `/web/KEY`,
//! where no folder can be listed, and at `/dav/KEY`, where they can.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

/// Who may read the bucket.
pub(crate) const KEY_ID: &str = "tester";

/// A request as tests judge it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Request {
    pub(crate) method: String,
    /// The path below the bucket.
    pub(crate) key: String,
    pub(crate) query: BTreeMap<String, String>,
    pub(crate) range: Option<(u64, u64)>,
    headers: HashMap<String, String>,
    place: String,
    unsigned: bool,
}

impl Request {
    /// Whether it asks for a list of objects.
    pub(crate) fn is_list(&self) -> bool {
        self.method == "PROPFIND" || (self.method == "GET" && self.query.contains_key("list-type"))
    }

    /// Whether it asks for bytes of an object.
    pub(crate) fn is_read(&self) -> bool {
        self.method == "GET" && !self.is_list()
    }
}

/// How an answer goes wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Fault {
    None,
    /// This status, with a code as S3 has it.
    Status(u16, &'static str),
    /// The connection ends in the middle of the body.
    Cut,
    /// The connection ends before the answer.
    Closed,
    /// The body stops for so long in its middle.
    Stall(Duration),
    /// Before the answer the object gets this content; without one it vanishes.
    Changed(Option<Vec<u8>>),
}

struct Object {
    bytes: Arc<Vec<u8>>,
    version: u64,
}

impl Object {
    fn tag(&self) -> String {
        format!("\"{:x}-{}\"", self.version, self.bytes.len())
    }
}

type Judge = Box<dyn FnMut(&Request) -> Fault + Send>;

struct State {
    objects: Mutex<BTreeMap<String, Object>>,
    uploads: Mutex<BTreeMap<String, BTreeMap<u32, Vec<u8>>>>,
    log: Mutex<Vec<Request>>,
    judge: Mutex<Judge>,
    versions: Mutex<u64>,
    /// How many entries a page of a list has.
    page: Mutex<usize>,
    /// Whether objects have entity tags, and whether parts of them can be read.
    tags: Mutex<bool>,
    ranges: Mutex<bool>,
}

/// The server; it ends with the process.
pub(crate) struct Server {
    address: SocketAddr,
    state: Arc<State>,
    /// Where who reads it keeps footers.
    cache: tempfile::TempDir,
}

impl Server {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(State {
            objects: Mutex::default(),
            uploads: Mutex::default(),
            log: Mutex::default(),
            judge: Mutex::new(Box::new(|_| Fault::None)),
            versions: Mutex::default(),
            page: Mutex::new(1000),
            tags: Mutex::new(true),
            ranges: Mutex::new(true),
        });
        let shared = Arc::clone(&state);
        thread::spawn(move || {
            for connection in listener.incoming().flatten() {
                let state = Arc::clone(&shared);
                // A client that goes away in the middle is no matter.
                thread::spawn(move || _ = serve(connection, &state));
            }
        });
        Self { address, state, cache: tempfile::tempdir().unwrap() }
    }

    /// The variables that make the program read this server as S3.
    pub(crate) fn environment(&self) -> Vec<(String, String)> {
        let pairs = [
            ("AWS_ENDPOINT_URL", format!("http://{}", self.address)),
            ("AWS_ACCESS_KEY_ID", KEY_ID.to_owned()),
            ("AWS_SECRET_ACCESS_KEY", "a-secret-of-tests".to_owned()),
            ("AWS_REGION", "eu-west-1".to_owned()),
            ("STORAGE_EMULATOR_HOST", format!("http://{}/gcs", self.address)),
            ("XDG_CACHE_HOME", self.cache.path().display().to_string()),
        ];
        pairs.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
    }

    /// The URL of an object, or of a folder, below `/web/` or `/dav/`.
    pub(crate) fn url(&self, place: &str, key: &str) -> String {
        format!("http://{}/{place}/{key}", self.address)
    }

    /// The files in which footers are kept.
    pub(crate) fn kept(&self) -> Vec<std::path::PathBuf> {
        let folder = std::fs::read_dir(self.cache.path().join("egret/footers"));
        folder.map(|entries| entries.map(|entry| entry.unwrap().path()).collect()).unwrap_or_default()
    }

    pub(crate) fn put(&self, key: &str, bytes: impl Into<Vec<u8>>) {
        self.state.put(key, bytes.into());
    }

    pub(crate) fn object(&self, key: &str) -> Option<Vec<u8>> {
        self.state.objects.lock().unwrap().get(key).map(|object| object.bytes.to_vec())
    }

    /// How many uploads were begun and neither completed nor given up.
    pub(crate) fn open_uploads(&self) -> usize {
        self.state.uploads.lock().unwrap().len()
    }

    /// From now on answers go wrong as `judge` says.
    pub(crate) fn fail(&self, judge: impl FnMut(&Request) -> Fault + Send + 'static) {
        *self.state.judge.lock().unwrap() = Box::new(judge);
    }

    pub(crate) fn set_page(&self, entries: usize) {
        *self.state.page.lock().unwrap() = entries;
    }

    pub(crate) fn set_tags(&self, tags: bool) {
        *self.state.tags.lock().unwrap() = tags;
    }

    pub(crate) fn set_ranges(&self, ranges: bool) {
        *self.state.ranges.lock().unwrap() = ranges;
    }

    /// The requests since the last call.
    pub(crate) fn take_log(&self) -> Vec<Request> {
        std::mem::take(&mut *self.state.log.lock().unwrap())
    }
}

impl State {
    fn put(&self, key: &str, bytes: Vec<u8>) {
        let mut versions = self.versions.lock().unwrap();
        *versions += 1;
        let object = Object { bytes: Arc::new(bytes), version: *versions };
        self.objects.lock().unwrap().insert(key.to_owned(), object);
    }
}

/// An answer before it is written.
struct Answer {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
    /// The length that is told of a body that is not sent.
    length: Option<usize>,
}

impl Answer {
    fn new(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self { status, headers: Vec::new(), body: body.into(), length: None }
    }

    fn error(status: u16, code: &str) -> Self {
        let text =
            format!("<?xml version=\"1.0\"?><Error><Code>{code}</Code><Message>told by a test</Message></Error>");
        Self::new(status, text)
    }
}

fn serve(connection: TcpStream, state: &State) -> std::io::Result<()> {
    connection.set_nodelay(true)?;
    let mut reader = BufReader::new(connection.try_clone()?);
    let mut writer = connection;
    while let Some((request, body)) = read(&mut reader)? {
        state.log.lock().unwrap().push(request.clone());
        let fault = (state.judge.lock().unwrap())(&request);
        let answer = match &fault {
            Fault::Status(status, code) => Answer::error(*status, code),
            Fault::Closed => return Ok(()),
            Fault::Changed(content) => {
                match content {
                    Some(bytes) => state.put(&request.key, bytes.clone()),
                    None => _ = state.objects.lock().unwrap().remove(&request.key),
                }
                answer(&request, body, state)
            }
            _ => answer(&request, body, state),
        };
        let mut head = format!("HTTP/1.1 {} Told\r\n", answer.status);
        for (name, value) in &answer.headers {
            let _ = write!(head, "{name}: {value}\r\n");
        }
        let _ = write!(head, "Content-Length: {}\r\n\r\n", answer.length.unwrap_or(answer.body.len()));
        writer.write_all(head.as_bytes())?;
        if request.method == "HEAD" {
            continue;
        }
        let half = answer.body.len() / 2;
        match fault {
            Fault::Cut => {
                writer.write_all(&answer.body[..half])?;
                return Ok(());
            }
            Fault::Stall(time) => {
                writer.write_all(&answer.body[..half])?;
                thread::sleep(time);
                writer.write_all(&answer.body[half..])?;
            }
            _ => writer.write_all(&answer.body)?,
        }
    }
    Ok(())
}

fn read(reader: &mut impl BufRead) -> std::io::Result<Option<(Request, Vec<u8>)>> {
    let mut line = String::new();
    if reader.read_line(&mut line)? == 0 {
        return Ok(None);
    }
    let mut words = line.split_whitespace();
    let method = words.next().unwrap_or_default().to_owned();
    let target = words.next().unwrap_or_default().to_owned();
    let mut headers = HashMap::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
    }
    let length = headers.get("content-length").and_then(|text| text.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    let (path, query) = target.split_once('?').unwrap_or((&target, ""));
    let path = decoded(path);
    // Google's store as its emulators serve it: nothing is signed.
    let (path, unsigned) = path.strip_prefix("/gcs").map_or((path.as_str(), false), |path| (path, true));
    let (place, key) = path.trim_start_matches('/').split_once('/').unwrap_or((path.trim_start_matches('/'), ""));
    let pair = |text: &str| {
        let (key, value) = text.split_once('=').unwrap_or((text, ""));
        (decoded(key), decoded(value))
    };
    let query = query.split('&').filter(|text| !text.is_empty()).map(pair).collect();
    let range = headers.get("range").and_then(|text| {
        let (from, to) = text.strip_prefix("bytes=")?.split_once('-')?;
        Some((from.parse().ok()?, to.parse::<u64>().ok()? + 1))
    });
    let (place, key) = (place.to_owned(), key.to_owned());
    Ok(Some((Request { method, key, query, range, headers, place, unsigned }, body)))
}

fn decoded(text: &str) -> String {
    let bytes: Vec<u8> = text.replace('+', " ").into_bytes();
    let mut out = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let hex = bytes.get(at + 1..at + 3).and_then(|hex| std::str::from_utf8(hex).ok());
        match (bytes[at], hex.and_then(|hex| u8::from_str_radix(hex, 16).ok())) {
            (b'%', Some(byte)) => {
                out.push(byte);
                at += 3;
            }
            (byte, _) => {
                out.push(byte);
                at += 1;
            }
        }
    }
    String::from_utf8(out).unwrap()
}

fn answer(request: &Request, body: Vec<u8>, state: &State) -> Answer {
    if request.place != "web" && request.place != "dav" && !request.unsigned {
        let signed = request.headers.get("authorization");
        let expected = format!("AWS4-HMAC-SHA256 Credential={KEY_ID}/");
        match signed {
            None => return Answer::error(403, "AccessDenied"),
            Some(text) if !text.starts_with(&expected) => return Answer::error(403, "InvalidAccessKeyId"),
            Some(text) if !text.contains("Signature=") => return Answer::error(403, "SignatureDoesNotMatch"),
            Some(_) => {}
        }
        if request.place != "lake" {
            return Answer::error(404, "NoSuchBucket");
        }
    }
    let upload = request.query.get("uploadId");
    match (request.method.as_str(), upload) {
        ("GET", _) if request.place == "lake" && request.query.contains_key("list-type") => list(request, state),
        ("GET" | "HEAD", _) => object(request, state),
        ("PROPFIND", _) if request.place == "dav" => folder(request, state),
        ("PUT", Some(upload)) => {
            let mut uploads = state.uploads.lock().unwrap();
            let Some(parts) = uploads.get_mut(upload) else { return Answer::error(404, "NoSuchUpload") };
            parts.insert(request.query["partNumber"].parse().unwrap(), body);
            let mut answer = Answer::new(200, "");
            answer.headers.push(("ETag", format!("\"{}\"", request.query["partNumber"])));
            answer
        }
        ("PUT", None) if request.place == "lake" => {
            let exists = state.objects.lock().unwrap().contains_key(&request.key);
            if exists && request.headers.get("if-none-match").is_some_and(|text| text == "*") {
                return Answer::error(412, "PreconditionFailed");
            }
            state.put(&request.key, body);
            let mut answer = Answer::new(200, "");
            answer.headers.push(("ETag", state.objects.lock().unwrap()[&request.key].tag()));
            answer
        }
        ("POST", None) if request.query.contains_key("uploads") => {
            let mut versions = state.versions.lock().unwrap();
            *versions += 1;
            let id = format!("upload-{versions}");
            state.uploads.lock().unwrap().insert(id.clone(), BTreeMap::new());
            Answer::new(
                200,
                format!("<InitiateMultipartUploadResult><UploadId>{id}</UploadId></InitiateMultipartUploadResult>"),
            )
        }
        ("POST", Some(upload)) => {
            let Some(parts) = state.uploads.lock().unwrap().remove(upload) else {
                return Answer::error(404, "NoSuchUpload");
            };
            state.put(&request.key, parts.into_values().flatten().collect());
            let tag = state.objects.lock().unwrap()[&request.key].tag().replace('"', "&quot;");
            Answer::new(
                200,
                format!("<CompleteMultipartUploadResult><ETag>{tag}</ETag></CompleteMultipartUploadResult>"),
            )
        }
        ("DELETE", Some(upload)) => {
            state.uploads.lock().unwrap().remove(upload);
            Answer::new(204, "")
        }
        _ => Answer::error(405, "MethodNotAllowed"),
    }
}

fn object(request: &Request, state: &State) -> Answer {
    let objects = state.objects.lock().unwrap();
    let Some(object) = objects.get(&request.key) else { return Answer::error(404, "NoSuchKey") };
    let (tag, bytes, version) = (object.tag(), Arc::clone(&object.bytes), object.version);
    drop(objects);
    let has_tags = *state.tags.lock().unwrap();
    if has_tags && request.headers.get("if-match").is_some_and(|wanted| *wanted != tag) {
        return Answer::error(412, "PreconditionFailed");
    }
    let size = bytes.len() as u64;
    let range = request.range.filter(|_| *state.ranges.lock().unwrap());
    if range.is_some_and(|(from, to)| from >= size || from >= to) {
        return Answer::error(416, "InvalidRange");
    }
    let (from, to) = range.map_or((0, size), |(from, to)| (from, to.min(size)));
    let mut answer = Answer::new(if range.is_some() { 206 } else { 200 }, &bytes[from as usize..to as usize]);
    if request.method == "HEAD" {
        answer.length = Some(answer.body.len());
        answer.body.clear();
    }
    if range.is_some() {
        answer.headers.push(("Content-Range", format!("bytes {from}-{}/{size}", to - 1)));
    }
    if has_tags {
        answer.headers.push(("ETag", tag));
        answer.headers.push(("Last-Modified", modified(version).format("%a, %d %b %Y %H:%M:%S GMT").to_string()));
    }
    answer
}

fn modified(version: u64) -> chrono::DateTime<chrono::Utc> {
    chrono::DateTime::from_timestamp(1_790_000_000 + version as i64, 0).unwrap()
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('"', "&quot;")
}

fn list(request: &Request, state: &State) -> Answer {
    let asked = |name: &str| request.query.get(name).cloned().unwrap_or_default();
    let (prefix, delimiter, after) = (asked("prefix"), asked("delimiter"), asked("continuation-token"));
    let page = *state.page.lock().unwrap();
    let objects = state.objects.lock().unwrap();
    let mut text = String::from("<?xml version=\"1.0\"?><ListBucketResult>");
    let mut folders = BTreeSet::new();
    let mut entries = 0;
    let mut last = String::new();
    let mut next = None;
    for (key, object) in objects.range(prefix.clone()..).take_while(|(key, _)| key.starts_with(&prefix)) {
        let rest = &key[prefix.len()..];
        let folder = if delimiter.is_empty() { None } else { rest.find(&delimiter) };
        let folder = folder.map(|at| format!("{prefix}{}", &rest[..=at]));
        let entry = folder.clone().unwrap_or_else(|| key.clone());
        if entry <= after || folders.contains(&entry) {
            continue;
        }
        if entries == page {
            next = Some(last.clone());
            break;
        }
        entries += 1;
        last.clone_from(&entry);
        if folder.is_some() {
            folders.insert(entry);
        } else {
            let at = modified(object.version).format("%Y-%m-%dT%H:%M:%S.000Z");
            let (key, tag, size) = (escaped(key), escaped(&object.tag()), object.bytes.len());
            let _ = write!(
                text,
                "<Contents><Key>{key}</Key><LastModified>{at}</LastModified><ETag>{tag}</ETag><Size>{size}</Size></Contents>"
            );
        }
    }
    for folder in folders {
        let _ = write!(text, "<CommonPrefixes><Prefix>{}</Prefix></CommonPrefixes>", escaped(&folder));
    }
    if let Some(next) = next {
        let _ = write!(text, "<NextContinuationToken>{}</NextContinuationToken>", escaped(&next));
    }
    text.push_str("</ListBucketResult>");
    Answer::new(200, text)
}

/// A folder as WebDAV lists it: itself, and what is directly in it.
fn folder(request: &Request, state: &State) -> Answer {
    let prefix = request.key.trim_end_matches('/');
    let prefix = if prefix.is_empty() { String::new() } else { format!("{prefix}/") };
    let objects = state.objects.lock().unwrap();
    let mut text = String::from("<?xml version=\"1.0\"?><D:multistatus xmlns:D=\"DAV:\">");
    let mut folders = BTreeSet::from([prefix.clone()]);
    let at = modified(1).format("%a, %d %b %Y %H:%M:%S GMT");
    let mut entry = |href: &str, kind: &str, size: usize, tag: &str| {
        let _ = write!(
            text,
            "<D:response><D:href>/dav/{href}</D:href><D:propstat><D:prop><D:getlastmodified>{at}</D:getlastmodified>\
             <D:getcontentlength>{size}</D:getcontentlength><D:getetag>{}</D:getetag><D:resourcetype>{kind}</D:resourcetype>\
             </D:prop><D:status>HTTP/1.1 200 OK</D:status></D:propstat></D:response>",
            escaped(tag)
        );
    };
    for (key, object) in objects.range(prefix.clone()..).take_while(|(key, _)| key.starts_with(&prefix)) {
        match key[prefix.len()..].find('/') {
            Some(slash) => _ = folders.insert(format!("{prefix}{}", &key[prefix.len()..=prefix.len() + slash])),
            None => entry(key, "", object.bytes.len(), &object.tag()),
        }
    }
    for folder in folders {
        entry(&folder, "<D:collection/>", 0, "");
    }
    text.push_str("</D:multistatus>");
    Answer::new(207, text)
}

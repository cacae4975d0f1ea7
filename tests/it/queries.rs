//! Every query of `tests/queries` as a snapshot: what it becomes, or what is wrong with it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use egret::diagnostic::{Code, Diagnostic, Report, Span};
use egret::esql::{self, ast::Ident};
use egret::sql::catalog::{Catalog, Field, Source, Type};
use egret::sql::lowered::Lowered;

use super::program::{egret, root};

/// A dozen fields, some of which hold lists.
struct Memory;

const FIELDS: [(&str, Type, bool); 16] = [
    ("@timestamp", Type::Date, false),
    ("agent.id", Type::Keyword, false),
    ("destination.bytes", Type::Long, false),
    ("destination.ip", Type::Ip, false),
    ("destination.port", Type::Long, false),
    ("event.action", Type::Keyword, false),
    ("event.category", Type::Keyword, true),
    ("event.risk_score", Type::Double, false),
    ("event.type", Type::Keyword, true),
    ("host.ip", Type::Ip, true),
    ("host.name", Type::Keyword, false),
    ("host.os.type", Type::Keyword, false),
    ("process.args", Type::Keyword, true),
    ("process.executable", Type::Keyword, false),
    ("process.name", Type::Keyword, false),
    ("user.name", Type::Keyword, false),
];

impl Catalog for Memory {
    fn source(&self, patterns: &[Ident]) -> Result<Source, Diagnostic> {
        let names: Vec<&str> = patterns.iter().map(|pattern| pattern.text.as_str()).collect();
        let span = patterns.iter().map(|pattern| pattern.span).reduce(Span::to).unwrap_or_default();
        if !names.iter().any(|name| name.starts_with("logs") || *name == "events") {
            let message = format!("no table matches `{}`", names.join(","));
            return Err(Diagnostic::error(Code::UnknownTable, span, message).with_help("the lake has logs-endpoint"));
        }
        let fields = FIELDS.iter().map(|(name, ty, multi)| Field { name: (*name).to_owned(), ty: *ty, multi: *multi });
        Ok(Source { name: names.join(","), fields: fields.collect(), open: false })
    }

    fn ecs(&self, field: &str) -> Option<Type> {
        match field {
            "source.ip" => Some(Type::Ip),
            "source.port" => Some(Type::Long),
            _ => FIELDS.iter().find(|(name, ..)| *name == field).map(|(_, ty, _)| *ty),
        }
    }

    fn near(&self, source: &Source, field: &str) -> Option<String> {
        let names = source.fields.iter().map(|f| f.name.clone());
        names.filter(|name| strsim::levenshtein(name, field) <= 2).min()
    }
}

/// A query of `tests/queries`.
struct Query {
    /// `ok/cidr.esql`
    name: String,
    text: String,
}

impl Query {
    fn is_sql(&self) -> bool {
        self.name.ends_with(".sql")
    }

    /// What it becomes, or its mistakes.
    fn lower(&self) -> Result<Lowered, Vec<Diagnostic>> {
        if self.is_sql() {
            return egret::sql::statement(&self.text, &Memory);
        }
        match esql::parse(&self.text) {
            (Some(query), _) => egret::sql::lower(&query, &self.text, &Memory),
            (None, diagnostics) => Err(diagnostics),
        }
    }

    fn rendered(&self, diagnostics: Vec<Diagnostic>) -> String {
        let file = self.name.rsplit('/').next().unwrap_or_default();
        Report::new(file, self.text.as_str(), diagnostics).render(false)
    }

    /// The snapshot's text of a query that is right.
    fn shown(&self, lowered: &Lowered) -> String {
        let mut parts = Vec::new();
        if let (false, (Some(query), _)) = (self.is_sql(), esql::parse(&self.text)) {
            parts.push(esql::print(&query));
        }
        let limit = lowered.limit.map_or("no limit".to_owned(), |limit| format!("limit {limit}"));
        let order = if lowered.ordered { "ordered" } else { "not ordered" };
        let group = match (&lowered.group_key, lowered.aggregating) {
            (Some(key), _) => format!("groups by [{}], {} hidden", key.join(", "), lowered.hidden),
            (None, true) => "groups".to_owned(),
            (None, false) => "events".to_owned(),
        };
        parts.push(format!("{limit}, {order}, {group}"));
        parts.push(egret::sql::pretty(&lowered.query));
        if !lowered.warnings.is_empty() {
            parts.push(self.rendered(lowered.warnings.clone()));
        }
        parts.join("\n\n----\n\n")
    }
}

fn folder(name: &str) -> PathBuf {
    root().join("tests/queries").join(name)
}

fn queries(kind: &str) -> Vec<Query> {
    let mut paths: Vec<PathBuf> = fs::read_dir(folder(kind)).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let query = |path: PathBuf| {
        let name = format!("{kind}/{}", path.file_name().unwrap().to_str().unwrap());
        Query { name, text: fs::read_to_string(path).unwrap() }
    };
    paths.into_iter().map(query).collect()
}

fn snapshot_name(query: &Query) -> String {
    query.name.replace(['/', '.'], "_")
}

fn compare(query: &Query, shown: &str) {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(folder("snapshots"));
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!(snapshot_name(query), shown));
}

#[test]
fn what_is_right_becomes_sql() {
    let queries = queries("ok");
    assert!(queries.len() >= 25, "{}", queries.len());
    for query in queries {
        let lowered = query.lower().unwrap_or_else(|mistakes| panic!("{}", query.rendered(mistakes)));
        compare(&query, &query.shown(&lowered));
    }
}

#[test]
fn what_is_wrong_is_told() {
    let queries = queries("err");
    assert!(queries.len() >= 25, "{}", queries.len());
    let mut codes = BTreeSet::new();
    for query in queries {
        let mistakes = match query.lower() {
            Ok(lowered) => panic!("{} is taken as right:\n{}", query.name, query.shown(&lowered)),
            Err(mistakes) => mistakes,
        };
        assert!(mistakes.iter().any(Diagnostic::is_error), "{}: {mistakes:?}", query.name);
        for mistake in &mistakes {
            let Span { start, end } = mistake.span;
            assert!(query.text.get(start..end).is_some(), "{}: {mistake:?} lies outside", query.name);
            let is_lower = !mistake.message.starts_with(char::is_uppercase) || query.text.contains(first_word(mistake));
            assert!(is_lower && !mistake.message.ends_with('.'), "{}: {}", query.name, mistake.message);
            codes.insert(mistake.code);
        }
        compare(&query, &query.rendered(mistakes));
    }
    assert!(codes.len() >= 12, "the queries show {codes:?} only");
}

/// A message may begin with a word of the query or of the language, in its letters.
fn first_word(mistake: &Diagnostic) -> &str {
    mistake.message.split_whitespace().next().unwrap_or_default()
}

#[test]
fn every_snapshot_has_its_query() {
    let expected: BTreeSet<String> =
        ["ok", "err"].into_iter().flat_map(queries).map(|query| snapshot_name(&query) + ".snap").collect();
    let found: BTreeSet<String> = fs::read_dir(folder("snapshots"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .filter(|name| !name.ends_with(".snap.new"))
        .collect();
    assert_eq!(found, expected);
}

#[test]
fn tokens_tile_every_text() {
    for query in ["ok", "err"].into_iter().flat_map(queries).filter(|query| !query.is_sql()) {
        let mut at = 0;
        for token in esql::lexer::lex(&query.text).tokens {
            assert_eq!(token.span.start, at, "{}", query.name);
            assert!(token.span.end > at, "{}", query.name);
            at = token.span.end;
        }
        assert_eq!(at, query.text.len(), "{}", query.name);
    }
}

#[test]
fn printing_is_a_fixed_point() {
    for query in queries("ok").into_iter().filter(|query| !query.is_sql()) {
        let printed = esql::print(&esql::parse(&query.text).0.unwrap());
        let (again, mistakes) = esql::parse(&printed);
        assert_eq!(mistakes, vec![], "{}: {printed}", query.name);
        assert_eq!(esql::print(&again.unwrap()), printed, "{}", query.name);
        // The canonical text means the same. Its places differ, and with them names made of source text.
        let canonical = Query { name: query.name.clone(), text: printed };
        let (first, second) = (query.lower().unwrap(), canonical.lower().unwrap());
        if first.columns == second.columns {
            assert_eq!(first.query.to_string(), second.query.to_string(), "{}", query.name);
        } else {
            assert!(query.text.contains("STATS"), "{}: {:?}\n{:?}", query.name, first.columns, second.columns);
        }
    }
}

#[test]
fn sql_reads_back() {
    use datafusion::sql::sqlparser::{dialect::GenericDialect, parser::Parser};
    for query in queries("ok") {
        let lowered = query.lower().unwrap();
        for text in [lowered.query.to_string(), egret::sql::pretty(&lowered.query)] {
            let read =
                Parser::parse_sql(&GenericDialect {}, &text).unwrap_or_else(|e| panic!("{}: {e}\n{text}", query.name));
            assert_eq!(read.len(), 1, "{}", query.name);
            // The parser has nodes of its own for these functions, which it prints in capitals.
            let again = ["FLOOR(", "CEIL(", "SUBSTR(", "SUBSTRING(", "TRIM("]
                .iter()
                .fold(read[0].to_string(), |text, name| text.replace(name, &name.to_lowercase()));
            assert_eq!(again, lowered.query.to_string(), "{}", query.name);
        }
    }
}

/// Queries whose rows depend on the layout of the sample: its ids, or every field that it has.
const OF_THE_LAYOUT: [&str; 3] = ["drop", "from_default_limit", "from_metadata"];

/// The rows of every query over the sample events, by the name of the query.
fn rows_of_all(events: &str) -> BTreeMap<String, Vec<String>> {
    let found = egret::rule::load(Path::new("tests/queries/ok"), &root()).unwrap();
    let rules = found.rules.into_iter().map(|loaded| loaded.unwrap().rule);
    let files: BTreeMap<String, String> =
        rules.map(|rule| (rule.rule_id.to_string(), rule.origin.name.rsplit('/').next().unwrap().to_owned())).collect();
    let at = "2026-10-01T12:00:00Z";
    let ran = egret(&["run", "tests/queries/ok", "--events", events, "--at", at, "-f", "ndjson"]).expect(0);
    let mut rows: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for mut row in ran.rows() {
        let rule = row.as_object_mut().unwrap().shift_remove("rule.id").unwrap();
        rows.entry(files[rule.as_str().unwrap()].clone()).or_default().push(row.to_string());
    }
    for rows in rows.values_mut() {
        rows.sort();
    }
    rows
}

/// The engine takes all of them too, over scalar columns and over lists, and ES|QL gives the same rows.
#[test]
fn what_is_right_runs() {
    let (scalars, lists) = (rows_of_all("data/events.parquet"), rows_of_all("data/events.ndjson"));
    let names = |rows: &BTreeMap<String, Vec<String>>| rows.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&scalars), names(&lists));
    assert!(scalars.len() + 2 >= queries("ok").len(), "more than two queries find nothing: {:?}", names(&scalars));
    let same = |name: &str| name.strip_suffix(".esql").is_some_and(|stem| !OF_THE_LAYOUT.contains(&stem));
    for (name, rows) in scalars.iter().filter(|(name, _)| same(name)) {
        let differing = rows.iter().zip(&lists[name]).find(|(a, b)| a != b);
        assert_eq!((rows.len(), differing), (lists[name].len(), None), "{name}");
    }
}

//! Flags to what the engine takes: rules, lake, window, output.

use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};

use super::args::{BadLine, FormatArg, LakeArgs, OutputArgs, TimeArgs};
use super::report::Console;
use crate::alert::sink::{Format, Staged, Target};
use crate::engine::compile::patterns;
use crate::engine::refusal::refused;
use crate::engine::{Engine, Refusal, TimeField};
use crate::error::{Error, Kind, Result};
use crate::lake::{self, Catalog, LakeConfig, OnBadLine};
use crate::rule::{self, DateMath, Exceptions, Execution, Interval, Language, Loaded, Rule, Window};
use crate::sql::lowered::Lowered;

/// The earliest instant that a window without a start begins at: all that nanoseconds since 1970 can tell.
const BEGINNING: DateTime<Utc> = DateTime::from_timestamp_nanos(i64::MIN);
/// The latest one.
const END: DateTime<Utc> = DateTime::from_timestamp_nanos(i64::MAX);

/// The lake's configuration as the flags and the catalogue say.
fn lake_config(args: &LakeArgs, catalog: Catalog) -> LakeConfig {
    let on_bad_line = match args.on_bad_line {
        BadLine::Skip => OnBadLine::Skip,
        BadLine::Fail => OnBadLine::Fail,
    };
    LakeConfig {
        events: args.events.clone(),
        lake: args.lake.clone(),
        tables: args.tables.clone(),
        on_bad_line,
        strict: args.strict,
        lateness: args.lateness.as_ref().map(Interval::length),
        catalog: catalog.tables,
        footer_cache: footer_cache(args),
        ..LakeConfig::default()
    }
}

/// The folder of footers: as the flag says, else where the user's other caches are.
fn footer_cache(args: &LakeArgs) -> Option<PathBuf> {
    if let Some(folder) = &args.footer_cache {
        return Some(folder.clone()).filter(|folder| folder != Path::new("-"));
    }
    let of_user = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from).filter(|folder| folder.is_absolute());
    let folder = of_user.or_else(|| std::env::home_dir().map(|home| home.join(".cache")));
    folder.map(|folder| folder.join("egret"))
}

/// The configuration of a lake that must be named, with the tables that `rules` read; with all where there is none.
/// Events outside of `windows`, if there are some, will not be asked for.
pub(super) fn required_lake(args: &LakeArgs, rules: &[Rule], windows: Vec<lake::Window>) -> Result<LakeConfig> {
    let catalog = catalog_path(args);
    if args.events.is_none() && args.lake.is_none() && args.tables.is_empty() && catalog.is_none() {
        return Err(Error::new(Kind::Usage, "no events to read").with_help(
            "name them with --events LOCATION, --lake DIR or --table NAME=LOCATION, or name tables once in egret.toml",
        ));
    }
    // A catalogue names whatever there is, and so does a store: what no rule reads is not looked for.
    let in_store = args.lake.as_deref().is_some_and(|lake| lake.contains("://"));
    let named = catalog.is_some() || in_store;
    let only = if named { patterns(rules).unwrap_or_default() } else { Vec::new() };
    let catalog = catalog.map_or(Ok(Catalog::default()), |path| Catalog::open(&path))?;
    Ok(LakeConfig { only, windows, ..lake_config(args, catalog) })
}

/// The windows of executions of `rules` that the flags ask for; none where one of them looks at all events, or where
/// the events say when it is.
pub(super) fn windows(rules: &[Rule], args: &TimeArgs, now: DateTime<Utc>) -> Result<Vec<lake::Window>> {
    if args.at.as_deref() == Some("latest") {
        return Ok(Vec::new());
    }
    let at = execution_time(args, now, None)?;
    let mut windows = Vec::with_capacity(rules.len());
    for rule in rules {
        let Some(window) = execution(rule, args, at)?.window else { return Ok(Vec::new()) };
        windows.push(TimeField::of(rule).over(&window, None));
    }
    Ok(hulls(windows))
}

/// The windows as few as there are fields: each from the first start to the last end.
pub(super) fn hulls(windows: Vec<lake::Window>) -> Vec<lake::Window> {
    let mut hulls: Vec<lake::Window> = Vec::new();
    for window in windows {
        let same = |hull: &&mut lake::Window| hull.field == window.field && hull.fallback == window.fallback;
        match hulls.iter_mut().find(same) {
            Some(hull) => (hull.from, hull.to) = (hull.from.min(window.from), hull.to.max(window.to)),
            None => hulls.push(window),
        }
    }
    hulls
}

/// The file of the catalogue: the one that is named, else the one of the working directory, where no flag says where
/// all events are.
pub(super) fn catalog_path(args: &LakeArgs) -> Option<PathBuf> {
    let here = || Some(PathBuf::from(Catalog::FILE)).filter(|path| path.is_file());
    args.catalog.clone().or_else(|| if args.events.is_none() && args.lake.is_none() { here() } else { None })
}

/// The rules of the paths; those that do not check are told to the console and counted.
pub(super) fn rules(paths: &[PathBuf], language: Language, console: Console) -> Result<(Vec<Rule>, usize)> {
    let mut rules = Vec::new();
    let mut broken = 0;
    for path in paths {
        for loaded in load(path, language, console)? {
            match loaded {
                Ok(loaded) => {
                    console.report(&loaded.warnings);
                    rules.push(loaded.rule);
                }
                Err(report) => {
                    console.report(&report);
                    broken += 1;
                }
            }
        }
    }
    Ok((rules, broken))
}

/// The only rule of a path.
pub(super) fn only_rule(path: &Path, language: Language, console: Console) -> Result<Rule> {
    let (mut rules, _) = rules(&[path.to_path_buf()], language, console)?;
    match (rules.pop(), rules.len()) {
        (Some(rule), 0) => Ok(rule),
        (None, _) => Err(Error::new(Kind::Rule, format!("{}: no rule that checks", path.display()))),
        (Some(_), others) => {
            Err(Error::new(Kind::Usage, format!("{}: expected one rule, found {}", path.display(), others + 1))
                .with_help("name the file of one rule"))
        }
    }
}

/// What a path holds: rules, or what is wrong with their files. `-` is a query on standard input.
pub(super) fn load(
    path: &Path,
    language: Language,
    console: Console,
) -> Result<Vec<std::result::Result<Loaded, crate::diagnostic::Report>>> {
    if path == Path::new("-") {
        return Ok(vec![rule::read(&mut io::stdin().lock(), language)?]);
    }
    let found = rule::load(path, Path::new("."))?;
    if let Some(first) = found.skipped.first() {
        console.warning(&format!(
            "{} files hold no rule and are passed over, first {}",
            found.skipped.len(),
            first.display()
        ));
    }
    Ok(found.rules)
}

/// A time as the user writes it: RFC 3339 or date math against `now`.
pub(super) fn instant(flag: &str, text: &str, now: DateTime<Utc>) -> Result<DateTime<Utc>> {
    let math = DateMath::parse(text).map_err(|diagnostic| {
        let error = Error::new(Kind::Usage, format!("{flag}: {}", diagnostic.message));
        match diagnostic.help {
            Some(help) => error.with_help(help),
            None => error,
        }
    })?;
    Ok(math.resolve(now))
}

/// The present, in milliseconds as Elasticsearch's dates are.
pub(super) fn now() -> DateTime<Utc> {
    let now = Utc::now();
    DateTime::from_timestamp_millis(now.timestamp_millis()).unwrap_or(now)
}

/// The lists of exceptions of a file, where there is one.
pub(super) fn exceptions(path: Option<&Path>) -> Result<Option<Exceptions>> {
    let Some(path) = path else { return Ok(None) };
    let name = path.display().to_string();
    let text = std::fs::read_to_string(path)
        .map_err(|e| Error::new(Kind::Input, format!("{name}: the exceptions cannot be read")).with_source(e))?;
    Exceptions::parse(&name, &text).map(Some)
}

/// The canonical form of a rule, without the events that its exceptions leave out, and what there is to tell of those.
pub(super) async fn compile(
    engine: &Engine,
    rule: &Rule,
    exceptions: Option<&Exceptions>,
    console: Console,
) -> Result<(Lowered, Vec<String>)> {
    let lowered = engine.compile(rule).await?;
    console.report(&rule.report(lowered.warnings.clone()));
    let Some(exceptions) = exceptions else {
        let notice =
            format!("{}: its exceptions are not applied; --exceptions FILE names a file that holds them", rule.name);
        return Ok((lowered, (!rule.exceptions_list.is_empty()).then_some(notice).into_iter().collect()));
    };
    let mut notices = Vec::new();
    for list in exceptions.missing(rule) {
        notices.push(format!("{}: the file of exceptions has no list `{list}`, which the rule names", rule.name));
    }
    if rule.exceptions_list.is_empty() {
        notices.push(format!("{}: the rule names no list of exceptions, so none applies", rule.name));
    }
    let conditions = exceptions.of(rule);
    if conditions.is_empty() {
        return Ok((lowered, notices));
    }
    let without = engine.excepting(rule, &lowered, &conditions)?;
    engine.compile(&without).await.map(|lowered| (lowered, notices))
}

/// The query whose alerts carry the event that they come from, where they come from one, and what stands against it.
pub(super) async fn carrying(
    engine: &Engine,
    rule: &Rule,
    lowered: Lowered,
    execution: &Execution,
) -> Result<(Lowered, Option<String>)> {
    if lowered.aggregating {
        return Ok((lowered, None));
    }
    let carrying = engine.carrying(&lowered, execution).await.map_err(|error| refused(rule, error))?;
    Ok(match carrying {
        Ok(carrying) => {
            let (carried, all) = (carrying.origin.len(), engine.field_count(&lowered));
            let notice = format!(
                "{}: alerts hold {carried} of the {all} fields that events have: those that the rule reads, and common ones",
                rule.name
            );
            (carrying, (carried < all).then_some(notice))
        }
        Err(Refusal(why)) => {
            (lowered, Some(format!("{}: alerts hold the columns of the query alone: {why}", rule.name)))
        }
    })
}

/// The patterns of tables that a query reads.
pub(super) fn indices(lowered: &Lowered) -> Vec<String> {
    lowered.tables.iter().flat_map(|used| used.patterns.iter().cloned()).collect()
}

/// The execution of a compiled rule as the flags say, or as the rule does.
pub(super) async fn execution_of(
    engine: &Engine,
    rule: &Rule,
    lowered: &Lowered,
    args: &TimeArgs,
    now: DateTime<Utc>,
) -> Result<Execution> {
    let latest =
        if args.at.as_deref() == Some("latest") { engine.latest(lowered, &TimeField::of(rule)).await? } else { None };
    execution(rule, args, execution_time(args, now, latest)?)
}

/// The execution's time as the flags say; `latest` is what `--at latest` stands for.
fn execution_time(args: &TimeArgs, now: DateTime<Utc>, latest: Option<DateTime<Utc>>) -> Result<DateTime<Utc>> {
    match (&args.at, &args.to) {
        (Some(at), _) if at == "latest" => Ok(latest.unwrap_or(now)),
        (Some(at), _) => instant("--at", at, now),
        (None, Some(to)) => instant("--to", to, now),
        (None, None) => Ok(now),
    }
}

/// The execution of `rule` at an instant, its window as the flags say or as the rule does.
fn execution(rule: &Rule, args: &TimeArgs, at: DateTime<Utc>) -> Result<Execution> {
    let own = rule.schedule.as_ref().map(|schedule| schedule.window_at(at));
    let window = if args.all_time {
        None
    } else if args.from.is_some() || args.to.is_some() {
        let own_from = own.as_ref().map_or(BEGINNING, |w| w.from);
        let own_to = own.as_ref().map_or(END, |w| w.to);
        let from = args.from.as_deref().map_or(Ok(own_from), |text| instant("--from", text, at))?;
        let to = args.to.as_deref().map_or(Ok(own_to), |text| instant("--to", text, at))?;
        if from > to {
            let message = format!("the window is empty: it starts at {from} and ends at {to}");
            return Err(Error::new(Kind::Usage, message).with_help("write --from before --to"));
        }
        Some(Window { from, to })
    } else {
        own
    };
    Ok(Execution { at, window })
}

/// The format that is asked for: a table for people, NDJSON for programs.
pub(super) fn format(args: &OutputArgs) -> Format {
    match args.format {
        Some(FormatArg::Table) => Format::Table,
        Some(FormatArg::Ndjson) => Format::Ndjson,
        Some(FormatArg::Json) => Format::Json,
        Some(FormatArg::Bulk) => Format::Bulk,
        Some(FormatArg::Csv) => Format::Csv,
        Some(FormatArg::Parquet) => Format::Parquet,
        Some(FormatArg::Arrow) => Format::Arrow,
        None if to_stdout(args) && io::stdout().is_terminal() => Format::Table,
        None => by_extension(args).unwrap_or(Format::Ndjson),
    }
}

/// Refuses bulk bodies of anything but alerts.
pub(super) fn only_alerts(format: Format, are_alerts: bool) -> Result<()> {
    if format == Format::Bulk && !are_alerts {
        return Err(Error::new(Kind::Usage, "--format bulk: expected alerts, found rows, which have no id")
            .with_help("add --as alerts, or use --format ndjson"));
    }
    Ok(())
}

/// The format that the output's name tells.
fn by_extension(args: &OutputArgs) -> Option<Format> {
    let extension = args.output.as_deref()?.extension()?.to_str()?;
    Format::ALL.into_iter().find(|format| format.extension().eq_ignore_ascii_case(extension))
}

/// Whether rows go to stdout.
pub(super) fn to_stdout(args: &OutputArgs) -> bool {
    args.output.as_deref().is_none_or(|path| path == Path::new("-"))
}

/// Where rows go, reserved before there are any.
pub(super) fn target(path: Option<&Path>, format: Format, args: &OutputArgs) -> Result<Target> {
    let target = match path.filter(|path| *path != Path::new("-")) {
        Some(path) => file(path, args.force),
        None if format.is_binary() && io::stdout().is_terminal() => {
            Err(Error::new(Kind::Usage, format!("{format} is no text and stdout is a terminal"))
                .with_help("write to a file with --output, or into a pipe"))
        }
        None => Ok(Target::stream("stdout", Box::new(io::stdout()))),
    };
    target.map(|target| target.for_index(args.index.clone()))
}

/// A file or an object of a store that appears when it is whole.
pub(super) fn file(path: &Path, force: bool) -> Result<Target> {
    match staged_in_store(path, force)? {
        Some(staged) => Target::staged(path.display().to_string(), staged),
        None => Target::file(path, force),
    }
}

/// What becomes an object of a store when it is whole; `None` where `path` is on this machine.
pub(super) fn staged_in_store(path: &Path, force: bool) -> Result<Option<Staged>> {
    let Some(upload) = path.to_str().map_or(Ok(None), |location| lake::Upload::reserve(location, force))? else {
        return Ok(None);
    };
    Staged::sent(path, |file| upload.send(file)).map(Some)
}

/// The width that a table on stdout must fit into.
pub(super) fn width() -> Option<usize> {
    if !io::stdout().is_terminal() {
        return None;
    }
    std::env::var("COLUMNS")
        .ok()
        .and_then(|text| text.parse().ok())
        .or_else(|| terminal_size::terminal_size().map(|(width, _)| usize::from(width.0)))
}

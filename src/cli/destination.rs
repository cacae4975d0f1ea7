//! Where the rows of one or several rules go: one stream, one file, or a folder with a file for each.

use std::path::{Path, PathBuf};

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::SchemaRef;

use super::args::OutputArgs;
use super::open;
use crate::alert::sink::{Flow, Format, Output, Spool, Target};
use crate::error::{Error, Kind, Result};
use crate::lake::Upload;
use crate::rule::Rule;

/// Where the rows of all rules go.
pub(super) struct Destination {
    pub(super) format: Format,
    pub(super) several: bool,
    /// One stream for all rules.
    pub(super) shared: Option<Shared>,
    /// One file a rule.
    pub(super) folder: Option<PathBuf>,
}

/// A stream that several rules write to; it begins with the first of them.
pub(super) struct Shared {
    target: Option<Target>,
    pub(super) output: Option<Output>,
}

impl Shared {
    /// The output, which begins with the first rule that opens it; none where it is closed already.
    pub(super) fn open(&mut self, format: Format, schema: SchemaRef) -> Result<Option<&mut Output>> {
        if let Some(target) = self.target.take() {
            self.output = Some(target.open(format, schema, open::width())?);
        }
        Ok(self.output.as_mut())
    }
}

/// Where the rows of one rule go while it runs.
pub(super) enum To<'a> {
    /// A file of its own.
    File(Target),
    /// The stream of all rules, to which no other writes meanwhile.
    Shared(&'a mut Shared),
    /// Aside, until the rule has ended.
    Aside,
}

/// What takes the rows of one rule.
pub(super) enum Rows<'a> {
    File(Output),
    Shared(Option<&'a mut Output>),
    Aside(Box<Aside>),
}

impl<'a> To<'a> {
    /// What takes rows of `schema`.
    pub(super) fn open(self, format: Format, schema: SchemaRef) -> Result<Rows<'a>> {
        Ok(match self {
            Self::File(target) => Rows::File(target.open(format, schema, None)?),
            Self::Shared(shared) => Rows::Shared(shared.open(format, schema)?),
            Self::Aside => Rows::Aside(Box::new(Aside { spool: Spool::try_new(&schema)?, schema })),
        })
    }
}

impl Rows<'_> {
    /// Takes the rows of a batch.
    pub(super) fn write(&mut self, batch: &RecordBatch) -> Result<Flow> {
        match self {
            Self::File(output) => output.write(batch),
            Self::Shared(output) => output.as_mut().map_or(Ok(Flow::Closed), |output| output.write(batch)),
            Self::Aside(aside) => aside.spool.write(batch).map(|()| Flow::Open),
        }
    }

    /// Says that the rule has ended: the rows that still are to be written.
    pub(super) fn finish(self) -> Result<Option<Aside>> {
        match self {
            Self::File(output) => output.finish().map(|_| None),
            Self::Shared(_) => Ok(None),
            Self::Aside(aside) => Ok(Some(*aside)),
        }
    }
}

/// All rows of a rule that ran among others.
pub(super) struct Aside {
    spool: Spool,
    schema: SchemaRef,
}

impl Aside {
    /// Writes them to the stream of all rules, or as a table of their own where there is none.
    pub(super) fn write(self, shared: Option<&mut Shared>, format: Format) -> Result<()> {
        let mut own = None;
        let output = match shared {
            Some(shared) => shared.open(format, self.schema)?,
            None => Some(own.insert(open::target(None, format, &OutputArgs::default())?.open(
                format,
                self.schema,
                open::width(),
            )?)),
        };
        if let Some(output) = output {
            for batch in self.spool.into_batches()? {
                if output.write(&batch?)? == Flow::Closed {
                    break;
                }
            }
        }
        own.map_or(Ok(()), |own| own.finish().map(drop))
    }
}

impl Destination {
    pub(super) fn try_new(args: &OutputArgs, several: bool) -> Result<Self> {
        let format = open::format(args);
        let path = args.output.as_deref();
        let is_folder = path.is_some_and(|p| p.is_dir() || p.to_string_lossy().ends_with('/'));
        if is_folder || (several && !open::to_stdout(args) && format.has_fixed_schema()) {
            let folder = path.map(Path::to_path_buf).unwrap_or_default();
            let looks_a_file = folder.extension().is_some_and(|e| e.eq_ignore_ascii_case(format.extension()));
            if !is_folder && looks_a_file {
                let message = format!("{}: several rules cannot share one {format} file", folder.display());
                return Err(Error::new(Kind::Usage, message)
                    .with_help("name a folder with --output DIR, which gets one file a rule, or use --format ndjson"));
            }
            // The folders of a store are no more than the beginnings of names.
            if !Upload::is_of(&folder) {
                std::fs::create_dir_all(&folder).map_err(|e| {
                    Error::new(Kind::Output, format!("{}: the folder cannot be made", folder.display())).with_source(e)
                })?;
            }
            return Ok(Self { format, several, shared: None, folder: Some(folder) });
        }
        if several && format.has_fixed_schema() && format != Format::Table {
            return Err(Error::new(Kind::Usage, format!("several rules cannot share one {format} stream"))
                .with_help("write one file a rule with --output DIR, or use --format ndjson"));
        }
        if several && format == Format::Table {
            // Each rule has its own table; they follow each other.
            return Ok(Self { format, several, shared: None, folder: None });
        }
        let target = open::target(path, format, args)?;
        Ok(Self { format, several, shared: Some(Shared { target: Some(target), output: None }), folder: None })
    }
}

/// The files of rules below `--output DIR`: named as the rules' files, as far as that keeps them apart.
pub(super) fn file_names(rules: &[Rule], format: Format) -> Vec<String> {
    let stem = |rule: &Rule| Path::new(&rule.origin.name).file_stem().map(|stem| stem.to_string_lossy().into_owned());
    let name = |rule: &Rule| Path::new(&rule.origin.name).file_name().map(|name| name.to_string_lossy().into_owned());
    let path = |rule: &Rule| Some(rule.origin.name.trim_start_matches(['.', '/']).replace(['/', '\\'], "-"));
    let named = |way: &dyn Fn(&Rule) -> Option<String>| rules.iter().map(way).collect::<Vec<_>>();
    let tables = [named(&stem), named(&name), named(&path)];
    let alone = |names: &[Option<String>], at: usize| {
        let same = |other: &&Option<String>| names.get(at) == Some(*other);
        names.get(at).cloned().flatten().filter(|_| names.iter().filter(same).count() == 1)
    };
    let named = |(at, rule): (usize, &Rule)| {
        let name = tables.iter().find_map(|names| alone(names, at));
        format!("{}.{}", name.unwrap_or_else(|| rule.rule_id.to_string()), format.extension())
    };
    rules.iter().enumerate().map(named).collect()
}

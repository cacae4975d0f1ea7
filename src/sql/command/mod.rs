//! The commands of a pipeline, one file each. A new command is a file here and a line in [`Lowering::command`].

mod eval;
mod filter;
mod from;
mod keep_drop;
mod limit;
mod mv_expand;
mod rename;
mod sort;
mod stats;

use crate::esql::ast::{Command, CommandKind};

use super::lowering::Lowering;

impl Lowering<'_> {
    /// Lowers one command, or reports what keeps it from being lowered.
    pub(crate) fn command(&mut self, command: &Command) {
        match &command.kind {
            CommandKind::From { patterns, metadata } => self.lower_from(patterns, metadata, command.span),
            CommandKind::Where(condition) => self.lower_where(condition),
            CommandKind::Eval(assigns) => self.lower_eval(assigns),
            CommandKind::Stats(stats) => self.lower_stats(stats, command.span),
            CommandKind::Keep(patterns) => self.lower_keep(patterns, command.span),
            CommandKind::Drop(patterns) => self.lower_drop(patterns, command.span),
            CommandKind::Rename(renames) => self.lower_rename(renames, command.span),
            CommandKind::Sort(keys) => self.lower_sort(keys),
            CommandKind::Limit(limit) => self.lower_limit(*limit),
            CommandKind::MvExpand(name) => self.lower_mv_expand(name),
            CommandKind::Row(_) => self.not_yet(command, "ROW"),
            CommandKind::Show(_) => self.not_yet(command, "SHOW"),
            CommandKind::InlineStats(_) => self.not_yet(command, "INLINE STATS"),
            CommandKind::Dissect { .. } => self.not_yet(command, "DISSECT"),
            CommandKind::Grok { .. } => self.not_yet(command, "GROK"),
            CommandKind::Completion { .. } => self.not_yet(command, "COMPLETION"),
        }
    }

    /// Reports a command that makes columns and is not lowered; what follows is still checked.
    fn not_yet(&mut self, command: &Command, name: &str) {
        self.incomplete = true;
        self.unsupported::<()>(command.span, name);
    }
}

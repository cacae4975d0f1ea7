//! The commands of a pipeline, one file each. A new command is a file here and a line in [`Lowering::command`].

mod completion;
mod eval;
mod extract;
mod filter;
mod from;
mod inline_stats;
mod keep_drop;
mod limit;
mod mv_expand;
mod rename;
mod row;
mod sort;
mod stats;

use crate::esql::ast::{Command, CommandKind};

use super::lowering::Lowering;

impl Lowering<'_> {
    /// Lowers one command.
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
            CommandKind::Row(assigns) => self.lower_row(assigns, command.span),
            CommandKind::Show(_) => self.lower_show(command.span),
            CommandKind::InlineStats(stats) => self.lower_inline_stats(stats, command.span),
            CommandKind::Dissect { input, pattern, append_separator } => {
                self.lower_dissect(input, pattern, append_separator.as_ref());
            }
            CommandKind::Grok { input, patterns } => self.lower_grok(input, patterns),
            CommandKind::Completion { target, prompt, options } => {
                self.lower_completion(target.as_ref(), prompt, options, command.span);
            }
        }
    }
}

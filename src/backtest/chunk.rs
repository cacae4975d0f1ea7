//! How many executions one scan works through: as many as memory allows, since events near a border are read twice.

use chrono::TimeDelta;

use crate::rule::Execution;

/// Executions of the first scan, where the look-back asks for no more.
const FIRST: usize = 128;
/// Executions of one scan at most.
const MOST: usize = 4096;

/// Chooses chunks, one after the other.
#[derive(Debug)]
pub(super) struct Chunks {
    limit: usize,
    size: usize,
    most: usize,
}

impl Chunks {
    /// Chunks of `executions` for a memory limit in bytes.
    pub(super) fn new(executions: &[Execution], limit: usize) -> Self {
        Self { limit, size: FIRST.max(overlap(executions)).min(MOST), most: MOST }
    }

    /// All `executions` in one chunk, where panes make the memory independent of their number.
    pub(super) const fn of_panes(executions: usize, limit: usize) -> Self {
        Self { limit, size: executions, most: executions }
    }

    /// How many executions the next scan takes.
    pub(super) const fn size(&self) -> usize {
        self.size
    }

    /// Learns what the last chunk held in memory at most.
    pub(super) fn held(&mut self, bytes: usize) {
        if bytes < self.limit / 8 {
            self.size = (self.size * 2).min(self.most);
        } else if bytes > self.limit / 2 {
            self.size = (self.size / 2).max(1);
        }
    }

    /// After a scan of so many executions that did not fit into memory; whether fewer may.
    pub(super) fn shrink(&mut self, executions: usize) -> bool {
        self.size = (executions / 4).max(1);
        executions > 1
    }
}

/// How many executions lie within one window, which is how many see the same event: a scan of fewer reads more of what
/// it shares than of its own.
pub(super) fn overlap(executions: &[Execution]) -> usize {
    let [first, second, ..] = executions else { return 1 };
    let Some(window) = first.window else { return 1 };
    let interval = (second.at - first.at).max(TimeDelta::milliseconds(1));
    let length = (window.to - window.from).num_milliseconds();
    usize::try_from(length / interval.num_milliseconds().max(1)).unwrap_or(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_follow_memory() {
        let mut chunks = Chunks::new(&[], 1000);
        chunks.held(10);
        assert_eq!(chunks.size(), 2 * FIRST);
        chunks.held(300);
        assert_eq!(chunks.size(), 2 * FIRST);
        chunks.held(600);
        assert_eq!(chunks.size(), FIRST);
        assert!(chunks.shrink(8));
        assert_eq!(chunks.size(), 2);
        assert!(!chunks.shrink(1));
        assert_eq!(chunks.size(), 1);
    }
}

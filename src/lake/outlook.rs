//! What a window leaves of a table, told before anything of it is scanned.

use datafusion::execution::FunctionRegistry;
use serde::Serialize;

use super::delta::Active;
use super::table::Table;
use super::view::Bind;
use super::window::Window;

/// Files, and how many bytes they have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Amount {
    /// How many files.
    pub files: u64,
    /// Their bytes as they are stored.
    pub bytes: u64,
}

impl Amount {
    fn add(&mut self, bytes: u64) {
        self.files += 1;
        self.bytes += bytes;
    }
}

/// What a window leaves of a table, and what rules out the rest.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Outlook {
    /// The table's name.
    pub table: String,
    /// Where it lies.
    pub location: String,
    /// How many of its locations are Delta tables.
    pub delta_tables: usize,
    /// Folders of a store that were not looked into, since they are named after times outside of the window.
    pub folders_skipped: usize,
    /// The files that were found.
    pub found: Amount,
    /// Those that lie in folders named after times outside of the window.
    pub by_folders: Amount,
    /// Those of Delta tables whose log tells that none of their events is in the window.
    pub by_log: Amount,
    /// Those whose footers tell that none of their events is in the window.
    pub by_footers: Amount,
    /// The row groups of the files that are left, and those of them that footers rule out.
    pub row_groups: u64,
    /// Those of them that footers rule out.
    pub row_groups_by_footers: u64,
    /// The files that are left.
    pub left: Amount,
}

impl Table {
    /// What a window leaves of the table.
    pub fn outlook(&self, window: Option<&Window>, functions: &(dyn FunctionRegistry + Send + Sync)) -> Outlook {
        let all = self.fields().iter().map(|field| (field.name.clone(), field.clone())).collect();
        let bind = Bind::new(functions, self, &all, &[], window);
        let mut outlook = Outlook {
            table: self.name().to_owned(),
            location: self.location().to_owned(),
            delta_tables: self.versions().len(),
            folders_skipped: self.skipped_folders(),
            ..Outlook::default()
        };
        for group in &self.groups {
            for file in &group.files {
                let bytes = file.found.meta.size;
                outlook.found.add(bytes);
                if !bind.may_hold(file) {
                    outlook.by_folders.add(bytes);
                    continue;
                }
                let in_log = |active: &Active| window.is_none_or(|window| window.in_log(group, active, &bind));
                if file.found.delta.as_deref().is_some_and(|active| !in_log(active)) {
                    outlook.by_log.add(bytes);
                    continue;
                }
                let metadata = file.footer().and_then(|footer| footer.metadata.as_ref());
                if let Some(metadata) = metadata {
                    let kept = window.map(|window| window.row_groups(group, metadata, &bind));
                    if kept.as_ref().is_some_and(|kept| !kept.contains(&true)) {
                        outlook.by_footers.add(bytes);
                        continue;
                    }
                    outlook.row_groups += metadata.num_row_groups() as u64;
                    let ruled_out = kept.iter().flatten().filter(|kept| !**kept).count();
                    outlook.row_groups_by_footers += ruled_out as u64;
                }
                outlook.left.add(bytes);
            }
        }
        outlook
    }
}

//! The program, run as a user runs it.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// What a run of the program gave.
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ran {
    /// The rows of NDJSON on stdout.
    pub(crate) fn rows(&self) -> Vec<serde_json::Value> {
        let row = |line: &str| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}\n{}", self.stderr));
        self.stdout.lines().map(row).collect()
    }

    /// The same run, which must have ended with `code`.
    pub(crate) fn expect(self, code: i32) -> Self {
        assert_eq!(self.code, code, "stdout:\n{}\nstderr:\n{}", self.stdout, self.stderr);
        self
    }
}

/// The folder of the package.
pub(crate) fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// The program with these arguments, in the folder of the package.
pub(crate) fn egret<S: AsRef<std::ffi::OsStr>>(args: &[S]) -> Ran {
    egret_with(args, &root(), None)
}

/// The program with these arguments, in `folder`, with `stdin`.
pub(crate) fn egret_with<S: AsRef<std::ffi::OsStr>>(args: &[S], folder: &Path, stdin: Option<&[u8]>) -> Ran {
    egret_in(args, folder, stdin, &[])
}

/// The same with further variables.
pub(crate) fn egret_in<S: AsRef<std::ffi::OsStr>>(
    args: &[S],
    folder: &Path,
    stdin: Option<&[u8]>,
    variables: &[(String, String)],
) -> Ran {
    let mut child = Command::new(env!("CARGO_BIN_EXE_egret"))
        .args(args)
        .current_dir(folder)
        .env("NO_COLOR", "1")
        .envs(variables.iter().map(|(key, value)| (key, value)))
        .stdin(if stdin.is_some() { Stdio::piped() } else { Stdio::null() })
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    if let (Some(mut pipe), Some(bytes)) = (child.stdin.take(), stdin) {
        // A program that fails early closes its end.
        let _ = pipe.write_all(bytes);
    }
    let output = child.wait_with_output().unwrap();
    Ran {
        code: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// The folder of shared corpora, where there is one; says aloud that a test is skipped where there is none.
pub(crate) fn shared(test: &str) -> Option<PathBuf> {
    let folder = root().join("../shared/corpora");
    if folder.is_dir() {
        return Some(folder);
    }
    eprintln!("skipped: {test} needs ../shared/corpora");
    None
}

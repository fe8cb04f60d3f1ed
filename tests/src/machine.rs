//! A machine that misbehaves, for the processes that are started on it: its clock steps, its disk
//! is full. `machine.c` is preloaded into them; it is built here, by the compiler that builds the
//! program's own C.

use std::fs::{File, Permissions};
use std::os::unix::fs::{FileExt, PermissionsExt};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use tempfile::TempDir;

use crate::shell;

const SOURCE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src/machine.c");
/// PostgreSQL runs as another user, who looks into the folder too.
const FOR_EVERYBODY: u32 = 0o755;
const READ_BY_EVERYBODY: u32 = 0o644;
/// In the file of its state: the step of the clock, and whether the disk is full.
const STEP_AT: u64 = 0;
const FULL_AT: u64 = 8;

/// A machine; whatever was started on it must have ended before it is dropped.
pub struct Machine {
    folder: TempDir,
    state: File,
}

impl Machine {
    pub fn build() -> Result<Self> {
        let folder = TempDir::new()?;
        std::fs::set_permissions(folder.path(), Permissions::from_mode(FOR_EVERYBODY))?;
        let library = folder.path().join("machine.so");
        let output = Command::new("cc")
            .args(["-O1", "-shared", "-fPIC", SOURCE, "-ldl", "-o"])
            .arg(&library)
            .output()
            .context("a C compiler")?;
        ensure!(output.status.success(), "{}", shell::words(&output));
        let path = folder.path().join("state");
        std::fs::write(&path, [0; 16])?;
        std::fs::set_permissions(&path, Permissions::from_mode(READ_BY_EVERYBODY))?;
        let state = File::options().write(true).open(&path)?;
        Ok(Self { folder, state })
    }

    /// What puts a process on this machine.
    pub fn environment(&self) -> [(&'static str, String); 2] {
        let path = |name: &str| self.folder.path().join(name).display().to_string();
        [
            ("LD_PRELOAD", path("machine.so")),
            ("MACHINE_STATE", path("state")),
        ]
    }

    /// From now on its clock is so much before the true time.
    pub fn set_clock_ahead(&self, by: Duration) -> Result<()> {
        self.set(STEP_AT, i64::try_from(by.as_millis())?)
    }

    /// From now on its clock is so much behind the true time.
    pub fn set_clock_back(&self, by: Duration) -> Result<()> {
        self.set(STEP_AT, -i64::try_from(by.as_millis())?)
    }

    /// No file can grow any more, until there is room again.
    pub fn fill_disk(&self) -> Result<()> {
        self.set(FULL_AT, 1)
    }

    pub fn free_disk(&self) -> Result<()> {
        self.set(FULL_AT, 0)
    }

    fn set(&self, place: u64, value: i64) -> Result<()> {
        let done = self.state.write_all_at(&value.to_ne_bytes(), place);
        done.context("the state of a machine")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn on(machine: &Machine, script: &str) -> std::process::Output {
        let mut shell = Command::new("sh");
        shell.args(["-c", script]).envs(machine.environment());
        shell.output().unwrap()
    }

    #[test]
    fn its_clock_steps_and_its_disk_is_full() {
        let machine = Machine::build().unwrap();
        let year = |machine| String::from_utf8(on(machine, "date +%Y").stdout).unwrap();
        let before: u32 = year(&machine).trim().parse().unwrap();
        let two_years = Duration::from_secs(2 * 366 * 24 * 3_600);
        machine.set_clock_ahead(two_years).unwrap();
        assert_ne!(year(&machine).trim().parse(), Ok(before));
        machine.set_clock_back(Duration::ZERO).unwrap();
        assert_eq!(year(&machine).trim().parse(), Ok(before));

        let file = machine.folder.path().join("file").display().to_string();
        // The C library's own streams do not ask for the symbol that the machine stands in for.
        let write = format!("dd if=/dev/zero of={file} bs=8 count=1");
        assert!(on(&machine, &write).status.success());
        machine.fill_disk().unwrap();
        let words = shell::words(&on(&machine, &write));
        assert!(words.contains("No space left"), "{words}");
        machine.free_disk().unwrap();
        assert!(on(&machine, &write).status.success());
    }
}

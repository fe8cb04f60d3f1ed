//! What the system says of processes: how much memory they hold.

use std::fs;

/// Bytes of memory that a process has to itself or shares, as it is now.
pub fn resident_bytes(process: u32) -> u64 {
    field(&format!("/proc/{process}/status"), "VmRSS:")
}

/// The most memory that a process ever held, in bytes.
pub fn peak_bytes(process: u32) -> u64 {
    field(&format!("/proc/{process}/status"), "VmHWM:")
}

/// Bytes of several processes together, what they share counted once.
pub fn proportional_bytes(processes: &[u32]) -> u64 {
    let of = |process: &u32| field(&format!("/proc/{process}/smaps_rollup"), "Pss:");
    processes.iter().map(of).sum()
}

/// The processes of a group.
pub fn members(group: u32) -> Vec<u32> {
    let listed = fs::read_dir("/proc").into_iter().flatten().flatten();
    listed
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter(|process| group_of(*process) == Some(group))
        .collect()
}

/// The group of a process: the third field behind its name, which may hold anything.
fn group_of(process: u32) -> Option<u32> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    let (_, behind_name) = stat.rsplit_once(')')?;
    behind_name.split_whitespace().nth(2)?.parse().ok()
}

/// A size in kibibytes out of one of the system's files; none of a process that has ended.
fn field(file: &str, name: &str) -> u64 {
    let text = fs::read_to_string(file).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    let kibibytes = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse::<u64>().ok());
    kibibytes.unwrap_or_default() * 1_024
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_has_memory_and_a_group() {
        let own = std::process::id();
        assert!(resident_bytes(own) > 1_000_000);
        assert!(peak_bytes(own) > 1_000_000);
        assert!(proportional_bytes(&[own]) > 100_000);
        let group = group_of(own).unwrap();
        assert!(members(group).contains(&own));
    }
}

//! Ids that follow from a seed: the same test makes the same ones, two seeds never meet.

use std::sync::atomic::{AtomicU64, Ordering};

use domain::id::{IdSource, SecretSource};

#[derive(Debug)]
pub struct SeededIds {
    seed: u64,
    next: AtomicU64,
}

impl SeededIds {
    pub fn of(seed: u64) -> Self {
        Self {
            seed,
            next: AtomicU64::new(1),
        }
    }
}

impl IdSource for SeededIds {
    /// Counted first, so that ids rise as they do in the binary.
    fn next_bytes(&self) -> [u8; 16] {
        let count = self.next.fetch_add(1, Ordering::SeqCst);
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&count.to_be_bytes());
        bytes[8..].copy_from_slice(&self.seed.to_be_bytes());
        bytes
    }
}

impl SecretSource for SeededIds {
    fn fill(&self, bytes: &mut [u8]) {
        for part in bytes.chunks_mut(16) {
            let id = self.next_bytes();
            part.copy_from_slice(&id[..part.len()]);
        }
    }
}

//! The process's randomness: ids, and the seed of each visit.

use std::io;

use rustix::rand::{GetRandomFlags, getrandom};

/// Bytes of the kernel's generator, fetched in pages so that an id costs no system call.
pub(crate) struct Random {
    pool: Box<[u8; 4096]>,
    used: usize,
}

impl Random {
    pub(crate) fn new() -> Self {
        Self { pool: Box::new([0; 4096]), used: 4096 }
    }

    /// Fresh bytes; those given out are not kept.
    pub(crate) fn bytes<const N: usize>(&mut self) -> io::Result<[u8; N]> {
        let mut out = [0; N];
        if self.pool.len() - self.used < N {
            // Up to 256 bytes are given whole or not at all (getrandom(2)); more may be cut short by a signal.
            for piece in self.pool.chunks_mut(256) {
                while getrandom(&mut *piece, GetRandomFlags::empty()).map(|got| got < piece.len())? {}
            }
            self.used = 0;
        }
        let fresh = &mut self.pool[self.used..self.used + N];
        out.copy_from_slice(fresh);
        fresh.fill(0);
        self.used += N;
        Ok(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_differ_across_refills_and_are_forgotten() {
        let mut random = Random::new();
        let mut seen = std::collections::HashSet::new();
        for _ in 0..1000 {
            assert!(seen.insert(random.bytes::<10>().unwrap()));
        }
        assert!(random.pool[..random.used].iter().all(|byte| *byte == 0));
    }
}

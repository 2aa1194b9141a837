//! A map that attackers may fill but not grow.

use std::hash::Hash;

use hashlink::LinkedHashMap;

/// A map keyed by something an attacker chooses: it holds at most `cap` entries, and when full it evicts the
/// entry that was touched longest ago. How many were evicted is counted, so that a flood of keys is visible.
#[derive(Debug, Clone)]
pub struct BoundedMap<K: Eq + Hash, V> {
    entries: LinkedHashMap<K, V>,
    cap: usize,
    evicted: u64,
}

impl<K: Eq + Hash + Clone, V> BoundedMap<K, V> {
    /// An empty map of at most `cap` entries (at least one).
    pub fn new(cap: usize) -> Self {
        Self { entries: LinkedHashMap::new(), cap: cap.max(1), evicted: 0 }
    }

    /// The value of `key`, made with `make` if absent, and marked as touched.
    ///
    /// Returns what had to be evicted to make room, if anything.
    pub fn touch(&mut self, key: K, make: impl FnOnce() -> V) -> (&mut V, Option<(K, V)>) {
        let mut gone = None;
        if self.entries.contains_key(&key) {
            self.entries.to_back(&key);
        } else if self.entries.len() >= self.cap {
            gone = self.entries.pop_front();
            self.evicted += 1;
        }
        (self.entries.entry(key).or_insert_with(make), gone)
    }

    /// Inserts without regard to what was there; evicts when full.
    pub fn insert(&mut self, key: K, value: V) -> Option<(K, V)> {
        let mut gone = None;
        if !self.entries.contains_key(&key) && self.entries.len() >= self.cap {
            gone = self.entries.pop_front();
            self.evicted += 1;
        }
        self.entries.insert(key, value);
        gone
    }

    /// Looks without touching.
    pub fn get(&self, key: &K) -> Option<&V> {
        self.entries.get(key)
    }

    /// Looks without touching, mutably.
    pub fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        self.entries.get_mut(key)
    }

    /// Takes an entry out.
    pub fn remove(&mut self, key: &K) -> Option<V> {
        self.entries.remove(key)
    }

    /// Entries from the longest untouched to the latest touched.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (&K, &V)> {
        self.entries.iter()
    }

    /// Drops entries for which `keep` is false; these do not count as evicted.
    pub fn retain(&mut self, keep: impl FnMut(&K, &mut V) -> bool) {
        self.entries.retain(keep);
    }

    /// The entry untouched for longest.
    pub fn oldest(&self) -> Option<(&K, &V)> {
        self.entries.front()
    }

    /// Entries now held.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether nothing is held.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// How many entries were evicted because the map was full.
    pub fn evicted(&self) -> u64 {
        self.evicted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_untouched_key_goes_first() {
        let mut map = BoundedMap::new(2);
        map.touch("a", || 1);
        map.touch("b", || 2);
        *map.touch("a", || 0).0 += 10;
        let (_, gone) = map.touch("c", || 3);
        assert_eq!(gone, Some(("b", 2)));
        assert_eq!(map.get(&"a"), Some(&11));
        assert_eq!((map.len(), map.evicted()), (2, 1));
    }

    #[test]
    fn insert_replaces_without_evicting() {
        let mut map = BoundedMap::new(1);
        assert_eq!(map.insert(1, 'a'), None);
        assert_eq!(map.insert(1, 'b'), None);
        assert_eq!(map.insert(2, 'c'), Some((1, 'b')));
        assert_eq!(map.iter().collect::<Vec<_>>(), [(&2, &'c')]);
    }
}

//! A bounded cache for values that can be read again.

use std::collections::HashMap;
use std::hash::Hash;

/// Cache with two generations, which approximates least-recently-used eviction.
///
/// A lookup moves the entry into the young generation. When the young generation is full, it becomes the old one, and
/// the former old generation is dropped: entries not used meanwhile disappear. All operations take constant time on
/// average and need neither a clock nor a list of uses.
#[derive(Debug)]
pub(crate) struct Cache<K, V> {
    young: HashMap<K, V>,
    old: HashMap<K, V>,
    /// Sum of the weights of the young generation.
    weight: usize,
    capacity: usize,
    weigh: fn(&V) -> usize,
}

impl<K: Eq + Hash + Clone, V: Clone> Cache<K, V> {
    /// Creates a cache of at most `2 * capacity` entries.
    pub(crate) fn new(capacity: usize) -> Self {
        Self::weighing(capacity, |_| 1)
    }

    /// Creates a cache whose entries have at most the weight `2 * capacity` in all, but for the last one inserted,
    /// which is kept whatever it weighs.
    pub(crate) fn weighing(capacity: usize, weigh: fn(&V) -> usize) -> Self {
        Self {
            young: HashMap::new(),
            old: HashMap::new(),
            weight: 0,
            capacity: capacity.max(1),
            weigh,
        }
    }

    /// Returns a clone of the value stored under `key`, and marks it as used.
    pub(crate) fn lookup(&mut self, key: &K) -> Option<V> {
        if let Some(value) = self.young.get(key) {
            return Some(value.clone());
        }
        // A use moves the entry into the young generation, so that it survives the next change of generations.
        let (key, value) = self.old.remove_entry(key)?;
        self.insert(key, value.clone());
        Some(value)
    }

    /// Stores `value` under `key`, replacing an earlier value.
    pub(crate) fn insert(&mut self, key: K, value: V) {
        let weight = (self.weigh)(&value);
        if self.weight + weight > self.capacity && !self.young.contains_key(&key) {
            // The map of the former old generation is used again: a new one would grow, and hash its keys, several times.
            std::mem::swap(&mut self.old, &mut self.young);
            self.young.clear();
            self.weight = 0;
        }
        self.weight += weight;
        // An older value in the old generation is hidden, since lookups ask the young generation first.
        if let Some(before) = self.young.insert(key, value) {
            self.weight -= (self.weigh)(&before);
        }
    }

    /// Removes the value stored under `key`.
    pub(crate) fn forget(&mut self, key: &K) {
        if let Some(before) = self.young.remove(key) {
            self.weight -= (self.weigh)(&before);
        }
        self.old.remove(key);
    }

    /// Removes entries for which `keep` returns false, and frees memory that the rest does not need.
    pub(crate) fn retain(&mut self, mut keep: impl FnMut(&V) -> bool) {
        for generation in [&mut self.young, &mut self.old] {
            generation.retain(|_, value| keep(value));
            // Shrinks only when less than a quarter is used, and leaves room for growth, so that it does not reallocate
            // each time.
            if generation.capacity() > 4 * generation.len() {
                generation.shrink_to(2 * generation.len());
            }
        }
        self.weight = self.young.values().map(self.weigh).sum();
    }

    /// Returns the number of entries, including hidden ones.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.young.len() + self.old.len()
    }

    /// Returns the number of entries for which memory is allocated.
    #[cfg(test)]
    pub(crate) fn room(&self) -> usize {
        self.young.capacity() + self.old.capacity()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn used_entries_stay_and_the_others_are_dropped() {
        let mut cache = Cache::new(2);
        cache.insert(1, "one");
        for n in 2..10 {
            assert_eq!(cache.lookup(&1), Some("one"), "before {n}");
            cache.insert(n, "other");
        }
        assert_eq!(cache.lookup(&2), None);
        assert!(cache.len() <= 4);
        cache.forget(&1);
        assert_eq!(cache.lookup(&1), None);
    }

    #[test]
    fn heavy_entries_leave_room_for_fewer() {
        let mut cache = Cache::weighing(100, String::len);
        for n in 0..100 {
            cache.insert(n, "x".repeat(30));
            cache.insert(n, "x".repeat(40));
        }
        assert!((2..=5).contains(&cache.len()), "{}", cache.len());
        cache.insert(100, "x".repeat(1_000));
        assert_eq!(cache.lookup(&100).map(|text| text.len()), Some(1_000));
        cache.insert(101, "light".to_owned());
        cache.insert(102, "light".to_owned());
        assert_eq!(cache.lookup(&101).as_deref(), Some("light"));
    }

    #[test]
    fn retaining_a_few_entries_frees_the_memory_of_the_others() {
        let mut cache = Cache::new(1_000);
        for n in 0..1_500 {
            cache.insert(n, n);
        }
        cache.retain(|n| n % 500 == 7);
        assert_eq!(
            (cache.len(), cache.lookup(&507), cache.lookup(&508)),
            (3, Some(507), None)
        );
        assert!(cache.room() <= 16, "{}", cache.room());
    }

    #[test]
    fn a_new_value_hides_the_old_one_in_either_generation() {
        let mut cache = Cache::new(1);
        cache.insert("a", 1);
        cache.insert("b", 1);
        cache.insert("a", 2);
        assert_eq!(cache.lookup(&"a"), Some(2));
    }
}

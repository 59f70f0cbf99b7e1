//! Examples that are used more than once: computing a phantom costs as much as learning from it.

use std::sync::Arc;

use glassbox::demo::random::Random;

/// A bounded set of examples, slowly replaced by fresh ones.
pub struct Pool<T> {
    items: Vec<Arc<T>>,
    capacity: usize,
    random: Random,
    drawn: u64,
}

/// Share of fresh examples once the pool is full.
const FRESH: f32 = 0.25;

impl<T> Pool<T> {
    pub fn new(capacity: usize, seed: u64) -> Self {
        Self { items: Vec::new(), capacity, random: Random::new(seed, 0x706f_6f6c), drawn: 0 }
    }

    /// For each example of a batch one out of the pool, or the number of one to be made.
    pub fn plan(&mut self, batch: usize) -> Vec<Result<Arc<T>, u64>> {
        (0..batch)
            .map(|_| {
                if self.items.len() < self.capacity || self.random.chance(FRESH) {
                    self.drawn += 1;
                    Err(self.drawn)
                } else {
                    Ok(self.items[self.random.below(self.items.len())].clone())
                }
            })
            .collect()
    }

    /// Takes a fresh example in, in the place of another where the pool is full.
    pub fn keep(&mut self, item: Arc<T>) {
        if self.items.len() < self.capacity {
            self.items.push(item);
        } else {
            let place = self.random.below(self.items.len());
            self.items[place] = item;
        }
    }
}

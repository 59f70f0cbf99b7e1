//! Shapley values by weighted least squares (Kernel SHAP).

use std::collections::{HashMap, hash_map::Entry};

use rand::{RngExt, SeedableRng, seq::SliceRandom};
use rand_chacha::ChaCha8Rng;

use super::{
    Coalitions,
    solve::{Factor, dot},
};
use crate::graph::{Cancelled, Control};

/// Up to this many players all coalitions are asked, and the values are exact.
pub(in crate::explain) const EXACT: usize = 10;

/// How many draws one coalition may take until a new one is found.
const PATIENCE: usize = 4;

/// Which coalitions are asked, and how much each counts: neither that of all players nor the empty one, which count
/// infinitely much and become the constraint.
#[derive(Debug, Clone)]
pub(in crate::explain) struct Plan {
    /// The coalitions.
    pub coalitions: Coalitions,
    /// How much each counts.
    pub weights: Vec<f64>,
}

impl Plan {
    /// The plan for `players`, of about `budget` coalitions.
    ///
    /// As the authors' own program: small coalitions count most, so that sizes are gone through from the smallest
    /// (with their complements) as long as the budget lets a size be asked completely; the rest is drawn, each with
    /// its complement. Coalitions of one player and their complements are always complete, which makes the system
    /// regular, so that there are at least twice as many coalitions as players.
    pub fn new(players: usize, budget: usize, seed: u64) -> Self {
        let mut plan = Self { coalitions: Coalitions::new(players), weights: Vec::new() };
        let sizes = players / 2;
        if sizes == 0 {
            return plan;
        }
        // What all coalitions of a size and its complement weigh together.
        let weight = |size: usize| {
            let one = (players - 1) as f64 / (size * (players - size)) as f64;
            if 2 * size == players { one } else { 2.0 * one }
        };
        let total: f64 = (1..=sizes).map(weight).sum();
        let weights: Vec<f64> = (1..=sizes).map(|size| weight(size) / total).collect();
        let mut left = budget;
        let mut unasked = 1.0;
        let mut complete = 0;
        for size in 1..=sizes {
            let both = if 2 * size == players { 1.0 } else { 2.0 };
            let count = both * choose(players, size);
            let share = weights[size - 1] / unasked;
            if players > EXACT && size > 1 && (left as f64) * share / count < 1.0 - 1e-8 {
                break;
            }
            plan.add_all(size, weights[size - 1] / count, both > 1.0);
            left = left.saturating_sub(count as usize);
            unasked -= weights[size - 1];
            complete = size;
        }
        if complete < sizes && left > 0 {
            plan.draw(&weights[complete..], complete + 1, left, seed);
        }
        plan
    }

    /// All coalitions of a size, each with its complement where that has another size.
    fn add_all(&mut self, size: usize, weight: f64, with_complement: bool) {
        let players = self.coalitions.superpixels();
        let mut members: Vec<usize> = (0..size).collect();
        loop {
            let mut coalition = vec![false; players];
            for &member in &members {
                coalition[member] = true;
            }
            self.weights.push(weight);
            if with_complement {
                self.coalitions.push(coalition.iter().map(|member| !member));
                self.weights.push(weight);
            }
            self.coalitions.push(coalition);
            // The next combination: the last member that can move up does, those after it follow closely.
            let Some(moved) = (0..size).rev().find(|&index| members[index] < players - size + index) else { return };
            let first = members[moved] + 1;
            members[moved..].iter_mut().zip(first..).for_each(|(member, place)| *member = place);
        }
    }

    /// About `count` coalitions of the sizes from `first` on, by the weight of their sizes, each with its complement;
    /// together they weigh what the sizes weigh.
    fn draw(&mut self, weights: &[f64], first: usize, count: usize, seed: u64) {
        let players = self.coalitions.superpixels();
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let left: f64 = weights.iter().sum();
        let start = self.weights.len();
        let mut known: HashMap<Vec<bool>, usize> = HashMap::new();
        let mut order: Vec<usize> = (0..players).collect();
        for _ in 0..PATIENCE * count {
            if self.weights.len() + 1 >= start + count {
                break;
            }
            let mut place = random.random::<f64>() * left;
            let size = weights.iter().position(|&weight| {
                place -= weight;
                place < 0.0
            });
            let size = first + size.unwrap_or(weights.len() - 1);
            order.shuffle(&mut random);
            let mut coalition = vec![false; players];
            for &member in &order[..size] {
                coalition[member] = true;
            }
            let complement = coalition.iter().map(|member| !member).collect();
            for coalition in [coalition, complement] {
                match known.entry(coalition) {
                    Entry::Occupied(found) => self.weights[*found.get()] += 1.0,
                    Entry::Vacant(new) => {
                        self.coalitions.push(new.key().iter().copied());
                        new.insert(self.weights.len());
                        self.weights.push(1.0);
                    }
                }
            }
        }
        let drawn: f64 = self.weights[start..].iter().sum();
        self.weights[start..].iter_mut().for_each(|weight| *weight *= left / drawn);
    }

    /// The values of the players from what the first coalitions achieved: weighted least squares under the constraint
    /// that they sum to `all − none`. `None` where too few coalitions are known, or numbers are not finite.
    ///
    /// # Errors
    /// [`Cancelled`].
    pub fn values(
        &self,
        achieved: &[f64],
        none: f64,
        all: f64,
        control: &Control,
    ) -> Result<Option<Vec<f64>>, Cancelled> {
        let players = self.coalitions.superpixels();
        let gain = all - none;
        if players <= 1 {
            return Ok(gain.is_finite().then(|| vec![gain; players]));
        }
        let mut matrix = vec![0.0; players * players];
        let mut right = vec![0.0; players];
        let mut members = Vec::with_capacity(players);
        for ((coalition, &weight), achieved) in self.coalitions.iter().zip(&self.weights).zip(achieved) {
            control.check()?;
            members.clear();
            members.extend(coalition.iter().enumerate().filter(|(_, member)| **member).map(|(player, _)| player));
            for (number, &row) in members.iter().enumerate() {
                let line = &mut matrix[row * players..][..players];
                members[..=number].iter().for_each(|&column| line[column] += weight);
                right[row] += weight * (achieved - none);
            }
        }
        let Some(factor) = Factor::of(matrix, players, control)? else { return Ok(None) };
        let free = factor.solve(&right);
        let ones = vec![1.0; players];
        let direction = factor.solve(&ones);
        let multiplier = (dot(&ones, &free) - gain) / dot(&ones, &direction);
        let mut values: Vec<f64> = free.iter().zip(&direction).map(|(free, along)| free - multiplier * along).collect();
        // What rounding left of the gap, shared evenly.
        let gap = (gain - values.iter().sum::<f64>()) / players as f64;
        for value in &mut values {
            *value += gap;
        }
        Ok(values.iter().all(|value| value.is_finite()).then_some(values))
    }
}

/// How many ways there are to choose.
fn choose(from: usize, count: usize) -> f64 {
    (0..count).fold(1.0, |ways, index| ways * (from - index) as f64 / (index + 1) as f64).round()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A game without structure: what a coalition achieves is a hash of its members.
    fn achieved(coalition: &[bool]) -> f64 {
        let bits = coalition.iter().fold(1_u64, |bits, &member| bits << 1 | u64::from(member));
        let mixed = bits.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        f64::from((mixed >> 40) as u32) / f64::from(1 << 24)
    }

    /// Shapley's own formula, over all coalitions.
    fn shapley(players: usize, game: impl Fn(&[bool]) -> f64) -> Vec<f64> {
        let member = |set: usize, player: usize| set >> player & 1 == 1;
        let of = |set: usize| game(&(0..players).map(|player| member(set, player)).collect::<Vec<_>>());
        let value = |player: usize| {
            let without = (0..1_usize << players).filter(|&set| !member(set, player));
            without
                .map(|set| {
                    let size = set.count_ones() as usize;
                    let orders = choose(players - 1, size) * players as f64;
                    (of(set | 1 << player) - of(set)) / orders
                })
                .sum()
        };
        (0..players).map(value).collect()
    }

    fn solved(plan: &Plan, game: impl Fn(&[bool]) -> f64) -> Vec<f64> {
        let players = plan.coalitions.superpixels();
        let achieved: Vec<f64> = plan.coalitions.iter().map(&game).collect();
        let ends = [false, true].map(|all| game(&vec![all; players]));
        plan.values(&achieved, ends[0], ends[1], &Control::default()).unwrap().unwrap()
    }

    #[test]
    fn up_to_ten_players_the_values_are_exact() {
        for players in 1..=EXACT {
            let plan = Plan::new(players, 1, 0);
            assert_eq!(plan.coalitions.len(), (1 << players) - 2, "{players}");
            let (found, expected) = (solved(&plan, achieved), shapley(players, achieved));
            for (found, expected) in found.iter().zip(&expected) {
                assert!((found - expected).abs() < 1e-11, "{players}: {found} is not {expected}");
            }
        }
    }

    #[test]
    fn a_sum_is_recovered_from_samples_and_the_gap_is_rounding() {
        let worth = |player: usize| (player as f64 - 7.0) / 3.0;
        let sum = |coalition: &[bool]| {
            let members = coalition.iter().enumerate().filter(|(_, member)| **member);
            0.5 + members.map(|(player, _)| worth(player)).sum::<f64>()
        };
        for (players, budget) in [(11, 30), (40, 60), (40, 500)] {
            let plan = Plan::new(players, budget, 3);
            let count = plan.coalitions.len();
            assert!((2 * players..=budget.max(2 * players)).contains(&count), "{players}: {count}");
            for (player, value) in solved(&plan, sum).into_iter().enumerate() {
                assert!((value - worth(player)).abs() < 1e-9, "{player}: {value}");
            }
            let values = solved(&plan, achieved);
            let gain = achieved(&vec![true; players]) - achieved(&vec![false; players]);
            assert!((values.iter().sum::<f64>() - gain).abs() < 1e-12);
        }
    }

    #[test]
    fn samples_come_near_the_exact_values() {
        // Pairs of neighbours achieve something only together: half of it is each one's.
        let players = 12;
        let pairs = |coalition: &[bool]| coalition.chunks(2).filter(|pair| pair[0] && pair[1]).count() as f64;
        let values = solved(&Plan::new(players, 600, 1), pairs);
        assert!(values.iter().all(|value| (value - 0.5).abs() < 0.03), "{values:?}");
    }

    #[test]
    fn coalitions_come_with_their_complements_and_no_coalition_twice() {
        for (players, budget) in [(10, 0), (13, 200), (14, 100)] {
            let plan = Plan::new(players, budget, 5);
            let known: std::collections::HashSet<&[bool]> = plan.coalitions.iter().collect();
            assert_eq!(known.len(), plan.coalitions.len());
            for coalition in &known {
                let complement: Vec<bool> = coalition.iter().map(|member| !member).collect();
                assert!(known.contains(complement.as_slice()));
            }
            assert!((plan.weights.iter().sum::<f64>() - 1.0).abs() < 1e-12);
        }
    }

    #[test]
    fn the_seed_decides_and_too_little_is_nothing() {
        let of = |seed| Plan::new(30, 100, seed).coalitions;
        assert_eq!(of(1), of(1));
        assert_ne!(of(1), of(2));
        let plan = Plan::new(12, 60, 1);
        let control = Control::default();
        assert!(plan.values(&[1.0, 2.0], 0.0, 1.0, &control).unwrap().is_none());
        assert!(plan.values(&vec![f64::NAN; 60], 0.0, 1.0, &control).unwrap().is_none());
        assert_eq!(Plan::new(0, 10, 1).values(&[], 1.0, 1.0, &control).unwrap(), Some(vec![]));
    }
}

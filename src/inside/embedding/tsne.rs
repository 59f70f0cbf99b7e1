//! t-SNE by the Barnes-Hut approximation.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use bhtsne::{Neighbor, tSNE};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

use super::{InsideError, check};
use crate::graph::{Cancelled, Control};

/// How coarse the approximation is (van der Maaten 2014 uses this value).
const THETA: f64 = 0.5;
/// Steps of the descent, as in the crate and in scikit-learn.
const EPOCHS: usize = 1000;
/// Spread of the points that the descent starts from, as in van der Maaten and Hinton 2008.
const START: f64 = 1e-4;
/// Steps between two pictures of how it goes.
const SHOWN_EVERY: usize = 25;

/// The greatest perplexity that t-SNE can have with so many images: each needs three times as many neighbours. 0 where
/// there are too few images for any.
#[must_use]
pub fn greatest_perplexity(inputs: usize) -> u32 {
    u32::try_from(inputs.saturating_sub(1) / 3).unwrap_or(u32::MAX)
}

/// Points in the plane whose neighbours are those of the codes (Euclidean distance), by t-SNE (van der Maaten and
/// Hinton 2008) with the Barnes-Hut approximation (van der Maaten 2014).
///
/// The neighbours are exact, the start is drawn from `seed` and the descent runs on one thread, so the same codes and
/// seed give the same points again. `interim` is given the points now and then. Cancelling stops at the next step.
///
/// # Errors
/// [`InsideError::Perplexity`] when there are not more than three times as many images, or it is 0;
/// [`InsideError::CodeLength`], [`InsideError::CodeNotFinite`], [`InsideError::Cancelled`].
pub fn tsne(
    codes: &[Vec<f32>],
    perplexity: u32,
    seed: u64,
    control: &Control,
    interim: &mut (dyn FnMut(Vec<[f32; 2]>) + Send),
) -> Result<Vec<[f32; 2]>, InsideError> {
    check(codes)?;
    let count = codes.len();
    if perplexity == 0 || perplexity > greatest_perplexity(count) {
        return Err(InsideError::Perplexity { perplexity, inputs: count });
    }
    let neighbours = neighbours(codes, 3 * perplexity as usize, control)?;
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let start: Vec<f64> = (0..2 * count).map(|_| START * (random.random::<f64>() * 2.0 - 1.0)).collect();

    // The crate adds in parallel, in an order that changes from run to run, and the descent makes a great difference of
    // a small one.
    let alone = rayon::ThreadPoolBuilder::new()
        .num_threads(1)
        .build()
        .map_err(|error| InsideError::Threads { reason: error.to_string() })?;
    alone.install(|| descend(codes, perplexity, start, &neighbours, (control, interim)))
}

fn descend(
    codes: &[Vec<f32>],
    perplexity: u32,
    start: Vec<f64>,
    neighbours: &[Vec<Neighbor<f64>>],
    (control, interim): (&Control, &mut (dyn FnMut(Vec<[f32; 2]>) + Send)),
) -> Result<Vec<[f32; 2]>, InsideError> {
    let stopped = Cell::new(false);
    let mut descent: tSNE<f64, Vec<f32>, 2> = tSNE::new(codes);
    descent.perplexity(f64::from(perplexity)).epochs(EPOCHS).initial_embedding(start);
    descent.epoch_callback(|epoch, points| {
        if control.is_cancelled() {
            stopped.set(true);
            // The crate has no other way out of the descent; this unwinds to a few lines below and is no panic.
            resume_unwind(Box::new(Cancelled));
        }
        control.set_progress((epoch + 1) as f32 / EPOCHS as f32);
        if (epoch + 1) % SHOWN_EVERY == 0 {
            interim(pairs(points));
        }
    });
    let run = catch_unwind(AssertUnwindSafe(|| {
        descent.barnes_hut_with_neighbors(THETA, neighbours);
    }));
    match run {
        Ok(()) => Ok(pairs(&descent.embedding())),
        Err(_) if stopped.get() => Err(Cancelled.into()),
        Err(panic) => resume_unwind(panic),
    }
}

/// Numbers two by two.
fn pairs(numbers: &[f64]) -> Vec<[f32; 2]> {
    numbers.chunks_exact(2).map(|pair| [pair[0] as f32, pair[1] as f32]).collect()
}

/// For each code the `count` nearest others, the nearest first, by index where they are equally near.
///
/// Distances are divided by their mean, which changes nothing of the result (each image's own bandwidth follows) but
/// keeps the search for that bandwidth far from overflow, whatever the layer's unit.
fn neighbours(codes: &[Vec<f32>], count: usize, control: &Control) -> Result<Vec<Vec<Neighbor<f64>>>, InsideError> {
    let mut all = codes
        .par_iter()
        .enumerate()
        .map(|(own, code)| {
            control.check()?;
            let mut others: Vec<Neighbor<f64>> = codes
                .iter()
                .enumerate()
                .filter(|(index, _)| *index != own)
                .map(|(index, other)| Neighbor { index, distance: distance(code, other) })
                .collect();
            let order =
                |a: &Neighbor<f64>, b: &Neighbor<f64>| a.distance.total_cmp(&b.distance).then(a.index.cmp(&b.index));
            if count < others.len() {
                others.select_nth_unstable_by(count, order);
                others.truncate(count);
            }
            others.sort_unstable_by(order);
            Ok(others)
        })
        .collect::<Result<Vec<_>, Cancelled>>()?;
    let (sum, number) = all.iter().flatten().fold((0.0, 0_usize), |(sum, n), one| (sum + one.distance, n + 1));
    let mean = sum / number.max(1) as f64;
    if mean > 0.0 {
        all.iter_mut().flatten().for_each(|one| one.distance /= mean);
    }
    Ok(all)
}

/// Euclidean distance.
fn distance(a: &[f32], b: &[f32]) -> f64 {
    a.iter().zip(b).map(|(&a, &b)| (f64::from(a) - f64::from(b)).powi(2)).sum::<f64>().sqrt()
}

//! A few rows times a large matrix, as in the dense layers of a network that looks at one picture.
//!
//! Such a product waits for the memory: each weight is used once a row. So the weights are read where they lie, once and
//! in order, by all threads; packing them would cost their size again. Weights of 16 bits are half as much to read; they
//! are widened on the way, and all sums are in `f32`.

use half::{bf16, f16};

use super::{
    super::each::each,
    Isa,
    image::Cells,
    isa::by_isa,
    lane::{LANE, Lane},
};
use crate::graph::Control;

/// Weights that one thread reads between two looks at the control (4 MiB).
const PART: usize = 1 << 20;

/// Rows of the weights at a time: what they are multiplied with is read once for all.
const TOGETHER: usize = 4;

/// Sums at a time in one scalar product; with those beside it as many as additions take to finish.
const SUMS: usize = 2;

/// Sums of one row with the weights that are read together, before their lanes are added up.
type Sums = [[[f32; LANE]; SUMS]; TOGETHER];

/// Inputs at a time, whole lanes of all sums: so many of the weights that are read together (32 KiB) stay near for all rows.
const STRETCH: usize = 2048;

/// A number as weights may lie in memory, and how sixteen of them are read as `f32`, which rounds nothing.
pub trait Weight: Copy + Default + Send + Sync {
    /// The weights at an address.
    ///
    /// # Safety
    /// Sixteen elements must be readable, and the processor must have the lane's instructions.
    unsafe fn load<L: Lane>(from: *const Self) -> L;

    /// The first `count` weights at an address, zeros behind them.
    ///
    /// # Safety
    /// As [`Weight::load`], for `count` elements (16 at most).
    #[inline(always)]
    unsafe fn load_some<L: Lane>(from: *const Self, count: usize) -> L {
        if count == LANE {
            // SAFETY: the caller's.
            return unsafe { Self::load(from) };
        }
        let mut all = [Self::default(); LANE];
        // SAFETY: `count` elements are readable, and fewer than `all` has.
        unsafe {
            std::ptr::copy_nonoverlapping(from, all.as_mut_ptr(), count);
            Self::load(all.as_ptr())
        }
    }
}

impl Weight for f32 {
    #[inline(always)]
    unsafe fn load<L: Lane>(from: *const Self) -> L {
        // SAFETY: the caller's.
        unsafe { L::load(from) }
    }
}

impl Weight for f16 {
    #[inline(always)]
    unsafe fn load<L: Lane>(from: *const Self) -> L {
        // SAFETY: the caller's.
        unsafe { L::load_f16(from) }
    }
}

impl Weight for bf16 {
    #[inline(always)]
    unsafe fn load<L: Lane>(from: *const Self) -> L {
        // SAFETY: the caller's.
        unsafe { L::load_bf16(from) }
    }
}

/// `rows · weightᵀ + bias`: `rows` is `[count, inputs]`, `weight` `[outputs, inputs]`, the result `[count, outputs]`;
/// `bias` is empty for none. A cancelled run leaves part of the result 0.
///
/// # Panics
/// When lengths do not fit each other.
#[must_use]
pub fn forward<W: Weight>(
    isa: Isa,
    rows: &[f32],
    weight: &[W],
    inputs: usize,
    bias: &[f32],
    control: &Control,
) -> Vec<f32> {
    let (outputs, count) = (weight.len() / inputs, rows.len() / inputs);
    assert!(weight.len() == outputs * inputs && rows.len() == count * inputs, "rows and weights of different lengths");
    assert!(bias.is_empty() || bias.len() == outputs, "a bias for other outputs");
    let mut result = vec![0.0; count * outputs];
    let cells = Cells::new(&mut result);
    let part =
        (PART / inputs).next_multiple_of(TOGETHER).clamp(1, outputs.div_ceil(2 * rayon::current_num_threads()).max(1));
    each(weight.chunks(part * inputs).enumerate(), |(index, weight)| {
        if control.is_cancelled() {
            return;
        }
        let mut sums = vec![Sums::default(); count];
        for (few, weight) in weight.chunks(TOGETHER * inputs).enumerate() {
            let together = weight.len() / inputs;
            sums.fill(Sums::default());
            for start in (0..inputs).step_by(STRETCH) {
                let length = STRETCH.min(inputs - start);
                // The last few may be fewer: one is taken several times then, which gives the same.
                let weights =
                    std::array::from_fn(|which| &weight[which.min(together - 1) * inputs + start..][..length]);
                for (values, sums) in rows.chunks_exact(inputs).zip(&mut sums) {
                    add_products(isa, &values[start..start + length], weights, sums);
                }
            }
            for (row, sums) in sums.iter().enumerate() {
                for (which, sums) in sums.iter().enumerate().take(together) {
                    let output = index * part + few * TOGETHER + which;
                    let sum = total(sums) + bias.get(output).copied().unwrap_or(0.0);
                    // SAFETY: each output of each row is written once.
                    unsafe { cells.pointer(row * outputs + output, 1).write(sum) };
                }
            }
        }
    });
    result
}

/// `gradient · weight`: `gradient` is `[count, outputs]`, `weight` `[outputs, inputs]`, the result `[count, inputs]`.
/// Outputs whose gradient is 0 in all rows are not read. A cancelled run leaves part of the result 0.
///
/// # Panics
/// When lengths do not fit each other.
#[must_use]
pub fn back<W: Weight>(isa: Isa, gradient: &[f32], weight: &[W], inputs: usize, control: &Control) -> Vec<f32> {
    /// Inputs of one thread: sums that stay in the nearest cache.
    const INPUTS: usize = 2048;
    let outputs = weight.len() / inputs;
    let count = gradient.len() / outputs;
    assert!(weight.len() == outputs * inputs && gradient.len() == count * outputs, "weights for other outputs");
    let mut result = vec![0.0; count * inputs];
    let cells = Cells::new(&mut result);
    let read: Vec<usize> =
        (0..outputs).filter(|output| (0..count).any(|row| gradient[row * outputs + output] != 0.0)).collect();
    each((0..inputs).step_by(INPUTS), |first| {
        let length = INPUTS.min(inputs - first);
        for (number, few) in read.chunks(TOGETHER).enumerate() {
            if number % 64 == 0 && control.is_cancelled() {
                return;
            }
            // The last few may be fewer: nothing of one is added then.
            let weights = std::array::from_fn(|which| {
                let output = few.get(which).unwrap_or(&few[0]);
                &weight[output * inputs + first..][..length]
            });
            for row in 0..count {
                let factors =
                    std::array::from_fn(|which| few.get(which).map_or(0.0, |output| gradient[row * outputs + output]));
                // SAFETY: this thread alone has these inputs of all rows.
                let sums =
                    unsafe { std::slice::from_raw_parts_mut(cells.pointer(row * inputs + first, length), length) };
                add(isa, sums, factors, weights);
            }
        }
    });
    result
}

/// What lies in all lanes, added up in pairs, so that rounding does not add up.
fn total(sums: &[[f32; LANE]; SUMS]) -> f32 {
    let mut last: [f32; LANE] = std::array::from_fn(|lane| sums[0][lane] + sums[1][lane]);
    let mut step = LANE / 2;
    while step > 0 {
        for index in 0..step {
            last[index] += last[index + step];
        }
        step /= 2;
    }
    last[0]
}

/// Adds the products of a stretch of one slice with others of the same length; only a last stretch may end within lanes.
fn add_products<W: Weight>(isa: Isa, a: &[f32], b: [&[W]; TOGETHER], sums: &mut Sums) {
    assert!(b.iter().all(|b| b.len() == a.len()));
    let (length, a, b) = (a.len(), a.as_ptr(), b.map(<[W]>::as_ptr));
    // SAFETY: all have so many elements, and `isa` names what the processor has.
    unsafe {
        by_isa!(isa => products_in[W: Weight][W](
            a: *const f32,
            b: [*const W; TOGETHER],
            length: usize,
            sums: &mut Sums,
        ));
    }
}

/// Adds multiples of some slices to another of the same length, one after the other.
fn add<W: Weight>(isa: Isa, sums: &mut [f32], factors: [f32; TOGETHER], values: [&[W]; TOGETHER]) {
    assert!(values.iter().all(|values| values.len() == sums.len()));
    let (length, sums, values) = (sums.len(), sums.as_mut_ptr(), values.map(<[W]>::as_ptr));
    // SAFETY: all have so many elements, and `isa` names what the processor has.
    unsafe {
        by_isa!(isa => add_in[W: Weight][W](
            sums: *mut f32,
            factors: [f32; TOGETHER],
            values: [*const W; TOGETHER],
            length: usize,
        ));
    }
}

// Loops all through, without closures: a closure would be compiled for the processor's least instructions.

#[inline(always)]
unsafe fn products_in<L: Lane, W: Weight>(a: *const f32, b: [*const W; TOGETHER], length: usize, all: &mut Sums) {
    let mut sums = [[L::splat(0.0); SUMS]; TOGETHER];
    let mut place = 0;
    // SAFETY: all addresses lie within the lengths that the caller promises.
    unsafe {
        for which in 0..TOGETHER {
            for index in 0..SUMS {
                sums[which][index] = L::load(all[which][index].as_ptr());
            }
        }
        while place + SUMS * LANE <= length {
            for index in 0..SUMS {
                let at = place + index * LANE;
                let left = L::load(a.add(at));
                for which in 0..TOGETHER {
                    sums[which][index] = left.mul_add(W::load(b[which].add(at)), sums[which][index]);
                }
            }
            place += SUMS * LANE;
        }
        while place < length {
            let count = LANE.min(length - place);
            let left = L::load_some(a.add(place), count);
            for which in 0..TOGETHER {
                sums[which][0] = left.mul_add(W::load_some(b[which].add(place), count), sums[which][0]);
            }
            place += count;
        }
        for which in 0..TOGETHER {
            for index in 0..SUMS {
                sums[which][index].store(all[which][index].as_mut_ptr());
            }
        }
    }
}

#[inline(always)]
unsafe fn add_in<L: Lane, W: Weight>(
    sums: *mut f32,
    factors: [f32; TOGETHER],
    values: [*const W; TOGETHER],
    length: usize,
) {
    let mut lanes = [L::splat(0.0); TOGETHER];
    for which in 0..TOGETHER {
        lanes[which] = L::splat(factors[which]);
    }
    let mut place = 0;
    while place < length {
        let count = LANE.min(length - place);
        // SAFETY: all addresses lie within the length that the caller promises.
        unsafe {
            let mut sum = L::load_some(sums.add(place), count);
            for which in 0..TOGETHER {
                sum = lanes[which].mul_add(W::load_some(values[which].add(place), count), sum);
            }
            sum.store_some(sums.add(place), count);
        }
        place += count;
    }
}

#[cfg(test)]
mod tests;

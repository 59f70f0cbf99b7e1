//! Which of several slices holds the largest element at each place, and the way back to it.

use super::{Isa, isa::by_isa, lane::Lane};

/// The largest of the elements at each place of all slices, where NaN is larger than all, and the number that comes with
/// the first slice that has it, of NaNs with the last. Of no slices it leaves both as they are.
///
/// # Panics
/// When lengths differ.
pub fn winners(isa: Isa, slices: &[(&[f32], u32)], largest: &mut [f32], numbers: &mut [u32]) {
    assert!(slices.iter().all(|(slice, _)| slice.len() == largest.len()), "slices of other lengths");
    assert_eq!(largest.len(), numbers.len(), "numbers for other elements");
    // SAFETY: `isa` names what the processor has.
    unsafe { by_isa!(isa => winners_in[][](slices: &[(&[f32], u32)], largest: &mut [f32], numbers: &mut [u32])) };
}

/// Adds to each element of `back` that of `gradient` where its number is the one given.
///
/// # Panics
/// When lengths differ.
pub fn put_back(isa: Isa, gradient: &[f32], numbers: &[u32], number: u32, back: &mut [f32]) {
    assert_eq!([gradient.len(), numbers.len()], [back.len(); 2], "slices of other lengths");
    // SAFETY: `isa` names what the processor has.
    unsafe { by_isa!(isa => put_back_in[][](gradient: &[f32], numbers: &[u32], number: u32, back: &mut [f32])) };
}

// Loops all through, without closures: a closure would be compiled for the processor's least instructions. The compiler
// makes vectors of them; the lane is there to have one version for each kind of instructions, and they are unsafe for
// `by_isa!` alone.

#[inline(always)]
unsafe fn winners_in<L: Lane>(slices: &[(&[f32], u32)], largest: &mut [f32], numbers: &mut [u32]) {
    let Some((&(first, number), rest)) = slices.split_first() else { return };
    largest.copy_from_slice(first);
    numbers.fill(number);
    for &(slice, number) in rest {
        for ((best, own), &value) in largest.iter_mut().zip(numbers.iter_mut()).zip(slice) {
            let wins = (value > *best) | value.is_nan();
            *best = if wins { value } else { *best };
            *own = if wins { number } else { *own };
        }
    }
}

#[inline(always)]
unsafe fn put_back_in<L: Lane>(gradient: &[f32], numbers: &[u32], number: u32, back: &mut [f32]) {
    for ((back, &gradient), &own) in back.iter_mut().zip(gradient).zip(numbers) {
        *back += if own == number { gradient } else { 0.0 };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_instructions_agree() {
        // Ties, NaN first, in the middle and last, and a length that is no multiple of a lane.
        let value = |slice: usize, place: usize| match (slice * 31 + place * 17) % 13 {
            0 if place.is_multiple_of(3) => f32::NAN,
            rest => (rest % 5) as f32 - 2.0,
        };
        let slices: Vec<Vec<f32>> = (0..9).map(|slice| (0..53).map(|place| value(slice, place)).collect()).collect();
        let slices: Vec<(&[f32], u32)> = slices.iter().zip(0..).map(|(slice, number)| (&slice[..], number)).collect();
        for isa in Isa::all() {
            let (mut largest, mut numbers) = ([0.0; 53], [99; 53]);
            winners(isa, &slices, &mut largest, &mut numbers);
            let gradient: Vec<f32> = (0..53).map(|place| place as f32 + 0.5).collect();
            let mut back = [0.0; 53];
            put_back(isa, &gradient, &numbers, 4, &mut back);
            for place in 0..53 {
                let of = |slice: usize| slices[slice].0[place];
                // The last NaN wins, else the first of the largest.
                let nan = (0..9).rev().find(|&slice| of(slice).is_nan());
                let first = (0..9).rev().max_by(|&a, &b| of(a).total_cmp(&of(b))).unwrap();
                let winner = nan.unwrap_or(first);
                assert_eq!(numbers[place] as usize, winner, "{isa:?} {place}");
                assert_eq!(largest[place].to_bits(), of(winner).to_bits());
                assert_eq!(back[place], if winner == 4 { gradient[place] } else { 0.0 });
            }
        }
        let mut kept = ([7.0], [3]);
        winners(Isa::Plain, &[], &mut kept.0, &mut kept.1);
        assert_eq!(kept, ([7.0], [3]));
    }
}

//! The largest of several slices, element by element.

use super::{
    Isa,
    lane::{Array, LANE, Lane},
};

/// The largest of the elements at each place of all slices, which have the length of `out`; NaN is larger than all. Of no
/// slices it leaves `out` as it is.
///
/// # Panics
/// When a slice is shorter.
pub fn largest(isa: Isa, slices: &[&[f32]], out: &mut [f32]) {
    assert!(slices.iter().all(|slice| slice.len() >= out.len()), "elements are missing");
    // SAFETY: lengths have just been checked, and `isa` names what the processor has.
    unsafe {
        match isa {
            Isa::Plain => largest_in::<Array>(slices, out),
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2 => x86::largest_avx2(slices, out),
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512 => x86::largest_avx512(slices, out),
        }
    }
}

/// The versions compiled for instructions that not every processor has.
#[cfg(target_arch = "x86_64")]
mod x86 {
    use super::super::lane::x86::{One, Two};
    use super::largest_in;

    // SAFETY of both: the caller's.

    #[target_feature(enable = "avx2,fma")]
    pub unsafe fn largest_avx2(slices: &[&[f32]], out: &mut [f32]) {
        unsafe { largest_in::<Two>(slices, out) }
    }

    #[target_feature(enable = "avx512f")]
    pub unsafe fn largest_avx512(slices: &[&[f32]], out: &mut [f32]) {
        unsafe { largest_in::<One>(slices, out) }
    }
}

// Loops all through, without closures: a closure would be compiled for the processor's least instructions.
#[inline(always)]
unsafe fn largest_in<L: Lane>(slices: &[&[f32]], out: &mut [f32]) {
    let Some((first, rest)) = slices.split_first() else { return };
    for start in (0..out.len()).step_by(LANE) {
        let count = LANE.min(out.len() - start);
        // SAFETY: all slices have the length of `out` at least.
        unsafe {
            let mut best = L::load_some(first.as_ptr().add(start), count);
            for slice in rest {
                best = best.largest(L::load_some(slice.as_ptr().add(start), count));
            }
            best.store_some(out.as_mut_ptr().add(start), count);
        }
    }
}

//! Sixteen numbers at a time: what the transforms are written in, once for every processor.

#[cfg(target_arch = "aarch64")]
pub mod neon;
#[cfg(target_arch = "x86_64")]
pub mod x86;

use half::{bf16, f16};

/// Numbers in a lane.
pub const LANE: usize = 16;

/// Sixteen numbers.
///
/// All methods are inlined into functions that are compiled for the right instructions; outside of such a function they
/// are slow, and on a processor without the instructions they must not be called.
pub trait Lane: Copy {
    /// The numbers at an address.
    ///
    /// # Safety
    /// Sixteen elements must be readable, and the processor must have the lane's instructions.
    unsafe fn load(from: *const f32) -> Self;

    /// The numbers at an address, half as wide there; widening rounds nothing.
    ///
    /// # Safety
    /// As [`Lane::load`]; besides, the processor must convert such numbers ([`Isa::Avx2`](super::Isa) says so).
    unsafe fn load_f16(from: *const f16) -> Self;

    /// The numbers at an address, of which only the upper half is there; widening rounds nothing.
    ///
    /// # Safety
    /// As [`Lane::load`].
    unsafe fn load_bf16(from: *const bf16) -> Self;

    /// Writes the numbers.
    ///
    /// # Safety
    /// Sixteen elements must be writable, and the processor must have the lane's instructions.
    unsafe fn store(self, to: *mut f32);

    /// Asks for the memory at an address, which need not exist, so that it is near when it is read.
    #[inline(always)]
    fn ask(_address: *const f32) {}

    /// The same for what is read later: nearer than before, but not as near as can be.
    #[inline(always)]
    fn ask_later(_address: *const f32) {}

    /// One number sixteen times.
    fn splat(number: f32) -> Self;
    /// Sums.
    fn add(self, other: Self) -> Self;
    /// Differences.
    fn sub(self, other: Self) -> Self;
    /// Products.
    fn mul(self, other: Self) -> Self;
    /// `self · other + more`.
    fn mul_add(self, other: Self, more: Self) -> Self;
    /// The larger of each two; where either is NaN, `other`'s.
    fn max(self, other: Self) -> Self;
    /// The smaller of each two; where either is NaN, `other`'s.
    fn min(self, other: Self) -> Self;

    /// The larger of each two, `other`'s of equal ones; where either is NaN, NaN.
    fn largest(self, other: Self) -> Self;

    /// The first `count` numbers at an address, zeros behind them.
    ///
    /// # Safety
    /// As [`Lane::load`], for `count` elements (16 at most).
    #[inline(always)]
    unsafe fn load_some(from: *const f32, count: usize) -> Self {
        if count == LANE {
            // SAFETY: the caller's.
            return unsafe { Self::load(from) };
        }
        let mut all = [0.0_f32; LANE];
        // SAFETY: `count` elements are readable, and fewer than `all` has.
        unsafe {
            std::ptr::copy_nonoverlapping(from, all.as_mut_ptr(), count);
            Self::load(all.as_ptr())
        }
    }

    /// Writes the first `count` numbers.
    ///
    /// # Safety
    /// As [`Lane::store`], for `count` elements (16 at most).
    #[inline(always)]
    unsafe fn store_some(self, to: *mut f32, count: usize) {
        if count == LANE {
            // SAFETY: the caller's.
            return unsafe { self.store(to) };
        }
        let mut all = [0.0_f32; LANE];
        // SAFETY: `count` elements are writable, and fewer than `all` has.
        unsafe {
            self.store(all.as_mut_ptr());
            std::ptr::copy_nonoverlapping(all.as_ptr(), to, count);
        }
    }
}

/// Plain arrays, for processors without a version of their own.
#[derive(Clone, Copy)]
pub struct Array([f32; LANE]);

impl Array {
    #[inline(always)]
    fn zip(self, other: Self, combine: impl Fn(f32, f32) -> f32) -> Self {
        Self(std::array::from_fn(|place| combine(self.0[place], other.0[place])))
    }
}

/// An `f16` by its bits as `f32`, without branches, so that the compiler makes lanes of it.
#[inline(always)]
fn widened(bits: u16) -> f32 {
    /// 2¹¹²: by how much the exponents of the two lie apart.
    const APART: f32 = f32::from_bits((127 + 112) << 23);
    /// The least that stands for infinity and NaN, by its bits where they come to lie.
    const INFINITE: u32 = 0x7C00 << 13;
    let (sign, rest) = (u32::from(bits & 0x8000) << 16, u32::from(bits & 0x7FFF) << 13);
    // Subnormal numbers come out right as well: nothing of a product with a power of 2 is rounded here.
    let finite = (f32::from_bits(rest) * APART).to_bits();
    f32::from_bits(sign | if rest < INFINITE { finite } else { rest | 0x7F80_0000 })
}

impl Lane for Array {
    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        // SAFETY: the caller's; no alignment is assumed.
        Self(unsafe { from.cast::<[f32; LANE]>().read_unaligned() })
    }

    #[inline(always)]
    unsafe fn load_f16(from: *const f16) -> Self {
        // SAFETY: the caller's; no alignment is assumed.
        let bits = unsafe { from.cast::<[u16; LANE]>().read_unaligned() };
        Self(std::array::from_fn(|place| widened(bits[place])))
    }

    #[inline(always)]
    unsafe fn load_bf16(from: *const bf16) -> Self {
        // SAFETY: the caller's; no alignment is assumed.
        let bits = unsafe { from.cast::<[u16; LANE]>().read_unaligned() };
        Self(std::array::from_fn(|place| f32::from_bits(u32::from(bits[place]) << 16)))
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        // SAFETY: the caller's; no alignment is assumed.
        unsafe { to.cast::<[f32; LANE]>().write_unaligned(self.0) }
    }

    #[inline(always)]
    fn splat(number: f32) -> Self {
        Self([number; LANE])
    }

    #[inline(always)]
    fn add(self, other: Self) -> Self {
        self.zip(other, |a, b| a + b)
    }

    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        self.zip(other, |a, b| a - b)
    }

    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        self.zip(other, |a, b| a * b)
    }

    #[inline(always)]
    fn mul_add(self, other: Self, more: Self) -> Self {
        self.mul(other).add(more)
    }

    #[inline(always)]
    fn max(self, other: Self) -> Self {
        self.zip(other, |a, b| if a > b { a } else { b })
    }

    #[inline(always)]
    fn min(self, other: Self) -> Self {
        self.zip(other, |a, b| if a < b { a } else { b })
    }

    #[inline(always)]
    fn largest(self, other: Self) -> Self {
        self.zip(other, |a, b| if a > b || a.is_nan() { a } else { b })
    }
}

//! Sixteen numbers at a time: what the transforms are written in, once for every processor.

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

    /// The larger of each two; where either is NaN, NaN.
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

/// The versions for x86.
#[cfg(target_arch = "x86_64")]
#[expect(clippy::cast_ptr_alignment, reason = "the loads that take pointers to registers take any address")]
pub mod x86 {
    use std::arch::x86_64::{
        __m128i, __m256, __m256i, __m512, _CMP_UNORD_Q, _MM_HINT_T0, _mm_loadu_si128, _mm_prefetch, _mm256_add_ps,
        _mm256_blendv_ps, _mm256_castsi256_ps, _mm256_cmp_ps, _mm256_cvtepu16_epi32, _mm256_cvtph_ps, _mm256_fmadd_ps,
        _mm256_loadu_ps, _mm256_loadu_si256, _mm256_max_ps, _mm256_min_ps, _mm256_mul_ps, _mm256_set1_ps,
        _mm256_slli_epi32, _mm256_storeu_ps, _mm256_sub_ps, _mm512_add_ps, _mm512_castsi512_ps, _mm512_cmp_ps_mask,
        _mm512_cvtepu16_epi32, _mm512_cvtph_ps, _mm512_fmadd_ps, _mm512_loadu_ps, _mm512_mask_mov_ps, _mm512_max_ps,
        _mm512_min_ps, _mm512_mul_ps, _mm512_set1_ps, _mm512_slli_epi32, _mm512_storeu_ps, _mm512_sub_ps,
    };

    use half::{bf16, f16};

    use super::Lane;

    /// AVX-512: one register.
    #[derive(Clone, Copy)]
    pub struct One(__m512);

    /// AVX2: two registers.
    #[derive(Clone, Copy)]
    pub struct Two(__m256, __m256);

    // SAFETY of all methods of both: lanes of these types are only made by functions that are compiled for their
    // instructions, which are only called where the processor has them (`Isa`).

    impl Lane for One {
        #[inline(always)]
        unsafe fn load(from: *const f32) -> Self {
            unsafe { Self(_mm512_loadu_ps(from)) }
        }

        #[inline(always)]
        unsafe fn load_f16(from: *const f16) -> Self {
            unsafe { Self(_mm512_cvtph_ps(_mm256_loadu_si256(from.cast::<__m256i>()))) }
        }

        #[inline(always)]
        unsafe fn load_bf16(from: *const bf16) -> Self {
            unsafe {
                let bits = _mm512_cvtepu16_epi32(_mm256_loadu_si256(from.cast::<__m256i>()));
                Self(_mm512_castsi512_ps(_mm512_slli_epi32::<16>(bits)))
            }
        }

        #[inline(always)]
        unsafe fn store(self, to: *mut f32) {
            unsafe { _mm512_storeu_ps(to, self.0) }
        }

        #[inline(always)]
        fn ask(address: *const f32) {
            unsafe { _mm_prefetch::<_MM_HINT_T0>(address.cast()) }
        }

        #[inline(always)]
        fn splat(number: f32) -> Self {
            unsafe { Self(_mm512_set1_ps(number)) }
        }

        #[inline(always)]
        fn add(self, other: Self) -> Self {
            unsafe { Self(_mm512_add_ps(self.0, other.0)) }
        }

        #[inline(always)]
        fn sub(self, other: Self) -> Self {
            unsafe { Self(_mm512_sub_ps(self.0, other.0)) }
        }

        #[inline(always)]
        fn mul(self, other: Self) -> Self {
            unsafe { Self(_mm512_mul_ps(self.0, other.0)) }
        }

        #[inline(always)]
        fn mul_add(self, other: Self, more: Self) -> Self {
            unsafe { Self(_mm512_fmadd_ps(self.0, other.0, more.0)) }
        }

        #[inline(always)]
        fn max(self, other: Self) -> Self {
            unsafe { Self(_mm512_max_ps(self.0, other.0)) }
        }

        #[inline(always)]
        fn min(self, other: Self) -> Self {
            unsafe { Self(_mm512_min_ps(self.0, other.0)) }
        }

        #[inline(always)]
        fn largest(self, other: Self) -> Self {
            unsafe {
                let nan = _mm512_cmp_ps_mask::<_CMP_UNORD_Q>(self.0, self.0);
                Self(_mm512_mask_mov_ps(_mm512_max_ps(self.0, other.0), nan, self.0))
            }
        }
    }

    impl Lane for Two {
        #[inline(always)]
        unsafe fn load(from: *const f32) -> Self {
            unsafe { Self(_mm256_loadu_ps(from), _mm256_loadu_ps(from.add(8))) }
        }

        #[inline(always)]
        unsafe fn load_f16(from: *const f16) -> Self {
            unsafe {
                let near = _mm_loadu_si128(from.cast::<__m128i>());
                let far = _mm_loadu_si128(from.add(8).cast::<__m128i>());
                Self(_mm256_cvtph_ps(near), _mm256_cvtph_ps(far))
            }
        }

        #[inline(always)]
        unsafe fn load_bf16(from: *const bf16) -> Self {
            unsafe {
                let near = _mm256_cvtepu16_epi32(_mm_loadu_si128(from.cast::<__m128i>()));
                let far = _mm256_cvtepu16_epi32(_mm_loadu_si128(from.add(8).cast::<__m128i>()));
                Self(
                    _mm256_castsi256_ps(_mm256_slli_epi32::<16>(near)),
                    _mm256_castsi256_ps(_mm256_slli_epi32::<16>(far)),
                )
            }
        }

        #[inline(always)]
        unsafe fn store(self, to: *mut f32) {
            unsafe {
                _mm256_storeu_ps(to, self.0);
                _mm256_storeu_ps(to.add(8), self.1);
            }
        }

        #[inline(always)]
        fn ask(address: *const f32) {
            unsafe { _mm_prefetch::<_MM_HINT_T0>(address.cast()) }
        }

        #[inline(always)]
        fn splat(number: f32) -> Self {
            unsafe { Self(_mm256_set1_ps(number), _mm256_set1_ps(number)) }
        }

        #[inline(always)]
        fn add(self, other: Self) -> Self {
            unsafe { Self(_mm256_add_ps(self.0, other.0), _mm256_add_ps(self.1, other.1)) }
        }

        #[inline(always)]
        fn sub(self, other: Self) -> Self {
            unsafe { Self(_mm256_sub_ps(self.0, other.0), _mm256_sub_ps(self.1, other.1)) }
        }

        #[inline(always)]
        fn mul(self, other: Self) -> Self {
            unsafe { Self(_mm256_mul_ps(self.0, other.0), _mm256_mul_ps(self.1, other.1)) }
        }

        #[inline(always)]
        fn mul_add(self, other: Self, more: Self) -> Self {
            unsafe { Self(_mm256_fmadd_ps(self.0, other.0, more.0), _mm256_fmadd_ps(self.1, other.1, more.1)) }
        }

        #[inline(always)]
        fn max(self, other: Self) -> Self {
            unsafe { Self(_mm256_max_ps(self.0, other.0), _mm256_max_ps(self.1, other.1)) }
        }

        #[inline(always)]
        fn min(self, other: Self) -> Self {
            unsafe { Self(_mm256_min_ps(self.0, other.0), _mm256_min_ps(self.1, other.1)) }
        }

        #[inline(always)]
        fn largest(self, other: Self) -> Self {
            unsafe {
                let [near, far] =
                    [_mm256_cmp_ps::<_CMP_UNORD_Q>(self.0, self.0), _mm256_cmp_ps::<_CMP_UNORD_Q>(self.1, self.1)];
                Self(
                    _mm256_blendv_ps(_mm256_max_ps(self.0, other.0), self.0, near),
                    _mm256_blendv_ps(_mm256_max_ps(self.1, other.1), self.1, far),
                )
            }
        }
    }
}

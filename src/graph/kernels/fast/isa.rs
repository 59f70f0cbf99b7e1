//! Which instructions the processor has.

use std::sync::OnceLock;

/// Instructions that the kernels are written for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Isa {
    /// What every processor has.
    Plain,
    /// NEON: four numbers at a time, sums with products fused.
    #[cfg(target_arch = "aarch64")]
    Neon,
    /// AVX2 with fused multiply-add and conversion of `f16`, which processors have together: eight numbers at a time.
    #[cfg(target_arch = "x86_64")]
    Avx2,
    /// AVX-512: sixteen numbers at a time.
    #[cfg(target_arch = "x86_64")]
    Avx512,
}

impl Isa {
    /// The best that this processor has; asked once.
    #[must_use]
    pub fn best() -> Self {
        static BEST: OnceLock<Isa> = OnceLock::new();
        *BEST.get_or_init(|| Self::all().last().copied().unwrap_or(Self::Plain))
    }

    /// All that this processor has, the slowest first.
    #[must_use]
    pub fn all() -> Vec<Self> {
        let mut all = vec![Self::Plain];
        #[cfg(target_arch = "aarch64")]
        if std::arch::is_aarch64_feature_detected!("neon") {
            all.push(Self::Neon);
        }
        #[cfg(target_arch = "x86_64")]
        {
            use std::arch::is_x86_feature_detected;
            if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") && is_x86_feature_detected!("f16c") {
                all.push(Self::Avx2);
                if is_x86_feature_detected!("avx512f") {
                    all.push(Self::Avx512);
                }
            }
        }
        all
    }

    /// Rows that [`super::micro::product`] holds in registers at a time.
    #[must_use]
    pub fn rows(self) -> usize {
        match self {
            Self::Plain => 4,
            #[cfg(target_arch = "aarch64")]
            Self::Neon => 6,
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => 6,
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => 14,
        }
    }
}

/// Calls a function that is generic over its [`Lane`](super::lane::Lane), compiled for the instructions that an [`Isa`]
/// names: `by_isa!(isa => kernel[generics][their names](argument: Type, …))`, where the generics are those after the lane.
///
/// The function is to be `unsafe`, for it relies on the instructions, and `#[inline(always)]`, without closures: what is not
/// inlined would be compiled for the processor's least instructions. The call is as unsafe as the function.
macro_rules! by_isa {
    ($isa:expr => $kernel:ident[$($generics:tt)*][$($given:tt)*]($($name:ident: $type:ty),* $(,)?)) => {
        match $isa {
            Isa::Plain => $kernel::<$crate::graph::kernels::fast::lane::Array, $($given)*>($($name),*),
            #[cfg(target_arch = "aarch64")]
            Isa::Neon => $kernel::<$crate::graph::kernels::fast::lane::neon::Four, $($given)*>($($name),*),
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2 => {
                #[target_feature(enable = "avx2,fma,f16c")]
                unsafe fn compiled<$($generics)*>($($name: $type),*) {
                    // SAFETY: the caller's.
                    unsafe { $kernel::<$crate::graph::kernels::fast::lane::x86::Two, $($given)*>($($name),*) }
                }
                compiled::<$($given)*>($($name),*)
            }
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512 => {
                #[target_feature(enable = "avx512f")]
                unsafe fn compiled<$($generics)*>($($name: $type),*) {
                    // SAFETY: the caller's.
                    unsafe { $kernel::<$crate::graph::kernels::fast::lane::x86::One, $($given)*>($($name),*) }
                }
                compiled::<$($given)*>($($name),*)
            }
        }
    };
}
pub(super) use by_isa;

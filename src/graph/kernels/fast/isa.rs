//! Which instructions the processor has.

use std::sync::OnceLock;

/// Instructions that the kernels are written for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Isa {
    /// What every processor of the architecture has; on `aarch64` the compiler makes NEON of it.
    Plain,
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
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => 6,
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => 14,
        }
    }
}

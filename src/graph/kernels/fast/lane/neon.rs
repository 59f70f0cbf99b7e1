//! Lanes for NEON, which every processor of this architecture has.

use std::arch::aarch64::{
    float32x4_t, vaddq_f32, vbslq_f32, vceqq_f32, vcgtq_f32, vcltq_f32, vdupq_n_f32, vfmaq_f32, vld1_u16, vld1q_f32,
    vmulq_f32, vmvnq_u32, vorrq_u32, vreinterpretq_f32_u32, vshll_n_u16, vst1q_f32, vsubq_f32,
};

use half::{bf16, f16};

use super::{Array, LANE, Lane};

/// Four registers of four numbers.
#[derive(Clone, Copy)]
pub struct Four([float32x4_t; REGISTERS]);

/// Numbers in a register.
const WIDTH: usize = 4;

/// Registers in a lane.
const REGISTERS: usize = LANE / WIDTH;

// SAFETY of all methods: processors of this architecture have NEON; the rest is the caller's.

/// The same with each register, written without closures as everything that is compiled for certain instructions.
macro_rules! each_register {
    ($register:ident => $result:expr) => {{
        let mut all = [vdupq_n_f32(0.0); REGISTERS];
        for ($register, result) in all.iter_mut().enumerate() {
            *result = $result;
        }
        Self(all)
    }};
}

impl Lane for Four {
    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        unsafe { each_register!(register => vld1q_f32(from.add(register * WIDTH))) }
    }

    #[inline(always)]
    unsafe fn load_f16(from: *const f16) -> Self {
        // By integers: the instructions that convert such numbers are not open to stable Rust.
        unsafe {
            let Array(numbers) = Array::load_f16(from);
            Self::load(numbers.as_ptr())
        }
    }

    #[inline(always)]
    unsafe fn load_bf16(from: *const bf16) -> Self {
        unsafe {
            let from = from.cast::<u16>();
            each_register!(register => {
                vreinterpretq_f32_u32(vshll_n_u16::<16>(vld1_u16(from.add(register * WIDTH))))
            })
        }
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        for (register, &numbers) in self.0.iter().enumerate() {
            unsafe { vst1q_f32(to.add(register * WIDTH), numbers) };
        }
    }

    #[inline(always)]
    fn splat(number: f32) -> Self {
        unsafe { Self([vdupq_n_f32(number); REGISTERS]) }
    }

    #[inline(always)]
    fn add(self, other: Self) -> Self {
        unsafe { each_register!(register => vaddq_f32(self.0[register], other.0[register])) }
    }

    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        unsafe { each_register!(register => vsubq_f32(self.0[register], other.0[register])) }
    }

    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        unsafe { each_register!(register => vmulq_f32(self.0[register], other.0[register])) }
    }

    #[inline(always)]
    fn mul_add(self, other: Self, more: Self) -> Self {
        unsafe { each_register!(register => vfmaq_f32(more.0[register], self.0[register], other.0[register])) }
    }

    // Not by `vmaxq_f32` and its like: they give NaN where either is.

    #[inline(always)]
    fn max(self, other: Self) -> Self {
        unsafe {
            each_register!(register => {
                let (a, b) = (self.0[register], other.0[register]);
                vbslq_f32(vcgtq_f32(a, b), a, b)
            })
        }
    }

    #[inline(always)]
    fn min(self, other: Self) -> Self {
        unsafe {
            each_register!(register => {
                let (a, b) = (self.0[register], other.0[register]);
                vbslq_f32(vcltq_f32(a, b), a, b)
            })
        }
    }

    #[inline(always)]
    fn largest(self, other: Self) -> Self {
        // Not `vmaxq_f32`: of zeros of either sign this is to be `other`'s, as everywhere.
        unsafe {
            each_register!(register => {
                let (a, b) = (self.0[register], other.0[register]);
                vbslq_f32(vorrq_u32(vcgtq_f32(a, b), vmvnq_u32(vceqq_f32(a, a))), a, b)
            })
        }
    }
}

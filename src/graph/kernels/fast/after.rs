//! What follows a product before it is stored, for a lane of channels.

use super::{
    image::After,
    lane::{LANE, Lane},
};

/// What follows for some channels: factors and summands are loaded once for all pixels.
#[derive(Clone, Copy)]
pub struct Channels<'a, L> {
    after: After<'a>,
    scale: L,
    bias: L,
    first: usize,
    count: usize,
}

// No closures: one would be compiled for the processor's least instructions.
impl<'a, L: Lane> Channels<'a, L> {
    /// For `count` channels (16 at most) from `first` on.
    ///
    /// # Safety
    /// The processor must have the lane's instructions.
    #[inline(always)]
    pub unsafe fn new(after: After<'a>, first: usize, count: usize) -> Self {
        assert!(count <= LANE, "a lane has no room for so many channels");
        let (mut scale, mut bias) = (L::splat(1.0), L::splat(0.0));
        if let Some(values) = after.scale.get(first..first + count) {
            // SAFETY: so many are there.
            scale = unsafe { L::load_some(values.as_ptr(), count) };
        }
        if let Some(values) = after.bias.get(first..first + count) {
            // SAFETY: so many are there.
            bias = unsafe { L::load_some(values.as_ptr(), count) };
        }
        Self { after, scale, bias, first, count }
    }

    /// What becomes of the products at a pixel, which is counted through the rows and pictures of the output.
    ///
    /// # Panics
    /// When the residual has no such pixel.
    ///
    /// # Safety
    /// The processor must have the lane's instructions.
    #[inline(always)]
    pub unsafe fn finish(&self, product: L, pixel: usize) -> L {
        let mut value = product.mul_add(self.scale, self.bias);
        if let Some(residual) = self.after.residual {
            let others = &residual.values[pixel * residual.pixel + self.first..][..self.count];
            // SAFETY: so many are there.
            value = value.add(unsafe { L::load_some(others.as_ptr(), self.count) });
        }
        if let Some((low, high)) = self.after.limits {
            value = L::splat(high).min(L::splat(low).max(value));
        }
        value
    }
}

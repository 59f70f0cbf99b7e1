//! Memory that goes from one run to the next.
//!
//! A run of a network writes tens of megabytes of activations that are of no use a moment later. Memory fresh from the
//! system has to be cleared and mapped page by page, which takes a tenth of such a run; so what a run is done with is
//! kept, within bounds, for what comes next.

use std::{
    any::{Any, TypeId},
    sync::{Mutex, MutexGuard, PoisonError},
};

use candle_core::{CpuStorage, DType, InplaceOp1, Layout, Result, Tensor, WithDType};

use super::serve;

/// Smaller buffers are not worth keeping (64 KiB).
const LEAST: usize = 1 << 14;

/// Elements that are kept at most, in all buffers together (256 MiB).
const MOST: usize = 1 << 26;

/// What is kept.
#[derive(Default)]
struct Free {
    buffers: Vec<Vec<f32>>,
    elements: usize,
}

static FREE: Mutex<Free> = Mutex::new(Free { buffers: Vec::new(), elements: 0 });

fn free() -> MutexGuard<'static, Free> {
    // Nothing in here is ever half done.
    FREE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A buffer of so many elements. They may hold anything: whoever takes it writes all of them.
#[must_use]
pub(in crate::graph) fn take(length: usize) -> Vec<f32> {
    let mut free = free();
    // The one that fits best, if it isn't far too large.
    let fits = |buffer: &Vec<f32>| buffer.capacity() >= length && buffer.capacity() / 2 <= length;
    let best =
        free.buffers.iter().enumerate().filter(|(_, buffer)| fits(buffer)).min_by_key(|(_, buffer)| buffer.capacity());
    let Some((index, _)) = best.filter(|_| length >= LEAST) else {
        drop(free);
        return vec![0.0; length];
    };
    let mut buffer = free.buffers.swap_remove(index);
    free.elements -= buffer.capacity();
    drop(free);
    // Only what the one before has cut off is cleared.
    buffer.resize(length, 0.0);
    buffer
}

/// The same for elements of any type, of which only `f32` are kept.
#[must_use]
pub(in crate::graph) fn room<T: WithDType>(length: usize) -> Vec<T> {
    if TypeId::of::<T>() == TypeId::of::<f32>() {
        let buffer: Box<dyn Any> = Box::new(take(length));
        if let Ok(buffer) = buffer.downcast() {
            return *buffer;
        }
    }
    vec![T::zero(); length]
}

/// Keeps a buffer for [`take`].
pub(in crate::graph) fn give(buffer: Vec<f32>) {
    let capacity = buffer.capacity();
    if capacity < LEAST {
        return;
    }
    let mut free = free();
    if free.elements + capacity <= MOST {
        free.elements += capacity;
        free.buffers.push(buffer);
    }
}

/// Keeps the memory of a tensor that nobody else has.
///
/// Whoever shares its storage loses it: only tensors that a kernel has just made, and that went no further than kernels
/// which copy, may be given.
///
/// # Errors
/// When the tensor library fails.
pub(in crate::graph) fn give_tensor(tensor: &Tensor) -> Result<()> {
    if tensor.dtype() != DType::F32 || !serve(tensor) || tensor.elem_count() < LEAST {
        return Ok(());
    }
    tensor.inplace_op1(&Empty)
}

/// Takes the memory of a tensor that nobody else has, elements and all; `None` where it holds more than the tensor shows,
/// or is none of `f32` on the CPU. What holds for [`give_tensor`] holds here.
///
/// # Errors
/// When the tensor library fails.
pub(in crate::graph) fn take_tensor(tensor: &Tensor) -> Result<Option<Vec<f32>>> {
    if tensor.dtype() != DType::F32 || !serve(tensor) {
        return Ok(None);
    }
    let taken = Taken(Mutex::new(None));
    tensor.inplace_op1(&taken)?;
    Ok(taken.0.into_inner().unwrap_or_else(PoisonError::into_inner))
}

/// Takes a tensor's memory and keeps its elements.
struct Taken(Mutex<Option<Vec<f32>>>);

impl InplaceOp1 for Taken {
    fn name(&self) -> &'static str {
        "take"
    }

    fn cpu_fwd(&self, storage: &mut CpuStorage, layout: &Layout) -> Result<()> {
        if let CpuStorage::F32(values) = storage
            && values.len() == layout.shape().elem_count()
        {
            *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(std::mem::take(values));
        }
        Ok(())
    }
}

/// Takes a tensor's memory away.
struct Empty;

impl InplaceOp1 for Empty {
    fn name(&self) -> &'static str {
        "empty"
    }

    fn cpu_fwd(&self, storage: &mut CpuStorage, _layout: &Layout) -> Result<()> {
        if let CpuStorage::F32(values) = storage {
            give(std::mem::take(values));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_given_is_taken_again() {
        // A length that no other test uses.
        let length = LEAST + 7919;
        let buffer = vec![1.0; length];
        let address = buffer.as_ptr();
        give(buffer);
        let again = take(length - 1);
        assert_eq!((again.as_ptr(), again.len()), (address, length - 1));
        give(again);
        let again = take(length);
        assert_eq!(again.as_ptr(), address);
        assert_eq!(take(3).len(), 3);
        give(again);
        let again = room::<f32>(length);
        assert_eq!(again.as_ptr(), address);
        assert_eq!(room::<f64>(2), [0.0; 2]);
    }

    #[test]
    fn a_tensor_gives_its_elements_up_if_it_shows_all_of_them() {
        let tensor = super::super::tensor(vec![1.0_f32, 2.0, 3.0], 3).unwrap();
        assert!(take_tensor(&tensor.narrow(0, 1, 2).unwrap()).unwrap().is_none());
        assert_eq!(take_tensor(&tensor).unwrap().unwrap(), [1.0, 2.0, 3.0]);
        assert!(take_tensor(&super::super::tensor(vec![1.0_f64], 1).unwrap()).unwrap().is_none());
    }

    #[test]
    fn a_tensor_gives_its_memory_up() {
        let length = LEAST + 7907;
        let tensor = super::super::tensor(vec![2.0_f32; length], length).unwrap();
        give_tensor(&tensor).unwrap();
        let again = take(length);
        assert_eq!(again[0], 2.0);
    }
}

//! Where these kernels compute, and where operations are composed of the tensor library's.

use candle_core::Tensor;

/// Whether these kernels compute with a tensor: with those on the CPU. On a GPU each operation is composed of the tensor
/// library's own.
pub(in crate::graph) fn serve(tensor: &Tensor) -> bool {
    #[cfg(test)]
    if is_idle() {
        return false;
    }
    tensor.device().is_cpu()
}

#[cfg(test)]
thread_local! {
    static IDLE: std::cell::Cell<bool> = const { std::cell::Cell::new(false) };
}

/// Whether this thread does without these kernels.
#[cfg(test)]
pub(super) fn is_idle() -> bool {
    IDLE.get()
}

/// Does without these kernels what `work` does on this thread: as on a GPU, but with the tensor library's operations for
/// the CPU.
#[cfg(test)]
pub(crate) fn idle<T>(work: impl FnOnce() -> T) -> T {
    /// Puts back what was, however `work` ends.
    struct Back(bool);
    impl Drop for Back {
        fn drop(&mut self) {
            IDLE.set(self.0);
        }
    }
    let _back = Back(IDLE.replace(true));
    work()
}

#[cfg(test)]
mod tests {
    use candle_core::{DType, Device};

    use super::*;
    use crate::graph::kernels::read;

    #[test]
    fn kernels_are_idle_for_as_long_as_they_should_be() {
        let tensor = Tensor::zeros(3, DType::F32, &Device::Cpu).unwrap();
        let is_read = || read(&tensor, |_: &[f32]| Ok(())).is_ok();
        assert!(serve(&tensor) && is_read());
        assert!(idle(|| !serve(&tensor) && !is_read() && idle(|| !serve(&tensor)) && !serve(&tensor)));
        assert!(std::panic::catch_unwind(|| idle(|| panic!("on the way"))).is_err());
        assert!(serve(&tensor) && is_read());
    }
}

//! Where these kernels compute, and where operations are composed of the tensor library's.

use candle_core::Tensor;

/// Whether these kernels compute with a tensor: with those on the CPU. On a GPU each operation is composed of the tensor
/// library's own.
pub(in crate::graph) fn serve(tensor: &Tensor) -> bool {
    #[cfg(test)]
    if IDLE.get() {
        return false;
    }
    tensor.device().is_cpu()
}

#[cfg(test)]
thread_local! {
    static IDLE: std::cell::Cell<bool> = const { std::cell::Cell::new(false) };
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

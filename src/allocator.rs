//! Memory that lies as the kernels read it fastest.
//!
//! Processors read and write memory by lines of 64 bytes. The system's memory begins anywhere in a line, so that each
//! second access of the kernels would touch two lines, and convolutions take longer, up to two fifths in one layer. And large pieces of
//! memory in pages of 4 KiB are more pages than a processor knows the places of; Linux gives pages of 2 MiB to those who
//! ask, in which weights are read up to twice as fast.

#![expect(unsafe_code, reason = "an allocator is the one who promises that memory is there")]

use std::alloc::{GlobalAlloc, Layout, System};

/// From so many bytes on a piece begins with a line.
const LINED_FROM: usize = 1 << 12;

/// Bytes of a line of the cache.
const LINE: usize = 64;

/// From so many bytes on a piece lies in large pages.
const PAGED_FROM: usize = 4 << 20;

/// Bytes of a large page.
const PAGE: usize = 2 << 20;

/// The system's memory, large pieces of it where they are read fastest. For `#[global_allocator]`.
#[derive(Debug, Clone, Copy, Default)]
pub struct Aligned;

/// What is asked of the system for a layout; the same for the same layout, so that memory goes back as it came.
fn widened(layout: Layout) -> Layout {
    let align = match layout.size() {
        ..LINED_FROM => return layout,
        LINED_FROM..PAGED_FROM => LINE,
        _ if cfg!(target_os = "linux") => PAGE,
        _ => LINE,
    };
    // Larger than any memory is what would not fit; then the system says so.
    layout.align_to(align).unwrap_or(layout)
}

/// Asks for large pages; without them everything works as well.
#[cfg(target_os = "linux")]
fn advise(memory: *mut u8, layout: Layout) {
    if layout.align() >= PAGE && !memory.is_null() {
        // SAFETY: these pages have just been allocated, and the advice leaves what is in them as it is.
        unsafe { libc::madvise(memory.cast(), layout.size(), libc::MADV_HUGEPAGE) };
    }
}

#[cfg(not(target_os = "linux"))]
fn advise(_memory: *mut u8, _layout: Layout) {}

// SAFETY: all memory is the system allocator's, asked for and given back with the same layout (`widened` depends on
// nothing else), which is at least as large and as aligned as the one that the caller names.
unsafe impl GlobalAlloc for Aligned {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let layout = widened(layout);
        // SAFETY: the caller's: the size is not 0, and stays what it was.
        let memory = unsafe { System.alloc(layout) };
        advise(memory, layout);
        memory
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        let wide = widened(layout);
        if wide.align() < PAGE {
            // SAFETY: as above.
            return unsafe { System.alloc_zeroed(wide) };
        }
        // Zeros are written after the advice: pages are made when they are first written.
        // SAFETY: as above; so many bytes are there unless the pointer is null.
        unsafe {
            let memory = self.alloc(layout);
            if !memory.is_null() {
                memory.write_bytes(0, layout.size());
            }
            memory
        }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        // SAFETY: the caller's: the memory came from here with this layout.
        unsafe { System.dealloc(memory, widened(layout)) }
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: the caller's: the size rounded up to the alignment does not overflow.
        let new = unsafe { Layout::from_size_align_unchecked(size, layout.align()) };
        let (old, wide) = (widened(layout), widened(new));
        if old.align() == wide.align() && wide.align() < PAGE {
            // SAFETY: the caller's, with the layout that the memory came with.
            return unsafe { System.realloc(memory, old, size) };
        }
        // SAFETY: both pieces are there, apart from each other, and have as many bytes as are copied.
        unsafe {
            let moved = self.alloc(new);
            if !moved.is_null() {
                moved.copy_from_nonoverlapping(memory, layout.size().min(size));
                self.dealloc(memory, layout);
            }
            moved
        }
    }
}

#[cfg(test)]
mod tests {
    use std::hint::black_box;

    use super::*;

    /// Sizes on both sides of both limits.
    const SIZES: [usize; 6] = [1, LINED_FROM - 1, LINED_FROM, PAGED_FROM - 1, PAGED_FROM, 3 * PAGED_FROM + 5];

    fn is_aligned(memory: *const u8, layout: Layout) -> bool {
        let line = if layout.size() < LINED_FROM { 1 } else { LINE };
        (memory as usize).is_multiple_of(layout.align().max(line))
    }

    #[test]
    fn memory_lies_at_lines_and_zeros_are_zeros() {
        for size in SIZES {
            for align in [1, 8, 128] {
                let layout = Layout::from_size_align(size, align).unwrap();
                // SAFETY: the size is not 0, and what is read has been allocated.
                unsafe {
                    for memory in [Aligned.alloc(layout), Aligned.alloc_zeroed(layout)] {
                        assert!(!memory.is_null() && is_aligned(memory, layout), "{layout:?}");
                        memory.write_bytes(7, size);
                        Aligned.dealloc(memory, layout);
                    }
                    let zeros = Aligned.alloc_zeroed(layout);
                    assert!(std::slice::from_raw_parts(zeros, size).iter().all(|byte| *byte == 0), "{layout:?}");
                    Aligned.dealloc(zeros, layout);
                }
            }
        }
    }

    #[test]
    fn what_grows_and_shrinks_keeps_its_bytes() {
        for from in SIZES {
            for to in SIZES {
                let layout = Layout::from_size_align(from, 4).unwrap();
                let new = Layout::from_size_align(to, 4).unwrap();
                // SAFETY: sizes are not 0, and only bytes that are there are touched.
                unsafe {
                    let memory = Aligned.alloc(layout);
                    (0..from).for_each(|index| memory.add(index).write(index as u8));
                    let memory = Aligned.realloc(memory, layout, to);
                    assert!(is_aligned(memory, new), "{from} → {to}");
                    let bytes = std::slice::from_raw_parts(memory, from.min(to));
                    assert!(bytes.iter().enumerate().all(|(index, byte)| *byte == index as u8), "{from} → {to}");
                    Aligned.dealloc(memory, new);
                }
            }
        }
    }

    #[test]
    fn more_than_there_can_be_is_refused() {
        let layout = Layout::from_size_align(isize::MAX as usize - 64, 1).unwrap();
        // SAFETY: the size is not 0.
        unsafe {
            // Hidden from the compiler, which leaves out allocations that nobody uses.
            assert!(black_box(Aligned.alloc(layout)).is_null());
            assert!(black_box(Aligned.alloc_zeroed(layout)).is_null());
        }
    }
}
